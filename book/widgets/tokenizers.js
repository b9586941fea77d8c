// The tokenizers of helpers/tokenizers.py in the page: characters, words, byte pairs. The same texts give the same ids.
// Scripts that are newer than either side's Unicode tables may be cut differently; nothing else may.

const SPACE = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000"; // what Python calls space
const WORD = "\\p{L}\\p{N}_"; // Python's \w
const PIECE = new RegExp(` ?[\\p{L}\\p{Nl}\\p{No}]+| ?\\p{Nd}+| ?(?:[^${WORD}${SPACE}]|_)+|[${SPACE}]+(?![^${SPACE}])|[${SPACE}]`, "gu");
export const utf8 = new TextEncoder();

export const pieces = text => text.match(PIECE) ?? [];
export const wordCount = text => text.match(new RegExp(`[^${SPACE}]+`, "gu"))?.length ?? 0;
export const charactersOf = text => { let count = 0; for (const _ of text) count++; return count; };

// merges: [a0, b0, a1, b1, …] as they were learned; specials: names whose ids come after them.
export function tokenizer({ merges, specials = [] }) {
  const bytes = Array.from({ length: 256 }, (_, i) => [i]), ranks = new Map(), size = 256 + merges.length / 2;
  for (let rank = 0; rank < merges.length / 2; rank++) {
    const [a, b] = [merges[2 * rank], merges[2 * rank + 1]];
    ranks.set(a * size + b, rank);
    bytes.push([...bytes[a], ...bytes[b]]);
  }
  specials.forEach(name => bytes.push([...utf8.encode(name)]));
  return { merges, ranks, size, bytes, specials, cut: specials.length ? new RegExp(`(${specials.map(literal).join("|")})`, "u") : null };
}

// A text as bytes: ids, and at which of them a piece begins, since no merge crosses that. Specials are one id each.
function asBytes(text, { cut, specials, size }) {
  const ids = [], begins = [];
  (cut ? text.split(cut) : [text]).forEach((part, i) => {
    if (i % 2) { begins.push(ids.length); ids.push(size + specials.indexOf(part)); return; }
    for (const piece of pieces(part)) {
      begins.push(ids.length);
      for (const byte of utf8.encode(piece)) ids.push(byte);
    }
  });
  return { ids, begins };
}

