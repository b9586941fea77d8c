// @ts-check
// Where a GPT's picture ends: the stick with the probabilities end to end, the dart, and the largest of them as bars.
import { button, h } from "./dom.js";
import { count, share } from "./text.js";

export const BARS = 8;

/**
 * A token's probability, and the sum of those before it in the vocabulary.
 * @typedef {{ id: number, p: number, from: number }} Piece
 */

/**
 * The stick: the probabilities end to end in the vocabulary's order. Between the pieces given, and after them, is one
 * with the id −1 for everything else.
 * @param {Piece[]} given
 */
export function stickOf(given) {
  const pieces = [],
    sorted = given.filter(({ p }) => p > 0).sort((a, b) => a.from - b.from);
  let at = 0;
  for (const { id, p, from } of sorted) {
    if (from > at + 1e-6) pieces.push({ id: -1, from: at, to: from });
    pieces.push({ id, from, to: from + p });
    at = from + p;
  }
  if (at < 1 - 1e-6) pieces.push({ id: -1, from: at, to: 1 });
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
      value = h("span", { class: "nw-glass-value" }),
      ghost = h("s");
    const bar = [word, h("span", { class: "nw-glass-lane" }, fill, ghost), value];
    const row = { element: button(bar, () => pick(row.token)), word, fill, value, ghost, token: 0 };
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
     * pieces: the rows. after: the token whose successor this is, or null for the last one. came: what did follow,
     * or −1.
     * @param {{ pieces: Piece[], hit: number, after: number | null, came: number, picked: number,
     *   others: number, ended: boolean,
     *   was: Float32Array | null }} now  others: the probability of everything else. was: those before any switch
     */
    show({ pieces, hit, after, came, picked, others, ended, was }) {
      title.replaceChildren(
        ...(ended
          ? ["The text has ended."]
          : after === null
            ? ["What comes next?"]
            : ["What comes after ", h("b", {}, label(after)), "?"]),
      );
      element.classList.toggle("nw-glass-over", ended);
      rows.forEach((row, i) => {
        row.element.hidden = !pieces[i];
        if (!pieces[i]) return;
        const { id, p } = pieces[i],
          name = label(id),
          words = [name, `probability ${share(p)}`];
        row.token = id;
        row.word.textContent = name;
        row.fill.style.width = `${(100 * p).toFixed(2)}%`;
        row.value.textContent = share(p);
        row.element.classList.toggle("nw-glass-hit", id === hit);
        row.element.classList.toggle("nw-glass-was", id === came);
        row.ghost.hidden = !was;
        if (was) row.ghost.style.left = `${(100 * was[id]).toFixed(2)}%`;
        row.element.title = was ? `${share(was[id])} with everything on` : "";
        words.push(
          was ? `${share(was[id])} with everything on` : "",
          id === hit ? "hit by the dart" : "",
          id === came ? "the actual next token" : "",
        );
        row.element.setAttribute("aria-label", words.filter(Boolean).join(", "));
        row.element.setAttribute("aria-pressed", String(id === picked));
      });
      const more = V - pieces.length;
      rest.textContent =
        more > 0
          ? `The stick lays these probabilities end to end, plus ${count(more, "other token")} that ` +
            `${more === 1 ? "has" : "total"} ${share(others)}.`
          : "The stick lays these probabilities end to end.";
      let shade = 0;
      const stops = stickOf(pieces).map(({ id, from, to }) => {
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
