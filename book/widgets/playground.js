// @ts-check
// A GPT to play with: a prompt, the next token, a tree of continuations, two settings side by side, attention.
// What happens is up to playground_state.js; this is what it looks like, and the model, which works between frames.
// The token at depth d is drawn with the d-th number of the seed: going back and stepping again gives the same token,
// and two settings get the same numbers.
/** @import { Branch, Note, PlayEvent, State } from "./playground_state.js" */
/** @typedef {{ text: string, id: number | null }[]} Pieces  a prompt as tokens; no id where the model lacks one */
import { drawHead } from "./attention_draw.js";
import { announcer, button, checkbox, enable, h, numberBox, put, select, widget } from "./dom.js";
import { argmax } from "./formulas.js";
import { gpt, session, unpackedWeights, windowStart } from "./model.js";
import { NODES, after, barsOf, begin, busy, isEnd, logSumExp, lookedAt, nextToken, pathTo, sides, surpriseLevel,
  writers } from "./playground_state.js";
import { SETTING, settingSliders } from "./setting.js";
import { count, share, visible, whole } from "./text.js";
import { tokenizerFrom } from "./tokenizers.js";
import { branchTable } from "./tree.js";

const BARS = 12; // rows of bars
const SLICE = 10, READ = 30; // milliseconds per frame for the model, while it writes and while it reads
const CHIPS = 80, TOLD = 300; // tokens of the prompt shown as such, characters of it above the text
const LETTERS = ["A", "B"], ENDS = ["", "_b"];
const TRAITS = ["seed", "prompt", "after", "branches", "node", "node_b", "compare", "look", "layer", "head",
  ...SETTING, ...SETTING.map(name => `${name}_b`)];

/**
 * What's wrong with a prompt, in a sentence; "" if nothing is. pieces: its tokens, of which the model has V.
 * @param {string} prompt @param {Pieces} pieces @param {number} V @param {number} context
 */
export function promptProblem(prompt, pieces, V, context) {
  const unknown = [...new Set(pieces.filter(({ id }) => id === null).map(({ text }) => text))];
  const quoted = unknown.slice(0, 5).map(text => `“${visible(text)}”`).join(", ") + (unknown.length > 5 ? ", …" : "");
  const lacks = `its ${count(V, "token")} don't include`;
  const { length } = idsOf(pieces), cut = windowStart(length, context);
  if (!prompt.trim()) return "The prompt is empty. Type something, such as “Write a poem about a cat.”";
  if (!length) return `The model can't read any of this, because ${lacks} ${quoted}. Type something else.`;
  const problems = unknown.length ? [`The model skips what ${lacks}: ${quoted}.`] : [];
  if (cut) problems.push(`The prompt has ${count(length, "token")}; the model reads only the last ${length - cut}, `
    + `because it reads at most ${context}.`);
  return problems.join(" ");
}

/** The tokens that the model knows. @param {Pieces} pieces */
const idsOf = pieces => pieces.flatMap(({ id }) => (id === null ? [] : [id]));

/** @type {Record<Note["what"], (note: any, label: (id: number) => string) => string>} */
const NOTES = {
  ended: () => "The model ended its text.",
  over: () => "This text has ended. Go back, or click a token and pick another in its place.",
  full: () => `The tree holds ${whole(NODES)} tokens, and that's all there's room for. Type another prompt to go on.`,
  paused: ({ tokens }) => `Paused after ${count(tokens, "token")}. Press Run to go on.`,
  took: ({ id }, label) => `Took “${label(id)}”.`,
  branch: () => "This is the end of that branch.",
  copied: () => "Copied.",
  "no clipboard": () => "Your browser doesn't let this page copy. Select the text and copy it yourself.",
};

/**
 * The model, and its scores after the nodes of a tree, kept as long as the tree is. caches: one for each setting, and
 * one for other branches.
 * @param {Parameters<typeof unpackedWeights>[0]} weights
 */
