"""Runs the chapters that have to run before Sphinx reads them, two at a time, and says how far it is.

MyST-NB would run them one after another, in silence. What runs here goes into the same cache, where MyST-NB finds it.
A chapter that measures time runs alone. A chapter that fails isn't cached: MyST-NB runs it again, and reports the error
in its own way.
"""

import os
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path

import nbformat
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from nbclient import NotebookClient
from nbclient.exceptions import CellControlSignal, DeadKernelError
from sphinx.util import logging

logger = logging.getLogger(__name__)
AT_ONCE = min(2, os.cpu_count() or 1)  # training takes two cores, but leaves gaps, which a second chapter fills
# Two chapters on two cores with two BLAS threads each would spend most of their time waiting for each other.
ONE_THREAD = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")
SECONDS_A_CHAPTER = 45  # on average, with two cores, measured on a build of all 11


class Run:
    """One run of the notebook at `path`, in a thread; `stop` ends it from another."""

    def __init__(self, path: Path, timeout: int):
        self.path, self.which, self.seconds, self.stopped = path, "", 0.0, threading.Event()
        self.notebook = nbformat.read(path, as_version=4)
        self.alone = any("perf_counter" in cell.source for cell in self.notebook.cells)
        self.client = NotebookClient(
            self.notebook,
            timeout=timeout,
            resources={"metadata": {"path": str(path.parent)}},
            record_timing=False,  # times would become part of the notebook, and MyST-NB would look for another one
            extra_arguments=["--log-level=ERROR"],  # or each kernel warns that its local port isn't encrypted
        )

    def __call__(self) -> None:
        if not self.stopped.is_set():
            logger.info(f"Running chapter {self.which}: {self.path.stem}")
            start = time.perf_counter()
            self.client.execute(env=os.environ | {name: "1" for name in (() if self.alone else ONE_THREAD)})
            self.seconds = time.perf_counter() - start

    def stop(self) -> None:
        self.stopped.set()
        provisioner = getattr(self.client.km, "provisioner", None)
        if process := getattr(provisioner, "process", None):
            process.kill()


def waiting(env, docnames: list[str], cache) -> list[Path]:
    """The notebooks among `docnames` whose results aren't in the cache, the last one first: later ones train longer."""
    paths = [Path(env.doc2path(name)) for name in sorted(docnames, reverse=True)]
    return [path for path in paths if path.suffix == ".ipynb" and not known(cache, path)]


def known(cache, path: Path) -> bool:
    try:
        cache.match_cache_notebook(nbformat.read(path, as_version=4))
    except KeyError:
        return False
    return True


def keep(cache, run: Run) -> None:
    """Put the results of `run` into the cache, as MyST-NB would."""
    record = cache.add_nb_to_project(str(run.path))
    bundle = CacheBundleIn(run.notebook, record.uri, data={"execution_seconds": run.seconds})
    cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)


def plan(chapters: int) -> str:
    """What is about to happen, and how long it takes."""
    minutes = round(chapters * SECONDS_A_CHAPTER / 60)
    time = f"about {minutes} minutes" if minutes > 1 else "about a minute"
    return (
        f"Running {chapters} chapter{'s' * (chapters > 1)}. This takes {time} on a computer with two cores. The "
        "results are kept for the next build."
    )


def run_together(runs: list[Run], at_once: int, cache) -> None:
    with ThreadPoolExecutor(at_once) as pool:
        futures: dict[Future[None], Run] = {pool.submit(run): run for run in runs}
        try:
            for future in as_completed(futures):
                run = futures[future]
                try:
                    future.result()
                except (CellControlSignal, DeadKernelError):
                    how = "stopped with an error. It runs once more below, and the build reports the error"
                else:
                    keep(cache, run)
                    how = f"took {run.seconds:.0f} s"
                logger.info(f"Chapter {run.path.stem} {how}")
        except BaseException:  # Ctrl-C: a chapter would go on for minutes
            for run in runs:
                run.stop()
            raise


def run_ahead(app, env, docnames: list[str]) -> None:
    if app.config.nb_execution_mode != "cache":
        return
    cache = get_cache(app.config.nb_execution_cache_path)
    paths, timeout = waiting(env, docnames, cache), app.config.nb_execution_timeout
    if paths:
        logger.info(plan(len(paths)))
        runs = sorted((Run(path, timeout) for path in paths), key=lambda run: run.alone)
        for i, run in enumerate(runs, 1):
            run.which = f"{i} of {len(runs)}"
        run_together([run for run in runs if not run.alone], AT_ONCE, cache)
        run_together([run for run in runs if run.alone], 1, cache)


def setup(app):
    app.connect("env-before-read-docs", run_ahead)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
