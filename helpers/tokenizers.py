"""Tokenizers: text to integers and back, by characters, by words, and by byte-pair encoding.

All have `encode(text)` → list of ids, `decode(ids)` → text, `vocab_size`, `vocab` (each token as you'd print it, with ␣
for a space and ↵ for a line break), and `to_dict()`, which JSON can hold and `tokenizer_from_dict` reads.
Chapter 4 builds this file. Left out: lower-casing, Unicode normalization, WordPiece, Unigram.
"""

from __future__ import annotations

import codecs
import heapq
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import regex

from helpers.checks import whole


class _Tokenizer:
    vocab: list[str]
    vocab_size = property(lambda self: len(self.vocab))


class CharTokenizer(_Tokenizer):
    """One token for each distinct character of a text, sorted by code point."""

    kind = "characters"

    def __init__(self, text: str):
        self.characters = "".join(sorted(set(text)))
        if not self.characters:
            raise ValueError("The vocabulary is made of the text's characters; got an empty text.")
        self.ids = {character: i for i, character in enumerate(self.characters)}
        self.vocab = [visible(character) for character in self.characters]

    def split(self, text: str) -> list[str]:
        """The characters that `encode` looks up, known or not."""
        return list(text)

    def encode(self, text: str) -> list[int]:
        """One id for each character. Raises ValueError for a character that isn't in the vocabulary."""
        try:
            return [self.ids[character] for character in text]
        except KeyError as error:
            raise ValueError(
                f"Unknown character {error.args[0]!r}. This tokenizer knows {self.vocab_size}: {''.join(self.vocab)} "
                "Leave it out, or make a tokenizer from a text that contains it."
            ) from None

    def decode(self, ids: Iterable[int]) -> str:
        return "".join(self.characters[i] for i in _checked(ids, self.vocab_size))

    def to_dict(self) -> dict:
        return {"kind": self.kind, "characters": self.characters}

    @classmethod
    def from_dict(cls, saved: dict) -> CharTokenizer:
        return cls(saved["characters"])


class WordTokenizer(_Tokenizer):
    """One token for each of the most frequent words and punctuation marks of some texts, and for the line break.

    size: how many tokens, including the specials, which are first; None keeps every word. Unknown words get the id of
    "<unk>". Decoding puts spaces where English usually has them, so repeated spaces, tabs, and spaces at line breaks or
    around dashes are lost.
    """

    kind = "words"
    # One word each: 'tis, o'er, to-night, 3.50
    _PIECE = r"\n|(?:(?<!\w)['’])?\w+(?:['’-]\w+|(?<=\d)[.,:]\d+)*|--+|\.\.+|[^\w\s]"

    def __init__(
        self, text: str | Iterable[str], size: int | None = None, specials: Sequence[str] = ("<end>", "<unk>")
    ):
        if size is not None and size <= len(specials):
            raise ValueError(f"With {len(specials)} specials, size must be at least {len(specials) + 1}; got {size}.")
        self._set_up([], specials)
        counts = Counter(word for part in ([text] if isinstance(text, str) else text) for word in self.split(part))
        words = sorted(counts.keys() - set(specials), key=lambda word: (-counts[word], word))
        self._set_up(words[: None if size is None else size - len(specials)], specials)

    def _set_up(self, words: Sequence[str], specials: Sequence[str]) -> None:
        self.specials, self.words = _checked_specials(specials), [*specials, *words]
        self.ids = {word: i for i, word in enumerate(self.words)}
        self.vocab = [visible(word) for word in self.words]
        longest_first = sorted(self.specials, key=len, reverse=True)
        self._pattern = re.compile("|".join([*map(re.escape, longest_first), self._PIECE]))

    def split(self, text: str) -> list[str]:
        """The words, marks, and line breaks that `encode` looks up, known or not."""
        return self._pattern.findall(text)

    @property
    def end(self) -> int:
        """The id of "<end>"."""
        if "<end>" not in self.specials:
            raise ValueError(f'This tokenizer has no "<end>"; got the specials {self.specials}. Make one that has it.')
        return self.ids["<end>"]

    def encode(self, text: str) -> list[int]:
        """One id for each word, mark, and line break. Raises ValueError for an unknown word if there's no "<unk>"."""
        unknown = self.ids["<unk>"] if "<unk>" in self.specials else None
        ids = []
        for word in self.split(text):
            if (i := self.ids.get(word, unknown)) is None:
                raise ValueError(
                    f"Unknown word {word!r}. This tokenizer knows {self.vocab_size}. Leave it out, or make a tokenizer "
                    'with a larger size or with "<unk>" among its specials.'
                )
            ids.append(i)
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """The words with spaces between them, except before a comma, around a dash, at a line break, and so on."""
        text, glue, quoted = "", True, False
        for word in (self.words[i] for i in _checked(ids, self.vocab_size)):
            joins_left = joins_right = word == "\n" or word[:2] == "--" or word == "—"
            if word == '"':
                joins_left, joins_right, quoted = quoted, not quoted, not quoted
            joins_left |= word in set(".,;:!?)]}'’”…%") or word[:2] == ".."
            joins_right |= word in set("([{‘“$")
            text += word if glue or joins_left else " " + word
            glue = joins_right
        return text

    def to_dict(self) -> dict:
        return {"kind": self.kind, "words": self.words[len(self.specials) :], "specials": list(self.specials)}

    @classmethod
    def from_dict(cls, saved: dict) -> WordTokenizer:
        tokenizer = cls.__new__(cls)
        tokenizer._set_up(saved["words"], saved["specials"])
        return tokenizer


