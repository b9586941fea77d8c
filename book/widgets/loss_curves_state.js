// @ts-check
// What a figure of loss curves knows, as plain data, and what each event makes of it: after(state, event) → state.
// Nothing here draws or keeps time. What's left for the view to do is data too: a new `ask` goes to Python, a new
// `step` to the trait, and while `playing`, the view sends ticks.
import { whole } from "./text.js";

export const END = 10 ** 9; // a step beyond all others: the cursor stays at the end of a run that goes on

/**
 * @typedef {{ step: number, text: string, bars: number[] | null, attention: any }} Shot
 * @typedef {{ name: string, x: number[], y: number[], count: number, each: number, steps: number,
 *   held: [step: number, loss: number][], note: string, broken: boolean, ghost: boolean, live: boolean,
 *   prompt: string[], tokens: string[], snapshots: Shot[] }} Curve  see loss_curves.py; a point means `each` steps
 * @typedef {{ state: "running" | "paused" | "finished" | "stopped", step: number, steps: number, speed: number,
 *   left: number | null, peak: number, first: number, rate: number | null, message: string }} Live
 * @typedef {{ step: number, smooth: number, shown: number }} Settings
 * @typedef {Settings & {
 *   given: unknown, curves: Curve[],              // the traits' curves, and those with what has arrived since
 *   means: number[][],                            // each curve's losses, smoothed
 *   live: Live | null, problem: string | null,    // the run that's going on, and what it couldn't do
 *   preview: number | null, playing: boolean,     // a step the pointer is over; whether the cursor moves by itself
 *   ask: { do: string, value?: number } | null,
 * }} State
 * @typedef {{ live: Live, problem: string | null, curves?: Curve[], more?: { from: number, losses: number[],
 *   held: [number, number][], note: string, broken: boolean } }} Message
 * @typedef {{ type: "traits", curves: Curve[] } & Settings | { type: "message", message: Message }
 *   | { type: "choose", step: number } | { type: "preview", step: number | null } | { type: "play" | "tick" | "main" }
 *   | { type: "ask", do: string, value?: number }} LossEvent
 */

// Numbers

/**
 * At each point, the mean of the losses at most (window − 1) / 2 steps away; x rises.
 * @param {number[]} x @param {number[]} y @param {number} window
 */
export function smoothed(x, y, window) {
  const before = [0], reach = (window - 1) / 2;
  y.forEach((loss, i) => before.push(before[i] + loss));
  let first = 0, end = 0;
  return x.map(at => {
    while (x[first] < at - reach) first++;
    while (end < x.length && x[end] <= at + reach) end++;
    return (before[end] - before[first]) / (end - first);
  });
}

/** The index of the last value ≤ `at` in a list that rises, or −1. @param {number[]} values @param {number} at */
export function lastUpTo(values, at) {
  let low = 0, high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] <= at) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/**
 * Where labels go that would be at `wanted`: as near as they can without touching those at `taken` or each other.
 * @param {number[]} wanted @param {number[]} taken @param {number} gap @param {number} low @param {number} high
 */
export function apart(wanted, taken, gap, low, high) {
  const all = [...taken];
  return wanted.map(y => {
    const near = Math.max(low, Math.min(high, y));
    for (let d = 0; d <= high - low; d++)
      for (const at of [near - d, near + d])
        if (at >= low && at <= high && all.every(other => Math.abs(other - at) >= gap)) { all.push(at); return at; }
    return near;
  });
}

/**
 * The loss axis. It depends on the data and not on the smoothing, so it stays where it is. A loss that shoots far above
 * where the runs began leaves a linear axis at the top, so that one run that fails doesn't flatten the others.
 * @param {Pick<Curve, "y" | "held">[]} curves
 * @param {{ low?: number | null, high?: number | null, log?: boolean, live?: boolean, lines?: number[] }} options
 */
export function lossAxis(curves, { low = null, high = null, log = false, live = false, lines = [] } = {}) {
  const values = curves.flatMap(c => [...c.y, ...c.held.map(([, loss]) => loss)]).concat(lines)
    .filter(v => !log || v > 0);
  if (!values.length) return { low: low ?? (log ? 0.1 : 0), high: high ?? 1 };
  let least = Infinity, most = -Infinity;
  for (const v of values) { least = Math.min(least, v); most = Math.max(most, v); }
  if (log) return { low: low && low > 0 ? low : least / 1.08, high: Math.max(high ?? most * 1.08, least * 1.2) };
  const begun = Math.max(...curves.map(c => c.y[0] ?? -Infinity));
  if (begun > 0) most = Math.min(most, 1.5 * begun);
  const pad = 0.05 * (most - least || Math.abs(most) || 1);
  const floor = [begun / 2, begun / 4].find(v => least > v) ?? Math.min(0, least); // it falls twice at most
  return { low: low ?? (live ? floor : least >= 0 ? Math.max(0, least - pad) : least - pad), high: high ?? most + pad };
}

// What can be read from a state

/** @param {Curve[]} curves */
export const total = curves => Math.max(1, ...curves.map(c => c.steps));

/** The last step there's anything to see of. @param {Curve[]} curves */
export const lastStep = curves => Math.max(0, ...curves.filter(c => !c.ghost).map(c =>
  Math.max(c.count, c.held.at(-1)?.[0] ?? 0, c.snapshots.at(-1)?.step ?? 0)));

