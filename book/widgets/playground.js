// A GPT to play with: a prompt, the next token, a tree of continuations, two settings beside each other, attention.
// Node 0 of the tree is the prompt; every other node is a token that follows its parent. The token at depth d is drawn
// with the d-th number of the seed: going back and stepping again gives the same token, and two settings get the same numbers.
import { drawHead } from "./attention_draw.js";
import { announcer, button, checkbox, enable, h, numberBox, put, select, visible, widget } from "./dom.js";
import { argmax, draw, mulberry32, ranking, softmax } from "./formulas.js";
import { gpt, session, unpackedWeights, windowStart } from "./model.js";
import { SETTING, cutDistribution, settingSliders, share } from "./setting.js";
import { tokenizerFrom } from "./tokenizers.js";
import { NODES, branchTable, child, pathTo, sound, treeOf } from "./tree.js";

const BARS = 12, RUN = 500; // rows of bars, tokens of one run
const SLICE = 10, READ = 30; // milliseconds of a frame for the model while it writes, and to read a prompt; the rest is the page's
const CHIPS = 80, TOLD = 300; // tokens of the prompt that are shown as such, characters of it above the text

// log p of a token under the model itself, with temperature 1 and nothing cut.
export function logProbability(logits, id) {
  const top = logits[argmax(logits)];
  let sum = 0;
  for (const z of logits) sum += Math.exp(z - top);
  return logits[id] - top - Math.log(sum);
}

// The number in [0, 1) that draws the token after a node at this depth.
export const chance = (seed, depth) => mulberry32((seed + Math.imul(depth, 0x6d2b79f5)) >>> 0)();

// What Step takes after these logits: with temperature 0 no number is needed.
export function next(logits, setting, seed, depth) {
  const p = cutDistribution(Float64Array.from(logits), setting);
  return setting[0] === 0 ? argmax(p) : draw(p, chance(seed, depth));
}

// How expected a token was, in four steps: 0 for p ≥ 0.5, then 0.1, then 0.01, 3 for less.
export const surpriseLevel = logp => [0.5, 0.1, 0.01].filter(limit => logp < Math.log(limit)).length;

const count = (n, word) => `${n.toLocaleString("en-US")} ${word}${n === 1 ? "" : "s"}`;
const quoted = list => list.slice(0, 5).map(c => `“${visible(c)}”`).join(", ") + (list.length > 5 ? ", …" : "");

