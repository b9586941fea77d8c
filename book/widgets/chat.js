// @ts-check
// A chat with SmolLM2, which runs in the page's worker once the reader asks for it. Until then, the figure shows what
// the model wrote when the page was made. What happens is up to chat_state.js; this is what it looks like.
/** @import { ChatEvent, Turn } from "./chat_state.js" */
import { after, begin, busy, headOf, shown, texts, transcript } from "./chat_state.js";
import { client } from "./llama_client.js";
import { announcer, button, enable, h, more, numberBox, primary, put, range, slider, widget } from "./dom.js";
import { surpriseLevel } from "./playground_state.js";
import { count, share, visible, whole } from "./text.js";

const STEPS = 400; // tokens of one answer
const CHIPS = 600; // tokens shown as such
const ATTENDED = 5; // of them, those that are named

const megabytes = (/** @type {number} */ bytes) => `${Math.round(bytes / 1e6)} MB`;

export default widget(frame => {
  const { model, root, on, cleanup } = frame;
  const get = (/** @type {string} */ name) => model.get(name);
  let state = begin({ prompt: get("prompt"), ...get("recorded") }), waiting = 0;
  let began = 0, ended = 0, wrote = 0; // when the first and the last token of an answer arrived, and how many did
  const link = client(model), say = announcer(frame);
  root.classList.add("nw-chat");

  /** @param {ChatEvent} event */
  function send(event) {
    const was = state;
    state = after(state, event);
    if (event.type === "token") {
      ended = performance.now();
      if (++wrote === 1) began = ended;
    }
    if (state.phase === "reading" && was.phase === "ready") {
      wrote = 0;
      const setting = [get("temperature"), get("vocab_size"), get("top_p"), 0];
      link.send({ type: "write", turns: texts(state).slice(0, -1), setting, seed: get("seed"), steps: STEPS });
    }
    waiting ||= requestAnimationFrame(paint);
  }
  cleanup(() => { cancelAnimationFrame(waiting); waiting = -1; });

  // The conversation

  const log = h("div", { class: "nw-chat-log", role: "group", tabindex: 0, "aria-label": "The chat" });
  /** @type {{ turn: Turn, row: HTMLElement, words: HTMLElement, spans: HTMLElement[] }[]} */
  let drawn = [];
  /** Draws turns that are new, and adds to the one that's being written. */
  function paintTurns() {
    const { turns } = state;
    let kept = 0;
    while (kept < Math.min(turns.length, drawn.length) && grewFrom(drawn[kept].turn, turns[kept])) kept++;
    drawn.splice(kept).forEach(({ row }) => row.remove());
    turns.forEach((turn, i) => {
      drawn[i] ??= added(turn);
      drawn[i].turn = turn;
      if (turn.who === "model") {
        turn.said.slice(drawn[i].spans.length).forEach((token, more) => {
          const j = drawn[i].spans.length, span = h("span", {
            role: "button", tabindex: j || more ? -1 : 0, class: `nw-level${surpriseLevel(Math.log(token.p))}`,
            "aria-label": `${visible(token.text) || "(part of a character)"}, ${share(token.p)}`,
            title: `p = ${share(token.p)}`,
            onclick: () => send({ type: "pick", turn: i, i: j }), onkeydown: event => step(event, i, j),
          }, token.text);
          drawn[i].spans.push(span);
          drawn[i].words.append(span);
        });
        drawn[i].spans.forEach((span, j) =>
          span.setAttribute("aria-pressed", String(state.picked?.turn === i && state.picked.i === j)));
        drawn[i].words.classList.toggle("nw-chat-now", busy(state) && i === turns.length - 1);
      }
    });
  }
  /** @param {Turn} old @param {Turn} turn */
  const grewFrom = (old, turn) => old === turn
    || (old.who === "model" && turn.who === "model" && old.said.every((token, i) => token === turn.said[i]));
  /** @param {Turn} turn */
  function added(turn) {
    const name = h("span", { class: "nw-chat-who nw-muted" }, turn.who === "you" ? "You" : "SmolLM2");
    const text = h("div", { class: "nw-chat-words", dir: "auto" }, turn.who === "you" ? turn.text : "");
    const row = h("div", { class: `nw-chat-${turn.who}` }, name, text);
    log.append(row);
    return { turn, row, words: text, spans: /** @type {HTMLElement[]} */ ([]) };
  }
  /** Arrow keys move between tokens. @param {KeyboardEvent} event @param {number} turn @param {number} i */
  function step(event, turn, i) {
    const { spans } = drawn[turn];
    const to = { ArrowRight: i + 1, ArrowLeft: i - 1, Home: 0, End: spans.length - 1 }[event.key];
    if (event.key === "Enter" || event.key === " ") send({ type: "pick", turn, i });
    else if (to === undefined || !spans[to]) return;
    else {
      spans.forEach((span, j) => { span.tabIndex = j === to ? 0 : -1; });
      spans[to].focus();
    }
    event.preventDefault();
  }

  // What to ask, and the model

  const box = h("textarea", { rows: 1, maxlength: 1e6, dir: "auto", class: "nw-chat-box", "aria-label": "Your message",
    oninput: () => put(model, { prompt: box.value }),
    onkeydown: event => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      if (!busy(state)) ask();
    } });
  const ask = (text = box.value) => {
    if (state.phase === "ready" && text.trim()) send({ type: "send", text: text.trim() });
  };
  const sendOrStop = () => { if (busy(state)) link.send({ type: "stop" }); else ask(); };
  const sendButton = button("Send", sendOrStop, { class: "nw-go nw-chat-send" });
  const loadButton = button("", () => {
    link.load();
    log.focus(); // this button goes away
  }, { class: "nw-go nw-chat-load" });
  const bar = h("progress", { max: 1, value: 0, "aria-label": "Loading the model" });
  const said = h("p", { class: "nw-chat-said", role: "status" });
  /** @type {string[]} */
  const examples = get("examples");
  const example = h("select", { onchange: () => { // to change or send as it is
    if (example.selectedIndex) put(model, { prompt: examples[example.selectedIndex - 1] });
    example.selectedIndex = 0;
    box.focus();
  } }, h("option", {}, "pick a message"), examples.map(text => h("option", {}, text)));
  const tries = h("label", { class: "nw-field nw-chat-tries" }, h("span", {}, "Or ask"), example);
  const ready = h("div", { class: "nw-chat-ask" }, box, sendButton);

  // The next token

  const title = h("p", { class: "nw-chat-title" });
  const bars = h("div", { class: "nw-chat-bars", role: "list", "aria-label": "The most probable tokens" });
  function paintBars() {
    const { bars: found, there } = shown(state), { picked } = state;
    title.textContent = !found.length ? "" : picked
      ? `What could have been here instead of “${visible(there ?? "")}”`
      : busy(state) ? "Choices for the token it just drew" : "Choices at the last step";
    while (bars.children.length < found.length)
      bars.append(h("div", { role: "listitem" }, h("span"), h("i", {}, h("b", { class: "nw-moves" })), h("span")));
    [...bars.children].forEach((row, i) => {
      const { text = "", p = 0 } = found[i] ?? {}, [name, lane, value] = row.children;
      /** @type {HTMLElement} */ (row).hidden = i >= found.length;
      name.textContent = visible(text);
      /** @type {HTMLElement} */ (lane.firstChild).style.width = `${100 * p}%`;
      value.textContent = share(p);
    });
  }

  // Every token, and attention

  let open = false, layer = 1, head = 1;
  const chips = h("div", { class: "nw-chat-chips", role: "group", "aria-label": "Every token the model has read" });
  const told = h("p", { class: "nw-muted" }), attended = h("p", { class: "nw-chat-attended", role: "status" });
  const which = ["Block", "Head"].map((label, i) => range({
    label, low: 1, high: 1, step: 1, set: value => { if (i) head = value; else layer = value; paint(); },
  }));
  function paintChips() {
    if (!open) return;
    const all = transcript(state), from = Math.max(0, all.length - CHIPS), weights = headOf(state, layer, head);
    told.textContent = !all.length ? "Send a message to see how the chat looks to the model."
      : `The model reads one text of ${count(all.length, "token")}. Outlined: the chat template's own tokens. `
        + "Click a token to see what it attends to.";
    which.forEach(({ input, show }, i) => {
      input.max = String(i ? state.heads : state.layers);
      show(i ? head : layer);
    });
    while (chips.children.length > all.length - from) chips.lastChild?.remove();
    while (chips.children.length < all.length - from) {
      const chip = button("", () => {
        const position = Number(chip.dataset.position);
        if (!busy(state)) link.send({ type: "look", position });
      }, { class: "nw-chat-chip" });
      chips.append(chip);
    }
    [...chips.children].forEach((chip, i) => {
      const { text, template } = all[from + i], w = weights[from + i] ?? 0, element = /** @type {HTMLElement} */ (chip);
      if (element.textContent !== (visible(text) || "·")) element.textContent = visible(text) || "·";
      element.dataset.position = String(from + i);
      element.classList.toggle("nw-chat-template", template);
      element.setAttribute("aria-pressed", String(state.looked?.position === from + i));
      element.style.setProperty("--w", String(w));
    });
    const best = [...weights.keys()].sort((a, b) => weights[b] - weights[a]).slice(0, ATTENDED);
    const looking = visible(all[state.looked?.position ?? 0]?.text ?? "");
    attended.textContent = state.looked ? `In head ${head} of block ${layer}, “${looking}” attends most to `
      + `${best.map(i => `“${visible(all[i].text)}” (${share(weights[i])})`).join(", ")}.` : "";
  }

  // All of it

  function paint() {
    cancelAnimationFrame(waiting);
    waiting = 0;
    const { phase, filled, size, prompt, read, note } = state, working = busy(state);
    const rate = (wrote - 1) / Math.max(0.001, (ended - began) / 1000);
    const wroteIt = `${count(wrote, "token")}${wrote > 1 ? `, ${rate.toFixed(0)} per second` : ""}`;
    loadButton.textContent = phase === "broken" ? "Try again"
      : `▶ Load the model (${megabytes(get("file_size"))}, stays on this device)`;
    const away = phase === "away" || phase === "broken";
    loadButton.hidden = !away;
    bar.hidden = phase !== "loading";
    bar.value = size ? filled / size : 0;
    ready.hidden = away || phase === "loading" || phase === "missing";
    tries.hidden = ready.hidden || !examples.length;
    sendButton.textContent = working ? "Stop" : "Send";
    enable(working || box.value.trim() !== "", sendButton);
    said.textContent = phase === "loading" ? `Loading: ${megabytes(filled)} of ${megabytes(size)}.`
      : phase === "missing" ? "This copy of the page has no model in it, so it can't answer here. Below is "
        + "what the model wrote when the page was made."
      : phase === "reading" ? `Reading: ${whole(read)} of ${count(prompt.length, "token")}.`
      : phase === "writing" ? `Writing: ${wroteIt}.`
      : note || (phase === "ready" && state.recorded ? "The model is ready. Send your message."
      : state.recorded ? "The model wrote this when the page was made." : wrote ? `${wroteIt}.` : "");
    paintTurns();
    paintBars();
    paintChips();
    enable(phase === "ready" && !state.recorded && state.turns.length > 1, again);
    enable(!working && state.turns.length > 0, clear);
    say(working ? "" : texts(state).at(-1) ?? "");
    if (working) log.scrollTop = log.scrollHeight;
  }

  const again = button("Answer again", () => send({ type: "again" }));
  const clear = button("New chat", () => send({ type: "clear" }));
  const decimals = (/** @type {number} */ x) => x.toFixed(2);
  const rest = more(
    h("div", { class: "nw-controls" },
      slider(frame, "top_p", { label: "Top-p", shown: decimals }), numberBox(frame, "seed", "Seed")),
    h("div", { class: "nw-row" }, again, clear),
    h("p", { class: "nw-chat-title" }, "Every token, and attention"), told, chips,
    h("div", { class: "nw-controls" }, which.map(({ field }) => field)), attended);
  rest.addEventListener("toggle", () => { open = rest.open; paint(); });
  root.append(
    primary(loadButton, bar, said), h("div", { class: "nw-drawing" }, log, title, bars), ready,
    h("div", { class: "nw-controls" }, tries,
      slider(frame, "temperature", { label: "Temperature", step: 0.05, shown: decimals })),
    rest);
  on("prompt", () => {
    if (box.value !== get("prompt")) box.value = get("prompt");
    paint();
  });
  cleanup(link.listen(send));

});
