// @ts-check
// Scores to drag, and what softmax and its rivals make of them. The formulas are those of softmax_lab.py.
/** @import { Attributes, Child, Model } from "./types.js" */
import { announcer, button, checkbox, h, put, select, slider, widget } from "./dom.js";
import { argmax, softmax, sum } from "./formulas.js";
import { fixed, number, visible } from "./text.js";

const METHODS = /** @type {const} */ (["softmax", "plain", "sigmoid", "tanh", "argmax"]);
const LIMIT = 10;

/** @typedef {typeof METHODS[number]} Method */

/** Unlike `sigmoid` in formulas.js, not 0 far below 0, where we ask for its share of a sum. @param {number} z */
export const logistic = z => 1 / (1 + Math.exp(-z));

/** A score before the division, and its slope. (1 + tanh z) / 2 is the sigmoid of 2z.
 * @type {Record<string, [before: (z: number) => number, slope: (z: number) => number]>} */
const DIVIDED = {
  plain: [z => z, () => 1],
  sigmoid: [logistic, z => logistic(z) * logistic(-z)],
  tanh: [z => logistic(2 * z), z => 2 * logistic(2 * z) * logistic(-2 * z)],
};
/** @param {Method} method @param {boolean} divided */
const divides = (method, divided) => divided || method === "plain";

/**
 * What `method` makes of the scores; null if there's nothing to divide by.
 * @param {Method} method
 * @param {number[]} z
 * @returns {number[] | null}
 */
export function valuesOf(method, z, divided = true) {
  if (method === "softmax") return softmax(z);
  if (method === "argmax") return z.map((_, i) => (i === argmax(z) ? 1 : 0));
  const before = z.map(DIVIDED[method][0]), total = sum(before);
  if (!divides(method, divided)) return before;
  return method === "plain" && Math.abs(total) < 1e-9 ? null : before.map(v => v / total);
}

/**
 * The table ∂p_i/∂z_j, a row for each i; null if there's nothing to divide by.
 * @param {Method} method
 * @param {number[]} z
 * @returns {number[][] | null}
 */
export function jacobianOf(method, z, divided = true) {
  const p = valuesOf(method, z, divided);
  if (p === null) return null;
  /** @param {number} i @param {number} j */
  const same = (i, j) => (i === j ? 1 : 0);
  if (method === "argmax") return p.map(() => z.map(() => 0));
  if (method === "softmax") return p.map((pi, i) => p.map((pj, j) => pi * (same(i, j) - pj)));
  const [before, slope] = DIVIDED[method], slopes = z.map(slope);
  if (!divides(method, divided)) return p.map((_, i) => slopes.map((slope, j) => slope * same(i, j)));
  const total = sum(z.map(before));
  return p.map((pi, i) => slopes.map((slope, j) => slope * (same(i, j) - pi) / total));
}

/**
 * The gradient of −log p[target] with respect to each score; null unless p[target] is above 0.
 * @param {Method} method
 * @param {number[]} z
 * @param {number} target
 */
export function lossGradient(method, z, target, divided = true) {
  const p = valuesOf(method, z, divided), table = jacobianOf(method, z, divided);
  if (method === "softmax") return softmax(z).map((v, i) => v - (i === target ? 1 : 0));
  return p && table && p[target] > 0 ? table[target].map(v => -v / p[target]) : null;
}

/**
 * What a reader should notice, one sentence each.
 * @param {string[]} tokens
 * @param {number[]} z
 * @param {number} shift
 */
export function notices(tokens, z, shift, divided = true) {
  const said = [], plain = valuesOf("plain", z, divided), top = argmax(z);
  const equal = tokens.filter((_, i) => z[i] === z[top]).map(visible);
  if (plain === null) said.push("Plain: the scores sum to 0, so there's nothing to divide by.");
  else if (sum(z) < 0) said.push("Plain: the sum is negative, so the order flips.");
  if (plain?.some(v => v < 0)) said.push("Plain: a value below 0 can't be a probability.");
  if (equal.length > 1) said.push(`Argmax: ${equal.join(" and ")} tie, and the first takes it all.`);
  if (shift !== 0) {
    const moved = METHODS.filter(method => method !== "softmax" && !(movedBy(method, z, shift, divided) < 1e-9));
    said.push(`The shift does nothing to softmax${moved.length ? `, but it moves ${moved.join(", ")}` : ""}.`);
  }
  return said;
}

