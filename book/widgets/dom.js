// @ts-check
// What every widget's `render` is made of: elements, controls bound to traits, and a frame that cleans up after itself.
// Text always goes in as text. Nothing here knows what a widget shows.
/** @import { Attributes, Bounds, Child, Frame, Mark, Model } from "./types.js" */

const SVG = "http://www.w3.org/2000/svg";

/** @template {Element} E @param {E} element @param {Attributes} attributes @param {(Child | Child[])[]} children */
function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    else if (name === "style" && value && typeof value === "object") {
      const { style } = /** @type {any} */ (element);
      Object.entries(value).forEach(([property, to]) => style.setProperty(property, to));
    } else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, String(value));
  }
  element.append(.../** @type {Node[]} */ (children.flat().filter(child => child != null && child !== false)));
  return element;
}

/**
 * h("button", { class: "nw-button", onclick: f }, "Sample") → an HTML element; strings among the children become text.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Attributes} [attributes]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export const h = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);

/**
 * The same for SVG.
 * @template {keyof SVGElementTagNameMap} K
 * @param {K} tag
 * @param {Attributes} [attributes]
 * @param {...(Child | Child[])} children
 * @returns {SVGElementTagNameMap[K]}
 */
export const s = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

/** Marks of chart.js as elements. @param {Mark[]} marks @returns {SVGElement[]} */
export const drawn = marks => marks.map(([tag, attributes, ...children]) => s(tag, attributes,
  children.map(child => (typeof child === "string" ? child : drawn([/** @type {Mark} */ (child)])[0]))));

/**
 * A module's default export. `build` fills frame.root. Several changes of traits make one call of an `on` function, in
 * the next animation frame. An error becomes a sentence in place of the figure.
 * @param {(frame: Frame) => void} build
 */
export function widget(build) {
  return {
    /** @param {{ model: Model, el: Element }} place */
    render({ model, el }) {
      /** @type {(() => void)[]} */
      const ends = [];
      /** @param {() => void} f */
      const cleanup = f => { ends.push(f); };
      const root = h("div", {
        class: "nw", role: "group", "aria-label": model.get("title") || false,
        onfocusin: event => { // or JupyterLab takes the figure's arrow keys
          /** @type {Element} */ (event.target).setAttribute("data-lm-suppress-shortcuts", "");
        },
      });
      /** @param {() => void} f */
      const safely = f => {
        try { f(); } catch (error) {
          console.error(error);
          root.replaceChildren(h("p", { class: "nw-problem", role: "alert" }, /** @type {Error} */ (error).message));
        }
      };
      /** @param {string} names @param {() => void} f */
      const on = (names, f) => {
        let waiting = 0;
        const later = () => { waiting ||= requestAnimationFrame(() => { waiting = 0; safely(f); }); };
        const events = names.split(" ").map(name => `change:${name}`);
        events.forEach(event => model.on(event, later));
        cleanup(() => { cancelAnimationFrame(waiting); events.forEach(event => model.off(event, later)); });
        f();
      };
      safely(() => {
        if (model.get("title"))
          root.append(h("p", { class: "nw-title" }, h("span", { class: "nw-number" }), model.get("title")));
        build({ model, root, on, cleanup, safely });
        if (model.get("caption")) root.append(h("p", { class: "nw-caption" }, model.get("caption")));
      });
      el.append(root);
      return () => { ends.forEach(f => f()); root.remove(); };
    },
  };
}

/** Sets traits, here and in Python. @param {Model} model @param {Record<string, unknown>} changes */
export function put(model, changes) {
  Object.entries(changes).forEach(([name, value]) => model.set(name, value));
  model.save_changes();
}

/**
 * A labeled range input that isn't bound to a trait: { field, input, show(value) }. `to` and `from` translate between
 * the slider's own scale and the value (for a logarithmic one, say); `shown` formats the value.
 * @param {object} options
 * @param {Child | Child[]} options.label
 * @param {number} options.low
 * @param {number} options.high
 * @param {(value: number) => void} options.set  called when the reader moves it
 * @param {number} [options.step]
 * @param {(value: number) => string} [options.shown]
 * @param {(position: number) => number} [options.to]
 * @param {(value: number) => number} [options.from]
 */
export function range({ label, low, high, set, step = 0.01, shown = String, to = x => x, from = x => x }) {
  const input = h("input", {
    type: "range", min: from(low), max: from(high), step, oninput: () => set(to(Number(input.value))),
  });
  const output = h("output", { "aria-hidden": "true", "aria-live": "off" }); // the input says its value itself
  /** @param {number} value */
  const show = value => {
    if (Number(input.value) !== from(value)) input.value = String(from(value));
    output.textContent = shown(value);
    input.setAttribute("aria-valuetext", shown(value));
  };
  const field = h("label", { class: "nw-field" }, h("span", {}, label), input, output); // names its first control
  return { field, input, output, show };
}

/**
 * A slider on the trait `name`. Its bounds are those of Python's trait, or narrower ones from here.
 * @param {Frame} frame
 * @param {string} name
 * @param {Omit<Parameters<typeof range>[0], "low" | "high" | "set"> & { low?: number, high?: number }} options
 */
export function slider({ model, on }, name, { low, high, ...options }) {
  /** @type {Bounds} */
  const bounds = model.get("bounds")[name] ?? {};
  const { field, show } = range({
    ...options, low: low ?? Number(bounds.low), high: high ?? Number(bounds.high),
    set: value => put(model, { [name]: value }),
  });
  on(name, () => show(model.get(name)));
  return field;
}