export function reader(weights) {
  const net = gpt(unpackedWeights(weights)), { config } = net, caches = [session(net), session(net), session(net)];
  /** @type {WeakMap<object, { logits: Float32Array, norm: number }>} */
  const found = new WeakMap();
  /** @param {State} state @param {number} node */
  const key = ({ ids, branches }, node) => (node ? branches[node - 1] : ids);
  /** What's known of the token after a node. @param {State} state @param {number} node */
  const scores = (state, node) => found.get(key(state, node));
  /** What the model reads of the text that ends with a node. @param {State} state @param {number} node */
  function textOf({ ids, branches }, node) {
    const path = pathTo(branches, node), start = windowStart(ids.length + path.length, config.context);
    const written = path.slice(Math.max(0, start - ids.length)).map(n => branches[n - 1][1]);
    return { path, start, read: [...ids.slice(start), ...written] };
  }
  /**
   * Are the scores after a node known? If not, the k-th cache works on them until the deadline.
   * @param {State} state @param {number} node @param {number} k @param {number} deadline
   */
  function find(state, node, k, deadline) {
    if (scores(state, node)) return true;
    const { path, start, read } = textOf(state, node);
    if (!caches[k].feed(read, deadline)) return false;
    [0, ...path].forEach((n, depth) => { // whatever this one pass has read
      const length = state.ids.length + depth;
      if (windowStart(length, config.context) !== start || scores(state, n)) return;
      const logits = caches[k].logits(length - start - 1);
      found.set(key(state, n), { logits, norm: logSumExp(logits) });
    });
    return true;
  }
  return { config, caches, scores, textOf, find };
}

