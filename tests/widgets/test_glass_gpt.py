"""The glass GPT: every number in it is NumPy's, with each switch; where things are; the arithmetic; the page."""

import re

import numpy as np
import pytest
import traitlets

from book.widgets import GlassGPT
from book.widgets.glass_gpt import trace
from book.widgets.recording import passes, record
from book.widgets.weights import packed
from helpers import sampling
from helpers.gpt import GPT
from helpers.llama import Llama, LlamaConfig
from helpers.models import load_gpt
from tests.firefox import firefox, installed
from tests.widgets import harness
from tests.widgets.examples import SENTENCE, glass_gpt
from tests.widgets.harness import call, calls
from tests.widgets.test_model import tiny

# Feeds texts with switches, one after the other, and returns everything that is known after the last one
RUN = """([weights, wasm, feeds]) => {
    const net = module.gpt(module.unpackedWeights(weights)), g = module.glass(net, wasm);
    for (const [ids, switches] of feeds) g.feed(ids, { ...module.UNTOUCHED, ...switches });
    const { C, H, L, N } = g, T = g.ids.length, rows = (all, width) => Array.from(all.subarray(0, T * width));
    const maps = all => Array.from({ length: H }, (_, h) => Array.from({ length: T }, (_, t) =>
        Array.from(all.subarray((h * N + t) * N, (h * N + t) * N + T))));
    const blocks = g.blocks.map(b => ({
        normal1: rows(b.normal1, C), qkv: rows(b.qkv, 3 * C), mixed: rows(b.mixed, C), attended: rows(b.attended, C),
        normal2: rows(b.normal2, C), before: rows(b.before, 4 * C), units: rows(b.units, 4 * C),
        added: rows(b.added, C), scores: maps(b.scores), weights: maps(b.weights),
    }));
    const logits = Array.from({ length: T }, (_, t) => Array.from(g.logits(2 * L, t)));
    return { stream: g.stream.map(x => rows(x, C)), blocks, logits };
}"""
SWITCHES = [
    {},
    {"heads": [[0, 1], [1, 3]]},
    {"mlps": [0]},
    {"mlps": [1], "positions": False},
    {"mask": False},
    {"nudges": [[0, 2, 5, 1.5], [3, 7, 100, -2.0], [4, 7, 0, 0.25]]},
    {"heads": [[1, 0]], "mlps": [1], "positions": False, "mask": False, "nudges": [[2, 1, 1, 3.0]]},
]
MODEL, TOKENIZER = load_gpt("poems")
IDS = TOKENIZER.encode(SENTENCE + "\n")


@pytest.fixture
def glass_js(js, tmp_path_factory):
    """glass_model.js together with what it takes a model from."""
    folder = tmp_path_factory.mktemp("glass")
    (folder / "all.js").write_text(
        "\n".join(f'export * from "{harness.HERE}/{name}.js";' for name in ("glass_model", "model", "rows"))
    )
    return js("all", folder)


def same(found: dict, exact: dict, T: int, atol: float) -> None:
    """Every array of both traces; of scores and weights, what the mask lets through."""
    for ours, theirs in zip(found["stream"], exact["stream"], strict=True):
        np.testing.assert_allclose(np.reshape(ours, (T, -1)), theirs, atol=atol)
    for ours, theirs in zip(found["blocks"], exact["blocks"], strict=True):
        assert ours.keys() == theirs.keys()
        for name in ours:
            a, b = np.reshape(ours[name], theirs[name].shape), theirs[name]
            seen = exact["blocks"][0]["weights"] > 0 if name in ("scores", "weights") else np.full(b.shape, True)
            np.testing.assert_allclose(a[seen], b[seen], atol=atol, err_msg=name)
    np.testing.assert_allclose(found["logits"], exact["logits"], atol=atol)


@pytest.mark.parametrize("wasm", [True, False])
@pytest.mark.parametrize("switches", SWITCHES, ids=str)
def test_every_number_is_numpys(switches, wasm, glass_js):
    found = glass_js.evaluate(RUN, [packed(MODEL, "float32"), wasm, [[IDS, switches]]])
    same(found, trace(MODEL, IDS, **switches), len(IDS), 2e-4)


def test_every_number_of_the_other_shipped_model_too(glass_js):
    model, tokenizer = load_gpt("shakespeare")
    ids = tokenizer.encode("Write a poem about a cat.")
    found = glass_js.evaluate(RUN, [packed(model, "float32"), True, [[ids, {}]]])
    same(found, trace(model, ids), len(ids), 2e-4)


def test_the_trace_ends_where_the_model_does():
    exact = MODEL(np.array(IDS)[None]).data[0]
    np.testing.assert_allclose(trace(MODEL, IDS)["logits"], exact, atol=1e-4)
    weights = MODEL.attention_weights(np.array(IDS))
    found = [block["weights"] for block in trace(MODEL, IDS)["blocks"]]
    np.testing.assert_allclose(found, weights, atol=1e-5)


@pytest.mark.parametrize("wasm", [True, False])
def test_what_was_computed_before_leaves_no_trace(wasm, glass_js):
    """Typing on, going back, every switch on and off in any order: as if the last text had been read alone."""
    rng = np.random.default_rng(0)
    model = tiny(rng, vocab_size=9, context=20, layers=2, heads=2, channels=16)
    feeds, text = [], rng.integers(0, 9, 20).tolist()
    for _ in range(60):
        text[int(rng.integers(20))] = int(rng.integers(9))
        switches = {
            "heads": [[b, h] for b in range(2) for h in range(2) if rng.random() < 0.2],
            "mlps": [b for b in range(2) if rng.random() < 0.2],
            "positions": bool(rng.random() < 0.8),
            "mask": bool(rng.random() < 0.8),
            "nudges": [[int(rng.integers(5)), 0, 3, 1.0]] if rng.random() < 0.3 else [],
        }
        ids = text[: int(rng.integers(1, 21))] if rng.random() < 0.7 or not feeds else feeds[-1][0]
        feeds.append([list(ids), switches])
        found = glass_js.evaluate(RUN, [packed(model, "float32"), wasm, feeds])
        same(found, trace(model, ids, **switches), len(ids), 1e-4)


