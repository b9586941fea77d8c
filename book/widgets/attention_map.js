// @ts-check
// Attention weights: all heads at a glance, one or two of them large, and the numbers of a row and a column.
// attention_map.py packs the weights; attention_draw.js draws a head.
/** @import { Spot } from "./attention_draw.js" */
import {
  columnOf, drawHead, headEntropy, largest, nearTop, paintHeat, pooled, rowOf, shortened,
} from "./attention_draw.js";
import { announcer, button, checkbox, h, put, slider, widget } from "./dom.js";
import { entropy, sum } from "./formulas.js";
import { number, unpack, visible } from "./text.js";

const LISTED = 4, THUMB = 40; // entries in a list of the strongest, cells along the side of a small map

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

/** The text around a token: [before, token, after]. @param {string[]} tokens @param {number} i */
export function context(tokens, i, around = 12) {
  const letters = tokens.every(token => [...token].length <= 1), spaced = tokens.some(token => /\s/.test(token));
  const between = spaced || letters ? "" : " ";
  /** @param {string[]} part */
  const join = part => part.map(token => token.slice(0, 24)).join(between).replaceAll("\n", "↵");
  const before = join(tokens.slice(Math.max(0, i - around), i)), after = join(tokens.slice(i + 1, i + 1 + around));
  return [before && before + between, visible(tokens[i].slice(0, 24)), after && between + after];
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
  /** @typedef {{ head: ReturnType<typeof drawHead>, title: HTMLElement, data: Heads, map: Float64Array }} Panel */
  /** @type {Heads} */
  let data;
  let tokens = /** @type {string[]} */ ([]), keys = tokens, entropies = /** @type {number[]} */ ([]);
  let panels = /** @type {Panel[]} */ ([]), thumbs = /** @type {ReturnType<typeof thumbOf>[]} */ ([]), top = 1;
  let preview = /** @type {Required<Spot> | null} */ (null);
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
  const locked = () => ({ row: clamp(get("token"), data.T - 1), column: clamp(get("key"), data.S - 1) });
  const many = () => data.maps.length > 1;

  // All heads: one button each, one tab stop for all of them, arrow keys between them.
  const grid = h("div", { class: "nw-attention-grid", role: "group", "aria-label": "Heads" });
  const heads = h("div", { class: "nw-attention-heads" }, h("p", { class: "nw-attention-name" },
    "All heads, one row per layer. Below each head: its mean entropy in nats (0 if one token gets everything)."), grid);
  grid.addEventListener("keydown", event => {
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: data.heads, ArrowUp: -data.heads }[event.key] ?? 0;
    const from = thumbs.findIndex(thumb => thumb.button === event.target), to = from + step;
    if (!step || to < 0 || to >= thumbs.length) return;
    event.preventDefault();
    thumbs.forEach((thumb, i) => { thumb.button.tabIndex = i === to ? 0 : -1; });
    thumbs[to].button.focus();
  });
  /** @param {Float64Array} map @param {number} i */
  function thumbOf(map, i) {
    const canvas = h("canvas", { "aria-hidden": "true" }), tag = h("span", { class: "nw-attention-tag" });
    const spread = entropies[i].toFixed(2);
    const words = [h("span", { class: "nw-attention-thumb" }, canvas, tag), h("span", {}, spread)];
    const choose = () => put(model, { layer: layerOf(i), head: headOf(i) });
    const label = `Layer ${nameOf(i)}, head ${headOf(i)}, entropy ${spread} nats`;
    const element = button(words, choose, { "aria-label": label, tabindex: -1 });
    return { canvas, tag, small: pooled(map, data.S, THUMB), top: 0, button: element };
  }
  function fillGrid() {
    heads.hidden = !many();
    grid.style.setProperty("--heads", String(data.heads));
    thumbs = data.maps.map(thumbOf);
    grid.replaceChildren(...thumbs.map(thumb => thumb.button));
  }

  /**
   * One side of the numbers: a slider for the token, the text around it, and the strongest on the other axis.
   * @param {"row" | "column"} kind
   * @param {string} label
   * @param {"token" | "key"} trait
   * @param {string} words
   */
  function side(kind, label, trait, words) {
    const field = slider(frame, trait, { label, low: 0, high: 127, step: 1 });
    const input = /** @type {HTMLInputElement} */ (field.control), output = field.querySelector("output");
    const text = h("p", { class: "nw-attention-context" }), rest = h("p", { class: "nw-muted nw-attention-rest" });
    const name = h("p", { class: "nw-attention-name" });
    const other = kind === "row" ? "column" : "row", otherTrait = kind === "row" ? "key" : "token";
    const entries = Array.from({ length: LISTED }, () => {
      const token = h("span", { class: "nw-attention-token" }), bars = [h("i"), h("i")], values = [h("b"), h("b")];
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
      const lines = panels.map(panel => (kind === "row" ? rowOf : columnOf)(panel.map, here, data.S));
      const [before, itself, after] = context(from, here);
      text.replaceChildren(h("span", {}, before), h("mark", {}, itself), h("span", {}, after));
      input.setAttribute("aria-valuetext", `${here}: ${visible(from[here].slice(0, 40))}`);
      if (output) output.textContent = String(here);
      const best = strongest(lines[0], lines[1], LISTED), spread = lines.map(p => entropy(p).toFixed(2)).join(" | ");
      const nats = kind === "row" ? ` (entropy ${spread} nats)` : "";
      name.textContent = words + (lines[1] ? ", left | right" : "") + nats;
      list.setAttribute("aria-label", words);
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
      rest.textContent = others > 0 ? `the other ${others} together: ${left}` : "";
    }
    const element = h("div", { class: `nw-attention-side nw-attention-${kind}` }, field, text, name, list, rest);
    return { show, input, element };
  }

  const said = h("p", { class: "nw-attention-said" }), say = announcer(frame);

  /** Points at a cell in every panel; the numbers beside it follow only if `numbers` is set.
   * @param {Required<Spot>} place */
  function point(place, numbers = false) {
    panels.forEach(panel => panel.head.mark(place));
    if (numbers) [row, column].forEach(part => part.show(place));
    /** @param {string[]} list @param {number} i */
    const name = (list, i) => `“${visible(list[i].slice(0, 40))}” (${i})`;
    const masked = data.causal && place.column > place.row;
    const values = panels.map(panel => share(panel.map[place.row * data.S + place.column])).join(" | ");
    const how = masked ? "masked, because it comes later" : values;
    said.textContent = `${name(tokens, place.row)} looks at ${name(keys, place.column)}: ${how}`;
  }
  /** A name at the edge means its row and its column if the tokens look at each other.
   * @param {Spot} spot @returns {Required<Spot>} */
  const whole = ({ row, column }) => {
    const now = locked(), itself = get("key_tokens") === null;
    return { row: row ?? (itself ? column : null) ?? now.row, column: column ?? (itself ? row : null) ?? now.column };
  };
  /** @param {Spot | null} spot */
  function hover(spot) {
    if (!spot && !preview) return;
    preview = spot && whole(spot);
    point(preview ?? locked(), true);
  }
  /** @param {Spot} spot */
  function pick(spot) {
    const { row: token, column: key } = whole(spot);
    preview = null;
    put(model, { token, key });
  }

  const figures = h("div", { class: "nw-attention-panels" });
  let ends = /** @type {(() => void)[]} */ ([]);
  cleanup(() => ends.forEach(f => f()));
  /** @param {number} i */
  const caption = i => `Layer ${nameOf(i)}, head ${headOf(i)}: mean entropy ${number(entropies[i])} nats`;
  /** @param {number} i */
  const describe = i => `${many() ? caption(i) : "Attention map"}. ${data.T} rows, ${data.S} columns`
    + `${data.causal ? ", later tokens masked" : ""}.`;
  /** @param {number[]} picked */
  function makePanels(picked) {
    ends.forEach(f => f());
    ends = [];
    figures.replaceChildren();
    panels = picked.map(i => {
      const title = h("p", { class: "nw-attention-title" }), host = h("div");
      figures.append(h("div", {}, title, host));
      const head = drawHead(host, {
        cleanup: f => { ends.push(f); }, tokens, keys: get("key_tokens"), weights: data.maps[i], top,
        causal: data.causal, hover, pick,
      });
      return { title, head, data, map: data.maps[i] };
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
      panel.title.replaceChildren(...(two ? [h("b", {}, side ? "Right" : "Left"), " "] : []), many() ? caption(i) : "");
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
    root.toggleAttribute("data-over", two || (data.S > 40 && data.S <= 56)); // a map with room for every name
    compare.textContent = two ? "Stop comparing" : "Compare two heads";
    compare.hidden = !many();
    swap.hidden = !two;
    const full = top === 1 ? "1" : `${number(top)} or more`;
    scale.replaceChildren(h("span", {}, "weight 0"), h("i"), h("span", {}, full));
    point(locked(), true);
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
  const scale = h("span", { class: "nw-attention-scale" });
  const legend = h("div", { class: "nw-attention-legend" }, scale,
    h("span", { class: "nw-attention-key" }, "the row that looks"),
    h("span", { class: "nw-attention-key nw-attention-key2" }, "the column it looks at"));

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
    row.input.max = String(data.T - 1);
    column.input.max = String(data.S - 1);
    root.toggleAttribute("data-one", !many());
    root.toggleAttribute("data-wide", data.heads > 6);
    fillGrid();
  }
  const row = side("row", "Token that looks (row)", "token", "It looks at");
  const column = side("column", "Token looked at (column)", "key", "Looked at by");
  root.append(
    h("div", { class: "nw-row nw-attention-tools" }, compare, swap, checkbox(frame, "stretch", "Stronger colors")),
    h("div", { class: "nw-attention-parts" }, heads,
      h("div", { class: "nw-attention-main" }, figures, said, legend), row.element, column.element));
  on("layer head beside stretch tokens key_tokens weights", showHeads);
  on("token key", () => {
    if (stale()) showHeads();
    point(locked(), true);
    say(said.textContent ?? "");
  });
});
