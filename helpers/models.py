"""Models that come with the book: small GPTs in helpers/shipped, trained by `make models`, and yours.

And how to ask one that was trained on prompts. Chapters 6 and 8 train such models.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from helpers.checkpoints import CheckpointError, read, restore
from helpers.gpt import GPT, GPTConfig
from helpers.tokenizers import tokenizer_from_dict

SHIPPED = Path(__file__).parent / "shipped"


def shipped() -> list[str]:
    """The names that `load_gpt` knows."""
    return sorted(path.stem for path in SHIPPED.glob("*.safetensors"))


def load_gpt(path_or_name: str | os.PathLike):
    """(model, tokenizer) from a model that comes with the book, such as "shakespeare", or from a file of yours.

    The tokenizer is None if the file has none. Raises CheckpointError if there is no such model or it is damaged.
    """
    name, path = str(path_or_name), Path(path_or_name)
    if name in shipped():
        path = SHIPPED / f"{name}.safetensors"
    elif not path.suffix and not path.exists():
        known = ", ".join(shipped()) or "none: `make models` trains them"
        raise CheckpointError(f"No model is called {name!r}; the names are {known}. Or give the path of a file.")
    checkpoint = read(path)
    if checkpoint.kind != "GPT":
        raise CheckpointError(f"The file {path} holds a {checkpoint.kind}; load_gpt reads a GPT. Try checkpoints.read.")
    try:
        config = GPTConfig(**checkpoint.config)
        tokenizer = checkpoint.tokenizer and tokenizer_from_dict(checkpoint.tokenizer)
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"The checkpoint {path} is damaged ({error}); copy it or train it again.") from error
    if tokenizer and tokenizer.vocab_size != config.vocab_size:
        raise CheckpointError(
            f"The checkpoint {path} has a model with {config.vocab_size} tokens and a tokenizer with "
            f"{tokenizer.vocab_size}; they must be equal. Save the model with the tokenizer it was trained with."
        )
    return restore(GPT(config, rng=np.random.default_rng(0)), checkpoint), tokenizer


def write(model: GPT, tokenizer, prompt: str, choose: Callable) -> tuple[str, bool]:
    """What a model that was trained on prompts writes after one, and whether it ended by itself, with "<end>".

    choose: as in `GPT.generate`. Raises ValueError if the prompt is empty, is longer than the model can read, or has a
    word that the tokenizer does not know.
    """
    if not prompt.strip():
        raise ValueError("The prompt is empty; ask for something, such as 'Write a poem about a cat.'")
    asked = tokenizer.encode(prompt.strip() + "\n")
    context = model.config.context
    if len(asked) >= context:
        raise ValueError(
            f"The prompt has {len(asked)} tokens with its line break; this model reads at most {context}, and its "
            "answer must fit in, too. Ask in fewer words."
        )
    ids = model.generate(asked, context - len(asked), choose, stop=tokenizer.end)[len(asked) :]
    ended = ids[-1] == tokenizer.end
    return tokenizer.decode(ids[:-1] if ended else ids), ended
