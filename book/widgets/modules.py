"""How the widgets' code reaches a page: into JupyterLab, with a figure that stands alone, and once for a whole site.

The JavaScript files are plain ES modules that import each other by relative path, and no page can follow such a path.
So code travels as {name: source}, and `loader.js` makes modules of it, each one once per page. There is no build step;
whole-line comments stay behind, a fifth of the bytes.
"""

from __future__ import annotations

import json
import os
import re
from functools import cache
from pathlib import Path

from helpers import plots

HERE = Path(__file__).parent
IMPORT = re.compile(r"""^(?:import|export)\b[^"']*\bfrom "\./([\w-]+\.js)\"""", re.M)  # the same in loader.js
COMMENT = re.compile(r"^[ \t]*(?://.*|/\*\*(?:(?!\*/)[\s\S])*\*/[ \t]*)\n", re.M)
NOT_LOADED = {"loader.js", "types.js"}  # a classic script; types alone
SITE = "next-word-figures"  # what the site's script and style sheet are called
EXTRA = {  # scripts that only the pages with one of these widgets load: {script: {class: module}}
    "next-word-chat": {"Chat": "chat.js"},
    "next-word-glass": {"GlassGPT": "glass_gpt.js", "AttentionMotion": "attention_motion.js"},
}
BUILDING = "NEXT_WORD_SITE_BUILD"  # the environment variable with which the site's build tells its kernels


@cache
def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def code(path: Path) -> str:
    return COMMENT.sub("", text(path))


def sources(*entries: Path) -> dict[str, str]:
    """{name: source} of some modules and of all they import: a file beside them, or one of the shared ones."""
    found: dict[str, str] = {}
    waiting = list(entries)
    while waiting:
        path = waiting.pop()
        if path.name not in found:
            found[path.name] = code(path)
            beside = [path.with_name(name) for name in IMPORT.findall(found[path.name])]
            waiting += [other if other.exists() else HERE / other.name for other in beside]
    return found


def style(*own: Path) -> str:
    """The style all widgets share, and what the files `own` add, as far as they exist."""
    shared = plots.variables(".nw") + text(HERE / "widget.css")
    return "".join([shared, *(text(path) for path in own if path.exists())])


def esm(path: Path) -> str:
    """A widget's module as the one self-contained text that anywidget takes."""
    loading = f"nextWord.load({_json(sources(path))}, {_json(path.name)})"
    return f"{code(HERE / 'loader.js')}\nexport default (await {loading}).default;\n"


def own_script(path: Path) -> tuple[dict[str, str], str]:
    """What a figure that stands alone brings along: the sources for its data, and the script that mounts it."""
    script = f'{code(HERE / "loader.js")}\nnextWord.mount(document.currentScript.closest("figure"));'
    return sources(HERE / "host.js", path), script.replace("</", "<\\/")


def site_has(path: Path) -> bool:
    """Whether the figures made now go to a site that ships this module."""
    return bool(os.environ.get(BUILDING)) and path.parent == HERE


def site_files() -> dict[str, str]:
    """The scripts and the style sheet that a site ships once. They work from file: too: no `import`, no `fetch`.

    What only one large widget needs is in a script of its own, before the other one on the pages with such a widget.
    """
    own = {module for widgets in EXTRA.values() for module in widgets.values()}
    entries = [path for path in sorted(HERE.glob("*.js")) if path.with_suffix(".py").exists() and path.name not in own]
    shared = sources(HERE / "host.js", *entries)
    extra = {}
    for script, widgets in EXTRA.items():
        found = sources(*(HERE / module for module in widgets.values()))
        only = {name: text for name, text in found.items() if name not in shared}
        extra[f"{script}.js"] = f"globalThis.nextWordExtra = {{ ...globalThis.nextWordExtra, ...{_json(only)} }};\n"
    script = (
        f"{code(HERE / 'loader.js')}\n{{\nconst sources = {{ ...globalThis.nextWordExtra, ...{_json(shared)} }};\n"
        "for (const figure of document.querySelectorAll('figure.nw-widget')) nextWord.mount(figure, sources);\n}\n"
    )
    styles = sorted(path for path in HERE.glob("*.css") if path.name != "widget.css")
    return {**extra, f"{SITE}.js": script, f"{SITE}.css": plots.STYLE + style(*styles)}


def _json(value) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
