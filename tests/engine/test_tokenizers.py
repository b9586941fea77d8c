"""Tokenizers: what goes in comes out, the merges are the right ones, and every refusal is a sentence."""

import json
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.tokenizers import BytePairTokenizer, CharTokenizer, WordTokenizer, tokenizer_from_dict, visible

TEXT = """Hamlet:
To be, or not to be: that is the question:
Whether 'tis nobler in the mind to suffer
The slings and arrows of outrageous fortune,
Or to take arms against a sea of troubles.

Ophelia:
My lord, I have remembrances of yours, the which I would have given you this day.
"""
BPE = BytePairTokenizer.train(TEXT * 3, 300, specials=("<end>",))


# Characters


def test_characters():
    tokenizer = CharTokenizer("banana\n split")
    assert tokenizer.characters == "\n abilnpst" and tokenizer.vocab_size == 10
    assert tokenizer.vocab[:3] == ["↵", "␣", "a"]
    assert tokenizer.encode("nap") == [6, 2, 7]
    assert tokenizer.decode(tokenizer.encode("plain\nsalt")) == "plain\nsalt"
    assert tokenizer.encode("") == [] and tokenizer.decode([]) == ""


def test_a_character_that_is_not_known():
    with pytest.raises(ValueError, match=r"Unknown character 'é'. This tokenizer knows 3: abc .*make a tokenizer"):
        CharTokenizer("abc").encode("abécé")
    with pytest.raises(ValueError, match="empty text"):
        CharTokenizer("")


# Words


def test_words_are_sorted_by_frequency_after_the_specials():
    tokenizer = WordTokenizer("b a c a b a d", size=4)
    assert tokenizer.vocab == ["<end>", "<unk>", "a", "b"]
    assert tokenizer.encode("a d b <end>") == [2, 1, 3, 0] and tokenizer.end == 0
    assert WordTokenizer("b a c a b a d").vocab_size == 6


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        "'Tis o'er-night, i' the lovers' tale; th' end.",
        'He said "no, not yet" and "go" (to me) again...',
        "one,--Marcellus\n\nWhat, ho! 3.50 at 12:30?",
    ],
)
def test_words_come_back_with_the_right_spaces(text):
    tokenizer = WordTokenizer(text)
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_what_words_lose():
    tokenizer = WordTokenizer("a b -- c")
    assert tokenizer.decode(tokenizer.encode("a\t b  -- c")) == "a b--c"


def test_several_texts():
    tokenizer = WordTokenizer(["the cat", "the dog"], specials=("<start>", "<end>"))
    assert tokenizer.vocab == ["<start>", "<end>", "the", "cat", "dog"] and tokenizer.end == 1


def test_words_that_are_not_known():
    with pytest.raises(ValueError, match="Unknown word 'bird'. This tokenizer knows 2.*<unk>"):
        WordTokenizer("the cat", specials=()).encode("the bird")
    with pytest.raises(ValueError, match=r"With 2 specials, size must be at least 3; got 2"):
        WordTokenizer("the cat", size=2)
    with pytest.raises(ValueError, match="<end>"):
        WordTokenizer("the cat", specials=()).end  # noqa: B018


# Byte pairs


def slow_merges(text: str, count: int) -> list[tuple[int, int]]:
    """The definition: count all pairs again before each merge; among the most frequent take the smallest."""
    words = [list(word.encode()) for word in BytePairTokenizer.pieces(text)]
    learned = []
    while len(learned) < count:
        pairs = [pair for word in words for pair in zip(word, word[1:])]
        best = min(set(pairs), key=lambda pair: (-pairs.count(pair), pair), default=None)
        if pairs.count(best) < 2:
            break
        for word in words:
            i = 0
            while i + 1 < len(word):
                if (word[i], word[i + 1]) == best:
                    word[i : i + 2] = [256 + len(learned)]
                i += 1
        learned.append(best)
    return learned


@pytest.mark.parametrize("text", [TEXT, "aaaa aaa aaaaa aa", "abababab baba abab", "the the then than that thin"])
def test_training_is_the_definition(text):
    learned = BytePairTokenizer.train(text, 256 + 40).merges
    assert [pair for pair, _ in learned] == slow_merges(text, 40)
    assert [new for _, new in learned] == list(range(256, 256 + len(learned)))


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="ab \n", min_size=1, max_size=60))
def test_training_is_the_definition_for_any_text(text):
    assert [pair for pair, _ in BytePairTokenizer.train(text, 266).merges] == slow_merges(text, 10)


