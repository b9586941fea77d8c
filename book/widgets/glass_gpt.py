"""GlassGPT: a whole GPT as one live picture, from the tokens to the next word, with every number in between.

The figure carries the model's weights, and `glass_model.js` computes with them; `trace` here gives the same numbers.
Every chapter opens with it. Left out: whatever isn't a `gpt.GPT` or a `llama.Llama`.
"""

from __future__ import annotations

import math

import numpy as np
import traitlets
from matplotlib.colors import LinearSegmentedColormap

from book.widgets.base import Choice, Number, Whole
from book.widgets.recording import record
from book.widgets.weights import Carrier, prompt_ids
from helpers import plots, sampling
from helpers.checks import whole
from helpers.functional import gelu
from helpers.gpt import GPT, window_start
from helpers.llama import Llama
from helpers.models import load_gpt
from helpers.tensor import Tensor

FOCUS = ("", "embedding", "attention", "mlp", "logits", "sampling")
OPENINGS = {  # the captions of the figures that chapters open with
    "": (
        "A whole GPT, with every number in it. Each row is a token, and the outlined row predicts the next word. "
        "Press Next word and watch that row fill from left to right. Then switch off a few heads and see what the "
        "model says without them."
    ),
    "embedding": (
        "Every row begins with its token's own list of {C} numbers, plus the list for its position. The first three "
        "strips show both lists and their sum. Click a cell to see how it adds up, or drag it up and down and watch "
        "the prediction change."
    ),
    "attention": (
        "The ribbons are attention: how much the outlined token attends to each token before it, with one color for "
        "each head. Click a ribbon to see where its width comes from, or one of the numbers above to switch that head "
        "off."
    ),
    "mlp": (
        "The fields of sparks are the MLPs, with {units} small units in each block. Click a spark to see what it "
        "does. Backpropagation found all of these weights; press Before training to see where they started."
    ),
    "logits": (
        "This chapter is about the end of the picture: the model gives each of its {V:,} words a score, and softmax "
        "turns the scores into probabilities. Click a word to see the arithmetic."
    ),
    "sampling": (
        "This chapter is about the last step: each word gets a piece of the stick. The likelier the word, the longer "
        "its piece. A dart picks one. Press Next word. Under More, the temperature changes the pieces."
    ),
}
OPENING_TITLES = {
    "": "What happens inside a GPT before it says the next word?",
    "embedding": "What does a model see when it reads a word?",
    "attention": "Which words does each word look at?",
    "mlp": "Half a million numbers: who set them?",
    "logits": "How does a GPT score every word it knows?",
    "sampling": "How does a GPT pick its next word?",
}
SPEEDS = ("slow", "normal", "fast", "instant")
BARS = 8
BLUE, ORANGE = (0.16, 0.52, 0.85), (0.89, 0.45, 0.09)
SIGNED = LinearSegmentedColormap.from_list(  # as on the page: blue below 0, clear at 0, orange above
    "signed", [(0, (*BLUE, 1)), (0.5, (*BLUE, 0)), (0.5, (*ORANGE, 0)), (1, (*ORANGE, 1))]
)


