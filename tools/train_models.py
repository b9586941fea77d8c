"""`make models`: train the models that come with the book and save them in helpers/shipped.

shakespeare: a GPT that reads characters, trained on the plays that are not held out; its loss on the held-out plays and
a sample are printed. poems: a GPT that reads words and writes a poem for a prompt; how well it keeps to prompts that it
never saw is printed. These numbers also go into the files.
"""

from __future__ import annotations

import argparse

import numpy as np

from helpers import checkpoints, data, models, sampling
from helpers import poems as grammar
from helpers.functional import cross_entropy
from helpers.gpt import GPT, GPTConfig
from helpers.tokenizers import CharTokenizer, WordTokenizer
from helpers.training import mean_loss, text_batches, train


def shakespeare(steps: int = 4000) -> None:
    """Train with 128 characters of context: the loop is the one of chapter 6, the model four times as large."""
    rng = np.random.default_rng(0)
    text, held_out = data.shakespeare_split()
    tokenizer = CharTokenizer(text + held_out)
    text, held_out = np.array(tokenizer.encode(text)), np.array(tokenizer.encode(held_out))
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
    print(f"\n{history}\nheld-out loss over all of {', '.join(data.HELD_OUT)}: {loss:.3f} nats a character")
    save("shakespeare", model, tokenizer, held_out_loss=round(loss, 4))
    model, tokenizer = models.load_gpt("shakespeare")
    choose = sampling.chooser(temperature=0.8, rng=np.random.default_rng(1))
    print(tokenizer.decode(model.generate(tokenizer.encode("Romeo:\n"), 500, choose)))


def poems(steps: int = 5000) -> None:
    """Train on 40,000 poems behind their prompts: the loop is the one of chapter 8, with more steps."""
    rng = np.random.default_rng(0)
    pairs = grammar.examples(40_000, rng=rng)
    tokenizer = WordTokenizer((wish + "\n" + text for wish, text in pairs), specials=["<end>"])
    model = GPT(GPTConfig(tokenizer.vocab_size, context=64, layers=2, heads=4, channels=128), rng=rng)
    model.loss = lambda inputs, targets: cross_entropy(model(inputs), targets, ignore=-1)
    model.loss_weight = lambda inputs, targets: (targets >= 0).sum()
    print(f"poems: {model.parameter_count():,} parameters, {len(pairs):,} poems, {steps:,} steps", flush=True)
    history = train(
        model,
        grammar.batches(*grammar.rows(pairs, tokenizer), 32, rng=rng),
        steps=steps,
        lr=4e-3,
        **saved_on_the_way("poems", model, tokenizer, steps),
    )
    save("poems", model, tokenizer)
    kept = kept_by_poems()
    print(f"\n{history}\nof held-out combinations at temperature 0.5: {kept}")
    save("poems", model, tokenizer, held_out=kept)


def kept_by_poems() -> dict[str, float]:
    """The shares of held-out prompts for which the saved model keeps topic, mood and form, and ends by itself."""
    model, tokenizer = models.load_gpt("poems")
    choose = sampling.chooser(temperature=0.5, rng=np.random.default_rng(1))
    found = []
    for wish, _ in grammar.examples(320, rng=np.random.default_rng(1), held_out=True):
        text, ended = models.write(model, tokenizer, wish, choose)
        verdict = grammar.judge(wish, text)
        found.append((verdict.topic, verdict.mood, verdict.form, ended))
    return dict(zip(("topic", "mood", "form", "ended"), np.mean(found, axis=0).round(4).tolist()))


def saved_on_the_way(name: str, model, tokenizer, steps: int) -> dict:
    """Options for `train`: a long run that is cut short still leaves a file."""
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
            parser.error(f"no model is called {name!r}; the names are {', '.join(makers)}")
    for name in arguments.names or makers:
        makers[name](**({"steps": arguments.steps} if arguments.steps else {}))
