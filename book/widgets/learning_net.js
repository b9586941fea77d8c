// @ts-check
// A small network that learns while you watch: the letters' embeddings move, the units find what excites them, the bars
// become a distribution. learning_net_model.js does the arithmetic; this is what it looks like.
/** @import { Net, Options } from "./learning_net_model.js" */
import { axes, line, path, text } from "./chart.js";
import { announcer, button, checkbox, drawn, h, more, numberBox, primary, put, s, select, slider, still,
  widget } from "./dom.js";
import { argmax, softmax } from "./formulas.js";
import { LETTERS, UNITS, V, begin, bigramLoss, broken, contextOf, exciting, forward, letter, lettersOf,
  step, textLoss } from "./learning_net_model.js";
import { fixed, last, number, share, whole } from "./text.js";

const SLICE = 7, MOST = 20_000; // milliseconds of training in a frame; steps
const SIZE = 250, HIGH = 140; // the map of letters, and the chart
/** @type {[string, string][]} */
const BUGS = [["none", "no bug"], ["never clear", "gradients never cleared"],
  ["equal start", "all weights start equal"], ["sorted", "examples sorted by their answer"],
  ["slope", "tanh's slope left out"]];

/** Means over a window, at most `points` of them: what a curve of thousands of noisy losses shows.
 * @param {number[]} losses @returns {[step: number, loss: number][]} */
export function curve(losses, points = 150) {
  const every = Math.max(1, Math.ceil(losses.length / points)), found = /** @type {[number, number][]} */ ([]);
  for (let at = 0; at < losses.length; at += every) {
    const part = losses.slice(Math.max(0, at - every), at + every);
    found.push([at + 1, part.reduce((sum, loss) => sum + loss, 0) / part.length]);
  }
  return found;
}

/** How large the map of letters must be: it grows with them, in steps. @param {ArrayLike<number>} E */
export const reach = E => Math.max(2.5, Math.ceil(2.2 * Math.max(...Array.from(E, Math.abs))) / 2);

/** @param {number} id */
const kind = id => (id === 0 ? "green" : "aeiou".includes(letter(id)) ? "orange" : "blue");

