"""Playground: a GPT that runs in the page. A prompt, the next token, a tree of continuations, attention.

The figure carries the model's weights, and `model.js` computes what `helpers/gpt.py` does. Chapters 6, 7, and 8 use it.
Left out: encoder-decoder models, blocks other than `gpt.Block`.
"""

from __future__ import annotations

import base64
import copy
import textwrap
import zlib
from typing import Any

import numpy as np
import traitlets

from book.widgets.base import Whole
from book.widgets.setting import SETTING, TwoSettings, both_settings, options
from helpers import plots, sampling
from helpers.checks import whole

PRECISIONS = ("int8", "float16", "float32")
GROUP = 16  # weights that share a scale, the same as in model.js
PARAMETERS = 8_000_000
LONGEST = 1_000_000  # characters of a prompt
MOST = 2_000  # tokens in a tree
BARS, LINES = 12, 12  # of the still picture
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


class Playground(TwoSettings):
    """A trained GPT to play with: type a prompt, look at the next token, sample, go back, branch, compare.

    model, tokenizer: a `gpt.GPT` and the tokenizer it was trained with. prompt: the text to start from; after: added to
    every prompt, such as a line break that asks for an answer; examples: prompts to choose from. steps: how many tokens
    are written at the start. precision: how the weights are stored, see `packed`. second: another setting beside this
    one, such as {"temperature": 0.5}, with the same random numbers. layer, head: whose attention to show, from 1.

    The tree: `branches[i]` is [the node it follows, its token], and makes node i + 1; node 0 is the prompt. The first
    setting writes after `node`, the second after `node_b`. The token at depth d is drawn with the d-th number of
    `sampling.Mulberry32(seed)`, so `write` here and *Run* in the figure give the same text.
    """

    settings = ("prompt", *TwoSettings.setting_traits, "branches", "node", "node_b", "look", "layer", "head")

    prompt = traitlets.Unicode("").tag(sync=True)
    after = traitlets.Unicode("").tag(sync=True)
    examples = traitlets.List(traitlets.Unicode()).tag(sync=True)
    weights = traitlets.Dict(read_only=True).tag(sync=True)
    tokenizer = traitlets.Dict(read_only=True).tag(sync=True)
    branches = traitlets.List().tag(sync=True)
    node = Whole(0, 0, MOST).tag(sync=True)
    node_b = Whole(0, 0, MOST).tag(sync=True)
    look = traitlets.Bool(False, help="show the attention").tag(sync=True)
    layer = Whole(1, 1, 1000).tag(sync=True)
    head = Whole(1, 1, 1000).tag(sync=True)

    def __init__(self, model, tokenizer, prompt: str = "Write a poem about a cat.", *, steps: int = 0, top_k=None,
                 precision: str = "int8", second: dict | None = None, **values):  # fmt: skip
        if precision not in PRECISIONS:
            raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}; got {precision!r}.")
        self._check(model, tokenizer)
        self._tokenizer, self._model = tokenizer, copy.deepcopy(model)
        self._end = tokenizer.encode("<end>")[0] if "<end>" in getattr(tokenizer, "specials", ()) else None
        weights = packed(model, precision)
        arrays = unpacked(weights)
        for name, parameter in self._model.named_parameters():
            parameter.data[...] = arrays[name]
        self.set_trait("weights", weights)
        self.set_trait("tokenizer", tokenizer.to_dict())
        first = {"temperature": 0.8, "top_k": top_k} | {name: values.pop(name) for name in SETTING if name in values}
        like_first = {name: value for name, value in first.items() if value is not None}
        values = both_settings(self.V, first, like_first | (second or {})) | values
        super().__init__(prompt=prompt, compare=values.pop("compare", second is not None), **values)
        most = {"layer": model.config.layers, "head": model.config.heads}
        limits = {name: {"low": 1, "high": high, "whole": True} for name, high in most.items()}
        self.set_trait("bounds", self.bounds | limits)
        if steps:
            for which in ("", "_b") if self.compare else ("",):
                self.write(steps, which)

    @staticmethod
    def _check(model, tokenizer) -> None:
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

    # What may be set

    @traitlets.validate("prompt")
    def _not_too_long(self, proposal):
        if len(proposal["value"]) > LONGEST:
            raise traitlets.TraitError(
                f"prompt must have at most {LONGEST:,} characters; got {len(proposal['value']):,}."
            )
        return proposal["value"]

    @property
    def V(self) -> int:
        return self._tokenizer.vocab_size

    @traitlets.validate("layer", "head")
    def _in_the_model(self, proposal):
        name, value = proposal["trait"].name, proposal["value"]
        most = getattr(self._model.config, f"{name}s")
        if value > most:
            raise traitlets.TraitError(f"{name} must be a whole number from 1 to {most}; got {value}.")
        return value

    @traitlets.validate("branches")
    def _a_tree(self, proposal):
        branches, V = [list(branch) for branch in proposal["value"]], self._model.config.vocab_size
        if len(branches) > MOST:
            raise traitlets.TraitError(f"A tree has at most {MOST:,} branches; got {len(branches):,}.")
        for i, branch in enumerate(branches):
            if len(branch) != 2 or not (0 <= branch[0] <= i and 0 <= branch[1] < V):
                raise traitlets.TraitError(
                    f"branches[{i}] must be [a node from 0 to {i}, a token from 0 to {V - 1}]; got {branch!r}."
                )
        return branches

    @traitlets.validate("node", "node_b")
    def _in_the_tree(self, proposal):
        if proposal["value"] > len(self.branches):
            name, most = proposal["trait"].name, len(self.branches)
            raise traitlets.TraitError(f"{name} must be a node of the tree, 0 to {most}; got {proposal['value']}.")
        return proposal["value"]

    # What the figure does, in Python

    def prompt_ids(self) -> list[int]:
        """The prompt and `after` as token ids. Whatever isn't in the vocabulary is left out."""
        text = self.prompt + self.after if self.prompt.strip() else ""
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # half a character, as browsers do
        if not hasattr(self._tokenizer, "split"):
            return self._tokenizer.encode(text)  # bytes: any text fits
        unknown = self._tokenizer.ids.get("<unk>")
        ids = (self._tokenizer.ids.get(piece, unknown) for piece in self._tokenizer.split(text))
        return [i for i in ids if i is not None]

    def path(self, which: str = "") -> list[int]:
        """The tokens from the prompt to the first setting's node, or to the second's if which="_b"."""
        ids, node = [], getattr(self, f"node{which}")
        while node:
            parent, token = self.branches[node - 1]
            ids.append(token)
            node = parent
        return ids[::-1]

    def text(self, which: str = "") -> str:
        """What a setting has written after the prompt."""
        return self._tokenizer.decode(token for token in self.path(which) if token != self._end)

    def logits(self, which: str = "") -> np.ndarray:
        """The model's scores (V,) for the next token."""
        found = np.empty(0)

        def look(logits, ids) -> int:
            nonlocal found
            found = logits.astype(np.float64)
            return 0

        self._model.generate(self._read(which), 1, look)
        return found

    def distribution(self, which: str = "") -> np.ndarray:
        """The probabilities (V,) from which a setting draws the next token."""
        return sampling.next_distribution(self.logits(which), **options(self.setting(which), self.V))

    def write(self, steps: int, which: str = "") -> str:
        """Write `steps` tokens, as *Run* does, or fewer if the model ends its text. Returns `text`."""
        path, steps = self.path(which), whole("steps", steps, 1, MOST - len(self.branches))
        rng = sampling.Mulberry32(self.seed)
        rng.random(len(path))
        if not path or path[-1] != self._end:
            choose = sampling.chooser(**options(self.setting(which), self.V), rng=rng)
            read = self._read(which)
            self._add(self._model.generate(read, steps, choose, stop=self._end)[len(read) :], which)
        return self.text(which)

    def _read(self, which: str) -> list[int]:
        ids = self.prompt_ids()
        if not ids:
            example = 'Type something, such as "Write a poem about a cat."'
            raise ValueError(f"The model can't read any of the prompt; got {self.prompt[:60]!r}. {example}")
        return ids + self.path(which)

    def _add(self, ids: list[int], which: str) -> None:
        branches, node = list(self.branches), getattr(self, f"node{which}")
        for token in ids:
            if [node, token] not in branches:
                branches.append([node, token])
            node = branches.index([node, token]) + 1
        self.branches = branches
        setattr(self, f"node{which}", node)

    # The picture

    def _bars(self) -> tuple[list[str], np.ndarray]:
        """The most probable next tokens, and the probabilities to draw them with. None without a prompt."""
        if not self.prompt_ids():
            return [], np.zeros(0)
        best = np.argsort(-self.logits(), kind="stable")[:BARS]
        return [self._tokenizer.vocab[i][:20] for i in best], self.distribution()[best]

    def still(self):
        names, p = self._bars()
        ax = plots.bars(names, p, xlabel="probability of the next token", height=0.8 + 0.25 * BARS)
        text = f"{self.prompt[-200:]}{self.after}{self.text()[-600:]}".replace("$", r"\$")
        lines = [line for part in text.split("\n") for line in textwrap.wrap(part, 80) or [""]]
        ax.set_title("\n".join(lines[-LINES:]), loc="left", fontsize=9)
        ax.set_xlim(0, 1)
        return ax

    def alt(self):
        names, p = self._bars()
        wrote = f" It has written “{self.text()[:200]}” so far." if self.node else ""
        likely = f" The most probable next token is “{names[0]}”, with probability {p[0]:.2f}." if names else ""
        return (
            f"A GPT with {self._model.parameter_count():,} parameters reads “{self.prompt[:200]}”.{wrote} "
            f"It gives each of its {self.V:,} tokens a probability.{likely}"
        )
