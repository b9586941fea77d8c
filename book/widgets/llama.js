// @ts-check
// The Llama of helpers/llama.py in the page, one token at a time, over the weights as they are in the GGUF file: 4 or 8
// bits each. The products with W are in products.js; everything else is here. Left out: training, batches of texts.
import { readGGUF } from "./gguf.js";
import { BLOCK, products, rowOf } from "./products.js";

const F32 = 0, Q4_1 = 3, Q8_0 = 8; // kinds of tensors
const FIRST = 256; // tokens a cache has room for at first

/**
 * @typedef {{ buffer: ArrayBuffer }} Memory  the file from byte 0 on, and scratch space behind it
 * @typedef {{ at: number, kind: number, rows: number, columns: number }} Matrix
 * @typedef {{ norm1: Float32Array, norm2: Float32Array, q: Matrix, k: Matrix, v: Matrix, out: Matrix,
 *   gate: Matrix, up: Matrix, down: Matrix }} Block
 */

/** Bytes of scratch space that a model needs behind its file, whatever its shape (up to 65,536 tokens). */
export const SCRATCH = 1 << 19;

/**
 * The model in the first `size` bytes of a memory.
 * @param {Memory} memory @param {number} size
 */
export function llama(memory, size, { wasm = true } = {}) {
  const bytes = new Uint8Array(memory.buffer, 0, size), { fields, tensors } = readGGUF(bytes);
  const of = (/** @type {string} */ name) => {
    const value = fields.get(`llama.${name}`);
    if (value === undefined) throw new Error(`The model's file has no llama.${name}. Build the site again.`);
    return Number(value);
  };
  const config = {
    layers: of("block_count"), heads: of("attention.head_count"), kvHeads: of("attention.head_count_kv"),
    channels: of("embedding_length"), width: of("feed_forward_length"), context: of("context_length"),
    base: of("rope.freq_base"), epsilon: of("attention.layer_norm_rms_epsilon"),
    vocab_size: fields.get("tokenizer.ggml.tokens").length,
  };
  const place = (/** @type {string} */ name) => {
    const found = tensors.get(`${name}.weight`);
    if (!found) throw new Error(`The model's file has no ${name}. Build the site again.`);
    return found;
  };
  /** @param {string} name @param {number} rows @param {number} columns @returns {Matrix} */
  const matrix = (name, rows, columns) => {
    const { at, shape, kind } = place(name);
    const fits = shape[0] === columns && shape[1] === rows && columns % BLOCK === 0;
    if (!fits || ![Q4_1, Q8_0].includes(kind) || at + rows * rowOf(kind, columns) > size)
      throw new Error(`The model's file is damaged: ${name} is ${shape.join(" × ")}. Build the site again.`);
    return { at, kind, rows, columns };
  };
  const vector = (/** @type {string} */ name) => {
    const { at, shape, kind } = place(name);
    if (kind !== F32 || at + 4 * shape[0] > size) throw new Error(`The model's file is damaged at ${name}.`);
    return new Float32Array(bytes.slice(at, at + 4 * shape[0]).buffer);
  };
  const { layers, heads, kvHeads, channels: C, width, vocab_size: V } = config, K = C / heads * kvHeads;
  const blocks = Array.from({ length: layers }, (_, i) => ({
    norm1: vector(`blk.${i}.attn_norm`), norm2: vector(`blk.${i}.ffn_norm`),
    q: matrix(`blk.${i}.attn_q`, C, C), k: matrix(`blk.${i}.attn_k`, K, C), v: matrix(`blk.${i}.attn_v`, K, C),
    out: matrix(`blk.${i}.attn_output`, C, C), gate: matrix(`blk.${i}.ffn_gate`, width, C),
    up: matrix(`blk.${i}.ffn_up`, width, C), down: matrix(`blk.${i}.ffn_down`, C, width),
  }));
  const scratch = Math.ceil(size / 16) * 16;
  return { config, fields, blocks, norm: vector("output_norm"), tokens: matrix("token_embd", V, C),
    multiply: products(memory, scratch, wasm) };
}

/**
 * One text that grows, and the keys and values of its tokens so far. feed(id) reads one more token; logits() are the
 * scores (V,) after it. rewind(length) forgets the rest. look(position) → the attention of that position in every head:
 * (layers, heads, position + 1) in a row. Source of the parts: helpers/llama.py.
 * @param {ReturnType<typeof llama>} model
 */
