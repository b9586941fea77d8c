"""`make bench`, second part: SmolLM2 in our NumPy and in Hugging Face's transformers, side by side in one run.

Both read the same GGUF file and compute in float32 with two threads. Each has a process to itself, and they take turns:
first a prompt of 256 tokens, then 64 tokens one after the other with the cache, each the most probable one. Speeds are
medians over the turns; memory is the most a process has held, from its start. The run fails unless both write the same.
"""

from __future__ import annotations

import resource
import statistics
import sys
import time
from importlib.metadata import version

import numpy as np

from benchmarks.run import THREADS, Remote
from helpers import pretrained
from helpers.attention import KVCache
from helpers.tensor import no_grad

TURNS, PROMPT, STEPS = 7, 256, 64
TEXT = "The history of computing is the history of people trying to do less arithmetic by hand. " * 20


class Ours:
    """SmolLM2 in NumPy. `prompt`: token ids."""

    def __init__(self, *prompt: int):
        self.prompt = prompt
        self.load()

    def load(self) -> None:
        self.model, _ = pretrained.load("smollm2")

    def turn(self, steps: int) -> tuple[float, float, list[int]]:
        """Seconds for the prompt, seconds for `steps` more tokens, and all the tokens it wrote."""
        self.start()
        clock = [time.perf_counter()]
        ids = [self.next(self.prompt)]
        clock.append(time.perf_counter())
        for _ in range(steps):
            ids.append(self.next(ids[-1:]))
        clock.append(time.perf_counter())
        return clock[1] - clock[0], clock[2] - clock[1], ids

    def start(self) -> None:
        self.caches = [KVCache(self.model.config.context) for _ in self.model.blocks]

    def next(self, ids) -> int:
        with no_grad():
            return int(self.model(np.array([ids]), caches=self.caches, last=True).data[0, -1].argmax())

    def memory(self, unit: int) -> float:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / unit


class Transformers(Ours):
    """The same file in transformers."""

    def load(self) -> None:
        import torch
        from transformers import AutoModelForCausalLM

        torch.set_num_threads(THREADS)
        self.torch, file = torch, pretrained.model_file()
        self.model = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32)

    def start(self) -> None:
        self.past = None

    def next(self, ids) -> int:
        with self.torch.inference_mode():
            out = self.model(self.torch.tensor([ids]), past_key_values=self.past, use_cache=True, logits_to_keep=1)
        self.past = out.past_key_values
        return int(out.logits[0, -1].argmax())


def main() -> None:
    prompt = tuple(pretrained.load("smollm2")[1].encode(TEXT)[:PROMPT])
    remotes = [Remote(Ours), Remote(Transformers)]
    turns = [[remote.call(prompt, "turn", STEPS) for remote in remotes] for _ in range(TURNS + 1)][1:]
    if len({tuple(ids) for turn in turns for _, _, ids in turn}) > 1:
        sys.exit("The two engines wrote different texts.")
    print(f"\nSmolLM2, numpy {version('numpy')} and transformers {version('transformers')}, float32, {THREADS} threads")
    print(f"{'':>24} {'ours':>10} {'transformers':>13} {'ratio':>6}")
    for name, part, count in ((f"prompt of {PROMPT}", 0, PROMPT), (f"{STEPS} tokens", 1, STEPS)):
        ours, theirs = (count / statistics.median(turn[i][part] for turn in turns) for i in range(2))
        print(f"{name:>24} {ours:>6.1f} t/s {theirs:>9.1f} t/s {ours / theirs:>6.2f}")
    ours, theirs = (remote.call(prompt, "memory", 1_000_000) for remote in remotes)
    print(f"{'most memory':>24} {ours:>7.0f} MB {theirs:>10.0f} MB {theirs / ours:>6.2f}")


if __name__ == "__main__":
    main()
