"""Is this gradient right? What `backward` found, against what happens when one number is moved a little.

Central differences in float64: (f(x + ε) − f(x − ε)) / 2ε, at every index of every array, so the arrays must be tiny.
"""

from collections.abc import Callable

import numpy as np

from helpers.tensor import Tensor, no_grad

TOLERANCE = 1e-6
SMALL = 1e-3  # below this size an error counts in units of SMALL: a difference quotient has only some 10 digits


def gradcheck(function: Callable[..., Tensor], *arrays, epsilon: float = 1e-5) -> float:
    """The worst relative error of the gradients of function(*tensors), which may return any shape."""
    leaves = [Tensor(array, dtype=np.float64) for array in arrays]
    return worst_error(lambda: function(*leaves), leaves, epsilon)


def worst_error(function: Callable[[], Tensor], leaves: list[Tensor], epsilon: float = 1e-5) -> float:
    """The same for a function of nothing, computed from `leaves`; their data is moved and put back."""
    assert leaves and all(leaf.dtype == np.float64 for leaf in leaves), "a gradient check needs float64"
    for leaf in leaves:
        leaf.grad = None
    out = function()
    weights = np.random.default_rng(0).normal(size=out.shape)  # unequal, so that mixed-up elements are found
    (out * weights).sum().backward()
    return max(
        _relative(leaf.grad[index], _difference(lambda: np.sum(function().data * weights), leaf.data, index, epsilon))
        for leaf in leaves
        for index in np.ndindex(leaf.shape)
    )


def assert_equal_functions(fused, primitive, inputs):
    """The same value and the same gradients, of a loss that weighs every element in its own way."""
    values, gradients = [], []
    for function in (fused, primitive):
        leaves = [Tensor(x, dtype=np.float64) for x in inputs]
        out = function(*leaves)
        (out * np.cos(np.arange(out.size)).reshape(out.shape)).sum().backward()
        values.append(out.data)
        gradients.append([leaf.grad for leaf in leaves])
    assert values[0].shape == values[1].shape
    np.testing.assert_allclose(values[0], values[1], rtol=1e-12, atol=1e-12)
    for one, other in zip(*gradients, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-11)


def _difference(value: Callable[[], float], data: np.ndarray, index: tuple, epsilon: float) -> float:
    kept = data[index]
    with no_grad():
        data[index] = kept + epsilon
        above = value()
        data[index] = kept - epsilon
        below = value()
    data[index] = kept
    return (above - below) / (2 * epsilon)


def _relative(found: float, expected: float) -> float:
    error = abs(found - expected) / max(abs(found), abs(expected), SMALL)
    return error if np.isfinite(error) else np.inf  # max() would lose a NaN
