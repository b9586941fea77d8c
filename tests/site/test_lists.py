"""The pages that list things: the map, the index of widgets, the glossary, and the bibliography."""

import re
from pathlib import Path

import nbformat
import pytest

from book import widgets
from tests.conftest import ROOT
from tests.site.test_site import CHAPTERS, TOC
from tools import bibliography, outline

# Map and index of widgets


def test_map_and_index_of_widgets_are_up_to_date():
    questions = outline.table()["widgets"]
    missing = [name for name in outline.names() if name not in questions]
    assert not missing, f"say in book/pages/outline.toml which question {missing} answer"
    for path, text in outline.files().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name} is out of date. Run: python -m tools.outline"


def test_index_of_widgets_names_every_place():
    text = (ROOT / "book" / "pages" / "widgets.md").read_text(encoding="utf-8")
    entries = dict(zip(re.findall(r"^## (\w+)$", text, re.M), re.split(r"^## \w+$", text, flags=re.M)[1:], strict=True))
    assert entries.keys() == {name for name in widgets.__all__ if name[0].isupper()}
    for name, entry in entries.items():
        linked = set(re.findall(r"notebooks/(\w+)\.ipynb", entry))
        makes = re.compile(rf"\b({name}(\.\w+)?" + (r"|opening)\(" if name == "GlassGPT" else r")\("))
        making = {path.stem for path in (ROOT / "notebooks").glob("*.ipynb") if makes.search(code_of(path))}
        assert linked == making, name


def code_of(path: Path) -> str:
    """The code of a notebook."""
    return "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code")


def test_map_knows_every_chapter_and_what_it_uses():
    found = outline.chapters()
    assert [c.page for c in found] == [name for name in CHAPTERS if name.startswith("notebooks/")]
    assert all(set(c.uses) <= set(range(1, c.number)) for c in found) and not found[0].uses
    assert {c.number: c.uses for c in found}[8] == (4, 6, 7) and found[11].uses == tuple(range(1, 12))
    drawn = (ROOT / "book" / "static" / "map.svg").read_text(encoding="utf-8")
    assert all(c.adds in drawn and len(c.adds) <= 34 for c in found)  # longer ones would run into the lines
    assert drawn.count('r="5" fill="#') == sum(len(c.uses) for c in found) + len(found) - 1  # dots, and rings


def test_every_page_says_why_it_is_next():
    pages = outline.table()["pages"]
    assert list(pages) == CHAPTERS
    for page, about in pages.items():
        assert about["why"].endswith(".") and len(about["why"]) < 120, page


# Glossary and bibliography

TERMS = re.findall(r"^## (.+)$", (ROOT / "book" / "pages" / "glossary.md").read_text(encoding="utf-8"), re.M)
WORKS = {key: entry.fields.get("year", "") for key, entry in bibliography.entries()}


def slug(term: str) -> str:
    return term.lower().replace(" ", "-").replace("'", "")


def cited(text: str) -> list[tuple[str, str, str]]:
    """The links of a Markdown text into glossary and bibliography: their words, the page, the anchor."""
    return re.findall(r"\[([^\]]*)\]\([^)\s]*(glossary|bibliography)\.md#([\w-]+)\)", text)


def wrong_citations(text: str) -> list[str]:
    """The links of `text` to a term or a work that is not there, or to a work of another year than they say."""
    slugs, wrong = {slug(term) for term in TERMS}, []
    for words, page, anchor in cited(text):
        there = anchor in slugs if page == "glossary" else anchor in WORKS and WORKS[anchor] in words
        if not there:
            wrong.append(f"[{words}]({page}.md#{anchor})")
    return wrong


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    """The Markdown of every page, by its name."""
    texts = {}
    for path in (path for name in [TOC["root"], *CHAPTERS] for path in ROOT.glob(f"{name}.*")):
        if path.suffix == ".md":
            texts[path.name] = path.read_text(encoding="utf-8")
        elif path.suffix == ".ipynb":
            cells = nbformat.read(path, as_version=4).cells
            texts[path.name] = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    return texts


def test_terms_and_works_that_are_linked_are_there(texts):
    wrong = {name: wrong_citations(text) for name, text in texts.items()}
    assert not any(wrong.values()), wrong


def test_every_term_is_linked_from_a_chapter(texts):
    linked = {anchor for name, text in texts.items() if name.endswith(".ipynb") for _, _, anchor in cited(text)}
    assert [term for term in TERMS if slug(term) not in linked] == []


def test_every_work_is_cited(texts):
    assert WORKS.keys() == {anchor for text in texts.values() for _, page, anchor in cited(text) if page != "glossary"}


def test_a_wrong_citation_is_caught():
    good = "[a](../book/pages/glossary.md#top-k) [Vaswani et al. 2017](bibliography.md#vaswani2017) [b](a.ipynb#top-k)"
    bad = ["[a](glossary.md#gone)", "[Gone 1](bibliography.md#gone1)", "[Vaswani 1](bibliography.md#vaswani2017)"]
    assert wrong_citations(good) == [] and wrong_citations(" ".join(bad)) == bad


def test_bibliography_page_is_made_from_references():
    made = bibliography.page()
    page = ROOT / "book" / "pages" / "bibliography.md"
    assert page.read_text(encoding="utf-8") == made, "It's out of date. Run: python -m tools.bibliography"
    assert 'id="vaswani2017"' in made and "{" not in made and "\\" not in made


def test_glossary_is_sorted_and_whole():
    text = (ROOT / "book" / "pages" / "glossary.md").read_text(encoding="utf-8")
    definitions = re.split(r"^## .+$", text, flags=re.M)[1:]
    assert len(TERMS) >= 60 and TERMS == sorted(TERMS, key=str.casefold) and len(set(TERMS)) == len(TERMS)
    assert all(20 < len(definition.strip()) < 500 for definition in definitions)
