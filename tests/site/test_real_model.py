"""Chapter 11 as it was built: what its prose says of SmolLM2 is what its cells measured."""

import re

import pytest
from bs4 import BeautifulSoup


@pytest.fixture(scope="module")
def printed(site) -> str:
    """All that the chapter's cells printed."""
    page = BeautifulSoup((site / "notebooks" / "11_a_real_model.html").read_text(encoding="utf-8"), "html.parser")
    return "\n".join(block.get_text() for block in page.select(".cell_output pre"))


def numbers(pattern: str, text: str) -> list[float]:
    found = re.search(pattern, text)
    assert found, f"{pattern!r} isn't in the chapter's outputs"
    return [float(group.replace(",", "")) for group in found.groups()]


def test_it_is_counted_to_the_last_parameter(printed):
    assert numbers(r"all of it: +([\d,]+)", printed) == [134_515_008]
    assert numbers(r"9 key heads: ([\d,]+)", printed) == [34_560] and numbers(r"3 key heads: ([\d,]+)", printed) == [
        11_520
    ]


def test_swiglu_wins_with_both_seeds(printed):
    gated, plain = (numbers(rf"{name}: ([\d.]+) and ([\d.]+) nats", printed) for name in ("SwiGLU", "GELU"))
    assert all(a < b for a, b in zip(gated, plain, strict=True))


def test_three_bits_are_too_few(printed):
    four, three, two = (numbers(rf"{bits} bits: ([\d.]+) bits", printed)[0] for bits in (4, 3, 2))
    assert four < 1.6 and three > four + 0.2 and two > 2 * four
    said = dict(re.findall(r"(\d) bits: .*\n +What is the capital of France\? → (.+)", printed))
    assert "Paris" in said["4"] and "Paris" not in said["3"] + said["2"]


def test_what_it_answers(printed):
    lines = printed.splitlines()
    assert any(lines[i] == lines[i + 1] == lines[i + 2] != "" for i in range(len(lines) - 2)), "greedy loops"
    assert "The capital of Australia is Canberra." in printed and "The capital of Zelandia is " in printed
    assert "17 + 25 = " in printed and "17 + 25 = 42" not in printed


def test_the_capitals(printed):
    pattern = r": the truth (\d+) of 76 .*, the lie (\d+)"
    found = {name: numbers(f" {name}{pattern}", printed) for name in ("a lie", "other words")}
    assert found["a lie"][1] / 76 > 0.6, "usually"
    assert found["other words"][1] / 76 < 0.2 and 0.4 < found["other words"][0] / 76 < 0.6, (
        "hardly ever; about half the time"
    )


def test_the_heads(printed):
    assert (
        numbers(r"induction .*?: ([\d.]+)", printed)[0] > 0.8
        and numbers(r"previous token .*?: ([\d.]+)", printed)[0] > 0.8
    )
    before, after = numbers(r"right token: ([\d.]+) in the first half, ([\d.]+) later", printed)
    assert before < 0.001 and after > 0.1
    share, many, of = numbers(
        r"(\d+)% of the attention goes to the very first token.\s+In (\d+) of (\d+) heads", printed
    )
    assert share > 30 and many > 60 and of == 270
