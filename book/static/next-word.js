// A figure or a formula that is wider than the screen scrolls sideways. Then, and only then, the Tab key stops at it.

document.addEventListener("DOMContentLoaded", () => {
  const sizes = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const scrolls = target.scrollWidth > target.clientWidth;
      const what = target.matches("figure") ? "Figure" : "Formula";
      const says = { tabindex: "0", role: "group", "aria-label": `${what}, wider than the screen. The arrow keys scroll it` };
      for (const [name, value] of Object.entries(says)) {
        if (scrolls) target.setAttribute(name, value);
        else target.removeAttribute(name);
      }
    }
  });
  for (const box of document.querySelectorAll("figure.nw-figure:not(.nw-widget), div.math")) sizes.observe(box);
});
