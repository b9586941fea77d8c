"""Every widget in real JupyterLab: a key moves the Python trait, and a change from Python moves every view.

One server, one notebook, one browser for all rows of WIDGETS. A new widget adds a row.
"""

import ast
import re
import time
from typing import NamedTuple

import nbformat

from tests.lab import jupyterlab
from tests.site import site_checks
from tests.widgets.harness import painted


class Row(NamedTuple):
    """make: Python for the widget. control, key: the role and name of what gets the key. watch: Python for what the key
    changes. change: Python that changes `w`, the widget. sees: what each view then says."""

    make: str
    control: tuple[str, str]
    key: str
    watch: str
    change: str
    sees: str


WIDGETS = {
    "probe": Row("Probe(title='probe')", ("slider", "x"), "ArrowRight", "w.x", "w.x = 0.5", "0.25"),
    "next_token": Row(
        "examples.next_token()",
        ("slider", "Temperature"),
        "ArrowRight",
        "w.temperature",
        "w.temperature = 0",
        "s 1.000",
    ),
    "attention_map": Row(
        "examples.attention_map()",
        ("application", "Block 2, head 1: attention map, 25 rows, 25 columns"),
        "ArrowUp",
        "w.token",
        "w.token = 7",
        "“␣” (7) attends to",
    ),
    "loss_curves": Row(
        "examples.loss_curves()", ("slider", "Step"), "Home", "w.step", "w.step = 100", "lr 0.01 after 100 steps"
    ),
    "live training": Row(
        "examples.live()", ("button", "Pause"), "Enter", "w._run.state", "w._run.stop()", "Stopped after"
    ),
    "backprop": Row(
        "examples.backprop()",
        ("slider", "Step"),
        "ArrowRight",
        "w.step",
        "w.leaves = {**w.leaves, 'w': 1.5}",
        "p = w · x 3",
    ),
    "descent": Row(
        "examples.descent()",
        ("slider", "Learning rate"),
        "ArrowRight",
        "w.rates",
        "w.start = [1.0, 1.0]",
        "from u = 1, v = 1",
    ),
    "softmax_lab": Row(
        "examples.softmax_lab()", ("slider", "score of cat"), "ArrowRight", "w.scores", "w.scores = [0.0] * 4", "0.250"
    ),
    "bigram": Row("examples.bigram()", ("button", "learned"), "Enter", "w.shown", "w.text = 'abab'", "4 characters"),
    "merges": Row("examples.merges()", ("slider", "Merges applied"), "ArrowLeft", "w.step", "w.step = 0", "25 tokens"),
    "playground": Row(
        "examples.playground()",
        ("slider", "Temperature"),
        "ArrowRight",
        "w.temperature",
        "w.prompt = 'A haiku.'",
        "A haiku. ▏ Probability of the next token",
    ),
    "glass_gpt": Row(
        "examples.glass_gpt()",
        ("button", "Head 1 of block 2"),
        "Enter",
        "w.heads_off",
        "w.prompt = 'Write a sad haiku about the sea.'",
        "sea",
    ),
    "attention_motion": Row(
        "examples.attention_motion()", ("slider", "query of its"), "ArrowUp", "w.q", "w.token = 0", "query of poem"
    ),
    "learning_net": Row("examples.learning_net()", ("checkbox", "Use tanh"), "Space", "w.tanh", "w.off = [0]", "; off"),
    "embeddings": Row(
        "examples.embeddings()",
        ("slider", "Training step"),
        "ArrowLeft",
        "w.at",
        "w.picked = ['night']",
        "Nearest to “night”",
    ),
    "predict": Row(
        "examples.predict()",
        ("button", "I don't want to guess"),
        "Enter",
        "w.guess",
        "w.guess = 3",
        "Your guess: 3 vowels",
    ),
}

SCREEN = {"width": 1300, "height": 1000}
EVERY_CELL = '{"windowingMode": "none"}'  # drawn, in view or not
# What a view shows, without its controls: words, drawings, and the lengths and places that style sheets do not know.
PICTURE = """view => {
    const copy = view.cloneNode(true), pixels = [...view.querySelectorAll("canvas")].map(c => c.toDataURL());
    copy.querySelectorAll("label, input, select, textarea").forEach(e => e.remove());
    return copy.innerHTML.replace(/ (class|data-lm-suppress-shortcuts)=""/g, "") + pixels.join(); // what a focus leaves
}"""
WORDS = """view => (view.innerText + " " + [...view.querySelectorAll("[aria-label]")].map(e => e.ariaLabel).join(" "))
    .replace(/\\s+/g, " ")"""


def notebook() -> nbformat.NotebookNode:
    """Imports; for each row the widget, and a second view of it; a cell that prints what is watched; a change."""
    code = ["from tests.widgets import examples\nfrom tests.widgets.probe import Probe\nhave, times = {}, 0"]
    for name, row in WIDGETS.items():
        code += [f"w = have[{name!r}] = {row.make}\nw", f"have[{name!r}]"]
    watch = "".join(f"w = have[{name!r}]\nfound[{name!r}] = {row.watch}\n" for name, row in WIDGETS.items())
    change = "".join(f"    w = have[{name!r}]\n    {row.change}\n" for name, row in WIDGETS.items())
    code += [f"times += 1\nfound = {{}}\n{watch}print(found)", f"if times > 1:  # not when all cells run\n{change}"]
    made = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    made.cells = [nbformat.v4.new_code_cell(text) for text in code]
    return made


