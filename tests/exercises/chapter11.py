"""What readers may write in chapter 11."""

import math

import numpy as np

from book.exercises import check

from . import other_style, wrong


@other_style(check.ch11.rms_norm)
def row_by_row(x, weight):
    out = []
    for row in x:
        root = math.sqrt(sum(v * v for v in row) / len(row) + 1e-5)
        out.append([v / root * w for v, w in zip(row, weight)])
    return out


@wrong(check.ch11.rms_norm, "mean_subtracted")
def layer_norm(x, weight):
    x = x - x.mean(-1)[:, None]
    return weight * x / (x.var(-1)[:, None] + 1e-5) ** 0.5


@wrong(check.ch11.rms_norm, "sum_not_mean")
def length(x, weight):
    return x / np.sqrt((x * x).sum(1, keepdims=True) + 1e-5) * weight


@other_style(check.ch11.unpack)
def one_at_a_time(raw):
    scale, least = np.frombuffer(raw[:4].tobytes(), np.float16)
    low = [float(scale) * (int(byte) % 16) + float(least) for byte in raw[4:]]
    high = [float(scale) * (int(byte) // 16) + float(least) for byte in raw[4:]]
    return low + high


@wrong(check.ch11.unpack, "neighbors_in_a_byte")
def in_pairs(raw):
    scale, least = raw[:4].view(np.float16).astype(float)
    return [scale * n + least for byte in raw[4:] for n in (byte & 15, byte >> 4)]


@wrong(check.ch11.unpack, "smallest_forgotten")
def scaled(raw):
    return float(raw[:2].view(np.float16)[0]) * np.r_[raw[4:] % 16, raw[4:] // 16]


@other_style(check.ch11.grouped)
def repeated(q, k, v, mask):
    k, v = (np.repeat(part, len(q) // len(k), axis=0) for part in (k, v))
    scores = q @ k.swapaxes(1, 2) / math.sqrt(q.shape[-1]) + mask
    e = np.exp(scores - scores.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True) @ v


@wrong(check.ch11.grouped, "in_turn")
def tiled(q, k, v, mask):
    k, v = (np.tile(part, (len(q) // len(k), 1, 1)) for part in (k, v))
    scores = q @ k.swapaxes(1, 2) / math.sqrt(q.shape[-1]) + mask
    e = np.exp(scores - scores.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True) @ v


@other_style(check.ch11.loop)
def from_the_end(ids):
    back = ids[::-1]
    return next((n for n in range(1, len(ids) + 1) if len(ids) >= 3 * n and back[: 2 * n] == back[n : 3 * n]), 0)


@wrong(check.ch11.loop, "twice_is_enough")
def two_pieces(ids):
    for n in range(1, len(ids) // 2 + 1):
        if ids[-n:] == ids[-2 * n : -n]:
            return n
    return 0


@wrong(check.ch11.loop, "single_tokens_only")
def last_three(ids):
    return int(len(ids) > 2 and len(set(ids[-3:])) == 1)
