// The next token: bars for the distribution, what temperature and the cuts make of it, and darts that draw from it.
// A dart is one uniform number. The probabilities lie end to end on a stick from 0 to 1, in the order of the vocabulary;
// the piece that the dart hits is the token drawn. Darts come from the seed, so two settings get the same ones.
import { argmax, drawAll, entropy, mulberry32, ranking, softmax } from "./formulas.js";
import { button, checkbox, h, number, numberBox, put, s, select, visible, widget } from "./dom.js";
import { SETTING, cutDistribution, settingSliders, share } from "./setting.js";

const MANY = 100000; // draws

// p: the probabilities to draw from; before: those that the temperature alone gives; cut: the share of them that top-k,
// top-p and min-p take away; kept: how many tokens stay possible.
export function distribution(logits, setting) {
  const p = cutDistribution(logits, setting), before = softmax(logits, setting[0]);
  let cut = 0, kept = 0, away = 0;
  p.forEach((v, i) => { if (v > 0) kept += 1; else if (before[i] > 0) { cut += before[i]; away += 1; } });
  return { p, before, cut, kept, away };
}

// n darts and the tokens that they hit: { darts, ids }.
export function throwDarts(p, seed, n) {
  const random = mulberry32(seed), darts = Array.from({ length: n }, random);
  return { darts, ids: drawAll(p, darts) };
}

// The stick's pieces in the order of the vocabulary: { id, from, to }. Those narrower than `least` are put together, with id −1.
export function pieces(p, least) {
  const found = [];
  let at = 0;
  p.forEach((v, id) => {
    if (v === 0) return;
    const last = found.at(-1);
    if (v >= least) found.push({ id, from: at, to: at + v });
    else if (last?.id === -1) last.to = at + v;
    else found.push({ id: -1, from: at, to: at + v });
    at += v;
  });
  return found;
}

// Does this list, which may come from an address, hold a seed and one or two settings?
export const usable = (list, V) => [5, 9].includes(list.length) && list.every((x, i) => Number.isFinite(x) && x >= 0
  && (i === 0 ? Number.isInteger(x) && x < 2 ** 32 : [x <= 1, x <= 3, Number.isInteger(x) && x >= 1 && x <= V, x <= 1][i % 4]));

// What the darts say to the question "why not the most probable token?". names: the tokens' labels.
export function verdict(p, { darts, ids }, names) {
  const best = argmax(p), n = ids.length, top = `“${names[best]}”`, whole = x => x.toLocaleString("en-US");
  if (n === 0) return "";
  if (p[best] === 1) return `The whole stick is ${top}: every dart hits it.`;
  if (n === 1) {
    const missed = ids[0] !== best, misses = Math.round(100 * (1 - p[best]));
    return `The dart fell on ${share(darts[0])}, in the piece of “${names[ids[0]]}”${missed ? "" : ", the most probable token"}. `
      + `${missed ? `The most probable token, ${top}, has` : "It has"} ${share(p[best])} of the stick; about ${misses} of 100 darts miss it.`;
  }
  const hits = ids.filter(id => id === best).length, expected = n * p[best];
  return `${whole(hits)} of ${whole(n)} darts hit ${top}, the most probable token; ${number(expected)} are expected, `
    + `give or take ${number(Math.sqrt(expected * (1 - p[best])), 2)}.${hits < n ? ` The other ${whole(n - hits)} hit other tokens.` : ""}`;
}

// Labels of all tokens; those that look alike get their place in the vocabulary as well.
export function labels(tokens) {
  const seen = new Map(), texts = tokens.map(token => visible(token) || "(empty)");
  texts.forEach(text => seen.set(text, (seen.get(text) ?? 0) + 1));
  return texts.map((text, i) => (seen.get(text) > 1 ? `${text} #${i}` : text));
}

// One bar of the table in its lane: the model's own probability as an outline, what was cut away, what is left, the share of the draws.
function lane(which, movable) {
  const [ghost, cut, bar, tick] = ["ghost", "cut", "bar", "tick"].map(part => h("i", { class: `nw-next-${part}` }));
  const value = h("span"), count = h("span");
  const element = h("div", { class: `nw-next-lane nw-next-lane${which}`, "aria-hidden": "true" }, ghost, cut, bar, tick);
  const part = (i, x) => { i.style.width = `${100 * Math.min(x, 1.02)}%`; };
  return {
    element, value, count,
    update({ own, left, lost, drawn, n }, axis) {
      part(ghost, movable ? own / axis : 0);
      part(cut, lost / axis);
      part(bar, left / axis);
      tick.style.display = n >= 10 && drawn > 0 && drawn / n <= axis ? "" : "none";
      tick.style.left = `${100 * drawn / n / axis}%`;
      element.classList.toggle("nw-next-beyond", Math.max(own, left, lost) > axis);
      value.textContent = lost > 0 && left === 0 ? "cut" : share(left);
      count.textContent = n ? drawn.toLocaleString("en-US") : "";
    },
  };
}

