// @ts-check
// The stick: the probabilities end to end from 0 to 1, in the vocabulary's order. A dart is a number; it hits a piece.
/** @import { Numbers } from "./types.js" */

/**
 * The stick's pieces. Neighbors that aren't `named` make one piece with id −1.
 * @param {Numbers} p
 * @param {(p: number, id: number) => boolean} named
 */
export function pieces(p, named) {
  /** @type {{ id: number, from: number, to: number }[]} */
  const found = [];
  let at = 0;
  p.forEach((v, id) => {
    if (v === 0) return;
    const before = found.at(-1), from = at;
    at += v;
    if (named(v, id)) found.push({ id, from, to: at });
    else if (before?.id === -1) before.to = at;
    else found.push({ id: -1, from, to: at });
  });
  return found;
}

/**
 * On the way from one distribution to another. x: from 0 to 1
 * @param {Numbers} was @param {Numbers} now @param {number} x
 */
export const between = (was, now, x) => Float64Array.from(now, (v, i) => (1 - x) * was[i] + x * v);
