"""Pictures: an array in, Matplotlib `Axes` out, in one house style that follows light and dark pages.

`show(ax, alt=…)` puts a picture into a notebook as SVG. Its colors are CSS variables, so the same picture suits a light
page and a dark one. `alt` says in words what it shows, for readers who can't see it. Importing this file sets the house
style. Left out: everything interactive.
"""

from __future__ import annotations

import hashlib
import html
import io
import re

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

# (name, on a light page, on a dark page): the only colors a picture uses. They suit color-blind readers, and text
COLORS = [
    ("ink", "#1d2127", "#e6e8eb"),
    ("muted", "#5c6570", "#a3abb5"),
    ("grid", "#e2e5e9", "#363c44"),
    ("soft", "#eef1f5", "#262c34"),
    ("blue", "#0068ab", "#63b3f4"),
    ("orange", "#b84b00", "#ff9c5a"),
    ("green", "#007a5a", "#45c99c"),
    ("purple", "#8247a0", "#cfa0e4"),
    ("gold", "#8a6100", "#e3b84d"),
]
INK, MUTED, GRID, SOFT, BLUE, ORANGE, GREEN, PURPLE, GOLD = (light for _, light, _ in COLORS)
PALETTE = [BLUE, ORANGE, GREEN, PURPLE, GOLD]
HEAT = LinearSegmentedColormap.from_list("heat", [(0.16, 0.52, 0.85, 0.0), (0.16, 0.52, 0.85, 1.0)])  # clear to blue

mpl.rcParams.update(
    {
        "figure.figsize": (6.8, 3.2),
        "figure.constrained_layout.use": True,
        "font.size": 10.5,
        "text.color": INK,
        "axes.edgecolor": MUTED,
        "axes.labelcolor": INK,
        "axes.titlesize": 11,
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.prop_cycle": plt.cycler(color=PALETTE),
        "grid.color": GRID,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "lines.linewidth": 1.8,
        "legend.frameon": False,
        "svg.fonttype": "path",
        "svg.hashsalt": "the next word",
    }
)


STRIP_STYLE = (
    ".nw-strip{display:flex;flex-wrap:wrap;gap:.35em 1em;list-style:none;padding:0;margin:1em 0}"
    ".nw-strip li{position:relative;margin:0;padding:.2em .45em;border:1px solid var(--nw-muted);border-radius:.4em;"
    "background:var(--nw-soft);color:var(--nw-ink);font-size:.85em}"
    '.nw-strip li+li::before{content:"→";position:absolute;left:-1.05em;color:var(--nw-muted)}'
    ".nw-strip li[aria-current=true]{border:2px solid var(--nw-orange);font-weight:700}"
)


def variables(selector: str) -> str:
    """CSS that defines the house colors as variables for `selector`, on light and dark pages."""
    light, dark = ("".join(f"--nw-{color[0]}:{color[i]};" for color in COLORS) for i in (1, 2))
    dark = f'html[data-theme="dark"] {selector},[data-jp-theme-light="false"] {selector}{{{dark}}}'
    return f"{selector}{{{light}}}@media screen{{{dark}}}"  # paper is white


STYLE = (
    f"{variables('.nw-figure')}.nw-figure{{margin:1em 0;text-align:center}}"
    ".nw-figure svg{max-width:100%;height:auto}"
    ".nw-figure figcaption{font-size:.9em;max-width:44em;margin:.4em auto 0;text-align:left}"
)


def show(ax: plt.Axes, *, alt: str, caption: str = "") -> None:
    """Display the figure of `ax` below the cell. alt: what it shows, in one or two sentences."""
    from IPython.display import display

    display({"text/html": figure_html(ax, alt=alt, caption=caption), "text/plain": f"[Figure: {alt}]"}, raw=True)


def figure_html(ax: plt.Axes, *, alt: str, caption: str = "") -> str:
    """The figure of `ax` as an HTML `<figure>` with inline SVG that follows the page's light or dark mode."""
    below = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
    return f'<figure class="nw-figure"><style>{STYLE}</style>{svg(ax, alt=alt)}{below}</figure>'


