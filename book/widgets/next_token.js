// @ts-check
// The next token: bars for the distribution, what temperature and the cuts do to it, and darts that rain on it.
// A dart is one uniform number. The probabilities lie end to end on a stick from 0 to 1, in the vocabulary's order; the
// piece a dart hits is the token drawn. Darts come from the seed, so two settings get the same ones. Below each bar is
// a thin one, the share of the darts, which settles toward the bar as they land.
/** @import { Numbers } from "./types.js" */
import { animator, button, checkbox, h, more, numberBox, primary, put, s, select, widget } from "./dom.js";
import { argmax, draw, drawAll, entropy, mulberry32, ranking, softmax } from "./formulas.js";
import { SETTING, cutDistribution, settingSliders } from "./setting.js";
import { pieces } from "./stick.js";
import { count, number, share, visible, whole } from "./text.js";

const MANY = 100_000; // draws
const ENOUGH = 10; // darts, so that their shares say something
const SKY = 38, STICK = 26; // pixels: what the darts fall through, and what they fall on

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

/** How often each of V tokens is among the first n. @param {number[]} ids @param {number} n @param {number} V */
export function tally(ids, n, V) {
  const counts = new Uint32Array(V);
  for (let i = 0; i < Math.min(n, ids.length); i++) counts[ids[i]] += 1;
  return counts;
}

/**
 * n darts on their way after a while: how many have landed, and how far the others are, from 0 to 1. They start one
 * after the other; a single one takes the whole time. @param {number} n @param {number} x  the share of the time
 */
