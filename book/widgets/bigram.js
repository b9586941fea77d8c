// @ts-check
// The bigram of the characters of a text the reader types: counted at once, and learned by gradient descent.
// bigram.py computes the same. A character is a code point, as in Python.
/** @import { Mark, Numbers } from "./types.js" */
import { axes, line, path, text as note } from "./chart.js";
import { announcer, button, drawn, enable, h, numberBox, put, s, select, slider, widget } from "./dom.js";
import { draw, mulberry32, ranking, sum } from "./formulas.js";
import { count, last, number, share, visible, whole } from "./text.js";

const READ = 100_000, DIFFERENT = 4_000, HELD = 1_000, STEPS = 10_000; // as in bigram.py
const SHOWN = 30, BARS = 10, WRITTEN = 300; // characters of the map, bars of a row, characters of a text
const ENDS = [50, 100, 200, 500, 1000, 2000, 5000, STEPS]; // where the axis of steps ends
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
  const done = losses.length - 1, end = ENDS.find(n => n >= done) ?? STEPS, nothing = Math.log(V);
  const most = losses.reduce((a, b) => Math.max(a, b), nothing);
  const top = 1.04 * Math.max(0.1, Math.min(most, 3 * nothing)), each = Math.ceil(losses.length / 320);
  const { x, y, box, marks } = axes({
    width, height: 190, left: 38, right: 6, top: 22, bottom: 20, grid: false,
    x: { low: 0, high: end, ticks: [0, end], text: n => (n ? `${whole(n)} steps` : "0") },
    y: { low: 0, high: top, ticks: [0, nothing] },
  });
  /** @param {number} loss */
  const at = loss => y.at(Math.min(top, loss));
  /** @param {number} loss @param {string} dash @param {string} words @returns {Mark[]} */
  const level = (loss, dash, words) => [
    line(box.left, at(loss), box.right, at(loss), { stroke: "var(--nw-muted)", "stroke-dasharray": dash }),
    note(words, box.right, at(loss) + 15, "end"),
  ];
  const shown = losses.map((_, i) => i).filter(i => i % each === 0 || i === done);
  return [
    ["path", { d: `M${box.left} 16V${box.bottom}H${box.right}`, fill: "none", stroke: "var(--nw-muted)" }],
    note("loss, nats per character", box.left, 11, "start"), ...marks,
    ...level(nothing, "1 4", "log V: a uniform guess"), ...level(optimum, "6 4", `the counts: ${nats(optimum)}`),
    ["path", {
      d: path(shown.map(i => [x.at(i), at(losses[i])])), fill: "none", stroke: "var(--nw-blue)", "stroke-width": 2.5,
      "stroke-linejoin": "round",
    }],
    ["circle", { cx: x.at(done), cy: at(last(losses)), r: 4.5, fill: "var(--nw-blue)" }],
  ];
}

