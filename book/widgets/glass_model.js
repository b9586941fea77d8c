// @ts-check
// The forward pass of model.js with nothing thrown away: every number between a text and its next token, for all
// tokens, and switches that leave parts out. A switch computes again only what comes after it. Left out: what's fast.
/** @import { gpt } from "./model.js" */
import { apply, dot, gelu, normalize } from "./model.js";
import { multiplier } from "./rows.js";

/**
 * What the reader has changed. heads: [block, head] pairs that are off; mlps: blocks whose MLP is off; nudges: numbers
 * added to a channel of the stream, [stage, token, channel, amount].
 * @typedef {{ heads: number[][], mlps: number[], positions: boolean, mask: boolean, nudges: number[][] }} Switches
 */

/** @type {Switches} */
export const UNTOUCHED = { heads: [], mlps: [], positions: true, mask: true, nudges: [] };

/**
 * The first stage that differs between two settings: 0 is the embedding, 2l + 1 follows block l's attention, 2l + 2 its
 * MLP; Infinity if nothing differs.
 * @param {Switches} a @param {Switches} b
 */
export function firstChange(a, b) {
  /** @param {any[]} one @param {any[]} two @param {(item: any) => number} stage */
  const differs = (one, two, stage) => {
    const [p, q] = [one, two].map(list => new Set(list.map(item => JSON.stringify(item))));
    const changed = [...p].filter(item => !q.has(item)).concat([...q].filter(item => !p.has(item)));
    return Math.min(...changed.map(item => stage(JSON.parse(item))));
  };
  return Math.min(
    a.positions !== b.positions ? 0 : Infinity,
    a.mask !== b.mask ? 1 : Infinity,
    differs(a.heads, b.heads, ([block]) => 2 * block + 1),
    differs(a.mlps, b.mlps, block => 2 * block + 2),
    differs(a.nudges, b.nudges, ([stage]) => stage),
  );
}

/**
 * Everything the model computes for a text, in rows, one for each token: `stream[stage]` (N, C), and for each block
 * `normal1`, `qkv` (N, 3C), `scores` and `weights` (H, N, N), `mixed`, `attended`, `normal2`, `before` and `units`
 * (N, 4C), `added`. N is the model's context; only the first `ids.length` rows count.
 * @param {ReturnType<typeof gpt>} model
 * @param {boolean} [wasm]  whether WebAssembly may be used
 */
