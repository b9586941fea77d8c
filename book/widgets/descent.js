// @ts-check
// Gradient descent on landscapes: a ball to drag, which hops down from step to step. Where the landscapes lie, start,
// and end comes from descent.py; the formulas are in both files.
import { COLORS, DASHES, axes, near, path } from "./chart.js";
import {
  animator, button, drawn, eased, enable, h, more, primary, put, range, s, select, slider, still, widget,
} from "./dom.js";
import { last, number } from "./text.js";

const FAR = 1e6, HUGE = 1e9, LOW_RATE = 0.001, HIGH_RATE = 10, MOST_RATES = 4;
const EDGE = 10; // pixels around a picture in which a ball may still show

/** @typedef {[loss: (...place: number[]) => number | null, slope: (...place: number[]) => number[]]} Formulas */
/** @typedef {{ path: number[][], losses: number[], ended: "" | "diverged" | "left" }} Run */
/**
 * A landscape as descent.py sends it. values: of a sampled function.
 * @typedef {{ words: string, names: string[], low: number[], high: number[], bottom: number, top: number,
 *   minima: number[][], levels: number[], start: number[], rates: number[], values?: number[] }} Landscape
 */

/** @param {number} w */
const cliff = w => 0.5 * (1 + Math.tanh(4 * (w - 0.8)));

/** As LANDSCAPES in descent.py. @type {Record<string, Formulas>} */
const FORMULAS = {
  "bowl": [w => w * w, w => [2 * w]],
  "two valleys": [w => (w * w - 1) ** 2 + 0.3 * w + 0.30543, w => [4 * w * (w * w - 1) + 0.3]],
  "cliff": [w => 0.05 * (w + 0.5) ** 2 + cliff(w), w => [0.1 * (w + 0.5) + 8 * cliff(w) * (1 - cliff(w))]],
  "narrow valley": [(u, v) => u * u + 10 * v * v, (u, v) => [2 * u, 20 * v]],
  "saddle": [(u, v) => u * u + 0.25 * (v * v - 1) ** 2, (u, v) => [2 * u, v * (v * v - 1)]],
};

/**
 * Cubic curves through equally spaced samples; the loss is null outside them. As Samples in descent.py.
 * @param {{ low: number[], high: number[], values: number[] }} samples
 * @returns {Formulas}
 */
export function throughSamples({ low: [low], high: [high], values: y }) {
  const end = y.length - 1, width = (high - low) / end;
  /** @param {number} i */
  const change = i => (i === 0 ? -1.5 * y[0] + 2 * y[1] - 0.5 * y[2]
    : i === end ? 1.5 * y[i] - 2 * y[i - 1] + 0.5 * y[i - 2] : 0.5 * (y[i + 1] - y[i - 1]));
  /** @param {number} w */
  const cell = w => {
    const i = Math.min(Math.trunc((w - low) / width), end - 1);
    return [(w - low) / width - i, y[i], y[i + 1], change(i), change(i + 1)];
  };
  return [w => {
    if (!(w >= low && w <= high)) return null;
    const [t, a, b, da, db] = cell(w), r = 1 - t;
    return a * (1 + 2 * t) * r * r + b * (3 - 2 * t) * t * t + da * t * r * r - db * r * t * t;
  }, w => {
    const [t, a, b, da, db] = cell(w);
    return [(6 * t * (1 - t) * (b - a) + da * (1 - t) * (1 - 3 * t) + db * t * (3 * t - 2)) / width];
  }];
}

/** @param {string} name @param {Landscape} map */
export const formulasOf = (name, { values, ...map }) => (values ? throughSamples({ ...map, values }) : FORMULAS[name]);

/**
 * Gradient descent with momentum, as `descend` in descent.py.
 * @param {Formulas} formulas
 * @param {number[]} start
 * @param {number} rate
 * @param {number} momentum
 * @param {number} steps
 * @returns {Run}
 */
