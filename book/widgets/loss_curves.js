// @ts-check
// Loss curves, a cursor that reads them, and the snapshots taken on the way; the controls of a run that's going on.
// What happens is up to loss_curves_state.js; this is what it looks like.
/** @import { Curve, LossEvent, Message, Shot } from "./loss_curves_state.js" */
/** @import { Mark } from "./types.js" */
import { drawHead } from "./attention_draw.js";
import { COLORS, DASHES, axes, dot, line, penPath, text } from "./chart.js";
import {
  animator, button, checkbox, drawn, eased, enable, h, more, primary, put, range, s, select, slider, widget,
} from "./dom.js";
import { argmax, sum } from "./formulas.js";
import {
  after, apart, begin, cursorOf, lastStep, lossAxis, notesOf, onCurve, reading, shotAt, subject, tellers, total,
} from "./loss_curves_state.js";
import { count, fixed, last, number, unpack, visible, whole } from "./text.js";

const TALL = 256, MARGIN = { left: 46, right: 12, top: 32, bottom: 40 };
const NEAR = 9; // pixels: this close to a snapshot, the pointer means the snapshot
const PACE = 1300, SLIDE = 400; // milliseconds: a snapshot, the way to the next
const LABELED = 4; // curves at most that have labels at the cursor; more are in a table
const LINE = 20, LINES = 12; // of a sample: pixels of a line, lines at most without scrolling

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

/**
 * What a curve's label says of it at a step, in full and in brief.
 * @param {Curve} curve @param {number[]} mean @param {number} step
 */
