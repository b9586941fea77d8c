"""Merges: the page cuts any text as Python does, merge by merge; what it accepts; the figure in a page."""

import re
import sys
import unicodedata

import numpy as np
import pytest
from traitlets import TraitError

from book.widgets import Merges
from helpers.tokenizers import BytePairTokenizer, CharTokenizer
from tests.widgets import harness

PLAY = (
    "Write a poem about a cat. The cat sat; the poem, about the cat, sat about! It's 1599 o'clock.\n\tA café, naïve\n"
)
TOKENIZER = BytePairTokenizer.train(PLAY * 20, 340, specials=("<end>", "a.*b"))
ODD = [
    "😺",
    "👩‍👩‍👧‍👦",
    "🇫🇷",
    "e\u0301",
    "é",
    "שלום",
    "مرحبا",
    "नमस्ते",
    "กำ",
    "\u200d",
    "\ufeff",
    "\u00a0",
    "\u2028",
    "\x1c",
    "\x85",
    "\x00",
]
ODD += ["<b>x</b>", "²½Ⅷ", "٣٤", "_a_1", "ſ", "<end>", "a.*b", "<end", "\r\n", "   ", "\t\t ", "日本語", "𝒳", "\\n"]


# Python


@pytest.mark.parametrize(
    ("tokenizer", "options", "said"),
    [
        (CharTokenizer("abc"), {}, "Merges needs a tokenizer with merges; got a CharTokenizer."),
        (None, {}, "got a NoneType."),
        (TOKENIZER, {"step": -2}, "step must be a whole number from -1 to 1,000,000; got -2."),
        (TOKENIZER, {"under": "names"}, "under must be one of ids, bytes; got 'names'."),
        (TOKENIZER, {"text": "a\ud800"}, "half of a surrogate pair"),
        (TOKENIZER, {"text": "a" * 1_000_001}, "text can have up to 1,000,000 characters; got 1,000,001."),
    ],
)
def test_wrong_inputs_get_a_sentence(tokenizer, options, said):
    with pytest.raises((TraitError, ValueError), match=re.escape(said)):
        Merges(tokenizer, **options)


@pytest.mark.filterwarnings("error")
def test_the_still_says_what_it_shows():
    figure = Merges(TOKENIZER, "about the cat", step=1)
    assert [label.get_text() for label in figure.still().get_yticklabels()] == ["0 merges: 13", "1 merge: 12"]
    assert "13 characters and 3 words, cut into 5 tokens" in figure.alt() and "␣the | ␣cat" in figure.alt()
    for text in ("", "$x$ 😺 مرحبا \x00", "a" * 100_000):
        assert len(Merges(TOKENIZER, text).figure(alone=False)) < 400_000


# In a browser


@pytest.fixture
def page(js):
    """The page's side of tokenizers.py."""
    return js("tokenizers")


ASSIGNED = [chr(c) for c in range(sys.maxunicode + 1) if unicodedata.category(chr(c)) not in ("Cn", "Cs")]


def drawn_texts(rng, n):
    """Texts of any characters that Unicode had when this Python was made, and of odd and of common ones."""
    for _ in range(n):
        share = rng.dirichlet(np.full(4, 0.6))
        kinds = rng.choice(4, p=share, size=rng.integers(0, 30))
        pools = (ASSIGNED, ODD, "aet   '\n1", PLAY.split(" "))
        yield "".join(pools[kind][rng.integers(len(pools[kind]))] for kind in kinds)


def random_tokenizer(rng):
    """Merges that nobody would learn, over few tokens, so that they overlap and pile up."""
    alphabet, pairs = [*b"aet '", 0xF0, 0x9F, 0x98], {}
    while len(pairs) < 60:
        pair = tuple(int(i) for i in rng.choice(alphabet, 2))
        if pair not in pairs:
            pairs[pair] = None
            alphabet.append(255 + len(pairs))
    return BytePairTokenizer(pairs)


