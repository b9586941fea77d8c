"""Pictures: what they draw from an array, and that they come out as SVG which follows light and dark pages."""

import re
import xml.etree.ElementTree as ET

import matplotlib.pyplot as plt
import numpy as np
import pytest

from helpers import plots
from helpers.training import History

ALT = "A picture drawn for a test."


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def svg_of(page: str) -> ET.Element:
    return ET.fromstring(re.search(r"<svg.*</svg>", page, re.S)[0])


def test_bars_stand_for_the_values_in_order():
    ax = plots.bars(["a", " ", "\n"], [0.5, 0.3, 0.2], highlight=1)
    assert [bar.get_width() for bar in ax.patches] == [0.5, 0.3, 0.2]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "␣", "↵"]
    assert ax.patches[1].get_facecolor() != ax.patches[0].get_facecolor()
    assert ax.yaxis_inverted(), "the first bar stands on top"


def test_lines_differ_in_dash_and_carry_their_names():
    ax = plots.lines([1, 2], {"one": [1, 2], "two": [2, 1]}, xlabel="step", ylabel="loss (nats)")
    assert {line.get_linestyle() for line in ax.lines} == {"-", "--"}
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["one", "two"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("step", "loss (nats)")


def test_loss_curves_smooth_the_training_loss_and_mark_the_held_out():
    history = History(losses=[4.0] * 100 + [2.0] * 100, held_out={100: 3.0, 200: 2.5})
    ax = plots.loss_curves({"run": history}, smooth=10)
    curve, dots = ax.lines
    assert curve.get_ydata()[[0, -1]] == pytest.approx([4.0, 2.0])
    assert curve.get_xdata()[-1] == 200, "a mean over steps ends at its last step"
    assert dict(zip(dots.get_xdata(), dots.get_ydata(), strict=True)) == history.held_out


def test_heatmap_keeps_the_matrix_and_writes_numbers():
    matrix = np.array([[0.25, 0.75], [1.0, 0.0]])
    ax = plots.heatmap(matrix, numbers=True, rows="ab", columns="cd")
    assert np.array_equal(ax.images[0].get_array(), matrix)
    assert [text.get_text() for text in ax.texts] == ["0.25", "0.75", "1", "0"]


def test_points_stand_at_their_places_inside_the_limits():
    xy = np.array([[0.0, 1.0], [2.0, -1.0]])
    ax = plots.points(xy, ["a", "b"])
    assert sorted((*text.xy, text.get_position()[1]) for text in ax.texts) == [(0.0, 1.0, 0), (2.0, -1.0, 0)]
    assert ax.get_xlim()[0] < 0 and ax.get_ylim()[1] > 1


def test_labels_of_points_that_are_close_can_be_read():
    ax = plots.points([[0, 0], [0.02, 0.01], [0.01, 0.02], [3, 3]], ["brother", "father", "sister", "eyes"])
    ax.figure.canvas.draw()
    boxes = [text.get_window_extent() for text in ax.texts]
    assert not any(one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[:i])


def test_boxes_are_joined_from_border_to_border():
    ax = plots.boxes({"a": (0, 0, "A"), "b": (2, 0, "B")}, [("a", "b", "goes to")], box=(1.0, 0.5))
    arrow = next(text for text in ax.texts if text.get_text() == "")
    assert arrow.xyann == (0.5, 0) and arrow.xy == (1.5, 0)
    assert {"A", "B", "goes to"} <= {text.get_text() for text in ax.texts}


def test_a_figure_is_svg_with_alt_text_and_colors_that_follow_the_page():
    page = plots.figure_html(plots.bars(["x"], [1.0]), alt='Bars <one> & "two".', caption="1 < 2")
    svg = svg_of(page)
    assert svg.get("aria-label") == 'Bars <one> & "two".' and svg.get("role") == "img"
    assert "1 &lt; 2</figcaption>" in page
    assert "var(--nw-blue)" in page and plots.BLUE not in re.search(r"<svg.*</svg>", page, re.S)[0]
    for theme in ('html[data-theme="dark"]', '[data-jp-theme-light="false"]'):
        assert theme in page


def test_ids_of_two_figures_stay_apart_and_each_reference_resolves():
    pages = [plots.figure_html(plots.bars(["x"], [value]), alt=ALT) for value in (0.5, 0.9)]
    ids = [set(re.findall(r'\bid="([^"]+)"', page)) for page in pages]
    assert ids[0] and not ids[0] & ids[1]
    for page, its in zip(pages, ids, strict=True):
        used = set(re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', page))
        assert used and {a or b for a, b in used} <= its


def test_the_same_figure_twice_is_the_same_text():
    one, two = (plots.figure_html(plots.bars(["x"], [0.5]), alt=ALT) for _ in range(2))
    assert one == two


def test_a_picture_without_alt_text_is_refused():
    with pytest.raises(ValueError, match="must be a sentence"):
        plots.figure_html(plots.bars(["x"], [1.0]), alt="")


def test_show_closes_the_figure(capsys):
    plots.show(plots.bars(["x"], [1.0]), alt=ALT)
    assert plt.get_fignums() == [] and ALT in capsys.readouterr().out


def test_the_strip_marks_where_we_are(capsys):
    plots.you_are_here("softmax")
    assert "This chapter is about: softmax." in capsys.readouterr().out
    with pytest.raises(ValueError, match="'magic'"):
        plots.you_are_here("magic")


def contrast(one: str, two: str) -> float:
    """The contrast ratio of two colors. Source: Web Content Accessibility Guidelines 2.1."""

    def luminance(color):
        parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return np.dot(linear, [0.2126, 0.7152, 0.0722])

    low, high = sorted((luminance(one), luminance(two)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", ["ink", "muted", "blue", "orange", "green", "purple", "gold"])
def test_colors_can_be_read_on_light_and_dark_paper(name):
    _, light, dark = next(color for color in plots.COLORS if color[0] == name)
    assert contrast(light, "#ffffff") >= 4.5 and contrast(dark, "#14181d") >= 4.5
