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
 * @typedef {ReturnType<typeof glass>} Glass
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
  while (k < 14 && f(inputs.map(x => Number(x.toFixed(k)))).toFixed(digits) !== goal) k++;
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

/** Decimals for a share: three, or as many as show two digits of a small one. @param {number} x */
export const digitsOf = x => (x > 0 && x < 0.0995 ? Math.min(9, 1 - Math.floor(Math.log10(x))) : 3);

/**
 * e^((a − b) / heat), and its share of a total, with decimals that check out.
 * @param {number} a @param {number} b @param {number} total @param {number} [heat]
 */
function shareOf(a, b, total, heat = 1) {
  const e = Math.exp((a - b) / heat),
    p = e / total,
    digits = digitsOf(e),
    last = digitsOf(p);
  const k = decimals([a, b, heat], ([x, y, z]) => Math.exp((x - y) / z), digits);
  const k3 = decimals([e, total], ([x, y]) => x / y, last),
    less = `${shown(a, k)} − ${term(b, k)}`;
  const power = `e^(${heat === 1 ? less : `(${less}) ÷ ${shown(heat, 2)}`})`;
  return {
    k,
    power,
    e: shown(e, digits),
    p: shown(p, last),
    of: `${shown(e, k3)} ÷ ${shown(total, k3)} = ${shown(p, last)}`,
  };
}

/** @param {Float32Array} rows @param {number} from @param {number} length */
const part = (rows, from, length) => rows.subarray(from, from + length);

/**
 * What the reader has added to a channel.
 * @param {Glass} g @param {number} stage @param {number} t @param {number} c
 */
const nudged = (g, stage, t, c) =>
  g.switches.nudges.filter(n => n[0] === stage && n[1] === t && n[2] === c).map(n => n[3]);

/**
 * @param {Glass} g @param {any} net  the model whose numbers they are @param {Spot} spot
 * @param {(t: number) => string} name  a token in quotes
 * @returns {Explained}
 */
export function explain(g, net, spot, name) {
  if (spot.kind === "look") return explainLook(g, spot, name);
  if (spot.kind === "unit") return explainUnit(g, net, spot, name);
  if (spot.kind === "sum" || spot.stage === 0) return explainEmbedding(g, net, spot, name);
  return explainCell(g, net, spot, name);
}

