"""Playground: a GPT that runs in the page and writes, dart by dart. A tree of continuations, attention.

The figure carries the model's weights, and `model.js` computes what `helpers/gpt.py` does. Chapters 6, 7, and 8 use it.
Left out: encoder-decoder models, blocks other than `gpt.Block`.
"""

from __future__ import annotations

import textwrap

import numpy as np
import traitlets

from book.widgets.base import Choice, Whole
from book.widgets.setting import SETTING, TwoSettings, both_settings, options
from book.widgets.weights import Carrier, prompt_ids
from helpers import plots, sampling
from helpers.checks import whole

LONGEST = 1_000_000  # characters of a prompt
MOST = 2_000  # tokens in a tree
BARS, LINES = 12, 12  # of the still picture


class Playground(Carrier, TwoSettings):
    """A trained GPT to play with: type a prompt, look at the next token, sample, go back, branch, compare.

    model, tokenizer: a `gpt.GPT` and the tokenizer it was trained with. prompt: the text to start from; after: added to
    every prompt, such as a line break that asks for an answer; examples: prompts to choose from. steps: how many tokens
    are written at the start. precision: how the weights are stored, see `weights.packed`. second: another setting
    beside this one, such as {"temperature": 0.5}, with the same random numbers; without it, one with another
    temperature waits until the reader compares. speed: how it writes, "slow", "fast", or "instant". layer, head: whose
    attention to show, from 1.

    The tree: `branches[i]` is [the node it follows, its token], and makes node i + 1; node 0 is the prompt. The first
    setting writes after `node`, the second after `node_b`. The token at depth d is drawn with the d-th number of
    `sampling.Mulberry32(seed)`, so `write` here and ▶ in the figure give the same text.
    """

    settings = (
        "prompt", *TwoSettings.setting_traits, "branches", "node", "node_b", "speed", "look", "layer", "head",
    )  # fmt: skip

    prompt = traitlets.Unicode("").tag(sync=True)
    after = traitlets.Unicode("").tag(sync=True)
    examples = traitlets.List(traitlets.Unicode()).tag(sync=True)
    branches = traitlets.List().tag(sync=True)
    node = Whole(0, 0, MOST).tag(sync=True)
    node_b = Whole(0, 0, MOST).tag(sync=True)
    speed = Choice(["slow", "fast", "instant"], "fast").tag(sync=True)
    look = traitlets.Bool(False, help="show the attention").tag(sync=True)
    layer = Whole(1, 1, 1000).tag(sync=True)
    head = Whole(1, 1, 1000).tag(sync=True)

    def __init__(self, model, tokenizer, prompt: str = "Write a poem about a cat.", *, steps: int = 0, top_k=None,
                 precision: str = "int8", second: dict | None = None, **values):  # fmt: skip
        self.carry(model, tokenizer, precision)
        first = {"temperature": 0.8, "top_k": top_k} | {name: values.pop(name) for name in SETTING if name in values}
        like_first = {name: value for name, value in first.items() if value is not None}
        own = second is not None or "temperature_b" in values
        values = both_settings(self.V, first, like_first | (second or {})) | values
        super().__init__(prompt=prompt, compare=values.pop("compare", second is not None), **values)
        most = {"layer": model.config.layers, "head": model.config.heads}
        limits = {name: {"low": 1, "high": high, "whole": True} for name, high in most.items()}
        self.set_trait("bounds", self.bounds | limits)
        if not own:  # what the reader sees first on comparing
            self.temperature_b = 1.5 if self.temperature < 1.2 else 0.3
        if steps:
            for which in ("", "_b") if self.compare else ("",):
                self.write(steps, which)

    # What may be set

    @traitlets.validate("prompt")
    def _not_too_long(self, proposal):
        if len(proposal["value"]) > LONGEST:
            raise traitlets.TraitError(
                f"prompt must have at most {LONGEST:,} characters; got {len(proposal['value']):,}."
            )
        return proposal["value"]

    @traitlets.validate("layer", "head")
    def _in_the_model(self, proposal):
        name, value = proposal["trait"].name, proposal["value"]
        most = getattr(self._model.config, f"{name}s")
        if value > most:
            raise traitlets.TraitError(f"{name} must be a whole number from 1 to {most}; got {value}.")
        return value

    @traitlets.validate("branches")
    def _a_tree(self, proposal):
        branches, V = [list(branch) for branch in proposal["value"]], self._model.config.vocab_size
        if len(branches) > MOST:
            raise traitlets.TraitError(f"A tree has at most {MOST:,} branches; got {len(branches):,}.")
        for i, branch in enumerate(branches):
            if len(branch) != 2 or not (0 <= branch[0] <= i and 0 <= branch[1] < V):
                raise traitlets.TraitError(
                    f"branches[{i}] must be [a node from 0 to {i}, a token from 0 to {V - 1}]; got {branch!r}."
                )
        return branches

    @traitlets.validate("node", "node_b")
    def _in_the_tree(self, proposal):
        if proposal["value"] > len(self.branches):
            name, most = proposal["trait"].name, len(self.branches)
            raise traitlets.TraitError(f"{name} must be a node of the tree, 0 to {most}; got {proposal['value']}.")
        return proposal["value"]

    # What the figure does, in Python

    def prompt_ids(self) -> list[int]:
        """The prompt and `after` as token ids. Whatever isn't in the vocabulary is left out."""
        return prompt_ids(self._tokenizer, self.prompt, self.after)

    def path(self, which: str = "") -> list[int]:
        """The tokens from the prompt to the first setting's node, or to the second's if which="_b"."""
        ids, node = [], getattr(self, f"node{which}")
        while node:
            parent, token = self.branches[node - 1]
            ids.append(token)
            node = parent
        return ids[::-1]

    def text(self, which: str = "") -> str:
        """What a setting has written after the prompt."""
        return self._tokenizer.decode(token for token in self.path(which) if token != self.end)

    def logits(self, which: str = "") -> np.ndarray:
        """The model's scores (V,) for the next token."""
        found = np.empty(0)

        def look(logits, ids) -> int:
            nonlocal found
            found = logits.astype(np.float64)
            return 0

        self._model.generate(self._read(which), 1, look)
        return found

    def distribution(self, which: str = "") -> np.ndarray:
        """The probabilities (V,) from which a setting draws the next token."""
        return sampling.next_distribution(self.logits(which), **options(self.setting(which), self.V))

    def write(self, steps: int, which: str = "") -> str:
        """Write `steps` tokens, as ▶ does, or fewer if the model ends its text. Returns `text`."""
        path, steps = self.path(which), whole("steps", steps, 1, MOST - len(self.branches))
        rng = sampling.Mulberry32(self.seed)
        rng.random(len(path))
        if not path or path[-1] != self.end:
            choose = sampling.chooser(**options(self.setting(which), self.V), rng=rng)
            read = self._read(which)
            self._add(self._model.generate(read, steps, choose, stop=self.end)[len(read) :], which)
        return self.text(which)

    def _read(self, which: str) -> list[int]:
        ids = self.prompt_ids()
        if not ids:
            example = 'Type something, such as "Write a poem about a cat."'
            raise ValueError(f"The model can't read any of the prompt; got {self.prompt[:60]!r}. {example}")
        return ids + self.path(which)

    def _add(self, ids: list[int], which: str) -> None:
        branches, node = list(self.branches), getattr(self, f"node{which}")
        for token in ids:
            if [node, token] not in branches:
                branches.append([node, token])
            node = branches.index([node, token]) + 1
        self.branches = branches
        setattr(self, f"node{which}", node)

    # The picture

    def _bars(self) -> tuple[list[str], np.ndarray]:
        """The most probable next tokens, and the probabilities to draw them with. None without a prompt."""
        if not self.prompt_ids():
            return [], np.zeros(0)
        best = np.argsort(-self.logits(), kind="stable")[:BARS]
        return [self._tokenizer.vocab[i][:20] for i in best], self.distribution()[best]

    def still(self):
        names, p = self._bars()
        ax = plots.bars(names, p, xlabel="probability of the next token", height=0.8 + 0.25 * BARS)
        text = f"{self.prompt[-200:]}{self.after}{self.text()[-600:]}".replace("$", r"\$")
        lines = [line for part in text.split("\n") for line in textwrap.wrap(part, 80) or [""]]
        ax.set_title("\n".join(lines[-LINES:]), loc="left", fontsize=9)
        ax.set_xlim(0, 1)
        return ax

    def alt(self):
        names, p = self._bars()
        wrote = f" It has written “{self.text()[:200]}” so far." if self.node else ""
        likely = f" The most probable next token is “{names[0]}”, with probability {p[0]:.2f}." if names else ""
        return (
            f"A GPT with {self._model.parameter_count():,} parameters reads “{self.prompt[:200]}”.{wrote} "
            f"It gives each of its {self.V:,} tokens a probability.{likely}"
        )