def test_models_of_other_shapes(glass_js):
    rng = np.random.default_rng(1)
    for shape in (
        {"vocab_size": 7, "context": 5, "layers": 1, "heads": 1, "channels": 3},
        {"vocab_size": 11, "context": 9, "layers": 3, "heads": 3, "channels": 24},
    ):
        model = tiny(rng, **shape)
        ids = rng.integers(0, shape["vocab_size"], shape["context"]).tolist()
        found = glass_js.evaluate(RUN, [packed(model, "float32"), True, [[ids, {}]]])
        same(found, trace(model, ids), len(ids), 1e-4)


def test_webassembly_is_used_where_it_fits(glass_js):
    fast = glass_js.evaluate("([wasm]) => module.multiplier(wasm, 8).fast", [True])
    slow = glass_js.evaluate("([wasm]) => module.multiplier(wasm, 8).fast", [False])
    assert fast and not slow


# The weights before training


def test_normal_numbers_are_numpys(js):
    """200,000 of them reach the ziggurat's tail and its wedges."""
    rng = np.random.default_rng(7)
    state = {name: f"{value:x}" for name, value in rng.bit_generator.state["state"].items()}
    found = js("glass_model").evaluate(
        "s => { const draw = module.normals(s); return Array.from({ length: 200000 }, draw); }", state
    )
    exact = rng.standard_normal(200_000)
    assert np.abs(exact).max() > 3.66  # the tail
    np.testing.assert_allclose(found, exact, atol=1e-9)


@pytest.mark.parametrize("name", ["poems", "shakespeare"])
def test_the_first_weights_are_those_training_began_with(name, js):
    model, _ = load_gpt(name)
    rng = np.random.default_rng(0)
    state = {key: int(value, 16) for key, value in model.start.items()}
    rng.bit_generator.state = rng.bit_generator.state | {"state": state}
    fresh = GPT(model.config, rng=rng)
    found = js("glass_model").evaluate(
        """([config, start]) => [...module.firstWeights(config, start)].map(([name, { values, shape }]) =>
            [name, shape, Array.from(values.filter((_, i) => i % 97 === 0))])""",
        [vars(model.config), model.start],
    )
    parameters = dict(fresh.named_parameters())
    assert {name for name, _, _ in found} == set(parameters)
    for part, shape, values in found:
        assert list(parameters[part].shape) == shape
        np.testing.assert_allclose(values, parameters[part].data.ravel()[::97], atol=1e-7, err_msg=part)
    # and training moved them, but not so far that nothing of them is left: they are this model's
    up = "blocks.0.mlp.up.weight"
    trained = dict(model.named_parameters())[up].data
    assert 0.4 < np.corrcoef(trained.ravel(), parameters[up].data.ravel())[0, 1] < 0.9


def test_a_generator_can_say_where_a_model_began():
    model = GPT(MODEL.config, rng=np.random.default_rng(5))
    figure = GlassGPT(model, TOKENIZER, start=np.random.default_rng(5))
    assert figure.start["state"] == f"{np.random.default_rng(5).bit_generator.state['state']['state']:x}"
    assert GlassGPT(model, TOKENIZER).start == {} and GlassGPT(MODEL, TOKENIZER).start == MODEL.start
    with pytest.raises(ValueError, match="start must be a generator from np.random.default_rng; got one with MT19937."):
        GlassGPT(model, TOKENIZER, start=np.random.Generator(np.random.MT19937(0)))


# Small parts


def test_the_first_change(js):
    module, plain = js("glass_model"), {"heads": [], "mlps": [], "positions": True, "mask": True, "nudges": []}
    for change, stage in (
        ({}, float("inf")),
        ({"heads": [[1, 0]]}, 3),
        ({"mlps": [0]}, 2),
        ({"mask": False}, 1),
        ({"positions": False, "mlps": [1]}, 0),
        ({"nudges": [[4, 0, 0, 1.0]], "heads": [[1, 1]]}, 3),
    ):
        assert calls(module, "firstChange", [[plain, plain | change], [plain | change, plain]]) == [stage, stage]


def test_lists_from_a_link_are_checked(js):
    module, size = js("glass_state"), {"L": 2, "H": 4, "C": 8, "N": 16, "V": 30, "T": 5}
    bad = [[1], [0, 1], [1, 5], [3, 1], ["1", "2"], None, {}, [1.5, 1]]
    given = {"heads_off": [[2, 4], *bad], "mlps_off": [1, 0, 3, "1", None], "positions": True, "mask": False,
             "nudges": [[4, 15, 7, 0.5], [5, 0, 0, 1], [0, 16, 0, 1], [0, 0, 8, 1], [0, 0, 0, None], 3]}  # fmt: skip
    found = call(module, "switchesFrom", given, size)
    assert found == {"heads": [[1, 3]], "mlps": [0], "positions": True, "mask": False, "nudges": [[4, 15, 7, 0.5]]}
    assert call(module, "switchesFrom", {"heads_off": "no", "mlps_off": {}, "nudges": 3}, size)["heads"] == []
    for pick in ([], ["cell"], ["cell", 5, 0], ["cell", 0, 8], ["look", 2, 0, 0], ["look", 0, 0, 5], ["unit", 0, 32],
                 ["unit", 0, 0.5], ["word", 30], ["sum", "x", 0], ["sum", "token", 8], ["what", 1]):  # fmt: skip
        assert call(module, "spotFrom", pick, 3, size) is None, pick
    for pick in (["cell", 4, 7], ["look", 1, 3, 4], ["unit", 1, 31], ["word", 29], ["sum", "position", 7]):
        spot = call(module, "spotFrom", pick, 3, size)
        assert spot["lane"] == 3 and call(module, "pickOf", spot) == pick