@settings(max_examples=300, deadline=None)
@given(st.text())
def test_any_text_comes_back(text):
    assert BPE.decode(BPE.encode(text)) == text


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet=st.sampled_from("to be,\nt'he é你🙂\t_0")))
def test_steps_lead_from_bytes_to_the_encoding(text):
    steps = BPE.merge_steps(text)
    assert steps[0] == list(text.encode()) and steps[-1] == BPE.encode(text)
    lengths = [len(step) for step in steps]
    assert lengths == sorted(lengths, reverse=True) and len(set(lengths)) == len(lengths)
    assert all(BPE.decode(step) == text for step in steps)


def test_merges_apply_in_the_order_they_were_learned():
    # Learned: (a, b) and then (b, c). In "abc" the first one wins, although from the right the second would fit, too.
    tokenizer = BytePairTokenizer([(97, 98), (98, 99)])
    assert tokenizer.encode("abc") == [256, 99] and tokenizer.encode("bc") == [257]
    tokenizer = BytePairTokenizer([(98, 99), (97, 98)])
    assert tokenizer.encode("abc") == [97, 256]


def test_merges_do_not_cross_words():
    tokenizer = BytePairTokenizer.train("to be " * 50, 300)
    assert tokenizer.vocab[256:] == ["␣b", "to", "␣be", "␣to"]


def test_specials_are_one_token_each():
    assert BPE.vocab_size == 300 and BPE.vocab[-1] == "<end>"
    ids = BPE.encode("be<end><end>to")
    assert ids.count(299) == 2 and BPE.decode(ids) == "be<end><end>to"
    assert 299 not in BPE.encode("<end ><En d>")


def test_a_short_text_gives_fewer_merges():
    assert BytePairTokenizer.train("abcdef", 500).vocab_size == 256
    assert BytePairTokenizer.train("", 256).encode("") == []


def test_bytes_that_are_no_text_are_shown():
    assert BPE.decode([0xE4]) == "�"
    assert BPE.vocab[0xE4] == r"\xe4"


def test_training_reads_a_long_word_once():
    """Text without spaces is one word. A merge may only touch the places where it happens: lines run are counted."""
    text, lines = "".join(np.random.default_rng(0).choice(list("abcdefgh"), 5_000)), 0

    def count(frame, event, argument):
        nonlocal lines
        lines += event == "line"
        return count

    before = sys.gettrace()
    sys.settrace(count)
    tokenizer = BytePairTokenizer.train(text, 456)
    sys.settrace(before)
    assert tokenizer.vocab_size == 456 and lines < 150 * len(text)


def test_the_longest_special_wins():
    tokenizer = BytePairTokenizer([], specials=("<|a", "<|a|>"))
    assert tokenizer.encode("<|a|>") == [257] and tokenizer.encode("<|a|") == [256, ord("|")]
    assert WordTokenizer("x", specials=("<|a", "<|a|>")).split("x<|a|>") == ["x", "<|a|>"]


@pytest.mark.parametrize(
    ("do", "match"),
    [
        (lambda: BytePairTokenizer.train("text", 255), "vocab_size must be a whole number of at least 256; got 255"),
        (lambda: BytePairTokenizer.train("text", 256, specials=("<end>",)), "at least 257; got 256"),
        (lambda: BytePairTokenizer([(97, 256)]), "got 97 and 256 for token 256"),
        (lambda: BytePairTokenizer([], specials=("<end>", "<end>")), "distinct, nonempty texts"),
        (lambda: BytePairTokenizer([], specials=("",)), "distinct, nonempty texts"),
        (lambda: BPE.encode("a \ud800 b"), "half of a surrogate pair"),
        (lambda: BPE.decode([5, 300]), "Token ids must be from 0 to 299; got 300"),
        (lambda: BPE.decode([-1]), "got -1"),
        (
            lambda: tokenizer_from_dict({"kind": "syllables"}),
            "one of characters, words, byte-pairs, pretrained; got 'syllables'",
        ),
        (lambda: tokenizer_from_dict(None), "got None"),
        (lambda: tokenizer_from_dict({"kind": "words"}), "damaged"),
    ],
)
def test_refusals_are_sentences(do, match):
    with pytest.raises(ValueError, match=match):
        do()


# Saving


@pytest.mark.parametrize("tokenizer", [CharTokenizer(TEXT), WordTokenizer(TEXT, 30), BPE], ids=lambda t: t.kind)
def test_saved_and_read_again(tokenizer):
    again = tokenizer_from_dict(json.loads(json.dumps(tokenizer.to_dict())))
    assert type(again) is type(tokenizer) and again.vocab == tokenizer.vocab
    assert len(again.vocab) == again.vocab_size == tokenizer.vocab_size
    assert again.encode(TEXT) == tokenizer.encode(TEXT)
    assert all(type(i) is int for i in tokenizer.encode(TEXT))


def test_visible():
    assert visible(" a\nb\t\x00é") == r"␣a↵b\t\x00é"