def test_every_widget_in_jupyterlab(browser, tmp_path):
    (tmp_path / "work").mkdir()
    nbformat.write(notebook(), tmp_path / "work" / "widgets.ipynb")
    settings = tmp_path / "jupyterlab_settings" / "@jupyterlab" / "notebook-extension"
    settings.mkdir(parents=True)
    (settings / "tracker.jupyterlab-settings").write_text(EVERY_CELL)
    with (
        jupyterlab(tmp_path) as (address, token),
        site_checks.watched(browser, address, viewport=SCREEN) as (page, said),
    ):
        page.goto(f"{address}lab/tree/widgets.ipynb?token={token}")
        cells = page.locator(".jp-Notebook .jp-CodeCell")
        before = run_all(page, cells)
        views = {name: [cells.nth(k).locator(".nw") for k in (2 * i + 1, 2 * i + 2)] for i, name in enumerate(WIDGETS)}
        wrong = [
            f"{name}: views {counts}" for name, pair in views.items() if (counts := [v.count() for v in pair]) != [1, 1]
        ]
        wrong += [
            f"{name}: {text}"
            for name, pair in views.items()
            for text in pair[0].locator(".nw-problem").all_inner_texts()
        ]
        wrong += [
            f"{name}: it says {found[0]!r}"
            for name, pair in views.items()
            if (found := re.search(r"NaN|undefined|Infinity", pair[0].evaluate(WORDS)))
        ]
        assert not wrong, wrong
        shown = {name: picture(page, pair) for name, pair in views.items()}

        for name, row in WIDGETS.items():  # by keyboard, in the first view
            views[name][0].get_by_role(row.control[0], name=row.control[1], exact=True).first.focus()
            page.keyboard.press(row.key)
            page.evaluate("() => document.activeElement.blur()")  # what is marked for its focus is marked in one view
            wait_for_change(page, views[name], shown[name], f"{name}: {row.key}")
        page.wait_for_timeout(300)  # the kernel hears of it
        after = run(page, cells.nth(2 * len(WIDGETS) + 1))
        wrong += [f"{name}: the trait stayed {before[name]!r}" for name in WIDGETS if before[name] == after[name]]

        shown = {name: picture(page, pair) for name, pair in views.items()}
        run(page, cells.nth(2 * len(WIDGETS) + 2))  # from Python
        for name, row in WIDGETS.items():
            wait_for_change(page, views[name], shown[name], f"{name}: {row.change}")
            for view in views[name]:
                words = view.evaluate(WORDS)
                wrong += [f"{name}: {row.sees!r} is not in {words!r}"] * (row.sees not in words)
        wrong += [complaint for complaint in said if not complaint.startswith("console warning")]
        assert not wrong, "\n".join(wrong)


def run_all(page, cells) -> dict:
    """Run the whole notebook by its menu; gives what the watching cell printed."""
    cells.nth(2 * len(WIDGETS) + 2).wait_for()
    page.locator("#jp-main-statusbar", has_text="| Idle").wait_for()  # the kernel is there
    while "[ ]" in cells.first.locator(".jp-InputPrompt").inner_text():  # a busy JupyterLab can drop a click
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        page.wait_for_timeout(3000)
    return printed(cells.nth(2 * len(WIDGETS) + 1), 1)


def run(page, cell) -> dict:
    """Run one cell by keyboard; gives the dictionary that it printed, if it did."""
    turn = number(cell)
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+Enter")
    return printed(cell, turn + 1)


def number(cell) -> int:
    return int("0" + re.sub(r"\D", "", cell.locator(".jp-InputPrompt").inner_text()))


def printed(cell, turn: int) -> dict:
    """What the cell printed, once its number is at least `turn`."""
    deadline = time.monotonic() + 240
    while number(cell) < turn:
        assert time.monotonic() < deadline, f"the cell did not run: {cell.inner_text()}"
        time.sleep(0.1)
    assert not cell.locator(".jp-RenderedText[data-mime-type*=error], [data-mime-type*=stderr]").count(), (
        cell.inner_text()
    )
    text = cell.locator(".jp-OutputArea-output").all_inner_texts()
    return ast.literal_eval(text[0]) if text else {}


def picture(page, views) -> list[str]:
    painted(page)
    return [view.evaluate(PICTURE) for view in views]


def wait_for_change(page, views, before: list[str], what: str) -> None:
    """Wait until both views show another picture than `before`, and the same."""
    deadline = time.monotonic() + 20
    while True:
        now = picture(page, views)
        if now[0] == now[1] and now[0] != before[0]:
            return
        assert time.monotonic() < deadline, (
            f"{what}: changed {[a != b for a, b in zip(now, before)]}, alike: {now[0] == now[1]}"
        )
        time.sleep(0.1)