/** Where the cursor is. @param {State} state */
export const cursorOf = state => Math.min(state.step, lastStep(state.curves));

/** The runs whose snapshots can be shown. @param {Curve[]} curves */
export const tellers = curves => curves.filter(c => !c.ghost && (c.snapshots.length > 0 || c.live));

/** The run whose snapshots are shown, if it has any yet. @param {State} state */
export function subject({ curves, shown }) {
  const all = tellers(curves), one = all[Math.min(shown, all.length - 1)];
  return one?.snapshots.length ? one : null;
}

/** The steps of the snapshots, and the index of the one that a step shows. @param {Curve} curve @param {number} step */
export function shotAt({ snapshots }, step) {
  const steps = snapshots.map(shot => shot.step);
  return { steps, index: Math.max(0, lastUpTo(steps, step)) };
}

/**
 * What one curve reads at a step: its smoothed training loss and the last held-out loss, and at which steps those are.
 * @param {Pick<Curve, "x" | "held">} curve @param {number[]} mean @param {number} step
 */
export function reading({ x, held }, mean, step) {
  const i = Math.max(0, lastUpTo(x, step)), last = held[lastUpTo(held.map(([at]) => at), step)] ?? [null, null];
  return { at: x[i], training: mean[i] ?? null, held: last[1], heldAt: last[0] };
}

/**
 * The point of a drawn curve at a step: [step, loss], between two of its points if need be; its end if it has ended.
 * @param {Pick<Curve, "x">} curve @param {number[]} mean @param {number} step
 */
export function onCurve({ x }, mean, step) {
  const i = Math.max(0, lastUpTo(x, step)), part = (step - x[i]) / (x[i + 1] - x[i]);
  return part > 0 && i + 1 < x.length ? [step, mean[i] + part * (mean[i + 1] - mean[i])] : [x[i], mean[i]];
}

/** What else there's to say. top: the end of a linear loss axis. @param {State} state @param {number} top */
export function notesOf({ curves, means }, top) {
  const ends = curves.filter(c => c.note).map(({ broken, name, note }) =>
    `${broken ? "× " : ""}${name ? `${name}: ` : ""}${note}`);
  const gone = curves.filter((c, i) => means[i].some(v => v > top) && c.y.some(v => v > top)).map(({ name, x, y }) =>
    `▲ ${name || "The loss"} goes off the chart at step ${whole(Math.round(x[y.findIndex(v => v > top)]))}. `
    + "The log scale shows where it goes.");
  const each = Math.max(...curves.map(c => c.each));
  return [...ends, ...gone, ...(each > 1 ? [`Each point is the mean of ${each} steps.`] : [])];
}

// What happens

/** @param {Live | null} live @returns {State} */
export const begin = live => ({
  step: 0, smooth: 1, shown: 0, given: null, curves: [], means: [], live, problem: null, preview: null, playing: false,
  ask: live && { do: "all" },
});

/** @param {State} state @param {LossEvent} event @returns {State} */
export function after(state, event) {
  switch (event.type) {
    case "traits": {
      const { step, smooth, shown, curves } = event;
      const next = { ...state, step, smooth, shown, given: curves };
      return averaged(state, curves === state.given ? next : { ...next, curves });
    }
    case "message": return averaged(state, arrived(state, event.message));
    case "choose": {
      const step = event.step >= lastStep(state.curves) ? END : event.step; // at the end of a live run it follows
      return { ...state, step, playing: false, preview: null };
    }
    case "preview": return { ...state, preview: event.step };
    case "play": return state.playing ? { ...state, playing: false } : advanced(state, true);
    case "tick": return advanced(state, false);
    case "main": return { ...state, ask: { do: state.live?.state === "running" ? "pause" : "go on" } };
    case "ask": {
      const { type: _, ...ask } = event;
      return { ...state, ask };
    }
  }
}

/** Smoothed again where that makes a difference. @param {State} before @param {State} state @returns {State} */
const averaged = (before, state) => ({
  ...state,
  means: state.curves.map((curve, i) => (curve === before.curves[i] && state.smooth === before.smooth ? before.means[i]
    : smoothed(curve.x, curve.y, state.smooth))),
});

/** News of the live run: everything, or what's new. @param {State} state @param {Message} message @returns {State} */
function arrived(state, { curves, more, live, problem }) {
  const next = { ...state, live, problem };
  if (curves) return { ...next, curves };
  if (!more) return next;
  const { from, losses, ...rest } = more, now = state.curves.find(curve => curve.live);
  if (now?.count !== from) return { ...next, ask: { do: "all" } }; // something was missed
  const grown = { ...now, ...rest, count: from + losses.length, y: [...now.y, ...losses],
    x: [...now.x, ...losses.map((_, i) => from + i)] };
  return { ...next, curves: state.curves.map(curve => (curve === now ? grown : curve)) };
}

/** To the next snapshot; `around`: after the last comes the first. @param {State} state @param {boolean} around */
function advanced(state, around) {
  const curve = subject(state);
  if (!curve) return { ...state, playing: false };
  const { steps } = shotAt(curve, 0), next = lastUpTo(steps, cursorOf(state)) + 1, to = next < steps.length ? next : 0;
  if (next === steps.length && !around) return { ...state, playing: false };
  return { ...state, step: steps[to], playing: to < steps.length - 1 };
}