def test_switching_twice_changes_nothing(js):
    module = js("glass_state")
    assert call(module, "toggled", [[1, 2]], [1, 3]) == [[1, 2], [1, 3]]
    assert call(module, "toggled", [[1, 2], [1, 3]], [1, 2]) == [[1, 3]]
    assert call(module, "nudgedAt", [[0, 1, 2, 3]], 0, 1, 2, 0) == []
    assert call(module, "nudgedAt", [[0, 1, 2, 3]], 0, 1, 2, 4) == [[0, 1, 2, 4]]


def test_the_stick_holds_everything(js):
    module, p = js("glass_end"), np.array([0.1, 0.05, 0.5, 0.0, 0.15, 0.2])
    given = [{"id": i, "p": float(p[i]), "from": float(p[:i].sum())} for i in (5, 2, 3)]
    pieces = call(module, "stickOf", given)
    assert [piece["id"] for piece in pieces] == [-1, 2, -1, 5]
    edges = [(piece["from"], piece["to"]) for piece in pieces]
    np.testing.assert_allclose(edges, [(0, 0.15), (0.15, 0.65), (0.65, 0.8), (0.8, 1)])
    assert call(module, "stickOf", []) == [{"id": -1, "from": 0, "to": 1}]
    assert call(module, "rowsOf", [3, 1, 2], 7) == [3, 1, 7] and call(module, "rowsOf", [3, 1, 2], 1) == [3, 1, 2]
    assert call(module, "rowsOf", [3, 1, 2], -1) == [3, 1, 2]


SIZES = [(1120, 8, 7, 2, ""), (900, 64, 40, 4, "attention"), (650, 1, 0, 1, "mlp"), (1000, 12, 3, 2, "embedding"),
         (344, 8, 5, 2, ""), (320, 64, 63, 4, "embedding")]  # fmt: skip


@pytest.mark.parametrize(("width", "T", "lane", "L", "focus"), SIZES)
def test_every_cell_is_where_it_is_drawn(width, T, lane, L, focus, js):
    """The middle of each cell of each strip and field leads back to it, and ribbons to the one that was meant."""
    wrong = js("glass_place").evaluate(
        """([width, T, lane, L, focus, C]) => {
            const { places, boxOf, rowsOf, spotAt, ribbon, along } = module;
            const at = places({ width, T, lane, L, H: 4, focus }), wrong = [], none = () => 0;
            for (const part of at.parts) {
                if (part.kind === "attention") {
                    for (const [head, from] of [[0, 0], [2, lane], [3, T - 1]]) {
                        const only = (b, h, s) => (b === part.block && h === head && s === from ? 0.8 : 0);
                        const [x, y] = along(ribbon(at, part, head, from), 0.5, at.narrow);
                        const spot = spotAt(at, x, y, { C }, only);
                        if (spot?.head !== head || spot.from !== from) wrong.push(["ribbon", head, from, spot]);
                    }
                    continue;
                }
                const n = part.kind === "mlp" ? 4 * C : C;
                for (const t of at.narrow ? [lane] : [0, lane, T - 1]) {
                    const box = boxOf(at, part, t), rows = rowsOf(n, part.kind, t === lane, at.narrow);
                    const across = n / rows;
                    for (let i = 0; i < n; i++) {
                        const x = box.x + (i % across + 0.5) / across * box.w;
                        const y = box.y + (Math.floor(i / across) + 0.5) / rows * box.h;
                        const spot = spotAt(at, x, y, { C }, none);
                        if (spot?.lane !== t || spot.index !== i) wrong.push([part.kind, t, i, spot]);
                    }
                }
            }
            const end = at.parts[at.parts.length - 1];
            if (end.x + end.w > width) wrong.push("too wide");
            return [wrong.slice(0, 5), at.height];
        }""",
        [width, T, lane, L, focus, 128],
    )
    assert wrong[0] == [] and 30 < wrong[1] < 1600


def test_a_wave_has_three_parts(js):
    shares = [0, 0.3, 0.62, 0.7, 0.82, 0.9, 1]
    found = calls(js("glass_place"), "waveAt", [[share] for share in shares])
    assert found[0] == {"front": 0, "dart": 0, "join": 0} and found[-1] == {"front": 1, "dart": 1, "join": 1}
    for wave in found:
        assert (wave["dart"] == 0 or wave["front"] == 1) and (wave["join"] == 0 or wave["dart"] == 1)


# The arithmetic

EXPLAIN = """([weights, ids, spots, switches]) => {
    const net = module.gpt(module.unpackedWeights(weights)), g = module.glass(net);
    g.feed(ids, { ...module.UNTOUCHED, ...switches });
    return spots.map(spot => {
        const found = spot.kind === "word"
            ? module.explainWord(g, net, { ...spot, logits: g.logits(2 * g.L, spot.lane) }, "“x”")
            : module.explain(g, net, spot, t => `“${t}”`);
        return { ...found, vectors: found.vectors.map(v => ({ ...v, values: Array.from(v.values) })) };
    });
}"""
NUMBER = r"\(?(−?[\d,]+(?:\.\d+)?)\)?"


