"""`make models`: train the models that come with the book and save them in helpers/shipped.

shakespeare: a GPT that reads characters, trained on the plays that are not held out. Its samples and its loss on the
held-out plays are printed, and both go into the file.
"""

from __future__ import annotations

import argparse

import numpy as np

from helpers import checkpoints, data, models, sampling
from helpers.gpt import GPT, GPTConfig
from helpers.tokenizers import CharTokenizer
from helpers.training import mean_loss, text_batches, train


def shakespeare(steps: int) -> None:
    """Train with 128 characters of context: the loop is the one of chapter 6, the model four times as large."""
    rng = np.random.default_rng(0)
    text, held_out = data.shakespeare_split()
    tokenizer = CharTokenizer(text + held_out)
    text, held_out = np.array(tokenizer.encode(text)), np.array(tokenizer.encode(held_out))
    model = GPT(GPTConfig(tokenizer.vocab_size, context=128, layers=4, heads=4, channels=128), rng=rng)
    print(f"shakespeare: {model.parameter_count():,} parameters, {len(text):,} characters, {steps:,} steps", flush=True)

    def evaluate() -> float:
        return mean_loss(model, held_out[:100_000], model.config.context)

    def snapshot() -> None:  # a long run that is cut short still leaves a file
        save(model, tokenizer, None)

    history = train(
        model,
        text_batches(text, 32, model.config.context, rng=rng),
        steps=steps,
        lr=4e-3,
        warmup=200,
        evaluate=evaluate,
        evaluate_every=500,
        snapshot=snapshot,
        snapshot_at=tuple(range(500, steps, 500)),
    )
    loss = mean_loss(model, held_out, model.config.context)
    print(f"\n{history}\nheld-out loss over all of {', '.join(data.HELD_OUT)}: {loss:.3f} nats a character")
    save(model, tokenizer, loss)
    model, tokenizer = models.load_gpt("shakespeare")
    choose = sampling.chooser(temperature=0.8, rng=np.random.default_rng(1))
    print(tokenizer.decode(model.generate(tokenizer.encode("Romeo:\n"), 500, choose)))


def save(model, tokenizer, loss) -> None:
    models.SHIPPED.mkdir(exist_ok=True)
    extra = {} if loss is None else {"held_out_loss": round(loss, 4)}
    checkpoints.save(models.SHIPPED / "shakespeare.safetensors", model, tokenizer, half=True, **extra)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=4000, help="training steps of the Shakespeare model")
    shakespeare(parser.parse_args().steps)
