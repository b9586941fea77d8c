"""Tokenizers: text to integers and back, by characters, by words, and by byte-pair encoding trained here.

All have `encode(text)` → list of ids, `decode(ids)` → text, `vocab_size`, `vocab` (each token in a form to look at,
with ␣ for a space and ↵ for a line break), and `to_dict()`, which JSON can hold and `tokenizer_from_dict` reads.
Chapter 4 builds this file. Left out: lower-casing, Unicode normalization, WordPiece, Unigram.
"""

from __future__ import annotations

import heapq
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain


class CharTokenizer:
    """One token for each distinct character of a text, in the order of their code points."""

    kind = "characters"

    def __init__(self, text: str):
        self.characters = "".join(sorted(set(text)))
        if not self.characters:
            raise ValueError("CharTokenizer got an empty text; its vocabulary is the text's characters: give it some.")
        self.ids = {character: i for i, character in enumerate(self.characters)}
        self.vocab = [visible(character) for character in self.characters]

    @property
    def vocab_size(self) -> int:
        return len(self.characters)

    def split(self, text: str) -> list[str]:
        """The characters that `encode` looks up, known or not."""
        return list(text)

    def encode(self, text: str) -> list[int]:
        """One id for each character. Raises ValueError at a character that is not in the vocabulary."""
        try:
            return [self.ids[character] for character in text]
        except KeyError as error:
            raise ValueError(
                f"The character {error.args[0]!r} is not among the {self.vocab_size} that this tokenizer knows: "
                f"{''.join(self.vocab)} Leave it out, or make a tokenizer from a text that has it."
            ) from None

    def decode(self, ids: Iterable[int]) -> str:
        return "".join(self.characters[i] for i in _checked(ids, self.vocab_size))

    def to_dict(self) -> dict:
        return {"kind": self.kind, "characters": self.characters}

    @classmethod
    def from_dict(cls, saved: dict) -> CharTokenizer:
        return cls(saved["characters"])


class WordTokenizer:
    """One token for each of the most frequent words and punctuation marks of some texts, and for the line break.

    size: the size of the vocabulary with its specials, which come first; None keeps every word. `encode` gives words it
    does not know the id of "<unk>". Decoding loses what lies between words, namely repeated spaces, tabs, and spaces at
    a line break or around dashes, and then spaces words and marks as is usual in English.
    """

    kind = "words"
    # One word each: 'tis, o'er, to-night, 3.50
    _PIECE = r"\n|(?:(?<!\w)['’])?\w+(?:['’-]\w+|(?<=\d)[.,:]\d+)*|--+|\.\.+|[^\w\s]"

    def __init__(
        self, text: str | Iterable[str], size: int | None = None, specials: Sequence[str] = ("<end>", "<unk>")
    ):
        if size is not None and size <= len(specials):
            raise ValueError(f"size = {size} came; with {len(specials)} specials it is at least {len(specials) + 1}.")
        self._set_up([], specials)
        counts = Counter(word for part in ([text] if isinstance(text, str) else text) for word in self.split(part))
        words = sorted(counts.keys() - set(specials), key=lambda word: (-counts[word], word))
        self._set_up(words[: None if size is None else size - len(specials)], specials)

    def _set_up(self, words: Sequence[str], specials: Sequence[str]) -> None:
        self.specials, self.words = _checked_specials(specials), [*specials, *words]
        self.ids = {word: i for i, word in enumerate(self.words)}
        self.vocab = [visible(word) for word in self.words]
        self._pattern = re.compile("|".join([*map(re.escape, self.specials), self._PIECE]))

    def split(self, text: str) -> list[str]:
        """The words, marks and line breaks that `encode` looks up, known or not."""
        return self._pattern.findall(text)

    @property
    def vocab_size(self) -> int:
        return len(self.words)

    @property
    def end(self) -> int:
        """The id of "<end>"."""
        if "<end>" not in self.specials:
            raise ValueError(f'The specials are {self.specials}; make the tokenizer with "<end>" among them.')
        return self.ids["<end>"]

    def encode(self, text: str) -> list[int]:
        """One id for each word, mark and line break. Raises ValueError at an unknown word if there is no "<unk>"."""
        unknown = self.ids["<unk>"] if "<unk>" in self.specials else None
        ids = [self.ids.get(word, unknown) for word in self.split(text)]
        if None in ids:
            word = self.split(text)[ids.index(None)]
            raise ValueError(
                f"The word {word!r} is not among the {self.vocab_size} that this tokenizer knows; leave it out, or "
                'make a tokenizer with a larger size or with "<unk>" among its specials.'
            )
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """The words with spaces between them, but none before a comma, around a dash, at a line break, and the like."""
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


