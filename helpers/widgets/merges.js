// Byte-pair encoding, step by step. `pieces` and `merged` do what helpers/tokenizers.py does, and give the same ids.
// Scripts that are newer than either side's Unicode tables may be cut differently; nothing else may.
import { announcer, button, enable, h, number, put, select, widget } from "./dom.js";

const DRAWN = 300; // tokens
const SPACE = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000"; // what Python calls space
const WORD = "\\p{L}\\p{N}_"; // Python's \w
const PIECE = new RegExp(` ?[\\p{L}\\p{Nl}\\p{No}]+| ?\\p{Nd}+| ?(?:[^${WORD}${SPACE}]|_)+|[${SPACE}]+(?![^${SPACE}])|[${SPACE}]`, "gu");
const utf8 = new TextEncoder();

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
  const escaped = specials.map(name => name.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"));
  return { merges, ranks, size, bytes, specials, cut: specials.length ? new RegExp(`(${escaped.join("|")})`, "u") : null };
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
const hex = (code, digits) => code.toString(16).padStart(digits, "0");

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

// How a token grew: its two halves, and theirs, down to the bytes.
export function grown(id, tokens) {
  const rank = id - 256, half = id => (id < 256 || id >= tokens.size ? seen(tokens.bytes[id]) : `(${grown(id, tokens)})`);
  return rank < 0 || id >= tokens.size ? seen(tokens.bytes[id]) : `${half(tokens.merges[2 * rank])} ${half(tokens.merges[2 * rank + 1])}`;
}

const count = n => n.toLocaleString("en-US");
const times = n => (n === 1 ? "once" : n === 2 ? "twice" : `${count(n)} times`);
const bytesShown = bytes => Array.from(bytes, byte => hex(byte, 2).toUpperCase()).join(" ");

export default widget(frame => {
  const { model, root, on } = frame, say = announcer(frame);
  const tokens = tokenizer({ merges: model.get("merges"), specials: model.get("specials") });
  const token = id => h("bdi", { class: "nw-merge-inline" }, seen(tokens.bytes[id]));
  let text = null, whole = null, all = null, chosen = null, drawn = [], locked = false;
  const now = () => (model.get("step") < 0 ? all.steps.length : Math.min(model.get("step"), all.steps.length));
  const go = step => put(model, { step: step >= all.steps.length ? -1 : Math.max(0, step) });

  const box = h("textarea", { class: "nw-merge-text", rows: 2, maxlength: 1e6, dir: "auto", spellcheck: "false", "aria-label": "Text to cut into tokens", oninput: () => put(model, { text: box.value }) });
  const input = h("input", { type: "range", min: 0, step: 1, oninput: () => go(Number(input.value)) });
  const stepShown = h("output", { "aria-hidden": "true", "aria-live": "off" }), told = h("p", { class: "nw-merge-told" }), note = h("p", { class: "nw-muted nw-merge-note" });
  const toBytes = button("Bytes", () => go(0)), back = button("◂ Back", () => go(now() - 1));
  const forth = button("Next ▸", () => go(now() + 1)), toAll = button("All", () => go(Infinity));
  const chips = h("div", { class: "nw-merge-tokens", role: "group", "aria-label": "Tokens; the arrow keys go from one to the next", onkeydown: walk });
  const detail = h("p", { class: "nw-merge-detail" });
  const bars = ["bytes", "characters", "tokens", "words"].map(name => ({ name, bar: h("i", { class: "nw-moves" }), shown: h("span") }));
  const rates = h("p", { class: "nw-muted" });
  root.append(
    box,
    h("div", { class: "nw-row" }, toBytes, back, forth, toAll, h("label", { class: "nw-field nw-merge-step" }, h("span", {}, "Merges applied"), input, stepShown)),
    told, chips, note, detail,
    h("div", { class: "nw-merge-bars", role: "group", "aria-label": "How long the text is" },
      bars.flatMap(({ name, bar, shown }) => [h("span", {}, name), h("div", { class: `nw-merge-bar nw-merge-of-${name}` }, bar), shown])),
    rates, h("div", { class: "nw-row" }, select(frame, "under", "Below each token", [["ids", "its id"], ["bytes", "its bytes"]])));

  function walk(event) {
    const from = drawn.findIndex(({ chip }) => chip === document.activeElement), rtl = chips.dir === "rtl" ? -1 : 1;
    const to = { ArrowRight: from + rtl, ArrowLeft: from - rtl, ArrowDown: from + 1, ArrowUp: from - 1, Home: 0, End: drawn.length - 1 }[event.key];
    if (from < 0 || to === undefined) return;
    event.preventDefault();
    drawn[Math.min(drawn.length - 1, Math.max(0, to))].chip.focus();
  }

  // Hover and focus show a token's story; a click or Enter keeps it there.
  function choose(i, lock) {
    if (locked && !lock) return;
    locked = lock && !(locked && chosen === i);
    chosen = i;
    drawn.forEach(({ chip }, k) => { chip.setAttribute("aria-pressed", String(locked && k === i)); chip.tabIndex = k === (i ?? 0) ? 0 : -1; });
    tell();
  }
  function tell() {
    const it = drawn[chosen];
    if (!it) { detail.replaceChildren("Choose a token to see how it grew."); return; }
    const bytes = tokens.bytes[it.id], special = it.id >= tokens.size;
    const story = special ? "a special token, never cut" : it.id < 256 ? "a single byte" : "grown as ";
    detail.replaceChildren(`Token ${count(chosen + 1)}: `, token(it.id), `, id ${count(it.id)}, bytes ${bytesShown(bytes)}; ${story}`,
      it.id >= 256 && !special ? h("bdi", {}, grown(it.id, tokens)) : "",
      isPart(bytes) ? h("span", {}, "; a part of ", h("bdi", {}, around(it.at, bytes.length)), ".") : ".");
  }
  // The characters of the text to which its bytes from `at` on belong.
  function around(at, length) {
    const inside = i => (whole[i] & 0xc0) === 0x80;
    let from = at, to = at + length;
    while (inside(from)) from--;
    while (inside(to)) to++;
    return new TextDecoder().decode(whole.slice(from, to));
  }

  on("text step under", () => {
    if (typeof model.get("text") !== "string") throw new Error("The text that came is no text.");
    if (model.get("text") !== text) {
      text = model.get("text");
      all = merged(text, tokens);
      whole = utf8.encode(text);
      if (box.value !== text) box.value = text;
      chosen = null;
      locked = false;
    }
    const step = now(), steps = all.steps, rank = step ? steps[step - 1][0] : -1;
    const { ids } = step === steps.length ? all : merged(text, tokens, rank + 1);
    input.max = steps.length;
    input.value = step;
    stepShown.textContent = `${count(step)} of ${count(steps.length)}`;
    input.setAttribute("aria-valuetext", `${step} of ${steps.length} merges, ${ids.length} tokens`);
    enable(step > 0, toBytes, back);
    enable(step < steps.length, forth, toAll);

    if (!text) told.replaceChildren("Type a text.");
    else if (!step) told.replaceChildren(steps.length ? "No merges yet: each byte is a token." : "No merge fits this text: each byte is a token.");
    else {
      const [a, b] = tokens.merges.slice(2 * rank, 2 * rank + 2);
      told.replaceChildren(`Merge ${count(step)}: `, token(a), " + ", token(b), " → ", token(256 + rank),
        `. Number ${count(rank + 1)} of the ${count(tokens.merges.length / 2)} that were learned; here it occurs ${times(steps[step - 1][1])}, `
        + `so ${count(ids.length + steps[step - 1][1])} tokens become ${count(ids.length)}.`);
    }
    draw(ids.slice(0, DRAWN), 256 + rank);
    const words = wordCount(text), characters = charactersOf(text), sizes = { bytes: whole.length, characters, tokens: ids.length, words };
    bars.forEach(({ name, bar, shown }) => {
      bar.style.width = `${100 * sizes[name] / Math.max(1, whole.length)}%`;
      shown.textContent = count(sizes[name]);
    });
    rates.textContent = ids.length && words ? `${number(characters / ids.length)} characters a token, ${number(ids.length / words)} tokens a word.` : "";
    note.textContent = [
      ids.length > DRAWN ? `The first ${DRAWN} of ${count(ids.length)} tokens are drawn; all are counted.` : "",
      /\p{Surrogate}/u.test(text) ? "Half of a character came without its other half; it counts as �." : "",
    ].filter(Boolean).join(" ");
    tell();
    say(`${told.textContent} ${note.textContent}`);
  });

  function draw(ids, fresh) {
    const under = model.get("under"), rest = drawn.splice(ids.length);
    rest.forEach(({ chip }) => chip.remove());
    chips.dir = getComputedStyle(box).direction;
    let at = 0;
    ids.forEach((id, i) => {
      const bytes = tokens.bytes[id], it = drawn[i] ??= place(i);
      Object.assign(it, { id, at });
      at += bytes.length;
      const shown = seen(bytes), part = isPart(bytes);
      it.name.textContent = /^\p{M}/u.test(shown) ? "◌" + shown : shown;
      it.small.textContent = under === "ids" ? id : bytesShown(bytes);
      it.chip.classList.toggle("nw-merge-part", part);
      it.chip.classList.toggle("nw-merge-fresh", id === fresh);
    });
    if (chosen !== null && chosen >= ids.length) chosen = null;
    drawn.forEach(({ chip }, k) => { chip.tabIndex = k === (chosen ?? 0) ? 0 : -1; });
  }
  function place(i) {
    const name = h("bdi"), small = h("small");
    const chip = h("button", { type: "button", class: "nw-merge-token", "aria-pressed": "false", onclick: () => choose(i, true), onfocus: () => choose(i, false), onpointerenter: () => choose(i, false) }, name, small);
    chips.append(chip);
    return { chip, name, small };
  }
});
