"""`make bench`: this book's engine against PyTorch, side by side in one run, on this machine.

PyTorch runs in two ways: eager, one operation after another, which is what our engine does; and with its fused
attention kernel. Each of the three has a process to itself, because a second pool of threads would change what's
measured. They get the same weights and batches and take turns, so a busy moment hits all of them; two wait while one
works. The numbers are medians, and a ratio above 1 means our engine is faster. The run fails unless the losses of the
first turn agree and the first generated tokens are the same.
"""

from __future__ import annotations

import multiprocessing
import statistics
import sys
import time
from importlib.metadata import version
from itertools import islice

import numpy as np
from threadpoolctl import threadpool_info

from helpers.gpt import GPT, GPTConfig
from helpers.sampling import greedy
from helpers.training import text_batches, train, warmup_cosine

SIZES = [  # layers, channels, heads, context, batch, vocabulary
    (2, 64, 4, 32, 32, 64),
    (4, 64, 4, 64, 32, 64),
    (4, 128, 4, 64, 32, 96),
    (6, 192, 6, 128, 16, 256),
]
LR, DECAY, CLIP, THREADS = 1e-3, 0.01, 1.0, 2


class Book:
    """The book's engine on one size of model."""

    def __init__(self, layers, channels, heads, context, batch, vocabulary):
        self.model = GPT(GPTConfig(vocabulary, context, layers, heads, channels), rng=np.random.default_rng(0))
        rng = np.random.default_rng(0)
        self.batches = text_batches(rng.integers(0, vocabulary, 20_000), batch, context, rng=rng)

    def train(self, steps: int) -> tuple[list[float], list[float]]:
        """Seconds and loss of each step after the first, which includes the set-up.

        A step lasts from one request for a batch to the next.
        """
        clock: list[float] = []
        losses = self.learn(self.timed(clock), steps + 2)
        return np.diff(clock)[1:].tolist(), losses[1:-1]

    def timed(self, clock: list[float]):
        for batch in self.batches:
            clock.append(time.perf_counter())
            yield batch

    def learn(self, batches, steps: int) -> list[float]:
        options = {"lr": LR, "warmup": 1, "weight_decay": DECAY, "clip": CLIP, "threads": THREADS, "progress": False}
        return train(self.model, batches, steps=steps, **options).losses

    def generate(self, steps: int) -> tuple[float, list[int]]:
        """Seconds per token, and the tokens, as one sequence grows greedily from one token, with the cache."""
        start = time.perf_counter()
        tokens = self.continuation(steps)
        return (time.perf_counter() - start) / steps, tokens

    def continuation(self, steps: int) -> list[int]:
        return self.model.generate([1], steps, greedy)


class PyTorch(Book):
    """The same model with the same weights in PyTorch."""

    fused = False

    def __init__(self, *size):
        import torch

        from benchmarks import torch_gpt

        torch.set_num_threads(THREADS)
        super().__init__(*size)
        self.torch_gpt, self.model = torch_gpt, torch_gpt.TorchGPT(self.model, fused=self.fused)

    def learn(self, batches, steps: int) -> list[float]:
        optimizer, losses = self.model.optimizer(LR, DECAY), []
        for step, pair in enumerate(islice(batches, steps)):
            for group in optimizer.param_groups:
                group["lr"] = warmup_cosine(step, steps, peak=LR, warmup=1)
            losses.append(self.torch_gpt.torch_step(self.model, optimizer, *pair, clip=CLIP))
        return losses

    def continuation(self, steps: int) -> list[int]:
        return self.torch_gpt.torch_generate(self.model, [1], steps)


class FusedPyTorch(PyTorch):
    """And with PyTorch's fused attention kernel."""

    fused = True


class Remote:
    """An engine in its own process: `call(size, "train", 5)` returns what its `train(5)` returns there."""

    def __init__(self, engine: type[Book]):
        context = multiprocessing.get_context("spawn")
        self.pipe, far_end = context.Pipe()
        self.process = context.Process(target=self.serve, args=(far_end, engine), daemon=True)
        self.process.start()
        far_end.close()

    @staticmethod
    def serve(pipe, engine: type[Book]) -> None:
        size = built = None
        while True:
            try:
                wanted, method, count = pipe.recv()
            except EOFError:
                return
            if wanted != size:
                size, built = wanted, engine(*wanted)
            pipe.send(getattr(built, method)(count))

    def call(self, size, method: str, count: int):
        self.pipe.send((size, method, count))
        return self.pipe.recv()


def training(remotes: list[Remote], size, *, turns: int, steps: int) -> tuple[list[float], float]:
    """Each engine's median seconds per training step, and the largest difference between their losses."""
    seconds: list[list[float]] = [[] for _ in remotes]
    difference = 0.0
    for turn in range(turns):
        results = [remote.call(size, "train", steps) for remote in remotes]
        for mine, (times, _) in zip(seconds, results, strict=True):
            mine += times
        if turn == 0:
            losses = np.array([losses for _, losses in results])
            difference = float(np.ptp(losses, axis=0).max())
            if not difference < 1e-3:
                sys.exit(f"The losses of {size} differ: {losses.tolist()}.")
    return [statistics.median(s) for s in seconds], difference


def generation(remotes: list[Remote], size, *, rounds: int) -> list[float]:
    """Each engine's median seconds per token, as the cache grows from one token to the whole context."""
    seconds: list[list[float]] = [[] for _ in remotes]
    for _ in range(rounds + 1):
        results = [remote.call(size, "generate", size[3] - 1) for remote in remotes]
        for mine, (time_, _) in zip(seconds, results, strict=True):
            mine.append(time_)
        if len({tuple(tokens[:8]) for _, tokens in results}) > 1:
            sys.exit(f"The generated tokens of {size} differ: {[tokens[:8] for _, tokens in results]}.")
    return [statistics.median(s[1:]) for s in seconds]


def row(size, seconds: list[float], note: str = "") -> None:
    ours, *others = seconds
    columns = "".join(f" {1e3 * s:>9.2f} ms {s / ours:>6.2f}" for s in others)
    print(f"{'/'.join(map(str, size)):>20} {1e3 * ours:>7.2f} ms{columns}  {note}", flush=True)


def main() -> None:
    for pool in threadpool_info():
        print(pool["internal_api"], pool["version"], pool.get("architecture", ""), f"{pool['num_threads']} threads")
    print(f"numpy {version('numpy')}, torch {version('torch')} with {THREADS} threads\n")
    print("A model is layers/channels/heads/T/B/V. Eager and fused are PyTorch's times; a ratio is its time over ours.")
    remotes = [Remote(engine) for engine in (Book, PyTorch, FusedPyTorch)]
    head = f"{'model':>20} {'ours':>10} {'eager':>12} {'ratio':>6} {'fused':>12} {'ratio':>6}"
    print(f"\nA training step\n{head}")
    for size in SIZES:
        seconds, difference = training(remotes, size, turns=8, steps=15 if size[1] < 128 else 7)
        row(size, seconds, f"losses differ by at most {difference:.0e}")
    print(f"\nGenerating one sequence with the cache, per token\n{head}")
    for size in SIZES:
        row(size, generation(remotes, size, rounds=9))


if __name__ == "__main__":
    main()
