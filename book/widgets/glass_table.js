// @ts-check
// The numbers of a glass GPT's picture as a table, for the lane that's chosen: for readers who can't see it, and for
// those who want to compare.
/** @import { Now, readerOf } from "./glass_reader.js" */
/** @import { glass } from "./glass_model.js" */
import { h } from "./dom.js";
import { argmax } from "./formulas.js";
import { shown, stageName } from "./glass_lens.js";
import { share, whole } from "./text.js";

const HEADS = ["after", "size of the stream", "where each head looks most", "prediction here"];

/** @param {ReturnType<typeof readerOf>} reader @param {ReturnType<typeof glass>} g @param {Now} now */
export function tableOf({ L, H, C, names, label, weightOf, saidAfter }, g, { ids, lane }) {
  const name = (/** @type {number} */ t) => `“${label(ids[t])}”`;
  /** @param {number} block */
  const looks = block =>
    Array.from({ length: H }, (_, head) => {
      const weights = ids.map((_, from) => weightOf(block, head, from, lane)),
        most = argmax(weights);
      return `${head + 1}: ${name(most)} ${share(weights[most])}`;
    }).join("; ");
  const rows = Array.from({ length: 2 * L + 1 }, (_, stage) => {
    const { id, p } = saidAfter(stage),
      long = Math.hypot(...g.stream[stage].subarray(lane * C, (lane + 1) * C));
    const where = stage % 2 ? looks((stage - 1) / 2) : "";
    return h(
      "tr",
      {},
      h("th", { scope: "row" }, stageName(stage, names)),
      [shown(long, 2), where, `“${label(id)}” ${share(p)}`].map(text => h("td", {}, text)),
    );
  });
  return h(
    "table",
    {},
    h("caption", {}, `For ${name(lane)}, token ${lane + 1} of ${whole(ids.length)}`),
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        HEADS.map(text => h("th", { scope: "col" }, text)),
      ),
    ),
    h("tbody", {}, rows),
  );
}
