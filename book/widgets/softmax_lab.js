// Scores to drag, and what softmax and its rivals make of them. The formulas are those of softmax_lab.py.
import { argmax, softmax } from "./formulas.js";
import { announcer, button, checkbox, h, number, put, select, slider, visible, widget } from "./dom.js";

const METHODS = ["softmax", "plain", "sigmoid", "tanh", "argmax"];
const LIMIT = 10;
const total = list => list.reduce((before, v) => before + v, 0);

// Unlike `sigmoid` in formulas.js not 0 far below 0, where its share of a sum is asked for.
export const logistic = z => 1 / (1 + Math.exp(-z));

// A score before the division, and its slope. (1 + tanh z) / 2 is the sigmoid of 2z.
const BEFORE = { plain: z => z, sigmoid: logistic, tanh: z => logistic(2 * z) };
const SLOPE = { plain: () => 1, sigmoid: z => logistic(z) * logistic(-z), tanh: z => 2 * logistic(2 * z) * logistic(-2 * z) };
const divides = (method, divided) => divided || method === "plain";

// What `method` makes of the scores; null where there is nothing to divide by.
export function valuesOf(method, z, divided = true) {
  if (method === "softmax") return softmax(z);
  if (method === "argmax") return z.map((_, i) => (i === argmax(z) ? 1 : 0));
  const before = z.map(BEFORE[method]), sum = total(before);
  if (!divides(method, divided)) return before;
  return method === "plain" && Math.abs(sum) < 1e-9 ? null : before.map(v => v / sum);
}

// The table ∂p_i/∂z_j, a row for each i; null where there is nothing to divide by.
export function jacobianOf(method, z, divided = true) {
  const p = valuesOf(method, z, divided);
  if (p === null) return null;
  const same = (i, j) => (i === j ? 1 : 0);
  if (method === "argmax") return p.map(() => z.map(() => 0));
  if (method === "softmax") return p.map((pi, i) => p.map((pj, j) => pi * (same(i, j) - pj)));
  const slopes = z.map(SLOPE[method]);
  if (!divides(method, divided)) return p.map((_, i) => slopes.map((slope, j) => slope * same(i, j)));
  const sum = total(z.map(BEFORE[method]));
  return p.map((pi, i) => slopes.map((slope, j) => slope * (same(i, j) - pi) / sum));
}

// The gradient of −log p[target] with respect to each score; null where p[target] is not above 0.
export function lossGradient(method, z, target, divided = true) {
  const p = valuesOf(method, z, divided);
  if (method === "softmax") return p.map((v, i) => v - (i === target ? 1 : 0));
  if (p === null || !(p[target] > 0)) return null;
  return jacobianOf(method, z, divided)[target].map(v => -v / p[target]);
}

// What a reader should notice, one sentence each.
export function notices(tokens, z, shift, divided = true) {
  const said = [], results = Object.fromEntries(METHODS.map(method => [method, valuesOf(method, z, divided)]));
  const top = argmax(z), equal = tokens.filter((_, i) => z[i] === z[top]).map(visible);
  if (results.plain === null) said.push("Plain: the scores sum to 0, so there is nothing to divide by.");
  else if (total(z) < 0) said.push("Plain: the sum is negative, so the order is reversed.");
  if (results.plain?.some(v => v < 0)) said.push("Plain: a value below 0 is no probability.");
  if (equal.length > 1) said.push(`Argmax: ${equal.join(" and ")} tie, and the first takes all.`);
  if (shift !== 0) {
    const moved = METHODS.filter(method => method !== "softmax" && !(movedBy(method, z, shift, divided) < 1e-9));
    said.push(`The shift does nothing to softmax${moved.length ? `; it moves ${moved.join(", ")}` : ""}.`);
  }
  return said;
}

// How far the shift has moved the value that it moved most; NaN where there is none before or after.
export function movedBy(method, z, shift, divided = true) {
  const now = valuesOf(method, z, divided), before = valuesOf(method, z.map(v => v - shift), divided);
  return now && before ? Math.max(...now.map((v, i) => Math.abs(v - before[i]))) : NaN;
}