@pytest.fixture
def lens_js(js, tmp_path_factory):
    folder = tmp_path_factory.mktemp("lens")
    names = ("glass_model", "model", "glass_lens")
    (folder / "all.js").write_text("\n".join(f'export * from "{harness.HERE}/{name}.js";' for name in names))
    return js("all", folder)


def value(text: str) -> float:
    return float(text.strip("()").replace("−", "-").replace(",", ""))


def checked(line: str) -> int:
    """How many results in a line follow from the numbers shown, to the digit. Asserts that all do."""
    count = 0
    for a, b, c in re.findall(rf"{NUMBER} ÷ {NUMBER} = {NUMBER}", re.sub(r"e\^.*", "", line)):
        digits = len(c.partition(".")[2])
        assert f"{value(a) / value(b):.{digits}f}" == f"{value(c):.{digits}f}", line
        count += 1
    for terms, c in re.findall(rf"((?:{NUMBER} \+ )+{NUMBER}) = {NUMBER}".replace("(−?", "(?:−?", 2), line):
        digits = len(c.partition(".")[2])
        total = sum(value(term) for term in terms.split(" + "))
        assert abs(total - value(c)) < 0.5001 * 10.0**-digits, line
        count += 1
    for a, b, c in re.findall(rf"e\^\((−?[\d.]+) − {NUMBER}\) = {NUMBER}", line):
        digits = len(c.partition(".")[2])
        assert f"{np.exp(value(a) - value(b)):.{digits}f}" == f"{value(c):.{digits}f}", line
        count += 1
    for a, b, t, c in re.findall(rf"e\^\(\((−?[\d.]+) − {NUMBER}\) ÷ {NUMBER}\) = {NUMBER}", line):
        digits = len(c.partition(".")[2])
        assert f"{np.exp((value(a) - value(b)) / value(t)):.{digits}f}" == f"{value(c):.{digits}f}", line
        count += 1
    return count


