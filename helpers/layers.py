"""Layers: parameters together with the function that uses them, and `Module`, which finds them all.

A `Module`'s parameters are the tensors among its attributes, plus those of the modules inside it and in its lists.
Chapter 6 builds this file. Left out: training modes, hooks, lazy shapes.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from typing import Self

import numpy as np

from helpers.checks import whole
from helpers.functional import embedding, gelu, layer_norm, linear
from helpers.tensor import Tensor


class Module:
    """Something with parameters: its attributes that are tensors, and the parameters of those that are modules."""

    def named_parameters(self, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
        """(name, tensor) pairs in order of definition, such as ("blocks.0.mlp.up.weight", …)."""
        for name, value in vars(self).items():
            parts = enumerate(value) if isinstance(value, list) else [(None, value)]
            for i, part in parts:
                path = f"{prefix}{name}" if i is None else f"{prefix}{name}.{i}"
                if isinstance(part, Tensor):
                    yield path, part
                elif isinstance(part, Module):
                    yield from part.named_parameters(path + ".")

    def parameters(self) -> list[Tensor]:
        return [tensor for _, tensor in self.named_parameters()]

    def parameter_count(self) -> int:
        return sum(p.size for p in self.parameters())

    def zero_grad(self) -> None:
        """Set every gradient to zero. `backward` adds to what's there."""
        for p in self.parameters():
            if p.grad is not None:
                p.grad.fill(0)

    def copy(self) -> Self:
        """A second model with the same parameters in arrays of its own, and no gradients."""
        return copy.deepcopy(self, {id(p.grad): None for p in self.parameters() if p.grad is not None})

    def astype(self, dtype) -> Self:
        """Convert all parameters to `dtype` (float64 for gradient checks), in place; gradients are dropped."""
        for p in self.parameters():
            p.data, p.grad = p.data.astype(dtype), None
        return self


class Linear(Module):
    """x W + b, from `n_in` to `n_out` channels. Weights start random with variance scale² / n_in, biases at 0."""

    def __init__(self, n_in: int, n_out: int, *, rng: np.random.Generator, bias: bool = True, scale: float = 1.0):
        shape = whole("n_in", n_in), whole("n_out", n_out)
        self.weight = Tensor(rng.normal(0, scale / math.sqrt(n_in), shape))
        self.bias = Tensor(np.zeros(n_out)) if bias else None

    def __call__(self, x: Tensor) -> Tensor:
        return linear(x, self.weight, self.bias)


class Embedding(Module):
    """A table with one row of `channels` numbers for each of `count` tokens (or positions)."""

    def __init__(self, count: int, channels: int, *, rng: np.random.Generator, scale: float = 0.02):
        self.weight = Tensor(rng.normal(0, scale, (whole("count", count), whole("channels", channels))))

    def __call__(self, index: np.ndarray) -> Tensor:
        return embedding(self.weight, index)


class LayerNorm(Module):
    """Brings each row to mean 0 and variance 1, then applies a learned scale and shift per channel."""

    def __init__(self, channels: int):
        self.weight, self.bias = Tensor(np.ones(channels)), Tensor(np.zeros(channels))

    def __call__(self, x: Tensor) -> Tensor:
        return layer_norm(x, self.weight, self.bias)


class MLP(Module):
    """Two linear layers with a GELU between them, four times as wide inside. Each position goes through it alone."""

    def __init__(self, channels: int, *, rng: np.random.Generator, out_scale: float = 1.0):
        self.up = Linear(channels, 4 * channels, rng=rng)
        self.down = Linear(4 * channels, channels, rng=rng, scale=out_scale)

    def __call__(self, x: Tensor) -> Tensor:
        return self.down(gelu(self.up(x)))
