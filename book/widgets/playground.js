// @ts-check
// A GPT to play with: it writes after a prompt, dart by dart; a tree of continuations, two settings side by side.
// What happens is up to playground_state.js; this is what it looks like, and the model, which works between frames.
// The token at depth d is drawn with the d-th number of the seed, where its dart falls: going back and stepping again
// gives the same token, and two settings get the same darts.
/** @import { Branch, Note, PlayEvent, State } from "./playground_state.js" */
/** @typedef {{ text: string, id: number | null }[]} Pieces  a prompt as tokens; no id where the model lacks one */
import { drawHead } from "./attention_draw.js";
import { animator, announcer, button, checkbox, eased, enable, h, more, numberBox, primary, put, select, still,
  widget } from "./dom.js";
import { argmax } from "./formulas.js";
import { gpt, session, unpackedWeights, windowStart } from "./model.js";
import { NODES, after, barsOf, begin, busy, chance, flightAt, isEnd, logSumExp, lookedAt, nextToken, paceOf, pathTo,
  rankOf, sides, surpriseLevel, writers } from "./playground_state.js";
import { SETTING, settingSliders } from "./setting.js";
import { between, pieces } from "./stick.js";
import { count, share, visible, whole } from "./text.js";
import { tokenizerFrom } from "./tokenizers.js";
import { branchTable } from "./tree.js";

