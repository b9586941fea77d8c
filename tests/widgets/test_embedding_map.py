"""EmbeddingMap: the page's arithmetic against NumPy's, the recording, and the live map."""

import numpy as np
import pytest
import traitlets

from book.widgets import EmbeddingMap
from book.widgets.embedding_map import STEPS, WORDS, frequent, recorded
from helpers import poems
from helpers.models import load_gpt
from tests.widgets.examples import embeddings
from tests.widgets.harness import mounted, painted

SPACE = "module.unpacked(tables, directions)"


def of_page(js, widget, code: str):
    state = widget.state()
    given = {"tables": state["tables"], "directions": state["directions"]}
    return js("embedding_map_state").evaluate(f"({{ tables, directions }}) => {{ {code} }}", given)


@pytest.mark.parametrize("k", [0, 4, len(STEPS) - 1])
def test_the_page_computes_what_numpy_does(js, k):
    widget = embeddings()
    space = f"const space = {SPACE}; const k = {k};"
    assert np.allclose(of_page(js, widget, space + "return module.places(space, k)"), widget.places(k), atol=1e-4)
    assert np.isclose(of_page(js, widget, space + "return module.kept(space, k)"), widget.kept(k), atol=1e-6)
    for word in ("cat", "the", "night"):
        w = widget.words.index(word)
        found = of_page(js, widget, space + f"return module.nearest(space, k, module.rowOf(space, k, {w}), [{w}])")
        wanted = widget.neighbors(word, k)
        assert [widget.words[one["word"]] for one in found] == [name for name, _ in wanted]
        assert np.allclose([one["cosine"] for one in found], [cosine for _, cosine in wanted], atol=1e-5)


def test_the_recording_begins_where_the_model_began_and_has_its_words():
    words, tables, steps = recorded()
    model, tokenizer = load_gpt("poems")
    ids = frequent(tokenizer.vocab)
    assert words == [tokenizer.vocab[i] for i in ids] and len(words) == WORDS and steps == list(STEPS)
    assert set(poems.TOPICS) & set(tokenizer.vocab) <= set(words)
    rng = np.random.default_rng(0)
    rng.bit_generator.state = rng.bit_generator.state | {
        "state": {name: int(value, 16) for name, value in model.start.items()}
    }
    first = type(model)(model.config, rng=rng).tokens.weight.data[ids]
    assert np.abs(first - tables[0]).max() < 0.005
    spread = np.linalg.norm(tables - tables.mean(axis=1, keepdims=True), axis=-1).mean(axis=1)
    assert spread[-1] > 5 * spread[0]


def test_training_makes_three_clouds():
    """What chapter 4 says: things a poem can be about, words that rhyme, and the other words."""
    widget = embeddings()
    topics = np.array([word in poems.TOPICS for word in widget.words])
    rhymes = np.array([word in poems._RHYMES for word in widget.words]) & ~topics

    def apart(k: int, *clouds: np.ndarray) -> float:
        one, other = (widget.places(k)[cloud] for cloud in clouds)
        spread = np.sqrt(one.var(axis=0).sum() + other.var(axis=0).sum())
        return np.linalg.norm(one.mean(axis=0) - other.mean(axis=0)) / spread

    for clouds in ((topics, rhymes), (topics, ~topics & ~rhymes), (rhymes, ~topics & ~rhymes)):
        assert apart(-1, *clouds) > 1.2 > 0.6 > apart(0, *clouds)


def test_labels_never_overlap_and_arrow_keys_find_a_way(js):
    module = js("embedding_map_state")
    boxes = [[0, 0, 10, 5], [5, 2, 10, 5], [20, 0, 5, 5]]
    assert module.evaluate("b => [...module.roomFor(b, [0, 1, 2])]", boxes) == [0, 2]
    assert module.evaluate("b => [...module.roomFor(b, [1, 0, 2])]", boxes) == [1, 2]
    at = [[0, 0], [10, 1], [30, 0], [0, 20], [-5, 0]]
    ways = [
        module.evaluate("([at, x, y]) => module.toward(at, 0, x, y)", [at, *way]) for way in ((1, 0), (0, 1), (-1, 0))
    ]
    assert ways == [1, 3, 4] and module.evaluate("at => module.under(at, 29, 3)", at) == 2
    assert module.evaluate("at => module.under(at, 100, 100)", at) == -1


