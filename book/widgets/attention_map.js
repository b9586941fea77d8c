import { announcer, button, checkbox, h, number, put, slider, unpack, visible, widget } from "./dom.js";
import { columnOf, drawHead, headEntropy, largest, nearTop, paintHeat, pooled, rowOf, shortened } from "./attention_draw.js";
import { entropy } from "./formulas.js";

const LISTED = 4, THUMB = 40; // entries in a list of the strongest, cells along the side of a small map

// What Python packed: { layers, heads, T, S, causal, maps }, one Float64Array of T · S a head, layer after layer.
export function unpacked({ shape: [layers, heads, T, S], causal, packed }) {
  const { values } = unpack(packed), size = causal ? (T * (T + 1)) / 2 : T * S;
  const maps = Array.from({ length: layers * heads }, (_, i) => {
    const given = values.subarray(i * size, (i + 1) * size);
    return causal ? fromHalf(given, T) : given;
  });
  return { layers, heads, T, S, causal, maps };
}

// The whole T × T map from its lower half, row after row.
export function fromHalf(half, T) {
  const whole = new Float64Array(T * T);
  for (let row = 0, from = 0; row < T; from += ++row) whole.set(half.slice(from, from + row + 1), row * T);
  return whole;
}

// The text around a token, for those who see it marked: [before, token, after].
export function context(tokens, i, around = 12) {
  const between = tokens.some(token => /\s/.test(token)) || tokens.every(token => [...token].length <= 1) ? "" : " ";
  const join = part => part.map(token => token.slice(0, 24)).join(between).replaceAll("\n", "↵");
  const before = join(tokens.slice(Math.max(0, i - around), i)), after = join(tokens.slice(i + 1, i + 1 + around));
  return [before && before + between, visible(tokens[i].slice(0, 24)), after && between + after];
}

// The tokens worth listing for one or two heads: those with the largest weight in either, largest first.
export function strongest(weights, other, n) {
  const either = other ? weights.map((w, i) => Math.max(w, other[i])) : weights;
  return largest(either, n).map(([i]) => i);
}

export const share = w => w.toFixed(3);

