"""NextToken: what it accepts, that Python and the page agree on every number and draw, and its figure in a page."""

import re

import numpy as np
import pytest
from traitlets import TraitError

from book.widgets.next_token import NextToken
from helpers import sampling
from tests.widgets.harness import call, calls, module, mounted, painted

WORDS = ["cat", "dog", "<b>bold</b>", "a\nb", " ", "שלום", "e\u0301", "🐈", "cat", ""]
SCORES = [3.0, 2.5, 2.0, 1.5, 1.0, 0.5, 0.0, -0.5, -1.0, -np.inf]


def made(**options):
    return NextToken(SCORES, WORDS, title="The next word", **options)


# Python


@pytest.mark.parametrize(
    ("logits", "tokens", "options", "said"),
    [
        ([], [], {}, "NextToken takes 1 to 65,536 tokens; got 0."),
        ([1.0, 2], ["a"], {}, "Each token needs one logit; got 2 logits for 1 tokens."),
        ([1.0, np.nan], ["a", "b"], {}, "Each logit must be a number or −inf; got NaN."),
        ([1.0, np.inf], ["a", "b"], {}, "got +inf."),
        ([-np.inf, -np.inf], ["a", "b"], {}, "All logits are −inf"),
        (["x", 1.0], ["a", "b"], {}, "must be numbers, one for each token"),
        ([0.0] * 70_000, ["a"] * 70_000, {}, "got 70,000."),
        ([1.0, 2], ["a", "b"], {"top_k": 3}, "top_k must be a whole number from 1 to 2"),
        ([1.0, 2], ["a", "b"], {"top_k": 0}, "got 0."),
        ([1.0, 2], ["a", "b"], {"temperature": 3.1}, "temperature must be a number from 0 to 3; got 3.1."),
        ([1.0, 2], ["a", "b"], {"temperature": -1}, "got -1."),
        ([1.0, 2], ["a", "b"], {"top_p": 1.1}, "top_p must be a number from 0 to 1; got 1.1."),
        ([1.0, 2], ["a", "b"], {"min_p": -0.1}, "got -0.1."),
        ([1.0, 2], ["a", "b"], {"axis": 0.3}, "axis must be one of 1, 0.5"),
        ([1.0, 2], ["a", "b"], {"seed": -1}, "seed must be a whole number from 0 to 4,294,967,295; got -1."),
        ([1.0, 2], ["a", "b"], {"draws": 100_001}, "from 0 to 100,000; got 100001."),
        ([1.0, 2], ["a", "b"], {"drawn_with": [1, 2]}, "5 or 9 in all; got 2."),
        ([1.0, 2], ["a", "b"], {"drawn_with": [1, 5, 1, 1, 0]}, "temperature must be"),
        ([1.0, 2], ["a", "b"], {"second": {"heat": 2}}, "heat"),
        ([1.0, 2], ["a", "b"], {"controls": ["heat"]}, "one of temperature"),
    ],
)
def test_wrong_inputs_get_a_sentence(logits, tokens, options, said):
    with pytest.raises((TraitError, ValueError), match=re.escape(said)):
        NextToken(logits, tokens, **options)


def test_a_wrong_change_leaves_what_was_there():
    figure = made()
    for name, wrong in (("logits", [1.0]), ("logits", [np.nan] * 10), ("tokens", ["a"]), ("top_k", 11)):
        before = getattr(figure, name)
        with pytest.raises(TraitError):
            setattr(figure, name, wrong)
        assert getattr(figure, name) == before
    figure.logits = np.arange(10.0)
    assert figure.distribution().argmax() == 9


def test_it_is_next_distribution_and_samples():
    figure = made(temperature=0.7, top_k=5, top_p=0.9, min_p=0.02, draws=50, seed=7, second={"temperature": 2})
    p = sampling.next_distribution(SCORES, temperature=0.7, top_k=5, top_p=0.9, min_p=0.02)
    assert np.allclose(figure.distribution(), p, rtol=1e-12)
    hot = sampling.softmax(SCORES, 2)
    assert np.allclose(figure.distribution("_b"), hot, rtol=1e-12)
    for which, exact in (("", p), ("_b", hot)):  # the same uniform numbers for both
        assert (figure.drawn(which) == sampling.samples(exact, 50, rng=sampling.Mulberry32(7))).all()


