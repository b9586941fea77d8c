// One head of attention as a picture: a map of its weights, and arcs that join the tokens that look to those looked at.
// Blue is weight and nothing else. Orange marks the row that looks, green (dashed) the column that is looked at.
// Weights stand in a Float64Array, row after row: T rows (tokens that look), S columns (keys, tokens looked at).
import { h, s, visible } from "./dom.js";
import { entropy, ranking } from "./formulas.js";

const HEAT = "41,133,217"; // the blue of plots.HEAT: clear at 0
const LEAST = 10, MOST = 44, HEIGHT = 560, TALLEST = 680; // pixels: a cell with a readable label, a cell, a map, one with a line for each row
const LINE = 13, ASIDE = 9; // in rows lower than a line, every other label stands so far aside, or they would touch
const FAINT = 0.04; // weights below this share of the scale get no faint arc

export const rowOf = (weights, row, S) => weights.slice(row * S, (row + 1) * S);
export const columnOf = (weights, column, S) => Float64Array.from({ length: weights.length / S }, (_, row) => weights[row * S + column]);

// The mean over the rows of their entropy, in nats.
export function headEntropy(weights, S) {
  let total = 0;
  for (let i = 0; i < weights.length; i += S) total += entropy(weights.slice(i, i + S));
  return (total * S) / weights.length;
}

// The weight that one in twenty of the weights above 0 reaches: the end of a stretched scale. Never above 1.
export function nearTop(weights) {
  const some = weights.filter(w => w > 0).sort((a, b) => a - b);
  return some[Math.min(some.length - 1, Math.floor(0.95 * some.length))];
}

// The n largest of some weights: [index, weight] pairs from the largest down, zeros left out.
export const largest = (weights, n) => ranking(weights).slice(0, n).filter(i => weights[i] > 0).map(i => [i, weights[i]]);

// A map of at most `side` × `side` blocks, each the largest weight in it, so that thin lines survive in a small picture.
export function pooled(weights, S, side) {
  const T = weights.length / S, rows = Math.min(T, side), columns = Math.min(S, side);
  const values = new Float64Array(rows * columns);
  weights.forEach((w, i) => {
    const at = Math.floor((Math.floor(i / S) * rows) / T) * columns + Math.floor(((i % S) * columns) / S);
    values[at] = Math.max(values[at], w);
  });
  return { rows, columns, values };
}

// Where everything stands in a picture `width` pixels wide. wideRow, wideColumn: the widest label; 0 for no arcs.
export function places({ width, T, S, wideRow, wideColumn, arcs = true, crossing = false }) {
  const margin = label => Math.ceil(Math.min(label, 0.26 * width, 100)) + 8;
  const tall = LINE * T <= TALLEST ? Math.max(HEIGHT, LINE * T) : HEIGHT;
  const room = left => Math.max(1, Math.min((width - left - 2) / S, tall / T, MOST));
  const named = room(margin(wideRow)) >= LEAST; // or else positions stand at the edge, and a token's name when it is marked
  const aside = named && room(margin(wideRow)) < LINE ? ASIDE : 0;
  const left = named ? margin(wideRow) + aside : 36, cell = room(left);
  const turned = named && wideColumn > Math.max(cell - 3, 14); // single letters may touch
  const label = turned ? Math.ceil(Math.min(wideColumn, 80)) + 8 : 20;
  const above = arcs && crossing ? label : 0; // the names of those that look, over the arcs
  const arc = arcs ? Math.round(Math.min(88, Math.max(40, 0.24 * S * cell))) : 0;
  const top = above + arc + label;
  return { width, T, S, left, aside, cell, named, turned, label, above, arc, base: above + arc, top, height: top + T * cell + 2, across: S * cell };
}

// What is at a point: { row, column } in the map, { row } beside it, { column } above it, or null.
export function at({ left, cell, above, top, T, S, across }, x, y, crossing = false) {
  const column = Math.min(S - 1, Math.floor((x - left) / cell)), row = Math.min(T - 1, Math.floor((y - top) / cell));
  const inside = x >= left && x <= left + across;
  if (crossing && inside && y < above) return { row: Math.min(T - 1, Math.floor(((x - left) / across) * T)) };
  if (inside && y >= 0 && y < top) return { column };
  if (y >= top && y <= top + T * cell && x >= 0 && x < left) return { row };
  return inside && y >= top && y <= top + T * cell ? { row, column } : null;
}

