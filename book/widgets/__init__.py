"""The book's interactive figures: alive in JupyterLab, and in the published page without a kernel. See `base.py`."""

from book.widgets.attention_map import AttentionMap
from book.widgets.attention_motion import AttentionMotion
from book.widgets.backprop import Backprop
from book.widgets.bigram import Bigram
from book.widgets.chat import Chat
from book.widgets.descent import Descent
from book.widgets.embedding_map import EmbeddingMap
from book.widgets.glass_gpt import GlassGPT, opening
from book.widgets.learning_net import LearningNet
from book.widgets.loss_curves import LossCurves, snapshot
from book.widgets.merges import Merges
from book.widgets.next_token import NextToken
from book.widgets.playground import Playground
from book.widgets.predict import Predict, questions
from book.widgets.softmax_lab import SoftmaxLab

__all__ = [
    "AttentionMap",
    "AttentionMotion",
    "Backprop",
    "Bigram",
    "Chat",
    "Descent",
    "EmbeddingMap",
    "GlassGPT",
    "LearningNet",
    "LossCurves",
    "Merges",
    "NextToken",
    "Playground",
    "Predict",
    "SoftmaxLab",
    "opening",
    "questions",
    "snapshot",
]
