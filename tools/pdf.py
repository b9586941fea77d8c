"""The book as one PDF: `make pdf`, which builds the site and then runs `python -m tools.pdf`.

Chromium prints every page in the order of _toc.yml, figures as their stills, and pypdf binds them. Links from page to
page lead to pages of the PDF; links to other sites stay as they are.
"""

import io
import sys
from html import escape
from pathlib import Path
from urllib.parse import unquote, urlsplit

import yaml
from playwright.sync_api import sync_playwright
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, DictionaryObject, NameObject

from tests.site.site_checks import settle
from tools.chromium import launch

ROOT = Path(__file__).resolve().parents[1]
FOOTER = (
    '<div style="width:100%;margin:0 15mm;font:7pt sans-serif;color:#555;display:flex;justify-content:space-between">'
    '<span>{title}</span><span class="pageNumber"></span></div>'
)
MARGIN = {"top": "16mm", "bottom": "16mm", "left": "15mm", "right": "15mm"}


def pages(toc: dict) -> list[str]:
    """The names of all pages in the order of _toc.yml."""
    return [toc["root"], *(page["file"] for part in toc["parts"] for page in part["chapters"])]


def printed(browser, path: Path) -> tuple[str, PdfReader]:
    """The title of the page at `path`, and the page as a PDF, with its figures still and its code in light colors."""
    page = browser.new_page(viewport={"width": 1000, "height": 800}, color_scheme="light")
    page.goto(path.as_uri())
    settle(page)
    title = page.locator("article h1").first.inner_text().rstrip("#").strip()  # the theme's mark for a link to it
    footer = FOOTER.format(title=escape(title))
    options = {"format": "A4", "print_background": True, "margin": MARGIN, "tagged": True}
    data = page.pdf(display_header_footer=True, header_template="<span></span>", footer_template=footer, **options)
    page.close()
    return title, PdfReader(io.BytesIO(data))


def bind(readers: dict[Path, tuple[str, PdfReader]]) -> PdfWriter:
    """One PDF of what `printed` gave for each path, with a bookmark a page; links between the paths lead inside it."""
    book, starts = PdfWriter(), {}
    for path, (title, reader) in readers.items():
        starts[path] = len(book.pages)
        book.append(reader, outline_item=title, import_outline=False)
    for page in book.pages:
        for link in (annotation.get_object() for annotation in page.get("/Annots", ())):
            address = urlsplit(str(link.get("/A", {}).get("/URI", "")))
            target = Path(unquote(address.path))
            if address.scheme == "file" and target in starts:
                place = ArrayObject([book.pages[starts[target]].indirect_reference, NameObject("/Fit")])
                link[NameObject("/A")] = DictionaryObject(
                    {NameObject("/S"): NameObject("/GoTo"), NameObject("/D"): place}
                )
            elif address.scheme == "file":  # a notebook to download: not in the book, and only on this machine
                del link["/A"]
    return book


def main(html: Path = ROOT / "_build" / "html", target: Path = ROOT / "_build" / "the-next-word.pdf") -> None:
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    paths = [html / f"{name}.html" for name in pages(toc)]
    if missing := [path for path in paths if not path.is_file()]:
        sys.exit(f"There is no page {missing[0]}. Run `make book` first.")
    with sync_playwright() as playwright:
        browser = launch(playwright)
        book = bind({path: printed(browser, path) for path in paths})
        browser.close()
    book.compress_identical_objects()  # every page brings the same fonts
    book.add_metadata({"/Title": "The Next Word", "/Author": "The Next Word authors"})
    book.write(target)
    print(f"The book, {len(book.pages)} pages, is in {target}")


if __name__ == "__main__":
    main()
