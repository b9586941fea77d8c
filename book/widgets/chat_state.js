// @ts-check
// What the chat knows, as plain data, and what each event makes of it: after(state, event) → state. The worker's
// messages are events too. Nothing here draws or keeps time.
/** @import { Token } from "./chat_text.js" */
/** @import { Bar } from "./llama_worker.js" */
import { whole } from "./text.js";

/**
 * @typedef {{ text: string, p: number, bars: Bar[] }} Said  a token the model wrote, and what else it could have been
 * @typedef {{ who: "you", text: string } | { who: "model", said: Said[] }} Turn
 * @typedef {{
 *   phase: "away" | "missing" | "loading" | "ready" | "reading" | "writing" | "broken",
 *   filled: number, size: number,              // bytes of the model, while it's loading
 *   turns: Turn[],
 *   prompt: Token[], read: number,             // all that the model was given, and how many tokens it has read
 *   picked: { turn: number, i: number } | null,  // the token whose alternatives the reader looks at
 *   layers: number, heads: number, fast: boolean,
 *   looked: { position: number, weights: Float32Array } | null,
 *   recorded: boolean,                         // these turns were written when the page was made
 *   note: string, last: Bar[],                 // last: the bars of the step that ended the turn
 * }} State
 * @typedef {{ type: "send", text: string } | { type: "stop" } | { type: "again" } | { type: "clear" }
 *   | { type: "pick", turn: number, i: number } | { type: "load" } | { type: string, [name: string]: any }} ChatEvent
 */

/** @param {{ prompt: string, said: Said[], last: Bar[] }} recorded @returns {State} */
export const begin = ({ prompt, said, last }) => ({
  phase: "away", filled: 0, size: 0, turns: said.length ? [{ who: "you", text: prompt }, { who: "model", said }] : [],
  prompt: [], read: 0, picked: null, layers: 1, heads: 1, fast: true, looked: null, recorded: true, note: "", last,
});

/** Is the model at work? @param {State} state */
export const busy = ({ phase }) => phase === "reading" || phase === "writing";

/** The texts of the turns, in turn, as the worker takes them. @param {State} state */
export const texts = ({ turns }) =>
  turns.map(turn => (turn.who === "you" ? turn.text : turn.said.map(({ text }) => text).join("")));

/** All tokens in the model's cache: what it has read, and what it has written since. @param {State} state */
export function transcript({ prompt, read, turns }) {
  const turn = turns.at(-1);
  const written = turn?.who === "model" && prompt.length
    ? turn.said.map(({ text }) => ({ text, who: "assistant", template: false })) : [];
  return [...prompt.slice(0, read), ...written];
}

/** The bars to show: of the picked token, or of the last step. @param {State} state */
export function shown(state) {
  const { picked, turns } = state, turn = turns.at(-1);
  const from = picked && turns[picked.turn];
  if (picked && from?.who === "model") {
    const { bars, text } = from.said[picked.i];
    return { bars, there: text };
  }
  if (state.last.length) return { bars: state.last, there: undefined };
  return { bars: turn?.who === "model" ? turn.said.at(-1)?.bars ?? [] : [], there: undefined };
}

/** @type {Record<string, (tokens: number) => string>} */
const DONE = {
  ended: () => "", stopped: () => "Stopped.", long: tokens => `It hit the limit of ${whole(tokens)} tokens per answer.`,
};

/** @param {State} state @param {ChatEvent} event @returns {State} */
export function after(state, event) {
  const { phase, turns } = state;
  switch (event.type) {
    case "away": return { ...state, phase: "away" };
    case "missing": return { ...state, phase: "missing" };
    case "opening": return { ...state, phase: "loading", filled: 0, size: event.size, note: "" };
    case "progress": return { ...state, phase: "loading", filled: event.filled, size: event.size };
    case "ready": {
      const { layers, heads, fast } = event;
      return { ...state, phase: "ready", layers, heads, fast, note: "" };
    }
    case "send": {
      if (phase !== "ready" || !event.text.trim()) return state;
      const before = state.recorded ? [] : turns;
      return { ...state, phase: "reading", recorded: false, note: "", picked: null, looked: null, last: [], read: 0,
        turns: [...before, { who: "you", text: event.text }, { who: "model", said: [] }] };
    }
    case "again": { // the last answer once more
      if (phase !== "ready" || state.recorded || turns.length < 2) return state;
      return { ...state, phase: "reading", note: "", picked: null, looked: null, last: [], read: 0,
        turns: [...turns.slice(0, -1), { who: "model", said: [] }] };
    }
    case "clear": return busy(state) ? state
      : { ...state, turns: [], prompt: [], picked: null, looked: null, last: [], note: "", recorded: false };
    case "prompt": return { ...state, prompt: event.tokens };
    case "read": return { ...state, read: event.tokens };
    case "token": {
      const turn = turns.at(-1);
      if (!busy(state) || turn?.who !== "model") return state;
      const said = [...turn.said, event.token];
      return { ...state, phase: "writing", turns: [...turns.slice(0, -1), { who: "model", said }] };
    }
    case "done": {
      const turn = turns.at(-1), wrote = turn?.who === "model" ? turn.said.length : 0;
      return busy(state) ? { ...state, phase: "ready", note: DONE[event.why](wrote), last: event.bars ?? [] } : state;
    }
    case "looked": return { ...state, looked: { position: event.position, weights: event.weights } };
    case "pick": {
      const same = state.picked?.turn === event.turn && state.picked?.i === event.i;
      return { ...state, picked: same ? null : { turn: event.turn, i: event.i } };
    }
    case "failed": {
      const turn = turns.at(-1), empty = turn?.who === "model" && !turn.said.length && !state.recorded;
      return { ...state, phase: event.fatal ? "broken" : "ready", note: event.why,
        turns: empty ? turns.slice(0, -2) : turns };
    }
    default: return state;
  }
}

/**
 * One head's weights of the position that was looked at. @param {State} state @param {number} layer from 1
 * @param {number} head from 1
 */
export function headOf({ looked, heads }, layer, head) {
  if (!looked) return new Float32Array(0);
  const length = looked.position + 1, from = ((layer - 1) * heads + head - 1) * length;
  return looked.weights.subarray(from, from + length);
}
