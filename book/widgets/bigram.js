// The bigram of the characters of a text that the reader types: counted at once, and learned by gradient descent.
// bigram.py computes the same. A character is a code point, as in Python.
import { announcer, button, enable, h, number, numberBox, put, s, select, slider, visible, widget } from "./dom.js";
import { draw, mulberry32, ranking } from "./formulas.js";

const READ = 100_000, DIFFERENT = 4_000, HELD = 1_000, STEPS = 10_000; // as in bigram.py
const SHOWN = 30, BARS = 10, WRITTEN = 300; // characters of the map, bars of a row, characters of a text
const AXES = [50, 100, 200, 500, 1000, 2000, 5000, STEPS]; // where the axis of steps ends
const SLICE = 8; // milliseconds of a frame for training; the rest is the page's

// What is read of a text: its first characters, up to where one more would be too many different ones, with � for half of a pair of surrogates.
export function readable(text) {
  text = text.slice(0, 2 * READ).replace(/\p{Surrogate}/gu, "\ufffd");
  const seen = new Set();
  let end = 0;
  for (let n = 0; n < READ && end < text.length; n++) {
    const code = text.codePointAt(end);
    if (seen.add(code).size > DIFFERENT) break;
    end += code > 0xffff ? 2 : 1;
  }
  return text.slice(0, end);
}

// The different characters of a text, sorted, and the text as their numbers.
export function encoded(text) {
  const all = Array.from(text), chars = [...new Set(all)].sort((a, b) => a.codePointAt(0) - b.codePointAt(0));
  const idOf = new Map(chars.map((c, i) => [c, i])), ids = all.map(c => idOf.get(c)), often = new Float64Array(chars.length);
  for (const id of ids) often[id]++;
  return { chars, idOf, ids, often };
}

// How often each pair of ids came. Most pairs never come, so only the others are kept, row after row: in row i the cells
// from start[i] up to start[i + 1] say that to[cell] followed count[cell] times. total: sums of rows; pairs: of all.
export function counted(ids, V) {
  const codes = Float64Array.from({ length: Math.max(0, ids.length - 1) }, (_, k) => ids[k] * V + ids[k + 1]).sort();
  const start = new Int32Array(V + 1), total = new Float64Array(V), to = [], count = [];
  codes.forEach((code, k) => {
    const i = Math.floor(code / V);
    if (k === 0 || code !== codes[k - 1]) { to.push(code - i * V); count.push(0); start[i + 1] = to.length; }
    count[count.length - 1]++;
    total[i]++;
  });
  for (let i = 0; i < V; i++) start[i + 1] = Math.max(start[i], start[i + 1]);
  return { V, start, to, count, total, pairs: codes.length };
}

// One row of the table: p of each character that may come next. All 0 where nothing ever came.
export function countedRow({ V, start, to, count, total }, i) {
  const p = new Float64Array(V);
  for (let k = start[i]; k < start[i + 1]; k++) p[to[k]] = count[k] / total[i];
  return p;
}

// Mean surprise of the counts at the text they come from, in nats a character.
export function countedLoss({ V, start, count, total, pairs }) {
  let loss = 0;
  for (let i = 0; i < V; i++) for (let k = start[i]; k < start[i + 1]; k++) loss -= count[k] / pairs * Math.log(count[k] / total[i]);
  return pairs ? loss + 0 : null;
}

// The first nine tenths counted, 1 added to each count: mean surprise at the last tenth. null if there is too little.
export function heldOutLoss(ids, V) {
  if (ids.length < HELD) return null;
  const cut = ids.length - Math.floor(ids.length / 10), { start, to, count, total } = counted(ids.slice(0, cut), V), seen = new Map();
  for (let i = 0; i < V; i++) for (let k = start[i]; k < start[i + 1]; k++) seen.set(i * V + to[k], count[k]);
  let loss = 0;
  for (let t = cut; t < ids.length - 1; t++) loss -= Math.log(((seen.get(ids[t] * V + ids[t + 1]) ?? 0) + 1) / (total[ids[t]] + V));
  return loss / (ids.length - 1 - cut);
}