class BytePairTokenizer(_Tokenizer):
    """Byte-level byte-pair encoding: 256 bytes, plus tokens made by merging frequent neighbors. It fits any text.

    `merges` lists ((a, b), new id) in the order they were learned. Merges never cross words. Specials get the last ids.
    Where the name of one appears in a text, `encode` uses its id; if several fit, the longest.
    Sources: Sennrich, Haddow, and Birch 2016; Radford et al. 2019 (on bytes).
    """

    kind = "byte-pairs"
    _PIECE = re.compile(r" ?[^\W\d_]+| ?\d+| ?(?:[^\w\s]|_)+|\s+(?!\S)|\s")  # with its space: " the", " 42", "!?", "\n"

    def __init__(self, pairs: Iterable[Sequence[int]], specials: Sequence[str] = ()):
        self.merges = [((int(a), int(b)), 256 + i) for i, (a, b) in enumerate(pairs)]
        self.bytes = [bytes([i]) for i in range(256)]
        for (a, b), new in self.merges:
            if not (0 <= a < new and 0 <= b < new):
                raise ValueError(f"A merge can only join earlier tokens; got {a} and {b} for token {new}.")
            self.bytes.append(self.bytes[a] + self.bytes[b])
        self.specials = {name: len(self.bytes) + i for i, name in enumerate(_checked_specials(specials))}
        self.bytes += [name.encode("utf-8") for name in self.specials]
        self._set_up(range(256))

    def _set_up(self, byte_ids: Sequence[int | None]) -> None:
        self.vocab = [visible(token.decode("utf-8", "backslashreplace")) for token in self.bytes]
        self._byte_ids, self._joined = byte_ids, dict(self.merges)
        self._ranks = {pair: rank for rank, pair in enumerate(self._joined)}
        longest_first = sorted(self.specials, key=len, reverse=True)
        self._special = re.compile("(" + "|".join(map(re.escape, longest_first)) + ")") if self.specials else None
        self._cache: dict[str, list[int]] = {}

    @classmethod
    def pieces(cls, text: str) -> list[str]:
        """The text, cut into what merges stay inside: a word with the space before it, a number, marks, white space."""
        return cls._PIECE.findall(text)

    @classmethod
    def train(cls, text: str, vocab_size: int, *, specials: Sequence[str] = ()) -> BytePairTokenizer:
        """Learn merges until the vocabulary has `vocab_size` tokens, or no pair occurs twice.

        Pairs that are equally frequent go in the order of their ids, so the same text gives the same tokenizer.
        """
        whole("vocab_size", vocab_size, least=256 + len(specials))
        ids, weight, left, right = [], [], [], []  # the distinct words as one chain of tokens with gaps between words
        for piece, count in Counter(cls.pieces(text)).items():
            first, word = len(ids), _utf8(piece)
            ids += word
            weight += [count] * len(word)
            left += [-1, *range(first, first + len(word) - 1)]
            right += [*range(first + 1, first + len(word)), -1]
        pairs: Counter = Counter()
        where = defaultdict(set)  # pair → the positions of its first token

        def count_pair(i: int, j: int, sign: int) -> tuple[int, int]:
            pair = ids[i], ids[j]
            pairs[pair] += sign * weight[i]
            where[pair].add(i) if sign > 0 else where[pair].discard(i)
            return pair

        for i, j in enumerate(right):
            if j >= 0:
                count_pair(i, j, +1)
        heap = [(-count, pair) for pair, count in pairs.items()]
        heapq.heapify(heap)
        learned: list[tuple[int, int]] = []
        while heap and len(learned) < vocab_size - 256 - len(specials):
            count, best = heapq.heappop(heap)
            if -count != pairs[best]:  # this entry is older than the merges that took some of the pair away
                heapq.heappush(heap, (-pairs[best], best))
                continue
            if -count < 2:
                break
            new, grown = 256 + len(learned), set()
            learned.append(best)
            for i in sorted(where[best]):
                if (j := right[i]) < 0 or (ids[i], ids[j]) != best:  # in "aaa", the second "aa" is gone by now
                    continue
                before, after = left[i], right[j]
                for a, b in ((before, i), (i, j), (j, after)):
                    if a >= 0 and b >= 0:
                        count_pair(a, b, -1)
                ids[i], ids[j], right[i] = new, -1, after
                if before >= 0:
                    grown.add(count_pair(before, i, +1))
                if after >= 0:
                    left[after] = i
                    grown.add(count_pair(i, after, +1))
            for pair in grown:
                heapq.heappush(heap, (-pairs[pair], pair))
        return cls(learned, specials)

    def encode(self, text: str) -> list[int]:
        """Merge the bytes of each word. Of the merges that apply, the one learned first goes first."""
        ids = []
        for i, part in enumerate(self._special.split(text) if self._special else [text]):
            if i % 2:
                ids.append(self.specials[part])
                continue
            for word in self.pieces(part):
                if word not in self._cache:
                    if len(self._cache) > 100_000:
                        self._cache.clear()
                    for (tokens,) in self._stages([self._byte_tokens(word)]):
                        self._cache[word] = tokens
                ids += self._cache[word]
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """The text. Bytes that aren't valid UTF-8, which a model may well produce, show as �."""
        return b"".join(self.bytes[i] for i in _checked(ids, self.vocab_size)).decode("utf-8", "replace")

    def stream(self, ids: Iterable[int]) -> Iterator[str]:
        """The text of one id after another. A character waits until all of its bytes are there."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        for i in ids:
            yield decoder.decode(self.bytes[i])

    def merge_steps(self, text: str) -> list[list[int]]:
        """The ids of a text as bytes, then after its first merge, its second, and so on; the last are `encode`'s.

        Merges that don't apply to the text are skipped, and specials count as plain text.
        """
        words = [self._byte_tokens(word) for word in self.pieces(text)]
        return [list(chain.from_iterable(words)) for words in self._stages(words)]

    def _stages(self, words: list[list[int]]) -> Iterator[list[list[int]]]:
        """From bytes to tokens. Each stage joins one pair, wherever it appears in these words."""
        while True:
            yield words
            found = {pair for word in words for pair in zip(word, word[1:]) if pair in self._ranks}
            if not found:
                return
            best = min(found, key=self._ranks.__getitem__)
            words = [_merge(word, best, self._joined[best]) for word in words]

    def _byte_tokens(self, word: str) -> list[int]:
        return [i for i in map(self._byte_ids.__getitem__, _utf8(word)) if i is not None]

    def to_dict(self) -> dict:
        return {"kind": self.kind, "merges": [list(pair) for pair, _ in self.merges], "specials": list(self.specials)}

    @classmethod
    def from_dict(cls, saved: dict) -> BytePairTokenizer:
        return cls(saved["merges"], saved["specials"])


class PretrainedTokenizer(BytePairTokenizer):
    """A real model's byte-pair encoding, as its file has it. Words split the way GPT-2's do, and numbers into digits.

    tokens: the text of each id, with every byte written as one of GPT-2's printable characters (Ġ is a space). merges:
    two tokens with a space between them, in the order they were learned. specials: names among the tokens. SmolLM2 has
    no token for some bytes that text hardly ever contains, such as 4 and 255; `encode` leaves those out.
    """

    kind = "pretrained"
    _PIECE = regex.compile(  # the last three: white space before a digit, before a word (which takes one), at the end
        r"'(?:[sdmt]|ll|ve|re)|\p{N}| ?\p{L}+| ?[^\p{White_Space}\p{L}\p{N}]+"
        r"|\p{White_Space}+(?=\p{N})|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+"
    )

    def __init__(self, tokens: Sequence[str], merges: Iterable[str], specials: Sequence[str] = ()):
        ids = {token: i for i, token in enumerate(tokens)}
        self.specials = {name: ids[name] for name in _checked_specials(specials)}
        self._saved = list(tokens), list(merges)
        bytes_of = {character: byte for byte, character in enumerate(_BYTE_CHARACTERS)}
        self.bytes = [t.encode() if t in self.specials else bytes(map(bytes_of.__getitem__, t)) for t in tokens]
        pairs = [merge.split(" ") for merge in self._saved[1]]
        self.merges = [((ids[a], ids[b]), ids[a + b]) for a, b in pairs]
        self._set_up([ids.get(character) for character in _BYTE_CHARACTERS])

    @classmethod
    def train(cls, text: str, vocab_size: int, *, specials: Sequence[str] = ()) -> BytePairTokenizer:
        raise TypeError("This tokenizer comes with its model. To train one, use `BytePairTokenizer.train`.")

    def to_dict(self) -> dict:
        return {"kind": self.kind, "tokens": self._saved[0], "merges": self._saved[1], "specials": list(self.specials)}

    @classmethod
    def from_dict(cls, saved: dict) -> PretrainedTokenizer:
        return cls(saved["tokens"], saved["merges"], saved["specials"])


# GPT-2 writes each byte as a character you can see: printable ones as themselves, the others from code point 256 on.
_PRINTABLE = {*range(33, 127), *range(161, 173), *range(174, 256)}
_HIDDEN = [byte for byte in range(256) if byte not in _PRINTABLE]
_BYTE_CHARACTERS = [chr(byte if byte in _PRINTABLE else 256 + _HIDDEN.index(byte)) for byte in range(256)]


def tokenizer_from_dict(saved: dict) -> CharTokenizer | WordTokenizer | BytePairTokenizer:
    """The tokenizer that was turned into this by `to_dict`. Raises ValueError if it isn't one."""
    kinds = {cls.kind: cls for cls in (CharTokenizer, WordTokenizer, BytePairTokenizer, PretrainedTokenizer)}
    kind = saved.get("kind") if isinstance(saved, dict) else None
    if kind not in kinds:
        raise ValueError(f"The kind of tokenizer must be one of {', '.join(kinds)}; got {kind!r}. Save with to_dict().")
    try:
        return kinds[kind].from_dict(saved)
    except (KeyError, TypeError) as error:
        raise ValueError(f"This saved tokenizer is damaged ({error!r}). Save it again with to_dict().") from error