def trace(model: GPT, ids, *, heads=(), mlps=(), positions=True, mask=True, nudges=()) -> dict:
    """Everything between a text (T,) and its logits (T, V), as the model's own layers compute it.

    heads: (block, head) pairs that are off, from 0; mlps: blocks whose MLP is off; nudges: (stage, token, channel,
    amount), added to the stream. Returns `stream`, the residual stream (T, C) after the embedding and after each
    addition, `blocks`, a dict of arrays for each block, and `logits`.
    """
    ids, H = np.asarray(ids), model.config.heads
    T, D = len(ids), model.config.channels // H

    def nudged(x: np.ndarray, stage: int) -> np.ndarray:
        for at, t, c, amount in nudges:
            if at == stage and t < T:
                x[t, c] += amount
        return x

    x = model.tokens.weight.data[ids] + (model.positions.weight.data[:T] if positions else 0)
    stream, blocks = [nudged(x.astype(np.float32), 0)], []
    hidden = np.triu(np.full((T, T), -np.inf), 1) if mask else np.zeros((T, T))
    for i, block in enumerate(model.blocks):
        normal1 = block.norm1(Tensor(stream[-1])).data
        qkv = block.attention.qkv(Tensor(normal1)).data
        q, k, v = qkv.reshape(T, 3, H, D).transpose(1, 2, 0, 3)  # (H,T,D) each
        scores = q @ k.swapaxes(-1, -2) / math.sqrt(D)  # (H,T,D)@(H,D,T) → (H,T,T)
        weights = sampling.softmax(scores + hidden)
        on = np.array([[[(i, head) not in set(map(tuple, heads))]] for head in range(H)])
        mixed = (weights @ v * on).swapaxes(0, 1).reshape(T, -1)  # (H,T,T)@(H,T,D) → (T,C)
        attended = block.attention.out(Tensor(mixed.astype(np.float32))).data
        middle = nudged(stream[-1] + attended, 2 * i + 1)
        normal2 = block.norm2(Tensor(middle)).data
        before = block.mlp.up(Tensor(normal2)).data
        units = gelu(Tensor(before)).data
        added = np.zeros_like(middle) if i in mlps else block.mlp.down(Tensor(units)).data
        stream += [middle, nudged(middle + added, 2 * i + 2)]
        blocks.append({
            "normal1": normal1, "qkv": qkv, "scores": scores, "weights": weights, "mixed": mixed, "attended": attended,
            "normal2": normal2, "before": before, "units": units, "added": added,
        })  # fmt: skip
    logits = model.norm(Tensor(stream[-1])).data @ model.tokens.weight.data.T  # (T,C)@(C,V) → (T,V)
    return {"stream": stream, "blocks": blocks, "logits": logits}