// A table of V × V logits, all 0, that learns these counts. The pairs of a row that never came start equal and get equal
// gradients, so one number, `rest`, stands for all of them; nothing is left out by that.
export function learner({ V, start, to, count, total, pairs }) {
  const all = pairs || 1, z = new Float64Array(to.length), rest = new Float64Array(V), p = new Float64Array(to.length), restP = new Float64Array(V);
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
      for (let k = start[i]; k < start[i + 1]; k++) { p[k] /= sum; it.loss -= count[k] / all * (z[k] - top - Math.log(sum)); }
    }
  };
  const it = {
    loss: 0,
    step(rate) { // the gradient: how often the row is used, times (p − y)
      for (let i = 0; i < V; i++) {
        const used = total[i] / all;
        for (let k = start[i]; k < start[i + 1]; k++) z[k] -= rate * (used * p[k] - count[k] / all);
        rest[i] -= rate * used * restP[i];
      }
      look();
    },
    row(i) {
      const row = new Float64Array(V).fill(restP[i]);
      for (let k = start[i]; k < start[i + 1]; k++) row[to[k]] = p[k];
      return row;
    },
  };
  look();
  return it;
}

// Sample, append, repeat: up to n characters that follow after `begin`.
export function written(begin, n, { chars, idOf }, rowOf, seed) {
  const u = mulberry32(seed), rows = new Map(), out = [];
  let id = idOf.get(Array.from(begin).at(-1));
  for (; n > 0 && id !== undefined; n--) {
    if (!rows.has(id)) rows.set(id, rowOf(id));
    if (!rows.get(id).some(v => v > 0)) break;
    id = draw(rows.get(id), u());
    out.push(chars[id]);
  }
  return out.join("");
}

