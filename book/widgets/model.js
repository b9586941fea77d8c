// @ts-check
// The GPT of helpers/gpt.py in the page: its weights unpacked, and its forward pass with a cache of keys and values.
// Numbers are float32 where they're kept and float64 where they're added up. Left out: training, batches of texts.

const GROUP = 16; // weights that share a scale, as in playground.py
const EPSILON = 1e-5; // of layer norm
const ROWS = 16; // positions that go through the layers together

/**
 * @typedef {{ layers: number, heads: number, channels: number, context: number, vocab_size: number }} Config
 * @typedef {{ values: Float32Array, shape: number[] }} Weight
 * @typedef {{ W: Float32Array, b: Float32Array | null, m: number, n: number }} Linear
 * @typedef {{ weight: Float32Array, bias: Float32Array }} Norm
 */

/**
 * What Python packed. Throws an Error with a sentence if it isn't whole.
 * @param {{ config?: Config, precision?: string, tensors?: [name: string, shape: number[]][],
 *   check?: number, data?: string, shared?: string }} packed
 */
export function unpackedWeights({ config, precision, tensors, check, data, shared } = {}) {
  if (shared) data = /** @type {any} */ (globalThis).nextWordWeights?.[shared]; // the site has them once
  const broken = (/** @type {string} */ what) =>
    new Error(`The model's weights are ${what}. Run the cell that makes this figure again, or reload the page.`);
  if (!config || typeof data !== "string" || !Array.isArray(tensors)) throw broken("missing");
  let bytes;
  try { bytes = fromBase64(data); } catch { throw broken("damaged: they aren't base64"); }
  if (checksum(bytes) !== check) throw broken("damaged or cut short: their checksum is wrong");
  const view = new DataView(bytes.buffer);
  /** @type {Map<string, Weight>} */
  const weights = new Map();
  let at = 0;
  for (const [name, shape] of tensors) {
    const values = new Float32Array(shape.reduce((a, b) => a * b, 1)), n = values.length;
    if (precision === "int8" && shape.length > 1) {
      const scale = (/** @type {number} */ i) => half(view.getUint16(at + n + 2 * Math.floor(i / GROUP), true));
      for (let i = 0; i < n; i++) values[i] = view.getInt8(at + i) * scale(i);
      at += n + 2 * Math.ceil(n / GROUP);
    } else if (precision === "float16" && shape.length > 1) {
      for (let i = 0; i < n; i++, at += 2) values[i] = half(view.getUint16(at, true));
    } else {
      for (let i = 0; i < n; i++, at += 4) values[i] = view.getFloat32(at, true);
    }
    weights.set(name, { values, shape });
  }
  return { config, weights };
}

/** @param {string} text */
export function fromBase64(text) {
  const { fromBase64: fast } = /** @type {any} */ (Uint8Array); // where the browser has it
  if (fast) return /** @type {Uint8Array<ArrayBuffer>} */ (fast.call(Uint8Array, text));
  const raw = atob(text), bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i); // a million of them: too many for callbacks
  return bytes;
}

/** Adler-32, as Python's zlib.adler32 computes it. @param {ArrayLike<number>} bytes */
export function checksum(bytes) {
  let a = 1, b = 0;
  for (let i = 0; i < bytes.length;) {
    for (const end = Math.min(i + 3800, bytes.length); i < end; i++) b += a += bytes[i]; // this many stay exact
    a %= 65521;
    b %= 65521;
  }
  return b * 65536 + a;
}

/** A float16 from its 16 bits. @param {number} bits */
export function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return exponent === 31 ? (fraction ? NaN : sign * Infinity) : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/**
 * The first token the model still reads of a text of `length` tokens: `window_start` in helpers/gpt.py.
 * @param {number} length @param {number} context
 */
export const windowStart = (length, context) => {
  const step = Math.max(1, Math.floor(context / 2));
  return Math.ceil(Math.max(0, length - context) / step) * step;
};

/**
 * The model, with its weights as (outputs, inputs), so that a sum runs along memory.
 * @param {{ config: Config, weights: Map<string, Weight> }} unpacked
 */
