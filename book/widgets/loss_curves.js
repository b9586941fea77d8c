// @ts-check
// Loss curves, a cursor that reads them, and the snapshots taken on the way; the controls of a run that's going on.
// What happens is up to loss_curves_state.js; this is what it looks like.
/** @import { Curve, LossEvent, Message, Shot } from "./loss_curves_state.js" */
/** @import { Mark } from "./types.js" */
import { drawHead } from "./attention_draw.js";
import { COLORS, DASHES, axes, dot, line, penPath, text } from "./chart.js";
import { button, checkbox, drawn, enable, h, put, s, select, slider, widget } from "./dom.js";
import { argmax, sum } from "./formulas.js";
import { after, begin, cursorOf, lastStep, lossAxis, notesOf, reading, shotAt, subject, tellers, total }
  from "./loss_curves_state.js";
import { count, fixed, last, number, unpack, visible, whole } from "./text.js";

const TALL = 268, MARGIN = { left: 46, right: 12, top: 28, bottom: 40 };
const NEAR = 9; // pixels: this close to a snapshot, the pointer means the snapshot
const PACE = 1100; // milliseconds from one snapshot to the next

/** @param {number | null} loss */
const lossText = loss => (loss === null ? "–" : Math.abs(loss) < 100 ? fixed(loss, 3) : number(loss));
/** @param {number} seconds */
const clock = seconds => (seconds < 90 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`);
/** @param {number} step */
const stepText = step => whole(Math.round(step));
/** @param {Curve} curve @param {number} i */
const colorOf = (curve, i) => (curve.ghost ? "var(--nw-muted)" : COLORS[i % COLORS.length]);
/** A mark for a held-out loss. @param {number} i @param {number} x @param {number} y @param {string} color */
const heldMark = (i, x, y, color) => dot(i, x, y, { style: `fill:${color};stroke:Canvas` });

/**
 * One curve: its losses and their mean, held-out losses, where it leaves the chart, and where it broke off.
 * point(step, loss) → [x, y, whether that's above the top].
 * @param {Curve} curve @param {number} i @param {number[]} mean @param {number} smooth
 * @param {(step: number, loss: number) => [number, number, boolean]} point
 * @returns {Mark[]}
 */
function curveMarks(curve, i, mean, smooth, point) {
  const { x, y, held, ghost, broken } = curve, color = colorOf(curve, i), stroke = `stroke:${color}`;
  const path = (/** @type {number[]} */ losses) => penPath(x.map((step, j) => point(step, losses[j])));
  const { d, gone } = path(mean), [endX, endY] = x.length ? point(last(x), last(mean)) : point(0, Infinity);
  /** @type {Mark[]} */
  const marks = [["path", { class: "nw-loss-mean", d, style: stroke, "stroke-dasharray": DASHES[i % DASHES.length] }]];
  if (smooth > curve.each && !ghost) marks.unshift(["path", { class: "nw-loss-raw", d: path(y).d, style: stroke }]);
  for (const [step, loss] of held) {
    const [px, py, over] = point(step, loss);
    if (!over) marks.push(heldMark(i, px, py, color));
  }
  if (gone !== null) {
    const up = `M${point(x[gone], Infinity)[0]} ${MARGIN.top - 9}l5 9h-10z`;
    marks.push(["path", { class: "nw-loss-up", d: up, style: `fill:${color}` }]);
  }
  if (broken) {
    const cross = `M${endX - 5} ${endY - 5}l10 10m0 -10l-10 10`;
    marks.push(["path", { class: "nw-loss-end", d: cross, style: stroke }]);
  }
  return marks;
}

/** Calls f with some values, unless they are the ones it was called with last. @param {(...values: any[]) => void} f */
function onNews(f) {
  /** @type {unknown[]} */
  let old = [];
  return (/** @type {any[]} */ ...values) => {
    if (values.length === old.length && values.every((value, i) => value === old[i])) return;
    old = values;
    f(...values);
  };
}

export default widget(frame => {
  const { model, root, on, cleanup, safely } = frame;
  /** @param {string} name */
  const get = name => model.get(name);
  let state = begin(get("live")), width = 0, waiting = 0, timer = 0;

  /** @param {LossEvent} event */
  function send(event) {
    const { ask, playing, step } = state;
    state = after(state, event);
    if (state.ask && state.ask !== ask) model.send(state.ask);
    if (event.type !== "traits" && state.step !== step) put(model, { step: state.step });
    if (!state.playing) clearInterval(timer);
    else if (!playing) timer = setInterval(() => safely(() => send({ type: "tick" })), PACE);
    plan();
  }
  const plan = () => { waiting ||= requestAnimationFrame(() => { waiting = 0; safely(show); }); };
  cleanup(() => {
    clearInterval(timer);
    cancelAnimationFrame(waiting);
    waiting = -1; // and no frame is asked for from here on
  });

  // The chart

  const cursor = s("g"), preview = s("g"), picture = s("svg", { role: "img", class: "nw-loss-picture", height: TALL });
  const input = h("input", { type: "range", min: 0, step: 1,
    oninput: () => send({ type: "choose", step: Number(input.value) }) });
  const scrub = h("label", { class: "nw-loss-scrub" }, h("span", { class: "nw-visually-hidden" }, "Step"), input);
  const chart = h("div", { class: "nw-loss-chart" }, picture, scrub), notes = h("div");
  /** @type {ReturnType<typeof axes>} */
  let plot;
  /** @param {number} step @param {number} loss @returns {[x: number, y: number, over: boolean]} */
  const point = (step, loss) => {
    const y = plot.y.at(loss), { top, bottom } = plot.box;
    return [plot.x.at(step), Math.max(top, Math.min(bottom + 4, y)), y < top];
  };

  const drawChart = onNews(() => {
    const { curves, means, smooth } = state, log = get("log_loss"), across = total(curves);
    /** @type {[string, number][]} */
    const lines = Object.entries(get("lines")), tick = (/** @type {number} */ value) => number(value, 4);
    const limits = { low: get("low"), high: get("high"), log, live: state.live !== null, lines: lines.map(l => l[1]) };
    const range = lossAxis(curves, limits), even = !get("log_steps"), plain = { class: "" };
    plot = axes({
      width, height: TALL, ...MARGIN,
      x: { low: 0, high: across, text: tick, kind: even ? "linear" : "log1p", about: width / (even ? 90 : 80) },
      y: { ...range, text: tick, kind: log ? "log" : "linear", about: 6 },
    });
    const { left, right, bottom } = plot.box;
    const marks = [...plot.marks, text(get("ylabel") + (log ? ", log scale" : ""), 2, 12, "start", plain),
      text(even ? "step" : "step, log scale", right, bottom + 33, "end", plain)];
    const labels = lines.map(([words, loss], i) => {
      const [, y, over] = point(0, loss);
      if (over) return [];
      marks.push(line(left, y, right, y, { class: "nw-loss-line", "stroke-dasharray": DASHES[1 + i % 3] }));
      const covered = curves.some((c, j) =>
        c.x.some((step, k) => step > 0.65 * across && Math.abs(point(step, means[j][k])[1] - y + 10) < 12));
      const halo = { class: "nw-muted nw-loss-halo" }, label = `${words} ${lossText(loss)}`;
      return [covered ? text(label, left + 5, y - 5, "start", halo) : text(label, right, y - 5, "end", halo)];
    });
    const drawnCurves = curves.map((curve, i) => curveMarks(curve, i, means[i], smooth, point));
    for (const ghost of [true, false]) marks.push(...drawnCurves.filter((_, i) => curves[i].ghost === ghost).flat());
    for (const { step } of subject(state)?.snapshots ?? [])
      marks.push(["path", { class: "nw-loss-shot", d: `M${plot.x.at(step) - 5} ${bottom + 5}h10l-5 -8z` }]);
    picture.setAttribute("viewBox", `0 0 ${width} ${TALL}`);
    picture.setAttribute("width", String(width));
    picture.replaceChildren(...drawn([...marks, ...labels.flat()]), preview, cursor);
    picture.setAttribute("aria-label", `Loss against steps. ${curves.map(({ name, count }, i) => {
      const [first, end] = [means[i][0] ?? null, means[i].at(-1) ?? null].map(lossText);
      return `${name || "Training"}: from ${first} to ${end} in ${stepText(count)} steps.`;
    }).join(" ")}`);
    const said = notesOf(state, log ? Infinity : range.high);
    notes.replaceChildren(...said.map(words => h("p", { class: "nw-muted" }, words)));
    scrub.style.marginLeft = `${left - 8}px`;
    scrub.style.width = `${right - left + 16}px`;
  });

  /** @param {SVGElement} group @param {number} step @param {string} kind */
  function drawCursor(group, step, kind) {
    const x = plot.x.at(step), marks = [line(x, plot.box.top, x, plot.box.bottom, { class: `nw-loss-cursor${kind}` })];
    state.curves.forEach((curve, i) => {
      const { at, training } = reading(curve, state.means[i], step);
      if (training === null || step > curve.count + 1) return;
      const [cx, cy, over] = point(at, training), style = `fill:Canvas;stroke:${colorOf(curve, i)};stroke-width:2`;
      if (!over) marks.push(["circle", { cx, cy, r: 4, style }]);
    });
    group.replaceChildren(...drawn(marks));
  }

  /** The step under the pointer. @param {MouseEvent} event */
  function stepAt(event) {
    const { left, right } = plot.box, x = event.clientX - picture.getBoundingClientRect().left;
    const exact = Math.round(plot.x.back(Math.min(right, Math.max(left, x)))), at = plot.x.at(exact);
    const near = subject(state)?.snapshots.find(({ step }) => Math.abs(plot.x.at(step) - at) < NEAR);
    return Math.min(lastStep(state.curves), near?.step ?? exact);
  }
  let held = false;
  picture.addEventListener("pointerdown", event => {
    if (!plot) return;
    held = true;
    picture.setPointerCapture(event.pointerId);
    send({ type: "choose", step: stepAt(event) });
  });
  picture.addEventListener("pointermove", event => {
    if (held) send({ type: "choose", step: stepAt(event) });
    else if (plot && event.pointerType === "mouse") send({ type: "preview", step: stepAt(event) });
  });
  for (const end of ["pointerup", "pointercancel"]) picture.addEventListener(end, () => { held = false; });
  picture.addEventListener("pointerleave", () => send({ type: "preview", step: null }));

  // What the cursor reads

  const table = h("table", { class: "nw-loss-read" });

  /** @param {number} step */
  function showReadings(step) {
    const { curves, means, smooth } = state, tested = curves.some(curve => curve.held.length), far = lastStep(curves);
    const cell = (/** @type {number | null} */ loss, /** @type {number | null} */ at) =>
      h("td", {}, lossText(loss), at !== null && h("span", { class: "nw-muted" }, ` at ${stepText(at)}`));
    const rows = curves.map((curve, i) => {
      const { at, training, held, heldAt } = reading(curve, means[i], step), color = colorOf(curve, i);
      const dashes = { style: `stroke:${color};stroke-width:2`, "stroke-dasharray": DASHES[i % DASHES.length] };
      const key = s("svg", { class: "nw-loss-key", width: 38, height: 14, "aria-hidden": "true" },
        drawn([line(1, 7, 37, 7, dashes), ...(curve.held.length ? [heldMark(i, 19, 7, color)] : [])]));
      const name = curves.length > 1 || curve.name ? ` ${curve.name || (curve.live ? "now" : "run")}` : "";
      return h("tr", {}, h("th", { scope: "row" }, key, name),
        cell(training, step > curve.count && curve.count < far ? at : null),
        tested && cell(held, heldAt === step ? null : heldAt));
    });
    const heads = [`After ${stepText(step)} step${step === 1 ? "" : "s"}`,
      smooth > 1 ? `training, mean of ${smooth}` : "training", tested && "held-out"];
    table.replaceChildren(h("thead", {}, h("tr", {}, heads.map(words => words && h("th", { scope: "col" }, words)))),
      h("tbody", {}, rows));
  }

  function showScrubber() {
    const { curves, means } = state, step = cursorOf(state);
    input.max = String(total(curves));
    input.value = String(step);
    input.setAttribute("aria-valuetext", `step ${stepText(step)}: ${curves.map((curve, i) => {
      const { training, held } = reading(curve, means[i], step);
      return `${curve.name} training ${lossText(training)}${held === null ? "" : `, held-out ${lossText(held)}`}`;
    }).join("; ")}`);
  }

  // Snapshots

  const when = h("p", { class: "nw-muted" });
  const sample = h("pre", { class: "nw-loss-text", tabindex: 0, role: "region", "aria-label": "Sample text" });
  const words = h("div", { class: "nw-loss-words" }, when, sample), bars = h("div", { class: "nw-loss-bars" });
  const map = h("div", { class: "nw-loss-map" },
    h("p", { class: "nw-muted" }, "attention: rows look at columns, full blue = 1"));
  const looks = h("p", { class: "nw-muted" }), playing = button("Play", () => send({ type: "play" }));
  const stops = h("div", { class: "nw-row nw-loss-stops", role: "group", "aria-label": "Snapshots, by step" },
    h("span", { class: "nw-muted" }, "Snapshots"), playing);
  const panel = h("section", { class: "nw-loss-panel", "aria-label": "Snapshot" }, stops,
    h("div", { class: "nw-loss-shots" }, words, bars, map));
  /** @type {HTMLElement[]} */
  let stopButtons = [];

  /** @param {number} step */
  function showPanel(step) {
    const curve = subject(state);
    panel.hidden = !curve;
    if (!curve) return;
    const { steps, index } = shotAt(curve, step);
    playing.textContent = state.playing ? "Hold" : "Play";
    if (stopButtons.some((stop, i) => stop.textContent !== stepText(steps[i] ?? -1)))
      stopButtons.splice(0).forEach(stop => stop.remove());
    for (const at of steps.slice(stopButtons.length)) // a run takes more of them: those that are there keep the focus
      stopButtons.push(button(stepText(at), () => send({ type: "choose", step: at }),
        { "aria-label": `Snapshot after ${stepText(at)} steps` }));
    stops.append(...stopButtons.filter(stop => stop.parentNode !== stops));
    stopButtons.forEach((stop, i) => stop.setAttribute("aria-current", String(i === index)));
    showShot(curve.snapshots[index], curve.snapshots, curve.prompt, curve.tokens, get("head"));
  }

  const showShot = onNews((/** @type {Shot} */ shot, /** @type {Shot[]} */ shots, /** @type {string[]} */ prompt,
    /** @type {string[]} */ tokens, /** @type {number} */ head) => {
    when.textContent = `sample after ${stepText(shot.step)} steps`;
    sample.textContent = shot.text;
    words.hidden = !shots.some(other => other.text);
    bars.hidden = !shot.bars;
    map.hidden = !shot.attention;
    if (shot.bars) showBars(shot.bars, prompt, tokens);
    if (shot.attention) showMap(shot, prompt, head);
  });

  const heading = h("p", { class: "nw-muted" });
  let named = "";
  /** @param {number[]} p @param {string[]} prompt @param {string[]} tokens */
  function showBars(p, prompt, tokens) {
    const names = [...tokens.map(visible), "all others"], values = [...p, Math.max(0, 1 - sum(p))];
    heading.replaceChildren("next token after ", h("span", { class: "nw-token" }, visible(prompt.slice(-16).join(""))));
    if (named !== (named = names.join("\n"))) bars.replaceChildren(heading, ...names.map(name =>
      h("div", { class: "nw-loss-bar" }, h("span", {}, name), h("i", {}, h("b", { class: "nw-moves" })),
        h("span", { class: "nw-loss-p" }))));
    bars.querySelectorAll("b").forEach((bar, i) => { bar.style.width = `${100 * values[i]}%`; });
    bars.querySelectorAll(".nw-loss-p").forEach((value, i) => { value.textContent = values[i].toFixed(3); });
  }

  let drawing = /** @type {ReturnType<typeof drawHead> | null} */ (null), labels = /** @type {string[]} */ ([]);
  /** @param {Shot} shot @param {string[]} prompt @param {number} wanted */
  function showMap({ step, attention }, prompt, wanted) {
    const [heads, T] = attention.shape, head = Math.min(wanted, heads - 1);
    const weights = unpack(attention).values.slice(head * T * T, (head + 1) * T * T), look = weights.slice((T - 1) * T);
    const causal = weights.every((w, i) => i % T <= Math.floor(i / T) || w === 0), most = argmax(look);
    looks.textContent = `${visible(last(prompt))} looks most at position ${most}, ${visible(prompt[most])}: `
      + number(look[most], 2);
    const label = `Attention after ${stepText(step)} steps${heads > 1 ? `, head ${head + 1}` : ""}: the last token, `
      + `${looks.textContent}.`;
    if (labels.join() !== prompt.join()) labels = prompt; // the same list isn't laid out again
    if (!drawing) {
      const choices = Array.from({ length: heads }, (_, i) => /** @type {[number, string]} */ ([i, `${i + 1}`]));
      if (heads > 1) map.append(select(frame, "head", "Attention head", choices));
      drawing = drawHead(map, { tokens: labels, weights, arcs: false, cleanup });
      map.append(looks);
    }
    drawing.show({ tokens: labels, weights, causal, label });
    drawing.mark({ row: T - 1, column: null });
  }

  // A run that's going on

  const ask = (/** @type {string} */ what) => () => send({ type: "ask", do: what });
  const status = h("p", { class: "nw-loss-status" }), said = h("p", { class: "nw-loss-said", role: "status" });
  const main = button("Pause", () => send({ type: "main" })), one = button("One step", ask("one step"));
  const end = button("Stop", ask("stop")), back = button("Rewind", ask("rewind"));
  const rateNow = h("output", { "aria-hidden": "true", "aria-live": "off" });
  const rateOf = () => (state.live?.first ?? 0) * 10 ** Number(rate.value);
  const rate = h("input", { type: "range", min: -1.5, max: 1.5, step: 0.05,
    oninput: () => send({ type: "ask", do: "rate", value: Number(rateOf().toPrecision(2)) }) });
  const controls = h("section", { class: "nw-loss-live", "aria-label": "Training" }, status,
    h("div", { class: "nw-row" }, main, one, end, back,
      h("label", { class: "nw-field nw-loss-rate" }, h("span", {}, "Peak learning rate"), rate, rateNow)), said);

  function showLive() {
    const { live, problem } = state;
    controls.hidden = live === null;
    if (live === null) return;
    const facts = [`${stepText(live.step)} of ${stepText(live.steps)} steps`, `${number(live.speed)} steps/s`,
      live.left !== null && `${clock(live.left)} left`, live.rate !== null && `learning rate now ${number(live.rate)}`];
    status.replaceChildren(h("progress", { max: live.steps, value: live.step, "aria-label": "steps done" }),
      ...facts.map(fact => h("span", {}, fact)));
    main.textContent = live.state === "running" ? "Pause" : "Go on";
    enable(live.state === "running" || live.state === "paused", main, one, end);
    if (document.activeElement !== rate || Math.abs(rateOf() / live.peak - 1) > 0.2)
      rate.value = String(Math.log10(live.peak / live.first));
    rateNow.textContent = number(live.peak);
    rate.setAttribute("aria-valuetext", number(live.peak));
    const words = problem ?? (live.message
      || (live.state === "running" ? "Training." : `Paused after ${stepText(live.step)} steps.`));
    if (said.textContent !== words) said.textContent = words;
  }

  // What is seen

  function show() {
    showLive();
    if (!width || !state.curves.length) return;
    const { curves, means, live, shown } = state;
    drawChart(curves, means, live !== null, shown, width, ...DRAWN.map(get));
    const step = state.preview ?? cursorOf(state);
    showReadings(step);
    showScrubber();
    drawCursor(cursor, cursorOf(state), "");
    if (state.preview === null) preview.replaceChildren();
    else drawCursor(preview, state.preview, " nw-loss-preview");
    showPanel(step);
  }
  const DRAWN = ["log_loss", "log_steps", "lines", "low", "high", "ylabel"];

  /** @type {[number, string][]} */
  const choices = tellers(get("curves")).map((curve, i) => [i, curve.name]);
  root.append(table, chart, notes, controls,
    choices.length > 1 ? h("div", { class: "nw-row" }, select(frame, "shown", "Snapshots of", choices)) : "", panel,
    h("div", { class: "nw-controls nw-loss-settings" },
      slider(frame, "smooth", { label: "Smoothing", step: 1, shown: steps => count(steps, "step") }),
      checkbox(frame, "log_loss", "Loss, log scale"), checkbox(frame, "log_steps", "Step, log scale")));

  const sized = new ResizeObserver(() => {
    const now = Math.floor(chart.clientWidth);
    if (now !== width) { width = now; safely(show); }
  });
  sized.observe(chart);
  cleanup(() => sized.disconnect());
  on(["curves", "step", "smooth", "shown", "head", ...DRAWN].join(" "), () =>
    send({ type: "traits", curves: get("curves"), step: get("step"), smooth: get("smooth"), shown: get("shown") }));
  if (state.ask) {
    const arrived = (/** @type {Message} */ message) => send({ type: "message", message });
    model.on("msg:custom", arrived);
    cleanup(() => model.off("msg:custom", arrived));
    model.send(state.ask);
  }
});
