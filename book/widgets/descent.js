// Gradient descent on landscapes. Where they lie, start and end comes from descent.py; the formulas stand in both.
import { button, enable, h, number, put, s, select, slider, still, widget } from "./dom.js";

const FAR = 1e6, HUGE = 1e9, LOW_RATE = 0.001, HIGH_RATE = 10, MOST_RATES = 4;
const cliff = w => 0.5 * (1 + Math.tanh(4 * (w - 0.8)));

// name: [loss, slope], as LANDSCAPES in descent.py
const FORMULAS = {
  "bowl": [w => w * w, w => [2 * w]],
  "two valleys": [w => (w * w - 1) ** 2 + 0.3 * w + 0.30543, w => [4 * w * (w * w - 1) + 0.3]],
  "cliff": [w => 0.05 * (w + 0.5) ** 2 + cliff(w), w => [0.1 * (w + 0.5) + 8 * cliff(w) * (1 - cliff(w))]],
  "narrow valley": [(u, v) => u * u + 10 * v * v, (u, v) => [2 * u, 20 * v]],
  "saddle": [(u, v) => u * u + 0.25 * (v * v - 1) ** 2, (u, v) => [2 * u, v * (v * v - 1)]],
};

// Cubic curves through equally spaced samples: [loss, slope]; the loss is null outside of them. As Samples in descent.py.
export function throughSamples({ low: [low], high: [high], values: y }) {
  const last = y.length - 1, width = (high - low) / last;
  const change = i => (i === 0 ? -1.5 * y[0] + 2 * y[1] - 0.5 * y[2]
    : i === last ? 1.5 * y[i] - 2 * y[i - 1] + 0.5 * y[i - 2] : 0.5 * (y[i + 1] - y[i - 1]));
  const cell = w => {
    const i = Math.min(Math.trunc((w - low) / width), last - 1);
    return [(w - low) / width - i, y[i], y[i + 1], change(i), change(i + 1)];
  };
  const loss = w => {
    if (!(w >= low && w <= high)) return null;
    const [t, a, b, da, db] = cell(w), r = 1 - t;
    return a * (1 + 2 * t) * r * r + b * (3 - 2 * t) * t * t + da * t * r * r - db * r * t * t;
  };
  const slope = w => {
    const [t, a, b, da, db] = cell(w);
    return [(6 * t * (1 - t) * (b - a) + da * (1 - t) * (1 - 3 * t) + db * t * (3 * t - 2)) / width];
  };
  return [loss, slope];
}

export const formulasOf = (name, map) => (map.values ? throughSamples(map) : FORMULAS[name]);

// Gradient descent with momentum: { path, losses, ended }, as `descend` in descent.py.
export function slide([loss, slope], start, rate, momentum, steps) {
  let place = start, velocity = start.map(() => 0), ended = "";
  const path = [place], losses = [loss(...place)];
  for (let i = 0; i < steps && !ended; i++) {
    const slopes = slope(...place);
    velocity = velocity.map((v, k) => momentum * v - rate * slopes[k]);
    place = place.map((w, k) => w + velocity[k]);
    const far = place.some(w => Math.abs(w) > FAR), now = far ? 0 : loss(...place);
    if (far || now > HUGE) ended = "diverged";
    else if (now === null) ended = "left";
    else { path.push(place); losses.push(now); }
  }
  return { path, losses, ended };
}

// What became of a run: [word, sentence].
export function verdict({ path, losses, ended }, [loss, slope], map) {
  const taken = losses.length - 1, first = losses[0], now = losses.at(-1), place = path.at(-1);
  const fell = `${number(first)} → ${Math.abs(now) < 1e-5 * Math.abs(first) ? "almost 0" : number(now)} in ${taken} step${taken === 1 ? "" : "s"}`;
  if (ended === "left") return ["Leaves", `Step ${taken + 1} leaves the picture, where the loss is not known. The steps are too large.`];
  if (ended === "diverged") return ["Diverges", `Loss ${number(first)} → ${number(now)}; after step ${taken} its numbers are too large to follow. Each step overshoots, and lands higher.`];
  if (taken === 0) return ["Start", `Loss ${number(first)}.`];
  const floors = map.minima.map(m => loss(...m)), lowest = Math.min(...floors), scale = Math.max(first - lowest, 1e-9);
  const flat = Math.hypot(...slope(...place)) < 1e-2 * Math.max(1, scale), near = floors.findIndex(f => Math.abs(now - f) < 2e-3 * scale);
  const before = losses[Math.max(0, taken - 6)], moved = Math.hypot(...place.map((w, k) => w - path.at(-2)[k]));
  if (near >= 0 && flat) {
    return floors[near] > lowest + 1e-6 ? ["Stuck", `Loss ${fell}. A valley, and not the lowest one.`] : ["Arrives", `Loss ${fell}.`];
  }
  if (now > 1.02 * first) return ["Diverges", `Loss ${fell}. Each step overshoots, and lands higher.`];
  if (flat && moved < 1e-3) return ["Stuck", `Loss ${fell}. The slope is almost 0 here, yet this is no valley.`];
  if (taken > 6 && now > 0.98 * before) return ["Wanders", `Loss ${fell}. It no longer falls: the steps jump across.`];
  return first - now < 0.35 * scale ? ["Creeps", `Loss ${fell}.`] : ["On its way", `Loss ${fell}.`];
}

