"""The same GPT in PyTorch, eager, written the usual way: the yardstick for speed and for correctness.

`nn.Linear`, `nn.LayerNorm`, `nn.Embedding`, `torch.optim.AdamW`, and attention either as written in minGPT and nanoGPT,
operation by operation, or as PyTorch's fused kernel. `TorchGPT` takes over the parameters of a `helpers.gpt.GPT`, so
that both start from the same numbers.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn

from helpers.gpt import GPT


class Attention(nn.Module):
    def __init__(self, C: int, H: int, context: int, fused: bool):
        super().__init__()
        self.H, self.fused, self.qkv, self.out = H, fused, nn.Linear(C, 3 * C), nn.Linear(C, C)
        future = torch.ones(context, context, dtype=torch.bool).triu(1)
        self.register_buffer("future", future, persistent=False)

    def forward(self, x, past=None):
        B, T, C = x.shape
        q, k, v = (part.view(B, T, self.H, C // self.H).transpose(1, 2) for part in self.qkv(x).split(C, dim=-1))
        if past is not None:
            k, v = torch.cat((past[0], k), dim=2), torch.cat((past[1], v), dim=2)
        if self.fused:
            y = F.scaled_dot_product_attention(q, k, v, is_causal=T > 1)
        else:
            scores = q @ k.transpose(-2, -1) / math.sqrt(C // self.H)
            if T > 1:
                scores = scores.masked_fill(self.future[:T, :T], -math.inf)
            y = F.softmax(scores, dim=-1) @ v
        return self.out(y.transpose(1, 2).reshape(B, T, C)), (k, v)


class Block(nn.Module):
    def __init__(self, C: int, H: int, context: int, fused: bool):
        super().__init__()
        self.norm1, self.norm2, self.attention = nn.LayerNorm(C), nn.LayerNorm(C), Attention(C, H, context, fused)
        self.mlp = nn.ModuleDict({"up": nn.Linear(C, 4 * C), "down": nn.Linear(4 * C, C)})

    def forward(self, x, past=None):
        y, present = self.attention(self.norm1(x), past)
        x = x + y
        return x + self.mlp["down"](F.gelu(self.mlp["up"](self.norm2(x)), approximate="tanh")), present


class TorchGPT(nn.Module):
    """Logits (B, T, V) for tokens (B, T); with `past` (one pair of keys and values a layer) also the grown pairs."""

    def __init__(self, model: GPT, *, fused: bool = True):
        super().__init__()
        c = model.config
        self.tokens, self.positions = nn.Embedding(c.vocab_size, c.channels), nn.Embedding(c.context, c.channels)
        self.blocks = nn.ModuleList(Block(c.channels, c.heads, c.context, fused) for _ in range(c.layers))
        self.norm = nn.LayerNorm(c.channels)
        ours = {name: torch.from_numpy(p.data.copy()) for name, p in model.named_parameters()}
        self.load_state_dict({n: ours[n].T if transposed(n) else ours[n] for n in ours})

    def forward(self, tokens, past=None):
        start = past[0][0].shape[2] if past else 0
        x = self.tokens(tokens) + self.positions(torch.arange(start, start + tokens.shape[1]))
        present = []
        for i, block in enumerate(self.blocks):
            x, pair = block(x, past[i] if past else None)
            present.append(pair)
        return F.linear(self.norm(x), self.tokens.weight), present

    def loss(self, inputs, targets):
        return F.cross_entropy(self(inputs)[0].flatten(0, 1), targets.flatten())

    def gradients(self) -> dict:
        """Gradients by name, laid out as ours are: (inputs, outputs) for linear weights."""
        return {n: (p.grad.T if transposed(n) else p.grad).numpy() for n, p in self.named_parameters()}

    def optimizer(self, lr: float, weight_decay: float) -> torch.optim.AdamW:
        """AdamW with weight decay on matrices only, as in `helpers.training.AdamW`."""
        matrices, vectors = ([p for p in self.parameters() if (p.ndim > 1) == flag] for flag in (True, False))
        groups = [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]
        return torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.99), eps=1e-8)


def transposed(name: str) -> bool:
    """PyTorch keeps the weight of a linear layer as (outputs, inputs)."""
    return name.endswith(("qkv.weight", "out.weight", "up.weight", "down.weight"))


def torch_step(model: TorchGPT, optimizer, inputs, targets, clip: float = math.inf) -> float:
    """One training step; returns the loss before it."""
    optimizer.zero_grad()
    loss = model.loss(torch.from_numpy(inputs), torch.from_numpy(targets))
    loss.backward()
    if clip < math.inf:
        torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
    optimizer.step()
    return loss.item()


@torch.no_grad()
def torch_generate(model: TorchGPT, prompt: list[int], steps: int) -> list[int]:
    """Greedy continuation with cached keys and values."""
    ids, new, past = list(prompt), torch.tensor([prompt]), None
    for _ in range(steps):
        logits, past = model(new, past)
        ids.append(int(logits[0, -1].argmax()))
        new = torch.tensor([ids[-1:]])
    return ids