export function glass(model, wasm = true) {
  const {
      config: { context: N, layers: L, heads: H, channels: C, vocab_size: V },
    } = model,
    D = C / H;
  const { room, times } = multiplier(wasm && C % 8 === 0, L * (12 * C * C + 16 * C + 16 * C * (N + 4)));
  const rows = (/** @type {number} */ width) => room((N + 4) * width); // `times` may write into the last four
  const maps = () => new Float32Array(H * N * N);
  const stream = Array.from({ length: 2 * L + 1 }, () => new Float32Array(N * C));
  const blocks = model.blocks.map(() => ({
    normal1: rows(C),
    qkv: rows(3 * C),
    scores: maps(),
    weights: maps(),
    mixed: rows(C),
    attended: rows(C),
    normal2: rows(C),
    before: rows(4 * C),
    units: rows(4 * C),
    added: rows(C),
  }));
  const normal = new Float32Array(C);
  /** @type {number[]} */
  let held = [];
  let now = UNTOUCHED;

  /** Row t of head `head` looks at tokens 0 … last. @param {typeof blocks[0]} kept */
  function attend(
    { qkv, scores, weights, mixed },
    /** @type {number} */ t,
    /** @type {number} */ head,
    /** @type {number} */ last,
    /** @type {boolean} */ off,
  ) {
    const row = (head * N + t) * N,
      to = t * C + head * D,
      scale = 1 / Math.sqrt(D);
    let top = -Infinity,
      total = 0;
    for (let s = 0; s <= last; s++) {
      const score = scale * dot(qkv, t * 3 * C + head * D, qkv, s * 3 * C + C + head * D, D);
      scores[row + s] = score;
      if (score > top) top = score;
    }
    for (let s = 0; s <= last; s++) total += weights[row + s] = Math.exp(scores[row + s] - top);
    mixed.fill(0, to, to + D);
    for (let s = 0; s <= last; s++) {
      const w = (weights[row + s] /= total),
        from = s * 3 * C + 2 * C + head * D;
      if (!off) for (let i = 0; i < D; i++) mixed[to + i] += w * qkv[from + i];
    }
  }

  /** Writes x + added into a stage, with what the reader added there. @param {number} stage @param {number} lane */
  function settle(stage, lane, /** @type {Float32Array} */ x, /** @type {Float32Array} */ added) {
    const out = stream[stage];
    for (let i = lane * C; i < held.length * C; i++) out[i] = x[i] + added[i];
    nudge(stage, lane);
  }
  /** @param {number} stage @param {number} lane */
  function nudge(stage, lane) {
    for (const [at, t, c, amount] of now.nudges)
      if (at === stage && t >= lane && t < held.length) stream[stage][t * C + c] += amount;
  }

  return {
    stream,
    blocks,
    C,
    D,
    H,
    L,
    N,
    V,
    get ids() {
      return held;
    },
    get switches() {
      return now;
    },
    /**
     * Computes what these ids and switches change, and returns the first stage and lane that may differ.
     * @param {number[]} ids  at most N of them
     */
    feed(ids, switches = UNTOUCHED) {
      let same = 0;
      while (same < ids.length && held[same] === ids[same]) same++;
      const first = firstChange(now, switches),
        grew = same < ids.length || ids.length !== held.length;
      // with the mask off, a token that's new changes what the ones before it see
      const lane = first < Infinity || (grew && !switches.mask) ? 0 : same;
      const start = grew ? 0 : first;
      held = [...ids];
      now = switches;
      if (start === Infinity) return { stage: start, lane };
      const T = held.length,
        n = T - lane;
      if (start === 0) {
        const [x] = stream;
        for (let t = lane; t < T; t++)
          for (let i = 0; i < C; i++)
            x[t * C + i] = model.tokens[held[t] * C + i] + (now.positions ? model.positions[t * C + i] : 0);
        nudge(0, lane);
      }
      model.blocks.forEach((block, l) => {
        const kept = blocks[l],
          after = 2 * l + 1;
        if (start <= after) {
          if (start < after) {
            normalize(block.norm1, stream[2 * l].subarray(lane * C), kept.normal1.subarray(lane * C), n, C);
            times(block.qkv, kept.normal1, lane, kept.qkv, n);
          }
          for (let head = 0; head < H; head++) {
            const off = now.heads.some(([b, h]) => b === l && h === head);
            for (let t = lane; t < T; t++) attend(kept, t, head, now.mask ? t : T - 1, off);
          }
          times(block.out, kept.mixed, lane, kept.attended, n);
          settle(after, lane, stream[2 * l], kept.attended);
        }
        if (start > after + 1) return;
        if (start <= after) {
          normalize(block.norm2, stream[after].subarray(lane * C), kept.normal2.subarray(lane * C), n, C);
          times(block.up, kept.normal2, lane, kept.before, n);
          for (let i = lane * 4 * C; i < T * 4 * C; i++) kept.units[i] = gelu(kept.before[i]);
        }
        if (now.mlps.includes(l)) kept.added.fill(0, lane * C, T * C);
        else times(block.down, kept.units, lane, kept.added, n);
        settle(after + 1, lane, stream[after], kept.added);
      });
      return { stage: start, lane };
    },
    /** The final norm of a row of a stage, which meets the table. @param {number} stage @param {number} t */
    normal(stage, t) {
      normalize(model.norm, stream[stage].subarray(t * C, (t + 1) * C), normal, 1, C);
      return normal;
    },
    /** The logits (V,), as if the model ended after this stage. @param {number} stage @param {number} t */
    logits(stage, t) {
      const out = new Float32Array(V);
      apply(model.head, this.normal(stage, t), out, 1);
      return out;
    },
  };
}

/**
 * PCG64 as NumPy's default_rng has it: 64 bits at a time, as [low, high] halves of 32 bits.
 * @param {{ state: string, inc: string }} seed  hexadecimal
 */
