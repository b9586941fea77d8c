"""One example of each widget, from the book's own data and models: for the tests, the bench and the pictures."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import numpy as np

from book.widgets import (
    AttentionMap,
    AttentionMotion,
    Backprop,
    Bigram,
    Chat,
    Descent,
    EmbeddingMap,
    GlassGPT,
    LearningNet,
    LossCurves,
    Merges,
    NextToken,
    Playground,
    Predict,
    SoftmaxLab,
    snapshot,
)
from book.widgets.embedding_map import recorded
from helpers import data, poems, pretrained, sampling
from helpers.gpt import GPT, GPTConfig
from helpers.models import load_gpt
from helpers.runs import Run, start
from helpers.tokenizers import BytePairTokenizer, CharTokenizer
from helpers.training import History, text_batches
from tests.engine import test_pretrained

SENTENCE = "Write a poem about a cat."


def next_token(**options) -> NextToken:
    """What the shipped model expects after the sentence's first words: 81 characters."""
    model, tokenizer = load_gpt("shakespeare")
    logits = model(np.array(tokenizer.encode("Write a poem about a "))[None]).data[0, -1]
    options = {"temperature": 0.8, "top_k": 8, "draws": 10, "axis": 0.2, "context": "Write a poem about a "} | options
    return NextToken(
        logits, [tokenizer.decode([i]) for i in range(len(logits))], title="Which character comes next?",
        caption="Dashed: the model's own probabilities. Hatched: cut off. Blue: what we draw from.", **options,
    )  # fmt: skip


def attention_map(**options) -> AttentionMap:
    """Every head of the shipped model on the sentence."""
    model, tokenizer = load_gpt("shakespeare")
    weights = model.attention_weights(np.array(tokenizer.encode(SENTENCE)))
    options = {"layer": 2, "head": 1, "token": SENTENCE.index("cat")} | options
    return AttentionMap(SENTENCE, weights, title="What does each head look at?", caption="Blue is weight.", **options)


def small_run(lr: float, steps: int = 400) -> Run:
    """A tiny GPT that starts to read Shakespeare."""
    text = data.shakespeare_split()[0][:100_000]
    tokenizer = CharTokenizer(text)
    ids = np.array(tokenizer.encode(text))
    config = GPTConfig(tokenizer.vocab_size, context=16, layers=1, heads=2, channels=32)
    model = GPT(config, rng=np.random.default_rng(0))
    prompt = np.array(tokenizer.encode("Farewell, my lor"))

    def look() -> dict:
        logits = model(prompt[None]).data[0, -1]
        return snapshot(
            text=tokenizer.decode(model.generate(prompt, 60, sampling.greedy)), prompt=tokenizer.decode(prompt),
            tokens=tokenizer.vocab, probabilities=sampling.softmax(logits),
            attention=model.attention_weights(prompt)[0],
        )  # fmt: skip

    return start(
        model, lambda: text_batches(ids, 16, 16, rng=np.random.default_rng(1)), steps=steps, lr=lr, warmup=20,
        snapshot=look, snapshot_at=(0, 50, 100, 200, 400),
    )  # fmt: skip


@cache
def history(lr: float) -> History:
    return small_run(lr).wait()


def loss_curves(**options) -> LossCurves:
    """Two runs of a tiny GPT, one with too small a learning rate."""
    runs = {f"lr {lr}": history(lr) for lr in (0.01, 0.0005)}
    return LossCurves(
        runs, title="What does a model say while it learns?", caption="The same start and the same batches.",
        ylabel="loss (nats per character)", **options,
    )  # fmt: skip


def live(**options) -> LossCurves:
    """A run to watch and steer. It isn't one of the examples, because on a page it has no end."""
    return LossCurves(small_run(0.01, 1_000_000), title="Which learning rate is best?", **options)


