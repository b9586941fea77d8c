// @ts-check
// Attention for one token, as a film to scrub: its query sweeps back over the keys, scores are scaled, masked, and made
// into shares, and the values flow together. With two channels, the vectors are arrows to drag. The numbers are
// those of attention_motion.py.
import { announcer, button, checkbox, h, more, primary, put, range, s, still, widget } from "./dom.js";
import { argmax, softmax } from "./formulas.js";
import { HEADS } from "./glass_draw.js";
import { decimals, shown } from "./glass_lens.js";
import { share, visible } from "./text.js";

export const STEPS = ["score", "scale", "mask", "softmax", "mix"];
const SIDE = 300; // the width of a plane
const TALL = 120,
  ABOVE = 34; // pixels: the bars, the room for the sweep above them
const SECONDS = 7; // for the whole film

/**
 * Where the film is so many seconds after it was at `from`. spans: how long each step takes.
 * @param {number} from @param {number} seconds @param {number[]} spans
 */
export function momentAt(from, seconds, spans) {
  let at = from;
  for (let left = seconds; at < spans.length && left > 1e-9;) {
    const i = Math.min(spans.length - 1, Math.floor(at + 1e-9)), rest = (i + 1 - at) * spans[i];
    at = left < rest ? at + left / spans[i] : i + 1;
    left -= rest;
  }
  return Math.min(spans.length, at);
}

/**
 * Whether these are T rows of D numbers. A link may hold anything.
 * @param {any} rows @param {number} T @param {number} D
 */
export const fits = (rows, T, D) =>
  rows.length === T && rows.every((/** @type {any} */ row) => row?.length === D && [...row].every(Number.isFinite));

/**
 * Which labels there's room for, the first ones first. boxes: [middle, baseline, characters].
 * @param {[number, number, number][]} boxes @returns {boolean[]}
 */
export function roomOf(boxes) {
  /** @type {[number, number, number][]} */
  const taken = [];
  return boxes.map(box => {
    const [x, y, n] = box;
    const free = taken.every(([a, b, m]) => Math.abs(x - a) > 3.8 * (n + m) + 3 || Math.abs(y - b) > 14);
    if (free) taken.push(box);
    return free;
  });
}

/** How far the arrows of a plane reach: a bit farther than the longest. @param {number[][]} vectors */
export const reachOf = vectors => Math.ceil(5 * Math.max(0.5, ...vectors.flat().map(Math.abs))) / 4;

/** @typedef {{ scores: number[], scaled: number[], masked: number[], weights: number[], answer: number[] }} Numbers */

/**
 * What attention computes for one query, which may look at tokens 0 … last.
 * @param {number[]} query @param {number[][]} keys @param {number[][]} values @param {number} last
 * @returns {Numbers}
 */
export function steps(query, keys, values, last) {
  const scores = keys.map(key => key.reduce((sum, x, i) => sum + x * query[i], 0));
  const scaled = scores.map(score => score / Math.sqrt(query.length));
  const masked = scaled.map((score, i) => (i <= last ? score : -Infinity)),
    weights = softmax(masked);
  const answer = query.map((_, c) => values.reduce((sum, value, i) => sum + weights[i] * value[c], 0));
  return { scores, scaled, masked, weights, answer };
}

/**
 * How a token's bar stands when the film is at `at` (0 to 5): its height, from −1 to 1 of the bars' room, and how
 * hidden it is. order: when the sweep reaches the token, 0 to 1.
 * @param {Numbers} numbers @param {number} i @param {number} at @param {number} order
 */
export function barAt({ scores, masked, weights }, i, at, order) {
  const top = Math.max(...scores.map(Math.abs), 1e-9),
    phase = (/** @type {number} */ n) => Math.max(0, Math.min(1, at - n));
  const seen = Math.max(0, Math.min(1, (phase(0) - order) * scores.length + 1)) * Number(at > 0);
  const gone = masked[i] === -Infinity ? phase(2) : 0;
  const height = (scores[i] / top / 2) * (1 - 0.4 * phase(1)); // smaller, but not by √D: they have to be seen
  return {
    height: (height * seen + ((masked[i] === -Infinity ? 0 : weights[i]) - height * seen) * phase(3)) * (1 - gone),
    gone,
  };
}

