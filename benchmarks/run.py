"""`make bench`: this book's engine against PyTorch eager, side by side in one run, on this machine.

Both get the same weights and the same batches and take turns, so that a busy moment hits both. The numbers are
medians; a ratio above 1 means that the book's engine is faster. Losses must agree, or the run fails.
"""

from __future__ import annotations

import os
import statistics
import sys
import time

import numpy as np
import torch
from threadpoolctl import threadpool_info

from benchmarks.torch_gpt import TorchGPT, torch_generate, torch_step
from helpers.gpt import GPT, GPTConfig
from helpers.sampling import greedy
from helpers.training import text_batches, train

SIZES = [  # layers, channels, heads, context, batch, vocabulary
    (2, 64, 4, 32, 32, 64),
    (4, 64, 4, 64, 32, 64),
    (4, 128, 4, 64, 32, 96),
    (6, 192, 6, 128, 16, 256),
]
LR, DECAY, THREADS = 1e-3, 0.01, int(os.environ.get("TH", 2))


def training(layers, channels, heads, context, batch, vocabulary, *, rounds: int, steps: int) -> dict:
    """Seconds a step of both, taking turns of `steps` steps; the losses of the first turn are compared."""
    rng = np.random.default_rng(0)
    model = GPT(GPTConfig(vocabulary, context, layers, heads, channels), rng=rng)
    twin = TorchGPT(model)
    optimizer = twin.optimizer(LR, DECAY)
    text = np.cumsum(rng.integers(0, 3, 20_000)) % vocabulary  # a walk: something to learn
    batches = list(zip(range(rounds * steps), text_batches(text, batch, context, rng=rng), strict=False))
    ours, theirs = [], []
    for turn in range(rounds):
        part = [pair for _, pair in batches[turn * steps : (turn + 1) * steps]]
        if turn == 0:  # the schedule is off: constant rate for both, no clipping, five steps to compare
            own = losses_of_five_steps(model, part[:5])
            other = [torch_step(twin, optimizer, *pair) for pair in part[:5]]
            if not np.allclose(own, other, atol=2e-3):
                sys.exit(f"The losses differ: {own} here, {other} in PyTorch.")
        ours.append(train(model, iter(part), steps=steps, lr=LR, warmup=1, clip=np.inf, threads=THREADS, progress=False).seconds / steps)
        start = time.perf_counter()
        for pair in part:
            torch_step(twin, optimizer, *pair)
        theirs.append((time.perf_counter() - start) / steps)
    ours, theirs = statistics.median(ours[1:]), statistics.median(theirs[1:])
    return {"parameters": model.parameter_count(), "ours": ours, "theirs": theirs, "loss": (own[-1], other[-1])}


def losses_of_five_steps(model: GPT, batches) -> list[float]:
    from helpers.training import AdamW

    optimizer, losses = AdamW(model, lr=LR, weight_decay=DECAY), []
    for pair in batches:
        optimizer.zero_grad()
        loss = model.loss(*pair)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def generation(layers, channels, heads, context, batch, vocabulary, *, rounds: int) -> dict:
    """Seconds a token when one sequence is continued greedily with the cache, from one token to a full context."""
    model = GPT(GPTConfig(vocabulary, context, layers, heads, channels), rng=np.random.default_rng(0))
    twin = TorchGPT(model)
    ours, theirs = [], []
    for _ in range(rounds):
        start = time.perf_counter()
        own = model.generate([1], context - 1, greedy)
        middle = time.perf_counter()
        other = torch_generate(twin, [1], context - 1)
        ours.append((middle - start) / (context - 1))
        theirs.append((time.perf_counter() - middle) / (context - 1))
    if own[:8] != other[:8]:
        sys.exit(f"The generated tokens differ: {own[:8]} here, {other[:8]} in PyTorch.")
    return {"ours": statistics.median(ours[1:]), "theirs": statistics.median(theirs[1:])}


def main() -> None:
    torch.set_num_threads(min(2, os.cpu_count() or 1))
    for pool in threadpool_info():
        print(f"{pool['internal_api']} {pool['version']}: {pool.get('architecture', '')} kernel, {pool['num_threads']} threads")
    print(f"numpy {np.__version__}, torch {torch.__version__}, {torch.get_num_threads()} threads; ratio = PyTorch / ours\n")
    print(f"{'layers/channels/heads/T/B/V':>28} {'parameters':>11} {'ours':>9} {'PyTorch':>9} {'ratio':>6}   loss after 5 steps")
    for size in SIZES:
        r = training(*size, rounds=8, steps=15 if size[1] < 128 else 8)
        name = "/".join(map(str, size))
        print(
            f"{name:>28} {r['parameters']:>11,} {1e3 * r['ours']:>6.1f} ms {1e3 * r['theirs']:>6.1f} ms "
            f"{r['theirs'] / r['ours']:>6.2f}   {r['loss'][0]:.4f} / {r['loss'][1]:.4f}",
            flush=True,
        )
    print("\ngenerating one sequence with the cache, per token")
    for size in SIZES:
        r = generation(*size, rounds=7)
        name = "/".join(map(str, size))
        print(f"{name:>28} {'':>11} {1e3 * r['ours']:>6.2f} ms {1e3 * r['theirs']:>6.2f} ms {r['theirs'] / r['ours']:>6.2f}", flush=True)


if __name__ == "__main__":
    main()
