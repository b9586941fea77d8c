// @ts-check
// Scores to drag, and the shares that softmax and a rival make of them. The formulas are those of softmax_lab.py.
/** @import { Mark, Model } from "./types.js" */
import { line, near, scale, text } from "./chart.js";
import {
  animator, announcer, button, checkbox, choice, drawn, eased, enable, h, more, primary, put, s, select, slider, widget,
} from "./dom.js";
import { argmax, ranking, softmax, sum } from "./formulas.js";
import { fixed, number, visible } from "./text.js";

const METHODS = /** @type {const} */ (["softmax", "sparsemax", "plain", "sigmoid", "tanh", "argmax"]);
const NAMES = { softmax: "softmax", sparsemax: "sparsemax", plain: "plain division", sigmoid: "sigmoid", tanh: "tanh",
  argmax: "argmax" };
const LIMIT = 10, FAR = 2; // of scores; of shares, beyond which a bar is cut off
const LETTERS = 12; // of a label

/** @typedef {typeof METHODS[number]} Method */

/** Unlike `sigmoid` in formulas.js, not 0 far below 0, where we ask for its share of a sum. @param {number} z */
export const logistic = z => 1 / (1 + Math.exp(-z));

/** A score before the division, and its slope. (1 + tanh z) / 2 is the sigmoid of 2z.
 * @type {Record<string, [before: (z: number) => number, slope: (z: number) => number]>} */
const DIVIDED = {
  plain: [z => z, () => 1],
  sigmoid: [logistic, z => logistic(z) * logistic(-z)],
  tanh: [z => logistic(2 * z), z => 2 * logistic(2 * z) * logistic(-2 * z)],
};
/** @param {Method} method @param {boolean} divided */
const divides = (method, divided) => divided || method === "plain";

/** The probabilities nearest to the scores. @param {number[]} z */
export function sparsemax(z) {
  const ordered = z.toSorted((a, b) => b - a);
  let total = 0, cut = 0;
  ordered.forEach((v, k) => { if (1 + (k + 1) * v > (total += v)) cut = (total - 1) / (k + 1); });
  return z.map(v => Math.max(v - cut, 0));
}

/**
 * What `method` makes of the scores; null if there's nothing to divide by.
 * @param {Method} method
 * @param {number[]} z
 * @returns {number[] | null}
 */
export function valuesOf(method, z, divided = true) {
  if (method === "softmax") return softmax(z);
  if (method === "argmax") return z.map((_, i) => (i === argmax(z) ? 1 : 0));
  if (method === "sparsemax") return sparsemax(z);
  const before = z.map(DIVIDED[method][0]), total = sum(before);
  if (!divides(method, divided)) return before;
  return method === "plain" && Math.abs(total) < 1e-9 ? null : before.map(v => v / total);
}

/**
 * The table ∂p_i/∂z_j, a row for each i; null if there's nothing to divide by.
 * @param {Method} method
 * @param {number[]} z
 * @returns {number[][] | null}
 */
export function jacobianOf(method, z, divided = true) {
  const p = valuesOf(method, z, divided);
  if (p === null) return null;
  /** @param {number} i @param {number} j */
  const same = (i, j) => (i === j ? 1 : 0);
  if (method === "argmax") return p.map(() => z.map(() => 0));
  const kept = p.filter(v => v > 0).length; // sparsemax: what isn't 0 shares every change
  if (method === "sparsemax")
    return p.map((pi, i) => p.map((pj, j) => (pi > 0 && pj > 0 ? same(i, j) - 1 / kept : 0)));
  if (method === "softmax") return p.map((pi, i) => p.map((pj, j) => pi * (same(i, j) - pj)));
  const [before, slope] = DIVIDED[method], slopes = z.map(slope);
  if (!divides(method, divided)) return p.map((_, i) => slopes.map((slope, j) => slope * same(i, j)));
  const total = sum(z.map(before));
  return p.map((pi, i) => slopes.map((slope, j) => slope * (same(i, j) - pi) / total));
}

/**
 * The gradient of −log p[target] with respect to each score; null unless p[target] is above 0.
 * @param {Method} method
 * @param {number[]} z
 * @param {number} target
 */
export function lossGradient(method, z, target, divided = true) {
  const p = valuesOf(method, z, divided), table = jacobianOf(method, z, divided);
  if (method === "softmax") return softmax(z).map((v, i) => v - (i === target ? 1 : 0));
  return p && table && p[target] > 0 ? table[target].map(v => -v / p[target]) : null;
}