// Contour lines by marching squares: for each level, line segments [x0, y0, x1, y1].
export function contours(loss, low, high, levels, cells = 48) {
  const at = (k, i) => low[k] + (high[k] - low[k]) * i / cells, lines = levels.map(() => []);
  const grid = Array.from({ length: cells + 1 }, (_, j) => Array.from({ length: cells + 1 }, (_, i) => loss(at(0, i), at(1, j))));
  for (let j = 0; j < cells; j++) for (let i = 0; i < cells; i++) {
    const corners = [[i, j], [i + 1, j], [i + 1, j + 1], [i, j + 1]];
    levels.forEach((level, l) => {
      const cuts = [];
      corners.forEach(([x, y], k) => {
        const [nx, ny] = corners[(k + 1) % 4], a = grid[y][x] - level, b = grid[ny][nx] - level;
        if (a < 0 !== b < 0) { const t = a / (a - b); cuts.push([at(0, x + t * (nx - x)), at(1, y + t * (ny - y))]); }
      });
      for (let k = 0; k + 1 < cuts.length; k += 2) lines[l].push([...cuts[k], ...cuts[k + 1]]);
    });
  }
  return lines;
}

// Round numbers from low to high, `about` of them, for an axis.
export function ticks(low, high, about) {
  const rough = (high - low) / about, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map(m => m * power).find(m => m >= rough), out = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) out.push(Number((k * step).toPrecision(6)));
  return out;
}

const DASHES = ["", "7 3", "2 3", "9 3 2 3"], INKS = ["blue", "orange", "green", "purple"];
const near = x => Math.max(-5000, Math.min(5000, x)).toFixed(1); // a place far outside, so that no renderer stumbles
const line = points => points.map(([x, y], i) => `${i ? "L" : "M"}${near(x)},${near(y)}`).join("");

// A frame with ticks and names on two axes, and a clipped paper inside it.
function axes({ width, height, low, high, names, left = 40, about = [3, 4], title }) {
  const w = width - left - 8, tall = height - 40;
  const x = v => (v - low[0]) / (high[0] - low[0]) * w, y = v => tall - (v - low[1]) / (high[1] - low[1]) * tall;
  const paper = s("svg", { x: left, y: 6, width: w, height: tall, style: `width:${w}px;height:${tall}px;overflow:hidden` });
  const all = s("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": title, class: "nw-descent-axes" },
    ticks(low[0], high[0], about[0]).map(v => s("g", {}, s("line", { x1: left + x(v), x2: left + x(v), y1: 6, y2: 6 + tall }),
      s("text", { x: left + x(v), y: tall + 22, "text-anchor": "middle", class: "nw-muted" }, number(v)))),
    ticks(low[1], high[1], about[1]).map(v => s("g", {}, s("line", { x1: left, x2: left + w, y1: 6 + y(v), y2: 6 + y(v) }),
      s("text", { x: left - 5, y: 10 + y(v), "text-anchor": "end", class: "nw-muted" }, number(v)))),
    s("text", { x: left + w / 2, y: height - 3, "text-anchor": "middle" }, names[0]),
    s("text", { x: left + 6, y: 20 }, names[1]), paper);
  const back = event => {
    const box = paper.getBoundingClientRect();
    return [low[0] + (event.clientX - box.left) / box.width * (high[0] - low[0]), high[1] - (event.clientY - box.top) / box.height * (high[1] - low[1])];
  };
  return { all, paper, x, y, back };
}