def svg(ax: plt.Axes, *, alt: str) -> str:
    """The figure of `ax` as an inline SVG whose colors are the variables of `STYLE`; the figure is closed."""
    if len(alt.strip()) < 15:
        raise ValueError(f"The alt text must be a sentence; got {alt!r}. Say what the picture shows.")
    figure, buffer = ax.figure, io.StringIO()
    assert isinstance(figure, Figure)
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    plt.close(figure)
    text = buffer.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.S)
    for name, light, _ in COLORS:
        text = text.replace(light, f"var(--nw-{name})")
    prefix = "f" + hashlib.sha256(text.encode()).hexdigest()[:8]  # ids stay apart on a page with several pictures
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{prefix}-", text)
    return text.replace("<svg ", f'<svg role="img" aria-label="{html.escape(alt, quote=True)}" ', 1)


def new_axes(ax: plt.Axes | None = None, width: float = 6.8, height: float = 3.2) -> plt.Axes:
    """These axes, or new ones in a figure of that size in inches."""
    return plt.subplots(figsize=(width, height))[1] if ax is None else ax


def bars(labels, values, ax=None, *, xlabel="probability", highlight: int | None = None, height: float | None = None):
    """Horizontal bars from the top down, one per label, each with its number: how the book draws a distribution."""
    values = np.asarray(values, dtype=float)
    ax = new_axes(ax, height=height or 0.7 + 0.27 * len(values))
    colors = [ORANGE if i == highlight else BLUE for i in range(len(values))]
    ax.barh(range(len(values)), values, color=colors, height=0.72)
    ax.set_yticks(range(len(values)), [visible(label) for label in labels])
    ax.invert_yaxis()
    span = max(1e-12, float(np.nanmax(np.abs(values))))
    for i, value in enumerate(values):
        ax.text(value + 0.012 * span, i, f"{value:.3g}", va="center", fontsize=9)
    ax.grid(axis="y", visible=False)
    ax.set_xlabel(xlabel)
    ax.margins(x=0.12)
    return ax


def lines(x, series: dict, ax=None, *, xlabel: str, ylabel: str, **scales):
    """One line per name: `series` maps a name to its values. Lines differ in dash as well as in color."""
    ax = new_axes(ax)
    for i, (name, y) in enumerate(series.items()):
        ax.plot(x, y, label=name, linestyle=["-", "--", "-.", ":"][i % 4])
    ax.set(xlabel=xlabel, ylabel=ylabel, **scales)
    if len(series) > 1:
        ax.legend()
    return ax


