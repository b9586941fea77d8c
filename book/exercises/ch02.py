"""The exercises of chapter 2: gradients by hand, the walk back, pullbacks, and descent."""

from types import SimpleNamespace

import numpy as np

from .engine import by_hand, exercise, explore

# 2.1


@by_hand()
def graph_by_hand():
    """a = 2, b = 3; m = a·b, s = m + a, L = s²."""
    return {"ds": 16, "dm": 16, "da": 64, "db": 32}


@graph_by_hand.mistake
def factor_two_forgotten():
    """The slope of a square is twice its root. What is it at this `s`?"""
    return {"ds": 8, "dm": 8, "da": 32, "db": 16}


@graph_by_hand.mistake
def path_through_sum_forgotten():
    """`a` reaches `L` by two paths, and this is the sum over one of them. Which arrow is missing?"""
    return {"da": 48}


@graph_by_hand.mistake
def path_through_product_forgotten():
    """`a` reaches `L` by two paths, and the one through the product is missing."""
    return {"da": 16}


@graph_by_hand.mistake
def own_factor():
    """In a product, the local derivative of one factor is the other factor. Which is the other one of `b`?"""
    return {"db": 48}


@graph_by_hand.mistake
def sum_scaled():
    """A sum hands its gradient on unchanged. What arrives at `s`?"""
    return {"dm": 96}


# 2.2


@by_hand()
def step_size():
    """loss = 3w², start at w = 1, learning rate 0.3."""
    return {"after one step": -0.8, "after two steps": 0.64, "border": 1 / 3}


@step_size.mistake
def uphill():
    """This goes uphill. Which sign does a step against the slope have?"""
    return {"after one step": 2.8, "after two steps": 7.84}


@step_size.mistake
def steepness_forgotten():
    """This is the bowl w². What does the 3 in front do to the slope?"""
    return {"after one step": 0.4, "after two steps": 0.16, "border": 1}


@step_size.mistake
def slope_without_two():
    """Look at the slope of w² again: where does its 2 come from?"""
    return {"after one step": 0.1, "after two steps": 0.01, "border": 2 / 3}


@step_size.mistake
def same_slope_twice():
    """The second step starts where the first one ended, and the slope there is another one."""
    return {"after two steps": -2.6}


@step_size.mistake
def arrives_at_once():
    """At this rate the very first step lands at 0. The border is where |w| neither shrinks nor grows."""
    return {"border": 1 / 6}


# 2.3


def walk(function, nodes, left_over=0.0):
    """The gradients after `function(order)`, on a fresh graph made from (value, places of parents, derivatives)."""
    order = []
    for data, parents, local in nodes:
        parents = tuple(order[i] for i in parents)
        order.append(SimpleNamespace(data=data, parents=parents, local=local, grad=left_over))
    function(list(order))
    return [node.grad for node in order]


CHAIN = [(2.0, (), ()), (6.0, (0,), (3.0,)), (36.0, (1,), (12.0,))]
THREE_USES = [(3.0, (), ()), (9.0, (0, 0), (3.0, 3.0)), (12.0, (1, 0), (1.0, 1.0))]
DIAMOND = [
    (2.0, (), ()),
    (5.0, (), ()),
    (10.0, (0, 1), (5.0, 2.0)),
    (7.0, (0, 1), (1.0, 1.0)),
    (70.0, (2, 3), (7.0, 10.0)),
]


@exercise(
    {
        "a chain": (CHAIN,),
        "a number used three times": (THREE_USES,),
        "two paths that meet": (DIAMOND,),
        "a graph whose gradients are left over from an earlier walk": (CHAIN, 5.0),
        "a single number": ([(1.0, (), ())],),
    },
    run=walk,
    praise="Local × upstream, added up, on five graphs.",
)
def walk_back(order):
    for node in order:
        node.grad = 0.0
    order[-1].grad = 1.0
    for node in reversed(order):
        for parent, local in zip(node.parents, node.local):
            parent.grad += local * node.grad