class BytePairTokenizer:
    """Byte-level byte-pair encoding: 256 bytes, and tokens made by merging the most frequent neighbors. Any text fits.

    `merges` is the list of ((a, b), new id) in the order in which they were learned; merges never cross words. The ids
    of specials come last; where a special's name occurs in a text, `encode` gives its id.
    Sources: Sennrich, Haddow and Birch 2016; Radford et al. 2019 (on bytes).
    """

    kind = "byte-pairs"
    _PIECE = re.compile(r" ?[^\W\d_]+| ?\d+| ?(?:[^\w\s]|_)+|\s+(?!\S)|\s")  # with its space: " the", " 42", "!?", "\n"

    def __init__(self, pairs: Iterable[Sequence[int]], specials: Sequence[str] = ()):
        self.merges = [((int(a), int(b)), 256 + i) for i, (a, b) in enumerate(pairs)]
        self.bytes = [bytes([i]) for i in range(256)]
        for (a, b), new in self.merges:
            if not (0 <= a < new and 0 <= b < new):
                raise ValueError(f"Merge {new} joins {a} and {b}; it can only join tokens that come before it.")
            self.bytes.append(self.bytes[a] + self.bytes[b])
        self.specials = {name: len(self.bytes) + i for i, name in enumerate(_checked_specials(specials))}
        self.bytes += [name.encode("utf-8") for name in self.specials]
        self.vocab = [visible(token.decode("utf-8", "backslashreplace")) for token in self.bytes]
        self._ranks = dict(self.merges)
        self._special = re.compile("(" + "|".join(map(re.escape, self.specials)) + ")") if self.specials else None
        self._cache: dict[str, list[int]] = {}

    @classmethod
    def train(cls, text: str, vocab_size: int, *, specials: Sequence[str] = ()) -> BytePairTokenizer:
        """Learn merges until the vocabulary has `vocab_size` tokens, or no pair occurs twice any more.

        Equally frequent pairs are taken in the order of their ids, so that the same text gives the same tokenizer.
        """
        if vocab_size < 256 + len(specials):
            raise ValueError(
                f"A vocabulary of {vocab_size} came; the 256 bytes and {len(specials)} specials need at least "
                f"{256 + len(specials)} tokens."
            )
        counts = Counter(cls._PIECE.findall(text))
        words, frequency = [list(_utf8(word)) for word in counts], list(counts.values())
        pairs: Counter = Counter()
        where = defaultdict(set)  # pair → the words that (may) have it
        for i, word in enumerate(words):
            for pair in zip(word, word[1:]):
                pairs[pair] += frequency[i]
                where[pair].add(i)
        heap = [(-count, pair) for pair, count in pairs.items()]
        heapq.heapify(heap)
        learned: list[tuple[int, int]] = []
        while heap and len(learned) < vocab_size - 256 - len(specials):
            count, best = heapq.heappop(heap)
            if -count != pairs[best]:  # an entry from before other merges took some of this pair away
                heapq.heappush(heap, (-pairs[best], best))
                continue
            if -count < 2:
                break
            new = 256 + len(learned)
            learned.append(best)
            grown = set()
            for i in where.pop(best):
                before, after = words[i], _merge(words[i], best, new)
                for pair in zip(before, before[1:]):
                    pairs[pair] -= frequency[i]
                for pair in zip(after, after[1:]):
                    pairs[pair] += frequency[i]
                    where[pair].add(i)
                    if new in pair:
                        grown.add(pair)
                words[i] = after
            for pair in grown:
                heapq.heappush(heap, (-pairs[pair], pair))
        return cls(learned, specials)

    @property
    def vocab_size(self) -> int:
        return len(self.bytes)

    def encode(self, text: str) -> list[int]:
        """Merge the bytes of each word, the merge that was learned first before all others."""
        ids = []
        for i, part in enumerate(self._special.split(text) if self._special else [text]):
            if i % 2:
                ids.append(self.specials[part])
                continue
            for word in self._PIECE.findall(part):
                if word not in self._cache:
                    if len(self._cache) > 100_000:
                        self._cache.clear()
                    for (tokens,) in self._stages([list(_utf8(word))]):
                        self._cache[word] = tokens
                ids += self._cache[word]
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """The text. Bytes that are not valid UTF-8, which a model may well produce, show as �."""
        return b"".join(self.bytes[i] for i in _checked(ids, self.vocab_size)).decode("utf-8", "replace")

    def merge_steps(self, text: str) -> list[list[int]]:
        """The ids of a text as bytes, after its first merge, after its second, …; the last are those of `encode`.

        Merges that do not occur in the text are no steps, and specials are taken as plain text.
        """
        words = [list(_utf8(word)) for word in self._PIECE.findall(text)]
        return [list(chain.from_iterable(words)) for words in self._stages(words)]

    def _stages(self, words: list[list[int]]) -> Iterator[list[list[int]]]:
        """From bytes to tokens; each stage joins one pair, wherever it occurs in these words."""
        while True:
            yield words
            found = {pair for word in words for pair in zip(word, word[1:]) if pair in self._ranks}
            if not found:
                return
            best = min(found, key=self._ranks.__getitem__)
            words = [_merge(word, best, self._ranks[best]) for word in words]

    def to_dict(self) -> dict:
        return {"kind": self.kind, "merges": [list(pair) for pair, _ in self.merges], "specials": list(self.specials)}

    @classmethod
    def from_dict(cls, saved: dict) -> BytePairTokenizer:
        return cls(saved["merges"], saved["specials"])


