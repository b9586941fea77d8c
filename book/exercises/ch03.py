"""The exercises of chapter 3: softmax, its loss, its gradient, and its temperature."""

import numpy as np

from .engine import Verdict, by_hand, exercise, explore


def log_softmax(z):
    shifted = z - z.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


# 3.1


@by_hand()
def three_words():
    """cat and dog have one score; bird's is lower by log 2. The right word is cat."""
    return {"p_cat": 0.4, "p_bird": 0.2, "grad_cat": -0.6, "grad_dog": 0.4, "p_bird_cool": 1 / 9}


@three_words.mistake
def divided_by_the_others():
    """Divide by the sum over all three, the word itself included."""
    return {"p_cat": 2 / 3, "p_bird": 0.25}


@three_words.mistake
def all_alike():
    """Three words share, but not in equal parts: bird's score is lower."""
    return {"p_cat": 1 / 3, "p_bird": 1 / 3, "p_bird_cool": 1 / 3}


@three_words.mistake
def not_normalized():
    """Lower by log 2 means half as probable. Half of what, and of what do the three then make up the whole?"""
    return {"p_cat": 1, "p_bird": 0.5, "p_bird_cool": 0.25}


@three_words.mistake
def sign():
    """It is p − y, what you said minus what was true. This is the other way round."""
    return {"grad_cat": 0.6, "grad_dog": -0.4}


@three_words.mistake
def wrong_word():
    """The truth y is 1 at the right word and 0 elsewhere. Which word is right?"""
    return {"grad_dog": -0.6, "grad_cat": 0.4}


@three_words.mistake
def temperature_multiplied():
    """This is bird at T = 2: the scores were multiplied by ½. What does dividing by ½ do?"""
    return {"p_bird_cool": np.sqrt(0.5) / (2 + np.sqrt(0.5))}


@three_words.mistake
def temperature_forgotten():
    """This is bird at T = 1. Divide the scores by T first, then take the softmax."""
    return {"p_bird_cool": 0.2}


# 3.2

Z = np.array([3.0, 2.0, 0.5, -4.0])
ROWS = np.array([[1.0, 2.0, 3.0], [0.0, -1.0, 4.0]])


@exercise(
    {
        "four scores": (Z,),
        "two rows": (ROWS,),
        "a batch of shape (2, 3, 4)": (np.sin(np.arange(24.0)).reshape(2, 3, 4) * 3,),
        "scores near 1,000": (np.array([1000.0, 999.0, 0.0]),),
        "scores near −1,000": (np.array([-1000.0, -999.0, -1002.0]),),
        "two rows 2,000 points apart": (np.array([[1000.0, 999.0], [-1000.0, -1001.0]]),),
        "a row with a score of −∞": (np.array([[0.0, -np.inf, 1.0]]),),
    }
)
def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


@softmax.mistake
def no_shift(z):
    """Right on scores of everyday size; large ones give nan, very low ones, too. What does `np.exp(1000.0)` give?"""
    e = np.exp(z)
    return e / e.sum(axis=-1, keepdims=True)


@softmax.mistake
def wrong_axis(z):
    """A single row is right, several are not. Add up your result: is it the rows that sum to 1, or the columns?"""
    e = np.exp(z - z.max(axis=0, keepdims=True))
    return e / e.sum(axis=0, keepdims=True)


@softmax.mistake
def over_everything(z):
    """The rows share one sum, so all of them together sum to 1. Each row should do so alone."""
    e = np.exp(z - z.max())
    return e / e.sum()


@softmax.mistake
def one_shift_for_all(z):
    """All rows are shifted by the same number. What is left of a row that lies far below the others?"""
    e = np.exp(z - z.max())
    return e / e.sum(axis=-1, keepdims=True)


@softmax.mistake
def no_division(z):
    """The maximum is subtracted, and the division is missing: the largest is 1, and the sum is more."""
    return np.exp(z - z.max(axis=-1, keepdims=True))


# 3.3 and 3.4

POSITIONS = {
    "one position": (np.array([[1.0, 2.0, 0.0]]), np.array([1])),
    "four positions": (np.cos(np.arange(20.0)).reshape(4, 5) * 2, np.array([0, 4, 2, 2])),
    "a right token 200 points behind": (np.array([[200.0, 0.0], [3.0, 1.0]]), np.array([1, 0])),
    "a right token 1,000 points behind": (np.array([[0.0, 1000.0, 5.0]]), np.array([0])),
    "a right token 1,000 points ahead": (np.array([[0.0, 1000.0, 5.0]]), np.array([1])),
    "scores that are all alike": (np.zeros((3, 4)), np.array([3, 1, 0])),
}


def log_p(logits, targets):
    return log_softmax(logits)[np.arange(len(targets)), targets]


@exercise(POSITIONS)
def cross_entropy(logits, targets):
    return -log_p(logits, targets).mean()


@cross_entropy.mistake
def summed(logits, targets):
    """One position is right, several are not: their losses are added up. What should a batch of twice the size
    give?"""
    return -log_p(logits, targets).sum()


@cross_entropy.mistake
def averaged_over_scores(logits, targets):
    """The sum is divided by the number of all scores. How many losses are there?"""
    return -log_p(logits, targets).sum() / logits.size


@cross_entropy.mistake
def no_minus(logits, targets):
    """A loss is not below 0. What sign has the logarithm of a number between 0 and 1?"""
    return log_p(logits, targets).mean()