function row(label, lanes) {
  const mark = h("span", { class: "nw-next-mark" });
  const element = h("tr", {},
    h("th", { scope: "row" }, mark, h("bdi", {}, label)),
    h("td", {}, lanes.map(l => l.element)),
    h("td", {}, lanes.map(l => l.value)),
    h("td", {}, lanes.map(l => l.count)));
  return { element, mark, lanes };
}

// The stick of one setting, and its labels.
function stickOf(which) {
  const [even, odd, slivers, hit] = ["even", "odd", "slivers", "hit"].map(c => s("path", { class: `nw-next-${c}${c.length < 5 ? which : ""}` }));
  const texts = s("g", { "text-anchor": "middle" }), name = s("text", { x: 0, class: "nw-next-name" }, which ? "B" : "A");
  const element = s("g", {}, even, odd, slivers, texts, hit, name);
  return {
    element,
    update(p, names, hitId, best, { left, width, top, height }) {
      const shapes = [[], [], []], words = [];
      let turn = 0;
      hit.setAttribute("d", "");
      for (const { id, from, to } of pieces(p, 1.5 / width)) {
        const x = left + from * width, w = (to - from) * width, box = `M${x.toFixed(2)} ${top}h${w.toFixed(2)}v${height}h${(-w).toFixed(2)}z`;
        shapes[id < 0 ? 2 : turn++ % 2].push(box);
        if (id >= 0 && id === hitId) hit.setAttribute("d", box);
        const text = (id === best ? "◆" : "") + (names[id] ?? "");
        if (id >= 0 && w > 5 + 8.5 * Array.from(text).length) words.push([x + w / 2, text, id === best]);
      }
      [even, odd, slivers].forEach((path, i) => path.setAttribute("d", shapes[i].join("")));
      while (texts.childElementCount < words.length) texts.append(s("text"));
      [...texts.children].forEach((text, i) => {
        const [x, word, bold] = words[i] ?? [0, "", false];
        text.textContent = word;
        text.setAttribute("x", x);
        text.setAttribute("y", top + height / 2 + 4.5);
        text.setAttribute("font-weight", bold ? 700 : 400);
      });
      name.setAttribute("y", top + height / 2 + 4.5);
      name.style.display = left ? "" : "none";
    },
  };
}

