// @ts-check
// Gradient descent on landscapes. Where they lie, start, and end comes from descent.py; the formulas are in both files.
import { COLORS, DASHES, axes, near, path } from "./chart.js";
import { button, drawn, enable, h, put, range, s, select, slider, still, widget } from "./dom.js";
import { last, number } from "./text.js";

const FAR = 1e6, HUGE = 1e9, LOW_RATE = 0.001, HIGH_RATE = 10, MOST_RATES = 4;

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
    return ["Leaves", `Step ${taken + 1} leaves the picture, where we don't know the loss. The steps are too large.`];
  if (ended === "diverged")
    return ["Diverges",
      `Loss ${number(first)} → ${number(now)}, and after step ${taken} it's too large to follow. ${overshoots}`];
  if (taken === 0) return ["Start", `Loss ${number(first)}.`];
  const floors = map.minima.map(m => loss(...m) ?? NaN), lowest = Math.min(...floors);
  const scale = Math.max(first - lowest, 1e-9), flat = Math.hypot(...slope(...place)) < 1e-2 * Math.max(1, scale);
  const near = floors.findIndex(f => Math.abs(now - f) < 2e-3 * scale), before = losses[Math.max(0, taken - 6)];
  const moved = Math.hypot(...place.map((w, k) => w - path[path.length - 2][k]));
  if (near >= 0 && flat)
    return floors[near] <= lowest + 1e-6 ? ["Arrives", fell]
      : ["Stuck", `${fell} It's in a valley, but not the lowest one.`];
  if (now > 1.02 * first) return ["Diverges", `${fell} ${overshoots}`];
  if (flat && moved < 1e-3) return ["Stuck", `${fell} The slope is almost 0 here, but this isn't a valley.`];
  if (taken > 6 && now > 0.98 * before) return ["Wanders", `${fell} It's no longer falling: the steps jump across.`];
  return first - now < 0.35 * scale ? ["Creeps", fell] : ["On its way", fell];
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
 * A frame with ticks and names on two axes, a clipped paper inside it, and the way back from a pointer to the data.
 * @param {{ width: number, height: number, low: number[], high: number[], names: string[], about?: number[],
 *   title: string }} options
 */
function ground({ width, height, low, high, names, about = [3, 4], title }) {
  const { x, y, box, marks } = axes({
    width, height, left: 40, right: 8, top: 6, bottom: 34,
    x: { low: low[0], high: high[0], about: about[0] }, y: { low: low[1], high: high[1], about: about[1] },
  });
  const w = box.right - box.left, tall = box.bottom - box.top; // the paper keeps the chart's own coordinates
  const paper = s("svg", {
    x: box.left, y: box.top, width: w, height: tall, viewBox: `${box.left} ${box.top} ${w} ${tall}`,
    style: `width:${w}px;height:${tall}px;overflow:hidden`,
  });
  const all = s("svg", {
    width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": title, class: "nw-descent-axes",
  }, drawn(marks),
  s("text", { x: box.left + w / 2, y: height - 3, "text-anchor": "middle" }, names[0]),
  s("text", { x: box.left + 6, y: 20 }, names[1]), paper);
  /** @param {MouseEvent} event */
  const back = event => {
    const seen = paper.getBoundingClientRect();
    return [x.back(box.left + (event.clientX - seen.left) / seen.width * w),
      y.back(box.top + (event.clientY - seen.top) / seen.height * tall)];
  };
  return { all, paper, x: x.at, y: y.at, back };
}

