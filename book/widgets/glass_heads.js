// @ts-check
// What is above the parts of a glass GPT's picture: their names, which open them, and the switches of what's in them.
/** @import { Switches } from "./glass_model.js" */
/** @import { Places } from "./glass_place.js" */
import { button, h } from "./dom.js";
import { HEADS } from "./glass_draw.js";
import { stageName } from "./glass_lens.js";

/**
 * One for the embedding, and for each block's attention and MLP. names: the blocks' numbers if they aren't 1, 2, 3 …
 * switches: whether there are any. choose: a name was pressed. toggle: a switch was, of an item in a trait's list, or
 * of the trait itself (null). look: the pointer is over a head's switch.
 * @param {{ L: number, H: number, names: number[] | null, switches: boolean,
 *   choose: (kind: "embedding" | "attention" | "mlp", block: number) => void,
 *   toggle: (trait: string, item: number | number[] | null) => void, look: (head: number | null) => void }} options
 */
export function headsOf({ L, H, names, switches, choose, toggle, look }) {
  return Array.from({ length: 2 * L + 1 }, (_, stage) => {
    const kind = stage === 0 ? "embedding" : stage % 2 ? "attention" : "mlp",
      block = Math.max(0, Math.ceil(stage / 2) - 1);
    const called = names?.[block] ?? block + 1;
    const text = { embedding: "embedding", attention: `attention ${called}`, mlp: `MLP ${called}` }[kind];
    const title = button(text, () => choose(kind, block), {
      class: "nw-glass-title",
      "aria-label": `Look into ${stageName(stage, names)}`,
    });
    /** @param {string} words @param {string} label @param {() => void} press */
    const chip = (words, label, press, color = "") =>
      button(words, press, { class: "nw-glass-chip", "aria-label": label, style: color ? { "--own": color } : {} });
    const chips = !switches
      ? []
      : kind === "embedding"
        ? [chip("positions", "Positions", () => toggle("positions", null))]
        : kind === "mlp"
          ? [chip("on", `MLP of block ${called}`, () => toggle("mlps_off", block + 1))]
          : Array.from({ length: H }, (_, head) => {
              const one = chip(
                String(head + 1),
                `Head ${head + 1} of block ${called}`,
                () => toggle("heads_off", [block + 1, head + 1]),
                HEADS[head % HEADS.length],
              );
              one.addEventListener("pointerenter", () => look(head));
              one.addEventListener("pointerleave", () => look(null));
              return one;
            });
    const element = h("div", { class: "nw-glass-head" }, title, h("div", { class: "nw-glass-chips" }, chips));

    /** Where it belongs, and which switches are on. sum: whether the embedding shows what it's the sum of.
     * @param {Places} places @param {boolean} sum @param {Switches} now */
    function place({ parts, narrow }, sum, { heads, mlps, positions }) {
      const wanted = kind === "embedding" ? "strip" : kind;
      const part = parts.find(
        one => one.kind === wanted && one.block === block && (kind !== "embedding" || one.stage === 0),
      );
      element.hidden = !part;
      if (!part) return;
      const first = kind === "embedding" ? parts[0] : part,
        whole = kind === "embedding" && sum;
      const from = kind === "embedding" && !sum ? 0 : first.x;
      if (kind === "embedding") title.textContent = whole ? "token + position" : "embedding";
      Object.assign(
        element.style,
        narrow
          ? { top: `${first.y - 50}px`, left: "0", width: "100%" }
          : { left: `${from}px`, width: `${part.x + part.w - from}px`, top: "" },
      );
      element.classList.toggle("nw-glass-first", kind === "embedding" && !sum);
      chips.forEach((one, i) => {
        const off =
          kind === "embedding"
            ? !positions
            : kind === "mlp"
              ? mlps.includes(block)
              : heads.some(([b, head]) => b === block && head === i);
        one.setAttribute("aria-pressed", String(!off));
        if (kind === "mlp") one.textContent = off ? "off" : "on";
      });
    }
    return { element, place };
  });
}
