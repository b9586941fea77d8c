// @ts-check
// What a glass GPT knows at a moment: the tokens its traits spell, everything the model computes for them, and what may
// come next. No elements; glass_gpt.js asks again whenever a trait changes.
/** @import { Piece } from "./glass_end.js" */
import { ranking, softmax, argmax } from "./formulas.js";
import { painter, sizeOf } from "./glass_draw.js";
import { BARS } from "./glass_end.js";
import { UNTOUCHED, firstChange, firstWeights, glass } from "./glass_model.js";
import { middleSize, recorded } from "./glass_record.js";
import { switchesFrom } from "./glass_state.js";
import { gpt, unpackedWeights, windowStart } from "./model.js";
import { visible } from "./text.js";
import { tokenizerFrom } from "./tokenizers.js";

/** The traits on which it depends. */
export const READ = [
  "prompt",
  "after",
  "written",
  "lane",
  "heads_off",
  "mlps_off",
  "positions",
  "mask",
  "nudges",
  "trained",
  "temperature",
];

/**
 * ids: the tokens the model reads. lane: the one that's chosen. best: the likeliest next tokens after it, and
 * piece(id): any of them on the stick. asked: how many of the tokens are the prompt's. p, logits: all of them, but
 * not of a recording. was: p with nothing switched off and nothing moved, if something is.
 * @typedef {{ ids: number[], lane: number, p: Float32Array, logits: Float32Array, best: number[], ended: boolean,
 *   problem: string, asked: number, piece: (id: number) => Piece | undefined,
 *   was: Float32Array | null }} Now
 */

