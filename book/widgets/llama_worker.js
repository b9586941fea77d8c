// @ts-check
// The worker in which a page runs SmolLM2, so that the page itself stays free. `address` is this module's own address,
// from which the page starts it. What comes in: open, part, end, write, stop, look. What goes out: started, wanted,
// progress, ready, prompt, read, token, done, looked, failed. The file's bytes go into WebAssembly's memory and stay
// there, and a copy goes into the browser's database, so that the page needn't load them again when you come back.
import { END, chatTokens, speaker } from "./chat_text.js";
import { draw, mulberry32, softmax } from "./formulas.js";
import { SCRATCH, llama, session } from "./llama.js";
import { checksum, fromBase64 } from "./model.js";
import { cutDistribution } from "./setting.js";
import { whole } from "./text.js";
import { pretrained, seen } from "./tokenizers.js";

export const address = import.meta.url;

export const LONGEST = 4096; // tokens that a page reads: 190 MB of keys and values
const BARS = 8, PAGE = 65536;
const CUT = "The model's files are damaged or cut short. Reload the page, or build the site again.";

/** @typedef {{ id: number, text: string, p: number, own: number }} Bar  own: at temperature 1, with nothing cut */

/**
 * The next token: { id, p, bars }. p: its probability at temperature 1. bars: the most probable ones, and it.
 * @param {Float32Array} logits @param {number[]} setting @param {number} chance in [0, 1)
 */
export function choose(logits, setting, chance) {
  const scores = Float64Array.from(logits), own = softmax(scores), p = cutDistribution(scores, setting);
  const id = draw(p, chance);
  /** @type {number[]} */
  const best = [];
  for (let i = 0; i < own.length; i++) { // the largest few, ties in the order of their ids
    if (best.length === BARS && own[i] <= own[best[BARS - 1]]) continue;
    const place = best.findIndex(j => own[i] > own[j]);
    best.splice(place < 0 ? best.length : place, 0, i);
    best.length = Math.min(best.length, BARS);
  }
  if (!best.includes(id)) best[BARS - 1] = id;
  return { id, p: own[id], bars: best.map(i => ({ id: i, p: p[i], own: own[i] })) };
}

