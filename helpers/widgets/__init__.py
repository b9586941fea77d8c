"""The book's interactive figures: alive in JupyterLab, and in the published page without a kernel. See `base.py`."""

from helpers.widgets.attention_map import AttentionMap
from helpers.widgets.backprop import Backprop
from helpers.widgets.bigram import Bigram
from helpers.widgets.descent import Descent
from helpers.widgets.loss_curves import LossCurves, snapshot
from helpers.widgets.merges import Merges
from helpers.widgets.next_token import NextToken
from helpers.widgets.playground import Playground
from helpers.widgets.predict import Predict
from helpers.widgets.softmax_lab import SoftmaxLab

__all__ = [
    "AttentionMap",
    "Backprop",
    "Bigram",
    "Descent",
    "LossCurves",
    "Merges",
    "NextToken",
    "Playground",
    "Predict",
    "SoftmaxLab",
    "snapshot",
]
