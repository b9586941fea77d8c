// @ts-check
// A computation graph that plays forward and backward. backprop.py sends the nodes, their places, and their patterns.
/** @import { Mark } from "./types.js" */
import { line, path, scale } from "./chart.js";
import { animator, button, drawn, eased, enable, h, more, primary, put, s, slider, still, widget } from "./dom.js";
import { sum } from "./formulas.js";
import { count, last, number } from "./text.js";

/** @typedef {{ node: number } | { value: number }} Argument */
/**
 * A leaf is { name, at }; an operation has the rest, too. at: layer and slot; text, local: patterns, see backprop.py.
 * @typedef {{ name: string, at: number[], op?: string, args?: Argument[], text?: string, local?: string[],
 *   formula?: string }} Vertex
 */
/** @typedef {[from: number, to: number, k: number, through: number[][]]} Edge */
/** @typedef {Record<string, number>} Leaves */
/** @typedef {{ to: number, k: number, local: number, part: number, before: number }} Part */

/** operation: what it computes, and its local derivatives (from the operands and the result), as in backprop.py
 * @type {Record<string, [compute: (...operands: number[]) => number, local: (...values: number[]) => number[]]>} */
const OPERATIONS = {
  add: [(a, b) => a + b, () => [1, 1]],
  sub: [(a, b) => a - b, () => [1, -1]],
  mul: [(a, b) => a * b, (a, b) => [b, a]],
  div: [(a, b) => a / b, (a, b) => [1 / b, -a / (b * b)]],
  pow: [(a, n) => a ** n, (a, n) => [n * a ** (n - 1), 0]],
  neg: [a => -a, () => [-1]],
  exp: [Math.exp, (_, out) => [out]],
  log: [Math.log, a => [1 / a]],
  tanh: [Math.tanh, (_, out) => [1 - out * out]],
  sigmoid: [a => 0.5 * (1 + Math.tanh(0.5 * a)), (_, out) => [out * (1 - out)]],
  relu: [a => Math.max(a, 0), a => [a > 0 ? 1 : 0]],
};
const NUDGE = 1e-5, LARGEST = 1e6, KEPT = 200;
const PULSE = 0.62; // of a step's time; then what arrived appears

/** @param {Vertex} node @param {number[]} values */
const operands = (node, values) => (node.args ?? []).map(arg => ("node" in arg ? values[arg.node] : arg.value));
/** @param {Vertex} node */
export const nodeLabel = node => (node.op ? `${node.name} = ${node.formula}` : node.name);
/** @param {number} x */
const signed = x => (x < 0 ? `(${number(x)})` : number(x));
/** @param {string} pattern @param {string[]} words @param {string} [out] */
const fillIn = (pattern, words, out = "") =>
  pattern.replace(/\{(0|1|out)\}/g, (_, key) => (key === "out" ? out : words[key]));

/** The value of every node, in order. Throws a sentence if one isn't a finite number.
 * @param {Vertex[]} nodes @param {Leaves} leaves */
export function forward(nodes, leaves) {
  const values = /** @type {number[]} */ ([]);
  for (const node of nodes) {
    const inputs = operands(node, values), value = node.op ? OPERATIONS[node.op][0](...inputs) : leaves[node.name];
    if (!Number.isFinite(value)) {
      throw new Error(node.op ? `${nodeLabel(node)} has no finite value at ${inputs.map(x => number(x)).join(" and ")}.`
        : `${node.name} must be a number; got ${JSON.stringify(value)}.`);
    }
    values.push(value);
  }
  return values;
}