export default widget(frame => {
  const { model, root, on, cleanup, safely } = frame, get = model.get, say = announcer(frame);
  /** @typedef {{ row: number, column: number | null }} Spot  a cell of the map that the reader points at, or its row */
  let text = /** @type {string | null} */ (null), words = encoded(""), table = counted([], 0); // the text, counted
  let optimum = /** @type {number | null} */ (null), held = optimum, often = /** @type {number[]} */ ([]);
  let net = learner(table), losses = [0], rate = NaN; // what is learned
  let running = false, target = 0, saved = 0, waiting = 0; // `target`: the step to reach; `saved`: the one in the trait
  let row = 0, spot = /** @type {Spot | null} */ (null);
  root.classList.add("nw-bigram");

  /** @param {string} words */
  const title = words => h("p", { class: "nw-bigram-title" }, words);
  /** @param {string[]} words */
  const head = (...words) => h("thead", {}, h("tr", {}, words.map(word => h("th", { scope: "col" }, word))));
  const box = h("textarea", {
    rows: 4, dir: "auto", spellcheck: "false", oninput: () => put(model, { text: readable(box.value) }),
  });
  const told = h("p", { class: "nw-muted" }), note = h("p", { class: "nw-bigram-note" });
  const map = heat(), bars = following(), chart = s("svg", { role: "img", class: "nw-bigram-curve" });
  const rows = h("select", { onchange: () => put(model, { row: words.chars[rows.selectedIndex] }) });
  const prompt = h("input", {
    type: "text", dir: "auto", spellcheck: "false", autocapitalize: "off",
    oninput: () => put(model, { prompt: readable(prompt.value) }),
  });
  const page = h("p", {
    class: "nw-bigram-page", dir: "auto", tabindex: 0, role: "region", "aria-label": "What it writes",
  });
  const ends = h("p", { class: "nw-muted" });
  const train = button("Train", () => (running ? pause() : begin()), { class: "nw-bigram-train" });
  const one = button("One step", () => put(model, { steps: Math.min(STEPS, get("steps") + 1) }));
  const over = button("Start over", () => put(model, { steps: 0 }));
  const another = button("Write another", () => put(model, { seed: (get("seed") + 1) % 2 ** 32 }));
  const learned = h("p", { class: "nw-bigram-learned" }), scores = h("tbody");
  const logRate = slider(frame, "rate", {
    label: "learning rate", step: 0.05, to: x => Number((10 ** x).toPrecision(3)), from: Math.log10, shown: number,
  });

  root.append(
    h("label", { class: "nw-bigram-ask" },
      h("span", { class: "nw-muted" }, "Text to learn from: type, or paste your own"), box),
    told, note,
    h("div", { class: "nw-bigram-two" },
      h("div", {},
        select(frame, "shown", "Table in use", [["counted", "the counts"], ["learned", "the learned table, below"]]),
        map.element, map.note),
      h("div", {}, h("label", { class: "nw-field" }, h("span", {}, "What comes after"), rows), bars.element),
      h("div", {}, title("The same table, learned"), h("div", { class: "nw-row" }, train, one, over), logRate, chart,
        learned),
      h("div", {}, title("What the table in use writes"),
        h("label", { class: "nw-field" }, h("span", {}, "It starts with"), prompt),
        h("div", { class: "nw-row" }, another, numberBox(frame, "seed", "seed")), page, ends)),
    h("table", { class: "nw-bigram-scores" }, head("mean surprise", "nats per character", "perplexity"), scores));

  const done = () => losses.length - 1, learns = () => get("shown") === "learned";
  /** @type {RowOf} */
  const rowOf = i => (learns() ? net.row(i) : countedRow(table, i));

  // Training, in slices

  function work() {
    waiting = 0;
    const end = performance.now() + SLICE;
    if (running && done() >= target) target = Math.min(STEPS, done() + 1 + Math.floor(done() / 50)); // slow at first
    while (done() < target && performance.now() < end) {
      net.step(rate);
      losses.push(net.loss);
    }
    if (running && done() === STEPS) pause(); else paint();
    if (running || done() < target) plan();
  }
  const plan = () => { waiting ||= requestAnimationFrame(() => safely(work)); };
  cleanup(() => cancelAnimationFrame(waiting));
  function begin() {
    running = true;
    if (done() === STEPS) restart();
    plan();
  }
  function pause() {
    running = false;
    saved = target = done();
    put(model, { steps: saved });
    paint();
  }
  function restart() {
    net = learner(table);
    losses = table.pairs ? [net.loss] : [0];
  }

  // What shows

  /** The most frequent characters against each other: a canvas for the shades; over it, names, and frames for what's
   * picked. */
  function heat() {
    const canvas = h("canvas", { "aria-hidden": "true" }), names = s("g"), focus = s("g", { fill: "none" });
    const svg = s("svg", { "aria-hidden": "true" }, names, focus), note = h("p", { class: "nw-muted" });
    const element = h("div", { class: "nw-bigram-map", tabindex: 0, role: "application" }, canvas, svg);
    let n = 0, drawn = "";
    /** @param {MouseEvent} event @returns {Spot | null} */
    const at = event => {
      const box = element.getBoundingClientRect();
      /** @param {number} x @param {number} size */
      const place = (x, size) => Math.floor(x / size * (n + 1.5) - 1.5);
      const column = place(event.clientX - box.left, box.width), row = place(event.clientY - box.top, box.height);
      if (row < 0 || row >= n) return null;
      return { row: often[row], column: column >= 0 && column < n ? often[column] : null };
    };
    /** @param {Spot | null} place */
    const point = (place, lock = false) => {
      spot = place;
      if (lock && place) put(model, { row: words.chars[place.row] });
      paintTable();
    };
    element.addEventListener("pointermove", event => { if (event.pointerType !== "touch" && n) point(at(event)); });
    element.addEventListener("pointerleave", () => point(null));
    element.addEventListener("click", event => { if (n) point(at(event), true); });
    element.addEventListener("keydown", event => {
      const steps = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] };
      const [down = 0, right = 0] = steps[/** @type {keyof typeof steps} */ (event.key)] ?? [];
      if ((!down && !right) || !n) return;
      event.preventDefault();
      /** @param {number} id @param {number} by */
      const move = (id, by) => often[Math.max(0, Math.min(n - 1, often.indexOf(id) + by))];
      point(spot?.column == null ? { row, column: often[0] }
        : { row: move(spot.row, down), column: move(spot.column, right) }, true);
    });
    element.addEventListener("blur", () => point(null));

    /** @param {number} x @param {number} y @param {number} id */
    const name = (x, y, id) => {
      const words_ = label(words.chars[id]), size = Math.min(1, 2 / [...words_].length);
      return s("text", { x, y, style: { "font-size": `${size}px` } }, words_);
    };
    /** @param {number} x @param {number} y @param {number} width @param {string} color */
    const frame = (x, y, width, color) => s("rect", { x, y, width, height: 1, stroke: `var(--nw-${color})` });
    return { element, note, paint() {
      n = often.length;
      const size = n + 1.5, key = often.map(i => words.chars[i]).join("");
      element.hidden = !table.pairs;
      if (key !== drawn) {
        drawn = key;
        svg.setAttribute("viewBox", `0 0 ${size} ${size}`);
        const edge = `${150 / size}%`, side = `${100 * n / size}%`;
        Object.assign(canvas.style, { left: edge, top: edge, width: side, height: side });
        names.replaceChildren(s("rect", { x: 1.5, y: 1.5, width: n, height: n }),
          ...often.flatMap((id, k) => [name(k + 2, 0.8, id), name(0.8, k + 2, id)]));
      }
      canvas.width = canvas.height = n;
      const pen = n ? canvas.getContext("2d") : null, image = pen?.createImageData(n, n);
      often.forEach((id, y) => {
        const p = rowOf(id);
        often.forEach((to, x) => image?.data.set([41, 133, 217, Math.round(255 * p[to])], 4 * (y * n + x)));
      });
      if (image) pen?.putImageData(image, 0, 0);
      const y = often.indexOf(spot?.row ?? row), x = often.indexOf(spot?.column ?? -1);
      focus.replaceChildren(...(y >= 0 ? [frame(1.5, y + 1.5, n, "orange")] : []),
        ...(x >= 0 ? [frame(x + 1.5, y + 1.5, 1, "ink")] : []));
    } };
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

  /** The row in view: what comes next, how often, and both tables' p. */
  function following() {
    const body = h("tbody"), rest = h("p", { class: "nw-muted" });
    const element = h("div", {}, h("table", { class: "nw-bigram-bars" },
      head("next", "p, 0 to 1", "times", "counted", "learned"), body), rest);
    return { element, paint() {
      element.hidden = !table.pairs;
      if (!table.pairs) return;
      const at = spot?.row ?? row, p = countedRow(table, at), q = net.row(at);
      const [shown, other] = learns() ? [q, p] : [p, q];
      const order = ranking(p.some(v => v > 0) ? p : q).slice(0, BARS);
      body.replaceChildren(...order.map(j => h("tr", {},
        h("th", { scope: "row" }, h("bdi", {}, label(words.chars[j]))),
        h("td", { class: "nw-bigram-lane" },
          h("i", { style: { width: `${100 * shown[j]}%` } }), h("b", { style: { left: `${100 * other[j]}%` } })),
        h("td", {}, whole(countOf(at, j))), h("td", {}, share(p[j])), h("td", {}, share(q[j])))));
      const others = table.V - order.length;
      /** @param {Numbers} list */
      const left = list => share(Math.max(0, sum(list) - sum(order.map(j => list[j]))));
      const more = others > 0 ? `${count(others, "other")}: ${left(p)} counted, ${left(q)} learned. ` : "";
      rest.textContent = !table.total[at]
        ? `Nothing ever follows ${quoted(words.chars[at])}, so the counts have no answer.`
        : `${more}The line marks the ${learns() ? "counted" : "learned"} probability.`;
    } };
  }

  let width = 0;
  const watch = new ResizeObserver(() => { if (chart.clientWidth !== width && table.pairs) paintCurve(); });
  watch.observe(chart);
  cleanup(() => watch.disconnect());
  function paintCurve() {
    width = chart.clientWidth || 340;
    chart.setAttribute("viewBox", `0 0 ${width} 190`);
    chart.replaceChildren(...drawn(curve({ losses, V: table.V, optimum: optimum ?? 0, width })));
    chart.setAttribute("aria-label", `Loss against steps: from ${nats(losses[0])} to ${nats(last(losses))} nats per `
      + `character after ${count(done(), "step")}; the counts have ${nats(optimum)}.`);
  }

  function paintTable() {
    map.paint();
    bars.paint();
    const left = table.V - often.length, pair = spot && spot.column !== null ? pairText(spot.row, spot.column) : "";
    const more = left > 0
      ? ` The ${SHOWN} most frequent are drawn; ${left} more ${left === 1 ? "is" : "are"} counted.` : "";
    map.note.textContent = !table.pairs ? ""
      : pair || `Row: this character. Column: the next one. Point at a cell, or use the arrow keys.${more}`;
    map.element.setAttribute("aria-label", `Table of probabilities, ${often.length} characters. `
      + `The arrow keys go from pair to pair. ${pair}`);
  }

  function paint() {
    paintTable();
    const pairs = table.pairs > 0, begin = get("prompt") || words.chars[words.ids[0]] || "";
    const before = Array.from(begin).at(-1) ?? "", more = written(begin, WRITTEN, words, rowOf, get("seed"));
    page.replaceChildren(h("span", { class: "nw-muted" }, begin.slice(-200)), more);
    const letters = Array.from(more), stuck = letters.at(-1) ?? before;
    ends.textContent = !text ? ""
      : !words.idOf.has(before) ? `${quoted(before)} isn't in the text, so the table can't continue from it. `
        + "End the prompt with another character."
      : letters.length < WRITTEN ? `It stops here, because nothing ever follows ${quoted(stuck)} in the text.` : "";

    chart.style.display = pairs ? "" : "none";
    train.textContent = running ? "Pause" : "Train";
    enable(pairs, train);
    enable(pairs && !running && done() < STEPS, one);
    enable(pairs && (running || done() > 0), over);
    if (pairs) paintCurve();
    const now = last(losses), gap = now - (optimum ?? 0), steps = count(done(), "step");
    const beside = gap < 5e-7 ? "the same as" : `${number(gap, 2)} above`;
    learned.textContent = pairs ? `After ${steps} at rate ${number(rate)}: ${nats(now)}, ${beside} the counts.`
      : "Nothing to learn yet.";
    /** @type {[string, number | null][]} */
    const measured = [
      ["a uniform guess: log V", pairs ? Math.log(table.V) : null],
      ["the counts, on the text itself", optimum],
      [`${steps} of learning, on the text itself`, pairs ? now : null],
      ["counts from the first nine tenths, plus 1 each, on the last tenth", held],
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
    often = ranking(words.often).slice(0, SHOWN).sort((a, b) => a - b);
    if (readable(box.value) !== text) box.value = text;
    if (words.chars.join("") !== before) rows.replaceChildren(...words.chars.map(c => h("option", {}, label(c))));
    spot = null;
    const length = words.ids.length;
    const test = held === null ? `With ${whole(HELD)} characters or more, we hold out a tenth.` : "";
    told.textContent = !text ? "Type some text."
      : `${count(length, "character")}, ${whole(table.V)} different; ${count(table.pairs, "pair")}. ${test}`;
    const full = length < READ ? `: the table has room for ${whole(DIFFERENT)} different ones` : "";
    note.textContent = [
      box.value.length > text.length
        && `Only the first ${whole(length)} characters are read${full}. The rest stays in the box.`,
      /\p{Surrogate}/u.test(box.value.slice(0, 2 * READ))
        && "Half of a character is missing its other half; it counts as �.",
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
    work();
    say(`${told.textContent} ${learned.textContent}`);
  });
});
