// A setting, [temperature, top_k, top_p, min_p], as figures with sliders hold it; the Python side is setting.py.
import { h, number, slider } from "./dom.js";
import { nextDistribution } from "./formulas.js";

export const SETTING = ["temperature", "top_k", "top_p", "min_p"];

// The probabilities to draw from. A cut at its end (all tokens, 1, 0) cuts nothing.
export function cutDistribution(logits, [temperature, top_k, top_p, min_p]) {
  return nextDistribution(logits, {
    temperature,
    top_k: top_k < logits.length ? top_k : null,
    top_p: top_p < 1 ? top_p : null,
    min_p: min_p > 0 ? min_p : null,
  });
}

// What a top-k slider stops at: each number up to 20, then steps of some 5 %, and the whole vocabulary.
export function stops(V) {
  const ks = [];
  for (let k = 1; k < V; k = Math.max(k + 1, Math.round(k * 1.05))) ks.push(k);
  return [...ks, V];
}

// A probability with three decimals; one that is too small for them is not shown as 0.
export const share = x => (x === 0 ? "0" : x < 0.0005 ? "<0.001" : x.toFixed(3));

// The sliders of one of two settings. which: "" or "_b"; names: those of SETTING that get one.
export function settingSliders(frame, which, V, names = SETTING) {
  const ks = stops(V), decimals = x => x.toFixed(2);
  const nearest = k => ks.reduce((best, stop, i) => (Math.abs(stop - k) < Math.abs(ks[best] - k) ? i : best), 0);
  const made = {
    temperature: { step: 0.05, shown: decimals },
    top_k: { low: 1, high: V, step: 1, shown: k => (k >= V ? `all ${number(V)}` : number(k)), to: i => ks[i], from: nearest },
    top_p: { shown: decimals },
    min_p: { shown: decimals },
  };
  return names.map(name => slider(frame, name + which, {
    label: [name.replace("_", "-"), which && h("span", { class: "nw-visually-hidden" }, " of setting B")], ...made[name],
  }));
}