def test_the_arithmetic_checks_out_to_the_digit(lens_js):
    """What a reader gets with the numbers shown is the result shown, for hundreds of spots; and they're NumPy's."""
    rng = np.random.default_rng(0)
    spots = []
    for _ in range(150):
        lane = int(rng.integers(8))
        spots += [
            {"kind": "look", "lane": lane, "block": int(rng.integers(2)), "head": int(rng.integers(4)),
             "from": int(rng.integers(lane + 1))},
            {"kind": "unit", "lane": lane, "block": int(rng.integers(2)), "index": int(rng.integers(512))},
            {"kind": "cell", "lane": lane, "stage": int(rng.integers(5)), "index": int(rng.integers(128))},
            {"kind": "word", "lane": lane, "id": int(rng.integers(40)), "temperature": float(rng.choice([0.5, 1, 2]))},
        ]  # fmt: skip
    spots.append({"kind": "cell", "lane": 2, "stage": 3, "index": 9})
    nudges = [[3, 2, 9, 0.625]]
    found = lens_js.evaluate(EXPLAIN, [packed(MODEL, "float32"), IDS, spots, {"nudges": nudges}])
    exact = trace(MODEL, IDS, nudges=nudges)
    assert sum(checked(line) for one in found for line in one["lines"]) > 1000
    for spot, one in zip(spots, found, strict=True):
        text, t = " ".join(one["lines"]), spot["lane"]
        if spot["kind"] == "look":
            block = exact["blocks"][spot["block"]]
            weight = block["weights"][spot["head"], t, spot["from"]]
            assert abs(value(re.findall(rf"= {NUMBER}", text)[-1]) - weight) < 0.00051
            query = block["qkv"][t].reshape(3, 4, 32)[0, spot["head"]]
            np.testing.assert_allclose(one["vectors"][0]["values"], query, atol=1e-4)
            v = block["qkv"][spot["from"]].reshape(3, 4, 32)[2, spot["head"]]
            np.testing.assert_allclose(one["vectors"][3]["values"], weight * v, atol=1e-4)
        elif spot["kind"] == "unit":
            unit = exact["blocks"][spot["block"]]["units"][t, spot["index"]]
            assert abs(value(re.findall(rf"GELU\(.*?\) = {NUMBER}", text)[0]) - unit) < 0.00051
            row = MODEL.blocks[spot["block"]].mlp.down.weight.data[spot["index"]]
            np.testing.assert_allclose(one["vectors"][3]["values"], unit * row, atol=1e-4)
        elif spot["kind"] == "cell":
            cell = exact["stream"][spot["stage"]][t, spot["index"]]
            assert abs(value(re.findall(rf"= {NUMBER}", one["lines"][0])[-1]) - cell) < 0.00061
            if spot["stage"] % 2:  # what attention adds is the sum of what its heads add
                added = exact["blocks"][spot["stage"] // 2]["attended"][t, spot["index"]]
                assert abs(value(re.findall(rf"= {NUMBER}", one["lines"][1])[-1]) - added) < 0.00061
        else:
            z = exact["logits"][t].astype(np.float64) / spot["temperature"]
            p = np.exp(z - z.max()) / np.exp(z - z.max()).sum()
            assert abs(value(re.findall(rf"= {NUMBER}", text)[-1]) - p[spot["id"]]) < 0.00061
    assert "your change" in found[-1]["lines"][0]


def test_decimals_are_as_many_as_it_takes(js):
    module = js("glass_lens")
    assert call(module, "shown", -0.0004, 2) == "0.00"  # never −0.00
    assert call(module, "sumLine", [0.1, 0.2], 2) == "0.10 + 0.20 = 0.30"
    assert call(module, "sumLine", [0.1049, 0.1049], 2) == "0.105 + 0.105 = 0.21"
    assert call(module, "sumLine", [1.24, -0.5], 1) == "1.2 + (−0.5) = 0.7"


# The page


def bars(page) -> dict[str, float]:
    rows = page.locator(".nw-glass-bars button").all()
    return {row.locator("bdi").inner_text(): row.locator(".nw-glass-value").inner_text() for row in rows}


def test_the_figure_in_a_page(browser):
    """What it shows is Python's; a switch changes the bars; the words it writes are those `write` writes."""
    figure = glass_gpt(speed="instant")
    with harness.mounted(browser, figure, viewport={"width": 1200, "height": 900}) as (page, complaints):

        def agrees():
            names, p = figure._bars()
            shown = {name: "<0.001" if share < 0.0005 else f"{share:.3f}" for name, share in zip(names, p, strict=True)}
            page.wait_for_function(
                "([name, value]) => [...document.querySelectorAll('.nw-glass-bars button')].some(b => "
                "b.querySelector('bdi').innerText === name && b.querySelector('.nw-glass-value').innerText === value)",
                arg=[names[0], shown[names[0]]],
            )
            found = bars(page)
            close = [name for name in shown if name in found and found[name] == shown[name]]
            assert len(close) >= 6, (found, shown)

        agrees()
        head = page.get_by_role("button", name="Head 1 of block 2")
        head.click()
        figure.heads_off = [[2, 1]]
        agrees()
        assert head.get_attribute("aria-pressed") == "false" and "1 head" in page.inner_text(".nw-glass-told")
        page.get_by_role("button", name="MLP of block 1", exact=True).click()
        page.get_by_role("button", name="Positions", exact=True).click()
        figure.mlps_off, figure.positions = [1], False
        agrees()
        page.get_by_text("More", exact=True).click()
        page.get_by_label("Mask: no looking ahead").uncheck()
        figure.mask = False
        agrees()
        page.get_by_role("button", name="Reset everything").click()
        figure.heads_off, figure.mlps_off, figure.positions, figure.mask = [], [], True, True
        agrees()
        for _ in range(3):
            count = page.locator(".nw-glass-names button:visible").count()
            page.get_by_role("button", name="Next word").click()
            page.wait_for_function(
                "n => [...document.querySelectorAll('.nw-glass-names button')].filter(b => !b.hidden).length === n",
                arg=count + 1,
            )
        figure.write(3)
        assert page.locator(".nw-glass-names button:visible").all_inner_texts()[-3:] == [
            TOKENIZER.vocab[i] for i in figure.written
        ]
        agrees()
        page.get_by_role("button", name="Write to the end").click()
        page.get_by_role("button", name="↺ Start over").wait_for()
        figure.write(60)
        written = page.locator(".nw-glass-names button:visible").all_inner_texts()[len(IDS) :]
        assert written == ["■" if i == figure.end else TOKENIZER.vocab[i].replace("\n", "↵") for i in figure.written]
        page.get_by_role("button", name="↺ Start over").click()
        page.wait_for_function("n => document.querySelectorAll('.nw-glass-names button:not([hidden])').length === n",
                               arg=len(IDS))  # fmt: skip
        assert not complaints, complaints


def test_by_keyboard_and_by_ear(browser):
    with harness.mounted(browser, glass_gpt(pick=[]), viewport={"width": 1200, "height": 900}) as (page, complaints):
        assert not page.locator(".nw-glass-lens").is_visible()
        tokens = page.locator(".nw-glass-names button")
        tokens.last.focus()
        page.keyboard.press("ArrowUp")
        page.keyboard.press("ArrowUp")
        page.wait_for_function("document.querySelector('.nw-glass-after').innerText.includes('cat')")
        assert page.evaluate("document.activeElement.innerText") == "cat"
        assert page.locator(".nw-glass-was bdi").inner_text() == "."
        page.get_by_role("button", name="Look into block 2's attention").press("Enter")
        page.locator(".nw-glass-lens").wait_for()
        assert "block 2: how much “cat” attends to" in page.inner_text(".nw-glass-lens-title")
        query = page.get_by_role("slider", name="query, 32 numbers")
        query.press("End")
        page.wait_for_function(
            "document.querySelector('.nw-glass-vector input').getAttribute('aria-valuetext').startsWith('query[31] = ')"
        )
        page.get_by_role("button", name="Look into block 1's MLP").press("Enter")
        page.wait_for_function("document.querySelector('.nw-glass-lens-title').innerText.startsWith('Unit')")
        assert "so the unit is active." in page.inner_text(".nw-glass-lens")
        page.get_by_role("button", name="Look into the embedding").press("Enter")
        slider = page.get_by_role("slider", name="Move this channel")
        slider.wait_for()
        slider.press("End")
        page.wait_for_function("document.querySelector('.nw-glass-told').innerText.includes('1 channel moved')")
        assert "your change" in page.inner_text(".nw-glass-lens")
        assert page.locator("button:not([hidden])", has_text="Show the whole picture").count() == 1
        page.get_by_text("Show as a table").click()
        table = page.locator(".nw-glass-table")
        table.locator("tbody tr").first.wait_for()
        assert "For “cat”, token 6 of 8" in table.inner_text() and table.locator("tbody tr").count() == 5
        page.get_by_role("button", name="Close").click()
        page.wait_for_function("document.querySelector('.nw-glass-lens').hidden")
        assert not complaints, complaints


def test_by_mouse(browser):
    """Hovering says a cell's number, a click picks it, dragging moves it, a click on another lane chooses that."""
    with harness.mounted(browser, glass_gpt(pick=[]), viewport={"width": 1200, "height": 900}) as (page, complaints):
        box = page.locator(".nw-glass-stage canvas").bounding_box()
        x, y = box["x"] + 120, box["y"] + box["height"] - 40
        page.mouse.move(x, y)
        page.wait_for_function("!document.querySelector('.nw-glass-tip').hidden")
        said = page.inner_text(".nw-glass-tip")
        channel = int(re.search(r"channel (\d+)", said)[1])
        number = trace(MODEL, IDS)["stream"][0][-1, channel]
        assert abs(value(said.rpartition(": ")[2]) - number) < 0.02  # the figure's weights have 8 bits
        page.mouse.down()
        page.mouse.up()
        page.locator(".nw-glass-lens").wait_for()
        assert f"Channel {channel} of “↵”, after the embedding" in page.inner_text(".nw-glass-lens-title")
        before = bars(page)
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x, y - 30)
        page.mouse.move(x, y - 120)
        page.mouse.up()
        page.wait_for_function("document.querySelector('.nw-glass-told').innerText.includes('moved by hand')")
        assert bars(page) != before
        page.mouse.click(x, box["y"] + 8)
        page.wait_for_function("document.querySelector('.nw-glass-names [aria-pressed=true]').innerText === 'Write'")
        assert not complaints, complaints


