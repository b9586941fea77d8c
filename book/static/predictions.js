// The reader's predictions, scored: chapter by chapter, from what this browser has kept. Nothing leaves the device.
{
  const kept = (key) => { try { return JSON.parse(localStorage.getItem(key) ?? "null"); } catch { return null; } };

  /** "open", "declined", "right", or "wrong": as predict.js tells it. */
  const result = ({ options, answer, near, wrong }, guess) => {
    if (guess === null) return "open";
    if (guess === "") return "declined";
    if (options.length) return guess === answer ? "right" : "wrong";
    const known = wrong.some(([low, high]) => guess >= low && guess <= high);
    return !known && guess >= near[0] && guess <= near[1] ? "right" : "wrong";
  };
  globalThis.nextWordPredictions = { result };
  const MARKS = { open: "○", declined: "–", right: "✓", wrong: "✗" };
  const WORDS = { open: "not answered yet", declined: "skipped", right: "right", wrong: "wrong" };

  document.addEventListener("DOMContentLoaded", () => {
    const place = document.querySelector(".nw-predictions");
    if (!place) return;
    const { make } = nextWordPage; // next-word.js
    const chapters = JSON.parse(place.querySelector("script").textContent);
    const plain = (text) => text.replace(/[`*]/g, "");
    let right = 0, guessed = 0, all = 0;
    const lists = chapters.map(({ title, address, questions }) => {
      const rows = questions.map((asked) => {
        const found = result(asked, kept(asked.key));
        all += 1;
        if (found === "right" || found === "wrong") guessed += 1;
        if (found === "right") right += 1;
        const mark = make("span", { class: `nw-mark nw-${found}`, role: "img", "aria-label": WORDS[found] }, MARKS[found]);
        return make("li", {}, mark, plain(asked.question));
      });
      return make("section", {}, make("h2", {}, make("a", { href: address }, title)), make("ul", {}, ...rows));
    });
    const total = make("p", { class: "nw-score" }, ...(guessed
      ? [make("strong", {}, `${right} of ${guessed}`),
        ` right so far. You haven't guessed on ${all - guessed} of the ${all} questions.`]
      : [`You haven't guessed yet. ${all} questions are waiting for you.`]));
    place.append(total, ...lists);
  });
}
