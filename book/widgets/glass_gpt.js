// @ts-check
// A whole GPT as one live picture. glass_model.js computes, glass_place.js says where things are, glass_draw.js paints,
// glass_lens.js explains one spot, and glass_reader.js says what's known. This file is the controls, and the wave that
// writes the next word.
/** @import { Pick } from "./glass_magnifier.js" */
/** @import { Spot } from "./glass_place.js" */
import { announcer, button, checkbox, enable, h, numberBox, put, select, slider, still, widget } from "./dom.js";
import { argmax, draw, mulberry32 } from "./formulas.js";
import { ABOVE, BELOW } from "./glass_draw.js";
import { endView, rowsOf } from "./glass_end.js";
import { headsOf } from "./glass_heads.js";
import { explain, explainWord, shown, stageName } from "./glass_lens.js";
import { magnifier } from "./glass_magnifier.js";
import { NARROW, places, spotAt, waveAt } from "./glass_place.js";
import { READ, readerOf } from "./glass_reader.js";
import { explainRecorded } from "./glass_record.js";
import { atOf, nudgedAt, pickOf, spotFrom, toggled } from "./glass_state.js";
import { tableOf } from "./glass_table.js";
import { count, share } from "./text.js";

const LONGEST = 200; // tokens the figure writes
const SPEEDS = { slow: 6000, normal: 2500, fast: 250, instant: 0 }; // milliseconds a word
const AT_REST =
  "Each row is a token and its numbers. Ribbons are attention: a row looks back at earlier rows. In an MLP, each row " +
  "works alone. At the end, the outlined row predicts what comes next.";
const OLD_LANES =
  "Only the newest row is computed. Earlier rows can't see it, so they stay as they are, and their keys and values " +
  "wait in the KV cache.";
const TRAITS = [...READ, "focus", "pick", "midway", "seed"];

