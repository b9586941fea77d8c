// @ts-check
// A question to answer before the result shows. `verdict` says what's wrong with a guess; the rest is a form.
// The guess stays in this browser, under the question's own text, so another page may ask it again.
/** @import { Child } from "./types.js" */
import { button, enable, h, put, widget } from "./dom.js";
import { number } from "./text.js";

/** @typedef {[option: string, why: string]} Option */
/** @typedef {[low: number, high: number, why: string]} Wrong  numbers that come from one mistake */
/** @typedef {{ options: Option[], answer: any, near: number[], wrong: Wrong[] }} Asked */

/**
 * Text in which `code` and *emphasis* are marked: [kind, words] pairs. The same rule as `_marked` in predict.py.
 * @param {string} text
 */
export function marked(text) {
  /** @type {["" | "code" | "em", string][]} */
  const parts = [];
  let at = 0;
  for (const found of text.matchAll(/`([^`]+)`|\*(\S(?:[^*]*\S)?)\*/g)) {
    parts.push(["", text.slice(at, found.index)], found[1] ? ["code", found[1]] : ["em", found[2]]);
    at = found.index + found[0].length;
  }
  parts.push(["", text.slice(at)]);
  return parts.filter(([, words]) => words);
}

/**
 * What to say about a guess.
 * @param {any} guess
 * @param {Asked} asked
 * @returns {{ right: boolean, why: string }}
 */
export function verdict(guess, { options, answer, near, wrong }) {
  if (options.length) return { right: guess === answer, why: options.find(([option]) => option === guess)?.[1] ?? "" };
  const known = wrong.find(([low, high]) => guess >= low && guess <= high);
  if (known) return { right: false, why: known[2] };
  if (guess >= near[0] && guess <= near[1]) return { right: true, why: guess === answer ? "" : "Close enough." };
  const times = guess / answer;
  return { right: false, why: times >= 2 && Number.isFinite(times) ? `That's ${number(times)} times the answer.`
    : times > 0 && times <= 0.5 ? `The answer is ${number(1 / times)} times that.`
    : guess > answer ? "That's too high." : "That's too low." };
}

/** A short key for a question: FNV-1a, 32 bits. @param {string} question */
export function key(question) {
  let hash = 0x811c9dc5;
  for (const character of question) hash = Math.imul(hash ^ Number(character.codePointAt(0)), 0x01000193) >>> 0;
  return `nw-guess-${hash.toString(16)}`;
}

// Some browsers keep nothing (private windows, some file: pages). Then we remember nothing, and the rest still works.
const memory = {
  /** @param {string} name */
  read(name) { try { return JSON.parse(localStorage.getItem(name) ?? "null"); } catch { return null; } },
  /** @param {string} name @param {unknown} value */
  write(name, value) { try { localStorage.setItem(name, JSON.stringify(value)); } catch { /* not kept */ } },
  /** @param {string} name */
  forget(name) { try { localStorage.removeItem(name); } catch { /* there was nothing */ } },
};

/**
 * What would give a question's answer away: the outputs of the cells that follow `figure`, up to the next text or
 * question, and that text.
 * @param {Element | null} figure
 */
function resultsAfter(figure) {
  const outputs = /** @type {HTMLElement[]} */ ([]), texts = /** @type {Element[]} */ ([]);
  let part = figure?.closest(".cell")?.nextElementSibling;
  for (; part?.matches(".cell") && !part.querySelector('[data-widget="Predict"]'); part = part.nextElementSibling)
    outputs.push(.../** @type {NodeListOf<HTMLElement>} */ (part.querySelectorAll(".cell_output")));
  for (; outputs.length && part && !part.matches(".cell, section, h2, h3"); part = part.nextElementSibling)
    texts.push(part);
  return { outputs, texts };
}

/** @param {string} text @returns {Child[]} */
const words = text => marked(text).map(([kind, part]) => (kind ? h(kind, {}, part) : part));

/** @param {number} x */
const typed = x => x.toLocaleString("en-US", { maximumSignificantDigits: 12 });

