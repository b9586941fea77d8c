// @ts-check
// A network with 16 units that learns which letter comes next, small enough to train while a page is being drawn.
// Three letters in; two numbers for each (its embedding); tanh units; a score for each of 27 letters. learning_net.py
// has the same code in NumPy, and the same numbers come out.
import { mulberry32, softmax } from "./formulas.js";

export const LETTERS = 3, CHANNELS = 2, UNITS = 16, V = 27; // letters in, numbers for each, units, letters there are
const BATCH = 32, SORTED = 640; // examples in a step; batches in the list that the bug "sorted" goes through
export const BUGS = ["none", "never clear", "equal start", "sorted", "slope"];

/** @typedef {{ E: Float64Array, W: Float64Array, b: Float64Array, O: Float64Array, c: Float64Array }} Weights */
/** @typedef {{ tanh: boolean, off: number[], bug: string, rate: number }} Options */
/**
 * losses: of each step's batch. grads: what the last backward pass left; order: the examples for the bug "sorted".
 * @typedef {{ ids: Uint8Array, weights: Weights, grads: Weights, random: () => number, losses: number[],
 *   order: Uint32Array | null }} Net
 */

/** Letters as numbers: 0 for a space, 1 to 26 for a to z; anything else separates words. @param {string} text */
export function lettersOf(text) {
  const plain = text.toLowerCase().replace(/[^a-z]+/g, " ");
  return Uint8Array.from(plain, c => (c === " " ? 0 : c.charCodeAt(0) - 96));
}

/** The three letters that are read; a blank for anything else, and for what's missing. @param {string} context */
export const contextOf = context => Uint8Array.from(context.toLowerCase().padStart(LETTERS).slice(-LETTERS),
  c => (/[a-z]/.test(c) ? c.charCodeAt(0) - 96 : 0));

/** @param {number} id */
export const letter = id => (id ? String.fromCharCode(96 + id) : "␣");

/** @returns {Weights} */
const empty = () => ({ E: new Float64Array(V * CHANNELS), W: new Float64Array(LETTERS * CHANNELS * UNITS),
  b: new Float64Array(UNITS), O: new Float64Array(UNITS * V), c: new Float64Array(V) });

/** A network before its first step. @param {string} text @param {number} seed @param {string} bug @returns {Net} */
export function begin(text, seed, bug = "none") {
  const ids = lettersOf(text), random = mulberry32(seed), weights = empty();
  if (ids.length <= LETTERS) throw new Error(`The text needs at least ${LETTERS + 1} letters; got ${ids.length}.`);
  /** @param {Float64Array} values @param {number} most */
  const fill = (values, most) => {
    for (let i = 0; i < values.length; i++) values[i] = bug === "equal start" ? 0.1 : most * (2 * random() - 1);
  };
  fill(weights.E, 1.7); // the same spread as a normal number's, about
  fill(weights.W, 0.7);
  fill(weights.O, 0.13);
  return { ids, weights, grads: empty(), random, losses: [], order: null };
}

/**
 * The units and the scores for some letters. drive: what reaches each unit, before its tanh.
 * @param {Weights} weights @param {ArrayLike<number>} ids  LETTERS of them @param {Options} options
 */
export function forward({ E, W, b, O, c }, ids, { tanh, off }) {
  const drive = Float64Array.from(b), scores = Float64Array.from(c);
  for (let t = 0; t < LETTERS; t++)
    for (let k = 0; k < CHANNELS; k++) {
      const value = E[ids[t] * CHANNELS + k], row = (t * CHANNELS + k) * UNITS;
      for (let u = 0; u < UNITS; u++) drive[u] += value * W[row + u];
    }
  const units = drive.map((x, u) => (off.includes(u) ? 0 : tanh ? Math.tanh(x) : x));
  for (let u = 0; u < UNITS; u++) for (let v = 0; v < V; v++) scores[v] += units[u] * O[u * V + v];
  return { drive, units, scores };
}

/** The examples, sorted by the letter to predict: what the bug "sorted" trains on. @param {Net} net */
function sorted(net) {
  const at = Array.from({ length: SORTED * BATCH }, () => place(net));
  return Uint32Array.from(at.sort((a, b) => net.ids[a + LETTERS] - net.ids[b + LETTERS] || a - b));
}
/** Where an example begins. @param {Net} net */
const place = ({ ids, random }) => Math.floor(random() * (ids.length - LETTERS));

