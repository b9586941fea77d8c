"""`python -m tools.outline` writes book/pages/map.md, book/static/map.svg, and book/pages/widgets.md.

What only a person can say is in book/pages/outline.toml; the rest comes from the notebooks and from `book.widgets`. The
pages are files, as the bibliography is, because a reader in JupyterLab opens them as Markdown. Tests compare.
"""

import inspect
import re
import tomllib
from html import escape
from pathlib import Path
from typing import NamedTuple

import nbformat
from myst_parser.mdit_to_docutils.base import default_slugify

ROOT = Path(__file__).resolve().parent.parent
PAGES, NOTEBOOKS = ROOT / "book" / "pages", ROOT / "notebooks"
NEED = re.compile(r"^\*\*You need\*\* .*$", re.M)
ALL_BEFORE = "the chapters before this one"
COLORS, GROUND = ("#8fb4e0", "#e58a43", "#7fc8a9", "#e3c46b", "#d9b3ea"), "#16202e"  # one a part of the book
WIDTH, ROW, HEADING = 640, 78, 54  # of the map, in its own units


class Chapter(NamedTuple):
    number: int
    page: str  # notebooks/01_next_word
    title: str  # 1. The next word
    adds: str
    uses: tuple[int, ...]  # numbers of chapters that its "You need" names


def table(folder: Path = PAGES) -> dict:
    """book/pages/outline.toml: its pages, parts, and widgets; empty without such a file."""
    path = folder / "outline.toml"
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def chapters(folder: Path = NOTEBOOKS) -> list[Chapter]:
    """The chapters in `folder`, in order, each with what its first cells say of it."""
    pages, found = table()["pages"], []
    for path in folder.glob("*.ipynb"):
        page = f"notebooks/{path.stem}"
        text = "\n".join(c.source for c in nbformat.read(path, as_version=4).cells[:6] if c.cell_type == "markdown")
        title, need = re.search(r"^# (.+)$", text, re.M)[1], NEED.search(text)[0]
        number = int(title.split(".")[0])
        uses = {int(n) for n in re.findall(r"[Cc]hapter (\d+)", need)}
        uses = range(1, number) if ALL_BEFORE in need else sorted(uses)
        found.append(Chapter(number, page, title, pages[page]["adds"], tuple(uses)))
    return sorted(found)


# The map


def parts(found: list[Chapter]) -> list[tuple[str, list[Chapter]]]:
    """The chapters by part, each part with its name."""
    starts = [(int(number), name) for number, name in table()["parts"].items()]
    ends = [start for start, _ in starts[1:]] + [len(found) + 1]
    return [(name, [c for c in found if start <= c.number < end]) for (start, name), end in zip(starts, ends)]


def picture(found: list[Chapter]) -> str:
    """The map as SVG: on its own dark ground, as the cover is, so that it suits light and dark pages.

    At the right each chapter begins a line with a ring, and has a dot on the line of every chapter that it uses.
    """
    drawn, rows, colors, y = [], {}, {}, 20
    for (name, members), color in zip(parts(found), COLORS):
        drawn.append(f'<text x="16" y="{y + 36}" font-size="22" fill="{color}">{escape(name)}</text>')
        y += HEADING
        for c in members:
            rows[c.number], colors[c.number] = y + ROW // 2, color
            uses = " ".join(map(str, c.uses))
            link = f'<a href="{c.page}" data-chapter="{c.number}" data-uses="{uses}">'  # followed where it's in a page
            drawn.append(f"{link}{row(c, y + ROW // 2, color)}</a>")
            y += ROW
        y += 8
    used_by = {c.number: [user.number for user in found if c.number in user.uses] for c in found}
    for number, users in used_by.items():
        x, top, color = column(number), rows[number], colors[number]
        if users:
            line = f'<path d="M{x} {top}V{rows[users[-1]]}" stroke="{color}" stroke-width="2"/>'
            line += f'<circle cx="{x}" cy="{top}" r="5" fill="{GROUND}" stroke="{color}" stroke-width="2.5"/>'
            line += "".join(f'<circle cx="{x}" cy="{rows[user]}" r="5" fill="{color}"/>' for user in users)
            drawn.append(f'<g data-line="{number}">{line}</g>')
    lines = "\n  ".join(drawn)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y + 16}" '
        "font-family=\"Georgia, 'Iowan Old Style', 'Times New Roman', serif\">\n"
        f'  <rect width="{WIDTH}" height="{y + 16}" rx="14" fill="{GROUND}"/>\n  {lines}\n</svg>\n'
    )


def row(c: Chapter, y: int, color: str) -> str:
    """A chapter's number, title and what it adds, and a thin line to its ring or to the last of its dots."""
    end = column(c.number if c.number < 12 else max(c.uses))
    return (
        f'<rect x="6" y="{y - ROW // 2 + 3}" width="460" height="{ROW - 6}" rx="8" fill="{GROUND}"/>'
        f'<circle cx="40" cy="{y}" r="24" fill="{color}"/>'
        f'<text x="40" y="{y + 9}" font-size="26" font-weight="bold" fill="{GROUND}" text-anchor="middle">'
        f"{c.number}</text>"
        f'<text x="80" y="{y - 5}" font-size="27" fill="#f3efe6">{escape(bare(c.title))}</text>'
        f'<text x="80" y="{y + 24}" font-size="21" fill="#b9c7da">{escape(c.adds)}</text>'
        f'<path d="M{column(1) - 14} {y}H{end}" stroke="#46566d" stroke-width="1.5"/>'
    )