def test_draws_stay_when_a_setting_changes():
    figure = made(draws=200)
    before = figure.drawn()
    figure.temperature, figure.top_k, figure.seed = 0.2, 2, 9
    assert (figure.drawn() == before).all() and len(set(before)) > 2


def test_long_texts_are_cut_and_kept_apart():
    figure = NextToken([1, 2], ["x" * 100_000] * 2, context="y" * 100_000)
    assert len(figure.figure()) < 250_000 and len(figure.tokens[0]) == 61 and figure.context.startswith("…")


def test_the_still_says_what_it_shows():
    figure = made(temperature=0.5)
    p = figure.distribution()
    assert f"{p[0]:.3f}" in figure.alt() and "10 next tokens at temperature 0.5" in figure.alt()
    ax = figure.still()
    assert [patch.get_width() for patch in ax.containers[1]] == pytest.approx(list(p))
    assert ax.get_xlim() == (0, 1) and "<b>bold" not in figure.figure().replace("<b>bold<\\u002fb>", "")


# In a browser


@pytest.fixture
def functions(js):
    """Calls the module's pure functions: functions(name, arguments…)."""
    return lambda name, *arguments: call(js("next_token"), name, *arguments)


def drawn_figures(rng, n):
    """Logits and settings: ties, −inf, every cut at its ends, temperature 0 and close to it."""
    for _ in range(n):
        V = int(rng.choice([1, 2, 5, 40]))
        z = np.round(rng.normal(size=V) * rng.choice([0, 1, 5, 100]), rng.choice([0, 6]))
        z[(rng.random(V) < 0.1) & (np.arange(V) > 0)] = -np.inf
        settings = {
            "temperature": float(rng.choice([0, 1e-3, 0.25, 1, 3, rng.uniform(0, 3)])),
            "top_k": int(rng.integers(1, V + 1)) if rng.random() < 0.6 else V,
            "top_p": float(rng.choice([0, 1, 0.9, 0.99, rng.random()])),
            "min_p": float(rng.choice([0, 1, 0.1, rng.random()])),
        }
        yield NextToken(z, [str(i) for i in range(V)], seed=int(rng.integers(1 << 32)), draws=30, **settings)


def test_python_and_the_page_agree(js):
    figures = list(drawn_figures(np.random.default_rng(3), 400))
    cases = [([-np.inf if z is None else z for z in figure.logits], figure.setting()) for figure in figures]
    every = calls(js("next_token"), "distribution", cases)
    throws = [(one["p"], figure.seed, 30) for one, figure in zip(every, figures, strict=True)]
    thrown = calls(js("next_token"), "throwDarts", throws)
    for figure, (logits, _), found, throws in zip(figures, cases, every, thrown, strict=True):
        assert np.allclose(found["p"], figure.distribution(), rtol=1e-9, atol=1e-300)
        assert abs(sum(found["p"]) - 1) < 1e-9 and found["kept"] == (figure.distribution() > 0).sum()
        plain = sampling.softmax(logits, figure.temperature)
        assert abs(found["cut"] - plain[figure.distribution() == 0].sum()) < 1e-9
        assert throws["ids"] == figure.drawn().tolist()


def test_pieces_fill_the_stick(js):
    p = sampling.softmax(np.random.default_rng(0).normal(size=500) * 3)
    found = call(js("stick"), "p => module.pieces(p, v => v >= 1 / 200)", p.tolist())
    assert [piece["from"] for piece in found[1:]] == pytest.approx([piece["to"] for piece in found[:-1]])
    assert found[0]["from"] == 0 and found[-1]["to"] == pytest.approx(1)
    assert {piece["id"] for piece in found if piece["id"] >= 0} == set(np.flatnonzero(p >= 1 / 200))


