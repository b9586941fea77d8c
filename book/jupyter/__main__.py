"""`python -m book.jupyter`: copy the settings of this folder into the virtual environment that Python runs in."""

import shutil
import sys
from pathlib import Path

from book.jupyter import HERE

CONFIG = "jupyter_config.py"
FILES = {  # what is copied, and where Jupyter looks for it below etc/jupyter
    CONFIG: CONFIG,
    "labconfig/next_word.json": "labconfig/default_setting_overrides.d/next_word.json",
}


def main() -> None:
    if sys.prefix == sys.base_prefix:
        sys.exit(
            f"These Jupyter settings only go into a virtual environment, and {sys.executable} isn't in one. Nothing "
            "changed. Make one with: python -m venv .venv"
        )
    folder = Path(sys.prefix) / "etc" / "jupyter"
    mine = folder / CONFIG
    if mine.exists() and "book.jupyter" not in mine.read_text(encoding="utf-8"):
        sys.exit(f"{mine} is yours, not the book's. To use the book's settings, move it away and try again.")
    for name, place in FILES.items():
        target = folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(HERE / name, target)
    print(f"Put the book's Jupyter settings into {folder}: notebooks keep their figures, and nothing calls home.")


if __name__ == "__main__":
    main()