/**
 * How far the shift moved the value it moved most; NaN if there's none before or after.
 * @param {Method} method
 * @param {number[]} z
 * @param {number} shift
 */
export function movedBy(method, z, shift, divided = true) {
  const now = valuesOf(method, z, divided), before = valuesOf(method, z.map(v => v - shift), divided);
  return now && before ? Math.max(...now.map((v, i) => Math.abs(v - before[i]))) : NaN;
}

/** Example scores, for n tokens.
 * @type {[words: string, make: (n: number, given: number[]) => Record<string, unknown>][]} */
const PRESETS = [
  ["Original scores", (_, given) => ({ scores: given, shift: 0 })],
  ["All equal", n => ({ scores: Array(n).fill(0), shift: 0 })],
  ["One large", n => ({ scores: [LIMIT, ...Array(n - 1).fill(0)], shift: 0 })],
  ["All negative", n => ({ scores: Array.from({ length: n }, (_, i) => -1 - i), shift: 0 })],
  ["All + 100", () => ({ shift: 100 })],
];

/** Few digits that line up; what isn't quite 0 says so. @param {number | null} v */
function short(v, digits = 3) {
  if (v === null || Number.isNaN(v)) return "–";
  if (Math.abs(v - Math.round(v)) < 1e-9) return number(Math.round(v));
  if (Math.abs(v) < 0.5 * 10 ** -digits) return "≈ 0";
  return Math.abs(v) >= 100 ? number(v) : fixed(v, Math.abs(v) >= 10 ? 1 : digits);
}
/** @param {number} v @param {number} digits */
const signed = (v, digits) => (v > 0 && /[1-9]/.test(short(v, digits)) ? "+" : "") + short(v, digits);

/** @param {string} name */
const quoted = name => `“${name}”`;

/** @param {string[]} names */
const listed = names => [names.slice(0, -1).map(quoted).join(", "), quoted(names[names.length - 1])].filter(Boolean)
  .join(" and ");

/**
 * What to notice about the shares, in a sentence.
 * @param {Method} method
 * @param {string[]} names
 * @param {number[]} z
 * @param {number} shift
 */
export function notice(method, names, z, shift, divided = true) {
  const p = valuesOf(method, z, divided), [first, second] = ranking(z), ahead = z[first] - z[second];
  if (method === "plain") {
    const low = p?.findIndex(v => v < 0) ?? -1;
    if (p === null) return "The scores sum to 0, so plain division has nothing to divide by.";
    if (sum(z) < 0) return "The sum is below 0, so plain division flips the order: the lowest score gets the most.";
    if (low >= 0) return `${quoted(names[low])} gets ${number(p[low])}, and a probability can't be negative.`;
  }
  if (shift !== 0) {
    const by = `Adding ${number(shift)} to every score`, moved = movedBy(method, z, shift, divided);
    if (method === "softmax") return `${by} doesn't change softmax at all: it only sees how far apart the scores are.`;
    return moved < 1e-9 ? `${by} changes neither softmax nor ${NAMES[method]}.`
      : `${by} leaves softmax alone${moved > 0 ? `, but ${NAMES[method]} changes by up to ${number(moved, 2)}` : ""}.`;
  }
  if (method === "plain") return "This works as long as no score is below 0. Drag one down and watch.";
  const ties = names.filter((_, i) => z[i] === z[first]);
  if (method === "argmax" && ties.length > 1) return `${listed(ties)} tie, and the first one takes it all.`;
  if (method === "argmax") return `${quoted(names[first])} takes everything, and second place gets nothing.`;
  if (method === "softmax" && ties.length === names.length) return "All scores are equal, so all shares are, too.";
  if (method === "softmax" && ties.length > 1) return `${listed(ties)} tie, so they get the same share.`;
  if (method === "softmax") return `${quoted(names[first])} is ${number(ahead)} ahead of ${quoted(names[second])}, so `
    + `its share is e^${number(ahead)} = ${number(Math.exp(ahead))} times as large.`;
  const total = sum(p ?? []), none = names.filter((_, i) => p?.[i] === 0);
  if (method === "sparsemax") return none.length
    ? `${listed(none)} get${none.length > 1 ? "" : "s"} exactly 0. With softmax, that never happens.`
    : "The scores are close together, so everyone gets a share. Drag one down and watch.";
  if (Math.abs(total - 1) > 1e-9) return `Each score is judged on its own, so the sum isn't 1 but ${number(total)}.`;
  const full = method === "tanh" ? 2.5 : 5, ceiling = names.filter((_, i) => z[i] >= full);
  if (ceiling.length > 1) return `${listed(ceiling)} have hit the ceiling, and get nearly the same share.`;
  return `From about ${full} up, ${NAMES[method]} is almost at its ceiling, and raising a score further hardly helps.`;
}