def test_darts_rain_one_after_the_other(functions):
    assert functions("tally", [2, 0, 2, 1], 3, 4) == [1, 0, 2, 0] == functions("tally", [2, 0, 2], 9, 4)
    for n in (1, 2, 10, 100):
        times = [functions("rain", n, x / 40) for x in range(41)]
        assert times[0] == {"landed": 0, "air": []} and times[-1] == {"landed": n, "air": []}
        counts = [time["landed"] for time in times]
        assert counts == sorted(counts)
        for time in times:
            air = time["air"]  # of the next ones, in their order
            assert air == sorted(air, reverse=True) and all(0 < far < 1 for far in air)
            assert time["landed"] + len(air) <= n
    assert 0 < functions("rain", 100, 0.5)["landed"] < 50 < 50 + len(functions("rain", 100, 0.5)["air"])


def test_stops_labels_and_settings_from_an_address(functions, js):
    for V in (1, 2, 30, 1000, 50_000):
        ks = call(js("setting"), "stops", V)
        assert ks[0] == 1 and ks[-1] == V and ks == sorted(set(ks)) and len(ks) < 250
        assert set(range(1, min(V, 20))) <= set(ks)
    assert functions("labels", ["cat", " ", "cat", "", "a b"]) == ["cat #0", "␣", "cat #2", "(empty)", "a b"]
    usable = [([1, 1, 5, 1, 0], True), ([1, 1, 5, 1, 0, 3, 10, 0, 1], True), ([], False), ([1, 4, 5, 1, 0], False)]
    usable += [
        ([1, 1, 11, 1, 0], False),
        ([1.5, 1, 1, 1, 0], False),
        (["1", 1, 1, 1, 0], False),
        ([1, 1, 1, 2, 0], False),
    ]
    assert [functions("usable", given, 10) for given, _ in usable] == [wanted for _, wanted in usable]


def test_verdict_answers_why_not_the_most_probable(functions):
    missed = functions("verdict", [0.3, 0.7], {"darts": [0.2], "ids": [0]}, ["a", "b"])
    assert "landed at 0.200, in “a”'s piece. The most probable token, “b”, has 0.700" in missed
    assert "about 30 of 100 darts miss it" in missed
    hit = functions("verdict", [0.3, 0.7], {"darts": [0.9], "ids": [1]}, ["a", "b"])
    assert "in “b”'s piece. “b” is the most probable token, with 0.700" in hit
    many = functions("verdict", [0.3, 0.7], {"darts": [0.1] * 100, "ids": [0] * 25 + [1] * 75}, ["a", "b"])
    assert many.startswith("75 of 100 darts hit “b”") and "We expect 70, give or take 4.6. The other 25" in many
    assert functions("verdict", [0, 1], {"darts": [0.1], "ids": [1]}, ["a", "b"]).startswith("The whole stick is “b”")


def opened(page) -> None:
    """Show what's under More."""
    for fold in page.locator(".nw-more > summary").all():
        fold.click()


def state(page, *names):
    """What the figure shows: each row's label, probabilities, counts."""
    rows = page.locator(".nw-next tbody tr").evaluate_all(
        "rows => rows.map(r => [...r.children].map(c => [...c.querySelectorAll('span,bdi')].map(s => s.textContent)))"
    )
    return {label[-1]: (values[0], counts[0]) for label, _, values, counts in rows}


