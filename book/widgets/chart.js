// @ts-check
// Charts: small pure functions from data to marks. A mark is [tag, attributes, ...children]: an SVG element that isn't
// drawn yet. `drawn` in dom.js draws it. Left out: legends, and anything that moves.
/** @import { Axis, Attributes, Mark, Scale } from "./types.js" */
import { number } from "./text.js";

export const COLORS = ["blue", "orange", "green", "purple", "gold"].map(name => `var(--nw-${name})`);
export const DASHES = ["", "7 3", "2 3", "9 3 2 3"];

const FAR = 5000; // pixels: nothing is drawn farther out, where renderers stumble

/** @type {Record<string, [even: (v: number) => number, back: (u: number) => number]>} */
const KINDS = {
  linear: [v => v, u => u],
  log: [v => Math.log(Math.max(v, Number.MIN_VALUE)), Math.exp],
  log1p: [Math.log1p, Math.expm1],
};

/**
 * Maps the data from low to high onto the pixels from start to end.
 * @param {Axis} axis
 * @param {number} start
 * @param {number} end
 * @returns {Scale}
 */
export function scale({ low, high, kind = "linear" }, start, end) {
  const [even, back] = KINDS[kind], from = even(low), span = even(high) - from;
  return {
    at: v => start + (even(v) - from) / span * (end - start),
    back: pixels => back(from + (pixels - start) / (end - start) * span),
    ticks: about => (kind === "linear" ? ticks(low, high, about)
      : kind === "log" ? logTicks(low, high, about) : [0, ...logTicks(1, high, about)]),
  };
}

/** Round numbers in range, about `count` of them: steps of 1, 2, or 5 times a power of ten.
 * @param {number} low @param {number} high @param {number} count */
export function ticks(low, high, count) {
  const rough = (high - low) / Math.max(1, count), power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find(f => f * power >= rough * 0.999) ?? 10), found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++)
    found.push(Number((i * step).toPrecision(12)));
  return found;
}

/** The same on a logarithmic axis: 1, 2, 5, 10, 20, …, or only powers of ten where those would be too many.
 * @param {number} low @param {number} high @param {number} count */
export function logTicks(low, high, count) {
  const found = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++)
    for (const f of [1, 2, 5]) {
      const tick = Number((f * 10 ** power).toPrecision(12));
      if (tick >= low * 0.999 && tick <= high * 1.001) found.push(tick);
    }
  if (found.length <= count) return found;
  const powers = found.filter(tick => Number.isInteger(Math.round(Math.log10(tick) * 1e9) / 1e9));
  const skip = Math.ceil(powers.length / count);
  return powers.filter((_, i) => i % skip === 0);
}

/**
 * Two axes: their scales, the box between them, and the marks of their ticks, with or without a grid.
 * @param {{ width: number, height: number, left: number, right: number, top: number, bottom: number,
 *   x: Axis, y: Axis, grid?: boolean }} options  left, right, top, bottom: margins in pixels
 */
export function axes({ width, height, left, right, top, bottom, x, y, grid = true }) {
  const box = { left, top, right: width - right, bottom: height - bottom };
  const across = scale(x, box.left, box.right), up = scale(y, box.bottom, box.top);
  /** @type {Mark[]} */
  const marks = [];
  for (const tick of y.ticks ?? up.ticks(y.about ?? 5)) {
    const at = up.at(tick);
    if (grid) marks.push(line(box.left, at, box.right, at, { class: "nw-grid" }));
    marks.push(text((y.text ?? number)(tick), box.left - 5, at + 4, "end"));
  }
  for (const tick of x.ticks ?? across.ticks(x.about ?? 5)) {
    const at = across.at(tick), words = (x.text ?? number)(tick);
    if (grid) marks.push(line(at, box.top, at, box.bottom, { class: "nw-grid" }));
    marks.push(text(words, at, box.bottom + 16, at + 3.5 * words.length > width ? "end" : "middle"));
  }
  return { x: across, y: up, box, marks };
}

/** @param {number} x1 @param {number} y1 @param {number} x2 @param {number} y2 @param {Attributes} [more]
 * @returns {Mark} */
export const line = (x1, y1, x2, y2, more = {}) => ["line", { x1, y1, x2, y2, ...more }];

/** A label. @param {string} words @param {number} x @param {number} y @param {"start" | "middle" | "end"} anchor
 * @param {Attributes} [more] @returns {Mark} */
export const text = (words, x, y, anchor, more = {}) =>
  ["text", { x, y, "text-anchor": anchor, class: "nw-muted", ...more }, words];

/** The `d` of a path through some points. @param {number[][]} points */
export const path = points => points.map(([x, y], i) => `${i ? "L" : "M"}${near(x)},${near(y)}`).join("");

/** @param {number} x */
export const near = x => Math.max(-FAR, Math.min(FAR, x)).toFixed(1);

/**
 * The same where points above the top aren't followed, except by the one that leaves and the one that comes back.
 * gone: the index of the first that left, or null.
 * @param {[x: number, y: number, over: boolean][]} points
 */
export function penPath(points) {
  let d = "", down = false;
  const gone = points.findIndex(([, , over]) => over);
  points.forEach(([x, y, over], i) => {
    d += `${down ? "L" : "M"}${near(x)},${near(y)}`;
    down = !(over && points[i + 1]?.[2]);
  });
  return { d, gone: gone < 0 ? null : gone };
}

/**
 * A dot in one of four shapes, so that color isn't all that tells series apart.
 * @param {number} series @param {number} x @param {number} y @param {Attributes} [more] @returns {Mark}
 */
export function dot(series, x, y, more = {}) {
  const r = 4.5, shapes = [
    `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0z`,
    `M${x - r + 0.5} ${y - r + 0.5}h${2 * r - 1}v${2 * r - 1}h${1 - 2 * r}z`,
    `M${x} ${y - r - 1}l${r + 1} ${2 * r}h${-2 * r - 2}z`,
    `M${x} ${y - r - 1}l${r + 1} ${r + 1}l${-r - 1} ${r + 1}l${-r - 1} ${-r - 1}z`,
  ];
  return ["path", { d: shapes[series % shapes.length], ...more }];
}
