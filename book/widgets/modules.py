"""How the widgets' code reaches a page: into JupyterLab, with a figure that stands alone, and once for a whole site.

The JavaScript files are plain ES modules that import each other by relative path, and no page can follow such a path.
So code travels as {name: source}, and `loader.js` makes modules of it, each one once per page. There is no build step;
whole-line comments stay behind, a fifth of the bytes.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from functools import cache
from pathlib import Path

from helpers import plots

HERE = Path(__file__).parent
IMPORT = re.compile(r"""^(?:import|export)\b[^"']*\bfrom "\./([\w-]+\.js)\"""", re.M)  # the same in loader.js
COMMENT = re.compile(r"^[ \t]*(?://.*|/\*\*(?:(?!\*/)[\s\S])*\*/[ \t]*)\n", re.M)
NOT_LOADED = {"loader.js", "types.js"}  # a classic script; types alone
SITE = "next-word-figures"  # what the site's script and style sheet are called
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


def script_of(module: str) -> str:
    """The script with what only this widget needs: "next-word-descent" for descent.js."""
    return f"next-word-{Path(module).stem}"


def scripts_of(body: str) -> list[str]:
    """The scripts that the figures on a page of the site need, before the one that mounts them."""
    return [script_of(module) for module in sorted(set(re.findall(r'"module":"(\w+\.js)"', body)))]


def site_files() -> dict[str, str]:
    """The scripts and the style sheet that a site ships once. They work from file: too: no `import`, no `fetch`.

    What two widgets share is in one script, which mounts the figures; a page loads the others for its own widgets only.
    """
    needs = {path.name: sources(path) for path in sorted(HERE.glob("*.js")) if path.with_suffix(".py").exists()}
    users = Counter(name for found in needs.values() for name in found)
    host = sources(HERE / "host.js")
    shared = host | {name: text for found in needs.values() for name, text in found.items() if users[name] > 1}
    extra = {}
    for module, found in needs.items():
        only = {name: text for name, text in found.items() if name not in shared}
        if only:
            script = f"globalThis.nextWordExtra = {{ ...globalThis.nextWordExtra, ...{_json(only)} }};\n"
            extra[f"{script_of(module)}.js"] = script
    script = (
        f"{code(HERE / 'loader.js')}\n{{\nconst sources = {{ ...globalThis.nextWordExtra, ...{_json(shared)} }};\n"
        "for (const figure of document.querySelectorAll('figure.nw-widget')) nextWord.mount(figure, sources);\n}\n"
    )
    styles = sorted(path for path in HERE.glob("*.css") if path.name != "widget.css")
    return {**extra, f"{SITE}.js": script, f"{SITE}.css": plots.STYLE + style(*styles)}


def _json(value) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