def visible(token: str) -> str:
    """A token as you'd print it: ␣ for a space, ↵ for a line break, and escapes such as \\t for what can't be seen."""
    shown = token.replace(" ", "␣").replace("\n", "↵")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in shown)


def _merge(ids: list[int], pair: tuple[int, int], new: int) -> list[int]:
    """Replace `pair` with `new`, from left to right."""
    out, i = [], 0
    while i < len(ids):
        found = ids[i] == pair[0] and i + 1 < len(ids) and ids[i + 1] == pair[1]
        out.append(new if found else ids[i])
        i += 2 if found else 1
    return out


def _utf8(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"The text must be valid Unicode; got {error.object[error.start]!r}, half of a surrogate pair. Remove it, "
            "or read the text again with the right encoding."
        ) from None


def _checked_specials(specials: Sequence[str]) -> tuple[str, ...]:
    if isinstance(specials, str) or "" in specials or len(set(specials)) < len(specials):
        raise ValueError(f'Specials must be distinct, nonempty texts, such as ("<end>",); got {specials!r}.')
    return tuple(specials)


def _checked(ids: Iterable[int], size: int) -> list[int]:
    ids = [int(i) for i in ids]
    for i in ids:
        if not 0 <= i < size:
            raise ValueError(f"Token ids must be from 0 to {size - 1}; got {i}.")
    return ids
