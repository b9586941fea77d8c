// The tree of continuations: nodes in a list, node 0 the prompt, every other one a token that follows its parent; and the
// table that shows all branches beside each other.
import { button, h, number, s } from "./dom.js";

export const NODES = 2000; // that a tree may have, the prompt not counted
const LABEL = 60; // characters of a branch

export function treeOf(branches) {
  const tree = [{ id: null, parent: -1, depth: 0, children: [], logits: null }];
  branches.forEach(([parent, id]) => grow(tree, parent, id));
  return tree;
}

// A new node, or the one that is there already: its number.
export function child(tree, parent, id) {
  return tree[parent].children.find(node => tree[node].id === id) ?? grow(tree, parent, id);
}

function grow(tree, parent, id) {
  tree.push({ id, parent, depth: tree[parent].depth + 1, children: [], logits: null });
  tree[parent].children.push(tree.length - 1);
  return tree.length - 1;
}

// Is this list, which may come from an address, a tree of tokens below V?
export const sound = (branches, V) => branches.length <= NODES && branches.every((branch, i) => Array.isArray(branch) && branch.length === 2
  && branch.every(Number.isInteger) && branch[0] >= 0 && branch[0] <= i && branch[1] >= 0 && branch[1] < V);

// The nodes from the prompt's first follower to `node`.
export function pathTo(tree, node) {
  const path = [];
  for (; node > 0; node = tree[node].parent) path.push(node);
  return path.reverse();
}

// One row for each leaf: { leaf, from, row }, the depth of the node where it leaves another row, and which row that is (−1: none).
// A node's first follower stays in its row, so rows stand in the order in which the branches were made.
export function rowsOf(tree) {
  const rows = [], waiting = [[0, 0, -1]]; // where a row begins: a node, the depth it leaves at, the row that it leaves
  while (waiting.length) {
    let [node, from, row] = waiting.pop();
    const own = rows.length, later = [];
    rows.push({ from, row });
    for (; tree[node].children.length; node = tree[node].children[0])
      for (const other of tree[node].children.slice(1)) later.push([other, tree[node].depth, own]);
    rows[own].leaf = node;
    waiting.push(...later);
  }
  return rows;
}

// All branches: a drawing of where each leaves another, how it goes on from there, and its log-probability.
// pick(leaf): called when a branch is chosen; resized(): its place has another width, so `update` is due.
// update({ tree, ends, texts, logp, isEnd }): ends, one node or two, are where texts are written; texts(nodes) → the text
// of each; logp(node) → its log-probability, or null while it is not known; isEnd(node): the end token.
export function branchTable({ cleanup, pick, resized }) {
  const body = h("tbody"), drawing = s("svg", { class: "nw-play-tree", "aria-hidden": "true" });
  const table = h("table", {}, h("thead", {}, h("tr", {}, ["", "branch", "tokens", "log p", "a token"].map((text, i) =>
    h("th", { scope: "col" }, i ? text : h("span", { class: "nw-visually-hidden" }, "drawing"))))), body);
  const scroll = h("div", { class: "nw-play-scroll", tabindex: 0, role: "group", "aria-label": "Branches" }, table, drawing);
  const element = h("div", { class: "nw-play-branches" }, h("p", { class: "nw-play-title" }, "The tree: every branch, and how probable the model finds it"), scroll);
  const watch = new ResizeObserver(() => { made = []; resized(); });
  watch.observe(scroll);
  cleanup(() => watch.disconnect());
  let made = [], begins = []; // what the table was made of, and the first node of each row's own

  function update({ tree, ends, texts, logp, isEnd }) {
    const of = [tree, tree.length, tree.filter(node => node.logits).length, ...ends];
    element.hidden = tree.length === 1;
    if (element.hidden || (of.length === made.length && of.every((x, i) => x === made[i]))) return;
    made = of;
    const rows = rowsOf(tree), focused = begins[Array.from(body.rows).findIndex(row => row.contains(document.activeElement))];
    begins = rows.map(({ leaf, from }) => pathTo(tree, leaf)[from]);
    body.replaceChildren(...rows.map(({ leaf, from, row }) => {
      const path = pathTo(tree, leaf), all = path.map(logp), whole = path.length > 0 && !all.includes(null);
      const total = all.reduce((a, b) => a + b, 0), own = new Set(path.slice(from));
      const here = ends.map((end, k) => (own.has(end) || (end === 0 && row < 0) ? (ends.length > 1 ? "AB"[k] : "▸") : "")).join("");
      const text = [...texts(path).map((t, i) => (isEnd(path[i]) ? "■" : t)).slice(from).join("").replaceAll("\n", "↵")];
      const words = `${from ? "…" : ""}${text.slice(0, LABEL).join("")}${text.length > LABEL ? "…" : ""}`;
      const numbers = [String(path.length), whole ? number(total) : "…", whole ? number(total / path.length) : "…"];
      return h("tr", {}, h("td"), h("td", {}, button([h("b", {}, here), h("bdi", {}, words)], () => pick(leaf))), numbers.map(x => h("td", {}, x)));
    }));
    body.rows[begins.indexOf(focused)]?.querySelector("button").focus({ preventScroll: true });
    draw(tree, rows, new Set(ends.flatMap(end => pathTo(tree, end))), isEnd);
  }

  function draw(tree, rows, along, isEnd) {
    const boxes = Array.from(body.rows, row => row.getBoundingClientRect()), top = boxes[0].top;
    if (!boxes[0].height) return; // not laid out yet
    const cell = body.rows[0].cells[0].getBoundingClientRect(), outer = scroll.getBoundingClientRect();
    const width = cell.width, tall = boxes.at(-1).bottom - top, deepest = Math.max(1, ...rows.map(row => tree[row.leaf].depth));
    drawing.setAttribute("viewBox", `0 0 ${width} ${tall}`);
    Object.assign(drawing.style, { left: `${cell.left - outer.left + scroll.scrollLeft}px`, top: `${top - outer.top + scroll.scrollTop}px`,
      width: `${width}px`, height: `${tall}px` });
    const x = depth => 5 + (depth / deepest) * (width - 12), y = i => (boxes[i].top + boxes[i].bottom) / 2 - top;
    const line = (d, color, wide) => s("path", { d, fill: "none", stroke: `var(--nw-${color})`, "stroke-width": wide });
    drawing.replaceChildren(...rows.flatMap(({ leaf, from, row }, i) => {
      const last = tree[leaf].depth, reached = Math.max(from, ...pathTo(tree, leaf).filter(node => along.has(node)).map(node => tree[node].depth));
      return [
        line(row < 0 ? `M${x(0)} ${y(i)}H${x(last)}` : `M${x(from)} ${y(row)}V${y(i)}H${x(last)}`, "muted", 1.5),
        ...(reached > from ? [line(`M${x(from)} ${y(i)}H${x(reached)}`, "orange", 3)] : []),
        s("circle", { cx: x(last), cy: y(i), r: isEnd(leaf) ? 4 : 3, fill: `var(--nw-${isEnd(leaf) ? "ink" : "muted"})` }),
      ];
    }));
  }
  return { element, update };
}