def column(number: int) -> int:
    """How far from the left the line of a chapter is."""
    return WIDTH - 18 - 13 * (11 - number)


def bare(title: str) -> str:
    """A title without its number."""
    return title.split(". ", 1)[1]


def listed(words: list[str]) -> str:
    """The words as `a`, `a and b`, or `a, b, and c`."""
    return " and ".join(words) if len(words) < 3 else ", ".join(words[:-1]) + ", and " + words[-1]


def map_page() -> str:
    """The page of the map: the picture, and the same as text with links."""
    found = chapters()
    lines = [
        "# Map of the book",
        "",
        "Each chapter adds something to the model, and uses what others have added. You can open any of them first: a "
        "chapter computes or loads what it needs.",
        "",
        f"![The {len(found)} chapters from top to bottom in {len(parts(found))} parts, each with what it adds to the "
        "model. At the right a line leads from each one down to those that use it; the list below says the same.]"
        "(../static/map.svg)",
        "",
        "The ring in a chapter's row begins its line. Each dot on the line is a chapter that uses it.",
    ]
    for name, members in parts(found):
        lines += ["", f"## {name}", ""]
        for c in members:
            links = [f"[{bare(used.title)}](../../{used.page}.ipynb)" for used in found if used.number in c.uses]
            uses = f"Uses {listed(links)}." if links else "Uses no other chapter."
            if len(c.uses) == len(found) - 1:
                uses = "Uses all the chapters before."
            lines.append(f"- **[{c.title}](../../{c.page}.ipynb)** adds {c.adds}. {uses}")
    return "\n".join(lines) + "\n"


# The index of widgets


def names() -> list[str]:
    """The widgets that `book.widgets` offers, by name."""
    from book import widgets  # here, because a site can be built where only the outline is read

    return [name for name in widgets.__all__ if isinstance(getattr(widgets, name), type)]


def call(name: str) -> str:
    """The shortest call: what must be given, and no option."""
    from book import widgets

    given = inspect.signature(getattr(widgets, name)).parameters.values()
    needed = [p for p in given if p.default is p.empty and p.kind is not p.VAR_KEYWORD]
    return f"{name}({', '.join(f'{p.name}=...' if p.kind is p.KEYWORD_ONLY else p.name for p in needed)})"


def places(name: str, found: list[Chapter]) -> list[str]:
    """Links to the first place of a widget in each chapter: the heading above the cell that makes it."""
    makers = rf"{name}|{name}\.\w+" + ("|opening" if name == "GlassGPT" else "")  # what makes one
    makes, links = re.compile(rf"(?<!class )\b(?:{makers})\("), []
    for c in found:
        heading, seen = "", []
        for cell in nbformat.read(ROOT / f"{c.page}.ipynb", as_version=4).cells:
            if cell.cell_type == "markdown":
                text = re.sub(r"^```.*?^```", "", cell.source, flags=re.M | re.S)
                seen += (titles := [plain(line) for line in re.findall(r"^#{2,4} (.+)$", text, re.M)])
                heading = titles[-1] if titles else heading
            elif makes.search(cell.source):
                link = f"[Chapter {c.number}](../../{c.page}.ipynb)"
                if heading and seen.count(heading) == 1:
                    link = f"[Chapter {c.number}](../../{c.page}.ipynb#{default_slugify(heading)}), *{heading}*"
                links.append(link)
                break
    return links


def plain(heading: str) -> str:
    """The words of a heading, without the marks of Markdown."""
    return re.sub(r"\[([^\]]*)\]\([^)]*\)|[*`]", r"\1", heading).strip()


def widgets_page() -> str:
    """The index: for each widget its question, its call, its settings, and where it appears."""
    from book import widgets

    found, questions = chapters(), table()["widgets"]
    lines = [
        "# Widgets",
        "",
        "The figures that move, from A to Z. In a notebook, import one with `from book.widgets import NextToken`; "
        "`help(NextToken)` says what it takes. Settings are attributes: read or set them in a cell. "
        "The [manual](manual.md#figures-that-move) says more.",
        "",
        '<div class="nw-wall"></div>',
    ]
    for name in names():
        settings = listed([f"`{setting}`" for setting in getattr(widgets, name).settings])
        lines += ["", f"## {name}", "", questions[name], "", "```python", call(name), "```", ""]
        lines += [f"Settings: {settings}.", ""] if settings else []
        links = places(name, found)
        lines += [f"- {link}" for link in links] or ["No chapter uses it."]
    return "\n".join(lines) + "\n"


def files() -> dict[Path, str]:
    """What this script writes: each file's path, and its text."""
    return {
        PAGES / "map.md": map_page(),
        ROOT / "book" / "static" / "map.svg": picture(chapters()),
        PAGES / "widgets.md": widgets_page(),
    }


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
