// @ts-check
// y = W x, where W keeps the 4-bit and 8-bit blocks of a GGUF file and x is float32. In WebAssembly where the browser
// has it, with 128-bit SIMD: products.wat, of which WASM is the assembled form. In JavaScript elsewhere, at a sixth of
// the speed, with the same numbers up to rounding.
import { fromBase64, half } from "./model.js";

/** @import { Matrix, Memory } from "./llama.js" */

export const BLOCK = 32; // weights that share a scale
const Q4_1 = 3, SIZE = { 3: 20, 8: 34 }; // kinds, and the bytes of a block
const STEPS = 32767, MOVED = 2 ** 112; // x in a block is a whole number up to STEPS; products.wat explains MOVED
const WIDEST = 1 << 15; // numbers in an x

// `python -m tools.assemble` writes the next lines.
const WASM =
  "AGFzbQEAAAABDwJgAXsBfWAGf39/f39/AAIQAQRwYWdlBm1lbW9yeQIAAQMEAwABAQcPAgRxNF8xAAEEcThfMAACCuYEAxkAIAD9HwAgAP0f"
  + "AZIgAP0fAiAA/R8DkpILxAIEA38BewF9BHsDQCABIQYgAiEHIAUhCP0MAAAAAAAAAAAAAAAAAAAAACEJQwAAAAAhCgNAIAD9AAQEIQsgC/0M"
  + "Dw8PDw8PDw8PDw8PDw8PD/1OIQwgC0EE/W0hDf0MAAAAAAAAAAAAAAAAAAAAACEOIA4gBv0ABAAgDP2JAf26Af2uASEOIA4gBv0ABBAgDP2K"
  + "Af26Af2uASEOIA4gBv0ABCAgDf2JAf26Af2uASEOIA4gBv0ABDAgDf2KAf26Af2uASEOIAkgDv36ASAHKgIAIAAuAQBBDXRB/////3hxvpT9"
  + "E/3mAf3kASEJIAogByoCBCAALgECQQ10Qf////94cb6UkiEKIABBFGohACAGQcAAaiEGIAdBCGohByAIQQFrIggNAAsgAyAJEAAgCpI4AgAg"
  + "A0EEaiEDIARBAWsiBA0ACwuDAgIDfwR7A0AgASEGIAIhByAFIQj9DAAAAAAAAAAAAAAAAAAAAAAhCQNAIAD9AAQCIQogAP0ABBIhC/0MAAAA"
  + "AAAAAAAAAAAAAAAAACEMIAwgBv0ABAAgCv2HAf26Af2uASEMIAwgBv0ABBAgCv2IAf26Af2uASEMIAwgBv0ABCAgC/2HAf26Af2uASEMIAwg"
  + "Bv0ABDAgC/2IAf26Af2uASEMIAkgDP36ASAHKgIAIAAuAQBBDXRB/////3hxvpT9E/3mAf3kASEJIABBImohACAGQcAAaiEGIAdBCGohByAI"
  + "QQFrIggNAAsgAyAJEAA4AgAgA0EEaiEDIARBAWsiBA0ACwsA6QEEbmFtZQEIAQAFdG90YWwCpAEDAAEAAXYBDwABdwEBeAIGc2NhbGVzAwF5"
  + "BARyb3dzBQZibG9ja3MGAmF0BwZiZXNpZGUIBGxlZnQJA3JvdwoFbGVhc3QLBWJ5dGVzDANsb3cNBGhpZ2gOA3N1bQINAAF3AQF4AgZzY2Fs"
  + "ZXMDAXkEBHJvd3MFBmJsb2NrcwYCYXQHBmJlc2lkZQgEbGVmdAkDcm93CgNsb3cLBGhpZ2gMA3N1bQMxAgECAAhlYWNoX3JvdwEKZWFjaF9i"
  + "bG9jawICAAhlYWNoX3JvdwEKZWFjaF9ibG9jaw==";

/** Bytes of a row. @param {number} kind @param {number} columns */
export const rowOf = (kind, columns) => columns / BLOCK * SIZE[/** @type {3 | 8} */ (kind)];

/** Every float16 by its 16 bits. */
const halves = Float32Array.from({ length: 1 << 16 }, (_, bits) => half(bits));

