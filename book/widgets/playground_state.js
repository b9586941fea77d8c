// @ts-check
// What the playground knows, as plain data, and what each event makes of it: after(state, event) → state.
// Nothing here draws, runs the model, or keeps time. What's left for the view to do is data too: `writers(state)` says
// who needs a token next, and a new `state.save` is something to tell Python and the link.
import { argmax, draw, mulberry32, ranking, softmax } from "./formulas.js";
import { cutDistribution } from "./setting.js";

export const NODES = 2000; // branches a tree may have
export const RUN = 500; // tokens one run writes

/**
 * A token and the node it follows. Branch i makes node i + 1; node 0 is the prompt.
 * @typedef {[parent: number, id: number]} Branch
 * @typedef {{ k: number, node: number }} Place  a token in the text of setting k
 * @typedef {{ what: "ended" | "over" | "full" | "branch" | "copied" | "no clipboard" }
 *   | { what: "paused", tokens: number } | { what: "took", id: number }} Note
 * @typedef {{ branches: Branch[], nodes: number[] }} Tree  nodes: where each of the two settings writes
 * @typedef {Tree & {
 *   size: number, end: number | null,            // the vocabulary, and its end token
 *   prompt: string | null, ids: number[],        // ids: the prompt as tokens; none when there's nothing to read
 *   compare: boolean | null,                     // whether the second setting shows
 *   given: unknown,                              // the branches that the model's traits hold
 *   forests: Map<string | null, Tree>,           // the trees of earlier prompts
 *   run: { left: number, written: number } | null,
 *   chase: number,                               // tokens B still writes alone, to catch up with A
 *   hover: Place | null, locked: Place | null,   // the token whose alternatives the reader looks at
 *   note: Note | null,
 *   save: { branches: Branch[], node: number, node_b: number } | null,
 * }} State
 * @typedef {{ type: "prompt", prompt: string, ids: number[], branches: unknown }} Prompted
 * @typedef {{ type: "traits", branches: unknown, nodes: number[], compare: boolean }} Traits
 * @typedef {Prompted | Traits
 *   | { type: "wrote", ids: number[] }           // one token for each of `writers(state)`
 *   | { type: "step" | "run" | "back" | "home" | "again" | "end" }
 *   | { type: "branch", leaf: number } | { type: "take", k: number, id: number }
 *   | { type: "look", place: Place | null } | { type: "lock", place: Place }
 *   | { type: "note", note: Note }} PlayEvent
 */

// The tree

/** The nodes from the prompt's first follower to `node`. @param {Branch[]} branches @param {number} node */
export function pathTo(branches, node) {
  const path = [];
  for (; node > 0; node = branches[node - 1][0]) path.push(node);
  return path.reverse();
}

/**
 * The tree with token `id` after `node`, where it may be already, and the token's node.
 * @param {Branch[]} branches @param {number} node @param {number} id @returns {[Branch[], number]}
 */
export function grown(branches, node, id) {
  const i = branches.findIndex(branch => branch[0] === node && branch[1] === id);
  return i < 0 ? [[...branches, [node, id]], branches.length + 1] : [branches, i + 1];
}

/**
 * Is this, which may come from an address, a tree of tokens below V?
 * @param {any} branches @param {number} V @returns {branches is Branch[]}
 */
export const sound = (branches, V) => Array.isArray(branches) && branches.length <= NODES
  && branches.every((branch, i) => Array.isArray(branch) && branch.length === 2 && branch.every(Number.isInteger)
    && branch[0] >= 0 && branch[0] <= i && branch[1] >= 0 && branch[1] < V);

/**
 * One row for each leaf, in the order in which the branches were made: a node's first follower stays in its row.
 * path: the nodes up to the leaf; from: the depth at which it leaves another row; row: which one (−1: none).
 * @param {Branch[]} branches
 */
export function rowsOf(branches) {
  /** @type {number[][]} */
  const followers = Array.from({ length: branches.length + 1 }, () => []);
  branches.forEach(([parent], i) => followers[parent].push(i + 1));
  const rows = [], waiting = [{ node: 0, from: 0, row: -1 }];
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    let { node, from, row } = next, depth = from + (row < 0 ? 0 : 1);
    const later = [];
    for (; followers[node].length; node = followers[node][0], depth++)
      for (const other of followers[node].slice(1)) later.push({ node: other, from: depth, row: rows.length });
    rows.push({ leaf: node, from, row, path: pathTo(branches, node) });
    waiting.push(...later);
  }
  return rows;
}

// What can be read from a state

/** @param {State} state */
export const sides = state => (state.compare ? [0, 1] : [0]);

/** @param {State} state @param {number} node */
export const isEnd = (state, node) => node > 0 && state.branches[node - 1][1] === state.end;

/** @param {State} state */
export const busy = state => state.run !== null || state.chase > 0;

/** The settings that need a token now: B alone while it catches up. @param {State} state */
export const writers = state =>
  (state.chase ? [1] : state.run ? sides(state) : []).filter(k => !isEnd(state, state.nodes[k]));

