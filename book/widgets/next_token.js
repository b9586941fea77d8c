// @ts-check
// The next token: bars for the distribution, what temperature and the cuts do to it, and darts that draw from it.
// A dart is one uniform number. The probabilities lie end to end on a stick from 0 to 1, in the vocabulary's order; the
// piece a dart hits is the token drawn. Darts come from the seed, so two settings get the same ones.
/** @import { Numbers } from "./types.js" */
import { button, checkbox, h, numberBox, put, s, select, widget } from "./dom.js";
import { argmax, drawAll, entropy, mulberry32, ranking, softmax } from "./formulas.js";
import { SETTING, cutDistribution, settingSliders } from "./setting.js";
import { count, last, number, share, visible, whole } from "./text.js";

const MANY = 100_000; // draws

/** @typedef {{ darts: number[], ids: number[] }} Throw */

/**
 * p: the probabilities to draw from; before: those of the temperature alone; cut: the share of them that top-k, top-p,
 * and min-p take away; kept: how many tokens stay possible.
 * @param {number[]} logits
 * @param {number[]} setting
 */
export function distribution(logits, setting) {
  const p = cutDistribution(logits, setting), before = softmax(logits, setting[0]);
  let cut = 0, kept = 0;
  p.forEach((v, i) => { if (v > 0) kept += 1; else cut += before[i]; });
  return { p, before, cut, kept };
}

/**
 * n darts, and the tokens they hit.
 * @param {Numbers} p
 * @param {number} seed
 * @param {number} n
 * @returns {Throw}
 */
export function throwDarts(p, seed, n) {
  const random = mulberry32(seed), darts = Array.from({ length: n }, random);
  return { darts, ids: drawAll(p, darts) };
}

/**
 * The pieces of the stick in the order of the vocabulary. Neighbors narrower than `least` make one piece with id −1.
 * @param {number[]} p
 * @param {number} least
 */
export function pieces(p, least) {
  /** @type {{ id: number, from: number, to: number }[]} */
  const found = [];
  let at = 0;
  p.forEach((v, id) => {
    if (v === 0) return;
    const before = found.at(-1);
    if (v >= least) found.push({ id, from: at, to: at + v });
    else if (before?.id === -1) before.to = at + v;
    else found.push({ id: -1, from: at, to: at + v });
    at += v;
  });
  return found;
}

/**
 * Whether this list, which may come from an address, holds a seed and one or two settings.
 * @param {number[]} list
 * @param {number} V
 */
export function usable(list, V) {
  const whole = Number.isInteger;
  /** @param {number} x @param {number} i */
  const fits = (x, i) => (i === 0 ? whole(x) && x < 2 ** 32
    : [x <= 1, x <= 3, whole(x) && x >= 1 && x <= V, x <= 1][i % 4]); // min-p, temperature, top-k, top-p
  return [5, 9].includes(list.length) && list.every((x, i) => Number.isFinite(x) && x >= 0 && fits(x, i));
}

/**
 * What the darts say to "why not the most probable token?"
 * @param {number[]} p
 * @param {Throw} thrown
 * @param {string[]} names  the tokens' labels
 */
export function verdict(p, { darts, ids }, names) {
  const best = argmax(p), n = ids.length, top = `“${names[best]}”`;
  if (n === 0) return "";
  if (p[best] === 1) return `The whole stick is ${top}, so every dart hits it.`;
  if (n === 1) {
    const where = `The dart landed at ${share(darts[0])}, in the piece of “${names[ids[0]]}”`;
    const odds = `${share(p[best])} of the stick, so about ${Math.round(100 * (1 - p[best]))} of 100 darts miss it.`;
    const missed = `. The most probable token, ${top}, has `;
    return where + (ids[0] === best ? ", the most probable token. It has " : missed) + odds;
  }
  const hits = ids.filter(id => id === best).length, expected = n * p[best];
  const spread = number(Math.sqrt(expected * (1 - p[best])), 2);
  const others = hits < n ? ` The other ${whole(n - hits)} hit other tokens.` : "";
  return `${whole(hits)} of ${whole(n)} darts hit ${top}, the most probable token. We expect ${number(expected)}, `
    + `give or take ${spread}.${others}`;
}