export default widget(frame => {
  const { model, root, on, cleanup } = frame;
  const get = name => model.get(name), clamp = (value, high) => Math.max(0, Math.min(high, value));
  let data, tokens, keys, entropies, preview = null, panels = [], thumbs = [], top = 1; // set by `read` and `showHeads`
  root.classList.add("nw-attention");

  const chosen = () => {
    const index = (layer, head) => clamp(layer - 1, data.layers - 1) * data.heads + clamp(head - 1, data.heads - 1);
    const beside = get("beside");
    return [index(get("layer"), get("head")), ...(beside.length === 2 && beside.every(Number.isInteger) ? [index(...beside)] : [])];
  };
  const layerOf = i => Math.floor(i / data.heads) + 1, headOf = i => (i % data.heads) + 1;
  const locked = () => ({ row: clamp(get("token"), data.T - 1), column: clamp(get("key"), data.S - 1) });
  const many = () => data.maps.length > 1;

  // All heads: one button each, one tab stop for all of them, arrow keys between them.
  const grid = h("div", { class: "nw-attention-grid", role: "group", "aria-label": "Heads" });
  const heads = h("div", { class: "nw-attention-heads" },
    h("p", { class: "nw-attention-name" }, "All heads, a row for each layer. Below: mean entropy in nats (0 if one token gets all)."), grid);
  grid.addEventListener("keydown", event => {
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: data.heads, ArrowUp: -data.heads }[event.key];
    const from = thumbs.findIndex(thumb => thumb.button === event.target), to = from + step;
    if (!step || to < 0 || to >= thumbs.length) return;
    event.preventDefault();
    thumbs.forEach((thumb, i) => { thumb.button.tabIndex = i === to ? 0 : -1; });
    thumbs[to].button.focus();
  });
  function fillGrid() {
    heads.hidden = !many();
    grid.style.setProperty("--heads", data.heads);
    thumbs = data.maps.map((map, i) => {
      const canvas = h("canvas", { "aria-hidden": "true" }), tag = h("span", { class: "nw-attention-tag" });
      const small = pooled(map, data.S, THUMB);
      const choose = () => put(model, { layer: layerOf(i), head: headOf(i) });
      return { canvas, tag, small, button: button([h("span", { class: "nw-attention-thumb" }, canvas, tag), h("span", {}, entropies[i].toFixed(2))], choose, {
        "aria-label": `Layer ${layerOf(i)}, head ${headOf(i)}, entropy ${entropies[i].toFixed(2)} nats`, tabindex: -1 }) };
    });
    grid.replaceChildren(...thumbs.map(thumb => thumb.button));
  }

  // One side of the numbers: a slider for the token, the text around it, and the strongest on the other axis.
  function side(kind, label, trait, words) {
    const field = slider(frame, trait, { label, low: 0, high: 127, step: 1, shown: i => String(i) });
    const text = h("p", { class: "nw-attention-context" }), rest = h("p", { class: "nw-muted nw-attention-rest" });
    const name = h("p", { class: "nw-attention-name" });
    const other = kind === "row" ? "column" : "row", otherTrait = kind === "row" ? "key" : "token";
    const entries = Array.from({ length: LISTED }, () => {
      const parts = { token: h("span", { class: "nw-attention-token" }), bars: [h("i"), h("i")], values: [h("b"), h("b")] };
      parts.button = button([parts.token, h("span", { class: "nw-attention-bars" }, parts.bars), ...parts.values],
        () => { preview = null; put(model, { [otherTrait]: parts.index }); }, {
          onpointerenter: event => { if (event.pointerType !== "touch") point({ ...locked(), [other]: parts.index }); },
          onpointerleave: () => point(locked()),
          onfocus: () => point({ ...locked(), [other]: parts.index }),
          onblur: () => point(locked()),
        });
      return parts;
    });
    const list = h("div", { class: "nw-attention-list", role: "group" }, entries.map(entry => entry.button));
    function show(place) {
      const from = kind === "row" ? tokens : keys, to = kind === "row" ? keys : tokens;
      const lines = panels.map(panel => (kind === "row" ? rowOf : columnOf)(panel.map, place[kind], data.S));
      const [before, itself, after] = context(from, place[kind]);
      text.replaceChildren(h("span", {}, before), h("mark", {}, itself), h("span", {}, after));
      field.querySelector("input").setAttribute("aria-valuetext", `${place[kind]}: ${visible(from[place[kind]].slice(0, 40))}`);
      field.querySelector("output").textContent = place[kind];
      const best = strongest(lines[0], lines[1], LISTED);
      name.textContent = words + (lines[1] ? ", left | right" : "") + (kind === "row" ? ` (entropy ${lines.map(p => entropy(p).toFixed(2)).join(" | ")} nats)` : "");
      list.setAttribute("aria-label", words);
      entries.forEach((entry, k) => {
        const i = best[k];
        entry.button.hidden = i === undefined;
        if (i === undefined) return;
        entry.index = i;
        entry.token.replaceChildren(h("span", {}, shortened(to[i], 9, t => [...t].length)), " ", h("small", {}, String(i)));
        entry.bars.forEach((bar, j) => { bar.hidden = !lines[j]; if (lines[j]) bar.style.width = `${100 * lines[j][i]}%`; });
        entry.values.forEach((value, j) => { value.hidden = !lines[j]; value.textContent = lines[j] ? share(lines[j][i]) : ""; });
        entry.button.setAttribute("aria-current", String(i === place[other]));
      });
      const others = to.length - best.length, left = lines.map(p => p.reduce((total, w) => total + w, 0) - best.reduce((total, i) => total + p[i], 0));
      rest.textContent = others > 0 ? `the other ${others} together: ${left.map(w => share(Math.max(0, w))).join(" | ")}` : "";
    }
    return { show, input: field.querySelector("input"), element: h("div", { class: `nw-attention-side nw-attention-${kind}` }, field, text, name, list, rest) };
  }

  const said = h("p", { class: "nw-attention-said" }), say = announcer(frame);

  // Points at a cell in every panel; the numbers beside follow only where `numbers` says so.
  function point(place, numbers = false) {
    panels.forEach(panel => panel.head.mark(place));
    if (numbers) [row, column].forEach(part => part.show(place));
    const name = (list, i) => `“${visible(list[i].slice(0, 40))}” (${i})`;
    const masked = data.causal && place.column > place.row;
    const values = panels.map(panel => share(panel.map[place.row * data.S + place.column])).join(" | ");
    said.textContent = `${name(tokens, place.row)} looks at ${name(keys, place.column)}: ${masked ? "masked, it comes later" : values}`;
  }
  const whole = place => {
    const both = get("key_tokens") === null && !("row" in place && "column" in place);
    return both ? { row: place.row ?? place.column, column: place.column ?? place.row } : { ...locked(), ...place };
  };
  function hover(place) {
    if (!place && !preview) return;
    preview = place && whole(place);
    point(preview ?? locked(), true);
  }
  function pick(place) {
    const { row: token, column: key } = whole(place);
    preview = null;
    put(model, { token, key });
  }

  const figures = h("div", { class: "nw-attention-panels" }), cleanups = [];
  cleanup(() => cleanups.forEach(f => f()));
  const caption = i => `Layer ${layerOf(i)}, head ${headOf(i)}: mean entropy ${number(entropies[i])} nats`;
  const describe = (map, i) => `${many() ? caption(i) : "Attention map"}. ${data.T} rows, ${data.S} columns${data.causal ? ", later tokens masked" : ""}.`;
  function showHeads() {
    if (stale()) read();
    const picked = chosen();
    top = get("stretch") ? Math.max(...picked.map(i => nearTop(data.maps[i]))) : 1;
    if (panels.length !== picked.length || panels[0].data !== data) {
      cleanups.splice(0).forEach(f => f());
      figures.replaceChildren();
      panels = picked.map(i => {
        const title = h("p", { class: "nw-attention-title" }), host = h("div");
        figures.append(h("div", {}, title, host));
        const head = drawHead(host, { cleanup: f => cleanups.push(f), tokens, keys: get("key_tokens"), weights: data.maps[i], top, causal: data.causal, hover, pick });
        return { title, head, data };
      });
    }
    panels.forEach((panel, side) => {
      const i = picked[side];
      panel.map = data.maps[i];
      panel.title.replaceChildren(...(picked.length > 1 ? [h("b", {}, side ? "Right" : "Left"), " "] : []), many() ? caption(i) : "");
      panel.head.show({ weights: panel.map, top, label: describe(panel.map, i) });
    });
    thumbs.forEach((thumb, i) => {
      const mark = picked.indexOf(i);
      thumb.button.setAttribute("aria-pressed", String(mark >= 0));
      thumb.tag.textContent = picked.length > 1 && mark >= 0 ? (picked[0] === picked[1] ? "L R" : "LR"[mark]) : "";
      thumb.button.tabIndex = i === picked[0] ? 0 : -1;
      if (thumb.top !== top) paintHeat(thumb.canvas, thumb.small, (thumb.top = top));
    });
    root.toggleAttribute("data-two", picked.length > 1);
    root.toggleAttribute("data-over", picked.length > 1 || (data.S > 40 && data.S <= 56)); // a map with room for every name
    compare.textContent = picked.length > 1 ? "Stop comparing" : "Compare two heads";
    compare.hidden = !many();
    swap.hidden = picked.length < 2;
    scale.replaceChildren(h("span", {}, "weight 0"), h("i"), h("span", {}, top === 1 ? "1" : `${number(top)} and more`));
    point(locked(), true);
  }

  const compare = button("", () => {
    const [i] = chosen(), next = (i + 1) % data.maps.length;
    put(model, chosen().length > 1 ? { beside: [] } : { beside: [layerOf(i), headOf(i)], layer: layerOf(next), head: headOf(next) });
  });
  const swap = button("Swap left and right", () => {
    const [left, right] = chosen();
    put(model, { layer: layerOf(right), head: headOf(right), beside: [layerOf(left), headOf(left)] });
  });
  const scale = h("span", { class: "nw-attention-scale" });
  const legend = h("div", { class: "nw-attention-legend" }, scale,
    h("span", { class: "nw-attention-key" }, "the row that looks"), h("span", { class: "nw-attention-key nw-attention-key2" }, "the column looked at"));

  // Data may change together with settings, in any order: whoever comes first reads them.
  let raw = [];
  const stale = () => ["tokens", "key_tokens", "weights"].some((name, i) => get(name) !== raw[i]);
  function read() {
    raw = ["tokens", "key_tokens", "weights"].map(get);
    tokens = raw[0];
    keys = raw[1] ?? tokens;
    data = unpacked(raw[2]);
    entropies = data.maps.map(map => headEntropy(map, data.S));
    row.input.max = data.T - 1;
    column.input.max = data.S - 1;
    root.toggleAttribute("data-one", !many());
    root.toggleAttribute("data-wide", data.heads > 6);
    fillGrid();
  }
  const row = side("row", "Token that looks (row)", "token", "It looks at");
  const column = side("column", "Token looked at (column)", "key", "Looked at by");
  root.append(h("div", { class: "nw-row nw-attention-tools" }, compare, swap, checkbox(frame, "stretch", "Stronger colors")),
    h("div", { class: "nw-attention-parts" }, heads,
      h("div", { class: "nw-attention-main" }, figures, said, legend), row.element, column.element));
  on("layer head beside stretch tokens key_tokens weights", showHeads);
  on("token key", () => {
    if (stale()) showHeads();
    point(locked(), true);
    say(said.textContent);
  });
});