export default widget(frame => {
  const { model, root, on, cleanup, safely } = frame;
  /** @param {string} name */
  const get = name => model.get(name);
  const words = tokenizerFrom(get("tokenizer")), { size: V } = words;
  const { config: { context, layers, heads }, caches, scores, textOf, find } = reader(get("weights"));
  let state = begin({ size: V, end: words.end }), problem = "", waiting = 0;
  let began = 0, listed = 0; // when the run began, and when the table of branches was drawn
  const say = announcer(frame);
  root.classList.add("nw-play");

  /** @param {number} k */
  const settingOf = k => SETTING.map(name => get(name + ENDS[k]));
  /** @param {number} id */
  const label = id => visible(words.label(id)) || "(empty)";
  /** @param {number} node */
  const idOf = node => state.branches[node - 1][1];
  /** What each node adds to the text. @param {number[]} nodes */
  const texts = (nodes, end = "■") =>
    words.texts(nodes.map(idOf)).map((text, i) => (isEnd(state, nodes[i]) ? end : text));
  /** log p of a node's token, or null while it isn't known. @param {number} node */
  function logp(node) {
    const [parent, id] = state.branches[node - 1], known = scores(state, parent);
    return known ? known.logits[id] - known.norm : null;
  }

  /** @param {PlayEvent} event */
  function send(event) {
    const { save } = state;
    state = after(state, event);
    if (state.save && state.save !== save) put(model, state.save);
    if (state.run?.written === 0) {
      began = performance.now();
      views.forEach(view => view.toEnd());
    }
    plan();
  }
  const plan = () => { waiting ||= requestAnimationFrame(() => safely(work)); };
  cleanup(() => { cancelAnimationFrame(waiting); waiting = -1; }); // and none is asked for from here on

  // In slices: the scores that show, then what's to be written, then the scores of other branches.
  function work() {
    cancelAnimationFrame(waiting);
    waiting = 0;
    const deadline = performance.now() + (busy(state) ? SLICE : READ), late = () => performance.now() >= deadline;
    let more = false;
    if (state.ids.length) {
      do {
        more = sides(state).map(k => find(state, state.nodes[k], k, deadline)).includes(false);
        if (more || !busy(state)) break;
        send({ type: "wrote", ids: writers(state).map(k => drawn(k, state.nodes[k])) });
      } while (!late());
      while (!more && !busy(state)) { // the last ones first, since one pass reads a whole window
        const other = state.branches.findLast(([parent]) => !scores(state, parent));
        if (!other) break;
        more = late() || !find(state, other[0], 2, deadline);
      }
    }
    paint();
    if (more || busy(state)) plan();
  }
  /** The token that setting k draws after a node. @param {number} k @param {number} node */
  const drawn = (k, node) => nextToken(scores(state, node)?.logits ?? [], settingOf(k), get("seed"),
    pathTo(state.branches, node).length);

  // What Python, the reader, or an address has set.
  function takeIn() {
    const prompt = get("prompt"), branches = get("branches");
    if (prompt !== state.prompt) {
      const pieces = prompt.trim() ? words.cut(prompt + get("after")) : [];
      send({ type: "prompt", prompt, branches, ids: idsOf(pieces) });
      problem = promptProblem(prompt, pieces, V, context);
      showPrompt(prompt, pieces);
    }
    const nodes = [get("node"), get("node_b")];
    send({ type: "traits", branches: get("branches"), nodes, compare: get("compare") });
    work();
  }

  // The controls

  const box = h("textarea", { rows: 2, maxlength: 1e6, dir: "auto", spellcheck: "false", class: "nw-play-prompt",
    oninput: () => put(model, { prompt: box.value }) });
  /** @type {HTMLElement[]} */
  const examples = get("examples").map((/** @type {string} */ prompt) => button(prompt, () => put(model, { prompt })));
  const chips = h("div", { class: "nw-play-chips", "aria-hidden": "true" });
  const counted = h("p", { class: "nw-muted nw-play-counted" });
  /** A typed prompt may still wait for its frame: it comes first. @param {"step" | "run"} type */
  const write = type => {
    if (get("prompt") !== state.prompt) takeIn();
    send({ type });
  };
  const stepButton = button("Step", () => write("step"));
  const runButton = button("Run", () => write("run"), { class: "nw-play-run" });
  const backButton = button("Back", () => send({ type: "back" }));
  const homeButton = button("To the prompt", () => send({ type: "home" }));
  const againButton = button("Write again", () => send({ type: "again" }));
  const seedButton = button("New seed", () => put(model, { seed: (get("seed") + 1) % 2 ** 32 }));
  const said = h("p", { class: "nw-play-said", role: "status" });
  const speed = h("span", { class: "nw-muted nw-play-speed" });
  const settings = ENDS.map((end, k) =>
    h("div", { class: `nw-play-set nw-play-set${end}`, role: "group", "aria-label": `Setting ${LETTERS[k]}` },
      h("b", {}, LETTERS[k]), h("div", { class: "nw-controls" }, settingSliders(frame, end, V))));
  const views = ENDS.map((_, k) => view(k)), attention = attentionView();
  const table = branchTable({ cleanup, resized: () => { if (state.branches.length) plan(); },
    pick: leaf => send({ type: "branch", leaf }) });
  const levels = ["0.5 or more", "0.1 or more", "0.01 or more", "less"].map((text, i) =>
    h("span", {}, h("i", { class: `nw-level${i}` }, "a"), text));
  root.append(
    h("label", { class: "nw-play-ask" }, h("span", { class: "nw-muted" }, "Prompt"), box),
    examples.length ? h("div", { class: "nw-row" }, examples) : "", chips, counted,
    h("div", { class: "nw-row nw-play-go" }, stepButton, runButton, backButton, homeButton, againButton,
      numberBox(frame, "seed", "seed"), seedButton),
    said,
    h("div", { class: "nw-play-views" }, views.map(view => view.element)),
    h("p", { class: "nw-play-legend nw-muted" }, h("span", {}, "p of each token:"), levels,
      ["◆ most probable", "● drawn by the seed", "dashed: temperature 1, nothing cut"]
        .map(text => h("span", {}, text))),
    settings[0],
    h("div", { class: "nw-row" }, checkbox(frame, "compare", "compare with a second setting (same random numbers)"),
      button("Copy text", copy), speed),
    settings[1], table.element, attention.element);

  /** @param {string} prompt @param {Pieces} pieces */
  function showPrompt(prompt, pieces) {
    const { length } = state.ids, from = Math.max(0, pieces.length - CHIPS);
    if (box.value !== prompt) box.value = prompt;
    chips.replaceChildren(from ? h("span", { class: "nw-muted" }, `… ${whole(from)} before`) : "",
      ...pieces.slice(from).map(({ id, text }) =>
        h("span", { class: id === null ? "nw-token nw-play-unknown" : "nw-token" }, visible(text))));
    counted.textContent = length ? `${count(length, "token")}; the model reads up to ${context}` : "";
    examples.forEach(one => one.setAttribute("aria-pressed", String(one.textContent === prompt)));
  }

  function copy() {
    const text = state.prompt + get("after") + texts(pathTo(state.branches, state.nodes[0]), "").join("");
    const done = navigator.clipboard?.writeText(text) ?? Promise.reject();
    done.then(() => send({ type: "note", note: { what: "copied" } }),
      () => send({ type: "note", note: { what: "no clipboard" } }));
  }

  /** One setting's text, token by token, and the bars for the next one. @param {number} k */
  function view(k) {
    const begun = h("span", { class: "nw-muted" }), body = h("span"), title = h("span");
    const cursor = h("span", { class: "nw-play-cursor", "aria-hidden": "true" }, "▏");
    const text = h("div", { class: "nw-play-text", role: "group", dir: "auto" }, begun, body, cursor);
    const here = button("End the text here", () => send({ type: "end" }), { hidden: true });
    const rows = Array.from({ length: Math.min(BARS, V) }, () => bar(k));
    const bars = h("div", { class: "nw-play-bars", role: "group", "aria-label": "Tokens to pick from" },
      rows.map(row => row.element));
    const rest = h("p", { class: "nw-muted nw-play-rest" });
    const axis = ["0", "probability", "1"].map(words => h("span", {}, words));
    const element = h("div", { class: `nw-play-view nw-play-view${ENDS[k]}` },
      h("b", { class: "nw-play-letter" }, LETTERS[k]), text, h("p", { class: "nw-play-title" }, title, here),
      h("div", { class: "nw-play-axis nw-muted", "aria-hidden": "true" }, axis), bars, rest);
    /** @typedef {{ branch: Branch, element: HTMLElement, told: number | null }} Part  a token of the text */
    /** @type {Part[]} */
    const parts = [];
    let of = state.ids; // the prompt they follow

    /** @param {Branch} branch @returns {Part} */
    function added(branch) {
      const element = h("span",
        { role: "button", tabindex: -1, class: "nw-level0", "aria-label": label(branch[1]) });
      body.append(element);
      return { branch, element, told: null };
    }
    /** Which token this happens to. @param {Event} event */
    const at = event => parts.findIndex(part => part.element === event.target);
    /** @param {"look" | "lock"} type @param {number} i */
    const point = (type, i) => {
      const node = state.branches.indexOf(parts[i]?.branch) + 1;
      if (node) send({ type, place: { k, node } });
    };
    const lookAway = () => send({ type: "look", place: null });
    /** Tab then reaches this token. @param {number} i */
    const reach = i => parts.forEach(({ element }, j) => { element.tabIndex = i === j ? 0 : -1; });
    body.addEventListener("pointerover", event => { if (event.pointerType !== "touch") point("look", at(event)); });
    body.addEventListener("pointerleave", lookAway);
    body.addEventListener("focusin", event => {
      reach(at(event));
      point("look", at(event));
    });
    body.addEventListener("focusout", lookAway);
    body.addEventListener("click", event => point("lock", at(event)));
    body.addEventListener("keydown", event => {
      const i = at(event), { key } = event, part = parts[key === "ArrowRight" ? i + 1 : key === "ArrowLeft" ? i - 1
        : key === "Home" ? 0 : key === "End" ? parts.length - 1 : -1];
      if (key === "Enter" || key === " ") point("lock", i);
      else if (!part || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      part?.element.focus();
    });
    const toEnd = () => { text.scrollTop = text.scrollHeight; };

    function showText() {
      const { branches, nodes, locked } = state, prompt = state.prompt ?? "", path = pathTo(branches, nodes[k]);
      const shown = prompt.slice(-TOLD).replace(/^[\udc00-\udfff]/, ""); // not half a character
      begun.textContent = (prompt.length > TOLD ? "…" : "") + shown + get("after");
      const low = of === state.ids && path.length > parts.length
        && text.scrollTop + text.clientHeight > text.scrollHeight - 40;
      of = state.ids;
      const same = path.findIndex((node, i) => parts[i]?.branch !== branches[node - 1]);
      parts.splice(same < 0 ? path.length : same).forEach(part => part.element.remove());
      texts(path).forEach((piece, i) => { // all of them: a character may become whole with the token that's new
        const node = path[i], words = piece.replaceAll("\n", "↵\n") || "·", p = logp(node);
        const part = parts[i] ??= added(branches[node - 1]), { element } = part;
        if (element.textContent !== words) element.textContent = words;
        element.setAttribute("aria-pressed", String(locked?.k === k && locked.node === node));
        if (part.told === p || p === null) return;
        part.told = p;
        element.className = `nw-level${surpriseLevel(p)}`;
        element.setAttribute("aria-label", `${label(idOf(node))}, probability ${share(Math.exp(p))}`);
      });
      if (low) toEnd(); // what's being written stays in sight, unless the reader has scrolled up
      if (parts.length && !parts.some(part => part.element.tabIndex === 0)) reach(parts.length - 1);
      text.setAttribute("aria-label", `Text${state.compare ? ` ${LETTERS[k]}` : ""}: `
        + "arrow keys move from token to token, Enter shows what could be in its place");
      element.classList.toggle("nw-play-ended", isEnd(state, nodes[k]));
      here.hidden = locked?.k !== k;
    }

    function showBars() {
      const { node, before, asked } = lookedAt(state, k), known = scores(state, before);
      element.classList.toggle("nw-play-wait", !known && state.ids.length > 0);
      if (!state.ids.length) {
        title.textContent = "There's no next token without a prompt.";
        rows.forEach(row => { row.element.hidden = true; });
        rest.textContent = "";
      }
      if (!state.ids.length || !known) return;
      const id = node === null ? null : idOf(node);
      const { bars, rank, others, cut } = barsOf(known.logits, settingOf(k), drawn(k, before), id, rows.length);
      title.textContent = id === null ? `Next token, one of ${whole(V)}`
        : asked ? `Alternatives to “${label(id)}” (rank ${whole(rank)} of ${whole(V)}):`
        : "The text has ended. Alternatives to its end token, ■:";
      rows.forEach((row, i) => row.show(bars[i]));
      rest.textContent = `${count(V - bars.length, "other token")}: ${share(others)} in total. `
        + (cut ? `${count(cut, "token")} ${cut === 1 ? "is" : "are"} cut off.` : "None are cut off.");
    }
    return { element, toEnd, show: () => { showText(); showBars(); } };
  }

  /** One of the bars: a button that takes its token. @param {number} k */
  function bar(k) {
    const mark = h("span", { class: "nw-play-mark" }), name = h("bdi", { class: "nw-play-name" });
    const ghost = h("i", { class: "nw-play-ghost" }), fill = h("i", { class: "nw-play-fill" });
    const value = h("span", { class: "nw-play-value" });
    let id = 0;
    const element = button([name, h("span", { class: "nw-play-lane" }, fill, ghost), value, mark],
      () => send({ type: "take", k, id }));
    /** @param {ReturnType<typeof barsOf>["bars"][0]} now */
    const show = now => {
      id = now.id;
      element.hidden = false;
      name.textContent = label(id);
      fill.style.width = `${(100 * now.p).toFixed(2)}%`;
      ghost.style.width = `${(100 * now.own).toFixed(2)}%`;
      ghost.hidden = now.own < 0.001;
      value.textContent = share(now.p);
      mark.textContent = (now.best ? "◆" : "") + (now.drawn ? "●" : "");
      element.classList.toggle("nw-play-there", now.there);
      element.setAttribute("aria-label", [label(id), `probability ${share(now.p)}`, now.best && "most probable",
        now.drawn && "drawn by the seed", now.there && "in the text"].filter(Boolean).join(", "));
    };
    return { element, show };
  }

  // Who looks at whom, for the text as it is: drawn when asked for, and not while the model writes.
  function attentionView() {
    const options = (/** @type {string} */ name, /** @type {number} */ most) =>
      select(frame, name, name, Array.from({ length: most }, (_, i) => [i + 1, String(i + 1)]));
    const host = h("div"), told = h("p", { class: "nw-muted" });
    const choices = h("div", { class: "nw-row" }, options("layer", layers), options("head", heads));
    const inside = h("div", {}, choices, told, host);
    const element = h("div", { class: "nw-play-look" },
      checkbox(frame, "look", "show where each token looks: attention"), inside);
    let picture = /** @type {ReturnType<typeof drawHead> | null} */ (null), made = "";
    function show() {
      inside.hidden = !get("look");
      if (inside.hidden || state.run || !state.ids.length) return;
      const { read } = textOf(state, state.nodes[0]), [layer, head] = [get("layer"), get("head")];
      const key = [...read, layer, head].join();
      if (key === made) return;
      if (!caches[0].feed(read, performance.now() + READ)) { plan(); return; }
      made = key;
      const tokens = read.map(label), T = tokens.length;
      const weights = caches[0].attention(Math.min(layer, layers) - 1, Math.min(head, heads) - 1);
      /** @param {number} row */
      const mark = row => {
        const look = weights.subarray(row * T, (row + 1) * T), most = argmax(look);
        picture?.mark({ row });
        told.textContent = `“${tokens[row]}” (${row}) looks most at “${tokens[most]}” (${most}), `
          + `with weight ${share(look[most])}. Click another row.`;
      };
      const shown = { tokens, weights, causal: true, arcs: T <= 64,
        label: `Attention weights of layer ${layer}, head ${head}, for ${count(T, "token")}`,
        pick: (/** @type {{ row?: number }} */ { row = -1 }) => { if (row >= 0) mark(row); } };
      if (picture) picture.show(shown);
      else picture = drawHead(host, { cleanup, ...shown });
      mark(T - 1);
    }
    return { element, show };
  }

  // What is seen

  function paint() {
    const { run, note, ids, branches, nodes } = state, shown = sides(state);
    settings[1].hidden = !state.compare;
    root.classList.toggle("nw-play-two", state.compare === true);
    views.forEach((view, k) => {
      view.element.hidden = !shown.includes(k);
      if (shown.includes(k)) view.show();
    });
    runButton.textContent = run ? "Stop" : "Run";
    enable(ids.length > 0, stepButton, runButton);
    enable(shown.some(k => nodes[k] > 0), backButton, homeButton, againButton);
    if (run && run.written > 20)
      speed.textContent =
        `${whole(Math.round(run.written * shown.length / (performance.now() - began) * 1000))} tokens per second`;
    const text = [problem, note && !run && NOTES[note.what](note, label)].filter(Boolean).join(" ");
    if (said.textContent !== text) said.textContent = text;
    if (!run || performance.now() - listed > 250) { // while it writes, now and then
      const over = (/** @type {number} */ node) => isEnd(state, node);
      table.show({ branches, ends: shown.map(k => nodes[k]), texts, logp, over });
      listed = performance.now();
    }
    attention.show();
    if (!busy(state)) say(shown.map(latest).filter(Boolean).join("; "));
  }

  /** The last token of setting k, for those who hear it. @param {number} k */
  function latest(k) {
    const node = state.nodes[k], p = node ? logp(node) : null;
    const text = p !== null && `“${label(idOf(node))}”, probability ${share(Math.exp(p))}`;
    return text && (state.compare ? `${LETTERS[k]}: ${text}` : text);
  }

  on(TRAITS.join(" "), takeIn);
});
