// @ts-check
// The bigram of the characters of a text the reader types: one map of what follows what, counted or learned by gradient
// descent, and a dot that walks it and writes. bigram.py computes the same. A character is a code point, as in Python.
/** @import { Mark, Numbers } from "./types.js" */
import { line, path, scale, text as note } from "./chart.js";
import {
  animator, announcer, button, choice, drawn, eased, enable, h, more, numberBox, primary, put, s, slider, still, widget,
} from "./dom.js";
import { draw, mulberry32, ranking, sum } from "./formulas.js";
import { count, last, number, share, visible, whole } from "./text.js";

const READ = 100_000, DIFFERENT = 4_000, HELD = 1_000, STEPS = 10_000; // as in bigram.py
const SHOWN = 30, BARS = 10, LINE = 40, WRITTEN = 300; // characters of the map, of a row, of a line, of a text
const LETTER = 250, FADE = 400; // milliseconds: a letter of a walk; from one table to the other
const SLICE = 8; // milliseconds of a frame for training; the rest is the page's

/** @typedef {ReturnType<typeof encoded>} Encoded */
/** @typedef {ReturnType<typeof counted>} Counts */
/** @typedef {ReturnType<typeof learner>} Learner */
/** @typedef {(i: number) => Numbers} RowOf  p of each character that may follow character i */

/** The part of a text we read: its first characters, up to where one more would be too many different ones, with � in
 * place of half a surrogate pair. @param {string} text */
export function readable(text) {
  text = text.slice(0, 2 * READ).replace(/\p{Surrogate}/gu, "\ufffd");
  const seen = new Set();
  let end = 0;
  for (let n = 0; n < READ && end < text.length; n++) {
    const code = Number(text.codePointAt(end));
    if (seen.add(code).size > DIFFERENT) break;
    end += code > 0xffff ? 2 : 1;
  }
  return text.slice(0, end);
}

/** The different characters of a text, sorted, and the text as their numbers. @param {string} text */
export function encoded(text) {
  const all = Array.from(text), code = (/** @type {string} */ c) => Number(c.codePointAt(0));
  const chars = [...new Set(all)].sort((a, b) => code(a) - code(b)), idOf = new Map(chars.map((c, i) => [c, i]));
  const ids = all.map(c => Number(idOf.get(c))), often = new Float64Array(chars.length);
  for (const id of ids) often[id]++;
  return { chars, idOf, ids, often };
}

/**
 * How often each pair of ids occurs. Most pairs never do, so we keep only the others, row after row: in row i, the
 * cells from start[i] up to start[i + 1] say that to[cell] followed count[cell] times. total: sums of rows; pairs: of
 * all.
 * @param {number[]} ids
 * @param {number} V
 */
export function counted(ids, V) {
  const codes = Float64Array.from({ length: Math.max(0, ids.length - 1) }, (_, k) => ids[k] * V + ids[k + 1]).sort();
  const start = new Int32Array(V + 1), total = new Float64Array(V);
  const to = /** @type {number[]} */ ([]), count = /** @type {number[]} */ ([]);
  codes.forEach((code, k) => {
    const i = Math.floor(code / V);
    if (k === 0 || code !== codes[k - 1]) { to.push(code - i * V); count.push(0); start[i + 1] = to.length; }
    count[count.length - 1]++;
    total[i]++;
  });
  for (let i = 0; i < V; i++) start[i + 1] = Math.max(start[i], start[i + 1]);
  return { V, start, to, count, total, pairs: codes.length };
}

/** One row of the table: p of each character that may come next, all 0 if nothing ever did.
 * @param {Counts} counts @param {number} i */
export function countedRow({ V, start, to, count, total }, i) {
  const p = new Float64Array(V);
  for (let k = start[i]; k < start[i + 1]; k++) p[to[k]] = count[k] / total[i];
  return p;
}

