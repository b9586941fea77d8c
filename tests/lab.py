"""A JupyterLab of its own for a test: no settings, no kernels, and no files of the person who runs it."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import TimeoutError

from tests.conftest import ROOT


def book_settings(monkeypatch, prefix: Path) -> Path:
    """The folder of settings that `python -m book.jupyter` would put into a virtual environment at `prefix`."""
    from book.jupyter.__main__ import main

    monkeypatch.setattr(sys, "prefix", str(prefix))
    main()
    monkeypatch.undo()
    return prefix / "etc" / "jupyter"


def environment(folder: Path, settings: Path | None = None) -> dict[str, str]:
    """The variables under which Jupyter keeps everything below `folder`, and reads `settings` too."""
    places = ("JUPYTER_CONFIG", "JUPYTER_DATA", "JUPYTER_RUNTIME", "JUPYTERLAB_SETTINGS", "JUPYTERLAB_WORKSPACES")
    own = {f"{place}_DIR": str(folder / place.lower()) for place in places}
    own |= {"JUPYTER_CONFIG_PATH": str(settings)} if settings else {}
    return os.environ | own | {"PYTHONPATH": str(ROOT), "IPYTHONDIR": str(folder / "ipython")}


@contextmanager
def jupyterlab(folder: Path, settings: Path | None = None):
    """Start JupyterLab in `folder`/work; gives its address and token. It ends, with its kernels, at the end.

    settings: a folder as `book_settings` gives it.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    options = [f"--ServerApp.root_dir={folder / 'work'}", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    options += [f"--IdentityProvider.token={token}", "--no-browser", *root]
    command = [sys.executable, "-m", "jupyterlab", *options]
    with open(folder / "log", "a") as log:
        server = subprocess.Popen(
            command, env=environment(folder, settings), stdout=log, stderr=log, start_new_session=True
        )
    try:
        address = f"http://127.0.0.1:{port}/"
        for _ in range(600):
            if server.poll() is not None:
                break
            try:
                urllib.request.urlopen(f"{address}api?token={token}").close()
                break
            except OSError:
                time.sleep(0.2)
        assert server.poll() is None, (folder / "log").read_text()
        yield address, token
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(60)  # it ends its kernels first


def run_all(page, result) -> None:
    """Run all cells by the menu until the locator `result` shows: a busy JupyterLab can drop the first click."""
    page.locator("#jp-main-statusbar", has_text="| Idle").wait_for()  # the kernel is there
    for last in (False, False, False, True):
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        try:
            return result.wait_for(timeout=30_000)
        except TimeoutError:
            if last:
                raise
