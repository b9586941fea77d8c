"""One line that shows how far something is: steps of training, or megabytes of a download."""

from __future__ import annotations

import sys
import time

from tqdm import tqdm


class ProgressBar:
    """What's done of `total`, the speed, and the time left, updated in place in a notebook or a terminal."""

    def __init__(self, total: int, unit: str, *, show: bool = True):
        self.total, self.unit, self.show, self.next, self.handle = total, unit, show, 0.0, None

    def update(self, done: int, seconds: float, note: str = "") -> None:
        """Show that `done` are done after `seconds`, and a note: at most four times a second."""
        if self.show and time.perf_counter() >= self.next:
            self.next = time.perf_counter() + 0.25
            self._write(self._line(done, seconds, note))

    def finish(self, done: int, seconds: float, note: str = "", message: str = "") -> None:
        """Show the last state, and how it ended if that isn't obvious."""
        if self.show:
            self._write(self._line(done, seconds, note) + (f"\n{message}" if done < self.total else ""), end="\n")

    def _line(self, done: int, seconds: float, note: str) -> str:
        return tqdm.format_meter(done, self.total, seconds, ncols=88, unit=f" {self.unit}", postfix=note)

    def _write(self, line: str, end: str = "") -> None:
        if "ipykernel" not in sys.modules:
            sys.stderr.write("\r" + line + end)
            return
        from IPython.display import display

        shown = {"text/plain": line}
        if self.handle is None:
            self.handle = display(shown, raw=True, display_id=True)
        else:
            self.handle.update(shown, raw=True)