export function slide([loss, slope], start, rate, momentum, steps) {
  let place = start, velocity = start.map(() => 0), ended = /** @type {Run["ended"]} */ ("");
  const path = [place], losses = [loss(...place) ?? NaN];
  for (let i = 0; i < steps && !ended; i++) {
    const slopes = slope(...place);
    velocity = velocity.map((v, k) => momentum * v - rate * slopes[k]);
    place = place.map((w, k) => w + velocity[k]);
    const far = place.some(w => Math.abs(w) > FAR), now = far ? 0 : loss(...place);
    if (now === null) ended = "left";
    else if (far || now > HUGE) ended = "diverged";
    else { path.push(place); losses.push(now); }
  }
  return { path, losses, ended };
}

/**
 * How a run went: [word, sentence].
 * @param {Run} run
 * @param {Formulas} formulas
 * @param {Landscape} map
 * @returns {[string, string]}
 */
export function verdict({ path, losses, ended }, [loss, slope], map) {
  const taken = losses.length - 1, first = losses[0], now = last(losses), place = last(path);
  const end = Math.abs(now) < 1e-5 * Math.abs(first) ? "almost 0" : number(now);
  const fell = `Loss ${number(first)} → ${end} in ${taken} step${taken === 1 ? "" : "s"}.`;
  const overshoots = "Each step overshoots and lands higher.";
  if (ended === "left")
    return ["Off the chart",
      `Step ${taken + 1} lands outside the chart, where we don't know the loss. The steps are too large.`];
  if (ended === "diverged")
    return ["Diverges",
      `Loss ${number(first)} → ${number(now)}, and after step ${taken} it's too large to follow. ${overshoots}`];
  if (taken === 0) return ["Start", `Loss ${number(first)}.`];
  const floors = map.minima.map(m => loss(...m) ?? NaN), lowest = Math.min(...floors);
  const scale = Math.max(first - lowest, 1e-9), flat = Math.hypot(...slope(...place)) < 1e-2 * Math.max(1, scale);
  const near = floors.findIndex(f => Math.abs(now - f) < 2e-3 * scale), before = losses[Math.max(0, taken - 6)];
  const moved = Math.hypot(...place.map((w, k) => w - path[path.length - 2][k]));
  if (near >= 0 && flat)
    return floors[near] <= lowest + 1e-6 ? ["Gets there", fell]
      : ["Stuck", `${fell} It's in a valley, but not the lowest one.`];
  if (now > 1.02 * first) return ["Diverges", `${fell} ${overshoots}`];
  if (flat && moved < 1e-3) return ["Stuck", `${fell} The slope is almost 0 here, but this isn't a valley.`];
  const [a, b, c] = path.slice(-3), turned = c?.some((w, k) => (w - b[k]) * (b[k] - a[k]) < 0);
  if (taken > 6 && now > 0.98 * before && turned)
    return ["Bounces", `${fell} It has stopped falling: each step jumps across the valley.`];
  return first - now < 0.35 * scale ? ["Too slow", fell] : ["On its way", fell];
}

/**
 * Contour lines by marching squares: for each level, line segments [x0, y0, x1, y1].
 * @param {(...place: number[]) => number | null} loss
 * @param {number[]} low
 * @param {number[]} high
 * @param {number[]} levels
 */
export function contours(loss, low, high, levels, cells = 48) {
  const lines = levels.map(() => /** @type {number[][]} */ ([]));
  /** @param {number} k @param {number} i */
  const at = (k, i) => low[k] + (high[k] - low[k]) * i / cells;
  const side = Array.from({ length: cells + 1 }, (_, i) => i);
  const grid = side.map(j => side.map(i => loss(at(0, i), at(1, j)) ?? NaN));
  for (let j = 0; j < cells; j++) for (let i = 0; i < cells; i++) {
    const corners = [[i, j], [i + 1, j], [i + 1, j + 1], [i, j + 1]];
    levels.forEach((level, l) => {
      const cuts = /** @type {number[][]} */ ([]);
      corners.forEach(([x, y], k) => {
        const [nx, ny] = corners[(k + 1) % 4], a = grid[y][x] - level, b = grid[ny][nx] - level;
        if (a < 0 === b < 0) return;
        const t = a / (a - b);
        cuts.push([at(0, x + t * (nx - x)), at(1, y + t * (ny - y))]);
      });
      for (let k = 0; k + 1 < cuts.length; k += 2) lines[l].push([...cuts[k], ...cuts[k + 1]]);
    });
  }
  return lines;
}