export function rain(n, x) {
  const takes = n === 1 ? 1 : 0.35;
  const far = (/** @type {number} */ i) => (x - (n === 1 ? 0 : i / (n - 1) * (1 - takes))) / takes;
  let landed = 0;
  while (landed < n && far(landed) >= 1 - 1e-9) landed++;
  const air = [];
  for (let i = landed; i < n && far(i) > 0; i++) air.push(far(i));
  return { landed, air };
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
    const where = `The dart landed at ${share(darts[0])}, in “${names[ids[0]]}”'s piece`;
    const odds = `${share(p[best])} of the stick, so about ${Math.round(100 * (1 - p[best]))} of 100 darts miss it.`;
    const missed = `. The most probable token, ${top}, has `;
    return where + (ids[0] === best ? `. ${top} is the most probable token, with ` : missed) + odds;
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
 * One bar of the table: the model's own probability as an outline, what was cut, what is left, the share of the darts.
 * @param {string} which  "" or "_b"
 * @param {boolean} movable  whether there are sliders, so that the model's own can differ
 */
function lane(which, movable) {
  const [ghost, cut, bar, hits] = ["ghost", "cut", "bar", "hits"].map(part => h("i", { class: `nw-next-${part}` }));
  const value = h("span"), drawn = h("span");
  const element = h("div", { class: `nw-next-lane nw-next-lane${which}`, "aria-hidden": "true" },
    ghost, cut, bar, hits);
  /** @param {HTMLElement} part @param {number} x */
  const stretch = (part, x) => { part.style.width = `${100 * Math.min(x, 1.02)}%`; };
  return {
    element, value, drawn,
    /** @param {{ own: number, left: number, lost: number }} row @param {number} axis */
    show({ own, left, lost }, axis) {
      stretch(ghost, movable && Math.abs(own - left) > 5e-4 ? own / axis : 0);
      stretch(cut, lost / axis);
      stretch(bar, left / axis);
      element.classList.toggle("nw-next-beyond", Math.max(own, left, lost) > axis);
      value.textContent = lost > 0 && left === 0 ? "cut" : share(left);
    },
    /** Of n darts, so many have landed here. @param {number} count @param {number} n @param {number} axis */
    land(count, n, axis) {
      stretch(hits, n >= ENOUGH ? count / n / axis : 0);
      drawn.textContent = n ? whole(count) : "";
    },
  };
}

/** @param {string} label @param {ReturnType<typeof lane>[]} lanes */
function row(label, lanes) {
  const mark = h("span", { class: "nw-next-mark" });
  const element = h("tr", { tabindex: -1 },
    h("th", { scope: "row" }, mark, h("bdi", {}, label)),
    h("td", {}, lanes.map(l => l.element)),
    h("td", {}, lanes.map(l => l.value)),
    h("td", {}, lanes.map(l => l.drawn)));
  return { element, mark, lanes };
}

/** The stick of one setting, and its labels. @param {string} which */
function stickOf(which) {
  const [even, odd] = ["even", "odd"].map(c => s("path", { class: `nw-next-${c}${which}` }));
  const [slivers, hit, lit] = ["slivers", "hit", "lit"].map(c => s("path", { class: `nw-next-${c}` }));
  const texts = s("g", { "text-anchor": "middle" });
  const name = s("text", { x: 0, class: "nw-next-name" }, which ? "B" : "A");
  const element = s("g", {}, even, odd, slivers, texts, hit, lit, name);
  /** @type {(id: number) => string} */
  let boxOf = () => "";
  return {
    element,
    /**
     * @param {number[]} p @param {string[]} names @param {number} best
     * @param {{ left: number, width: number, top: number }} place
     */
    show(p, names, best, { left, width, top }) {
      /** @type {string[][]} */
      const shapes = [[], [], []];
      const words = [], boxes = new Map();
      let turn = 0;
      for (const { id, from, to } of pieces(p, v => v >= 1.5 / width)) {
        const x = left + from * width, w = (to - from) * width;
        const box = `M${x.toFixed(2)} ${top}h${w.toFixed(2)}v${STICK}h${(-w).toFixed(2)}z`;
        shapes[id < 0 ? 2 : turn++ % 2].push(box);
        if (id < 0) continue;
        boxes.set(id, box);
        const text = (id === best ? "◆" : "") + names[id];
        if (w > 5 + 8.5 * Array.from(text).length) {
          const place = { x: x + w / 2, y: top + STICK / 2 + 4.5 };
          words.push(s("text", { ...place, "font-weight": id === best ? 700 : 400 }, text));
        }
      }
      boxOf = id => boxes.get(id) ?? "";
      [even, odd, slivers].forEach((part, i) => part.setAttribute("d", shapes[i].join("")));
      texts.replaceChildren(...words);
      name.setAttribute("y", String(top + STICK / 2 + 4.5));
      name.style.display = left ? "" : "none";
    },
    /** Outlines the pieces that a dart hit and that the reader points at. @param {number} one @param {number} other */
    mark(one, other) {
      hit.setAttribute("d", boxOf(one));
      lit.setAttribute("d", boxOf(other));
    },
  };
}

export default widget(frame => {
  const { model, root, on, cleanup } = frame, which = ["", "_b"];
  /** @param {string} name */
  const get = name => model.get(name);
  /** @type {number} */
  const V = get("tokens").length;
  /** @param {string} w @returns {number[]} */
  const settingOf = w => SETTING.map(name => get(name + w));
  const seedAndSettings = () => [get("seed"), ...settingOf(""), ...(get("compare") ? settingOf("_b") : [])];
  /** @param {unknown[]} a @param {unknown[]} b */
  const same = (a, b) => b.every((x, i) => x === a[i]);
  /** @type {string[]} */
  const controls = get("controls");
  const movable = controls.length > 0, fall = animator(frame);

  // What is on the page. Rows keep their places: they follow the logits, whose order no setting changes.
  const blanks = which.map(w => h("bdi", { class: `nw-next-blank nw-next-letter${w}` })), words = h("span");
  const before = h("p", { class: "nw-next-context", dir: "auto" }, words, blanks);
  // One or two sliders show at rest. Of more, that's the temperature.
  const atRest = [controls.length > 2 ? controls.filter(name => name === "temperature") : controls,
    controls.filter(name => name === "temperature")];
  const sets = [true, false].map(rest => which.map((w, k) => {
    const names = controls.filter(name => atRest[k].includes(name) === rest);
    return names.length > 0 && h("div", { class: "nw-next-set" },
      h("b", { class: `nw-next-letter${w}` }, w ? "B" : "A"),
      h("div", { class: "nw-controls" }, settingSliders(frame, w, V, names)));
  }));
  const ends = [0, 0.5, 1].map(() => h("span"));
  const body = h("tbody"), table = h("table", { class: "nw-next" },
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "token"),
      h("th", { scope: "col" }, h("span", { class: "nw-visually-hidden" }, "bar"),
        h("div", { class: "nw-next-axis", "aria-hidden": "true" }, ends)),
      h("th", { scope: "col" }, "prob."), h("th", { scope: "col" }, "darts"))), body);
  const facts = which.map(() => Array.from({ length: 4 }, () => h("td")));
  const heads = which.map(() => h("th", { scope: "row" }));
  const titles = ["entropy (nats)", "perplexity", "tokens kept", "cut off"];
  const measures = which.map((_, i) => h("tr", {}, heads[i], facts[i]));
  const [rug, air, dart] = ["rug", "air", "dart"].map(part => s("path", { class: `nw-next-${part}` }));
  const sticks = which.map(stickOf);
  const left = s("text", { "text-anchor": "start" }, "0"), right = s("text", { "text-anchor": "end" }, "1");
  const stick = s("svg", { role: "img" }, rug, sticks.map(k => k.element), dart, air, left, right);
  const said = h("p", { class: "nw-next-said", role: "status" }), told = h("p", { class: "nw-next-told" });
  const [list, ordered] = which.map(() => h("div", { class: "nw-next-list" }));
  /** @param {number} n */
  const throwing = n => () => {
    const now = seedAndSettings(), old = same(get("drawn_with"), now) ? get("draws") : 0;
    const draws = Math.min(MANY, n + old), thrown = draws - old;
    put(model, { draws, drawn_with: now });
    falling = { landed: old, air: [] };
    fall.run(thrown === 1 ? 700 : 1200, (x, over) => {
      const { landed, air } = rain(thrown, x);
      falling = over ? null : { landed: old + landed, air };
      if (over) update();
      else showHits();
    });
  };
  function clear() {
    fall.stop();
    falling = null;
    put(model, { draws: 0 });
  }
  root.append(
    primary(button("▶ Throw 100 darts", throwing(100), { class: "nw-go" }), sets[0]),
    h("div", { class: "nw-drawing" }, before, stick, table, h("div", { class: "nw-next-words" }, said, told), list),
    more(
      h("div", { class: "nw-row" }, h("span", {}, "Throw"),
        [1, 10, 1000].map(n => button(whole(n), throwing(n), { "aria-label": `Throw ${n}` })),
        button("Clear", clear), numberBox(frame, "seed", "Seed"),
        select(frame, "axis", "Axis up to", [1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01].map(x => [x, String(x)]))),
      ordered,
      sets[1][0], movable && checkbox(frame, "compare", "Compare with a second setting (same darts)"), sets[1][1],
      movable && h("table", { class: "nw-next-facts" },
        h("thead", {}, h("tr", {}, h("td"), titles.map(t => h("th", { scope: "col" }, t)))),
        h("tbody", {}, measures))));

  let names = /** @type {string[]} */ ([]), order = /** @type {number[]} */ ([]), shown = new Set(order);
  let own = { logits: /** @type {number[]} */ ([]), p: /** @type {number[]} */ ([]) };
  let rows = /** @type {ReturnType<typeof row>[]} */ ([]), made = /** @type {unknown[]} */ ([]);
  const lanes = () => which.map(w => lane(w, movable));
  function build() {
    const from = ["logits", "tokens", "bars"].map(get);
    if (same(made, from)) return;
    made = from;
    const logits = get("logits").map((/** @type {number | null} */ z) => z ?? -Infinity);
    names = labels(get("tokens"));
    order = ranking(logits).slice(0, Math.min(get("bars"), V));
    shown = new Set(order);
    own = { logits, p: softmax(logits) };
    rows = order.map(id => row(names[id], lanes()));
    if (V > order.length) rows.push(row(count(V - order.length, "other"), lanes()));
    if (movable && V > 1) rows.push(row("cut off", lanes()));
    rows.forEach((r, i) => r.element.classList.toggle("nw-next-sum", i >= order.length));
    rows[0].element.tabIndex = 0;
    body.replaceChildren(...rows.map(r => r.element));
  }

  // What was drawn, and what it says: worked out again for other draws only, not when a slider moves.
  let thrown = /** @type {(Throw & { says: string })[]} */ ([]);
  let key = /** @type {unknown[]} */ ([]);
  /** @param {number[]} used  a seed and one or two settings @param {number} n */
  function throwAll(used, n) {
    const next = [own, n, ...used];
    if (next.length === key.length && same(key, next)) return;
    key = next;
    thrown = which.map((_, k) => {
      const setting = used.slice(1 + 4 * k, 5 + 4 * k);
      if (!setting.length) return { darts: [], ids: [], says: "" };
      const { p } = distribution(own.logits, setting), { darts, ids } = throwDarts(p, used[0], n);
      return { darts, ids, says: verdict(p, { darts, ids }, names) };
    });
  }

  let both = /** @type {ReturnType<typeof distribution>[]} */ ([]), fresh = true; // fresh: the darts are for this stick
  let pointed = /** @type {number | null} */ (null); // the row that the reader points at
  /** Darts on their way: how many have landed, and how far the others are.
   * @type {{ landed: number, air: number[] } | null} */
  let falling = null;
  const isOthers = (/** @type {number} */ i) => i === order.length && V > order.length;
  const isCut = (/** @type {number} */ i) => i >= order.length && !isOthers(i);
  /** What the tokens of row i have together. @param {ArrayLike<number>} all @param {number} i */
  const inRow = (all, i) => {
    if (i < order.length) return all[order[i]];
    let total = 0;
    for (let id = 0; isOthers(i) && id < all.length; id++) if (!shown.has(id)) total += all[id];
    return total;
  };
  /** @param {number | undefined} id */
  const rowOf = id => (id === undefined ? -1 : shown.has(id) ? order.indexOf(id) : order.length);
  const landed = () => falling?.landed ?? thrown[0].ids.length;

  function update() {
    build();
    const two = get("compare"), axis = get("axis"), now = seedAndSettings(), given = get("drawn_with");
    const used = usable(given, V) ? given : now, n = Math.min(MANY, get("draws"));
    fresh = same(used, now);
    throwAll(used, n);
    if (falling && (!fresh || falling.landed > n)) { fall.stop(); falling = null; } // something else was set meanwhile
    both = which.slice(0, two ? 2 : 1).map(w => distribution(own.logits, settingOf(w)));
    root.classList.toggle("nw-next-two", two);
    [sets[0][1], sets[1][1], measures[1]].forEach(part => { if (part) part.hidden = !two; });
    heads.forEach((head, i) => { head.textContent = i ? "B" : two ? "A" : ""; });
    ends.forEach((end, i) => { end.textContent = number(axis * i / 2); });
    both.forEach(({ p, before, cut, kept }, k) => {
      const lost = before.map((v, id) => (p[id] === 0 ? v : 0));
      rows.forEach((r, i) => {
        r.lanes[k].show({ own: inRow(own.p, i), left: inRow(p, i), lost: isCut(i) ? cut : inRow(lost, i) }, axis);
        if (isCut(i)) r.lanes[k].value.textContent = share(cut);
      });
      const nats = entropy(p), left = `${number(kept)} of ${number(V)}`;
      const told = [nats.toFixed(2), number(Math.exp(nats)), left, share(cut)];
      told.forEach((text, j) => { facts[k][j].textContent = text; });
    });
    words.textContent = get("context");
    before.hidden = get("context") === "";
    paint();
    showHits();
    if (falling) return; // the words follow the last dart
    const text = n === 0 ? "No darts yet." : (fresh ? "" : stale(used)) + says(two).join(" ");
    if (said.textContent !== text) said.textContent = text;
    [list, ordered].forEach((place, k) => place.replaceChildren(...(n > 1 && two === (k === 0) ? listed(two) : [])));
  }

  /** @param {boolean} two */
  const says = two => thrown.slice(0, two ? 2 : 1).map((t, k) => (two && t.says ? `${"AB"[k]}: ${t.says}` : t.says));

  /** @param {number[]} used */
  function stale(used) {
    const off = [NaN, V, 1, 0], changed = SETTING.map((_, j) => j).filter(j => used[1 + j] !== off[j]);
    const setting = changed.map(j => `${SETTING[j].replace("_", "-")} ${number(used[1 + j])}`).join(", ");
    return `These darts used seed ${used[0]}, ${setting}. Press ▶ to throw at the current stick. `;
  }

  /** The first tokens drawn, in order; those the other setting drew differently stand out. @param {boolean} two */
  const listed = two => thrown.slice(0, two ? 2 : 1).filter(t => t.ids.length).map((t, k) => h("p", {},
    h("b", { class: `nw-next-letter${which[k]}` }, two ? `${"AB"[k]} ` : "in order: "),
    t.ids.slice(0, 20).map((id, j) => {
      const differs = thrown[1 - k].ids.length && thrown[1 - k].ids[j] !== id;
      return h("bdi", { class: differs ? "nw-token nw-next-differs" : "nw-token" }, names[id]);
    }), t.ids.length > 20 ? " …" : ""));

  /** The darts so far: tallies, what the last one hit, those that stick and those on their way. */
  function showHits() {
    const n = landed(), axis = get("axis"), best = order[0];
    const latest = thrown.slice(0, both.length).map(t => (n ? t.ids[n - 1] : undefined));
    thrown.slice(0, both.length).forEach(({ ids }, k) => {
      const counts = tally(ids, n, V);
      rows.forEach((r, i) => r.lanes[k].land(inRow(counts, i), isCut(i) ? 0 : ids.length && n, axis));
    });
    const hit = latest.map(rowOf);
    rows.forEach((r, i) => {
      r.mark.textContent = (order[i] === best ? "◆" : "") + (hit.includes(i) ? "●" : "");
      r.element.classList.toggle("nw-next-hit", hit.includes(i));
    });
    blanks.forEach((blank, k) => {
      blank.textContent = names[latest[k] ?? -1] ?? "?";
      blank.hidden = k >= both.length;
    });
    sticks.forEach((k, i) => k.mark(fresh ? latest[i] ?? -1 : -1, order[pointed ?? -1] ?? -1));
    tell();
    if (!width) return;
    const { darts } = thrown[0], x = (/** @type {number} */ u) => (start() + u * long()).toFixed(1);
    const stuck = fresh ? darts.slice(Math.max(0, n - 1000), n) : [], one = stuck.at(-1);
    rug.setAttribute("d", stuck.map(u => `M${x(u)} ${SKY - 8}v8`).join(""));
    dart.setAttribute("d", one === undefined ? "" : `M${x(one)} ${SKY}l-5 -11h10zv${bottom() - SKY}`);
    air.setAttribute("d", (falling?.air ?? []).map((far, i) =>
      `M${x(darts[n + i])} ${(10 + (SKY - 10) * far * far).toFixed(1)}l-4 -9h8z`).join(""));
    stick.setAttribute("aria-label", "The stick from 0 to 1, cut into the tokens' probabilities"
      + `${one === undefined ? "" : `; the last dart landed at ${share(one)}`}.`);
  }

  // A row and its piece of the stick: pointing at one shows the other, and what they say.
  /** @param {number | null} i */
  function point(i) {
    if (i === pointed) return;
    pointed = i;
    showHits();
  }
  function tell() {
    const i = pointed ?? -1, n = landed();
    rows.forEach((r, j) => r.element.classList.toggle("nw-next-pointed", i === j));
    told.hidden = !rows[i];
    said.classList.toggle("nw-next-quiet", !told.hidden);
    if (told.hidden) return;
    const name = isCut(i) ? "Cut off" : isOthers(i) ? count(V - order.length, "other token") : `“${names[order[i]]}”`;
    told.textContent = both.map(({ p, cut }, k) => {
      const hits = inRow(tally(thrown[k].ids, n, V), i), letter = both.length > 1 ? `${"AB"[k]}: ` : "";
      const dashed = `dashed: ${share(inRow(own.p, i))} at temperature 1 with nothing cut`;
      return `${letter}${name}: ${share(isCut(i) ? cut : inRow(p, i))} of the stick`
        + (movable && !isCut(i) ? ` (${dashed})` : "") + (i === 0 ? ", ◆ most probable" : "")
        + (n > 0 && !isCut(i) ? `; ${whole(hits)} of ${count(n, "dart")} hit it (${share(hits / n)})` : "");
    }).join(". ") + ".";
  }
  /** @param {Event} event */
  const rowAt = event => rows.findIndex(r => r.element.contains(/** @type {Node} */ (event.target)));
  const focused = () => rows.findIndex(r => r.element === document.activeElement);
  const leave = () => point(focused() < 0 ? null : focused());
  body.addEventListener("pointerover", event => point(rowAt(event)));
  body.addEventListener("focusin", event => {
    rows.forEach((r, i) => { r.element.tabIndex = i === rowAt(event) ? 0 : -1; });
    point(rowAt(event));
  });
  body.addEventListener("keydown", event => {
    const to = rows[rowAt(event) + ({ ArrowDown: 1, ArrowUp: -1 }[event.key] ?? NaN)];
    if (!to) return;
    event.preventDefault();
    to.element.focus();
  });
  const aim = (/** @type {PointerEvent} */ event) => {
    const box = stick.getBoundingClientRect(), u = ((event.clientX - box.left) - start()) / long();
    const k = Math.floor((event.clientY - box.top - SKY) / (STICK + 4));
    point(u >= 0 && u < 1 && both[k] ? rowOf(draw(both[k].p, u)) : null);
  };
  stick.addEventListener("pointermove", aim);
  stick.addEventListener("pointerdown", aim);
  for (const part of [stick, body]) part.addEventListener("pointerleave", leave);
  body.addEventListener("focusout", () => point(null));

  // The stick's drawing has one unit for each pixel, so its text keeps its size at any width.
  let width = 0;
  const start = () => (get("compare") ? 18 : 0), long = () => width - start() - 1;
  const bottom = () => SKY + both.length * (STICK + 4) - 4;
  function paint() {
    if (!width) return;
    stick.setAttribute("viewBox", `0 0 ${width} ${bottom() + 16}`);
    sticks.forEach((k, i) => {
      k.element.style.display = i < both.length ? "" : "none";
      if (both[i]) k.show(both[i].p, names, order[0], { left: start(), width: long(), top: SKY + (STICK + 4) * i });
    });
    [left, right].forEach((text, i) => {
      text.setAttribute("x", String(i ? width - 1 : start()));
      text.setAttribute("y", String(bottom() + 13));
    });
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
