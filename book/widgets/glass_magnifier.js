// @ts-check
// Under a GPT's picture: the arithmetic of one spot, its vectors as cells, and a slider for a channel of the stream.
/** @import { Explained } from "./glass_lens.js" */
import { button, h, range } from "./dom.js";
import { paintCells, sizeOf } from "./glass_draw.js";
import { CHAPTERS, shown } from "./glass_lens.js";

const MOST = 4; // vectors

/**
 * One vector: its cells, and the number of one of them. look(i): the pointer is over cell i, or has left (null);
 * lock(i): the slider under the cells was moved.
 * @param {(i: number | null) => void} look @param {(i: number) => void} lock
 */
function vectorView(look, lock) {
  const image = h("canvas", { "aria-hidden": "true" }),
    number = h("span", { class: "nw-muted" }),
    mark = h("i");
  const input = h("input", { type: "range", min: 0, step: 1, value: 0, oninput: () => lock(Number(input.value)) });
  let name = "",
    values = /** @type {ArrayLike<number>} */ ([]);
  const cells = h("span", { class: "nw-glass-cells" }, image, mark, input);
  cells.addEventListener("pointermove", event => {
    if (event.pointerType === "touch") return;
    const { left, width } = cells.getBoundingClientRect(),
      n = values.length;
    look(Math.max(0, Math.min(n - 1, Math.floor(((event.clientX - left) / width) * n))));
  });
  cells.addEventListener("pointerleave", () => look(null));
  const title = h("b"),
    element = h("div", { class: "nw-glass-vector" }, title, cells, number);
  return {
    element,
    /** @param {number} i */
    point(i) {
      if (!values.length) return;
      const at = Math.min(i, values.length - 1),
        told = `[${at}] = ${shown(values[at], 3)}`;
      input.value = String(at);
      number.textContent = told;
      input.setAttribute("aria-valuetext", name + told);
      mark.style.left = `${(100 * (at + 0.5)) / values.length}%`;
    },
    /** @param {Explained["vectors"][0] | undefined} vector */
    show(vector) {
      element.hidden = !vector;
      ({ name, values } = vector ?? { name: "", values: [] });
      if (!vector) return;
      title.textContent = name;
      input.max = String(values.length - 1);
      input.setAttribute("aria-label", `${name}, ${values.length} numbers`);
      paintCells(image, vector.values, values.length, sizeOf(vector.values));
    },
  };
}

/**
 * A choice in the magnifier: what, and the names of what there is to choose from.
 * @typedef {{ label: string, options: string[], at: number, set: (i: number) => void }} Pick
 */

/**
 * show(found, at, amount, picks): a spot, the cell of its vectors that's locked, how far its channel was moved, or null
 * where there's nothing to move, and other spots to choose.
 * @param {{ nudge: (amount: number) => void, lock: (i: number) => void, close: () => void }} options
 */
export function magnifier({ nudge, lock, close }) {
  let locked = 0;
  /** @param {number | null} i */
  const look = i => vectors.forEach(vector => vector.point(i ?? locked));
  const title = h("p", { class: "nw-glass-lens-title" }),
    lines = h("ol");
  const link = h("p", { class: "nw-glass-link" }),
    vectors = Array.from({ length: MOST }, () => vectorView(look, lock));
  const moved = (/** @type {number} */ x) => (x ? `${x > 0 ? "+" : ""}${shown(x, 2)}` : "unchanged");
  const drag = range({ label: "Move this channel", low: -10, high: 10, step: 0.1, shown: moved, set: nudge });
  const x = button("×", close, { class: "nw-glass-close", "aria-label": "Close" });
  const choices = h("div", { class: "nw-glass-picks" });
  let offered = "";
  /** The selects: made anew only where what they offer has changed, so that one in use keeps the focus.
   * @param {Pick[]} picks */
  function offer(picks) {
    const key = JSON.stringify(picks.map(({ label, options }) => [label, options]));
    if (offered !== key) {
      offered = key;
      choices.replaceChildren(
        ...picks.map(({ label, options }) =>
          h(
            "label",
            { class: "nw-field" },
            h("span", {}, label),
            h(
              "select",
              {},
              options.map(name => h("option", {}, name)),
            ),
          ),
        ),
      );
    }
    choices.querySelectorAll("select").forEach((select, i) => {
      select.selectedIndex = picks[i].at;
      select.onchange = () => picks[i].set(select.selectedIndex);
    });
  }
  const places = h(
    "div",
    { class: "nw-glass-vectors" },
    vectors.map(vector => vector.element),
  );
  const element = h(
    "div",
    { class: "nw-glass-lens", hidden: true },
    h("div", { class: "nw-glass-lens-top" }, title, x),
    choices,
    h("div", { class: "nw-glass-two" }, h("div", {}, lines, drag.field, link), places),
  );
  return {
    element,
    /** @param {Explained | null} found @param {number} [at] @param {number | null} [amount] @param {Pick[]} [picks] */
    show(found, at = 0, amount = null, picks = []) {
      element.hidden = !found;
      if (!found) return;
      offer(picks);
      title.textContent = found.title;
      lines.replaceChildren(...found.lines.map(line => h("li", {}, line)));
      drag.field.hidden = amount === null;
      drag.show(Math.max(-10, Math.min(10, amount ?? 0)));
      vectors.forEach((vector, i) => vector.show(found.vectors[i]));
      locked = at;
      look(null);
      const { page, name } = CHAPTERS[found.chapter],
        home = document.documentElement.dataset.content_root;
      const there = home === undefined ? name : h("a", { href: `${home}notebooks/${page}.html` }, name);
      link.replaceChildren("Built in ", there, ".");
    },
  };
}