export default widget(frame => {
  const { model, root, on, cleanup } = frame;
  const V = model.get("tokens").length, which = ["", "_b"];
  const settingOf = w => SETTING.map(name => model.get(name + w));
  const seedAndSettings = () => [model.get("seed"), ...settingOf(""), ...(model.get("compare") ? settingOf("_b") : [])];
  const same = (a, b) => b.every((x, i) => x === a[i]);
  const movable = model.get("controls").length > 0;

  // What is on the page. Rows keep their places: they follow the logits, whose order no setting changes.
  const blanks = which.map(w => h("bdi", { class: `nw-next-blank nw-next-letter${w}` })), words = h("span");
  const before = h("p", { class: "nw-next-context", dir: "auto" }, words, blanks);
  const sets = which.map(w => h("div", { class: "nw-next-set" }, h("b", { class: `nw-next-letter${w}` }, w ? "B" : "A"), h("div", { class: "nw-controls" }, settingSliders(frame, w, V, model.get("controls")))));
  const ends = [0, 0.5, 1].map(() => h("span"));
  const body = h("tbody"), table = h("table", { class: "nw-next" },
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "token"),
      h("th", { scope: "col" }, h("span", { class: "nw-visually-hidden" }, "bar"), h("div", { class: "nw-next-axis", "aria-hidden": "true" }, ends)),
      h("th", { scope: "col" }, "prob."), h("th", { scope: "col" }, "drawn"))), body);
  const rows = [];
  const facts = which.map(() => Array.from({ length: 4 }, () => h("td")));
  const heads = which.map(() => h("th", { scope: "row" }));
  const measures = h("table", { class: "nw-next-facts" },
    h("thead", {}, h("tr", {}, h("td"), ["entropy (nats)", "perplexity", "tokens kept", "cut off"].map(t => h("th", { scope: "col" }, t)))),
    h("tbody", {}, which.map((w, i) => h("tr", {}, heads[i], facts[i]))));
  const dartLine = s("path", { class: "nw-next-dart" }), rug = s("path", { class: "nw-next-rug" });
  const sticks = which.map(stickOf), left = s("text", { "text-anchor": "start" }, "0"), right = s("text", { "text-anchor": "end" }, "1");
  const stick = s("svg", { role: "img" }, rug, sticks.map(k => k.element), dartLine, left, right);
  const said = h("p", { class: "nw-next-said", role: "status" }), list = h("div", { class: "nw-next-list" });
  const draw = n => () => {
    const now = seedAndSettings(), goOn = model.get("draws") > 0 && same(model.get("drawn_with"), now);
    put(model, { draws: Math.min(MANY, n + (goOn ? model.get("draws") : 0)), drawn_with: now });
  };
  root.append(
    before,
    ...(movable ? sets : []),
    h("div", { class: "nw-row nw-next-options" },
      movable && checkbox(frame, "compare", "second setting beside it"),
      select(frame, "axis", "axis up to", [1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01].map(x => [x, String(x)]))),
    table,
    h("p", { class: "nw-next-legend nw-muted" },
      movable && h("span", {}, h("i", { class: "nw-next-ghost" }), "temperature 1, nothing cut"),
      movable && h("span", {}, h("i", { class: "nw-next-cut" }), "cut off"),
      h("span", {}, h("i", { class: "nw-next-tick" }), "share of the draws"),
      h("span", {}, "◆ most probable"), h("span", {}, "● drawn last")),
    ...(movable ? [measures] : []),
    h("div", { class: "nw-row nw-next-draw" },
      h("span", {}, "Draw"), [1, 10, 1000].map(n => button(n.toLocaleString("en-US"), draw(n), { "aria-label": `Draw ${n}` })),
      button("Clear", () => put(model, { draws: 0 })), numberBox(frame, "seed", "seed")),
    stick, said, list);

  let names, order, own, shownIds, made = [];
  const lanes = () => which.map(w => lane(w, movable));
  function build() {
    const from = ["logits", "tokens", "bars"].map(name => model.get(name));
    if (same(made, from)) return;
    made = from;
    const logits = model.get("logits").map(z => z ?? -Infinity);
    names = labels(model.get("tokens"));
    order = ranking(logits).slice(0, Math.min(model.get("bars"), V));
    shownIds = new Set(order);
    own = { logits, p: softmax(logits) };
    rows.splice(0, rows.length, ...order.map(id => row(names[id], lanes())));
    if (V > order.length) rows.push(row(`${number(V - order.length)} other${V - order.length === 1 ? "" : "s"}`, lanes()));
    const cutRow = movable && V > 1 ? row("cut off", lanes()) : null;
    if (cutRow) rows.push(cutRow);
    rows.forEach((r, i) => r.element.classList.toggle("nw-next-sum", i >= order.length));
    body.replaceChildren(...rows.map(r => r.element));
  }

  // What was drawn, and what it says: made anew for other draws only, and not when a slider moves.
  let thrown = [], key = [];
  function throwAll(used, n) {
    const next = [own, n, ...used];
    if (next.length === key.length && same(key, next)) return;
    key = next;
    thrown = which.map((_, k) => {
      const setting = used.slice(1 + 4 * k, 5 + 4 * k), counts = new Uint32Array(V);
      if (!setting.length) return { darts: [], ids: [], counts, says: "" };
      const { p } = distribution(own.logits, setting), { darts, ids } = throwDarts(p, used[0], n);
      ids.forEach(id => { counts[id] += 1; });
      return { darts, ids, counts, says: verdict(p, { darts, ids }, names) };
    });
  }

  function update() {
    build();
    const two = model.get("compare"), axis = model.get("axis"), now = seedAndSettings();
    const given = model.get("drawn_with"), used = usable(given, V) ? given : now, n = Math.min(MANY, model.get("draws"));
    const fresh = same(used, now);
    throwAll(used, n);
    const shown = which.slice(0, two ? 2 : 1).map(w => distribution(own.logits, settingOf(w)));
    root.classList.toggle("nw-next-two", two);
    sets[1].hidden = !two;
    heads.forEach((head, i) => { head.textContent = i ? "B" : two ? "A" : ""; });
    measures.tBodies[0].rows[1].hidden = !two;

    ends.forEach((end, i) => { end.textContent = number(axis * i / 2); });
    const last = thrown.map(t => t.ids.at(-1)), best = order[0];
    rows.forEach((r, i) => {
      const id = order[i], others = i === order.length && V > order.length;
      shown.forEach(({ p, before: plain, cut }, k) => {
        const { counts, ids } = thrown[k];
        const rest = array => array.reduce((total, v, j) => (shownIds.has(j) ? total : total + v), 0);
        const values = id !== undefined ? { own: own.p[id], left: p[id], lost: p[id] === 0 ? plain[id] : 0, drawn: counts[id] }
          : others ? { own: rest(own.p), left: rest(p), lost: rest(plain.map((v, j) => (p[j] === 0 ? v : 0))), drawn: rest(counts) }
          : { own: 0, left: 0, lost: cut, drawn: 0 };
        r.lanes[k].update({ ...values, n: id !== undefined || others ? ids.length : 0 }, axis);
        if (id === undefined && !others) r.lanes[k].value.textContent = share(cut);
      });
      const hit = thrown.slice(0, shown.length).some((t, k) => (id !== undefined ? last[k] === id : others && last[k] !== undefined && !shownIds.has(last[k])));
      r.mark.textContent = (id === best ? "◆" : "") + (hit ? "●" : "");
      r.element.classList.toggle("nw-next-hit", hit);
    });
    shown.forEach(({ p, cut, kept }, k) => {
      const nats = entropy(p);
      [nats.toFixed(2), number(Math.exp(nats)), `${number(kept)} of ${number(V)}`, share(cut)].forEach((text, j) => { facts[k][j].textContent = text; });
    });

    words.textContent = model.get("context");
    before.hidden = model.get("context") === "";
    blanks.forEach((blank, k) => { blank.textContent = names[last[k]] ?? "?"; blank.hidden = k === 1 && !two; });
    paint(shown, fresh, n, last, best);
    const where = used.slice(1, 5), off = [1, V, 1, 0];
    const changed = SETTING.map((name, j) => (where[j] === off[j] && j > 0 ? "" : `${name.replace("_", "-")} ${number(where[j])}`)).filter(Boolean).join(", ");
    const says = thrown.slice(0, shown.length).map((t, k) => (two && t.says ? `${"AB"[k]}: ${t.says}` : t.says)).join(" ");
    const text = n === 0 ? "No darts yet. Draw one." : (fresh ? "" : `These draws were made with seed ${used[0]}, ${changed}. Draw again, and the darts fly at the stick as it is now. `) + says;
    if (said.textContent !== text) said.textContent = text;
    list.replaceChildren(...(n > 1 ? thrown.slice(0, shown.length).filter(t => t.ids.length).map((t, k) => h("p", {},
      h("b", { class: `nw-next-letter${which[k]}` }, two ? `${"AB"[k]} ` : "in order: "),
      t.ids.slice(0, 20).map((id, j) => h("bdi", { class: thrown[1 - k].ids.length && thrown[1 - k].ids[j] !== id ? "nw-token nw-next-differs" : "nw-token" }, names[id])), n > 20 ? " …" : "")) : []));
  }

  // The stick has one unit of its drawing for each pixel, so that its text keeps its size at any width.
  let width = 0;
  function paint(shown, fresh, n, last, best) {
    if (!width) return;
    const at = { left: model.get("compare") ? 18 : 0, height: 24 };
    at.width = width - at.left - 1;
    const bottom = 12 + shown.length * 30 - 6, { darts } = thrown[0];
    stick.setAttribute("viewBox", `0 0 ${width} ${bottom + 16}`);
    sticks.forEach((k, i) => {
      k.element.style.display = i < shown.length ? "" : "none";
      if (i < shown.length) k.update(shown[i].p, names, fresh ? last[i] : -1, best, { ...at, top: 12 + 30 * i });
    });
    const x = u => (at.left + u * at.width).toFixed(1), recent = fresh ? darts.slice(-1000) : [];
    rug.setAttribute("d", recent.map(u => `M${x(u)} 4v8`).join(""));
    dartLine.setAttribute("d", recent.length ? `M${x(recent.at(-1))} 10l-5 -9h10zv${bottom - 10}` : "");
    [left, right].forEach((text, i) => { text.setAttribute("x", i ? width - 1 : at.left); text.setAttribute("y", bottom + 13); });
    stick.setAttribute("aria-label", `The stick from 0 to 1, cut into the tokens' probabilities${recent.length ? `; the last dart fell on ${share(darts.at(-1))}` : ""}.`);
  }

  on([...SETTING, ...SETTING.map(name => `${name}_b`), "compare", "axis", "seed", "draws", "drawn_with", "logits", "tokens", "bars", "context"].join(" "), update);
  const watch = new ResizeObserver(() => {
    const wide = Math.round(stick.parentElement?.clientWidth ?? 0);
    if (wide && wide !== width) { width = wide; update(); }
  });
  watch.observe(root);
  cleanup(() => watch.disconnect());
});
