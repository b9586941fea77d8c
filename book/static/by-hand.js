// Exercises by hand, checked on the page: number fields, and what book/exercises/engine.py says about the answers. The
// cell's output brings the numbers along, and a test compares both checkers.
{
  const close = (a, b, whole) => Math.abs(a - b) <= (whole ? 0 : 1e-3 * Math.abs(b)) + 0.005;
  const agree = (given, { value, whole }) => (typeof value === "string"
    ? typeof given === "string" && given.trim().toLowerCase() === value.trim().toLowerCase()
    : typeof given === "number" && close(given, value, whole));
  const negative = ({ value, whole }) => ({ value: -value, whole });
  const shown = (value) => (typeof value === "string" ? `“${value}”` : String(value).replace("-", "−"));

  /** What a reader typed: a number, a fraction such as 1/3, or the text itself; null for nothing. */
  const read = (text, wanted) => {
    const typed = text.trim();
    if (typed === "") return null;
    if (typeof wanted === "string") return typed;
    const plain = typed.replace("−", "-").replace(/(\d),(?=\d{3}\b)/g, "$1"); // 2,288
    const [, top, bottom] = /^([^/]+)\/([^/]+)$/.exec(plain) ?? [, plain, "1"];
    const value = Number(top) / Number(bottom);
    return Number.isFinite(value) ? value : typed;
  };

  /** {passed, about: the name of the answer to look at, message}, as `ByHand.judge`. answers: {name: value or null} */
  const judge = ({ right, wrong }, answers) => {
    const names = Object.keys(right), open = names.filter((name) => answers[name] === null);
    const off = names.find((name) => answers[name] !== null && !agree(answers[name], right[name]));
    const left = open.length ? ` Still to do: ${open.join(", ")}.` : "";
    if (open.length === names.length) return { passed: false, about: "", message: "Type your answers, then check." };
    if (off === undefined)
      return { passed: !open.length, about: "", message: open.length ? `Right so far.${left}` : "All your answers are right." };
    return { passed: false, about: off, message: finding(off, answers[off], right[off], wrong) + left };
  };
  const finding = (name, given, right, wrong) => {
    const known = wrong.find(([values]) => name in values && agree(given, values[name]));
    if (known) return known[1];
    if (typeof given !== typeof right.value)
      return `${name} must be ${typeof right.value === "string" ? "text" : "a number"}; got ${shown(given)}.`;
    const text = `It isn't ${shown(given)}`;
    if (typeof given === "number" && right.value) {
      if (agree(given, negative(right))) return `${text}. Only the sign is wrong.`;
      if (!right.whole && Math.abs(given - right.value) < 0.02 * Math.abs(right.value))
        return `${text}, but that's close. Give three digits.`;
      if (right.value > 0 && right.value <= 1 && agree(given / 100, right))
        return `${text}: write a share as a number from 0 to 1, not as a percentage.`;
    }
    return `${text}.`;
  };
  globalThis.nextWordByHand = { judge, read };

  /** Text with `code` and *emphasis* as elements. */
  const marked = (text) => text.split(/(`[^`]+`|\*\S[^*]*\*)/).map((part) => {
    if (!/^[`*]/.test(part)) return part;
    const element = document.createElement(part[0] === "`" ? "code" : "em");
    element.textContent = part.slice(1, -1);
    return element;
  });

  const build = (place) => {
    const words = JSON.parse(place.querySelector("script").textContent), fields = {};
    const form = document.createElement("form"), said = document.createElement("p");
    form.noValidate = true;
    said.setAttribute("role", "status");
    for (const [name, { value }] of Object.entries(words.right)) {
      const label = document.createElement("label"), input = document.createElement("input");
      Object.assign(input, { type: "text", autocomplete: "off", spellcheck: false });
      if (typeof value === "number") input.inputMode = "decimal";
      label.append(name, input);
      form.append(label);
      fields[name] = input;
    }
    const button = document.createElement("button");
    button.textContent = "Check";
    form.append(button);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const answers = Object.fromEntries(Object.entries(fields).map(([name, input]) =>
        [name, read(input.value, words.right[name].value)]));
      const { passed, about, message } = judge(words, answers);
      for (const [name, input] of Object.entries(fields)) {
        input.classList.toggle("nw-wrong", name === about);
        input.setAttribute("aria-invalid", String(name === about));
      }
      place.classList.toggle("nw-passed", passed);
      const mark = passed ? "✓ " : about ? `✗ ${about}: ` : "";
      said.replaceChildren(mark, ...marked(message));
    });
    place.append(form, said);
  };
  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll(".nw-by-hand").forEach(build));
}