export function pcg64({ state, inc }) {
  const mask = (1n << 128n) - 1n,
    low = (1n << 64n) - 1n,
    odd = BigInt("0x" + inc);
  let s = BigInt("0x" + state);
  return () => {
    s = (s * 0x2360ed051fc65da44385df649fccf645n + odd) & mask;
    const x = (s >> 64n) ^ (s & low),
      turn = s >> 122n;
    return BigInt.asUintN(64, (x >> turn) | (x << (64n - turn)));
  };
}

const STRIPS = 256,
  EDGE = 3.6541528853610088,
  AREA = 0.00492867323399;

/** The strips of equal area under exp(−x²/2) that `normals` draws from. */
const ziggurat = () => {
  const x = new Float64Array(STRIPS + 1),
    f = (/** @type {number} */ v) => Math.exp(-0.5 * v * v);
  x[STRIPS - 1] = EDGE;
  for (let i = STRIPS - 2; i > 0; i--) x[i] = Math.sqrt(-2 * Math.log(AREA / x[i + 1] + f(x[i + 1])));
  return { x, f };
};

/**
 * Standard normal numbers, as NumPy's Generator draws them (the ziggurat of Marsaglia and Tsang 2000).
 * @param {{ state: string, inc: string }} seed
 */
export function normals(seed) {
  const next = pcg64(seed),
    { x, f } = ziggurat(),
    unit = 2 ** -52;
  const uniform = () => Number(next() >> 11n) * 2 ** -53;
  return () => {
    for (;;) {
      const r = next(),
        strip = Number(r & 0xffn),
        sign = r & 0x100n ? -1 : 1;
      const rabs = Number((r >> 9n) & 0xfffffffffffffn) * unit;
      // strip 0 is the lowest one, with the tail: as wide as its area over its height
      const wide = strip ? x[strip] : AREA / f(EDGE),
        inner = strip ? x[strip - 1] : EDGE;
      const v = rabs * wide;
      if (v < inner) return sign * v;
      if (strip === 0) {
        for (;;) {
          const far = -Math.log1p(-uniform()) / EDGE,
            high = -Math.log1p(-uniform());
          if (high + high > far * far) return (r >> 17n) & 1n ? -(EDGE + far) : EDGE + far;
        }
      }
      if ((f(inner) - f(wide)) * uniform() + f(wide) < f(v)) return sign * v;
    }
  };
}

/**
 * The weights a GPT had before its training: what GPT(config, rng=…) in helpers/gpt.py draws, in the same order.
 * @param {import("./model.js").Config} config @param {{ state: string, inc: string }} start  of its generator
 */
export function firstWeights({ layers, channels: C, context, vocab_size: V }, start) {
  const draw = normals(start),
    out = 0.1 / Math.sqrt(2 * layers);
  /** @type {Map<string, { values: Float32Array, shape: number[] }>} */
  const weights = new Map();
  const put = (/** @type {string} */ name, /** @type {number[]} */ shape, /** @type {() => number} */ each) =>
    weights.set(name, { shape, values: Float32Array.from({ length: shape.reduce((a, b) => a * b) }, each) });
  const norm = (/** @type {string} */ name) => {
    put(`${name}.weight`, [C], () => 1);
    put(`${name}.bias`, [C], () => 0);
  };
  const linear = (/** @type {string} */ name, /** @type {number} */ m, /** @type {number} */ n, scale = 1) => {
    const spread = scale / Math.sqrt(m);
    put(`${name}.weight`, [m, n], () => spread * draw());
    put(`${name}.bias`, [n], () => 0);
  };
  put("tokens.weight", [V, C], () => 0.02 * draw());
  put("positions.weight", [context, C], () => 0.02 * draw());
  for (let i = 0; i < layers; i++) {
    norm(`blocks.${i}.norm1`);
    norm(`blocks.${i}.norm2`);
    linear(`blocks.${i}.attention.qkv`, C, 3 * C);
    linear(`blocks.${i}.attention.out`, C, C, out);
    linear(`blocks.${i}.mlp.up`, C, 4 * C);
    linear(`blocks.${i}.mlp.down`, 4 * C, C, out);
  }
  norm("norm");
  return weights;
}