def names(page) -> list[str]:
    return page.locator(".nw-map-list button:visible bdi").all_inner_texts()


def test_the_list_shows_ten_neighbors_and_leads_on(browser):
    widget = embeddings()
    with mounted(browser, widget) as (page, complaints):
        assert names(page) == [word for word, _ in widget.neighbors("cat")]
        second = page.locator(".nw-map-list button").nth(1)
        following = names(page)[1]
        second.press("Enter")
        painted(page)
        assert names(page) == [word for word, _ in widget.neighbors(following)]
        assert f"from “cat” to “{following}”" in page.locator(".nw-map-told").inner_text() and not complaints


def test_search_says_what_is_there_and_what_is_not(browser):
    widget = embeddings(picked=[])
    with mounted(browser, widget) as (page, _):
        box = page.get_by_label("Find a word on the map")
        box.fill("Nigh")
        painted(page)
        assert names(page) == [word for word, _ in widget.neighbors("night")]
        box.fill("zebra")
        painted(page)
        assert "isn't among these 240 words" in page.locator(".nw-map .nw-row").inner_text() and names(page) == []


def test_the_keyboard_walks_picks_and_lets_go(browser):
    with mounted(browser, embeddings(picked=[])) as (page, _):
        canvas = page.locator(".nw-map canvas")
        for key in ("ArrowRight", "ArrowRight", "Enter", "ArrowDown", "ArrowDown", "Enter", "ArrowLeft", "ArrowLeft"):
            canvas.press(key)
        painted(page)
        told = page.locator(".nw-map-told").inner_text()
        assert "The arrow goes from" in told and "it ends nearest to" in told
        canvas.press("Escape")
        painted(page)
        assert "keep 9% of the variance" in page.locator(".nw-map-told").inner_text()


def test_play_ends_at_the_trained_words(browser):
    with mounted(browser, embeddings(at=0)) as (page, complaints):
        slider = page.get_by_role("slider")
        assert slider.get_attribute("aria-valuetext") == "0"
        assert "keep 2%" in page.locator(".nw-map-told").inner_text()
        page.locator(".nw-go").click()
        page.wait_for_function("document.querySelector('.nw-map input').getAttribute('aria-valuetext') === '5,000'")
        painted(page)
        assert page.locator(".nw-go").is_visible() and not complaints
    with mounted(browser, embeddings(at=0), reduced_motion="reduce") as (page, _):
        for step in ("50", "100", "200", "500", "1,000", "2,000", "5,000", "0"):
            page.locator(".nw-go").click()
            painted(page)
            assert page.get_by_role("slider").get_attribute("aria-valuetext") == step


def test_one_table_is_a_map_without_time(browser):
    widget = EmbeddingMap(["a", "b", "c"], np.eye(3, 4))
    with mounted(browser, widget) as (page, complaints):
        assert page.get_by_role("slider").count() == 0 and "2 of 4" in page.locator(".nw-map-told").inner_text()
        assert not complaints


def test_what_is_wrong_is_said():
    with pytest.raises(ValueError, match=r"shape .* \(1, 2, C\); got \(1, 3, 4\)"):
        EmbeddingMap(["a", "b"], np.zeros((3, 4)))
    with pytest.raises(traitlets.TraitError, match="words of the map; got 'z'"):
        EmbeddingMap(["a", "b", "c"], np.eye(3), picked=["z"])
    with pytest.raises(traitlets.TraitError, match="at must be from 0 to 0; got 1"):
        EmbeddingMap(["a", "b", "c"], np.eye(3), at=1)