/** Labels of all tokens; those that look alike get their number in the vocabulary. @param {string[]} tokens */
export function labels(tokens) {
  const seen = new Map(), texts = tokens.map(token => visible(token) || "(empty)");
  texts.forEach(text => seen.set(text, (seen.get(text) ?? 0) + 1));
  return texts.map((text, i) => (seen.get(text) > 1 ? `${text} #${i}` : text));
}

/**
 * One bar of the table: the model's own probability as an outline, what was cut, what is left, the share of the draws.
 * @param {string} which  "" or "_b"
 * @param {boolean} movable  whether there are sliders, so that the model's own can differ
 */
function lane(which, movable) {
  const [ghost, cut, bar, tick] = ["ghost", "cut", "bar", "tick"].map(part => h("i", { class: `nw-next-${part}` }));
  const value = h("span"), drawn = h("span");
  const element = h("div", { class: `nw-next-lane nw-next-lane${which}`, "aria-hidden": "true" },
    ghost, cut, bar, tick);
  /** @param {HTMLElement} part @param {number} x */
  const stretch = (part, x) => { part.style.width = `${100 * Math.min(x, 1.02)}%`; };
  return {
    element, value, drawn,
    /** @param {{ own: number, left: number, lost: number, drawn: number, n: number }} row @param {number} axis */
    update({ own, left, lost, drawn: hits, n }, axis) {
      stretch(ghost, movable ? own / axis : 0);
      stretch(cut, lost / axis);
      stretch(bar, left / axis);
      tick.style.display = n >= 10 && hits > 0 && hits / n <= axis ? "" : "none";
      tick.style.left = `${100 * hits / n / axis}%`;
      element.classList.toggle("nw-next-beyond", Math.max(own, left, lost) > axis);
      value.textContent = lost > 0 && left === 0 ? "cut" : share(left);
      drawn.textContent = n ? whole(hits) : "";
    },
  };
}

/** @param {string} label @param {ReturnType<typeof lane>[]} lanes */
function row(label, lanes) {
  const mark = h("span", { class: "nw-next-mark" });
  const element = h("tr", {},
    h("th", { scope: "row" }, mark, h("bdi", {}, label)),
    h("td", {}, lanes.map(l => l.element)),
    h("td", {}, lanes.map(l => l.value)),
    h("td", {}, lanes.map(l => l.drawn)));
  return { element, mark, lanes };
}

/** The stick of one setting, and its labels. @param {string} which */
function stickOf(which) {
  const [even, odd] = ["even", "odd"].map(c => s("path", { class: `nw-next-${c}${which}` }));
  const [slivers, hit] = ["slivers", "hit"].map(c => s("path", { class: `nw-next-${c}` }));
  const texts = s("g", { "text-anchor": "middle" });
  const name = s("text", { x: 0, class: "nw-next-name" }, which ? "B" : "A");
  const element = s("g", {}, even, odd, slivers, texts, hit, name);
  return {
    element,
    /**
     * @param {number[]} p @param {string[]} names @param {number} hitId @param {number} best
     * @param {{ left: number, width: number, top: number, height: number }} place
     */
    update(p, names, hitId, best, { left, width, top, height }) {
      /** @type {string[][]} */
      const shapes = [[], [], []];
      const words = [];
      let turn = 0;
      hit.setAttribute("d", "");
      for (const { id, from, to } of pieces(p, 1.5 / width)) {
        const x = left + from * width, w = (to - from) * width;
        const box = `M${x.toFixed(2)} ${top}h${w.toFixed(2)}v${height}h${(-w).toFixed(2)}z`;
        shapes[id < 0 ? 2 : turn++ % 2].push(box);
        if (id >= 0 && id === hitId) hit.setAttribute("d", box);
        const text = (id === best ? "◆" : "") + (names[id] ?? "");
        if (id >= 0 && w > 5 + 8.5 * Array.from(text).length) {
          const place = { x: x + w / 2, y: top + height / 2 + 4.5 };
          words.push(s("text", { ...place, "font-weight": id === best ? 700 : 400 }, text));
        }
      }
      [even, odd, slivers].forEach((part, i) => part.setAttribute("d", shapes[i].join("")));
      texts.replaceChildren(...words);
      name.setAttribute("y", String(top + height / 2 + 4.5));
      name.style.display = left ? "" : "none";
    },
  };
}

