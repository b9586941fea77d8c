// @ts-check
// Where a GPT's picture ends: the stick with the probabilities end to end, the dart, and the largest of them as bars.
import { button, h } from "./dom.js";
import { count, share } from "./text.js";

export const BARS = 8;

/**
 * The stick: the probabilities end to end in the vocabulary's order. Whatever isn't among `named` is one piece between
 * those, with the id −1.
 * @param {Float32Array} p
 * @param {number[]} named
 */
export function stickOf(p, named) {
  /** @type {{ id: number, from: number, to: number }[]} */
  const pieces = [];
  let at = 0;
  p.forEach((one, id) => {
    const to = at + one,
      name = named.includes(id) ? id : -1,
      before = pieces[pieces.length - 1];
    if (one > 0 && before?.id === -1 && name === -1) before.to = to;
    else if (one > 0) pieces.push({ id: name, from: at, to });
    at = to;
  });
  return pieces;
}

/**
 * The bars that show: the largest, and in the last row one that isn't among them: what was hit, or what followed.
 * @param {number[]} best @param {number} one  a token, or −1
 */
export const rowsOf = (best, one) => (one < 0 || best.includes(one) ? best : [...best.slice(0, -1), one]);

/**
 * show(state): what comes next. throwDart(fall, u): from 0, in the air, to 1, in the stick. wordOf(id): its element.
 * @param {{ V: number, label: (id: number) => string, pick: (id: number) => void }} options
 */
export function endView({ V, label, pick }) {
  const rows = Array.from({ length: Math.min(BARS, V) }, () => {
    const word = h("bdi"),
      fill = h("i"),
      value = h("span", { class: "nw-glass-value" });
    const bar = [word, h("span", { class: "nw-glass-lane" }, fill), value];
    const row = { element: button(bar, () => pick(row.token)), word, fill, value, token: 0 };
    return row;
  });
  const stick = h("div", { class: "nw-glass-stick" }),
    dart = h("div", { class: "nw-glass-dart" });
  const title = h("p", { class: "nw-glass-after" }),
    rest = h("p", { class: "nw-muted nw-glass-rest" });
  const most = { class: "nw-glass-bars", role: "group", "aria-label": "The most probable next tokens" };
  const element = h(
    "div",
    { class: "nw-glass-end" },
    title,
    h(
      "div",
      { class: "nw-glass-target" },
      h("div", { class: "nw-glass-board", "aria-hidden": "true" }, stick, dart),
      h(
        "div",
        most,
        rows.map(row => row.element),
      ),
    ),
    rest,
  );
  const shades = ["var(--nw-blue)", "color-mix(in srgb,var(--nw-blue) 62%,transparent)"];

  return {
    element,
    /**
     * after: the token whose successor this is, or null for the last one. came: what did follow, or −1.
     * @param {{ p: Float32Array, best: number[], hit: number, after: number | null, came: number, picked: number }} now
     */
    show({ p, best, hit, after, came, picked }) {
      title.replaceChildren(
        ...(after === null ? ["What comes next?"] : ["What comes after ", h("b", {}, label(after)), "?"]),
      );
      const ids = rowsOf(best, hit < 0 ? came : hit);
      rows.forEach((row, i) => {
        const id = (row.token = ids[i]),
          name = label(id),
          words = [name, `probability ${share(p[id])}`];
        row.word.textContent = name;
        row.fill.style.width = `${(100 * p[id]).toFixed(2)}%`;
        row.value.textContent = share(p[id]);
        row.element.classList.toggle("nw-glass-hit", id === hit);
        row.element.classList.toggle("nw-glass-was", id === came);
        row.element.setAttribute(
          "aria-label",
          [...words, id === hit && "hit by the dart", id === came && "what followed"].filter(Boolean).join(", "),
        );
        row.element.setAttribute("aria-pressed", String(id === picked));
      });
      const others = Math.max(0, 1 - ids.reduce((sum, id) => sum + p[id], 0));
      rest.textContent = V > ids.length ? `${count(V - ids.length, "other token")}: ${share(others)} in total` : "";
      let shade = 0;
      const stops = stickOf(p, ids).map(({ id, from, to }) => {
        const color = id < 0 ? "var(--nw-grid)" : id === hit ? "var(--nw-orange)" : shades[shade++ % 2];
        return `${color} ${(100 * from).toFixed(2)}% ${(100 * to).toFixed(2)}%`;
      });
      stick.style.background = `linear-gradient(to bottom,${stops.join(",")})`;
    },
    /** @param {number} fall @param {number} u */
    throwDart(fall, u) {
      dart.style.opacity = fall > 0 ? "1" : "0";
      dart.style.top = `${100 * u}%`;
      dart.style.transform = `translate(${(1 - fall) * 150}px, ${(fall - 1) * 60}px)`;
    },
    /** @param {number} id */
    wordOf: id => rows.find(row => row.token === id)?.word,
  };
}