/** @param {Glass} g @param {Spot & { kind: "look" }} spot @param {(t: number) => string} name @returns {Explained} */
function explainLook({ C, D, N, ids, blocks, switches }, { lane: t, block, head, from }, name) {
  const { qkv, scores, weights } = blocks[block],
    row = (head * N + t) * N,
    last = switches.mask ? t : ids.length - 1;
  const q = part(qkv, t * 3 * C + head * D, D),
    k = part(qkv, from * 3 * C + C + head * D, D);
  const v = part(qkv, from * 3 * C + 2 * C + head * D, D),
    weight = weights[row + from];
  const product = dot(q, 0, k, 0, D),
    root = Math.sqrt(D),
    scaled = product / root;
  const seen = part(scores, row, last + 1),
    top = Math.max(...seen);
  const total = seen.reduce((sum, score) => sum + Math.exp(score - top), 0),
    found = shareOf(scaled, top, total);
  const k1 = decimals([product, root], ([a, b]) => a / b, found.k);
  const off = switches.heads.some(([b, one]) => b === block && one === head);
  return {
    title: `Head ${head + 1} of block ${block + 1}: how much ${name(t)} attends to ${name(from)}`,
    lines: [
      `Each token's stream goes through LayerNorm and then this head's three matrices. Here they make a query (what ` +
        `${name(t)} is looking for), a key (what ${name(from)} offers), and a value (what ${name(from)} hands over).`,
      `Query times key, number by number, added up, is the score: ${shown(product, k1)}`,
      `Divided by √${D}: ${shown(product, k1)} ÷ ${shown(root, k1)} = ${shown(scaled, found.k)}`,
      `Softmax subtracts the row's largest score, ${shown(top, found.k)}, and takes the exponential: ` +
        `${found.power} = ${found.e}`,
      `Divided by the sum for all ${last + 1} tokens, it's the weight: ${found.of}`,
      off
        ? "This head is off, so none of this reaches the stream."
        : `So ${name(t)} takes ${found.p} of the value of ${name(from)}.`,
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

/** @param {Glass} g @param {any} net @param {Spot & { kind: "unit" }} spot @param {(t: number) => string} name
 * @returns {Explained} */
function explainUnit({ C, stream, blocks, switches }, net, { lane: t, block, index }, name) {
  const { normal2 } = blocks[block],
    { up, down } = net.blocks[block],
    input = part(normal2, t * C, C);
  const into = part(up.W, index * C, C),
    bias = up.b ? up.b[index] : 0,
    product = dot(input, 0, into, 0, C);
  const z = product + bias,
    y = gelu(z),
    k = decimals([z], ([a]) => gelu(a), 3);
  const adds = Float32Array.from({ length: C }, (_, i) => y * down.W[i * 4 * C + index]);
  return {
    title: `Unit ${index} of block ${block + 1}'s MLP, for ${name(t)}`,
    lines: [
      `LayerNorm brings the stream's ${C} numbers to a common size.`,
      `Those, times the unit's ${C} weights, added up, plus its bias: ${sumLine([product, bias], k)}`,
      `GELU lets large numbers through and holds back the rest: GELU(${shown(z, k)}) = ${shown(y, 3)}` +
        `${y > 0.05 ? ", so the unit is active." : ", so the unit stays nearly silent."}`,
      switches.mlps.includes(block)
        ? "This MLP is off, so none of this reaches the stream."
        : `The unit adds ${shown(y, 3)} times its own ${C} outgoing numbers to the stream.`,
    ],
    vectors: [
      { name: "the stream", values: part(stream[2 * block + 1], t * C, C) },
      { name: "after LayerNorm", values: input },
      { name: "its weights", values: into },
      { name: "what it adds", values: adds },
    ],
    chapter: "mlp",
  };
}

/** @param {Glass} g @param {any} net @param {Spot & { kind: "cell" | "sum" }} spot @param {(t: number) => string} name
 * @returns {Explained} */
function explainEmbedding(g, net, spot, name) {
  const {
      C,
      ids,
      stream,
      switches: { positions },
    } = g,
    { lane: t, index: i } = spot,
    own = nudged(g, 0, t, i);
  const row = part(net.tokens, ids[t] * C, C),
    position = part(net.positions, t * C, C);
  const terms = [row[i], ...(positions ? [position[i]] : []), ...own];
  const what = ["the token's own row", positions && `the row of position ${t}`, own.length && "your change"];
  return {
    title: `Channel ${i} of ${name(t)}, after the embedding`,
    lines: [
      `${what.filter(Boolean).join(" + ")}: ${sumLine(terms, 3)}`,
      positions ? "" : "Positions are off, so the model can't tell the order of the tokens.",
    ].filter(Boolean),
    vectors: [
      { name: "the token's row", values: row },
      { name: `position ${t}`, values: position },
      { name: "the sum", values: part(stream[0], t * C, C) },
    ],
    chapter: spot.kind === "sum" && spot.part === "position" ? "position" : "embedding",
  };
}

/** @param {Glass} g @param {any} net @param {Spot & { kind: "cell" }} spot @param {(t: number) => string} name
 * @returns {Explained} */
function explainCell(g, net, { lane: t, stage, index: i }, name) {
  const { C, D, H, stream, blocks } = g,
    block = Math.ceil(stage / 2) - 1,
    attention = stage % 2 === 1;
  const kept = blocks[block],
    [adds, added] = attention ? ["attention adds", kept.attended] : ["the MLP adds", kept.added];
  const own = nudged(g, stage, t, i),
    terms = [stream[stage - 1][t * C + i], added[t * C + i], ...own];
  const lines = [`${["before", `what ${adds}`, ...own.map(() => "your change")].join(" + ")}: ${sumLine(terms, 3)}`];
  if (attention) {
    // each head's mix goes through its own part of the matrix W_O
    const { W, b } = net.blocks[block].out;
    const heads = Array.from({ length: H }, (_, head) => dot(W, i * C + head * D, kept.mixed, t * C + head * D, D));
    lines.push(`What ${adds} comes from its ${H} heads, and a bias: ${sumLine([...heads, b ? b[i] : 0], 3)}`);
  }
  return {
    title: `Channel ${i} of ${name(t)}, after ${stageName(stage)}`,
    lines,
    vectors: [
      { name: "before", values: part(stream[stage - 1], t * C, C) },
      { name: adds, values: part(added, t * C, C) },
      { name: "after", values: part(stream[stage], t * C, C) },
    ],
    chapter: "stream",
  };
}

/**
 * The last step: a word's logit and its probability.
 * @param {Glass} g @param {any} net
 * @param {{ lane: number, id: number, logits: Float32Array, temperature: number }} of
 * @param {string} word  in quotes
 * @returns {Explained}
 */
export function explainWord(g, net, { lane, id, logits, temperature }, word) {
  const { C, L, stream } = g,
    x = Float32Array.from(g.normal(2 * L, lane));
  const row = net.tokens.subarray(id * C, (id + 1) * C),
    logit = logits[id],
    top = Math.max(...logits);
  const total = logits.reduce((sum, z) => sum + Math.exp((z - top) / (temperature || 1)), 0);
  const found = shareOf(logit, top, total, temperature || 1),
    k = temperature ? found.k : 2;
  const lines = [
    `LayerNorm brings the stream's ${C} numbers to a common size. Those, times the row of ${word}, added up, ` +
      `are its logit: ${shown(logit, k)}`,
  ];
  if (temperature === 0) lines.push(`At temperature 0, the largest logit, ${shown(top, k)}, gets everything.`);
  else {
    const first = temperature === 1 ? "" : ", divides by the temperature";
    lines.push(
      `Softmax subtracts the largest logit, ${shown(top, k)}${first}, and takes the exponential: ` +
        `${found.power} = ${found.e}`,
      `Divided by the sum for all ${logits.length} tokens, it's the probability: ${found.of}`,
    );
  }
  return {
    title: `How likely ${word} is`,
    lines,
    vectors: [
      { name: "the stream", values: part(stream[2 * L], lane * C, C) },
      { name: "after LayerNorm", values: x },
      { name: `row of ${word}`, values: row },
      { name: "products", values: x.map((v, i) => v * row[i]) },
    ],
    chapter: "logits",
  };
}