def test_a_wave_fills_the_lane_and_old_lanes_stay_still(browser):
    figure = glass_gpt(pick=[], speed="slow")
    with harness.mounted(browser, figure, viewport={"width": 1200, "height": 900}) as (page, complaints):
        lanes = """() => { const c = document.querySelector('.nw-glass-stage canvas'), t = c.getContext('2d');
            const strip = (y, h) => t.getImageData(c.width - 75, y, 60, h).data; // the last one
            const sum = (y, h) => strip(y, h).reduce((a, b) => a + b, 0);
            return [sum(1, 20), sum(c.height - 60, 50)]; }"""
        page.evaluate(harness.PAINTED)
        old, own = page.evaluate(lanes)
        page.get_by_role("button", name="Next word").click()
        page.wait_for_function("document.querySelector('.nw-glass-waiting')")
        page.evaluate(harness.PAINTED)
        during, running = page.evaluate(lanes)
        assert during == old and running < own
        page.get_by_role("button", name="Next word").click()  # impatient: this word at once, and then the next
        page.wait_for_function(
            "n => [...document.querySelectorAll('.nw-glass-names button')].filter(b => !b.hidden).length === n",
            arg=len(IDS) + 1,
        )
        page.wait_for_function("document.querySelector('.nw-glass-waiting')")


def test_a_switch_on_the_way_changes_what_is_drawn(browser):
    """The dart falls on the bars that show, not on those from before the wave."""
    figure = glass_gpt(pick=[], speed="normal", seed=2)
    lanes = "[...document.querySelectorAll('.nw-glass-names button')].filter(b => !b.hidden).map(b => b.innerText)"
    with harness.mounted(browser, figure, viewport={"width": 1200, "height": 900}) as (page, complaints):
        page.get_by_role("button", name="Next word").click()
        page.wait_for_function("document.querySelector('.nw-glass-waiting')")
        page.get_by_role("button", name="MLP of block 1", exact=True).click()
        page.wait_for_function(f"{lanes}.length === {len(IDS) + 1}")
        before = glass_gpt(seed=2)
        before.write(1)
        figure.mlps_off = [1]
        figure.write(1)
        assert before.written != figure.written  # or this test would show nothing
        assert page.evaluate(lanes)[-1] == TOKENIZER.vocab[figure.written[0]] and not complaints


def test_before_training_it_knows_nothing(browser):
    with harness.mounted(browser, glass_gpt(trained=False), viewport={"width": 1200, "height": 900}) as (page, bad):
        assert all(share in ("<0.001", "0.001", "0.002", "0.003", "0.004", "0.005", "0.006", "0.007", "0.008", "0.009",
                             "0.010") for share in bars(page).values()), bars(page)  # fmt: skip
        assert "random weights" in page.inner_text(".nw-glass-told")
        page.get_by_role("button", name="Before training").click()
        page.wait_for_function("document.querySelector('.nw-glass-value').innerText > '0.5'")
        assert not bad, bad
    other = GlassGPT(tiny(np.random.default_rng(0), **vars(MODEL.config)), TOKENIZER)
    with harness.mounted(browser, other) as (page, bad):
        assert not page.get_by_role("button", name="Before training").is_visible() and not bad


def test_on_a_phone(browser):
    options = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
    with harness.mounted(browser, glass_gpt(pick=[]), **options) as (page, complaints):
        assert page.locator(".nw-glass-narrow").count() == 1
        page.locator(".nw-glass-names button", has_text="cat").tap()
        page.wait_for_function("document.querySelector('.nw-glass-after').innerText.includes('cat')")
        page.get_by_role("button", name="Head 1 of block 1").tap()
        dock = page.locator(".nw-glass-dock").bounding_box()
        assert 0 < dock["y"] < 740 and dock["y"] + dock["height"] <= 741  # the bars stay in sight
        canvas = page.locator(".nw-glass-stage canvas")
        canvas.tap(position={"x": 100, "y": 55})
        page.locator(".nw-glass-lens").wait_for()
        assert "after the embedding" in page.inner_text(".nw-glass-lens-title")
        assert page.evaluate("document.scrollingElement.scrollWidth") <= 360 and not complaints


