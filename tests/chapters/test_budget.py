"""A chapter's budget: what a reader can take in about an hour. Chapters whose questions are in a file keep it."""

import re

import nbformat
import pytest

from tests.conftest import ROOT

CHAPTERS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.toml"))


@pytest.mark.parametrize("stem", CHAPTERS)
def test_a_chapter_is_short_enough(stem):
    cells = nbformat.read(ROOT / "notebooks" / f"{stem}.ipynb", as_version=4).cells
    end = next(i for i, cell in enumerate(cells) if cell.source.startswith("## Exercises"))
    code = [cell for cell in cells[:end] if cell.cell_type == "code"]
    seen = [cell.source.splitlines() for cell in code if "hide-input" not in cell.metadata.get("tags", [])]
    text = "\n".join(cell.source for cell in cells[:end] if cell.cell_type == "markdown")
    assert len(re.sub(r"\]\([^)]*\)", "]", text).split()) <= 2_800
    assert len(seen) <= 30 and sum(len(list(filter(None, lines))) for lines in seen) <= 220
    assert max(map(len, seen)) <= 12
    assert not any("assert " in cell.source for cell in code), "a claim is tested in tests/chapters"
    assert sum(cell.source.startswith("### Exercise ") for cell in cells) == 5
    assert "## Now on a real model\n" in text
