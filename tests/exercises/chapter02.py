"""What readers may write in chapter 2."""

import numpy as np

from book.exercises import check

from . import other_style, wrong


@other_style(check.ch02.walk_back)
def with_a_dict(order):
    grads = {id(node): 0 for node in order}
    grads[id(order[-1])] = 1
    for node in order[::-1]:
        for i, parent in enumerate(node.parents):
            grads[id(parent)] = grads[id(parent)] + grads[id(node)] * node.local[i]
    for node in order:
        node.grad = grads[id(node)]


@wrong(check.ch02.walk_back, "overwritten")
def equals_sign(order):
    for node in order[:-1]:
        node.grad = 0
    order[-1].grad = 1
    while order:
        node = order.pop()
        for i in range(len(node.parents)):
            node.parents[i].grad = node.local[i] * node.grad


@wrong(check.ch02.walk_back, "not_reset")
def leaves_old_gradients(order):
    order[-1].grad = 1
    for node in order[::-1]:
        for parent, local in zip(node.parents, node.local):
            parent.grad += local * node.grad


@other_style(check.ch02.scale_pullback)
def every_axis_looked_at(x, s, g):
    ds = g * x
    shape = (1,) * (g.ndim - s.ndim) + s.shape
    for axis, n in enumerate(shape):
        if n == 1:
            ds = ds.sum(axis, keepdims=True)
    return [g * s, ds.reshape(s.shape)]


wrong(check.ch02.scale_pullback, "not_unbroadcast")(lambda x, s, g: (s * g, x * g))


@wrong(check.ch02.scale_pullback, "numbers of shape (1, 3) instead of (3,)")
def axes_kept(x, s, g):
    ds = g * x
    axes = tuple(i for i in range(g.ndim) if ((1,) * (g.ndim - s.ndim) + s.shape)[i] == 1)
    return g * s, ds.sum(axis=axes, keepdims=True)


@other_style(check.ch02.descent)
def flat_and_wider_nudges(loss, w, rate, steps):
    shape, flat = w.shape, w.ravel().tolist()
    for _ in range(steps):
        g = []
        for i in range(len(flat)):
            up, down = flat.copy(), flat.copy()
            up[i] += 1e-4
            down[i] -= 1e-4
            g.append((loss(np.reshape(up, shape)) - loss(np.reshape(down, shape))) / 2e-4)
        flat = [v - rate * slope for v, slope in zip(flat, g)]
    return np.reshape(flat, shape)


@wrong(check.ch02.descent, "ascent")
def plus(loss, w, rate, steps):
    w = w.copy()
    for _ in range(steps):
        g = np.zeros(w.shape)
        for i in np.ndindex(w.shape):
            kept = w[i]
            w[i] = kept + 1e-6
            g[i] = loss(w)
            w[i] = kept - 1e-6
            g[i] = (g[i] - loss(w)) / 2e-6
            w[i] = kept
        w += rate * g
    return w


@wrong(check.ch02.descent, "slopes_piled_up")
def never_back_to_zero(loss, w, rate, steps):
    w, g = w.copy(), np.zeros(w.shape)
    for _ in range(steps):
        for i in np.ndindex(w.shape):
            up, down = w.copy(), w.copy()
            up[i] += 1e-5
            down[i] -= 1e-5
            g[i] += (loss(up) - loss(down)) / 2e-5
        w -= rate * g
    return w


@wrong(check.ch02.descent, "changes its input `w`")
def in_place(loss, w, rate, steps):
    w[...] = flat_and_wider_nudges(loss, w, rate, steps)
    return w


other_style(check.ch02.trap)(lambda w: np.minimum((w - 1.5) ** 2 + 1, (w + 1) ** 2))
wrong(check.ch02.trap, "got only one")(lambda w: (w - 1) ** 2)
wrong(check.ch02.trap, "about as low as it gets")(lambda w: np.minimum((w - 1.5) ** 2, (w + 1) ** 2 + 1))
wrong(check.ch02.trap, "leaves the range from −3 to 3")(lambda w: -(w**2) + 0.1 * np.cos(6 * w))