export function session(model) {
  const { config: { layers, heads, kvHeads, channels: C, width, base, epsilon, vocab_size: V }, blocks } = model;
  const D = C / heads, K = D * kvHeads, group = heads / kvHeads;
  /** @type {number[]} */
  const held = [];
  let room = 0;
  /** @type {Float32Array[]} */
  let keys = blocks.map(() => new Float32Array(0));
  let values = keys;
  const x = new Float32Array(C), normal = new Float32Array(C), q = new Float32Array(C), mixed = new Float32Array(C);
  const added = new Float32Array(C), gate = new Float32Array(width), up = new Float32Array(width);
  const speeds = Float64Array.from({ length: D / 2 }, (_, i) => base ** (-2 * i / D));

  function grow() {
    room = Math.max(FIRST, 2 * room);
    const larger = (/** @type {Float32Array} */ old) => {
      const grown = new Float32Array(room * K);
      grown.set(old);
      return grown;
    };
    keys = keys.map(larger);
    values = values.map(larger);
  }

  /** x / √(mean of x² + ε) · weight @param {Float32Array} weight */
  function normalize(weight) {
    let squares = 0;
    for (const v of x) squares += v * v;
    const scale = 1 / Math.sqrt(squares / C + epsilon);
    for (let i = 0; i < C; i++) normal[i] = x[i] * scale * weight[i];
  }

  /** Turns each pair of channels of each head (RoPE). @param {Float32Array} a @param {number} at @param {number} n
   * @param {Float64Array} cos @param {Float64Array} sin */
  function rotate(a, at, n, cos, sin) {
    for (let i = 0; i < n; i += 2) {
      const pair = i % D / 2, even = a[at + i], odd = a[at + i + 1];
      a[at + i] = even * cos[pair] - odd * sin[pair];
      a[at + i + 1] = even * sin[pair] + odd * cos[pair];
    }
  }

  /** The queries of position t look at 0…t. @param {number} layer @param {number} t @param {Float32Array} weights */
  function attend(layer, t, weights) {
    const k = keys[layer], v = values[layer], scale = 1 / Math.sqrt(D);
    for (let head = 0; head < heads; head++) {
      const from = head * D, shared = Math.floor(head / group) * D, row = head * (t + 1);
      let top = -Infinity, sum = 0;
      for (let s = 0; s <= t; s++) {
        const at = s * K + shared;
        let score = 0;
        for (let i = 0; i < D; i++) score += q[from + i] * k[at + i];
        weights[row + s] = score *= scale;
        if (score > top) top = score;
      }
      for (let s = 0; s <= t; s++) sum += weights[row + s] = Math.exp(weights[row + s] - top);
      for (let i = 0; i < D; i++) mixed[from + i] = 0;
      for (let s = 0; s <= t; s++) {
        const w = (weights[row + s] /= sum), at = s * K + shared;
        for (let i = 0; i < D; i++) mixed[from + i] += w * v[at + i];
      }
    }
  }

  /** Token `id` at position t, through all blocks. seen: receives the attention weights.
   * @param {number} id @param {number} t @param {Float32Array} [seen] */
  function forward(id, t, seen) {
    const { multiply } = model, cos = speeds.map(speed => Math.cos(t * speed));
    const sin = speeds.map(speed => Math.sin(t * speed)), weights = new Float32Array(heads * (t + 1));
    if (t >= room) grow();
    multiply.row(model.tokens, id, x);
    blocks.forEach((block, layer) => {
      normalize(block.norm1);
      multiply.take(normal);
      multiply.by(block.q, q);
      multiply.by(block.k, keys[layer], t * K);
      multiply.by(block.v, values[layer], t * K);
      rotate(q, 0, C, cos, sin);
      rotate(keys[layer], t * K, K, cos, sin);
      attend(layer, t, weights);
      seen?.set(weights, layer * weights.length);
      multiply.take(mixed);
      multiply.by(block.out, added);
      for (let i = 0; i < C; i++) x[i] += added[i];
      normalize(block.norm2);
      multiply.take(normal);
      multiply.by(block.gate, gate);
      multiply.by(block.up, up);
      for (let i = 0; i < width; i++) gate[i] *= up[i] / (1 + Math.exp(-gate[i])); // SwiGLU
      multiply.take(gate);
      multiply.by(block.down, added);
      for (let i = 0; i < C; i++) x[i] += added[i];
    });
  }

  return {
    held,
    /** @param {number} id */
    feed(id) {
      forward(id, held.length);
      held.push(id);
    },
    /** @param {number} length */
    rewind(length) { held.length = Math.min(length, held.length); },
    logits() {
      const scores = new Float32Array(V);
      normalize(model.norm);
      model.multiply.take(normal);
      model.multiply.by(model.tokens, scores);
      return scores;
    },
    /** @param {number} position */
    look(position) {
      const seen = new Float32Array(layers * heads * (position + 1));
      forward(held[position], position, seen);
      return seen;
    },
  };
}

