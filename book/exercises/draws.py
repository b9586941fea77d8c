"""For exercises that draw at random: the shares of many draws, and whether they come from the reader's `rng`."""

import numpy as np

DRAWS = 1000
NOISE = 0.085  # how far the shares of two right functions may differ: almost four standard errors


def dart(weights, rng, length=None):
    """The piece of a stick that a dart hits. It lands below `length`, by default the length of the stick."""
    ends = np.cumsum(weights)
    return np.searchsorted(ends, rng.random() * (length or ends[-1]), side="right")


def shares(draw, row, *rest):
    """The share of `DRAWS` draws `draw(row, *rest, rng)` that falls on each token of the row."""
    rng = np.random.default_rng(0)
    drawn = [int(draw(row, *rest, rng)) for _ in range(DRAWS)]
    return np.bincount(drawn, minlength=len(row)) / DRAWS


def ignores_rng(make) -> str | None:
    """A complaint if two generators with the same seed lead `make(rng)` to different results."""
    if make(np.random.default_rng(1)) == make(np.random.default_rng(1)):
        return None
    return (
        "The same seed should always lead to the same result, and yours changes from call to call. "
        "Draw from the `rng` you're given, not from `np.random`, `random`, or a generator you make yourself."
    )
