"""`make bench`: this book's engine against PyTorch eager, side by side in one run, on this machine.

Both get the same weights and the same batches and take turns, so that a busy moment hits both. The numbers are
medians; a ratio above 1 means that the book's engine is faster. Losses must agree, or the run fails.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from itertools import islice

import numpy as np
import torch
from threadpoolctl import threadpool_info

from benchmarks.torch_gpt import TorchGPT, torch_generate, torch_step
from helpers.gpt import GPT, GPTConfig
from helpers.sampling import greedy
from helpers.training import AdamW, text_batches, train

SIZES = [  # layers, channels, heads, context, batch, vocabulary
    (2, 64, 4, 32, 32, 64),
    (4, 64, 4, 64, 32, 64),
    (4, 128, 4, 64, 32, 96),
    (6, 192, 6, 128, 16, 256),
]
LR, DECAY, CLIP, THREADS = 1e-3, 0.01, 1.0, 2


def build(layers, channels, heads, context, batch, vocabulary) -> GPT:
    return GPT(GPTConfig(vocabulary, context, layers, heads, channels), rng=np.random.default_rng(0))


def losses_of_five_steps(model: GPT, batches) -> list[float]:
    """Losses of AdamW steps at a constant rate without clipping."""
    optimizer, losses = AdamW(model, lr=LR, weight_decay=DECAY), []
    for pair in batches:
        optimizer.zero_grad()
        loss = model.loss(*pair)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def agreement(size) -> float:
    """The largest difference between the losses of both over five steps; ends the run if it is not rounding."""
    model, rng = build(*size), np.random.default_rng(0)
    batches = list(islice(text_batches(rng.integers(0, size[5], 20_000), size[4], size[3], rng=rng), 5))
    twin = TorchGPT(model)
    optimizer = twin.optimizer(LR, DECAY)
    theirs = [torch_step(twin, optimizer, *pair) for pair in batches]
    ours = losses_of_five_steps(model, batches)
    difference = max(abs(a - b) for a, b in zip(ours, theirs, strict=True))
    if difference > 1e-3:
        sys.exit(f"The losses of {size} differ: {ours} here, {theirs} in PyTorch.")
    return difference


def training(size, *, turns: int, steps: int) -> tuple[float, float]:
    """Median seconds of a training step, ours and PyTorch's, over `turns` turns of `steps` steps each.

    A step's time runs from one request for a batch to the next. The first step of a turn, with its set-up, is left out.
    """
    model, rng = build(*size), np.random.default_rng(0)
    twin = TorchGPT(model)
    optimizer = twin.optimizer(LR, DECAY)
    batches = text_batches(rng.integers(0, size[5], 20_000), size[4], size[3], rng=rng)
    options = {"lr": LR, "warmup": 1, "weight_decay": DECAY, "clip": CLIP, "threads": THREADS}
    ours, theirs = [], []
    for _ in range(turns):
        clock: list[float] = []
        train(model, timed(batches, clock), steps=steps + 1, **options, progress=False)
        ours += np.diff(clock)[1:].tolist()
        clock = []
        for pair in islice(timed(batches, clock), steps + 1):
            torch_step(twin, optimizer, *pair, clip=CLIP)
        theirs += np.diff(clock)[1:].tolist()
    return statistics.median(ours), statistics.median(theirs)


def timed(batches, clock: list[float]):
    """The same batches; the moment of each request is noted."""
    for batch in batches:
        clock.append(time.perf_counter())
        yield batch


def generation(size, *, rounds: int) -> tuple[float, float]:
    """Median seconds a token when one sequence grows greedily from one token to the whole context, with the cache."""
    model, steps = build(*size), size[3] - 1
    twin = TorchGPT(model)
    ours, theirs = [], []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        own = model.generate([1], steps, greedy)
        middle = time.perf_counter()
        other = torch_generate(twin, [1], steps)
        ours.append((middle - start) / steps)
        theirs.append((time.perf_counter() - middle) / steps)
    if own[:8] != other[:8]:
        sys.exit(f"The generated tokens of {size} differ: {own[:8]} here, {other[:8]} in PyTorch.")
    return statistics.median(ours[1:]), statistics.median(theirs[1:])


def row(size, parameters: str, ours: float, theirs: float, note: str = "") -> None:
    name, times = "/".join(map(str, size)), f"{1e3 * ours:>7.2f} ms {1e3 * theirs:>7.2f} ms"
    print(f"{name:>20} {parameters:>10} {times} {theirs / ours:>6.2f}  {note}", flush=True)


def main() -> None:
    torch.set_num_threads(min(2, os.cpu_count() or 1))
    for pool in threadpool_info():
        print(pool["internal_api"], pool["version"], pool.get("architecture", ""), f"{pool['num_threads']} threads")
    print(f"numpy {np.__version__}, torch {torch.__version__} with {torch.get_num_threads()} threads\n")
    print("A training step (layers/channels/heads/T/B/V); the ratio is PyTorch's time over ours.")
    print(f"{'model':>20} {'parameters':>10} {'ours':>10} {'PyTorch':>10} {'ratio':>6}")
    for size in SIZES:
        note = f"losses differ by at most {agreement(size):.0e}"
        times = training(size, turns=8, steps=15 if size[1] < 128 else 7)
        row(size, f"{build(*size).parameter_count():,}", *times, note)
    print("\nGenerating one sequence with the cache, a token")
    for size in SIZES:
        row(size, "", *generation(size, rounds=9))


if __name__ == "__main__":
    main()
