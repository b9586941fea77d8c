"""The book on paper: what a page shows when it is printed, and how the printed pages are bound."""

import pytest

from tests.conftest import build
from tests.site import site_checks
from tests.site.test_site import CHAPTERS, TOC, tiny_book
from tools import pdf

TEXT = """Look it [up](tiny.ipynb#below).

<details>
<summary>Solution</summary>

Seventeen cats.

</details>

## Below

Text."""


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    """A page with code, a fold and a link to itself, built as the book is."""
    tree = tiny_book(tmp_path_factory.mktemp("paper"), "def cat():\n    return 'meow'", text=TEXT)
    done = build(tree)
    assert not done.returncode, done.stdout
    return tree / "_build" / "html" / "tiny.html"


def test_paper_is_light_and_folds_are_open(page_file, browser):
    with site_checks.watched(browser, page_file.parent.as_uri()) as (page, complaints):
        page.goto(page_file.as_uri())
        page.locator("article h1").wait_for()
        seen = {}
        for media in ("screen", "print"):
            for mode in ("light", "dark"):
                page.emulate_media(media=media, color_scheme=mode)
                page.wait_for_function("mode => document.documentElement.dataset.theme === mode", arg=mode)
                page.evaluate("document.getAnimations().forEach(fade => fade.finish())")
                colors = "all => all.map(e => getComputedStyle(e).color)"
                seen[media, mode] = page.eval_on_selector_all(".highlight span, article p", colors)
        assert seen["print", "dark"] == seen["print", "light"] == seen["screen", "light"] != seen["screen", "dark"]
        assert page.get_by_text("Seventeen cats").is_visible()
        for part in (
            ".bd-sidebar-primary",
            ".bd-header-article",
            ".copybtn",
            ".bd-footer-content",
            "#jb-print-docs-body",
        ):
            assert page.locator(part).count() and not page.locator(part).first.is_visible(), part
        page.emulate_media(media="screen")
        assert not page.get_by_text("Seventeen cats").is_visible()
        assert not complaints, complaints


def test_pages_are_bound_with_bookmarks_and_links(page_file, browser):
    other = page_file.with_name("other.html")
    links = '<a href="tiny.html#below">in</a> <a href="a.ipynb">file</a> <a href="https://example.org/">out</a>'
    other.write_text(f"<article><h1>Other & more</h1><p>{links}</p></article>", encoding="utf-8")
    book = pdf.bind({path: pdf.printed(browser, path) for path in (other, page_file)})
    assert [mark.title for mark in book.outline] == ["Other & more", "Tiny"]
    text = "\n".join(page.extract_text() for page in book.pages)
    assert "Seventeen cats." in text and "meow" in text and "Copy" not in text
    actions = [link.get_object().get("/A", {}) for link in book.pages[0]["/Annots"]]
    assert actions[0]["/D"][0] == book.pages[1].indirect_reference and actions[1] == {}
    assert actions[2]["/URI"] == "https://example.org/"


def test_the_pdf_has_every_page_once():
    assert pdf.pages(TOC) == [TOC["root"], *CHAPTERS]


def test_without_a_site_the_pdf_says_what_to_do(tmp_path):
    with pytest.raises(SystemExit, match="run `make book` first"):
        pdf.main(tmp_path, tmp_path / "book.pdf")
