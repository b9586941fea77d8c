// @ts-check
// Text and numbers the way readers see them, and numbers that travel as text. Pure functions.

/**
 * A token as a label: spaces and line breaks become visible. The same rule as `plots.visible` in Python.
 * @param {unknown} text
 */
export function visible(text) {
  const shown = String(text).replaceAll("\n", "↵").replaceAll("\t", "⇥");
  return shown !== shown.trim() || shown === " " ? shown.replaceAll(" ", "␣") : shown;
}

/** @param {string} text  with a typographic minus sign */
const minus = text => text.replaceAll("-", "−");

/**
 * At least three significant digits: 0.0123, 12.3, 1,230.
 * @param {number} x
 */
export function number(x, digits = 3) {
  if (x === 0) return "0";
  if (!Number.isFinite(x)) return minus(String(x).replace("Infinity", "∞"));
  const size = Math.abs(x);
  if (size >= 1000) return minus(whole(Math.round(x)));
  return minus(size < 1e-4 ? x.toExponential(1) : String(Number(x.toPrecision(digits))));
}

/** 1,234. @param {number} n */
export const whole = n => n.toLocaleString("en-US");

/** "1 token", "1,234 tokens". @param {number} n @param {string} word */
export const count = (n, word) => `${whole(n)} ${word}${n === 1 ? "" : "s"}`;

/** Digits that line up: −0.50. @param {number} x @param {number} digits */
export const fixed = (x, digits) => minus(x.toFixed(digits));

/** A probability with three decimals; one too small for them doesn't look like 0. @param {number} p */
export const share = p => (p === 0 ? "0" : p < 0.0005 ? "<0.001" : p.toFixed(3));

/**
 * Reads what `pack` in base.py wrote.
 * @param {{ shape: number[], low: number, high: number, data: string }} packed
 * @returns {{ shape: number[], values: Float64Array }}
 */
export function unpack({ shape, low, high, data }) {
  const bytes = Uint8Array.from(atob(data), c => c.charCodeAt(0)), n = bytes.length / 2; // all low bytes, then all high
  const value = (/** @type {unknown} */ _, /** @type {number} */ i) =>
    low + (high - low) * (bytes[i] + 256 * bytes[n + i]) / 65535;
  return { shape, values: Float64Array.from({ length: n }, value) };
}

/** The last of a list that isn't empty. @template T @param {ArrayLike<T>} list @returns {T} */
export const last = list => list[list.length - 1];