export default widget(frame => {
  const { model, root, on, cleanup } = frame, which = ["", "_b"];
  /** @type {number} */
  const V = model.get("tokens").length;
  /** @param {string} w @returns {number[]} */
  const settingOf = w => SETTING.map(name => model.get(name + w));
  const seedAndSettings = () => [model.get("seed"), ...settingOf(""), ...(model.get("compare") ? settingOf("_b") : [])];
  /** @param {unknown[]} a @param {unknown[]} b */
  const same = (a, b) => b.every((x, i) => x === a[i]);
  const movable = model.get("controls").length > 0;

  // What is on the page. Rows keep their places: they follow the logits, whose order no setting changes.
  const blanks = which.map(w => h("bdi", { class: `nw-next-blank nw-next-letter${w}` })), words = h("span");
  const before = h("p", { class: "nw-next-context", dir: "auto" }, words, blanks);
  const sets = which.map(w => h("div", { class: "nw-next-set" },
    h("b", { class: `nw-next-letter${w}` }, w ? "B" : "A"),
    h("div", { class: "nw-controls" }, settingSliders(frame, w, V, model.get("controls")))));
  const ends = [0, 0.5, 1].map(() => h("span"));
  const body = h("tbody"), table = h("table", { class: "nw-next" },
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "token"),
      h("th", { scope: "col" }, h("span", { class: "nw-visually-hidden" }, "bar"),
        h("div", { class: "nw-next-axis", "aria-hidden": "true" }, ends)),
      h("th", { scope: "col" }, "prob."), h("th", { scope: "col" }, "drawn"))), body);
  const facts = which.map(() => Array.from({ length: 4 }, () => h("td")));
  const heads = which.map(() => h("th", { scope: "row" }));
  const titles = ["entropy (nats)", "perplexity", "tokens kept", "cut off"];
  const measures = which.map((_, i) => h("tr", {}, heads[i], facts[i]));
  const dartLine = s("path", { class: "nw-next-dart" }), rug = s("path", { class: "nw-next-rug" });
  const sticks = which.map(stickOf);
  const left = s("text", { "text-anchor": "start" }, "0"), right = s("text", { "text-anchor": "end" }, "1");
  const stick = s("svg", { role: "img" }, rug, sticks.map(k => k.element), dartLine, left, right);
  const said = h("p", { class: "nw-next-said", role: "status" }), list = h("div", { class: "nw-next-list" });
  /** @param {number} n */
  const draw = n => () => {
    const now = seedAndSettings(), goOn = model.get("draws") > 0 && same(model.get("drawn_with"), now);
    put(model, { draws: Math.min(MANY, n + (goOn ? model.get("draws") : 0)), drawn_with: now });
  };
  root.append(
    before,
    ...(movable ? sets : []),
    h("div", { class: "nw-row nw-next-options" },
      movable && checkbox(frame, "compare", "compare with a second setting"),
      select(frame, "axis", "axis up to", [1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01].map(x => [x, String(x)]))),
    table,
    h("p", { class: "nw-next-legend nw-muted" },
      movable && h("span", {}, h("i", { class: "nw-next-ghost" }), "temperature 1, nothing cut"),
      movable && h("span", {}, h("i", { class: "nw-next-cut" }), "cut off"),
      h("span", {}, h("i", { class: "nw-next-tick" }), "share of the draws"),
      h("span", {}, "◆ most probable"), h("span", {}, "● drawn last")),
    ...(movable ? [h("table", { class: "nw-next-facts" },
      h("thead", {}, h("tr", {}, h("td"), titles.map(t => h("th", { scope: "col" }, t)))),
      h("tbody", {}, measures))] : []),
    h("div", { class: "nw-row nw-next-draw" },
      h("span", {}, "Draw"), [1, 10, 1000].map(n => button(whole(n), draw(n), { "aria-label": `Draw ${n}` })),
      button("Clear", () => put(model, { draws: 0 })), numberBox(frame, "seed", "seed")),
    stick, said, list);

  let names = /** @type {string[]} */ ([]), order = /** @type {number[]} */ ([]), shown = new Set(order);
  let own = { logits: /** @type {number[]} */ ([]), p: /** @type {number[]} */ ([]) };
  let rows = /** @type {ReturnType<typeof row>[]} */ ([]), made = /** @type {unknown[]} */ ([]);
  const lanes = () => which.map(w => lane(w, movable));
  function build() {
    const from = ["logits", "tokens", "bars"].map(name => model.get(name));
    if (same(made, from)) return;
    made = from;
    const logits = model.get("logits").map((/** @type {number | null} */ z) => z ?? -Infinity);
    names = labels(model.get("tokens"));
    order = ranking(logits).slice(0, Math.min(model.get("bars"), V));
    shown = new Set(order);
    own = { logits, p: softmax(logits) };
    rows = order.map(id => row(names[id], lanes()));
    if (V > order.length) rows.push(row(count(V - order.length, "other"), lanes()));
    if (movable && V > 1) rows.push(row("cut off", lanes()));
    rows.forEach((r, i) => r.element.classList.toggle("nw-next-sum", i >= order.length));
    body.replaceChildren(...rows.map(r => r.element));
  }

  // What was drawn, and what it says: worked out again for other draws only, not when a slider moves.
  let thrown = /** @type {(Throw & { counts: Uint32Array, says: string })[]} */ ([]);
  let key = /** @type {unknown[]} */ ([]);
  /** @param {number[]} used  a seed and one or two settings @param {number} n */
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
    const given = model.get("drawn_with");
    const used = usable(given, V) ? given : now, n = Math.min(MANY, model.get("draws")), fresh = same(used, now);
    throwAll(used, n);
    const both = which.slice(0, two ? 2 : 1).map(w => distribution(own.logits, settingOf(w)));
    root.classList.toggle("nw-next-two", two);
    sets[1].hidden = measures[1].hidden = !two;
    heads.forEach((head, i) => { head.textContent = i ? "B" : two ? "A" : ""; });
    ends.forEach((end, i) => { end.textContent = number(axis * i / 2); });

    const latest = thrown.map(t => t.ids.at(-1)), best = order[0];
    rows.forEach((r, i) => {
      const id = i < order.length ? order[i] : null, others = i === order.length && V > order.length;
      both.forEach(({ p, before, cut }, k) => {
        const { counts, ids } = thrown[k];
        /** What the tokens without a row have together. @param {ArrayLike<number>} all */
        const rest = all => {
          let total = 0;
          for (let j = 0; j < all.length; j++) if (!shown.has(j)) total += all[j];
          return total;
        };
        /** @param {number} j */
        const lost = j => (p[j] === 0 ? before[j] : 0);
        const values = id !== null ? { own: own.p[id], left: p[id], lost: lost(id), drawn: counts[id] }
          : others ? { own: rest(own.p), left: rest(p), lost: rest(p.map((_, j) => lost(j))), drawn: rest(counts) }
          : { own: 0, left: 0, lost: cut, drawn: 0 };
        r.lanes[k].update({ ...values, n: id !== null || others ? ids.length : 0 }, axis);
        if (id === null && !others) r.lanes[k].value.textContent = share(cut);
      });
      const hit = latest.slice(0, both.length).some(token =>
        token !== undefined && (id === null ? others && !shown.has(token) : token === id));
      r.mark.textContent = (id === best ? "◆" : "") + (hit ? "●" : "");
      r.element.classList.toggle("nw-next-hit", hit);
    });
    both.forEach(({ p, cut, kept }, k) => {
      const nats = entropy(p), left = `${number(kept)} of ${number(V)}`;
      const told = [nats.toFixed(2), number(Math.exp(nats)), left, share(cut)];
      told.forEach((text, j) => { facts[k][j].textContent = text; });
    });

    words.textContent = model.get("context");
    before.hidden = model.get("context") === "";
    blanks.forEach((blank, k) => {
      blank.textContent = names[latest[k] ?? -1] ?? "?";
      blank.hidden = k === 1 && !two;
    });
    paint(both.map(({ p }) => p), fresh, latest, best);
    const text = n === 0 ? "No darts yet. Draw one." : (fresh ? "" : stale(used)) + says(two).join(" ");
    if (said.textContent !== text) said.textContent = text;
    list.replaceChildren(...(n > 1 ? listed(two) : []));
  }

  /** @param {boolean} two */
  const says = two => thrown.slice(0, two ? 2 : 1).map((t, k) => (two && t.says ? `${"AB"[k]}: ${t.says}` : t.says));

  /** @param {number[]} used */
  function stale(used) {
    const off = [NaN, V, 1, 0], changed = SETTING.map((_, j) => j).filter(j => used[1 + j] !== off[j]);
    const setting = changed.map(j => `${SETTING[j].replace("_", "-")} ${number(used[1 + j])}`).join(", ");
    return `These draws used seed ${used[0]}, ${setting}. Draw again to throw darts at the stick as it is now. `;
  }

  /** The first tokens drawn, in order; those the other setting drew differently stand out. @param {boolean} two */
  const listed = two => thrown.slice(0, two ? 2 : 1).filter(t => t.ids.length).map((t, k) => h("p", {},
    h("b", { class: `nw-next-letter${which[k]}` }, two ? `${"AB"[k]} ` : "in order: "),
    t.ids.slice(0, 20).map((id, j) => {
      const differs = thrown[1 - k].ids.length && thrown[1 - k].ids[j] !== id;
      return h("bdi", { class: differs ? "nw-token nw-next-differs" : "nw-token" }, names[id]);
    }), t.ids.length > 20 ? " …" : ""));

  // The stick's drawing has one unit for each pixel, so its text keeps its size at any width.
  let width = 0;
  /** @param {number[][]} both @param {boolean} fresh @param {(number | undefined)[]} latest @param {number} best */
  function paint(both, fresh, latest, best) {
    if (!width) return;
    const start = model.get("compare") ? 18 : 0, at = { left: start, height: 24, width: width - start - 1 };
    const bottom = 12 + both.length * 30 - 6;
    stick.setAttribute("viewBox", `0 0 ${width} ${bottom + 16}`);
    sticks.forEach((k, i) => {
      k.element.style.display = i < both.length ? "" : "none";
      if (i < both.length) k.update(both[i], names, fresh ? latest[i] ?? -1 : -1, best, { ...at, top: 12 + 30 * i });
    });
    /** @param {number} u */
    const x = u => (at.left + u * at.width).toFixed(1);
    const recent = fresh ? thrown[0].darts.slice(-1000) : [];
    rug.setAttribute("d", recent.map(u => `M${x(u)} 4v8`).join(""));
    dartLine.setAttribute("d", recent.length ? `M${x(last(recent))} 10l-5 -9h10zv${bottom - 10}` : "");
    [left, right].forEach((text, i) => {
      text.setAttribute("x", String(i ? width - 1 : at.left));
      text.setAttribute("y", String(bottom + 13));
    });
    const landed = recent.length ? `; the last dart landed at ${share(last(recent))}` : "";
    stick.setAttribute("aria-label", `The stick from 0 to 1, cut into the tokens' probabilities${landed}.`);
  }

  const traits = [...SETTING, ...SETTING.map(name => `${name}_b`), "compare", "axis", "seed", "draws", "drawn_with",
    "logits", "tokens", "bars", "context"];
  on(traits.join(" "), update);
  const watch = new ResizeObserver(() => {
    const wide = Math.round(stick.parentElement?.clientWidth ?? 0);
    if (wide && wide !== width) { width = wide; update(); }
  });
  watch.observe(root);
  cleanup(() => watch.disconnect());
});