/** What's wrong with these shares, in a few words. @param {number[] | null} p */
export const flaw = p => (p === null ? "sum 0" : p.some(v => v < 0) ? "below 0"
  : Math.abs(sum(p) - 1) > 1e-9 ? `sum ${number(sum(p))}, not 1` : "");

/**
 * What to notice about the pushes, the gradient of the loss times −1, in a sentence.
 * @param {Method} method
 * @param {string[]} names
 * @param {number[] | null} p
 * @param {number[] | null} gradient
 * @param {number} target
 */
export function pushNotice(method, names, p, gradient, target) {
  const right = quoted(names[target]);
  if (p === null) return "The scores sum to 0, so there are no probabilities, no loss, and no pushes.";
  if (gradient === null) return `${right} isn't above 0, so it has no logarithm, and there's no push.`;
  if (method === "argmax") return "A small change in a score changes nothing here, so there's no slope to train with.";
  const order = ranking(gradient.map(Math.abs)), size = Math.abs(gradient[order[0]]);
  const worst = ranking(p.map((v, i) => (i === target ? -Infinity : v)))[0];
  const dir = gradient[order[0]] < 0 ? "up" : "down";
  if (size < 0.01) return p[target] > 0.9
    ? `${right} is the right token and already has nearly everything, so the pushes are tiny.`
    : `${right} is the right token, yet no push is larger than ${number(size, 2)}. That's saturation.`;
  if (method === "softmax" && p[target] < 0.2)
    return `The prediction is far off, so the pushes are strong: ${right} goes up by ${short(-gradient[target], 2)}, `
      + `and ${quoted(names[worst])} down by ${short(gradient[worst], 2)}.`;
  if (method === "softmax")
    return `Each push is y − p: ${right} goes up by what it's missing, and every other token goes down by its own `
      + "probability.";
  const stuck = p[worst] > p[target] && Math.abs(gradient[worst]) < 0.01;
  if (stuck)
    return `${quoted(names[worst])} is too high, yet nothing pushes it down: it's at ${NAMES[method]}'s ceiling.`;
  return `The strongest push is on ${quoted(names[order[0]])}: ${dir} by ${number(size, 2)}.`;
}

/**
 * What the table of slopes says, in sentences.
 * @param {Method} method
 * @param {number[][] | null} table
 */
export function explained(method, table) {
  if (!table) return "The scores sum to 0, so there are no probabilities and no slopes.";
  if (method === "argmax") return "Every slope is 0, so gradients can't train this.";
  const largest = Math.max(...table.flat().map(Math.abs)), said = [`The steepest slope is ${number(largest, 2)}.`];
  if (largest < 0.01) said.push("That's saturation: no score moves any share by much.");
  if (largest > 1) said.push("Near a sum of 0, plain division blows up.");
  if (method === "softmax") said.push("Each row sums to 0: if all scores rise together, nothing moves.");
  return said.join(" ");
}

/** The scores after one step of gradient descent with a learning rate of 1. @param {number[]} z @param {number[]} g */
export const pushed = (z, g) => z.map((v, i) => Math.max(-LIMIT, Math.min(LIMIT, v - g[i])));

// The drawing

/**
 * What it shows: numbers that two pictures can be blended of.
 * @typedef {object} Picture
 * @property {number[]} scores
 * @property {number[]} p  shares by softmax
 * @property {number[]} q  shares by the rival
 * @property {number[]} push  on each score
 * @property {number[]} ends  the lowest and the highest share on the axis
 * @property {number[]} two  [1] if there's a rival, or else [0]
 */

/**
 * @param {{ scores: number[], shift: number, method: Method, divided: boolean, target: number }} setting
 * @returns {Picture}
 */
