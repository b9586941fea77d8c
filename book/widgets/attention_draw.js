// @ts-check
// One attention head as a picture: a map of its weights, and arcs from each token that looks to the ones it looks at.
// Blue is weight and nothing else. Orange marks the row that looks, green (dashed) the column that is looked at.
// Weights are a Float64Array, row after row: T rows (tokens that look), S columns (keys, tokens looked at).
/** @import { Attributes, Numbers } from "./types.js" */
import { animator, eased, h, s } from "./dom.js";
import { entropy, ranking } from "./formulas.js";
import { visible } from "./text.js";

const HEAT = "41,133,217"; // the blue of plots.HEAT: clear at 0
const LINE = 15, LETTER = 16; // pixels: a line of text, the widest label that counts as a letter
const MOST = 56, HEIGHT = 440, TALLEST = 680; // pixels: the largest cell, a map, a map with a line for each row
const RIGHT = 12, POSITIONS = 40; // pixels: free at the right, and for positions at the left
const FAINT = 0.04; // weights below this share of the scale get no faint arc
const MORPH = 280, MANY = 5000; // milliseconds from one picture to the next; cells that change at once

/** @typedef {{ row?: number, column?: number }} Spot  a cell, or only its row or its column */
/** @typedef {ReturnType<typeof places>} Places */
/** @typedef {{ rows: number, columns: number, values: Numbers }} Block */
/** @typedef {{ named: boolean, step: number, lanes: number }} Edge  names (or positions), every how many, on lines */

/** @param {Float64Array} weights @param {number} row @param {number} S */
export const rowOf = (weights, row, S) => weights.slice(row * S, (row + 1) * S);

/** @param {Float64Array} weights @param {number} column @param {number} S */
export const columnOf = (weights, column, S) =>
  Float64Array.from({ length: weights.length / S }, (_, row) => weights[row * S + column]);

/** The mean entropy of the rows, in nats. @param {Float64Array} weights @param {number} S */
export function headEntropy(weights, S) {
  let total = 0;
  for (let i = 0; i < weights.length; i += S) total += entropy(weights.slice(i, i + S));
  return (total * S) / weights.length;
}

/** The weight one in twenty of those above 0 reaches, where a stretched scale ends. @param {Float64Array} weights */
export function nearTop(weights) {
  const some = weights.filter(w => w > 0).sort((a, b) => a - b);
  return some[Math.min(some.length - 1, Math.floor(0.95 * some.length))];
}

/** The n largest weights: [index, weight] pairs from the largest down, without zeros.
 * @param {Numbers} weights @param {number} n */
export const largest = (weights, n) =>
  ranking(weights).slice(0, n).filter(i => weights[i] > 0).map(i => [i, weights[i]]);

/**
 * A map of at most `side` × `side` blocks, each the largest weight in it, so thin lines survive in a small picture.
 * @param {Float64Array} weights
 * @param {number} S
 * @param {number} side
 * @returns {Block}
 */
export function pooled(weights, S, side) {
  const T = weights.length / S, rows = Math.min(T, side), columns = Math.min(S, side);
  const values = new Float64Array(rows * columns);
  weights.forEach((w, i) => {
    const at = Math.floor((Math.floor(i / S) * rows) / T) * columns + Math.floor(((i % S) * columns) / S);
    values[at] = Math.max(values[at], w);
  });
  return { rows, columns, values };
}

/**
 * Which labels fit along an edge, with `gap` pixels from one to the next, so that none overlap: every name; letters on
 * two lines; every second or third name; or else positions.
 * @param {number} wide  pixels of the widest label
 * @param {number} gap
 * @param {number} [size]  pixels a label takes along the edge
 * @returns {Edge}
 */
export function edge(wide, gap, size = LINE) {
  if (size <= gap) return { named: true, step: 1, lanes: 1 };
  if (wide <= LETTER && size <= 2 * gap) return { named: true, step: 1, lanes: 2 };
  const step = Math.ceil(LINE / gap);
  if (wide > LETTER && step <= 3) return { named: true, step, lanes: 1 };
  return positions(gap);
}