@walk_back.mistake
def overwritten(order):
    """A number that is used twice gets two gradients. What happens to the first one when the second arrives?"""
    for node in order:
        node.grad = 0.0
    order[-1].grad = 1.0
    for node in reversed(order):
        for parent, local in zip(node.parents, node.local):
            parent.grad = local * node.grad


@walk_back.mistake
def not_reset(order):
    """The first walk over a graph is right, a second one is not. With which gradients does it begin?"""
    order[-1].grad = 1.0
    for node in reversed(order):
        for parent, local in zip(node.parents, node.local):
            parent.grad += local * node.grad


@walk_back.mistake
def not_seeded(order):
    """Nothing ever arrives. The slope of the result with respect to itself is not 0."""
    for node in order:
        node.grad = 0.0
    for node in reversed(order):
        for parent, local in zip(node.parents, node.local):
            parent.grad += local * node.grad


@walk_back.mistake
def forward(order):
    """A node sends its gradient on before it has heard from those it feeds. At which end should the walk begin?"""
    for node in order:
        node.grad = 0.0
    order[-1].grad = 1.0
    for node in order:
        for parent, local in zip(node.parents, node.local):
            parent.grad += local * node.grad


@walk_back.mistake
def upstream_forgotten(order):
    """You add up the local derivatives. What has to be multiplied with them?"""
    for node in order:
        node.grad = 0.0
    order[-1].grad = 1.0
    for node in reversed(order):
        for parent, local in zip(node.parents, node.local):
            parent.grad += local


# 2.4


def unbroadcast(g, shape):
    g = g.sum(axis=tuple(range(g.ndim - len(shape))))
    return g.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1 and g.shape[i] > 1), keepdims=True)


def product(x_shape, s_shape):
    """x, s and the gradient g of x · s, for arrays of these shapes."""
    rng = np.random.default_rng(len(x_shape) + 10 * len(s_shape))
    return rng.normal(size=x_shape), rng.normal(size=s_shape), rng.normal(size=np.broadcast_shapes(x_shape, s_shape))


@exercise(
    {
        "two arrays of one shape": product((3, 2), (3, 2)),
        "a row for all rows": product((5, 3), (3,)),
        "a column for all columns": product((5, 3), (5, 1)),
        "a single number": product((2, 3), ()),
        "three axes": product((4, 5, 3), (1, 5, 1)),
    },
    exact_shape=True,
)
def scale_pullback(x, s, g):
    return g * s, unbroadcast(g * x, s.shape)


@scale_pullback.mistake
def not_unbroadcast(x, s, g):
    """The gradient of `s` is as large as `g`. `s` is smaller, and each of its numbers was used more than once."""
    return g * s, g * x


@scale_pullback.mistake
def averaged(x, s, g):
    """A number that is used five times gets five gradients. Do they count fully, or a fifth each?"""
    ds = unbroadcast(g * x, s.shape)
    return g * s, ds * (ds.size / g.size)


@scale_pullback.mistake
def local_forgotten(x, s, g):
    """Adding up is right, but look at what you add: in a product, each factor's local derivative is the other
    factor."""
    return g, unbroadcast(g, s.shape)


@scale_pullback.mistake
def exchanged(x, s, g):
    """`x` and `s` have each other's gradient. Which of the two is returned first?"""
    return unbroadcast(g * x, s.shape), g * s


@scale_pullback.mistake
def one_use(x, s, g):
    """Only one of the uses of `s` counts here. What about the other rows and columns?"""
    ds = g * x
    while ds.ndim > s.ndim:
        ds = ds[0]
    return g * s, ds[tuple(slice(0, 1) if n == 1 else slice(None) for n in s.shape)]


@scale_pullback.mistake
def only_axes_in_front(x, s, g):
    """The added axes in front are summed. An axis of length 1 that was stretched is not, so far."""
    ds = g * x
    return g * s, ds.sum(axis=tuple(range(ds.ndim - s.ndim)))


# 2.5


