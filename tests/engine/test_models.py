"""The poems model that ships with the book: it does what a prompt asks, and refuses what it can't read."""

import numpy as np
import pytest

from helpers import models, poems, sampling
from helpers.gpt import GPT, GPTConfig


@pytest.fixture(scope="module")
def poet():
    return models.load_gpt("poems")


def test_its_tokens_are_the_words_of_the_grammar_and_none_stands_for_unknown_ones(poet):
    model, tokenizer = poet
    assert tokenizer.specials == ("<end>",) and tokenizer.vocab_size == model.config.vocab_size
    for request, text in poems.examples(200, rng=np.random.default_rng(5), held_out=True):
        assert tokenizer.decode(tokenizer.encode(text)) == text and tokenizer.encode(request)


def test_it_writes_what_is_asked_for(poet):
    text, ended = models.write(*poet, "Write a sad haiku about a cat.", sampling.greedy)
    verdict = poems.judge("Write a sad haiku about a cat.", text)
    assert ended and verdict.topic and verdict.mood and verdict.form


@pytest.mark.parametrize(
    "prompt, said",
    [
        (" \n", "The prompt is empty. Type something"),
        ("Write a poem about a spaceship.", "Unknown word 'spaceship'"),
        (70 * "please " + "write", "must fit into 64 tokens; got 72"),
    ],
)
def test_bad_prompts_get_a_sentence(poet, prompt, said):
    with pytest.raises(ValueError, match=said):
        models.write(*poet, prompt, sampling.greedy)
    with pytest.raises(ValueError, match=said):
        models.write_many(*poet, ["Write a poem about a cat.", prompt])


@pytest.mark.parametrize("shape", [(7, 8, 1, 2, 4), (69, 128, 4, 4, 128)])
def test_the_parameters_of_a_gpt_are_counted_before_it_is_built(shape):
    config = GPTConfig(*shape)
    built = GPT(config, rng=np.random.default_rng(0)).parameter_count()
    assert models.gpt_parameter_count(config) == built


def test_many_texts_are_those_written_one_by_one(poet):
    assert models.write_many(*poet, []) == []
    requests = [request for request, _ in poems.examples(12, rng=np.random.default_rng(3), held_out=True)]
    for temperature in (0.5, 1.0):
        many = models.write_many(*poet, requests, temperature=temperature, seed=7)
        same = 0
        for i, (request, texts) in enumerate(zip(requests, many, strict=True)):
            choose = sampling.chooser(temperature=temperature, rng=np.random.default_rng([7, i]))
            same += models.write(*poet, request, choose) == texts
        assert same >= 11  # of 12: sums in another order differ in their last digits, and a draw may land on a border