export default widget(frame => {
  const { model, root, on, cleanup, safely } = frame, get = model.get;
  const kept = () => key(get("question"));
  const unit = () => (["", "%"].includes(get("unit")) ? get("unit") : ` ${get("unit")}`);
  /** A guess inside a sentence. @param {number | string} guess @returns {string} */
  const spoken = guess => (typeof guess === "number" ? typed(guess) + unit() : guess.replace(/\.$/, ""));

  const legend = h("legend"), choices = h("div", { class: "nw-predict-choices" });
  const commit = button("Commit", () => safely(submit));
  const other = button("", () => (get("guess") === null ? answered("") : again()), {
    class: "nw-predict-other",
    onkeydown: event => { if (event.repeat) event.preventDefault(); }, // held down, Enter must not go on
  });
  const told = h("div", { class: "nw-predict-told", role: "status" });
  // A form keeps the radio buttons of two questions apart. JupyterLab keeps Enter from submitting it, so we read keys.
  root.append(h("form", {
    class: "nw-predict", "aria-label": "Predict first", novalidate: true, onsubmit: event => event.preventDefault(),
    onkeydown: event => { if (event.key === "Enter" && event.target instanceof HTMLInputElement) safely(submit); },
  }, h("fieldset", {}, legend, choices), h("div", { class: "nw-row" }, commit, other), told));

  const inputs = () => [...choices.querySelectorAll("input")], isNumber = () => !get("options").length;
  function picked() {
    if (!isNumber()) return get("options")[inputs().findIndex(input => input.checked)]?.[0] ?? null;
    const text = inputs()[0].value.trim();
    return text === "" ? null : Number(text);
  }
  /** @param {number} value */
  function outside(value) {
    const low = get("low") ?? -Infinity, high = get("high") ?? Infinity;
    return !(Number.isFinite(value) && value >= low && value <= high);
  }
  function bounds() {
    const [low, high] = ["low", "high"].map(end => get(end)?.toLocaleString("en-US"));
    return low && high ? ` from ${low} to ${high}` : low ? ` of at least ${low}` : high ? ` of at most ${high}` : "";
  }
  function submit() {
    const guess = picked();
    if (commit.getAttribute("aria-disabled") === "true") return;
    if (guess !== null && !(isNumber() && outside(guess))) answered(guess);
    else say(`First, ${isNumber() ? `type a number${bounds()}` : "pick one"}. A wrong guess beats no guess.`);
  }
  /** @param {string} text */
  const say = text => told.replaceChildren(h("p", {}, text));
  /** @param {unknown} guess */
  function answered(guess) {
    memory.write(kept(), guess);
    put(model, { guess });
  }
  function again() {
    memory.forget(kept());
    put(model, { guess: null });
    inputs()[0].focus();
  }
  function changed() {
    if (get("guess") === null) told.replaceChildren();
    enable(get("guess") === null || get("guess") !== picked(), commit);
  }

  function ask() {
    legend.replaceChildren(h("b", {}, "Predict first. "), .../** @type {Node[]} */ (words(get("question"))));
    choices.replaceChildren(...isNumber()
      ? [h("label", { class: "nw-field nw-predict-number" }, h("span", {}, "Your guess"),
        h("input", {
          type: "number", step: "any", min: get("low"), max: get("high"), inputmode: "decimal", oninput: changed,
        }),
        get("unit") && h("span", {}, get("unit")))]
      : get("options").map((/** @type {Option} */ [option]) => h("label", { class: "nw-predict-option" },
        h("input", { type: "radio", name: "guess", onchange: changed }), h("span", {}, words(option)), h("em"))));
  }

  /** Marks the guess and the answer among the options. @param {any} guess */
  function mark(guess) {
    inputs().forEach((input, i) => {
      const option = get("options")[i][0], mine = guess === option, right = guess !== null && get("answer") === option;
      const label = /** @type {HTMLElement} */ (input.parentElement);
      input.checked = mine;
      label.classList.toggle("nw-predict-right", right);
      label.classList.toggle("nw-predict-mine", mine);
      /** @type {Element} */ (label.lastElementChild).textContent =
        right ? (mine ? "✓ your guess" : "✓ the answer") : mine ? "your guess" : "";
    });
  }

  function tell() {
    const guess = get("guess"), answer = get("answer"), shows = get("shows"), because = get("because");
    /** @type {Option[]} */
    const options = get("options");
    if (!isNumber()) mark(guess);
    else if (guess === null || (typeof guess === "number" && Number(inputs()[0].value) !== guess))
      inputs()[0].value = guess ?? "";
    other.textContent = guess === null ? "I don't want to guess" : "Ask me again";
    changed();
    if (guess === null) return;
    const asked = { options, answer, near: get("near"), wrong: get("wrong") };
    const { right, why } = guess === "" ? { right: false, why: "" } : verdict(guess, asked);
    const known = right && !isNumber(); // then one line says it all
    const also = shows && !isNumber() ? ` (${shows})` : "", value = isNumber() ? shows + unit() : spoken(answer);
    const reason = isNumber() ? "" : options.find(([option]) => option === answer)?.[1];
    /** @param {string} label @param {string} bold @param {string} mark @param {...(string | false | undefined)} more */
    const line = (label, bold, mark, ...more) =>
      h("p", {}, label, h("b", {}, words(bold)), `${mark}. `, words(more.filter(Boolean).join(" ")));
    /** @type {[string, string][]} */
    const others = isNumber()
      ? get("wrong").map((/** @type {Wrong} */ [low, high, said]) =>
        [low === high ? spoken(low) : `${low.toLocaleString("en-US")} to ${spoken(high)}`, said])
      : options.filter(([option]) => option !== answer).map(([option, said]) => [spoken(option), said]);
    const rest = others.filter(([, said]) => said !== why);
    told.replaceChildren(
      ...(guess === "" ? []
        : [line("Your guess: ", spoken(guess), (right ? " ✓" : "") + (known ? also : ""), why, known && because)]),
      ...(known ? [] : [line("The answer: ", value, also, reason, because)]),
      ...(rest.length ? [h("details", {}, h("summary", {}, isNumber() ? "Other guesses" : "What about the others?"),
        h("ul", {}, rest.map(([option, said]) => h("li", {}, h("b", {}, words(option)), ": ", words(said)))))] : []));
  }

  // Once the figure is in its page
  let covers = /** @type {HTMLElement[]} */ ([]), spoilers = /** @type {Element[]} */ ([]);
  /** @param {Element | null} output @param {boolean} hide */
  const cut = (output, hide) => {
    for (const child of output?.children ?? []) /** @type {HTMLElement} */ (child).inert = hide;
    output?.classList.toggle("nw-covered", hide);
  };
  const uncover = () => {
    covers.forEach(cover => { cut(cover.parentElement, false); cover.remove(); });
    spoilers.forEach(part => part.classList.remove("nw-covered-text"));
    covers = spoilers = [];
  };
  function cover() {
    if (!get("cover") || get("guess") !== null) return uncover();
    if (covers.length) return;
    const { outputs, texts } = resultsAfter(root.closest("figure.nw-widget"));
    covers = outputs.map(output => {
      const cover = h("p", { class: "nw-cover" }, "Hidden until you guess above.");
      cut(output, true);
      output.prepend(cover);
      return cover;
    });
    spoilers = texts;
    spoilers.forEach(part => part.classList.add("nw-covered-text"));
  }
  cleanup(uncover);

  on("question options unit low high", ask);
  const known = memory.read(kept()), among = get("options").some((/** @type {Option} */ [option]) => option === known);
  const fits = known === "" || (isNumber() ? typeof known === "number" && !outside(known) : among);
  if (get("guess") === null && known !== null && fits) put(model, { guess: known });
  on("guess question options answer near wrong shows because unit low high", tell);
  const later = requestAnimationFrame(() => safely(() => on("guess cover", cover)));
  cleanup(() => cancelAnimationFrame(later));
});