/** Every so many positions. @param {number} gap @returns {Edge} */
const positions = gap => ({ named: false, step: [2, 5, 10, 20, 50].find(n => n * gap >= 30) ?? 100, lanes: 1 });

/**
 * The same for names over columns, which may be turned: with the height of their labels.
 * @param {number} wide
 * @param {number} gap
 */
function edgeAbove(wide, gap) {
  const flat = wide + 2 <= gap || wide <= LETTER;
  const found = edge(wide, gap, flat ? wide + 2 : LINE), turned = found.named && !flat;
  return { ...found, turned, height: turned ? Math.ceil(Math.min(wide, 80)) + 10 : 7 + LINE * found.lanes };
}

/**
 * Where everything is in a picture `width` pixels wide.
 * @param {{ width: number, T: number, S: number, wideRow: number, wideColumn: number, wideAsker?: number,
 *   arcs?: boolean, crossing?: boolean, axes?: boolean }} options  wideRow, wideColumn, wideAsker: pixels of the widest
 *   label at the left, over the columns, and of those that look, over the arcs; crossing: rows look at other tokens;
 *   axes: says what rows and columns are
 */
export function places({
  width, T, S, wideRow, wideColumn, wideAsker = wideColumn, arcs = true, crossing = false, axes = false,
}) {
  const aside = axes ? LINE + 3 : 0, letters = wideRow <= LETTER;
  const tall = !letters && LINE * T <= TALLEST ? Math.max(HEIGHT, LINE * T) : HEIGHT;
  /** @param {number} margin */
  const room = margin => Math.max(1, Math.min((width - aside - margin - RIGHT) / S, tall / T, MOST));
  let margin = Math.ceil(Math.min(wideRow, 0.26 * width, 100)) + 8, rows = edge(wideRow, room(margin));
  const lane = rows.lanes > 1 ? Math.ceil(wideRow) + 2 : 0;
  if (lane) rows = edge(wideRow, room(margin += lane));
  if (!rows.named) rows = positions(room(margin = POSITIONS));
  const cell = room(margin), spare = width - aside - margin - RIGHT - S * cell;
  const left = aside + margin + Math.max(0, Math.floor(spare / 2));
  const columns = edgeAbove(wideColumn, cell), askers = edgeAbove(wideAsker, (S * cell) / T), label = columns.height;
  const above = arcs && crossing ? askers.height : 0;
  const arc = arcs ? Math.round(Math.min(88, Math.max(40, 0.24 * S * cell))) : 0;
  const base = above + arc, top = base + label;
  return {
    width, T, S, left, margin, lane, cell, rows, columns, askers, above, arc, base, top, tall: T * cell,
    across: S * cell, height: top + T * cell + (axes ? LINE + 5 : 2),
  };
}

/**
 * What is at a point: { row, column } in the map, { row } beside it, { column } above it, or null.
 * @param {Places} places
 * @param {number} x
 * @param {number} y
 * @returns {Spot | null}
 */
export function at({ left, cell, above, top, T, S, across }, x, y, crossing = false) {
  const column = Math.min(S - 1, Math.floor((x - left) / cell)), row = Math.min(T - 1, Math.floor((y - top) / cell));
  const inside = x >= left && x <= left + across;
  if (crossing && inside && y < above) return { row: Math.min(T - 1, Math.floor(((x - left) / across) * T)) };
  if (inside && y >= 0 && y < top) return { column };
  if (y >= top && y <= top + T * cell && x >= 0 && x < left) return { row };
  return inside && y >= top && y <= top + T * cell ? { row, column } : null;
}

/**
 * The path from the token that looks to the one it looks at.
 * @param {Places} places
 * @param {number} row
 * @param {number} column
 */
