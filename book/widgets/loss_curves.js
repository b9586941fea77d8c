// Loss curves, a cursor that reads them, and the snapshots taken on the way; the controls of a run that is under way.
// A curve is { name, x, y, count, each, held, note, broken, steps, ghost, live, prompt, tokens, snapshots }: see loss_curves.py.
import { drawHead } from "./attention_draw.js";
import { button, checkbox, enable, h, number, put, s, select, slider, unpack, visible, widget } from "./dom.js";

const COLORS = ["blue", "orange", "green", "purple", "gold"];
const DASHES = ["", "7 3", "2 3", "9 3 2 3"];
const EDGE = { left: 46, right: 12, top: 28, bottom: 40 };
const TALL = 268;

// At each point the mean of the losses at most (window − 1) / 2 steps away; x rises, each point stands for `each` steps.
export function smoothed(x, y, window) {
  const before = [0], reach = (window - 1) / 2;
  y.forEach((v, i) => before.push(before[i] + v));
  let first = 0, end = 0;
  return x.map(at => {
    while (x[first] < at - reach) first++;
    while (end < x.length && x[end] <= at + reach) end++;
    return (before[end] - before[first]) / (end - first);
  });
}

// The place of the last number ≤ `at` in a list that rises; −1 where there is none.
export function lastUpTo(values, at) {
  let low = 0, high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] <= at) low = middle + 1; else high = middle;
  }
  return low - 1;
}

// Round numbers from low to high, some `count` of them: steps of 1, 2 or 5 times a power of ten.
export function roundTicks(low, high, count) {
  const rough = (high - low) / Math.max(1, count), power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find(f => f * power >= rough * 0.999) ?? 10), found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) found.push(Number((i * step).toPrecision(12)));
  return found;
}

// The same for a logarithmic axis: 1, 2, 5, 10, 20, … or powers of ten alone where these would be too many.
export function logTicks(low, high, count) {
  const found = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++)
    for (const f of [1, 2, 5]) {
      const tick = Number((f * 10 ** power).toPrecision(12));
      if (tick >= low * 0.999 && tick <= high * 1.001) found.push(tick);
    }
  if (found.length <= count) return found;
  const powers = found.filter(tick => Number.isInteger(Math.round(Math.log10(tick) * 1e9) / 1e9));
  const skip = Math.ceil(powers.length / count);
  return powers.filter((_, i) => i % skip === 0);
}

// The loss axis. It depends on the data and not on the smoothing, so it stays where it is; a loss that shoots far above
// where the runs began leaves a linear axis at the top, so that one run that fails does not flatten the others.
export function lossAxis(curves, { low = null, high = null, log = false, live = false, lines = [] } = {}) {
  const values = curves.flatMap(c => [...c.y, ...c.held.map(([, loss]) => loss)]).concat(lines).filter(v => !log || v > 0);
  if (!values.length) return { low: low ?? (log ? 0.1 : 0), high: high ?? 1 };
  let least = Infinity, most = -Infinity;
  for (const v of values) { least = Math.min(least, v); most = Math.max(most, v); }
  if (log) return { low: low > 0 ? low : least / 1.08, high: Math.max(high ?? most * 1.08, least * 1.2) };
  const begun = Math.max(...curves.map(c => c.y[0] ?? -Infinity));
  if (most > 1.5 * begun && begun > 0) most = 1.5 * begun;
  const pad = 0.05 * (most - least || Math.abs(most) || 1);
  const floor = least > begun / 2 ? begun / 2 : least > begun / 4 ? begun / 4 : Math.min(0, least); // falls twice at most
  return { low: low ?? (live ? floor : least >= 0 ? Math.max(0, least - pad) : least - pad), high: high ?? most + pad };
}

// From a value to a place between 0 (low) and 1 (high).
export const along = ({ low, high, log }, v) => {
  const f = log === "steps" ? Math.log1p : log ? u => Math.log(Math.max(u, Number.MIN_VALUE)) : u => u;
  return (f(v) - f(low)) / (f(high) - f(low));
};

