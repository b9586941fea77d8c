"""What the site's pages show beyond their text.

- Folds: a cell's hidden code is one line that says what it does, the first comment of the code.
- Numbers: "Figure 5.3" above or below each figure, and in links whose text has the word *figure*.
- Tables: printed columns scroll rather than wrap.
- Asides: a quote that begins with **Aside.** goes into the margin, where there is one.
- Cards: what a link to the glossary or the bibliography leads to, for next-word.js to show at the link.
- The strip of the model's parts and the map of the book: each part leads to its chapter.
- The wall: the page of widgets shows each one live, small, as a chapter has it.
- Predictions: a page that knows all questions, and scores the reader's guesses, which stay on the reader's device.
"""

import json
import re
from html import escape

from docutils import nodes

FOLD = re.compile(  # MyST-NB's summary, and the code's first line, if it's a comment
    r'<summary aria-label="Toggle hidden content">\s*<p class="collapsed[^>]*>[^<]*</p>\s*<p class="expanded[^>]*>[^<]*'
    r'</p>\s*</summary>(?=(?P<code>.{,400}?<pre><span></span>(?:<span class="c1">(?P<comment>#[^<]*)</span>)?))',
    re.S,
)
FIGURE = re.compile(r'<figure class="nw-figure(?P<widget> nw-widget" data-widget="(?P<name>\w+))?"')
REFERENCE = re.compile(
    r'(<a class="reference internal" href="#(?P<anchor>fig-[\w-]+)"[^>]*>)(?P<text>.*?)(?=</a>)', re.S
)
ANCHOR = re.compile(r'<a id="(fig-[\w-]+)"></a>')
LINK = re.compile(r'href="[^"#]*(glossary|bibliography)\.html#([\w-]+)"')
COLUMNS = re.compile(r"\S {2,}\S")
PARTS = {  # of the model, and the chapter that is about each
    "text": "01_next_word", "tokens": "04_tokens", "embeddings": "04_tokens", "attention": "05_attention",
    "MLP": "06_transformer", "logits": "03_softmax", "softmax": "03_softmax", "next word": "07_sampling",
}  # fmt: skip
UNNUMBERED = {"Predict"}
WALL, PREDICTIONS = '<div class="nw-wall"></div>', '<div class="nw-predictions"></div>'
NOT_LIVE = {"Chat"}  # its model's address is another one from there
TRY = '<button type="button" aria-expanded="false">Try it here</button>'
WALL_ENDS = {"GlassGPT": 0, "Chat": 2, "Predict": 3}  # the largest figure is the first, the plainest are the last


# Folds, tables, asides


def named(fold: re.Match) -> str:
    """The summary of a fold: the code's first comment, up to a colon or a full stop."""
    comment = re.sub(r"[:.](\s|$).*", "", (fold["comment"] or "# Code").lstrip("# "), flags=re.S)
    return f'<summary class="nw-fold">{comment}</summary>'


def is_table(printed: str) -> bool:
    """Whether most of what a cell printed is in columns."""
    lines = [line for line in printed.splitlines() if line.strip()]
    return len(lines) > 1 and sum(bool(COLUMNS.search(line)) for line in lines) > len(lines) / 2


def mark(app, doctree):
    for node in doctree.findall(nodes.literal_block):
        if "output" in node["classes"] and is_table(node.astext()):
            node["classes"].append("nw-columns")
    for node in doctree.findall(nodes.block_quote):
        first = next(iter(node.findall(nodes.strong)), None)
        if first is not None and first.astext() == "Aside.":
            first.parent.remove(first)
            node["classes"] += ["nw-aside", "margin"]


# Numbers


def numbered(body: str, chapter: str) -> str:
    """The page with a number on each figure, and in the links that lead to one by an anchor before it."""
    numbers, count, places = {}, 0, []
    for found in FIGURE.finditer(body):
        end = body.index("</figure>", found.start())
        has = "nw-number" in body[found.start() : end] or "<figcaption>" in body[found.start() : end]
        if found["name"] in UNNUMBERED or not has:
            continue
        count += 1
        places.append((found.start(), end, f"{chapter}.{count}"))
    for anchor in ANCHOR.finditer(body):
        after = next((number for start, _, number in places if start > anchor.start()), None)
        numbers[anchor[1]] = after
    for start, end, number in reversed(places):
        figure, tag = body[start:end], f'<span class="nw-number">Figure {number}</span>'
        if '<span class="nw-number"></span>' in figure:
            figure = figure.replace('<span class="nw-number"></span>', tag, 1)
        else:
            figure = figure.replace("<figcaption>", f"<figcaption>{tag} ", 1)
        body = body[:start] + figure + body[end:]

    def named(link: re.Match) -> str:
        number = numbers.get(link["anchor"])
        text = re.sub(r"\b([Ff]igure)\b", rf"\1 {number}", link["text"], count=1) if number else link["text"]
        return link[1] + text

    return REFERENCE.sub(named, body)


# Cards


def entries(app) -> dict[str, dict[str, list[str]]]:
    """{page: {anchor: [title, text]}} of the glossary and the bibliography."""
    if not (known := getattr(app, "next_word_entries", None)):
        known = app.next_word_entries = {"glossary": {}, "bibliography": {}}
        for section in app.env.get_doctree("book/pages/glossary").findall(nodes.section):
            text = " ".join(child.astext() for child in section.children[1:] if isinstance(child, nodes.paragraph))
            for anchor in section["ids"] + [section[0].astext().lower().replace(" ", "-")]:
                known["glossary"][anchor] = [section[0].astext(), text]
        for item in app.env.get_doctree("book/pages/bibliography").findall(nodes.list_item):
            anchors = re.findall(r'<a id="([\w-]+)">', " ".join(raw.astext() for raw in item.findall(nodes.raw)))
            text = re.sub(r'<a id="[\w-]+">|</a>', "", item.astext())
            for anchor in anchors:
                known["bibliography"][anchor] = ["", text.strip()]
    return known