def test_python_and_the_page_cut_alike(page):
    rng = np.random.default_rng(0)
    mixed = BytePairTokenizer.train("".join(drawn_texts(rng, 400)), 600)
    tokenizers, cut = [TOKENIZER, mixed, *(random_tokenizer(rng) for _ in range(6))], 0
    for tokenizer in tokenizers:
        texts = [*ODD, "".join(ODD), "aaaa aaaaa", "", *drawn_texts(rng, 1_250)]
        found = page.evaluate(
            "([saved, texts]) => { const t = module.tokenizer(saved); return texts.map(x => module.merged(x, t)); }",
            [Merges(tokenizer).state(), texts],
        )
        for text, got in zip(texts, found, strict=True):
            assert got["ids"] == tokenizer.encode(text), text
            cut += 1
    assert cut > 10_000


def test_each_merge_is_pythons(page):
    rng = np.random.default_rng(1)
    for tokenizer in (BytePairTokenizer([pair for pair, _ in TOKENIZER.merges]), random_tokenizer(rng)):
        for text in [PLAY, "aaaa eeee taetae", *drawn_texts(rng, 40)]:
            steps = tokenizer.merge_steps(text)
            found = page.evaluate(
                """([saved, text]) => { const t = module.tokenizer(saved), all = module.merged(text, t);
                return [[-1, 0], ...all.steps].map(([rank, n]) => [n, module.merged(text, t, rank + 1).ids]); }""",
                [Merges(tokenizer).state(), text],
            )
            assert [ids for _, ids in found] == steps
            assert [times for times, _ in found] == [0, *(len(a) - len(b) for a, b in zip(steps, steps[1:]))]


def test_every_character_is_of_the_same_kind(page):
    """Letters, digits, marks, space: whatever this Python knows, the page's expression puts into the same kind."""
    pattern = BytePairTokenizer._PIECE
    texts = ["".join(f"a{c}1{c}{c} {c}" for c in ASSIGNED[i : i + 2000]) for i in range(0, len(ASSIGNED), 2000)]
    cut = page.evaluate("texts => texts.map(t => module.pieces(t).join('|~|'))", texts)
    assert [found == "|~|".join(pattern.findall(text)) for text, found in zip(texts, cut, strict=True)] == [True] * len(
        cut
    )
    texts = list(drawn_texts(np.random.default_rng(2), 500))
    counts = page.evaluate("texts => texts.map(t => [module.charactersOf(t), module.wordCount(t)])", texts)
    assert counts == [[len(text), len(text.split())] for text in texts]


def test_tokens_look_as_in_python(page, js):
    rng = np.random.default_rng(3)
    sample = "".join(ASSIGNED[i] for i in rng.integers(len(ASSIGNED), size=3000)) + "".join(ODD)
    tokenizer = BytePairTokenizer.train(sample * 3, 1500)
    saved = Merges(tokenizer).state()
    assert page.evaluate("saved => module.tokenizer(saved).bytes.map(module.seen)", saved) == tokenizer.vocab
    parts = page.evaluate("saved => module.tokenizer(saved).bytes.map(module.isPart)", saved)
    assert parts == [
        "\ufffd" in token.decode("utf-8", "replace").replace("\ufffd", "", token.count("\ufffd".encode()))
        for token in tokenizer.bytes
    ]
    nested = Merges(BytePairTokenizer([(97, 98), (256, 99), (256, 257), (258, 32)])).state()
    grown = harness.call(js("merges"), "grown", 256 + 3, harness.call(page, "tokenizer", nested))
    assert grown == "((a b) ((a b) c)) ␣"


def tokens(page):
    return page.locator(".nw-merge-token bdi").all_inner_texts()


