// A computation graph to step through. The nodes, their places and their patterns come from backprop.py.
import { button, enable, h, number, put, s, slider, widget } from "./dom.js";

// operation: [what it computes, its local derivatives (of the operands and the result)]; as OPERATIONS in backprop.py
const OPERATIONS = {
  add: [(a, b) => a + b, () => [1, 1]],
  sub: [(a, b) => a - b, () => [1, -1]],
  mul: [(a, b) => a * b, (a, b) => [b, a]],
  div: [(a, b) => a / b, (a, b) => [1 / b, -a / (b * b)]],
  pow: [(a, n) => a ** n, (a, n) => [n * a ** (n - 1), 0]],
  neg: [a => -a, () => [-1]],
  exp: [Math.exp, (a, out) => [out]],
  log: [Math.log, a => [1 / a]],
  tanh: [Math.tanh, (a, out) => [1 - out * out]],
  sigmoid: [a => 0.5 * (1 + Math.tanh(0.5 * a)), (a, out) => [out * (1 - out)]],
  relu: [a => Math.max(a, 0), a => [a > 0 ? 1 : 0]],
};
const NUDGE = 1e-5, LARGEST = 1e6, KEPT = 200;

const operands = (node, values) => node.args.map(arg => ("node" in arg ? values[arg.node] : arg.value));
export const nodeLabel = node => (node.op ? `${node.name} = ${node.formula}` : node.name);
const signed = x => (x < 0 ? `(${number(x)})` : number(x));
const fillIn = (pattern, words, out) => pattern.replace(/\{(0|1|out)\}/g, (_, key) => (key === "out" ? out : words[key]));

// The value of every node, in order. Throws a sentence where one is not a finite number.
export function forward(nodes, leaves) {
  const values = [];
  for (const node of nodes) {
    const inputs = node.op ? operands(node, values) : [];
    const value = node.op ? OPERATIONS[node.op][0](...inputs) : leaves[node.name];
    if (!Number.isFinite(value)) {
      throw new Error(node.op ? `${nodeLabel(node)} has no finite value at ${inputs.map(x => number(x)).join(" and ")}.`
        : `${node.name} came as ${JSON.stringify(value)}; it must be a number.`);
    }
    values.push(value);
  }
  return values;
}

// What each operation sends back, from the last to the first: { node, upstream, parts: [{ to, k, local, part, before }] }.
export function walkBack(nodes, values) {
  const grads = nodes.map((_, i) => (i === nodes.length - 1 ? 1 : 0)), sent = [];
  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i];
    if (!node.op) continue;
    const locals = OPERATIONS[node.op][1](...operands(node, values), values[i]), parts = [];
    node.args.forEach((arg, k) => {
      if (!("node" in arg)) return;
      const part = locals[k] * grads[i], before = grads[arg.node];
      if (!Number.isFinite(part)) throw new Error(`${nodeLabel(node)} has no finite slope here.`);
      grads[arg.node] += part;
      parts.push({ to: arg.node, k, local: locals[k], part, before });
    });
    sent.push({ node: i, upstream: grads[i], parts });
  }
  return { grads, sent };
}

export const gradients = (nodes, leaves) => walkBack(nodes, forward(nodes, leaves)).grads;

// The central finite difference of the result with respect to a leaf; null where a side has no finite value.
export function nudged(nodes, leaves, name) {
  const step = NUDGE * Math.max(1, Math.abs(leaves[name]));
  try {
    const [up, down] = [1, -1].map(side => forward(nodes, { ...leaves, [name]: leaves[name] + side * step }).at(-1));
    return (up - down) / (2 * step);
  } catch { return null; } // as at the border of log
}

