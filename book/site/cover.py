"""The cover shows the poem model at work: `<div class="nw-cover-model"></div>` in its Markdown becomes the figure.

The figure comes from `book.widgets`, as in the chapters. The cover isn't a notebook, so the figure is put in here.
"""

from pathlib import Path

from docutils import nodes

from book.site.next_word import code_files

PLACE = '<div class="nw-cover-model"></div>'
EXAMPLES = [
    "Write a poem about a cat.",
    "Write a sad haiku about the sea.",
    "Write a limerick about a king.",
]


def figure() -> str:
    from book.widgets import Playground
    from helpers.models import load_gpt

    model, tokenizer = load_gpt("poems")
    figure = Playground(
        model, tokenizer, EXAMPLES[0], after="\n", steps=9, temperature=0.5, examples=EXAMPLES, title="The poem model",
        caption="The model of chapter 8, running in this page. Click a word to see what could stand in its place.",
    )  # fmt: skip
    return figure.figure()


def place(app, doctree):
    for node in doctree.findall(nodes.raw):
        if PLACE in node.astext():
            node.children[:] = [nodes.Text(node.astext().replace(PLACE, PLACE.replace("><", f">{figure()}<")))]
            for path in [*code_files(Path(app.srcdir)), Path(__file__)]:  # a change in one makes the page again
                app.env.note_dependency(str(path))


def setup(app):
    app.connect("doctree-read", place)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
