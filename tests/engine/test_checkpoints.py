"""Checkpoints: what is saved comes back to the bit, and whatever else a file may be is refused with a sentence."""

import json
import os
import pickle
import zipfile

import numpy as np
import pytest
from safetensors.numpy import save_file

from helpers import checkpoints, models
from helpers.checkpoints import CheckpointError, read, restore, save
from helpers.gpt import GPT, GPTConfig
from helpers.layers import Linear
from helpers.models import load_gpt, shipped
from helpers.tensor import Tensor
from helpers.tokenizers import CharTokenizer

TOKENIZER = CharTokenizer("to be or not")


def small(seed: int = 1, **config) -> GPT:
    config = {"vocab_size": TOKENIZER.vocab_size, "context": 8, "layers": 2, "heads": 2, "channels": 8} | config
    return GPT(GPTConfig(**config), rng=np.random.default_rng(seed))


def same(a, b) -> bool:
    pairs = zip(a.named_parameters(), b.named_parameters(), strict=True)
    return all(n == m and p.dtype == q.dtype and np.array_equal(p.data, q.data) for (n, p), (m, q) in pairs)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


# There and back


def test_a_model_comes_back_to_the_bit(path):
    model = small()
    save(path, model, TOKENIZER, loss=1.25, steps=np.int64(300), seeds=[1, 2])
    checkpoint = read(path)
    assert checkpoint.kind == "GPT" and checkpoint.extra == {"loss": 1.25, "steps": 300, "seeds": [1, 2]}
    assert GPTConfig(**checkpoint.config) == model.config
    again, tokenizer = load_gpt(path)
    assert same(model, again) and tokenizer.characters == TOKENIZER.characters
    tokens = np.array([TOKENIZER.encode("not to")])
    np.testing.assert_array_equal(again(tokens).data, model(tokens).data)


def test_restoring_keeps_the_flat_buffer(path):
    model, other = small(1), small(2)
    data, grad = other.flatten()
    assert not same(model, other)
    save(path, model)
    assert restore(other, read(path)) is other
    assert same(model, other)
    data += 1  # the parameters are still views of the buffer that an optimizer updates
    assert all(np.array_equal(p.data, q.data + 1) for p, q in zip(other.parameters(), model.parameters()))


def test_half_precision_takes_half_the_space(path):
    model = small(channels=64)
    save(path, model)
    full = path.stat().st_size
    save(path, model, half=True)
    assert path.stat().st_size < 0.55 * full
    again, tokenizer = load_gpt(path)
    assert tokenizer is None
    for p, q in zip(model.parameters(), again.parameters(), strict=True):
        assert q.dtype == np.float32
        np.testing.assert_allclose(q.data, p.data, rtol=2**-10, atol=1e-7)


def test_a_model_of_900_000_parameters_fits_in_2_MB(path):
    model = small(vocab_size=512, context=128, layers=4, heads=4, channels=128)
    assert 850_000 < model.parameter_count() < 950_000
    save(path, model, half=True)
    assert path.stat().st_size < 2_000_000


def test_numbers_too_large_for_16_bits(path):
    model = small()
    model.parameters()[0].data[0, 0] = 1e6
    with pytest.raises(CheckpointError, match="half=False"):
        save(path, model, half=True)
    save(path, model)
    assert same(load_gpt(path)[0], model)


def test_any_module_can_be_saved(path):
    layer = Linear(3, 2, rng=np.random.default_rng(1))
    layer.gain = Tensor(np.array(2.0))
    save(path, layer)
    checkpoint = read(path)
    assert (checkpoint.kind, checkpoint.config, checkpoint.tokenizer) == ("Linear", {}, None)
    other = Linear(3, 2, rng=np.random.default_rng(2))
    other.gain = Tensor(np.array(0.0))
    assert same(restore(other, checkpoint), layer) and other.gain.shape == ()


# An interrupted save


def test_an_interrupted_save_leaves_the_old_file(path, monkeypatch):
    save(path, small(1))
    before = path.read_bytes()

    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoints.os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save(path, small(2))
    assert path.read_bytes() == before and os.listdir(path.parent) == [path.name]


def test_what_cannot_be_saved_leaves_the_old_file(path):
    save(path, small(1))
    with pytest.raises(CheckpointError, match="A Tensor cannot be saved beside"):
        save(path, small(2), loss=Tensor(np.array(1.0)))
    assert same(load_gpt(path)[0], small(1)) and os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize(("where", "match"), [("", "is a folder"), ("no/such/file", "folder that does not exist")])