export function gpt({ config, weights }) {
  const weight = (/** @type {string} */ name) => /** @type {Weight} */ (weights.get(name));
  const get = (/** @type {string} */ name) => weight(name).values;
  /** @param {string} name @returns {Linear} */
  const linear = name => {
    const { values, shape: [m, n] } = weight(`${name}.weight`), turned = new Float32Array(m * n);
    for (let i = 0; i < m; i++) for (let o = 0; o < n; o++) turned[o * m + i] = values[i * n + o];
    return { W: turned, b: get(`${name}.bias`), m, n };
  };
  const norm = (/** @type {string} */ name) => ({ weight: get(`${name}.weight`), bias: get(`${name}.bias`) });
  const blocks = Array.from({ length: config.layers }, (_, i) => ({
    norm1: norm(`blocks.${i}.norm1`), norm2: norm(`blocks.${i}.norm2`),
    qkv: linear(`blocks.${i}.attention.qkv`), out: linear(`blocks.${i}.attention.out`),
    up: linear(`blocks.${i}.mlp.up`), down: linear(`blocks.${i}.mlp.down`),
  }));
  const tokens = get("tokens.weight");
  const head = { W: tokens, b: null, m: config.channels, n: config.vocab_size };
  return { config, tokens, positions: get("positions.weight"), blocks, norm: norm("norm"), head };
}

/**
 * out (rows, n) = x (rows, m) · Wᵀ + b. Four rows and two outputs at a time, or one row and four outputs: each number
 * that is read serves several sums, and a processor works on those side by side.
 * @param {Linear} linear @param {Float32Array} x @param {Float32Array} out @param {number} rows
 */
export function apply({ W, b, m, n }, x, out, rows) {
  let r = 0;
  for (; r + 4 <= rows; r += 4) {
    const x0 = r * m, x1 = x0 + m, x2 = x1 + m, x3 = x2 + m;
    let o = 0;
    for (; o + 2 <= n; o += 2) {
      const w = o * m, u = w + m;
      let a0 = 0, a1 = 0, a2 = 0, a3 = 0, b0 = 0, b1 = 0, b2 = 0, b3 = 0;
      for (let i = 0; i < m; i++) {
        const v = W[w + i], y = W[u + i], p = x[x0 + i], q = x[x1 + i], s = x[x2 + i], t = x[x3 + i];
        a0 += v * p; a1 += v * q; a2 += v * s; a3 += v * t;
        b0 += y * p; b1 += y * q; b2 += y * s; b3 += y * t;
      }
      const to = r * n + o, c = b ? b[o] : 0, d = b ? b[o + 1] : 0;
      out[to] = a0 + c; out[to + n] = a1 + c; out[to + 2 * n] = a2 + c; out[to + 3 * n] = a3 + c;
      out[to + 1] = b0 + d; out[to + n + 1] = b1 + d; out[to + 2 * n + 1] = b2 + d; out[to + 3 * n + 1] = b3 + d;
    }
    for (; o < n; o++) for (let k = r; k < r + 4; k++) out[k * n + o] = dot(W, o * m, x, k * m, m) + (b ? b[o] : 0);
  }
  for (; r < rows; r++) {
    const from = r * m, to = r * n;
    let o = 0;
    for (; o + 4 <= n; o += 4) {
      const w0 = o * m, w1 = w0 + m, w2 = w1 + m, w3 = w2 + m;
      let a0 = 0, a1 = 0, a2 = 0, a3 = 0;
      for (let i = 0; i < m; i++) {
        const v = x[from + i];
        a0 += v * W[w0 + i]; a1 += v * W[w1 + i]; a2 += v * W[w2 + i]; a3 += v * W[w3 + i];
      }
      out[to + o] = a0 + (b ? b[o] : 0); out[to + o + 1] = a1 + (b ? b[o + 1] : 0);
      out[to + o + 2] = a2 + (b ? b[o + 2] : 0); out[to + o + 3] = a3 + (b ? b[o + 3] : 0);
    }
    for (; o < n; o++) out[to + o] = dot(W, o * m, x, from, m) + (b ? b[o] : 0);
  }
}

/** @param {Float32Array} a @param {number} i @param {Float32Array} b @param {number} j @param {number} n */
export function dot(a, i, b, j, n) {
  let sum = 0;
  for (let k = 0; k < n; k++) sum += a[i + k] * b[j + k];
  return sum;
}

/**
 * Each row to mean 0 and variance 1, times a weight, plus a bias.
 * @param {Norm} norm @param {Float32Array} x @param {Float32Array} out @param {number} rows @param {number} C
 */
export function normalize({ weight, bias }, x, out, rows, C) {
  for (let from = 0; from < rows * C; from += C) {
    let mean = 0, variance = 0;
    for (let i = from; i < from + C; i++) mean += x[i];
    mean /= C;
    for (let i = from; i < from + C; i++) variance += (x[i] - mean) ** 2;
    const scale = 1 / Math.sqrt(variance / C + EPSILON);
    for (let i = 0; i < C; i++) out[from + i] = (x[from + i] - mean) * scale * weight[i] + bias[i];
  }
}

