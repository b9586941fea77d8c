"""The base of every widget: one object that lives in JupyterLab, on a page without a kernel, and as a still picture.

A widget is a class here and one ES module beside it (`next_token.py`, `next_token.js`). The class holds the traits:
data, settings, bounds. The module starts with pure functions and ends with `render`; it does everything a slider does,
so no slider needs a kernel. `modules.py` says how the code reaches a page. Left out: a build step, a chart library.
"""

from __future__ import annotations

import base64
import html
import inspect
import json
import os
import warnings
from collections.abc import Callable
from pathlib import Path

import anywidget
import numpy as np
import traitlets

from book.widgets import modules
from helpers import plots

HTML = "text/html"
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>body{margin:0 auto;padding:8px;max-width:760px;font-family:system-ui,sans-serif}h1{font-size:1.4em}
html[data-theme="dark"] body{background:#14181e;color:#dfe2e6}@media print{body{background:none;color:#000}}</style>
<script>
const night = matchMedia("(prefers-color-scheme: dark)");
const follow = () => { document.documentElement.dataset.theme = night.matches ? "dark" : "light"; };
night.addEventListener("change", follow);
follow();
</script>
<main><h1{shown}>{title}</h1>{figure}</main>
</html>
"""


class Number(traitlets.Float):
    """A number from `low` to `high`, both included."""

    kind = "a number"
    kinds: tuple[type, ...] = (int, float, np.integer, np.floating)
    cast: Callable = staticmethod(float)

    def __init__(self, default, low: float, high: float, **options):
        super().__init__(default, min=low, max=high, **options)

    def validate(self, obj, value):
        if isinstance(value, bool) or not isinstance(value, self.kinds) or not self.min <= value <= self.max:
            low, high = (f"{end:,}" if isinstance(end, int) else f"{end:g}" for end in (self.min, self.max))
            raise traitlets.TraitError(f"{self.name} must be {self.kind} from {low} to {high}; got {value!r}.")
        return self.cast(value)


class Whole(Number):
    """A whole number from `low` to `high`, both included."""

    kind, kinds, cast = "a whole number", (int, np.integer), staticmethod(int)


class Choice(traitlets.Enum):
    """One of a few values."""

    def validate(self, obj, value):
        if value not in self.values:
            choices = ", ".join(map(str, self.values))
            raise traitlets.TraitError(f"{self.name} must be one of {choices}; got {value!r}.")
        return value


class Widget(anywidget.AnyWidget):
    """An interactive figure. Subclasses name what a reader may set in `settings`, and draw `still`.

    title: the question the figure answers, above it. caption: appears below it. Raises traitlets.TraitError or
    ValueError with a sentence if the data or the settings are wrong.
    """

    settings: tuple[str, ...] = ()  # traits that a reader sets; a link to the page can carry them

    title = traitlets.Unicode("").tag(sync=True)
    caption = traitlets.Unicode("").tag(sync=True)
    bounds = traitlets.Dict(read_only=True).tag(sync=True)  # what each setting may be; see `_bounds`

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        if "still" in vars(cls):  # one of our widgets, not the class that ipywidgets derives from it to add traits
            cls._module = Path(inspect.getfile(cls)).with_suffix(".js")
            cls._esm, cls._css = modules.esm(cls._module), modules.style(cls._module.with_suffix(".css"))

    def __init__(self, **values):
        super().__init__(**values)
        self.set_trait("bounds", {name: found for name in self.settings if (found := _bounds(self.traits()[name]))})

    def still(self):
        """What paper, GitHub, and pages without JavaScript show: Matplotlib `Axes`, drawn by `plots`, or HTML."""
        raise NotImplementedError(f"{type(self).__name__} has no still picture. Define the method still().")

    def alt(self) -> str:
        """What the picture shows, in one or two sentences with its numbers."""
        raise NotImplementedError(f"{type(self).__name__} has no alt text. Define the method alt().")

    def state(self) -> dict:
        """What the module reads through `model.get`: every synced trait of the widget's own, ready for JSON."""
        own = {name: trait for name, trait in self.traits(sync=True).items() if not name.startswith("_")}
        dom = {"layout", "tabbable", "tooltip"}
        return {
            name: trait.metadata["to_json"](getattr(self, name), self)
            if "to_json" in trait.metadata
            else getattr(self, name)
            for name, trait in own.items()
            if name not in dom
        }

    def site_state(self) -> dict:
        """`state` on a page of the site, which may have large parts of it."""
        return self.state()

    def figure(self, *, alone: bool | None = None) -> str:
        """The widget as an HTML `<figure>`: a still picture, and the state that brings it to life.

        alone: whether it brings code and style along, and lives anywhere scripts may run. Without them it needs a page
        that has them. By default it brings them, except in a build of the site, which ships them once.
        """
        if alone is None:
            alone = not modules.site_has(self._module)
        state = self.state() if alone else self.site_state()
        parts = {"module": self._module.name, "settings": self.settings, "state": state}
        style = script = ""
        if alone:
            parts["modules"], script = modules.own_script(self._module)
            style, script = f"<style>{plots.STYLE}{self._css}</style>", f"<script>{script}</script>"
        data = json.dumps(parts, allow_nan=False, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
        title = (
            f'<p class="nw-title"><span class="nw-number"></span>{html.escape(self.title)}</p>' if self.title else ""
        )
        caption = f"<figcaption>{html.escape(self.caption)}</figcaption>" if self.caption else ""
        with warnings.catch_warnings():  # a box replaces a letter the font doesn't have; the live figure shows it
            warnings.filterwarnings("ignore", "Glyph .* missing")
            still = self.still()
            still = still if isinstance(still, str) else plots.svg(still, alt=self.alt())
        return (
            f'<figure class="nw-figure nw-widget" data-widget="{type(self).__name__}">{style}'
            f'<div class="nw-still">{title}{still}{caption}</div>'
            f'<script type="application/json">{data}</script>{script}</figure>'
        )

    def save(self, path: str | os.PathLike, *, heading: str = "") -> Path:
        """Write one HTML file that holds the widget and everything it needs; it works anywhere, offline too.

        heading: appears above it; by default, the figure's own title does. Raises ValueError if there can't be a
        file at `path`.
        """
        path, words = Path(path), heading or self.title or type(self).__name__
        if path.is_dir():
            raise ValueError(f"{path} is a folder. Give the name of a file, such as my_model.html.")
        if not path.parent.is_dir():
            raise ValueError(
                f"There is no folder {path.parent}. Make it first, or give a path in a folder that exists."
            )
        figure = self.figure(alone=True)
        shown = "" if heading or not self.title else ' class="nw-visually-hidden"'  # the figure has its title
        page = PAGE.replace("{shown}", shown).replace("{title}", html.escape(words)).replace("{figure}", figure)
        path.write_text(page, encoding="utf-8")
        return path

    def _repr_mimebundle_(self, **options):
        data, metadata = super()._repr_mimebundle_(**options)
        return {**data, HTML: self.figure(), "text/plain": f"[{type(self).__name__}: {self.alt()}]"}, metadata


def _bounds(trait) -> dict | None:
    """What a setting may be, for the module and for links: {low, high, whole} or {choices}; None: any of its type."""
    if isinstance(trait, Number):
        return {"low": trait.min, "high": trait.max, "whole": isinstance(trait, Whole)}
    return {"choices": list(trait.values or ())} if isinstance(trait, Choice) else None


def short(values) -> list | float | None:
    """Numbers for JSON with 7 significant digits, as many as float32 holds; −inf becomes None. Lists may be nested."""
    if np.ndim(values):
        return [short(v) for v in values]
    return None if values == -np.inf else float(f"{values:.7g}")


def pack(array, low: float = 0.0, high: float = 1.0) -> dict:
    """An array of numbers from `low` to `high` as 16-bit steps in base64: a tenth of its size as text.

    The module reads it with `unpack`; the error is at most (high − low) / 131,070.
    """
    array = np.asarray(array, dtype=np.float64)
    if not (np.isfinite(array).all() and low <= array.min() and array.max() <= high):
        raise ValueError(f"Numbers must lie between {low} and {high}; got {array.min()} to {array.max()}.")
    steps = np.round((array - low) / (high - low) * 65535).astype(np.uint16).ravel()
    data = (steps % 256).astype(np.uint8).tobytes() + (steps // 256).astype(np.uint8).tobytes()  # this order zips well
    return {"shape": list(array.shape), "low": low, "high": high, "data": base64.b64encode(data).decode()}
