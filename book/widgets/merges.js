// Byte-pair encoding, step by step. `pieces` and `merged` do what helpers/tokenizers.py does, and give the same ids.
// Scripts that are newer than either side's Unicode tables may be cut differently; nothing else may.
import { announcer, button, enable, h, number, put, select, widget } from "./dom.js";
import { charactersOf, hex, isPart, merged, seen, tokenizer, utf8, wordCount } from "./tokenizers.js";

const DRAWN = 300; // tokens

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
