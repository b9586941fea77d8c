"""`python -m tools.bibliography` writes book/pages/bibliography.md from book/pages/references.bib.

The page is a file, and not made while the site is built, because a reader in JupyterLab opens it as Markdown. A test
compares the two, so references.bib stays the only source.
"""

from pathlib import Path

from pybtex.database import Entry, parse_file

PAGES = Path(__file__).resolve().parent.parent / "book" / "pages"
HEAD = """# Bibliography

Everything the chapters cite, in alphabetical order.
"""


def names(entry: Entry) -> str:
    """The authors as "Vaswani, A., Shazeer, N.", with "et al." where the entry says `others`."""
    people = []
    for person in entry.persons["author"]:
        last = " ".join(person.prelast_names + person.last_names)
        initials = " ".join(f"{name[0]}." for name in person.first_names + person.middle_names)
        people.append("et al." if last == "others" else ", ".join(filter(None, [last, initials])))
    return ", ".join(people)


def where(fields) -> str:
    """Journal or proceedings, publisher, volume, issue and pages, if they are known."""
    place = fields.get("journal") or fields.get("booktitle")
    parts = [f"*{place}*" if place else "", fields.get("publisher", ""), fields.get("howpublished", "")]
    if "volume" in fields:
        parts.append(fields["volume"] + (f"({fields['number']})" if "number" in fields else ""))
    if "pages" in fields:
        parts.append("pages " + fields["pages"].replace("--", "–"))
    parts.append(fields.get("note", ""))
    return ", ".join(part for part in parts if part).replace(r"\&", "&")


def link(fields) -> str:
    """The address by which the work can be read: arXiv, else a DOI, else its own page."""
    if "eprint" in fields:
        return f"[arXiv:{fields['eprint']}](https://arxiv.org/abs/{fields['eprint']})"
    if "doi" in fields:
        return f"[doi:{fields['doi']}](https://doi.org/{fields['doi']})"
    return f"[{fields['url'].removeprefix('https://')}]({fields['url']})" if "url" in fields else ""


def line(key: str, entry: Entry) -> str:
    """One list item, `- <a id="key"></a>Names (year). Title. *Where*. [link](…)`."""
    fields = entry.fields
    year = f" ({fields['year']})." if "year" in fields else ""
    title = f"*{fields['title']}*" if entry.type == "book" else fields["title"]
    rest = ". ".join(part for part in (title, where(fields), link(fields)) if part)
    return f'- <a id="{key}"></a>**{names(entry)}**{year} {rest}.'.replace("?.", "?")


def entries(bib: Path = PAGES / "references.bib") -> list[tuple[str, Entry]]:
    """The keys and works in `bib`, sorted by author, then by year."""
    works = parse_file(str(bib), "bibtex").entries.items()
    return sorted(works, key=lambda item: (names(item[1]).casefold(), item[1].fields.get("year", "")))


def page() -> str:
    """The whole page as Markdown."""
    return HEAD + "\n" + "\n".join(line(key, entry) for key, entry in entries()) + "\n"


if __name__ == "__main__":
    (PAGES / "bibliography.md").write_text(page(), encoding="utf-8")
