// @ts-check
// Attention weights: all heads at a glance, one or two of them large, and the strongest weights of a row and a column.
// attention_map.py packs the weights; attention_draw.js draws a head.
/** @import { Spot } from "./attention_draw.js" */
import {
  columnOf, drawHead, headEntropy, largest, nearTop, paintHeat, pooled, rowOf, shortened,
} from "./attention_draw.js";
import { announcer, button, checkbox, h, more, primary, put, slider, widget } from "./dom.js";
import { entropy, sum } from "./formulas.js";
import { number, unpack, visible } from "./text.js";

const LISTED = 4, THUMB = 40; // entries in a list of the strongest, cells along the side of a small map
const AROUND = 18, NAME = 14; // characters: of the text beside a token, of a token's name

/** @typedef {ReturnType<typeof unpacked>} Heads */

/**
 * What Python packed: one Float64Array of T · S for each head, layer after layer.
 * @param {{ shape: number[], causal: boolean, packed: Parameters<typeof unpack>[0] }} weights
 */
export function unpacked({ shape: [layers, heads, T, S], causal, packed }) {
  const { values } = unpack(packed), size = causal ? (T * (T + 1)) / 2 : T * S;
  const maps = Array.from({ length: layers * heads }, (_, i) => {
    const given = values.subarray(i * size, (i + 1) * size);
    return causal ? fromHalf(given, T) : given;
  });
  return { layers, heads, T, S, causal, maps };
}

/** The whole T × T map from its lower half, row after row. @param {Float64Array} half @param {number} T */
export function fromHalf(half, T) {
  const whole = new Float64Array(T * T);
  for (let row = 0, from = 0; row < T; from += ++row) whole.set(half.slice(from, from + row + 1), row * T);
  return whole;
}

/**
 * The text around a token: [before, token, after], of about `room` characters on each side. It's cut between tokens;
 * where those are letters, between words if there's a gap. A cut shows as an ellipsis.
 * @param {string[]} tokens
 * @param {number} i
 */
export function context(tokens, i, room = AROUND) {
  const letters = tokens.every(token => [...token].length <= 1), spaced = tokens.some(token => /\s/.test(token));
  const between = spaced || letters ? "" : " ", gap = (/** @type {number} */ k) => /^\s*$/.test(tokens[k]);
  /** @param {number} by @param {number} end */
  const reach = (by, end) => { // how many tokens fit, from i away to the end
    let n = 0, length = 0;
    for (let k = i + by; k !== end; k += by, n++)
      if ((length += tokens[k].length + between.length) > room) break;
    if (!letters || i + by * (n + 1) === end) return n;
    for (let k = n; k > 0; k--) if (gap(i + by * (k + 1))) return k; // the word ends there
    return n;
  };
  const before = reach(-1, -1), after = reach(1, tokens.length), from = i - before, to = i + 1 + after;
  const join = (/** @type {number} */ a, /** @type {number} */ b) =>
    tokens.slice(a, b).join(between).replaceAll("\n", "↵");
  const itself = shortened(tokens[i], NAME, text => [...text].length);
  const start = (from ? "…" : "") + join(from, i), end = join(i + 1, to) + (to < tokens.length ? "…" : "");
  return [start && start + (before ? between : ""), itself, end && (after ? between : "") + end];
}

/**
 * The tokens worth listing for one or two heads: those with the largest weight in either, largest first.
 * @param {Float64Array} weights
 * @param {Float64Array | undefined} other
 * @param {number} n
 */
export function strongest(weights, other, n) {
  const either = other ? weights.map((w, i) => Math.max(w, other[i])) : weights;
  return largest(either, n).map(([i]) => i);
}

/** @param {number} w */
export const share = w => w.toFixed(3);