/**
 * The token of setting k whose place the reader looks at (null: the one that comes next) and the node before it.
 * @param {State} state @param {number} k
 */
export function lookedAt(state, k) {
  const last = state.nodes[k], asked = [state.hover, state.locked].find(place => place?.k === k)?.node ?? -1;
  const node = pathTo(state.branches, last).includes(asked) ? asked : isEnd(state, last) ? last : null;
  return { node, before: node === null ? last : state.branches[node - 1][0], asked: node === asked };
}

// What happens

/** @param {{ size: number, end: number | null }} vocabulary @returns {State} */
export const begin = ({ size, end }) => ({
  size, end, prompt: null, ids: [], compare: null, branches: [], nodes: [0, 0], given: null, forests: new Map(),
  run: null, chase: 0, hover: null, locked: null, note: null, save: null,
});

/** @param {State} state @param {PlayEvent} event @returns {State} */
export function after(state, event) {
  const next = settled(react(state, event)), asked = event.type === "prompt" || event.type === "traits";
  return busy(state) && !busy(next) && !asked ? saved(next) : next; // what was written is told at the end
}

/** @param {State} state @param {PlayEvent} event @returns {State} */
function react(state, event) {
  const { branches, nodes } = state;
  switch (event.type) {
    case "prompt": return prompted(state, event);
    case "traits": return changed(state, event);
    case "wrote": return wrote(state, event.ids);
    case "step": return started(state, 1);
    case "run": return state.run ? stopped(state) : started(state, RUN);
    case "back": return moved(state, nodes.map(node => (node ? branches[node - 1][0] : 0)));
    case "home": return moved(state, [0, 0]);
    case "again": { // as many tokens as there are, from the prompt on, with the settings as they are now
      const tokens = Math.max(1, ...sides(state).map(k => pathTo(branches, nodes[k]).length));
      return started(moved(state, [0, 0]), tokens);
    }
    case "branch": return moved(state, [event.leaf, state.compare ? nodes[1] : event.leaf], { what: "branch" });
    case "end": return state.locked ? moved(state, placed(state, state.locked)) : state;
    case "take": return took(state, event);
    case "look": return { ...state, hover: event.place };
    case "lock": {
      const { k, node } = event.place, again = state.locked?.k === k && state.locked.node === node;
      return { ...state, locked: again ? null : event.place };
    }
    case "note": return { ...state, note: event.note };
  }
}

/** @param {State} state @returns {State} */
const saved = state => ({
  ...state, given: state.branches, save: { branches: state.branches, node: state.nodes[0], node_b: state.nodes[1] },
});

/** @param {State} state */
const full = state => state.branches.length >= NODES;

/** Can't these settings go on? @param {State} state @param {number[]} ks */
const stuck = (state, ks) => full(state) || ks.every(k => isEnd(state, state.nodes[k]));

/** Ends whatever has nothing left to write. @param {State} state @returns {State} */
function settled(state) {
  const next = state.chase && stuck(state, [1]) ? { ...state, chase: 0 } : state;
  return next.run && (!next.run.left || stuck(next, sides(next))) ? stopped(next) : next;
}

/** @param {State} state @returns {State} */
function stopped(state) {
  if (!state.run) return { ...state, chase: 0 };
  const { left, written } = state.run, over = sides(state).every(k => isEnd(state, state.nodes[k]));
  /** @type {Note | null} */
  const note = over ? { what: "ended" } : full(state) ? { what: "full" }
    : !left && written >= RUN ? { what: "paused", tokens: written } : null;
  return { ...state, run: null, chase: 0, note };
}

/** @param {State} state @param {number[]} nodes @param {Note | null} note */
const moved = (state, nodes, note = null) =>
  saved({ ...stopped(state), nodes, note, hover: null, locked: null });

/** @param {State} state @param {Place} place */
const placed = (state, { k, node }) => state.nodes.map((old, i) => (i === k ? node : old));

/** @param {State} state @param {number} tokens @returns {State} */
function started(state, tokens) {
  if (!state.ids.length) return state;
  if (full(state)) return { ...state, note: { what: "full" } };
  if (stuck(state, sides(state))) return { ...state, note: { what: "over" } };
  return { ...state, run: { left: tokens, written: 0 }, note: null, hover: null, locked: null };
}

/** @param {State} state @param {number[]} ids @returns {State} */
function wrote(state, ids) {
  let { branches, nodes, chase, run } = state;
  writers(state).forEach((k, i) => {
    if (branches.length >= NODES) return;
    const [tree, node] = grown(branches, nodes[k], ids[i]);
    branches = tree;
    nodes = nodes.map((old, j) => (j === k ? node : old));
  });
  if (chase) chase--;
  else if (run) run = { left: run.left - 1, written: run.written + 1 };
  return { ...state, branches, nodes, chase, run };
}

/** The reader takes another token. @param {State} state @param {{ k: number, id: number }} choice @returns {State} */
function took(state, { k, id }) {
  const { branches, nodes, locked } = state;
  const node = locked?.k === k ? locked.node : isEnd(state, nodes[k]) ? nodes[k] : 0; // in whose place
  const [tree, taken] = grown(branches, node ? branches[node - 1][0] : nodes[k], id);
  if (tree.length > NODES) return { ...state, note: { what: "full" } };
  return moved({ ...state, branches: tree }, placed(state, { k, node: taken }), { what: "took", id });
}