def test_the_figure_in_a_page(browser):
    figure = made(temperature=0.7, top_k=6, context="Write a poem about a ", seed=3, caption="Some words.")
    size = {"width": 760, "height": 900}
    with mounted(browser, figure, viewport=size, reduced_motion="reduce") as (page, complaints):
        opened(page)
        p, shown = figure.distribution(), state(page)
        assert shown["cat #0"][0] == f"{p[0]:.3f}" and shown["dog"][0] == f"{p[1]:.3f}" and shown["cat #8"][0] == "cut"
        assert "<b>bold</b>" in shown and page.locator(".nw b:text-is('bold')").count() == 0  # text, not HTML
        cut = sampling.softmax(SCORES, 0.7)[p == 0].sum()
        assert shown["cut off"][0] == f"{cut:.3f}"
        facts = page.locator(".nw-next-facts tbody tr").first.inner_text().split("\t")
        assert facts[1:] == [f"{sampling.entropy(p):.2f}", f"{sampling.perplexity(p):.3g}", "6 of 10", f"{cut:.3f}"]
        bar = page.locator(".nw-next-lane").first.locator(".nw-next-bar").evaluate("b => b.style.width")
        assert float(bar[:-1]) == pytest.approx(100 * p[0], rel=1e-3)  # on an axis from 0 to 1

        # draws: the same as in Python; a slider leaves them alone; drawing again throws the same darts
        page.get_by_role("button", name="Throw 10", exact=True).click()
        page.wait_for_function("/ of 11 darts/.test(document.querySelector('.nw [role=status]').textContent)")
        figure.draws = 11
        labels = page.locator(".nw-next-list .nw-token").all_inner_texts()
        names = ["cat #0", "dog", "<b>bold</b>", "a↵b", "␣", "שלום"]
        assert labels == [names[i] for i in figure.drawn()]
        counts = {name: row[1] for name, row in state(page).items()}
        slider = page.get_by_role("slider", name="Temperature", exact=True)
        slider.focus()
        page.keyboard.press("Home")  # temperature 0
        page.wait_for_function("document.querySelector('.nw-next td:nth-child(3)').innerText === '1.000'")
        after = {name: row[1] for name, row in state(page).items()}
        assert after == counts and "These darts used seed 3, temperature 0.7" in page.inner_text(".nw [role=status]")
        page.get_by_role("button", name="Throw 10", exact=True).click()
        page.wait_for_function("/whole stick/.test(document.querySelector('.nw [role=status]').textContent)")
        assert state(page)["cat #0"][1] == "10"

        # every slider by keyboard; a second setting on the same darts
        for name, key in (("Top-k", "ArrowLeft"), ("Top-p", "ArrowLeft"), ("Min-p", "ArrowRight")):
            control = page.get_by_role("slider", name=name, exact=True)
            control.focus()
            before = control.get_attribute("aria-valuetext")
            page.keyboard.press(key)
            page.wait_for_function("([b]) => document.activeElement.getAttribute('aria-valuetext') !== b", arg=[before])
        page.get_by_label("second setting").focus()
        page.keyboard.press("Space")
        page.get_by_role("button", name="Throw 10", exact=True).click()
        page.wait_for_function("document.querySelectorAll('.nw-drawing .nw-next-list p').length === 2")
        figure.draws, figure.drawn_with = 10, [3, 0, 5, 0.99, 0.01, 1, 10, 1, 0]
        every = ["cat #0", "dog", "<b>bold</b>", "a↵b", "␣", "שלום", "é", "🐈", "cat #8", "(empty)"]
        assert page.locator(".nw-next-list p").nth(1).locator(".nw-token").all_inner_texts() == [
            every[i] for i in figure.drawn("_b")
        ]
        assert page.locator(".nw-next-list p").nth(0).locator(".nw-token").all_inner_texts() == ["cat #0"] * 10

        numbers = page.locator(".nw-next tbody tr").first.locator("td").nth(1).locator("span").all_inner_texts()
        assert numbers == ["1.000", f"{sampling.softmax(SCORES)[0]:.3f}"]

        assert not complaints


def test_edges_in_a_page(browser):
    ties = NextToken([1.0, 1.0, 1.0], ["a", "a", "b"], temperature=0, draws=10)
    one = NextToken([-3.0], ["only"], draws=1000)
    plain = NextToken(np.zeros(3000), [f"t{i}" for i in range(3000)], controls=[], axis=0.01, draws=1000)
    long = NextToken([1.0, 0.5, 0.0], ["x" * 100_000, "two words " * 20, "🐈" * 90], draws=20, context="שלום " * 999)
    with mounted(browser, ties, one, plain, long) as (page, complaints):
        opened(page)
        first, second, third = (page.locator("figure").nth(i) for i in range(3))
        assert first.locator("tbody tr").first.inner_text().split() == ["◆●a", "#0", "1.000", "10"]
        assert second.locator("tbody tr").first.inner_text().split() == ["◆●only", "1.000", "1,000"]
        assert "perplexity" in second.inner_text() and "1 of 1" in second.inner_text()
        assert third.locator("input[type=range]").count() == 0 and "2,988 others" in third.inner_text()
        counts = [
            int(text.replace(",", "")) for text in third.locator(".nw-next tbody td:nth-child(4)").all_inner_texts()
        ]
        assert sum(counts) == 1000 and third.locator(".nw-next-facts, .nw-next-options input").count() == 0
        page.set_viewport_size({"width": 320, "height": 700})
        painted(page)
        assert page.evaluate("document.documentElement.scrollWidth") == 320
        assert not complaints