/** z/2 · (1 + tanh u), written with an exponential, which is several times as fast. @param {number} z */
export const gelu = z => z / (1 + Math.exp(-2 * Math.sqrt(2 / Math.PI) * (z + 0.044715 * z * z * z)));

/**
 * One text that grows, and what the model has computed for it so far. feed(ids) makes the cache hold these ids (at most
 * `context`); whatever begins as before isn't computed again. With a `deadline` (performance.now()) it stops there, but
 * never without progress, and returns false: call it again. logits(i): the scores (V,) after token i.
 * attention(layer, head): who looks at whom, (T, T) row after row.
 * @param {ReturnType<typeof gpt>} model
 */
export function session(model) {
  const { config: { context, layers, heads, channels: C, vocab_size: V }, blocks } = model, D = C / heads;
  const each = (/** @type {number} */ size) => Array.from({ length: layers }, () => new Float32Array(size));
  const keys = each(context * C), values = each(context * C), looks = each(heads * context * context);
  /** @type {number[]} */
  const held = [];
  const scores = new Float32Array(context * V);
  const x = new Float32Array(ROWS * C), normal = new Float32Array(ROWS * C), qkv = new Float32Array(ROWS * 3 * C);
  const mixed = new Float32Array(ROWS * C), added = new Float32Array(ROWS * C), wide = new Float32Array(ROWS * 4 * C);

  /** Position t, with its queries in row r, looks at 0…t. @param {number} layer @param {number} r @param {number} t */
  function attend(layer, r, t) {
    const k = keys[layer], v = values[layer], look = looks[layer], scale = 1 / Math.sqrt(D);
    for (let head = 0; head < heads; head++) {
      const q = r * 3 * C + head * D, row = (head * context + t) * context, to = r * C + head * D;
      let top = -Infinity, sum = 0;
      for (let s = 0; s <= t; s++) {
        const score = scale * dot(qkv, q, k, s * C + head * D, D);
        look[row + s] = score;
        if (score > top) top = score;
      }
      for (let s = 0; s <= t; s++) sum += look[row + s] = Math.exp(look[row + s] - top);
      for (let i = 0; i < D; i++) mixed[to + i] = 0;
      for (let s = 0; s <= t; s++) {
        const w = (look[row + s] /= sum), from = s * C + head * D;
        for (let i = 0; i < D; i++) mixed[to + i] += w * v[from + i];
      }
    }
  }

  /** The new tokens, at positions held.length …, through all blocks. @param {number[]} ids */
  function forward(ids) {
    const rows = ids.length, first = held.length;
    ids.forEach((id, r) => {
      for (let i = 0; i < C; i++) x[r * C + i] = model.tokens[id * C + i] + model.positions[(first + r) * C + i];
    });
    blocks.forEach((block, layer) => {
      normalize(block.norm1, x, normal, rows, C);
      apply(block.qkv, normal, qkv, rows);
      for (let r = 0; r < rows; r++) {
        const from = r * 3 * C + C, to = (first + r) * C;
        keys[layer].set(qkv.subarray(from, from + C), to);
        values[layer].set(qkv.subarray(from + C, from + 2 * C), to);
        attend(layer, r, first + r);
      }
      apply(block.out, mixed, added, rows);
      for (let i = 0; i < rows * C; i++) x[i] += added[i];
      normalize(block.norm2, x, normal, rows, C);
      apply(block.up, normal, wide, rows);
      for (let i = 0; i < rows * 4 * C; i++) wide[i] = gelu(wide[i]);
      apply(block.down, wide, added, rows);
      for (let i = 0; i < rows * C; i++) x[i] += added[i];
    });
    normalize(model.norm, x, normal, rows, C);
    apply(model.head, normal, scores.subarray(first * V, (first + rows) * V), rows);
    held.push(...ids);
  }

  return {
    held,
    /** @param {number[]} ids */
    feed(ids, deadline = Infinity) {
      let same = 0;
      while (same < ids.length && held[same] === ids[same]) same++;
      held.length = same;
      while (held.length < ids.length) {
        forward(ids.slice(held.length, held.length + ROWS));
        if (performance.now() > deadline) break;
      }
      return held.length === ids.length;
    },
    logits: (/** @type {number} */ i) => scores.slice(i * V, (i + 1) * V),
    /** @param {number} layer @param {number} head */
    attention(layer, head) {
      const T = held.length, map = new Float64Array(T * T), look = looks[layer];
      for (let t = 0; t < T; t++)
        for (let s = 0; s <= t; s++) map[t * T + s] = look[(head * context + t) * context + s];
      return map;
    },
  };
}
