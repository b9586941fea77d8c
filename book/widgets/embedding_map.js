// @ts-check
// A live map of words: how training moved them, and which are near. embedding_map_state.js does the arithmetic; this
// draws it on a canvas.
import { animator, announcer, button, h, primary, put, range, still, widget } from "./dom.js";
import { kept, nearest, places, roomFor, rowOf, toward, under, unpacked } from "./embedding_map_state.js";
import { fixed, whole } from "./text.js";

const NEAREST = 10, MARGIN = 26, FILM = 4200; // neighbors in the list; pixels around the map; milliseconds of Play
const COLORS = ["blue", "orange", "green"];

export default widget(frame => {
  const { model, root, on, cleanup, safely } = frame, get = model.get, say = announcer(frame), film = animator(frame);
  /** @type {string[]} */
  const words = get("words");
  /** @type {number[]} */
  const steps = get("steps"), groups = get("groups");
  const space = unpacked(get("tables"), get("directions")), { K, W } = space;
  const paths = steps.map((_, k) => places(space, k)); // of all words at all moments
  const shares = steps.map((_, k) => kept(space, k));
  const ends = [0, 1].map(side => { // of the map, in both directions
    const all = paths.flat().map(place => place[side]), low = Math.min(...all), high = Math.max(...all);
    return [low, high > low ? high - low : 1];
  });
  let hovered = -1, at = /** @type {number[][]} */ ([]), width = 0, height = 0, moment = 0, focus = 0;
  root.classList.add("nw-map");
  /** @returns {number[]} */
  const picked = () => get("picked").map((/** @type {string} */ word) => words.indexOf(word))
    .filter((/** @type {number} */ w) => w >= 0);
  /** The word whose neighbors show. */
  const subject = () => (hovered >= 0 ? hovered : picked().at(-1) ?? -1);
  const k = () => Math.round(moment);

  const canvas = h("canvas", { tabindex: 0, role: "application", onkeydown: walk,
    onpointermove: event => { if (event.pointerType !== "touch") hover(wordAt(event)); },
    onpointerleave: () => hover(-1), onclick: event => pick(wordAt(event)) });
  const picture = h("div", { class: "nw-map-picture" }, canvas);
  const title = h("p", { class: "nw-map-title" }), list = h("div", { class: "nw-map-list", role: "group" });
  const told = h("p", { class: "nw-map-told" });
  const slide = range({ label: "Training step", low: 0, high: K - 1, step: 0.01, set: at => { film.stop(); to(at); },
    shown: at => whole(steps[Math.round(at)]) });
  const play = button("▶ Play", () => {
    if (film.running()) { film.stop(); to(moment); return; }
    if (still()) { to(moment >= K - 1 ? 0 : Math.floor(moment) + 1); return; } // one recorded moment after the other
    const from = moment >= K - 1.01 ? 0 : moment;
    film.run(FILM * (K - 1 - from) / (K - 1), (x, over) => to(from + x * (K - 1 - from), !over));
    draw();
  }, { class: "nw-go" });
  const search = h("input", { type: "search", placeholder: "Find a word", autocomplete: "off",
    "aria-label": "Find a word on the map", oninput: () => find(false), onchange: () => find(true) });
  const missing = h("span", { class: "nw-muted", role: "status" });
  root.append(primary(...(K > 1 ? [play, slide.field] : [])),
    h("div", { class: "nw-drawing nw-map-both" }, picture, h("div", { class: "nw-map-side" }, title, list)),
    h("div", { class: "nw-row" }, search, missing), told);

  /** @param {number} value @param {boolean} moving  whether it goes on */
  function to(value, moving = false) {
    moment = Math.max(0, Math.min(K - 1, value));
    if (!moving) put(model, { at: Math.round(100 * moment) / 100 });
    draw();
  }
  /** @param {MouseEvent} event */
  function wordAt(event) {
    const box = canvas.getBoundingClientRect();
    return under(at, event.clientX - box.left, event.clientY - box.top);
  }
  /** @param {number} word */
  function hover(word) {
    if (word === hovered) return;
    hovered = word;
    draw();
  }
  /** @param {number} word */
  function pick(word) {
    const now = picked();
    put(model, { picked: (word < 0 ? [] : now.includes(word) ? now.filter(w => w !== word)
      : [...now, word].slice(-2)).map(w => words[w]) });
    if (word >= 0) focus = word;
  }
  /** @param {boolean} done  whether the reader has finished typing */
  function find(done) {
    const text = search.value.trim().toLowerCase();
    const word = words.findIndex(word => word.toLowerCase() === text);
    const begun = words.findIndex(word => text && word.toLowerCase().startsWith(text));
    hovered = word >= 0 ? word : begun;
    missing.textContent = text && hovered < 0 ? `“${search.value.trim()}” isn't among these ${whole(W)} words.` : "";
    if (done && hovered >= 0) {
      if (!picked().includes(hovered)) pick(hovered);
      hovered = -1;
    }
    draw();
  }
  /** @param {KeyboardEvent} event */
  function walk(event) {
    const way = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (way) {
      const next = hovered < 0 ? focus : toward(at, hovered, way[0], way[1]);
      if (next >= 0) { focus = next; hover(next); }
    } else if (event.key === "Enter" || event.key === " ") pick(hovered < 0 ? focus : hovered);
    else if (event.key === "Escape") { put(model, { picked: [] }); hover(-1); }
    else return;
    event.preventDefault();
  }

  // The list of neighbors
  const rows = Array.from({ length: NEAREST }, () => {
    const row = { word: 0, name: h("bdi"), bar: h("i"), value: h("span") };
    return { ...row, element: button([row.name, h("span", { class: "nw-map-lane" }, row.bar), row.value], () => {
      hovered = -1;
      pick(words.indexOf(row.name.textContent ?? ""));
    }) };
  });
  list.append(...rows.map(({ element }) => element));
  function showList() {
    const word = subject(), found = word < 0 ? [] : nearest(space, k(), rowOf(space, k(), word), [word], NEAREST);
    title.textContent = word < 0 ? "Point at a word" : `Nearest to “${words[word]}”`;
    list.setAttribute("aria-label", title.textContent);
    rows.forEach(({ element, name, bar, value }, i) => {
      element.hidden = !found[i];
      if (!found[i]) return;
      name.textContent = words[found[i].word];
      bar.style.width = `${100 * Math.max(0, found[i].cosine)}%`;
      value.textContent = fixed(found[i].cosine, 2);
      element.title = `cosine ${fixed(found[i].cosine, 3)}, in all ${space.C} directions`;
      element.setAttribute("aria-label", `${words[found[i].word]}, cosine ${fixed(found[i].cosine, 2)}`);
    });
    return found.map(({ word }) => word);
  }

  /** What two picked words and a third have to say. */
  function arrowTells() {
    const [a, b] = picked();
    const map = `This map shows 2 of ${space.C} directions, which keep ${(100 * shares[k()]).toFixed(0)}% of the `
      + `variance among these ${whole(W)} words; the cosines use all ${space.C}.`;
    if (b === undefined) return { tells: map, end: -1 };
    const [from, end] = [rowOf(space, k(), a), rowOf(space, k(), b)], arrow = end.map((x, c) => x - from[c]);
    const [{ cosine }] = nearest(space, k(), end, Array.from({ length: W }, (_, w) => w).filter(w => w !== a), 1);
    const pair = `The arrow goes from “${words[a]}” to “${words[b]}” (cosine ${fixed(cosine, 2)}).`;
    if (hovered < 0 || hovered === a || hovered === b)
      return { tells: `${pair} Point at a third word to see where the same arrow leads from there.`, end: -1 };
    const tip = rowOf(space, k(), hovered).map((x, c) => x + arrow[c]);
    const [{ word }] = nearest(space, k(), tip, [a, b, hovered], 1);
    return { tells: `${pair} From “${words[hovered]}”, it ends nearest to “${words[word]}”.`, end: word };
  }

  function draw() {
    if (!width) return;
    const found = showList(), { tells, end } = arrowTells(), chosen = picked(), word = subject();
    told.textContent = tells;
    slide.show(moment);
    play.textContent = film.running() ? "❚❚ Pause" : "▶ Play";
    const i = Math.min(K - 1, Math.floor(moment)), part = moment - i, next = paths[Math.min(K - 1, i + 1)];
    const [[left, wide], [low, tall]] = ends;
    /** @param {number[]} place */
    const pixel = ([x, y]) => [MARGIN + (x - left) / wide * (width - 3 * MARGIN), // room for a label on the right
      height - MARGIN - (y - low) / tall * (height - 2 * MARGIN)];
    at = paths[i].map(([x, y], w) => pixel([x + part * (next[w][0] - x), y + part * (next[w][1] - y)]));
    paint(pixel, new Set(found), chosen, word, end);
    canvas.setAttribute("aria-label", `Map of ${whole(W)} words after ${whole(steps[k()])} steps`
      + `${word >= 0 ? `; at ${words[word]}` : ""}. Arrow keys go from word to word, Enter picks one, `
      + "Escape clears your picks.");
    if (!film.running())
      say(word < 0 ? tells : `${title.textContent}: ${found.slice(0, 3).map(w => words[w]).join(", ")}. ${
        chosen.length > 1 ? tells : ""}`);
  }

  /** @param {(place: number[]) => number[]} pixel @param {Set<number>} near @param {number[]} chosen
   * @param {number} word @param {number} end */
  function paint(pixel, near, chosen, word, end) {
    const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d")), style = getComputedStyle(root);
    const color = (/** @type {string} */ name) => style.getPropertyValue(`--nw-${name}`).trim();
    const inks = COLORS.map(color), ink = color("ink"), soft = color("soft"), muted = color("muted");
    const ratio = devicePixelRatio || 1, some = word >= 0 || chosen.length > 0;
    if (canvas.width !== Math.round(width * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    const last = Math.floor(moment), bright = (/** @type {number} */ w) =>
      w === word || near.has(w) || chosen.includes(w) || w === end;
    pen.lineWidth = 1;
    for (let w = 0; w < W; w++) { // trails: where each word has been
      pen.globalAlpha = bright(w) ? 0.75 : some ? 0.06 : 0.16;
      pen.strokeStyle = inks[groups[w]];
      pen.beginPath();
      for (let j = 0; j <= last; j++) {
        const [x, y] = pixel(paths[j][w]);
        if (j) pen.lineTo(x, y); else pen.moveTo(x, y);
      }
      pen.lineTo(at[w][0], at[w][1]);
      pen.stroke();
    }
    pen.globalAlpha = 1;
    pen.textBaseline = "middle";
    const rank = (/** @type {number} */ w) => (w === word || chosen.includes(w) ? 0 : bright(w) ? 1 : 2);
    const order = Array.from({ length: W }, (_, w) => w).sort((a, b) => rank(a) - rank(b) || a - b);
    const font = (/** @type {number} */ w) => (w === word || chosen.includes(w) ? "700 15px" : "13px")
      + " system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',sans-serif";
    const boxes = at.map(([x, y], w) => {
      pen.font = font(w);
      const size = pen.measureText(words[w]).width, left = x + 6 + size > width ? x - 6 - size : x + 6;
      return [left, y - 8, size, 16];
    });
    const labeled = roomFor(boxes, order);
    for (let w = W - 1; w >= 0; w--) {
      const loud = bright(w), [x, y] = at[w];
      pen.globalAlpha = loud || !some ? 1 : 0.3;
      pen.fillStyle = inks[groups[w]];
      pen.beginPath();
      pen.arc(x, y, loud ? 4 : 2.5, 0, 7);
      pen.fill();
      if (!labeled.has(w)) continue;
      pen.font = font(w);
      if (loud) {
        pen.lineWidth = 4;
        pen.strokeStyle = soft;
        pen.strokeText(words[w], boxes[w][0], y);
        pen.fillStyle = w === word || chosen.includes(w) ? ink : inks[groups[w]];
      }
      pen.fillText(words[w], boxes[w][0], y);
    }
    pen.globalAlpha = 1;
    if (chosen.length < 2) return;
    const [a, b] = chosen, [dx, dy] = [at[b][0] - at[a][0], at[b][1] - at[a][1]];
    arrow(pen, at[a], [dx, dy], ink, []);
    if (end >= 0) arrow(pen, at[word], [dx, dy], muted, [5, 4]);
  }
  /** @param {CanvasRenderingContext2D} pen @param {number[]} from @param {number[]} way @param {string} color
   * @param {number[]} dash */
  function arrow(pen, [x, y], [dx, dy], color, dash) {
    const turn = Math.atan2(dy, dx);
    pen.strokeStyle = pen.fillStyle = color;
    pen.lineWidth = 2;
    pen.setLineDash(dash);
    pen.beginPath();
    pen.moveTo(x, y);
    pen.lineTo(x + dx, y + dy);
    pen.stroke();
    pen.setLineDash([]);
    pen.beginPath();
    pen.moveTo(x + dx, y + dy);
    for (const side of [-0.4, 0.4])
      pen.lineTo(x + dx - 12 * Math.cos(turn + side), y + dy - 12 * Math.sin(turn + side));
    pen.fill();
  }

  const size = new ResizeObserver(() => {
    const now = Math.floor(picture.clientWidth);
    if (!now || now === width) return;
    width = now;
    height = Math.round(Math.max(300, Math.min(500, 0.82 * now)));
    canvas.style.height = `${height}px`;
    safely(draw);
  });
  size.observe(picture);
  const dark = new MutationObserver(() => safely(draw)); // a canvas doesn't follow the page's colors by itself
  dark.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  cleanup(() => { size.disconnect(); dark.disconnect(); });
  on("at picked", () => {
    if (!film.running()) moment = Math.min(K - 1, get("at"));
    draw();
  });
});