/** What each operation sends back, from the last to the first. @param {Vertex[]} nodes @param {number[]} values */
export function walkBack(nodes, values) {
  const grads = nodes.map((_, i) => (i === nodes.length - 1 ? 1 : 0));
  const sent = /** @type {{ node: number, upstream: number, parts: Part[] }[]} */ ([]);
  for (let i = nodes.length - 1; i >= 0; i--) {
    const { op, args = [] } = nodes[i], parts = /** @type {Part[]} */ ([]);
    if (!op) continue;
    const locals = OPERATIONS[op][1](...operands(nodes[i], values), values[i]);
    args.forEach((arg, k) => {
      if (!("node" in arg)) return;
      const part = locals[k] * grads[i], before = grads[arg.node];
      if (!Number.isFinite(part)) throw new Error(`${nodeLabel(nodes[i])} has no finite slope here.`);
      grads[arg.node] += part;
      parts.push({ to: arg.node, k, local: locals[k], part, before });
    });
    sent.push({ node: i, upstream: grads[i], parts });
  }
  return { grads, sent };
}

/** @param {Vertex[]} nodes @param {Leaves} leaves */
export const gradients = (nodes, leaves) => walkBack(nodes, forward(nodes, leaves)).grads;

/** The central finite difference of the result for a leaf; null if a side has no finite value.
 * @param {Vertex[]} nodes @param {Leaves} leaves @param {string} name */
export function nudged(nodes, leaves, name) {
  const step = NUDGE * Math.max(1, Math.abs(leaves[name]));
  /** @param {number} by */
  const at = by => last(forward(nodes, { ...leaves, [name]: leaves[name] + by }));
  try {
    return (at(step) - at(-step)) / (2 * step);
  } catch { return null; } // as at the border of log
}

/**
 * Steps of gradient descent on the leaves in `learn`. It stops before a number would overflow.
 * @param {Vertex[]} nodes
 * @param {Leaves} leaves
 * @param {string[]} learn
 * @param {number} rate
 * @param {number} steps
 */
export function descend(nodes, leaves, learn, rate, steps) {
  const losses = [last(forward(nodes, leaves))];
  for (let i = 0; i < steps; i++) {
    try {
      const grads = gradients(nodes, leaves), next = { ...leaves };
      nodes.forEach((node, j) => { if (learn.includes(node.name) && !node.op) next[node.name] -= rate * grads[j]; });
      if (Object.values(next).some(v => Math.abs(v) > LARGEST)) throw new Error("A leaf would get too large to show.");
      const loss = last(forward(nodes, next));
      gradients(nodes, next);
      losses.push(loss);
      leaves = next;
    } catch (error) {
      const why = /** @type {Error} */ (error).message;
      const problem = `${why} The step was too large. Pick a smaller learning rate, or go back to the start.`;
      return { leaves, losses, problem };
    }
  }
  return { leaves, losses, problem: "" };
}

/**
 * Pixels: the middle of every box, the boxes' size, and the stops of every edge. Layers run across, or down if it's
 * narrow.
 * @param {Vertex[]} nodes
 * @param {Edge[]} edges
 * @param {number} width
 */
export function graphPlaces(nodes, edges, width) {
  const layers = 1 + Math.max(...nodes.map(node => node.at[0]));
  const slots = [...nodes.map(node => node.at[1]), ...edges.flatMap(edge => edge[3].map(place => place[1]))];
  const low = Math.min(...slots), span = Math.max(...slots) - low + 1, down = width / layers < 100;
  const box = { w: 0, h: down && width / span < 96 ? 80 : 64 }; // room for a label of two lines
  const cell = down ? { main: box.h + 38, cross: Math.min(width / span, 170) }
    : { main: Math.min(width / layers, 160), cross: box.h + 22 };
  box.w = Math.max(70, Math.min(down ? cell.cross - (cell.cross < 90 ? 4 : 10) : cell.main - 42, 120));
  const size = down ? { w: Math.max(width, (box.w + 4) * span), h: cell.main * layers }
    : { w: width, h: cell.cross * span };
  if (down) cell.cross = Math.max(cell.cross, box.w + 4);
  const left = down ? (size.w - cell.cross * span) / 2 : (width - cell.main * layers) / 2;
  /** @param {number[]} place */
  const at = ([layer, slot]) => {
    const main = (layer + 0.5) * cell.main, cross = (slot - low + 0.5) * cell.cross;
    return down ? [left + cross, main] : [left + main, cross];
  };
  /** @param {number[]} point @param {number} main @param {number} cross */
  const shifted = ([x, y], main, cross) => (down ? [x + cross, y + main] : [x + main, y + cross]);
  /** Which side an edge arrives from. @param {Edge} edge */
  const side = ([from, , , through]) => through.at(-1)?.[1] ?? nodes[from].at[1];
  const middles = nodes.map(node => at(node.at)), half = (down ? box.h : box.w) / 2;
  const stops = edges.map(([from, to, k, through]) => {
    const others = edges.filter(edge => edge[1] === to).sort((a, b) => side(a) - side(b) || a[2] - b[2]);
    const port = (others.findIndex(edge => edge[2] === k) - (others.length - 1) / 2) * 18;
    const between = through.flatMap(place => [-half, half].map(d => shifted(at(place), d, 0)));
    return [shifted(middles[from], half, 0), ...between, shifted(middles[to], -half, port)];
  });
  return { down, box, size, middles, stops };
}

