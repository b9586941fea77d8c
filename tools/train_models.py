"""`make models`: train the models that ship with the book and save them in helpers/shipped.

shakespeare: a GPT that reads characters, trained on all plays but the held-out ones. Prints its held-out loss and a
sample. poems: a GPT that reads words and writes a poem for a prompt. Prints how well it does what prompts ask that it
never saw. These numbers also go into the files.
"""

from __future__ import annotations

import argparse

import numpy as np

from book.widgets import embedding_map
from helpers import checkpoints, data, models, sampling
from helpers import poems as grammar
from helpers.functional import cross_entropy
from helpers.gpt import GPT, GPTConfig
from helpers.layers import Module
from helpers.tokenizers import CharTokenizer, WordTokenizer
from helpers.training import mean_loss, text_batches, train


def shakespeare(steps: int = 4000) -> None:
    """Chapter 6's training loop with a model four times as large, and 128 characters of context."""
    rng = np.random.default_rng(0)
    text, held_out = data.shakespeare_split()
    tokenizer = CharTokenizer(text + held_out)
    text, held_out = np.array(tokenizer.encode(text)), np.array(tokenizer.encode(held_out))
    start = at_start(rng)
    model = GPT(GPTConfig(tokenizer.vocab_size, context=128, layers=4, heads=4, channels=128), rng=rng)
    print(f"shakespeare: {model.parameter_count():,} parameters, {len(text):,} characters, {steps:,} steps", flush=True)

    def evaluate() -> float:
        return mean_loss(model, held_out[:100_000], model.config.context)

    history = train(
        model,
        text_batches(text, 32, model.config.context, rng=rng),
        steps=steps,
        lr=4e-3,
        warmup=200,
        evaluate=evaluate,
        evaluate_every=500,
        **saved_on_the_way("shakespeare", model, tokenizer, steps),
    )
    loss = mean_loss(model, held_out, model.config.context)
    print(f"\n{history}\nheld-out loss over all of {', '.join(data.HELD_OUT)}: {loss:.3f} nats per character")
    save("shakespeare", model, tokenizer, start=start, held_out_loss=round(loss, 4))
    model, tokenizer = models.load_gpt("shakespeare")
    choose = sampling.chooser(temperature=0.8, rng=np.random.default_rng(1))
    print(tokenizer.decode(model.generate(tokenizer.encode("Romeo:\n"), 500, choose)))


class Masked(Module):
    """A GPT whose loss leaves out the targets that are -1, as in chapter 8."""

    def __init__(self, gpt: GPT):
        self.gpt = gpt

    def loss(self, inputs, targets):
        return cross_entropy(self.gpt(inputs), targets, ignore=-1), (targets >= 0).sum()


def poems(steps: int = 5000) -> None:
    """Chapter 8's training loop with more steps: 40,000 poems, each after its prompt. Records the embeddings."""
    rng = np.random.default_rng(0)
    pairs = grammar.examples(40_000, rng=rng)
    tokenizer = WordTokenizer((request + "\n" + text for request, text in pairs), specials=["<end>"])
    start = at_start(rng)
    model = GPT(GPTConfig(tokenizer.vocab_size, context=64, layers=2, heads=4, channels=128), rng=rng)
    ids, tables = embedding_map.frequent(tokenizer.vocab), []

    def record() -> None:
        tables.append(model.tokens.weight.data[ids].copy())

    print(f"poems: {model.parameter_count():,} parameters, {len(pairs):,} poems, {steps:,} steps", flush=True)
    history = train(
        Masked(model),
        grammar.batches(*grammar.rows(pairs, tokenizer), 32, rng=rng),
        steps=steps,
        lr=4e-3,
        snapshot=record,
        snapshot_at=(at := tuple(step for step in embedding_map.STEPS if step <= steps)),
    )
    embedding_map.save([tokenizer.vocab[i] for i in ids], at, np.array(tables))
    save("poems", model, tokenizer, start=start)
    kept = kept_by_poems()
    print(f"\n{history}\nof held-out combinations at temperature 0.5: {kept}")
    save("poems", model, tokenizer, start=start, held_out=kept)


def kept_by_poems() -> dict[str, float]:
    """Shares of held-out prompts for which the saved model gets the topic, mood, and form right, and ends by itself."""
    model, tokenizer = models.load_gpt("poems")
    choose = sampling.chooser(temperature=0.5, rng=np.random.default_rng(1))
    found = []
    for request, _ in grammar.examples(320, rng=np.random.default_rng(1), held_out=True):
        text, ended = models.write(model, tokenizer, request, choose)
        verdict = grammar.judge(request, text)
        found.append((verdict.topic, verdict.mood, verdict.form, ended))
    return dict(zip(("topic", "mood", "form", "ended"), np.mean(found, axis=0).round(4).tolist()))


def at_start(rng: np.random.Generator) -> dict[str, str]:
    """Where the generator is, in hexadecimal: enough to draw a model's first weights again."""
    return {name: f"{value:x}" for name, value in rng.bit_generator.state["state"].items()}


def saved_on_the_way(name: str, model, tokenizer, steps: int) -> dict:
    """Options for `train`, so a long run that's cut short still leaves a file."""
    return {"snapshot": lambda: save(name, model, tokenizer), "snapshot_at": tuple(range(500, steps, 500))}


def save(name: str, model, tokenizer, **extra) -> None:
    models.SHIPPED.mkdir(exist_ok=True)
    checkpoints.save(models.SHIPPED / f"{name}.safetensors", model, tokenizer, half=True, **extra)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    makers = {"shakespeare": shakespeare, "poems": poems}
    parser.add_argument("names", nargs="*", metavar="name", help=f"which to train: {', '.join(makers)} (default: all)")
    parser.add_argument("--steps", type=int, help="training steps, instead of each model's own")
    arguments = parser.parse_args()
    for name in arguments.names:
        if name not in makers:
            parser.error(f"there's no model called {name!r}; the names are {', '.join(makers)}")
    for name in arguments.names or makers:
        makers[name](**({"steps": arguments.steps} if arguments.steps else {}))