def test_it_writes_by_itself_once_it_is_seen(browser):
    figure = glass_gpt(auto=3, pick=[])
    tall = '<div style="height:2000px"></div>'
    count = "document.querySelectorAll('.nw-glass-names button:not([hidden])').length"
    with harness.mounted(browser, f"{tall}{figure.figure()}", viewport={"width": 1200, "height": 800}) as (page, bad):
        page.wait_for_timeout(400)
        assert page.evaluate(count) == len(IDS)  # out of sight
        page.locator(".nw-glass-stage").scroll_into_view_if_needed()
        page.wait_for_function(f"{count} === {len(IDS) + 3}")
        page.wait_for_timeout(500)
        assert page.evaluate(count) == len(IDS) + 3 and not bad
        assert page.get_by_role("button", name="▶ Next word").is_visible()
    options = {"viewport": {"width": 1200, "height": 800}, "reduced_motion": "reduce"}
    with harness.mounted(browser, figure, **options) as (page, bad):
        page.wait_for_timeout(600)
        assert page.evaluate(count) == len(IDS) and not bad
        page.get_by_role("button", name="Next word").click()
        page.wait_for_function(f"{count} === {len(IDS) + 1}")


def test_prompts_it_cannot_read(browser):
    with harness.mounted(browser, glass_gpt(pick=[]), viewport={"width": 1200, "height": 800}) as (page, bad):
        box = page.get_by_label("Prompt", exact=True)
        box.fill("")
        page.get_by_text("The prompt is empty. Type something, such as").wait_for()
        box.fill("Write a poem about a xylophone.")
        page.get_by_text("Not in the model's vocabulary, so skipped: “xylophone”.").wait_for()
        box.fill("a cat " * 40)
        page.get_by_text("The model reads at most 64 tokens").wait_for()
        assert page.locator(".nw-glass-names button:visible").count() <= 64
        box.fill("<b>cat</b> 'a\" 😀")
        page.wait_for_function("document.querySelectorAll('.nw-glass-names button:not([hidden])').length < 10")
        assert not bad, bad


# In Python


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"heads_off": [[1, 5]]}, r"heads_off holds \[block, head\] pairs, from 1 to 2 and from 1 to 4; got \[1, 5\]."),
        ({"heads_off": [[1]]}, "heads_off holds"),
        ({"mlps_off": [3]}, "mlps_off holds blocks, from 1 to 2; got 3."),
        ({"written": [5000]}, "written holds token ids, from 0 to 1488; got 5000."),
        ({"focus": "heart"}, "focus must be one of"),
        ({"speed": "ludicrous"}, "speed must be one of slow, normal, fast, instant; got 'ludicrous'."),
        ({"precision": "int4"}, "precision must be one of int8, float16, float32; got 'int4'."),
    ],
)
def test_wrong_settings_get_a_sentence(options, words):
    with pytest.raises((traitlets.TraitError, ValueError), match=words):
        glass_gpt(**options)


def test_an_empty_prompt_gets_a_sentence():
    with pytest.raises(ValueError, match="can't read any of the prompt; got ''"):
        GlassGPT(MODEL, TOKENIZER, "").ids()


def test_the_still_says_what_it_shows():
    figure = glass_gpt()
    assert "2 blocks and 4 heads" in figure.alt() and "“The”, with probability 0.91" in figure.alt()
    assert figure.figure().count("<svg") == 1


# A recording


def small_llama(rng) -> Llama:
    config = LlamaConfig(11, context=24, layers=5, heads=4, kv_heads=2, channels=32, width=48)
    return Llama(config, rng=rng)


class Letters:
    """As much of a tokenizer as a recording needs."""

    vocab = list("abcdefghijk")

    def encode(self, text: str) -> list[int]:
        return [self.vocab.index(letter) for letter in text]

    def decode(self, ids) -> str:
        return "".join(self.vocab[i] for i in ids)


def test_a_recording_is_what_the_model_computed(js):
    model = small_llama(np.random.default_rng(0))
    found, traced = record(model, Letters(), "cabbage", 6, temperature=0.7, seed=3)
    ids = np.array(found["ids"])
    assert found["blocks"] == [1, 2, 4, 5] and found["prompt"] == 7 and len(ids) == 13
    assert Letters().decode(ids[:7]) == "cabbage"
    tape = js("glass_record").evaluate(
        """record => { const g = module.recorded(record); return {
            stream: g.stream.map(x => Array.from(x)), weights: g.blocks.map(b => Array.from(b.weights)),
            sizes: [g.L, g.N, g.H, g.C] }; }""",
        found,
    )
    assert tape["sizes"] == [4, 13, 4, 32]
    stream, weights = passes(model, ids)
    exact = [stream[0], *(stream[s] for block in found["blocks"] for s in (2 * block - 1, 2 * block))]
    np.testing.assert_allclose(tape["stream"], [x.ravel() for x in exact], atol=2e-4)
    maps = model.attention_weights(ids)
    for block, row in zip(found["blocks"], tape["weights"], strict=True):
        np.testing.assert_allclose(np.reshape(row, maps[0].shape), maps[block - 1], atol=2e-5)
        np.testing.assert_allclose(weights[block - 1], maps[block - 1], atol=1e-5)
    np.testing.assert_allclose(traced["stream"][-1], exact[-1][:7])
    p = sampling.softmax(model(ids[None]).data[0].astype(np.float64) / 0.7)
    rng = sampling.Mulberry32(3)
    for t, pieces in enumerate(found["next"]):
        for i, share, before in pieces:
            assert abs(p[t, i] - share) < 1e-5 and abs(p[t, :i].sum() - before) < 1e-5
        if 6 <= t < 12:  # it drew what the dart hits
            u = rng.random()
            assert found["us"][t - 6] == u
            [(share, before)] = [(share, before) for i, share, before in pieces if i == ids[t + 1]]
            assert before - 1e-6 <= u <= before + share + 1e-6
    assert found["said"][-1][3][0] == p[3].argmax()