def picture(traced: dict, tokens: list[str], names: list[str], p: np.ndarray, lane: int = -1, called=None):
    """The figure on paper: a lane per token, its strips, where lane `lane` looks, the next words. Returns `Axes`.

    called: the blocks' numbers, if not all of them are there.
    """
    stream, blocks, T = traced["stream"], traced["blocks"], len(tokens)
    lane, wide = lane % T, 3.0
    fig, ax = plots.plt.subplots(figsize=(10, 1.2 + 0.3 * T))
    full = 4 * np.median(np.abs(stream[len(blocks)]))
    x = 0.0
    for stage, rows in enumerate(stream):
        if stage:
            block = blocks[(stage - 1) // 2]
            if stage % 2:
                for head, weights in enumerate(block["weights"]):
                    for s, weight in enumerate(weights[lane]):
                        if weight > 0.01:
                            _ribbon(
                                ax,
                                x,
                                s,
                                x + 2,
                                lane + 0.6 * ((head + 0.5) / len(block["weights"]) - 0.5),
                                weight,
                                f"C{head}",
                            )
            elif "units" in block:
                _cells(ax, x + 0.2, 1.6, block["units"], 1.4 * 2.5 * np.sqrt(np.mean(np.square(block["units"]))))
            if stage % 2 or "units" in block:
                number = called[(stage - 1) // 2] if called else (stage + 1) // 2
                kind = "attention" if stage % 2 else "MLP"
                ax.text(x + 1, -0.8, f"{kind} {number}", ha="center", fontsize=8)
                x += 2
        _cells(ax, x, wide, rows, full)
        x += wide
    for t, token in enumerate(tokens):
        weight = "bold" if t == lane else "normal"
        ax.text(-0.2, t, plots.visible(token), ha="right", va="center", fontsize=9, fontweight=weight)
    step = max(T, 8) / len(names)
    for i, (name, share) in enumerate(zip(names, p, strict=True)):
        y = (i + 0.5) * step - 0.5
        ax.barh(y, 3 * share, left=x + 2.6, height=0.6 * step, color="C0")
        ax.text(x + 2.5, y, plots.visible(name), ha="right", va="center", fontsize=9)
        ax.text(x + 2.7 + 3 * share, y, f"{share:.3f}", va="center", fontsize=8)
    ax.set(xlim=(-2.5, x + 6.6), ylim=(max(T, 8) - 0.4, -1.3))
    ax.axis("off")
    return ax


def _cells(ax, x: float, width: float, rows: np.ndarray, full: float) -> None:
    rows = np.sign(rows) * np.sqrt(np.abs(rows) * full)  # small numbers show, too, as on the page
    ax.imshow(rows, cmap=SIGNED, vmin=-full, vmax=full, aspect="auto", interpolation="nearest",
              extent=(x, x + width, len(rows) - 0.55, -0.45))  # fmt: skip


def _ribbon(ax, x0: float, y0: float, x1: float, y1: float, weight: float, color: str) -> None:
    s = np.linspace(0, 1, 24)
    ax.plot(x0 + s * (x1 - x0), y0 + (3 * s**2 - 2 * s**3) * (y1 - y0), lw=8 * weight, color=color, alpha=0.7,
            solid_capstyle="butt")  # fmt: skip


class GlassGPT(Carrier):
    """One word, all the way through a GPT: tokens, the residual stream, attention, MLPs, logits, the dart.

    model, tokenizer: a `gpt.GPT` and the tokenizer it was trained with. prompt: the text; after: added to every prompt,
    such as a line break that asks for an answer; examples: prompts to choose from. focus: the part that's large:
    "embedding", "attention", "mlp", "logits", "sampling", or "" for all alike. start: the generator as it was when the
    model was made, for a look at the weights before training; a model that ships with the book knows its own.
    auto: how many words the figure writes by itself when it comes into view.

    A `llama.Llama` is too large for a page, so the figure brings a recording: some of its `blocks` (by default four),
    the prompt, and `steps` tokens that followed. Nothing can be switched off in it, and other prompts need a new one.

    heads_off: [block, head] pairs, from 1. mlps_off: blocks, from 1. nudges: [stage, token, channel, amount], from 0;
    stage 0 is the embedding, and each addition makes one more. lane: the token to look at, from 1; 0 is the last.
    """

    settings = ("prompt", "written", "focus", "lane", "pick", "heads_off", "mlps_off", "positions", "mask", "nudges",
                "trained", "midway", "temperature", "seed", "speed")  # fmt: skip

    prompt = traitlets.Unicode("").tag(sync=True)
    after = traitlets.Unicode("").tag(sync=True)
    examples = traitlets.List(traitlets.Unicode()).tag(sync=True)
    start = traitlets.Dict(read_only=True).tag(sync=True)
    record = traitlets.Dict(read_only=True).tag(sync=True)
    written = traitlets.List(traitlets.Int()).tag(sync=True)
    focus = Choice(FOCUS, "").tag(sync=True)
    lane = Whole(0, 0, 100_000).tag(sync=True)
    pick = traitlets.List().tag(sync=True)
    heads_off = traitlets.List().tag(sync=True)
    mlps_off = traitlets.List().tag(sync=True)
    positions, mask = traitlets.Bool(True).tag(sync=True), traitlets.Bool(True).tag(sync=True)
    nudges = traitlets.List().tag(sync=True)
    trained = traitlets.Bool(True).tag(sync=True)
    midway = traitlets.Bool(False).tag(sync=True)
    temperature = Number(0.5, 0, 3).tag(sync=True)
    seed = Whole(1, 0, (1 << 32) - 1).tag(sync=True)
    speed = Choice(SPEEDS, "normal").tag(sync=True)
    auto = Whole(0, 0, 100).tag(sync=True)

    def __init__(self, model, tokenizer, prompt: str = "Write a poem about a cat.", *, start=None,
                 precision: str = "int8", steps: int = 12, blocks=None, **values):  # fmt: skip
        if isinstance(model, Llama):
            self._tokenizer, self._model, self.end = tokenizer, model, None
            setting = {"temperature": values.get("temperature", 0.5), "seed": values.get("seed", 1)}
            found, self._traced = record(model, tokenizer, prompt, steps, blocks=blocks, **setting)
            self.set_trait("record", found)
        else:
            self.carry(model, tokenizer, precision)
        self.set_trait("start", _state_of(start) if start is not None else getattr(model, "start", None) or {})
        super().__init__(prompt=prompt, **values)

    @traitlets.validate("heads_off")
    def _are_heads(self, proposal):
        most = self._model.config.layers, self._model.config.heads
        for pair in proposal["value"]:
            if len(pair) != 2 or not all(1 <= n <= high for n, high in zip(pair, most, strict=True)):
                raise traitlets.TraitError(
                    f"heads_off holds [block, head] pairs, from 1 to {most[0]} and from 1 to {most[1]}; got {pair!r}."
                )
        return [[int(n) for n in pair] for pair in proposal["value"]]

    @traitlets.validate("mlps_off")
    def _are_blocks(self, proposal):
        most = self._model.config.layers
        for block in proposal["value"]:
            if not 1 <= block <= most:
                raise traitlets.TraitError(f"mlps_off holds blocks, from 1 to {most}; got {block!r}.")
        return proposal["value"]

    @traitlets.validate("written")
    def _are_tokens(self, proposal):
        for token in proposal["value"]:
            if not 0 <= token < self.V:
                raise traitlets.TraitError(f"written holds token ids, from 0 to {self.V - 1}; got {token!r}.")
        return proposal["value"]

    def ids(self) -> list[int]:
        """The tokens the model reads: the prompt, `after`, and what was written, or the last part of them."""
        if self.record:
            return self.record["ids"][: self.record["prompt"] + len(self.written)]
        ids = prompt_ids(self._tokenizer, self.prompt, self.after) + list(self.written)
        if not ids:
            example = 'Type something, such as "Write a poem about a cat."'
            raise ValueError(f"The model can't read any of the prompt; got {self.prompt[:60]!r}. {example}")
        return ids[window_start(len(ids), self._model.config.context) :]

    def trace(self) -> dict:
        """Every number in the picture, with its switches: see `glass_gpt.trace`. Only for the trained weights.

        Of a recording: the prompt's `stream` and `blocks`.
        """
        if self.record:
            return self._traced
        return trace(
            self._model, self.ids(), heads=[(block - 1, head - 1) for block, head in self.heads_off],
            mlps=[block - 1 for block in self.mlps_off], positions=self.positions, mask=self.mask, nudges=self.nudges,
        )  # fmt: skip

    def distribution(self) -> np.ndarray:
        """The probabilities (V,) from which the next token is drawn."""
        logits = self.trace()["logits"][self.lane - 1].astype(np.float64)
        return sampling.next_distribution(logits, temperature=self.temperature)

    def write(self, steps: int) -> str:
        """Write `steps` tokens, as *Next word* does, or fewer if the text ends. Returns all that was written."""
        rng = sampling.Mulberry32(self.seed)
        rng.random(len(self.written))
        for _ in range(whole("steps", steps, 1, 1000)):
            if self.written and self.written[-1] == self.end:
                break
            self.lane = 0
            p = self.distribution()
            self.written = [*self.written, int(np.searchsorted(np.cumsum(p), rng.random() * p.sum(), side="right"))]
        return self._tokenizer.decode(token for token in self.written if token != self.end)

    def still(self):
        names, p = self._bars()
        ids, called = self.ids(), self.record.get("blocks")
        if self.record:
            ids = ids[: self.record["prompt"]]
        return picture(self.trace(), [self._tokenizer.vocab[i] for i in ids], names, p, self.lane - 1, called)

    def _bars(self) -> tuple[list[str], np.ndarray]:
        if self.record:
            pieces = self.record["next"][self.record["prompt"] - 1][:BARS]
            return [self._tokenizer.vocab[i] for i, _, _ in pieces], np.array([p for _, p, _ in pieces])
        p = self.distribution()
        best = np.argsort(-p, kind="stable")[:BARS]
        return [self._tokenizer.vocab[i] for i in best], p[best]

    def alt(self):
        names, p = self._bars()
        config, text = self._model.config, self._tokenizer.decode(self.ids())
        return (
            f"A GPT with {config.layers} blocks and {config.heads} heads reads “{text}”, one row per token. Each row "
            f"is {config.channels} numbers that attention and an MLP add to, block after block. At the end, the most "
            f"probable next token is “{names[0]}”, with probability {p[0]:.2f}."
        )


def _state_of(rng: np.random.Generator) -> dict:
    """Where a generator is, for `normals` in glass_model.js."""
    state = rng.bit_generator.state
    if state["bit_generator"] != "PCG64":
        raise ValueError(
            f"start must be a generator from np.random.default_rng; got one with {state['bit_generator']}."
        )
    return {name: f"{state['state'][name]:x}" for name in ("state", "inc")}


def opening(focus: str = "") -> GlassGPT:
    """The figure that a chapter opens with: the poem model, reading the book's sentence, with one part large."""
    model, tokenizer = load_gpt("poems")
    config = model.config
    caption = OPENINGS[focus].format(C=config.channels, units=4 * config.channels, V=config.vocab_size)
    title = OPENING_TITLES[focus]
    return GlassGPT(model, tokenizer, after="\n", focus=focus, seed=4, title=title, caption=caption)