export function arcPath({ left, cell, above, base, arc, across, T, S }, row, column, crossing = false) {
  /** @param {number} v */
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

/**
 * A token short enough for a label; `wide` measures text in pixels.
 * @param {string} token
 * @param {number} room
 * @param {(text: string) => number} wide
 */
export function shortened(token, room, wide) {
  const text = visible(String(token).slice(0, 60)) || "∅";
  if (wide(text) <= room && String(token).length <= 60) return text;
  const parts = [...new Intl.Segmenter().segment(text)].map(part => part.segment);
  while (parts.length > 1 && wide(parts.join("") + "…") > room) parts.pop();
  return parts.join("") + "…";
}

/**
 * Weights as pixels: a canvas of one pixel for each cell, for CSS to stretch.
 * @param {HTMLCanvasElement} canvas
 * @param {Block} block
 */
export function paintHeat(canvas, { rows, columns, values }, top = 1) {
  canvas.width = columns;
  canvas.height = rows;
  const pen = canvas.getContext("2d"), [r, g, b] = HEAT.split(",").map(Number);
  if (!pen || !rows || !columns) return;
  const image = pen.createImageData(columns, rows);
  for (let i = 0; i < values.length; i++)
    image.data.set([r, g, b, Math.round(255 * Math.min(1, values[i] / top))], 4 * i);
  pen.putImageData(image, 0, 0);
}

/** What lies between two maps, x of the way. @param {Float64Array} from @param {Float64Array} to @param {number} x */
export const mixed = (from, to, x) => from.map((w, i) => w + (to[i] - w) * x);

/**
 * The cell an arrow key leads to, or null if it leads nowhere.
 * @param {string} key
 * @param {{ row: number | null, column: number | null }} from
 * @param {number} T
 * @param {number} S
 */
export function moved(key, { row, column }, T, S) {
  if (row === null || column === null) return null;
  const [down, right] = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1],
    Home: [0, -column], End: [0, S - 1 - column] }[key] ?? [0, 0];
  const to = { row: row + down, column: column + right };
  return (down || right) && to.row >= 0 && to.row < T && to.column >= 0 && to.column < S ? to : null;
}

/**
 * What a head's picture shows.
 * @typedef {object} Shown
 * @property {string[]} tokens  T labels of the rows
 * @property {string[] | null} [keys]  S labels of the columns; null if the rows look at each other
 * @property {Float64Array} weights  T · S
 * @property {number} [top]  the weight that is full blue
 * @property {boolean} [causal]  marks the upper half as not allowed
 * @property {boolean} [arcs]  false leaves them out
 * @property {boolean} [axes]  says beside the map what rows and columns are
 * @property {string} [label]  what a screen reader says
 * @property {((spot: Spot | null) => void) | null} [hover]
 * @property {((spot: Spot) => void) | null} [pick]
 * @property {((spot: Required<Spot>) => void) | null} [move]  an arrow key; makes the map focusable
 */

/**
 * Draws a head into the element `host` and keeps it as wide as `host` is. `show` takes any of the options again; other
 * weights of the same tokens fade in. `mark` points at a row and a column (null: none): the arcs there grow.
 * @param {HTMLElement} host
 * @param {Shown & { cleanup?: (f: () => void) => void }} options
 */
