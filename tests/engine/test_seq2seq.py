"""The encoder-decoder transformer: gradients, what its masks hide, decoding, and what it says to wrong input."""

from itertools import product

import numpy as np
import pytest

from helpers.sampling import beam_search
from helpers.seq2seq import Seq2Seq, Seq2SeqConfig, padded
from helpers.tensor import no_grad
from helpers.training import train
from tests.engine.gradcheck import TOLERANCE, worst_error

TINY = Seq2SeqConfig(source_vocab=6, target_vocab=7, context=5, layers=2, heads=2, channels=4)
PAD, START, END = TINY.pad, TINY.start, TINY.end
SOURCE = np.array([[3, 4, 5, 3], [5, 4, PAD, PAD]])
TARGET = np.array([[START, 3, 6, 5, END], [START, 4, END, PAD, PAD]])


def make(config: Seq2SeqConfig = TINY) -> Seq2Seq:
    """A model with weights far from their careful start, so that every part matters."""
    rng = np.random.default_rng(0)
    model = Seq2Seq(config, rng=rng)
    for p in model.parameters():
        p.data += rng.normal(0, 0.3, p.shape).astype(p.dtype)
    return model


def test_gradients_of_every_parameter():
    model = make().astype(np.float64)
    assert worst_error(lambda: model.loss(SOURCE, TARGET)[0], model.parameters()) <= TOLERANCE


def test_padding_is_never_attended_to():
    weights = []
    with no_grad():
        make()(SOURCE, TARGET[:, :-1], weights=weights)
    for layer in weights:
        assert layer.shape == (2, 2, 4, 4)
        assert (layer[1, :, :, 2:] == 0).all() and (layer[0] > 0).all()
        np.testing.assert_allclose(layer.sum(axis=-1), 1, rtol=1e-5)


def test_more_padding_changes_nothing():
    model = make()
    longer = np.concatenate([SOURCE, np.full((2, 1), PAD)], axis=1)
    np.testing.assert_allclose(model(SOURCE, TARGET[:, :-1]).data, model(longer, TARGET[:, :-1]).data, atol=1e-5)
    short, long = model.loss(SOURCE[1:, :2], TARGET[1:, :3]), model.loss(SOURCE[1:], TARGET[1:])
    assert short[0].item() == pytest.approx(long[0].item()) and short[1] == long[1] == 2


def test_a_later_target_token_never_changes_an_earlier_logit():
    model, changed = make(), TARGET[:, :-1].copy()
    changed[:, 3] = 6
    before, after = model(SOURCE, TARGET[:, :-1]).data, model(SOURCE, changed).data
    assert (before[:, :3] == after[:, :3]).all() and not np.allclose(before[:, 3], after[:, 3])


def test_the_whole_source_is_seen():
    model, changed = make(), SOURCE.copy()
    changed[0, 3] = 4
    assert not np.allclose(model(SOURCE, TARGET[:, :1]).data[0], model(changed, TARGET[:, :1]).data[0])


def test_the_loss_says_how_many_tokens_it_averages():
    model = make()
    (total, n), *halves = [model.loss(SOURCE[rows], TARGET[rows]) for rows in (slice(None), [0], [1])]
    assert n == 6 and [count for _, count in halves] == [4, 2]
    assert total.item() == pytest.approx(sum(loss.item() * count for loss, count in halves) / 6, rel=1e-6)


def greedy_without_cache(model, source, steps) -> list[int]:
    ids = [START]
    for _ in range(steps):
        ids.append(int(model(np.array([source]), np.array([ids])).data[0, -1].argmax()))
        if ids[-1] == END:
            break
    return [i for i in ids if i not in (PAD, START, END)]


def test_translating_many_at_once_is_translating_each():
    model, sources = make(), [list(s) for n in (1, 2, 4) for s in product((3, 4, 5), repeat=n)]
    model.target_norm.bias.data += 3 * model.target_tokens.weight.data[END]  # some end before others
    each = [greedy_without_cache(model, source, 5) for source in sources]
    assert model.translate(sources) == each and len({len(ids) for ids in each}) >= 3
    assert max(len(ids) for ids in model.translate(sources, steps=2)) == 2


def test_a_beam_of_one_is_greedy_and_a_wider_one_is_at_least_as_probable():
    model, source = make(), [3, 4, 5, 3]
    beams = {w: beam_search(model.next_log_probs(source), [START], width=w, steps=4, end=END) for w in (1, 50)}
    ids, score = beams[1][0]
    assert [i for i in ids if i not in (PAD, START, END)] == greedy_without_cache(model, source, 4)
    assert beams[50][0][1] >= score
    with pytest.raises(ValueError, match="width must be"):
        beam_search(model.next_log_probs(source), [START], width=0, steps=4)


def test_it_learns_to_reverse():
    rng = np.random.default_rng(0)
    model = Seq2Seq(Seq2SeqConfig(source_vocab=9, target_vocab=9, context=7, layers=1, channels=32), rng=rng)

    def pairs(rng, n):
        source = rng.integers(3, 9, (n, 5))
        edge = np.ones((n, 1), dtype=int)
        return source, np.concatenate([edge * START, source[:, ::-1], edge * END], axis=1)

    batches = (pairs(rng, 32) for _ in range(10**6))
    train(model, batches, steps=300, lr=3e-3, warmup=20, threads=1, progress=False)
    source, target = pairs(np.random.default_rng(1), 200)
    right = np.mean([ids == list(t[1:-1]) for ids, t in zip(model.translate(source), target)])
    looked_at = model.cross_attention(source[0], target[0, :-2])[0].mean(axis=0).argmax(axis=-1)
    assert right > 0.95 and list(looked_at) == [4, 3, 2, 1, 0]


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda m: m.encode([[PAD, PAD]]), "is all padding"),
        (lambda m: m.encode(np.full((1, 6), 3)), "from 1 to 5"),
        (lambda m: m.encode(np.empty((1, 0), dtype=int)), "from 1 to 5"),
        (lambda m: m.translate([[3], []]), "at least one token"),
        (lambda m: m.translate([]), "at least one token"),
        (lambda m: m(SOURCE, np.full((2, 6), 3)), "at most 5"),
        (lambda m: Seq2SeqConfig(6, 7, channels=6, heads=4), "Can't divide 6 channels among 4 heads"),
        (lambda m: Seq2SeqConfig(6, 0), "target_vocab must be a whole number of at least 1; got 0"),
    ],
)
def test_wrong_input_gets_a_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call(make())


def test_padded_fills_up():
    assert padded([[3], [4, 5]], 0).tolist() == [[3, 0], [4, 5]]
