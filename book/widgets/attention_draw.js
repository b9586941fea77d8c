// @ts-check
// One attention head as a picture: a map of its weights, and arcs from each token that looks to the ones it looks at.
// Blue is weight and nothing else. Orange marks the row that looks, green (dashed) the column that is looked at.
// Weights are a Float64Array, row after row: T rows (tokens that look), S columns (keys, tokens looked at).
/** @import { Attributes, Numbers } from "./types.js" */
import { h, s } from "./dom.js";
import { entropy, ranking } from "./formulas.js";
import { visible } from "./text.js";

const HEAT = "41,133,217"; // the blue of plots.HEAT: clear at 0
const LEAST = 10, MOST = 44; // pixels: a cell whose label can be read, the largest cell
const HEIGHT = 560, TALLEST = 680; // pixels: a map, a map with a line of text for each row
const LINE = 13, ASIDE = 9; // in rows lower than a line, every other label moves aside this far, or they'd touch
const FAINT = 0.04; // weights below this share of the scale get no faint arc

/** @typedef {{ row?: number, column?: number }} Spot  a cell, or only its row or its column */
/** @typedef {ReturnType<typeof places>} Places */
/** @typedef {{ rows: number, columns: number, values: Numbers }} Block */

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
 * Where everything is in a picture `width` pixels wide.
 * @param {{ width: number, T: number, S: number, wideRow: number, wideColumn: number, arcs?: boolean,
 *   crossing?: boolean }} options  wideRow, wideColumn: pixels of the widest label; crossing: rows look at other tokens
 */