const BARS = 8; // rows of bars
const MOVE = 300; // milliseconds in which they move
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
  const { length } = idsOf(pieces), cut = windowStart(length, context);
  if (!prompt.trim()) return "The prompt is empty. Type something, such as “Write a poem about a cat.”";
  if (!length) return `The model can't read any of this, because its ${count(V, "token")} `
    + `don't include ${quoted}. Type something else.`;
  const problems = unknown.length ? [`Not in the model's vocabulary, so skipped: ${quoted}.`] : [];
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
  full: () => `The tree is full (${whole(NODES)} tokens). Type another prompt to start a new one.`,
  paused: ({ tokens }) => `Paused after ${count(tokens, "token")}. Press ▶ to go on.`,
  took: ({ id }, label) => `You picked “${label(id)}”.`,
  branch: () => "This is the end of that branch.",
  copied: () => "Copied.",
  "no clipboard": () => "Your browser won't let this page copy text. Select the text and copy it yourself.",
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
  /** The run whose next word is on its way, and from where. @type {Pick<State, "run" | "nodes"> | null} */
  let flying = null;
  const flight = animator(frame);
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

  /** A token's place among all that could be there. @param {number} node */
  const rankAt = node => `${whole(rankOf(scores(state, state.branches[node - 1][0])?.logits ?? [], idOf(node)))} of `
    + whole(V);

  /** @param {PlayEvent} event */
  function send(event) {
    const { save } = state;
    state = after(state, event);
    if (flying && (state.chase || state.run !== flying.run || state.nodes !== flying.nodes)) ground();
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
        if (more || flying || !busy(state)) break;
        const ms = pace();
        if (ms) takeOff(ms);
        else wrote();
      } while (!late());
      while (!more && !busy(state)) { // the last ones first, since one pass reads a whole window
        const other = state.branches.findLast(([parent]) => !scores(state, parent));
        if (!other) break;
        more = late() || !find(state, other[0], 2, deadline);
      }
    }
    paint();
    if (more || (busy(state) && !flying)) plan();
  }
  /** Milliseconds for the next word. */
  const pace = () => (!state.run || state.chase || still() ? 0 : paceOf(get("speed"), state.run.written));
  const wrote = () => send({ type: "wrote", ids: writers(state).map(k => drawn(k, state.nodes[k])) });
  /** The next word gets its time: a dart, and the way into the text. @param {number} ms */
  function takeOff(ms) {
    flying = { run: state.run, nodes: state.nodes };
    flight.run(ms, (x, over) => {
      if (over) wrote();
      else writers(state).forEach(k => views[k].fly(flightAt(x)));
    });
  }
  function ground() {
    flying = null;
    flight.stop();
    views.forEach(view => view.fly({ fall: 0, fly: 0 }));
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

  const box = h("textarea", { rows: 1, maxlength: 1e6, dir: "auto", spellcheck: "false", class: "nw-play-prompt",
    oninput: () => put(model, { prompt: box.value }) });
  const chips = h("div", { class: "nw-play-chips", "aria-hidden": "true" });
  const counted = h("p", { class: "nw-muted nw-play-counted" });
  /** A typed prompt may still wait for its frame: it comes first. @param {"step" | "run"} type */
  const write = type => {
    if (get("prompt") !== state.prompt) takeIn();
    if (flying && type === "step") wrote(); // impatient: that word now, and then the next
    if (type === "run" && !state.run && sides(state).every(k => isEnd(state, state.nodes[k]))) { // another text
      newSeed();
      send({ type: "home" });
    }
    send({ type });
  };
  const runButton = button("▶ Write", () => write("run"), { class: "nw-go nw-play-run" });
  const stepButton = button("Step", () => write("step"));
  const backButton = button("Back", () => send({ type: "back" }));
  const homeButton = button("Back to the prompt", () => send({ type: "home" }));
  const againButton = button("Rewrite with these settings", () => send({ type: "again" }));
  const newSeed = () => put(model, { seed: (get("seed") + 1) % 2 ** 32 });
  const seedButton = button("New seed", newSeed);
  const said = h("p", { class: "nw-play-said", role: "status" });
  const counter = h("span", { class: "nw-muted" });
  const [heats, cuts] = [SETTING.slice(0, 1), SETTING.slice(1)].map((names, cut) => ENDS.map((end, k) =>
    h("div", { class: `nw-play-set${end}`, role: "group", "aria-label": `Setting ${LETTERS[k]}` },
      h("b", {}, LETTERS[k]), h("div", { class: cut ? "nw-controls" : "" }, settingSliders(frame, end, V, names)))));
  const views = ENDS.map((_, k) => view(k)), attention = attentionView();
  const table = branchTable({ cleanup, resized: () => { if (state.branches.length) plan(); },
    pick: leaf => send({ type: "branch", leaf }) });
  /** @type {(name: string, label: string, values: string[]) => HTMLElement} */
  const choice = (name, label, values) => select(frame, name, label, values.map(value => [value, value]));
  const folded = more(
    h("div", { class: "nw-row" }, stepButton, backButton, homeButton, againButton, button("Copy text", copy)),
    h("div", { class: "nw-row" }, choice("speed", "Speed", ["slow", "fast", "instant"]),
      numberBox(frame, "seed", "Seed"), seedButton, counter),
    get("examples").length > 0 && choice("prompt", "Example prompts", get("examples")), chips, counted,
    cuts[0], checkbox(frame, "compare", "Compare with a second setting (same darts)"), cuts[1],
    table.element, attention.element);
  folded.open = get("look");
  folded.addEventListener("toggle", plan); // the tree is drawn where it can be seen
  root.append(
    primary(h("label", { class: "nw-play-ask" }, h("span", { class: "nw-muted" }, "Prompt"), box), runButton, heats),
    h("div", { class: "nw-drawing nw-play-views" }, views.map(view => view.element)), said, folded);

  /** @param {string} prompt @param {Pieces} pieces */
  function showPrompt(prompt, pieces) {
    const { length } = state.ids, from = Math.max(0, pieces.length - CHIPS);
    if (box.value !== prompt) box.value = prompt;
    chips.replaceChildren(from ? h("span", { class: "nw-muted" }, `… ${count(from, "earlier token")}`) : "",
      ...pieces.slice(from).map(({ id, text }) =>
        h("span", { class: id === null ? "nw-token nw-play-unknown" : "nw-token" }, visible(text))));
    counted.textContent = length ? `${count(length, "token")}; the model reads up to ${context}` : "";
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
    const here = button("Go back to here", () => {
      send({ type: "end" });
      parts.find(part => part.element.tabIndex === 0)?.element.focus(); // this button goes away
    }, { hidden: true });
    const rows = Array.from({ length: Math.min(BARS, V) }, () => bar(k));
    const bars = h("div", { class: "nw-play-bars", role: "group", "aria-label": "Tokens to pick from" },
      rows.map(row => row.element));
    const rest = h("span", { class: "nw-muted nw-play-rest" });
    const stick = h("div", { class: "nw-play-stick" }), dart = h("div", { class: "nw-play-dart" });
    const word = h("span", { class: "nw-play-word", "aria-hidden": "true", hidden: true });
    const element = h("div", { class: `nw-play-view nw-play-view${ENDS[k]}` },
      h("b", { class: "nw-play-letter" }, LETTERS[k]), text, h("p", { class: "nw-play-title" }, title, here, rest),
      h("div", { class: "nw-play-target" },
        h("div", { class: "nw-play-board", "aria-hidden": "true" }, stick, dart), bars), word);
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
        const odds = `probability ${share(Math.exp(p))}, rank ${rankAt(node)}`;
        element.className = `nw-level${surpriseLevel(p)}`;
        element.title = `${odds}. Darker means more surprising.`;
        element.setAttribute("aria-label", `${label(idOf(node))}, ${odds}`);
      });
      if (low) toEnd(); // what's being written stays in sight, unless the reader has scrolled up
      if (parts.length && !parts.some(part => part.element.tabIndex === 0)) reach(parts.length - 1);
      text.setAttribute("aria-label", `Text${state.compare ? ` ${LETTERS[k]}` : ""}: `
        + "arrow keys move from token to token, Enter shows what could be in its place");
      element.classList.toggle("nw-play-ended", isEnd(state, nodes[k]));
      here.hidden = locked?.k !== k;
    }

    const glide = animator(frame);
    let made = /** @type {unknown[]} */ ([]); // what the bars were made of
    /** What shows: the probabilities, the row of each token with a bar, the token that's hit.
     * @type {{ p: Float64Array, at: Map<number, number>, hit: number } | null} */
    let shown = null;
    let next = { id: 0, u: 0, comes: true }; // the dart's token and its place; whether it's the one that comes next

    function showBars() {
      const { node, before, asked } = lookedAt(state, k), known = scores(state, before);
      element.classList.toggle("nw-play-wait", !known && state.ids.length > 0);
      if (!state.ids.length) {
        title.textContent = "There's no next token without a prompt.";
        bars.hidden = true;
        rest.textContent = stick.style.background = "";
        made = [];
      }
      if (!state.ids.length || !known) return;
      const id = node === null ? null : idOf(node), seed = get("seed"), now = [known, id, asked, seed, ...settingOf(k)];
      if (now.length === made.length && now.every((x, i) => x === made[i])) return;
      made = now;
      bars.hidden = false;
      next = { id: drawn(k, before), u: chance(seed, pathTo(state.branches, before).length), comes: node === null };
      const found = barsOf(known.logits, settingOf(k), next.id, id, rows.length);
      title.textContent = id === null ? "Probability of the next token"
        : asked ? `Alternatives to “${label(id)}” (rank ${whole(found.rank)} of ${whole(V)}):`
        : "The text has ended (■). Alternatives:";
      rows.forEach((row, i) => row.show(found.bars[i]));
      rest.textContent = `${count(V - rows.length, "other token")}: ${share(found.others)}`
        + (found.cut ? `; ${whole(found.cut)} cut off` : "");
      move(found.p, found.bars.map(bar => bar.id), busy(state) ? Math.min(MOVE, pace() / 3) : MOVE);
    }
    /** The bars change to these, in so much time. @param {Float64Array} p @param {number[]} ids @param {number} ms */
    function move(p, ids, ms) {
      const was = shown ?? { p, at: new Map(ids.map((id, i) => [id, i])) };
      const draw = (/** @type {number} */ x) => place(was, p, ids, eased(x)), time = shown ? ms : 0;
      if (time) draw(0);
      glide.run(time, draw);
    }
    /**
     * A token has the same bar before and after; one without a bar comes from below.
     * @param {{ p: Float64Array, at: Map<number, number> }} was @param {Float64Array} p @param {number[]} ids
     * @param {number} x
     */
    function place(was, p, ids, x) {
      const at = ids.map((id, i) => (1 - x) * (was.at.get(id) ?? rows.length) + x * i);
      shown = { p: between(was.p, p, x), at: new Map(ids.map((id, i) => [id, at[i]])), hit: shown?.hit ?? -1 };
      ids.forEach((id, i) => rows[i].place(at[i] - i, shown?.p[id] ?? 0));
      paintStick();
    }
    function paintStick() {
      if (!shown) return;
      const { p, at, hit } = shown;
      let shade = 0;
      stick.style.background = `linear-gradient(${pieces(p, (_, id) => at.has(id)).map(({ id, from, to }) => {
        const color = id < 0 ? "var(--nw-grid)" : id === hit ? "var(--hit)" : `var(--own${["", "2"][shade++ % 2]})`;
        return `${color} ${(100 * from).toFixed(2)}% ${(100 * to).toFixed(2)}%`;
      }).join()})`;
    }

    /** The next word on its way: the dart falls, then the word flies. @param {ReturnType<typeof flightAt>} way */
    function fly({ fall, fly }) {
      const { id, u, comes } = next, hit = comes && fall === 1 ? id : -1;
      dart.style.opacity = comes && fall > 0 ? "1" : "0";
      dart.style.top = `${100 * u}%`;
      dart.style.transform = `translate(${(1 - fall) * 150}px, ${(fall - 1) * 60}px)`;
      if (shown && hit !== shown.hit) {
        shown.hit = hit;
        rows.forEach(row => row.hit(hit));
        paintStick();
      }
      word.hidden = hit < 0 || fly === 0;
      if (word.hidden) return;
      const home = element.getBoundingClientRect(), from = rows.find(row => row.is(id))?.name.getBoundingClientRect();
      const to = cursor.getBoundingClientRect(), low = text.getBoundingClientRect().bottom - to.height, x = eased(fly);
      if (!from) return;
      word.textContent = label(id);
      word.style.transform = `translate(${(1 - x) * from.left + x * to.left - home.left}px, ${
        (1 - x) * from.top + x * Math.min(low, to.top) - home.top}px)`;
    }
    return { element, toEnd, fly, show: () => { showText(); showBars(); } };
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
      name.textContent = label(id);
      ghost.style.width = `${(100 * now.own).toFixed(2)}%`;
      ghost.hidden = Math.abs(now.own - now.p) < 0.001;
      value.textContent = share(now.p);
      mark.textContent = (now.best ? "◆" : "") + (now.drawn ? "●" : "");
      element.classList.toggle("nw-play-there", now.there);
      const words = [`probability ${share(now.p)}`, now.best && "most probable", now.drawn && "drawn with this seed",
        now.there && "in the text"].filter(Boolean);
      element.setAttribute("aria-label", [label(id), ...words].join(", "));
      element.title = [...words, `at temperature 1, with nothing cut: ${share(now.own)} (dashed)`].join("; ");
    };
    /** y: rows below its own @param {number} y @param {number} p */
    const place = (y, p) => {
      element.style.transform = y ? `translateY(${(100 * y).toFixed(1)}%)` : "";
      fill.style.width = `${(100 * p).toFixed(2)}%`;
    };
    return { element, name, show, place, is: (/** @type {number} */ one) => one === id,
      hit: (/** @type {number} */ one) => element.classList.toggle("nw-play-hit", one === id) };
  }

  // Who looks at whom, for the text as it is: drawn when asked for, and not while the model writes.
  function attentionView() {
    /** @type {(name: string, label: string, most: number) => HTMLElement} */
    const options = (name, label, most) =>
      select(frame, name, label, Array.from({ length: most }, (_, i) => [i + 1, String(i + 1)]));
    const host = h("div"), told = h("p", { class: "nw-muted" });
    const choices = h("div", { class: "nw-row" }, options("layer", "Block", layers), options("head", "Head", heads));
    const inside = h("div", {}, choices, told, host);
    const element = h("div", { class: "nw-play-look" },
      checkbox(frame, "look", "Show attention: where each token looks"), inside);
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
        told.textContent = `“${tokens[row]}” (${row}) attends most to “${tokens[most]}” (${most}), `
          + `with weight ${share(look[most])}. Click another row.`;
      };
      const shown = { tokens, weights, causal: true, arcs: T <= 64,
        label: `Attention weights of block ${layer}, head ${head}, for ${count(T, "token")}`,
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
    heats[1].hidden = cuts[1].hidden = !state.compare;
    root.classList.toggle("nw-play-two", state.compare === true);
    views.forEach((view, k) => {
      view.element.hidden = !shown.includes(k);
      if (shown.includes(k)) view.show();
    });
    runButton.textContent = run ? "Stop" : "▶ Write";
    enable(ids.length > 0, stepButton, runButton);
    enable(shown.some(k => nodes[k] > 0), backButton, homeButton, againButton);
    if (run && run.written > 20 && !pace())
      counter.textContent =
        `${whole(Math.round(run.written * shown.length / (performance.now() - began) * 1000))} tokens per second`;
    const text = [problem, note && !run && NOTES[note.what](note, label)].filter(Boolean).join(" ");
    if (said.textContent !== text) said.textContent = text;
    if (folded.open && (!run || performance.now() - listed > 250)) { // while it writes, now and then
      const over = (/** @type {number} */ node) => isEnd(state, node);
      table.show({ branches, ends: shown.map(k => nodes[k]), texts, logp, over });
      listed = performance.now();
    }
    attention.show();
    const known = shown.every(k => !nodes[k] || logp(nodes[k]) !== null);
    if (known && !busy(state)) say(shown.map(latest).filter(Boolean).join("; "));
  }

  /** The last token of setting k, for those who hear it. @param {number} k */
  function latest(k) {
    const node = state.nodes[k], p = node ? logp(node) : null;
    const text = p !== null && `“${label(idOf(node))}”, probability ${share(Math.exp(p))}, rank ${rankAt(node)}`;
    return text && (state.compare ? `${LETTERS[k]}: ${text}` : text);
  }

  on(TRAITS.join(" "), takeIn);
});
