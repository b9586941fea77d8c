"""Settings for the Jupyter that a reader starts: `python -m book.jupyter` puts them into the environment, once.

- labconfig/: JupyterLab saves what its figures show along with the notebook, and asks no other host for news.
- jupyter_config.py and templates/: a notebook exported to HTML works offline, with formulas and moving figures.

It leaves out everything personal: nothing outside the virtual environment changes.
"""

import importlib.util
from pathlib import Path

HERE = Path(__file__).parent
HTML_FIRST = [  # of all that an output offers, what a page without a kernel can show best
    "text/html",
    "text/markdown",
    "image/svg+xml",
    "text/latex",
    "image/png",
    "image/jpeg",
    "text/plain",
]


def mathjax_folder() -> Path:
    """The folder of MathJax 3 in the installed package `sphinx-mathjax-offline`."""
    spec = importlib.util.find_spec("sphinx-mathjax-offline")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(
            "Formulas need the package sphinx-mathjax-offline, and it isn't installed. "
            "Try: pip install -r requirements.txt"
        )
    return Path(spec.origin).parent / "static" / "mathjax"


def export_offline(c) -> None:
    """Set nbconvert up, in Jupyter's configuration `c`, so that the HTML it writes asks no other host for anything."""
    c.TemplateExporter.extra_template_basedirs = [".", str(HERE / "templates")]
    c.HTMLExporter.extra_template_paths = [str(mathjax_folder())]
    c.HTMLExporter.template_name = "next_word"
    c.SlidesExporter.template_name = "reveal"  # slides are HTML too, but have a template of their own
    c.WidgetsDataTypeFilter.display_data_priority = HTML_FIRST  # it prefers a widget's view, which needs a server