/** The assembled module, or null where there's no WebAssembly with SIMD. */
function assembled() {
  try {
    return new WebAssembly.Module(fromBase64(WASM));
  } catch {
    return null;
  }
}

/**
 * Products with the weights in a memory. take(x) packs an x for the calls of `by` that follow; by(W, y, at) writes W x
 * into y; row(W, i, y) writes row i of W into y. scratch: where the memory is free.
 * @param {Memory} memory @param {number} scratch @param {boolean} wasm  whether WebAssembly may be used
 */
export function products(memory, scratch, wasm) {
  const { buffer } = memory, bytes = new Uint8Array(buffer), view = new DataView(buffer);
  const xs = new Int16Array(buffer, scratch, WIDEST), beside = scratch + 2 * WIDEST;
  const scales = new Float32Array(buffer, beside, 2 * WIDEST / BLOCK), ys = beside + 8 * WIDEST / BLOCK;
  const module = wasm && typeof WebAssembly === "object" ? assembled() : null;
  const page = { memory: /** @type {WebAssembly.Memory} */ (/** @type {any} */ (memory)) };
  const fast = module && /** @type {any} */ (new WebAssembly.Instance(module, { page }).exports);

  /** @param {Matrix} W @param {Float32Array} y @param {number} at */
  function slowly({ at: from, kind, rows, columns }, y, at) {
    const size = SIZE[/** @type {3 | 8} */ (kind)], blocks = columns / BLOCK;
    for (let row = 0, w = from; row < rows; row++) {
      let total = 0;
      for (let block = 0, i = 0; block < blocks; block++, w += size, i += BLOCK) {
        const scale = halves[bytes[w] | bytes[w + 1] << 8] * scales[2 * block];
        let sum = 0;
        if (kind === Q4_1) {
          for (let j = 0; j < 16; j++) {
            const two = bytes[w + 4 + j];
            sum += (two & 15) * xs[i + j] + (two >> 4) * xs[i + 16 + j];
          }
          total += halves[bytes[w + 2] | bytes[w + 3] << 8] * scales[2 * block + 1];
        } else {
          for (let j = 0; j < BLOCK; j++) sum += (bytes[w + 2 + j] << 24 >> 24) * xs[i + j];
        }
        total += scale * sum;
      }
      y[at + row] = total / MOVED;
    }
  }

  return {
    fast: Boolean(fast),
    /** @param {Float32Array} x */
    take(x) {
      for (let block = 0, from = 0; from < x.length; block++, from += BLOCK) {
        let most = 0, sum = 0;
        for (let i = from; i < from + BLOCK; i++) {
          most = Math.max(most, Math.abs(x[i]));
          sum += x[i];
        }
        const up = most ? STEPS / most : 0;
        for (let i = from; i < from + BLOCK; i++) xs[i] = Math.round(x[i] * up);
        scales[2 * block] = most / STEPS * MOVED;
        scales[2 * block + 1] = sum * MOVED;
      }
    },
    /** @param {Matrix} W @param {Float32Array} y */
    by(W, y, at = 0) {
      if (!fast) { slowly(W, y, at); return; }
      (W.kind === Q4_1 ? fast.q4_1 : fast.q8_0)(W.at, scratch, beside, ys, W.rows, W.columns / BLOCK);
      y.set(new Float32Array(buffer, ys, W.rows), at);
    },
    /** @param {Matrix} W @param {number} i @param {Float32Array} y */
    row({ at, kind, columns }, i, y) {
      const size = SIZE[/** @type {3 | 8} */ (kind)];
      for (let block = 0, w = at + i * rowOf(kind, columns); block < columns / BLOCK; block++, w += size) {
        const scale = halves[view.getUint16(w, true)], least = kind === Q4_1 ? halves[view.getUint16(w + 2, true)] : 0;
        for (let j = 0; j < BLOCK; j++) {
          const number = kind !== Q4_1 ? view.getInt8(w + 2 + j)
            : j < 16 ? bytes[w + 4 + j] & 15 : bytes[w + 4 + j - 16] >> 4;
          y[block * BLOCK + j] = number * scale + least;
        }
      }
    },
  };
}