/** When the sweep reaches each token: back from t, then the ones after t. @param {number} t @param {number} T */
export const sweepOrder = (t, T) => Array.from({ length: T }, (_, i) => (i <= t ? t - i + 1 : i + 1) / T);

/** The corners around some points, in order (Andrew 1979). @param {number[][]} points */
export function hull(points) {
  const sorted = [...points].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const half = (/** @type {number[][]} */ list) => {
    /** @type {number[][]} */
    const out = [];
    for (const p of list) {
      while (out.length > 1) {
        const [[ax, ay], [bx, by]] = out.slice(-2);
        if ((bx - ax) * (p[1] - ay) - (by - ay) * (p[0] - ax) > 0) break;
        out.pop();
      }
      out.push(p);
    }
    return out.slice(0, -1);
  };
  return sorted.length < 3 ? sorted : [...half(sorted), ...half([...sorted].reverse())];
}

export default widget(frame => {
  const { model, root, on, cleanup, safely } = frame;
  /** @param {string} name */
  const get = name => model.get(name);
  const tokens = /** @type {string[]} */ (get("tokens")),
    T = tokens.length,
    D = get("q")[0]?.length ?? 0;
  function check() {
    for (const name of ["q", "k", "v"])
      if (D < 2 || !fits(get(name), T, D))
        throw new Error(`This link's ${name} doesn't fit the figure. Take the part after # off the address.`);
  }
  check();
  const reach = reachOf([...get("q"), ...get("k"), ...get("v")]),
    plane = D === 2;
  const say = announcer(frame),
    color = (/** @type {number} */ i) => HEADS[i % HEADS.length];
  const label = (/** @type {number} */ i) => visible(tokens[i]) || "(empty)";
  root.classList.add("nw-motion");
  let found = steps(get("q")[0], get("k"), get("v"), 0),
    t = 0,
    at = 5,
    width = 0;
  let film = 0,
    began = 0,
    from = 0;

  // Controls
  const play = button("▶ Play", () => (film ? stop() : start()), { class: "nw-motion-play nw-go" });
  const { field, show: showStep } = range({
    label: "Step",
    low: 0,
    high: 5,
    step: 0.01,
    set: step => {
      stop();
      put(model, { step });
    },
    shown: x => `${STEPS[Math.max(0, Math.ceil(x) - 1)]} ${Math.round(100 * (x - Math.max(0, Math.ceil(x) - 1)))}%`,
  });
  on("step", () => showStep(get("step")));
  const chips = STEPS.map((name, i) =>
    button(`${i + 1} ${name}`, () => {
      stop();
      put(model, { step: i + 1 });
    }),
  );
  const picks = tokens.map((_, i) => button(label(i), () => put(model, { token: i }), { tabindex: -1 }));
  const row = h("div", { class: "nw-motion-tokens", role: "group", "aria-label": "Query token" }, picks);
  row.addEventListener("keydown", event => {
    const here = picks.indexOf(/** @type {any} */ (event.target)),
      step = { ArrowRight: 1, ArrowLeft: -1, Home: -here, End: T - 1 - here }[event.key] ?? 0;
    if (!step || !picks[here + step]) return;
    event.preventDefault();
    picks[here + step].focus();
    picks[here + step].click();
  });

  // The lanes: bars over the tokens, value strips below, the answer at the bottom
  const lanes = s("svg", { "aria-hidden": "true" }),
    numbers = h("div", { class: "nw-motion-numbers" });
  const scene = h("div", { class: "nw-motion-scene" }, row, lanes);
  const told = h("p", { class: "nw-motion-told" });

  /** @param {number[]} values @param {number} full @param {number} x @param {number} y @param {number} w */
  const strip = (values, full, x, y, w, tall = 16) =>
    values.map((v, i) =>
      s("rect", {
        x: x + (i * w) / values.length,
        y,
        width: w / values.length + 0.2,
        height: tall,
        fill: v < 0 ? HEADS[0] : HEADS[1],
        "fill-opacity": Math.min(1, Math.sqrt(Math.abs(v) / full)),
      }),
    );

  function drawLanes() {
    if (!width) return;
    const col = Math.min(130, width / T),
      x = (/** @type {number} */ i) => (i + 0.5) * col + (width - col * T) / 2;
    const values = get("v"),
      full =
        2.5 *
          Math.sqrt(
            values.flat().reduce((/** @type {number} */ a, /** @type {number} */ b) => a + b * b, 0) / (T * D),
          ) || 1;
    const order = sweepOrder(t, T),
      shares = Math.max(0, Math.min(1, at - 3)),
      mix = Math.max(0, Math.min(1, at - 4));
    const base = ABOVE + TALL / 2 + (shares * TALL) / 2,
      below = ABOVE + TALL + 42,
      end = below + 110,
      wide = Math.min(col * 0.82, 110);
    const size = 0.84 * TALL;
    const labels = /** @type {{ x: number, y: number, words: string, height: number }[]} */ ([]);
    /** @type {SVGElement[]} */
    const marks = [s("line", { x1: x(0) - col / 2, x2: x(T - 1) + col / 2, y1: base, y2: base, class: "nw-grid" })];
    order.forEach((when, i) => {
      const { height, gone } = barAt(found, i, at, when),
        tall = height * size,
        now = Math.max(0, Math.min(1, (Math.min(at, 1) - when) * T + 1));
      if (at > 0 && now > 0 && i !== t) {
        // the query on its way to this key
        const high = 8 + (22 * Math.abs(i - t)) / T;
        marks.push(
          s("path", {
            d: `M${x(t)} ${ABOVE - 4}Q${(x(t) + x(i)) / 2} ${ABOVE - 4 - 2 * high} ${x(i)} ${ABOVE - 4}`,
            fill: "none",
            stroke: HEADS[1],
            "stroke-width": 1.5,
            pathLength: 1,
            "stroke-dasharray": `${now} 1`,
            opacity: (at > 1 ? 0.25 : 0.9) * (1 - gone),
          }),
        );
      }
      marks.push(
        s("rect", {
          x: x(i) - wide * 0.3,
          width: wide * 0.6,
          y: tall < 0 ? base : base - tall,
          height: Math.abs(tall),
          rx: 2,
          fill: color(i),
          opacity: 0.9,
        }),
      );
      const words =
        at <= 0 || now < 0.5
          ? ""
          : at <= 1.5
            ? shown(found.scores[i], 2)
            : at <= 3.5
              ? gone > 0.5
                ? "−∞"
                : shown(found.scaled[i], 2)
              : i > t && get("causal")
                ? "0"
                : share(found.weights[i]);
      if (words) labels.push({ x: x(i), y: tall < 0 ? base + 15 - tall : base - tall - 5, words, height });
      if (gone)
        marks.push(
          s("path", {
            d: `M${x(i) - 9} ${ABOVE + 20}l18 18m0 -18l-18 18`,
            stroke: "currentColor",
            "stroke-width": 2,
            opacity: gone * 0.6,
          }),
        );
      marks.push(...strip(values[i], full, x(i) - wide / 2, below, wide));
      marks.push(
        s("rect", { x: x(i) - wide / 2, y: below, width: wide, height: 16, fill: "none", class: "nw-motion-frame" }),
      );
      if (mix > 0 && found.weights[i] > 0.003) {
        const middle = (below + 16 + end) / 2;
        marks.push(
          s("path", {
            d: `M${x(i)} ${below + 17}C${x(i)} ${middle} ${x(t)} ${middle} ${x(t)} ${end - 1}`,
            fill: "none",
            stroke: color(i),
            "stroke-width": Math.max(0.5, found.weights[i] * Math.min(46, wide * 0.6)),
            opacity: 0.75,
            pathLength: 1,
            "stroke-dasharray": `${mix} 1`,
          }),
        );
      }
    });
    const out = Math.min(width * 0.5, Math.max(wide, 150)),
      ox = Math.max(0, Math.min(width - out, x(t) - out / 2));
    const part = Math.max(0, mix * 2 - 1),
      grown = found.answer.map(v => v * part);
    marks.push(
      ...strip(grown, full, ox, end, out, 20),
      s("rect", { x: ox, y: end, width: out, height: 20, fill: "none", stroke: "currentColor", "stroke-width": 1.5 }),
    );
    marks.push(
      s("text", { x: x(0) - wide / 2, y: below - 6, class: "nw-muted" }, "values"),
      s(
        "text",
        { x: ox + out / 2, y: end + 36, "text-anchor": "middle", class: "nw-muted" },
        `what “${label(t)}” gets`,
      ),
    );
    labels.sort((a, b) => Math.abs(b.height) - Math.abs(a.height)); // the rest is in the table under More
    const room = roomOf(labels.map(({ x, y, words }) => [x, y, words.length]));
    for (const { x, y, words } of labels.filter((_, i) => room[i]))
      marks.push(
        s("text", { x, y, "text-anchor": "middle", class: `nw-muted${T > 14 ? " nw-motion-small" : ""}` }, words),
      );
    lanes.setAttribute("viewBox", `0 0 ${width} ${end + 42}`);
    lanes.replaceChildren(...marks);
    row.style.gridTemplateColumns = `repeat(${T}, ${col}px)`;
    row.classList.toggle("nw-motion-tight", col < 60);
  }

  lanes.addEventListener("click", event => {
    const col = Math.min(130, width / T),
      { left, width: wide } = lanes.getBoundingClientRect();
    const i = Math.floor(((event.clientX - left) * (width / wide) - (width - col * T) / 2) / col);
    if (i >= 0 && i < T) put(model, { token: i });
  });

  // The planes: arrows to drag
  const px = (/** @type {number} */ v) => SIDE / 2 + (v / reach) * (SIDE / 2 - 12),
    py = (/** @type {number} */ v) => SIDE - px(v);
  /** Where a point's name is: where there's room. @param {number} x */
  const beside = x => (x > SIDE * 0.72 ? { x: x - 12, "text-anchor": "end" } : { x: x + 12 });
  /** A point the reader can drag. @param {"q" | "k" | "v"} kind @param {number} i */
  function handle(kind, i) {
    const circle = s("circle", {
      r: 9,
      class: "nw-motion-handle",
      tabindex: 0,
      role: "slider",
      "aria-valuemin": -reach,
      "aria-valuemax": reach,
    });
    /** @param {number} x @param {number} y */
    const move = (x, y) => {
      const clamp = (/** @type {number} */ v) => Math.round(Math.max(-reach, Math.min(reach, v)) * 20) / 20;
      const k = kind === "q" ? t : i,
        rows = get(kind).map((/** @type {number[]} */ row, /** @type {number} */ j) =>
          j === k ? [clamp(x), clamp(y)] : row,
        );
      put(model, { [kind]: rows });
    };
    circle.addEventListener("pointerdown", event => {
      circle.setPointerCapture(event.pointerId);
      event.preventDefault();
      circle.focus();
    });
    circle.addEventListener("pointermove", event => {
      if (!circle.hasPointerCapture(event.pointerId)) return;
      const { left, top, width: wide } = /** @type {SVGElement} */ (circle.ownerSVGElement).getBoundingClientRect(),
        k = SIDE / wide;
      move(
        (((event.clientX - left) * k - SIDE / 2) / (SIDE / 2 - 12)) * reach,
        ((SIDE / 2 - (event.clientY - top) * k) / (SIDE / 2 - 12)) * reach,
      );
    });
    circle.addEventListener("keydown", event => {
      const [dx, dy] = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key] ?? [
        0, 0,
      ];
      if (!dx && !dy) return;
      event.preventDefault();
      const [x, y] = get(kind)[kind === "q" ? t : i];
      move(x + 0.25 * dx, y + 0.25 * dy);
    });
    return { kind, i, circle };
  }
  const handles = plane ? [handle("q", 0), ...tokens.flatMap((_, i) => [handle("k", i), handle("v", i)])] : [];
  const [left, right] = ["query and keys", "values"].map(name => ({ name, back: s("g"), front: s("g") }));
  const planes = h("div", { class: "nw-motion-planes" });
  if (plane) {
    for (const { name, back, front } of [left, right]) {
      const own = handles.filter(one => (one.kind === "v") === (name === "values")).map(one => one.circle);
      const svg = s(
        "svg",
        { viewBox: `0 0 ${SIDE} ${SIDE}`, role: "group", "aria-label": name, class: "nw-motion-plane" },
        s("rect", { x: 0.5, y: 0.5, width: SIDE - 1, height: SIDE - 1, rx: 6, class: "nw-motion-paper" }),
        s("path", { d: `M0 ${SIDE / 2}H${SIDE}M${SIDE / 2} 0V${SIDE}`, class: "nw-grid" }),
        back,
        own,
        front,
      );
      planes.append(
        h(
          "figure",
          {},
          svg,
          h(
            "figcaption",
            { class: "nw-muted" },
            name === "values"
              ? "the values and their weighted sum (ringed): drag the points"
              : "the query (thick) and the keys: drag the tips",
          ),
        ),
      );
    }
    planes.insertBefore(h("div", { class: "nw-motion-stack", "aria-hidden": "true" }), planes.lastChild);
  }
  const stack = planes.querySelector(".nw-motion-stack");

  function drawPlanes() {
    if (!plane) return;
    const [qx, qy] = get("q")[t],
      keys = get("k"),
      values = get("v"),
      long = Math.hypot(qx, qy) || 1;
    const seen = Math.max(0, Math.min(1, at)),
      mix = Math.max(0, Math.min(1, at - 4)),
      shares = Math.max(0, Math.min(1, at - 3));
    /** @param {number} x @param {number} y @param {string} stroke @param {number} w */
    const arrow = (x, y, stroke, w) =>
      s("line", { x1: px(0), y1: py(0), x2: px(x), y2: py(y), stroke, "stroke-width": w, "stroke-linecap": "round" });
    const far = (2 * reach) / long;
    /** The tokens' names beside their points. @param {number[][]} points */
    const named = points =>
      points.map(([x, y], i) => s("text", { ...beside(px(x)), y: py(y) - 8, fill: color(i) }, label(i)));
    left.back.replaceChildren(
      s("line", {
        x1: px(-qx * far),
        y1: py(-qy * far),
        x2: px(qx * far),
        y2: py(qy * far),
        stroke: "currentColor",
        "stroke-dasharray": "2 5",
        opacity: 0.5,
      }),
      ...keys.flatMap((/** @type {number[]} */ [x, y], /** @type {number} */ i) => {
        const along = (x * qx + y * qy) / long / long,
          fx = qx * along,
          fy = qy * along;
        const hidden = found.masked[i] === -Infinity && at > 2;
        return [
          s("line", {
            x1: px(x),
            y1: py(y),
            x2: px(x + (fx - x) * seen),
            y2: py(y + (fy - y) * seen),
            stroke: color(i),
            "stroke-dasharray": "3 3",
            opacity: hidden ? 0.15 : 0.8,
          }),
          s("circle", { cx: px(fx), cy: py(fy), r: 4, fill: color(i), opacity: hidden ? 0.15 : seen }),
          arrow(x, y, color(i), 3),
        ];
      }),
      arrow(qx, qy, "currentColor", 5),
    );
    left.front.replaceChildren(
      ...named(keys),
      s("text", { ...beside(px(qx)), y: py(qy) + 18, class: "nw-motion-strong" }, `query of ${label(t)}`),
    );
    const around = hull(
      values.filter((/** @type {number[]} */ _, /** @type {number} */ i) => found.masked[i] > -Infinity),
    );
    const [ax, ay] = found.answer;
    right.back.replaceChildren(
      s("polygon", { points: around.map(([x, y]) => `${px(x)},${py(y)}`).join(" "), class: "nw-motion-hull" }),
      ...values.map((/** @type {number[]} */ [x, y], /** @type {number} */ i) =>
        s("line", {
          x1: px(x),
          y1: py(y),
          x2: px(x + (ax - x) * mix),
          y2: py(y + (ay - y) * mix),
          stroke: color(i),
          "stroke-width": Math.max(0.5, 9 * found.weights[i]),
          opacity: 0.55,
        }),
      ),
    );
    right.front.replaceChildren(
      ...named(values),
      s("circle", { cx: px(ax), cy: py(ay), r: 9 * mix, class: "nw-motion-answer" }),
    );
    handles.forEach(({ kind, i, circle }) => {
      const k = kind === "q" ? t : i,
        [x, y] = get(kind)[k],
        name = { q: "query", k: "key", v: "value" }[kind];
      for (const [key, value] of Object.entries({
        cx: px(x),
        cy: py(y),
        fill: kind === "q" ? "currentColor" : color(i),
        "aria-label": `${name} of ${label(k)}`,
        "aria-valuenow": x,
        "aria-valuetext": `${shown(x, 2)}, ${shown(y, 2)}`,
      }))
        circle.setAttribute(key, String(value));
    });
    let sum = 0;
    stack?.replaceChildren(
      ...tokens.flatMap((_, i) => {
        const part = found.weights[i] * shares,
          bottom = sum;
        sum += part;
        return part > 0.002
          ? [
              h(
                "span",
                { style: { bottom: `${100 * bottom}%`, height: `${100 * part}%`, background: color(i) } },
                part > 0.12 ? share(found.weights[i]) : "",
              ),
            ]
          : [];
      }),
    );
  }

  function showNumbers() {
    const cell = (/** @type {string} */ text, tag = /** @type {"td" | "th"} */ ("td"), scope = "") =>
      h(tag, scope ? { scope } : {}, text);
    const rows = tokens.map((_, i) =>
      h(
        "tr",
        {},
        cell(label(i), "th", "row"),
        cell(shown(found.scores[i], 3)),
        cell(shown(found.scaled[i], 3)),
        cell(found.masked[i] === -Infinity ? "masked" : "visible"),
        cell(shown(found.weights[i], 3)),
      ),
    );
    const heads = ["key", "query · key", `÷ √${D}`, "mask", "weight"];
    numbers.replaceChildren(
      h(
        "table",
        {},
        h("caption", {}, `${label(t)} attends to`),
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            heads.map(text => cell(text, "th", "col")),
          ),
        ),
        h("tbody", {}, rows),
      ),
    );
  }

  /** The largest score as what it is in the plane: how far its key reaches along the query's line, times the query. */
  function project() {
    const best = argmax(found.scores),
      [qx, qy] = get("q")[t],
      long = Math.hypot(qx, qy),
      along = found.scores[best] / long;
    if (!long) return "";
    const k = decimals([along, long], ([a, b]) => a * b, 2);
    return (
      `“${label(best)}” reaches ${shown(along, k)} along the query's line, and the query is ${shown(long, k)} ` +
      "long: " +
      `${shown(along, k)} × ${shown(long, k)} = ${shown(found.scores[best], 2)}.`
    );
  }
  /** What happens at this point of the film. */
  function story() {
    const best = argmax(found.weights),
      hidden = found.masked.filter(score => score === -Infinity).length;
    const name = `“${label(t)}”`,
      [later, them] = hidden === 1 ? ["One token comes", "it"] : [`${hidden} tokens come`, "them"];
    const mask = hidden
      ? `${later} after ${name}, so the mask hides ${them}.`
      : `Nothing comes after ${name}, so the mask has nothing to hide.`;
    return [
      `The query of ${name} is compared with each key: multiply them number by number and add up the products. ` +
        "That's the score." +
        (plane ? ` ${project()}` : ""),
      `Each score is divided by √${D} = ${shown(Math.sqrt(D), 2)}, which keeps the softmax from going to extremes.`,
      get("causal") ? mask : "The mask is off, so every token is visible.",
      `Softmax turns the scores into weights that sum to 1. “${label(best)}” gets the most: ` +
        `${share(found.weights[best])}.`,
      `Each value is multiplied by its weight, and ${name} gets the sum.`,
    ][Math.max(0, Math.ceil(at) - 1)];
  }

  /** For those who hear it. */
  function tell() {
    const weights = tokens.map((_, i) => `${label(i)} ${share(found.weights[i])}`);
    say(`${label(t)}: ${story()}${T <= 12 ? ` Weights: ${weights.join(", ")}.` : ""}`);
  }
  function compute() {
    check();
    const given = get("token");
    t = given >= 0 && given < T ? given : T - 1;
    found = steps(get("q")[t], get("k"), get("v"), get("causal") ? t : T - 1);
    at = get("step");
  }
  function draw() {
    drawLanes();
    drawPlanes();
    const words = story();
    if (told.textContent !== words) told.textContent = words;
    chips.forEach((chip, i) => chip.setAttribute("aria-pressed", String(Math.ceil(at) === i + 1)));
    picks.forEach((pick, i) => {
      pick.setAttribute("aria-pressed", String(i === t));
      pick.tabIndex = i === t ? 0 : -1;
    });
  }

  // The film
  let said = 0;
  /** How long each step takes: the mask is over quickly where it hides nothing. */
  const spans = () => STEPS.map((_, i) => (SECONDS / 5) * (i === 2 && (!get("causal") || t === T - 1) ? 0.15 : 1));
  /** @param {number} time */
  const tick = time =>
    safely(() => {
      began ||= time;
      at = momentAt(from, (time - began) / 1000, spans());
      const step = Math.ceil(at);
      showStep(at);
      draw();
      if (step !== said) {
        said = step;
        tell();
      }
      if (at < 5) film = requestAnimationFrame(tick);
      else stop();
    });
  function start() {
    if (still()) {
      put(model, { step: get("step") >= 5 ? 1 : Math.min(5, Math.floor(get("step")) + 1) });
      return;
    }
    from = get("step") >= 5 ? 0 : get("step");
    began = 0;
    play.textContent = "❚❚ Pause";
    film = requestAnimationFrame(tick);
  }
  function stop() {
    if (!film) return;
    cancelAnimationFrame(film);
    film = 0;
    play.textContent = "▶ Play";
    put(model, { step: Math.round(at * 100) / 100 });
  }
  cleanup(() => {
    cancelAnimationFrame(film);
  });

  const fold = more(
    h("div", { class: "nw-row" }, checkbox(frame, "causal", "Mask: no looking ahead")),
    numbers,
  );
  root.append(
    primary(play, field),
    h("div", { class: "nw-motion-chips nw-choice", role: "group", "aria-label": "Steps" }, chips),
    told,
    h("div", { class: "nw-drawing" }, planes, scene),
    fold,
  );
  planes.hidden = !plane;
  on("token step q k v causal", () => {
    compute();
    if (!film) draw();
    showNumbers();
    tell();
  });
  const size = new ResizeObserver(() => {
    const wide = Math.floor(scene.clientWidth);
    if (!wide || wide === width) return;
    width = wide;
    safely(draw);
  });
  size.observe(scene);
  cleanup(() => size.disconnect());
});
