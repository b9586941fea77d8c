// @ts-check
// Where everything in the picture of a GPT is, and what is at a point. Pure functions. Wide: a lane for each token,
// from left to right. Narrow: one token's lane, from top to bottom.

/**
 * One column of the picture. stage: which stage of the stream a strip shows; block: whose attention or MLP it is.
 * @typedef {{ kind: "token" | "position" | "strip" | "attention" | "mlp", stage: number, block: number }} Part
 * @typedef {Part & { x: number, y: number, w: number, h: number }} Placed
 * @typedef {{ y: number, h: number }} Lane
 * @typedef {{ narrow: boolean, width: number, height: number, parts: Placed[], lanes: Lane[], lane: number,
 *   heads: number, T: number }} Places
 * @typedef {{ lane: number, kind: "cell", stage: number, index: number }
 *   | { lane: number, kind: "sum", part: "token" | "position", index: number }
 *   | { lane: number, kind: "look", block: number, head: number, from: number }
 *   | { lane: number, kind: "unit", block: number, index: number }} Spot
 */

export const NARROW = 620; // pixels: in a figure not as wide as this, one lane from top to bottom
const LABELS = 84,
  END = 10; // left of the lanes for the tokens, right of them
const BIG = 100,
  SMALL = 48,
  LEAST = 7,
  TALL = 440; // pixels: the chosen lane, the others, all of them while they fit
const SHARE = { token: 1, position: 1, strip: 1, attention: 1.7, mlp: 1.2 }; // of the width

/**
 * In how many rows a lane draws the n numbers of a part: close to square cells where there's room, and full rows.
 * @param {number} n @param {Part["kind"]} kind @param {boolean} chosen @param {boolean} narrow
 */
export function rowsOf(n, kind, chosen, narrow) {
  let rows = kind === "mlp" ? (chosen && !narrow ? 16 : 8) : !chosen ? 1 : narrow ? 4 : 8;
  while (n % rows) rows--;
  return rows;
}

/**
 * From left to right. The embedding's two summands show only when it's what the picture is about; a recording
 * has neither them nor MLPs (`mlp`).
 * @param {number} L @param {string} focus @param {boolean} mlp @returns {Part[]}
 */
export function partsOf(L, focus, mlp) {
  /** @type {Part[]} */
  const parts =
    focus === "embedding" && mlp
      ? [
          { kind: "token", stage: 0, block: 0 },
          { kind: "position", stage: 0, block: 0 },
        ]
      : [];
  parts.push({ kind: "strip", stage: 0, block: 0 });
  for (let block = 0; block < L; block++) {
    parts.push({ kind: "attention", stage: 2 * block + 1, block }, { kind: "strip", stage: 2 * block + 1, block });
    if (mlp) parts.push({ kind: "mlp", stage: 2 * block + 2, block });
    parts.push({ kind: "strip", stage: 2 * block + 2, block });
  }
  return parts;
}

/** Whether a part is what the picture is about. @param {Part} part @param {string} focus @param {number} L */
export const inFocus = ({ kind, stage }, focus, L) =>
  focus === "" ||
  kind === focus ||
  (focus === "embedding" && stage === 0 && kind !== "attention") ||
  (focus === "logits" && stage === 2 * L && kind === "strip");

/**
 * @param {{ width: number, T: number, lane: number, L: number, H: number, focus?: string,
 *   narrow?: boolean, mlp?: boolean }} size  mlp: whether there are MLPs to show
 * @returns {Places}
 */
export function places({ width, T, lane, L, H, focus = "", narrow = width < NARROW, mlp = true }) {
  const parts = partsOf(L, focus, mlp);
  if (narrow) {
    const HEAD = 52,
      high = { token: 34, position: 34, strip: 34, attention: focus === "attention" ? 130 : 92, mlp: 48 };
    let y = 0;
    const placed = parts.map(part => {
      y += part.kind === "strip" && part.stage > 0 ? 4 : HEAD;
      const at = { ...part, x: 0, y, w: width, h: high[part.kind] };
      y += at.h;
      return at;
    });
    return { narrow, width, height: y + 4, parts: placed, lanes: [{ y: 0, h: y }], lane, heads: H, T };
  }
  const small = Math.max(LEAST, Math.min(SMALL, (TALL - BIG) / Math.max(1, T - 1))),
    gap = small > 12 ? 3 : 1;
  let y = 0;
  const lanes = Array.from({ length: T }, (_, t) => {
    const h = t === lane ? BIG : small,
      at = { y, h: h - gap };
    y += h;
    return at;
  });
  const share = (/** @type {Part} */ part) =>
    SHARE[part.kind] * (focus && inFocus(part, focus, L) ? (focus === "attention" ? 2.2 : 1.6) : 1);
  const all = parts.reduce((sum, part) => sum + share(part), 0),
    space = 7;
  const unit = (width - LABELS - END - space * (parts.length - 1)) / all;
  let x = LABELS;
  const placed = parts.map(part => {
    const w = unit * share(part),
      at = { ...part, x, y: 0, w, h: y };
    x += w + space;
    return at;
  });
  return { narrow, width, height: y, parts: placed, lanes, lane, heads: H, T };
}

