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


def test_a_tree_spells_its_bytes_and_origins_share_bytes(page, js):
    code = "saved => { const t = module.tokenizer(saved); return t.bytes; }"
    saved, vocab = Merges(TOKENIZER).state(), page.evaluate(code, Merges(TOKENIZER).state())
    tokens, longest = harness.call(page, "tokenizer", saved), max(range(len(vocab) - 2), key=lambda i: len(vocab[i]))
    twigs = harness.call(js("merges"), "treeOf", longest, tokens)
    leaves = [twig["id"] for twig in sorted(twigs, key=lambda twig: twig["x"]) if twig["rank"] < 0]
    assert leaves == vocab[longest] and len(twigs) == 2 * len(leaves) - 1
    for i, twig in enumerate(twigs):
        kids = [kid for kid in twigs if kid["parent"] == i]
        if twig["rank"] < 0:
            assert not kids and twig["height"] == 0
        else:
            assert tuple(kid["id"] for kid in kids) == TOKENIZER.merges[twig["rank"]][0]
            assert twig["height"] == 1 + max(kid["height"] for kid in kids) and kids[0]["depth"] == twig["depth"] + 1
            assert all(kid["rank"] < twig["rank"] for kid in kids)  # learned before

    steps = TOKENIZER.merge_steps(PLAY)
    for before, after in ((steps[0], steps[-1]), (steps[-1], steps[0]), (steps[2], steps[3])):
        spans = []
        for ids in (before, after):
            ends = np.cumsum([len(TOKENIZER.bytes[i]) for i in ids]).tolist()
            spans.append([{"at": a, "end": b} for a, b in zip([0, *ends], ends)])
        for new, found in zip(spans[1], harness.call(js("merges"), "origins", *spans), strict=True):
            assert found == [i for i, old in enumerate(spans[0]) if old["at"] < new["end"] and old["end"] > new["at"]]


def test_a_run_speeds_up_and_ends(js):
    for total in (1, 10, 200, 5_000):
        done, ticks, time = 0, 0, 0
        while done < total:
            merges, ms = harness.call(js("merges"), "pace", done, total)
            done, ticks, time = done + merges, ticks + 1, time + ms
            assert merges >= 1 and ms > 100
        assert ticks <= 53 and time < 12_000
        assert total != 10 or 2_000 < time < 4_000


def tokens(page):
    return page.locator(".nw-merge-token bdi").all_inner_texts()


def number_of_tokens(page, n):
    page.wait_for_function("n => document.querySelectorAll('.nw-merge-token').length === n", arg=n)


LANDED = """() => !document.querySelector('.nw-merge-ghost')
    && [...document.querySelectorAll('.nw-merge-token')].every(e => !e.getAttribute('style'))"""


def test_the_figure_in_a_page(browser):
    with harness.mounted(browser, Merges(TOKENIZER, "about the cat", title="Merges?", caption="Step.")) as (
        page,
        complaints,
    ):
        page.set_viewport_size({"width": 760, "height": 900})
        names = [TOKENIZER.vocab[i] for i in TOKENIZER.encode("about the cat")]
        steps = TOKENIZER.merge_steps("about the cat")
        assert tokens(page) == names
        assert page.locator(".nw-merge-token small").all_inner_texts() == [str(i) for i in steps[-1]]
        assert page.inner_text(".nw-merge-count") == f"13 characters → {len(names)} tokens"

        # by keyboard: the slider, the buttons, from token to token
        slider = page.get_by_role("slider", name="Merges applied")
        slider.focus()
        page.keyboard.press("Home")
        number_of_tokens(page, 13)
        assert "every byte is a token" in page.inner_text(".nw-merge-told")
        page.locator("summary").click()
        page.get_by_role("button", name="Next").focus()
        page.keyboard.press("Enter")
        number_of_tokens(page, len(steps[1]))
        new, often = max(steps[1]) - 256, steps[1].count(max(steps[1]))
        assert f"it was merge {new + 1} of {len(TOKENIZER.merges)}" in page.inner_text(".nw-merge-told")
        assert page.inner_text(".nw-merge-count") == f"13 characters → {len(steps[1])} tokens"
        assert page.locator(".nw-merge-fresh").count() == often
        page.get_by_role("button", name="All merges").click()
        number_of_tokens(page, len(names))
        page.wait_for_function(LANDED)
        page.get_by_label("Below each token").select_option("its bytes")
        page.wait_for_function("document.querySelector('.nw-merge-token:last-child small').innerText === '20 63 61 74'")

        # any text, as text; parts of a character are bytes; counts
        typed = "<b>é</b> 😺 e\u0301 שלום"
        page.get_by_label("Text to cut").fill(typed)
        page.wait_for_function("document.querySelectorAll('.nw-merge-token').length > 10")
        assert (
            tokens(page) == [TOKENIZER.vocab[i] for i in TOKENIZER.encode(typed)]
            and page.locator(".nw b b").count() == 0
        )
        assert page.locator(".nw-merge-part").count() >= 8
        page.locator(".nw-merge-part").nth(3).click()
        assert "part of 😺" in page.inner_text(".nw-merge-detail")
        sizes = page.locator(".nw-merge-bars > span").all_inner_texts()
        assert sizes == ["bytes", str(len(typed.encode())), "characters", str(len(typed)),
                         "tokens", str(len(TOKENIZER.encode(typed))), "words", str(len(typed.split()))]  # fmt: skip
        page.wait_for_function("document.querySelector('.nw [role=status]').textContent.length > 10")

        assert not complaints