def cards(app, body: str) -> str:
    """The data of a page's cards, as a script of JSON; empty if it links to none."""
    found = {}
    for page, anchor in LINK.findall(body):
        if entry := entries(app)[page].get(anchor):
            found[f"{page}#{anchor}"] = entry
    return script("nw-cards", found) if found else ""


def script(name: str, data) -> str:
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return f'<script type="application/json" class="{name}">{text}</script>'


# The strip, the map


def linked_strip(app, body: str, pagename: str) -> str:
    def link(item: re.Match) -> str:
        target = app.builder.get_relative_uri(pagename, f"notebooks/{PARTS[item[2]]}")
        return f'<li{item[1]}><a href="{target}">{item[2]}</a></li>'

    def strip(found: re.Match) -> str:
        return re.sub(r"<li([^>]*)>([\w ]+)</li>", link, found[0])

    return re.sub(r'<ol class="nw-strip".*?</ol>', strip, body, flags=re.S)


def inline_map(app, body: str, pagename: str) -> str:
    """The map as part of the page, so that its chapters are links."""
    if not (picture := re.search(r'<img[^>]*src="[^"]*map\.svg"[^>]*>', body)):
        return body
    svg = (app.srcdir / "book" / "static" / "map.svg").read_text(encoding="utf-8")
    [alt] = re.findall(r'alt="([^"]*)"', picture[0])
    svg = re.sub(r'href="(notebooks/\w+)"', lambda m: f'href="{app.builder.get_relative_uri(pagename, m[1])}"', svg)
    return body.replace(
        picture[0], svg.replace("<svg ", f'<svg class="nw-book-map" role="group" aria-label="{alt}" ', 1)
    )


# The wall of widgets, and the page of predictions


def figures(app) -> list[tuple[str, str, dict]]:
    """(page, HTML, what's in it) of all widgets in all chapters, in the book's order."""
    found = []
    for page in sorted(app.env.found_docs, key=lambda page: (page.endswith("claims"), page)):
        if page.startswith("notebooks/"):
            for raw in app.env.get_doctree(page).findall(nodes.raw):
                for html in re.findall(r'<figure class="nw-figure nw-widget".*?</figure>', raw.astext(), re.S):
                    [data] = re.findall(r'<script type="application/json">(.*?)</script>', html, re.S)
                    found.append((page, html, json.loads(data)))
    return found


def wall(app, pagename: str) -> str:
    """A card for each kind of widget: the first figure of the book that shows it, live, at half its size."""
    first = {}
    for page, html, data in figures(app):
        first.setdefault(re.findall(r'data-widget="(\w+)"', html)[0], (page, html, data))
    made = []
    for name in sorted(first, key=lambda name: (WALL_ENDS.get(name, 1), name)):
        page, html, data = first[name]
        if name in NOT_LIVE:
            html = re.sub(r"<script.*?</script>", "", html, flags=re.S).replace(" nw-widget", "")
        question = data["state"].get("title") or re.sub(r"[*`]", "", data["state"].get("question", ""))
        number = app.env.titles[page].astext().split(".")[0]
        link = f'<span>In <a href="{app.builder.get_relative_uri(pagename, page)}">chapter {number}</a></span>'
        made.append(
            f'<section class="nw-mini"><p><b>{escape(question)}</b> <code>{name}</code></p>'
            f'<div class="nw-mini-figure">{html}</div>'
            f'<p class="nw-mini-links">{"" if name in NOT_LIVE else TRY}{link}</p>'
            "</section>"
        )
    return f'<div class="nw-wall">{"".join(made)}</div>'


def key(question: str) -> str:
    """Where a browser keeps the guess: as in predict.js."""
    found = 0x811C9DC5
    for character in question:
        found = (found ^ ord(character)) * 0x01000193 % 2**32
    return f"nw-guess-{found:x}"


def predictions(app, pagename: str) -> str:
    chapters: dict[str, dict] = {}
    for page, _, data in figures(app):
        state = data["state"]
        if data["module"] == "predict.js":
            title, address = app.env.titles[page].astext(), app.builder.get_relative_uri(pagename, page)
            chapter = chapters.setdefault(page, {"title": title, "address": address, "questions": []})
            asked = {name: state[name] for name in ("question", "options", "answer", "near", "wrong")}
            chapter["questions"].append({"key": key(state["question"]), **asked})
    return f'<div class="nw-predictions">{script("nw-questions", list(chapters.values()))}</div>'


# All of it


def complete(app, pagename, templatename, context, doctree):
    if doctree is None or app.builder.format != "html":
        return
    body = FOLD.sub(named, context["body"])
    if chapter := re.match(r"\d+(?=\. )", app.env.titles[pagename].astext()):
        body = numbered(body, chapter[0])
    body = inline_map(app, linked_strip(app, body, pagename), pagename)
    if WALL in body:
        body = body.replace(WALL, wall(app, pagename))
    if PREDICTIONS in body:
        body = body.replace(PREDICTIONS, predictions(app, pagename))
        app.add_js_file("predictions.js")
    context["body"] = body + cards(app, body)


def always_fresh(app, env, added, changed, removed):
    """The pages that show what's in the chapters are read again with every build."""
    return [page for page in ("book/pages/widgets", "book/pages/predictions") if page in env.found_docs]


def setup(app):
    app.connect("doctree-read", mark)
    app.connect("env-get-outdated", always_fresh)
    app.connect("html-page-context", complete, priority=400)  # before the scripts are chosen that the body needs
    return {"parallel_read_safe": True, "parallel_write_safe": True}
