"""The book on paper: what a page shows when it's printed, and how the printed pages are bound."""

import pytest

from tests.site import site_checks
from tests.site.test_site import CHAPTERS, TOC
from tools import pdf


def test_paper_is_light_and_folds_are_open(site, browser):
    page_file = site / "notebooks" / "03_softmax.html"
    with site_checks.watched(browser, site.as_uri()) as (page, complaints):
        page.goto(page_file.as_uri())
        site_checks.settle(page)
        seen = {}
        for media in ("screen", "print"):
            for mode in ("light", "dark"):
                page.emulate_media(media=media, color_scheme=mode)
                page.wait_for_function("mode => document.documentElement.dataset.theme === mode", arg=mode)
                page.evaluate("document.getAnimations().forEach(fade => fade.finish())")
                colors = "all => all.map(e => getComputedStyle(e).color)"
                seen[media, mode] = page.eval_on_selector_all(".cell_input .highlight span, article p", colors)
        assert seen["print", "dark"] == seen["print", "light"] == seen["screen", "light"] != seen["screen", "dark"]
        solution = page.locator("article details:has(summary:text-is('Solution')) > :last-child").first
        assert solution.is_visible()
        for part in (".bd-sidebar-primary", ".bd-header-article", ".copybtn", ".nw-way", "#jb-print-docs-body"):
            assert page.locator(part).count() and not page.locator(part).first.is_visible(), part
        page.emulate_media(media="screen")
        assert not solution.is_visible()
        assert not complaints, complaints


def test_pages_are_bound_with_bookmarks_and_links(site, browser, tmp_path):
    glossary, other = site / "book" / "pages" / "glossary.html", tmp_path / "other.html"
    links = f'<a href="{glossary.as_uri()}#logits">in</a> <a href="a.ipynb">file</a> <a href="https://a.org/">out</a>'
    other.write_text(f"<article><h1>Other & more</h1><p>{links}</p></article>", encoding="utf-8")
    book = pdf.bind({path: pdf.printed(browser, path) for path in (other, glossary)})
    assert [mark.title for mark in book.outline] == ["Other & more", "Glossary"]
    text = "\n".join(page.extract_text() for page in book.pages)
    assert "file" in text and "perplexity" in text.lower()
    assert "Search" not in text.replace("Searching for documents", "")  # nothing of the page's search box
    actions = [link.get_object().get("/A", {}) for link in book.pages[0]["/Annots"]]
    assert actions[0]["/D"][0] == book.pages[1].indirect_reference and actions[1] == {}
    assert actions[2]["/URI"] == "https://a.org/"


def test_the_pdf_has_every_page_once():
    assert pdf.pages(TOC) == [TOC["root"], *CHAPTERS]


def test_without_a_site_the_pdf_says_what_to_do(tmp_path):
    with pytest.raises(SystemExit, match="There is no page .*Run `make book` first"):
        pdf.main(tmp_path, tmp_path / "book.pdf")
