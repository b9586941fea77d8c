"""What readers may write in chapter 4."""

import re

import numpy as np

from book.exercises import check

from . import other_style, wrong


@other_style(check.ch04.bpe_step)
def count_then_build(tokens):
    counts = {}
    for i in range(len(tokens) - 1):
        counts[tokens[i], tokens[i + 1]] = counts.get((tokens[i], tokens[i + 1]), 0) + 1
    a, b, best = "", "", 0
    for pair, n in counts.items():
        if n > best:
            (a, b), best = pair, n
    out, rest, times = [], list(tokens), 0
    while rest:
        token = rest.pop(0)
        if token == a and rest and rest[0] == b:
            token += rest.pop(0)
            times += 1
        out.append(token)
    return [[a, b], times, out]


@wrong(check.ch04.bpe_step, "overlaps_counted")
def number_of_pairs(tokens):
    pairs = list(zip(tokens, tokens[1:]))
    pair, times = max(((p, pairs.count(p)) for p in pairs), key=lambda found: found[1])
    return pair, times, count_then_build(tokens)[2]


@wrong(check.ch04.bpe_step, "alphabet_breaks_ties")
def sorted_first(tokens):
    pairs = list(zip(tokens, tokens[1:]))
    a, b = sorted(set(pairs), key=lambda pair: (-pairs.count(pair), pair))[0]
    out, i = [], 0
    while i < len(tokens):
        if tokens[i : i + 2] == [a, b]:
            out.append(a + b)
            i += 1
        else:
            out.append(tokens[i])
        i += 1
    return (a, b), len(tokens) - len(out), out


@wrong(check.ch04.bpe_step, "last_of_a_tie")
def later_ones_win(tokens):
    pairs = list(zip(tokens, tokens[1:]))
    best = pairs[0]
    for pair in pairs:
        if pairs.count(pair) >= pairs.count(best):
            best = pair
    out = []
    for token in tokens:
        if out and (out[-1], token) == best:
            out[-1] += token
        else:
            out.append(token)
    return best, len(tokens) - len(out), out


@wrong(check.ch04.bpe_step, "changes its input")
def merged_in_place(tokens):
    pairs = list(zip(tokens, tokens[1:]))
    best, before, i = max(pairs, key=pairs.count), len(tokens), 0
    while i < len(tokens) - 1:
        if (tokens[i], tokens[i + 1]) == best:
            tokens[i : i + 2] = [best[0] + best[1]]
        i += 1
    return best, before - len(tokens), tokens


@other_style(check.ch04.bpe_decode)
def unfolded(ids, merges):
    def spell(i):
        return [i] if i < 256 else spell(merges[i - 256][0]) + spell(merges[i - 256][1])

    return bytes(sum(map(spell, ids), [])).decode("utf-8", "replace")


@wrong(check.ch04.bpe_decode, "bytes_as_characters")
def with_chr(ids, merges):
    spelling = {i: chr(i) for i in range(256)}
    for i, (a, b) in enumerate(merges):
        spelling[256 + i] = spelling[a] + spelling[b]
    return "".join(spelling[i] for i in ids)


@wrong(check.ch04.bpe_decode, "token_by_token_and_strict")
def decode_each(ids, merges):
    spelling = [bytes([i]) for i in range(256)]
    for a, b in merges:
        spelling.append(spelling[a] + spelling[b])
    text = ""
    for i in ids:
        text += spelling[i].decode("utf-8")
    return text


@other_style(check.ch04.batch)
def row_by_row(ids, T, E, P):
    x, targets = [], []
    for start in range(0, len(ids) - T, T):
        x.append([[e + p for e, p in zip(E[ids[start + t]], P[t])] for t in range(T)])
        targets.append(list(ids[start + 1 : start + T + 1]))
    return x, targets


@other_style(check.ch04.batch)
def one_hot(ids, T, E, P):
    N = (len(ids) - 1) // T
    rows = np.eye(len(E), dtype=np.float32)[ids[:-1][: N * T]].reshape(N, T, -1)
    return rows @ E + P[np.arange(T)], np.array(ids[1:])[: N * T].reshape(N, T)


@wrong(check.ch04.batch, "targets_not_shifted")
def same_twice(ids, T, E, P):
    N = (len(ids) - 1) // T
    x = ids[: N * T].reshape(N, T)
    return E[x] + P[None, :T], x


@wrong(check.ch04.batch, "wrapped_round")
def rolled(ids, T, E, P):
    N = len(ids) // T
    targets = np.append(ids[1:], ids[0])
    return E[ids[: N * T].reshape(-1, T)] + P[:T], targets[: N * T].reshape(-1, T)


@wrong(check.ch04.batch, "columns_looked_up")
def by_column(ids, T, E, P):
    N = (len(ids) - 1) // T
    x = ids[: N * T].reshape(N, T)
    return E.T[x] + P[:T], ids[1 : N * T + 1].reshape(N, T)


@other_style(check.ch04.nearest)
def one_cosine_at_a_time(E, i, k):
    cosine = {
        j: sum(a * b for a, b in zip(E[i], row)) / (sum(a * a for a in E[i]) * sum(b * b for b in row)) ** 0.5
        for j, row in enumerate(E)
    }
    del cosine[i]
    return sorted(cosine, key=cosine.get, reverse=True)[:k]


@wrong(check.ch04.nearest, "first_dropped")
def as_in_the_chapter(E, i, k):
    rows = E / np.linalg.norm(E, axis=1, keepdims=True)
    return [j for j in sorted(range(len(E)), key=lambda j: -(rows @ rows.T)[i, j])][1 : k + 1]


@wrong(check.ch04.nearest, "lengths_left_in")
def norm_of_the_whole_table(E, i, k):
    rows = E / np.linalg.norm(E)
    return [j for j in np.argsort(-rows @ rows[i]) if j != i][:k]


other_style(check.ch04.cut)(lambda text: re.findall(r"[^\W\d_]+|[\W\d_]+", text))
wrong(check.ch04.cut, "don't add up to the same text")(lambda text: text.split())
wrong(check.ch04.cut, "stays in one piece")(lambda text: [text])
wrong(check.ch04.cut, "single characters")(lambda text: list(text))
wrong(check.ch04.cut, "must return a list of pieces")(lambda text: text)