export default widget(frame => {
  const { model, root, on, cleanup } = frame;
  const maps = model.get("maps"), grounds = {};
  const here = () => {
    const name = model.get("loss"), map = maps[name];
    if (!map) throw new Error(`There is no landscape ${name} here; choose ${Object.keys(maps).join(", ")}.`);
    const given = model.get("start"), start = given.length === map.names.length ? given : map.start, rates = model.get("rates");
    if (!start.every(Number.isFinite)) throw new Error(`The start must be a number for each of ${map.names.join(", ")}.`);
    if (!(rates.length >= 1 && rates.length <= MOST_RATES && rates.every(r => r >= LOW_RATE && r <= HIGH_RATE))) throw new Error(`Give 1 to ${MOST_RATES} learning rates, each from ${LOW_RATE} to ${HIGH_RATE}.`);
    return { name, map, formulas: formulasOf(name, map), flat: map.names.length === 1, start, rates };
  };

  // one number of a list trait, on a slider
  function element(name, i, { label, low, high, step, shown, to = x => x, from = x => x }) {
    const value = h("output", { "aria-hidden": "true", "aria-live": "off" }), input = h("input", { type: "range", min: from(low), max: from(high), step, oninput: () => {
      put(model, { [name]: here()[name].map((old, k) => (k === i ? to(Number(input.value)) : old)) });
    } });
    const show = () => {
      const now = here()[name][i];
      if (Number(input.value) !== from(now)) input.value = from(now);
      value.textContent = shown(now);
      input.setAttribute("aria-valuetext", shown(now));
    };
    return { show, field: h("label", { class: "nw-field" }, h("span", {}, label), input, value) };
  }

  // controls that all runs share
  const most = model.get("most"), stepTo = steps => put(model, { steps: Math.max(0, Math.min(most, steps)) });
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
  const rewind = button("Rewind", () => { stop(); stepTo(0); }), one = button("Step", () => { stop(); stepTo(model.get("steps") + 1); });
  const more = button("Add a rate", () => put(model, { rates: [...model.get("rates"), Math.min(HIGH_RATE, 2 * model.get("rates").at(-1))].slice(0, MOST_RATES) }));
  const fewer = button("Remove the last", () => put(model, { rates: model.get("rates").slice(0, Math.max(1, model.get("rates").length - 1)) }));
  const shared = h("div", { class: "nw-controls nw-descent-shared" }), panels = h("div", { class: "nw-descent-panels" });
  const chart = h("div", { class: "nw-descent-chart" }), said = h("p", { class: "nw-visually-hidden", role: "status" });
  root.append(shared, h("div", { class: "nw-row" }, rewind, one, run, more, fewer), panels, chart, said);

  if (Object.keys(maps).length > 1) {
    const choices = select(frame, "loss", "Landscape", Object.entries(maps).map(([name, map]) => [name, map.words]));
    choices.addEventListener("change", () => { // its own start and rates
      const map = maps[model.get("loss")];
      put(model, { start: [...map.start], rates: [...map.rates] });
    });
    root.prepend(h("div", { class: "nw-row" }, choices));
  }

  let built = "", fields = [], runs = [];
  function build({ name, map, rates }) {
    const starts = map.names.map((coordinate, i) => element("start", i, {
      label: `Start ${coordinate}`, low: map.low[i], high: map.high[i], step: (map.high[i] - map.low[i]) / 200, shown: number,
      to: x => Number(x.toPrecision(4)),
    }));
    shared.replaceChildren(...starts.map(({ field }) => field), momentum, steps);
    runs = rates.map((_, i) => {
      const rate = element("rates", i, {
        label: "Learning rate", low: LOW_RATE, high: HIGH_RATE, step: 0.01, shown: number,
        to: x => Number((10 ** x).toPrecision(3)), from: Math.log10,
      });
      const paper = h("div", { class: "nw-descent-map" }), word = h("b"), rest = h("span");
      return { rate, paper, word, rest, panel: h("div", { class: "nw-descent-panel" }, rate.field, paper, h("p", {}, word, " ", rest)) };
    });
    panels.replaceChildren(...runs.map(({ panel }) => panel));
    fields = [...starts, ...runs.map(({ rate }) => rate)];
    grounds[name] ??= map.names.length === 2 ? contours(formulasOf(name, map)[0], map.low, map.high, map.levels) : [];
  }
  const momentum = slider(frame, "momentum", { label: "Momentum", step: 0.01, shown: x => x.toFixed(2) });
  const steps = slider(frame, "steps", { label: "Steps", low: 0, high: most, step: 1 });

  function setStart(event, back, map) {
    const place = back(event).slice(0, map.names.length);
    put(model, { start: place.map((v, i) => Number(Math.min(map.high[i], Math.max(map.low[i], v)).toPrecision(3))) });
  }

  let speaks = 0;
  cleanup(() => clearTimeout(speaks));
  function draw() {
    const state = here(), { name, map, formulas, flat, start, rates } = state;
    const shape = `${name} ${rates.length}`;
    if (shape !== built) { build(state); built = shape; }
    fields.forEach(({ show }) => show());
    const taken = Math.min(model.get("steps"), most);
    enable(taken < most, one);
    enable(taken > 0, rewind);
    enable(rates.length < MOST_RATES, more);
    enable(rates.length > 1, fewer);
    const results = rates.map(rate => slide(formulas, start, rate, model.get("momentum"), taken));

    const width = Math.max(200, Math.floor(panels.firstChild.clientWidth)), tall = Math.min(260, Math.max(190, Math.round(0.62 * width)));
    const view = flat ? { low: [map.low[0], map.bottom], high: [map.high[0], map.top], names: [map.names[0], "loss"] } : map;
    results.forEach((result, i) => {
      const [word, rest] = verdict(result, formulas, map), { paper } = runs[i];
      const title = `Learning rate ${number(rates[i])}, from ${map.names.map((n, k) => `${n} = ${number(start[k])}`).join(", ")}: ${word}. ${rest}`;
      const ground = axes({ ...view, width, height: tall, title });
      const point = (place, loss) => (flat ? [ground.x(place[0]), ground.y(loss)] : place.map((v, k) => [ground.x, ground.y][k](v)));
      const points = result.path.map((place, k) => point(place, result.losses[k]));
      if (flat) {
        const xs = Array.from({ length: 161 }, (_, k) => map.low[0] + (map.high[0] - map.low[0]) * k / 160);
        ground.paper.append(s("path", { d: line(xs.map(w => point([w], formulas[0](w)))), class: "nw-descent-ground" }));
      } else {
        const d = grounds[name].flat().map(([x0, y0, x1, y1]) => line([point([x0, y0]), point([x1, y1])])).join("");
        ground.paper.append(s("path", { d, class: "nw-descent-contour" }));
      }
      map.minima.forEach(m => {
        const [x, y] = point(m, formulas[0](...m));
        ground.paper.append(s("path", { d: `M${x - 5},${y}h10M${x},${y - 5}v10`, class: "nw-descent-lowest" }));
      });
      ground.paper.append(s("path", { d: line(points), class: "nw-descent-path", style: `stroke:var(--nw-${INKS[i]})` }),
        ...points.map(([x, y], k) => s("circle", { cx: near(x), cy: near(y), r: k === 0 ? 6 : k === points.length - 1 ? 5 : 2.6,
          class: k === 0 ? "nw-descent-start" : "", style: `${k ? "fill" : "stroke"}:var(--nw-${INKS[i]})` })));
      ground.all.addEventListener("click", event => setStart(event, ground.back, map));
      paper.replaceChildren(ground.all);
      runs[i].word.textContent = `${word}.`;
      runs[i].rest.textContent = rest;
    });
    drawChart(map, rates, results);
    clearTimeout(speaks);
    speaks = setTimeout(() => {
      said.textContent = rates.map((rate, i) => `Learning rate ${number(rate)}: ${verdict(results[i], formulas, map).join(". ")}`).join(" ");
    }, 700);
  }

  // the loss by step, all runs in one picture
  function drawChart(map, rates, results) {
    const width = Math.max(260, Math.floor(chart.clientWidth));
    const ground = axes({ width, height: 170, low: [0, map.bottom], high: [most, map.top], names: ["step", "loss"], about: [5, 4],
      title: `The loss after each step, for the learning rates ${rates.map(r => number(r)).join(", ")}` });
    results.forEach(({ losses }, i) => {
      const points = losses.map((loss, k) => [ground.x(k), ground.y(loss)]);
      ground.paper.append(s("path", { d: line(points), class: "nw-descent-path", style: `stroke:var(--nw-${INKS[i]});stroke-dasharray:${DASHES[i] || "none"}` }));
    });
    const key = h("p", { class: "nw-descent-key", "aria-hidden": "true" }, rates.map((rate, i) => h("span", {},
      s("svg", { width: 30, height: 10, style: "width:30px;height:10px" }, s("path", { d: "M1,5H29", class: "nw-descent-path", style: `stroke:var(--nw-${INKS[i]});stroke-dasharray:${DASHES[i] || "none"}` })),
      number(rate))));
    chart.replaceChildren(ground.all, ...(rates.length > 1 ? [key] : []));
  }

  // dragging with a mouse or a pen moves the start; a finger scrolls the page, and taps
  panels.addEventListener("pointermove", event => {
    const picture = event.target.closest?.(".nw-descent-axes");
    if (picture && event.buttons === 1 && event.pointerType !== "touch") picture.dispatchEvent(new MouseEvent("click", event));
  });
  const watch = new ResizeObserver(draw);
  on("loss start rates momentum steps", draw);
  watch.observe(panels);
  cleanup(() => watch.disconnect());
});