// Steps of gradient descent on the leaves in `learn`: { leaves, losses, problem }. It stops before a number would overflow.
export function descend(nodes, leaves, learn, rate, steps) {
  const losses = [forward(nodes, leaves).at(-1)];
  for (let i = 0; i < steps; i++) {
    try {
      const grads = gradients(nodes, leaves), next = { ...leaves };
      nodes.forEach((node, j) => { if (learn.includes(node.name) && !node.op) next[node.name] -= rate * grads[j]; });
      if (Object.values(next).some(v => Math.abs(v) > LARGEST)) throw new Error("A leaf would leave the numbers that fit here.");
      const loss = forward(nodes, next).at(-1);
      gradients(nodes, next);
      losses.push(loss);
      leaves = next;
    } catch (error) {
      return { leaves, losses, problem: `${error.message} The step was too large: take a smaller learning rate, or go back to the start.` };
    }
  }
  return { leaves, losses, problem: "" };
}

// Pixels: the middle of every box, the boxes' size, and the curve of every edge. Layers run across, or down where it is narrow.
export function graphPlaces(nodes, edges, width) {
  const layers = 1 + Math.max(...nodes.map(node => node.at[0]));
  const through = edges.flatMap(edge => edge[3].map(place => place[1])), slots = nodes.map(node => node.at[1]);
  const low = Math.min(...slots, ...through), high = Math.max(...slots, ...through), span = high - low + 1;
  const down = width / layers < 100, box = { w: 0, h: down && width / span < 96 ? 80 : 64 }; // room for a label of two lines
  const cell = down ? { main: box.h + 26, cross: Math.min(width / span, 170) } : { main: Math.min(width / layers, 160), cross: box.h + 16 };
  box.w = Math.max(70, Math.min(down ? cell.cross - (cell.cross < 90 ? 4 : 10) : cell.main - 20, 132));
  const size = down ? { w: Math.max(width, (box.w + 4) * span), h: cell.main * layers } : { w: width, h: cell.cross * span };
  if (down) cell.cross = Math.max(cell.cross, box.w + 4);
  const left = down ? (size.w - cell.cross * span) / 2 : (width - cell.main * layers) / 2;
  const at = ([layer, slot]) => {
    const main = (layer + 0.5) * cell.main, cross = (slot - low + 0.5) * cell.cross;
    return down ? [left + cross, main] : [left + main, cross];
  };
  const middles = nodes.map(node => at(node.at)), half = (down ? box.h : box.w) / 2;
  const shifted = ([x, y], main, cross) => (down ? [x + cross, y + main] : [x + main, y + cross]);
  const curves = edges.map(([from, to, k, places]) => {
    const others = edges.filter(edge => edge[1] === to).sort((a, b) => side(a, nodes) - side(b, nodes) || a[2] - b[2]);
    const port = (others.findIndex(edge => edge[2] === k) - (others.length - 1) / 2) * 18;
    const stops = [shifted(middles[from], half, 0), ...places.flatMap(place => [-half, half].map(d => shifted(at(place), d, 0))),
      shifted(middles[to], -half, port)];
    return stops;
  });
  return { down, box, size, middles, curves };
}
const side = ([from, , , places], nodes) => places.at(-1)?.[1] ?? nodes[from].at[1];

function curve(stops, down) {
  return stops.map(([x, y], i) => {
    if (i === 0) return `M${x},${y}`;
    const [x0, y0] = stops[i - 1];
    return down ? `C${x0},${(y0 + y) / 2} ${x},${(y0 + y) / 2} ${x},${y}` : `C${(x0 + x) / 2},${y0} ${(x0 + x) / 2},${y} ${x},${y}`;
  }).join("");
}

// A triangle whose point is at (x, y); it points along the layers, or against them.
function tip([x, y], down, against) {
  const d = against ? 8 : -8;
  return down ? `M${x},${y}l-4.5,${d}h9z` : `M${x},${y}l${d},-4.5v9z`;
}

