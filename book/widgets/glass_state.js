// @ts-check
// What the reader of a glass GPT has set, as plain data: switches, moved channels, the spot that's picked.
// Pure functions.
/** @import { Spot } from "./glass_place.js" */

/** A list with `item` if it wasn't there, and without it if it was. @template T @param {T[]} list @param {T} item */
export function toggled(list, item) {
  const key = JSON.stringify(item),
    rest = list.filter(one => JSON.stringify(one) !== key);
  return rest.length === list.length ? [...list, item] : rest;
}

/** The nudges with this amount at one spot; 0 takes it away.
 * @param {number[][]} nudges @param {number} stage @param {number} t @param {number} c @param {number} amount */
export function nudgedAt(nudges, stage, t, c, amount) {
  const rest = nudges.filter(([s, lane, channel]) => s !== stage || lane !== t || channel !== c);
  return Math.abs(amount) < 1e-9 ? rest : [...rest, [stage, t, c, amount]];
}

/**
 * Lists from a link may hold anything: whatever isn't a part of this model is dropped.
 * @param {Record<string, any>} given @param {{ L: number, H: number, C: number, N: number }} size
 */
export function switchesFrom({ heads_off, mlps_off, positions, mask, nudges }, { L, H, C, N }) {
  const within = (/** @type {any} */ x, /** @type {number} */ low, /** @type {number} */ high) =>
    Number.isInteger(x) && x >= low && x <= high;
  const rows = (/** @type {any} */ list) => (Array.isArray(list) ? list.filter(Array.isArray) : []);
  return {
    heads: rows(heads_off)
      .filter(([b, one]) => within(b, 1, L) && within(one, 1, H))
      .map(([b, one]) => [b - 1, one - 1]),
    mlps: (Array.isArray(mlps_off) ? mlps_off : []).filter(b => within(b, 1, L)).map(b => b - 1),
    positions,
    mask,
    nudges: rows(nudges)
      .filter(
        ([s, t, c, a]) => within(s, 0, 2 * L) && within(t, 0, N - 1) && within(c, 0, C - 1) && Number.isFinite(a),
      )
      .slice(0, 50),
  };
}

/**
 * What the trait `pick` says, for a lane: ["cell", stage, channel], ["sum", part, channel],
 * ["look", block, head, token], ["unit", block, unit], or ["word", id]. null if the model has no such spot.
 * @param {any[]} pick @param {number} lane @param {{ L: number, H: number, C: number, V: number, T: number }} size
 * @returns {Spot | { lane: number, kind: "word", id: number } | null}
 */
export function spotFrom([kind, ...at], lane, { L, H, C, V, T }) {
  const below = (/** @type {number[]} */ ...tops) =>
    tops.every((top, i) => Number.isInteger(at[i]) && at[i] >= 0 && at[i] < top);
  if (kind === "cell" && below(2 * L + 1, C)) return { lane, kind, stage: at[0], index: at[1] };
  if (
    kind === "sum" &&
    (at[0] === "token" || at[0] === "position") &&
    Number.isInteger(at[1]) &&
    at[1] >= 0 &&
    at[1] < C
  )
    return { lane, kind, part: at[0], index: at[1] };
  if (kind === "look" && below(L, H, T)) return { lane, kind, block: at[0], head: at[1], from: at[2] };
  if (kind === "unit" && below(L, 4 * C)) return { lane, kind, block: at[0], index: at[1] };
  if (kind === "word" && below(V)) return { lane, kind, id: at[0] };
  return null;
}

/** Where a `pick` keeps the cell of its vectors that's locked; a channel is one. @param {any[]} pick */
export const atOf = ([kind]) => ({ look: 4, unit: 3 })[/** @type {string} */ (kind)] ?? 2;

/** @param {Spot | { kind: "word", id: number }} spot */
export const pickOf = spot =>
  spot.kind === "cell"
    ? ["cell", spot.stage, spot.index]
    : spot.kind === "sum"
      ? ["sum", spot.part, spot.index]
      : spot.kind === "look"
        ? ["look", spot.block, spot.head, spot.from]
        : spot.kind === "unit"
          ? ["unit", spot.block, spot.index]
          : ["word", spot.id];