/** @param {Frame} frame @param {string} name @param {string} label */
export function checkbox({ model, on }, name, label) {
  const input = h("input", { type: "checkbox", onchange: () => put(model, { [name]: input.checked }) });
  on(name, () => { input.checked = model.get(name); });
  return h("label", { class: "nw-check" }, input, h("span", {}, label));
}

/**
 * A labeled choice. options: [value, words] pairs; values may be numbers or strings.
 * @param {Frame} frame
 * @param {string} name
 * @param {string} label
 * @param {[value: string | number, words: string][]} options
 */
export function select({ model, on }, name, label, options) {
  const input = h("select", { onchange: () => put(model, { [name]: options[input.selectedIndex][0] }) },
    options.map(([, words]) => h("option", {}, words)));
  on(name, () => { input.selectedIndex = options.findIndex(([value]) => value === model.get(name)); });
  return h("label", { class: "nw-field" }, h("span", {}, label), input);
}

/**
 * The same as a row of buttons, of which one is chosen.
 * @param {Frame} frame
 * @param {string} name
 * @param {string} label
 * @param {[value: string | number, words: string][]} options
 */
export function choice({ model, on }, name, label, options) {
  const buttons = options.map(([value, words]) => button(words, () => put(model, { [name]: value })));
  on(name, () => buttons.forEach((one, i) =>
    one.setAttribute("aria-pressed", String(options[i][0] === model.get(name)))));
  return h("div", { class: "nw-choice", role: "group", "aria-label": label }, buttons);
}

/** A whole number to type, such as a seed. @param {Frame} frame @param {string} name @param {string} label */
export function numberBox({ model, on }, name, label) {
  const { low, high } = model.get("bounds")[name];
  const read = () => {
    const typed = input.value.trim() === "" ? NaN : Math.round(Number(input.value)); // "" would count as 0
    if (Number.isFinite(typed)) put(model, { [name]: Math.min(high, Math.max(low, typed)) });
    input.value = model.get(name);
  };
  const input = h("input", { type: "number", min: low, max: high, step: 1, inputmode: "numeric", onchange: read });
  on(name, () => { input.value = model.get(name); });
  return h("label", { class: "nw-field nw-number" }, h("span", {}, label), input);
}

/**
 * @param {Child | Child[]} words
 * @param {(event: MouseEvent) => void} onclick
 * @param {Attributes} [attributes]
 */
export function button(words, onclick, attributes = {}) {
  const element = h("button", {
    type: "button", ...attributes,
    onclick: event => { if (element.getAttribute("aria-disabled") !== "true") onclick(event); },
  }, words);
  return element;
}

/**
 * What most readers won't touch, behind one button. At rest a figure shows at most four controls.
 * @param {...(Child | Child[])} children
 */
export const more = (...children) =>
  h("details", { class: "nw-more" }, h("summary", {}, "More"), h("div", { class: "nw-more-inside" }, ...children));

/**
 * A row for the one control the figure is about, above the drawing, with what belongs to it.
 * @param {...(Child | Child[])} children
 */
export const primary = (...children) => h("div", { class: "nw-primary" }, ...children);

/**
 * Whether these buttons have anything to do. One that doesn't still keeps the focus, which `disabled` would drop.
 * @param {boolean} can
 * @param {...HTMLElement} buttons
 */
export const enable = (can, ...buttons) =>
  buttons.forEach(one => one.setAttribute("aria-disabled", String(!can)));

/**
 * say(text) tells a screen reader what changed once the reader pauses. Nothing shows, and nothing is said at the start.
 * @param {{ root: HTMLElement, cleanup: Frame["cleanup"] }} frame
 */
export function announcer({ root, cleanup }) {
  const voice = h("p", { class: "nw-visually-hidden", role: "status" });
  let waiting = 0, last = /** @type {string | null} */ (null);
  root.append(voice);
  cleanup(() => clearTimeout(waiting));
  /** @param {string} text */
  return text => {
    clearTimeout(waiting);
    if (last !== null && text !== last) waiting = setTimeout(() => { voice.textContent = last = text; }, 700);
    last ??= text;
  };
}

/**
 * Calls draw(x, over) in each frame, with x from 0 to 1 in so many milliseconds; stop() ends it where it is. With less
 * motion it's over at once.
 * @param {{ cleanup: Frame["cleanup"], safely: Frame["safely"] }} frame
 */
export function animator({ cleanup, safely }) {
  let waiting = 0;
  const stop = () => { cancelAnimationFrame(waiting); waiting = 0; };
  cleanup(stop);
  /** @param {number} ms @param {(x: number, over: boolean) => void} draw */
  function run(ms, draw) {
    stop();
    if (still() || !ms) { safely(() => draw(1, true)); return; }
    let from = 0;
    const tick = (/** @type {number} */ now) => {
      from ||= now;
      const x = Math.min(1, (now - from) / ms);
      waiting = x < 1 ? requestAnimationFrame(tick) : 0;
      safely(() => draw(x, x >= 1));
    };
    waiting = requestAnimationFrame(tick);
  }
  return { run, stop, running: () => waiting !== 0 };
}

/** Slow at both ends: from 0 to 1. @param {number} x */
export const eased = x => x * x * (3 - 2 * x);

/** Whether the reader asked for less motion. */
export const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
