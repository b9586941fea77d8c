"""A model from a GGUF file: the decoders, what a damaged file says, the tokenizer, the chat, and SmolLM2 itself."""

import gguf
import numpy as np
import pytest
from gguf import GGMLQuantizationType as Kind
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import pretrained
from helpers.checkpoints import CheckpointError
from helpers.llama import Llama, LlamaConfig
from helpers.pretrained import chat, decode_q4_1, decode_q8_0, parameter_count, read, reply, reply_many
from helpers.sampling import Mulberry32, chooser
from helpers.tokenizers import _BYTE_CHARACTERS, BytePairTokenizer, PretrainedTokenizer, tokenizer_from_dict

TEXT = "Write a poem about a cat. It's 42 o'clock, and they're 3 cats; the cat's poem isn't a poem about the cats. " * 3
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
CONFIG = LlamaConfig(297, context=128, layers=2, heads=4, kv_heads=2, channels=64, width=96, base=5_000.0, epsilon=1e-5)


def vocabulary() -> tuple[list[str], list[str]]:
    """Tokens and merges as a model's file lists them, learned from a short text."""
    learned = BytePairTokenizer.train(TEXT, 300)
    tokens = ["".join(_BYTE_CHARACTERS[byte] for byte in token) for token in learned.bytes]
    return SPECIALS + tokens, [f"{tokens[a]} {tokens[b]}" for (a, b), _ in learned.merges]


def tokenizer() -> PretrainedTokenizer:
    return PretrainedTokenizer(*vocabulary(), SPECIALS)