export default widget(frame => {
  const { model, root, on, cleanup } = frame;
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

  // Controls that all runs share
  const most = model.get("most");
  /** @param {number} steps */
  const stepTo = steps => put(model, { steps: Math.max(0, Math.min(most, steps)) });
  let timer = 0;
  const stop = () => { clearInterval(timer); timer = 0; run.textContent = "Run"; };
  const run = button("Run", () => {
    if (timer) return stop();
    if (still()) return stepTo(most);
    if (model.get("steps") >= most) stepTo(0);
    run.textContent = "Pause";
    timer = setInterval(() => { stepTo(model.get("steps") + 1); if (model.get("steps") >= most) stop(); }, 90);
  });
  cleanup(() => clearInterval(timer));
  const rewind = button("Rewind", () => { stop(); stepTo(0); });
  const one = button("Step", () => { stop(); stepTo(model.get("steps") + 1); });
  const more = button("Add a rate", () => {
    const rates = model.get("rates");
    put(model, { rates: [...rates, Math.min(HIGH_RATE, 2 * rates.at(-1))].slice(0, MOST_RATES) });
  });
  const fewer = button("Remove the last rate", () => {
    const rates = model.get("rates");
    put(model, { rates: rates.slice(0, Math.max(1, rates.length - 1)) });
  });
  const shared = h("div", { class: "nw-controls nw-descent-shared" });
  const panels = h("div", { class: "nw-descent-panels" });
  const chart = h("div", { class: "nw-descent-chart" }), said = h("p", { class: "nw-visually-hidden", role: "status" });
  root.append(shared, h("div", { class: "nw-row" }, rewind, one, run, more, fewer), panels, chart, said);

  if (Object.keys(maps).length > 1) {
    const names = Object.entries(maps).map(([name, map]) => /** @type {[string, string]} */ ([name, map.words]));
    const choices = select(frame, "loss", "Landscape", names);
    choices.addEventListener("change", () => { // its own start and rates
      const map = maps[model.get("loss")];
      put(model, { start: [...map.start], rates: [...map.rates] });
    });
    root.prepend(h("div", { class: "nw-row" }, choices));
  }

  const momentum = slider(frame, "momentum", { label: "Momentum", step: 0.01, shown: x => x.toFixed(2) });
  const steps = slider(frame, "steps", { label: "Steps", low: 0, high: most, step: 1 });
  let built = "", fields = /** @type {ReturnType<typeof element>[]} */ ([]);
  let runs = /** @type {ReturnType<typeof panelOf>[]} */ ([]);
  /** @param {number} i */
  function panelOf(i) {
    const rate = element("rates", i, {
      label: "Learning rate", low: LOW_RATE, high: HIGH_RATE, step: 0.01, shown: number,
      to: x => Number((10 ** x).toPrecision(3)), from: Math.log10,
    });
    const paper = h("div", { class: "nw-descent-map" }), word = h("b"), rest = h("span");
    const panel = h("div", { class: "nw-descent-panel" }, rate.field, paper, h("p", {}, word, " ", rest));
    return { rate, paper, word, rest, panel };
  }
  /** @param {ReturnType<typeof here>} state */
  function build({ name, map, formulas, rates }) {
    const starts = map.names.map((coordinate, i) => element("start", i, {
      label: `Start ${coordinate}`, low: map.low[i], high: map.high[i], step: (map.high[i] - map.low[i]) / 200,
      shown: number, to: x => Number(x.toPrecision(4)),
    }));
    shared.replaceChildren(...starts.map(({ field }) => field), momentum, steps);
    runs = rates.map((_, i) => panelOf(i));
    panels.replaceChildren(...runs.map(({ panel }) => panel));
    fields = [...starts, ...runs.map(({ rate }) => rate)];
    grounds[name] ??= map.names.length === 2 ? contours(formulas[0], map.low, map.high, map.levels) : [];
  }

  let speaks = 0;
  cleanup(() => clearTimeout(speaks));
  function draw() {
    const state = here(), { name, map, formulas, rates, start } = state, shape = `${name} ${rates.length}`;
    if (shape !== built) { build(state); built = shape; }
    fields.forEach(({ show }) => show());
    const taken = Math.min(model.get("steps"), most);
    enable(taken < most, one);
    enable(taken > 0, rewind);
    enable(rates.length < MOST_RATES, more);
    enable(rates.length > 1, fewer);
    const results = rates.map(rate => slide(formulas, start, rate, model.get("momentum"), taken));
    const verdicts = results.map(result => verdict(result, formulas, map));
    results.forEach((result, i) => {
      const [word, rest] = verdicts[i], from = map.names.map((n, k) => `${n} = ${number(start[k])}`).join(", ");
      runs[i].paper.replaceChildren(drawMap(state, result, i,
        `Learning rate ${number(rates[i])}, from ${from}: ${word}. ${rest}`));
      runs[i].word.textContent = `${word}.`;
      runs[i].rest.textContent = rest;
    });
    drawChart(map, rates, results);
    clearTimeout(speaks);
    speaks = setTimeout(() => {
      said.textContent = rates.map((rate, i) => `Learning rate ${number(rate)}: ${verdicts[i].join(". ")}`).join(" ");
    }, 700);
  }

  /** The ground of a landscape with one run on it. @param {ReturnType<typeof here>} state @param {Run} result
   * @param {number} i @param {string} title */
  function drawMap({ name, map, formulas: [loss], flat }, result, i, title) {
    const width = Math.max(200, Math.floor(panels.firstElementChild?.clientWidth ?? 0));
    const height = Math.min(260, Math.max(190, Math.round(0.62 * width)));
    const line = { low: [map.low[0], map.bottom], high: [map.high[0], map.top], names: [map.names[0], "loss"] };
    const view = flat ? line : map;
    const { all, paper, x, y, back } = ground({ ...view, width, height, title });
    /** @param {number[]} place */
    const point = place => [x(place[0]), y(flat ? loss(...place) ?? NaN : place[1])];
    const lines = flat
      ? [Array.from({ length: 161 }, (_, k) => point([map.low[0] + (map.high[0] - map.low[0]) * k / 160]))]
      : grounds[name].flat().map(([x0, y0, x1, y1]) => [point([x0, y0]), point([x1, y1])]);
    const points = result.path.map(point);
    paper.append(s("path", { d: lines.map(path).join(""), class: flat ? "nw-descent-ground" : "nw-descent-contour" }),
      ...map.minima.map(point).map(([x, y]) =>
        s("path", { d: `M${x - 5},${y}h10M${x},${y - 5}v10`, class: "nw-descent-lowest" })),
      s("path", { d: path(points), class: "nw-descent-path", style: { stroke: COLORS[i] } }),
      ...points.map(([x, y]) => [near(x), near(y)]).map(([cx, cy], k) => k === 0
        ? s("circle", { cx, cy, r: 6, class: "nw-descent-start", style: { stroke: COLORS[i] } })
        : s("circle", { cx, cy, r: k === points.length - 1 ? 5 : 2.6, style: { fill: COLORS[i] } })));
    all.addEventListener("click", event => {
      const place = back(event).slice(0, map.names.length);
      put(model, { start: place.map((v, k) => Number(Math.min(map.high[k], Math.max(map.low[k], v)).toPrecision(3))) });
    });
    return all;
  }

  /** The loss by step, all runs in one picture.
   * @param {Landscape} map @param {number[]} rates @param {Run[]} results */
  function drawChart(map, rates, results) {
    const { all, paper, x, y } = ground({
      width: Math.max(260, Math.floor(chart.clientWidth)), height: 170, low: [0, map.bottom], high: [most, map.top],
      names: ["step", "loss"], about: [5, 4],
      title: `The loss after each step, for the learning rates ${rates.map(rate => number(rate)).join(", ")}`,
    });
    /** @param {number} i @param {string} d */
    const stroke = (i, d) => s("path", {
      d, class: "nw-descent-path", style: { stroke: COLORS[i], "stroke-dasharray": DASHES[i] || "none" },
    });
    paper.append(...results.map(({ losses }, i) => stroke(i, path(losses.map((loss, k) => [x(k), y(loss)])))));
    const key = h("p", { class: "nw-descent-key", "aria-hidden": "true" }, rates.map((rate, i) => h("span", {},
      s("svg", { width: 30, height: 10, style: "width:30px;height:10px" }, stroke(i, "M1,5H29")), number(rate))));
    chart.replaceChildren(all, ...(rates.length > 1 ? [key] : []));
  }

  // Dragging with a mouse or a pen moves the start; a finger scrolls the page, and taps.
  panels.addEventListener("pointermove", event => {
    const picture = event.target instanceof Element && event.target.closest(".nw-descent-axes");
    if (picture && event.buttons === 1 && event.pointerType !== "touch")
      picture.dispatchEvent(new MouseEvent("click", event));
  });
  const watch = new ResizeObserver(draw);
  on("loss start rates momentum steps", draw);
  watch.observe(panels);
  cleanup(() => watch.disconnect());
});
