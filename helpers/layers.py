"""Layers: parameters together with the function that uses them, and the `Module` that finds them all.

A `Module`'s parameters are the tensors among its attributes, those of the modules inside it, and those in lists.
`flatten` moves them into one buffer (and their gradients into another), so that an optimizer updates a whole model
with a dozen vector operations. Chapter 6 builds this file. Left out: training modes, hooks, lazy shapes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from helpers.functional import embedding, gelu, layer_norm, linear
from helpers.tensor import Tensor, shared_zeros


class Module:
    """Something with parameters. Attributes that are tensors are its parameters; those that are modules, its parts."""

    def named_parameters(self, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
        """(name, tensor) in the order of definition, such as ("blocks.0.mlp.up.weight", …)."""
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

    def flatten(self) -> tuple[np.ndarray, np.ndarray]:
        """Make every parameter a view into one flat array, and its gradient a view into a second; return both (N,)."""
        parameters = self.parameters()
        flat = np.concatenate([p.data.reshape(-1) for p in parameters])
        data, grad = (shared_zeros(len(flat), flat.dtype) for _ in range(2))
        data[:] = flat
        for p, its_data, its_grad in zip(parameters, self.views(data), self.views(grad), strict=True):
            p.data, p.grad = its_data, its_grad
        return data, grad

    def views(self, flat: np.ndarray) -> list[np.ndarray]:
        """The parts of a flat array (N,) that belong to the parameters, each in the shape of its parameter."""
        parameters = self.parameters()
        parts = np.split(flat, np.cumsum([p.size for p in parameters])[:-1])
        return [part.reshape(p.shape) for part, p in zip(parts, parameters, strict=True)]

    def astype(self, dtype) -> Module:
        """Turn all parameters into `dtype` (float64 for gradient checks); gradients are forgotten. Returns self."""
        for p in self.parameters():
            p.data, p.grad = p.data.astype(dtype), None
        return self


class Linear(Module):
    """x W + b, from `n_in` to `n_out` channels. Weights start at random with variance scale² / n_in, biases at 0."""

    def __init__(self, n_in: int, n_out: int, *, rng: np.random.Generator, bias: bool = True, scale: float = 1.0):
        self.weight = Tensor(rng.normal(0, scale / math.sqrt(n_in), (n_in, n_out)))
        self.bias = Tensor(np.zeros(n_out)) if bias else None

    def __call__(self, x: Tensor) -> Tensor:
        return linear(x, self.weight, self.bias)


class Embedding(Module):
    """A table with one row of `channels` numbers for each of `count` tokens (or positions)."""

    def __init__(self, count: int, channels: int, *, rng: np.random.Generator, scale: float = 0.02):
        self.weight = Tensor(rng.normal(0, scale, (count, channels)))

    def __call__(self, index: np.ndarray) -> Tensor:
        return embedding(self.weight, index)


class LayerNorm(Module):
    """Each row to mean 0 and variance 1, then a learned scale and shift for each channel."""

    def __init__(self, channels: int):
        self.weight, self.bias = Tensor(np.ones(channels)), Tensor(np.zeros(channels))

    def __call__(self, x: Tensor) -> Tensor:
        return layer_norm(x, self.weight, self.bias)


class MLP(Module):
    """Two linear layers with a GELU between, four times as wide inside: what each position computes on its own."""

    def __init__(self, channels: int, *, rng: np.random.Generator, out_scale: float = 1.0):
        self.up = Linear(channels, 4 * channels, rng=rng)
        self.down = Linear(4 * channels, channels, rng=rng, scale=out_scale)

    def __call__(self, x: Tensor) -> Tensor:
        return self.down(gelu(self.up(x)))