export function picture({ scores, shift, method, divided, target }) {
  const z = scores.map(v => v + shift), p = softmax(z), q = valuesOf(method, z, divided) ?? z.map(() => 0);
  const push = (lossGradient(method, z, target, divided) ?? z.map(() => 0)).map(v => 0 - v);
  return {
    scores, p, q, push, ends: [Math.max(-FAR, Math.min(0, ...q)), Math.min(FAR, Math.max(1, ...q))],
    two: [method === "softmax" ? 0 : 1],
  };
}

/** Between two pictures. @param {Picture} a @param {Picture} b @param {number} x  from 0 to 1 @returns {Picture} */
export const blend = (a, b, x) => (x === 1 ? b : /** @type {Picture} */ (Object.fromEntries(
  Object.entries(b).map(([name, to]) => {
    const from = a[/** @type {keyof Picture} */ (name)];
    return [name, to.map((v, i) => from[i] + x * (v - from[i]))];
  }))));

/**
 * Where everything is, in pixels: two panels side by side, or one below the other where that's too narrow.
 * @param {{ width: number, n: number, longest: number, pushes: boolean }} options  longest: the longest label's width
 */
export function layout({ width, n, longest, pushes }) {
  const beside = width >= 520 && (width / 2 - 44) / n >= 56, half = beside ? width / 2 - 8 : width;
  const left = 34, each = (half - left) / n, tilted = longest > each - 6;
  const labels = tilted ? Math.min(longest, 130) * 0.87 + 16 : 24, top = 26, tall = beside ? 250 : 220;
  const under = top + tall + labels, push = { top: under + 8, at: under + 74 };
  const end = under + (pushes ? 126 : 0), shares = beside ? top : end + 44, high = beside ? tall : 190;
  /** @param {number} from */
  const columns = from => Array.from({ length: n }, (_, i) => from + left + each * (i + 0.5));
  return {
    width, beside, each, tilted, push, height: beside ? end : shares + high + labels, left,
    score: { top, bottom: top + tall, from: 0, columns: columns(0) },
    share: { top: shares, bottom: shares + high, from: width - half, columns: columns(width - half) },
  };
}

/** @typedef {ReturnType<typeof layout>} Layout */

/** @param {Layout} place */
export const scoreScale = place => scale({ low: -LIMIT, high: LIMIT }, place.score.bottom - 20, place.score.top + 20);

/** A bar from one height to another. @param {number} x @param {number} width @param {number} a @param {number} b
 * @param {string} fill @param {string} [title] @returns {Mark} */
const bar = (x, width, a, b, fill, title = "") => ["rect", {
  x: x - width / 2, width, y: Math.min(a, b), height: Math.abs(a - b), fill, rx: 2,
}, ["title", {}, title]];

/** @param {Layout} place @param {string[]} names @param {number} target  −1: none @returns {Mark[]} */
function labels({ score, share, tilted }, names, target) {
  /** @param {number[]} columns @param {number} y @returns {Mark[]} */
  const row = (columns, y) => columns.map((x, i) => {
    const name = (i === target ? "✓ " : "") + names[i], look = i === target ? "nw-lab-right" : "";
    const cut = name.length > LETTERS + 2 ? `${name.slice(0, LETTERS + 1)}…` : name;
    if (!tilted) return text(cut, x, y, "middle", { class: look });
    return text(cut, x + 4, y - 4, "end", { transform: `rotate(-60 ${near(x + 4)} ${near(y - 4)})`, class: look });
  });
  return [...row(score.columns, score.bottom + 16), ...row(share.columns, share.bottom + 16)];
}

/** Words in a column that may be too narrow for them. @param {string} words @param {number} x @param {number} y
 * @param {number} room @param {boolean} down @param {boolean} wrong @returns {Mark} */
function value(words, x, y, room, down, wrong) {
  const look = { class: wrong ? "nw-lab-value nw-lab-outside" : "nw-lab-value" };
  if (room >= 6.7 * words.length) return text(words, x, y + (down ? 14 : -5), "middle", look);
  const [a, b] = [near(x + 4), near(y + (down ? 5 : -5))];
  return text(words, Number(a), Number(b), down ? "end" : "start", { ...look, transform: `rotate(-90 ${a} ${b})` });
}

/**
 * @param {Picture} now
 * @param {Layout} place
 * @param {{ names: string[], method: Method, z: number[], q: number[] | null, shift: number, target: number,
 *   loss: number | null, before: { p: number[], q: number[] | null } | null }} facts
 *   target: −1 without gradients; before: the shares without the shift
 * @returns {Mark[]}
 */
