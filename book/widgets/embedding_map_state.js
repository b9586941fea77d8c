// @ts-check
// Where words lie and which are near: the arithmetic of embedding_map.js, as in embedding_map.py.
import { fromBase64 } from "./model.js";

/**
 * rows: the tables, centered.
 * @typedef {{ K: number, W: number, C: number, rows: Float32Array[], directions: number[][] }} Space
 */

/**
 * The tables that Python packed, each centered on its own mean.
 * @param {{ shape: number[], data: string }} packed @param {number[][]} directions @returns {Space}
 */
export function unpacked({ shape: [K, W, C], data }, directions) {
  const bytes = fromBase64(data), whole = new Int8Array(bytes.buffer, 0, K * W * C);
  const scales = new Float32Array(bytes.buffer.slice(K * W * C)), rows = [];
  for (let k = 0; k < K; k++) {
    const table = new Float32Array(W * C), mean = new Float64Array(C);
    for (let w = 0; w < W; w++)
      for (let c = 0; c < C; c++) mean[c] += (table[w * C + c] = whole[(k * W + w) * C + c] * scales[k * W + w]) / W;
    for (let i = 0; i < W * C; i++) table[i] -= mean[i % C];
    rows.push(table);
  }
  return { K, W, C, rows, directions };
}

/** Where all words are on the map at moment k: [x, y] for each. @param {Space} space @param {number} k */
export function places({ W, C, rows, directions }, k) {
  return Array.from({ length: W }, (_, w) => directions.map(direction => {
    let at = 0;
    for (let c = 0; c < C; c++) at += rows[k][w * C + c] * direction[c];
    return at;
  }));
}

/** The share of the variance that the map keeps at moment k. @param {Space} space @param {number} k */
export function kept(space, k) {
  let all = 0, seen = 0;
  for (const value of space.rows[k]) all += value * value;
  for (const [x, y] of places(space, k)) seen += x * x + y * y;
  return all ? seen / all : 0;
}

/** The cosine of each word with a vector, in all directions. @param {Space} space @param {number} k
 * @param {ArrayLike<number>} vector */
export function cosines({ W, C, rows }, k, vector) {
  let length = 0;
  for (let c = 0; c < C; c++) length += vector[c] ** 2;
  return Float64Array.from({ length: W }, (_, w) => {
    let dot = 0, own = 0;
    for (let c = 0; c < C; c++) {
      dot += rows[k][w * C + c] * vector[c];
      own += rows[k][w * C + c] ** 2;
    }
    return own && length ? dot / Math.sqrt(own * length) : 0;
  });
}

/** One word's embedding at moment k. @param {Space} space @param {number} k @param {number} w */
export const rowOf = ({ C, rows }, k, w) => rows[k].subarray(w * C, (w + 1) * C);

/**
 * The n words most like a vector, largest cosine first; `not`: words that don't count.
 * @param {Space} space @param {number} k @param {ArrayLike<number>} vector @param {number[]} not
 * @returns {{ word: number, cosine: number }[]}
 */
export function nearest(space, k, vector, not, n = 10) {
  const similar = cosines(space, k, vector);
  return Array.from(similar, (cosine, word) => ({ word, cosine })).filter(({ word }) => !not.includes(word))
    .sort((a, b) => b.cosine - a.cosine || a.word - b.word).slice(0, n);
}

/**
 * Which labels there's room for: greedy, in the order given. boxes: [left, top, width, height] of each label.
 * @param {number[][]} boxes @param {number[]} order @returns {Set<number>}
 */
export function roomFor(boxes, order) {
  const shown = new Set(), taken = /** @type {number[][]} */ ([]);
  for (const i of order) {
    const [x, y, w, h] = boxes[i];
    if (taken.some(([a, b, c, d]) => x < a + c && a < x + w && y < b + d && b < y + h)) continue;
    taken.push(boxes[i]);
    shown.add(i);
  }
  return shown;
}

/** The word nearest to a point on the map, within `most` pixels; −1: none. @param {number[][]} at @param {number} x
 * @param {number} y */
export function under(at, x, y, most = 28) {
  let best = -1, least = most;
  at.forEach(([a, b], i) => {
    const far = Math.hypot(a - x, b - y);
    if (far < least) [best, least] = [i, far];
  });
  return best;
}

/**
 * The next word in a direction, for the arrow keys: near, and not too far to the side; −1: none.
 * @param {number[][]} at @param {number} from @param {number} dx @param {number} dy
 */
export function toward(at, from, dx, dy) {
  let best = -1, least = Infinity;
  at.forEach(([x, y], i) => {
    const ahead = (x - at[from][0]) * dx + (y - at[from][1]) * dy;
    const aside = Math.abs((x - at[from][0]) * dy) + Math.abs((y - at[from][1]) * dx);
    const cost = ahead + 2.5 * aside;
    if (i !== from && ahead > 1 && cost < least) [best, least] = [i, cost];
  });
  return best;
}