export function drawHead(host, { cleanup = () => {}, ...options }) {
  let now = {
    keys: null, top: 1, causal: false, arcs: true, axes: false, label: "", hover: null, pick: null, move: null,
    ...options,
  };
  /** @type {{ row: number | null, column: number | null }} */
  let marks = { row: null, column: null };
  /** @type {Places} */
  let place;
  let seen = now.weights, seenTop = now.top; // what is drawn, on the way to now.weights and now.top
  /** @type {{ left: number, right: number, top: number, bottom: number } | null} */
  let note = null; // where the words about later tokens are
  /** @type {Record<"rows" | "columns" | "askers", (SVGTextElement | null)[]>} */
  let names = { rows: [], columns: [], askers: [] };
  /** @type {Map<string, { path: SVGPathElement, thick: number, from: number, to: number, now: number }>} */
  const lit = new Map();
  const canvas = h("canvas", {
    style: { position: "absolute", "image-rendering": "pixelated", "pointer-events": "none" },
  });
  const ground = s("g"), faint = s("g", { fill: "none" }), labels = s("g"), focus = s("g", { fill: "none" });
  const later = s("g"), back = s("g", { fill: "none" }), front = s("g", { fill: "none" });
  const svg = s("svg", { "aria-hidden": "true", style: { position: "relative", width: "100%", overflow: "hidden" } },
    ground, faint, back, front, later, labels, focus);
  const element = h("div", {
    ...(now.move ? { role: "application", "aria-roledescription": "map", tabindex: 0 } : { role: "img" }),
    class: "nw-head", style: { position: "relative", "min-width": "0", outline: "none" },
  }, canvas, svg);
  const safe = { cleanup, safely: (/** @type {() => void} */ f) => f() }, fade = animator(safe), glow = animator(safe);
  const pen = document.createElement("canvas").getContext("2d");
  /** @param {string} text */
  const wide = text => pen?.measureText(text).width ?? 0;
  const crossing = () => now.keys !== null;

  /** @param {Attributes} attributes @param {string} words */
  const text = (attributes, words) => s("text", {
    "text-anchor": "middle", "dominant-baseline": "central", style: { "font-size": "12px" }, ...attributes,
  }, words);
  /** @param {number} x @param {number} y @param {string} words @param {string} anchor */
  const turned = (x, y, words, anchor = "start", more = {}) =>
    text({ transform: `translate(${x} ${y}) rotate(-90)`, "text-anchor": anchor, ...more }, words);
  /** @param {number} row */
  const rowY = row => place.top + (row + 0.5) * place.cell;
  /** @param {number} column */
  const columnX = column => place.left + (column + 0.5) * place.cell;
  /** @typedef {(i: number, words: string) => SVGTextElement} Name */
  /** Where a row's name is; a position isn't above the map. @param {number} row */
  const nameY = row => (place.rows.named ? rowY(row) : Math.max(place.top + LINE / 2 - 1, rowY(row)));
  /** @type {Name} */
  const rowName = (row, words) =>
    text({ x: place.left - 6 - (row % 2) * place.lane, y: nameY(row), "text-anchor": "end" }, words);
  /** A name over its column. @param {Places["columns"]} edge @param {number} gap @param {number} y @returns {Name} */
  const nameOver = ({ turned: turn, lanes }, gap, y) => (i, words) => {
    const x = place.left + (i + 0.5) * gap, half = wide(words) / 2 + 1;
    if (turn) return turned(x, y - 5, words);
    const inside = Math.max(half, Math.min(place.width - half, x));
    return text({ x: inside, y: y - 5 - LINE / 2 - (lanes > 1 ? (i % 2) * LINE : 0) }, words);
  };
  /** @type {Name} */
  const columnName = (i, words) => nameOver(place.columns, place.cell, place.top)(i, words);
  /** @type {Name} */
  const askerName = (i, words) => nameOver(place.askers, place.across / place.T, place.above)(i, words);

  function lay() {
    const width = element.clientWidth;
    if (!width) return;
    if (pen) pen.font = `700 12px ${getComputedStyle(element).fontFamily}`; // a marked name is bold
    const { tokens } = now, keys = now.keys ?? tokens, T = tokens.length, S = keys.length;
    /** @param {string[]} all @param {number} room */
    const widest = (all, room) => Math.max(...all.map(token => wide(shortened(token, room, wide))));
    place = places({
      width, T, S, wideRow: widest(tokens, Math.min(100, 0.26 * width)), wideColumn: widest(keys, 80),
      wideAsker: widest(tokens, 80), arcs: now.arcs, crossing: crossing(), axes: now.axes,
    });
    const { left, top, across, height, tall, margin, lane } = place;
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.style.height = `${height}px`;
    Object.assign(canvas.style, { left: `${left}px`, top: `${top}px`, width: `${across}px`, height: `${tall}px` });
    const box = { x: left, y: top, width: across, height: tall };
    ground.replaceChildren(s("rect", { ...box, fill: "none", stroke: "var(--nw-grid)" }));
    later.replaceChildren();
    note = null;
    if (now.causal && T > 1) forbidden();
    if (now.axes) ground.append(...axisNames());
    /** @param {string[]} list @param {Edge} edge @param {Name} name @param {number} room */
    const all = (list, { named, step }, name, room) => list.map((token, i) => (i % step ? null
      : name(i, named ? shortened(token, room, wide) : String(i))));
    names = {
      rows: all(tokens, place.rows, rowName, margin - 8 - lane),
      columns: all(keys, place.columns, columnName, 80),
      askers: place.above ? all(tokens, place.askers, askerName, 80) : [],
    };
    labels.replaceChildren(...Object.values(names).flat().filter(name => name !== null));
    fade.stop();
    lit.forEach(({ path }) => path.remove());
    lit.clear();
    [seen, seenTop] = [now.weights, now.top];
    paint();
    point(false);
  }

  /** What rows and columns are, along the map. */
  function axisNames() {
    const { left, top, across, tall, margin } = place, [row, column] = ["query: looks", "key: looked at"];
    const x = left - margin - LINE / 2 - 1, short = wide(row) > tall;
    const words = [
      turned(x, top + tall / 2, short ? "query" : row, "middle", { class: "nw-muted" }),
      text({ x: left + Math.max(across, wide(column)) / 2, y: top + tall + 4 + LINE / 2, class: "nw-muted" }, column),
    ];
    words.forEach(name => name.append(s("title", { class: "nw-head-scale" })));
    return words;
  }

  /** The half where a token would look at later ones: hatched along the diagonal, and named if there's room. */
  function forbidden() {
    const { left, top, cell, across, T } = place, stairs = [], hatch = [], says = "later tokens: masked";
    for (let i = 1; i < T - 1; i++) stairs.push(`H${left + (i + 1) * cell}V${top + (i + 1) * cell}`);
    for (let x = cell + 9; x < across - 4; x += 9)
      hatch.push(`M${left + x} ${top}L${left + across} ${top + across - x}`);
    const half = `M${left + across} ${top}H${left + cell}V${top + cell}${stairs.join("")}H${left + across}Z`;
    ground.append(s("path", { d: half, fill: "var(--nw-soft)" }),
      s("path", { d: hatch.join(""), stroke: "var(--nw-grid)", "stroke-width": 1.5 }));
    const room = wide(says) / 2 + 6, x = left + 0.69 * across, y = top + 0.25 * across;
    if (across < 5 * room) return;
    note = { left: x - room, right: x + room, top: y - 10, bottom: y + 10 };
    later.append(s("rect", { x: note.left, y: note.top, width: 2 * room, height: 20, fill: "var(--nw-soft)" }),
      text({ x, y, class: "nw-muted nw-later" }, says));
  }

  function paint() {
    const { T, S, cell } = place, slim = Math.min(1, cell / 12), weights = seen, top = seenTop;
    paintHeat(canvas, { rows: T, columns: S, values: weights }, top);
    element.setAttribute("aria-label", now.label);
    const full = now.top === 1 ? "1" : `${now.top.toPrecision(3)} or more`;
    ground.querySelectorAll(".nw-head-scale").forEach(title => {
      title.textContent = `Blue is weight: white is 0, full blue is ${full}.`;
    });
    faint.replaceChildren();
    if (now.arcs) {
      /** @type {string[][]} */
      const bands = [[], [], [], [], []];
      weights.forEach((w, i) => {
        if (w < FAINT * top) return;
        bands[Math.min(4, Math.floor((5 * w) / top))].push(arcPath(place, Math.floor(i / S), i % S, crossing()));
      });
      faint.append(...bands.map((paths, k) => s("path", {
        d: paths.join(""), stroke: `rgb(${HEAT})`,
        "stroke-width": 0.6 + 0.5 * k * slim, "stroke-opacity": 0.1 + 0.12 * k,
      })));
    }
    labels.querySelectorAll(".nw-value").forEach(old => old.remove());
    if (cell < 31) return;
    weights.forEach((w, i) => {
      const row = Math.floor(i / S), column = i % S;
      if (now.causal && column > row) return;
      const style = { "font-size": "12px", ...(w / top > 0.8 && { fill: "#000" }) };
      labels.append(text({ class: "nw-value", x: columnX(column), y: rowY(row), style }, w.toFixed(2)));
    });
  }

  const rowLook = { stroke: "var(--nw-orange)" };
  const columnLook = { stroke: "var(--nw-green)", "stroke-dasharray": "5 3" };

  /** The arcs of the row and the column that are marked grow to their weight; the others shrink away. */
  function light(moves = true) {
    const { row, column } = marks, { T, S, cell } = place, slim = Math.min(1, cell / 12);
    /** @type {Map<string, number>} */
    const wanted = new Map();
    lit.forEach((_, key) => wanted.set(key, 0));
    /** @param {string} kind @param {number} from @param {number} to */
    const want = (kind, from, to) => {
      const w = now.weights[from * S + to] / now.top, key = `${kind} ${from} ${to}`;
      if (w >= 0.01 || lit.has(key)) wanted.set(key, w < 0.01 ? 0 : Math.min(1, w));
    };
    if (now.arcs && column !== null) for (let i = 0; i < T; i++) want("back", i, column);
    if (now.arcs && row !== null) for (let i = 0; i < S; i++) want("front", row, i);
    wanted.forEach((to, key) => {
      const [kind, from, at] = key.split(" "), there = lit.get(key), isRow = kind === "front";
      const d = arcPath(place, Number(from), Number(at), crossing());
      const path = there?.path ?? s("path", { ...(isRow ? rowLook : columnLook), d });
      if (!there) (isRow ? front : back).append(path);
      lit.set(key, { path, thick: (isRow ? 3.5 : 1.5) * slim, from: there?.now ?? 0, to, now: there?.now ?? 0 });
    });
    glow.run(moves ? MORPH : 0, (x, over) => lit.forEach((arc, key) => {
      const strong = arc.now = over ? arc.to : arc.from + (arc.to - arc.from) * eased(x);
      if (over && !strong) { arc.path.remove(); lit.delete(key); return; }
      arc.path.setAttribute("stroke-width", (Math.min(1, 20 * strong) + arc.thick * strong).toFixed(2));
      arc.path.setAttribute("stroke-opacity", (Math.min(0.35, 10 * strong) + 0.65 * strong).toFixed(3));
    }));
  }

  function point(moves = true) {
    if (!place) return;
    const { row, column } = marks, { left, top, cell, across, T, tall } = place, { causal } = now;
    focus.replaceChildren();
    faint.style.opacity = row === null && column === null ? "1" : "0.6";
    light(moves);
    /** @param {Attributes} look @param {number} x @param {number} y @param {number} width @param {number} height */
    const box = (look, x, y, width, height) => focus.append(s("rect", {
      "stroke-width": 2, ...look, x: x - 0.5, y: y - 0.5, width: width + 1, height: height + 1,
    }));
    const masked = causal && row !== null && column !== null && column > row;
    later.style.visibility = masked ? "hidden" : "";
    if (column !== null) { // in a causal map, a thin line leads from its name to its cells, and not through words
      const from = causal ? column * cell : 0, x = columnX(column), aside = !note || x < note.left || x > note.right;
      const stops = !note || aside || masked ? [top, top + from] : [top, note.top, note.bottom, top + from];
      for (let i = 0; i < stops.length; i += 2) if (from) focus.append(s("line", {
        stroke: "var(--nw-green)", "stroke-dasharray": "2 3", x1: x, x2: x, y1: stops[i], y2: stops[i + 1],
      }));
      box(columnLook, left + column * cell, top + from, cell, tall - from);
    }
    if (row !== null) box(rowLook, left, top + row * cell, causal ? (row + 1) * cell : across, cell);
    if (focused && row !== null && column !== null)
      box({ stroke: "var(--nw-ink)", "stroke-width": 3, class: "nw-head-cell" },
        left + column * cell, top + row * cell, cell, cell);
    const keys = now.keys ?? now.tokens;
    told(names.rows, row, rowLook.stroke, rowName, now.tokens, place.rows, nameY);
    told(names.columns, column, columnLook.stroke, columnName, keys, place.columns, columnX);
    if (place.above)
      told(names.askers, row, rowLook.stroke, askerName, now.tokens, place.askers, i => (i * across) / T);
  }

  /**
   * Makes one name stand out. One that isn't among the labels comes instead of those beside it.
   * @param {(SVGTextElement | null)[]} list
   * @param {number | null} chosen
   * @param {string} color
   * @param {Name} name
   * @param {string[]} texts
   * @param {Edge} edge
   * @param {(i: number) => number} where  along the edge
   */
  function told(list, chosen, color, name, texts, { named, step }, where) {
    const extra = chosen !== null && (!named || chosen % step > 0), reach = named || list === names.rows ? LINE : 36;
    list.forEach((label, i) => {
      if (!label) return;
      label.style.fill = i === chosen ? color : "";
      label.style.fontWeight = i === chosen ? "700" : "";
      label.style.visibility = extra && Math.abs(where(i) - where(chosen)) < reach ? "hidden" : "";
    });
    if (!extra) return;
    const room = named ? (list === names.rows ? place.margin - 8 : 80) : POSITIONS - 8;
    const words = name(chosen, shortened(texts[chosen], room, wide));
    Object.assign(words.style, { fill: color, fontWeight: "700" });
    focus.append(words);
  }

  /** @param {MouseEvent} event */
  const under = event => {
    const box = svg.getBoundingClientRect(), scale = place.width / box.width;
    return at(place, (event.clientX - box.left) * scale, (event.clientY - box.top) * scale, crossing());
  };
  let focused = false;
  for (const [event, is] of /** @type {const} */ ([["focus", true], ["blur", false]]))
    element.addEventListener(event, () => { focused = is; point(); });
  element.addEventListener("pointermove", event => {
    if (event.pointerType !== "touch" && place) now.hover?.(under(event));
  });
  element.addEventListener("pointerleave", () => now.hover?.(null));
  element.addEventListener("click", event => {
    const found = place && under(event);
    if (found) now.pick?.(found);
  });
  element.addEventListener("keydown", event => {
    if (!now.move || !place || event.ctrlKey || event.altKey || event.metaKey) return;
    now.hover?.(null); // from the chosen cell, and not from one the pointer is over
    const { row, column } = marks, to = moved(event.key, marks, place.T, place.S);
    const enter = (event.key === "Enter" || event.key === " ") && row !== null && column !== null;
    if (!to && !enter) return;
    event.preventDefault();
    if (to) now.move(to);
    else if (enter) now.pick?.({ row, column });
  });
  host.append(element);
  const watch = new ResizeObserver(() => {
    if (element.clientWidth && element.clientWidth !== place?.width) lay();
  });
  watch.observe(element);
  cleanup(() => watch.disconnect());
  lay();
  return {
    element,
    /** @param {Partial<Shown>} changes */
    show(changes) {
      const before = now;
      now = { ...now, ...changes };
      const laid = /** @type {const} */ (["tokens", "keys", "causal", "arcs", "axes"]);
      if (laid.some(name => before[name] !== now[name]) || !place) { lay(); return; }
      element.setAttribute("aria-label", now.label);
      if (before.weights === now.weights && before.top === now.top) return;
      const [from, fromTop, to] = [seen, seenTop, now.weights];
      fade.run(to.length > MANY ? 0 : MORPH, (x, over) => {
        [seen, seenTop] = over ? [to, now.top]
          : [mixed(from, to, eased(x)), fromTop + (now.top - fromTop) * eased(x)];
        paint();
      });
      point();
    },
    /** @param {Partial<typeof marks>} changes */
    mark(changes) {
      const before = marks;
      marks = { ...marks, ...changes };
      if (before.row !== marks.row || before.column !== marks.column) point();
    },
    /** Where a cell's upper edge is in the element, in its pixels: its middle and its y.
     * @param {Required<Spot>} spot */
    spot: ({ row, column }) => (place ? { x: columnX(column), y: place.top + row * place.cell } : null),
  };
}
