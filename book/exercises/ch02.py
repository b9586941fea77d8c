"""The exercises of chapter 2: gradients by hand, the walk back, pullbacks, and descent."""

from types import SimpleNamespace

import numpy as np

from .engine import ByHand, Exercise, Explore, words

WORDS = words(__file__)

# 2.1 and 2.2

graph_by_hand = ByHand(WORDS["graph_by_hand"])
step_size = ByHand(WORDS["step_size"])

# 2.3


def walk(function, nodes, left_over=0.0):
    """The gradients after `function(order)`, on a fresh graph made from (value, indices of parents, derivatives)."""
    order = []
    for data, parents, local in nodes:
        parents = tuple(order[i] for i in parents)
        order.append(SimpleNamespace(data=data, parents=parents, local=local, grad=left_over))
    function(list(order))
    return [node.grad for node in order]


def backward(order, *, reset=True, seed=1.0, step=-1, add=True, upstream=True):
    """The walk back. The options are ways to get it wrong."""
    for node in order if reset else ():
        node.grad = 0.0
    order[-1].grad = seed
    for node in order[::step]:
        for parent, local in zip(node.parents, node.local):
            parent.grad = (parent.grad if add else 0) + local * (node.grad if upstream else 1)


CHAIN = [(2.0, (), ()), (6.0, (0,), (3.0,)), (36.0, (1,), (12.0,))]
START = [(2.0, (), ()), (5.0, (), ())]

walk_back = Exercise(WORDS["walk_back"], backward, run=walk)
walk_back.inputs = {
    "a chain": (CHAIN,),
    "a number used three times": ([(3.0, (), ()), (9.0, (0, 0), (3.0, 3.0)), (12.0, (1, 0), (1.0, 1.0))],),
    "two paths that meet": (
        [*START, (10.0, (0, 1), (5.0, 2.0)), (7.0, (0, 1), (1.0, 1.0)), (70.0, (2, 3), (7.0, 10.0))],
    ),
    "a graph with gradients left over from an earlier walk": (CHAIN, 5.0),
    "a single number": ([(1.0, (), ())],),
}
walk_back.mistakes = {
    "overwritten": lambda order: backward(order, add=False),
    "not_reset": lambda order: backward(order, reset=False),
    "not_seeded": lambda order: backward(order, seed=0.0),
    "forward": lambda order: backward(order, step=1),
    "upstream_forgotten": lambda order: backward(order, upstream=False),
}

# 2.4


def unbroadcast(g, shape):
    g = g.sum(axis=tuple(range(g.ndim - len(shape))))
    return g.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1 and g.shape[i] > 1), keepdims=True)


def product(x_shape, s_shape):
    """x, s and the gradient g of x · s, for arrays of these shapes."""
    rng = np.random.default_rng(len(x_shape) + 10 * len(s_shape))
    return rng.normal(size=x_shape), rng.normal(size=s_shape), rng.normal(size=np.broadcast_shapes(x_shape, s_shape))


def first_use(ds, shape):
    while ds.ndim > len(shape):
        ds = ds[0]
    return ds[tuple(slice(0, 1) if n == 1 else slice(None) for n in shape)]


scale_pullback = Exercise(
    WORDS["scale_pullback"], lambda x, s, g: (g * s, unbroadcast(g * x, s.shape)), exact_shape=True
)
scale_pullback.inputs = {
    "two arrays of the same shape": product((3, 2), (3, 2)),
    "a single row `s`": product((5, 3), (3,)),
    "a single column `s`": product((5, 3), (5, 1)),
    "a single number `s`": product((2, 3), ()),
    "three axes": product((4, 5, 3), (1, 5, 1)),
}
scale_pullback.mistakes = {
    "not_unbroadcast": lambda x, s, g: (g * s, g * x),
    "averaged": lambda x, s, g: (g * s, unbroadcast(g * x, s.shape) * (s.size / g.size)),
    "local_forgotten": lambda x, s, g: (g, unbroadcast(g, s.shape)),
    "exchanged": lambda x, s, g: (unbroadcast(g * x, s.shape), g * s),
    "one_use": lambda x, s, g: (g * s, first_use(g * x, s.shape)),
    "only_axes_in_front": lambda x, s, g: (g * s, (g * x).sum(axis=tuple(range(g.ndim - s.ndim)))),
}

# 2.5


def slopes(loss, w, epsilon=1e-5):
    g = np.zeros_like(w)
    for i in np.ndindex(w.shape):
        nudge = np.zeros_like(w)
        nudge[i] = epsilon
        g[i] = (loss(w + nudge) - loss(w - nudge)) / (2 * epsilon)
    return g


def descend(loss, w, rate, steps, *, slopes=slopes):
    for _ in range(steps):
        w = w - rate * slopes(loss, w)
    return w


def piled_up(loss, w, rate, steps):
    g = 0
    for _ in range(steps):
        g = g + slopes(loss, w)
        w = w - rate * g
    return w


def one_after_the_other(loss, w, rate, steps):
    w = w.copy()
    for _ in range(steps):
        for i in np.ndindex(w.shape):
            w[i] -= rate * slopes(loss, w)[i]
    return w


def bowl(w):
    return np.square(w).sum()


def valley(w):
    return (w[0] + w[1] - 1) ** 2 + 10 * (w[0] - w[1]) ** 2


descent = Exercise(WORDS["descent"], lambda loss, w, rate, steps: descend(loss, w, rate, steps), rtol=1e-3, atol=1e-3)
descent.inputs = {
    "one number in a bowl": (bowl, np.array([1.0]), 0.1, 3),
    "two numbers in a narrow valley": (valley, np.array([-1.0, 2.0]), 0.02, 4),
    "no steps at all": (bowl, np.array([1.0, 2.0]), 0.1, 0),
    "a table of numbers": (bowl, np.arange(6.0).reshape(2, 3) - 2.5, 0.2, 5),
}
descent.mistakes = {
    "ascent": lambda loss, w, rate, steps: descend(loss, w, -rate, steps),
    "not_divided": lambda loss, w, rate, steps: descend(loss, w, 2e-5 * rate, steps),
    "divided_by_one_epsilon": lambda loss, w, rate, steps: descend(loss, w, 2 * rate, steps),
    "one_step": lambda loss, w, rate, steps: descend(loss, w, rate, min(steps, 1)),
    "slopes_piled_up": piled_up,
    "nudged_together": lambda *args: descend(*args, slopes=lambda loss, w: slopes(loss, w).sum()),
    "one_after_the_other": one_after_the_other,
}

# 2.6


@Explore
def trap(loss, start=2.0, rate=0.01, steps=2000):
    height = lambda w: float(np.squeeze(loss(w)))  # noqa: E731
    w, heights = start, np.array([height(v) for v in np.linspace(-3, 3, 301)])
    if not np.isfinite(heights).all():
        return "Your landscape is nan or infinite somewhere between −3 and 3. Give every point there a finite height."
    for _ in range(steps):
        w -= rate * (height(w + 1e-5) - height(w - 1e-5)) / 2e-5
        if not abs(w) <= 3:
            return (
                "The walk from w = 2 leaves the range from −3 to 3. The slope there may be too steep, or the landscape "
                "may fall off at the edges."
            )
    valleys = ((heights[1:-1] < heights[:-2]) & (heights[1:-1] < heights[2:])).sum()
    if valleys < 2:
        return f"A trap needs two valleys between −3 and 3; got {['none', 'only one'][valleys]}."
    if height(w) - heights.min() < 0.05:
        return f"The walk ends at w = {w:.2f}, about as low as it gets. It should get stuck in the shallower valley."
    return None
