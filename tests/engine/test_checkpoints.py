"""Checkpoints: what is saved comes back to the bit, and whatever else a file may be is refused with a sentence."""

import errno
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
from helpers.training import AdamW

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


def test_restoring_is_in_place(path):
    model, other = small(1), small(2)
    optimizer = AdamW(other)
    assert not same(model, other)
    save(path, model)
    assert restore(other, read(path)) is other and same(model, other)
    optimizer.data += 1  # the parameters are still views of what the optimizer updates
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
    with pytest.raises(CheckpointError, match="Only numbers, text, and lists can be saved with a model; got a Tensor"):
        save(path, small(2), loss=Tensor(np.array(1.0)))
    assert same(load_gpt(path)[0], small(1)) and os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize(
    ("where", "match"),
    [
        ("", "got the folder"),
        ("no/such/file", "No such file or directory. Pick"),
        ("file/model", "Not a directory. Pick"),
    ],
)
def test_places_that_cannot_hold_a_file(tmp_path, where, match):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CheckpointError, match=match):
        save(tmp_path / where, small())


@pytest.mark.parametrize(("number", "said"), [(errno.ENOSPC, "No space left"), (errno.EROFS, "Read-only file system")])
def test_a_full_or_read_only_disk_gets_a_sentence(path, monkeypatch, number, said):
    save(path, small(1))

    def full(*args):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(checkpoints.Path, "write_bytes", full)
    with pytest.raises(CheckpointError, match=f"Can't save to .*: {said}.* Pick another folder"):
        save(path, small(2))
    monkeypatch.undo()
    assert same(load_gpt(path)[0], small(1)) and os.listdir(path.parent) == [path.name]


@pytest.mark.skipif(os.name == "nt", reason="Windows has neither such links nor such rights")
def test_saving_keeps_a_link_and_the_rights_of_a_file(tmp_path):
    real, link = tmp_path / "real.safetensors", tmp_path / "link.safetensors"
    save(real, small(1))
    real.chmod(0o640)
    link.symlink_to(real)
    save(link, small(2))
    assert link.is_symlink() and same(load_gpt(real)[0], small(2)) and real.stat().st_mode & 0o777 == 0o640


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
        (write_pickle, "isn't a whole safetensors checkpoint .*Pickles, .* are never opened"),
        (write_zip, "isn't a whole safetensors checkpoint"),
        (write_part, "isn't a whole safetensors checkpoint"),
        (lambda path: path.write_bytes(b""), "isn't a whole safetensors checkpoint"),
        (lambda path: path.write_text("hello, world: this is some text"), "isn't a whole safetensors checkpoint"),
        (lambda path: path.mkdir(), "Can't read .*: Is a directory"),
        (lambda path: None, "No such file or directory. Pass a file that `save` wrote"),
        (write_foreign, "reads the format 'the-next-word/1'; got None"),
        (lambda path: write_foreign(path, format="the-next-word/2"), "got 'the-next-word/2'"),
        (lambda path: write_foreign(path, **header({"config": "{"})), "isn't a whole safetensors checkpoint"),
        (lambda path: write_foreign(path, format=checkpoints.FORMAT), "'config'"),
    ],
)
def test_other_files_are_refused(path, write, match):
    write(path)
    with pytest.raises(CheckpointError, match=match) as caught:
        read(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("dtype", [np.int32, np.bool_, np.uint8])
def test_numbers_of_another_kind_are_refused(path, dtype):
    save_file({"weight": np.ones(3, dtype)}, path, header({}))
    with pytest.raises(CheckpointError, match=f"must be floating-point numbers; got {np.dtype(dtype)} for weight"):
        read(path)


def test_a_file_that_may_not_be_read_says_so(path, monkeypatch):
    save(path, small())

    def denied(*args):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr("builtins.open", denied)
    with pytest.raises(CheckpointError, match="Can't read .*: Permission denied"):
        read(path)


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
        ({"channels": 16}, r"tokens.weight has shape \(7, 16\) in the model; got \(7, 8\) in the checkpoint"),
        ({"layers": 3}, r"doesn't fit your GPT: it lacks blocks.2.* \(\d+ missing, 0 extra\)"),
        ({"layers": 1}, r"it has extra blocks.1.* \(0 missing, \d+ extra\)"),
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
        ({"kind": "Translator"}, "load_gpt reads a GPT; got a Translator"),
        ({"config": json.dumps({"vocab_size": 8, "depth": 2})}, "damaged .*depth"),
        ({"config": json.dumps({"vocab_size": -8})}, "damaged .*vocab_size"),
        ({"config": "[8]"}, "damaged"),
        ({"config": json.dumps({"vocab_size": 8}), "tokenizer": '{"kind": "runes"}'}, "damaged .*'runes'"),
        (
            {"config": json.dumps({"vocab_size": 8}), "tokenizer": json.dumps(CharTokenizer("ab").to_dict())},
            "got 2 and 8",
        ),
        ({"config": json.dumps({"vocab_size": 8}), "tokenizer": "[]"}, "damaged"),
        ({"config": json.dumps({"vocab_size": 8})}, "parameters; got 3 in"),
        ({"config": json.dumps({"vocab_size": 8, "layers": 10**7})}, "has 499,840,004,736 parameters; got 3 in"),
    ],
)
def test_a_gpt_that_does_not_fit_is_refused(path, changes, match):
    write_foreign(path, **header(changes))
    with pytest.raises(CheckpointError, match=match):
        load_gpt(path)


# Models by name


def test_a_model_by_name(tmp_path, monkeypatch):
    monkeypatch.setattr(models, "SHIPPED", tmp_path)
    with pytest.raises(CheckpointError, match="no model called 'hamlet'. Shipped models: missing; run `make models`"):
        load_gpt("hamlet")
    save(tmp_path / "hamlet.safetensors", small(), TOKENIZER)
    assert shipped() == ["hamlet"] and same(load_gpt("hamlet")[0], small())
    with pytest.raises(CheckpointError, match="no model called 'lear'. Shipped models: hamlet"):
        load_gpt("lear")


def test_shipped_models_load_and_continue_a_text():
    for name in shipped():
        model, tokenizer = load_gpt(name)
        assert tokenizer.vocab_size == model.config.vocab_size
        ids = model.generate(tokenizer.encode("\n")[:1], 3, lambda logits, ids: int(logits.argmax()))
        assert len(ids) == 4
