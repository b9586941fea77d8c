"""The whole model: gradients, dtypes, memory, what it may see, and what it generates."""

import gc
import types
import weakref

import numpy as np
import pytest

from helpers.functional import softmax
from helpers.gpt import GPT, Block, GPTConfig, window_start
from helpers.layers import Linear
from helpers.tensor import Origin, Tensor, _parents_first, no_grad
from helpers.training import AdamW, clip_gradients
from tests.engine.gradcheck import TOLERANCE, worst_error

TINY = GPTConfig(vocab_size=5, context=4, layers=2, heads=2, channels=4)
SMALL = GPTConfig(vocab_size=11, context=8, layers=2, heads=2, channels=8)


def make(config: GPTConfig, **options) -> GPT:
    """A model with weights far from their careful start, so that every part matters."""
    rng = np.random.default_rng(0)
    model = GPT(config, rng=rng, **options)
    for p in model.parameters():
        p.data += rng.normal(0, 0.3, p.shape).astype(p.dtype)
    return model


def batch(config: GPTConfig, B: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return tuple(rng.integers(0, config.vocab_size, (B, config.context)) for _ in ("inputs", "targets"))


def greedy(logits, ids):
    return int(logits.argmax())


def sampler(seed):
    rng = np.random.default_rng(seed)
    return lambda logits, ids: rng.choice(len(logits), p=softmax(Tensor(logits, dtype=np.float64)).data)


# Gradients


def test_gradients_of_every_parameter():
    model = make(TINY).astype(np.float64)
    inputs, targets = batch(TINY)
    assert worst_error(lambda: model.loss(inputs, targets), model.parameters()) <= TOLERANCE


def arrays_in(thing) -> list[np.ndarray]:
    """The arrays that a closure, a tuple or a tensor holds."""
    if isinstance(thing, np.ndarray):
        return [thing]
    if isinstance(thing, Tensor):
        return [thing.data]
    if isinstance(thing, Origin):
        return arrays_in(thing.pullback)
    if isinstance(thing, (tuple, list)):
        return [array for part in thing for array in arrays_in(part)]
    if isinstance(thing, types.FunctionType):
        return [array for cell in thing.__closure__ or () for array in arrays_in(cell.cell_contents)]
    return []


def test_a_training_step_is_float32_throughout():
    model = GPT(SMALL, rng=np.random.default_rng(0))
    optimizer = AdamW(model, lr=np.float64(0.01), weight_decay=0.1)
    loss = model.loss(*batch(SMALL))
    nodes = _parents_first(loss.origin)
    found = [loss.data]

    def checked(pullback):
        def call(g):
            parts = pullback(g)
            found.extend([g, *(p for p in parts if p is not None)])
            return parts

        return call

    assert len(nodes) > 30
    for node in nodes:
        found += arrays_in(node)
        if isinstance(node, Origin):
            node.pullback = checked(node.pullback)
    before = len(found)
    loss.backward()
    assert len(found) > before + 50
    clip_gradients(optimizer.grad, np.float64(0.1))
    optimizer.step(np.float64(0.01))
    found += [p.data for p in model.parameters()] + [p.grad for p in model.parameters()]
    found += [optimizer.data, optimizer.grad, optimizer.mean, optimizer.square, optimizer.decay]
    found = [array for array in found if np.issubdtype(array.dtype, np.floating)]  # not the token ids
    assert {array.dtype for array in found} == {np.dtype(np.float32)}


def test_a_step_is_freed_without_the_garbage_collector():
    model = make(SMALL)
    gc.collect()
    gc.disable()
    try:
        loss = model.loss(*batch(SMALL))
        loss.backward()
        nodes = [node for node in _parents_first(loss.origin) if isinstance(node, Origin)]
        stays = {id(p.data) for p in model.parameters()}
        held = [weakref.ref(a) for node in nodes for a in arrays_in(node) if a.ndim and id(a) not in stays]
        held += [weakref.ref(node.pullback) for node in nodes]
        assert len(held) > 50 and all(ref() is not None for ref in held)
        del nodes, loss
        assert not any(ref() is not None for ref in held)
    finally:
        gc.enable()


# What it sees


def test_parameters_counted_by_formula():
    for config in (TINY, SMALL, GPTConfig(vocab_size=65)):
        V, T, L, C = config.vocab_size, config.context, config.layers, config.channels
        norm, attention, mlp = 2 * C, C * 3 * C + 3 * C + C * C + C, C * 4 * C + 4 * C + 4 * C * C + C
        expected = V * C + T * C + L * (2 * norm + attention + mlp) + norm  # the head is the token embedding
        assert GPT(config, rng=np.random.default_rng(0)).parameter_count() == expected


def test_logits_and_the_tied_head():
    model = make(TINY)
    logits = model(batch(TINY)[0])
    assert logits.shape == (3, 4, 5) and logits.dtype == np.float32
    model.norm.weight.data[:] = 0
    model.norm.bias.data[:] = [1, 2, 3, 4]
    expected = model.tokens.weight.data @ np.float32([1, 2, 3, 4])
    np.testing.assert_allclose(model(batch(TINY)[0]).data[1, 2], expected, rtol=1e-5)


def test_at_the_start_every_token_is_about_as_likely():
    model = GPT(GPTConfig(vocab_size=50), rng=np.random.default_rng(0))
    tokens = np.random.default_rng(1).integers(0, 50, (4, 64))
    assert abs(model.loss(tokens[:, :-1], tokens[:, 1:]).item() - np.log(50)) < 0.1


@pytest.mark.parametrize("changed", range(1, SMALL.context))
def test_a_later_token_does_not_change_earlier_logits(changed):
    model, (tokens, _) = make(SMALL), batch(SMALL)
    before = model(tokens).data
    tokens[:, changed] = (tokens[:, changed] + 1) % SMALL.vocab_size
    after = model(tokens).data
    np.testing.assert_allclose(after[:, :changed], before[:, :changed], atol=1e-6)
    assert (abs(after[:, changed:] - before[:, changed:]).max(axis=-1) > 1e-4).all()  # and it does change all others


def test_attention_weights():
    model, tokens = make(SMALL), batch(SMALL)[0][0]
    weights = model.attention_weights(tokens)
    assert weights.shape == (2, 2, 8, 8)
    np.testing.assert_allclose(weights.sum(axis=-1), 1, rtol=1e-5)
    assert not np.triu(weights, k=1).any() and np.tril(weights)[..., -1, :].all()
    assert not np.allclose(weights[0], weights[1])  # layers in order, not one layer twice


class NoMLP(Block):
    """A layer that a reader changed: attention alone. Its MLP's parameters are there and not used."""

    def __call__(self, x, mask=None, *, weights=None, cache=None):
        return x + self.attention(self.norm1(x), mask, weights=weights, cache=cache)


def test_another_block():
    changed, normal = make(SMALL, block=NoMLP), make(SMALL)
    assert all(type(block) is NoMLP for block in changed.blocks)
    inputs, targets = batch(SMALL)
    assert abs(changed.loss(inputs, targets).item() - normal.loss(inputs, targets).item()) > 1e-3
    for block in normal.blocks:  # the same as an MLP that says 0
        block.mlp.down = Linear(32, 8, rng=np.random.default_rng(0), scale=0)
    np.testing.assert_allclose(changed(inputs).data, normal(inputs).data, atol=1e-5)
    assert len(changed.generate([1], 12, greedy)) == 13


# Generation


def test_cached_logits_equal_uncached_ones():
    model, seen = make(SMALL), {True: [], False: []}
    for use_cache, rows in seen.items():
        rng = np.random.default_rng(0)

        def choose(logits, ids, rows=rows, rng=rng):
            rows.append(logits.copy())
            return rng.integers(SMALL.vocab_size)

        model.generate([1, 2, 3], 30, choose, use_cache=use_cache)  # far beyond the context of 8
    assert len(seen[True]) == 30
    np.testing.assert_allclose(np.array(seen[True]), np.array(seen[False]), atol=1e-5)


def test_logits_are_those_of_the_text_that_fits():
    """Within the context all of it is read, beyond it the most recent tokens: never fewer than half the context."""
    model, rows = make(SMALL), []

    def choose(logits, ids):
        rows.append((len(ids), logits.copy()))
        return (ids[-1] * 3 + 1) % SMALL.vocab_size

    ids = np.array(model.generate([7], 19, choose))
    for n, logits in rows:
        begin = 0 if n <= 8 else 4 if n <= 12 else 8 if n <= 16 else 12  # half a context is dropped at a time
        assert begin == window_start(n, 8) and n - begin <= 8
        with no_grad():
            expected = model(ids[None, begin:n]).data[0, -1]
        np.testing.assert_allclose(logits, expected, atol=1e-5, err_msg=f"after {n} tokens")


@pytest.mark.parametrize("use_cache", [True, False])
@pytest.mark.parametrize("context", [1, 2, 3, 8])
@pytest.mark.parametrize("prompt", [1, 7, 8, 9, 30])
def test_generation_goes_on_beyond_the_context(context, prompt, use_cache):
    model = make(GPTConfig(vocab_size=11, context=context, layers=1, heads=1, channels=4))
    start = [i % 11 for i in range(prompt)]
    ids = model.generate(start, 20, greedy, use_cache=use_cache)
    assert ids[:prompt] == start and len(ids) == prompt + 20
    assert all(type(i) is int and 0 <= i < 11 for i in ids)


def test_generation_ends_at_the_stop_token():
    model, script = make(SMALL), iter([4, 9, 2, 9])
    assert model.generate(np.array([9, 1]), 20, lambda logits, ids: next(script), stop=2) == [9, 1, 4, 9, 2]
    assert model.generate([3], 0, greedy) == [3]


def test_the_same_seed_gives_the_same_text():
    model = make(SMALL)
    one, same, other = (model.generate([1], 40, sampler(seed)) for seed in (5, 5, 6))
    assert one == same != other


def test_choose_sees_logits_and_ids():
    model, seen = make(SMALL), []
    model.generate([1, 2], 2, lambda logits, ids: seen.append((logits.shape, list(ids))) or 3)
    assert seen == [((11,), [1, 2]), ((11,), [1, 2, 3])]


# What a mistake is told


@pytest.mark.parametrize(
    ("mistake", "sentence"),
    [
        (lambda: GPTConfig(vocab_size=0), "vocab_size must be a whole number of at least 1; got 0"),
        (lambda: GPTConfig(vocab_size=9, layers=-1), "layers must be a whole number of at least 1; got -1"),
        (lambda: GPTConfig(vocab_size=9, context=2.5), "context must be a whole number of at least 1; got 2.5"),
        (lambda: GPTConfig(vocab_size=9, channels=10, heads=4), "Can't divide 10 channels among 4 heads"),
        (lambda: make(TINY)(np.zeros((1, 5), dtype=int)), "reads at most 4 tokens; got 5. Keep the last 4"),
        (lambda: make(TINY).generate([], 3, greedy), "The prompt is empty. The model needs at least one token"),
        (lambda: make(TINY).generate([1, 5], 3, greedy), "from 0 to 4; got 1 to 5"),
        (lambda: make(TINY).generate([-1, 2], 3, greedy), "from 0 to 4; got -1 to 2"),
        (lambda: make(TINY).loss(np.zeros((1, 4), dtype=int), np.full((1, 4), 5)), "With 5 logits, targets must be"),
    ],
)
def test_mistakes_get_a_sentence(mistake, sentence):
    with pytest.raises(ValueError, match=sentence):
        mistake()