def test_the_figure_in_a_page(browser):
    with harness.mounted(browser, Merges(TOKENIZER, "about the cat", title="Merges", caption="Step.")) as (
        page,
        complaints,
    ):
        page.set_viewport_size({"width": 760, "height": 900})
        names = [TOKENIZER.vocab[i] for i in TOKENIZER.encode("about the cat")]
        steps = TOKENIZER.merge_steps("about the cat")
        assert tokens(page) == names
        assert page.locator(".nw-merge-token small").all_inner_texts() == [str(i) for i in steps[-1]]

        # by keyboard: the slider, the buttons, from token to token
        slider = page.get_by_role("slider", name="Merges applied")
        slider.focus()
        page.keyboard.press("Home")
        page.wait_for_function("document.querySelectorAll('.nw-merge-token').length === 13")
        assert "every byte is a token" in page.inner_text(".nw-merge-told")
        page.get_by_role("button", name="Next").focus()
        page.keyboard.press("Enter")
        page.wait_for_function("n => document.querySelectorAll('.nw-merge-token').length === n", arg=len(steps[1]))
        rank = TOKENIZER.merge_steps("about the cat")[1]
        new = max(rank) - 256
        told = page.inner_text(".nw-merge-told")
        assert (
            f"It's number {new + 1} of the {len(TOKENIZER.merges)}" in told and f"13 tokens become {len(rank)}" in told
        )
        assert page.locator(".nw-merge-fresh").count() == rank.count(max(rank))
        page.get_by_role("button", name="All").click()
        page.wait_for_function("n => document.querySelectorAll('.nw-merge-token').length === n", arg=len(names))
        page.locator(".nw-merge-token").first.focus()
        page.keyboard.press("End")
        page.keyboard.press("Enter")
        last = f"Token {len(names)}: ␣cat, id {steps[-1][-1]}, bytes 20 63 61 74; grown as"
        assert last in page.inner_text(".nw-merge-detail")
        page.locator(".nw-merge-token").first.hover()
        assert last in page.inner_text(".nw-merge-detail")  # locked
        page.get_by_label("Below each token").select_option("its bytes")
        page.wait_for_function("document.querySelector('.nw-merge-token:last-child small').innerText === '20 63 61 74'")

        # any text, as text; parts of a character are bytes; counts
        typed = "<b>é</b> 😺 e\u0301 שלום"
        page.get_by_label("Text to cut").fill(typed)
        page.wait_for_function("document.querySelectorAll('.nw-merge-token').length > 10")
        assert (
            tokens(page) == [TOKENIZER.vocab[i] for i in TOKENIZER.encode(typed)] and page.locator(".nw b").count() == 0
        )
        assert page.locator(".nw-merge-part").count() >= 8
        page.locator(".nw-merge-part").nth(3).click()
        assert "part of 😺" in page.inner_text(".nw-merge-detail")
        sizes = page.locator(".nw-merge-bars > span").all_inner_texts()
        assert sizes == ["bytes", str(len(typed.encode())), "characters", str(len(typed)),
                         "tokens", str(len(TOKENIZER.encode(typed))), "words", str(len(typed.split()))]  # fmt: skip
        page.wait_for_function("document.querySelector('.nw [role=status]').textContent.length > 10")

        assert not complaints


def test_a_very_long_text_stays_alive(browser):
    with harness.mounted(browser, Merges(TOKENIZER)) as (page, complaints):
        paste = """([text, half]) => { const box = document.querySelector('textarea');
            box.value = text + (half ? '\\ud83d' : ''); box.dispatchEvent(new Event('input')); }"""
        for text, half in (((PLAY * 1000)[:100_000], False), ("cat" * 33_333, False), (" the😺" * 20_000, True)):
            page.evaluate(paste, [text, half])
            wanted = len(TOKENIZER.encode(text + "\ufffd" * half))
            page.wait_for_function(
                f"document.querySelector('.nw-merge-note').innerText.includes('of {wanted:,} tokens')"
            )
            assert page.locator(".nw-merge-token").count() == 300
            page.get_by_role("button", name="Back").click()
            page.get_by_role("button", name="All").click()
        assert "Half of a character" in page.inner_text(".nw-merge-note")
        page.get_by_label("Text to cut").fill("")
        page.wait_for_function("document.querySelectorAll('.nw-merge-token').length === 0")
        assert "Type some text" in page.inner_text(".nw-merge-told") and "NaN" not in page.inner_text(".nw")
        assert not complaints
