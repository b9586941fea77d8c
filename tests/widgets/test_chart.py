"""The chart that figures share: round ticks, scales there and back, paths, and the marks of two axes."""

import numpy as np
import pytest

from tests.widgets.harness import call, calls

SCALE = """(axis, start, end, values) => {
    const { at, back } = module.scale(axis, start, end);
    return values.map(v => [at(v), back(at(v))]);
}"""


@pytest.fixture
def chart(js):
    return js("chart")


def test_ticks_are_round_and_about_as_many(chart):
    rng = np.random.default_rng(0)
    lows, spans = rng.integers(-50, 50, 2000).tolist(), 10 ** rng.uniform(-2, 5, 2000)
    cases = [(low, low + span, int(rng.integers(3, 9))) for low, span in zip(lows, spans, strict=True)]
    for (low, high, count), ticks in zip(cases, calls(chart, "ticks", cases), strict=True):
        steps = np.diff(ticks)
        assert low - 1e-9 <= ticks[0] and ticks[-1] <= high + 1e-6 and len(ticks) <= count + 2
        assert np.allclose(steps, steps.mean(), rtol=1e-6) if len(steps) else len(ticks) == 1
        assert not len(steps) or f"{steps.mean():.3e}"[:5] in ("1.000", "2.000", "5.000")
    assert call(chart, "ticks", 0, 400, 6) == [0, 100, 200, 300, 400]
    assert call(chart, "logTicks", 0.5, 20, 9) == [0.5, 1, 2, 5, 10, 20]
    assert call(chart, "logTicks", 1e-6, 1e6, 7) == [1e-6, 1e-4, 1e-2, 1, 1e2, 1e4, 1e6]


@pytest.mark.parametrize("kind", ["linear", "log", "log1p"])
def test_a_scale_leads_there_and_back(chart, kind):
    values = [0.1, 0.5, 1, 7.3, 99, 100]
    found = call(chart, SCALE, {"low": 0.1, "high": 100, "kind": kind}, 40, 640, values)
    pixels = [at for at, _ in found]
    assert pixels[0] == pytest.approx(40) and pixels[-1] == pytest.approx(640) and pixels == sorted(pixels)
    assert [back for _, back in found] == pytest.approx(values)


def test_the_pen_is_lifted_above_the_top(chart):
    points = [[0, 50, False], [1, 2, True], [2, -1e9, True], [3, 5, True], [4, 60, False]]
    path = call(chart, "penPath", points)
    assert path == {"d": "M0.0,50.0L1.0,2.0M2.0,-5000.0M3.0,5.0L4.0,60.0", "gone": 1}  # and nothing far outside
    assert (
        call(chart, "penPath", points[:1])["gone"] is None
        and call(chart, "path", [[0, 1], [2, 3]]) == "M0.0,1.0L2.0,3.0"
    )


def test_axes_have_a_line_and_a_label_for_each_tick(chart):
    given = {"width": 300, "height": 200, "left": 40, "right": 10, "top": 10, "bottom": 30,
             "x": {"low": 0, "high": 1000}, "y": {"low": 0, "high": 1, "ticks": [0, 1]}}  # fmt: skip
    found = call(chart, "axes", given)
    labels = [mark for mark in found["marks"] if mark[0] == "text"]
    assert [mark[2] for mark in labels] == ["0", "1", "0", "200", "400", "600", "800", "1,000"]
    assert sum(mark[0] == "line" for mark in found["marks"]) == len(labels)
    assert labels[-1][1]["text-anchor"] == "end" and labels[-2][1]["text-anchor"] == "middle"  # none leaves the picture
    bare = call(chart, "axes", given | {"grid": False})["marks"]
    assert {mark[0] for mark in bare} == {"text"}