/** Another prompt has another tree: its own from before, or none. @param {State} state @param {Prompted} event */
function prompted(state, { prompt, ids, branches }) {
  const forests = new Map(state.forests);
  if (state.branches.length) forests.set(state.prompt, { branches: state.branches, nodes: state.nodes });
  else forests.delete(state.prompt);
  const next = { ...stopped(state), prompt, ids, forests, note: null, hover: null, locked: null };
  if (branches !== state.given) return next; // the traits bring its tree
  return saved({ ...next, ...(forests.get(prompt) ?? { branches: [], nodes: [0, 0] }) });
}

/** What Python, an address, or `save` has set. @param {State} state @param {Traits} traits @returns {State} */
function changed(state, traits) {
  const elsewhere = traits.branches !== state.given;
  let { branches, nodes, hover, locked, chase } = state;
  if (elsewhere) {
    branches = sound(traits.branches, state.size) ? traits.branches : [];
    hover = locked = null;
  }
  if (elsewhere || !busy(state)) nodes = traits.nodes.map(node => (node <= branches.length ? node : 0));
  if (!traits.compare) chase = 0;
  else if (state.compare === false) { // B begins at the prompt and writes as much as A has
    nodes = [nodes[0], 0];
    chase = pathTo(branches, nodes[0]).length;
  }
  if (locked && !pathTo(branches, nodes[locked.k]).includes(locked.node)) locked = null;
  return { ...state, branches, nodes, hover, locked, chase, given: traits.branches, compare: traits.compare };
}

// The pace

const SLOW = 1400, FAST = 280; // milliseconds a word

/**
 * Milliseconds for the next word of a run that has written some. Fast gets up to speed: the first words show how it's
 * done. @param {string} speed @param {number} written
 */
export const paceOf = (speed, written) =>
  (speed === "instant" ? 0 : speed === "slow" ? SLOW : Math.max(FAST, SLOW * 0.7 ** written));

/** How far a word has come: the bars move, the dart falls, the word flies. @param {number} x  of its time, 0 to 1 */
export function flightAt(x) {
  const part = (/** @type {number} */ a, /** @type {number} */ b) => Math.max(0, Math.min(1, (x - a) / (b - a)));
  return { fall: part(0.3, 0.55), fly: part(0.62, 1) };
}

// What the model's scores say

/** log Σ exp(z): a token's log-probability is its logit minus this. @param {Float32Array} logits */
export function logSumExp(logits) {
  const top = logits[argmax(logits)];
  let sum = 0;
  for (const z of logits) sum += Math.exp(z - top);
  return top + Math.log(sum);
}

/** The number in [0, 1) that draws the token after a node at this depth. @param {number} seed @param {number} depth */
export const chance = (seed, depth) => mulberry32((seed + Math.imul(depth, 0x6d2b79f5)) >>> 0)();

/**
 * The token that's drawn after these logits, at this depth of the tree.
 * @param {ArrayLike<number>} logits @param {number[]} setting @param {number} seed @param {number} depth
 */
export const nextToken = (logits, setting, seed, depth) =>
  draw(cutDistribution(Float64Array.from(logits), setting), chance(seed, depth));

/** A token's place among all, from 1. @param {ArrayLike<number>} logits @param {number} id */
export function rankOf(logits, id) {
  let rank = 1;
  for (let i = 0; i < logits.length; i++)
    if (logits[i] > logits[id] || (logits[i] === logits[id] && i < id)) rank++;
  return rank;
}

/** How surprising a token was: 0 for p ≥ 0.5, then 1 for 0.1, 2 for 0.01, 3 for less. @param {number} logp */
export const surpriseLevel = logp => [0.5, 0.1, 0.01].filter(limit => logp < Math.log(limit)).length;

/**
 * The bars at one place: the most probable tokens, and always the one drawn and the one that's there (or null).
 * p: all that the token is drawn from; rank: of the one that's there, from 1; others: the probability of all the rest;
 * cut: how many tokens are cut off.
 * @param {ArrayLike<number>} logits @param {number[]} setting @param {number} drawn @param {number | null} there
 * @param {number} most  bars
 */
export function barsOf(logits, setting, drawn, there, most) {
  const scores = Float64Array.from(logits), p = cutDistribution(scores, setting), own = softmax(scores);
  const order = ranking(scores), ids = [...new Set([drawn, there ?? drawn, ...order])].slice(0, most)
    .sort((a, b) => scores[b] - scores[a] || a - b);
  let others = 0, cut = 0;
  p.forEach((v, id) => {
    if (v === 0) cut++;
    if (!ids.includes(id)) others += v;
  });
  const bars = ids.map(id =>
    ({ id, p: p[id], own: own[id], best: id === order[0], drawn: id === drawn, there: id === there }));
  return { bars, p, rank: there === null ? 0 : rankOf(scores, there), others, cut };
}