@cross_entropy.mistake
def log_of_zero(logits, targets):
    """Right as long as no probability rounds to 0. Then the logarithm gets a 0: take it by algebra, before the
    exponential."""
    return -np.log(np.exp(log_p(logits, targets))).mean()


@cross_entropy.mistake
def no_shift_in_loss(logits, targets):
    """The exponential of a large score is infinity. Where does the maximum go off?"""
    p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    return -np.log(p[np.arange(len(targets)), targets]).mean()


@cross_entropy.mistake
def in_bits(logits, targets):
    """This is the loss in bits. Which logarithm counts in nats?"""
    return -log_p(logits, targets).mean() / np.log(2)


@cross_entropy.mistake
def all_tokens(logits, targets):
    """All tokens count here. Only the log p of the token that came should: one for each row."""
    return -log_softmax(logits).mean()


@cross_entropy.mistake
def scores_alone(logits, targets):
    """These are the scores of the right tokens. Where are the others, which they are compared with?"""
    return -logits[np.arange(len(targets)), targets].mean()


@exercise(POSITIONS)
def loss_gradient(logits, targets):
    return (np.exp(log_softmax(logits)) - np.eye(logits.shape[-1])[targets]) / len(targets)


@loss_gradient.mistake
def y_minus_p(logits, targets):
    """All signs are turned round: a step against this gradient would make the right token less probable."""
    return -loss_gradient.right(logits, targets)


@loss_gradient.mistake
def not_averaged(logits, targets):
    """One position is right, several are not. The loss is a mean; what does that do to the gradient of each row?"""
    return loss_gradient.right(logits, targets) * len(targets)


@loss_gradient.mistake
def truth_forgotten(logits, targets):
    """The gradient of every row should sum to 0. Yours sums to 1 (or 1/N): what is missing is the truth."""
    return np.exp(log_softmax(logits)) / len(targets)


@loss_gradient.mistake
def right_tokens_alone(logits, targets):
    """The right tokens have their gradient, and all others have 0. Do the wrong ones not have to come down?"""
    y = np.eye(logits.shape[-1])[targets]
    return loss_gradient.right(logits, targets) * y


@loss_gradient.mistake
def whole_columns(logits, targets):
    """`p[:, targets] -= 1` changes these columns in every row. You want one place in each row."""
    p = np.exp(log_softmax(logits))
    p[:, targets] -= 1
    return p / len(targets)


# 3.5


@exercise(
    {
        "T = 1": (Z, 1.0),
        "T = 2": (Z, 2.0),
        "T = 0.5": (Z, 0.5),
        "T = 0": (Z, 0),
        "T = 0 and two equal leaders": (np.array([1.0, 5.0, 5.0]), 0),
        "T = 0.01 and scores near 100": (np.array([100.0, 99.0, 0.0]), 0.01),
    }
)
def with_temperature(z, T):
    if T == 0:
        return np.eye(len(z))[z.argmax()]
    return softmax.right(z / T)


@with_temperature.mistake
def multiplied(z, T):
    """At T = 2 the leader gets more than at T = 1, and should get less. Multiply, or divide?"""
    return softmax.right(z * T)


@with_temperature.mistake
def after_softmax(z, T):
    """T makes no difference. Dividing all probabilities by one number changes nothing once they sum to 1 again."""
    return softmax.right(z)


@with_temperature.mistake
def divided_by_zero(z, T):
    """Right at every temperature but 0: nobody can divide by that. What should T = 0 mean?"""
    return softmax.right(z / np.float64(T))


@with_temperature.mistake
def leaders_share(z, T):
    """Right but for T = 0 with two equal leaders: they share. The book's rule is that the first takes everything."""
    if T == 0:
        return (z == z.max()) / (z == z.max()).sum()
    return softmax.right(z / T)


@with_temperature.mistake
def probabilities_divided(z, T):
    """The probabilities do not sum to 1. Divide by T before the softmax, not after it."""
    return softmax.right(z) / np.float64(T)


@with_temperature.mistake
def place_of_the_leader(z, T):
    """T = 0 returns the place of the largest score. What is wanted is a probability for every token."""
    return z.argmax() if T == 0 else softmax.right(z / T)


# 3.6


@explore()
def rival(shares):
    rows = np.random.default_rng(0).normal(0, 2, (300, 6))
    each = lambda rows: np.array([np.asarray(shares(row), float).ravel() for row in rows])  # noqa: E731
    p = each(rows)
    if p.shape != rows.shape:
        return f"Six scores should become six shares; they became {p.shape[1]}."
    if not (p.min() >= 0 and np.allclose(p.sum(axis=1), 1)):
        return f"These are no probabilities: the lowest is {p.min():.3g}, and a row sums to {p.sum(axis=1)[0]:.3g}."
    if np.allclose(p, softmax.right(rows)):
        return "This is softmax itself. Take something else that grows with the score, and is no exponential."
    wishes = {
        "the order": (np.diff(np.take_along_axis(p, rows.argsort(axis=1), axis=1), axis=1) >= 0).all(),
        "a shift changes nothing": np.allclose(each(rows + 3), p),
        "a small change changes something": (each(rows + 1e-4 * np.eye(6)[0]) != p).any(axis=1).mean() > 0.99,
        "numbers, even for scores near 1,000": np.isfinite(each(rows * 1000)).all(),
    }
    kept, missed = [name for name in wishes if wishes[name]], [name for name in wishes if not wishes[name]]
    said = [f"{word}: {'; '.join(names)}." for word, names in (("Kept", kept), ("Not kept", missed)) if names]
    return Verdict("\n".join(["These are probabilities.", *said]), passed=True)