export default widget(frame => {
  const { model, root, on, cleanup } = frame, get = model.get;
  /** @param {number} value @param {number} high */
  const clamp = (value, high) => Math.max(0, Math.min(high, value));
  /** @typedef {{ head: ReturnType<typeof drawHead>, title: HTMLElement, tip: HTMLElement, data: Heads,
   *   map: Float64Array }} Panel */
  /** @type {Heads} */
  let data;
  let tokens = /** @type {string[]} */ ([]), keys = tokens, entropies = /** @type {number[]} */ ([]);
  let panels = /** @type {Panel[]} */ ([]), thumbs = /** @type {ReturnType<typeof thumbOf>[]} */ ([]), top = 1;
  let preview = /** @type {Required<Spot> | null} */ (null), open = false;
  root.classList.add("nw-attention");

  /** @returns {number[]} the heads in view, as indices into data.maps */
  const chosen = () => {
    /** @param {number} layer @param {number} head */
    const index = (layer, head) => clamp(layer - 1, data.layers - 1) * data.heads + clamp(head - 1, data.heads - 1);
    const [layer, head, ...more] = get("beside"), second = !more.length && [layer, head].every(Number.isInteger);
    return [index(get("layer"), get("head")), ...(second ? [index(layer, head)] : [])];
  };
  /** @param {number} i */
  const layerOf = i => Math.floor(i / data.heads) + 1;
  /** What to call it, if some layers are left out. @param {number} i */
  const nameOf = i => layerOf(i) + get("first") - 1;
  /** @param {number} i */
  const headOf = i => (i % data.heads) + 1;
  /** @param {number} i */
  const head = i => `Block ${nameOf(i)}, head ${headOf(i)}`;
  const locked = () => ({ row: clamp(get("token"), data.T - 1), column: clamp(get("key"), data.S - 1) });
  const many = () => data.maps.length > 1;
  /** @param {string} token */
  const quoted = token => `“${shortened(token, NAME, text => [...text].length)}”`;

  // All heads: one button each, one tab stop for all of them, arrow keys between them.
  const heads = h("div", { class: "nw-choice nw-attention-heads", role: "group", "aria-label": "Heads" });
  const strip = primary(heads);
  heads.addEventListener("keydown", event => {
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: data.heads, ArrowUp: -data.heads }[event.key] ?? 0;
    const from = thumbs.findIndex(thumb => thumb.button === event.target), to = from + step;
    if (!step || to < 0 || to >= thumbs.length) return;
    event.preventDefault();
    thumbs[to].button.focus();
    put(model, asMain(to));
  });
  /** @param {Float64Array} map @param {number} i */
  function thumbOf(map, i) {
    const canvas = h("canvas", { "aria-hidden": "true" }), tag = h("span", { class: "nw-attention-tag" });
    const label = `${head(i)}, mean entropy ${entropies[i].toFixed(2)} nats`;
    const element = button([canvas, tag], () => put(model, asMain(i)),
      { "aria-label": label, title: label, tabindex: -1 });
    return { canvas, tag, small: pooled(map, data.S, THUMB), top: 0, button: element };
  }
  function fillHeads() {
    strip.hidden = !many();
    thumbs = data.maps.map(thumbOf);
    heads.replaceChildren(...Array.from({ length: data.layers }, (_, layer) => {
      const from = layer * data.heads, own = thumbs.slice(from, from + data.heads).map(thumb => thumb.button);
      return h("div", { class: "nw-attention-layer" }, h("span", {}, `block ${nameOf(from)}`), h("div", {}, own));
    }));
  }

  /**
   * The strongest weights of a row or a column, and a slider for it.
   * @param {"row" | "column"} kind
   * @param {string} label
   * @param {"token" | "key"} trait
   * @param {string} does
   */
  function side(kind, label, trait, does) {
    const field = slider(frame, trait, { label, low: 0, high: 127, step: 1 });
    const input = /** @type {HTMLInputElement} */ (field.control), output = field.querySelector("output");
    field.classList.add(`nw-attention-${kind}`);
    const text = h("p", { class: "nw-attention-context" }), rest = h("p", { class: "nw-muted nw-attention-rest" });
    const name = h("p", { class: "nw-attention-name" });
    const other = kind === "row" ? "column" : "row", otherTrait = kind === "row" ? "key" : "token";
    const entries = Array.from({ length: LISTED }, () => {
      const token = h("span", { class: "nw-attention-token" }), values = [h("b"), h("b")];
      const bars = [h("i", { class: "nw-moves" }), h("i", { class: "nw-moves" })];
      const look = () => point({ ...locked(), [other]: entry.index }), leave = () => point(locked());
      const entry = {
        token, bars, values, index: 0,
        button: button([token, h("span", { class: "nw-attention-bars" }, bars), ...values],
          () => { preview = null; put(model, { [otherTrait]: entry.index }); }, {
            onpointerenter: event => { if (event.pointerType !== "touch") look(); },
            onpointerleave: leave, onfocus: look, onblur: leave,
          }),
      };
      return entry;
    });
    const list = h("div", { class: "nw-attention-list", role: "group" }, entries.map(entry => entry.button));

    /** @param {Required<Spot>} place */
    function show(place) {
      const [from, to] = kind === "row" ? [tokens, keys] : [keys, tokens], here = place[kind];
      input.setAttribute("aria-valuetext", `${here}: ${visible(from[here].slice(0, 40))}`);
      if (output) output.textContent = String(here);
      if (!open) return;
      const lines = panels.map(panel => (kind === "row" ? rowOf : columnOf)(panel.map, here, data.S));
      const [before, itself, after] = context(from, here);
      text.replaceChildren(h("span", {}, before), h("mark", {}, itself), h("span", {}, after));
      const best = strongest(lines[0], lines[1], LISTED), spread = lines.map(p => entropy(p).toFixed(2)).join(" | ");
      const nats = kind === "row" ? `, entropy ${spread} nats` : "";
      name.replaceChildren(h("b", {}, quoted(from[here])), ` ${does}`,
        h("span", { class: "nw-muted" }, (lines[1] ? " (left | right)" : "") + nats));
      list.setAttribute("aria-label", `${quoted(from[here])} ${does}`);
      entries.forEach((entry, k) => {
        entry.button.hidden = k >= best.length;
        if (k >= best.length) return;
        const i = entry.index = best[k], short = shortened(to[i], 9, t => [...t].length);
        entry.token.replaceChildren(h("span", {}, short), " ", h("small", {}, String(i)));
        entry.bars.forEach((bar, j) => { bar.hidden = !lines[j]; bar.style.width = `${100 * (lines[j]?.[i] ?? 0)}%`; });
        entry.values.forEach((value, j) => {
          value.hidden = !lines[j];
          value.textContent = lines[j] ? share(lines[j][i]) : "";
        });
        entry.button.setAttribute("aria-current", String(i === place[other]));
      });
      const others = to.length - best.length;
      const left = lines.map(p => share(Math.max(0, sum(p) - sum(best.map(i => p[i]))))).join(" | ");
      rest.textContent = others > 0 ? `the other ${others} combined: ${left}` : "";
    }
    const element = h("div", { class: `nw-attention-side nw-attention-${kind}` }, name, text, list, rest);
    return { show, input, field, element };
  }

  const said = h("p", { class: "nw-visually-hidden nw-attention-said" }), say = announcer(frame);

  /** Points at a cell in every panel. @param {Required<Spot>} place */
  function point(place) {
    const { row: t, column: s } = place, masked = data.causal && s > t;
    const shareIn = (/** @type {Panel} */ panel) => share(panel.map[t * data.S + s]);
    const looks = `${quoted(tokens[t])} attends to ${quoted(keys[s])}`, how = "masked, because it comes later";
    panels.forEach(panel => {
      panel.head.mark(place);
      const at = panel.head.spot(place), shown = preview !== null || panel.head.element === document.activeElement;
      panel.tip.remove();
      if (!shown || !at) return;
      panel.tip.textContent = masked ? `${quoted(keys[s])} comes later: masked` : `${looks}: ${shareIn(panel)}`;
      panel.head.element.append(panel.tip);
      const { offsetWidth: wide, offsetHeight: high } = panel.tip, most = panel.head.element.clientWidth - wide;
      panel.tip.style.left = `${Math.max(0, Math.min(most, at.x - wide / 2))}px`;
      panel.tip.style.top = `${at.y - high - 6}px`;
    });
    said.textContent = `${quoted(tokens[t])} (${t}) attends to ${quoted(keys[s])} (${s}): `
      + (masked ? how : panels.map(shareIn).join(" | "));
  }
  /** A name at the edge means its row and its column if the tokens look at each other.
   * @param {Spot} spot @returns {Required<Spot>} */
  const whole = ({ row, column }) => {
    const now = locked(), itself = get("key_tokens") === null;
    return { row: row ?? (itself ? column : null) ?? now.row, column: column ?? (itself ? row : null) ?? now.column };
  };
  /** @param {Spot | null} spot */
  function hover(spot) {
    preview = spot && whole(spot);
    point(preview ?? locked());
  }
  /** @param {Required<Spot>} spot */
  function move({ row: token, column: key }) {
    preview = null;
    put(model, { token, key });
    point(locked()); // the next key starts from there
  }
  /** @param {Spot} spot */
  function pick(spot) {
    move(whole(spot));
    show(true);
  }

  // The strongest weights: a click on the map or Enter opens them, × or Escape closes them.
  const row = side("row", "Query token (row)", "token", "attends to");
  const column = side("column", "Key token (column)", "key", "gets attention from");
  const lists = h("section", { class: "nw-attention-lists", "aria-label": "The strongest weights", hidden: true },
    row.element, column.element,
    button("×", () => show(false), { class: "nw-attention-close", "aria-label": "Close", title: "Close (Escape)" }));
  /** @param {boolean} now */
  function show(now) {
    const within = lists.contains(document.activeElement);
    open = now;
    lists.hidden = !open;
    [row, column].forEach(part => part.show(locked()));
    if (!open && within) panels[0].head.element.focus({ preventScroll: true });
  }
  root.addEventListener("keydown", event => {
    if (event.key !== "Escape" || !open) return;
    event.preventDefault();
    show(false);
  });

  const figures = h("div", { class: "nw-attention-panels" });
  let ends = /** @type {(() => void)[]} */ ([]);
  cleanup(() => ends.forEach(f => f()));
  /** @param {number} i */
  const describe = i => `${many() ? `${head(i)}: a` : "A"}ttention map, ${data.T} rows, ${data.S} columns`;
  /** @param {number[]} picked */
  function makePanels(picked) {
    ends.forEach(f => f());
    ends = [];
    figures.replaceChildren();
    panels = picked.map(i => {
      const title = h("p", { class: "nw-muted nw-attention-title" }), host = h("div");
      const tip = h("div", { class: "nw-tip", "aria-hidden": "true" });
      figures.append(h("div", {}, title, host));
      const head = drawHead(host, {
        cleanup: f => { ends.push(f); }, tokens, keys: get("key_tokens"), weights: data.maps[i], top,
        causal: data.causal, axes: true, hover, pick, move,
      });
      head.element.setAttribute("aria-description",
        "Arrow keys move the chosen cell. Enter lists the strongest weights.");
      for (const event of ["focus", "blur"]) head.element.addEventListener(event, () => point(preview ?? locked()));
      return { title, tip, head, data, map: data.maps[i] };
    });
  }
  function showHeads() {
    if (stale()) read();
    const picked = chosen(), two = picked.length > 1;
    top = get("stretch") ? Math.max(...picked.map(i => nearTop(data.maps[i]))) : 1;
    if (panels.length !== picked.length || panels[0].data !== data) makePanels(picked);
    panels.forEach((panel, side) => {
      const i = picked[side];
      panel.map = data.maps[i];
      panel.title.textContent = (two ? `${side ? "Right" : "Left"}: ` : "") + (many() ? head(i) : "");
      panel.head.show({ weights: panel.map, top, label: describe(i) });
    });
    thumbs.forEach((thumb, i) => {
      const mark = picked.indexOf(i), both = picked[0] === picked[1] ? "L R" : "LR"[mark];
      thumb.button.setAttribute("aria-pressed", String(mark >= 0));
      thumb.tag.textContent = two && mark >= 0 ? both : "";
      thumb.button.tabIndex = i === picked[0] ? 0 : -1;
      if (thumb.top !== top) paintHeat(thumb.canvas, thumb.small, (thumb.top = top));
    });
    root.toggleAttribute("data-two", two);
    compare.textContent = two ? "Stop comparing" : "Compare two heads";
    compare.hidden = !many();
    swap.hidden = !two;
    scale.textContent = `Full blue is a weight of ${top === 1 ? "1" : `${number(top)} or more`}.`;
    const spreads = picked.map(i => number(entropies[i])).join(" | ");
    spread.textContent = `Average entropy per row: ${spreads} nats `
      + "(0 means each row puts all its weight on one token).";
    update();
  }
  function update() {
    point(preview ?? locked());
    [row, column].forEach(part => part.show(locked()));
  }

  /** @param {number} i */
  const asBeside = i => ({ beside: [layerOf(i), headOf(i)] });
  /** @param {number} i */
  const asMain = i => ({ layer: layerOf(i), head: headOf(i) });
  const compare = button("", () => {
    const [i, second] = chosen();
    put(model, second !== undefined ? { beside: [] } : { ...asBeside(i), ...asMain((i + 1) % data.maps.length) });
  });
  const swap = button("Swap left and right", () => {
    const [left, right] = chosen();
    put(model, { ...asMain(right), ...asBeside(left) });
  });
  const scale = h("span", { class: "nw-muted" }), spread = h("p", { class: "nw-muted" });

  // Data may change together with settings, in any order: whichever update comes first reads it.
  let raw = /** @type {unknown[]} */ ([]);
  const sources = ["tokens", "key_tokens", "weights"];
  const stale = () => sources.some((name, i) => get(name) !== raw[i]);
  function read() {
    raw = sources.map(get);
    tokens = get("tokens");
    keys = get("key_tokens") ?? tokens;
    data = unpacked(get("weights"));
    entropies = data.maps.map(map => headEntropy(map, data.S));
    preview = null;
    row.input.max = String(data.T - 1);
    column.input.max = String(data.S - 1);
    fillHeads();
  }
  root.append(strip, h("div", { class: "nw-drawing" }, figures, lists), said, more(
    h("div", { class: "nw-row" }, compare, swap, checkbox(frame, "stretch", "Stronger colors"), scale),
    h("div", { class: "nw-controls" }, row.field, column.field), spread));
  on("layer head beside stretch tokens key_tokens weights", showHeads);
  on("token key", () => {
    if (stale()) showHeads();
    update();
    say(said.textContent ?? "");
  });
});
