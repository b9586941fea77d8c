"""The smallest widget: one slider whose square is shown. The tests of the three homes use it."""

from __future__ import annotations

import traitlets

from book.widgets.base import Choice, Number, Whole, Widget
from helpers import plots


class Probe(Widget):
    settings = ("x", "count", "word", "text", "flag")

    x = Number(2.0, 0, 3, help="what is squared").tag(sync=True)
    count = Whole(1, 1, 10).tag(sync=True)
    word = Choice(["red", "green"], "red").tag(sync=True)
    text = traitlets.Unicode("").tag(sync=True)
    flag = traitlets.Bool(False).tag(sync=True)

    def still(self):
        return plots.bars(["square"], [self.x**2], xlabel="value")

    def alt(self):
        return f"One bar: the square of {self.x:g} is {self.x**2:g}."