def backprop(**options) -> Backprop:
    return Backprop(
        "p = w * x; s = p + b; h = tanh(s); e = h - y; L = e ** 2", w=0.5, x=2.0, b=-0.4, y=1.0, learn=["w", "b"],
        title="How does a loss find its way back?",
        caption="In each box: what it computes, its value, its gradient.", **options,
    )  # fmt: skip


def descent(**options) -> Descent:
    options = {"rates": [0.004, 0.08, 0.102]} | options
    return Descent(
        "narrow valley",
        title="Which learning rate gets to the bottom?",
        caption="Lines of equal loss; + is the lowest.",
        **options,
    )


def softmax_lab(**options) -> SoftmaxLab:
    return SoftmaxLab(title="How do scores become probabilities?", caption="Drag a score, or pick a rival.", **options)


@cache
def byte_pairs() -> BytePairTokenizer:
    return BytePairTokenizer.train(data.shakespeare_split()[0][:40_000], 500)


def merges(**options) -> Merges:
    return Merges(
        byte_pairs(), SENTENCE, title="How does a text become tokens?", caption="Every box is a token.", **options
    )


def bigram(**options) -> Bigram:
    return Bigram(title="Which letter follows which?", caption="Each row is a distribution.", **options)


def predict(**options) -> Predict:
    vowels = sum(SENTENCE.count(vowel) for vowel in "aeiou")
    given = {"within": None, "unit": "vowels", "low": 0, "wrong": {vowels + 1: "Is *y* a vowel here?"}} | options
    return Predict(f"How many vowels has *{SENTENCE}*", answer=vowels, off=0, because="They are `a e i o u`.", **given)


def playground(**options) -> Playground:
    options = {"after": "\n", "steps": 60, "temperature": 0.5} | options
    return Playground(
        *load_gpt("poems"), SENTENCE, title="What does the model write next?", caption="It runs in the page.", **options
    )


def attention_motion(**options) -> AttentionMotion:
    """Chapter 5's example by hand: who is meant by *its*?"""
    given = {
        "q": [[0.5, 1.0], [1.0, 0.5], [2.0, 0.0]], "k": [[0.2, 1.0], [1.0, 0.1], [0.5, 0.5]],
        "v": [[0.0, 1.5], [1.5, 0.2], [-1.0, -0.8]],
    } | options  # fmt: skip
    return AttentionMotion(
        ["poem", "cat", "its"], title="How does “its” find the cat?", caption="Drag an arrow.", **given
    )


def glass_gpt(**options) -> GlassGPT:
    options = {"after": "\n", "pick": ["look", 1, 0, 5]} | options
    return GlassGPT(
        *load_gpt("poems"), SENTENCE, title="What happens inside a GPT?", caption="One row per token.", **options
    )


def learning_net(**options) -> LearningNet:
    """On the first 30,000 characters of the plays."""
    return LearningNet(data.shakespeare_split()[0][:30_000], title="Which letter comes next?", caption="It learns.",
                       **options)  # fmt: skip


def embeddings(**options) -> EmbeddingMap:
    """The poem model's words."""
    options = {"picked": ["cat"], "groups": dict.fromkeys(poems.TOPICS, 1)} | options
    return EmbeddingMap(*recorded(), title="Where do words end up?", caption="Orange: topics.", **options)


def chat(**options) -> Chat:
    """A small random Llama, which answers with random words."""
    with tempfile.TemporaryDirectory() as folder:
        test_pretrained.write(Path(folder) / "model.gguf")
        model, tokenizer = pretrained.read(Path(folder) / "model.gguf")
    options = {"prompt": "A cat.", "steps": 20, "examples": ["Hello!"], "caption": "Random words."} | options
    return Chat(model, tokenizer, title="What does a real model answer?", **options)


EXAMPLES = {
    make.__name__: make
    for make in (
        next_token, attention_map, loss_curves, backprop, descent, softmax_lab, merges, bigram, predict, playground,
        chat, glass_gpt, attention_motion, learning_net, embeddings,
    )
}  # fmt: skip
