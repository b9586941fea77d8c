"""What chapter 4 says, checked against what its cells compute."""

import numpy as np
import pytest

from helpers.tokenizers import BytePairTokenizer
from tests.chapters.running import ran, unsupported


@pytest.fixture(scope="module")
def chapter():
    return ran("04_tokens")


def test_numbers_in_the_text_come_from_cells(chapter):
    assert unsupported(chapter, 25, 64, 300, 150, 128, 240, 576, 49_152, 250_000, 255, 100) == []
    assert chapter["tokenizer"].vocab_size == 49_152


def test_the_merges_are_those_of_the_helpers(chapter):
    learned = chapter["learned"]
    assert BytePairTokenizer.train(chapter["train_text"][:100_000], 256 + len(learned)).merges == learned


def test_every_text_comes_back(chapter):
    text = "Café, \N{CAT FACE}, 1599: qwxz!"
    assert all(tokenizer.decode(tokenizer.encode(text)) == text for tokenizer in chapter["bpe"].values())


def test_a_loss_per_token_rises_and_per_character_falls(chapter):
    tokens, characters = (list(chapter[name].values()) for name in ("per_token", "per_character"))
    assert np.all(np.diff(tokens) > 0) and np.all(np.diff(characters) < 0) and tokens[-1] < 2 * tokens[0]


def test_words_are_never_complete(chapter):
    held = chapter["held_words"]
    assert 0.04 < len(chapter["missing"]) / len(held) < 0.05
    frequency = chapter["frequency"]
    assert frequency[99] > 4 * frequency[0] / 100  # the line through the first word runs below the curve


def test_embeddings_find_partners(chapter):
    ranks = [
        np.median([chapter["rank_of"](chapter[t], a, b) for a, b in chapter["couples"]]) for t in ("before", "after")
    ]
    assert ranks[0] > 500 and ranks[1] < 20


@pytest.mark.usefixtures("smollm2")
def test_analogies_on_the_real_model(chapter):
    row, near = chapter["row"], chapter["near"]
    assert near(row("king") - row("man") + row("woman")).startswith("␣queen, ␣king")
    assert near(row("Paris") - row("France") + row("Germany")).startswith("␣Paris, ␣Berlin")
    words = chapter["puzzles"].replace(",", " ").split()
    assert all(len(chapter["tokenizer"].encode(" " + word)) == 1 for word in words)
    first = (np.array(chapter["ranks"]) == 1).sum(axis=0)
    assert first.tolist() == [8, 1, 1]
    assert "␣white" in near(row("black"), 7) and len(chapter["tokenizer"].encode(" strawberry")) == 1
