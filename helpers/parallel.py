"""Splits a batch across cores. `training.py` uses it, and nothing else knows about it.

Each thread computes the gradients of its share of the rows on a replica of the model, whose parameters are views of the
same memory and whose gradients are its own. NumPy lets go of Python's lock while it computes, so two threads keep two
cores busy. Left out: processes, which are a tenth faster but bring pipes, signals, and zombies with them.
"""

from __future__ import annotations

import copy
import ctypes
import platform
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from threadpoolctl import ThreadpoolController

_blas = ThreadpoolController()
SWITCH = 1e-4  # seconds a thread may hold Python's lock while another one waits; Python's default is 5e-3


class Shards:
    """A batch cut into `count` shards by its first axis, one per thread. With one shard, BLAS uses the cores instead.

    A model whose `loss` was assigned to it as a function stays whole: a replica would call the original's parameters.
    """

    def __init__(self, model, count: int):
        _keep_memory()
        self.model, self.replicas, self.pool = model, [], None
        self.before = _blas.limit(limits=None, user_api="blas"), sys.getswitchinterval()  # to restore in the end
        if count > 1 and "loss" not in vars(model):
            self.replicas = [_replica(model) for _ in range(count - 1)]
            self.pool = ThreadPoolExecutor(count - 1, thread_name_prefix="shard")

    def gradients(self, batch, optimizer) -> float:
        """Set `optimizer.grad` to the gradient of the batch's mean loss, and return that loss."""
        optimizer.zero_grad()
        if self.pool is None:
            return _backward(self.model, batch)[0]
        shards = list(zip(*(np.array_split(part, len(self.replicas) + 1) for part in batch), strict=True))
        shards = [shard for shard in shards if len(shard[0])]
        with _blas.limit(limits=1, user_api="blas"):
            sys.setswitchinterval(SWITCH)
            busy = list(zip(self.replicas, shards[1:], strict=False))
            futures = [self.pool.submit(_replica_backward, self.model, *pair) for pair in busy]
            results = [_backward(self.model, shards[0], weigh=True), *(future.result() for future in futures)]
            sys.setswitchinterval(self.before[1])
        total = max(1, sum(count for _, count in results))
        for replica, _ in busy:  # in a fixed order, so the same bits every time
            optimizer.grad += replica.flat_grad
        optimizer.grad *= 1 / total
        return sum(loss for loss, _ in results) / total

    def close(self) -> None:
        """End the threads. Nothing happens the second time."""
        if self.pool:
            self.pool.shutdown()
        self.before[0].restore_original_limits()
        sys.setswitchinterval(self.before[1])


def _keep_memory() -> None:
    """Have glibc keep freed memory for the next step. Getting it back from the system took a sixth of a step."""
    if platform.libc_ver()[0] == "glibc":
        c = ctypes.CDLL(None)
        c.mallopt(-3, 1 << 25)  # M_MMAP_THRESHOLD: arrays of up to 32 MB come from the heap
        c.mallopt(-1, 1 << 30)  # M_TRIM_THRESHOLD: up to 1 GB of it stays


def loss_and_count(model, batch):
    """The mean loss, a Tensor, and how many it averages over: what `model.loss` says, or else the batch's rows."""
    loss = model.loss(*batch)
    return loss if isinstance(loss, tuple) else (loss, len(batch[0]))


def _backward(model, batch, weigh: bool = False) -> tuple[float, int]:
    """Add the gradient of the mean loss (with `weigh`, of the sum) to the model's. Returns (that loss, the count)."""
    with np.errstate(all="ignore"):  # the trainer asks whether the results are finite
        loss, count = loss_and_count(model, batch)
        if weigh:
            loss = loss * count
        loss.backward()
        return loss.item(), count


def _replica(model):
    """A copy of the model with the same parameter arrays, and gradients of its own."""
    parameters = model.parameters()
    kept = {id(p.data): p.data for p in parameters} | {id(p.grad): None for p in parameters}
    replica = copy.deepcopy(model, kept)
    replica.flat_grad = np.zeros(sum(p.size for p in parameters), dtype=parameters[0].dtype)
    parts = np.split(replica.flat_grad, np.cumsum([p.size for p in parameters])[:-1])
    for p, part in zip(replica.parameters(), parts, strict=True):
        p.grad = part.reshape(p.shape)
    return replica


def _replica_backward(model, replica, batch) -> tuple[float, int]:
    replica.flat_grad.fill(0)
    for p, original in zip(replica.parameters(), model.parameters(), strict=True):
        p.data = original.data  # a callback may have replaced it
    return _backward(replica, batch, weigh=True)
