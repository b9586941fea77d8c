// @ts-check
// The arithmetic behind one spot of the picture, as text and vectors. Pure functions. Decimals are chosen so that a
// reader who computes with the numbers shown gets the result shown.
/** @import { Spot } from "./glass_place.js" */
/** @import { Numbers } from "./types.js" */
/** @import { glass } from "./glass_model.js" */
import { gelu, dot } from "./model.js";
import { fixed } from "./text.js";

/**
 * title: what the spot is. lines: its arithmetic. vectors: what to draw. page: the chapter that builds it.
 * @typedef {{ name: string, values: Numbers }} Vector
 * @typedef {{ title: string, lines: string[], vectors: Vector[], chapter: keyof typeof CHAPTERS }} Explained
 */

/** The chapters that build the parts. */
export const CHAPTERS = {
  embedding: { page: "04_tokens", name: "chapter 4, Tokens" },
  attention: { page: "05_attention", name: "chapter 5, Attention" },
  position: { page: "05_attention", name: "chapter 5, Attention" },
  mlp: { page: "06_transformer", name: "chapter 6, The transformer" },
  stream: { page: "06_transformer", name: "chapter 6, The transformer" },
  logits: { page: "03_softmax", name: "chapter 3, Softmax" },
  record: { page: "11_a_real_model", name: "chapter 11, A real model" },
  sampling: { page: "07_sampling", name: "chapter 7, Sampling" },
};

/**
 * How many decimals `inputs` need so that f of the rounded ones, itself rounded to `digits`, is f of the exact ones.
 * @param {number[]} inputs @param {(inputs: number[]) => number} f @param {number} digits
 */
export function decimals(inputs, f, digits) {
  const goal = f(inputs).toFixed(digits);
  let k = digits;
  while (k < 9 && f(inputs.map(x => Number(x.toFixed(k)))).toFixed(digits) !== goal) k++;
  return k;
}

/** Never −0.00. @param {number} x @param {number} digits */
export const shown = (x, digits) => fixed(Number(x.toFixed(digits)) || 0, digits);

/** In parentheses if it's negative. @param {number} x @param {number} digits */
const term = (x, digits) => (Number(x.toFixed(digits)) < 0 ? `(${shown(x, digits)})` : shown(x, digits));

/** "0.12 + (−0.30) = −0.18". @param {number[]} terms @param {number} digits */
export function sumLine(terms, digits) {
  const total = (/** @type {number[]} */ all) => all.reduce((a, b) => a + b, 0),
    k = decimals(terms, total, digits);
  return `${terms.map((x, i) => (i ? term(x, k) : shown(x, k))).join(" + ")} = ${shown(total(terms), digits)}`;
}

/**
 * What a stage of the stream follows. names: the blocks' numbers, if not all of them are here.
 * @param {number} stage @param {number[] | null} [names]
 */
export function stageName(stage, names) {
  const block = Math.ceil(stage / 2);
  return stage === 0 ? "the embedding" : `block ${names?.[block - 1] ?? block}'s ${stage % 2 ? "attention" : "MLP"}`;
}

/**
 * @param {ReturnType<typeof glass>} g @param {any} net  the model whose numbers they are @param {Spot} spot
 * @param {(t: number) => string} name  a token in quotes
 * @returns {Explained}
 */