def tokenizer_from_dict(saved: dict) -> CharTokenizer | WordTokenizer | BytePairTokenizer:
    """The tokenizer whose `to_dict` gave this. Raises ValueError if it is none."""
    kinds = {cls.kind: cls for cls in (CharTokenizer, WordTokenizer, BytePairTokenizer)}
    kind = saved.get("kind") if isinstance(saved, dict) else None
    if kind not in kinds:
        raise ValueError(f"A tokenizer of kind {kind!r} came; the kinds are {', '.join(kinds)}. Save with to_dict().")
    try:
        return kinds[kind].from_dict(saved)
    except (KeyError, TypeError) as error:
        raise ValueError(f"This saved tokenizer is damaged ({error!r}); save it again with to_dict().") from error


def visible(token: str) -> str:
    """A token in a form to look at: ␣ for a space, ↵ for a line break, escapes such as \\t for what has no shape."""
    shown = token.replace(" ", "␣").replace("\n", "↵")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in shown)


def _merge(ids: list[int], pair: tuple[int, int], new: int) -> list[int]:
    """Replace `pair` by `new` from left to right."""
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
            f"The text has the character {error.object[error.start]!r}, half of a pair that UTF-8 cannot write; "
            "remove it, or read the text again with the right encoding."
        ) from None


def _checked_specials(specials: Sequence[str]) -> tuple[str, ...]:
    if isinstance(specials, str) or "" in specials or len(set(specials)) < len(specials):
        raise ValueError(f'The specials {specials!r} came; they are different texts, none empty, such as ("<end>",).')
    return tuple(specials)


def _checked(ids: Iterable[int], size: int) -> list[int]:
    ids = [int(i) for i in ids]
    for i in ids:
        if not 0 <= i < size:
            raise ValueError(f"The token id {i} came; this tokenizer's ids run from 0 to {size - 1}.")
    return ids