/**
 * How far the shift moved the value it moved most; NaN if there's none before or after.
 * @param {Method} method
 * @param {number[]} z
 * @param {number} shift
 */
export function movedBy(method, z, shift, divided = true) {
  const now = valuesOf(method, z, divided), before = valuesOf(method, z.map(v => v - shift), divided);
  return now && before ? Math.max(...now.map((v, i) => Math.abs(v - before[i]))) : NaN;
}

/** Scores that make a point, for n tokens.
 * @type {[words: string, make: (n: number, given: number[]) => Record<string, unknown>][]} */
const PRESETS = [
  ["As given", (_, given) => ({ scores: given, shift: 0 })],
  ["All equal", n => ({ scores: Array(n).fill(0), shift: 0 })],
  ["One large", n => ({ scores: [LIMIT, ...Array(n - 1).fill(0)], shift: 0 })],
  ["All negative", n => ({ scores: Array.from({ length: n }, (_, i) => -1 - i), shift: 0 })],
  ["All + 100", () => ({ shift: 100 })],
];

const FORMULAS = {
  softmax: ["eᶻ / Σ", "eᶻ / Σ"], plain: ["z / Σ", "z / Σ"], sigmoid: ["σ(z) / Σ", "σ(z)"],
  tanh: ["½(1+tanh)/Σ", "½(1+tanh)"], argmax: ["largest: 1", "largest: 1"],
};

/** Few digits that line up; what isn't quite 0 says so. @param {number | null} v */
function short(v, digits = 3) {
  if (v === null || Number.isNaN(v)) return "–";
  if (Math.abs(v - Math.round(v)) < 1e-9) return number(Math.round(v));
  if (Math.abs(v) < 0.5 * 10 ** -digits) return "≈ 0";
  return Math.abs(v) >= 100 ? number(v) : fixed(v, Math.abs(v) >= 10 ? 1 : digits);
}
/** @param {number} v @param {number} digits */
const signed = (v, digits) => (v > 0 && /[1-9]/.test(short(v, digits)) ? "+" : "") + short(v, digits);

/** @param {Model} model @returns {number[]} */
function readScores(model) {
  const scores = model.get("scores"), n = model.get("tokens").length;
  /** @param {unknown} v */
  const fits = v => typeof v === "number" && Math.abs(v) <= LIMIT;
  if (Array.isArray(scores) && scores.length === n && scores.every(fits)) return scores;
  const got = JSON.stringify(scores).slice(0, 80);
  throw new Error(`The scores must be ${n} numbers from −${LIMIT} to ${LIMIT}; got ${got}.`);
}

/**
 * What the gradients say, in sentences.
 * @param {Method} method
 * @param {number[][] | null} table
 * @param {number[] | null} loss
 * @param {string} name  the target's label
 */
export function explained(method, table, loss, name) {
  if (!table) return ["The scores sum to 0, so there are no values and no gradients."];
  if (method === "argmax")
    return ["Every slope is 0: a small change of a score changes nothing, so gradients can't train this."];
  const largest = Math.max(...table.flat().map(Math.abs)), said = [`The steepest slope is ${number(largest, 2)}.`];
  if (largest < 0.01) said.push("That's saturation: no score moves any value by much.");
  if (largest > 1) said.push("Near a sum of 0, plain division blows up.");
  if (method === "softmax") said.push("Each row sums to 0: if all scores rise together, nothing moves.");
  if (loss === null)
    return [...said, `The value of ${name} isn't above 0, so it has no logarithm, and there's no loss to train on.`];
  const row = method === "softmax" ? "The last row is p − y" : "The last row is the gradient of the loss";
  const steepest = Math.max(...loss.map(Math.abs));
  const still = steepest > 0.5 && largest < 0.01 ? ", so a mistake still gets corrected" : "";
  return [...said, `${row}; its steepest entry is ${number(steepest, 2)}${still}.`];
}

/** @param {string} role @param {Attributes} attributes @param {...(Child | Child[])} children */
const cell = (role, attributes, ...children) => h("div", { role, ...attributes }, ...children);