def loss_curves(histories: dict, ax=None, *, smooth: int = 50, ylabel: str = "loss (nats per token)"):
    """Training loss (thin lines, averaged over `smooth` steps) and held-out loss (dots) of one or more runs."""
    ax = new_axes(ax)
    for color, (name, h) in zip(PALETTE * 3, histories.items(), strict=False):
        losses = np.asarray(h.losses, dtype=float)
        window = max(1, min(smooth, len(losses) // 10))
        mean = np.convolve(losses, np.ones(window) / window, mode="valid")
        ax.plot(np.arange(len(mean)) + window, mean, color=color, linewidth=1.3, label=f"{name}: training")
        if h.held_out:
            ax.plot(*zip(*h.held_out.items(), strict=True), "o", color=color, markersize=4.5, label=f"{name}: held-out")
    ax.set(xlabel="step", ylabel=ylabel)
    ax.legend()
    return ax


def heatmap(matrix, ax=None, *, rows=None, columns=None, xlabel="", ylabel="", low=None, high=None, numbers=False):
    """A matrix in shades of blue, where 0 is clear, with a color bar and optionally the numbers."""
    matrix = np.asarray(matrix, dtype=float)
    ax = new_axes(ax, width=4.6, height=3.9)
    image = ax.imshow(matrix, cmap=HEAT, vmin=low, vmax=high, aspect="equal", interpolation="nearest")
    for axis, names in ((ax.xaxis, columns), (ax.yaxis, rows)):
        if names is not None:
            axis.set_ticks(range(len(names)), [visible(name) for name in names])
    if numbers:
        for (i, j), value in np.ndenumerate(matrix):
            ax.text(j, i, f"{value:.2g}", ha="center", va="center", fontsize=9)
    ax.grid(visible=False)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    bar = ax.figure.colorbar(image, ax=ax, shrink=0.8)
    bar.outline.set_visible(False)
    return ax


def points(xy, labels, ax=None, *, xlabel="first direction", ylabel="second direction", colors=None):
    """Labels at the points (N, 2), such as embeddings brought down to two dimensions.

    A label that would cover another is moved up until you can read it.
    """
    ax = new_axes(ax, height=4.6)
    xy, size = np.asarray(xy, dtype=float), 9
    ax.set(xlim=_span(xy[:, 0]), ylim=_span(xy[:, 1]), xlabel=xlabel, ylabel=ylabel)
    places = ax.transData.transform(xy) * 72 / ax.figure.dpi  # in points, as the size of the letters is
    written = []
    for i in xy[:, 1].argsort(kind="stable"):
        label, color = visible(labels[i]), BLUE if colors is None else colors[i]
        (x, y), half, lift = places[i], 0.35 * size * len(label), 0
        while any(abs(x - a) < half + other and abs(y + lift - b) < 1.2 * size for a, b, other in written):
            lift += 1
        written.append((x, y + lift, half))
        ax.annotate(label, xy[i], (0, lift), textcoords="offset points", ha="center", va="center", color=color,
                    fontsize=size)  # fmt: skip
    return ax


def _span(values):
    low, high = float(np.min(values)), float(np.max(values))
    return low - 0.08 * (high - low), high + 0.08 * (high - low)


def boxes(nodes: dict, edges, ax=None, *, highlight=(), width: float = 6.8, height: float = 3.2, box=(1.0, 0.5)):
    """A diagram. nodes: name → (x, y, text). edges: (from, to) or (from, to, label)."""
    ax = new_axes(ax, width, height)
    w, h = box
    for name, (x, y, text) in nodes.items():
        marked = name in highlight
        ax.add_patch(
            FancyBboxPatch(
                (x - w / 2, y - h / 2),
                w,
                h,
                boxstyle="round,pad=0,rounding_size=0.08",
                facecolor=SOFT,
                edgecolor=ORANGE if marked else MUTED,
                linewidth=2.2 if marked else 1,
            )
        )
        ax.text(x, y, text, ha="center", va="center", fontsize=9.5, fontweight="bold" if marked else "normal")
    for start, end, *label in edges:
        (x0, y0, _), (x1, y1, _) = nodes[start], nodes[end]
        a, b = _border(x0, y0, x1, y1, w, h), _border(x1, y1, x0, y0, w, h)
        arrow = {"arrowstyle": "-|>", "color": MUTED, "lw": 1.2, "shrinkA": 1, "shrinkB": 1}
        ax.annotate("", xy=b, xytext=a, arrowprops=arrow)
        if label:
            x, y = (a[0] + b[0]) / 2, (a[1] + b[1]) / 2 + 0.04
            ax.text(x, y, label[0], ha="center", va="bottom", fontsize=9, color=ORANGE)
    xs, ys = [n[0] for n in nodes.values()], [n[1] for n in nodes.values()]
    ax.set(xlim=(min(xs) - 0.55 * w, max(xs) + 0.55 * w), ylim=(min(ys) - 0.6 * h, max(ys) + 0.6 * h))
    ax.axis("off")
    return ax


def _border(x, y, to_x, to_y, w, h):
    """Where the line from the middle of a box toward another point leaves the box."""
    dx, dy = to_x - x, to_y - y
    t = min((w / 2 / abs(dx)) if dx else np.inf, (h / 2 / abs(dy)) if dy else np.inf)
    return x + dx * t, y + dy * t


PARTS = ["text", "tokens", "embeddings", "attention", "MLP", "logits", "softmax", "next word"]


def you_are_here(*here: str) -> None:
    """Show the strip of the model's parts, from text to next word, with this chapter's parts marked."""
    unknown = [part for part in here if part not in PARTS]
    if unknown:
        raise ValueError(f"Unknown part {unknown[0]!r}. The parts are {', '.join(PARTS)}.")
    from IPython.display import display

    items = "".join(f'<li aria-current="{str(part in here).lower()}">{part}</li>' for part in PARTS)
    says = f"The model from left to right: {', '.join(PARTS)}. This chapter is about: {', '.join(here)}."
    strip = f'<ol class="nw-strip" aria-label="{says}">{items}</ol>'
    page = f'<div class="nw-figure"><style>{STYLE}{STRIP_STYLE}</style>{strip}</div>'
    display({"text/html": page, "text/plain": f"[{says}]"}, raw=True)


def visible(text) -> str:
    """A label in which you can see spaces and line breaks."""
    text = str(text).replace("\n", "↵").replace("\t", "⇥").replace("$", r"\$")
    return text.replace(" ", "␣") if text != text.strip() or text == " " else text