/** Where a part shows a token's numbers. @param {Places} places @param {Placed} part @param {number} t */
export function boxOf({ narrow, lanes }, part, t) {
  return narrow ? part : { ...part, y: lanes[t].y, h: lanes[t].h };
}

/**
 * The ends of a ribbon: from the token that is looked at to the lane that looks, where each head has a track.
 * @param {Places} places @param {Placed} part @param {number} head @param {number} from
 */
export function ribbon(places, part, head, from) {
  const track = (head + 0.5) / places.heads,
    { lanes, lane } = places;
  if (places.narrow) {
    const x = ((from + 0.5) / places.T) * places.width;
    return { x0: x, y0: part.y + 16, x1: part.x + track * part.w, y1: part.y + part.h };
  }
  const { y, h } = lanes[from],
    to = lanes[lane];
  const y0 = from === lane ? y + track * h : y + h / 2;
  return { x0: part.x, y0, x1: part.x + part.w, y1: to.y + track * to.h };
}

/** How wide a ribbon of weight 1 is. @param {Places} places */
export const thickness = ({ narrow, lanes, lane, heads }) =>
  Math.min(24, (0.9 * (narrow ? 80 : lanes[lane].h)) / heads);

/** A point of a ribbon, s from 0 to 1. @param {ReturnType<typeof ribbon>} ends @param {number} s */
export function along({ x0, y0, x1, y1 }, s, narrow = false) {
  const a = (1 - s) ** 3,
    b = 3 * s * (1 - s) ** 2,
    c = 3 * s * s * (1 - s),
    d = s ** 3;
  const [xa, xb, ya, yb] = narrow ? [x0, x1, (y0 + y1) / 2, (y0 + y1) / 2] : [(x0 + x1) / 2, (x0 + x1) / 2, y0, y1];
  return [a * x0 + b * xa + c * xb + d * x1, a * y0 + b * ya + c * yb + d * y1];
}

/**
 * What is at a point, or null. weight(block, head, from): how much the chosen lane looks there.
 * @param {Places} places @param {number} x @param {number} y @param {{ C: number }} size
 * @param {(block: number, head: number, from: number) => number} weight
 * @returns {Spot | null}
 */
export function spotAt(places, x, y, { C }, weight) {
  const { narrow, parts, lanes } = places;
  const part = parts.find(p => x >= p.x && x < p.x + p.w && y >= p.y && y < p.y + p.h);
  const t = narrow ? places.lane : lanes.filter(lane => lane.y <= y).length - 1;
  if (!part || t < 0) return null;
  if (part.kind === "attention") return ribbonAt(places, part, x, y, weight);
  const box = boxOf(places, part, t),
    big = t === places.lane;
  const across = (x - box.x) / box.w,
    down = Math.min(0.999, (y - box.y) / box.h);
  const n = part.kind === "mlp" ? 4 * C : C,
    rows = rowsOf(n, part.kind, big, narrow);
  const index = Math.min(n - 1, Math.floor(down * rows) * (n / rows) + Math.floor((across * n) / rows));
  if (part.kind === "mlp") return { lane: t, kind: "unit", block: part.block, index };
  if (part.kind === "strip") return { lane: t, kind: "cell", stage: part.stage, index };
  return { lane: t, kind: "sum", part: part.kind, index };
}

/** The heaviest ribbon close to a point. @param {Places} places @param {Placed} part @param {number} x
 * @param {number} y @param {(block: number, head: number, from: number) => number} weight @returns {Spot | null} */
function ribbonAt(places, part, x, y, weight) {
  const wide = thickness(places);
  let found = /** @type {Spot | null} */ (null),
    best = 0;
  for (let head = 0; head < places.heads; head++)
    for (let from = 0; from < places.T; from++) {
      const w = weight(part.block, head, from);
      if (w < best || w < 0.004) continue;
      const ends = ribbon(places, part, head, from),
        size = Math.max(7, (w * wide) / 2 + 2);
      let near = false;
      for (let s = 0; s <= 1 && !near; s += 1 / 16) {
        const [px, py] = along(ends, s, places.narrow),
          [a, b] = places.narrow ? [y - py, x - px] : [x - px, y - py];
        near = Math.abs(a) <= (places.narrow ? part.h : part.w) / 32 + 1 && Math.abs(b) <= size;
      }
      if (near) {
        best = w;
        found = { lane: places.lane, kind: "look", block: part.block, head, from };
      }
    }
  return found;
}

/**
 * How far a wave has come: the front moves over the lane, then the dart falls, then the word joins the text.
 * @param {number} share  of the whole time, 0 to 1
 */
export function waveAt(share) {
  const between = (/** @type {number} */ a, /** @type {number} */ b) =>
    Math.max(0, Math.min(1, (share - a) / (b - a)));
  return { front: between(0, 0.62), dart: between(0.62, 0.82), join: between(0.82, 1) };
}
