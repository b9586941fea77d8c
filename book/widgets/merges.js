// @ts-check
// Byte-pair encoding, step by step. `merged` does what helpers/tokenizers.py does and gives the same ids.
// Characters newer than either side's Unicode tables may get cut differently; nothing else may.
import { announcer, button, enable, h, put, select, widget } from "./dom.js";
import { number, whole } from "./text.js";
import { charactersOf, hex, isPart, merged, seen, tokenizer, utf8, wordCount } from "./tokenizers.js";

const DRAWN = 300; // tokens

/** @typedef {ReturnType<typeof tokenizer>} Tokens */

/** How a token grew: its two halves, and theirs, down to the bytes.
 * @param {number} id @param {Tokens} tokens @returns {string} */
export function grown(id, tokens) {
  const rank = id - 256, made = (/** @type {number} */ id) => id >= 256 && id < tokens.size;
  /** @param {number} id */
  const half = id => (made(id) ? `(${grown(id, tokens)})` : seen(tokens.bytes[id]));
  if (!made(id)) return seen(tokens.bytes[id]);
  return `${half(tokens.merges[2 * rank])} ${half(tokens.merges[2 * rank + 1])}`;
}

/** @param {number} n */
const times = n => (n === 1 ? "once" : n === 2 ? "twice" : `${whole(n)} times`);
/** @param {number[]} bytes */
const bytesShown = bytes => bytes.map(byte => hex(byte, 2).toUpperCase()).join(" ");