export default widget(frame => {
  const { model, root, on } = frame, say = announcer(frame);
  /** @type {string[]} */
  const tokens = model.get("tokens"), n = tokens.length, names = tokens.map(visible);
  let point = (/** @type {number | null} */ _) => {}; // marks the column of gradients that belongs to a score
  readScores(model);

  // One row for each token: its score to drag, and a number with a bar for each method.
  /** @param {number} i @param {number} v */
  const change = (i, v) => put(model, { scores: readScores(model).map((old, j) => (j === i ? v : old)) });
  const rows = tokens.map((_, i) => {
    const input = h("input", {
      type: "range", min: -LIMIT, max: LIMIT, step: 0.1, class: "nw-lab-drag", "aria-label": `score of ${names[i]}`,
      oninput: () => change(i, Number(input.value)),
    });
    const cells = METHODS.map(() => ({ text: h("span"), bar: h("i"), ghost: h("b") }));
    const shown = h("span", { class: "nw-lab-number" }), here = () => point(i), away = () => point(null);
    const row = cell("row",
      { class: "nw-lab-row", onpointerenter: here, onfocusin: here, onpointerleave: away, onfocusout: away },
      cell("rowheader", { class: "nw-lab-name" }, names[i]),
      cell("cell", { class: "nw-lab-score" }, input, shown),
      cells.map(({ text, bar, ghost }) =>
        cell("cell", { class: "nw-lab-value" }, text, h("div", { class: "nw-lab-bar" }, bar, ghost))));
    return { row, input, shown, cells };
  });
  const heads = METHODS.map(() => h("small"));
  /** @type {[string, ((p: number[]) => number) | null][]} */
  const measures = [["sum", sum], ["min", p => Math.min(...p)], ["max", p => Math.max(...p)], ["moved", null]];
  const feet = measures.map(([label, f]) => {
    const cells = ["score", ...METHODS].map((_, i) =>
      cell("cell", { class: i ? "nw-lab-value" : "nw-lab-score nw-lab-note" }));
    const name = cell("rowheader", { class: "nw-lab-name" }, label);
    return { f, cells, row: cell("row", { class: "nw-lab-row nw-lab-foot" }, name, cells) };
  });
  const table = cell("table", { class: "nw-lab", "aria-label": "Scores, and what five methods make of them" },
    cell("row", { class: "nw-lab-row nw-lab-head" },
      cell("columnheader", { class: "nw-lab-name" }, h("span", { class: "nw-visually-hidden" }, "token")),
      cell("columnheader", { class: "nw-lab-score" }, "score z (drag)"),
      METHODS.map((method, i) => cell("columnheader", { class: "nw-lab-value" }, method, heads[i]))),
    rows.map(({ row }) => row), feet.map(({ row }) => row));
  const noticed = h("p", { class: "nw-lab-noticed" });
  /** @param {HTMLElement} place @param {string[]} sentences */
  const tell = (place, sentences) => place.replaceChildren(...sentences.map(words => h("span", {}, `${words} `)));

  root.append(
    h("div", { class: "nw-row nw-lab-presets", role: "group", "aria-label": "Scores that make a point" },
      PRESETS.map(([words, make]) => button(words, () => put(model, make(n, model.get("start")))))),
    table,
    h("div", { class: "nw-controls nw-lab-controls" },
      slider(frame, "shift", {
        label: "Shift: added to all scores", low: -100, high: 100, step: 0.5,
        shown: v => (v > 0 ? "+" : "") + number(v),
        to: x => Math.sign(x) * x * x, from: x => Math.sign(x) * Math.sqrt(Math.abs(x)), // finer steps near 0
      }),
      checkbox(frame, "divided", "Divide sigmoid and tanh by their sums (Σ)")),
    noticed);

  on("scores shift divided", () => {
    const scores = readScores(model), shift = model.get("shift"), divided = model.get("divided");
    const z = scores.map(v => v + shift), results = METHODS.map(method => valuesOf(method, z, divided));
    const old = METHODS.map(method => valuesOf(method, scores, divided)), p = softmax(z);
    rows.forEach(({ input, shown, cells }, i) => {
      if (Number(input.value) !== scores[i]) input.value = String(scores[i]);
      const zero = 50, at = 50 + 50 * scores[i] / LIMIT;
      input.style.setProperty("--from", String(Math.min(zero, at) / 100));
      input.style.setProperty("--to", String(Math.max(zero, at) / 100));
      shown.textContent = fixed(z[i], 1);
      input.setAttribute("aria-valuetext", `${scores[i].toFixed(1)}; ${p[i].toFixed(3)} by softmax`);
      cells.forEach(({ text, bar, ghost }, k) => {
        const v = results[k]?.[i] ?? null, size = v ?? 0, outside = size < 0 || size > 1;
        text.textContent = (size < 0 ? "◂ " : "") + short(v) + (size > 1 ? " ▸" : "");
        bar.style.width = `${100 * Math.min(1, Math.max(0, size))}%`;
        bar.parentElement?.classList.toggle("nw-lab-outside", outside);
        text.classList.toggle("nw-lab-outside", outside);
        ghost.hidden = shift === 0 || !old[k];
        ghost.style.left = `${100 * Math.min(1, Math.max(0, old[k]?.[i] ?? 0))}%`;
      });
    });
    heads.forEach((small, k) => { small.textContent = FORMULAS[METHODS[k]][divided ? 0 : 1]; });
    feet.forEach(({ f, cells: [note, ...cells] }) => {
      note.textContent = f ? fixed(f(z), 1) : `by the shift of ${number(shift)}`;
      cells.forEach((box, k) => {
        const p = results[k], v = !f ? (shift ? movedBy(METHODS[k], z, shift, divided) : 0) : p ? f(p) : null;
        const good = f === sum ? v !== null && Math.abs(v - 1) <= 1e-9 : f ? v === null || (v >= 0 && v <= 1)
          : v !== null && v < 1e-9;
        box.textContent = short(v);
        box.classList.toggle("nw-lab-outside", !good);
      });
    });
    const said = notices(tokens, z, shift, divided);
    tell(noticed, said.length ? said : ["Drag a score, or pick a preset."]);
    say(`Softmax: ${names.map((name, i) => `${name} ${p[i].toFixed(3)}`).join(", ")}. ${said.join(" ")}`);
  });

  if (!model.get("gradients")) return;

  // The gradients of one method: a table, and below it the row that training uses.
  const digits = n <= 4 ? 3 : 2, all = Array.from({ length: n + 1 }, (_, i) => i);
  const grid = all.map(() => all.map(() => cell("cell", { class: "nw-lab-slope" })));
  const lossName = cell("rowheader", { class: "nw-lab-name" }), says = h("p", { class: "nw-lab-says" });
  const titles = [...names.map(name => `${name} rises`), "all rise"].map(words => cell("columnheader", {}, words));
  const slopes = cell("table", { class: "nw-lab-slopes", style: { "--columns": n + 1 }, "aria-label": "Gradients" },
    cell("row", { class: "nw-lab-row nw-lab-head" },
      cell("columnheader", { class: "nw-lab-name" }, "slope of ↓ if"), titles),
    grid.map((cells, i) => cell("row", { class: "nw-lab-row" + (i === n ? " nw-lab-foot" : "") },
      i < n ? cell("rowheader", { class: "nw-lab-name" }, `p(${names[i]})`) : lossName, cells)));
  root.append(
    h("div", { class: "nw-controls nw-lab-controls" },
      select(frame, "method", "Gradients of", METHODS.map(method => [method, method])),
      select(frame, "target", "The actual token", names.map((name, i) => [i, name]))),
    h("div", { class: "nw-lab-two" }, slopes, says));
  point = j => [titles, ...grid].forEach(cells =>
    cells.forEach((box, k) => box.classList.toggle("nw-lab-here", k === j)));

  /** @param {HTMLElement} box @param {number | null} v @param {number} full */
  const shade = (box, v, full) => {
    box.textContent = v === null ? "–" : signed(v, digits);
    box.style.setProperty("--strength", `${Math.round(45 * Math.min(1, Math.abs(v ?? 0) / full))}%`);
    box.classList.toggle("nw-lab-down", (v ?? 0) < 0);
  };
  on("scores shift divided method target", () => {
    const method = model.get("method"), target = model.get("target"), divided = model.get("divided");
    if (!(target < n)) throw new Error(`target must be the position of a token, from 0 to ${n - 1}; got ${target}.`);
    const z = readScores(model).map(v => v + model.get("shift"));
    const table = jacobianOf(method, z, divided), loss = lossGradient(method, z, target, divided);
    lossName.textContent = `−log p(${names[target]})`;
    grid.forEach((cells, i) => {
      const values = i < n ? table?.[i] : loss;
      cells.forEach((box, j) => shade(box, values ? values[j] ?? sum(values) : null, i < n ? 0.25 : 1));
    });
    tell(says, explained(method, table, loss, names[target]));
  });
});
