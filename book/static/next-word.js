// What every page of the site does: one switch that shows all code, how far the reader is, cards at links, the map, the
// wall of widgets, and figures and formulas wider than the screen, which scroll sideways.
{
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value));
    element.append(...children);
    return element;
  };
  const remembered = {  // some browsers keep nothing: private windows, some file: pages
    get(name) { try { return localStorage.getItem(name); } catch { return null; } },
    set(name, value) { try { localStorage.setItem(name, value); } catch { /* not kept */ } },
  };

  // A figure, a formula, or a printed table that's wider than the screen scrolls. Only then does Tab stop at it.
  function scrollers() {
    const sizes = new ResizeObserver((entries) => {
      for (const { target } of entries) {
        const scrolls = target.scrollWidth > target.clientWidth;
        const what = target.matches("figure") ? "figure" : target.matches("pre") ? "table" : "formula";
        const label = `Wide ${what}: use the arrow keys to scroll`;
        for (const [name, value] of Object.entries({ tabindex: "0", role: "group", "aria-label": label })) {
          if (scrolls) target.setAttribute(name, value);
          else target.removeAttribute(name);
        }
      }
    });
    const wide = "figure.nw-figure:not(.nw-widget), div.math, div.nw-columns pre";
    for (const box of document.querySelectorAll(wide)) sizes.observe(box);
  }

  // All code: one switch in the header, for every page of the book
  function codeSwitch() {
    const folds = [...document.querySelectorAll("div.cell details.hide")];
    const place = document.querySelector(".header-article-items__end .article-header-buttons");
    if (!folds.length || !place) return;
    const name = "nw-all-code";
    const button = make("button", { type: "button", class: "btn btn-sm nav-link nw-all-code" }, "Show all code");
    const show = (all) => {
      folds.forEach((fold) => { fold.open = all; });
      button.setAttribute("aria-pressed", String(all));
      button.textContent = all ? "Hide all code" : "Show all code";
    };
    button.addEventListener("click", () => {
      const all = button.getAttribute("aria-pressed") !== "true";
      const parts = [...document.querySelectorAll(".bd-article :is(h1, h2, h3, p, li, figure)")];
      const seen = parts.find((part) => part.getBoundingClientRect().top >= 60 && !part.closest("details"));
      const before = seen?.getBoundingClientRect().top;
      remembered.set(name, all ? "yes" : "");
      show(all);
      if (seen && scrollY) scrollBy({ top: seen.getBoundingClientRect().top - before, behavior: "instant" }); // the same place
    });
    place.prepend(button);
    show(remembered.get(name) === "yes");
  }

  // How far the reader is: a line below the header, and a mark at each section of the list
  function progress() {
    const article = document.querySelector(".bd-article");
    if (!article || !document.querySelector("div.cell")) return;
    const bar = make("div", { class: "nw-progress", "aria-hidden": "true" }, make("i"));
    document.body.append(bar);
    const links = [...document.querySelectorAll(".bd-sidebar-secondary .page-toc a")];
    const sections = links.map((link) => document.getElementById(decodeURIComponent(link.hash.slice(1))));
    let waiting = 0;
    const show = () => {
      waiting = 0;
      const { top, height } = article.getBoundingClientRect(), far = innerHeight - top;
      bar.firstChild.style.width = `${Math.max(0, Math.min(100, (100 * far) / height))}%`;
      links.forEach((link, i) => {
        const end = sections[i]?.getBoundingClientRect().bottom ?? Infinity;
        link.classList.toggle("nw-read", end < innerHeight * 0.6);
      });
    };
    const plan = () => { waiting ||= requestAnimationFrame(show); };
    addEventListener("scroll", plan, { passive: true });
    addEventListener("resize", plan);
    show();
  }

  // Cards: what a link to the glossary, the bibliography, or a figure leads to
  function cards() {
    const data = document.querySelector("script.nw-cards");
    const entries = data ? JSON.parse(data.textContent) : {};
    const card = make("div", { class: "nw-card", role: "tooltip", id: "nw-card", hidden: "" });
    document.body.append(card);
    let timer = 0, at = null;
    const figureAfter = (anchor) => [...document.querySelectorAll("figure.nw-figure")]
      .find((figure) => anchor.compareDocumentPosition(figure) & Node.DOCUMENT_POSITION_FOLLOWING);
    const contentOf = (link) => {
      const [, page, anchor] = /(?:(glossary|bibliography)\.html)?#([\w-]+)$/.exec(link.getAttribute("href")) ?? [];
      const entry = entries[`${page}#${anchor}`];
      if (entry) return [entry[0] && make("b", {}, entry[0]), make("p", {}, entry[1])].filter(Boolean);
      const target = !page && /^fig-/.test(anchor ?? "") && document.getElementById(anchor);
      const figure = target && figureAfter(target);
      const still = figure && (figure.querySelector(".nw-still > svg, :scope > svg") ?? figure.querySelector(".nw-title"));
      return still ? [still.cloneNode(true)] : [];
    };
    const hide = () => {
      clearTimeout(timer);
      card.hidden = true;
      at?.removeAttribute("aria-describedby");
      at = null;
    };
    const show = (link) => {
      const content = contentOf(link);
      if (!content.length) return;
      at = link;
      card.replaceChildren(...content);
      card.classList.toggle("nw-card-figure", content[0].tagName !== "P" && content[0].tagName !== "B");
      card.hidden = false;
      link.setAttribute("aria-describedby", "nw-card");
      const boxes = [...link.getClientRects()], { width, height } = card.getBoundingClientRect(); // one for each line
      const above = boxes.at(-1).bottom + height + 12 > innerHeight && boxes[0].top > height + 12;
      const box = above ? boxes[0] : boxes.at(-1);
      card.style.left = `${Math.max(8, Math.min(innerWidth - width - 24, box.left)) + scrollX}px`;
      card.style.top = `${(above ? box.top - height - 8 : box.bottom + 8) + scrollY}px`;
    };
    for (const link of document.querySelectorAll(".bd-article a[href*='#']")) {
      link.addEventListener("pointerenter", ({ pointerType }) => {
        clearTimeout(timer);
        if (pointerType !== "touch") timer = setTimeout(show, 180, link);
      });
      link.addEventListener("pointerleave", () => { clearTimeout(timer); timer = setTimeout(hide, 200); });
      link.addEventListener("focus", () => { if (link.matches(":focus-visible")) show(link); });
      link.addEventListener("blur", hide);
    }
    card.addEventListener("pointerenter", () => clearTimeout(timer));
    card.addEventListener("pointerleave", hide);
    addEventListener("keydown", ({ key }) => { if (key === "Escape") hide(); });
    addEventListener("resize", hide);
  }

  // The map: at a chapter, what it uses and what uses it
  function map() {
    const all = [...document.querySelectorAll(".nw-book-map a")];
    const uses = (link) => link.dataset.uses.split(" ").filter(Boolean);
    const light = (link) => {
      const number = link?.dataset.chapter, near = link && [number, ...uses(link)];
      all.forEach((other) => {
        const dim = link && !near.includes(other.dataset.chapter) && !uses(other).includes(number);
        other.classList.toggle("nw-dim", Boolean(dim));
      });
      document.querySelectorAll(".nw-book-map [data-line]").forEach((line) => {
        line.classList.toggle("nw-dim", Boolean(link && !near.includes(line.dataset.line)));
      });
    };
    for (const link of all) {
      for (const event of ["pointerenter", "focus"]) link.addEventListener(event, () => light(link));
      for (const event of ["pointerleave", "blur"]) link.addEventListener(event, () => light(null));
    }
  }

  // The wall: a small figure becomes a large one
  function wall() {
    const asked = Number(new URLSearchParams(location.hash.slice(1)).get("widget")); // a link to a figure's settings
    const wanted = document.querySelectorAll("figure.nw-widget")[asked - 1]?.closest(".nw-mini");
    for (const card of document.querySelectorAll(".nw-mini")) {
      const figure = card.querySelector(".nw-mini-figure"), button = card.querySelector(".nw-mini-links button");
      if (!button) continue; // only a picture
      figure.inert = true;
      button.addEventListener("click", () => {
        const open = card.classList.toggle("nw-mini-open");
        figure.inert = !open;
        button.setAttribute("aria-expanded", String(open));
        button.textContent = open ? "Make it small again" : "Try it here";
        card.scrollIntoView({ block: "nearest" });
      });
      if (card === wanted) button.click();
    }
  }

  globalThis.nextWordPage = { make };
  document.addEventListener("DOMContentLoaded", () => [scrollers, codeSwitch, progress, cards, map, wall].forEach((f) => f()));
}