// What a step of the walk does, in words with its numbers: a list of lines.
export function explained(nodes, values, step) {
  const operations = nodes.flatMap((node, i) => (node.op ? [i] : [])), last = nodes.at(-1).name;
  if (step === 0) return ["The leaves have their values. Forward: compute one box after the other."];
  if (step <= operations.length) {
    const i = operations[step - 1], node = nodes[i];
    return [`Forward: ${nodeLabel(node)} = ${fillIn(node.text, operands(node, values).map(signed))} = ${number(values[i])}`];
  }
  if (step === operations.length + 1) return [`Backward starts at the end. Raise ${last} by a little, and ${last} rises by as much: d${last} = 1.`];
  const { node: i, upstream, parts } = walkBack(nodes, values).sent[step - operations.length - 2], node = nodes[i];
  const names = node.args.map(arg => ("node" in arg ? nodes[arg.node].name : number(arg.value)));
  return [`Backward through ${nodeLabel(node)}. From upstream came d${node.name} = ${number(upstream)}. It sends local × upstream:`,
    ...parts.map(({ to, k, local, part, before }) => {
      const words = fillIn(node.local[k], names, node.name), slope = words === number(local) ? words : `(${words} = ${number(local)})`;
      const sum = before === 0 ? "" : `, added to what was there: d${nodes[to].name} = ${number(before)} + ${signed(part)} = ${number(before + part)}`;
      return `to ${nodes[to].name}: ${slope} × ${signed(upstream)} = ${number(part)}${sum}`;
    })];
}