/**
 * Where a ball is after t steps, which needn't be a whole number: it hops from point to point, and stays at the last.
 * @param {number[][]} points  pixels @param {number} t @param {number} high  a hop at most
 */
export function hop(points, t, high = 22) {
  const k = Math.min(Math.floor(t), points.length - 1), [x, y] = points[k];
  if (k === points.length - 1) return { k, at: [x, y] };
  const [dx, dy] = [points[k + 1][0] - x, points[k + 1][1] - y], part = eased(t - k);
  const up = Math.min(high, 0.3 * Math.hypot(dx, dy)) * Math.sin(Math.PI * part);
  return { k, at: [x + part * dx, y + part * dy - up] };
}

/** These heights in the same order, but at least `gap` apart, and none below `bottom` if there's room.
 * @param {number[]} heights @param {number} gap @param {number} bottom */
export function spread(heights, gap, bottom) {
  const order = heights.map((_, i) => i).sort((a, b) => heights[a] - heights[b]), placed = [...heights];
  order.forEach((i, k) => { if (k) placed[i] = Math.max(placed[i], placed[order[k - 1]] + gap); });
  order.toReversed().forEach((i, k) => { placed[i] = Math.min(placed[i], bottom - k * gap); });
  return placed;
}

/**
 * A frame with ticks and names on two axes, a clipped paper inside it, and the way back from a pointer to the data.
 * @param {{ width: number, height: number, low: number[], high: number[], names: string[], about?: number[],
 *   right?: number, role?: string, title?: string }} options
 */
function ground({ width, height, low, high, names, about = [3, 4], right = EDGE, role = "img", title }) {
  const { x, y, box, marks } = axes({
    width, height, left: 40, right, top: 22, bottom: 34,
    x: { low: low[0], high: high[0], about: about[0] }, y: { low: low[1], high: high[1], about: about[1] },
  });
  const w = box.right - box.left + 2 * EDGE, tall = box.bottom - box.top + 2 * EDGE;
  const paper = s("svg", { // it keeps the chart's own coordinates
    x: box.left - EDGE, y: box.top - EDGE, width: w, height: tall,
    viewBox: `${box.left - EDGE} ${box.top - EDGE} ${w} ${tall}`,
    style: `width:${w}px;height:${tall}px;overflow:hidden`,
  });
  const all = s("svg", {
    width, height, viewBox: `0 0 ${width} ${height}`, role, "aria-label": title, class: "nw-descent-axes",
  }, s("g", { "aria-hidden": "true" }, drawn(marks),
    s("text", { x: (box.left + box.right) / 2, y: height - 3, "text-anchor": "middle" }, names[0]),
    s("text", { x: box.left, y: 11, "text-anchor": "middle" }, names[1])), paper);
  /** @param {MouseEvent} event */
  const back = event => {
    const seen = all.getBoundingClientRect(); // that of an svg inside another depends on what it holds
    return [x.back((event.clientX - seen.left) / seen.width * width),
      y.back((event.clientY - seen.top) / seen.height * height)];
  };
  return { all, paper, box, x: x.at, y: y.at, back };
}