// A character that can be seen: the number of one that shows nothing, a circle for a mark to stand on.
export function label(char) {
  if (/[\p{C}\p{Z}]/u.test(char) && !" \n\t".includes(char)) return `U+${char.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
  return visible(/^\p{M}/u.test(char) ? "◌" + char : char);
}

const many = (n, word) => `${n.toLocaleString("en-US")} ${word}${n === 1 ? "" : "s"}`;
const share = p => (p > 0 && p < 0.0005 ? "<.001" : p.toFixed(3));
const nats = loss => (loss === null ? "–" : number(loss, 4));

export default widget(frame => {
  const { model, root, on, cleanup, safely } = frame, get = name => model.get(name), say = announcer(frame);
  let text = null, words = null, table = null, optimum = null, held = null, often = []; // the text, and what was counted
  let net = null, losses = [], rate = null, running = false, target = 0, saved = 0, waiting = 0; // what is learned, up to step `target`
  let row = 0, spot = null; // the row that is shown; { row, column } of the map that is pointed at
  root.classList.add("nw-bigram");

  const box = h("textarea", { rows: 4, dir: "auto", spellcheck: "false", oninput: () => put(model, { text: readable(box.value) }) });
  const told = h("p", { class: "nw-muted" }), note = h("p", { class: "nw-bigram-note" });
  const map = heat(), bars = following(), curve = chart();
  const rows = h("select", { onchange: () => put(model, { row: words.chars[rows.selectedIndex] }) });
  const prompt = h("input", { type: "text", dir: "auto", spellcheck: "false", autocapitalize: "off", oninput: () => put(model, { prompt: readable(prompt.value) }) });
  const page = h("p", { class: "nw-bigram-page", dir: "auto", tabindex: 0, role: "region", "aria-label": "What it writes" }), ends = h("p", { class: "nw-muted" });
  const train = button("Train", () => (running ? pause() : begin()), { class: "nw-bigram-train" });
  const one = button("One step", () => put(model, { steps: Math.min(STEPS, get("steps") + 1) }));
  const over = button("Start over", () => put(model, { steps: 0 }));
  const learned = h("p", { class: "nw-bigram-learned" }), scores = h("tbody");

  const title = words => h("p", { class: "nw-bigram-title" }, words);
  root.append(
    h("label", { class: "nw-bigram-ask" }, h("span", { class: "nw-muted" }, "Text to learn from: type, or paste your own"), box), told, note,
    h("div", { class: "nw-bigram-two" },
      h("div", {}, select(frame, "shown", "Table in use", [["counted", "the counts"], ["learned", "what is learned, below"]]), map.element, map.note),
      h("div", {}, h("label", { class: "nw-field" }, h("span", {}, "What comes after"), rows), bars.element),
      h("div", {}, title("The same table, learned"), h("div", { class: "nw-row" }, train, one, over), slider(frame, "rate", { label: "learning rate",
        step: 0.05, to: x => Number((10 ** x).toPrecision(3)), from: Math.log10, shown: x => number(x) }), curve, learned),
      h("div", {}, title("What the table in use writes"), h("label", { class: "nw-field" }, h("span", {}, "It begins with"), prompt),
        h("div", { class: "nw-row" }, button("Write another", () => put(model, { seed: (get("seed") + 1) % 2 ** 32 })), numberBox(frame, "seed", "seed")), page, ends)),
    h("table", { class: "nw-bigram-scores" }, h("thead", {}, h("tr", {}, ["mean surprise", "nats a character", "perplexity"].map(text => h("th", { scope: "col" }, text)))), scores));

  const done = () => losses.length - 1;
  const rowOf = i => (get("shown") === "learned" ? net.row(i) : countedRow(table, i));

  // Training, in slices

  function work() {
    waiting = 0;
    const end = performance.now() + SLICE;
    if (running && done() >= target) target = Math.min(STEPS, done() + 1 + Math.floor(done() / 50)); // slow at first, for the eye
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

  // What is seen

  // The most frequent characters against each other: a canvas for the shades, and over it names and a frame for what is chosen.
  function heat() {
    const canvas = h("canvas", { "aria-hidden": "true" }), names = s("g"), focus = s("g", { fill: "none" });
    const svg = s("svg", { "aria-hidden": "true" }, names, focus), note = h("p", { class: "nw-muted" });
    const element = h("div", { class: "nw-bigram-map", tabindex: 0, role: "application" }, canvas, svg);
    let n = 0, drawn = "";
    const at = event => {
      const box = element.getBoundingClientRect(), place = (x, size) => Math.floor(x / size * (n + 1.5) - 1.5);
      const column = place(event.clientX - box.left, box.width), row = place(event.clientY - box.top, box.height);
      return row >= 0 && row < n ? { row: often[row], column: column >= 0 && column < n ? often[column] : null } : null;
    };
    const point = (place, lock) => {
      spot = place;
      if (lock && place) put(model, { row: words.chars[place.row] });
      paintTable();
    };
    element.addEventListener("pointermove", event => { if (event.pointerType !== "touch" && n) point(at(event)); });
    element.addEventListener("pointerleave", () => point(null));
    element.addEventListener("click", event => { if (n) point(at(event), true); });
    element.addEventListener("keydown", event => {
      const [down, right] = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] }[event.key] ?? [];
      if (down === undefined || !n) return;
      event.preventDefault();
      const move = (id, by) => often[Math.max(0, Math.min(n - 1, often.indexOf(id) + by))];
      point(spot?.column == null ? { row, column: often[0] } : { row: move(spot.row, down), column: move(spot.column, right) }, true);
    });
    element.addEventListener("blur", () => point(null));
    return { element, note, paint() {
      n = often.length;
      const size = n + 1.5, key = often.map(i => words.chars[i]).join("");
      element.hidden = !table.pairs;
      if (key !== drawn) {
        drawn = key;
        svg.setAttribute("viewBox", `0 0 ${size} ${size}`);
        const edge = `${150 / size}%`, side = `${100 * n / size}%`;
        Object.assign(canvas.style, { left: edge, top: edge, width: side, height: side });
        const name = (x, y, i) => { const text = label(words.chars[i]); return s("text", { x, y, style: { "font-size": `${Math.min(1, 2 / [...text].length)}px` } }, text); };
        names.replaceChildren(s("rect", { x: 1.5, y: 1.5, width: n, height: n }), ...often.flatMap((id, k) => [name(k + 2, 0.8, id), name(0.8, k + 2, id)]));
      }
      canvas.width = canvas.height = n;
      const pen = canvas.getContext("2d"), image = n && pen.createImageData(n, n);
      often.forEach((id, y) => { const p = rowOf(id); often.forEach((to, x) => image.data.set([41, 133, 217, Math.round(255 * p[to])], 4 * (y * n + x))); });
      if (n) pen.putImageData(image, 0, 0);
      const y = often.indexOf(spot?.row ?? row), x = often.indexOf(spot?.column);
      focus.replaceChildren(y >= 0 ? s("rect", { x: 1.5, y: y + 1.5, width: n, height: 1, stroke: "var(--nw-orange)" }) : "",
        x >= 0 ? s("rect", { x: x + 1.5, y: y + 1.5, width: 1, height: 1, stroke: "var(--nw-ink)" }) : "");
    } };
  }

  function pairText({ row, column }) {
    const k = countOf(row, column), n = table.total[row], name = i => `“${label(words.chars[i])}”`;
    return `${name(column)} came ${k.toLocaleString("en-US")} of ${many(n, "time")} after ${name(row)}; p = ${n ? share(k / n) : "–"} counted, ${share(net.row(row)[column])} learned.`;
  }
  function countOf(i, j) {
    for (let k = table.start[i]; k < table.start[i + 1]; k++) if (table.to[k] === j) return table.count[k];
    return 0;
  }

  // The row that is shown: what comes next, how often, and both tables' p.
  function following() {
    const body = h("tbody"), rest = h("p", { class: "nw-muted" });
    const element = h("div", {}, h("table", { class: "nw-bigram-bars" }, h("thead", {}, h("tr", {}, ["next", "p, 0 to 1", "times", "counted", "learned"].map(text => h("th", { scope: "col" }, text)))), body), rest);
    return { element, paint() {
      element.hidden = !table.pairs;
      if (!table.pairs) return;
      const at = spot?.row ?? row, p = countedRow(table, at), q = net.row(at), learns = get("shown") === "learned", shown = learns ? q : p;
      const order = ranking(p.some(v => v) ? p : q).slice(0, BARS);
      body.replaceChildren(...order.map(j => h("tr", {}, h("th", { scope: "row" }, h("bdi", {}, label(words.chars[j]))),
        h("td", { class: "nw-bigram-lane" }, h("i", { style: { width: `${100 * shown[j]}%` } }), h("b", { style: { left: `${100 * (learns ? p : q)[j]}%` } })),
        h("td", {}, countOf(at, j).toLocaleString("en-US")), h("td", {}, share(p[j])), h("td", {}, share(q[j])))));
      const others = table.V - order.length, sum = list => list.reduce((a, b) => a + b, 0) - order.reduce((a, j) => a + list[j], 0);
      rest.textContent = !table.total[at] ? `Nothing came after “${label(words.chars[at])}”: the counts have no answer.`
        : (others > 0 ? `${many(others, "other")}: ${share(Math.max(0, sum(p)))} counted, ${share(Math.max(0, sum(q)))} learned. ` : "") + `The line is what is ${learns ? "counted" : "learned"}.`;
    } };
  }

  // The loss against steps, from log V down to the dashed line, the loss of the counts.
  function chart() {
    const svg = s("svg", { role: "img", class: "nw-bigram-curve" }), left = 38, ground = 170;
    let width = 0;
    const watch = new ResizeObserver(() => { if (svg.clientWidth !== width && table?.pairs) svg.paint(); });
    watch.observe(svg);
    cleanup(() => watch.disconnect());
    return Object.assign(svg, { paint() {
      width = svg.clientWidth || 340;
      svg.setAttribute("viewBox", `0 0 ${width} 190`);
      const nothing = Math.log(table.V), right = width - 6, wide = AXES.find(n => n >= done()), most = losses.reduce((a, b) => Math.max(a, b), nothing);
      const top = 1.04 * Math.max(0.1, Math.min(most, 3 * nothing)), each = Math.ceil(losses.length / 320);
      const x = step => left + (right - left) * step / wide, y = loss => ground - (ground - 22) * Math.min(1, loss / top);
      const text = (x, y, anchor, words) => s("text", { x, y, "text-anchor": anchor, class: "nw-muted" }, words);
      const line = (loss, dash) => s("line", { x1: left, x2: right, y1: y(loss), y2: y(loss), stroke: "var(--nw-muted)", "stroke-dasharray": dash });
      const at = losses.map((_, i) => i).filter(i => i % each === 0 || i === done());
      svg.replaceChildren(
        s("path", { d: `M${left} 16V${ground}H${right}`, fill: "none", stroke: "var(--nw-muted)" }),
        text(left, 11, "start", "loss, nats a character"), text(left - 5, ground, "end", "0"), text(left - 5, y(nothing) + 4, "end", number(nothing)),
        text(left, ground + 16, "middle", "0"), text(right, ground + 16, "end", `${wide.toLocaleString("en-US")} steps`),
        line(nothing, "1 4"), text(right, y(nothing) + 15, "end", "log V: knows nothing"), line(optimum, "6 4"), text(right, y(optimum) + 15, "end", `the counts: ${nats(optimum)}`),
        s("path", { d: "M" + at.map(i => `${x(i).toFixed(1)} ${y(losses[i]).toFixed(1)}`).join("L"), fill: "none", stroke: "var(--nw-blue)", "stroke-width": 2.5, "stroke-linejoin": "round" }),
        s("circle", { cx: x(done()), cy: y(losses.at(-1)), r: 4.5, fill: "var(--nw-blue)" }));
      svg.setAttribute("aria-label", `Loss against steps: from ${nats(losses[0])} to ${nats(losses.at(-1))} nats a character after ${many(done(), "step")}; the counts have ${nats(optimum)}.`);
    } });
  }

  function paintTable() {
    map.paint();
    bars.paint();
    const pairs = table.pairs > 0, left = table.V - often.length;
    map.note.textContent = !pairs ? "" : spot && spot.column !== null ? pairText(spot)
      : `Row: this character; column: the next one. Point at a cell, or use the arrow keys.${left > 0 ? ` The ${SHOWN} most frequent are drawn; ${many(left, "other")} ${left === 1 ? "is" : "are"} counted, and left out here.` : ""}`;
    map.element.setAttribute("aria-label", `Table of probabilities, ${often.length} characters. The arrow keys go from pair to pair. ${spot && spot.column !== null ? map.note.textContent : ""}`);

  }

  function paint() {
    paintTable();
    const pairs = table.pairs > 0;
    const begin = get("prompt") || words.chars[words.ids[0]] || "", last = Array.from(begin).at(-1), more = written(begin, WRITTEN, words, rowOf, get("seed"));
    page.replaceChildren(h("span", { class: "nw-muted" }, begin.slice(-200)), more);
    const short = Array.from(more).length < WRITTEN, stuck = Array.from(more).at(-1) ?? last;
    ends.textContent = !text ? "" : !words.idOf.has(last) ? `“${label(last)}” is not in the text, so the table cannot go on from it. End the beginning with another character.`
      : short ? `It stops: nothing came after “${label(stuck)}” in the text.` : "";

    curve.style.display = pairs ? "" : "none";
    train.textContent = running ? "Pause" : "Train";
    enable(pairs, train);
    enable(pairs && !running && done() < STEPS, one);
    enable(pairs && (running || done() > 0), over);
    if (pairs) curve.paint();
    const now = losses.at(-1), gap = now - optimum;
    learned.textContent = !pairs ? "Nothing to learn yet." : `After ${many(done(), "step")} at rate ${number(rate)}: ${nats(now)}, ${gap < 5e-7 ? "the same as" : `${number(gap, 2)} above`} the counts.`;
    scores.replaceChildren(...[
      ["knows nothing: log V", pairs ? Math.log(table.V) : null],
      ["the counts, on the text itself", optimum],
      [`${many(done(), "step")} of learning, on the text itself`, pairs ? now : null],
      ["counts of nine tenths, plus 1 each, on the last tenth", held],
    ].map(([what, loss]) => h("tr", {}, h("th", { scope: "row" }, what), h("td", {}, nats(loss)), h("td", {}, loss === null ? "–" : number(Math.exp(loss))))));
  }

  // The text, or what was set

  function read(given) {
    const before = words?.chars.join("");
    text = given;
    words = encoded(text);
    table = counted(words.ids, words.chars.length);
    optimum = countedLoss(table);
    held = heldOutLoss(words.ids, table.V);
    often = ranking(words.often).slice(0, SHOWN).sort((a, b) => a - b);
    if (readable(box.value) !== text) box.value = text;
    if (words.chars.join("") !== before) rows.replaceChildren(...words.chars.map(c => h("option", {}, label(c))));
    spot = null;
    told.textContent = !text ? "Type a text." : `${many(words.ids.length, "character")}, ${table.V.toLocaleString("en-US")} different; ${many(table.pairs, "pair")}. `
      + (held === null ? `From ${HELD.toLocaleString("en-US")} characters on, a tenth is held out for a test.` : "");
    note.textContent = [box.value.length > text.length ? `Only the first ${words.ids.length.toLocaleString("en-US")} characters are read${words.ids.length < READ ? `: the table has room for ${DIFFERENT.toLocaleString("en-US")} different ones` : ""}. The rest stays in the box.` : "",
      /\p{Surrogate}/u.test(box.value.slice(0, 2 * READ)) ? "Half of a character came without its other half; it counts as �." : ""].filter(Boolean).join(" ");
  }

  on("text row shown prompt seed rate steps", () => {
    if (typeof get("text") !== "string") throw new Error("The text that came is no text.");
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