export default widget(frame => {
  const { model, root, on, cleanup, safely } = frame;
  /** @param {string} name */
  const get = name => model.get(name);
  const reader = readerOf(get),
    { L, H, C, V, end, record, tape, names: blockNames, label, saidAfter } = reader;
  root.classList.add("nw-glass");
  const say = announcer(frame);
  say(""); // so that the first word is said, too
  let { g, net, paints, full, now } = reader.read();
  let width = 0,
    at = /** @type {ReturnType<typeof places> | null} */ (null);
  /** @type {{ began: number, ms: number, u: number, token: number, go: number } | null} */
  let wave = null;
  let thrown = { at: 0, words: "" }; // where the dart landed, after how many words
  let going = 0,
    hover = /** @type {Spot | null} */ (null),
    solo = /** @type {number | null} */ (null),
    asked = 0;
  const name = (/** @type {number} */ t) => `“${label(now.ids[t])}”`;
  /** How much the chosen lane looks somewhere. @param {number} block @param {number} head @param {number} s */
  const weightOf = (block, head, s, t = now.lane) => reader.weightOf(block, head, s, t);

  // The picture
  const canvas = h("canvas", { "aria-hidden": "true" }),
    context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const heads = h("div", { class: "nw-glass-heads" }),
    names = h("div", {
      class: "nw-glass-names",
      role: "group",
      "aria-label": "Tokens: choose one to see its prediction",
    });
  const tip = h("div", { class: "nw-glass-tip", "aria-hidden": "true", hidden: true });
  const midway = h("div", { class: "nw-glass-midway" });
  const stage = h("div", { class: "nw-glass-stage" }, canvas, names, tip);
  const swatch = (/** @type {string} */ color) => h("i", { style: { background: color } });
  const legend = h(
    "p",
    { class: "nw-glass-legend nw-muted", "aria-hidden": "true" },
    swatch(BELOW),
    " below 0 ",
    swatch("none"),
    " 0 ",
    swatch(ABOVE),
    " above 0",
  );
  const scroll = h("div", { class: "nw-glass-machine" }, heads, stage, midway, legend);
  const poem = h("p", { class: "nw-glass-poem", hidden: true });
  const chip = h("span", { class: "nw-glass-flying", "aria-hidden": "true", hidden: true });

  /** One button for each token. @type {{ element: HTMLButtonElement }[]} */
  const lanes = [];
  function laneAt(/** @type {number} */ t) {
    const element = button("", () => put(model, { lane: t === now.ids.length - 1 ? 0 : t + 1 }), { tabindex: -1 });
    element.addEventListener("keydown", event => {
      const step =
        { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1, Home: -t, End: now.ids.length - 1 - t }[
          event.key
        ] ?? 0;
      const to = lanes[t + step]?.element;
      if (!step || !to || to.hidden) return;
      event.preventDefault();
      to.focus();
      to.click();
    });
    names.append(element);
    return { element };
  }

  const titles = headsOf({
    L,
    H,
    names: blockNames,
    switches: !tape,
    choose: (kind, block) => choose(kind, block),
    toggle: (trait, item) => put(model, { [trait]: item === null ? !get(trait) : toggled(get(trait), item) }),
    look: head => {
      solo = head;
      plan();
    },
  });
  heads.append(...titles.map(title => title.element));

  /** Opens a part: large, and with a spot that's worth seeing. @param {string} kind @param {number} block */
  function choose(kind, block) {
    const { lane, ids } = now;
    if (!ids.length) return;
    const kept = g.blocks[Math.max(0, block)];
    if (kind === "attention") {
      let best = [0, 0],
        most = -1;
      for (let head = 0; head < H; head++)
        for (let s = 0; s < ids.length; s++)
          if (s !== lane && weightOf(block, head, s) > most) {
            most = weightOf(block, head, s);
            best = [head, s];
          }
      put(model, { pick: ["look", block, ...best], focus: "attention" });
    } else if (kind === "mlp") {
      put(model, {
        pick: ["unit", block, argmax(kept.units.subarray(lane * 4 * C, (lane + 1) * 4 * C))],
        focus: "mlp",
      });
    } else
      put(model, {
        pick: ["cell", 0, argmax(Array.from(g.stream[0].subarray(lane * C, (lane + 1) * C), Math.abs))],
        focus: "embedding",
      });
  }

  const ending = endView({ V, label, pick: id => put(model, { pick: ["word", id] }) });
  const lens = magnifier({
    nudge: amount => {
      const spot = chosen();
      if (spot?.kind === "cell") move(spot, amount);
    },
    lock: i => put(model, { pick: [...get("pick").slice(0, atOf(get("pick"))), i] }),
    close: closeLens,
  });
  function closeLens() {
    put(model, { pick: [] });
    opener?.focus();
  }
  root.addEventListener("keydown", event => {
    if (event.key === "Escape" && !lens.element.hidden) closeLens();
  });
  /** Adds to a channel of the stream, and picks it. @param {Spot & { kind: "cell" }} spot @param {number} amount */
  const move = (spot, amount) =>
    put(model, { nudges: nudgedAt(get("nudges"), spot.stage, spot.lane, spot.index, amount), pick: pickOf(spot) });
  /** How far a channel was moved. @param {Spot & { kind: "cell" }} spot @returns {number} */
  const movedBy = ({ stage, lane, index }) =>
    get("nudges").find((/** @type {number[]} */ [s, t, c]) => s === stage && t === lane && c === index)?.[3] ?? 0;
  /** @param {number} hit */
  function showEnd(hit) {
    const { ids, lane, best } = now,
      last = lane === ids.length - 1,
      came = last ? -1 : ids[lane + 1];
    const pieces = rowsOf(best, hit < 0 ? came : hit).flatMap(id => now.piece(id) ?? []),
      [kind, id] = get("pick");
    const others = Math.max(
        0,
        pieces.reduce((left, { p }) => left - p, 1),
      ),
      after = last ? null : ids[lane];
    ending.show({
      pieces,
      hit,
      came,
      after,
      picked: kind === "word" ? id : -1,
      others,
      was: now.was,
      ended: now.ended && last,
    });
  }

  const chosen = () => spotFrom(get("pick"), now.lane, { L, H, C, V, T: now.ids.length });

  /** Where the reader may go from a spot. @param {ReturnType<typeof chosen>} spot @returns {Pick[]} */
  function picksOf(spot) {
    const { ids, lane } = now,
      go = (/** @type {any[]} */ ...pick) => put(model, { pick });
    const numbers = (/** @type {number} */ n) => Array.from({ length: n }, (_, i) => String(i + 1));
    const blocks = blockNames ? blockNames.map(String) : numbers(L);
    if (spot?.kind === "look") {
      const { block, head, from } = spot,
        seen = g.switches.mask ? lane + 1 : ids.length;
      return [
        { label: "Block", options: blocks, at: block, set: i => go("look", i, head, from) },
        { label: "Head", options: numbers(H), at: head, set: i => go("look", block, i, from) },
        {
          label: "Attends to",
          options: ids.slice(0, seen).map((id, i) => `${i + 1}: ${label(id)}`),
          at: from,
          set: i => go("look", block, head, i),
        },
      ];
    }
    if (spot?.kind === "unit")
      return [
        { label: "Block", options: blocks, at: spot.block, set: i => go("unit", i, spot.index) },
        {
          label: "Unit",
          options: Array.from({ length: 4 * C }, (_, i) => String(i)),
          at: spot.index,
          set: i => go("unit", spot.block, i),
        },
      ];
    if (spot?.kind === "cell")
      return [
        {
          label: "After",
          options: g.stream.map((_, i) => stageName(i, blockNames)),
          at: spot.stage,
          set: i => go("cell", i, spot.index),
        },
      ];
    return [];
  }
  let opener = /** @type {HTMLElement | null} */ (null),
    explained = "";
  function showLens() {
    const spot = now.ids.length ? chosen() : null,
      pick = get("pick"),
      at = Number(pick[atOf(pick)]) || 0;
    const word = spot?.kind === "word" ? spot.id : -1,
      amount = spot?.kind === "cell" && !tape ? movedBy(spot) : null;
    const of = { ...now, id: word, temperature: get("temperature") };
    const found = !spot
      ? null
      : tape
        ? explainRecorded(tape, spot, name, `“${label(word)}”`, now.piece(word)?.p ?? 0)
        : spot.kind === "word"
          ? explainWord(g, net, of, `“${label(word)}”`)
          : explain(g, net, spot, name);
    const opens = lens.element.hidden && found && root.contains(document.activeElement);
    if (opens) {
      opener = /** @type {HTMLElement} */ (document.activeElement);
      going = Math.min(going, 1); // this word, and no other while the reader looks
    }
    if (found && explained !== found.title) say(found.title);
    explained = found?.title ?? "";
    lens.show(found, at, amount, picksOf(spot));
    if (opens) lens.element.scrollIntoView({ block: "nearest", behavior: still() ? "auto" : "smooth" }); // in sight
  }

  function showMidway() {
    midway.hidden = !get("midway") || !at || !now.ids.length;
    if (midway.hidden || !at) return;
    const { narrow, parts } = at,
      strips = parts.filter(part => part.kind === "strip");
    const middle = (/** @type {number} */ i) => strips[i].x + strips[i].w / 2;
    const tight = !narrow && strips.some((_, i) => i && middle(i) - middle(i - 1) < 70); // then in two rows
    midway.classList.toggle("nw-glass-tight", tight);
    midway.replaceChildren(
      ...strips.map(({ stage, y }, i) => {
        const { id, p } = saidAfter(stage),
          top = `${3 + (tight && i % 2 ? 32 : 0)}px`;
        const style = narrow ? { top: `${y}px`, right: "2px" } : { top, left: `${middle(i)}px` };
        const title = `After ${stageName(stage, blockNames)}: “${label(id)}”, probability ${share(p)}`;
        return h("span", { style, title }, h("b", {}, label(id)), h("small", {}, share(p)));
      }),
    );
  }

  // Painting
  const plan = () => {
    asked ||= requestAnimationFrame(time => {
      asked = 0;
      safely(() => {
        tick(time);
        paint();
      });
    });
  };
  cleanup(() => cancelAnimationFrame(asked));

  function arrange() {
    if (!now.ids.length || !width) return;
    const { ids, lane } = now,
      narrow = root.clientWidth < NARROW; // its own width depends on that
    at = places({ width, narrow, T: ids.length, lane, L, H, focus: get("focus"), mlp: !tape });
    const ratio = Math.min(3, window.devicePixelRatio || 1),
      [w, high] = [at.width, at.height].map(x => Math.round(x * ratio));
    if (canvas.width !== w || canvas.height !== high) [canvas.width, canvas.height] = [w, high];
    Object.assign(canvas.style, { width: `${at.width}px`, height: `${at.height}px` });
    root.classList.toggle("nw-glass-narrow", at.narrow);
    now.ids.forEach((id, t) => {
      const { element } = (lanes[t] ??= laneAt(t)),
        { y, h: high } = at?.narrow ? { y: 0, h: 0 } : /** @type {any} */ (at).lanes[t];
      const text = label(id);
      if (element.textContent !== text) element.textContent = text;
      element.hidden = false;
      element.tabIndex = t === now.lane ? 0 : -1;
      element.setAttribute("aria-pressed", String(t === now.lane));
      element.setAttribute("aria-label", `${text}, token ${t + 1}`);
      // where lanes are thinner than a line, only some say their names until they're pointed at
      element.classList.toggle(
        "nw-glass-quiet",
        !at?.narrow && high < 11 && (now.lane - t) % Math.ceil(11 / (high + 1)) !== 0,
      );
      Object.assign(
        element.style,
        at?.narrow
          ? { top: "", height: "", fontSize: "", lineHeight: "" }
          : {
              top: `${y}px`,
              height: `${high}px`,
              lineHeight: `${high}px`,
              fontSize: t === now.lane ? "15px" : `${Math.min(14, Math.max(10, high - 2))}px`,
            },
      );
    });
    lanes.slice(now.ids.length).forEach(({ element }) => {
      element.hidden = true;
    });
    titles.forEach(title => title.place(/** @type {any} */ (at), get("focus") === "embedding" && !tape, g.switches));
  }

  function paint() {
    if (!at || !now.ids.length) return;
    const ratio = canvas.width / at.width,
      { heads: off, mlps } = g.switches,
      progress = wave && waveAt(waveShare());
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const picked = chosen();
    paints.paint(context, {
      places: at,
      focus: get("focus"),
      L,
      full,
      ink: getComputedStyle(root).color,
      label: t => label(now.ids[t]),
      weight: weightOf,
      off: (block, head) => off.some(([b, one]) => b === block && one === head),
      flat: part =>
        (part.kind === "mlp" && mlps.includes(part.block)) || (part.kind === "position" && !get("positions")),
      front: progress ? progress.front : null,
      spots: [picked && picked.kind !== "word" ? picked : null, hover],
      mask: g.switches.mask,
      solo,
    });
  }

  // The wave
  const waveShare = () => (wave ? Math.min(1, (clock - wave.began) / Math.max(1, wave.ms)) : 0);
  let clock = 0;
  /** @param {number} time */
  function tick(time) {
    clock = time;
    if (!wave) return;
    if (!wave.began) wave.began = time;
    const { front, dart: fall, join } = waveAt(waveShare());
    root.classList.toggle("nw-glass-waiting", front < 1);
    if (front < 1) wave.token = hitBy(wave.u); // a switch on the way may have changed what comes
    if (front === 1) {
      showEnd(fall === 1 ? wave.token : -1);
      ending.throwDart(fall, wave.u);
    }
    if (join > 0) fly(join);
    if (waveShare() < 1) plan();
    else landed();
  }
  /** The word on its way from the bars to its lane. @param {number} share */
  function fly(share) {
    const word = wave && ending.wordOf(wave.token),
      home = root.getBoundingClientRect();
    if (!word || !wave) return;
    const from = word.getBoundingClientRect(),
      to = (at?.narrow ? names : canvas).getBoundingClientRect();
    const x = from.left + (to.left + 10 - from.left) * share - home.left,
      y = from.top + (to.bottom - from.top) * share - home.top;
    chip.hidden = false;
    chip.textContent = label(wave.token);
    chip.style.transform = `translate(${x}px, ${y}px)`;
  }
  function landed() {
    if (!wave) return;
    const { token: id, go, u } = wave,
      written = [...get("written"), id],
      p = now.piece(id)?.p ?? 0;
    thrown = {
      at: written.length,
      words: `The dart hit the stick at ${shown(u, 3)}, on “${label(id)}”, which fills ${share(p)} of it.`,
    };
    finish();
    put(model, { written, lane: 0, ...(chosen()?.kind === "word" ? { pick: [] } : {}) });
    going = id === end || written.length >= LONGEST ? 0 : go - 1;
  }
  function finish() {
    wave = null;
    chip.hidden = true;
    ending.throwDart(0, 0);
    root.classList.remove("nw-glass-waiting");
  }
  /** The token a dart at `u` hits. @param {number} u @returns {number} */
  const hitBy = u => (record ? record.ids[now.ids.length] : draw(now.p, u));
  /** Draws the next word, with a wave or without. */
  function next() {
    if (now.ended || !now.ids.length) going = 0;
    if (wave || !going) return;
    const random = mulberry32(get("seed")),
      count = get("written").length;
    let u = record?.us[count] ?? 0;
    if (!record) for (let i = 0; i <= count; i++) u = random();
    const ms = still() ? 0 : SPEEDS[/** @type {keyof typeof SPEEDS} */ (get("speed"))];
    if (now.lane !== now.ids.length - 1) put(model, { lane: 0 });
    safely(() => {
      update();
    });
    wave = { began: 0, ms: quick ? 250 : ms, u, token: hitBy(u), go: going };
    plan();
  }
  let quick = false; // the first words, which the figure writes by itself

  // Controls
  const box = h("input", {
    type: "text",
    class: "nw-glass-prompt",
    spellcheck: "false",
    oninput: () => {
      const prompt = box.value; // which stopping would set back
      stop();
      put(model, { prompt, written: [], lane: 0 });
    },
  });
  const promptField = h("label", { class: "nw-field" }, h("span", {}, "Prompt"), box);
  const play = button(
    "",
    () => {
      if (going > 1) stop();
      else if (wave) {
        landed(); // impatient: this word now, and then the next
        safely(update);
        going = 1;
        next();
      } else if (now.ended) again();
      else {
        going = 1;
        next();
      }
    },
    { class: "nw-glass-play nw-go" },
  );
  const before = button("Before training", () => put(model, { trained: !get("trained") }), {
    "aria-pressed": "false",
  });
  const more = h("details", { class: "nw-glass-more" }, h("summary", {}, "More"));
  const writeOn = button("Write to the end", () => {
    going = LONGEST;
    next();
  });
  const reset = button("Reset everything", () =>
    put(model, { heads_off: [], mlps_off: [], positions: true, mask: true, nudges: [], trained: true, focus: "" }),
  );
  const wholePicture = button("Show the whole picture", () => {
    put(model, { focus: "" });
    play.focus(); // this button goes away
  });
  function halt() {
    going = 0;
    quick = false;
    finish();
  }
  function stop() {
    halt();
    plan();
    show();
  }
  const again = () => {
    stop();
    put(model, { written: [], lane: 0, pick: [] });
  };
  const startOver = button("Start over", again);
  const examples =
    get("examples").length > 1
      ? h(
          "label",
          { class: "nw-field" },
          h("span", {}, "Example prompts"),
          (() => {
            const list = h(
              "select",
              {
                onchange: () => {
                  stop();
                  put(model, { prompt: get("examples")[list.selectedIndex], written: [], lane: 0 });
                },
              },
              get("examples").map((/** @type {string} */ text) => h("option", {}, text)),
            );
            on("prompt", () => {
              list.selectedIndex = get("examples").indexOf(get("prompt"));
            });
            return list;
          })(),
        )
      : null;
  const note = h("p", { class: "nw-glass-told nw-muted", role: "status" }),
    table = h("div", {
      class: "nw-glass-table",
      tabindex: 0,
      role: "region",
      "aria-label": "The numbers as a table",
    });
  const tableFold = h(
    "details",
    { class: "nw-glass-fold", ontoggle: () => showTable() },
    h("summary", {}, "Show as a table"),
    table,
  );
  const speed = select(
    frame,
    "speed",
    "Speed",
    Object.keys(SPEEDS).map(name => [name, name]),
  );
  const said = checkbox(frame, "midway", "Show the prediction after each part");
  if (record)
    more.append(
      h("div", { class: "nw-row" }, speed, said),
      h("div", { class: "nw-row" }, writeOn, startOver, wholePicture),
    );
  else
    more.append(
      h(
        "div",
        { class: "nw-controls" },
        examples,
        slider(frame, "temperature", { label: "Temperature", step: 0.05, high: 2, shown: x => x.toFixed(2) }),
        speed,
        numberBox(frame, "seed", "Seed"),
      ),
      h("div", { class: "nw-row" }, said, checkbox(frame, "mask", "Mask: no looking ahead")),
      h("div", { class: "nw-row" }, writeOn, startOver, reset, wholePicture),
    );
  box.readOnly = Boolean(record);
  root.append(
    h("div", { class: "nw-glass-controls" }, promptField, play, before, more),
    h(
      "div",
      { class: "nw-drawing nw-glass-picture" },
      scroll,
      poem,
      h("div", { class: "nw-glass-dock" }, ending.element, lens.element),
    ),
    note,
    tableFold,
    chip,
  );

  const showTable = () => {
    if (tableFold.open && now.ids.length) table.replaceChildren(tableOf(reader, g, now));
  };

  function show() {
    const { ended, ids } = now;
    if (box.value !== get("prompt")) box.value = get("prompt");
    play.textContent = going > 1 ? "Stop" : ended ? "↺ Start over" : "▶ Next word";
    enable(ids.length > 0, play, writeOn);
    before.hidden = !get("start").state;
    before.setAttribute("aria-pressed", String(!get("trained")));
    wholePicture.hidden = !get("focus");
    for (const focus of ["embedding", "attention", "mlp", "logits", "sampling"])
      root.classList.toggle(`nw-glass-on-${focus}`, get("focus") === focus);
    const changed = [
      g.switches.heads.length && count(g.switches.heads.length, "head"),
      g.switches.mlps.length && count(g.switches.mlps.length, "MLP"),
      !get("positions") && "positions",
      !get("mask") && "mask",
    ].filter(Boolean);
    const inPrompt = now.lane < now.asked - 1 && get("after"),
      { length } = get("written");
    const words = [
      now.problem,
      changed.length ? `Switched off: ${changed.join(", ")}.` : "",
      g.switches.nudges.length ? `${count(g.switches.nudges.length, "channel")} moved by hand.` : "",
      get("trained") ? "" : "These are the random weights this model started from.",
      inPrompt
        ? "This model was trained to answer prompts, not to write them, so inside the prompt its guesses mean little."
        : "",
      ended && record ? "The recording ends here." : "",
      length && thrown.at === length ? thrown.words : "",
    ].filter(Boolean);
    note.textContent = words.join(" ") || (length ? OLD_LANES : AT_REST);
    poem.replaceChildren(
      ...(length
        ? [h("span", { class: "nw-muted" }, get("prompt") + get("after")), reader.textOf(get("written"))]
        : []),
    );
    poem.hidden = !length || !ids.length;
    scroll.hidden = ending.element.hidden = !ids.length;
  }

  function update() {
    ({ g, net, paints, full, now } = reader.read());
    if (wave && now.lane !== now.ids.length - 1) halt(); // the dart is for the last row, not for another
    if (now.ids.length) {
      arrange();
      showEnd(-1);
    }
    show();
    showLens();
    showMidway();
    showTable();
    paint();
  }

  // The pointer
  /** @param {PointerEvent} event */
  const spotOf = event => {
    const { left, top } = canvas.getBoundingClientRect();
    return at && now.ids.length
      ? spotAt(at, event.clientX - left, event.clientY - top, { C }, (b, head, s) => weightOf(b, head, s))
      : null;
  };
  /** What a spot is, and its number. @param {Spot} spot */
  function told(spot) {
    const { lane: t, kind } = spot,
      at = (/** @type {Float32Array} */ rows, width = C) => rows[t * width + index];
    if (kind === "look") {
      const { block, head, from } = spot,
        weight = shown(weightOf(block, head, from), 3);
      return `head ${head + 1}: ${name(t)} → ${name(from)}  ${weight}`;
    }
    const { index } = spot;
    if (kind === "unit") return `${name(t)}, unit ${index}: ${shown(at(g.blocks[spot.block].units, 4 * C), 3)}`;
    if (kind === "cell") return `${name(t)}, channel ${index}: ${shown(at(g.stream[spot.stage]), 3)}`;
    return spot.part === "position"
      ? `position ${t}, channel ${index}: ${shown(at(net.positions), 3)}`
      : `row of ${name(t)}, channel ${index}: ${shown(net.tokens[now.ids[t] * C + index], 3)}`;
  }
  /** @type {{ y: number, spot: Spot & { kind: "cell" }, from: number, moved: boolean } | null} */
  let drag = null;
  canvas.addEventListener("pointermove", event => {
    if (drag) {
      const { spot, from, y } = drag;
      if (!drag.moved && Math.abs(event.clientY - y) < 4) return;
      drag.moved = true;
      move(spot, from + (y - event.clientY) / 20);
      return;
    }
    if (event.pointerType === "touch") return;
    hover = spotOf(event);
    tip.hidden = !hover;
    if (hover) {
      const { left, top, width: wide } = stage.getBoundingClientRect(),
        x = event.clientX - left;
      tip.textContent = told(hover);
      Object.assign(tip.style, { left: `${Math.min(x + 14, wide - 190)}px`, top: `${event.clientY - top + 16}px` });
    }
    plan();
  });
  const leave = () => {
    hover = null;
    tip.hidden = true;
    plan();
  };
  canvas.addEventListener("pointerleave", leave);
  canvas.addEventListener("pointerdown", event => {
    const spot = spotOf(event);
    if (spot?.kind !== "cell" || spot.lane !== now.lane || event.pointerType === "touch") return;
    drag = { y: event.clientY, spot, from: movedBy(spot), moved: false };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointerup", () => {
    setTimeout(() => {
      drag = null;
    });
  });
  canvas.addEventListener("click", event => {
    if (drag?.moved) return;
    const spot = spotOf(event);
    if (!spot) return;
    put(model, {
      pick: pickOf(spot),
      ...(spot.lane !== now.lane ? { lane: spot.lane === now.ids.length - 1 ? 0 : spot.lane + 1 } : {}),
    });
  });

  on(TRAITS.join(" "), () => {
    update();
    if (going > 0 && !wave) next();
    else if (!going && !wave) {
      quick = false;
      play.textContent = now.ended ? "↺ Start over" : "▶ Next word";
    }
  });
  const size = new ResizeObserver(() => {
    const wide = Math.floor(scroll.clientWidth);
    if (!wide || wide === width) return;
    width = wide;
    safely(update);
  });
  size.observe(scroll);
  const theme = new MutationObserver(plan);
  theme.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  cleanup(() => {
    size.disconnect();
    theme.disconnect();
  });
  if (get("auto") && !get("written").length && !still()) {
    const levels = Array.from({ length: 11 }, (_, i) => i / 10); // of the picture, or of a screen that's smaller
    const seen = new IntersectionObserver(
      ([
        {
          intersectionRatio,
          intersectionRect: { height },
        },
      ]) => {
        if (intersectionRatio < 0.6 && height < 0.5 * innerHeight) return;
        seen.disconnect();
        quick = true;
        going = get("auto");
        next();
      },
      { threshold: levels },
    );
    seen.observe(stage);
    cleanup(() => seen.disconnect());
  }
});