THROWN = """() => [...document.querySelectorAll(".nw-next tbody td:nth-child(4)")]
    .reduce((sum, cell) => sum + Number(cell.textContent.replace(",", "")), 0)"""


def test_darts_rain_and_the_tallies_settle_at_what_python_draws(browser):
    figure = made(draws=0, seed=5)
    with mounted(browser, figure) as (page, complaints):
        go = page.get_by_role("button", name="▶ Throw 100 darts")
        page.evaluate(f"window.thrown = {THROWN}")
        halfway = page.evaluate("""async () => {
            const air = document.querySelector(".nw-next-air");
            document.querySelector(".nw-go").click();
            while (!air.getAttribute("d") || thrown() < 10) await new Promise(requestAnimationFrame);
            return [thrown(), document.querySelector(".nw [role=status]").textContent];
        }""")
        assert 10 <= halfway[0] < 100 and halfway[1] == "No darts yet."  # the tallies say what has landed
        go.click()  # the darts in the air land at once, and a hundred more fall
        page.wait_for_function("() => /of 200 darts/.test(document.querySelector('.nw [role=status]').textContent)")
        figure.draws = 200
        counts = np.bincount(figure.drawn(), minlength=10)
        assert page.evaluate(THROWN) == 200 and page.locator(".nw-next-air").get_attribute("d") == ""
        widths = page.locator(".nw-next-hits").evaluate_all("all => all.map(e => parseFloat(e.style.width) || 0)")
        assert widths[:20:2] == pytest.approx(100 * counts / 200)  # A's, in the order of the logits
        rug = page.locator(".nw-next-rug").get_attribute("d").count("M")
        assert rug == 200 and not complaints


@pytest.mark.parametrize("meanwhile", ["Clear", "temperature", "seed"])
def test_what_happens_while_darts_fall_is_not_lost(browser, meanwhile):
    with mounted(browser, made(draws=0)) as (page, complaints):
        opened(page)
        page.get_by_role("button", name="▶ Throw 100 darts").click()
        page.wait_for_function("() => document.querySelector('.nw-next-air').getAttribute('d')")
        if meanwhile == "Clear":
            page.get_by_role("button", name="Clear").click()
        elif meanwhile == "seed":
            page.get_by_role("spinbutton", name="seed").fill("9")
            page.keyboard.press("Tab")
        else:
            page.get_by_role("slider", name="temperature").first.fill("0.5")
        words = "No darts yet." if meanwhile == "Clear" else "These darts used seed 1"
        page.wait_for_function("w => document.querySelector('.nw [role=status]').textContent.startsWith(w)", arg=words)
        assert page.evaluate(THROWN) == (0 if meanwhile == "Clear" else 100)
        assert page.locator(".nw-next-air").get_attribute("d") == "" and not complaints


def test_with_less_motion_the_darts_are_there_at_once(browser):
    with mounted(browser, made(draws=0), reduced_motion="reduce") as (page, complaints):
        page.evaluate("""() => {
            window.fell = 0;
            new MutationObserver(() => { fell += Boolean(document.querySelector(".nw-next-air").getAttribute("d")); })
                .observe(document.querySelector(".nw-next-air"), { attributes: true });
        }""")
        page.get_by_role("button", name="▶ Throw 100 darts").click()
        page.wait_for_function(f"() => ({THROWN})() === 100")
        painted(page)
        assert page.evaluate("fell") == 0 and not complaints
        bar = page.locator(".nw-next-bar").first
        assert bar.evaluate("e => getComputedStyle(e).transitionDuration") == "0s"