export default widget(frame => {
  const { model, root, on } = frame, say = announcer(frame);
  const tokens = tokenizer({ merges: model.get("merges"), specials: model.get("specials") });
  /** @param {number} id */
  const token = id => h("bdi", { class: "nw-merge-inline" }, seen(tokens.bytes[id]));
  /** @typedef {ReturnType<typeof place> & { id: number, at: number }} Chip */
  let text = /** @type {string | null} */ (null), bytesOf = utf8.encode(""), all = merged("", tokens);
  let chosen = /** @type {number | null} */ (null), drawn = /** @type {Chip[]} */ ([]), locked = false;
  const now = () => (model.get("step") < 0 ? all.steps.length : Math.min(model.get("step"), all.steps.length));
  /** @param {number} step */
  const go = step => put(model, { step: step >= all.steps.length ? -1 : Math.max(0, step) });

  const box = h("textarea", {
    class: "nw-merge-text", rows: 2, maxlength: 1e6, dir: "auto", spellcheck: "false",
    "aria-label": "Text to cut into tokens",
    oninput: () => put(model, { text: box.value }),
  });
  const input = h("input", { type: "range", min: 0, step: 1, oninput: () => go(Number(input.value)) });
  const stepShown = h("output", { "aria-hidden": "true", "aria-live": "off" });
  const told = h("p", { class: "nw-merge-told" }), note = h("p", { class: "nw-muted nw-merge-note" });
  const toBytes = button("Bytes", () => go(0)), back = button("◂ Back", () => go(now() - 1));
  const forth = button("Next ▸", () => go(now() + 1)), toAll = button("All", () => go(Infinity));
  const chips = h("div", {
    class: "nw-merge-tokens", role: "group", onkeydown: walk,
    "aria-label": "Tokens; the arrow keys go from one to the next",
  });
  const detail = h("p", { class: "nw-merge-detail" }), rates = h("p", { class: "nw-muted" });
  const bars = /** @type {const} */ (["bytes", "characters", "tokens", "words"])
    .map(name => ({ name, bar: h("i", { class: "nw-moves" }), shown: h("span") }));
  root.append(
    box,
    h("div", { class: "nw-row" }, toBytes, back, forth, toAll,
      h("label", { class: "nw-field nw-merge-step" }, h("span", {}, "Merges applied"), input, stepShown)),
    told, chips, note, detail,
    h("div", { class: "nw-merge-bars", role: "group", "aria-label": "How long the text is" },
      bars.flatMap(({ name, bar, shown }) =>
        [h("span", {}, name), h("div", { class: `nw-merge-bar nw-merge-of-${name}` }, bar), shown])),
    rates,
    h("div", { class: "nw-row" },
      select(frame, "under", "Below each token", [["ids", "its id"], ["bytes", "its bytes"]])));

  /** @param {KeyboardEvent} event */
  function walk(event) {
    const from = drawn.findIndex(({ chip }) => chip === document.activeElement), rtl = chips.dir === "rtl" ? -1 : 1;
    const to = { ArrowRight: from + rtl, ArrowLeft: from - rtl, ArrowDown: from + 1, ArrowUp: from - 1, Home: 0,
      End: drawn.length - 1 }[event.key];
    if (from < 0 || to === undefined) return;
    event.preventDefault();
    drawn[Math.min(drawn.length - 1, Math.max(0, to))].chip.focus();
  }

  /** Hover and focus show a token's story; a click or Enter keeps it there. @param {number} i @param {boolean} lock */
  function choose(i, lock) {
    if (locked && !lock) return;
    locked = lock && !(locked && chosen === i);
    chosen = i;
    drawn.forEach(({ chip }, k) => chip.setAttribute("aria-pressed", String(locked && k === i)));
    reach();
    tell();
  }
  const reach = () => drawn.forEach(({ chip }, k) => { chip.tabIndex = k === (chosen ?? 0) ? 0 : -1; });
  function tell() {
    const it = chosen === null ? null : drawn[chosen];
    if (!it || chosen === null) return detail.replaceChildren("Pick a token to see how it grew.");
    const bytes = tokens.bytes[it.id], special = it.id >= tokens.size, one = it.id < 256;
    const story = special ? "a special token, never cut" : one ? "a single byte" : "grown as ";
    detail.replaceChildren(
      `Token ${whole(chosen + 1)}: `, token(it.id), `, id ${whole(it.id)}, bytes ${bytesShown(bytes)}; ${story}`,
      one || special ? "" : h("bdi", {}, grown(it.id, tokens)),
      isPart(bytes) ? h("span", {}, "; part of ", h("bdi", {}, around(it.at, bytes.length)), ".") : ".");
  }
  /** The characters of the text that its bytes from `at` on belong to. @param {number} at @param {number} length */
  function around(at, length) {
    const inside = (/** @type {number} */ i) => (bytesOf[i] & 0xc0) === 0x80;
    let from = at, to = at + length;
    while (inside(from)) from--;
    while (inside(to)) to++;
    return new TextDecoder().decode(bytesOf.slice(from, to));
  }

  /** @param {string} given */
  function read(given) {
    text = given;
    all = merged(text, tokens);
    bytesOf = utf8.encode(text);
    if (box.value !== text) box.value = text;
    chosen = null;
    locked = false;
  }

  /** What the last merge did. @param {number} step @param {number} rank @param {number} length  in tokens */
  function story(step, rank, length) {
    if (!text) return ["Type some text."];
    if (!step) return [`${all.steps.length ? "No merges yet" : "No merge fits this text"}, so every byte is a token.`];
    const [a, b] = tokens.merges.slice(2 * rank, 2 * rank + 2), often = all.steps[step - 1][1];
    return [`Merge ${whole(step)}: `, token(a), " + ", token(b), " → ", token(256 + rank),
      `. It's number ${whole(rank + 1)} of the ${whole(tokens.merges.length / 2)} learned. `
      + `It happens ${times(often)} here, so ${whole(length + often)} tokens become ${whole(length)}.`];
  }

  on("text step under", () => {
    const given = model.get("text");
    if (typeof given !== "string") throw new Error(`The text must be a string; got ${JSON.stringify(given)}.`);
    if (given !== text) read(given);
    const step = now(), steps = all.steps, rank = step ? steps[step - 1][0] : -1;
    const { ids } = step === steps.length ? all : merged(given, tokens, rank + 1);
    input.max = String(steps.length);
    input.value = String(step);
    stepShown.textContent = `${whole(step)} of ${whole(steps.length)}`;
    input.setAttribute("aria-valuetext", `${step} of ${steps.length} merges, ${ids.length} tokens`);
    enable(step > 0, toBytes, back);
    enable(step < steps.length, forth, toAll);
    told.replaceChildren(...story(step, rank, ids.length));
    draw(ids.slice(0, DRAWN), 256 + rank);

    const words = wordCount(given), characters = charactersOf(given);
    const sizes = { bytes: bytesOf.length, characters, tokens: ids.length, words };
    bars.forEach(({ name, bar, shown }) => {
      bar.style.width = `${100 * sizes[name] / Math.max(1, bytesOf.length)}%`;
      shown.textContent = whole(sizes[name]);
    });
    rates.textContent = ids.length && words
      ? `${number(characters / ids.length)} characters per token, ${number(ids.length / words)} tokens per word.` : "";
    note.textContent = [
      ids.length > DRAWN && `Only the first ${DRAWN} of ${whole(ids.length)} tokens are drawn, but all are counted.`,
      /\p{Surrogate}/u.test(given) && "Half of a character is missing its other half; it counts as �.",
    ].filter(Boolean).join(" ");
    tell();
    say(`${told.textContent} ${note.textContent}`);
  });

  /** @param {number[]} ids @param {number} fresh  the token the last merge made */
  function draw(ids, fresh) {
    const under = model.get("under");
    drawn.splice(ids.length).forEach(({ chip }) => chip.remove());
    chips.dir = getComputedStyle(box).direction;
    let at = 0;
    ids.forEach((id, i) => {
      const bytes = tokens.bytes[id], shown = seen(bytes), it = drawn[i] ??= { ...place(i), id, at };
      Object.assign(it, { id, at });
      at += bytes.length;
      it.name.textContent = /^\p{M}/u.test(shown) ? "◌" + shown : shown;
      it.small.textContent = under === "ids" ? String(id) : bytesShown(bytes);
      it.chip.classList.toggle("nw-merge-part", isPart(bytes));
      it.chip.classList.toggle("nw-merge-fresh", id === fresh);
    });
    if (chosen !== null && chosen >= ids.length) chosen = null;
    reach();
  }
  /** @param {number} i */
  function place(i) {
    const name = h("bdi"), small = h("small"), look = () => choose(i, false);
    const chip = button([name, small], () => choose(i, true),
      { class: "nw-merge-token", "aria-pressed": "false", onfocus: look, onpointerenter: look });
    chips.append(chip);
    return { chip, name, small };
  }
});
