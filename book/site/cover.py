"""The cover opens with the poem model at work: `<div class="nw-cover-model"></div>` in its Markdown becomes the figure.

The figure comes from `book.widgets`, as in the chapters. The cover isn't a notebook, so the figure is put in here. Its
prompts are tried while the site is built: a cover that promises a poem about a king must get one.
"""

from pathlib import Path

from docutils import nodes

from book.site.next_word import code_files

PLACE = '<div class="nw-cover-model"></div>'
EXAMPLES = [
    "Write a poem about a cat.",
    "Write a sad haiku about the sea.",
    "Write a happy limerick about a dragon.",
]
CAPTION = (
    "A whole GPT, running in this page. Click any part to see its arithmetic. Then switch off a head and watch the "
    "bars. In chapter 8, you'll train this model yourself."
)
AUTO = 60  # more words than any of these poems has


def written(figure, prompt: str) -> str:
    """What the figure writes for a prompt. Raises ValueError unless it does what the prompt asks, and ends."""
    from helpers.poems import judge

    figure.prompt, figure.written = prompt, []
    text = figure.write(AUTO)
    verdict = judge(prompt, text)
    if not (verdict.topic and verdict.mood and verdict.form and figure.written[-1] == figure.end):
        raise ValueError(f"The cover's example {prompt!r} gets {text!r}. Pick another example, or another seed.")
    figure.prompt, figure.written = EXAMPLES[0], []
    return text


def figure() -> str:
    from book.widgets import GlassGPT
    from helpers.models import load_gpt

    model, tokenizer = load_gpt("poems")
    figure = GlassGPT(model, tokenizer, EXAMPLES[0], after="\n", examples=EXAMPLES, seed=4, auto=AUTO,
                      title="How does a GPT pick its next word?", caption=CAPTION)  # fmt: skip
    for prompt in EXAMPLES:
        written(figure, prompt)
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