def test_a_bar_and_its_piece_of_the_stick_show_each_other(browser):
    """By the pointer on either, and by the keys."""
    figure = made(draws=20, temperature=0.8)
    with mounted(browser, figure) as (page, complaints):
        lit, told = page.locator(".nw-next-lit").first, page.locator(".nw-next-told")
        rows = page.locator(".nw-next tbody tr")
        assert not told.is_visible() and lit.get_attribute("d") in (None, "")
        rows.nth(1).hover()
        p, hits = figure.distribution(), np.bincount(figure.drawn(), minlength=10)
        own = sampling.softmax(SCORES)
        assert told.inner_text() == (
            f"“dog”: {p[1]:.3f} of the stick (dashed: {own[1]:.3f} at temperature 1 with nothing cut); "
            f"{hits[1]} of 20 darts hit it ({hits[1] / 20:.3f})."
        )
        assert not page.locator(".nw-next-said").is_visible()
        piece, stick = lit.bounding_box(), page.locator(".nw-drawing svg").bounding_box()
        assert (piece["x"] - stick["x"]) / stick["width"] == pytest.approx(p[0], abs=0.01)
        assert piece["width"] / stick["width"] == pytest.approx(p[1], abs=0.01)
        page.mouse.move(stick["x"] + stick["width"] * (p[0] + p[1] + p[2] / 2), piece["y"] + 10)
        assert "<b>bold</b>" in told.inner_text() and rows.nth(2).get_attribute("class").count("nw-next-pointed") == 1
        page.mouse.move(0, 0)
        assert not told.is_visible() and page.locator(".nw-next-said").is_visible()
        rows.first.focus()
        page.keyboard.press("ArrowUp")
        assert "“cat #0”" in told.inner_text() and "◆ most probable" in told.inner_text()
        page.keyboard.press("ArrowDown")
        assert "“dog”" in told.inner_text() and page.evaluate("document.activeElement.tabIndex") == 0
        assert rows.first.evaluate("e => e.tabIndex") == -1 and not complaints
        rows.first.evaluate("e => e.parentElement.lastElementChild.focus()")
        assert told.inner_text() == "Cut off: 0 of the stick."


def test_few_sliders_are_at_rest_and_of_many_the_temperature(browser):
    """With a second setting, its temperature, too."""
    given = {"temperature": 0.5}
    for controls, wanted in {
        ("temperature",): ["Temperature"],
        ("temperature", "top_k"): ["Temperature", "Top-k"],
        ("top_p", "temperature", "top_k"): ["Temperature"],
    }.items():
        for second in (None, given):
            figure = made(controls=list(controls), second=second)
            with mounted(browser, figure) as (page, complaints):
                names = page.locator(".nw input[type=range]:visible").evaluate_all(
                    "all => all.map(e => e.closest('label').querySelector('span').innerText.trim())"
                )
                found = [name.split("\n")[0] for name in names if "of setting B" not in name]
                assert found == wanted and len(names) == len(wanted) + (second is not None)
                opened(page)
                sliders = page.locator(".nw input[type=range]:visible").count()
                assert sliders == len(controls) * (1 + (second is not None)) and not complaints


RENDERED = """async state => {  // a model as in JupyterLab, with two views; it says how many listeners are left
    const heard = [], el = document.body;
    window.model = {
        get: name => state[name], save_changes() {}, send() {},
        set(name, value) {
            state[name] = value;
            heard.filter(([e]) => e === `change:${name}`).forEach(([, f]) => f());
        },
        on: (events, f) => events.split(' ').forEach(e => heard.push([e, f])),
        off: (event, f) => heard.splice(heard.findIndex(([e, g]) => e === event && g === f), 1),
    };
    window.ends = [module.default.render({ model, el }), module.default.render({ model, el })];
    window.listeners = () => heard.length;
}"""


def test_views_stay_in_step_follow_python_and_clean_up(browser):
    figure = made()
    with module(browser, "next_token") as page:
        page.evaluate(RENDERED, figure.state())
        page.get_by_role("slider", name="Temperature", exact=True).first.fill("0")
        page.evaluate("model.set('temperature', 0.5)")
        page.evaluate("model.set('logits', [0, 9, 1, 1, 1, 1, 1, 1, 1, null])")  # as Python would
        page.evaluate("model.set('bars', 3)")
        painted(page)
        rows = page.locator(".nw-next").evaluate_all("tables => tables.map(t => t.tBodies[0].innerText)")
        assert rows[0] == rows[1] and rows[0].split()[:2] == ["◆●dog", "1.000"] and "7 others" in rows[0]
        page.evaluate("ends.forEach(end => end())")
        assert page.evaluate("[listeners(), document.querySelectorAll('.nw').length]") == [0, 0]