export default widget(frame => {
  const { model, root, on, cleanup } = frame, motion = animator(frame);
  /** @type {Record<string, Landscape>} */
  const maps = model.get("maps");
  const grounds = /** @type {Record<string, number[][][]>} */ ({});
  const here = () => {
    /** @type {string} */
    const name = model.get("loss"), map = maps[name];
    if (!map) throw new Error(`This figure has no landscape ${name}. Choose ${Object.keys(maps).join(", ")}.`);
    /** @type {number[]} */
    const rates = model.get("rates"), given = model.get("start");
    /** @type {number[]} */
    const start = given.length === map.names.length ? given : map.start;
    if (!start.every(Number.isFinite))
      throw new Error(`The start must have a number for each of ${map.names.join(", ")}.`);
    if (rates.length < 1 || rates.length > MOST_RATES || !rates.every(rate => rate >= LOW_RATE && rate <= HIGH_RATE))
      throw new Error(`Give 1 to ${MOST_RATES} learning rates, each from ${LOW_RATE} to ${HIGH_RATE}.`);
    return { name, map, formulas: formulasOf(name, map), flat: map.names.length === 1, start, rates };
  };

  /**
   * A slider on one number of a list trait.
   * @param {"start" | "rates"} name
   * @param {number} i
   * @param {Omit<Parameters<typeof range>[0], "set">} options
   */
  function element(name, i, options) {
    const { field, show } = range({
      ...options, set: value => put(model, { [name]: here()[name].map((old, k) => (k === i ? value : old)) }),
    });
    return { field, show: () => show(here()[name][i]) };
  }

  // Running: the balls hop from step `rolled` on. What's set in the meantime ends it.
  const most = model.get("most");
  let rolling = false, rolled = 0, rollSet = "", paused = -1;
  let held = /** @type {number | null} */ (null); // the panel of a drag
  /** @param {number} steps */
  const stepTo = steps => {
    halt();
    put(model, { steps: Math.max(0, Math.min(most, steps)) });
    draw();
  };
  const run = button("▶ Run", () => {
    if (rolling) { paused = rolled; return stepTo(rolled); }
    if (still()) return stepTo(most);
    roll(model.get("steps") === paused && paused < most ? paused : 0, most);
  }, { class: "nw-go" });
  const rewind = button("Rewind", () => stepTo(0));
  const one = button("Step", () => {
    const taken = rolling ? rolled : model.get("steps");
    if (taken < most) roll(taken, taken + 1);
  });
  const plus = button("Add a learning rate", () => {
    const rates = model.get("rates");
    put(model, { rates: [...rates, Math.min(HIGH_RATE, 2 * rates.at(-1))].slice(0, MOST_RATES) });
  });
  const minus = button("Remove the last one", () => {
    const rates = model.get("rates");
    put(model, { rates: rates.slice(0, Math.max(1, rates.length - 1)) });
  });
  const shared = h("div", { class: "nw-controls nw-descent-shared" });
  const panels = h("div", { class: "nw-descent-panels" });
  const chart = h("div", { class: "nw-descent-chart" }), said = h("p", { class: "nw-visually-hidden", role: "status" });
  const top = primary(run, h("span", { class: "nw-muted nw-descent-hint" }, "or drag the ball"));
  root.append(top, h("div", { class: "nw-drawing" }, panels, chart),
    more(shared, h("div", { class: "nw-row" }, rewind, one, plus, minus)), said);
  if (Object.keys(maps).length > 1) {
    const names = Object.entries(maps).map(([name, map]) => /** @type {[string, string]} */ ([name, map.words]));
    const choices = select(frame, "loss", "Landscape", names);
    choices.addEventListener("change", () => { // its own start and rates
      const map = maps[model.get("loss")];
      put(model, { start: [...map.start], rates: [...map.rates] });
    });
    choices.classList.add("nw-descent-land");
    top.append(choices);
  }

  const momentum = slider(frame, "momentum", { label: "Momentum", step: 0.01, shown: x => x.toFixed(2) });
  const steps = slider(frame, "steps", { label: "Steps", low: 0, high: most, step: 1 });
  let built = "", fields = /** @type {ReturnType<typeof element>[]} */ ([]);
  let runs = /** @type {ReturnType<typeof panelOf>[]} */ ([]);
  /** The ground of a landscape and one run on it, with its learning rate. @param {number} i
   * @param {ReturnType<typeof here>} state @param {number} width */
  function panelOf(i, { name, map, formulas: [loss, slope], flat }, width) {
    const rate = element("rates", i, {
      label: "Learning rate", low: LOW_RATE, high: HIGH_RATE, step: 0.01, shown: number,
      to: x => Number((10 ** x).toPrecision(3)), from: Math.log10,
    });
    const line = { low: [map.low[0], map.bottom], high: [map.high[0], map.top], names: [map.names[0], "loss"] };
    const { all, paper, x, y, back } = ground({
      ...(flat ? line : map), width, height: Math.min(300, Math.max(200, Math.round(0.62 * width))), role: "group",
    });
    /** @param {number[]} place */
    const point = place => [x(place[0]), y(flat ? loss(...place) ?? NaN : place[1])];
    const terrain = flat
      ? [Array.from({ length: 161 }, (_, k) => point([map.low[0] + (map.high[0] - map.low[0]) * k / 160]))]
      : grounds[name].flat().map(([x0, y0, x1, y1]) => [point([x0, y0]), point([x1, y1])]);
    const color = COLORS[i], trail = s("g", { class: "nw-descent-trail" }), tangent = s("g");
    const ball = s("g", {
      role: "slider", tabindex: 0, class: "nw-descent-ball", "aria-valuemin": map.low[0], "aria-valuemax": map.high[0],
      onkeydown: event => push(i, event), onkeyup: letGo, onblur: letGo,
    }, s("circle", { r: 22, class: "nw-descent-reach" }), s("circle", { r: 12, style: { fill: color }, opacity: 0.25 }),
    s("circle", { r: 8, style: { fill: color } }), s("title", {}, "Drag me: the run starts here"));
    paper.append(s("path", { d: terrain.map(path).join(""), class: flat ? "nw-descent-ground" : "nw-descent-contour" }),
      ...map.minima.map(point).map(([x, y]) =>
        s("path", { d: `M${x - 5},${y}h10M${x},${y - 5}v10`, class: "nw-descent-lowest" })), trail, tangent, ball);
    const way = s("path", { class: "nw-descent-path", style: { stroke: color } });
    const roller = s("circle", { r: 6, class: "nw-descent-roller", style: { fill: color } });
    let points = /** @type {number[][]} */ ([]), dots = /** @type {SVGCircleElement[]} */ ([]);

    /** @param {Run} result @param {number[]} start @param {string} words */
    function show(result, start, words) {
      points = result.path.map(point);
      dots = points.slice(1).map(([x, y]) =>
        s("circle", { cx: near(x), cy: near(y), r: 2.6, style: { fill: color } }));
      trail.replaceChildren(way, ...dots, roller);
      trail.setAttribute("opacity", held === null ? "1" : "0.5");
      ball.setAttribute("transform", `translate(${points[0].map(near).join()})`);
      ball.setAttribute("aria-label", `Start, for learning rate ${words.split(",")[0]}`);
      ball.setAttribute("aria-valuenow", String(start[0]));
      ball.setAttribute("aria-valuetext", map.names.map((n, k) => `${n} = ${number(start[k])}`).join(", "));
      all.setAttribute("aria-label", `Learning rate ${words}`);
      tangent.replaceChildren(...(flat && held === i ? touching(start) : []));
      after(points.length - 1);
    }
    /** @param {number} t  steps, whole or not */
    function after(t) {
      const { k, at } = hop(points, t);
      way.setAttribute("d", path([...points.slice(0, k + 1), at]));
      dots.forEach(({ style }, n) => { style.display = n < k ? "" : "none"; });
      roller.setAttribute("transform", `translate(${at.map(near).join()})`);
      roller.style.display = t ? "" : "none";
    }
    /** The tangent at the ball. @param {number[]} start */
    function touching(start) {
      const [m] = slope(...start), [px, py] = point(start), dx = x(1) - x(0), dy = m * (y(1) - y(0));
      const by = 60 / Math.hypot(dx, dy), left = m > 0 ? px > 140 : px > width - 110, side = left ? -1 : 1;
      return [s("path", { d: `M${px - by * dx},${py - by * dy}L${px + by * dx},${py + by * dy}`,
        class: "nw-descent-tangent" }),
      s("text", { x: px + 14 * side, y: Math.max(28, py - 14), "text-anchor": side > 0 ? "start" : "end",
        class: "nw-descent-slope" }, `slope ${number(m)}`)];
    }
    /** @param {MouseEvent} event */
    const moveTo = event => place(back(event).slice(0, map.names.length));
    /** @param {Event} event */
    const onBall = event => event.target instanceof Node && ball.contains(event.target);
    all.addEventListener("mousedown", event => event.preventDefault()); // the ball keeps the focus; no text is marked
    all.addEventListener("pointerdown", event => {
      if (event.button || (event.pointerType === "touch" && !onBall(event))) return; // a finger there scrolls the page
      held = i;
      all.setPointerCapture(event.pointerId);
      ball.focus({ preventScroll: true });
      if (onBall(event)) draw();
      else moveTo(event);
    });
    // A touch is captured by itself, even one that scrolls the page past the picture.
    all.addEventListener("pointermove", event => {
      if (held === i && all.hasPointerCapture(event.pointerId)) moveTo(event);
    });
    all.addEventListener("lostpointercapture", letGo);
    all.addEventListener("click", event => { // or taps
      if (!(event instanceof PointerEvent) || event.pointerType !== "touch" || onBall(event)) return;
      held = i;
      moveTo(event);
      letGo();
    });
    const word = h("b"), rest = h("span"), told = h("p", {}, word, " ", rest);
    const panel = h("div", { class: "nw-descent-panel" }, rate.field, h("div", { class: "nw-descent-map" }, all), told);
    return { rate, panel, word, rest, show, after };
  }
  /** Moves the start. @param {number[]} to */
  function place(to) {
    const { map } = here();
    put(model, { start: to.map((v, k) => Number(Math.min(map.high[k], Math.max(map.low[k], v)).toPrecision(3))) });
  }
  /** The arrow keys on a ball. @param {number} i @param {KeyboardEvent} event */
  function push(i, event) {
    const { map, start, flat } = here(), by = map.low.map((low, k) => (map.high[k] - low) / 50);
    const [x, y] = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: flat ? [1, 0] : [0, 1],
      ArrowDown: flat ? [-1, 0] : [0, -1], Home: [-1e3, 0], End: [1e3, 0] }[event.key] ?? [0, 0];
    if (!(x || y) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    held = i;
    place(start.map((v, k) => v + by[k] * (k ? y : x)));
  }
  /** The ball rolls. */
  function letGo() {
    if (held === null) return;
    held = null;
    roll(0, model.get("steps") || most);
  }

  /** @param {ReturnType<typeof here>} state */
  function build(state) {
    const { name, map, formulas, rates } = state;
    const starts = map.names.map((coordinate, i) => element("start", i, {
      label: `Start ${coordinate}`, low: map.low[i], high: map.high[i], step: (map.high[i] - map.low[i]) / 200,
      shown: number, to: x => Number(x.toPrecision(4)),
    }));
    grounds[name] ??= map.names.length === 2 ? contours(formulas[0], map.low, map.high, map.levels) : [];
    held = null;
    shared.replaceChildren(...starts.map(({ field }) => field), momentum, steps);
    panels.replaceChildren(...rates.map(() => h("div", { class: "nw-descent-panel" }))); // as wide as they will be
    built = shapeOf(state);
    runs = rates.map((_, i) => panelOf(i, state, wide()));
    panels.replaceChildren(...runs.map(({ panel }) => panel));
    fields = [...starts, ...runs.map(({ rate }) => rate)];
  }
  const wide = () => Math.max(200, Math.floor(panels.firstElementChild?.clientWidth ?? 0));
  /** What a panel's ground depends on. @param {ReturnType<typeof here>} state */
  const shapeOf = ({ name, rates }) => `${name} ${rates.length} ${wide()}`;
  const settings = () => JSON.stringify(["loss", "start", "rates", "momentum", "steps"].map(name => model.get(name)));

  /** All runs of so many steps. @param {number} taken */
  function sketch(taken) {
    const state = here(), { map, formulas, rates, start } = state;
    if (shapeOf(state) !== built) build(state);
    fields.forEach(({ show }) => show());
    const results = rates.map(rate => slide(formulas, start, rate, model.get("momentum"), taken));
    const from = map.names.map((n, k) => `${n} = ${number(start[k])}`).join(", ");
    const verdicts = results.map(result => verdict(result, formulas, map));
    runs.forEach(({ show, word, rest }, i) => {
      show(results[i], start, `${number(rates[i])}, from ${from}: ${verdicts[i].join(". ")}`);
      word.textContent = `${verdicts[i][0]}.`;
      rest.textContent = verdicts[i][1];
    });
    return { rates, results, verdicts, lines: drawChart(map, rates, results, taken) };
  }

  function halt() {
    rolling = false;
    motion.stop();
    run.textContent = "▶ Run";
  }
  /** The balls hop from one step to a later one. @param {number} from @param {number} to */
  function roll(from, to) {
    halt();
    const { results, lines: { after, names } } = sketch(to), set = settings();
    rolling = true;
    rolled = -1;
    rollSet = set;
    run.textContent = "❚❚ Pause";
    names.setAttribute("opacity", "0");
    /** @param {number} x @param {boolean} over */
    const frame = (x, over) => {
      const t = from + x * (to - from), now = Math.floor(t);
      runs.forEach(panel => panel.after(t));
      after(t);
      if (rolled !== now) runs.forEach(({ word, rest }, i) => {
        const { losses } = results[i];
        word.textContent = `Step ${now} of ${to}.`;
        rest.textContent = `Loss ${number(losses[Math.min(now, losses.length - 1)])}.`;
      });
      rolled = now;
      if (over) stepTo(to);
    };
    frame(0, false);
    motion.run(Math.min(6000, 350 + 100 * (to - from)), frame);
  }

  let speaks = 0;
  cleanup(() => clearTimeout(speaks));
  function draw() {
    if (rolling && settings() === rollSet) return; // nothing new
    halt();
    const taken = Math.min(model.get("steps"), most), { rates, verdicts } = sketch(taken);
    enable(taken < most, one);
    enable(taken > 0, rewind);
    enable(rates.length < MOST_RATES, plus);
    enable(rates.length > 1, minus);
    clearTimeout(speaks);
    speaks = setTimeout(() => {
      said.textContent = rates.map((rate, i) => `Learning rate ${number(rate)}: ${verdicts[i].join(". ")}`).join(" ");
    }, 700);
  }

  /** The loss by step, all runs in one picture, each named where it ends.
   * @param {Landscape} map @param {number[]} rates @param {Run[]} results @param {number} taken */
  function drawChart(map, rates, results, taken) {
    const several = rates.length > 1, { all, paper, box, x, y } = ground({
      width: Math.max(260, Math.floor(chart.clientWidth)), height: 180, low: [0, map.bottom], high: [most, map.top],
      names: ["step", "loss"], about: [5, 4], right: several ? 76 : EDGE,
      title: `The loss after each step, for the learning rates ${rates.map(rate => number(rate)).join(", ")}`,
    });
    const points = results.map(({ losses }) => losses.map((loss, k) => [x(k), y(loss)]));
    const ways = results.map((_, i) => s("path", {
      class: "nw-descent-path", style: { stroke: COLORS[i], "stroke-dasharray": DASHES[i] || "none" },
    }));
    // Each run is named where it ends: at its last step, or where it leaves the picture.
    const exits = points.map(run => run.findLast(([, height]) => height >= box.top) ?? run[0]);
    const right = x(taken), ends = exits.map(([, height]) => Math.min(box.bottom, Math.max(box.top + 8, height)));
    const heights = spread(ends, 15, box.bottom - 2);
    const names = s("g", {}, (several ? rates : []).flatMap((rate, i) => {
      const gone = exits[i] !== last(points[i]), from = gone ? exits[i][0] : right;
      return [!gone && s("path", { d: `M${from},${ends[i]}L${from + 10},${heights[i]}`, class: "nw-descent-path",
        style: { stroke: COLORS[i], "stroke-dasharray": DASHES[i] || "none" } }),
      s("text", { x: from + 14, y: (gone ? ends[i] : heights[i]) + 4 }, `rate ${number(rate)}`)];
    }));
    paper.append(...ways);
    all.append(names);
    chart.replaceChildren(all);
    /** @param {number} t */
    const after = t => points.forEach((run, i) => {
      const { k, at } = hop(run, t, 0);
      ways[i].setAttribute("d", path([...run.slice(0, k + 1), at]));
    });
    after(taken);
    return { after, names };
  }

  const watch = new ResizeObserver(draw);
  on("loss start rates momentum steps", draw);
  watch.observe(panels);
  cleanup(() => watch.disconnect());
});