def test_places_that_cannot_hold_a_file(tmp_path, where, match):
    with pytest.raises(CheckpointError, match=match):
        save(tmp_path / where, small())


# Other files


def header(changes: dict) -> dict:
    return {"format": checkpoints.FORMAT, "kind": "GPT", "config": "{}", "tokenizer": "null", "extra": "{}"} | changes


def write_pickle(path):
    path.write_bytes(pickle.dumps({"weight": [1.0]}))


def write_zip(path):  # such as a .pt file
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", pickle.dumps([1]))


def write_part(path):
    save(path, small())
    path.write_bytes(path.read_bytes()[:-100])


def write_foreign(path, **metadata):
    save_file({"weight": np.zeros(3)}, path, metadata or None)


@pytest.mark.parametrize(
    ("write", "match"),
    [
        (write_pickle, "is no safetensors checkpoint, .*Pickles, .* are never opened"),
        (write_zip, "is no safetensors checkpoint"),
        (write_part, "only a part of one"),
        (lambda path: path.write_bytes(b""), "is no safetensors checkpoint"),
        (lambda path: path.write_text("hello, world: this is some text"), "is no safetensors checkpoint"),
        (lambda path: path.mkdir(), "is a folder"),
        (lambda path: None, "does not exist; give the path of a file that `save` wrote"),
        (write_foreign, "has the format None; this version of the book reads 'the-next-word/1'"),
        (lambda path: write_foreign(path, format="the-next-word/2"), "'the-next-word/2'; this version"),
        (lambda path: write_foreign(path, **header({"config": "{"})), "is no safetensors checkpoint"),
        (lambda path: write_foreign(path, format=checkpoints.FORMAT), "'config'"),
    ],
)
def test_other_files_are_refused(path, write, match):
    write(path)
    with pytest.raises(CheckpointError, match=match) as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_a_pickle_is_not_run(path, tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    path.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(CheckpointError):
        load_gpt(path)
    assert not (tmp_path / "ran").exists()


# Models that do not fit


@pytest.mark.parametrize(
    ("config", "match"),
    [
        ({"channels": 16}, r"tokens.weight has shape \(7, 8\) in the checkpoint and \(7, 16\) in the model"),
        ({"layers": 3}, r"your GPT, this checkpoint of a GPT lacks blocks.2.* \(\d+ missing, 0 too many\)"),
        ({"layers": 1}, r"has in addition blocks.1.* \(0 missing, \d+ too many\)"),
    ],
)
def test_a_model_of_another_shape_stays_as_it_was(path, config, match):
    save(path, small(1))
    model = small(2, **config)
    with pytest.raises(CheckpointError, match=match):
        restore(model, read(path))
    assert same(model, small(2, **config))


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"kind": "Translator"}, "holds a Translator; load_gpt reads a GPT"),
        ({"config": json.dumps({"vocab_size": 8, "depth": 2})}, "damaged .*depth"),
        ({"config": json.dumps({"vocab_size": -8})}, "damaged .*vocab_size"),
        ({"config": "[8]"}, "damaged"),
        ({"config": json.dumps({"vocab_size": 8}), "tokenizer": '{"kind": "runes"}'}, "damaged .*'runes'"),
        (
            {"config": json.dumps({"vocab_size": 8}), "tokenizer": json.dumps(CharTokenizer("ab").to_dict())},
            "a model with 8 tokens and a tokenizer with 2",
        ),
        ({"config": json.dumps({"vocab_size": 8})}, "lacks"),
    ],
)
def test_a_gpt_that_does_not_fit_is_refused(path, changes, match):
    write_foreign(path, **header(changes))
    with pytest.raises(CheckpointError, match=match):
        load_gpt(path)


# Models by name


def test_a_model_by_name(tmp_path, monkeypatch):
    monkeypatch.setattr(models, "SHIPPED", tmp_path)
    with pytest.raises(CheckpointError, match="No model is called 'hamlet'; the names are none: `make models`"):
        load_gpt("hamlet")
    save(tmp_path / "hamlet.safetensors", small(), TOKENIZER)
    assert shipped() == ["hamlet"] and same(load_gpt("hamlet")[0], small())
    with pytest.raises(CheckpointError, match="No model is called 'lear'; the names are hamlet"):
        load_gpt("lear")


def test_shipped_models_load_and_continue_a_text():
    for name in shipped():
        model, tokenizer = load_gpt(name)
        assert tokenizer.vocab_size == model.config.vocab_size
        ids = model.generate(tokenizer.encode("\n")[:1], 3, lambda logits, ids: int(logits.argmax()))
        assert len(ids) == 4