export default widget(frame => {
  const { model, root, on, cleanup, safely } = frame, get = model.get, say = announcer(frame);
  const counted = bigramLoss(lettersOf(get("text"))), knowsNothing = Math.log(V);
  /** @type {Net} */
  let net;
  let going = 0, waiting = 0; // steps to go, and the frame they wait for
  let looked = -1, loss = NaN; // the step of the last look at the units and at the whole text, and its loss
  root.classList.add("nw-net");
  /** @returns {Options} */
  const options = () => ({ tanh: get("tanh"), off: get("off"), bug: get("bug"), rate: get("rate") });

  // Training, in slices between frames
  function go(steps = MOST) {
    if (broken(net) || net.losses.length >= MOST) start();
    going = Math.min(steps, MOST - net.losses.length);
    if (still()) { // no motion: a longer stretch at once, and then the picture
      for (let i = Math.min(going, 1000); i > 0 && !broken(net); i--) step(net, options());
      going = 0;
    }
    plan();
  }
  function tick() {
    waiting = 0;
    const until = performance.now() + SLICE, slow = net.losses.length < 200 ? 2 : Infinity; // the start is worth seeing
    for (let n = 0; going > 0 && n < slow && performance.now() < until; n++) {
      step(net, options());
      going--;
      if (broken(net)) going = 0;
    }
    draw();
    if (going) plan();
  }
  const plan = () => { waiting ||= requestAnimationFrame(() => safely(tick)); };
  cleanup(() => { cancelAnimationFrame(waiting); waiting = -1; going = 0; });
  let began = -Infinity; // when it began by itself
  const trainButton = button("", () => {
    if (going && performance.now() - began < 700) return; // it began by itself: you meant Train
    if (going) { going = 0; plan(); } else go();
  }, { class: "nw-go" });
  function start() {
    net = begin(get("text"), get("seed"), get("bug"));
    looked = -1;
  }
  const again = button("Start over", () => {
    going = 0;
    start();
    plan();
  });

  // The map of letters
  const marks = Array.from({ length: V }, (_, id) => s("text", { "text-anchor": "middle", class: `nw-net-${kind(id)}` },
    letter(id)));
  const plane = s("svg", { viewBox: `0 0 ${SIZE} ${SIZE}`, role: "img" },
    line2(0, SIZE / 2, SIZE, SIZE / 2), line2(SIZE / 2, 0, SIZE / 2, SIZE), marks);

  // The units: buttons that say what excites them, and switch them off
  const units = Array.from({ length: UNITS }, (_, u) => {
    const up = h("b"), down = h("i"), level = h("s");
    const element = button([level, up, down], () => {
      const off = get("off"), is = off.includes(u);
      put(model, { off: is ? off.filter((/** @type {number} */ v) => v !== u) : [...off, u] });
    }, { class: "nw-net-unit" });
    return { element, up, down, level };
  });

  // What comes next: one bar for each letter, always in the same place
  const bars = Array.from({ length: V }, (_, id) => {
    const bar = h("i"), column = h("span", { class: `nw-net-${kind(id)}` }, h("span", {}, bar), letter(id));
    return { bar, column };
  });
  const box = h("input", {
    type: "text", maxlength: LETTERS, size: 4, autocomplete: "off", spellcheck: "false", autocapitalize: "none",
    "aria-label": "Three letters that the network reads",
    oninput: () => {
      const typed = box.value.toLowerCase().replace(/[^a-z ]/g, " ").slice(-LETTERS);
      if (typed.length === LETTERS) put(model, { context: typed });
    },
    onblur: () => { box.value = get("context"); },
  });
  const next = h("p", { class: "nw-net-next" }), told = h("p", { class: "nw-net-told" });

  const chart = h("div", { class: "nw-net-chart" });
  let width = 0;
  const size = new ResizeObserver(() => {
    const now = Math.floor(chart.clientWidth);
    if (now && now !== width) { width = now; safely(draw); }
  });
  cleanup(() => size.disconnect());

  /** @param {number} x1 @param {number} y1 @param {number} x2 @param {number} y2 */
  function line2(x1, y1, x2, y2) { return s("line", { x1, y1, x2, y2, class: "nw-grid" }); }
  /** @param {string} title @param {string} tip @param {...(Node | Node[])} inside */
  const part = (title, tip, ...inside) => h("div", { class: "nw-net-part" }, h("p", { title: tip }, title), ...inside);
  root.append(
    primary(trainButton, slider(frame, "rate", { label: "Learning rate", step: 0.01, shown: number,
      to: x => Number((10 ** x).toPrecision(2)), from: Math.log10 }),
    checkbox(frame, "tanh", "Use tanh"), again),
    h("div", { class: "nw-drawing nw-net-picture" },
      part("1. Two numbers for each letter", "Each letter's place on this map is its embedding. Training moves it.",
        plane),
      part("2. 16 neurons, and what excites them", "▲ the three letters that drive a neuron up the most, ▼ down the "
        + "most. Filled: its value for the letters below.", h("div", { class: "nw-net-units", role: "group",
        "aria-label": "Neurons: press one to switch it off" }, units.map(({ element }) => element))),
      h("div", { class: "nw-net-part" }, h("p", {}, "3. After ", box, " comes …"),
        h("div", { class: "nw-net-bars", "aria-hidden": "true" }, bars.map(({ column }) => column)), next),
      part("4. The loss, in nats per letter", "The mean surprise over the letters of a batch, smoothed.", chart)),
    told,
    more(h("div", { class: "nw-controls" }, select(frame, "bug", "Add a bug", BUGS),
      numberBox(frame, "seed", "Seed"))));
  size.observe(chart);

  function draw() {
    const { weights, losses } = net, steps = losses.length, given = contextOf(get("context")), settings = options();
    const { units: values, scores } = forward(weights, given, settings), p = softmax(scores), most = reach(weights.E);
    marks.forEach((mark, id) => {
      const [x, y] = [0, 1].map(k => SIZE / 2 * (1 + (k ? -1 : 1) * weights.E[2 * id + k] / most));
      if (Number.isFinite(x + y)) mark.setAttribute("transform", `translate(${x.toFixed(1)} ${(y + 5).toFixed(1)})`);
      mark.classList.toggle("nw-net-read", given.includes(id));
    });
    plane.setAttribute("aria-label", `The embeddings of 27 letters after ${whole(steps)} steps`);
    if (looked < 0 || steps - looked >= 60 || !going) { // what excites a unit changes slowly, and takes longest to find
      looked = steps;
      loss = textLoss(net, settings);
      exciting(net, settings).forEach(([up, down], u) => {
        units[u].up.textContent = `▲ ${up}`;
        units[u].down.textContent = `▼ ${down}`;
      });
    }
    units.forEach(({ element, up, down, level }, u) => {
      const on = !settings.off.includes(u), value = Math.max(-1, Math.min(1, values[u])) || 0;
      element.setAttribute("aria-pressed", String(on));
      element.setAttribute("aria-label", `Neuron ${u + 1}: most excited by ${up.textContent?.slice(2)}, least by `
        + `${down.textContent?.slice(2)}; ${on ? `now ${fixed(values[u], 2)}` : "off"}`);
      element.title = on ? `value for “${get("context")}”: ${fixed(values[u], 2)}. Click to switch it off.`
        : "Off: its value counts as 0.";
      level.style.width = `${50 * Math.abs(value)}%`;
      level.style.left = `${value < 0 ? 50 + 50 * value : 50}%`;
      level.className = value < 0 ? "nw-net-below" : "";
    });
    const best = argmax(p);
    bars.forEach(({ bar, column }, id) => {
      bar.style.height = `${(100 * p[id]).toFixed(1)}%`; // the axis ends at 1
      column.title = `${letter(id)}: ${share(p[id])}`;
      column.classList.toggle("nw-net-best", id === best);
    });
    next.textContent = broken(net) ? "" : `Most likely: ${letter(best)}, ${share(p[best])}`;
    drawChart();
    trainButton.textContent = going ? "❚❚ Pause" : "▶ Train";
    told.textContent = broken(net)
      ? `The loss ran away after ${whole(steps)} steps. Lower the learning rate, or remove the bug, then start over.`
      : !steps ? "The weights are random, so every letter is about as likely as any other. Press Train."
      : `${whole(steps)} steps. Over the whole text, the loss is ${loss.toFixed(2)}; counting pairs of letters gets `
        + counted.toFixed(2)
        + `.${loss < counted ? " The network is ahead because it sees three letters, not one." : ""}`;
    if (!going) say(told.textContent);
  }

  function drawChart() {
    if (!width) return;
    const { losses } = net, points = curve(losses);
    const top = Math.max(3.5, Math.min(6, points.at(-1)?.[1] ?? 0));
    const { x, y, box: inner, marks } = axes({ width, height: HIGH, left: 30, right: 8, top: 6, bottom: 20,
      x: { low: 0, high: Math.max(1000, losses.length), about: 3 }, y: { low: 1.9, high: top, about: 3 } });
    /** @param {number} at @param {string} words */
    const level = (at, words) => [line(inner.left, y.at(at), inner.right, y.at(at), { class: "nw-net-level" }),
      text(words, inner.right, y.at(at) - 4, "end")];
    const seen = points.map(([at, loss]) => [x.at(at), y.at(Math.max(1.9, Math.min(top, loss)))]);
    const end = last(seen.length ? seen : [[inner.left, y.at(knowsNothing)]]);
    chart.replaceChildren(s("svg", { viewBox: `0 0 ${width} ${HIGH}`, role: "img",
      "aria-label": `The loss over ${whole(losses.length)} steps` }, drawn([...marks,
      ...level(knowsNothing, "all letters equally likely"), ...level(counted, "counting pairs"),
      ["path", { d: path(seen), class: "nw-net-loss" }],
      ["circle", { cx: end[0], cy: end[1], r: 3.5, class: "nw-net-dot" }]])));
  }

  let made = /** @type {unknown[]} */ ([]);
  on("text seed bug", () => {
    const now = [get("text"), get("seed"), get("bug") === "equal start"];
    if (!now.every((value, i) => value === made[i])) { // another start; with other bugs, it goes on from here
      made = now;
      start();
    }
    net.order = null;
    draw();
  });
  on("tanh off rate context", () => {
    if (box !== document.activeElement) box.value = get("context");
    draw();
  });
  if (get("auto")) {
    const seen = new IntersectionObserver(entries => {
      if (!entries.some(entry => entry.isIntersecting)) return;
      seen.disconnect();
      if (net.losses.length) return;
      began = performance.now();
      go(get("auto"));
    }, { threshold: 0.4 });
    seen.observe(root);
    cleanup(() => seen.disconnect());
  }
});