/** The counts' mean surprise at the text they come from, in nats per character. @param {Counts} counts */
export function countedLoss({ V, start, count, total, pairs }) {
  let loss = 0;
  for (let i = 0; i < V; i++)
    for (let k = start[i]; k < start[i + 1]; k++) loss -= count[k] / pairs * Math.log(count[k] / total[i]);
  return pairs ? loss + 0 : null;
}

/** The mean surprise at the last tenth, of counts of the first nine with 1 added to each; null for a text too short.
 * @param {number[]} ids @param {number} V */
export function heldOutLoss(ids, V) {
  if (ids.length < HELD) return null;
  const cut = ids.length - Math.floor(ids.length / 10), seen = new Map();
  const { start, to, count, total } = counted(ids.slice(0, cut), V);
  for (let i = 0; i < V; i++) for (let k = start[i]; k < start[i + 1]; k++) seen.set(i * V + to[k], count[k]);
  let loss = 0;
  for (let t = cut; t < ids.length - 1; t++)
    loss -= Math.log(((seen.get(ids[t] * V + ids[t + 1]) ?? 0) + 1) / (total[ids[t]] + V));
  return loss / (ids.length - 1 - cut);
}

/**
 * A table of V × V logits, all 0, that learns these counts. In a row, the pairs that never occur start equal and get
 * equal gradients, so one number, `rest`, stands for all of them, and nothing is left out.
 * @param {Counts} counts
 */
export function learner({ V, start, to, count, total, pairs }) {
  const all = pairs || 1, z = new Float64Array(to.length), rest = new Float64Array(V);
  const p = new Float64Array(to.length), restP = new Float64Array(V);
  const look = () => {
    it.loss = 0;
    for (let i = 0; i < V; i++) {
      const unseen = V - (start[i + 1] - start[i]);
      let top = unseen ? rest[i] : -Infinity;
      for (let k = start[i]; k < start[i + 1]; k++) top = Math.max(top, z[k]);
      restP[i] = Math.exp(rest[i] - top);
      let sum = unseen * restP[i];
      for (let k = start[i]; k < start[i + 1]; k++) sum += p[k] = Math.exp(z[k] - top);
      restP[i] /= sum;
      for (let k = start[i]; k < start[i + 1]; k++) {
        p[k] /= sum;
        it.loss -= count[k] / all * (z[k] - top - Math.log(sum));
      }
    }
  };
  const it = {
    loss: 0,
    /** The gradient of a row: how often it's used, times (p − y). @param {number} rate */
    step(rate) {
      for (let i = 0; i < V; i++) {
        const used = total[i] / all;
        for (let k = start[i]; k < start[i + 1]; k++) z[k] -= rate * (used * p[k] - count[k] / all);
        rest[i] -= rate * used * restP[i];
      }
      look();
    },
    /** @param {number} i */
    row(i) {
      const row = new Float64Array(V).fill(restP[i]);
      for (let k = start[i]; k < start[i + 1]; k++) row[to[k]] = p[k];
      return row;
    },
  };
  look();
  return it;
}

/**
 * Sample, append, repeat: up to n characters that follow after `begin`.
 * @param {string} begin
 * @param {number} n
 * @param {Encoded} text
 * @param {RowOf} rowOf
 * @param {number} seed
 */
export function written(begin, n, { chars, idOf }, rowOf, seed) {
  const u = mulberry32(seed), rows = /** @type {Map<number, Numbers>} */ (new Map()), out = [];
  let id = idOf.get(Array.from(begin).at(-1) ?? "");
  for (; n > 0 && id !== undefined; n--) {
    const row = rows.get(id) ?? rowOf(id);
    rows.set(id, row);
    if (!row.some(v => v > 0)) break;
    id = draw(row, u());
    out.push(chars[id]);
  }
  return out.join("");
}

/** A character you can see: its number if it shows nothing, a circle for a mark to sit on. @param {string} char */
export function label(char) {
  if (/[\p{C}\p{Z}]/u.test(char) && !" \n\t".includes(char))
    return `U+${Number(char.codePointAt(0)).toString(16).toUpperCase().padStart(4, "0")}`;
  return visible(/^\p{M}/u.test(char) ? "◌" + char : char);
}