// The path from the token that looks to the one looked at.
export function arcPath({ left, cell, above, base, arc, across, T, S }, row, column, crossing = false) {
  const n = v => Math.round(v * 10) / 10, to = left + (column + 0.5) * cell;
  if (crossing) {
    const from = left + ((row + 0.5) * across) / T, middle = (above + base) / 2;
    return `M${n(from)} ${above + 2}C${n(from)} ${n(middle)} ${n(to)} ${n(middle)} ${n(to)} ${base - 2}`;
  }
  const from = left + (row + 0.5) * cell, end = base - 2;
  if (row === column) return `M${n(to)} ${end}c-11 -22 11 -22 0 0`;
  const high = 8 + (arc - 14) * Math.pow(Math.abs(row - column) / Math.max(1, S - 1), 0.65);
  return `M${n(from)} ${end}A${n(Math.abs(to - from) / 2)} ${n(high)} 0 0 ${to < from ? 0 : 1} ${n(to)} ${end}`;
}

// A token short enough for a label; `wide` measures text in pixels.
export function shortened(token, room, wide) {
  const text = visible(String(token).slice(0, 60)) || "∅";
  if (wide(text) <= room && String(token).length <= 60) return text;
  const parts = [...new Intl.Segmenter().segment(text)].map(part => part.segment);
  while (parts.length > 1 && wide(parts.join("") + "…") > room) parts.pop();
  return parts.join("") + "…";
}

// Weights as pixels: a canvas of one pixel a cell, to be stretched by CSS.
export function paintHeat(canvas, { rows, columns, values }, top = 1) {
  canvas.width = columns;
  canvas.height = rows;
  const pen = canvas.getContext("2d"), image = pen.createImageData(columns, rows), [r, g, b] = HEAT.split(",").map(Number);
  values.forEach((w, i) => image.data.set([r, g, b, Math.round(255 * Math.min(1, w / top))], 4 * i));
  pen.putImageData(image, 0, 0);
}