def test_a_recording_in_a_page(browser):
    model = small_llama(np.random.default_rng(1))
    figure = GlassGPT(model, Letters(), "cabbage", steps=3, temperature=0.7, speed="instant", midway=True, title="Tape")
    assert "5 blocks and 4 heads reads “cabbage”" in figure.alt() and figure.figure().count("<svg") == 1
    with harness.mounted(browser, figure, viewport={"width": 1200, "height": 900}) as (page, complaints):
        tokens = page.locator(".nw-glass-names button:visible")
        assert tokens.all_inner_texts() == list("cabbage")
        assert page.get_by_label("Prompt", exact=True).get_attribute("readonly") is not None
        assert not page.get_by_role("button", name="MLP of block 1").count()
        assert page.locator(".nw-glass-midway span").count() == 9
        names, p = figure._bars()
        assert list(bars(page)) == names and bars(page)[names[0]] == f"{p[0]:.3f}"
        for i in range(3):
            page.get_by_role("button", name="Next word").click()
            page.wait_for_function(
                "n => [...document.querySelectorAll('.nw-glass-names button')].filter(b => !b.hidden).length === n",
                arg=8 + i,
            )
        assert "".join(tokens.all_inner_texts()) == Letters().decode(figure.record["ids"])
        assert page.get_by_role("button", name="↺ Start over").is_visible()
        assert "The recording ends here." in page.inner_text(".nw-glass-told")
        page.get_by_role("button", name="Look into block 4's attention").click()
        page.locator(".nw-glass-lens").wait_for()
        assert "of block 4: how much" in page.inner_text(".nw-glass-lens-title")
        page.get_by_role("button", name="Look into the embedding").click()
        page.wait_for_function("document.querySelector('.nw-glass-lens-title').innerText.startsWith('Channel')")
        tokens.first.click()  # at the end there's nothing to come
        page.locator(".nw-glass-bars button").first.click()
        page.wait_for_function("document.querySelector('.nw-glass-lens-title').innerText.startsWith('How likely')")
        page.get_by_role("button", name="↺ Start over").click()
        page.wait_for_function(
            "[...document.querySelectorAll('.nw-glass-names button')].filter(b => !b.hidden).length === 7"
        )
        assert not complaints, complaints


def test_paris_comes_late(smollm2):
    """What chapter 11 says below its figure."""
    model, tokenizer = smollm2
    found, _ = record(model, tokenizer, "The capital of France is", 8, temperature=0.0, seed=1)
    said = [found["labels"][str(row[4][0])] for row in found["said"]]
    assert found["blocks"] == [1, 11, 20, 30] and said[6] == "␣"
    assert said[-1] == "␣Paris" and "␣Paris" not in said[:-1]


@pytest.mark.skipif(not installed(), reason="there's no Firefox on this machine")
def test_in_firefox(tmp_path):
    """From a disk: a word, a switch, a ribbon, and no errors."""
    figure = glass_gpt(pick=[], speed="instant")
    page = figure.save(tmp_path / "glass.html")
    lanes = "[...document.querySelectorAll('.nw-glass-names button')].filter(b => !b.hidden).length"
    (tmp_path / "profile").mkdir()
    with firefox(tmp_path / "profile") as tab:
        tab.goto(page.as_uri())
        tab.wait(f"{lanes} === {len(IDS)}")
        tab.js("document.querySelector('.nw-glass-play').click()")
        tab.wait(f"{lanes} === {len(IDS) + 1}")
        figure.write(1)
        figure.heads_off = [[1, 1]]
        tab.js("document.querySelector('.nw-glass-chip[aria-label=\"Head 1 of block 1\"]').click()")
        names, p = figure._bars()
        tab.wait(f"document.querySelector('.nw-glass-value').textContent === '{p[0]:.3f}'")
        assert tab.js("document.querySelector('.nw-glass-bars bdi').textContent") == names[0]
        tab.js("document.querySelector('.nw-glass-title[aria-label*=\"block 2\"]').click()")
        tab.wait("document.querySelector('.nw-glass-lens-title').textContent.startsWith('Head')")
        assert not tab.errors, tab.errors


def test_another_row_chosen_on_the_way_ends_the_wave_and_changes_no_word(browser):
    """The dart is for the last row. It mustn't fall on the stick of the one the reader looks at."""
    figure = glass_gpt(speed="slow", pick=[])
    with harness.mounted(browser, figure) as (page, complaints):
        page.locator(".nw-glass-play").click()
        page.wait_for_function("document.querySelector('.nw-glass-waiting')")
        page.get_by_role("button", name="cat, token 6").click()
        page.wait_for_function("!document.querySelector('.nw-glass-waiting')")
        page.wait_for_timeout(300)
        assert page.locator(".nw-glass-poem").is_hidden()  # nothing was written
        with harness.mounted(browser, glass_gpt(speed="instant", pick=[])) as (other, _):
            for one in (page, other):
                one.locator(".nw-glass-play").click()
                one.wait_for_function(
                    "document.querySelector('.nw-glass-poem').textContent.includes('\\n')", timeout=20_000
                )
            words = [one.locator(".nw-glass-poem").inner_text() for one in (page, other)]
        assert words[0] == words[1] and not complaints


def test_a_link_with_tokens_that_do_not_exist_is_read(browser):
    address = "#widget=1&written=[1e9,-1,%22a%22,null,3]"
    with harness.mounted(browser, glass_gpt(), address=address) as (page, complaints):
        assert page.locator(".nw-problem").count() == 0 and not complaints