/** @param {string} char */
const quoted = char => `“${label(char)}”`;

/** @param {number | null} loss */
const nats = loss => (loss === null ? "–" : number(loss, 4));

/** The loss against steps, from log V down to the dashed line, the loss of the counts.
 * @param {{ losses: number[], V: number, optimum: number, width: number }} options @returns {Mark[]} */
function curve({ losses, V, optimum, width }) {
  const done = losses.length - 1, nothing = Math.log(V), each = Math.ceil(losses.length / 320);
  const most = Math.min(3 * nothing, losses.reduce((a, b) => Math.max(a, b), nothing));
  const x = scale({ low: 0, high: Math.max(50, done) }, 0, width - 6), y = scale({ low: 0, high: most || 1 }, 78, 20);
  /** @param {number} loss */
  const at = loss => y.at(Math.min(most, loss)), counts = at(optimum);
  const shown = losses.map((_, i) => i).filter(i => i % each === 0 || i === done);
  return [
    note(`loss ${nats(last(losses))}`, 0, 12, "start"), line(0, 78, width, 78, { class: "nw-grid" }),
    line(0, counts, width, counts, { stroke: "var(--nw-muted)", "stroke-dasharray": "6 4" }),
    note(`the counts: ${nats(optimum)}`, width, counts > 62 ? counts - 6 : counts + 15, "end"),
    ["path", {
      d: path(shown.map(i => [x.at(i), at(losses[i])])), fill: "none", stroke: "var(--nw-orange)", "stroke-width": 2.5,
      "stroke-linejoin": "round",
    }],
    ["circle", { cx: x.at(done), cy: at(last(losses)), r: 4.5, fill: "var(--nw-orange)" }],
  ];
}

/**
 * Where the dot is that walks the map: in each step from one character's column down or up to its row, and along that
 * row to the next character's column.
 * @param {number[]} places  of the characters, in the map's order
 * @param {number} x  how many steps it has done
 */
export function walked(places, x) {
  const step = Math.max(0, Math.min(places.length - 2, Math.floor(x))), part = x - step;
  const from = step ? places[step - 1] : places[0], here = places[step], to = places[step + 1] ?? here;
  const down = eased(Math.min(1, 2 * part)), along = eased(Math.max(0, Math.min(1, 2 * part - 1)));
  const column = step || part >= 0.5 ? here : -1; // the first step starts at the row's name
  return { step, column: column + along * (to - column), row: from + down * (here - from) };
}

/** How dark a cell is: the square root, so that 1/32 can be told from 0. @param {number} p */
export const shade = p => Math.sqrt(p);

/** Characters of the map, so that their names have 13 pixels each. @param {number} width */
export const fitting = width => Math.max(5, Math.min(SHOWN, Math.floor(width / 13 - 1.6)));

/** @param {string} text */
const inLine = text => text.replaceAll("\n", "↵").replaceAll("\t", "⇥");

/** @param {string} char  one that fits a cell */
const small = char => (label(char).length > 2 ? "□" : label(char));

