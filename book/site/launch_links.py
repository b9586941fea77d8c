"""Links that open a chapter elsewhere, once _config.yml names the repository's address on GitHub; none without one.

- Binder and Colab are in a chapter's header, behind a rocket. They are links: a page asks them for nothing.
- Both open what was published: the tag of this version, such as v0.1.0. See CONTRIBUTING.md, Publishing.
- Colab opens one notebook and no package, so the copies of the notebooks that the site offers have a cell that installs
  `helpers` if it is missing. The notebooks in the repository need no such cell.
"""

import re
from importlib.metadata import version
from pathlib import Path

import nbformat
import yaml

GITHUB = re.compile(r"https://github\.com/([\w.-]+)/([\w.-]+?)(?:\.git)?/?")
FIRST_CELL = """# On its own, as in Colab, this notebook needs the book's package. Elsewhere this cell does nothing.
from importlib.util import find_spec

if find_spec("helpers") is None:
    %pip install --quiet "the-next-word @ git+{address}@{tag}"
"""


def repository(config: Path) -> tuple[str, str] | None:
    """Owner and name of the repository that the file `config` names; None where it names none.

    Raises ValueError, with a sentence, for an address that Binder and Colab could not open.
    """
    url = yaml.safe_load(config.read_text(encoding="utf-8"))["repository"]["url"]
    if not url:
        return None
    if not (found := GITHUB.fullmatch(url)):
        raise ValueError(
            f"Binder and Colab need a repository on GitHub; got {url!r} in _config.yml. Write an address such as "
            'https://github.com/owner/name, or leave it empty, url: "", for a site without links to them.'
        )
    return found[1], found[2]


def tag() -> str:
    return f"v{version('the-next-word')}"


def addresses(owner: str, name: str, page: str) -> dict[str, str]:
    """Where Binder and Colab open the notebook `page`. Colab takes the site's copy, from the branch with the site."""
    return {
        "Binder": f"https://mybinder.org/v2/gh/{owner}/{name}/{tag()}?urlpath=lab/tree/{page}.ipynb",
        "Colab": f"https://colab.research.google.com/github/{owner}/{name}/blob/gh-pages/_sources/{page}.ipynb",
    }


def offer_launch(app, pagename, templatename, context, doctree):
    found = repository(Path(app.srcdir) / "_config.yml")
    if doctree is None or not found or Path(app.env.doc2path(pagename)).suffix != ".ipynb":
        return
    colab = addresses(*found, pagename)["Colab"]
    context["body"] = context["body"].replace("<!--elsewhere-->", f' or <a href="{colab}">in Colab</a>')
    icons = {"Binder": "_static/images/logo_binder.svg", "Colab": "_static/images/logo_colab.png"}
    links = [
        {"type": "link", "text": text, "tooltip": f"Open this chapter in {text}", "icon": icons[text], "url": url}
        for text, url in addresses(*found, pagename).items()
    ]
    group = {"type": "group", "label": "launch-buttons", "icon": "fas fa-rocket", "tooltip": "Run it elsewhere"}
    context["header_buttons"].append({**group, "buttons": links})


def complete_copies(app, exception):
    """Give each notebook that the site offers its first cell, before the cell that imports."""
    if exception or app.builder.format != "html" or not (found := repository(Path(app.srcdir) / "_config.yml")):
        return
    source = FIRST_CELL.format(address="https://github.com/{}/{}".format(*found), tag=tag())
    for path in (Path(app.outdir) / "_sources").rglob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        cells = notebook.cells
        if not any(cell.id == "launch" for cell in cells):  # a second build leaves unchanged pages as they are
            first = next((i for i, cell in enumerate(cells) if cell.cell_type == "code"), len(cells))
            cells.insert(first, nbformat.v4.new_code_cell(source, id="launch"))
            nbformat.write(notebook, path)


def setup(app):
    app.connect("html-page-context", offer_launch, priority=502)  # after the theme has put its own buttons there
    app.connect("build-finished", complete_copies)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