// Draws one head into the element `host` and keeps it as wide as `host` is.
//   tokens: T labels of the rows; keys: S labels of the columns, null when the rows look at each other;
//   weights: Float64Array of T · S; top: the weight that is full blue; causal: mark the upper half as not allowed;
//   arcs: false leaves them out; label: what a screen reader says;
//   hover(place | null), pick(place): called with { row }, { column } or both.
// Returns { element, show({ weights, top, label, … }), mark({ row, column }) }: `show` takes any of the options above
// anew, `mark` points at a row and a column (null: none) without drawing the rest again. `cleanup` is the frame's.
export function drawHead(host, { cleanup = () => {}, ...options }) {
  let now = { keys: null, top: 1, causal: false, arcs: true, label: "", hover: null, pick: null, ...options };
  let marks = { row: null, column: null }, place = null, names = { rows: [], columns: [], askers: [] };
  const canvas = h("canvas", { style: { position: "absolute", "image-rendering": "pixelated", "pointer-events": "none" } });
  const ground = s("g"), arcs = s("g", { fill: "none" }), labels = s("g"), focus = s("g", { fill: "none" });
  const svg = s("svg", { style: { position: "relative", width: "100%", overflow: "hidden" } }, ground, arcs, labels, focus);
  const element = h("div", { role: "img", class: "nw-head", style: { position: "relative", "min-width": "0" } }, canvas, svg);
  const pen = document.createElement("canvas").getContext("2d");
  const wide = text => pen.measureText(text).width;
  const crossing = () => now.keys !== null;
  const text = (attributes, words) => s("text", { "text-anchor": "middle", "dominant-baseline": "central", style: { "font-size": "12px" }, ...attributes }, words);

  const rowY = row => place.top + (row + 0.5) * place.cell, columnX = column => place.left + (column + 0.5) * place.cell;
  const rowName = (row, words) => text({ x: place.left - 6 - (row % 2) * place.aside, y: rowY(row), "text-anchor": "end" }, words);
  const columnName = (column, words) => place.turned
    ? text({ transform: `translate(${columnX(column)} ${place.top - 5}) rotate(-90)`, "text-anchor": "start" }, words)
    : text({ x: columnX(column), y: place.top - 10 }, words);
  const askerName = (row, words) => {
    const x = place.left + ((row + 0.5) * place.across) / place.T;
    return place.turned ? text({ transform: `translate(${x} ${place.above - 3}) rotate(-90)`, "text-anchor": "start" }, words)
      : text({ x, y: place.above - 9 }, words);
  };

  function lay() {
    const width = element.clientWidth;
    if (!width) return;
    pen.font = `700 12px ${getComputedStyle(element).fontFamily}`; // a marked name is bold
    const { tokens, weights } = now, keys = now.keys ?? tokens, T = tokens.length, S = keys.length;
    const widest = (all, room) => Math.max(...all.map(token => wide(shortened(token, room, wide))));
    const wideColumn = Math.max(widest(keys, 80), crossing() ? widest(tokens, 80) : 0);
    place = places({ width, T, S, wideRow: widest(tokens, Math.min(100, 0.26 * width)), wideColumn, arcs: now.arcs, crossing: crossing() });
    const { left, top, cell, across, height } = place;
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.style.height = `${height}px`;
    Object.assign(canvas.style, { left: `${left}px`, top: `${top}px`, width: `${across}px`, height: `${T * cell}px` });
    ground.replaceChildren(s("rect", { x: left, y: top, width: across, height: T * cell, fill: "none", stroke: "var(--nw-grid)" }));
    if (now.causal && T > 1) ground.append(...forbidden());
    names = { rows: [], columns: [], askers: [] };
    const positions = (n, name) => Array.from({ length: n }, (_, i) => (i % (n > 60 ? 16 : 8) ? null : name(i, String(i))));
    if (place.named) {
      names.rows = tokens.map((token, i) => rowName(i, shortened(token, left - 8 - place.aside, wide)));
      names.columns = keys.map((token, i) => columnName(i, shortened(token, place.turned ? 80 : Math.max(cell, 16), wide)));
      if (place.above) names.askers = tokens.map((token, i) => askerName(i, shortened(token, 80, wide)));
    } else {
      names = { rows: positions(T, rowName), columns: positions(S, columnName), askers: place.above ? positions(T, askerName) : [] };
    }
    labels.replaceChildren(...Object.values(names).flat().filter(Boolean));
    paint();
    point();
  }

  // The half where a token would look at later ones: hatched along the diagonal, with its name where there is room.
  function forbidden() {
    const { left, top, cell, across, T } = place, stairs = [];
    for (let i = 0; i < T - 1; i++) stairs.push(`H${left + (i + 1) * cell}V${top + (i + 1) * cell}`);
    const hatch = [];
    for (let x = cell + 9; x < across - 4; x += 9) hatch.push(`M${left + x} ${top}L${left + across} ${top + across - x}`);
    const words = wide("later tokens: masked");
    const named = across > 2.4 * words && text({ x: left + 0.69 * across, y: top + 0.25 * across, "aria-hidden": "true", class: "nw-muted",
      style: { "font-size": "12px", "paint-order": "stroke", stroke: "var(--nw-soft)", "stroke-width": "7px", "stroke-linejoin": "round" } }, "later tokens: masked");
    return [
      s("path", { d: `M${left + across} ${top}H${left + cell}V${top + cell}${stairs.slice(1).join("")}H${left + across}Z`, fill: "var(--nw-soft)" }),
      s("path", { d: hatch.join(""), stroke: "var(--nw-grid)", "stroke-width": 1.5 }), ...(named ? [named] : []),
    ];
  }

  function paint() {
    const { weights, top } = now, { T, S, cell } = place, slim = Math.min(1, cell / 12);
    paintHeat(canvas, { rows: T, columns: S, values: weights }, top);
    element.setAttribute("aria-label", now.label);
    arcs.replaceChildren();
    if (now.arcs) {
      const bands = [[], [], [], [], []];
      weights.forEach((w, i) => { if (w >= FAINT * top) bands[Math.min(4, Math.floor((5 * w) / top))].push(arcPath(place, Math.floor(i / S), i % S, crossing())); });
      arcs.append(...bands.map((paths, k) => s("path", { d: paths.join(""), stroke: `rgb(${HEAT})`, "stroke-width": 0.6 + 0.5 * k * slim, "stroke-opacity": 0.1 + 0.12 * k })));
    }
    ground.querySelectorAll(".nw-value").forEach(old => old.remove());
    labels.querySelectorAll(".nw-value").forEach(old => old.remove());
    if (cell >= 31) {
      weights.forEach((w, i) => {
        const row = Math.floor(i / S), column = i % S, strong = w / top > 0.8;
        if (!now.causal || column <= row) labels.append(text({ class: "nw-value", x: columnX(column), y: rowY(row), style: { "font-size": "12px", ...(strong && { fill: "#000" }) } }, w.toFixed(2)));
      });
    }
  }

  function point() {
    if (!place) return;
    const { row, column } = marks, { left, top, cell, across, T, S } = place, { weights } = now, keys = now.keys ?? now.tokens;
    const color = { row: "var(--nw-orange)", column: "var(--nw-green)" };
    focus.replaceChildren();
    arcs.style.opacity = row === null && column === null ? 1 : 0.6;
    const arc = (from, to, kind) => {
      const w = weights[from * S + to] / now.top;
      if (w >= 0.01) focus.append(s("path", { d: arcPath(place, from, to, crossing()), stroke: color[kind], "stroke-width": 1 + (kind === "row" ? 3.5 : 1.5) * Math.min(1, w) * Math.min(1, cell / 12), "stroke-opacity": 0.35 + 0.65 * Math.min(1, w), ...(kind === "column" && { "stroke-dasharray": "5 3" }) }));
    };
    if (now.arcs && column !== null) for (let i = 0; i < T; i++) arc(i, column, "column");
    if (now.arcs && row !== null) for (let i = 0; i < S; i++) arc(row, i, "row");
    if (column !== null) focus.append(s("rect", { x: left + column * cell - 0.5, y: top - 0.5, width: cell + 1, height: T * cell + 1, stroke: color.column, "stroke-width": 2, "stroke-dasharray": "5 3" }));
    if (row !== null) focus.append(s("rect", { x: left - 0.5, y: top + row * cell - 0.5, width: across + 1, height: cell + 1, stroke: color.row, "stroke-width": 2 }));
    const told = (list, chosen, kind, name, word) => {
      list.forEach((label, i) => {
        if (!label) return;
        const on = i === chosen;
        label.style.fill = on ? color[kind] : "";
        label.style.fontWeight = on ? "700" : "";
        label.style.visibility = !place.named && chosen !== null && Math.abs(i - chosen) * cell < 34 ? "hidden" : "";
      });
      if (!place.named && chosen !== null) {
        const extra = name(chosen, word);
        Object.assign(extra.style, { fill: color[kind], fontWeight: "700" });
        focus.append(extra);
      }
    };
    const word = (list, i) => (i === null ? "" : shortened(list[i], 32, wide));
    told(names.rows, row, "row", rowName, word(now.tokens, row));
    told(names.columns, column, "column", columnName, word(keys, column));
    if (place.above) told(names.askers, row, "row", askerName, word(now.tokens, row));
  }

  const under = event => {
    const box = svg.getBoundingClientRect(), scale = place.width / box.width;
    return at(place, (event.clientX - box.left) * scale, (event.clientY - box.top) * scale, crossing());
  };
  element.addEventListener("pointermove", event => { if (now.hover && event.pointerType !== "touch" && place) now.hover(under(event)); });
  element.addEventListener("pointerleave", () => now.hover?.(null));
  element.addEventListener("click", event => { const found = place && under(event); if (found) now.pick?.(found); });
  host.append(element);
  const watch = new ResizeObserver(() => { if (element.clientWidth && element.clientWidth !== place?.width) lay(); });
  watch.observe(element);
  cleanup(() => watch.disconnect());
  lay();
  return {
    element,
    show(changes) {
      const again = ["tokens", "keys", "causal", "arcs"].some(name => name in changes && changes[name] !== now[name]);
      now = { ...now, ...changes };
      if (again || !place) lay();
      else { paint(); point(); }
    },
    mark(changes) {
      marks = { ...marks, ...changes };
      point();
    },
  };
}