function marks(now, place, { names, method, z, q, shift, target, loss, before }) {
  const { score, share, each } = place, y = scoreScale(place), [two] = now.two, [low, high] = now.ends;
  const up = scale({ low, high }, share.bottom - (low < 0 ? 20 : 0), share.top + 20);
  const wide = Math.min(46, each * 0.62), pair = Math.min(30, each * 0.4), room = two ? each / 2 : each;
  const size = wide + two * (pair - wide), aside = two * (pair / 2 + 1), exact = room >= 46 ? 3 : 2;
  /** @param {string} words @param {number} y @param {{ from: number }} panel @param {Record<string, unknown>} [more] */
  const axis = (words, y, { from }, more = {}) => text(words, from + place.left - 6, y + 4, "end", more);
  /** @param {number} y @param {{ from: number }} panel @param {Record<string, unknown>} more @returns {Mark} */
  const across = (y, { from }, more) =>
    line(from + place.left - 2, y, from + place.left + each * names.length, y, more);
  const zero = { stroke: "var(--nw-muted)" }, one = { class: "nw-grid" };
  /** @type {Mark[]} */
  const found = [
    text(`score: drag a tip${shift ? `; each ${signed(shift, 1)}` : ""}`, score.from, 12, "start"),
    ...[-LIMIT, LIMIT].flatMap(v => [across(y.at(v), score, one), axis(number(v), y.at(v), score)]),
    across(y.at(0), score, zero), axis("0", y.at(0), score), ...labels(place, names, target),
    text("softmax, sum 1", share.from, share.top - 14, "start", { class: "nw-lab-softmax" }),
    ...low < 0 ? [bar((share.from + place.left + each * names.length / 2), each * names.length, up.at(0), share.bottom,
      "var(--nw-soft)")] : [],
    across(up.at(1), share, one), axis("1", up.at(1), share), across(up.at(0), share, zero), axis("0", up.at(0), share),
  ];
  if (method !== "softmax") {
    const wrong = flaw(q), right = share.from + place.left + each * names.length;
    found.push(text(`${NAMES[method]}, ${wrong || "sum 1"}`, right, share.top - 14, "end",
      { class: wrong ? "nw-lab-outside" : "nw-lab-rival" }));
  }
  names.forEach((name, i) => {
    const x = score.columns[i], at = y.at(now.scores[i]), negative = now.scores[i] < 0;
    found.push(bar(x, wide, y.at(0), at, "var(--nw-muted)"));
    found.push(value(fixed(z[i], 1), x, at + (negative ? 4 : -4), each, negative, false));
    const side = share.columns[i], a = now.p[i];
    found.push(bar(side - aside, size, up.at(0), up.at(a), "var(--nw-blue)", `softmax gives ${name} ${short(a)}`));
    found.push(value(short(a, exact), side - aside, up.at(a), room, false, false));
    /** @type {[number, number | undefined][]} */
    const ghosts = [[side - aside, before?.p[i]]];
    if (two) {
      const v = now.q[i], shown = Math.max(low, Math.min(high, v)), outside = v < 0 || v > 1;
      const fill = outside ? "var(--nw-orange)" : "var(--nw-green)";
      if (q) {
        const title = `${NAMES[method]} gives ${name} ${short(v)}`;
        found.push(bar(side + aside, two * size, up.at(0), up.at(shown), fill, title));
        const under = v < 0 && room > 34; // or there's no room for it below the bar
        found.push(value(short(v, exact), side + aside, up.at(under ? shown : Math.max(0, shown)), room, under,
          outside));
      }
      ghosts.push([side + aside, before?.q?.[i]]);
    }
    for (const [x, v] of ghosts) if (v !== undefined && v >= low && v <= high)
      found.push(line(x - size / 2 - 2, up.at(v), x + size / 2 + 2, up.at(v), { class: "nw-lab-ghost" }));
    if (target >= 0) found.push(...arrow(x, place.push.at, now.push[i], loss === null, each));
  });
  if (target >= 0) {
    const words = loss === null ? "no loss" : `loss −log ${short((q ?? now.p)[target])} = ${number(loss)}`;
    found.push(text("training pushes", 0, place.push.top + 6, "start"),
      place.beside ? text(words, share.from, place.push.at + 4, "start")
        : text(words, place.width, place.push.top + 6, "end"));
  }
  return found;
}