export function places({ width, T, S, wideRow, wideColumn, arcs = true, crossing = false }) {
  const margin = Math.ceil(Math.min(wideRow, 0.26 * width, 100)) + 8;
  const tall = LINE * T <= TALLEST ? Math.max(HEIGHT, LINE * T) : HEIGHT;
  /** @param {number} left */
  const room = left => Math.max(1, Math.min((width - left - 2) / S, tall / T, MOST));
  const named = room(margin) >= LEAST; // or else the edge shows positions, and a token's name when it's marked
  const aside = named && room(margin) < LINE ? ASIDE : 0;
  const left = named ? margin + aside : 36, cell = room(left);
  const turned = named && wideColumn > Math.max(cell - 3, 14); // single letters may touch
  const label = turned ? Math.ceil(Math.min(wideColumn, 80)) + 8 : 20;
  const above = arcs && crossing ? label : 0; // the names of those that look, over the arcs
  const arc = arcs ? Math.round(Math.min(88, Math.max(40, 0.24 * S * cell))) : 0;
  const base = above + arc, top = base + label;
  return {
    width, T, S, left, aside, cell, named, turned, label, above, arc, base, top, height: top + T * cell + 2,
    across: S * cell,
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

/**
 * What a head's picture shows.
 * @typedef {object} Shown
 * @property {string[]} tokens  T labels of the rows
 * @property {string[] | null} [keys]  S labels of the columns; null if the rows look at each other
 * @property {Float64Array} weights  T · S
 * @property {number} [top]  the weight that is full blue
 * @property {boolean} [causal]  marks the upper half as not allowed
 * @property {boolean} [arcs]  false leaves them out
 * @property {string} [label]  what a screen reader says
 * @property {((spot: Spot | null) => void) | null} [hover]
 * @property {((spot: Spot) => void) | null} [pick]
 */

/**
 * Draws a head into the element `host` and keeps it as wide as `host` is. `show` takes any of the options again, and
 * `mark` points at a row and a column (null: none) without drawing the rest again.
 * @param {HTMLElement} host
 * @param {Shown & { cleanup?: (f: () => void) => void }} options
 */
export function drawHead(host, { cleanup = () => {}, ...options }) {
  let now = { keys: null, top: 1, causal: false, arcs: true, label: "", hover: null, pick: null, ...options };
  /** @type {{ row: number | null, column: number | null }} */
  let marks = { row: null, column: null };
  /** @type {Places} */
  let place;
  /** @type {Record<"rows" | "columns" | "askers", (SVGTextElement | null)[]>} */
  let names = { rows: [], columns: [], askers: [] };
  const canvas = h("canvas", {
    style: { position: "absolute", "image-rendering": "pixelated", "pointer-events": "none" },
  });
  const ground = s("g"), arcs = s("g", { fill: "none" }), labels = s("g"), focus = s("g", { fill: "none" });
  const svg = s("svg", { style: { position: "relative", width: "100%", overflow: "hidden" } },
    ground, arcs, labels, focus);
  const element = h("div", { role: "img", class: "nw-head", style: { position: "relative", "min-width": "0" } },
    canvas, svg);
  const pen = document.createElement("canvas").getContext("2d");
  /** @param {string} text */
  const wide = text => pen?.measureText(text).width ?? 0;
  const crossing = () => now.keys !== null;

  /** @param {Attributes} attributes @param {string} words */
  const text = (attributes, words) => s("text", {
    "text-anchor": "middle", "dominant-baseline": "central", style: { "font-size": "12px" }, ...attributes,
  }, words);
  /** @param {number} x @param {number} y @param {string} words */
  const turned = (x, y, words) =>
    text({ transform: `translate(${x} ${y}) rotate(-90)`, "text-anchor": "start" }, words);
  /** @param {number} row */
  const rowY = row => place.top + (row + 0.5) * place.cell;
  /** @param {number} column */
  const columnX = column => place.left + (column + 0.5) * place.cell;
  /** @typedef {(i: number, words: string) => SVGTextElement} Name */
  /** @type {Name} */
  const rowName = (row, words) =>
    text({ x: place.left - 6 - (row % 2) * place.aside, y: rowY(row), "text-anchor": "end" }, words);
  /** @type {Name} */
  const columnName = (column, words) => (place.turned ? turned(columnX(column), place.top - 5, words)
    : text({ x: columnX(column), y: place.top - 10 }, words));
  /** @type {Name} */
  const askerName = (row, words) => {
    const x = place.left + ((row + 0.5) * place.across) / place.T;
    return place.turned ? turned(x, place.above - 3, words) : text({ x, y: place.above - 9 }, words);
  };

  function lay() {
    const width = element.clientWidth;
    if (!width) return;
    if (pen) pen.font = `700 12px ${getComputedStyle(element).fontFamily}`; // a marked name is bold
    const { tokens } = now, keys = now.keys ?? tokens, T = tokens.length, S = keys.length;
    /** @param {string[]} all @param {number} room */
    const widest = (all, room) => Math.max(...all.map(token => wide(shortened(token, room, wide))));
    place = places({
      width, T, S, wideRow: widest(tokens, Math.min(100, 0.26 * width)),
      wideColumn: Math.max(widest(keys, 80), crossing() ? widest(tokens, 80) : 0), arcs: now.arcs, crossing: crossing(),
    });
    const { left, top, cell, across, height, aside } = place, tall = T * cell;
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.style.height = `${height}px`;
    Object.assign(canvas.style, { left: `${left}px`, top: `${top}px`, width: `${across}px`, height: `${tall}px` });
    const box = { x: left, y: top, width: across, height: tall };
    ground.replaceChildren(s("rect", { ...box, fill: "none", stroke: "var(--nw-grid)" }));
    if (now.causal && T > 1) ground.append(...forbidden());
    /** @param {string[]} list @param {Name} name @param {number} room */
    const all = (list, name, room) => list.map((token, i) => (place.named ? name(i, shortened(token, room, wide))
      : i % (list.length > 60 ? 16 : 8) ? null : name(i, String(i))));
    names = {
      rows: all(tokens, rowName, left - 8 - aside),
      columns: all(keys, columnName, place.turned ? 80 : Math.max(cell, 16)),
      askers: place.above ? all(tokens, askerName, 80) : [],
    };
    labels.replaceChildren(...Object.values(names).flat().filter(name => name !== null));
    paint();
    point();
  }

  /** The half where a token would look at later ones: hatched along the diagonal, and named if there's room. */
  function forbidden() {
    const { left, top, cell, across, T } = place, stairs = [], hatch = [], says = "later tokens: masked";
    for (let i = 1; i < T - 1; i++) stairs.push(`H${left + (i + 1) * cell}V${top + (i + 1) * cell}`);
    for (let x = cell + 9; x < across - 4; x += 9)
      hatch.push(`M${left + x} ${top}L${left + across} ${top + across - x}`);
    const half = `M${left + across} ${top}H${left + cell}V${top + cell}${stairs.join("")}H${left + across}Z`;
    const name = text({
      x: left + 0.69 * across, y: top + 0.25 * across, "aria-hidden": "true", class: "nw-muted", style: {
        "font-size": "12px", "paint-order": "stroke", stroke: "var(--nw-soft)", "stroke-width": "7px",
        "stroke-linejoin": "round",
      },
    }, says);
    return [s("path", { d: half, fill: "var(--nw-soft)" }),
      s("path", { d: hatch.join(""), stroke: "var(--nw-grid)", "stroke-width": 1.5 }),
      ...(across > 2.4 * wide(says) ? [name] : [])];
  }

  function paint() {
    const { weights, top } = now, { T, S, cell } = place, slim = Math.min(1, cell / 12);
    paintHeat(canvas, { rows: T, columns: S, values: weights }, top);
    element.setAttribute("aria-label", now.label);
    arcs.replaceChildren();
    if (now.arcs) {
      /** @type {string[][]} */
      const bands = [[], [], [], [], []];
      weights.forEach((w, i) => {
        if (w < FAINT * top) return;
        bands[Math.min(4, Math.floor((5 * w) / top))].push(arcPath(place, Math.floor(i / S), i % S, crossing()));
      });
      arcs.append(...bands.map((paths, k) => s("path", {
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

  function point() {
    if (!place) return;
    const { row, column } = marks, { left, top, cell, across, T, S } = place, { weights } = now;
    focus.replaceChildren();
    arcs.style.opacity = row === null && column === null ? "1" : "0.6";
    /** @param {number} from @param {number} to @param {Attributes} look @param {number} thick */
    const arc = (from, to, look, thick) => {
      const w = weights[from * S + to] / now.top, strong = Math.min(1, w);
      if (w < 0.01) return;
      focus.append(s("path", {
        ...look, d: arcPath(place, from, to, crossing()), "stroke-opacity": 0.35 + 0.65 * strong,
        "stroke-width": 1 + thick * strong * Math.min(1, cell / 12),
      }));
    };
    const rowLook = { stroke: "var(--nw-orange)" };
    const columnLook = { stroke: "var(--nw-green)", "stroke-dasharray": "5 3" };
    if (now.arcs && column !== null) for (let i = 0; i < T; i++) arc(i, column, columnLook, 1.5);
    if (now.arcs && row !== null) for (let i = 0; i < S; i++) arc(row, i, rowLook, 3.5);
    /** @param {Attributes} look @param {number} x @param {number} y @param {number} width @param {number} height */
    const box = (look, x, y, width, height) => focus.append(s("rect", {
      ...look, x: x - 0.5, y: y - 0.5, width: width + 1, height: height + 1, "stroke-width": 2,
    }));
    if (column !== null) box(columnLook, left + column * cell, top, cell, T * cell);
    if (row !== null) box(rowLook, left, top + row * cell, across, cell);
    const keys = now.keys ?? now.tokens;
    told(names.rows, row, rowLook.stroke, rowName, now.tokens);
    told(names.columns, column, columnLook.stroke, columnName, keys);
    if (place.above) told(names.askers, row, rowLook.stroke, askerName, now.tokens);
  }

  /**
   * Makes one name stand out; where the edge shows positions, the name covers those beside it.
   * @param {(SVGTextElement | null)[]} list
   * @param {number | null} chosen
   * @param {string} color
   * @param {Name} name
   * @param {string[]} texts
   */
  function told(list, chosen, color, name, texts) {
    const covers = !place.named && chosen !== null;
    list.forEach((label, i) => {
      if (!label) return;
      label.style.fill = i === chosen ? color : "";
      label.style.fontWeight = i === chosen ? "700" : "";
      label.style.visibility = covers && Math.abs(i - chosen) * place.cell < 34 ? "hidden" : "";
    });
    if (!covers) return;
    const extra = name(chosen, shortened(texts[chosen], 32, wide));
    Object.assign(extra.style, { fill: color, fontWeight: "700" });
    focus.append(extra);
  }

  /** @param {MouseEvent} event */
  const under = event => {
    const box = svg.getBoundingClientRect(), scale = place.width / box.width;
    return at(place, (event.clientX - box.left) * scale, (event.clientY - box.top) * scale, crossing());
  };
  element.addEventListener("pointermove", event => {
    if (event.pointerType !== "touch" && place) now.hover?.(under(event));
  });
  element.addEventListener("pointerleave", () => now.hover?.(null));
  element.addEventListener("click", event => {
    const found = place && under(event);
    if (found) now.pick?.(found);
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
      const laid = /** @type {const} */ (["tokens", "keys", "causal", "arcs"]);
      const again = laid.some(name => before[name] !== now[name]);
      if (again || !place) lay();
      else { paint(); point(); }
    },
    /** @param {Partial<typeof marks>} changes */
    mark(changes) {
      marks = { ...marks, ...changes };
      point();
    },
  };
}