// Applies the merges whose rank is below `limit`, the lowest rank first, each from left to right: { ids, starts, steps }.
// starts[k] is the place of the first byte of token k; steps are the merges that occur, as [rank, how often].
// A merge can only make pairs of a higher rank, so one pass over the ranks does it, however long the text is.
export function merged(text, tokens, limit = Infinity) {
  const { ranks, size } = tokens, { ids, begins } = asBytes(text, tokens), n = ids.length;
  const next = Int32Array.from(ids, (_, i) => i + 1), before = Int32Array.from(ids, (_, i) => i - 1), gone = new Uint8Array(n);
  const first = new Uint8Array(n + 1), waiting = [], steps = [];
  begins.forEach(i => { first[i] = 1; });
  first[n] = 1;
  const offer = i => { // the pair that begins at i waits for its turn
    const j = next[i], rank = first[j] || ids[i] >= size || ids[j] >= size ? undefined : ranks.get(ids[i] * size + ids[j]);
    if (rank < limit) (waiting[rank] ??= []).push(i);
  };
  for (let i = 0; i < n; i++) offer(i);
  for (let rank = 0; rank < Math.min(limit, tokens.merges.length / 2); rank++) {
    if (!waiting[rank]) continue;
    const [a, b] = [tokens.merges[2 * rank], tokens.merges[2 * rank + 1]], made = [];
    for (const i of waiting[rank]) { // from left to right: a pair waits since its later half was made, in one pass
      const j = next[i];
      if (gone[i] || ids[i] !== a || ids[j] !== b) continue;
      ids[i] = 256 + rank;
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

export const encode = (text, saved) => merged(text, tokenizer(saved)).ids;

const NO_SHAPE = /[\p{C}\p{Z}]/u;
export const hex = (code, digits) => code.toString(16).padStart(digits, "0");

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

// The character that these bytes are, or null.
function character(bytes) {
  try {
    const text = strict.decode(Uint8Array.from(bytes));
    return charactersOf(text) === 1 ? text : null;
  } catch { return null; } // no UTF-8
}

// Bytes in a form to look at, as Python's `vocab` has them: ␣, ↵, escapes such as \t, and \xe2 for a byte that is no character.
export function seen(bytes) {
  let shown = "";
  for (let i = 0; i < bytes.length;) {
    const length = [1, 2, 3, 4].find(k => i + k <= bytes.length && character(bytes.slice(i, i + k)) !== null) ?? 0;
    shown += length ? seenCharacter(character(bytes.slice(i, i + length))) : `\\x${hex(bytes[i], 2)}`;
    i += length || 1;
  }
  return shown;
}
function seenCharacter(c) {
  if (c === " ") return "␣";
  if (c === "\n") return "↵";
  if (!NO_SHAPE.test(c)) return c;
  const code = c.codePointAt(0), letter = { 9: "\\t", 13: "\\r" }[code];
  return letter ?? (code < 256 ? `\\x${hex(code, 2)}` : code < 65536 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`);
}

// Whether the bytes of a token are not whole characters.
export const isPart = bytes => { try { strict.decode(Uint8Array.from(bytes)); return false; } catch { return true; } };


const word = `[${WORD}]`, digits = "\\p{Nd}";
const WORDS = `\\n|(?:(?<!${word})['’])?${word}+(?:['’-]${word}+|(?<=${digits})[.,:]${digits}+)*|--+|\\.\\.+|[^${WORD}${SPACE}]`;
const joinsLeft = new Set(".,;:!?)]}'’”…%"), joinsRight = new Set("([{‘“$");
const literal = text => text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");

// What `to_dict` saved, ready for use: { size, end, cut, texts, label }. end: the id of "<end>", or null.
// cut(text): its tokens as { text, id }, id null where the vocabulary lacks one. texts(ids): what each adds to the text,
// as `decode` writes it. label(id): the token itself. Throws an Error with a sentence where the kind is not known.
export function tokenizerFrom(saved) {
  const make = { characters: byCharacter, words: byWord, "byte-pairs": byBytePair }[saved?.kind];
  if (!make) throw new Error("The model's tokenizer is missing or of an unknown kind. Run the cell that makes this figure again.");
  return make(saved);
}

function byCharacter({ characters }) {
  const all = [...characters], ids = new Map(all.map((c, i) => [c, i]));
  return {
    size: all.length, end: null, label: id => all[id], texts: given => given.map(id => all[id]),
    cut: text => Array.from(text, c => ({ text: c, id: ids.get(c) ?? null })),
  };
}

function byWord({ words, specials }) {
  const all = [...specials, ...words], ids = new Map(all.map((word, i) => [word, i]));
  const pattern = new RegExp([...specials.map(literal), WORDS].join("|"), "gu"), unknown = specials.includes("<unk>") ? ids.get("<unk>") : null;
  return {
    size: all.length, end: specials.includes("<end>") ? ids.get("<end>") : null, label: id => all[id],
    cut: text => (text.match(pattern) ?? []).map(word => ({ text: word, id: ids.get(word) ?? unknown })),
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

function byBytePair({ merges, specials }) {
  const tokens = tokenizer({ merges: merges.flat(), specials });
  return {
    size: tokens.bytes.length, end: specials.includes("<end>") ? tokens.size + specials.indexOf("<end>") : null,
    label: id => seen(tokens.bytes[id]),
    cut: text => merged(text, tokens).ids.map(id => ({ text: seen(tokens.bytes[id]), id })),
    texts(given) { // a character whose bytes are in several tokens comes with the last of them
      const stream = new TextDecoder("utf-8", { ignoreBOM: true }), last = given.length - 1;
      return given.map((id, i) => stream.decode(Uint8Array.from(tokens.bytes[id]), { stream: i < last }));
    },
  };
}
