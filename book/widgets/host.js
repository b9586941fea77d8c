// @ts-check
// Mounts a widget on a page that has no kernel. It stands in for the model of Jupyter's front end (get, set, on, off,
// save_changes, send) and asks nobody for anything. "Copy link" puts the reader's settings into the address.
/** @import { Bounds, Model } from "./types.js" */
import { button, h } from "./dom.js";

const LONGEST = 4000; // characters of a setting that a link carries

/** @typedef {{ state: Record<string, any>, settings: string[] }} Parts  what a figure brings along */

/**
 * A model that holds a copy of `state`.
 * @param {Record<string, any>} state
 * @returns {Model}
 */
export function standIn(state) {
  const now = { ...state };
  /** @type {[event: string, callback: (...values: any[]) => void][]} */
  let listeners = [];
  /** @type {Model} */
  const model = {
    get: name => now[name],
    set(name, value) {
      if (Object.is(now[name], value)) return;
      now[name] = value;
      for (const event of [`change:${name}`, "change"])
        for (const [wanted, f] of [...listeners]) if (wanted === event) f(model, value);
    },
    on(events, f) { events.split(" ").forEach(event => listeners.push([event, f])); },
    off(events, f) {
      listeners = listeners.filter(([event, g]) => (events && !events.split(" ").includes(event)) || (f && f !== g));
    },
    save_changes() {},
    send() {},
  };
  return model;
}

/**
 * Whether a link may set this: a setting, of the right kind, within its bounds.
 * @param {Parts} parts
 * @param {string} name
 * @param {any} value
 */
export function allowed({ state, settings }, name, value) {
  if (!settings.includes(name)) return false;
  const now = state[name];
  /** @type {Bounds} */
  const bounds = state.bounds[name] ?? {}, { low = -Infinity, high = Infinity, whole, choices } = bounds;
  if (typeof value !== typeof now || Array.isArray(value) !== Array.isArray(now)) return false;
  if (choices) return choices.includes(value);
  if (state.bounds[name]) return value >= low && value <= high && (!whole || Number.isInteger(value));
  return JSON.stringify(value).length <= LONGEST;
}

/** Calls f once all figures of the page are alive: until then, what's above may still grow. @param {() => void} f */
function settled(f) {
  const waiting = [...document.querySelectorAll("figure.nw-widget")].some(figure => !figure.querySelector(".nw-live"));
  if (waiting) setTimeout(settled, 50, f);
  else requestAnimationFrame(f);
}

/**
 * @param {HTMLElement} figure
 * @param {Parts} parts
 * @param {{ initialize?: Function, render: Function }} widget  a module's default export
 */
export async function mount(figure, parts, widget) {
  const model = standIn(parts.state), live = h("div", { class: "nw-live" });
  const number = () => [...document.querySelectorAll("figure.nw-widget")].indexOf(figure) + 1;

  function readAddress() {
    const given = new URLSearchParams(location.hash.slice(1));
    if (Number(given.get("widget")) !== number()) return;
    for (const [name, text] of given) {
      let value;
      try { value = JSON.parse(text); } catch { continue; } // not ours: someone typed it
      if (name !== "widget" && allowed(parts, name, value)) model.set(name, value);
    }
    settled(() => figure.scrollIntoView({ block: "center" }));
  }

  function copyLink() {
    const address = new URLSearchParams({ widget: String(number()) }), long = [];
    for (const name of parts.settings) {
      const text = JSON.stringify(model.get(name));
      if (text.length <= LONGEST) address.set(name, text); else long.push(name);
      if (text.length > LONGEST && Array.isArray(model.get(name))) address.set(name, "[]"); // not the page's own list
    }
    history.replaceState(null, "", `#${address}`);
    const missing = long.length ? ` Too long for a link, so left out: ${long.join(", ")}.` : "";
    const copied = navigator.clipboard?.writeText(location.href) ?? Promise.reject();
    /** @param {string} words */
    const say = words => { said.textContent = words + missing; };
    copied.then(() => say("Copied. The link opens this page with these settings."),
      () => say("The link is in the address bar now."));
  }
  const said = h("span", { role: "status" });

  await widget.initialize?.({ model });
  readAddress();
  addEventListener("hashchange", readAddress); // the figure stays as long as its page
  await widget.render({ model, el: live });
  if (parts.settings.length) live.append(h("div", { class: "nw-link" }, button("Copy link", copyLink), said));
  const numbered = figure.querySelector(".nw-still .nw-number"), place = live.querySelector(".nw-title > .nw-number");
  if (numbered && place) place.textContent = numbered.textContent; // the site numbers its figures
  figure.append(live);
  figure.classList.add("nw-mounted");
}