/** How hard a score is pushed, and which way. @param {number} x @param {number} y @param {number} push
 * @param {boolean} none @param {number} room @returns {Mark[]} */
function arrow(x, y, push, none, room) {
  const long = 8 + 32 * Math.min(1, Math.abs(push)), way = push < 0 ? 1 : -1, tip = y + way * long;
  const color = push < 0 ? "var(--nw-orange)" : "var(--nw-blue)";
  if (none || Math.abs(push) < 0.005) {
    const words = none ? "–" : "0";
    return [["circle", { cx: x, cy: y, r: 2.5, fill: "var(--nw-muted)" }], value(words, x, y - 2, room, false, false)];
  }
  return [
    line(x, y, x, tip - way * 6, { stroke: color, "stroke-width": 5 }),
    ["path", { d: `M${near(x - 8)},${near(tip - way * 8)}h16L${near(x)},${near(tip)}z`, fill: color }],
    value(signed(push, 2), x, tip - way * 2, room, push < 0, false),
  ];
}

/** @param {Model} model @returns {number[]} */
function readScores(model) {
  const scores = model.get("scores"), n = model.get("tokens").length;
  /** @param {unknown} v */
  const fits = v => typeof v === "number" && Math.abs(v) <= LIMIT;
  if (Array.isArray(scores) && scores.length === n && scores.every(fits)) return scores;
  const got = JSON.stringify(scores).slice(0, 80);
  throw new Error(`The scores must be ${n} numbers from −${LIMIT} to ${LIMIT}; got ${got}.`);
}

/** What a key does to a score. @param {string} key @param {number} v */
export function keyed(key, v) {
  const steps = { ArrowUp: 0.1, ArrowRight: 0.1, ArrowDown: -0.1, ArrowLeft: -0.1, PageUp: 1, PageDown: -1 };
  const by = steps[/** @type {keyof typeof steps} */ (key)];
  return key === "Home" ? -LIMIT : key === "End" ? LIMIT : by === undefined ? null : tenth(v + by);
}
/** @param {number} v */
const tenth = v => Math.max(-LIMIT, Math.min(LIMIT, Math.round(10 * v) / 10));

