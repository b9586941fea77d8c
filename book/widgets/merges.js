// @ts-check
// Byte-pair encoding, step by step: boxes that fuse, and the tree a token grew as. `merged` does what
// helpers/tokenizers.py does and gives the same ids. Characters newer than either side's Unicode tables may get cut
// differently; nothing else may.
import {
  animator, announcer, button, eased, enable, h, more, primary, put, s, select, still, widget,
} from "./dom.js";
import { count, number, whole } from "./text.js";
import { charactersOf, hex, isPart, merged, seen, tokenizer, utf8, wordCount } from "./tokenizers.js";

const DRAWN = 300; // tokens
const SLIDE = 0.65; // of a merge's time; the rest is the flash
const ROW = 60, BOX = 38; // pixels of the tree

/** @typedef {ReturnType<typeof tokenizer>} Tokens */
/** The bytes from `at` up to `end`. @typedef {{ at: number, end: number }} Stretch */
/**
 * A node of a token's tree. x: in leaves; depth: from the root down; height: from the bytes up; parent: its index;
 * rank: of its merge, −1 for a byte.
 * @typedef {{ id: number, parent: number, depth: number, height: number, x: number, rank: number }} Twig
 */

/** How a token grew: its two halves, and theirs, down to the bytes.
 * @param {number} id @param {Tokens} tokens @returns {string} */
export function grown(id, tokens) {
  const rank = id - 256, made = (/** @type {number} */ id) => id >= 256 && id < tokens.size;
  /** @param {number} id */
  const half = id => (made(id) ? `(${grown(id, tokens)})` : seen(tokens.bytes[id]));
  if (!made(id)) return seen(tokens.bytes[id]);
  return `${half(tokens.merges[2 * rank])} ${half(tokens.merges[2 * rank + 1])}`;
}

/** The same as a tree: its nodes, each after its parent. A node is above the middle of its bytes.
 * @param {number} id @param {Tokens} tokens @returns {Twig[]} */
export function treeOf(id, tokens) {
  const twigs = /** @type {Twig[]} */ ([]);
  /** @param {number} id @param {number} parent @param {number} depth @param {number} from */
  const grow = (id, parent, depth, from) => {
    const rank = id >= 256 && id < tokens.size ? id - 256 : -1, me = twigs.length, leaves = tokens.bytes[id].length;
    const twig = { id, parent, depth, height: 0, x: from + (rank < 0 ? 1 : leaves) / 2, rank };
    twigs.push(twig);
    if (rank >= 0) {
      const [a, b] = tokens.merges.slice(2 * rank, 2 * rank + 2);
      twig.height = 1 + Math.max(grow(a, me, depth + 1, from), grow(b, me, depth + 1, from + tokens.bytes[a].length));
    }
    return twig.height;
  };
  grow(id, -1, 0, 0);
  return twigs;
}

/** For each stretch of `after`, the indices of the stretches of `before` that it shares bytes with; both are in order.
 * @param {Stretch[]} before @param {Stretch[]} after */
export function origins(before, after) {
  let first = 0;
  return after.map(({ at, end }) => {
    while (first < before.length && before[first].end <= at) first++;
    const found = [];
    for (let i = first; i < before.length && before[i].at < end; i++) found.push(i);
    return found;
  });
}

/** How many merges the next tick of a run makes, and how long it takes. It speeds up, so that any text gets done.
 * @param {number} done @param {number} total @returns {[merges: number, ms: number]} */
export const pace = (done, total) =>
  [done < 12 ? 1 : Math.max(1, Math.ceil((total - 12) / 40)), Math.max(130, 420 * 0.9 ** done)];

/** @param {number} n */
const times = n => (n === 1 ? "once" : n === 2 ? "twice" : `${whole(n)} times`);
/** @param {number[]} bytes */
const bytesShown = bytes => bytes.map(byte => hex(byte, 2).toUpperCase()).join(" ");

