// @ts-check
// out = x Wᵀ + b for some rows, in WebAssembly where the browser has it with 128-bit SIMD (rows.wat, of which WASM is
// the assembled form), and with model.js elsewhere, at a quarter of the speed.
/** @import { Linear } from "./model.js" */
import { apply, fromBase64 } from "./model.js";

// `python -m tools.assemble` writes the next lines.
const WASM =
  "AGFzbQEAAAABCwFgB39/f39/f38AAhABBHBhZ2UGbWVtb3J5AgABAwIBAAcIAQRyb3dzAAAKygMBxwMCCn8LeyAGQQJ0IQcgBUECdCEIA0BB"
  + "ACEJA0AgACEMIAwgCGohDSANIAhqIQ4gDiAIaiEPIAIgCWr9AAQAIRQgAiAJav0ABBAhFSAUIRYgFSEXIBQhGCAVIRkgFCEaIBUhGyABIAlq"
  + "IQogBSELA0AgCv0ABAAhESAK/QAEECESIAz9CQIAIRMgFCATIBH95gH95AEhFCAVIBMgEv3mAf3kASEVIA39CQIAIRMgFiATIBH95gH95AEh"
  + "FiAXIBMgEv3mAf3kASEXIA79CQIAIRMgGCATIBH95gH95AEhGCAZIBMgEv3mAf3kASEZIA/9CQIAIRMgGiATIBH95gH95AEhGiAbIBMgEv3m"
  + "Af3kASEbIAogB2ohCiAMQQRqIQwgDUEEaiENIA5BBGohDiAPQQRqIQ8gC0EBayILDQALIAMgCWohECAQIBT9CwQAIBAgFf0LBBAgECAHaiEQ"
  + "IBAgFv0LBAAgECAX/QsEECAQIAdqIRAgECAY/QsEACAQIBn9CwQQIBAgB2ohECAQIBr9CwQAIBAgG/0LBBAgCUEgaiIJIAdJDQALIAAgCEEC"
  + "dGohACADIAdBAnRqIQMgBEEEayIEQQBKDQALCwCnAQRuYW1lAngBABwAAXgBAXcCAWIDA291dAQEcm93cwUBbQYBbgcEd2lkZQgEbmV4dAkG"
  + "Y29sdW1uCgJhdAsEbGVmdAwCeDANAngxDgJ4Mg8CeDMQAnRvEQF1EgF2EwFzFAJhMBUCYjAWAmExFwJiMRgCYTIZAmIyGgJhMxsCYjMDJgEA"
  + "AwAJZWFjaF9mb3VyAQplYWNoX2VpZ2h0AgplYWNoX2lucHV0";

/** @typedef {(linear: Linear, x: Float32Array, from: number, out: Float32Array, rows: number) => void} Times */

/**
 * Room for arrays, and products of those. room(n): an array of n numbers; times(linear, x, from, out, rows): x and out
 * are such arrays, from is the first row. With `wasm`, up to three rows after the last one are overwritten.
 * @param {boolean} wasm  whether WebAssembly may be used
 * @param {number} numbers  how many numbers there will be room for
 */
export function multiplier(wasm, numbers) {
  const memory = wasm ? memoryFor(4 * numbers) : null;
  if (!memory) {
    return {
      fast: false,
      room: (/** @type {number} */ n) => new Float32Array(n),
      /** @type {Times} */
      times: (linear, x, from, out, rows) =>
        apply(linear, x.subarray(from * linear.m), out.subarray(from * linear.n), rows),
    };
  }
  let free = 0;
  const room = (/** @type {number} */ n) => {
    const array = new Float32Array(memory.memory.buffer, free, n);
    free += 16 * Math.ceil(n / 4);
    return array;
  };
  /** @type {Map<Linear, { w: number, b: number }>} */
  const held = new Map();
  /** The matrix in the memory, with the outputs side by side. @param {Linear} linear */
  function holdOf(linear) {
    const { W, b, m, n } = linear, w = room(m * n), bias = room(n);
    for (let o = 0; o < n; o++) for (let i = 0; i < m; i++) w[i * n + o] = W[o * m + i];
    if (b) bias.set(b);
    const hold = { w: w.byteOffset, b: bias.byteOffset };
    held.set(linear, hold);
    return hold;
  }
  return {
    fast: true, room,
    /** @type {Times} */
    times(linear, x, from, out, rows) {
      const { m, n } = linear, { w, b } = held.get(linear) ?? holdOf(linear);
      memory.rows(x.byteOffset + 4 * from * m, w, b, out.byteOffset + 4 * from * n, rows, m, n);
    },
  };
}

/** A memory and the function that works on it; null where there's no WebAssembly with SIMD. @param {number} bytes */
function memoryFor(bytes) {
  try {
    const memory = new WebAssembly.Memory({ initial: Math.ceil(bytes / 65536) + 1 });
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(fromBase64(WASM)), { page: { memory } });
    return { memory, rows: /** @type {Function} */ (exports.rows) };
  } catch {
    return null;
  }
}
