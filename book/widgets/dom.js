// What every widget's `render` is made of: elements, bound controls, and a frame that cleans up after itself.
// Text always goes in as text. Nothing here knows what a widget shows.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style" && typeof value === "object") Object.entries(value).forEach(([k, v]) => element.style.setProperty(k, v));
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter(child => child != null && child !== false));
  return element;
}

// h("button", { class: "nw-button", onclick: f }, "Sample") → an HTML element; strings among the children become text.
export const h = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);

// The same for SVG.
export const s = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

// A module's default export. build({ model, root, on, cleanup, safely }) fills `root`.
// on("temperature top_k", f) calls f now and whenever one of these traits changes; several changes make one call, in the
// next animation frame. cleanup(f) calls f when the view goes away. An error becomes a sentence in the figure's place;
// safely(f) does the same for what `build` lets run later.
export function widget(build) {
  return {
    render({ model, el }) {
      const ends = [], cleanup = f => ends.push(f);
      const root = h("div", { class: "nw", role: "group", "aria-label": model.get("title") || false,
        onfocusin: event => event.target.setAttribute("data-lm-suppress-shortcuts", "") }); // or JupyterLab takes its arrow keys
      const fail = error => {
        console.error(error);
        root.replaceChildren(h("p", { class: "nw-problem", role: "alert" }, error.message));
      };
      const safely = f => { try { f(); } catch (error) { fail(error); } };
      const on = (names, f) => {
        let waiting = 0;
        const later = () => { waiting ||= requestAnimationFrame(() => { waiting = 0; safely(f); }); };
        const events = names.split(" ").map(name => `change:${name}`);
        events.forEach(event => model.on(event, later));
        cleanup(() => { cancelAnimationFrame(waiting); events.forEach(event => model.off(event, later)); });
        f();
      };
      safely(() => {
        build({ model, root, on, cleanup, safely });
        if (model.get("caption")) root.append(h("p", { class: "nw-caption" }, model.get("caption")));
      });
      el.append(root);
      return () => { ends.forEach(f => f()); root.remove(); };
    },
  };
}

export function put(model, changes) {
  Object.entries(changes).forEach(([name, value]) => model.set(name, value));
  model.save_changes();
}

// A labelled slider on the trait `name`. Bounds come from Python's trait, or narrower ones from here; `shown` formats the value.
// `to` and `from` translate between the slider's own scale and the trait (for a logarithmic one, say).
export function slider({ model, on }, name, { label, low, high, step = 0.01, shown = String, to = x => x, from = x => x }) {
  const bounds = { ...model.get("bounds")[name], ...(low != null && { low }), ...(high != null && { high }) };
  const input = h("input", {
    type: "range", min: from(bounds.low), max: from(bounds.high), step,
    oninput: () => put(model, { [name]: to(Number(input.value)) }),
  });
  const value = h("output", { "aria-hidden": "true", "aria-live": "off" }); // the input says its value itself
  on(name, () => {
    const now = model.get(name);
    if (Number(input.value) !== from(now)) input.value = from(now);
    value.textContent = shown(now);
    input.setAttribute("aria-valuetext", shown(now));
  });
  return h("label", { class: "nw-field" }, h("span", {}, label), input, value); // a label names the first control in it
}

export function checkbox({ model, on }, name, label) {
  const input = h("input", { type: "checkbox", onchange: () => put(model, { [name]: input.checked }) });
  on(name, () => { input.checked = model.get(name); });
  return h("label", { class: "nw-check" }, input, h("span", {}, label));
}

// A labelled choice. options: [value, words] pairs; values may be numbers or strings.
export function select({ model, on }, name, label, options) {
  const input = h("select", { onchange: () => put(model, { [name]: options[input.selectedIndex][0] }) },
    options.map(([, words]) => h("option", {}, words)));
  on(name, () => { input.selectedIndex = options.findIndex(([value]) => value === model.get(name)); });
  return h("label", { class: "nw-field" }, h("span", {}, label), input);
}

// A whole number that is typed, such as a seed.
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

export const button = (words, onclick, attributes = {}) => h("button", { type: "button", ...attributes,
  onclick: event => { if (event.currentTarget.getAttribute("aria-disabled") !== "true") onclick(event); } }, words);

// Whether there is something for these buttons to do. One that has nothing to do keeps the focus, which `disabled` would lose.
export const enable = (can, ...buttons) => buttons.forEach(one => one.setAttribute("aria-disabled", String(!can)));

// say(text) tells a screen reader what has changed, once the reader pauses; nothing is seen, and nothing is said at the start.
export function announcer({ root, cleanup }) {
  const voice = h("p", { class: "nw-visually-hidden", role: "status" });
  let waiting = 0, last = null;
  root.append(voice);
  cleanup(() => clearTimeout(waiting));
  return text => {
    clearTimeout(waiting);
    if (last !== null && text !== last) waiting = setTimeout(() => { voice.textContent = last = text; }, 700);
    last ??= text;
  };
}

// A token as a label: spaces and line breaks can be seen. The same rule as `plots.visible`.
export function visible(text) {
  const shown = String(text).replaceAll("\n", "↵").replaceAll("\t", "⇥");
  return shown !== shown.trim() || shown === " " ? shown.replaceAll(" ", "␣") : shown;
}

// Three significant digits, at least: 0.0123, 12.3, 1,230.
export function number(x, digits = 3) {
  if (x === 0 || !Number.isFinite(x)) return x === 0 ? "0" : String(x).replace("-Infinity", "−∞").replace("Infinity", "∞");
  const size = Math.abs(x);
  const text = size >= 1000 ? Math.round(x).toLocaleString("en-US") : size < 1e-4 ? x.toExponential(1) : String(Number(x.toPrecision(digits)));
  return text.replaceAll("-", "−");
}

// What `pack` in base.py made: { shape, values }, the values in a Float64Array.
export function unpack({ shape, low, high, data }) {
  const bytes = Uint8Array.from(atob(data), c => c.charCodeAt(0)), n = bytes.length / 2; // all low bytes, then all high ones
  const values = Float64Array.from({ length: n }, (_, i) => low + (high - low) * (bytes[i] + 256 * bytes[n + i]) / 65535);
  return { shape, values };
}

export const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

// Calls f now and whenever the page turns light or dark: for a canvas, which cannot use CSS variables.
export function onTheme({ cleanup }, f) {
  const watch = new MutationObserver(f), media = matchMedia("(prefers-color-scheme: dark)");
  watch.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  watch.observe(document.body, { attributeFilter: ["data-jp-theme-light", "class"] });
  media.addEventListener("change", f);
  cleanup(() => { watch.disconnect(); media.removeEventListener("change", f); });
  f();
}
