"""The exercises of chapter 6: parameters on paper, layer norm, a block, a batch, and a model for a budget."""

import numpy as np

from .engine import Verdict, by_hand, exercise, explore

# 6.1


@by_hand()
def parameters_by_hand():
    """V = 50, a context of 16, C = 8, two layers, tied head."""
    return {"embeddings": 528, "block": 872, "total": 2288}


@parameters_by_hand.mistake
def positions_forgotten():
    """These are the token embeddings alone. What else has a row of C numbers?"""
    return {"embeddings": 400, "total": 2160}


@parameters_by_hand.mistake
def biases_forgotten():
    """Nearly: each linear layer has a bias, one number for each output."""
    return {"block": 800, "total": 2144}


@parameters_by_hand.mistake
def norms_forgotten():
    """Nearly: a block has two layer norms, each with a scale and a shift."""
    return {"block": 840, "total": 2224}


@parameters_by_hand.mistake
def matrices_alone():
    """This is 12 C²: the matrices. Biases and layer norms are missing."""
    return {"block": 768, "total": 2080}


@parameters_by_hand.mistake
def head_counted():
    """The output head is tied to the token embedding: it has no numbers of its own."""
    return {"total": 2688}


@parameters_by_hand.mistake
def last_norm_forgotten():
    """Sixteen numbers are missing. What stands between the last block and the head?"""
    return {"total": 2272}


@parameters_by_hand.mistake
def one_layer():
    """This is the model with one block. It has two."""
    return {"total": 1416}


# 6.2

EPSILON = 1e-5
SCALE, SHIFT = np.array([2.0, 1.0, -1.0, 0.5]), np.array([0.0, 1.0, 3.0, -2.0])


def normal(x, axis=-1, epsilon=EPSILON, ddof=0):
    variance = x.var(axis=axis, keepdims=True, ddof=ddof)
    return (x - x.mean(axis=axis, keepdims=True)) / np.sqrt(variance + epsilon)


@exercise(
    {
        "one position": (np.array([3.0, -1.0, 0.5, 2.0]), SCALE, SHIFT),
        "five positions": (np.random.default_rng(0).normal(2, 3, (5, 4)), SCALE, SHIFT),
        "a batch of shape (2, 3, 4)": (np.random.default_rng(1).normal(-1, 2, (2, 3, 4)), SCALE, SHIFT),
        "a position with four equal numbers": (np.array([[1.0, 1.0, 1.0, 1.0], [1.0, 2.0, 3.0, 4.0]]), SCALE, SHIFT),
        "tiny numbers": (np.array([[1e-3, -1e-3, 2e-3, 0.0]]), SCALE, SHIFT),
    },
    praise="Each position for itself, also where nothing varies.",
)
def layer_norm(x, weight, bias):
    return normal(x) * weight + bias


@layer_norm.mistake
def over_positions(x, weight, bias):
    """A single position is right or empty, several are mixed: you take mean and variance over the first axis. A
    position is normalized over its own channels."""
    return normal(x, axis=0) * weight + bias


@layer_norm.mistake
def over_everything(x, weight, bias):
    """One mean and one variance for all numbers together. Each position should have its own."""
    return normal(x, axis=None) * weight + bias


@layer_norm.mistake
def no_epsilon(x, weight, bias):
    """Right on everyday numbers. Where all channels are equal the variance is 0, and you divide by its root."""
    return normal(x, epsilon=0) * weight + bias


@layer_norm.mistake
def epsilon_outside(x, weight, bias):
    """Right on everyday numbers. For tiny ones it makes a difference whether the small number is added to the variance
    or to its root; the chapter adds it to the variance."""
    return (x - x.mean(-1, keepdims=True)) / (x.std(-1, keepdims=True) + EPSILON) * weight + bias


@layer_norm.mistake
def sample_variance(x, weight, bias):
    """Too small by the same factor everywhere: the variance is divided by C − 1. Layer norm divides by C."""
    return normal(x, ddof=1) * weight + bias


@layer_norm.mistake
def by_the_variance(x, weight, bias):
    """You divide by the variance. To have variance 1 afterwards, by what must one divide?"""
    return (x - x.mean(-1, keepdims=True)) / (x.var(-1, keepdims=True) + EPSILON) * weight + bias


@layer_norm.mistake
def scale_left_out(x, weight, bias):
    """Mean 0 and variance 1: and then? The learned scale is not used."""
    return normal(x) + bias


@layer_norm.mistake
def shift_left_out(x, weight, bias):
    """The learned shift is not used."""
    return normal(x) * weight


@layer_norm.mistake
def mean_left_in(x, weight, bias):
    """The mean is not taken off. There are norms of this kind, and this is not one of them."""
    return x / np.sqrt(x.var(-1, keepdims=True) + EPSILON) * weight + bias


# 6.3


def halve(x):
    return x / 2 + 1


def square(x):
    return x * x - 3


def unit(x):
    return normal(x)


def tenth(x):
    return normal(x) * 0.1 + 0.2


X = np.random.default_rng(2).normal(0, 2, (3, 6))


@exercise(
    {
        "three positions": (X, unit, halve, tenth, square),
        "parts exchanged": (X, tenth, square, unit, halve),
        "attention that adds nothing": (X, unit, np.zeros_like, tenth, square),
        "a batch": (np.stack([X, -X]), unit, halve, tenth, square),
    },
    praise="Two additions to the stream, each of what was computed from its normalized copy.",
)
def block(x, norm1, attend, norm2, mlp):
    x = x + attend(norm1(x))
    return x + mlp(norm2(x))