def slopes(loss, w, epsilon=1e-5):
    g = np.zeros_like(w)
    for place in np.ndindex(w.shape):
        nudge = np.zeros_like(w)
        nudge[place] = epsilon
        g[place] = (loss(w + nudge) - loss(w - nudge)) / (2 * epsilon)
    return g


def bowl(w):
    return (w**2).sum()


def valley(w):
    return (w[0] + w[1] - 1) ** 2 + 10 * (w[0] - w[1]) ** 2


@exercise(
    {
        "one number in a bowl": (bowl, np.array([1.0]), 0.1, 3),
        "two numbers in a narrow valley": (valley, np.array([-1.0, 2.0]), 0.02, 4),
        "no steps at all": (bowl, np.array([1.0, 2.0]), 0.1, 0),
        "a table of numbers": (bowl, np.arange(6.0).reshape(2, 3) - 2.5, 0.2, 5),
    },
    rtol=1e-3,
    atol=1e-3,
)
def descent(loss, w, rate, steps):
    w = np.array(w, float)
    for _ in range(steps):
        w = w - rate * slopes(loss, w)
    return w


@descent.mistake
def ascent(loss, w, rate, steps):
    """The loss grows. Should a step go with the slope, or against it?"""
    for _ in range(steps):
        w = w + rate * slopes(loss, w)
    return w


@descent.mistake
def not_divided(loss, w, rate, steps):
    """The steps are far too short: a difference is not yet a slope. By what is it divided?"""
    for _ in range(steps):
        w = w - rate * slopes(loss, w) * 2e-5
    return w


@descent.mistake
def divided_by_one_epsilon(loss, w, rate, steps):
    """The steps are exactly twice as long as they should be. How far apart are the two nudged points?"""
    for _ in range(steps):
        w = w - rate * slopes(loss, w) * 2
    return w


@descent.mistake
def one_step(loss, w, rate, steps):
    """All steps begin at the same place. Where should the second one begin?"""
    return w - rate * slopes(loss, w) * min(steps, 1)


@descent.mistake
def slopes_piled_up(loss, w, rate, steps):
    """The first step is right. Each later one holds the slopes of earlier steps, too. With what should it begin?"""
    piled = np.zeros(w.shape)
    for _ in range(steps):
        piled += slopes(loss, w)
        w = w - rate * piled
    return w


@descent.mistake
def nudged_together(loss, w, rate, steps):
    """All numbers are nudged at once, so each gets the sum of all slopes. Nudge one, and leave the others alone."""
    for _ in range(steps):
        w = w - rate * slopes(loss, w).sum()
    return w


@descent.mistake
def one_after_the_other(loss, w, rate, steps):
    """The first number has moved already when the second one is nudged. First find all slopes, then take the step."""
    w = w.copy()
    for _ in range(steps):
        for place in np.ndindex(w.shape):
            w[place] -= rate * slopes(loss, w)[place]
    return w


# 2.6


@explore()
def trap(loss, start=2.0, rate=0.01, steps=2000):
    height = lambda w: float(np.squeeze(loss(w)))  # noqa: E731
    w, grid = start, np.linspace(-3, 3, 301)
    heights = np.array([height(v) for v in grid])
    if not np.isfinite(heights).all():
        return "Your landscape is not a number, or infinite, somewhere between −3 and 3."
    for _ in range(steps):
        w -= rate * (height(w + 1e-5) - height(w - 1e-5)) / 2e-5
        if not abs(w) <= 3:
            return "The walk from w = 2 leaves −3 … 3. Is the slope there too steep, or does it fall to the outside?"
    valleys = (heights[1:-1] < heights[:-2]) & (heights[1:-1] < heights[2:])
    if valleys.sum() < 2:
        return f"Between −3 and 3 it has {'one valley' if valleys.any() else 'no valley'}; a trap needs two."
    if height(w) - heights.min() < 0.05:
        return (
            f"The walk ends at w = {w:.2f}, and no place is much lower. It should end in the valley that is less deep."
        )
    return None