/** @param {number[][]} stops @param {boolean} down */
const curve = (stops, down) => stops.map(([x, y], i) => {
  if (i === 0) return `M${x},${y}`;
  const [x0, y0] = stops[i - 1], across = (x0 + x) / 2, along = (y0 + y) / 2;
  return down ? `C${x0},${along} ${x},${along} ${x},${y}` : `C${across},${y0} ${across},${y} ${x},${y}`;
}).join("");

/** A triangle that points along the layers, or against them, with its tip at (x, y).
 * @param {number[]} point @param {boolean} down @param {boolean} against */
function tip([x, y], down, against) {
  const d = against ? 8 : -8;
  return down ? `M${x},${y}l-4.5,${d}h9z` : `M${x},${y}l${d},-4.5v9z`;
}

/**
 * What the walk has reached after so many steps. known: which values; arrived: the parts of each gradient; gone: the
 * edges a gradient has crossed; now: the node of this step; pulses: what crosses an edge in it. An edge is "node k".
 * @param {Vertex[]} nodes @param {number[]} values @param {number} step
 */
export function walked(nodes, values, step) {
  const operations = nodes.flatMap((node, i) => (node.op ? [i] : [])), ops = operations.length;
  const { sent } = walkBack(nodes, values), back = step - ops - 2, end = nodes.length - 1;
  const now = step === 0 ? -1 : step <= ops ? operations[step - 1] : back < 0 ? end : sent[back].node;
  const arrived = nodes.map((_, i) => (i === end && step > ops ? [1] : [])), gone = new Set();
  sent.slice(0, Math.max(0, back + 1)).forEach(({ node, parts }) => parts.forEach(({ to, k, part }) => {
    arrived[to].push(part);
    gone.add(`${node} ${k}`);
  }));
  const pulses = /** @type {{ edge: string, words: string }[]} */ ([]);
  if (back >= 0) sent[back].parts.forEach(({ k, local }) =>
    pulses.push({ edge: `${now} ${k}`, words: `× ${signed(local)}` }));
  else if (step <= ops && now >= 0) nodes[now].args?.forEach((arg, k) => {
    if ("node" in arg) pulses.push({ edge: `${now} ${k}`, words: number(values[arg.node]) });
  });
  return { known: nodes.map((node, i) => !node.op || operations.indexOf(i) < step), arrived, gone, now, pulses };
}

/** What a step of the walk does, in words with its numbers: one or two lines.
 * @param {Vertex[]} nodes @param {number[]} values @param {number} step */