export default widget(frame => {
  const { model, root, on, cleanup, safely } = frame, get = name => model.get(name);
  const words = tokenizerFrom(get("tokenizer")), net = gpt(unpackedWeights(get("weights"))), { context } = net.config, V = words.size;
  const which = ["", "_b"], letters = ["A", "B"];
  const caches = [session(net), session(net)], spare = session(net); // one for each setting, one for what is looked up
  const forests = new Map(); // prompt → its tree, for a reader who comes back to it
  let prompt = null, ids = [], unknown = [], tree = treeOf([]), given = null, problem = "";
  let ends = [0, 0]; // where each setting writes
  let running = 0, chase = 0; // tokens still to be written, by all settings or by B alone
  let written = 0, since = 0, drawn = 0, waiting = 0, note = "", compared = null;
  let hover = null, locked = null; // { k, node }: the token of whose place the alternatives are shown
  const say = announcer(frame);
  root.classList.add("nw-play");

  const sides = () => (get("compare") ? [0, 1] : [0]);
  const settingOf = k => SETTING.map(name => get(name + which[k]));
  const label = id => visible(words.label(id)) || "(empty)";
  const texts = nodes => words.texts(nodes.map(node => tree[node].id)); // what each adds to the text
  const ended = node => words.end !== null && tree[node].id === words.end;

  // The model

  // Scores after a node: at once where they are known; otherwise `cache` works until the deadline, and false means: not yet.
  function known(node, cache, deadline) {
    if (tree[node].logits) return true;
    const { start, read } = windowOf(node);
    if (!cache.feed(read, deadline)) return false;
    for (let n = node, i = read.length - 1; n >= 0 && windowStart(ids.length + tree[n].depth, context) === start; n = tree[n].parent, i--)
      tree[n].logits ??= cache.logits(i); // the same window, the same pass
    return true;
  }
  function windowOf(node) { // what the model reads of the text that ends with this node
    const path = pathTo(tree, node), start = windowStart(ids.length + path.length, context);
    return { start, read: [...ids.slice(start), ...path.slice(Math.max(0, start - ids.length)).map(n => tree[n].id)] };
  }
  const logp = node => {
    const parent = tree[tree[node].parent];
    return parent.logits ? (tree[node].logp ??= logProbability(parent.logits, tree[node].id)) : null;
  };

  // One step of one setting; true if there was one.
  function step(k, deadline) {
    const from = ends[k];
    if (ended(from) || tree.length > NODES || !known(from, caches[k], deadline)) return false;
    ends[k] = child(tree, from, next(tree[from].logits, settingOf(k), get("seed"), tree[from].depth));
    return true;
  }

  // What is to be done, in slices: the scores that are shown, the run, then those of nodes that came from elsewhere.
  function work() {
    waiting = 0;
    const deadline = performance.now() + (running || chase ? SLICE : READ);
    let more = false;
    if (ids.length) {
      do {
        more = sides().map(k => known(ends[k], caches[k], deadline)).includes(false);
        if (!more && chase > 0) {
          chase = step(1, deadline) ? chase - 1 : ended(ends[1]) || tree.length > NODES ? 0 : chase;
          if (!chase) save();
          continue;
        }
        if (more || !running) break;
        if (sides().map(k => step(k, deadline)).includes(true)) { written++; running--; }
        if (sides().every(k => ended(ends[k])) || tree.length > NODES || !running) stop();
      } while (performance.now() < deadline);
      if (!more && !running) {
        let unread; // the last one first: one pass reads a whole window
        while ((unread = tree.findLastIndex((node, i) => i > 0 && !tree[node.parent].logits)) > 0 && performance.now() < deadline)
          if (!known(tree[unread].parent, spare, deadline)) break;
        more = unread > 0;
      }
    }
    paint();
    if (more || running || chase) plan();
  }
  const plan = () => { waiting ||= requestAnimationFrame(() => safely(work)); };
  cleanup(() => cancelAnimationFrame(waiting));

  // Tell Python, and the link, where we are.
  function save() {
    given = tree.slice(1).map(({ parent, id }) => [parent, id]);
    put(model, { branches: given, node: ends[0], node_b: ends[1] });
  }
  function stop() {
    if (!since) return;
    note = sides().every(k => ended(ends[k])) ? "The model ended its text."
      : tree.length > NODES ? full() : !running && written >= RUN ? `Paused after ${count(written, "token")}; Run goes on.` : "";
    running = since = chase = 0;
    save();
  }
  const full = () => `The tree has ${NODES.toLocaleString("en-US")} nodes, and no room for more. Start over, or type another prompt.`;

  function go(nodes, text = "") { // to these nodes of the tree
    stop();
    chase = 0;
    ends = nodes;
    note = text;
    hover = locked = null;
    save();
    plan();
  }
  function begin(tokens) { // write so many
    if (get("prompt") !== prompt) takeIn(); // one that was typed a moment ago, and would end this
    if (tree.length > NODES) note = full();
    else if (sides().every(k => ended(ends[k]))) note = "This text has ended. Go back, or click a token and take another in its place.";
    else { running = tokens; since = performance.now(); written = 0; note = ""; hover = locked = null; views.forEach(v => v.toEnd()); }
    plan();
  }
  const run = () => { if (running) { stop(); plan(); } else begin(RUN); };
  function again() { // as many tokens as there are, from the prompt on, with the settings as they are
    const tokens = Math.max(1, ...sides().map(k => tree[ends[k]].depth));
    go([0, 0]);
    begin(tokens);
  }
  function take(k, id) { // the reader chooses the token
    const from = locked?.k === k ? tree[locked.node].parent : ended(ends[k]) ? tree[ends[k]].parent : ends[k];
    if (tree.length > NODES && !tree[from].children.some(n => tree[n].id === id)) { note = full(); plan(); return; }
    const node = child(tree, from, id);
    go(ends.map((end, i) => (i === k ? node : end)), `Took “${label(id)}”.`);
  }

  // The controls

  const box = h("textarea", { rows: 2, maxlength: 1e6, dir: "auto", spellcheck: "false", class: "nw-play-prompt", oninput: () => put(model, { prompt: box.value }) });
  const examples = get("examples").map(text => button(text, () => put(model, { prompt: text })));
  const chips = h("div", { class: "nw-play-chips", "aria-hidden": "true" }), counted = h("p", { class: "nw-muted nw-play-counted" });
  const stepButton = button("Step", () => begin(1)), runButton = button("Run", run, { class: "nw-play-run" });
  const backButton = button("Back", () => go(ends.map(n => Math.max(0, tree[n].parent))));
  const homeButton = button("To the prompt", () => go([0, 0])), againButton = button("Write again", again);
  const copyButton = button("Copy text", copy);
  const speed = h("span", { class: "nw-muted nw-play-speed" }), said = h("p", { class: "nw-play-said", role: "status" });
  const sets = which.map((w, k) => h("div", { class: `nw-play-set nw-play-set${w}`, role: "group", "aria-label": `Setting ${letters[k]}` },
    h("b", {}, letters[k]), h("div", { class: "nw-controls" }, settingSliders(frame, w, V))));
  const views = which.map((_, k) => view(k));
  const branches = branchTable({ cleanup, resized: () => { if (tree.length > 1) plan(); },
    pick: leaf => go([leaf, get("compare") ? ends[1] : leaf], "At the end of this branch.") });
  const lookBox = attentionView();

  root.append(
    h("label", { class: "nw-play-ask" }, h("span", { class: "nw-muted" }, "Prompt"), box),
    examples.length ? h("div", { class: "nw-row" }, examples) : "", chips, counted,
    h("div", { class: "nw-row nw-play-go" }, stepButton, runButton, backButton, homeButton, againButton, numberBox(frame, "seed", "seed"),
      button("New seed", () => put(model, { seed: (get("seed") + 1) % 2 ** 32 }))),
    said,
    h("div", { class: "nw-play-views" }, views.map(v => v.element)),
    h("p", { class: "nw-play-legend nw-muted" }, h("span", {}, "p of each token:"), ["0.5 or more", "0.1 or more", "0.01 or more", "less"].map((text, i) =>
      h("span", {}, h("i", { class: `nw-play-level${i}` }, "a"), text)), h("span", {}, "◆ most probable"), h("span", {}, "● drawn by the seed"), h("span", {}, "dashed: temperature 1, nothing cut")),
    sets[0], h("div", { class: "nw-row" }, checkbox(frame, "compare", "second setting beside it, on the same random numbers"), copyButton, speed), sets[1],
    branches.element, lookBox.element);

  function copy() {
    const text = prompt + get("after") + texts(pathTo(tree, ends[0]).filter(node => !ended(node))).join("");
    const done = navigator.clipboard?.writeText(text) ?? Promise.reject();
    done.then(() => { note = "Copied."; plan(); }, () => { note = "The browser keeps its clipboard closed here: mark the text and copy it."; plan(); });
  }

  // One setting's text, token by token, and the bars for the next one.
  function view(k) {
    const begun = h("span", { class: "nw-muted" }), body = h("span"), cursor = h("span", { class: "nw-play-cursor", "aria-hidden": "true" }, "▏");
    const text = h("div", { class: "nw-play-text", role: "group", dir: "auto" }, begun, body, cursor);
    const title = h("span"), here = button("End the text here", () => go(ends.map((end, i) => (i === k ? locked.node : end))), { hidden: true });
    const rows = Array.from({ length: Math.min(BARS, V) }, () => bar(k)), rest = h("p", { class: "nw-muted nw-play-rest" });
    const element = h("div", { class: `nw-play-view nw-play-view${which[k]}` }, h("b", { class: "nw-play-letter" }, letters[k]), text, h("p", { class: "nw-play-title" }, title, here),
      h("div", { class: "nw-play-axis nw-muted", "aria-hidden": "true" }, h("span", {}, "0"), h("span", {}, "probability"), h("span", {}, "1")),
      h("div", { class: "nw-play-bars", role: "group", "aria-label": "Tokens to take" }, rows.map(r => r.element)), rest);
    let shown = [], parts = [], of = null; // nodes of the path, their elements, and the tree they belong to

    const look = node => { hover = node === null ? null : { k, node }; plan(); };
    const target = event => parts.indexOf(event.target.closest("[role=button]"));
    body.addEventListener("pointerover", event => { if (event.pointerType !== "touch" && target(event) >= 0) look(shown[target(event)]); });
    body.addEventListener("pointerleave", () => look(null));
    body.addEventListener("focusin", event => look(shown[target(event)] ?? null));
    body.addEventListener("focusout", () => look(null));
    body.addEventListener("click", event => { if (target(event) >= 0) lock(shown[target(event)]); });
    body.addEventListener("keydown", event => {
      const at = target(event), to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: parts.length - 1 }[event.key];
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); lock(shown[at]); }
      if (to === undefined || !parts[to] || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      reach(to);
      parts[to].focus();
    });
    const reach = i => parts.forEach((part, j) => { part.tabIndex = i === j ? 0 : -1; });
    const lock = node => { locked = locked?.k === k && locked.node === node ? null : { k, node }; plan(); };

    const toEnd = () => { text.scrollTop = text.scrollHeight; };

    function update() {
      begun.textContent = (prompt.length > TOLD ? "…" : "") + prompt.slice(-TOLD).replace(/^[\udc00-\udfff]/, "") + get("after");
      const path = pathTo(tree, ends[k]);
      const low = of === tree && path.length > shown.length && text.scrollTop + text.clientHeight > text.scrollHeight - 40;
      let same = 0;
      if (of !== tree) { shown = []; parts.splice(0).forEach(part => part.remove()); of = tree; } // another tree counts its nodes anew
      while (same < path.length && path[same] === shown[same]) same++;
      if (same < shown.length) parts.splice(same).forEach(part => part.remove());
      texts(path).forEach((piece, i) => { // all of them: a character may be whole only with the token that came now
        const words = ended(path[i]) ? "■" : piece.replaceAll("\n", "↵\n") || "·";
        if (!parts[i]) body.append(parts[i] = h("span", { role: "button", tabindex: -1, class: "nw-play-level0", "aria-label": label(tree[path[i]].id), "aria-pressed": "false" }));
        if (parts[i].textContent !== words) parts[i].textContent = words;
      });
      if (low) toEnd(); // what is being written stays in sight, unless the reader has scrolled up
      shown = path;
      if (parts.length && !parts.some(part => part.tabIndex === 0)) reach(parts.length - 1);
      parts.forEach((part, i) => {
        const p = logp(shown[i]);
        if (part.told === p || p === null) return;
        part.told = p;
        part.className = `nw-play-level${surpriseLevel(p)}`;
        part.setAttribute("aria-label", `${label(tree[shown[i]].id)}, probability ${share(Math.exp(p))}`);
      });
      text.setAttribute("aria-label", `Text${sides().length > 1 ? ` ${letters[k]}` : ""}: arrow keys go from token to token, Enter shows what could stand in its place`);
      element.classList.toggle("nw-play-ended", ended(ends[k]));

      parts.forEach((part, i) => part.setAttribute("aria-pressed", String(locked?.k === k && locked.node === shown[i])));
      here.hidden = locked?.k !== k;
      const asked = [hover, locked].find(place => place?.k === k)?.node, over = ended(ends[k]);
      const there = shown.includes(asked) ? asked : over ? ends[k] : null; // the token whose place it is; null: after the last one
      const { logits, depth } = tree[there === null ? ends[k] : tree[there].parent], id = there === null ? null : tree[there].id;
      element.classList.toggle("nw-play-wait", !logits && ids.length > 0);
      if (!ids.length) {
        title.textContent = "No prompt, no next token.";
        rows.forEach(row => { row.element.hidden = true; });
        rest.textContent = "";
      }
      if (!ids.length || !logits) return;
      const scores = Float64Array.from(logits), p = cutDistribution(scores, settingOf(k)), own = softmax(scores), order = ranking(logits), drawn = next(logits, settingOf(k), get("seed"), depth);
      const list = order.slice(0, rows.length), rank = order.indexOf(id) + 1, size = V.toLocaleString("en-US");
      for (const one of [drawn, id]) if (one !== null && !list.includes(one)) list[Math.max(0, list.length - (one === id ? 1 : 2))] = one; // both are to be seen
      title.textContent = id === null ? `Next token, one of ${size}` : there === ends[k] && over && there !== asked ? `The text has ended. In place of its end, ■:`
        : `In place of “${label(id)}”, number ${rank.toLocaleString("en-US")} of ${size}:`;
      rows.forEach((row, i) => row.update({ id: list[i], p: p[list[i]], own: own[list[i]], best: list[i] === order[0], drawn: list[i] === drawn, there: list[i] === id }));
      let others = 0, kept = 0;
      p.forEach((v, id) => { if (v > 0) kept++; if (!list.includes(id)) others += v; });
      rest.textContent = `${count(V - list.length, "other token")}: ${share(others)} together. ${kept === V ? "None is" : `${count(V - kept, "token")} ${V - kept === 1 ? "is" : "are"}`} cut off.`;
    }
    return { element, update, toEnd };
  }

  // One of the bars: a button that takes its token.
  function bar(k) {
    const mark = h("span", { class: "nw-play-mark" }), name = h("bdi", { class: "nw-play-name" }), ghost = h("i", { class: "nw-play-ghost" }), fill = h("i", { class: "nw-play-fill" });
    const value = h("span", { class: "nw-play-value" });
    let id = 0;
    const element = button([name, h("span", { class: "nw-play-lane" }, fill, ghost), value, mark], () => take(k, id));
    return {
      element,
      update(now) {
        id = now.id;
        element.hidden = false;
        name.textContent = label(id);
        fill.style.width = `${(100 * now.p).toFixed(2)}%`;
        ghost.style.width = `${(100 * now.own).toFixed(2)}%`;
        ghost.hidden = now.own < 0.001;
        value.textContent = share(now.p);
        mark.textContent = (now.best ? "◆" : "") + (now.drawn ? "●" : "");
        element.classList.toggle("nw-play-there", now.there);
        element.setAttribute("aria-label", [label(id), `probability ${share(now.p)}`, now.best && "most probable", now.drawn && "drawn by the seed", now.there && "in the text"].filter(Boolean).join(", "));
      },
    };
  }


  // Who looks at whom, for the text as it stands; drawn when asked for, and not while the model writes.
  function attentionView() {
    const options = (name, most) => select(frame, name, name, Array.from({ length: most }, (_, i) => [i + 1, String(i + 1)]));
    const host = h("div"), told = h("p", { class: "nw-muted" });
    const inside = h("div", {}, h("div", { class: "nw-row" }, options("layer", net.config.layers), options("head", net.config.heads)), told, host);
    const element = h("div", { class: "nw-play-look" }, checkbox(frame, "look", "show where each token looks: attention"), inside);
    let head = null, made = "", row = null;
    function update() {
      inside.hidden = !get("look");
      if (inside.hidden || running || !ids.length) return;
      const { read } = windowOf(ends[0]), key = [...read, get("layer"), get("head")].join();
      if (key === made) return;
      if (!caches[0].feed(read, performance.now() + READ)) { plan(); return; }
      made = key;
      const tokens = read.map(id => words.label(id)), T = tokens.length;
      const weights = caches[0].attention(Math.min(get("layer"), net.config.layers) - 1, Math.min(get("head"), net.config.heads) - 1);
      row = T - 1;
      const says = () => {
        const look = weights.subarray(row * T, (row + 1) * T), most = argmax(look);
        told.textContent = `“${visible(tokens[row])}” (${row}) looks most at “${visible(tokens[most])}” (${most}), with weight ${share(look[most])}. Click another row.`;
      };
      const shown = { tokens, weights, causal: true, arcs: T <= 64, label: `Attention weights of layer ${get("layer")}, head ${get("head")}, for ${count(T, "token")}`,
        pick: place => { if (place?.row >= 0) { row = place.row; head.mark({ row }); says(); } } };
      if (head) head.show(shown); else head = drawHead(host, { cleanup, ...shown });
      head.mark({ row });
      says();
    }
    return { element, update };
  }

  // What is seen

  function paint() {
    if (note && running) note = "";
    views.forEach((v, k) => { v.element.hidden = !sides().includes(k); if (sides().includes(k)) v.update(); });
    runButton.textContent = running ? "Stop" : "Run";
    enable(ids.length > 0, stepButton, runButton);
    enable(sides().some(k => ends[k] > 0), backButton, homeButton, againButton);
    if (since && written > 20) speed.textContent = `${Math.round(written * sides().length / ((performance.now() - since) / 1000)).toLocaleString("en-US")} tokens a second`;
    const text = [problem, note].filter(Boolean).join(" ");
    if (said.textContent !== text) said.textContent = text;
    if (!running || performance.now() - drawn > 250) { // while it writes, now and then
      branches.update({ tree, ends: sides().map(k => ends[k]), texts, logp, isEnd: ended });
      drawn = performance.now();
    }
    lookBox.update();
    if (!running && !chase) say(sides().map(last).filter(Boolean).join("; "));
  }

  function last(k) { // the token that a setting has written last, for who hears it
    const p = ends[k] > 0 ? logp(ends[k]) : null;
    return p === null ? "" : `${sides().length > 1 ? `${letters[k]}: ` : ""}“${label(tree[ends[k]].id)}”, probability ${share(Math.exp(p))}`;
  }

  function readPrompt() {
    if (tree.length > 1) forests.set(prompt, { tree, ends }); else forests.delete(prompt);
    prompt = get("prompt");
    if (box.value !== prompt) box.value = prompt;
    const pieces = prompt.trim() ? words.cut(prompt + get("after")) : [];
    ids = pieces.filter(piece => piece.id !== null).map(piece => piece.id);
    unknown = [...new Set(pieces.filter(piece => piece.id === null).map(piece => piece.text))];
    const cut = windowStart(ids.length, context);
    problem = !prompt.trim() ? "The prompt is empty: type something that the model can go on from."
      : !ids.length ? `The model knows nothing of this prompt: ${quoted(unknown)} ${unknown.length === 1 ? "is" : "are"} not among its ${count(V, "token")}. Type something else.`
      : [unknown.length > 0 && `Left out, since ${unknown.length === 1 ? "it is" : "they are"} not among the model's ${count(V, "token")}: ${quoted(unknown)}.`,
        cut > 0 && `The prompt has ${count(ids.length, "token")}; the model reads at most ${context}, so it reads the last ${ids.length - cut}.`].filter(Boolean).join(" ");
    const from = Math.max(0, pieces.length - CHIPS);
    chips.replaceChildren(from > 0 ? h("span", { class: "nw-muted" }, `… ${from.toLocaleString("en-US")} before`) : "", ...pieces.slice(from).map(piece =>
      h("span", { class: piece.id === null ? "nw-token nw-play-unknown" : "nw-token" }, visible(piece.text))));
    counted.textContent = ids.length ? `${count(ids.length, "token")}; the model reads up to ${context}` : "";
    examples.forEach((one, i) => one.setAttribute("aria-pressed", String(get("examples")[i] === prompt)));
  }

  function takeIn() { // what the model's traits have become
    let place = !running && !chase; // nodes come from Python or an address, unless this figure is about to set them
    if (get("prompt") !== prompt) {
      const first = prompt === null;
      stop();
      chase = 0;
      readPrompt();
      note = "";
      hover = locked = null;
      if (!first && get("branches") === given) { // another prompt has another tree: its own from before, or none
        ({ tree, ends } = forests.get(prompt) ?? { tree: treeOf([]), ends: [0, 0] });
        save();
        place = false;
      }
    }
    if (get("branches") !== given) { // from Python, or from an address
      const branches = get("branches");
      tree = treeOf(sound(branches, V) ? branches : []);
      given = branches;
      hover = locked = null;
      place = true;
    }
    if (place) ends = which.map(w => (get(`node${w}`) < tree.length ? get(`node${w}`) : 0));
    if (compared === false && get("compare")) { // B begins at the prompt and writes as much as A has
      ends = [ends[0], 0];
      chase = tree[ends[0]].depth;
    }
    compared = get("compare");
    if (!compared) chase = 0;
    if (locked && !pathTo(tree, ends[locked.k]).includes(locked.node)) locked = null;
    sets[1].hidden = !compared;
    root.classList.toggle("nw-play-two", get("compare"));
    if (waiting) cancelAnimationFrame(waiting);
    work();
  }
  on([...SETTING, ...SETTING.map(name => `${name}_b`), "seed", "prompt", "after", "branches", "node", "node_b", "compare", "look", "layer", "head"].join(" "), takeIn);
});
