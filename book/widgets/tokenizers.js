// @ts-check
// The tokenizers of helpers/tokenizers.py in the page: characters, words, byte pairs. The same texts give the same ids.
// Only scripts newer than either side's Unicode tables may be cut differently.

/**
 * @typedef {{ kind: string, characters: string, words: string[], specials: string[], merges: number[][] }} Saved
 */

const SPACE = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000"; // Python's \s
const WORD = "\\p{L}\\p{N}_"; // and its \w
const PIECE = new RegExp(
  ` ?[\\p{L}\\p{Nl}\\p{No}]+| ?\\p{Nd}+| ?(?:[^${WORD}${SPACE}]|_)+|[${SPACE}]+(?![^${SPACE}])|[${SPACE}]`, "gu");
const GPT2_SPACE = "\\p{White_Space}", REAL_PIECE = new RegExp( // of `PretrainedTokenizer`
  `'(?:[sdmt]|ll|ve|re)|\\p{N}| ?\\p{L}+| ?[^${GPT2_SPACE}\\p{L}\\p{N}]+|${GPT2_SPACE}+(?=\\p{N})`
  + `|${GPT2_SPACE}+(?!\\P{White_Space})|${GPT2_SPACE}+`, "gu");
export const utf8 = new TextEncoder();

/** The pieces of a text that no merge crosses. @param {string} text @param {RegExp} pattern @returns {string[]} */
export const pieces = (text, pattern = PIECE) => text.match(pattern) ?? [];
/** @param {string} text */
export const wordCount = text => text.match(new RegExp(`[^${SPACE}]+`, "gu"))?.length ?? 0;
/** How many there are. @param {string} text */
export function charactersOf(text) {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

/** What matches any of these names, the longest that fits. @param {string[]} names */
const anyOf = names => [...names].sort((a, b) => b.length - a.length)
  .map(name => name.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&")).join("|");

/**
 * ranks: of a pair a · size + b. first, made: the id of each byte (undefined if there's none) and of each merge.
 * @typedef {{ merges: number[], ranks: Map<number, number>, size: number, bytes: number[][], cut: RegExp | null,
 *   ids: Map<string, number>, first: (number | undefined)[], made: number[], pattern: RegExp }} Tokenizer
 */

/**
 * merges: [a0, b0, a1, b1, …] in the order they were learned; specials: names whose ids come after them.
 * @param {{ merges: number[], specials?: string[] }} saved @returns {Tokenizer}
 */
export function tokenizer({ merges, specials = [] }) {
  const bytes = Array.from({ length: 256 }, (_, i) => [i]), ranks = new Map(), size = 256 + merges.length / 2;
  for (let rank = 0; rank < merges.length / 2; rank++) {
    const [a, b] = [merges[2 * rank], merges[2 * rank + 1]];
    ranks.set(a * size + b, rank);
    bytes.push([...bytes[a], ...bytes[b]]);
  }
  specials.forEach(name => bytes.push([...utf8.encode(name)]));
  const first = Array.from({ length: 256 }, (_, i) => i), made = Array.from({ length: size - 256 }, (_, i) => 256 + i);
  const ids = new Map(specials.map((name, i) => [name, size + i]));
  return { merges, ranks, size, bytes, cut: cutAt(specials), ids, first, made, pattern: PIECE };
}

/** @param {string[]} specials */
const cutAt = specials => (specials.length ? new RegExp(`(${anyOf(specials)})`, "u") : null);

/**
 * A real model's: `PretrainedTokenizer`, from the lists that its file has. kinds: 3 for a special token.
 * @param {string[]} tokens @param {string[]} merges  "a b" @param {number[]} kinds @returns {Tokenizer}
 */
export function pretrained(tokens, merges, kinds) {
  const byteOf = new Map(), hidden = [];
  for (let byte = 0; byte < 256; byte++) { // as GPT-2 writes them: visible ones as themselves
    const shows = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
    byteOf.set(String.fromCharCode(shows ? byte : 256 + hidden.push(byte) - 1), byte);
  }
  const all = new Map(tokens.map((token, id) => [token, id])), size = tokens.length;
  const specials = tokens.filter((_, id) => kinds[id] === 3);
  const ids = new Map(specials.map(name => [name, all.get(name) ?? 0]));
  const bytes = tokens.map(token => (ids.has(token) ? [...utf8.encode(token)] : Array.from(token, c => byteOf.get(c))));
  const first = [], ranks = new Map();
  for (const [character, byte] of byteOf) first[byte] = all.get(character);
  /** @type {number[]} */
  const flat = [];
  const made = merges.map((merge, rank) => {
    const [a, b] = merge.split(" "), pair = [all.get(a) ?? 0, all.get(b) ?? 0];
    flat.push(...pair);
    ranks.set(pair[0] * size + pair[1], rank);
    return all.get(a + b) ?? 0;
  });
  return { merges: flat, ranks, size, bytes, cut: cutAt(specials), ids, first, made, pattern: REAL_PIECE };
}

/**
 * A text as bytes: ids, and at which of them a piece begins. Specials are one id each.
 * @param {string} text @param {Tokenizer} tokens
 */
function asBytes(text, { cut, ids: special, first, pattern }) {
  /** @type {number[]} */
  const ids = [];
  /** @type {number[]} */
  const begins = [];
  (cut ? text.split(cut) : [text]).forEach((part, i) => {
    if (i % 2) { begins.push(ids.length); ids.push(special.get(part) ?? 0); return; }
    for (const piece of pieces(part, pattern)) {
      begins.push(ids.length);
      for (const byte of utf8.encode(piece)) {
        const id = first[byte];
        if (id !== undefined) ids.push(id);
      }
    }
  });
  return { ids, begins };
}

/**
 * Applies the merges whose rank is below `limit`, the lowest first, each from left to right: { ids, starts, steps }.
 * starts[k] is the position of the first byte of token k; steps are the merges that occur, as [rank, how often].
 * A merge can only make pairs of a higher rank, so one pass over the ranks does it, however long the text is.
 * @param {string} text @param {Tokenizer} tokens
 */
export function merged(text, tokens, limit = Infinity) {
  const { ranks, size } = tokens, { ids, begins } = asBytes(text, tokens), n = ids.length;
  const next = Int32Array.from(ids, (_, i) => i + 1), before = Int32Array.from(ids, (_, i) => i - 1);
  const gone = new Uint8Array(n), first = new Uint8Array(n + 1);
  /** @type {(number[] | null)[]} */
  const waiting = [];
  /** @type {[rank: number, times: number][]} */
  const steps = [];
  begins.forEach(i => { first[i] = 1; });
  first[n] = 1;
  /** The pair that begins at i waits for its turn. @param {number} i */
  const offer = i => {
    const j = next[i], whole = first[j] || ids[i] >= size || ids[j] >= size;
    const rank = whole ? undefined : ranks.get(ids[i] * size + ids[j]);
    if (rank !== undefined && rank < limit) (waiting[rank] ??= []).push(i);
  };
  for (let i = 0; i < n; i++) offer(i);
  for (let rank = 0; rank < Math.min(limit, tokens.merges.length / 2); rank++) {
    const [a, b] = [tokens.merges[2 * rank], tokens.merges[2 * rank + 1]], made = [];
    for (const i of waiting[rank] ?? []) { // left to right, since the later half of each was made in one pass
      const j = next[i];
      if (gone[i] || ids[i] !== a || ids[j] !== b) continue;
      ids[i] = tokens.made[rank];
      gone[j] = 1;
      next[i] = next[j];
      if (next[j] < n) before[next[j]] = i;
      made.push(i);
    }
    for (const i of made) {
      offer(i);
      if (!first[i]) offer(before[i]);
    }
    if (made.length) steps.push([rank, made.length]);
    waiting[rank] = null;
  }
  const starts = [];
  for (let i = 0; i < n; i = next[i]) starts.push(i);
  return { ids: starts.map(i => ids[i]), starts, steps };
}

const NO_SHAPE = /[\p{C}\p{Z}]/u;
/** @param {number} code @param {number} digits */
export const hex = (code, digits) => code.toString(16).padStart(digits, "0");

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The text that these bytes are, or null if they aren't whole characters. @param {number[]} bytes */
function decoded(bytes) {
  try { return strict.decode(Uint8Array.from(bytes)); } catch { return null; }
}

/** Bytes as you'd print them, like Python's `vocab`: ␣, ↵, \t, \xe2 for half a character. @param {number[]} bytes */
export function seen(bytes) {
  let shown = "";
  for (let i = 0; i < bytes.length;) {
    const length = [1, 2, 3, 4].find(k => i + k <= bytes.length && decoded(bytes.slice(i, i + k)) !== null) ?? 0;
    shown += length ? seenCharacter(decoded(bytes.slice(i, i + length)) ?? "") : `\\x${hex(bytes[i], 2)}`;
    i += length || 1;
  }
  return shown;
}
/** @param {string} c */
function seenCharacter(c) {
  const known = { " ": "␣", "\n": "↵", "\t": "\\t", "\r": "\\r" }[c], code = c.codePointAt(0) ?? 0;
  if (known || !NO_SHAPE.test(c)) return known ?? c;
  return code < 256 ? `\\x${hex(code, 2)}` : code < 65536 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`;
}

/** Is a token only part of a character? @param {number[]} bytes */
export const isPart = bytes => decoded(bytes) === null;

const word = `[${WORD}]`, digits = "\\p{Nd}";
const WORDS = `\\n|(?:(?<!${word})['’])?${word}+(?:['’-]${word}+|(?<=${digits})[.,:]${digits}+)*|--+|\\.\\.+`
  + `|[^${WORD}${SPACE}]`;
const joinsLeft = new Set(".,;:!?)]}'’”…%"), joinsRight = new Set("([{‘“$");

/**
 * Any of the three, ready for use. end: the id of "<end>", or null. cut(text): its tokens, with id null where the
 * vocabulary lacks one. texts(ids): what each adds to the text, as `decode` writes it. label(id): the token itself.
 * @typedef {{ size: number, end: number | null, label: (id: number) => string, texts: (ids: number[]) => string[],
 *   cut: (text: string) => { text: string, id: number | null }[] }} Words
 */

/** From what `to_dict` saved. Throws an Error with a sentence if its kind isn't known. @param {Saved} saved */
export function tokenizerFrom(saved) {
  const kinds = { characters: byCharacter, words: byWord, "byte-pairs": byBytePair };
  const make = kinds[/** @type {keyof typeof kinds} */ (saved?.kind)];
  if (!make) throw new Error(`This page doesn't know the model's tokenizer; got the kind ${saved?.kind}. `
    + "Run the cell that makes this figure again.");
  return make(saved);
}

/** @param {Saved} saved @returns {Words} */
function byCharacter({ characters }) {
  const all = [...characters], ids = new Map(all.map((c, i) => [c, i]));
  return {
    size: all.length, end: null, label: id => all[id], texts: given => given.map(id => all[id]),
    cut: text => Array.from(text, c => ({ text: c, id: ids.get(c) ?? null })),
  };
}

/** @param {Saved} saved @returns {Words} */
function byWord({ words, specials }) {
  const all = [...specials, ...words], ids = new Map(all.map((word, i) => [word, i]));
  const pattern = new RegExp(specials.length ? `${anyOf(specials)}|${WORDS}` : WORDS, "gu");
  const special = (/** @type {string} */ name) => (specials.includes(name) ? ids.get(name) ?? null : null);
  return {
    size: all.length, end: special("<end>"), label: id => all[id],
    cut: text => Array.from(text.match(pattern) ?? [], word => ({ text: word, id: ids.get(word) ?? special("<unk>") })),
    texts(given) { // spaces as `WordTokenizer.decode` puts them
      let glue = true, quoted = false;
      return given.map(id => {
        const word = all[id];
        let left = word === "\n" || word.startsWith("--") || word === "—", right = left;
        if (word === '"') [left, right, quoted] = [quoted, !quoted, !quoted];
        left ||= joinsLeft.has(word) || word.startsWith("..");
        right ||= joinsRight.has(word);
        const text = glue || left ? word : ` ${word}`;
        glue = right;
        return text;
      });
    },
  };
}

/** @param {Saved} saved @returns {Words} */
function byBytePair({ merges, specials }) {
  const tokens = tokenizer({ merges: merges.flat(), specials });
  return {
    size: tokens.bytes.length, end: specials.includes("<end>") ? tokens.size + specials.indexOf("<end>") : null,
    label: id => seen(tokens.bytes[id]),
    cut: text => merged(text, tokens).ids.map(id => ({ text: seen(tokens.bytes[id]), id })),
    texts(given) { // a character whose bytes are in several tokens appears with the last of them
      const stream = new TextDecoder("utf-8", { ignoreBOM: true }), last = given.length - 1;
      return given.map((id, i) => stream.decode(Uint8Array.from(tokens.bytes[id]), { stream: i < last }));
    },
  };
}
