// @ts-check
// Reads GGUF, the container that real models come in: named fields, then named tensors. The tensors stay where they
// are; we only note where each one begins. helpers/pretrained.py reads the same file. Left out: writing it.

/** @typedef {{ at: number, shape: number[], kind: number }} Place  of a tensor's bytes; shape: fastest axis first */

const SIZES = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8]; // bytes of a value, by its kind
const READ = ["Uint8", "Int8", "Uint16", "Int16", "Uint32", "Int32", "Float32", "Uint8", "", "", "BigUint64",
  "BigInt64", "Float64"]; // how DataView reads it
const STRING = 8, ARRAY = 9;
const utf8 = new TextDecoder();

/**
 * What's in a file: { fields, tensors }. Throws an Error with a sentence if it isn't a whole GGUF file.
 * @param {Uint8Array} bytes
 */
export function readGGUF(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const whole = () => Number(view.getBigUint64((at += 8) - 8, true));
  const number = () => view.getUint32((at += 4) - 4, true);
  const text = () => {
    const length = whole();
    at += length;
    if (at > bytes.length) throw new RangeError("a text goes on after the end");
    return utf8.decode(bytes.subarray(at - length, at));
  };
  /** @param {number} kind @returns {any} */
  const value = kind => {
    if (kind === STRING) return text();
    if (kind === ARRAY) {
      const of = number(), count = whole();
      if (count > bytes.length) throw new RangeError("a list is longer than the file");
      return Array.from({ length: count }, () => value(of));
    }
    const from = at, read = READ[kind];
    if (!read) throw new RangeError(`it has a value of the unknown kind ${kind}`);
    at += SIZES[kind];
    return /** @type {any} */ (view)[`get${read}`](from, true);
  };
  try {
    if (utf8.decode(bytes.subarray(0, 4)) !== "GGUF") throw new RangeError("it doesn't begin with GGUF");
    at = 8; // after the version
    const tensorCount = whole(), fieldCount = whole();
    /** @type {Map<string, any>} */
    const fields = new Map();
    for (let i = 0; i < fieldCount; i++) fields.set(text(), value(number()));
    /** @type {Map<string, Place>} */
    const tensors = new Map();
    for (let i = 0; i < tensorCount; i++) {
      const name = text(), shape = Array.from({ length: number() }, whole), kind = number();
      tensors.set(name, { shape, kind, at: whole() });
    }
    const unit = fields.get("general.alignment") ?? 32, start = Math.ceil(at / unit) * unit;
    for (const place of tensors.values()) place.at += start;
    return { fields, tensors };
  } catch (error) {
    const why = /** @type {Error} */ (error).message;
    throw new Error(`The model's file is damaged or cut short (${why}). Build the site again, or load it again.`);
  }
}