def write(path, *, architecture="llama", leave_out="", **sizes) -> dict[str, np.ndarray]:
    """A small random model in a GGUF file. Returns what its tensors hold after quantization, by name."""
    c, (tokens, merges), rng = CONFIG, vocabulary(), np.random.default_rng(0)
    D, writer = c.channels // c.heads, gguf.GGUFWriter(path, architecture)
    writer.add_block_count(c.layers)
    writer.add_context_length(c.context)
    writer.add_embedding_length(c.channels)
    writer.add_feed_forward_length(sizes.get("width", c.width))
    writer.add_head_count(c.heads)
    writer.add_head_count_kv(c.kv_heads)
    writer.add_rope_freq_base(c.base)
    writer.add_layer_norm_rms_eps(c.epsilon)
    writer.add_token_list(tokens)
    writer.add_token_types([3] * len(SPECIALS) + [1] * (len(tokens) - len(SPECIALS)))
    writer.add_token_merges(merges)
    shapes = {"token_embd": (c.vocab_size, c.channels), "output_norm": (c.channels,)}
    for i in range(c.layers):
        rows = {"attn_norm": (), "ffn_norm": (), "attn_q": (c.channels,), "attn_k": (c.kv_heads * D,)}
        rows |= {
            "attn_v": (c.kv_heads * D,),
            "attn_output": (c.channels,),
            "ffn_gate": (c.width,),
            "ffn_up": (c.width,),
        }
        shapes |= {f"blk.{i}.{name}": (*n, c.channels) for name, n in rows.items()}
        shapes[f"blk.{i}.ffn_down"] = (c.channels, c.width)
    held = {}
    for name, shape in shapes.items():
        if name == leave_out:
            continue
        weight = rng.normal(1 if len(shape) == 1 else 0, 0.2, shape).astype(np.float32)
        kind = Kind.F32 if len(shape) == 1 else Kind.Q8_0 if name == "token_embd" else Kind.Q4_1
        packed = gguf.quants.quantize(weight, kind)
        held[name] = gguf.quants.dequantize(packed, kind)
        writer.add_tensor(f"{name}.weight", packed, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return held


@pytest.mark.parametrize("decode, kind", [(decode_q4_1, Kind.Q4_1), (decode_q8_0, Kind.Q8_0)])
def test_decoders_agree_with_the_package(decode, kind):
    rows = gguf.quants.quantize(np.random.default_rng(0).normal(0, 3, (50, 320)).astype(np.float32), kind)
    np.testing.assert_array_equal(decode(rows), gguf.quants.dequantize(rows, kind))


def test_every_parameter_is_read(tmp_path):
    held = write(tmp_path / "model.gguf")
    model, spoken = read(tmp_path / "model.gguf")
    assert model.config == CONFIG and spoken.vocab_size == CONFIG.vocab_size
    ours = dict(model.named_parameters())
    assert (
        model.parameter_count()
        == parameter_count(CONFIG)
        == Llama(CONFIG, rng=np.random.default_rng(0)).parameter_count()
    )
    np.testing.assert_array_equal(ours["tokens.weight"].data, held["token_embd"])
    np.testing.assert_array_equal(ours["norm.weight"].data, held["output_norm"])
    for i in range(CONFIG.layers):
        theirs = {name.split(".")[2]: part for name, part in held.items() if name.startswith(f"blk.{i}.")}
        qkv = np.concatenate([theirs["attn_q"], theirs["attn_k"], theirs["attn_v"]])
        gate_up = np.concatenate([theirs["ffn_gate"], theirs["ffn_up"]])
        for name, part in [
            ("norm1", theirs["attn_norm"]), ("attention.qkv", qkv.T), ("attention.out", theirs["attn_output"].T),
            ("norm2", theirs["ffn_norm"]), ("mlp.gate_up", gate_up.T), ("mlp.down", theirs["ffn_down"].T),
        ]:  # fmt: skip
            np.testing.assert_array_equal(ours[f"blocks.{i}.{name}.weight"].data, part)


def test_a_model_from_a_file_works_like_one_of_ours(tmp_path):
    write(tmp_path / "model.gguf")
    model, spoken = read(tmp_path / "model.gguf")
    choosers = [chooser(rng=Mulberry32(seed)) for seed in (2, 2, 3)]
    one, same, other = ("".join(reply(model, spoken, "A cat.", choose=choose, steps=20)) for choose in choosers)
    assert one == same != other
    assert model.attention_weights(np.arange(7)).shape == (2, 4, 7, 7)
    with pytest.raises(ValueError, match="This model reads at most 128 tokens; got "):
        next(reply(model, spoken, "cat " * 100))


def test_files_that_do_not_hold_a_model(tmp_path):
    whole, path = tmp_path / "whole.gguf", tmp_path / "model.gguf"
    write(whole)
    content = whole.read_bytes()
    for size in (0, 3, 30, len(content) // 4, len(content) // 2, len(content) - 100):
        path.write_bytes(content[:size])
        with pytest.raises(CheckpointError, match=r"isn't a whole GGUF file with a Llama in it; got: .+ Delete it"):
            read(path)
    with pytest.raises(CheckpointError, match="missing.gguf"):
        read(tmp_path / "missing.gguf")
    for options in ({"architecture": "gpt2"}, {"leave_out": "blk.1.ffn_up"}, {"width": 160}):
        write(path, **options)
        with pytest.raises(CheckpointError, match="isn't a whole GGUF file with a Llama"):
            read(path)


def test_a_name_the_book_does_not_know():
    with pytest.raises(ValueError, match="one pretrained model, 'smollm2'; got 'gpt-5'"):
        pretrained.load("gpt-5")


# The tokenizer


@given(st.text())
@settings(deadline=None, max_examples=300)
def test_any_text_comes_back(text):
    spoken = tokenizer()
    assert spoken.decode(spoken.encode(text)) == text and "".join(spoken.stream(spoken.encode(text))) == text


@pytest.mark.parametrize(
    "text, pieces",
    [
        ("the  cat's 42", ["the", " ", " cat", "'s", " ", "4", "2"]),
        ("we're\n\n  x!?", ["we", "'re", "\n\n ", " x", "!?"]),
        ("a_b²  3½", ["a", "_", "b", "²", "  ", "3", "½"]),
        ("  \n", ["  \n"]),
    ],
)
def test_words_split_like_gpt_2s_and_numbers_into_digits(text, pieces):
    assert PretrainedTokenizer.pieces(text) == pieces


def test_specials_and_saving():
    spoken = tokenizer()
    ids = spoken.encode("<|im_start|>user\ncat<|im_end|>")
    assert ids[0] == 1 and ids[-1] == 2 and 1 not in ids[1:]
    assert tokenizer_from_dict(spoken.to_dict()).encode(TEXT) == spoken.encode(TEXT)
    with pytest.raises(TypeError, match="comes with its model"):
        PretrainedTokenizer.train(TEXT, 300)


def test_a_byte_without_a_token_is_left_out():
    tokens, merges = vocabulary()
    spoken = PretrainedTokenizer([t if t != _BYTE_CHARACTERS[4] else "unused" for t in tokens], merges, SPECIALS)
    assert spoken.decode(spoken.encode("a\x04b")) == "ab"


def test_a_character_of_several_tokens_appears_when_it_is_complete():
    spoken = tokenizer()
    pieces = list(spoken.stream(spoken.encode("a🐈b日")))
    assert "".join(pieces) == "a🐈b日" and "�" not in "".join(pieces) and pieces.count("") == 3 + 2
    cut = spoken.encode("a🐈")[:-1]
    assert "".join(spoken.stream(cut)) == "a"


# The chat


def test_the_chat_is_text():
    one = chat("Hello!", system="Be brief.")
    assert one == "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello!<|im_end|>\n<|im_start|>assistant\n"
    two = chat("Hello!", "Hi.", "Bye!", system="Be brief.")
    assert two == one + "Hi.<|im_end|>\n<|im_start|>user\nBye!<|im_end|>\n<|im_start|>assistant\n"
    assert chat("Hello!", "Hi.").endswith("<|im_end|>\n<|im_start|>user\n")


# SmolLM2 itself


def test_smollm2_answers(smollm2):
    model, spoken = smollm2
    assert model.parameter_count() == 134_515_008 and spoken.vocab_size == 49_152
    assert "".join(reply(model, spoken, "What is the capital of France?")) == "The capital of France is Paris."
    assert spoken.encode("Hello world 42") == [19556, 905, 216, 36, 34]


def test_many_replies_are_the_replies(smollm2):
    model, spoken = smollm2
    asked = [f"What is the capital of {country}?" for country in ("France", "Zimbabwe", "Peru")]
    singly = ["".join(reply(model, spoken, request, steps=12)) for request in asked]
    assert reply_many(model, spoken, asked, steps=12) == singly
    assert reply_many(model, spoken, asked[:1], steps=12) == singly[:1] and reply_many(model, spoken, []) == []
    assert reply_many(model, spoken, ["Count to nine."] * 2, steps=4)[0] == "".join(
        reply(model, spoken, "Count to nine.", steps=4)
    )
    with pytest.raises(ValueError, match="reads at most 8192 tokens"):
        reply_many(model, spoken, asked, steps=9000)


def test_a_damaged_copy_is_unpacked_again(smollm2, monkeypatch, tmp_path):
    (tmp_path / pretrained.SMOLLM2.file).symlink_to(pretrained.cache_folder() / pretrained.SMOLLM2.file)
    monkeypatch.setenv("NEXT_WORD_CACHE", str(tmp_path))
    whole = pretrained.model_file().read_bytes()
    pretrained.model_file().write_bytes(whole[:-1] + b"x")
    assert pretrained.model_file().read_bytes() == whole
    assert len(list(tmp_path.iterdir())) == 2