export default widget(frame => {
  const { model, root, on, cleanup } = frame, say = announcer(frame), clock = animator(frame);
  /** @type {string[]} */
  const tokens = model.get("tokens"), n = tokens.length, names = tokens.map(visible);
  const gradients = model.get("gradients");
  readScores(model);

  const back = s("g", { "aria-hidden": "true" }), tips = tokens.map((_, i) => tip(i));
  const svg = s("svg", { role: "group", class: "nw-lab-drawing" }, back, tips.map(({ element }) => element));
  const noticed = h("p", { class: "nw-lab-noticed" });
  /** @type {Picture | null} */
  let now = null, goal = /** @type {Picture | null} */ (null);
  let place = layout({ width: 700, n, longest: 0, pushes: false }), facts = /** @type {any} */ (null), atOnce = true;

  /** One score to drag: its tip, and for a mouse its whole column. @param {number} i */
  function tip(i) {
    const column = s("rect", { fill: "transparent" }), hit = s("rect", { fill: "transparent", class: "nw-lab-hit" });
    const pill = s("rect", { height: 11, rx: 5.5, class: "nw-lab-tip" });
    let grabbed = /** @type {number | null} */ (null); // how far from the tip
    /** @param {PointerEvent} event */
    const score = event => scoreScale(place).back(event.clientY - svg.getBoundingClientRect().top - (grabbed ?? 0));
    const element = s("g", {
      role: "slider", tabindex: 0, class: "nw-lab-slider", "aria-label": `score of ${names[i]}`,
      "aria-orientation": "vertical", "aria-valuemin": -LIMIT, "aria-valuemax": LIMIT,
      onpointerdown: event => {
        const onTip = event.target !== column;
        if (event.button || (!onTip && event.pointerType === "touch")) return;
        const from = svg.getBoundingClientRect().top + scoreScale(place).at(readScores(model)[i]);
        grabbed = onTip ? event.clientY - from : 0;
        element.setPointerCapture(event.pointerId);
        element.focus({ preventScroll: true });
        event.preventDefault();
        if (!onTip) change(i, tenth(score(event)));
      },
      onpointermove: event => { if (grabbed !== null) change(i, tenth(score(event))); },
      onlostpointercapture: () => { grabbed = null; },
      onkeydown: event => {
        const to = keyed(event.key, readScores(model)[i]);
        if (to === null || event.ctrlKey || event.metaKey || event.altKey) return;
        event.preventDefault();
        change(i, to);
      },
    }, column, hit, pill);
    return { element, column, hit, pill };
  }
  /** @param {number} i @param {number} v */
  function change(i, v) {
    atOnce = true;
    put(model, { scores: readScores(model).map((old, j) => (j === i ? v : old)) });
  }

  /** @param {Picture} to */
  function draw(to) {
    now = to;
    back.replaceChildren(...drawn(marks(to, place, facts)));
    const y = scoreScale(place), wide = Math.min(46, place.each * 0.62) + 8, top = place.score.top;
    tips.forEach(({ column, hit, pill }, i) => {
      const x = place.score.columns[i], at = y.at(to.scores[i]);
      /** @param {SVGElement} element @param {Record<string, number>} box */
      const set = (element, box) =>
        Object.entries(box).forEach(([name, v]) => element.setAttribute(name, v.toFixed(1)));
      set(column, { x: x - place.each / 2, width: place.each, y: top, height: place.score.bottom - top });
      set(hit, { x: x - place.each / 2, width: place.each, y: at - 22, height: 44 });
      set(pill, { x: x - wide / 2, width: wide, y: at - 5.5 });
    });
  }
  function arrange() {
    const pen = h("canvas").getContext("2d");
    if (pen) pen.font = `${gradients ? 650 : 400} 13px system-ui, sans-serif`;
    const widths = names.map(name => pen?.measureText(name.slice(0, LETTERS)).width ?? 7 * name.length);
    const longest = Math.max(...widths) + (gradients ? 18 : 0);
    place = layout({ width: svg.parentElement?.clientWidth || 700, n, longest, pushes: gradients });
    svg.setAttribute("viewBox", `0 0 ${place.width} ${place.height}`);
    if (now) draw(now);
  }
  const watch = new ResizeObserver(() => {
    if (svg.parentElement && svg.parentElement.clientWidth !== place.width) arrange();
  });
  cleanup(() => watch.disconnect());

  // Under More: everything as a table, and the slopes

  const cells = [...tokens, "sum", "min", "max", "moved"].map(() => ["score", ...METHODS].map(() => h("td")));
  /** @param {string} words */
  const rowHead = words => h("th", { scope: "row" }, words);
  /** @param {string} label @param {...HTMLElement} rows */
  const table = (label, ...rows) =>
    h("div", { class: "nw-lab-scroll", role: "region", tabindex: 0, "aria-label": label },
      h("table", { "aria-label": label }, rows));
  /** @param {string[]} words */
  const headRow = words => h("thead", {}, h("tr", {}, words.map(word => h("th", { scope: "col" }, word))));
  const everything = table("Scores, and what six methods make of them", headRow(["", "score", ...METHODS]),
    h("tbody", {}, names.map((name, i) => h("tr", {}, rowHead(name), cells[i]))),
    h("tfoot", {}, ["sum", "min", "max", "change from the shift"].map((word, i) =>
      h("tr", {}, rowHead(word), cells[n + i]))));
  const all = Array.from({ length: n + 1 }, (_, i) => i), slopes = all.map(() => all.map(() => h("td")));
  const lossName = rowHead(""), says = h("p", { class: "nw-lab-says nw-muted" });
  const jacobian = table("Slopes", headRow(["slope of ↓ when", ...names.map(name => `${name} rises`), "all rise"]),
    h("tbody", {}, slopes.map((row, i) => h("tr", {}, i < n ? rowHead(`p(${names[i]})`) : lossName, row))));
  const push = button("▶ Push", () => {
    const z = readScores(model), shifted = z.map(v => v + model.get("shift"));
    const g = lossGradient(model.get("method"), shifted, model.get("target"), model.get("divided"));
    if (g) put(model, { scores: pushed(z, g) });
  }, { class: "nw-go", title: "One step of gradient descent with a learning rate of 1" });

  root.append(
    primary(gradients ? push : "", choice(frame, "method", "Method",
      METHODS.map(method => [method, NAMES[method]]))),
    h("div", { class: "nw-drawing" }, svg), noticed,
    gradients ? h("div", { class: "nw-row" },
      select(frame, "target", "The right token", names.map((name, i) => [i, name]))) : "",
    more(
      h("div", { class: "nw-row", role: "group", "aria-label": "Example scores" },
        PRESETS.map(([words, make]) => button(words, () => put(model, make(n, model.get("start")))))),
      h("div", { class: "nw-controls" },
        slider(frame, "shift", {
          label: "Add to all scores", low: -100, high: 100, step: 0.5,
          shown: v => (v > 0 ? "+" : "") + number(v),
          to: x => Math.sign(x) * x * x, from: x => Math.sign(x) * Math.sqrt(Math.abs(x)), // finer steps near 0
        }),
        checkbox(frame, "divided", "Divide sigmoid and tanh by their sums")),
      everything, gradients ? [jacobian, says] : ""));

  on("scores shift divided method target", () => {
    const scores = readScores(model), shift = model.get("shift"), divided = model.get("divided");
    /** @type {Method} */
    const method = model.get("method"), target = model.get("target"), z = scores.map(v => v + shift);
    if (!(target < n)) throw new Error(`target must be the position of a token, from 0 to ${n - 1}; got ${target}.`);
    const q = valuesOf(method, z, divided), p = softmax(z), gradient = lossGradient(method, z, target, divided);
    facts = {
      names, method, z, q, shift, target: gradients ? target : -1,
      loss: gradient && q ? 0 - Math.log(q[target]) : null,
      before: shift ? { p: softmax(scores), q: valuesOf(method, scores, divided) } : null,
    };
    goal = picture({ scores, shift, method, divided, target });
    const from = now, to = goal;
    clock.stop();
    if (!from) arrange();
    if (!from || atOnce) draw(to);
    else clock.run(350, x => draw(blend(from, to, eased(x))));
    atOnce = false;

    tips.forEach(({ element }, i) => {
      element.setAttribute("aria-valuenow", String(scores[i]));
      element.setAttribute("aria-valuetext", `${scores[i].toFixed(1)}; ${p[i].toFixed(3)} by softmax`);
    });
    noticed.textContent = gradients ? pushNotice(method, names, q, gradient, target)
      : notice(method, names, z, shift, divided);
    svg.setAttribute("aria-label", `Scores to drag, and the shares that ${method === "softmax" ? "softmax makes"
      : `softmax and ${NAMES[method]} make`} of them`);
    enable(gradient !== null && method !== "argmax", push);
    const rival = method === "softmax" ? "" : ` ${NAMES[method]}: ${q ? names.map((name, i) => `${name} ${short(q[i])}`)
      .join(", ") : "nothing to divide by"}.`;
    say(`Softmax: ${names.map((name, i) => `${name} ${p[i].toFixed(3)}`).join(", ")}.${rival} ${noticed.textContent}`);

    /** @type {((p: number[]) => number)[]} */
    const measures = [sum, p => Math.min(...p), p => Math.max(...p)];
    [null, ...METHODS].forEach((method, k) => {
      const values = method ? valuesOf(method, z, divided) : z;
      cells.forEach((row, i) => {
        const measure = measures[i - n], moved = method && shift ? movedBy(method, z, shift, divided) : 0;
        const v = i === n + 3 ? (method ? moved : null) : !values ? null : i < n ? values[i] : measure(values);
        row[k].textContent = method ? short(v) : v === null ? "" : fixed(v, 1);
        const good = v === null || (i === n ? Math.abs(v - 1) < 1e-9 : i === n + 3 ? v < 1e-9 : v >= 0 && v <= 1);
        row[k].classList.toggle("nw-lab-outside", method !== null && !good);
      });
    });
    if (!gradients) return;
    const slope = jacobianOf(method, z, divided);
    lossName.textContent = `−log p(${names[target]})`;
    slopes.forEach((row, i) => {
      const values = i < n ? slope?.[i] : gradient;
      row.forEach((box, j) => {
        const v = values ? values[j] ?? sum(values) : null;
        box.textContent = v === null ? "–" : signed(v, n <= 4 ? 3 : 2);
        box.style.setProperty("--strength", `${Math.round(45 * Math.min(1, Math.abs(v ?? 0) * (i < n ? 4 : 1)))}%`);
        box.classList.toggle("nw-lab-down", (v ?? 0) < 0);
      });
    });
    says.textContent = explained(method, slope);
  });
  watch.observe(/** @type {Element} */ (svg.parentElement));
});
