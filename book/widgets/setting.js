// @ts-check
// A setting, [temperature, top_k, top_p, min_p], the way figures with sliders hold it; the Python side is setting.py.
/** @import { Frame, Numbers } from "./types.js" */
import { h, slider } from "./dom.js";
import { nextDistribution } from "./formulas.js";
import { number } from "./text.js";

export const SETTING = ["temperature", "top_k", "top_p", "min_p"];

/**
 * The probabilities to draw from. A cut at its end (all tokens, 1, 0) cuts nothing.
 * @template {Numbers} T @param {T} logits @param {number[]} setting
 */
export const cutDistribution = (logits, [temperature, top_k, top_p, min_p]) => nextDistribution(logits, {
  temperature,
  top_k: top_k < logits.length ? top_k : null,
  top_p: top_p < 1 ? top_p : null,
  min_p: min_p > 0 ? min_p : null,
});

/** Where a top-k slider stops: each number up to 20, then steps of about 5%, then all V. @param {number} V */
export function stops(V) {
  const ks = [];
  for (let k = 1; k < V; k = Math.max(k + 1, Math.round(k * 1.05))) ks.push(k);
  return [...ks, V];
}

/**
 * The sliders of one of two settings. names: those of SETTING that get one.
 * @param {Frame} frame @param {string} which  "" or "_b" @param {number} V
 */
export function settingSliders(frame, which, V, names = SETTING) {
  const ks = stops(V), shown = (/** @type {number} */ x) => x.toFixed(2);
  const top_k = {
    low: 1, high: V, step: 1, to: (/** @type {number} */ i) => ks[i],
    from: (/** @type {number} */ k) => ks.findIndex((stop, i) => 2 * k <= stop + (ks[i + 1] ?? Infinity)), // nearest
    shown: (/** @type {number} */ k) => (k >= V ? `all ${number(V)}` : number(k)),
  };
  return names.map(name => slider(frame, name + which, {
    label: [name[0].toUpperCase() + name.slice(1).replace("_", "-"),
      which && h("span", { class: "nw-visually-hidden" }, " of setting B")],
    ...(name === "top_k" ? top_k : name === "temperature" ? { shown, step: 0.05 } : { shown }),
  }));
}
