"""`python -m tools.assemble` assembles products.wat, and writes it in base64 into products.js. A test compares them."""

import base64
import re
import textwrap
from pathlib import Path

WIDGETS = Path(__file__).resolve().parent.parent / "book" / "widgets"
LINES = re.compile(r"const WASM = [^;]+;")


def assembled() -> str:
    """The statement in products.js that holds the assembled module."""
    from wasmtime import wat2wasm  # here, because only the tests' tools bring it

    text = base64.b64encode(wat2wasm((WIDGETS / "products.wat").read_text(encoding="utf-8"))).decode()
    return "const WASM =\n  " + "\n  + ".join(f'"{line}"' for line in textwrap.wrap(text, 108)) + ";"


if __name__ == "__main__":
    path = WIDGETS / "products.js"
    path.write_text(LINES.sub(lambda _: assembled(), path.read_text(encoding="utf-8")), encoding="utf-8")