export function explained(nodes, values, step) {
  const operations = nodes.flatMap((node, i) => (node.op ? [i] : [])), end = last(nodes).name;
  if (step === 0) return ["So far only the leaves have values. The forward pass computes the other boxes one by one."];
  if (step <= operations.length) {
    const i = operations[step - 1], node = nodes[i];
    const filled = fillIn(node.text ?? "", operands(node, values).map(signed));
    return [`Forward: ${nodeLabel(node)} = ${filled} = ${number(values[i])}`];
  }
  if (step === operations.length + 1)
    return [`Backward starts at the end. The slope of ${end} with respect to itself is 1: d${end} = 1.`];
  const { node: i, upstream, parts } = walkBack(nodes, values).sent[step - operations.length - 2], node = nodes[i];
  const names = (node.args ?? []).map(arg => ("node" in arg ? nodes[arg.node].name : number(arg.value)));
  const sends = `Backward: ${nodeLabel(node)} gets d${node.name} = ${number(upstream)} and passes on local × upstream,`;
  return [sends, parts.map(({ to, k, local, part, before }) => {
    const words = fillIn(node.local?.[k] ?? "", names, node.name), { name } = nodes[to];
    const slope = words === number(local) ? words : `(${words} = ${number(local)})`;
    const added = `, so d${name} = ${number(before)} + ${signed(part)} = ${number(before + part)}`;
    return `to ${name}: ${slope} × ${signed(upstream)} = ${number(part)}${before === 0 ? "" : added}`;
  }).join("; ") + "."];
}

/** A small picture of how the loss fell. @param {number[]} losses @returns {Mark[]} */
function sparkline(losses) {
  const x = scale({ low: 0, high: Math.max(10, losses.length - 1) }, 3, 117);
  const low = Math.min(0, ...losses), y = scale({ low, high: Math.max(...losses, low + 1e-12) }, 33, 3);
  return [line(0, y.at(0), 120, y.at(0), { class: "nw-backprop-base" }),
    ["path", { d: path(losses.map((loss, i) => [x.at(i), y.at(loss)])), class: "nw-backprop-line" }],
    ["circle", { cx: x.at(losses.length - 1), cy: y.at(last(losses)), r: 2.5 }]];
}

