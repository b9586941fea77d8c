// @ts-check
// The page's side of SmolLM2: one worker for all figures of a page, and the way its file gets there. A site has the
// file in pieces, as scripts, because a page on a disk may load scripts and nothing else. In JupyterLab, the kernel
// sends it. Nothing is loaded before `load` is called, except from the browser's own database after a first time.
/** @import { Model } from "./types.js" */
import { address } from "./llama_worker.js";

const LOADED = "next-word-smollm2"; // in this tab's session: the reader has asked for the model before

/**
 * @typedef {{ type: string, [name: string]: any }} Message
 * @typedef {{ size: number, check: number, parts: number }} Manifest  parts: 0 if this copy of the book lacks the model
 * @typedef {{ manifest: () => Promise<Manifest>, part: (i: number) => Promise<string | ArrayBuffer> }} Source
 */

/** Where a site keeps the file, or null if this page isn't part of a site. @returns {Source | null} */
function siteSource() {
  const script = [...document.scripts].find(({ src }) => /next-word-figures\.js(\?|$)/.test(src));
  if (!script) return null;
  const folder = new URL("smollm2/", script.src);
  /** @param {string} name @returns {Promise<any>} */
  const load = name => new Promise((done, failed) => {
    const problem = (/** @type {string} */ what) => failed(new Error(`The file smollm2/${name}.js ${what}.`));
    const element = Object.assign(document.createElement("script"), { src: new URL(`${name}.js`, folder).href });
    element.onload = () => {
      const parts = /** @type {any} */ (globalThis).nextWordParts ?? {}, part = parts[name];
      delete parts[name];
      element.remove();
      if (part === undefined) problem("is damaged. Build the site again");
      else done(part);
    };
    element.onerror = () => {
      element.remove();
      problem("is missing or can't be reached. Try again, or build the site again");
    };
    document.head.append(element);
  });
  return { manifest: () => load("manifest"), part: i => load(String(i).padStart(2, "0")) };
}

/** The kernel as a source, or null if there's none. It's asked through the latest figure, whose model is still there.
 * @returns {Source | null} */
function kernelSource() {
  if (!(/** @type {any} */ (latest).widget_manager)) return null;
  /** @param {any} question @returns {Promise<{ content: any, buffers: DataView[] }>} */
  const ask = question => new Promise(done => {
    const model = latest;
    const answered = (/** @type {any} */ content, /** @type {DataView[]} */ buffers) => {
      if (content?.answer !== question.ask) return;
      model.off("msg:custom", answered);
      done({ content, buffers });
    };
    model.on("msg:custom", answered);
    model.send(question);
  });
  return {
    manifest: async () => (await ask({ ask: "manifest" })).content,
    part: async i => {
      const { buffer, byteOffset, byteLength } = (await ask({ ask: i })).buffers[0];
      return /** @type {ArrayBuffer} */ (buffer).slice(byteOffset, byteOffset + byteLength);
    },
  };
}

/** @type {ReturnType<typeof started> | null} */
let shared = null;
/** @type {Model} */
let latest;

/** The page's one client. @param {Model} model */
export function client(model) {
  latest = model;
  return shared ??= started(siteSource() ?? kernelSource());
}

/** @param {Source | null} source */
function started(source) {
  /** @type {Set<(message: Message) => void>} */
  const listeners = new Set();
  /** @type {Worker | null} */
  let worker = null;
  /** @type {Message} */
  let now = { type: "away" }; // the last message about the model itself, for figures that come later
  /** @type {Promise<Manifest>} */
  let manifest;

  /** @param {Message} message */
  function tell(message) {
    if (["ready", "progress", "missing", "opening", "away"].includes(message.type) || message.fatal) now = message;
    if (message.type === "ready") remember();
    if (message.type === "wanted") { fetchParts(); return; }
    if (message.fatal) {
      worker?.terminate();
      worker = null;
    }
    listeners.forEach(f => f(message));
  }
  const failed = (/** @type {unknown} */ error) =>
    tell({ type: "failed", why: /** @type {Error} */ (error).message, fatal: true });

  async function fetchParts() {
    const to = worker, { parts } = await manifest;
    try {
      for (let i = 0; i < parts && worker === to; i++) {
        const part = await /** @type {Source} */ (source).part(i);
        if (worker === to) to?.postMessage({ type: "part", part }, part instanceof ArrayBuffer ? [part] : []);
      }
      if (worker === to) to?.postMessage({ type: "end" });
    } catch (error) { if (worker === to) failed(error); }
  }

  async function open(/** @type {boolean} */ fetching) {
    if (worker || !source) return;
    try {
      const { size, check } = await manifest;
      worker = /** @type {Worker} */ (/** @type {any} */ (globalThis).nextWord.worker(address));
      worker.onmessage = ({ data }) => {
        if (data.type === "started") worker?.postMessage({ type: "open", size, check });
        else if (data.type === "wanted" && !fetching) { // the database no longer has it
          worker?.terminate();
          worker = null;
          tell({ type: "away" });
        } else tell(data.type === "progress" ? { ...data, size } : data);
      };
      worker.onerror = () =>
        failed(new Error("This browser can't run the model. Try a current Firefox, Chrome, or Safari."));
      tell({ type: "opening", size });
    } catch (error) { failed(error); }
  }

  if (source) {
    manifest = source.manifest();
    manifest.then(({ parts }) => { if (!parts) tell({ type: "missing" }); else if (asked()) open(false); },
      () => tell({ type: "missing" }));
  } else now = { type: "missing" };
  return {
    /** @param {(message: Message) => void} f  first called with what's known of the model */
    listen(f) {
      listeners.add(f);
      f(now);
      return () => { listeners.delete(f); };
    },
    load: () => open(true),
    /** @param {Message} message */
    send: message => worker?.postMessage(message),
  };
}

function asked() {
  try { return sessionStorage.getItem(LOADED) === "yes"; } catch { return false; } // some browsers forbid it on disk
}

function remember() {
  try { sessionStorage.setItem(LOADED, "yes"); } catch { /* then the reader clicks again */ }
}
