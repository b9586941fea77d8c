import { button, checkbox, h, numberBox, put, select, slider, widget } from "./dom.js";
import { softmax } from "./formulas.js";
import { number } from "./text.js";

export const square = x => x * x;

export default widget(frame => {
  const { model, root, on } = frame;
  const square_shown = h("output", { class: "square" }), text = h("p", { class: "text" });
  root.append(
    h("div", { class: "nw-controls" },
      slider(frame, "x", { label: "x", step: 0.1, shown: number }),
      numberBox(frame, "count", "count"),
      select(frame, "word", "word", [["red", "Red"], ["green", "Green"]]),
      checkbox(frame, "flag", "flag")),
    square_shown, text, button("Reset", () => put(model, { x: 0 })));
  on("x", () => {
    if (model.get("x") === 3) throw new Error("The probe can't take x = 3. Move it back.");
    square_shown.textContent = number(square(model.get("x")) * softmax([0])[0]);
  });
  on("text", () => { text.textContent = model.get("text"); });
});
