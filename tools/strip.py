"""`python -m tools.strip`, which `make strip` runs: take the results out of the notebooks before a commit.

That's outputs, execution counts, the version of Python, and the state of the figures, which JupyterLab saves
(book/jupyter/labconfig).
Name notebooks to strip only those.
"""

import sys
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[1]


def stripped(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The same notebook without results; it is changed in place."""
    notebook.metadata.pop("widgets", None)
    if language := notebook.metadata.get("language_info"):
        notebook.metadata.language_info = {"name": language["name"]}  # the rest changes with each reader's Python
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            for leftover in ("collapsed", "scrolled", "execution"):
                cell.metadata.pop(leftover, None)
    return notebook


def main(names: list[str]) -> None:
    for path in map(Path, names) if names else sorted((ROOT / "notebooks").glob("*.ipynb")):
        before = path.read_text(encoding="utf-8")
        after = nbformat.writes(stripped(nbformat.reads(before, as_version=4))) + "\n"
        if after != before:
            path.write_text(after, encoding="utf-8")
            print(f"Stripped {path.name}")


if __name__ == "__main__":
    main(sys.argv[1:])