export default widget(frame => {
  const { model, root, on, cleanup } = frame;
  const nodes = model.get("nodes"), edges = model.get("edges"), start = model.get("start");
  const operations = nodes.flatMap((node, i) => (node.op ? [i] : [])), count = operations.length, end = 2 * count + 1;
  const names = nodes.filter(node => !node.op).map(node => node.name), last = nodes.at(-1).name;
  const sorry = h("p", { class: "nw-backprop-sorry", role: "status" });
  const learners = () => names.filter(name => model.get("learn").includes(name));
  if (model.get("step") > end) put(model, { step: end }); // a link may ask for more
  const go = step => put(model, { step: Math.max(0, Math.min(end, step)) });

  // the graph
  const drawn = s("svg", { "aria-hidden": "true" });
  const boxes = nodes.map((node, i) => {
    const parts = { name: h("span", { class: "nw-muted" }, nodeLabel(node)), value: h("b"), grad: h("i") };
    const box = h("button", { type: "button", class: "nw-backprop-box nw-moves", onclick: () => choose(i) }, parts.name, parts.value, parts.grad);
    return { box, ...parts };
  });
  const paper = h("div", { class: "nw-backprop-paper" }, drawn, boxes.map(({ box }) => box));
  const graph = h("div", {
    class: "nw-backprop-graph", role: "group", "aria-label": "Graph: the left and right arrow keys step",
    onkeydown: event => {
      const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (!by || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      go(model.get("step") + by);
    },
  }, paper);
  function choose(i) {
    const node = nodes[i], place = operations.indexOf(i);
    if (!node.op) return inputs[node.name].focus();
    go(model.get("step") <= count ? place + 1 : end - place);
  }

  // the walk
  const back = button("◀ Back", () => go(model.get("step") - 1)), next = button("Next ▶", () => go(model.get("step") + 1));
  const says = h("div", { class: "nw-backprop-says", "aria-live": "polite" });
  const where = step => `${step} of ${end}, ${step === 0 ? "leaves" : step <= count ? "forward" : "backward"}`;
  const steps = h("div", { class: "nw-row nw-backprop-steps" }, back, next, slider(frame, "step", { label: "Step", low: 0, high: end, step: 1, shown: where }));

  // the leaves
  const inputs = {}, cells = {};
  const rows = names.map(name => {
    const read = () => edit(name, Number(inputs[name].value.trim() === "" ? NaN : inputs[name].value));
    inputs[name] = h("input", { type: "number", step: 0.1, "aria-label": `Value of ${name}`, onchange: read });
    const learns = h("input", { type: "checkbox", "aria-label": `${name} learns`, onchange: () => {
      put(model, { learn: names.filter(other => (other === name ? learns.checked : learners().includes(other))) });
    } });
    cells[name] = { grad: h("td"), check: h("td"), learns };
    return h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, inputs[name]), cells[name].grad, cells[name].check,
      h("td", {}, h("label", { class: "nw-backprop-tick" }, learns)));
  });
  const table = h("table", { class: "nw-backprop-leaves" },
    h("thead", {}, h("tr", {}, ["leaf", "value", "gradient", "by nudging", "learns"].map(words => h("th", { scope: "col" }, words)))),
    h("tbody", {}, rows));
  function edit(name, value) {
    const leaves = { ...model.get("leaves"), [name]: value };
    sorry.textContent = "";
    try {
      if (!(Math.abs(value) <= LARGEST)) throw new Error(`${name} must be from −1,000,000 to 1,000,000.`);
      gradients(nodes, leaves);
      put(model, { leaves, losses: [] });
    } catch (error) {
      sorry.textContent = `${error.message} So ${name} keeps its value.`;
    }
    inputs[name].value = shownInput(model.get("leaves")[name]);
  }
  const shownInput = value => String(Number(value.toPrecision(4)));

  // gradient descent; a trail that does not lead to the present loss is of leaves that someone has changed since
  const trail = loss => (Math.abs(model.get("losses").at(-1) - loss) <= 1e-9 * Math.abs(loss) ? model.get("losses") : []);
  const learn = many => {
    const { leaves, losses, problem } = descend(nodes, model.get("leaves"), learners(), model.get("rate"), many);
    sorry.textContent = problem;
    put(model, { leaves, losses: [...trail(losses[0]).slice(0, -1), ...losses].slice(-KEPT) });
  };
  const rewind = () => { sorry.textContent = ""; put(model, { leaves: { ...start }, losses: [] }); };
  const one = button("Take a step", () => learn(1)), ten = button("10 steps", () => learn(10)), home = button("Back to the start", rewind);
  const curveOf = s("svg", { viewBox: "0 0 120 36", "aria-hidden": "true", class: "nw-backprop-losses" });
  const fall = h("p", { role: "status" });
  root.append(graph, steps, says, h("div", { class: "nw-backprop-below" }, table, h("div", {},
    slider(frame, "rate", { label: "Learning rate", step: 0.05, shown: number, to: x => Number((10 ** x).toPrecision(3)), from: Math.log10 }),
    h("div", { class: "nw-row" }, one, ten, home), h("div", { class: "nw-backprop-fall" }, fall, curveOf))), sorry);

  function draw() {
    const leaves = model.get("leaves"), step = Math.min(model.get("step"), end), taught = learners();
    const values = forward(nodes, leaves), { sent } = walkBack(nodes, values);
    const arrived = nodes.map(() => []), gone = new Set(), active = new Set();
    if (step > count) arrived.at(-1).push(1);
    sent.slice(0, Math.max(0, step - count - 1)).forEach(({ node, parts }, i) => parts.forEach(({ to, k, part }) => {
      arrived[to].push(part);
      gone.add(`${node} ${k}`);
      if (i === step - count - 2) active.add(`${node} ${k}`);
    }));
    const now = step === 0 ? -1 : step <= count ? operations[step - 1] : step === count + 1 ? nodes.length - 1 : sent[step - count - 2].node;
    const total = grads => grads.reduce((sum, g) => sum + g, 0);
    const due = nodes.map((_, i) => edges.filter(edge => edge[0] === i).length || 1);
    const slope = i => (arrived[i].length === 0 ? "" : number(total(arrived[i])) + (arrived[i].length < due[i] ? " + …" : ""));

    if (!graph.clientWidth) return; // not on the page yet: the observer below calls again
    const width = Math.max(280, graph.clientWidth), places = graphPlaces(nodes, edges, width), { down, box } = places;
    Object.assign(paper.style, { width: `${places.size.w}px`, height: `${places.size.h}px` });
    boxes.forEach(({ box: element, value, grad }, i) => {
      const node = nodes[i], known = !node.op || operations.indexOf(i) < step, [x, y] = places.middles[i];
      Object.assign(element.style, { left: `${x - box.w / 2}px`, top: `${y - box.h / 2}px`, width: `${box.w}px`, height: `${box.h}px` });
      value.textContent = known ? number(values[i]) : "?";
      grad.textContent = slope(i) ? `d${node.name} ${box.w < 110 ? "" : "= "}${slope(i)}` : "\u00a0";
      element.setAttribute("aria-current", String(i === now));
      element.classList.toggle("nw-waits", !known);
      element.setAttribute("aria-label", `${nodeLabel(node)}: ${known ? number(values[i]) : "not computed yet"}${slope(i) ? `, gradient ${slope(i)}` : ""}`);
    });
    drawn.setAttribute("viewBox", `0 0 ${places.size.w} ${places.size.h}`);
    drawn.replaceChildren(...edges.flatMap(([, to, k], e) => {
      const stops = places.curves[e], key = `${to} ${k}`, known = operations.indexOf(to) < step;
      const strong = active.has(key) || (step <= count && to === now), kind = gone.has(key) ? "nw-back" : known ? "nw-forth" : "nw-waits";
      const against = gone.has(key);
      return [s("path", { d: curve(stops, down), class: `${kind}${strong ? " nw-strong" : ""}` }),
        s("path", { d: tip(against ? stops[0] : stops.at(-1), down, against), class: `${kind} nw-tip` })];
    }));

    says.replaceChildren(...explained(nodes, values, step).map(line => h("p", {}, line)));
    enable(step > 0, back);
    enable(step < end, next);
    names.forEach(name => {
      const i = nodes.findIndex(node => node.name === name), check = nudged(nodes, leaves, name);
      if (document.activeElement !== inputs[name] || Number(inputs[name].value) !== leaves[name]) inputs[name].value = shownInput(leaves[name]);
      cells[name].grad.textContent = slope(i) || "…";
      cells[name].check.textContent = check === null ? "no value there" : number(check);
      cells[name].learns.checked = taught.includes(name);
    });
    const losses = trail(values.at(-1)), taken = losses.length - 1;
    enable(taught.length > 0, one, ten);
    enable(names.some(name => leaves[name] !== start[name]) || taken > 0, home);
    fall.textContent = taught.length === 0 ? "Tick a leaf that may learn." : taken < 1
      ? `${last} = ${number(values.at(-1))}. A step moves ${taught.join(", ")} by −rate × gradient.`
      : `${last}: ${number(losses[0])} → ${number(losses.at(-1))} after ${taken} step${taken > 1 ? "s" : ""}${losses.at(-1) > losses[0] ? ". It rises: the steps are too large." : "."}`;
    curveOf.style.display = taken < 1 ? "none" : "";
    if (taken > 0) curveOf.replaceChildren(...sparkline(losses));
  }
  const watch = new ResizeObserver(draw);
  watch.observe(graph);
  cleanup(() => watch.disconnect());
  on("leaves step learn losses", draw);
});

function sparkline(losses) {
  const low = Math.min(0, ...losses), high = Math.max(...losses), x = i => 3 + 114 * i / Math.max(10, losses.length - 1);
  const y = loss => 33 - 30 * (loss - low) / (high - low || 1);
  return [s("line", { x1: 0, x2: 120, y1: y(0), y2: y(0), class: "nw-backprop-base" }),
    s("path", { d: losses.map((loss, i) => `${i ? "L" : "M"}${x(i).toFixed(1)},${y(loss).toFixed(1)}`).join(""), class: "nw-backprop-line" }),
    s("circle", { cx: x(losses.length - 1), cy: y(losses.at(-1)), r: 2.5 })];
}