def test_a_box_unfolds_its_tree(browser):
    with harness.mounted(browser, Merges(TOKENIZER, "about the cat")) as (page, complaints):
        tree, opened = page.locator(".nw-merge-tree svg"), page.locator(".nw-merge-token[aria-expanded=true]")
        assert opened.inner_text().startswith("␣the")  # the longest, at first
        boxes = page.locator(".nw-merge-token")
        opened.click()
        tree.wait_for(state="detached")
        assert "Click a box" in page.inner_text(".nw-merge-detail")
        page.locator(".nw-merge-token").first.focus()
        page.keyboard.press("End")
        page.keyboard.press("Enter")
        assert boxes.last.get_attribute("aria-expanded") == "true"
        assert tree.get_attribute("aria-label").startswith("How ␣cat grew: ")
        labels = [text.split("\n") for text in page.locator(".nw-merge-tree g").evaluate_all(
            "all => all.map(g => [...g.children].slice(1).map(t => t.textContent).join('\\n'))")]  # fmt: skip
        bytes_, made = ([label for label in labels if ("merge" in label[1]) == is_made] for is_made in (False, True))
        assert sorted(bytes_) == sorted([["␣", "20"], ["c", "63"], ["a", "61"], ["t", "74"]]) and len(made) == 3
        ranks = {vocab: i - 255 for i, vocab in enumerate(TOKENIZER.vocab) if 256 <= i}
        assert {name: int(rank.split()[1]) for name, rank in made} == {name: ranks[name] for name, _ in made}
        page.wait_for_function("""[...document.querySelectorAll('.nw-merge-tree g')].every(
            g => g.getAttribute('opacity') === '1')""")
        page.keyboard.press("Escape")
        tree.wait_for(state="detached")
        assert boxes.last.get_attribute("aria-expanded") == "false"
        boxes.last.click()
        page.get_by_role("slider").press("Home")  # its box is gone
        tree.wait_for(state="detached")
        assert not complaints


def test_play_merges_from_bytes_to_the_whole_cut(browser):
    with harness.mounted(browser, Merges(TOKENIZER, "about the cat")) as (page, complaints):
        page.evaluate("""() => { window.seen = []; window.ghosts = 0; new MutationObserver(() => {
            const n = document.querySelectorAll('.nw-merge-token').length;
            if (window.seen.at(-1) !== n) window.seen.push(n);
            window.ghosts += document.querySelectorAll('.nw-merge-ghost').length;
        }).observe(document.querySelector('.nw-merge-tokens'), { childList: true }); }""")
        page.get_by_role("button", name="Play").click()
        assert page.get_by_role("button", name="Pause").is_visible()
        page.locator(".nw-merge-tree svg").wait_for(state="detached")
        page.get_by_role("button", name="Play").wait_for()  # it's over
        lengths = [len(ids) for ids in TOKENIZER.merge_steps("about the cat")]
        assert [n for n in page.evaluate("seen") if n in lengths][-len(lengths) :] == lengths
        assert page.evaluate("ghosts") > 10
        page.wait_for_function(LANDED)
        assert page.locator(".nw-merge-token[aria-expanded=true]").inner_text().startswith("␣the")

        page.get_by_role("button", name="Play").click()
        number_of_tokens(page, lengths[1])
        page.get_by_role("button", name="Pause").click()
        page.wait_for_function(LANDED)
        value = page.get_by_role("slider").input_value()
        assert 0 < int(value) < len(lengths) - 1
        page.get_by_role("button", name="Play").click()  # it goes on from there
        page.wait_for_function("v => Number(document.querySelector('input[type=range]').value) > v", arg=int(value))
        page.get_by_role("slider").press("Home")  # whoever moves the slider stops it
        assert page.get_by_role("button", name="Play").is_visible()
        number_of_tokens(page, lengths[0])
        assert not complaints


def test_reduced_motion_shows_one_merge_for_each_press(browser):
    figure = Merges(TOKENIZER, "about the cat", step=0)
    lengths = [len(ids) for ids in TOKENIZER.merge_steps("about the cat")]
    with harness.mounted(browser, figure, reduced_motion="reduce") as (page, complaints):
        for length in [*lengths[1:], lengths[0]]:
            page.get_by_role("button", name="Play").click()
            number_of_tokens(page, length)
            assert page.evaluate(LANDED) and page.get_by_role("button", name="Play").is_visible()
        assert not complaints


def test_a_very_long_text_stays_alive(browser):
    with harness.mounted(browser, Merges(TOKENIZER)) as (page, complaints):
        page.locator("summary").click()
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
            page.get_by_role("button", name="All merges").click()
        assert "half a character" in page.inner_text(".nw-merge-note")
        page.get_by_label("Text to cut").fill("")
        page.wait_for_function("document.querySelectorAll('.nw-merge-token').length === 0")
        assert "Type some text" in page.inner_text(".nw-merge-told") and "NaN" not in page.inner_text(".nw")
        assert not complaints


def test_what_shows_below_a_box_may_change_while_it_plays(browser):
    with harness.mounted(browser, Merges(TOKENIZER, "about the cat", step=0)) as (page, complaints):
        page.locator(".nw-more > summary").click()
        page.locator(".nw-go").click()
        page.wait_for_function("document.querySelector('.nw-go').textContent.includes('Pause')")
        page.get_by_role("combobox").select_option("its bytes")
        page.wait_for_function("document.querySelector('.nw-go').textContent === '▶ Play'", timeout=30_000)
        assert len(tokens(page)) == len(TOKENIZER.encode("about the cat")) and not complaints