/** @param {(name: string) => any} get  reads a trait */
export function readerOf(get) {
  const record = get("record").ids ? get("record") : null,
    tape = record && recorded(record);
  const words = record ? null : tokenizerFrom(get("tokenizer")),
    end = words?.end ?? null;
  const unpacked = record ?? unpackedWeights(get("weights")),
    { config } = unpacked;
  const { heads: H, channels: C, vocab_size: V } = config;
  const [L, N] = tape ? [tape.L, tape.N] : [config.layers, config.context];
  /** @typedef {ReturnType<typeof machineOf>} Machine */
  /** @type {Machine[]} */
  const machines = []; // before training, and after it

  /** A model, what it computes, and what paints that. @param {any} weights */
  function machineOf(weights) {
    const net = /** @type {ReturnType<typeof gpt>} */ (record ? null : gpt(weights)),
      rows = new Float32Array(N * C);
    const g = /** @type {ReturnType<typeof glass>} */ (/** @type {any} */ (tape ?? glass(net)));
    const paints = painter(part => {
      if (part.kind === "mlp") return { values: g.blocks[part.block].units, width: 4 * C };
      if (part.kind === "strip") return { values: g.stream[part.stage], width: C };
      const table = part.kind === "token" ? net.tokens : net.positions;
      g.ids.forEach((id, t) => {
        const row = part.kind === "token" ? id : t;
        rows.set(table.subarray(row * C, (row + 1) * C), t * C);
      });
      return { values: rows, width: C };
    });
    return { net, g, paints, plain: /** @type {typeof g | null} */ (null) };
  }
  /** @param {boolean} trained @returns {Machine} */
  const machine = trained =>
    (machines[Number(trained)] ??= machineOf(
      trained ? unpacked : { config, weights: firstWeights(config, get("start")) },
    ));

  /** @param {number} id */
  const label = id => (id === end ? "■" : visible(words ? words.label(id) : (record.labels[id] ?? "?")) || "(empty)");
  let { g, net, paints } = machine(true),
    full = [1, 1];
  /** @type {Now} */
  let now = {
    ids: [],
    lane: 0,
    p: new Float32Array(),
    logits: new Float32Array(),
    best: [],
    ended: false,
    problem: "",
    asked: 0,
    was: null,
    piece: () => undefined,
  };

  const isToken = (/** @type {any} */ id) => Number.isInteger(id) && id >= 0 && id < V; // a link may hold anything
  /** Tokens as a text, without the one that ends it. @param {number[]} ids */
  const textOf = ids =>
    words
      ? words.texts(ids.filter(id => id !== end && isToken(id))).join("")
      : record.ids
          .slice(record.prompt, record.prompt + ids.length)
          .map((/** @type {number} */ id) => record.labels[id])
          .join("")
          .replaceAll("␣", " ")
          .replaceAll("↵", "\n");

  /** The tokens to read, and what's wrong with the prompt, in a sentence. */
  function textNow() {
    const written = get("written").filter(isToken);
    const ended = end !== null && written[written.length - 1] === end;
    if (record) {
      const ids = record.ids.slice(0, record.prompt + written.length);
      return { ids, problem: "", ended: ids.length === record.ids.length, asked: 0 };
    }
    const text = get("prompt").trim() ? get("prompt") + get("after") : "";
    const cut = /** @type {NonNullable<typeof words>} */ (words).cut(text);
    const prompt = cut.flatMap(({ id }) => (id === null ? [] : [id]));
    const unknown = [...new Set(cut.filter(({ id }) => id === null).map(piece => `“${visible(piece.text)}”`))];
    const all = [...prompt, ...(prompt.length ? written : [])],
      begin = windowStart(all.length, N);
    const example = "Type something, such as “Write a poem about a cat.”",
      [first, more] = [unknown.slice(0, 5), "…"];
    const problems = [
      !prompt.length && `${text ? "The model can't read any of this." : "The prompt is empty."} ${example}`,
      prompt.length &&
        first.length &&
        `Not in the model's vocabulary, so skipped: ${first.join(", ")}` +
          `${unknown.length > 5 ? `, ${more}` : "."}`,
      begin && `The model reads at most ${N} tokens, so it no longer sees the first ${begin}.`,
    ];
    const problem = problems.filter(Boolean).join(" ");
    return { ids: all.slice(begin), problem, ended, asked: Math.max(0, prompt.length - begin) };
  }
  /** Reads the traits again. full: the sizes of the stream's and of the units' numbers that get the full color. */
  function read() {
    ({ g, net, paints } = machine(get("trained") || !get("start").state));
    now = { ...now, ...textNow() };
    const { ids } = now,
      T = ids.length,
      chosen = get("lane");
    if (!T) return { g, net, paints, full, now };
    const lane = chosen >= 1 && chosen <= T ? chosen - 1 : T - 1;
    const traits = Object.fromEntries(READ.map(trait => [trait, get(trait)]));
    const switches = switchesFrom(traits, { L, H, C, N }),
      { stage } = g.feed(ids, switches);
    paints.forget(stage);
    if (tape) {
      full = [middleSize(tape.stream[L].subarray(0, T * C)), 1];
      /** @type {Piece[]} */
      const pieces = record.next[lane].map((/** @type {number[]} */ [id, p, from]) => ({ id, p, from }));
      const best = pieces.slice(0, BARS).map(({ id }) => id);
      now = { ...now, lane, best, piece: id => pieces.find(one => one.id === id) };
    } else {
      if (stage < Infinity)
        full = [sizeOf(g.stream[L].subarray(0, T * C)), sizeOf(g.blocks[0].units.subarray(0, T * 4 * C)) * 1.4];
      const logits = g.logits(2 * L, lane),
        p = softmax(logits, get("temperature"));
      let sum = 0;
      const starts = Float64Array.from(p, one => (sum += one) - one);
      const piece = (/** @type {number} */ id) => ({ id, p: p[id], from: starts[id] });
      now = { ...now, lane, logits, p, piece, best: ranking(p).slice(0, BARS), was: null };
      if (firstChange(UNTOUCHED, switches) < Infinity) {
        const plain = (machine(get("trained") || !get("start").state).plain ??= glass(net));
        plain.feed(ids);
        now.was = softmax(plain.logits(2 * L, lane), get("temperature"));
      }
    }
    return { g, net, paints, full, now };
  }

  /**
   * How much token t looks at token s.
   * @param {number} block @param {number} head @param {number} s @param {number} t
   */
  const weightOf = (block, head, s, t) => {
    const last = g.switches.mask ? t : now.ids.length - 1;
    return s <= last ? g.blocks[block].weights[(head * N + t) * N + s] : 0;
  };

  /** The likeliest token after the lane if the model ended after this stage. @param {number} stage */
  function saidAfter(stage) {
    if (record) return { id: record.said[stage][now.lane][0], p: record.said[stage][now.lane][1] };
    const p = softmax(g.logits(stage, now.lane), get("temperature")),
      id = argmax(p);
    return { id, p: p[id] };
  }

  return {
    L,
    H,
    C,
    N,
    V,
    end,
    record,
    tape,
    names: tape ? tape.names : null,
    label,
    textOf,
    read,
    weightOf,
    saidAfter,
  };
}