export const fromAlong = ({ low, high, log }, t) =>
  log === "steps" ? Math.expm1(Math.log1p(low) + t * (Math.log1p(high) - Math.log1p(low))) : low + t * (high - low);

// A path through the points. Above the top (place > 1) the pen is lifted: `gone` tells where it first was.
export function penPath(x, y, place) {
  let path = "", down = false, gone = null;
  for (let i = 0; i < x.length; i++) {
    const [px, py, over] = place(x[i], y[i]);
    if (over && gone === null) gone = i;
    path += `${down ? "L" : "M"}${px.toFixed(1)} ${py.toFixed(1)}`;
    down = !(over && i + 1 < x.length && place(x[i + 1], y[i + 1])[2]);
  }
  return { path, gone };
}

// What one curve reads at a step: its (smoothed) training loss and the last held-out loss up to there.
export function reading(curve, mean, step) {
  const i = Math.max(0, lastUpTo(curve.x, step)), held = curve.held[lastUpTo(curve.held.map(([at]) => at), step)];
  return { at: curve.x[i], training: mean[i] ?? null, held: held?.[1] ?? null, heldAt: held?.[0] ?? null };
}

const lossText = v => (v === null ? "–" : Math.abs(v) < 100 ? v.toFixed(3).replace("-", "−") : number(v));
const stepText = v => Math.round(v).toLocaleString("en-US");
const colorOf = (curve, i) => (curve.ghost ? "var(--nw-muted)" : `var(--nw-${COLORS[i % COLORS.length]})`);
const clock = seconds => (seconds < 90 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`);

// The mark of a held-out loss: a shape of its own for each run.
function mark(i, x, y, color) {
  const r = 4.5, shapes = [
    () => s("circle", { cx: x, cy: y, r }),
    () => s("rect", { x: x - r + 0.5, y: y - r + 0.5, width: 2 * r - 1, height: 2 * r - 1 }),
    () => s("path", { d: `M${x} ${y - r - 1}l${r + 1} ${2 * r}h${-2 * r - 2}z` }),
    () => s("path", { d: `M${x} ${y - r - 1}l${r + 1} ${r + 1}l${-r - 1} ${r + 1}l${-r - 1} ${-r - 1}z` }),
  ];
  const shape = shapes[i % shapes.length]();
  shape.setAttribute("style", `fill:${color};stroke:Canvas`);
  return shape;
}

export default widget(frame => {
  const { model, root, on, cleanup } = frame;
  let curves = [], means = [], live = null, width = 0, axes = null, preview = null;

  // Numbers

  const last = () => Math.max(0, ...curves.filter(c => !c.ghost).map(c => Math.max(c.count, c.held.at(-1)?.[0] ?? 0, c.snapshots.at(-1)?.step ?? 0)));
  const total = () => Math.max(1, ...curves.map(c => c.steps));
  const step = () => Math.min(model.get("step"), last());
  const remember = () => { means = curves.map(c => smoothed(c.x, c.y, Math.max(model.get("smooth"), 1))); };
  const tellers = all => all.filter(c => !c.ghost && (c.snapshots.length || c.live));
  const subject = () => {
    const all = tellers(curves), one = all[Math.min(model.get("shown"), all.length - 1)];
    return one?.snapshots.length ? one : null;
  };

  // The chart

  const chart = h("div", { class: "nw-loss-chart" });
  const cursor = s("g"), ghostCursor = s("g");
  const place = (x, y) => {
    const v = along(axes.y, y), top = EDGE.top, bottom = TALL - EDGE.bottom;
    return [EDGE.left + along(axes.x, x) * axes.wide, bottom - Math.min(1, Math.max(-0.02, v)) * (bottom - top), v > 1];
  };

  function draw() {
    if (!width || !curves.length) return;
    const log = model.get("log_loss"), lines = Object.entries(model.get("lines"));
    const from = { low: model.get("low"), high: model.get("high"), log, live: live !== null, lines: lines.map(([, loss]) => loss) };
    axes = {
      wide: width - EDGE.left - EDGE.right,
      x: { low: 0, high: total(), log: model.get("log_steps") ? "steps" : false },
      y: { ...lossAxis(curves, from), log },
    };
    const bottom = TALL - EDGE.bottom, parts = [], labels = [];
    const xTicks = axes.x.log ? [0, ...logTicks(1, axes.x.high, width / 80)] : roundTicks(0, axes.x.high, width / 90);
    const yTicks = log ? logTicks(axes.y.low, axes.y.high, 6) : roundTicks(axes.y.low, axes.y.high, 6);
    for (const tick of yTicks) {
      const [, y] = place(0, tick);
      parts.push(s("line", { class: "nw-loss-grid", x1: EDGE.left, x2: width - EDGE.right, y1: y, y2: y }),
        s("text", { class: "nw-muted", x: EDGE.left - 6, y: y + 4, "text-anchor": "end" }, number(tick, 4)));
    }
    for (const tick of xTicks) {
      const [x] = place(tick, axes.y.low);
      parts.push(s("line", { class: "nw-loss-grid", x1: x, x2: x, y1: EDGE.top, y2: bottom }),
        s("text", { class: "nw-muted", x, y: bottom + 16, "text-anchor": x > width - 30 ? "end" : "middle" }, number(tick, 4)));
    }
    parts.push(
      s("text", { x: 2, y: 12 }, model.get("ylabel") + (log ? ", log scale" : "")),
      s("text", { x: width - EDGE.right, y: bottom + 33, "text-anchor": "end" }, axes.x.log ? "step, log scale" : "step"));
    lines.forEach(([words, loss], i) => {
      const [, y, over] = place(0, loss);
      if (over) return;
      parts.push(s("line", { class: "nw-loss-line", x1: EDGE.left, x2: width - EDGE.right, y1: y, y2: y, "stroke-dasharray": DASHES[1 + i % 3] }));
      const covered = curves.some((c, j) => c.x.some((at, k) => at > 0.65 * total() && Math.abs(place(at, means[j][k])[1] - y + 10) < 12));
      labels.push(s("text", { class: "nw-muted nw-loss-halo", y: y - 5, ...(covered ? { x: EDGE.left + 5 } : { x: width - EDGE.right, "text-anchor": "end" }) }, `${words} ${lossText(loss)}`));
    });
    for (const ghost of [true, false]) curves.forEach((curve, i) => { if (curve.ghost === ghost) parts.push(...drawCurve(curve, i)); });
    for (const shot of subject()?.snapshots ?? []) {
      const [x] = place(shot.step, axes.y.low);
      parts.push(s("path", { class: "nw-loss-shot", d: `M${x - 5} ${bottom + 5}h10l-5 -8z` }));
    }
    picture.setAttribute("viewBox", `0 0 ${width} ${TALL}`);
    picture.setAttribute("width", width);
    picture.setAttribute("height", TALL);
    picture.replaceChildren(...parts, ...labels, ghostCursor, cursor);
    scrub.style.marginLeft = `${EDGE.left - 8}px`;
    scrub.style.width = `${axes.wide + 16}px`;
    read();
  }

  function drawCurve(curve, i) {
    const color = colorOf(curve, i), dash = DASHES[i % DASHES.length], parts = [];
    if (model.get("smooth") > curve.each && !curve.ghost)
      parts.push(s("path", { class: "nw-loss-raw", d: penPath(curve.x, curve.y, place).path, style: `stroke:${color}` }));
    const { path, gone } = penPath(curve.x, means[i], place);
    parts.push(s("path", { class: "nw-loss-mean", d: path, style: `stroke:${color}`, "stroke-dasharray": dash }));
    curve.held.forEach(([at, loss]) => {
      const [x, y, over] = place(at, loss);
      if (!over) parts.push(mark(i, x, y, color));
    });
    if (gone !== null) {
      const [x] = place(curve.x[gone], axes.y.high);
      parts.push(s("path", { class: "nw-loss-up", d: `M${x} ${EDGE.top - 9}l5 9h-10z`, style: `fill:${color}` }));
    }
    if (curve.broken) {
      const [x, y] = curve.x.length ? place(curve.x.at(-1), means[i].at(-1)) : place(0, axes.y.high);
      parts.push(s("path", { class: "nw-loss-end", d: `M${x - 5} ${y - 5}l10 10m0 -10l-10 10`, style: `stroke:${color}` }));
    }
    return parts;
  }

  function drawCursor(group, at, firm) {
    const [x] = place(at, axes.y.low), parts = [
      s("line", { class: firm ? "nw-loss-cursor" : "nw-loss-cursor nw-loss-preview", x1: x, x2: x, y1: EDGE.top, y2: TALL - EDGE.bottom }),
    ];
    curves.forEach((curve, i) => {
      const found = reading(curve, means[i], at);
      if (found.training === null || at > curve.count + 1) return;
      const [px, py, over] = place(found.at, found.training);
      if (!over) parts.push(s("circle", { cx: px, cy: py, r: 4, style: `fill:Canvas;stroke:${colorOf(curve, i)};stroke-width:2` }));
    });
    group.replaceChildren(...parts);
  }

  const picture = s("svg", { role: "img", class: "nw-loss-picture" });
  const stepAt = event => {
    const box = picture.getBoundingClientRect();
    const t = (event.clientX - box.left - EDGE.left) / axes.wide;
    const exact = Math.round(fromAlong(axes.x, Math.min(1, Math.max(0, t))));
    const near = (subject()?.snapshots ?? []).map(shot => shot.step)
      .find(at => Math.abs(place(at, 0)[0] - place(exact, 0)[0]) < 9);
    return Math.min(last(), near ?? exact);
  };
  let held = false;
  const look = event => { if (axes) choose(stepAt(event)); };
  picture.addEventListener("pointerdown", event => { held = true; picture.setPointerCapture(event.pointerId); look(event); });
  picture.addEventListener("pointermove", event => {
    if (held) look(event);
    else if (axes && event.pointerType === "mouse") { preview = stepAt(event); read(); }
  });
  for (const end of ["pointerup", "pointercancel"]) picture.addEventListener(end, () => { held = false; });
  picture.addEventListener("pointerleave", () => { preview = null; if (axes) read(); });

  // The cursor, and what it reads

  // At the end of a run that goes on, the cursor follows it.
  const choose = at => { preview = null; rest(); put(model, { step: at >= last() ? Math.max(at, 10 ** 9) : at }); };
  const input = h("input", { type: "range", min: 0, step: 1, oninput: () => choose(Number(input.value)) });
  const scrub = h("label", { class: "nw-loss-scrub" }, h("span", { class: "nw-visually-hidden" }, "Step"), input);
  const table = h("table", { class: "nw-loss-read" });

  function read() {
    const at = preview ?? step(), many = curves.length > 1 || curves[0].name, tested = curves.some(curve => curve.held.length);
    const rows = curves.map((curve, i) => {
      const found = reading(curve, means[i], at), color = colorOf(curve, i);
      const key = s("svg", { class: "nw-loss-key", width: 38, height: 14, "aria-hidden": "true" },
        s("line", { x1: 1, x2: 37, y1: 7, y2: 7, style: `stroke:${color};stroke-width:2`, "stroke-dasharray": DASHES[i % DASHES.length] }),
        curve.held.length ? mark(i, 19, 7, color) : "");
      return h("tr", {}, h("th", { scope: "row" }, key, many ? ` ${curve.name || (curve.live ? "now" : "run")}` : ""),
        h("td", {}, lossText(found.training), at > curve.count && curve.count < last() ? h("span", { class: "nw-muted" }, ` at ${stepText(found.at)}`) : ""),
        tested && h("td", {}, lossText(found.held), found.held === null || found.heldAt === at ? "" : h("span", { class: "nw-muted" }, ` at ${stepText(found.heldAt)}`)));
    });
    const w = model.get("smooth");
    table.replaceChildren(
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, `After ${stepText(at)} steps`),
        h("th", { scope: "col" }, w > 1 ? `training, mean of ${w}` : "training"), tested && h("th", { scope: "col" }, "held-out"))),
      h("tbody", {}, rows));
    drawCursor(cursor, step(), true);
    if (preview === null) ghostCursor.replaceChildren(); else drawCursor(ghostCursor, preview, false);
    input.max = total();
    input.value = step();
    input.setAttribute("aria-valuetext", `step ${stepText(step())}: ` + curves.map((curve, i) => {
      const found = reading(curve, means[i], step());
      return `${curve.name} training ${lossText(found.training)}${found.held === null ? "" : `, held-out ${lossText(found.held)}`}`;
    }).join("; "));
    showShot(at);
  }

  function describe() {
    picture.setAttribute("aria-label", "Loss against steps. " + curves.map((c, i) =>
      `${c.name || "Training"}: from ${lossText(means[i][0] ?? null)} to ${lossText(means[i].at(-1) ?? null)} in ${stepText(c.count)} steps`).join(". ") + ".");
    const said = curves.filter(c => c.note).map(c => `${c.broken ? "× " : ""}${c.name ? c.name + ": " : ""}${c.note.replace(/\.?$/, ".")}`);
    if (axes && !model.get("log_loss")) curves.forEach((c, i) => {
      const gone = c.y.findIndex(v => v > axes.y.high);
      if (gone >= 0 && means[i].some(v => v > axes.y.high)) said.push(`▲ ${c.name ? c.name + ": " : ""}leaves the picture at step ${stepText(c.x[gone])}; the log scale shows where to.`);
    });
    const each = Math.max(...curves.map(c => c.each));
    if (each > 1) said.push(`Each point is the mean of ${each} steps.`);
    notes.replaceChildren(...said.map(words => h("p", { class: "nw-muted" }, words)));
  }
  const notes = h("div", {});

  // Snapshots

  const when = h("p", { class: "nw-muted" }), sample = h("pre", { class: "nw-loss-text", tabindex: 0, role: "region", "aria-label": "Sample text" });
  const words = h("div", { class: "nw-loss-words" }, when, sample), bars = h("div", { class: "nw-loss-bars" }), map = h("div", { class: "nw-loss-map" }), looks = h("p", { class: "nw-muted" });
  const stops = h("div", { class: "nw-row nw-loss-stops", role: "group", "aria-label": "Snapshots, by step" });
  const panel = h("section", { class: "nw-loss-panel", "aria-label": "Snapshot" });
  let timer = 0, drawn = null, head = null, picker = null;
  const rest = () => { clearInterval(timer); timer = 0; playing.textContent = "Play"; };
  const playing = button("Play", () => {
    if (timer) return rest();
    const go = () => {
      const shots = subject().snapshots.map(shot => shot.step), now = lastUpTo(shots, step());
      put(model, { step: shots[now + 1] });
      if (now + 2 >= shots.length) rest();
    };
    if (lastUpTo(subject().snapshots.map(shot => shot.step), step()) + 1 >= subject().snapshots.length) put(model, { step: subject().snapshots[0].step });
    else go();
    timer = setInterval(go, 1100);
    playing.textContent = "Hold";
  });
  cleanup(() => clearInterval(timer));

  function layPanel() {
    const curve = subject();
    panel.hidden = !curve;
    if (!curve) return;
    const there = [...stops.children].slice(2).map(stop => stop.textContent), wanted = curve.snapshots.map(shot => stepText(shot.step));
    if (!stops.childElementCount || there.some((words, i) => words !== wanted[i])) {
      stops.replaceChildren(h("span", { class: "nw-muted" }, "Snapshots"), playing);
      there.length = 0;
    }
    stops.append(...curve.snapshots.slice(there.length).map(({ step: at }) =>
      button(stepText(at), () => choose(at), { "aria-label": `Snapshot after ${stepText(at)} steps` })));
    bars.replaceChildren();
    drawn = null;
  }

  function showShot(at) {
    const curve = subject();
    if (!curve) return;
    const i = Math.max(0, lastUpTo(curve.snapshots.map(shot => shot.step), at)), shot = curve.snapshots[i];
    const key = `${curves.indexOf(curve)} ${i} ${curve.snapshots.length} ${model.get("head")}`;
    if (key === drawn) return;
    drawn = key;
    [...stops.children].slice(2).forEach((stop, j) => stop.setAttribute("aria-current", j === i));
    when.textContent = `sample after ${stepText(shot.step)} steps`;
    sample.textContent = shot.text;
    words.hidden = !curve.snapshots.some(other => other.text);
    showBars(curve, shot);
    showMap(curve, shot);
  }

  function showBars(curve, shot) {
    bars.hidden = !shot.bars;
    if (!shot.bars) return;
    const names = [...curve.tokens.map(visible), "all others"], values = [...shot.bars, Math.max(0, 1 - shot.bars.reduce((a, b) => a + b, 0))];
    if (bars.childElementCount !== names.length + 1)
      bars.replaceChildren(h("p", { class: "nw-muted" }, "next after ", h("span", { class: "nw-token" }, visible(curve.prompt.slice(-16).join("")))),
        ...names.map(name => h("div", { class: "nw-loss-bar" }, h("span", {}, name), h("i", {}, h("b", { class: "nw-moves" })), h("span", { class: "nw-loss-p" }))));
    [...bars.children].slice(1).forEach((row, j) => {
      row.children[1].firstChild.style.width = `${100 * values[j]}%`;
      row.children[2].textContent = values[j].toFixed(3);
    });
  }

  function showMap(curve, shot) {
    map.hidden = !shot.attention;
    if (!shot.attention) return;
    const [heads, T] = shot.attention.shape, all = unpack(shot.attention).values, i = Math.min(model.get("head"), heads - 1);
    const weights = all.slice(i * T * T, (i + 1) * T * T);
    const causal = weights.every((w, j) => j % T <= Math.floor(j / T) || w === 0);
    const look = weights.slice((T - 1) * T), most = look.indexOf(Math.max(...look));
    const strongest = `${visible(curve.prompt.at(-1))} looks most at position ${most}, ${visible(curve.prompt[most])}: ${number(look[most], 2)}`;
    const label = `Attention after ${stepText(shot.step)} steps${heads > 1 ? `, head ${i + 1}` : ""}: the last token, ${strongest}.`;
    if (heads > 1 && !picker) {
      picker = select(frame, "head", "Attention head", Array.from({ length: heads }, (_, j) => [j, `${j + 1}`]));
      map.children[0].after(picker);
    }
    if (head) head.show({ tokens: head.tokens.join() === curve.prompt.join() ? head.tokens : curve.prompt, weights, causal, label });
    else head = drawHead(map, { tokens: curve.prompt, weights, causal, label, arcs: false, cleanup });
    head.tokens = curve.prompt;
    head.mark({ row: T - 1, column: null });
    looks.textContent = strongest;
    map.append(looks);
  }

  // A run that is under way

  const status = h("p", { class: "nw-loss-status" }), said = h("p", { class: "nw-loss-said", role: "status" });
  const ask = (what, more = {}) => model.send({ do: what, ...more });
  const main = button("Pause", () => ask(live.state === "running" ? "pause" : "go on"));
  const one = button("One step", () => ask("one step")), end = button("Stop", () => ask("stop")), back = button("Rewind", () => ask("rewind"));
  const rate = h("input", { type: "range", min: -1.5, max: 1.5, step: 0.05, oninput: () => ask("rate", { value: Number((live.first * 10 ** Number(rate.value)).toPrecision(2)) }) });
  const rateNow = h("output", { "aria-hidden": "true", "aria-live": "off" });
  const controls = h("section", { class: "nw-loss-live", "aria-label": "Training" }, status,
    h("div", { class: "nw-row" }, main, one, end, back,
      h("label", { class: "nw-field nw-loss-rate" }, h("span", {}, "Peak learning rate"), rate, rateNow)), said);

  function showLive(problem) {
    controls.hidden = live === null;
    if (live === null) return;
    const { state, speed, left } = live, ended = state === "finished" || state === "stopped";
    status.replaceChildren(h("progress", { max: live.steps, value: live.step, "aria-label": "steps done" }),
      h("span", {}, `${stepText(live.step)} of ${stepText(live.steps)} steps`),
      h("span", {}, `${number(speed)} steps/s`), h("span", {}, left === null ? "" : `${clock(left)} left`),
      h("span", {}, live.rate === null ? "" : `learning rate now ${number(live.rate)}`));
    main.textContent = state === "running" ? "Pause" : "Go on";
    enable(!ended, main, one, end);
    if (document.activeElement !== rate || Math.abs(live.first * 10 ** Number(rate.value) / live.peak - 1) > 0.2) rate.value = Math.log10(live.peak / live.first);
    rateNow.textContent = number(live.peak);
    rate.setAttribute("aria-valuetext", number(live.peak));
    const words = { running: "Training.", paused: `Paused after ${stepText(live.step)} steps.`, finished: "Finished.", stopped: "Stopped; Rewind starts over." };
    const text = problem ?? live.error ?? words[state];
    if (said.textContent !== text) said.textContent = text;
  }

  function arrived({ curves: whole, more, live: now, problem }) {
    live = now;
    if (whole) take(whole);
    else if (more) {
      const curve = curves.find(c => c.live);
      if (!curve || curve.count !== more.from) return ask("all");
      more.losses.forEach((loss, i) => { curve.x.push(more.from + i); curve.y.push(loss); });
      curve.count += more.losses.length;
      Object.assign(curve, { held: more.held, note: more.note, broken: more.note.includes("became") });
      soon();
    }
    showLive(problem);
  }
  let frameAsked = 0;
  const soon = () => { frameAsked ||= requestAnimationFrame(() => { frameAsked = 0; refresh(); }); };
  cleanup(() => cancelAnimationFrame(frameAsked));
  const refresh = () => { remember(); draw(); describe(); };
  function take(whole) {
    curves = structuredClone(whole);
    layPanel();
    refresh();
  }

  chart.append(picture, scrub);
  map.append(h("p", { class: "nw-muted" }, "attention: rows look at columns, full blue = 1"));
  const names = tellers(model.get("curves")).map((c, i) => [i, c.name]);
  panel.append(stops, h("div", { class: "nw-loss-shots" }, words, bars, map));
  root.append(table, chart, notes, controls,
    ...(names.length > 1 ? [h("div", { class: "nw-row" }, select(frame, "shown", "Snapshots of", names))] : []), panel,
    h("div", { class: "nw-controls nw-loss-settings" },
      slider(frame, "smooth", { label: "Mean of steps", step: 1 }),
      checkbox(frame, "log_loss", "Loss, log scale"), checkbox(frame, "log_steps", "Step, log scale")));

  const sized = new ResizeObserver(() => { const now = Math.floor(chart.clientWidth); if (now !== width) { width = now; draw(); describe(); } });
  sized.observe(chart);
  cleanup(() => sized.disconnect());
  live = model.get("live");
  on("curves", () => take(model.get("curves")));
  on("smooth log_loss log_steps lines low high", refresh);
  on("step head", () => { if (axes) read(); });
  on("shown", () => { layPanel(); draw(); });
  showLive();
  if (live) {
    model.on("msg:custom", arrived);
    cleanup(() => model.off("msg:custom", arrived));
    ask("all");
  }
});
