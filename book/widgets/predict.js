// A question that is answered before the result shows. `verdict` says what speaks against a guess; the rest is a form.
// The guess is kept in this browser alone, under the question's own text, so that another page may ask it again.
import { button, enable, h, number, put, widget } from "./dom.js";

// Words in which `code` and *stressed* ones are so: [kind, text] pairs. The same rule as `_marked` in predict.py.
export function marked(text) {
  const parts = [];
  let at = 0;
  for (const found of text.matchAll(/`([^`]+)`|\*(\S(?:[^*]*\S)?)\*/g)) {
    parts.push(["", text.slice(at, found.index)], found[1] ? ["code", found[1]] : ["em", found[2]]);
    at = found.index + found[0].length;
  }
  return [...parts, ["", text.slice(at)]].filter(([, words]) => words);
}

// What to say to a guess: { right, why }. asked: { options, answer, near, wrong }.
export function verdict(guess, { options, answer, near, wrong }) {
  if (options.length) return { right: guess === answer, why: options.find(([option]) => option === guess)[1] };
  const known = wrong.find(([low, high]) => guess >= low && guess <= high);
  if (known) return { right: false, why: known[2] };
  if (guess >= near[0] && guess <= near[1]) return { right: true, why: guess === answer ? "" : "That is near enough." };
  const times = guess / answer;
  return { right: false, why: times >= 2 && Number.isFinite(times) ? `That is ${number(times)} times the answer.`
    : times > 0 && times <= 0.5 ? `The answer is ${number(1 / times)} times that.`
    : guess > answer ? "That is too high." : "That is too low." };
}

// A short key for a question: FNV-1a, 32 bits.
export function key(question) {
  let hash = 0x811c9dc5;
  for (const character of question) hash = Math.imul(hash ^ character.codePointAt(0), 0x01000193) >>> 0;
  return `nw-guess-${hash.toString(16)}`;
}

// Where the browser keeps nothing (private windows, some file: pages), nothing is remembered, and all else works.
const memory = {
  read(name) { try { return JSON.parse(localStorage.getItem(name)); } catch { return null; } },
  write(name, value) { try { localStorage.setItem(name, JSON.stringify(value)); } catch { /* not kept */ } },
  forget(name) { try { localStorage.removeItem(name); } catch { /* nothing was kept */ } },
};

// The outputs that a page shows right below: of the code cells that follow, up to a text or the next question.
function outputsAfter(figure) {
  const found = [];
  for (let cell = figure?.closest(".cell")?.nextElementSibling; cell?.matches(".cell"); cell = cell.nextElementSibling) {
    if (cell.querySelector('[data-widget="Predict"]')) break;
    found.push(...cell.querySelectorAll(".cell_output"));
  }
  return found;
}

export default widget(frame => {
  const { model, root, on, cleanup, safely } = frame;
  const words = text => marked(text).map(([kind, part]) => (kind ? h(kind, {}, part) : part));
  const kept = () => key(model.get("question"));
  const unit = () => (["", "%"].includes(model.get("unit")) ? model.get("unit") : ` ${model.get("unit")}`);
  const spoken = guess => (typeof guess === "number" ? guess.toLocaleString("en-US", { maximumSignificantDigits: 12 }) + unit() : guess.replace(/\.$/, "")); // inside a sentence

  const legend = h("legend"), choices = h("div", { class: "nw-predict-choices" });
  const commit = button("Commit", () => safely(submit));
  const other = button("", () => (model.get("guess") === null ? answered("") : again()), // held down, Enter must not go on
    { class: "nw-predict-other", onkeydown: event => { if (event.repeat) event.preventDefault(); } });
  const told = h("div", { class: "nw-predict-told", role: "status" });
  // A form keeps the radio buttons of two questions apart. JupyterLab keeps Enter from submitting one, so keys are read here.
  const enter = event => { if (event.key === "Enter" && event.target.tagName === "INPUT") safely(submit); };
  root.append(h("form", { class: "nw-predict", novalidate: true, onkeydown: enter, onsubmit: event => event.preventDefault() },
    h("fieldset", {}, legend, choices), h("div", { class: "nw-row" }, commit, other), told));

  const inputs = () => [...choices.querySelectorAll("input")];
  const isNumber = () => !model.get("options").length;
  function picked() {
    if (!isNumber()) return model.get("options")[inputs().findIndex(input => input.checked)]?.[0] ?? null;
    const typed = inputs()[0].value.trim();
    return typed === "" ? null : Number(typed);
  }
  function outside(value) {
    const low = model.get("low") ?? -Infinity, high = model.get("high") ?? Infinity;
    return !(Number.isFinite(value) && value >= low && value <= high);
  }
  function range() {
    const [low, high] = ["low", "high"].map(end => model.get(end)?.toLocaleString("en-US"));
    return low && high ? ` from ${low} to ${high}` : low ? ` of at least ${low}` : high ? ` of at most ${high}` : "";
  }
  function submit() {
    const guess = picked();
    if (commit.getAttribute("aria-disabled") === "true") return;
    if (guess !== null && !(isNumber() && outside(guess))) answered(guess);
    else say(`${isNumber() ? `Type a number${range()}` : "Choose one"} first. A wrong guess is worth more than no guess.`);
  }
  const say = text => told.replaceChildren(h("p", {}, text));
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
    if (model.get("guess") === null) told.replaceChildren();
    enable(model.get("guess") === null || model.get("guess") !== picked(), commit);
  }

  function ask() {
    legend.replaceChildren(h("b", {}, "Predict first. "), ...words(model.get("question")));
    choices.replaceChildren(...isNumber()
      ? [h("label", { class: "nw-field nw-predict-number" }, h("span", {}, "Your guess"),
        h("input", { type: "number", step: "any", min: model.get("low"), max: model.get("high"), inputmode: "decimal", oninput: changed }),
        model.get("unit") && h("span", {}, model.get("unit")))]
      : model.get("options").map(([option]) => h("label", { class: "nw-predict-option" },
        h("input", { type: "radio", name: "guess", onchange: changed }), h("span", {}, ...words(option)), h("em"))));
  }

  function tell() {
    const guess = model.get("guess"), options = model.get("options"), answer = model.get("answer");
    inputs().forEach((input, i) => {
      if (isNumber()) { if (guess === null || typeof guess === "number" && Number(input.value) !== guess) input.value = guess ?? ""; return; }
      const option = options[i][0], mine = guess === option, right = guess !== null && answer === option;
      input.checked = mine || guess === "" && input.checked;
      input.parentElement.classList.toggle("nw-predict-right", right);
      input.parentElement.classList.toggle("nw-predict-mine", mine);
      input.parentElement.lastChild.textContent = right ? (mine ? "✓ your guess" : "✓ the answer") : mine ? "your guess" : "";
    });
    other.textContent = guess === null ? "I don’t want to guess" : "Ask me again";
    changed();
    if (guess === null) return;
    const { right, why } = guess === "" ? { right: false, why: "" } : verdict(guess, { options, answer, near: model.get("near"), wrong: model.get("wrong") });
    const shows = model.get("shows"), because = model.get("because"), known = right && !isNumber(); // then one line says all
    const also = shows && !isNumber() ? ` (${shows})` : "";
    const line = (label, bold, mark, ...more) => h("p", {}, label, h("b", {}, ...words(bold)), mark, ". ", ...words(more.filter(Boolean).join(" ")));
    const reason = isNumber() ? "" : options.find(([option]) => option === answer)[1];
    const others = isNumber() ? model.get("wrong").map(([low, high, said]) => [low === high ? spoken(low) : `${low.toLocaleString("en-US")} to ${spoken(high)}`, said])
      : options.filter(([option]) => option !== answer).map(([option, said]) => [spoken(option), said]);
    const rest = others.filter(([, said]) => said !== why);
    told.replaceChildren(...[
      guess !== "" && line("Your guess: ", spoken(guess), (right ? " ✓" : "") + (known ? also : ""), why, known && because),
      !known && line("The answer: ", isNumber() ? shows + unit() : spoken(answer), also, reason, because),
      rest.length > 0 && h("details", {}, h("summary", {}, "What about the others?"),
        h("ul", {}, rest.map(([option, said]) => h("li", {}, h("b", {}, ...words(option)), ": ", ...words(said))))),
    ].filter(Boolean));
  }

  // Once the figure stands in its page.
  let covers = [];
  const uncover = () => {
    covers.forEach(cover => {
      [...cover.parentElement.children].forEach(child => { child.inert = false; });
      cover.parentElement.classList.remove("nw-covered");
      cover.remove();
    });
    covers = [];
  };
  function cover() {
    if (!model.get("cover") || model.get("guess") !== null) { uncover(); return; }
    if (covers.length) return;
    covers = outputsAfter(root.closest("figure.nw-widget")).map(output => {
      const cover = h("p", { class: "nw-cover" }, "Covered until you guess above.");
      [...output.children].forEach(child => { child.inert = true; });
      output.classList.add("nw-covered");
      output.prepend(cover);
      return cover;
    });
  }
  cleanup(uncover);

  on("question options unit low high", ask);
  const known = memory.read(kept());
  if (model.get("guess") === null && known !== null && (known === "" || (isNumber() ? typeof known === "number" && !outside(known) : model.get("options").some(([option]) => option === known))))
    put(model, { guess: known });
  on("guess question options answer near wrong shows because unit low high", tell);
  const later = requestAnimationFrame(() => safely(() => on("guess cover", cover)));
  cleanup(() => cancelAnimationFrame(later));
});