@block.mistake
def no_residual(x, norm1, attend, norm2, mlp):
    """What comes in is lost: the results replace the stream. They should be added to it."""
    return mlp(norm2(attend(norm1(x))))


@block.mistake
def second_residual_forgotten(x, norm1, attend, norm2, mlp):
    """The first addition is right. The second result replaces the stream."""
    return mlp(norm2(x + attend(norm1(x))))


@block.mistake
def first_residual_forgotten(x, norm1, attend, norm2, mlp):
    """The second addition is right. What attention returns replaces the stream."""
    x = attend(norm1(x))
    return x + mlp(norm2(x))


@block.mistake
def norm_after(x, norm1, attend, norm2, mlp):
    """Here the norms come after the additions, as in the first transformer. Ours normalizes what goes *into* a part."""
    x = norm1(x + attend(x))
    return norm2(x + mlp(x))


@block.mistake
def results_normalized(x, norm1, attend, norm2, mlp):
    """You normalize what a part returns. The norm comes before the part: it is for what the part reads."""
    x = x + norm1(attend(x))
    return x + norm2(mlp(x))


@block.mistake
def stream_normalized(x, norm1, attend, norm2, mlp):
    """You add to the normalized copy, so the stream itself is changed. The norm is for the part alone."""
    x = norm1(x)
    x = x + attend(x)
    x = norm2(x)
    return x + mlp(x)


@block.mistake
def side_by_side(x, norm1, attend, norm2, mlp):
    """The MLP reads the stream as it was before attention. It should read what attention has added, too."""
    return x + attend(norm1(x)) + mlp(norm2(x))


@block.mistake
def no_norms(x, norm1, attend, norm2, mlp):
    """The parts get the stream as it is. Which functions were given to you and are not used?"""
    x = x + attend(x)
    return x + mlp(x)


@block.mistake
def one_norm_for_both(x, norm1, attend, norm2, mlp):
    """The first norm is used twice."""
    x = x + attend(norm1(x))
    return x + mlp(norm1(x))


# 6.4

IDS = np.array([7, 1, 4, 4, 0, 2, 9, 3, 5, 8, 6, 1])


@exercise(
    {
        "two rows of four": (IDS, np.array([0, 5]), 4),
        "one row": (IDS, np.array([3]), 6),
        "three rows of one token": (IDS, np.array([10, 0, 4]), 1),
        "rows that overlap": (IDS, np.array([1, 2, 3]), 5),
    },
    praise="Each target is the token after its input.",
)
def inputs_and_targets(ids, starts, T):
    rows = ids[starts[:, None] + np.arange(T + 1)]
    return rows[:, :-1], rows[:, 1:]


def window(ids, starts, T, shift):
    return ids[(starts[:, None] + np.arange(T) + shift) % len(ids)]


@inputs_and_targets.mistake
def not_shifted(ids, starts, T):
    """The targets are the inputs. A model learns from them to repeat its last token."""
    return window(ids, starts, T, 0), window(ids, starts, T, 0)


@inputs_and_targets.mistake
def shifted_back(ids, starts, T):
    """The targets are the tokens *before* the inputs. The model is to say what comes after."""
    return window(ids, starts, T, 0), window(ids, starts, T, -1)


@inputs_and_targets.mistake
def shifted_twice(ids, starts, T):
    """There is a token between each input and its target."""
    return window(ids, starts, T, 0), window(ids, starts, T, 2)


@inputs_and_targets.mistake
def both_moved(ids, starts, T):
    """Both begin one token late: a row's input starts at `start`."""
    return window(ids, starts, T, 1), window(ids, starts, T, 2)


@inputs_and_targets.mistake
def exchanged(ids, starts, T):
    """Inputs and targets are exchanged: return what is read first."""
    return window(ids, starts, T, 1), window(ids, starts, T, 0)


@inputs_and_targets.mistake
def a_pair_for_each_row(ids, starts, T):
    """You return a pair for each row. Two arrays are wanted, one of all inputs, and one of all targets."""
    return list(zip(window(ids, starts, T, 0), window(ids, starts, T, 1)))


@inputs_and_targets.mistake
def one_shorter(ids, starts, T):
    """The rows are one token short. T inputs and T targets need T + 1 tokens."""
    rows = ids[starts[:, None] + np.arange(T)]
    return rows[:, :-1], rows[:, 1:]


# 6.5


def count(V, T, C, layers):
    return V * C + T * C + layers * (12 * C * C + 13 * C) + 2 * C


@explore()
def within_budget(choose):
    shape, names = choose(), ("channels", "layers", "heads")
    if not isinstance(shape, dict) or set(shape) != set(names):
        return f"It should be a dictionary with {', '.join(names)}; it is {shape!r}."
    if not all(isinstance(shape[name], int | np.integer) and shape[name] >= 1 for name in names):
        return "Each of the three should be a whole number of at least 1."
    C, layers, heads = (shape[name] for name in names)
    if C % heads:
        return f"{C} channels cannot be shared by {heads} heads. Which numbers divide {C}?"
    total = count(69, 128, C, layers)
    if total > 1_000_000:
        return f"{total:,} parameters: that is over a million. Which of the numbers counts with its square?"
    if total < 900_000:
        return f"{total:,} parameters: there is room for more. At least 900,000 are wanted."
    return Verdict(f"{total:,} parameters in {layers} layers of {C} channels, {C // heads} for each head.", passed=True)