// Scores that make a point, for n tokens.
const PRESETS = [
  ["As given", (n, given) => ({ scores: given, shift: 0 })],
  ["All equal", n => ({ scores: Array(n).fill(0), shift: 0 })],
  ["One large", n => ({ scores: [LIMIT, ...Array(n - 1).fill(0)], shift: 0 })],
  ["All negative", n => ({ scores: Array.from({ length: n }, (_, i) => -1 - i), shift: 0 })],
  ["All + 100", () => ({ shift: 100 })],
];

const FORMULAS = {
  softmax: ["eᶻ / Σ", "eᶻ / Σ"], plain: ["z / Σ", "z / Σ"], sigmoid: ["σ(z) / Σ", "σ(z)"],
  tanh: ["½(1+tanh)/Σ", "½(1+tanh)"], argmax: ["largest: 1", "largest: 1"],
};

// Few digits that line up; what is not quite 0 says so.
function short(v, digits = 3) {
  if (v === null || Number.isNaN(v)) return "–";
  if (Math.abs(v - Math.round(v)) < 1e-9) return number(Math.round(v));
  if (Math.abs(v) < 0.5 * 10 ** -digits) return "≈ 0";
  return Math.abs(v) >= 100 ? number(v) : v.toFixed(Math.abs(v) >= 10 ? 1 : digits).replace("-", "−");
}
const signed = (v, digits) => (v > 0 && /[1-9]/.test(short(v, digits)) ? "+" : "") + short(v, digits);

function readScores(model) {
  const scores = model.get("scores"), n = model.get("tokens").length;
  if (!Array.isArray(scores) || scores.length !== n || !scores.every(v => typeof v === "number" && Math.abs(v) <= LIMIT))
    throw new Error(`The scores ${JSON.stringify(scores).slice(0, 80)} came; ${n} numbers from −${LIMIT} to ${LIMIT} are needed.`);
  return scores;
}

// What the gradients say, in sentences.
export function explained(method, table, loss, name) {
  if (!table) return ["The scores sum to 0: no values, and no gradients."];
  if (method === "argmax") return ["All slopes are 0: a small change of a score changes nothing, so gradients cannot train it."];
  const largest = Math.max(...table.flat().map(Math.abs)), steepest = loss && Math.max(...loss.map(Math.abs));
  const said = [`The steepest slope is ${number(largest, 2)}.`];
  if (largest < 0.01) said.push("That is saturation: no score moves any value by much.");
  if (largest > 1) said.push("Near a sum of 0, plain division explodes.");
  if (method === "softmax") said.push("Each row sums to 0: if all scores rise together, nothing moves.");
  if (loss === null) return [...said, `The value of ${name} is not above 0, so it has no logarithm, and there is no loss to train on.`];
  const row = method === "softmax" ? "The last row is p − y" : "The last row is the gradient of the loss";
  return [...said, `${row}; its steepest entry is ${number(steepest, 2)}${steepest > 0.5 && largest < 0.01 ? ", so a mistake is still corrected" : ""}.`];
}