export default widget(frame => {
  const { model, root, on, cleanup, safely } = frame, get = model.get, say = announcer(frame);
  const walk = animator(frame), fade = animator(frame);
  /** @typedef {{ row: number, column: number | null }} Spot  a cell of the map that the reader points at, or its row */
  let text = /** @type {string | null} */ (null), words = encoded(""), table = counted([], 0); // the text, counted
  let optimum = /** @type {number | null} */ (null), held = optimum;
  let net = learner(table), losses = [0], rate = NaN; // what is learned
  let running = false, target = 0, saved = 0, waiting = 0; // `target`: the step to reach; `saved`: the one in the trait
  let row = 0, spot = /** @type {Spot | null} */ (null);
  let story = /** @type {number[]} */ ([]), at = 0, wanted = false; // what it writes, and how far the dot is
  let slowly = false, seen = ""; // whether the map changes its colors slowly; the table it showed
  root.classList.add("nw-bigram");

  const box = h("textarea", {
    rows: 1, dir: "auto", spellcheck: "false", onfocus: () => { box.rows = 6; },
    oninput: () => put(model, { text: readable(box.value) }),
  });
  const told = h("p", { class: "nw-muted" }), warning = h("p", { class: "nw-bigram-note" });
  const map = heat(), bars = following(), chart = s("svg", { role: "img", class: "nw-bigram-curve" });
  const learned = h("p", { class: "nw-muted nw-bigram-learned" }), learning = h("div", {}, chart, learned);
  const sentence = h("p", { class: "nw-bigram-line", dir: "auto", role: "group", "aria-label": "The table's text" });
  const ends = h("p", { class: "nw-muted" });
  const write = button("▶ Write", () => {
    if (walk.running()) arrive();
    else { pause(); wanted = true; put(model, { seed: (get("seed") + 1) % 2 ** 32 }); }
  }, { class: "nw-go" });
  const train = button("▶ Train", () => (running ? pause() : begin()), { class: "nw-bigram-train" });

  // Under More

  const rows = h("select", { onchange: () => put(model, { row: words.chars[rows.selectedIndex] }) });
  const prompt = h("input", {
    type: "text", dir: "auto", spellcheck: "false", autocapitalize: "off",
    oninput: () => put(model, { prompt: readable(prompt.value) }),
  });
  const page = h("p", {
    class: "nw-bigram-page", dir: "auto", tabindex: 0, role: "region", "aria-label": "A longer sample",
  });
  const one = button("One step", () => put(model, { steps: Math.min(STEPS, get("steps") + 1) }));
  const over = button("Start over", () => put(model, { steps: 0 })), scores = h("tbody");
  const logRate = slider(frame, "rate", {
    label: "Learning rate", step: 0.05, to: x => Number((10 ** x).toPrecision(3)), from: Math.log10, shown: number,
  });

  root.append(
    primary(write, choice(frame, "shown", "The table", [["counted", "counted"], ["learned", "learned"]]), train),
    h("div", { class: "nw-drawing" }, sentence, ends,
      h("div", { class: "nw-bigram-two" }, h("div", {}, map.element, map.note), h("div", {}, bars.element, learning))),
    h("label", { class: "nw-bigram-ask" },
      h("span", { class: "nw-muted" }, "Text to learn from: type or paste your own"), box),
    told, warning,
    more(
      h("div", { class: "nw-controls" },
        h("label", { class: "nw-field" }, h("span", {}, "Show what follows"), rows),
        h("label", { class: "nw-field" }, h("span", {}, "Start the text with"), prompt),
        numberBox(frame, "seed", "Seed"), logRate),
      h("div", { class: "nw-row" }, one, over),
      h("p", { class: "nw-muted" }, "A longer sample"), page,
      h("table", { class: "nw-bigram-scores" },
        h("thead", {}, h("tr", {}, ["mean surprise", "nats per character", "perplexity"].map(word =>
          h("th", { scope: "col" }, word)))), scores)));

  const done = () => losses.length - 1, learns = () => get("shown") === "learned";
  /** @type {RowOf} */
  const rowOf = i => (learns() ? net.row(i) : countedRow(table, i));

  // Training, in slices

  function work() {
    waiting = 0;
    const end = performance.now() + SLICE;
    if (running && done() >= target) target = Math.min(STEPS, done() + 1 + Math.floor(done() / 50)); // slow at first
    if (running && still()) target = STEPS; // nothing moves until it's there
    while (done() < target && performance.now() < end) {
      net.step(rate);
      losses.push(net.loss);
    }
    if (running && done() === STEPS) pause(); else if (!(running && still())) paint();
    if (running || done() < target) plan();
  }
  const plan = () => { waiting ||= requestAnimationFrame(() => safely(work)); };
  cleanup(() => cancelAnimationFrame(waiting));
  function begin() {
    running = true;
    if (walk.running()) arrive();
    if (done() === STEPS) restart();
    train.textContent = "Pause";
    plan();
  }
  function pause() {
    if (!running) return;
    running = false;
    saved = target = done();
    put(model, { steps: saved });
    paint();
  }
  function restart() {
    net = learner(table);
    losses = table.pairs ? [net.loss] : [0];
  }

  // Writing

  const begins = () => get("prompt") || words.chars[words.ids[0]] || "";
  /** The line ends: it's all there, and its last character's row stays in view. */
  function arrive() {
    walk.stop();
    if (story.length > 1) put(model, { row: words.chars[last(story)] });
    paint();
  }
  function start() {
    const steps = story.length - 1;
    if (steps < 1) return;
    at = 0;
    walk.run(LETTER * steps, (x, over) => {
      if (over) { arrive(); return; }
      const before = at;
      at = x * steps;
      map.walk();
      if (Math.floor(2 * at) !== Math.floor(2 * before)) { paintLine(); bars.paint(); map.frame(); }
    });
    if (walk.running()) paint();
  }
  function paintLine() {
    const now = walk.running(), shown = story.slice(1, now ? Math.floor(at) + 1 : undefined);
    const letters = shown.map(id => inLine(words.chars[id])), rest = letters.splice(now ? -1 : letters.length);
    sentence.replaceChildren(h("span", { class: "nw-muted" }, inLine(begins().slice(-30))), letters.join(""),
      ...rest.map(letter => h("b", {}, letter)));
  }

  // What shows

  /** The row in view: where the reader points, or the dot is, or the chosen one. */
  const here = () => spot?.row ?? (walk.running() ? story[Math.floor(at)] : row);

  /** The most frequent characters against each other. Over the cells: the row in view, the cell that's pointed at, and
   * the dot that walks. */
  function heat() {
    const names = s("g"), cells = s("g", { fill: "var(--nw-blue)" }), focus = s("g", { fill: "none" });
    const trail = s("polyline", { fill: "none", class: "nw-bigram-trail" });
    const dot = s("circle", { r: 6, class: "nw-bigram-dot" }), note = h("p", { class: "nw-muted" });
    const svg = s("svg", { "aria-hidden": "true" }, names, cells, focus, trail, dot);
    const element = h("div", { class: "nw-bigram-map", tabindex: 0, role: "application" }, svg);
    let order = /** @type {number[]} */ ([]), n = 0, cell = 13, key = "", width = 400;
    let shades = /** @type {Float64Array} */ (new Float64Array(0));
    /** The middle of a column or row. @param {number} k */
    const middle = k => (k + 2.1) * cell;
    /** @param {MouseEvent} event @returns {Spot | null} */
    const under = event => {
      const box = element.getBoundingClientRect();
      /** @param {number} pixels */
      const place = pixels => Math.floor(pixels / cell - 1.6);
      const column = place(event.clientX - box.left), row = place(event.clientY - box.top);
      return row < 0 || row >= n ? null : { row: order[row], column: column >= 0 && column < n ? order[column] : null };
    };
    /** @param {Spot | null} place */
    const point = (place, lock = false) => {
      spot = place;
      if (lock && walk.running()) arrive();
      if (lock && place) put(model, { row: words.chars[place.row] });
      paintTable();
    };
    element.addEventListener("pointermove", event => { if (event.pointerType !== "touch" && n) point(under(event)); });
    element.addEventListener("pointerleave", () => point(null));
    element.addEventListener("click", event => { if (n) point(under(event), true); });
    element.addEventListener("keydown", event => {
      const steps = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] };
      const [down = 0, right = 0] = steps[/** @type {keyof typeof steps} */ (event.key)] ?? [];
      if ((!down && !right) || !n) return;
      event.preventDefault();
      /** @param {number} id @param {number} by */
      const move = (id, by) => order[Math.max(0, Math.min(n - 1, order.indexOf(id) + by))];
      point(spot?.column == null ? { row: move(row, down), column: order[0] }
        : { row: move(spot.row, down), column: move(spot.column, right) }, true);
    });
    element.addEventListener("blur", () => point(null));
    const watch = new ResizeObserver(() => { if (Math.abs(element.clientWidth - width) > 1) paintTable(); });
    watch.observe(element);
    cleanup(() => watch.disconnect());

    function arrange() {
      width = element.clientWidth || width;
      order = ranking(words.often).slice(0, fitting(width)).sort((a, b) => a - b);
      n = order.length;
      cell = Math.min(44, width / (n + 1.6));
      const size = cell * (n + 1.6), before = key;
      key = `${cell} ${order.map(i => words.chars[i]).join("")}`;
      if (key === before) return false;
      shades = new Float64Array(n * n).fill(-1);
      svg.setAttribute("viewBox", `0 0 ${size} ${size}`);
      svg.style.maxWidth = `${size}px`;
      /** @param {number} x @param {number} y @param {number} id */
      const name = (x, y, id) => s("text", { x, y }, small(words.chars[id]));
      names.replaceChildren(s("rect", { x: 1.6 * cell, y: 1.6 * cell, width: n * cell, height: n * cell, rx: 3 }),
        ...order.flatMap((id, k) => [name(middle(k), cell * 0.8, id), name(cell * 0.8, middle(k), id)]));
      cells.replaceChildren(...Array.from({ length: n * n }, (_, k) => s("rect", {
        x: ((k % n) + 1.6) * cell + 0.5, y: (Math.floor(k / n) + 1.6) * cell + 0.5, width: cell - 1,
        height: cell - 1, rx: 2,
      })));
      return true;
    }
    /** @param {Float64Array} to */
    function fill(to) {
      to.forEach((v, k) => {
        if (v !== shades[k]) cells.children[k].setAttribute("fill-opacity", v.toFixed(3));
      });
      shades = to;
    }
    function paint() {
      const fresh = arrange(), from = shades, to = new Float64Array(n * n);
      order.forEach((id, y) => {
        const p = rowOf(id);
        order.forEach((j, x) => { to[y * n + x] = shade(p[j]); });
      });
      element.hidden = !table.pairs;
      if (slowly && !fresh)
        fade.run(FADE, x => fill(x === 1 ? to : to.map((v, k) => from[k] + eased(x) * (v - from[k]))));
      else if (fresh || !fade.running()) { fade.stop(); fill(to); }
      slowly = false;
      frame();
      walking();
    }
    /** @param {number} x @param {number} y @param {number} across @param {string} color */
    const outline = (x, y, across, color) => s("rect", {
      x: (x + 1.6) * cell, y: (y + 1.6) * cell, width: across * cell, height: cell, rx: 2, stroke: `var(--nw-${color})`,
    });
    function frame() {
      const y = order.indexOf(here()), x = order.indexOf(spot?.column ?? -1);
      focus.replaceChildren(...(y >= 0 ? [outline(0, y, n, "orange")] : []),
        ...(x >= 0 && y >= 0 ? [outline(x, y, 1, "ink")] : []));
    }
    function walking() {
      dot.style.display = trail.style.display = walk.running() ? "" : "none";
      if (!walk.running()) return;
      const places = story.map(id => (order.includes(id) ? order.indexOf(id) : n - 0.4)); // rare ones: past the edge
      const { column, row } = walked(places, at), points = [];
      for (let x = Math.max(0, at - 1); x < at; x += 0.125) points.push(walked(places, x));
      const spots = [...points, { column, row }].map(p => `${middle(p.column).toFixed(1)},${middle(p.row).toFixed(1)}`);
      trail.setAttribute("points", spots.join(" "));
      dot.setAttribute("cx", middle(column).toFixed(1));
      dot.setAttribute("cy", middle(row).toFixed(1));
    }
    return { element, note, paint, frame, walk: walking, left: () => table.V - n };
  }

  /** @param {number} row @param {number} column */
  function pairText(row, column) {
    const k = countOf(row, column), n = table.total[row], a = quoted(words.chars[row]), b = quoted(words.chars[column]);
    return `${b} follows ${a} ${whole(k)} of ${count(n, "time")}; p = ${n ? share(k / n) : "–"} counted, `
      + `${share(net.row(row)[column])} learned.`;
  }
  /** @param {number} i @param {number} j */
  function countOf(i, j) {
    for (let k = table.start[i]; k < table.start[i + 1]; k++) if (table.to[k] === j) return table.count[k];
    return 0;
  }

  /** The row in view as bars: what comes next. */
  function following() {
    const title = h("p", { class: "nw-bigram-title" }), rest = h("p", { class: "nw-muted" });
    const list = h("div", { class: "nw-bigram-bars", role: "list" }), element = h("div", {}, title, list, rest);
    return { element, paint() {
      element.hidden = !table.pairs;
      if (!table.pairs) return;
      const i = here(), p = countedRow(table, i), q = net.row(i), shown = learns() ? q : p;
      const order = ranking(table.total[i] ? p : q).slice(0, BARS), others = table.V - order.length;
      const next = walk.running() && spot === null && at % 1 >= 0.5 ? story[Math.floor(at) + 1] : -1;
      title.textContent = `After ${quoted(words.chars[i])}`;
      list.setAttribute("aria-label", title.textContent);
      while (list.children.length < order.length)
        list.append(h("div", { role: "listitem" }, h("bdi"), h("i", {}, h("b", { class: "nw-moves" }), h("u")),
          h("span")));
      while (list.children.length > order.length) list.lastChild?.remove();
      order.forEach((j, k) => {
        const one = list.children[k], [name, lane, value] = one.children, [bar, mark] = lane.children;
        one.setAttribute("title", pairText(i, j));
        one.classList.toggle("nw-bigram-next", j === next);
        name.textContent = label(words.chars[j]);
        /** @type {HTMLElement} */ (bar).style.width = `${(100 * shown[j]).toFixed(2)}%`;
        /** @type {HTMLElement} */ (mark).style.left = `${(100 * p[j]).toFixed(2)}%`;
        /** @type {HTMLElement} */ (mark).hidden = !learns();
        value.textContent = share(shown[j]);
      });
      const left = Math.max(0, sum(shown) - sum(order.map(j => shown[j])));
      rest.textContent = !table.total[i]
        ? `Nothing ever follows ${quoted(words.chars[i])}, so the counts have no answer.`
        : others > 0 && left > 1e-12 ? `${count(others, "other")}: ${share(left)}` : "";
    } };
  }

  let width = 0;
  const watch = new ResizeObserver(() => { if (chart.clientWidth !== width && table.pairs) paintCurve(); });
  watch.observe(chart);
  cleanup(() => watch.disconnect());
  function paintCurve() {
    width = chart.clientWidth || 280;
    chart.setAttribute("viewBox", `0 0 ${width} 84`);
    chart.replaceChildren(...drawn(curve({ losses, V: table.V, optimum: optimum ?? 0, width })));
    chart.setAttribute("aria-label", `Loss against steps: from ${nats(losses[0])} to ${nats(last(losses))} nats per `
      + `character after ${count(done(), "step")}; the counts get ${nats(optimum)}.`);
  }

  function paintTable() {
    map.paint();
    bars.paint();
    const left = map.left(), pair = spot && spot.column !== null ? pairText(spot.row, spot.column) : "";
    const rare = left > 0 ? ` ${whole(left)} rare ${left === 1 ? "one isn't" : "ones aren't"} shown.` : "";
    map.note.textContent = !table.pairs ? "" : pair || `Row: this character. Column: the next one.${rare}`;
    map.element.setAttribute("aria-label", `Table of what follows what. The arrow keys go from pair to pair. ${pair}`);
  }

  function paint() {
    const pairs = table.pairs > 0, before = Array.from(begins()).at(-1) ?? "";
    const more = written(begins(), WRITTEN, words, rowOf, get("seed")), letters = Array.from(more);
    if (!walk.running()) {
      story = [before, ...letters.slice(0, LINE)].map(c => words.idOf.get(c) ?? -1);
      at = story.length - 1;
    }
    paintTable();
    paintLine();
    page.replaceChildren(h("span", { class: "nw-muted" }, begins().slice(-200)), more);
    ends.textContent = !text ? "Type some text below."
      : !words.idOf.has(before) ? `${quoted(before)} isn't in the text, so the table can't continue from it. `
        + "End the prompt with another character."
      : letters.length < LINE
        ? `It stops here, because nothing ever follows ${quoted(letters.at(-1) ?? before)} in the text.` : "";

    write.textContent = walk.running() ? "Skip" : "▶ Write";
    enable(walk.running() || letters.length > 0, write);
    train.hidden = !learns();
    learning.hidden = !learns() || !pairs;
    train.textContent = running ? "Pause" : "▶ Train";
    enable(pairs, train);
    enable(pairs && !running && done() < STEPS, one);
    enable(pairs && (running || done() > 0), over);
    if (pairs && learns()) paintCurve();
    const now = last(losses), gap = now - (optimum ?? 0), steps = count(done(), "step");
    const beside = gap < 5e-7 ? "the same as" : `${number(gap, 2)} above`;
    learned.textContent = pairs ? `After ${steps} at learning rate ${number(rate)}, the loss is ${beside} the counts'.`
      : "";
    /** @type {[string, number | null][]} */
    const measured = [
      ["a uniform guess: log V", pairs ? Math.log(table.V) : null],
      ["the counts, on the text itself", optimum],
      [`after ${steps} of training, on the text itself`, pairs ? now : null],
      ["counts from the first 90%, plus 1 each, tested on the last 10%", held],
    ];
    scores.replaceChildren(...measured.map(([what, loss]) => h("tr", {}, h("th", { scope: "row" }, what),
      h("td", {}, nats(loss)), h("td", {}, loss === null ? "–" : number(Math.exp(loss))))));
  }

  // The text, or what was set

  /** @param {string} given */
  function read(given) {
    const before = words.chars.join("");
    text = given;
    words = encoded(text);
    table = counted(words.ids, words.chars.length);
    optimum = countedLoss(table);
    held = heldOutLoss(words.ids, table.V);
    if (readable(box.value) !== text) box.value = text;
    if (words.chars.join("") !== before) rows.replaceChildren(...words.chars.map(c => h("option", {}, label(c))));
    spot = null;
    const length = words.ids.length;
    told.textContent = text ? `${count(length, "character")}, ${whole(table.V)} different` : "";
    const full = length < READ ? `: the table has room for only ${whole(DIFFERENT)} different characters` : "";
    warning.textContent = [
      box.value.length > text.length
        && `Only the first ${whole(length)} characters are read${full}. The rest stays in the box.`,
      /\p{Surrogate}/u.test(box.value.slice(0, 2 * READ))
        && "The text contains half a character; it counts as �.",
    ].filter(Boolean).join(" ");
  }

  on("text row shown prompt seed rate steps", () => {
    if (typeof get("text") !== "string")
      throw new Error(`The text must be a string; got ${JSON.stringify(get("text"))}.`);
    const given = readable(get("text")), fresh = given !== text;
    if (fresh) read(given);
    if (fresh || get("rate") !== rate) { rate = get("rate"); restart(); }
    if (get("steps") !== saved) { running = false; saved = target = get("steps"); }
    if (target < done() && !running) restart();
    if (!table.pairs) { running = false; target = 0; }
    row = words.idOf.get(get("row")) ?? ranking(words.often)[0] ?? 0;
    rows.selectedIndex = row;
    if (prompt.value !== get("prompt") && readable(prompt.value) !== get("prompt")) prompt.value = get("prompt");
    cancelAnimationFrame(waiting);
    walk.stop();
    if (!learns()) pause();
    slowly = seen !== "" && seen !== get("shown");
    seen = get("shown");
    work();
    if (wanted) { wanted = false; start(); }
    say(`${told.textContent} ${learned.textContent}`);
  });
});