/** Runs in the worker: answers its page's messages. @param {any} self */
function serve(self) {
  /** @type {any} */
  let memory = null;
  /** @type {Uint8Array} */
  let bytes = new Uint8Array(0);
  let size = 0, check = 0, filled = 0, run = 0;
  /** @type {ReturnType<typeof pretrained>} */
  let tokenizer;
  /** @type {ReturnType<typeof session>} */
  let text;
  let end = 0;
  const post = (/** @type {any} */ message, /** @type {any[]} */ give = []) => self.postMessage(message, give);
  const channel = new MessageChannel();
  /** Lets messages in. */
  const pause = () => new Promise(done => { channel.port1.onmessage = done; channel.port2.postMessage(0); });

  function makeRoom() {
    const pages = Math.ceil((size + SCRATCH + 16) / PAGE);
    try {
      memory = typeof WebAssembly === "object" ? new WebAssembly.Memory({ initial: pages, maximum: pages })
        : { buffer: new ArrayBuffer(pages * PAGE) };
    } catch {
      throw new Error(`This device can't spare ${Math.round(size / 1e6)} MB of memory for the model. Close some tabs, `
        + "and try again.");
    }
    bytes = new Uint8Array(memory.buffer, 0, size);
  }

  function start() {
    const model = llama(memory, size), { fields } = model;
    const of = (/** @type {string} */ name) => fields.get(`tokenizer.ggml.${name}`);
    tokenizer = pretrained(of("tokens"), of("merges"), of("token_type"));
    text = session(model);
    end = tokenizer.ids.get(END) ?? -1;
    fields.clear();
    const { layers, heads } = model.config;
    post({ type: "ready", layers, heads, fast: model.multiply.fast });
  }

  const actions = {
    /** @param {{ size: number, check: number }} file */
    async open(file) {
      ({ size, check } = file);
      const kept = await stored("readonly", shelf => shelf.get(check)).catch(() => null);
      if (kept?.size === size) {
        makeRoom();
        bytes.set(new Uint8Array(await kept.arrayBuffer()));
        if (checksum(bytes) === check) { start(); return; }
      }
      post({ type: "wanted" }); // it isn't there, or it's damaged
    },
    /** @param {{ part: string | ArrayBuffer }} message  base64, or the bytes themselves */
    async part({ part }) {
      if (!memory) makeRoom();
      const more = typeof part === "string" ? fromBase64(part) : new Uint8Array(part);
      if (filled + more.length > size) throw new Error(CUT);
      bytes.set(more, filled);
      filled += more.length;
      post({ type: "progress", filled });
      if (filled < size) return;
      if (checksum(bytes) !== check) throw new Error(CUT);
      start();
      const copy = new Blob([/** @type {BlobPart} */ (bytes)]);
      await stored("readwrite", shelf => shelf.put(copy, check)).catch(() => null); // it only saves time, later
    },
    end() {
      if (filled < size) throw new Error(CUT);
    },
    /** @param {{ turns: string[], setting: number[], seed: number, steps: number }} asked */
    async write({ turns, setting, seed, steps }) {
      const mine = ++run, prompt = chatTokens(turns, tokenizer), random = mulberry32(seed), say = speaker(tokenizer);
      if (prompt.length + steps > LONGEST) {
        post({ type: "failed", why: `The chat has ${whole(prompt.length)} tokens, and this page reads at most `
          + `${whole(LONGEST - steps)}. Shorten your message, or start a new chat.` });
        return;
      }
      post({ type: "prompt", tokens: prompt });
      let same = 0;
      while (same < prompt.length && text.held[same] === prompt[same].id) same++;
      text.rewind(Math.min(same, prompt.length - 1));
      for (let i = text.held.length; i < prompt.length; i++) {
        text.feed(prompt[i].id);
        post({ type: "read", tokens: i + 1 });
        await pause();
        if (mine !== run) { post({ type: "done", why: "stopped" }); return; }
      }
      for (let step = 0; step < steps; step++) {
        const { id, p, bars } = choose(text.logits(), setting, random());
        const named = bars.map(bar => ({ ...bar, text: seen(tokenizer.bytes[bar.id]) }));
        if (id === end) { post({ type: "done", why: "ended", bars: named }); return; }
        post({ type: "token", token: { id, p, text: say(id), bars: named } });
        text.feed(id);
        await pause();
        if (mine !== run) { post({ type: "done", why: "stopped" }); return; }
      }
      post({ type: "done", why: "long" });
    },
    stop() { run++; },
    /** @param {{ position: number }} message */
    look({ position }) {
      if (position >= text.held.length) return;
      const weights = text.look(position);
      post({ type: "looked", position, weights }, [weights.buffer]);
    },
  };

  self.onmessage = async (/** @type {MessageEvent} */ { data }) => {
    try {
      await actions[/** @type {keyof typeof actions} */ (data.type)](data);
    } catch (error) {
      post({ type: "failed", why: /** @type {Error} */ (error).message, fatal: true });
    }
  };
  post({ type: "started" });
}

/**
 * A request to the browser's database, on the shelf that keeps models.
 * @param {IDBTransactionMode} mode @param {(shelf: IDBObjectStore) => IDBRequest} ask @returns {Promise<any>}
 */
const stored = (mode, ask) => new Promise((done, failed) => {
  const opening = indexedDB.open("next-word", 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore("models");
  opening.onerror = () => failed(opening.error);
  opening.onsuccess = () => {
    const database = opening.result, request = ask(database.transaction("models", mode).objectStore("models"));
    request.onsuccess = () => { database.close(); done(request.result); };
    request.onerror = () => { database.close(); failed(request.error); };
  };
});

const scope = /** @type {any} */ (globalThis);
if (typeof scope.WorkerGlobalScope === "function" && scope instanceof scope.WorkerGlobalScope) serve(scope);