export default widget(frame => {
  const { model, root, on, cleanup } = frame;
  const tokens = model.get("tokens"), n = tokens.length, names = tokens.map(visible), say = announcer(frame);
  const cell = (role, attributes, ...children) => h("div", { role, ...attributes }, ...children);
  let point = () => {}; // marks the column of gradients that belongs to a score
  readScores(model);

  // One row a token: its score to drag, and a number with a bar for each way.
  const change = (i, v) => put(model, { scores: model.get("scores").map((old, j) => (j === i ? v : old)) });
  const rows = tokens.map((_, i) => {
    const input = h("input", {
      type: "range", min: -LIMIT, max: LIMIT, step: 0.1, class: "nw-lab-drag", "aria-label": `score of ${names[i]}`,
      oninput: () => change(i, Number(input.value)),
    });
    const shown = h("span", { class: "nw-lab-number" }), cells = METHODS.map(() => ({ text: h("span"), bar: h("i"), ghost: h("b") }));
    const row = cell("row", { class: "nw-lab-row", onpointerenter: () => point(i), onfocusin: () => point(i), onpointerleave: () => point(null), onfocusout: () => point(null) },
      cell("rowheader", { class: "nw-lab-name" }, names[i]),
      cell("cell", { class: "nw-lab-score" }, input, shown),
      cells.map(({ text, bar, ghost }) => cell("cell", { class: "nw-lab-value" }, text, h("div", { class: "nw-lab-bar" }, bar, ghost))));
    return { row, input, shown, cells };
  });
  const heads = METHODS.map(method => h("small"));
  const feet = [["sum", total], ["least", p => Math.min(...p)], ["most", p => Math.max(...p)], ["moved", null]].map(([label, f]) => {
    const cells = ["score", ...METHODS].map((_, i) => cell("cell", { class: i ? "nw-lab-value" : "nw-lab-score nw-lab-note" }));
    return { f, cells, row: cell("row", { class: "nw-lab-row nw-lab-foot" }, cell("rowheader", { class: "nw-lab-name" }, label), cells) };
  });
  const table = cell("table", { class: "nw-lab", "aria-label": "Scores, and what five ways make of them" },
    cell("row", { class: "nw-lab-row nw-lab-head" }, cell("columnheader", { class: "nw-lab-name" }, h("span", { class: "nw-visually-hidden" }, "token")),
      cell("columnheader", { class: "nw-lab-score" }, "score z (drag)"),
      METHODS.map((method, i) => cell("columnheader", { class: "nw-lab-value" }, method, heads[i]))),
    rows.map(({ row }) => row), feet.map(({ row }) => row));
  const noticed = h("p", { class: "nw-lab-noticed" });

  const square = x => Math.sign(x) * x * x, squareRoot = x => Math.sign(x) * Math.sqrt(Math.abs(x)); // finer steps near 0
  root.append(
    h("div", { class: "nw-row nw-lab-presets", role: "group", "aria-label": "Scores that make a point" },
      PRESETS.map(([words, make]) => button(words, () => put(model, make(n, model.get("start")))))),
    table,
    h("div", { class: "nw-controls nw-lab-controls" },
      slider(frame, "shift", { label: "Shift: added to all scores", low: -100, high: 100, step: 0.5, to: square, from: squareRoot, shown: v => (v > 0 ? "+" : "") + number(v) }),
      checkbox(frame, "divided", "Divide sigmoid and tanh by their sums (Σ)")),
    noticed);

  on("scores shift divided", () => {
    const scores = readScores(model), shift = model.get("shift"), divided = model.get("divided"), z = scores.map(v => v + shift);
    const results = METHODS.map(method => valuesOf(method, z, divided)), old = METHODS.map(method => valuesOf(method, scores, divided));
    rows.forEach(({ input, shown, cells }, i) => {
      if (Number(input.value) !== scores[i]) input.value = scores[i];
      const zero = 50, at = 50 + 50 * scores[i] / LIMIT;
      input.style.setProperty("--from", Math.min(zero, at) / 100);
      input.style.setProperty("--to", Math.max(zero, at) / 100);
      shown.textContent = z[i].toFixed(1).replace("-", "−");
      input.setAttribute("aria-valuetext", `${scores[i].toFixed(1)}; ${results[0][i].toFixed(3)} by softmax`);
      cells.forEach(({ text, bar, ghost }, k) => {
        const v = results[k]?.[i] ?? null, outside = v !== null && (v < 0 || v > 1);
        text.textContent = (v < 0 ? "◂ " : "") + short(v) + (v > 1 ? " ▸" : "");
        bar.style.width = `${100 * Math.min(1, Math.max(0, v ?? 0))}%`;
        bar.parentElement.classList.toggle("nw-lab-outside", outside);
        text.classList.toggle("nw-lab-outside", outside);
        ghost.hidden = shift === 0 || !old[k];
        ghost.style.left = `${100 * Math.min(1, Math.max(0, old[k]?.[i] ?? 0))}%`;
      });
    });
    heads.forEach((small, k) => { small.textContent = FORMULAS[METHODS[k]][divided ? 0 : 1]; });
    feet.forEach(({ f, cells }) => cells.forEach((box, k) => {
      if (k === 0) box.textContent = f ? f(z).toFixed(1).replace("-", "−") : `by the shift of ${number(shift)}`;
      else {
        const p = results[k - 1], v = !f ? (shift ? movedBy(METHODS[k - 1], z, shift, divided) : 0) : p ? f(p) : null;
        box.textContent = short(v);
        box.classList.toggle("nw-lab-outside", f === total ? v === null || Math.abs(v - 1) > 1e-9 : f ? v < 0 || v > 1 : !(v < 1e-9));
      }
    }));
    const said = notices(tokens, z, shift, divided);
    noticed.replaceChildren(...(said.length ? said : ["Drag a score, or take a preset."]).map(words => h("span", {}, words + " ")));
    say(`Softmax: ${names.map((name, i) => `${name} ${results[0][i].toFixed(3)}`).join(", ")}. ${said.join(" ")}`);
  });

  if (!model.get("gradients")) return;

  // The gradients of one way: a table, and below it the row that training uses.
  const digits = n <= 4 ? 3 : 2;
  const grid = Array.from({ length: n + 1 }, () => Array.from({ length: n + 1 }, () => cell("cell", { class: "nw-lab-slope" })));
  const lossName = cell("rowheader", { class: "nw-lab-name" }), says = h("p", { class: "nw-lab-says" });
  const slopes = cell("table", { class: "nw-lab-slopes", style: { "--columns": n + 1 }, "aria-label": "Gradients" },
    cell("row", { class: "nw-lab-row nw-lab-head" }, cell("columnheader", { class: "nw-lab-name" }, "slope of ↓ if"),
      [...names.map(name => `${name} rises`), "all rise"].map(words => cell("columnheader", {}, words))),
    grid.map((cells, i) => cell("row", { class: "nw-lab-row" + (i === n ? " nw-lab-foot" : "") },
      i < n ? cell("rowheader", { class: "nw-lab-name" }, `p(${names[i]})`) : lossName, cells)));
  root.append(
    h("div", { class: "nw-controls nw-lab-controls" },
      select(frame, "method", "Gradients of", METHODS.map(method => [method, method])),
      select(frame, "target", "The token that came", names.map((name, i) => [i, name]))),
    h("div", { class: "nw-lab-two" }, slopes, says));
  point = j => slopes.querySelectorAll("[role=row]").forEach(row => [...row.children].forEach((box, k) => box.classList.toggle("nw-lab-here", j !== null && k === j + 1)));

  const shade = (box, v, full) => {
    box.textContent = v === null ? "–" : signed(v, digits);
    box.style.setProperty("--strength", `${v === null ? 0 : Math.round(45 * Math.min(1, Math.abs(v) / full))}%`);
    box.classList.toggle("nw-lab-down", v < 0);
  };
  on("scores shift divided method target", () => {
    const method = model.get("method"), target = model.get("target"), divided = model.get("divided");
    if (!(target < n)) throw new Error(`target = ${target} came; it is the place of a token, from 0 to ${n - 1}.`);
    const z = readScores(model).map(v => v + model.get("shift"));
    const table = jacobianOf(method, z, divided), loss = lossGradient(method, z, target, divided);
    const line = values => (values ? [...values, total(values)] : Array(n + 1).fill(null));
    lossName.textContent = `−log p(${names[target]})`;
    grid.forEach((cells, i) => line(i < n ? table?.[i] : loss).forEach((v, j) => shade(cells[j], v, i < n ? 0.25 : 1)));
    says.replaceChildren(...explained(method, table, loss, names[target], total(z) > 0).map(words => h("span", {}, words + " ")));
  });
});