export default widget(frame => {
  const { model, root, on, cleanup } = frame, motion = animator(frame);
  /** @type {Vertex[]} */
  const nodes = model.get("nodes");
  /** @type {Edge[]} */
  const edges = model.get("edges");
  /** @type {Leaves} */
  const start = model.get("start");
  const operations = nodes.flatMap((node, i) => (node.op ? [i] : []));
  const ops = operations.length, end = 2 * ops + 1;
  const names = nodes.filter(node => !node.op).map(node => node.name), result = last(nodes).name;
  const sorry = h("p", { class: "nw-backprop-sorry", role: "status" });
  const learners = () => names.filter(name => model.get("learn").includes(name));
  if (model.get("step") > end) put(model, { step: end }); // a link may ask for more
  let playing = false, paused = -1, moving = -1; // moving: the step that will be seen in motion
  let learned = /** @type {Leaves | null} */ (null); // the leaves before a step of descent; they glide away

  // The walk
  /** A step in motion; the slider's steps just appear. @param {number} step */
  const go = step => {
    moving = step;
    if (moving === model.get("step")) draw(); // once more
    else put(model, { step: moving });
  };
  /** Forward in motion, and back at once. @param {number} by */
  const goBy = by => {
    const step = model.get("step") + by;
    play(false);
    if (by > 0) { if (step <= end) go(step); } else put(model, { step: Math.max(0, step) });
  };
  /** @param {boolean} on */
  function play(on) {
    playing = on;
    starter.textContent = on ? "❚❚ Pause" : "▶ Play";
  }
  const starter = button("▶ Play", () => {
    if (playing) { paused = model.get("step"); play(false); return; }
    if (still()) return put(model, { step: end });
    play(true);
    go(model.get("step") === paused && paused < end ? paused + 1 : 0);
  }, { class: "nw-go" });
  const back = button("◀ Back", () => goBy(-1));
  const next = button("Next ▶", () => goBy(1));
  const says = h("div", { class: "nw-backprop-says", "aria-live": "polite" });
  /** @param {number} step */
  const where = step => `${step} of ${end}, ${step === 0 ? "leaves" : step <= ops ? "forward" : "backward"}`;

  // The graph
  const edgesDrawn = s("svg", { "aria-hidden": "true" });
  const pulses = s("svg", { "aria-hidden": "true", class: "nw-backprop-pulses" });
  const boxes = nodes.map((node, i) => {
    const parts = { name: h("span", { class: "nw-muted" }, nodeLabel(node)), value: h("b"), grad: h("i") };
    const box = button(Object.values(parts), () => choose(i), {
      class: `nw-backprop-box${node.op ? "" : " nw-backprop-leaf"}`,
      title: node.op ? `See how ${node.name} is computed` : "Drag it up or down, or click to type a value",
    });
    if (!node.op) draggable(box, node.name);
    return { box, ...parts };
  });
  const paper = h("div", { class: "nw-backprop-paper" }, edgesDrawn, boxes.map(({ box }) => box), pulses);
  const graph = h("div", {
    class: "nw-backprop-graph", role: "group",
    "aria-label": "Graph: the left and right arrow keys step; up and down change a leaf, Enter lets you type its value",
    onkeydown: event => {
      const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      const leaf = boxes.findIndex(({ box }, i) => box === event.target && !nodes[i].op);
      if (!by || event.ctrlKey || event.metaKey || event.altKey || event.target instanceof HTMLInputElement) return;
      event.preventDefault();
      if (leaf < 0 || /Left|Right/.test(event.key)) return goBy(by);
      const { name } = nodes[leaf];
      edit(name, model.get("leaves")[name] - 0.1 * by);
    },
  }, paper);
  /** @param {number} i */
  function choose(i) {
    const place = operations.indexOf(i);
    if (place < 0) return type(i);
    play(false);
    go(model.get("step") <= ops ? place + 1 : end - place);
  }

  // The leaves: dragged, or typed in place
  /** @param {number} value */
  const short = value => String(Number(value.toPrecision(4)));
  /** @param {string} name @param {number} value */
  function edit(name, value) {
    const leaves = { ...model.get("leaves"), [name]: Number(value.toPrecision(12)) };
    play(false);
    sorry.textContent = "";
    try {
      if (!(Math.abs(value) <= LARGEST)) throw new Error(`${name} must be from −1,000,000 to 1,000,000.`);
      gradients(nodes, leaves);
      put(model, { leaves, losses: [] });
    } catch (error) {
      sorry.textContent = `${/** @type {Error} */ (error).message} ${name} stays as it was.`;
    }
  }
  let dragged = false;
  /** @param {HTMLElement} box @param {string} name */
  function draggable(box, name) {
    let from = /** @type {{ y: number, value: number } | null} */ (null);
    box.addEventListener("pointerdown", event => {
      dragged = false;
      if (event.button) return;
      from = { y: event.clientY, value: model.get("leaves")[name] };
      box.setPointerCapture(event.pointerId);
    });
    box.addEventListener("pointermove", event => {
      if (!from || (Math.abs(event.clientY - from.y) < 4 && !dragged)) return;
      const unit = 10 ** Math.floor(Math.log10(Math.max(1, Math.abs(from.value)))) / 50; // 0.02 for each pixel
      dragged = true;
      edit(name, Math.round(from.value / unit + from.y - event.clientY) * unit);
    });
    for (const over of ["pointerup", "pointercancel"]) box.addEventListener(over, () => { from = null; });
  }
  /** A number input in place of a leaf's value. @param {number} i */
  function type(i) {
    if (dragged) { dragged = false; return; }
    const { box } = boxes[i], { name } = nodes[i];
    let open = true;
    /** @param {boolean} keep */
    const close = keep => {
      if (!open) return;
      open = false;
      const typed = input.value.trim() === "" ? NaN : Number(input.value);
      input.remove();
      if (keep && typed !== Number(short(model.get("leaves")[name]))) edit(name, typed);
    };
    const input = h("input", {
      type: "number", step: 0.1, class: "nw-backprop-edit", "aria-label": `Value of ${name}`,
      value: short(model.get("leaves")[name]),
      style: { left: box.style.left, top: box.style.top, width: box.style.width, height: box.style.height },
      onblur: () => close(true),
      onkeydown: event => {
        if (event.key !== "Enter" && event.key !== "Escape") return;
        event.preventDefault(); // or the box would take this Enter, too
        close(event.key === "Enter");
        box.focus();
      },
    });
    paper.append(input);
    input.focus();
    input.select();
  }

  // What each leaf learns
  const cells = /** @type {Record<string, Record<"value" | "grad" | "check", HTMLElement>>} */ ({});
  const ticks = /** @type {Record<string, HTMLInputElement>} */ ({});
  const rows = names.map(name => {
    const learns = ticks[name] = h("input", {
      type: "checkbox", "aria-label": `${name} learns`, onchange: () => {
        put(model, { learn: names.filter(other => (other === name ? learns.checked : learners().includes(other))) });
      },
    });
    const { value, grad, check } = cells[name] = { value: h("td"), grad: h("td"), check: h("td") };
    return h("tr", {}, h("th", { scope: "row" }, name), value, grad, check,
      h("td", {}, h("label", { class: "nw-backprop-tick" }, learns)));
  });
  const titles = ["leaf", "value", "gradient", "by nudging", "learns"].map(words => h("th", { scope: "col" }, words));
  const table = h("table", { class: "nw-backprop-leaves" }, h("thead", {}, h("tr", {}, titles)), h("tbody", {}, rows));

  // Gradient descent; a trail that doesn't lead to the present loss belongs to leaves someone has changed since.
  /** @param {number} loss @returns {number[]} */
  const trail = loss => {
    const losses = model.get("losses");
    return Math.abs(losses.at(-1) - loss) <= 1e-9 * Math.abs(loss) ? losses : [];
  };
  /** @param {number} many */
  const learn = many => {
    play(false);
    learned = model.get("leaves");
    const { leaves, losses, problem } = descend(nodes, model.get("leaves"), learners(), model.get("rate"), many);
    sorry.textContent = problem;
    put(model, { leaves, losses: [...trail(losses[0]).slice(0, -1), ...losses].slice(-KEPT) });
  };
  const one = button("Take a gradient step", () => learn(1)), ten = button("10 steps", () => learn(10));
  const home = button("Back to the start", () => {
    play(false);
    sorry.textContent = "";
    put(model, { leaves: { ...start }, losses: [] });
  });
  const spark = s("svg", { viewBox: "0 0 120 36", "aria-hidden": "true", class: "nw-backprop-losses" });
  const fall = h("p", { role: "status" });
  const steps = slider(frame, "step", { label: "Step", low: 0, high: end, step: 1, shown: where });
  steps.addEventListener("input", () => play(false));
  root.append(
    primary(starter, steps),
    h("div", { class: "nw-drawing" }, graph, says),
    h("div", { class: "nw-row" }, next, one, h("div", { class: "nw-backprop-fall" }, fall, spark)), sorry,
    more(h("div", { class: "nw-backprop-below" }, table, h("div", {},
      slider(frame, "rate", {
        label: "Learning rate", step: 0.05, shown: number, to: x => Number((10 ** x).toPrecision(3)), from: Math.log10,
      }),
      h("div", { class: "nw-row" }, back, ten, home)))));

  // Drawing
  let ways = /** @type {Map<string, SVGPathElement>} */ (new Map()), sideways = true;
  const due = nodes.map((_, i) => edges.filter(edge => edge[0] === i).length || 1);
  /** @param {number} i @param {string} slope */
  const gradient = (i, slope) => {
    const is = boxes[i].box.offsetWidth < 90 ? "" : "= ";
    boxes[i].grad.textContent = slope ? `d${nodes[i].name} ${is}${slope}` : "\u00a0";
  };
  /** The boxes and the edges after `at` steps; `step` is the one in view.
   * @param {Leaves} leaves @param {number} at @param {number} step */
  function sketch(leaves, at, step) {
    const values = forward(nodes, leaves), { known, arrived, gone } = walked(nodes, values, at);
    const { now, pulses: crossing } = walked(nodes, values, step), active = new Set(crossing.map(({ edge }) => edge));
    const { down, box, size, middles, stops } = graphPlaces(nodes, edges, Math.max(280, graph.clientWidth));
    sideways = !down;
    Object.assign(paper.style, { width: `${size.w}px`, height: `${size.h}px` });
    boxes.forEach(({ box: element, value, grad }, i) => {
      const [x, y] = middles[i], words = known[i] ? number(values[i]) : "not computed yet";
      const slope = arrived[i].length ? number(sum(arrived[i])) + (arrived[i].length < due[i] ? " + …" : "") : "";
      const place = { left: x - box.w / 2, top: y - box.h / 2, width: box.w, height: box.h };
      Object.entries(place).forEach(([side, pixels]) => element.style.setProperty(side, `${pixels}px`));
      value.textContent = known[i] ? number(values[i]) : "?";
      [value, grad].forEach(({ style }) => { style.transform = ""; });
      gradient(i, slope);
      element.setAttribute("aria-current", String(i === now));
      element.classList.toggle("nw-waits", !known[i]);
      element.setAttribute("aria-label", `${nodeLabel(nodes[i])}: ${words}${slope ? `, gradient ${slope}` : ""}`);
    });
    for (const svg of [edgesDrawn, pulses]) svg.setAttribute("viewBox", `0 0 ${size.w} ${size.h}`);
    ways = new Map();
    edgesDrawn.replaceChildren(...edges.flatMap(([, to, k], e) => {
      const key = `${to} ${k}`, against = gone.has(key) || (step > ops && active.has(key)), way = stops[e];
      const kind = against ? "nw-back" : known[to] ? "nw-forth" : "nw-waits";
      const line = s("path", { d: curve(way, down), class: `${kind}${active.has(key) ? " nw-strong" : ""}` });
      ways.set(key, line);
      return [line, s("path", { d: tip(against ? way[0] : last(way), down, against), class: `${kind} nw-tip` })];
    }));
    return { values, arrived };
  }

  /** A step in motion: pulses cross the edges, then what they bring appears.
   * @param {Leaves} leaves @param {number} step */
  function move(leaves, step) {
    const { values, arrived: before } = sketch(leaves, step - 1, step), backward = step > ops;
    const { arrived, now, pulses: crossing } = walked(nodes, values, step);
    const flights = crossing.map(({ edge, words }, n) => {
      const way = /** @type {SVGPathElement} */ (ways.get(edge)), w = 7.2 * words.length + 10;
      const off = (n || crossing.length === 1) && !sideways ? 1 : n ? 1 : -1; // beside its dot, apart from the other's
      const [x, y] = sideways ? [0, (w > 40 ? 46 : 19) * off] : [(w / 2 + 9) * off, 0]; // clear of the boxes
      const mark = s("g", { class: backward ? "nw-back" : "nw-forth" }, s("circle", { r: 6 }),
        s("rect", { x: x - w / 2, y: y - 10, width: w, height: 20, rx: 5 }),
        s("text", { x, y: y + 4.5, "text-anchor": "middle" }, words));
      return { mark, way, length: way.getTotalLength() };
    });
    pulses.replaceChildren(...flights.map(({ mark }) => mark));
    const flies = flights.length ? PULSE : 0, reached = nodes.flatMap((_, i) => (backward
      ? arrived[i].length > before[i].length : i === now) ? [i] : []);
    let there = false;
    motion.run(!flights.length ? 500 : backward ? 1100 : 650, (x, over) => {
      const p = eased(Math.min(1, x / (flies || 1)));
      flights.forEach(({ mark, way, length }) => {
        const point = way.getPointAtLength(length * (backward ? 1 - p : p));
        mark.setAttribute("transform", `translate(${point.x},${point.y})`);
      });
      if (x < flies && !over) return;
      if (!there) sketch(leaves, step, step);
      there = true;
      const q = (x - flies) / (1 - flies), size = `scale(${1 + 0.15 * Math.sin(Math.PI * Math.min(1, 0.15 + q))})`;
      pulses.style.opacity = String(1 - q);
      reached.forEach(i => {
        boxes[i][backward ? "grad" : "value"].style.transform = size;
        if (backward) gradient(i, number(sum(arrived[i])));
      });
      if (!over) return;
      rest(leaves, step);
      if (playing && step < end) go(step + 1);
      else play(false);
    });
  }
  /** @param {Leaves} leaves @param {number} step */
  function rest(leaves, step) {
    motion.stop();
    pulses.replaceChildren();
    pulses.style.opacity = "";
    return sketch(leaves, step, step);
  }
  /** The leaves glide to their new values, and everything follows.
   * @param {Leaves} from @param {Leaves} to @param {number} step */
  function glide(from, to, step) {
    motion.run(400, (x, over) => {
      const between = names.map(name => [name, from[name] + eased(x) * (to[name] - from[name])]);
      if (over) rest(to, step);
      else try { sketch(Object.fromEntries(between), step, step); } catch { } // no value on the way there
    });
  }

  function draw() {
    const leaves = model.get("leaves"), step = Math.min(model.get("step"), end), taught = learners();
    const values = forward(nodes, leaves); // a link may set leaves without one
    if (!graph.clientWidth) return; // not on the page yet: the observer below calls again
    const { arrived } = rest(leaves, step);
    says.replaceChildren(...explained(nodes, values, step).map(words => h("p", {}, words)));
    enable(step > 0, back);
    enable(step < end, next);
    names.forEach(name => {
      const i = nodes.findIndex(node => node.name === name), check = nudged(nodes, leaves, name), cell = cells[name];
      const slope = number(sum(arrived[i])) + (arrived[i].length < due[i] ? " + …" : "");
      cell.value.textContent = number(leaves[name]);
      cell.grad.textContent = arrived[i].length ? slope : "…";
      cell.check.textContent = check === null ? "no value there" : number(check);
      ticks[name].checked = taught.includes(name);
    });
    const losses = trail(last(values)), taken = losses.length - 1;
    enable(taught.length > 0, one, ten);
    enable(names.some(name => leaves[name] !== start[name]) || taken > 0, home);
    fall.textContent = fell(taught, losses, last(values));
    spark.style.display = taken < 1 ? "none" : "";
    if (taken > 0) spark.replaceChildren(...drawn(sparkline(losses)));
    const from = learned, moves = moving;
    learned = null;
    moving = -1;
    if (moves === step && step > 0) move(leaves, step);
    else if (moves === step && playing) motion.run(500, (_, over) => { if (over && playing) go(1); });
    else if (from) glide(from, leaves, step);
    else if (playing) play(false);
  }

  /** @param {string[]} taught @param {number[]} losses @param {number} now */
  function fell(taught, losses, now) {
    const taken = losses.length - 1;
    if (!taught.length) return "Check the box next to at least one leaf in the “learns” column, under More.";
    if (taken < 1) return `${result} = ${number(now)}. A step moves ${taught.join(", ")} by −learning rate × gradient.`;
    const then = last(losses), rises = then > losses[0] ? ". It's rising: the steps are too large." : ".";
    return `${result}: ${number(losses[0])} → ${number(then)} after ${count(taken, "step")}${rises}`;
  }
  let width = 0;
  const watch = new ResizeObserver(() => { // a step in motion ends in the new places by itself
    if (width !== graph.clientWidth) {
      if (motion.running() && playing) moving = model.get("step"); // the step in motion begins again in its new place
      draw();
    }
    width = graph.clientWidth;
  });
  watch.observe(graph);
  cleanup(() => watch.disconnect());
  on("leaves step learn losses", draw);
});