export function explain(g, net, spot, name) {
  const { C, D, N } = g,
    t = spot.lane,
    { ids } = g;
  /** @param {Float32Array} rows @param {number} from @param {number} length */
  const part = (rows, from, length) => rows.subarray(from, from + length);
  const nudged = (/** @type {number} */ stage, /** @type {number} */ c) =>
    g.switches.nudges
      .filter(([at, lane, channel]) => at === stage && lane === t && channel === c)
      .map(([, , , amount]) => amount);

  if (spot.kind === "look") {
    const { block, head, from } = spot,
      { qkv, scores, weights } = g.blocks[block],
      row = (head * N + t) * N;
    const q = part(qkv, t * 3 * C + head * D, D),
      k = part(qkv, from * 3 * C + C + head * D, D);
    const v = part(qkv, from * 3 * C + 2 * C + head * D, D),
      last = g.switches.mask ? t : ids.length - 1;
    const product = dot(q, 0, k, 0, D),
      root = Math.sqrt(D),
      score = product / root;
    const top = Math.max(...part(scores, row, last + 1)),
      weight = weights[row + from];
    let total = 0;
    for (let s = 0; s <= last; s++) total += Math.exp(scores[row + s] - top);
    const k1 = decimals([product, root], ([a, b]) => a / b, 2),
      e = Math.exp(score - top);
    const k2 = decimals([score, top], ([a, b]) => Math.exp(a - b), 3),
      k3 = decimals([e, total], ([a, b]) => a / b, 3);
    const off = g.switches.heads.some(([b, one]) => b === block && one === head);
    return {
      title: `Head ${head + 1} of block ${block + 1}: how much ${name(t)} listens to ${name(from)}`,
      lines: [
        `The query times the key, number by number, added up: ${shown(product, k1)}`,
        `Divided by √${D}, the score: ${shown(product, k1)} ÷ ${shown(root, k1)} = ${shown(score, 2)}`,
        `Softmax, first step: e^(${shown(score, k2)} − ${term(top, k2)}), where ${shown(top, k2)} is the row's ` +
          `largest score: ${shown(e, 3)}`,
        `Divided by the sum over all ${last + 1} tokens, the weight: ` +
          `${shown(e, k3)} ÷ ${shown(total, k3)} = ${shown(weight, 3)}`,
        off
          ? "This head is off, so nothing of this reaches the stream."
          : `So ${name(t)} takes ${shown(weight, 3)} of the value of ${name(from)}.`,
      ],
      vectors: [
        { name: "query", values: q },
        { name: "key", values: k },
        { name: "value", values: v },
        { name: "weight × value", values: v.map(x => x * weight) },
      ],
      chapter: "attention",
    };
  }
  if (spot.kind === "unit") {
    const { block, index } = spot,
      kept = g.blocks[block],
      { up, down } = net.blocks[block];
    const input = part(kept.normal2, t * C, C),
      into = part(up.W, index * C, C),
      bias = up.b ? up.b[index] : 0;
    const product = dot(input, 0, into, 0, C),
      z = product + bias,
      y = gelu(z);
    const k = decimals([z], ([a]) => gelu(a), 3),
      out = Float32Array.from({ length: C }, (_, i) => y * down.W[i * 4 * C + index]);
    const off = g.switches.mlps.includes(block);
    return {
      title: `Unit ${index} of block ${block + 1}'s MLP, for ${name(t)}`,
      lines: [
        `What it gets: ${C} numbers times its ${C} weights, added up, plus its bias: ${sumLine([product, bias], k)}`,
        `GELU(${shown(z, k)}) = ${shown(y, 3)}${y > 0.05 ? ", so the unit lights up" : ", so it hardly speaks"}`,
        off
          ? "This MLP is off, so none of this reaches the stream."
          : `It adds ${shown(y, 3)} times its own ${C} numbers to the stream.`,
      ],
      vectors: [
        { name: "what it gets", values: input },
        { name: "its weights", values: into },
        { name: "what it adds", values: out },
      ],
      chapter: "mlp",
    };
  }
  if (spot.kind === "sum" || spot.stage === 0) {
    const i = spot.index,
      row = part(net.tokens, ids[t] * C, C),
      position = part(net.positions, t * C, C);
    const terms = [row[i], ...(g.switches.positions ? [position[i]] : []), ...nudged(0, i)];
    const what = [
      "the token's own row",
      g.switches.positions ? `the row of position ${t}` : "",
      nudged(0, i).length ? "your change" : "",
    ];
    return {
      title: `Channel ${i} of ${name(t)}, after the embedding`,
      lines: [
        `${what.filter(Boolean).join(" + ")}: ${sumLine(terms, 3)}`,
        ...(g.switches.positions ? [] : ["Positions are off, so the model can't tell the order of the tokens."]),
      ],
      vectors: [
        { name: "the token's row", values: row },
        { name: `position ${t}`, values: position },
        { name: "the sum", values: part(g.stream[0], t * C, C) },
      ],
      chapter: spot.kind === "sum" && spot.part === "position" ? "position" : "embedding",
    };
  }
  const { stage, index } = spot,
    block = Math.ceil(stage / 2) - 1,
    attention = stage % 2 === 1,
    kept = g.blocks[block];
  const [adds, added] = attention ? ["attention adds", kept.attended] : ["the MLP adds", kept.added],
    own = nudged(stage, index);
  const terms = [g.stream[stage - 1][t * C + index], added[t * C + index], ...own];
  return {
    title: `Channel ${index} of ${name(t)}, after ${stageName(stage)}`,
    lines: [`${["before", `what ${adds}`, ...own.map(() => "your change")].join(" + ")}: ${sumLine(terms, 3)}`],
    vectors: [
      { name: "before", values: part(g.stream[stage - 1], t * C, C) },
      { name: adds, values: part(added, t * C, C) },
      { name: "after", values: part(g.stream[stage], t * C, C) },
    ],
    chapter: "stream",
  };
}

/**
 * The last step: a word's logit and its probability.
 * @param {ReturnType<typeof glass>} g @param {any} net
 * @param {{ lane: number, id: number, logits: Float32Array, temperature: number }} of
 * @param {string} word  in quotes
 * @returns {Explained}
 */
export function explainWord(g, net, { lane, id, logits, temperature }, word) {
  const { C, L } = g,
    x = Float32Array.from(g.normal(2 * L, lane)),
    row = net.tokens.subarray(id * C, (id + 1) * C);
  const logit = logits[id],
    top = Math.max(...logits),
    heat = temperature || 1;
  let total = 0;
  for (const z of logits) total += Math.exp((z - top) / heat);
  const e = Math.exp((logit - top) / heat),
    k = decimals([logit, top, heat], ([a, b, c]) => Math.exp((a - b) / c), 3);
  const k3 = decimals([e, total], ([a, b]) => a / b, 3);
  const by = temperature === 1 ? "" : ` ÷ ${shown(heat, 2)}`,
    less = `${shown(logit, k)} − ${term(top, k)}`,
    over = by && "The logits are divided by the temperature first. ";
  return {
    title: `How likely ${word} is`,
    lines:
      temperature === 0
        ? [
            `The stream, normalized, times the row of ${word}, added up, the logit: ${shown(logit, 2)}`,
            `At temperature 0, the largest logit, ${shown(top, 2)}, gets everything.`,
          ]
        : [
            `The stream, normalized, times the row of ${word}, added up, the logit: ${shown(logit, k)}`,
            `${over}e^(${by ? `(${less})${by}` : less}), where ${shown(top, k)} is the largest logit: ${shown(e, 3)}`,
            `Divided by the sum over all ${logits.length} tokens, the probability: ` +
              `${shown(e, k3)} ÷ ${shown(total, k3)} = ${shown(e / total, 3)}`,
          ],
    vectors: [
      { name: "the stream", values: x },
      { name: `row of ${word}`, values: row },
      { name: "products", values: x.map((v, i) => v * row[i]) },
    ],
    chapter: "logits",
  };
}