export default widget(frame => {
  const { model, root, on, cleanup } = frame, say = announcer(frame);
  const flight = animator(frame), growth = animator(frame);
  const tokens = tokenizer({ merges: model.get("merges"), specials: model.get("specials") });
  /** @param {number} id */
  const token = id => h("bdi", { class: "nw-merge-inline" }, seen(tokens.bytes[id]));
  /** @typedef {ReturnType<typeof place> & Stretch & { id: number }} Chip */
  let text = /** @type {string | null} */ (null), bytesOf = utf8.encode(""), all = merged("", tokens);
  let drawn = /** @type {Chip[]} */ ([]), shownStep = -1, playing = false;
  let ghosts = /** @type {HTMLElement[]} */ ([]), tall = 0, sprout = (/** @type {number} */ _) => {};
  let reached = 0, open = /** @type {number | null} */ (null); // the box that Tab gets to, and the one with a tree
  const now = () => (model.get("step") < 0 ? all.steps.length : Math.min(model.get("step"), all.steps.length));
  /** @param {number} step */
  const go = step => put(model, { step: step >= all.steps.length ? -1 : Math.max(0, step) });
  /** @param {number} step */
  const jump = step => { play(false); go(step); };

  const starter = button("▶ Play", () => {
    if (playing) return play(false);
    if (still()) return go(now() === all.steps.length ? 0 : now() + 1); // one at a time
    play(true);
    if (now() === all.steps.length) go(0);
    else next();
  }, { class: "nw-go" });
  const input = h("input", { type: "range", min: 0, step: 1, oninput: () => jump(Number(input.value)) });
  const stepShown = h("output", { "aria-hidden": "true", "aria-live": "off" });
  const counted = h("b"), told = h("p", { class: "nw-merge-told" });
  const note = h("p", { class: "nw-muted nw-merge-note" });
  const chips = h("div", {
    class: "nw-merge-tokens", role: "group", onkeydown: walk,
    "aria-label": "Tokens; the arrow keys go from one to the next, Enter shows how one grew",
  });
  const tree = h("div", { class: "nw-merge-tree" }), detail = h("p", { class: "nw-merge-detail" });
  const box = h("textarea", {
    class: "nw-merge-text", rows: 2, maxlength: 1e6, dir: "auto", spellcheck: "false",
    oninput: () => put(model, { text: box.value }),
  });
  const toBytes = button("No merges", () => jump(0)), back = button("◂ Back", () => jump(now() - 1));
  const forth = button("Next ▸", () => jump(now() + 1)), toAll = button("All merges", () => jump(Infinity));
  const rates = h("p", { class: "nw-muted" });
  const bars = /** @type {const} */ (["bytes", "characters", "tokens", "words"])
    .map(name => ({ name, bar: h("i", { class: "nw-moves" }), shown: h("span") }));
  root.append(
    primary(starter, h("label", { class: "nw-field" }, h("span", {}, "Merges applied"), input, stepShown)),
    h("div", { class: "nw-drawing" }, h("p", { class: "nw-merge-count" }, counted), told, chips, note, detail),
    h("label", { class: "nw-merge-typed" }, h("span", { class: "nw-muted" }, "Text to cut into tokens"), box),
    more(h("div", { class: "nw-row" }, toBytes, back, forth, toAll,
      select(frame, "under", "Below each token", [["ids", "its id"], ["bytes", "its bytes"]])),
    h("div", { class: "nw-merge-bars", role: "group",
      "aria-label": "Length of the text in bytes, characters, tokens, and words" },
      bars.flatMap(({ name, bar, shown }) =>
        [h("span", {}, name), h("div", { class: `nw-merge-bar nw-merge-of-${name}` }, bar), shown])),
    rates));

  /** @param {KeyboardEvent} event */
  function walk(event) {
    const from = drawn.findIndex(({ chip }) => chip === document.activeElement), rtl = chips.dir === "rtl" ? -1 : 1;
    if (event.key === "Escape" && open !== null) { event.preventDefault(); unfold(null); return; }
    const to = { ArrowRight: from + rtl, ArrowLeft: from - rtl, ArrowDown: from + 1, ArrowUp: from - 1, Home: 0,
      End: drawn.length - 1 }[event.key];
    if (from < 0 || to === undefined) return;
    event.preventDefault();
    drawn[Math.min(drawn.length - 1, Math.max(0, to))].chip.focus();
  }
  /** @param {number} i */
  function reach(i) {
    reached = Math.min(i, drawn.length - 1);
    drawn.forEach(({ chip }, k) => { chip.tabIndex = k === reached ? 0 : -1; });
  }

  // Playing

  /** @param {boolean} on */
  function play(on) {
    playing = on;
    starter.textContent = on ? "❚❚ Pause" : "▶ Play";
    if (!on) return;
    chips.style.minHeight = `${chips.clientHeight}px`; // or what's below would jump
    unfold(null, false);
  }
  function next() {
    if (now() < all.steps.length) return go(now() + pace(now(), all.steps.length)[0]);
    play(false);
    unfold(longest());
    chips.style.minHeight = "";
  }
  /** The box that has most to show. */
  function longest() {
    const sizes = drawn.map(({ id, at, end }) => (id < tokens.size ? end - at : 0)), most = Math.max(0, ...sizes);
    return most > 1 ? sizes.indexOf(most) : null;
  }

  // The tree of a box

  /** Opens the tree of a box and closes the one before; null: only that.
   * @param {number | null} i @param {boolean} moves */
  function unfold(i, moves = true) {
    const leaving = i === null && open !== null && tree.firstChild;
    open = i;
    drawn.forEach(({ chip }, k) => chip.setAttribute("aria-expanded", String(k === i)));
    tell();
    if (leaving && moves) return growth.run(180, (x, over) => { sprout(1 - x); if (over) tree.remove(); });
    growth.stop();
    plant();
    if (i !== null && moves) growth.run(250 + 130 * tall, x => sprout(x));
  }
  /** Draws the tree below the row of its box. */
  function plant() {
    tree.remove();
    if (open === null || drawn[open].id >= tokens.size) return;
    const { chip, id } = drawn[open], twigs = treeOf(id, tokens);
    const labels = twigs.map(({ id }) => seen(tokens.bytes[id]));
    const wide = twigs.some(({ rank }, i) => rank < 0 && [...labels[i]].length > 2);
    const leaves = tokens.bytes[id].length, room = chips.clientWidth - 6;
    const unit = Math.max(wide ? 42 : 37, Math.min(48, room / leaves)), width = Math.max(64, leaves * unit);
    tall = twigs[0].height;
    const middle = chip.offsetLeft + chip.offsetWidth / 2 - 3;
    const left = Math.max(0, Math.min(room - width, middle - width / 2)), lead = 16;
    const at = twigs.map(({ x, height }) =>
      [leaves === 1 ? width / 2 : x * unit, lead + BOX / 2 + (tall - height) * ROW]);
    const groups = twigs.map(({ id, rank }, i) => {
      const below = rank < 0 ? bytesShown(tokens.bytes[id]) : `merge ${rank + 1}`;
      const w = rank < 0 ? Math.min(unit - 3, 40) : Math.max(below.length * 7 + 10, [...labels[i]].length * 9 + 14);
      return s("g", { class: rank < 0 ? "nw-merge-leaf" : "nw-merge-twig" },
        s("rect", { x: -w / 2, y: -BOX / 2, width: w, height: BOX, rx: 6 }),
        s("text", { y: -1, "text-anchor": "middle", direction: "ltr" }, labels[i]),
        s("text", { y: 14, "text-anchor": "middle", class: "nw-muted" }, below));
    });
    const edges = twigs.map(() => s("path", { class: "nw-merge-edge" }));
    sprout = x => twigs.forEach(({ parent, depth }, i) => {
      const p = eased(Math.min(1, Math.max(0, x * (tall + 1) - depth)));
      const [px, py] = parent < 0 ? [middle - left, -BOX / 2] : at[parent];
      const cx = px + p * (at[i][0] - px), cy = py + p * (at[i][1] - py), top = cy - BOX / 2;
      groups[i].setAttribute("transform", `translate(${cx},${cy})`);
      groups[i].setAttribute("opacity", String(p));
      const start = py + BOX / 2, turn = Math.max(start, Math.min(top, start + ROW - BOX)), half = (start + turn) / 2;
      edges[i].setAttribute("d", `M${px},${start}C${px},${half} ${cx},${half} ${cx},${turn}V${Math.max(turn, top)}`);
      edges[i].setAttribute("opacity", p > 0.05 ? "1" : "0");
    });
    const size = { width, height: lead + tall * ROW + BOX + 4 };
    tree.replaceChildren(s("svg", {
      ...size, viewBox: `0 0 ${size.width} ${size.height}`, role: "img",
      style: `width:${width}px;height:${size.height}px;margin-left:${left}px`,
      "aria-label": `How ${labels[0]} grew: ${grown(id, tokens)}`,
    }, edges, groups.toReversed()));
    const after = drawn.slice(open + 1).find(it => it.chip.offsetTop > chip.offsetTop + 4);
    chips.insertBefore(tree, after?.chip ?? null);
    sprout(1);
  }
  function tell() {
    const it = open === null ? null : drawn[open];
    if (!it || open === null)
      return detail.replaceChildren(drawn.length ? "Click a box to see how it grew." : "");
    const bytes = tokens.bytes[it.id], twigs = treeOf(it.id, tokens).filter(({ rank }) => rank >= 0).length;
    const story = it.id >= tokens.size ? "It's a special token, so it's never cut."
      : twigs ? `${count(twigs, "merge")} made it.` : "It's a single byte.";
    detail.replaceChildren(
      `Token ${whole(open + 1)} is `, token(it.id), `: id ${whole(it.id)}, bytes ${bytesShown(bytes)}. ${story}`,
      isPart(bytes) ? h("span", {}, " It's part of ", h("bdi", {}, around(it.at, bytes.length)), ".") : "");
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
    chips.style.minHeight = "";
    play(false);
  }

  /** What the last merge did. @param {number} step @param {number} rank */
  function story(step, rank) {
    if (!text) return ["Type some text."];
    if (!step) return [`${all.steps.length ? "No merges yet" : "No merge fits this text"}, so every byte is a token.`];
    const [a, b] = tokens.merges.slice(2 * rank, 2 * rank + 2);
    return [`Merge ${whole(step)}: `, token(a), " + ", token(b), " → ", token(256 + rank),
      `, ${times(all.steps[step - 1][1])} here. `
      + `In training, it was merge ${whole(rank + 1)} of ${whole(tokens.merges.length / 2)}.`];
  }

  on("text step under", () => {
    const given = model.get("text"), first = text === null, same = given === text;
    if (typeof given !== "string") throw new Error(`The text must be a string; got ${JSON.stringify(given)}.`);
    if (!same) read(given);
    const step = now(), steps = all.steps, rank = step ? steps[step - 1][0] : -1;
    const { ids } = step === steps.length ? all : merged(given, tokens, rank + 1);
    input.max = String(steps.length);
    input.value = String(step);
    stepShown.textContent = `${whole(step)} of ${whole(steps.length)}`;
    input.setAttribute("aria-valuetext", `${step} of ${steps.length} merges, ${ids.length} tokens`);
    enable(steps.length > 0, starter);
    enable(step > 0, toBytes, back);
    enable(step < steps.length, forth, toAll);
    const words = wordCount(given), characters = charactersOf(given);
    counted.textContent = `${count(characters, "character")} → ${count(ids.length, "token")}`;
    told.replaceChildren(...story(step, rank));
    note.textContent = [
      ids.length > DRAWN && `Only the first ${DRAWN} of ${whole(ids.length)} tokens are drawn, but all are counted.`,
      /\p{Surrogate}/u.test(given) && "The text contains half a character; it counts as �.",
    ].filter(Boolean).join(" ");
    draw(ids.slice(0, DRAWN), 256 + rank, same && step !== shownStep);
    shownStep = step;
    if (first) unfold(longest(), false);

    const sizes = { bytes: bytesOf.length, characters, tokens: ids.length, words };
    bars.forEach(({ name, bar, shown }) => {
      bar.style.width = `${100 * sizes[name] / Math.max(1, bytesOf.length)}%`;
      shown.textContent = whole(sizes[name]);
    });
    rates.textContent = ids.length && words
      ? `${number(characters / ids.length)} characters per token, ${number(ids.length / words)} tokens per word.` : "";
    say(`${told.textContent} ${counted.textContent}. ${note.textContent}`);
  });

  /** @param {number[]} ids @param {number} fresh  the token the last merge made @param {boolean} moves */
  function draw(ids, fresh, moves) {
    const was = !moves ? []
      : drawn.map(it => ({ ...it, ...spot(it.chip), words: [it.name, it.small].map(e => e.textContent) }));
    const kept = open === null ? null : { ...drawn[open] }, under = model.get("under");
    land();
    drawn.splice(ids.length).forEach(({ chip }) => chip.remove());
    chips.dir = getComputedStyle(box).direction;
    let at = 0;
    ids.forEach((id, i) => {
      const bytes = tokens.bytes[id], shown = seen(bytes), it = drawn[i] ??= { ...place(i), id, at, end: at };
      Object.assign(it, { id, at, end: at + bytes.length });
      at += bytes.length;
      it.name.textContent = /^\p{M}/u.test(shown) ? "◌" + shown : shown;
      it.small.textContent = under === "ids" ? String(id) : bytesShown(bytes);
      it.chip.classList.toggle("nw-merge-part", isPart(bytes));
      it.chip.classList.toggle("nw-merge-fresh", id === fresh);
    });
    const again = kept ? drawn.findIndex(it => it.at === kept.at && it.id === kept.id) : -1;
    unfold(again < 0 ? null : again, false);
    reach(reached);
    if (moves) fly(was);
    else if (playing) next(); // what the boxes show has changed, and that has ended a flight
  }
  /** @param {number} i */
  function place(i) {
    const name = h("bdi"), small = h("small");
    const chip = button([name, small], () => { play(false); unfold(open === i ? null : i); },
      { class: "nw-merge-token", "aria-expanded": "false", onfocus: () => reach(i) });
    chips.append(chip);
    return { chip, name, small };
  }

  // Motion: from where the boxes were to where they are now. Several that become one slide together first.

  /** @param {Element} element  in the pixels of the boxes' paper */
  function spot(element) {
    const { left, top, width } = element.getBoundingClientRect(), paper = chips.getBoundingClientRect();
    return { left: left - paper.left + chips.scrollLeft, top: top - paper.top + chips.scrollTop, width };
  }
  /** @typedef {Stretch & { left: number, top: number, width: number, words: (string | null)[] }} Spot */
  function land() {
    flight.stop();
    ghosts.splice(0).forEach(ghost => ghost.remove());
    drawn.forEach(({ chip }) => chip.removeAttribute("style"));
  }
  /** @param {Spot[]} was */
  function fly(was) {
    const from = origins(was, drawn), to = drawn.map(({ chip }) => spot(chip)), rtl = chips.dir === "rtl";
    /** Where the part i of n lies in a box. @param {{ left: number, width: number }} box @param {number} w
     * @param {number} i @param {number} n */
    const inside = (box, w, i, n) => box.left + (rtl ? n - 1 - i : i) / Math.max(1, n - 1) * (box.width - w);
    /** @type {[HTMLElement, x: number, y: number, dx: number, dy: number][]} */
    const slides = [];
    const fused = drawn.filter((_, k) => from[k].length > 1).map(({ chip }) => chip);
    drawn.forEach(({ chip }, k) => {
      const { left, top } = to[k], [old] = from[k];
      if (from[k].length > 1) from[k].forEach((i, j, { length }) => {
        const { left: x, top: y, width, words } = was[i];
        const ghost = h("span", { class: "nw-merge-ghost", "aria-hidden": "true", style: { width: `${width}px` } },
          h("bdi", {}, words[0]), h("small", {}, words[1]));
        ghosts.push(ghost);
        slides.push([ghost, inside(to[k], width, j, length), top, x - inside(to[k], width, j, length), y - top]);
      });
      else if (old !== undefined) {
        const kin = from.filter(([i, ...others]) => i === old && !others.length).length;
        const nth = from.slice(0, k).filter(([i, ...others]) => i === old && !others.length).length;
        const dx = inside(was[old], to[k].width, nth, kin) - left, dy = was[old].top - top;
        if (kin > 1 || Math.abs(dx) + Math.abs(dy) > 0.5) slides.push([chip, 0, 0, dx, dy]);
      }
    });
    chips.append(...ghosts);
    flight.run(playing ? pace(now(), all.steps.length)[1] : 300, (x, over) => {
      const left = 1 - eased(Math.min(1, x / SLIDE)), flash = Math.max(0, (x - SLIDE) / (1 - SLIDE));
      slides.forEach(([{ style }, x, y, dx, dy]) => {
        style.transform = `translate(${x + left * dx}px,${y + left * dy}px)`;
      });
      ghosts.forEach(ghost => { ghost.style.opacity = flash ? "0" : "1"; });
      fused.forEach(({ style }) => {
        style.opacity = flash ? "1" : "0";
        style.transform = `scale(${1 + 0.18 * Math.sin(Math.PI * flash)})`;
        style.setProperty("--nw-flash", `${Math.round(75 * (1 - flash))}%`);
      });
      if (!over) return;
      land();
      if (playing) next();
    });
  }
  let width = 0;
  const watch = new ResizeObserver(() => { // another width, other rows
    if (width !== chips.clientWidth && !growth.running()) plant();
    width = chips.clientWidth;
  });
  watch.observe(chips);
  cleanup(() => watch.disconnect());
});