export function labelsOf(curve, mean, step) {
  const { at, training, held, heldAt } = reading(curve, mean, step);
  if (training === null) return [];
  const ended = step > curve.count && Math.round(at) < step - 1 ? ` at ${stepText(at)}` : "";
  const brief = `${curve.name ? `${curve.name.slice(0, 24)} ` : ""}${lossText(training)}${ended}`;
  return held === null ? [brief]
    : [`${brief}, held-out ${lossText(held)}${heldAt === step ? "" : ` at ${stepText(heldAt)}`}`, brief];
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
  const scrub = range({ label: "Step", low: 0, high: 1, step: 1, shown: stepText,
    set: step => send({ type: "choose", step }) });
  const chart = h("div", { class: "nw-loss-chart" }, picture), notes = h("div");
  const pen = document.createElement("canvas").getContext("2d");
  /** @type {ReturnType<typeof axes>} */
  let plot;
  let lineLabels = /** @type {[y: number, left: boolean][]} */ ([]);
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
    lineLabels = [];
    const labels = lines.map(([words, loss], i) => {
      const [, y, over] = point(0, loss);
      if (over) return [];
      marks.push(line(left, y, right, y, { class: "nw-loss-line", "stroke-dasharray": DASHES[1 + i % 3] }));
      const covered = curves.some((c, j) =>
        c.x.some((step, k) => step > 0.65 * across && Math.abs(point(step, means[j][k])[1] - y + 10) < 12));
      lineLabels.push([y - 5, covered]);
      const halo = { class: "nw-muted nw-loss-halo" }, label = `${words} ${lossText(loss)}`;
      return [covered ? text(label, left + 5, y - 5, "start", halo) : text(label, right, y - 5, "end", halo)];
    });
    const drawnCurves = curves.map((curve, i) => curveMarks(curve, i, means[i], smooth, point));
    for (const ghost of [true, false]) marks.push(...drawnCurves.filter((_, i) => curves[i].ghost === ghost).flat());
    for (const { step } of subject(state)?.snapshots ?? [])
      marks.push(["path", { class: "nw-loss-shot", d: `M${plot.x.at(step) - 5} ${bottom + 5}h10l-5 -8z` },
        ["title", {}, `Snapshot after ${stepText(step)} steps`]]);
    picture.setAttribute("viewBox", `0 0 ${width} ${TALL}`);
    picture.setAttribute("width", String(width));
    picture.replaceChildren(...drawn([...marks, ...labels.flat()]), preview, cursor);
    picture.setAttribute("aria-label", `Loss against steps. ${curves.map(({ name, count }, i) => {
      const [first, end] = [means[i][0] ?? null, means[i].at(-1) ?? null].map(lossText);
      return `${name || "Training"}: from ${first} to ${end} in ${stepText(count)} steps.`;
    }).join(" ")}`);
    const said = notesOf(state, log ? Infinity : range.high);
    notes.replaceChildren(...said.map(words => h("p", { class: "nw-muted" }, words)));
    if (pen) pen.font = `650 12.5px ${getComputedStyle(picture).fontFamily}`;
  });

  /** A line across the curves, and what they read there. @param {SVGElement} group @param {number} step
   * @param {string} kind @param {boolean} labeled */
  function drawCursor(group, step, kind, labeled) {
    const { left, right, top, bottom } = plot.box, { curves, means } = state, x = plot.x.at(step);
    const marks = [line(x, top, x, bottom, { class: `nw-loss-cursor${kind}` })];
    /** @param {string} words */
    const measure = words => pen?.measureText(words).width ?? 0;
    const found = curves.map((curve, i) => {
      const color = colorOf(curve, i), [on, loss] = onCurve(curve, means[i], step);
      const [cx, cy, over] = point(on ?? 0, loss ?? Infinity);
      if (loss !== undefined && step <= curve.count + 1 && !over)
        marks.push(["circle", { cx, cy, r: 4.5, style: `fill:Canvas;stroke:${color};stroke-width:2.5` }]);
      const all = labelsOf(curve, means[i], Math.round(step));
      const words = all.find(one => measure(one) < width - 4) ?? all.at(-1) ?? "", wide = measure(words);
      const start = Math.min(cx < (left + right) / 2 ? cx + 9 : cx - 9 - wide, width - wide - 2);
      const from = Math.max(wide < width - left - 5 ? left + 3 : 2, start);
      const under = curve.x.map((step, j) => point(step, means[i][j])) // its own curve, where the label is
        .filter(([px]) => px > from - 4 && px < from + wide + 4).map(([, py]) => py).concat(cy);
      return { words, color, from, y: cy, above: Math.min(...under) - 8, below: Math.max(...under) + 18 };
    }).filter(one => one.words).sort((a, b) => a.y - b.y);
    if (labeled) marks.push(text(`after ${count(Math.round(step), "step")}`, Math.min(right, Math.max(left + 40, x)),
      bottom - 14, x > right - 50 ? "end" : "middle", { class: "nw-loss-halo nw-loss-after" }));
    if (labeled && curves.length <= LABELED) {
      const taken = lineLabels.filter(([, atLeft]) => atLeft === (x < width / 2)).map(([y]) => y).concat(bottom - 14);
      const low = bottom - 5;
      const wanted = found.map(({ above, below }, i) =>
        ((i && i === found.length - 1 && below <= low) || above < top + 11 ? below : above));
      apart(wanted, taken, 15, top + 11, low).forEach((y, i) => {
        const { words, from, color } = found[i];
        marks.push(text(words, from, y, "start", { class: "nw-loss-halo nw-loss-label", style: `fill:${color}` }));
      });
    }
    group.replaceChildren(...drawn(marks));
  }

  // The cursor slides to a step that's far away.
  const slide = animator(frame);
  let at = /** @type {number | null} */ (null), aim = -1;
  function slideTo(/** @type {number} */ to) {
    const again = () => drawCursor(cursor, at ?? to, "", state.preview === null);
    if (slide.running() && to === aim) { again(); return; }
    const from = plot.x.at(at ?? to), end = plot.x.at(aim = to);
    slide.run(Math.abs(end - from) < NEAR + 3 ? 0 : SLIDE, (x, over) => {
      at = over ? to : plot.x.back(from + (end - from) * eased(x));
      again();
    });
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
    if (event.pointerType !== "touch") send({ type: "choose", step: stepAt(event) }); // a finger may want to scroll
  });
  picture.addEventListener("click", event => { if (plot) send({ type: "choose", step: stepAt(event) }); });
  picture.addEventListener("pointermove", event => {
    if (held) send({ type: "choose", step: stepAt(event) });
    else if (plot && event.pointerType === "mouse") send({ type: "preview", step: stepAt(event) });
  });
  for (const end of ["pointerup", "pointercancel"]) picture.addEventListener(end, () => { held = false; });
  picture.addEventListener("pointerleave", () => send({ type: "preview", step: null }));

  // What the cursor reads: in a table, where labels would be too many

  const table = h("table", { class: "nw-loss-read" });

  /** @param {number} step */
  function showReadings(step) {
    const { curves, means, smooth } = state, tested = curves.some(curve => curve.held.length), far = lastStep(curves);
    table.hidden = curves.length <= LABELED;
    if (table.hidden) return;
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
      smooth > 1 ? `training, averaged over ${count(smooth, "step")}` : "training", tested && "held-out"];
    table.replaceChildren(h("thead", {}, h("tr", {}, heads.map(words => words && h("th", { scope: "col" }, words)))),
      h("tbody", {}, rows));
  }

  function showScrubber() {
    const { curves, means } = state, step = cursorOf(state);
    scrub.input.max = String(total(curves));
    scrub.show(step);
    scrub.input.setAttribute("aria-valuetext", `step ${stepText(step)}: ${curves.map((curve, i) => {
      const { training, held } = reading(curve, means[i], step);
      return `${curve.name} training ${lossText(training)}${held === null ? "" : `, held-out ${lossText(held)}`}`;
    }).join("; ")}`);
  }

  // Snapshots

  const when = h("p", { class: "nw-muted" });
  const sample = h("pre", { class: "nw-loss-text", tabindex: 0, role: "region", "aria-label": "Sample text" });
  const past = h("pre", { class: "nw-loss-text nw-loss-past", "aria-hidden": "true" }); // what fades away
  const paper = h("div", { class: "nw-loss-paper" }, sample, past), turn = animator(frame);
  const words = h("div", { class: "nw-loss-words" }, when, paper), bars = h("div", { class: "nw-loss-bars" });
  const map = h("div", { class: "nw-loss-map" });
  const looks = h("p", { class: "nw-muted" });
  const playing = button("▶ Play", () => send({ type: "play" }), { class: "nw-go" });
  const stops = h("div", { class: "nw-choice nw-loss-stops", role: "group", "aria-label": "Snapshots, by step" },
    h("span", { class: "nw-muted" }, "Snapshots"));
  const panel = h("section", { class: "nw-loss-panel", "aria-label": "Snapshot" },
    h("div", { class: "nw-loss-shots" }, words, bars, map));
  /** @type {HTMLElement[]} */
  let stopButtons = [];

  /** @param {number} step */
  function showPanel(step) {
    const curve = subject(state);
    panel.hidden = stops.hidden = !curve;
    playing.textContent = state.playing ? "❚❚ Pause" : "▶ Play";
    if (!curve) return;
    const { steps, index } = shotAt(curve, step);
    if (stopButtons.some((stop, i) => stop.textContent !== stepText(steps[i] ?? -1)))
      stopButtons.splice(0).forEach(stop => stop.remove());
    for (const at of steps.slice(stopButtons.length)) // a run takes more of them: those that are there keep the focus
      stopButtons.push(button(stepText(at), () => send({ type: "choose", step: at }),
        { "aria-label": `Snapshot after ${stepText(at)} steps` }));
    stops.append(...stopButtons.filter(stop => stop.parentNode !== stops));
    stopButtons.forEach((stop, i) => stop.setAttribute("aria-current", String(i === index)));
    words.hidden = !curve.snapshots.some(other => other.text);
    fit(curve.snapshots, width);
    const name = tellers(state.curves).length > 1 ? curve.name : "";
    showShot(curve.snapshots[index], name || "sample", curve.prompt, curve.tokens, get("head"));
  }

  /** The sample's box is as high as the longest sample, up to so many lines, and always whole ones. */
  const fit = onNews((/** @type {Shot[]} */ shots) => {
    turn.stop();
    past.style.height = "auto";
    const lines = shots.map(shot => {
      past.textContent = shot.text;
      return Math.ceil(past.scrollHeight / LINE - 0.1);
    });
    past.textContent = "";
    sample.style.opacity = "1";
    sample.style.height = past.style.height = `${LINE * Math.max(1, Math.min(LINES, Math.max(...lines)))}px`;
  });

  /** One sample fades into the next. @param {string} next */
  function showText(next) {
    if (sample.textContent === next) return;
    const before = sample.textContent;
    sample.textContent = next;
    sample.scrollTop = 0;
    past.textContent = before;
    turn.run(before ? SLIDE : 0, (x, over) => {
      sample.style.opacity = over ? "1" : eased(x).toFixed(3);
      past.style.opacity = over ? "0" : (1 - eased(x)).toFixed(3);
      if (over) past.textContent = "";
    });
  }

  const showShot = onNews((/** @type {Shot} */ shot, /** @type {string} */ name, /** @type {string[]} */ prompt,
    /** @type {string[]} */ tokens, /** @type {number} */ head) => {
    when.textContent = `${name} after ${count(shot.step, "step")}`;
    showText(shot.text);
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
      h("div", { class: "nw-loss-bar" }, h("span", {}, name), h("i", {}, h("b")),
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
    looks.textContent = `${visible(last(prompt))} attends most to position ${most}, ${visible(prompt[most])}: `
      + number(look[most], 2);
    const label = `Attention after ${stepText(step)} steps${heads > 1 ? `, head ${head + 1}` : ""}: the last token, `
      + `${looks.textContent}.`;
    if (labels.join() !== prompt.join()) labels = prompt; // the same list isn't laid out again
    if (!drawing) {
      const choices = Array.from({ length: heads }, (_, i) => /** @type {[number, string]} */ ([i, `${i + 1}`]));
      map.append(heads > 1 ? select(frame, "head", "Attention head", choices)
        : h("p", { class: "nw-muted" }, "attention"));
      drawing = drawHead(map, { tokens: labels, weights, arcs: false, axes: true, cleanup });
      map.append(looks);
    }
    drawing.show({ tokens: labels, weights, causal, label });
    drawing.mark({ row: T - 1, column: null });
  }

  // A run that's going on

  const ask = (/** @type {string} */ what) => () => send({ type: "ask", do: what });
  const status = h("p", { class: "nw-loss-status" }), said = h("p", { class: "nw-loss-said", role: "status" });
  const main = button("Pause", () => send({ type: "main" }), { class: "nw-go" });
  const one = button("One step", ask("one step"));
  const end = button("Stop", ask("stop")), back = button("Rewind", ask("rewind"));
  const rateOf = () => (state.live?.first ?? 0) * 10 ** Number(rate.input.value);
  const rate = range({ label: "Peak learning rate", low: -1.5, high: 1.5, step: 0.05,
    set: () => send({ type: "ask", do: "rate", value: Number(rateOf().toPrecision(2)) }) });
  const controls = h("section", { class: "nw-loss-live", "aria-label": "Training" }, status, rate.field, said);
  const steer = h("div", { class: "nw-row nw-loss-steer" }, one, end, back);

  function showLive() {
    const { live, problem } = state;
    const goes = live?.state === "running" || live?.state === "paused";
    controls.hidden = steer.hidden = live === null;
    main.hidden = !goes;
    playing.hidden = goes || !subject(state); // one button at a time
    if (live === null) return;
    const facts = [`${stepText(live.step)} of ${stepText(live.steps)} steps`, `${number(live.speed)} steps/s`,
      live.left !== null && `${clock(live.left)} left`, live.rate !== null && `learning rate now ${number(live.rate)}`];
    status.replaceChildren(h("progress", { max: live.steps, value: live.step, "aria-label": "steps done" }),
      ...facts.map(fact => h("span", {}, fact)));
    main.textContent = live.state === "running" ? "Pause" : "Resume";
    enable(goes, one, end);
    rate.field.hidden = !goes;
    if (document.activeElement !== rate.input || Math.abs(rateOf() / live.peak - 1) > 0.2)
      rate.input.value = String(Math.log10(live.peak / live.first));
    rate.output.textContent = number(live.peak);
    rate.input.setAttribute("aria-valuetext", number(live.peak));
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
    slideTo(cursorOf(state));
    if (state.preview === null) preview.replaceChildren();
    else drawCursor(preview, state.preview, " nw-loss-preview", true);
    showPanel(step);
  }
  const DRAWN = ["log_loss", "log_steps", "lines", "low", "high", "ylabel"];

  /** @type {[number, string][]} */
  const choices = tellers(get("curves")).map((curve, i) => [i, curve.name]);
  root.append(primary(main, playing, scrub.field), controls,
    h("div", { class: "nw-drawing" }, chart, notes, table, panel),
    more(stops, steer,
      choices.length > 1 && h("div", { class: "nw-row" }, select(frame, "shown", "Snapshots of", choices)),
      h("div", { class: "nw-controls nw-loss-settings" },
        slider(frame, "smooth", { label: "Smoothing", step: 1, shown: steps => count(steps, "step") }),
        checkbox(frame, "log_loss", "Loss, log scale"), checkbox(frame, "log_steps", "Step, log scale"))));

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
