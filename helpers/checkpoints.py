"""Checkpoints: a model's parameters, its shape and its tokenizer in one safetensors file, and back.

A safetensors file holds arrays and text and nothing that runs, unlike a pickle: opening one from a stranger is safe.
Left out: the optimizer's state, so that training goes on from a checkpoint with fresh averages.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from helpers.layers import Module

FORMAT = "the-next-word/1"


class CheckpointError(ValueError):
    """A file or a model that does not fit; the message says what came, what is allowed, and what to try."""


@dataclass(frozen=True)
class Checkpoint:
    """What a file holds: `kind` is the model's class, `config` its shape, `tensors` its parameters by name."""

    kind: str
    config: dict
    tokenizer: dict | None
    tensors: dict[str, np.ndarray] = field(repr=False)
    extra: dict


def save(path: str | os.PathLike, model: Module, tokenizer=None, *, half: bool = False, **extra) -> None:
    """Write a model, with its `config` and a tokenizer if it has them, to `path`, in one step or not at all.

    half: keep 16 bits for each number instead of 32. extra: anything that JSON can hold, such as loss=1.23.
    """
    path = Path(path)
    dtype = np.float16 if half else None
    with np.errstate(over="ignore"):
        tensors = {name: np.array(p.data, dtype, order="C") for name, p in model.named_parameters()}
    if half and not all(np.isfinite(tensor).all() for tensor in tensors.values()):
        raise CheckpointError("Some parameters are too large for 16 bits, or no numbers at all; save with half=False.")
    texts = {
        "config": asdict(model.config) if hasattr(model, "config") else {},
        "tokenizer": tokenizer.to_dict() if tokenizer else None,
        "extra": extra,
    }
    metadata = {name: json.dumps(value, default=_plain_number) for name, value in texts.items()}
    metadata |= {"format": FORMAT, "kind": type(model).__name__}
    if path.is_dir() or not path.parent.is_dir():
        what = "is a folder" if path.is_dir() else f"is in a folder that does not exist, {path.parent}"
        raise CheckpointError(f"The checkpoint {path} {what}; give the name of a file in a folder that is there.")
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:  # an interrupted save leaves the old file as it was
        new = Path(folder) / path.name
        new.write_bytes(to_bytes(tensors, metadata))
        os.replace(new, path)


def read(path: str | os.PathLike) -> Checkpoint:
    """Read what `save` wrote. Tensors kept in 16 bits come back in 32. Raises CheckpointError at any other file."""
    path = Path(path)
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise CheckpointError(f"The checkpoint {path} {what}; give the path of a file that `save` wrote.")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise CheckpointError(
                    f"The file {path} has the format {metadata.get('format')!r}; this version of the book reads "
                    f"{FORMAT!r}, which `save` writes. Train the model again, or use the book's version that made it."
                )
            tensors = {name: file.get_tensor(name) for name in file.keys()}
        config, tokenizer, extra = (json.loads(metadata[name]) for name in ("config", "tokenizer", "extra"))
        kind = metadata["kind"]
    except (SafetensorError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise CheckpointError(
            f"The file {path} is no safetensors checkpoint, or only a part of one ({error}); copy it again, or train "
            "the model again. Pickles, such as .pt and .pkl files, are never opened: they can run any program."
        ) from error
    except OSError as error:
        raise CheckpointError(f"The checkpoint {path} cannot be read ({error}); look at its permissions.") from error
    tensors = {name: t.astype(np.float32) if t.dtype == np.float16 else t for name, t in tensors.items()}
    return Checkpoint(kind, config, tokenizer, tensors, extra)


def restore(model: Module, checkpoint: Checkpoint) -> Module:
    """Copy a checkpoint's tensors into the model's parameters, in place. Returns the model.

    Raises CheckpointError, and changes nothing, if names or shapes differ.
    """
    parameters = dict(model.named_parameters())
    missing = parameters.keys() - checkpoint.tensors.keys()
    unexpected = checkpoint.tensors.keys() - parameters.keys()
    if missing or unexpected:
        lists = [("lacks", missing), ("has in addition", unexpected)]
        said = " and ".join(f"{verb} {', '.join(sorted(names)[:3])}" for verb, names in lists if names)
        raise CheckpointError(
            f"Compared with your {type(model).__name__}, this checkpoint of a {checkpoint.kind} {said} "
            f"({len(missing)} missing, {len(unexpected)} too many); build the model as the checkpoint's config says."
        )
    for name, p in parameters.items():
        if checkpoint.tensors[name].shape != p.shape:
            raise CheckpointError(
                f"{name} has shape {checkpoint.tensors[name].shape} in the checkpoint and {p.shape} in the model; "
                f"build the model as the checkpoint's config says: {checkpoint.config}."
            )
    for name, p in parameters.items():
        p.data[...] = checkpoint.tensors[name]
    return model


def _plain_number(value):
    """JSON for NumPy's numbers."""
    if isinstance(value, np.generic):
        return value.item()
    raise CheckpointError(f"A {type(value).__name__} cannot be saved beside parameters; use numbers, texts and lists.")
