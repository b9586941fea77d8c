// @ts-check
// A chat as the text a model reads, and which parts of it are the template: `pretrained.chat` in Python.
/** @import { Tokenizer } from "./tokenizers.js" */
import { merged } from "./tokenizers.js";

export const SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face";
export const END = "<|im_end|>";
const ROLES = ["user", "assistant"];

/** @typedef {{ text: string, who: string, template: boolean }} Piece */
/** @typedef {{ id: number, text: string, who: string, template: boolean }} Token  text: what it adds to the text */

/**
 * The pieces of a chat. The turns alternate, yours first; the last piece opens the next turn.
 * @param {string[]} turns @returns {Piece[]}
 */
export function chatPieces(turns) {
  const said = [{ who: "system", text: SYSTEM }, ...turns.map((text, i) => ({ who: ROLES[i % 2], text }))];
  const mark = (/** @type {string} */ text, /** @type {string} */ who) => ({ text, who, template: true });
  const next = ROLES[turns.length % 2];
  return [...said.flatMap(({ who, text }) =>
    [mark(`<|im_start|>${who}\n`, who), { text, who, template: false }, mark(`${END}\n`, who)]),
  mark(`<|im_start|>${next}\n`, next)];
}

/** Ids → what each adds to the text. A character of several tokens appears with its last one.
 * @param {Tokenizer} tokens */
export function speaker(tokens) {
  const stream = new TextDecoder("utf-8", { ignoreBOM: true });
  return (/** @type {number} */ id) => stream.decode(Uint8Array.from(tokens.bytes[id]), { stream: true });
}

/** The tokens of a chat. @param {string[]} turns @param {Tokenizer} tokenizer @returns {Token[]} */
export function chatTokens(turns, tokenizer) {
  const pieces = chatPieces(turns), say = speaker(tokenizer);
  const ids = merged(pieces.map(({ text }) => text).join(""), tokenizer).ids;
  let i = 0, end = pieces[0].text.length, at = 0;
  return ids.map(id => {
    while (at >= end && i < pieces.length - 1) end += pieces[++i].text.length;
    const text = say(id);
    at += text.length;
    return { id, text, who: pieces[i].who, template: pieces[i].template };
  });
}