/**
 * One step: a batch forward, its gradients backward, and all numbers a little downhill.
 * @param {Net} net @param {Options} options
 */
export function step(net, options) {
  const { ids, weights, grads, losses } = net, { tanh, off, bug, rate } = options, { E, W, b, O, c } = grads;
  if (bug !== "never clear") for (const values of Object.values(grads)) values.fill(0);
  if (bug === "sorted") net.order ??= sorted(net);
  let total = 0;
  for (let n = 0; n < BATCH; n++) {
    const at = bug === "sorted" && net.order
      ? net.order[(losses.length % SORTED) * BATCH + n] : place(net);
    const seen = ids.subarray(at, at + LETTERS), target = ids[at + LETTERS];
    const { units, scores } = forward(weights, seen, options), p = softmax(scores);
    total -= Math.log(p[target]);
    const slopes = new Float64Array(UNITS); // of the loss, for what reaches each unit
    for (let v = 0; v < V; v++) {
      const g = (p[v] - (v === target ? 1 : 0)) / BATCH;
      c[v] += g;
      for (let u = 0; u < UNITS; u++) {
        O[u * V + v] += units[u] * g;
        slopes[u] += weights.O[u * V + v] * g;
      }
    }
    for (let u = 0; u < UNITS; u++) {
      if (off.includes(u)) slopes[u] = 0;
      else if (tanh && bug !== "slope") slopes[u] *= 1 - units[u] ** 2;
      b[u] += slopes[u];
    }
    for (let t = 0; t < LETTERS; t++)
      for (let k = 0; k < CHANNELS; k++) {
        const from = seen[t] * CHANNELS + k, row = (t * CHANNELS + k) * UNITS;
        for (let u = 0; u < UNITS; u++) {
          W[row + u] += weights.E[from] * slopes[u];
          E[from] += weights.W[row + u] * slopes[u];
        }
      }
  }
  for (const name of /** @type {(keyof Weights)[]} */ (["E", "W", "b", "O", "c"]))
    weights[name].forEach((_, i) => { weights[name][i] -= rate * grads[name][i]; });
  losses.push(total / BATCH);
}

/** Whether the numbers have run away, so that no step can bring them back. @param {Net} net */
export const broken = ({ losses }) => losses.length > 0 && !(losses[losses.length - 1] < 50);

/**
 * The groups of letters from the text that drive each unit up and down the most: [up, down] for each.
 * @param {Net} net @param {Options} options @returns {[string, string][]}
 */
export function exciting({ ids, weights }, options, looked = 300) {
  const most = Array.from({ length: UNITS }, () => ({ up: -Infinity, down: Infinity, high: 0, low: 0 }));
  const apart = Math.max(1, Math.floor((ids.length - LETTERS) / looked));
  for (let at = 0; at < ids.length - LETTERS; at += apart) {
    const { drive } = forward(weights, ids.subarray(at, at + LETTERS), options);
    most.forEach((unit, u) => {
      if (drive[u] > unit.up) [unit.up, unit.high] = [drive[u], at];
      if (drive[u] < unit.down) [unit.down, unit.low] = [drive[u], at];
    });
  }
  const shown = (/** @type {number} */ at) => Array.from(ids.subarray(at, at + LETTERS), letter).join("");
  return most.map(({ high, low }) => [shown(high), shown(low)]);
}

/**
 * The mean loss at places spread evenly over the text, whatever the batches are.
 * @param {Net} net @param {Options} options
 */
export function textLoss({ ids, weights }, options, looked = 500) {
  const apart = Math.max(1, Math.floor((ids.length - LETTERS) / looked));
  let total = 0, n = 0;
  for (let at = 0; at < ids.length - LETTERS; at += apart, n++)
    total -= Math.log(softmax(forward(weights, ids.subarray(at, at + LETTERS), options).scores)[ids[at + LETTERS]]);
  return total / n;
}

/** The loss of counting pairs of letters in this text, in nats: chapter 1's bigram. @param {Uint8Array} ids */
export function bigramLoss(ids) {
  const pairs = new Float64Array(V * V), single = new Float64Array(V);
  for (let i = 1; i < ids.length; i++) {
    pairs[ids[i - 1] * V + ids[i]]++;
    single[ids[i - 1]]++;
  }
  let total = 0;
  for (let i = 1; i < ids.length; i++) total -= Math.log(pairs[ids[i - 1] * V + ids[i]] / single[ids[i - 1]]);
  return total / (ids.length - 1);
}
