"""`python -m tools.assemble` assembles the .wat files, and writes them in base64 into the .js files beside them.

A test compares them.
"""

import base64
import re
import textwrap
from pathlib import Path

WIDGETS = Path(__file__).resolve().parent.parent / "book" / "widgets"
LINES = re.compile(r"const WASM =[^;]+;")
NAMES = sorted(path.stem for path in WIDGETS.glob("*.wat"))


def assembled(name: str) -> str:
    """The statement in `name`.js that holds the assembled module."""
    from wasmtime import wat2wasm  # here, because only the tests' tools bring it

    text = base64.b64encode(wat2wasm((WIDGETS / f"{name}.wat").read_text(encoding="utf-8"))).decode()
    return "const WASM =\n  " + "\n  + ".join(f'"{line}"' for line in textwrap.wrap(text, 108)) + ";"


if __name__ == "__main__":
    for name in NAMES:
        path = WIDGETS / f"{name}.js"
        path.write_text(LINES.sub(lambda _: assembled(name), path.read_text(encoding="utf-8")), encoding="utf-8")  # noqa: B023
