// @ts-check
// All branches of a playground's tree beside each other: a drawing of where each leaves another, and a table.
/** @import { Branch } from "./playground_state.js" */
import { button, h, s } from "./dom.js";
import { pathTo, rowsOf } from "./playground_state.js";
import { number } from "./text.js";

const LABEL = 60; // characters of a branch
const HEADS = ["", "branch", "tokens", "log p", "mean"];

/**
 * pick(leaf): a branch was chosen; resized(): the table has another width, so `show` is due.
 * @param {{ cleanup: (f: () => void) => void, pick: (leaf: number) => void, resized: () => void }} options
 */
export function branchTable({ cleanup, pick, resized }) {
  const body = h("tbody"), drawing = s("svg", { class: "nw-play-tree", "aria-hidden": "true" });
  const table = h("table", {}, h("thead", {}, h("tr", {}, HEADS.map(text =>
    h("th", { scope: "col" }, text || h("span", { class: "nw-visually-hidden" }, "drawing"))))), body);
  const scroll = h("div", { class: "nw-play-scroll", tabindex: 0, role: "group", "aria-label": "Branches" },
    table, drawing);
  const element = h("div", { class: "nw-play-branches" },
    h("p", { class: "nw-play-title" }, "The tree: every branch, and how probable the model finds it"), scroll);
  /** @type {unknown[]} */
  let made = []; // what the table was made of
  /** @type {number[]} */
  let begins = []; // the first node of each row's own
  const watch = new ResizeObserver(() => { made = []; resized(); });
  watch.observe(scroll);
  cleanup(() => watch.disconnect());

  /**
   * ends: the nodes, one or two, where texts are written. texts(nodes) → what each adds to the text. logp(node) → its
   * log-probability, null while it isn't known. over(node): is it the end of a text?
   * @param {{ branches: Branch[], ends: number[], texts: (nodes: number[]) => string[],
   *   logp: (node: number) => number | null, over: (node: number) => boolean }} tree
   */
  function show({ branches, ends, texts, logp, over }) {
    const chances = branches.map((_, i) => logp(i + 1) ?? NaN), now = [branches, chances.filter(isNaN).length, ...ends];
    element.hidden = branches.length === 0;
    if (element.hidden || (now.length === made.length && now.every((x, i) => x === made[i]))) return;
    made = now;
    const focused = begins[Array.from(body.rows).findIndex(row => row.contains(document.activeElement))];
    const rows = rowsOf(branches);
    begins = rows.map(({ path, from }) => path[from]);
    body.replaceChildren(...rows.map(({ leaf, from, row, path }) => {
      const total = path.reduce((sum, node) => sum + chances[node - 1], 0), own = path.slice(from);
      const here = ends.map((end, k) =>
        (own.includes(end) || (end === 0 && row < 0) ? (ends.length > 1 ? "AB"[k] : "▸") : "")).join("");
      const text = [...texts(path).slice(from).join("").replaceAll("\n", "↵")];
      const words = (from ? "…" : "") + text.slice(0, LABEL).join("") + (text.length > LABEL ? "…" : "");
      const numbers = [total, total / path.length].map(x => (Number.isNaN(x) ? "…" : number(x)));
      return h("tr", {}, h("td"), h("td", {}, button([h("b", {}, here), h("bdi", {}, words)], () => pick(leaf))),
        [String(path.length), ...numbers].map(x => h("td", {}, x)));
    }));
    body.rows[begins.indexOf(focused)]?.querySelector("button")?.focus({ preventScroll: true });
    draw(rows, new Set(ends.flatMap(end => pathTo(branches, end))), over);
  }

  /**
   * along: the nodes on the way to where texts are written.
   * @param {ReturnType<typeof rowsOf>} rows @param {Set<number>} along @param {(node: number) => boolean} over
   */
  function draw(rows, along, over) {
    const boxes = Array.from(body.rows, row => row.getBoundingClientRect()), { top, height } = boxes[0];
    if (!height) return; // not laid out yet
    const cell = body.rows[0].cells[0].getBoundingClientRect(), outer = scroll.getBoundingClientRect();
    const { width } = cell, tall = boxes[boxes.length - 1].bottom - top;
    const deepest = Math.max(...rows.map(({ path }) => path.length));
    drawing.setAttribute("viewBox", `0 0 ${width} ${tall}`);
    Object.assign(drawing.style, { width: `${width}px`, height: `${tall}px`,
      left: `${cell.left - outer.left + scroll.scrollLeft}px`, top: `${top - outer.top + scroll.scrollTop}px` });
    const x = (/** @type {number} */ depth) => 5 + (depth / deepest) * (width - 12);
    const y = (/** @type {number} */ i) => (boxes[i].top + boxes[i].bottom) / 2 - top;
    const line = (/** @type {string} */ d, /** @type {string} */ color, /** @type {number} */ wide) =>
      s("path", { d, fill: "none", stroke: `var(--nw-${color})`, "stroke-width": wide });
    drawing.replaceChildren(...rows.flatMap(({ leaf, from, row, path }, i) => {
      const last = path.length, ended = over(leaf), reached = path.findLastIndex(node => along.has(node)) + 1;
      return [
        line(row < 0 ? `M${x(0)} ${y(i)}H${x(last)}` : `M${x(from)} ${y(row)}V${y(i)}H${x(last)}`, "muted", 1.5),
        reached > from ? line(`M${x(from)} ${y(i)}H${x(reached)}`, "orange", 3) : "",
        s("circle", { cx: x(last), cy: y(i), r: ended ? 4 : 3, fill: `var(--nw-${ended ? "ink" : "muted"})` }),
      ];
    }));
  }
  return { element, show };
}
