"""A GPT's weights on their way to a page, for the figures that run it there, and what such a page can run.

The page's side is `model.js`. A site keeps the weights of the models that ship with the book in one file each, which
all pages share; a figure that stands alone brings its own.
"""

from __future__ import annotations

import base64
import copy
import json
import zlib
from functools import cache
from typing import Any

import numpy as np
import traitlets

from book.widgets.base import Widget
from helpers import models

PRECISIONS = ("int8", "float16", "float32")
GROUP = 16  # weights that share a scale, the same as in model.js
PARAMETERS = 8_000_000
PARTS = ("norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias", "attention.qkv.weight", "attention.qkv.bias",
         "attention.out.weight", "attention.out.bias", "mlp.up.weight", "mlp.up.bias", "mlp.down.weight",
         "mlp.down.bias")  # fmt: skip


def packed(model, precision: str) -> dict:
    """A GPT's weights for `model.js`, as base64, with their checksum.

    precision: "float32", "float16", or "int8": whole numbers from −127 to 127, and a float16 scale for every 16.
    Vectors, such as biases, stay float32. Raises ValueError if a number doesn't fit.
    """
    parts, tensors = [], []
    for name, parameter in model.named_parameters():
        values = np.ascontiguousarray(parameter.data, dtype="<f4")
        if not np.isfinite(values).all():
            raise ValueError(f"{name} has weights that aren't finite: training diverged. Use a lower learning rate.")
        tensors.append([name, list(values.shape)])
        if values.ndim == 1 or precision == "float32":
            parts.append(values)
        elif np.abs(values).max() > 60_000:
            most = f"{np.abs(values).max():.3g}"
            raise ValueError(f"{name} has weights up to {most}, too large for {precision}. Use precision='float32'.")
        elif precision == "float16":
            parts.append(values.astype("<f2"))
        else:
            parts += _as_bytes(values)
    data = b"".join(part.tobytes() for part in parts)
    config = {name: int(value) for name, value in vars(model.config).items()}
    return {"config": config, "precision": precision, "tensors": tensors, "check": zlib.adler32(data),
            "data": base64.b64encode(data).decode()}  # fmt: skip


def _as_bytes(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(int8 in the shape of `values`, a float16 scale for every 16 in a row). Their products are close to `values`."""
    flat = np.pad(values.ravel(), (0, -values.size % GROUP)).reshape(-1, GROUP)
    scales = np.maximum(np.abs(flat).max(axis=1) / 127, 2.0**-24).astype("<f2")
    whole = np.clip(np.round(flat / scales[:, None].astype(np.float32)), -127, 127).astype(np.int8)
    return whole.ravel()[: values.size].reshape(values.shape), scales


def unpacked(weights: dict) -> dict[str, np.ndarray]:
    """What `packed` made, as float32 arrays by name: the same numbers the figure computes with."""
    data, at, arrays = base64.b64decode(weights["data"]), 0, {}

    def take(dtype: str, count: int) -> np.ndarray:
        nonlocal at
        found = np.frombuffer(data, dtype, count, at)
        at += found.nbytes
        return found.astype(np.float32)

    for name, shape in weights["tensors"]:
        n, kind = int(np.prod(shape)), "float32" if len(shape) == 1 else weights["precision"]
        if kind == "int8":
            whole, scales = take("i1", n), take("<f2", -(-n // GROUP))
            values = whole * np.repeat(scales, GROUP)[:n]
        else:
            values = take({"float32": "<f4", "float16": "<f2"}[kind], n)
        arrays[name] = values.reshape(shape)
    return arrays


def check_runs(model, tokenizer) -> None:
    """Raise ValueError with a sentence if a page can't run this model with this tokenizer."""
    config: Any = getattr(model, "config", None)
    names = {name for name, _ in model.named_parameters()} if hasattr(model, "named_parameters") else set()
    layers = getattr(config, "layers", 0)
    wanted = {"tokens.weight", "positions.weight", "norm.weight", "norm.bias"}
    wanted |= {f"blocks.{i}.{part}" for i in range(layers) for part in PARTS}
    if names != wanted or any(type(block).__name__ != "Block" for block in model.blocks):
        raise ValueError(
            f"A page can run only a GPT made of gpt.Block; got a {type(model).__name__} with other parts. Make one "
            "without the `block` option; for SmolLM2, use `Chat`."
        )
    if model.parameter_count() > PARAMETERS:
        raise ValueError(
            f"A page can carry at most {PARAMETERS:,} parameters; got {model.parameter_count():,}. Train a smaller "
            "model."
        )
    if not hasattr(tokenizer, "to_dict") or tokenizer.vocab_size != config.vocab_size:
        got = f"a {type(tokenizer).__name__} with {getattr(tokenizer, 'vocab_size', 'no')}"
        raise ValueError(
            f"The tokenizer must have the model's {config.vocab_size} tokens; got {got}. Pass the one it was "
            "trained with."
        )


def prompt_ids(tokenizer, prompt: str, after: str = "") -> list[int]:
    """A prompt and what follows every prompt as token ids, as the page makes them: unknown words are left out."""
    text = prompt + after if prompt.strip() else ""
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # half a character, as browsers do
    if not hasattr(tokenizer, "split"):
        return tokenizer.encode(text)  # bytes: any text fits
    unknown = tokenizer.ids.get("<unk>")
    ids = (tokenizer.ids.get(piece, unknown) for piece in tokenizer.split(text))
    return [i for i in ids if i is not None]


class Carrier(Widget):
    """A widget that brings a GPT along. `carry` packs it, and keeps a copy with the numbers the page computes with."""

    weights = traitlets.Dict(read_only=True).tag(sync=True)
    tokenizer = traitlets.Dict(read_only=True).tag(sync=True)

    def carry(self, model, tokenizer, precision: str) -> None:
        if precision not in PRECISIONS:
            raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}; got {precision!r}.")
        check_runs(model, tokenizer)
        self._tokenizer, self._model = tokenizer, copy.deepcopy(model)
        self.end = tokenizer.encode("<end>")[0] if "<end>" in getattr(tokenizer, "specials", ()) else None
        weights = packed(model, precision)
        arrays = unpacked(weights)
        for name, parameter in self._model.named_parameters():
            parameter.data[...] = arrays[name]
        self.set_trait("weights", weights)
        self.set_trait("tokenizer", tokenizer.to_dict())

    @property
    def V(self) -> int:
        return self._tokenizer.vocab_size

    def site_state(self) -> dict:
        """`state`, without the weights if the site has them."""
        state = self.state()
        if name := _shipped().get(self.weights.get("check", 0)):
            state["weights"] = self.weights | {"data": "", "shared": name}
        return state


def script_of(name: str) -> str:
    """The script that brings a shipped model's weights to a page of the site."""
    return f"next-word-{name}"


def site_files() -> dict[str, str]:
    """{file name: script} of the shipped models' weights. They work from file: too."""
    files = {}
    for name in models.shipped():
        data = json.dumps(packed(models.load_gpt(name)[0], "int8")["data"])
        files[f"{script_of(name)}.js"] = f"(globalThis.nextWordWeights ??= {{}}).{name} = {data};\n"
    return files


@cache
def _shipped() -> dict[int, str]:
    """{checksum of the packed weights: the shipped model's name}."""
    return {packed(models.load_gpt(name)[0], "int8")["check"]: name for name in models.shipped()}
