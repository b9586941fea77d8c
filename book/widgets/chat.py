"""Chat: SmolLM2 in the page. A button loads it; then it answers, token by token, with nobody else involved.

The figure carries an answer that was computed here, and no weights. A site has the model's file beside its pages, in
pieces; in JupyterLab the kernel sends them. `llama.js` computes what `helpers/llama.py` does.
Left out: models of another kind than Llama.
"""

from __future__ import annotations

import base64
import json
import textwrap
import zlib
from functools import cache
from pathlib import Path

import numpy as np
import traitlets

from book.widgets.base import Number, Whole, Widget
from helpers import plots, pretrained, sampling
from helpers.checks import whole
from helpers.fetch import FetchError

PARTS, BARS, LINES = 16, 8, 10  # files of a site, bars, lines of the still picture


@cache
def manifest() -> dict:
    """What a page must know of the model's file: its size, its Adler-32 checksum, and in how many parts it travels.

    There are 0 parts if the model has never been downloaded and can't be now.
    """
    try:
        content = pretrained.model_file().read_bytes()
    except FetchError:
        return {"size": 0, "check": 0, "parts": 0}
    return {"size": len(content), "check": zlib.adler32(content), "parts": PARTS}


def part(i: int) -> bytes:
    """One of the parts, in order."""
    size = manifest()["size"]
    ends = [size * k // PARTS for k in range(PARTS + 1)]
    with open(pretrained.model_file(), "rb") as file:
        file.seek(ends[i])
        return file.read(ends[i + 1] - ends[i])


def write_parts(folder: Path) -> None:
    """The model's file as scripts in `folder`, which a page can load even from a disk. Skipped if they're there."""
    assign = "(globalThis.nextWordParts ??= {})"
    said = f'{assign}["manifest"] = {json.dumps(manifest())};\n'
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / "manifest.js"
    if done.is_file() and done.read_text(encoding="ascii") == said:
        return
    for i in range(manifest()["parts"]):
        text = f'{assign}["{i:02}"] = "{base64.b64encode(part(i)).decode()}";\n'
        (folder / f"{i:02}.js").write_text(text, encoding="ascii")
    done.write_text(said, encoding="ascii")  # last: it says that all parts are there


def rounded(p) -> float:
    return round(float(p), 5)


class Chat(Widget):
    """A chat with SmolLM2 that needs no kernel once it's on a page.

    model, tokenizer: from `pretrained.load`. prompt: the first message, which is answered here, with at most `steps`
    tokens, and shown until the reader loads the model. examples: messages to choose from. temperature, top_p, seed: how
    to draw; the token at step d uses the d-th number of `sampling.Mulberry32(seed)`, here and on the page.
    """

    settings = ("prompt", "temperature", "top_p", "seed")

    prompt = traitlets.Unicode("").tag(sync=True)
    examples = traitlets.List(traitlets.Unicode()).tag(sync=True)
    temperature = Number(0.8, 0, 2).tag(sync=True)
    top_p = Number(1.0, 0, 1).tag(sync=True)
    seed = Whole(1, 0, (1 << 32) - 1).tag(sync=True)
    recorded = traitlets.Dict(read_only=True).tag(sync=True)
    vocab_size = traitlets.Int(read_only=True).tag(sync=True)
    file_size = traitlets.Int(read_only=True).tag(sync=True)

    def __init__(self, model, tokenizer, prompt: str = "Write a poem about a cat.", *, steps: int = 80, **values):
        if not isinstance(tokenizer, pretrained.PretrainedTokenizer):
            got = type(tokenizer).__name__
            raise ValueError(f"A chat needs the model and tokenizer of `pretrained.load`; got a {got}. For a model of "
                             "your own, use `Playground`.")  # fmt: skip
        super().__init__(prompt=prompt, **values)
        self.set_trait("vocab_size", tokenizer.vocab_size)
        self.set_trait("file_size", manifest()["size"])
        self.set_trait("recorded", self._record(model, tokenizer, whole("steps", steps)))
        self.on_msg(self._answer)

    def _record(self, model, tokenizer, steps: int) -> dict:
        """The answer to the prompt: its tokens, each with its probability and what else it could have been."""
        ids, said = tokenizer.encode(pretrained.chat(self.prompt)), []
        end, random = tokenizer.specials["<|im_end|>"], sampling.Mulberry32(self.seed)
        options = {"temperature": self.temperature, "top_p": None if self.top_p == 1 else self.top_p}

        def choose(logits, _) -> int:
            p, own = sampling.next_distribution(logits, **options), sampling.softmax(logits)
            chosen = sampling.sample(p, rng=random)
            best = list(np.argsort(-own, kind="stable")[:BARS])
            best = best if chosen in best else [*best[:-1], chosen]
            bars = [
                {"id": int(i), "text": tokenizer.vocab[i], "p": rounded(p[i]), "own": rounded(own[i])} for i in best
            ]
            said.append({"p": rounded(own[chosen]), "bars": bars})
            return chosen

        written = model.generate(ids, steps, choose, stop=end)[len(ids) :]
        last = said.pop()["bars"] if written[-1] == end else []
        texts = tokenizer.stream(written[: len(said)])
        return {"said": [{"text": text, **token} for text, token in zip(texts, said, strict=True)], "last": last}

    def answer(self) -> str:
        """What the model wrote here, in reply to the prompt."""
        return "".join(token["text"] for token in self.recorded["said"])

    def _answer(self, _, content: dict, buffers) -> None:
        """A figure in JupyterLab asks for the manifest, or for a part of the model's file."""
        asked = content.get("ask")
        if asked == "manifest":
            self.send({"answer": asked, **manifest()})
        elif isinstance(asked, int) and 0 <= asked < PARTS:
            self.send({"answer": asked}, [part(asked)])

    # The picture

    def _bars(self) -> tuple[list[str], list[float]]:
        found = self.recorded["last"] or self.recorded["said"][-1]["bars"]
        return [bar["text"] for bar in found], [bar["p"] for bar in found]

    def still(self):
        names, p = self._bars()
        ax = plots.bars(names, np.array(p), xlabel="probability of the next token", height=0.8 + 0.25 * BARS)
        text = f"{self.prompt}\n\n{self.answer()}".replace("$", r"\$")
        lines = [line for part in text.split("\n") for line in textwrap.wrap(part, 80) or [""]]
        ax.set_title("\n".join(lines[:LINES]), loc="left", fontsize=9)
        ax.set_xlim(0, 1)
        return ax

    def alt(self):
        names, p = self._bars()
        return (
            f"A chat with SmolLM2. You: “{self.prompt[:200]}” SmolLM2: “{self.answer()[:400]}” "
            f"At its last step, the most probable token was “{names[0]}”, with probability {p[0]:.2f}."
        )
