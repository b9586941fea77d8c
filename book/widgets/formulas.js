// @ts-check
// The book's formulas, as in helpers/sampling.py, with the same rules at the edges; a test runs both on the same cases.
// Numbers are float64 on both sides. Ties go to the token that comes first.
/** @import { Numbers } from "./types.js" */

const ROUNDING = 1e-12; // so that a sum such as 0.3 + 0.3 + 0.3 counts as 0.9

/** @template {Numbers} T @param {T} values @param {(value: number, i: number) => number} f @returns {T} */
const map = (values, f) => /** @type {any} */ (values).map(f);

/** @param {Numbers} values */
export function sum(values) {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i];
  return total;
}

/** @template {Numbers} T @param {T} values @returns {T} */
function normalized(values) {
  const total = sum(values);
  return map(values, v => v / total);
}

/** @param {Numbers} values */
export function argmax(values) {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return best;
}

/**
 * exp(z / temperature) / Σ. Temperature 0 puts everything on the largest logit; −Infinity gets probability 0.
 * @template {Numbers} T @param {T} logits @returns {T}
 */
export function softmax(logits, temperature = 1) {
  const best = argmax(logits), top = logits[best];
  if (temperature === 0) return map(logits, (_, i) => (i === best ? 1 : 0));
  return normalized(map(logits, z => Math.exp((z - top) / temperature)));
}

/** Indices from the largest value to the smallest. @param {Numbers} values */
export const ranking = values => Array.from(values, (_, i) => i).sort((a, b) => values[b] - values[a] || a - b);

/** @template {Numbers} T @param {T} p @param {number[]} ids @returns {T} */
function keep(p, ids) {
  const kept = new Set(ids);
  return normalized(map(p, (v, i) => (kept.has(i) ? v : 0)));
}

/** @template {Numbers} T @param {T} p @param {number} k */
export const topK = (p, k) => keep(p, ranking(p).slice(0, k));

/** `ranking`, until the values sum to `share`: for a large vocabulary, many times as fast as sorting all of them.
 * @param {Numbers} p @param {number} share */
function leading(p, share) {
  for (let limit = 1e-2; limit > 1e-9; limit /= 10) {
    const ids = [];
    let total = 0;
    for (let i = 0; i < p.length; i++) if (p[i] >= limit) { ids.push(i); total += p[i]; }
    if (total > share + 1e-9) return ids.sort((a, b) => p[b] - p[a] || a - b);
  }
  return ranking(p);
}

/** @template {Numbers} T @param {T} p @param {number} share @returns {T} */
export function topP(p, share) {
  if (share === 1) return normalized(p);
  let before = 0;
  return keep(p, leading(p, share).filter((id, i) => {
    const kept = i === 0 || before < share - ROUNDING;
    before += p[id];
    return kept;
  }));
}

/** @template {Numbers} T @param {T} p @param {number} share @returns {T} */
export function minP(p, share) {
  const limit = share * p[argmax(p)];
  return keep(p, ranking(p).filter(id => p[id] >= limit));
}

/**
 * Temperature, then top-k, top-p, min-p. null leaves one out.
 * @template {Numbers} T @param {T} logits
 * @param {{ temperature?: number, top_k?: number | null, top_p?: number | null, min_p?: number | null }} [setting]
 * @returns {T}
 */
export function nextDistribution(logits, { temperature = 1, top_k = null, top_p = null, min_p = null } = {}) {
  let p = softmax(logits, temperature);
  if (top_k !== null) p = topK(p, Math.min(top_k, p.length));
  if (top_p !== null) p = topP(p, top_p);
  if (min_p !== null) p = minP(p, min_p);
  return p;
}

/** In nats. @param {Numbers} p */
export const entropy = p => -sum(map(p, v => (v > 0 ? v * Math.log(v) : 0))) + 0;

/** @param {Numbers} p */
export const perplexity = p => Math.exp(entropy(p));

/**
 * For each u in [0, 1), the first index whose cumulative sum exceeds u · Σ p: one draw from one uniform number.
 * @param {Numbers} p
 * @param {Numbers} us
 * @returns {number[]}
 */
export function drawAll(p, us) {
  let total = 0;
  const ends = map(p, v => (total += v));
  return Array.from(us, u => {
    let low = 0, high = ends.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (ends[middle] > u * total) high = middle; else low = middle + 1;
    }
    return low;
  });
}

/** @param {Numbers} p @param {number} u */
export const draw = (p, u) => drawAll(p, [u])[0];

/** @param {number} x */
export const sigmoid = x => 0.5 * (1 + Math.tanh(0.5 * x));

/**
 * A generator that Python and the page share (`sampling.Mulberry32`): 32 bits of state, uniform numbers in [0, 1).
 * @param {number} seed
 */
export function mulberry32(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
