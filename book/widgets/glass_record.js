// @ts-check
// A model that's too large for a page to run here: what it computed for one text, recorded by recording.py, in the
// shape that glass_model.js has. Lanes after the prompt appear one at a time. Left out: switches, and other texts.
/** @import { Spot } from "./glass_place.js" */
/** @import { Explained } from "./glass_lens.js" */
import { shown, stageName } from "./glass_lens.js";
import { UNTOUCHED } from "./glass_model.js";
import { share, unpack } from "./text.js";

/**
 * ids: the prompt's and those that follow. next: after each token, [id, probability, sum of those before it in the
 * vocabulary] of the largest, and of the one that followed. blocks: which of the model's blocks are here, from 1.
 * @typedef {Parameters<typeof unpack>[0]} Packed
 * @typedef {{ config: import("./model.js").Config, ids: number[], prompt: number, labels: Record<string, string>,
 *   blocks: number[], stream: Packed[], weights: Packed[], next: [number, number, number][][], us: number[] }} Record_
 */

/** @param {Record_} record */
export function recorded({ config: { heads: H, channels: C, vocab_size: V }, ids, blocks: names, stream, weights }) {
  const L = names.length,
    N = ids.length;
  let held = /** @type {number[]} */ ([]);
  return {
    C,
    H,
    L,
    N,
    V,
    D: C / H,
    names,
    switches: UNTOUCHED,
    stream: stream.map(packed => Float32Array.from(unpack(packed).values)),
    blocks: weights.map(packed => ({ weights: Float32Array.from(unpack(packed).values) })),
    get ids() {
      return held;
    },
    /** @param {number[]} given */
    feed(given) {
      const stage = given.length === held.length ? Infinity : 0;
      held = given;
      return { stage, lane: 0 };
    },
  };
}

/** A size that stands for "large" where a few channels are a thousand times as large as the rest.
 * @param {Float32Array} values */
export function middleSize(values) {
  const sorted = Float32Array.from(values, Math.abs).sort();
  return 4 * sorted[sorted.length >> 1] || 1;
}

/**
 * @param {ReturnType<typeof recorded>} g @param {Spot | { kind: "word", lane: number, id: number }} spot
 * @param {(t: number) => string} name  a token in quotes @param {string} word  in quotes @param {number} p
 * @returns {Explained}
 */
export function explainRecorded(g, spot, name, word, p) {
  const { C, N, names } = g,
    t = spot.lane,
    page = /** @type {const} */ ("record");
  if (spot.kind === "word")
    return {
      title: `How likely ${word} is`,
      chapter: page,
      vectors: [],
      lines: [`The model gives ${word} the probability ${share(p)} after ${name(t)}.`],
    };
  if (spot.kind === "look") {
    const { block, head, from } = spot,
      row = g.blocks[block].weights.subarray((head * N + t) * N, (head * N + t) * N + t + 1);
    const line = `${name(t)} gives ${name(from)} ${shown(row[from], 3)} of this head's attention.`;
    return {
      title: `Head ${head + 1} of block ${names[block]}: how much ${name(t)} attends to ${name(from)}`,
      lines: [line],
      vectors: [{ name: "all its weights", values: row }],
      chapter: page,
    };
  }
  const stage = spot.kind === "cell" ? spot.stage : 0,
    values = g.stream[stage].subarray(t * C, (t + 1) * C);
  return {
    title: `Channel ${spot.index} of ${name(t)}, after ${stageName(stage, names)}`,
    lines: [`${shown(values[spot.index], 3)}, one of ${C} numbers.`],
    vectors: [{ name: "the stream", values }],
    chapter: page,
  };
}
