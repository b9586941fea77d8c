"""Put here by `python -m book.jupyter`, for nbconvert and JupyterLab's export. Delete this file to undo that."""

import logging

c = get_config()  # noqa: F821  Jupyter defines it

try:
    from book.jupyter import export_offline

    export_offline(c)
except ImportError as error:  # the book was uninstalled, or a part of it
    logging.getLogger("traitlets").warning("Exported notebooks won't work offline: %s", error)
