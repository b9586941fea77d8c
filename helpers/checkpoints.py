"""Checkpoints: a model's parameters, its shape, and its tokenizer in one safetensors file, and back.

A safetensors file holds arrays and text, and nothing that runs. Unlike a pickle, it's safe to open even if a stranger
made it. Left out: the optimizer's state, so training from a checkpoint starts with fresh averages.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from helpers.layers import Module

FORMAT = "the-next-word/1"


class CheckpointError(ValueError):
    """A file or a model that doesn't fit. The message says what's wrong, what it got, and what to do."""


@dataclass(frozen=True)
class Checkpoint:
    """What's in a file: `kind` is the model's class, `config` its shape, and `tensors` its parameters by name."""

    kind: str
    config: dict
    tokenizer: dict | None
    tensors: dict[str, np.ndarray] = field(repr=False)
    extra: dict


def save(path: str | os.PathLike, model: Module, tokenizer=None, *, half: bool = False, **extra) -> None:
    """Write a model to `path`, with its `config` and a tokenizer if it has them: completely, or not at all.

    half: keep 16 bits per number instead of 32. extra: anything JSON can hold, such as loss=1.23. Raises
    CheckpointError if the model can't be saved, or the file can't be written.
    """
    path = Path(path)
    dtype = np.float16 if half else None
    with np.errstate(over="ignore"):
        tensors = {name: np.array(p.data, dtype, order="C") for name, p in model.named_parameters()}
    if half and not all(np.isfinite(tensor).all() for tensor in tensors.values()):
        raise CheckpointError("Some parameters are too large for 16 bits, or aren't numbers. Save with half=False.")
    texts = {
        "config": asdict(model.config) if hasattr(model, "config") else {},
        "tokenizer": tokenizer.to_dict() if tokenizer else None,
        "extra": extra,
    }
    metadata = {name: json.dumps(value, default=_plain_number) for name, value in texts.items()}
    metadata |= {"format": FORMAT, "kind": type(model).__name__}
    if path.is_dir():
        raise CheckpointError(f"A checkpoint is saved in a file; got the folder {path}. Add a file name.")
    path = path.resolve()  # a link stays a link
    try:
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:  # an interrupted save leaves the old file alone
            new = Path(folder) / path.name
            new.write_bytes(to_bytes(tensors, metadata))
            if path.exists():
                shutil.copymode(path, new)
            os.replace(new, path)
    except OSError as error:
        raise CheckpointError(
            f"Can't save to {path}: {error.strerror}. Pick another folder, or free some room."
        ) from error


def read(path: str | os.PathLike) -> Checkpoint:
    """Read what `save` wrote. 16-bit numbers become 32-bit ones. Raises CheckpointError for any other file."""
    path = Path(path)
    try:
        with open(path, "rb"):  # says why a file can't be opened; safetensors always says it doesn't exist
            pass
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise CheckpointError(
                    f"This version of the book reads the format {FORMAT!r}; got {metadata.get('format')!r} in {path}. "
                    "Train the model again, or use the version of the book that saved it."
                )
            tensors = {name: file.get_tensor(name) for name in file.keys()}
        config, tokenizer, extra = (json.loads(metadata[name]) for name in ("config", "tokenizer", "extra"))
        kind = metadata["kind"]
    except (SafetensorError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise CheckpointError(
            f"The file {path} isn't a whole safetensors checkpoint ({error}). Copy it or train the model again. "
            "Pickles, such as .pt and .pkl files, are never opened, because they can run any program."
        ) from error
    except OSError as error:
        raise CheckpointError(f"Can't read {path}: {error.strerror}. Pass a file that `save` wrote.") from error
    for name, tensor in tensors.items():
        if tensor.dtype.kind != "f":
            raise CheckpointError(
                f"Parameters must be floating-point numbers; got {tensor.dtype} for {name} in {path}."
            )
        if tensor.dtype == np.float16:
            tensors[name] = tensor.astype(np.float32)
    return Checkpoint(kind, config, tokenizer, tensors, extra)


def restore(model: Module, checkpoint: Checkpoint) -> Module:
    """Copy a checkpoint's tensors into the model's parameters, in place. Returns the model.

    If names or shapes differ, it raises CheckpointError and changes nothing.
    """
    parameters = dict(model.named_parameters())
    missing = parameters.keys() - checkpoint.tensors.keys()
    unexpected = checkpoint.tensors.keys() - parameters.keys()
    advice = f"Build the model with the checkpoint's config: {checkpoint.config}."
    if missing or unexpected:
        lists = [("lacks", missing), ("has extra", unexpected)]
        said = " and ".join(f"{verb} {', '.join(sorted(names)[:3])}" for verb, names in lists if names)
        raise CheckpointError(
            f"The checkpoint of a {checkpoint.kind} doesn't fit your {type(model).__name__}: it {said} "
            f"({len(missing)} missing, {len(unexpected)} extra). {advice}"
        )
    for name, p in parameters.items():
        if checkpoint.tensors[name].shape != p.shape:
            shape = checkpoint.tensors[name].shape
            raise CheckpointError(f"{name} has shape {p.shape} in the model; got {shape} in the checkpoint. {advice}")
    for name, p in parameters.items():
        p.data[...] = checkpoint.tensors[name]
    return model


def _plain_number(value):
    """NumPy's numbers in a form JSON can hold."""
    if isinstance(value, np.generic):
        return value.item()
    raise CheckpointError(f"Only numbers, text, and lists can be saved with a model; got a {type(value).__name__}.")
