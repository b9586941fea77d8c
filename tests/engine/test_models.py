"""The poems model that comes with the book: it answers a wish, and refuses what it cannot read with a sentence."""

import numpy as np
import pytest

from helpers import models, poems, sampling


@pytest.fixture(scope="module")
def poet():
    return models.load_gpt("poems")


def test_its_tokens_are_the_words_of_the_grammar_and_none_stands_for_unknown_ones(poet):
    model, tokenizer = poet
    assert tokenizer.specials == ("<end>",) and tokenizer.vocab_size == model.config.vocab_size
    for wish, text in poems.examples(200, rng=np.random.default_rng(5), held_out=True):
        assert tokenizer.decode(tokenizer.encode(text)) == text and tokenizer.encode(wish)


def test_it_writes_what_is_asked_for(poet):
    text, ended = models.write(*poet, "Write a sad haiku about a cat.", sampling.greedy)
    verdict = poems.judge("Write a sad haiku about a cat.", text)
    assert ended and verdict.topic and verdict.mood and verdict.form


@pytest.mark.parametrize(
    "wish, said",
    [
        (" \n", "The prompt is empty; ask for something"),
        ("Write a poem about a spaceship.", "The word 'spaceship' is not among the"),
        (70 * "please " + "write", "tokens with its line break; this model reads at most 64"),
    ],
)
def test_bad_wishes_get_a_sentence(poet, wish, said):
    with pytest.raises(ValueError, match=said):
        models.write(*poet, wish, sampling.greedy)
