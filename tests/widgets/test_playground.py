"""Playground: what it accepts, its tree, the same text in Python and in the page, and its figure, used by keyboard."""

import re

import numpy as np
import pytest
from traitlets import TraitError

from book.widgets.playground import Playground
from book.widgets.setting import options
from helpers import sampling
from helpers.gpt import GPT, Block, GPTConfig
from helpers.models import load_gpt
from helpers.tokenizers import BytePairTokenizer, CharTokenizer, WordTokenizer
from tests.site import site_checks
from tests.widgets import harness
from tests.widgets.harness import calls, mounted, painted

CAT = "Write a poem about a cat."
LETTERS = CharTokenizer("abcdefgh \n.")


def small(**options) -> Playground:
    """An untrained model of a few letters: quick to send."""
    config = GPTConfig(LETTERS.vocab_size, context=16, layers=2, heads=2, channels=8)
    model = GPT(config, rng=np.random.default_rng(0))
    for p in model.parameters():
        p.data += np.random.default_rng(1).normal(0, 0.3, p.shape).astype(np.float32)
    return Playground(model, LETTERS, **({"prompt": "a bad cab", "title": "letters"} | options))


@pytest.fixture(scope="module")
def poems() -> Playground:
    return Playground(*load_gpt("poems"), CAT, after="\n", steps=60, temperature=0.7, title="poems")


# Python


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"precision": "int4"}, "precision = 'int4' came; choose one of int8, float16, float32"),
        ({"second": {"heat": 2}}, "'heat'; it may have temperature"),
        ({"top_k": 12}, "= 12 came; it must be a whole number from 1 to 11"),
        ({"temperature": -1}, "temperature = -1 came"),
        ({"head": 3}, "head = 3 came; it must be a whole number from 1 to 2"),
        ({"prompt": "a" * 1_000_001}, "1,000,001 characters came"),
        ({"branches": [[0, 1], [2, 1]]}, "branches[1] = [2, 1] came; it must be [a node from 0 to 1, a token"),
        ({"branches": [[0, 11]]}, "a token from 0 to 10"),
        ({"node": 1}, "node = 1 came; the tree has nodes 0 to 0"),
        ({"steps": 2_001}, "there is room for 1 to 2,000 more tokens"),
        ({"steps": 1, "prompt": "XYZ"}, "The prompt is empty, or no part of it is in the vocabulary"),
    ],
)  # fmt: skip
def test_wrong_settings_get_a_sentence(options, said):
    with pytest.raises((TraitError, ValueError), match=re.escape(said)):
        small(**options)


def test_models_that_the_page_cannot_run_get_a_sentence():
    class Broken(Block):
        """A layer changed by a reader."""

    config, rng = GPTConfig(11, context=4, layers=1, heads=1, channels=4), np.random.default_rng(0)
    with pytest.raises(ValueError, match="parts are not those of gpt.GPT with gpt.Block"):
        Playground(GPT(config, rng=rng, block=Broken), LETTERS)
    with pytest.raises(ValueError, match="A str came whose parts"):
        Playground("poems", LETTERS)
    with pytest.raises(ValueError, match="The tokenizer, a CharTokenizer, has 2 tokens and the model 11"):
        Playground(GPT(config, rng=rng), CharTokenizer("ab"))
    with pytest.raises(ValueError, match="a page can carry up to 8,000,000"):
        Playground(GPT(GPTConfig(11, context=4, layers=1, heads=1, channels=900), rng=rng), LETTERS)


def test_the_model_it_was_given_stays_as_it_was():
    model, tokenizer = load_gpt("poems")
    before = model.tokens.weight.data.copy()
    Playground(model, tokenizer)
    assert (model.tokens.weight.data == before).all()


def test_it_writes_what_generate_writes():
    for given in ({}, {"temperature": 0}, {"top_k": 3, "seed": 9}, {"precision": "float32", "top_p": 0.8}):
        figure = small(**given)
        rng = sampling.Mulberry32(figure.seed)
        choose = sampling.chooser(**options(figure.setting(), figure.V), rng=rng)
        expected = figure._model.generate(figure.prompt_ids(), 40, choose)
        figure.write(15)
        figure.write(25)  # goes on with the next numbers
        assert figure.prompt_ids() + figure.path() == expected
        assert figure.text() == LETTERS.decode(figure.path())
    assert figure.branches == [[i, token] for i, token in enumerate(figure.path())] and figure.node == 40


def test_a_token_that_is_there_is_not_made_twice():
    figure = small(steps=10)
    figure.node = 4
    figure.write(6)
    assert len(figure.branches) == 10 and figure.node == 10
    figure.node, figure.temperature = 4, 0
    figure.write(20)
    assert len(figure.branches) > 10 and figure.path()[:4] == [token for _, token in figure.branches[:4]]


def test_two_settings_use_the_same_numbers():
    figure = small(steps=30, second={"temperature": 0.8})
    assert figure.path() == figure.path("_b") and len(figure.branches) == 30
    figure = small(steps=30, second={"temperature": 0})
    assert figure.path("_b") == figure._model.generate(figure.prompt_ids(), 30, sampling.greedy)[9:]


def test_writing_ends_with_the_end_token(poems):
    assert poems.path()[-1] == poems._end and "<end>" not in poems.text()
    before = poems.branches
    assert poems.write(5) and poems.branches == before


def test_what_the_vocabulary_lacks_is_left_out():
    assert small(prompt="a XbY").prompt_ids() == LETTERS.encode("a b") == small(prompt="a \ud83db").prompt_ids()
    words = WordTokenizer("a cat sat", specials=[])
    model = GPT(GPTConfig(3, context=4, layers=1, heads=1, channels=4), rng=np.random.default_rng(0))
    assert Playground(model, words, "a dog sat").prompt_ids() == words.encode("a sat")


def test_the_still_says_what_it_shows(poems):
    assert f"It has written “{poems.text()[:20]}" in poems.alt() and "595,584 parameters" in poems.alt()
    assert (
        small(prompt="").alt()
        == "A GPT with 1,976 parameters reads “”. It gives a probability to each of its 11 tokens."
    )
    bars = small().still().containers[0]
    assert [bar.get_width() for bar in bars] == pytest.approx(sorted(small().distribution(), reverse=True))


# The module


@pytest.fixture(scope="module")
def page(browser):
    with harness.module(browser, "playground") as page:
        yield page


def test_a_tree_grows_and_is_read(page):
    branches = [[0, 5], [1, 6], [0, 7], [1, 8], [2, 5], [0, 9]]
    tree = "const t = module.treeOf(b);"
    assert page.evaluate(f"b => {{ {tree} return t.map(n => [n.depth, n.children]); }}", branches) == [
        [0, [1, 3, 6]], [1, [2, 4]], [2, [5]], [1, []], [2, []], [3, []], [1, []],
    ]  # fmt: skip
    assert page.evaluate(f"b => {{ {tree} return [5, 0, 4].map(n => module.pathTo(t, n)); }}", branches) == [
        [1, 2, 5], [], [1, 4],
    ]  # fmt: skip
    again = f"b => {{ {tree} return [module.child(t, 1, 8), t.length, module.child(t, 1, 3), t.length]; }}"
    assert page.evaluate(again, branches) == [4, 7, 7, 8]
    rows = page.evaluate(f"b => {{ {tree} return module.rowsOf(t).map(r => [r.leaf, r.from, r.row]); }}", branches)
    assert rows[0] == [5, 0, -1]
    assert sorted(rows[1:]) == [[3, 0, 0], [4, 1, 0], [6, 0, 0]]  # leaf, depth where it leaves, the row it leaves
    assert page.evaluate("() => module.rowsOf(module.treeOf([]))") == [{"from": 0, "row": -1, "leaf": 0}]


def test_a_deep_tree_has_its_rows_at_once(page):
    chain = [[i, i % 3] for i in range(1999)]
    assert page.evaluate("b => module.rowsOf(module.treeOf(b)).map(r => r.leaf)", chain) == [1999]
    comb = [[i // 2 * 2 if i % 2 else max(0, i - 1), i % 3] for i in range(1999)]
    leaves = page.evaluate("b => module.rowsOf(module.treeOf(b)).map(r => r.leaf)", comb)
    parents = {parent for parent, _ in comb}
    assert sorted(leaves) == [n for n in range(1, 2000) if n not in parents]


def test_trees_from_an_address_are_looked_at(page):
    good = [[], [[0, 1]], [[0, 1], [1, 10], [0, 0]]]
    bad = [[[1, 0]], [[0, 11]], [[0, -1]], [[0]], [["a", 1]], [3], [None], [[0, 0.5]], [[0, 1]] * 2001]
    assert calls(page, "sound", [(tree, 11) for tree in good + bad]) == [True] * len(good) + [False] * len(bad)


def test_log_probabilities_and_draws_are_pythons(page):
    rng = np.random.default_rng(3)
    cases = []
    for _ in range(300):
        z = rng.normal(size=int(rng.integers(1, 30))) * rng.choice([0.1, 1, 10])
        setting = [
            float(rng.choice([0, 0.3, 1, 2])),
            int(rng.integers(1, len(z) + 1)),
            float(rng.choice([1, 0.9, 0.5, 0])),
            float(rng.choice([0, 0.1, 1])),
        ]
        cases.append((z, setting, int(rng.integers(1 << 32)), int(rng.integers(50))))
    found = calls(page, "next", [(z.tolist(), *rest) for z, *rest in cases])
    chances = calls(page, "logProbability", [(z.tolist(), len(z) - 1) for z, *_ in cases])
    for (z, (temperature, top_k, top_p, min_p), seed, depth), id_, logp in zip(cases, found, chances, strict=True):
        rng_ = sampling.Mulberry32(seed)
        rng_.random(depth)
        choose = sampling.chooser(temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p, rng=rng_)
        assert id_ == choose(z, [])
        assert logp == pytest.approx(np.log(sampling.softmax(z)[-1]), abs=1e-9)
    assert calls(page, "surpriseLevel", [(float(np.log(p)),) for p in (1, 0.5, 0.49, 0.1, 0.09, 0.01, 0.009)]) == [
        0, 0, 1, 1, 2, 2, 3,
    ]  # fmt: skip


# The figure


def written(page, k=0) -> str:
    """The text of one setting, without what shows line breaks and the end."""
    spans = page.locator(".nw-play-view").nth(k).locator(".nw-play-text [role=button]").all_text_contents()
    return "".join(spans).replace("↵", "").replace("■", "")


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


def idle(page) -> None:
    """Wait until nothing runs and all that is shown is known."""
    painted(page)  # a key that came now shows from the next frame on
    page.wait_for_function(
        "() => document.querySelector('.nw-play-run').textContent === 'Run' && !document.querySelector('.nw-play-wait')"
    )
    for _ in range(3):
        painted(page)


def test_the_same_seed_writes_the_same_text_in_the_page(browser, poems):
    """The poem model and the Shakespeare model, beyond its context, at three seeds: what Python writes."""
    shakespeare = Playground(*load_gpt("shakespeare"), "Romeo:\n", temperature=0.9, top_p=0.95)
    fresh = Playground(*load_gpt("poems"), CAT, after="\n", temperature=0.7)
    for figure, steps in ((shakespeare, 500), (fresh, 56)):
        with mounted(browser, figure) as (page, complaints):
            for i, seed in enumerate((1, 2, 77)):
                page.get_by_role("spinbutton", name="seed").fill(str(seed))
                page.keyboard.press("Tab")
                if i:
                    button(page, "To the prompt").click()
                    idle(page)
                button(page, "Run").click()
                page.locator(".nw-play-said", has_text=re.compile("Paused|ended")).wait_for()
                idle(page)
                figure.seed, figure.node, figure.branches = seed, 0, []
                assert written(page) == figure.write(steps)
            assert not complaints


def test_characters_of_several_tokens(browser):
    """A byte-pair model writes token by token; what is shown is the text as a whole, also while a character is half."""
    tokenizer = BytePairTokenizer([])  # bytes alone
    model = GPT(GPTConfig(256, context=8, layers=1, heads=1, channels=4), rng=np.random.default_rng(0))
    model.tokens.weight.data[:] = 0
    model.norm.bias.data[:] = 1
    model.tokens.weight.data[list("é😀".encode())] = 2  # these come, and hardly anything else
    figure = Playground(model, tokenizer, "é", temperature=1)
    with mounted(browser, figure) as (page, complaints):
        for _ in range(25):
            button(page, "Step").click()
            idle(page)
            assert written(page).replace("·", "") == figure.write(1)
        assert re.search("[^\x00-\x7f�]", figure.text()) and "�" in figure.text()
        assert not complaints


def test_step_back_branch_and_return(browser):
    figure = small(steps=12, temperature=1)
    with mounted(browser, figure) as (page, complaints):
        idle(page)
        assert written(page) == figure.text()
        tokens, bars = (
            page.locator(".nw-play-text [role=button]"),
            page.locator(".nw-play-bars").first.locator("button"),
        )
        for _ in range(4):
            button(page, "Back").click()
        painted(page)
        assert tokens.count() == 8
        button(page, "Step").click()
        idle(page)
        assert written(page) == figure.text()[:9]  # the same number, the same token
        tokens.nth(3).click()
        idle(page)
        rows = [row for row in bars.all() if "in the text" in row.get_attribute("aria-label")]
        assert len(rows) == 1 and tokens.nth(3).get_attribute("aria-pressed") == "true"
        other = next(row for row in bars.all() if "in the text" not in row.get_attribute("aria-label"))
        name = other.locator("bdi").text_content().replace("␣", " ").replace("↵", "\n")
        other.click()
        idle(page)
        assert written(page) == figure.text()[:3] + name.replace("\n", "")
        table = page.locator(".nw-play-branches tbody tr")
        assert table.count() == 2
        before = written(page)
        table.first.get_by_role("button").click()
        idle(page)
        assert written(page) == figure.text()
        chances = [float(x.replace("−", "-")) for x in table.locator("td:nth-child(4)").all_text_contents()]
        ids = LETTERS.encode(figure.text())
        logits = [np.log(sampling.softmax(_after(figure, ids[:i])))[ids[i]] for i in range(12)]
        assert chances[0] == pytest.approx(sum(logits), rel=5e-3) and before != figure.text()
        assert not complaints


def _after(figure, ids):
    figure.branches, figure.node = [[i, token] for i, token in enumerate(ids)], len(ids)
    return figure.logits()


def test_two_settings_side_by_side(browser):
    with mounted(browser, small(steps=20, temperature=1.5)) as (page, complaints):
        idle(page)
        page.get_by_label("second setting beside it").check()
        idle(page)
        first = written(page, 0)
        assert written(page, 1) == first == small(steps=20, temperature=1.5).text()  # the same numbers
        page.get_by_role("group", name="Setting B").get_by_role("slider", name="temperature").fill("0")
        button(page, "Write again").click()
        idle(page)
        assert written(page, 0) == first
        expected = small(steps=20, temperature=0).text()
        assert written(page, 1) == expected != first
        assert page.locator(".nw-play-branches tbody tr").count() == 2
        assert not complaints


def test_moving_a_slider_draws_nothing(browser):
    with mounted(browser, small(steps=10)) as (page, complaints):
        idle(page)
        before, bars = written(page), page.locator(".nw-play-bars").first.inner_text()
        page.get_by_role("slider", name="temperature").fill("2")
        idle(page)
        assert written(page) == before and page.locator(".nw-play-bars").first.inner_text() != bars
        assert page.locator(".nw-play-branches tbody tr").count() == 1 and not complaints


def test_by_keyboard_alone(browser):
    """Type a prompt, step, look at a token, lock it, take another, open the attention, choose a head."""
    with mounted(browser, small()) as (page, complaints):
        idle(page)
        page.locator("body").press("Tab")
        for _ in range(20):
            if page.evaluate("document.activeElement.tagName") == "TEXTAREA":
                break
            page.keyboard.press("Tab")
        page.keyboard.press("Control+a")
        page.keyboard.type("dead")
        page.keyboard.press("Tab")
        for _ in range(5):
            page.keyboard.press("Enter")
            idle(page)
        figure = small(prompt="dead", steps=5)
        assert written(page) == figure.text()
        for _ in range(20):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.matches('.nw-play-text [role=button]')"):
                break
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("Home")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Control+End")  # is the browser's
        idle(page)
        assert page.locator(".nw-play-title").first.inner_text().startswith("In place of")
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.matches('.nw-play-bars button')")
        page.keyboard.press("Enter")
        idle(page)
        assert written(page)[0] == figure.text()[0] and len(written(page)) == 2
        page.get_by_label("show where each token looks").press("Space")
        idle(page)
        page.get_by_role("combobox", name="head").press("ArrowDown")
        idle(page)
        assert "layer 1, head 2" in page.locator(".nw-head").get_attribute("aria-label")
        assert not complaints


def test_a_run_leaves_the_page_its_time_and_can_be_stopped(browser):
    with mounted(browser, Playground(*load_gpt("shakespeare"), "The king ")) as (page, complaints):
        idle(page)
        page.evaluate("""() => {
            window.frames_ = 0;
            const tick = () => { window.frames_++; requestAnimationFrame(tick); };
            requestAnimationFrame(tick);
        }""")
        button(page, "Run").click()
        page.wait_for_function("() => document.querySelectorAll('.nw-play-text [role=button]').length > 60")
        frames, tokens = page.evaluate(
            "() => [window.frames_, document.querySelectorAll('.nw-play-text [role=button]').length]"
        )
        assert frames > 3 and tokens < 500  # it writes between frames, and not all at once
        button(page, "Stop").click()
        idle(page)
        count = page.locator(".nw-play-text [role=button]").count()
        page.wait_for_timeout(200)
        assert page.locator(".nw-play-text [role=button]").count() == count < 500
        assert not complaints


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("", "The prompt is empty: type something"),
        ("   ", "The prompt is empty"),
        ("XYZ", "The model knows nothing of this prompt: “X”, “Y”, “Z” are not among its 11 tokens."),
        ("a Xb <b>", "Left out, since they are not among the model's 11 tokens: “X”, “<”, “>”."),
        ("ab " * 8, "The prompt has 24 tokens; the model reads at most 16, so it reads the last 16."),
        ("😀" * 200 + "a", "not among the model's 11 tokens: “😀”."),
        ("ab " * 33_334, "The prompt has 100,002 tokens; the model reads at most 16, so it reads the last 10."),
    ],
)
def test_prompts_that_do_not_fit_get_a_sentence(prompt, said, browser):
    with mounted(browser, small()) as (page, complaints):
        box = page.get_by_role("textbox", name="Prompt")
        box.fill(prompt)
        idle(page)
        assert said in page.locator(".nw-play-said").inner_text()
        assert page.locator(".nw-play-chips .nw-token").count() <= 80 and page.locator(".nw b b").count() == 0
        assert not page.evaluate("/\\p{Surrogate}/u.test(document.querySelector('.nw-play-text').textContent)")
        dead = button(page, "Step").get_attribute("aria-disabled") == "true"
        assert dead == (said.startswith(("The prompt is empty", "The model knows")))
        box.fill("a cab")
        button(page, "Step").click()
        idle(page)
        assert page.locator(".nw-play-said").inner_text() == "" and len(written(page)) == 1
        assert not complaints


def test_each_prompt_keeps_its_tree(browser):
    with mounted(browser, small(steps=8, examples=["a bad cab", "bed"])) as (page, complaints):
        idle(page)
        before = written(page)
        button(page, "bed").click()
        idle(page)
        assert written(page) == ""
        button(page, "Step").click()
        idle(page)
        button(page, "a bad cab").click()
        idle(page)
        assert written(page) == before
        button(page, "bed").click()
        idle(page)
        assert len(written(page)) == 1 and not complaints


def test_damaged_weights_leave_a_sentence(browser):
    whole = small().figure()
    broken = re.sub(r'"data":"....', '"data":"AAAA', whole)
    assert broken != whole
    with mounted(browser, broken, small()) as (page, complaints):
        assert "damaged or cut short" in page.locator(".nw-problem").inner_text()
        assert button(page, "Step").is_visible()
        complaints[:] = [c for c in complaints if "damaged" not in c]
        assert not complaints


def test_a_step_right_after_typing_is_not_lost(browser):
    """The page reads a new prompt in the next frame; a button may be pressed before that."""
    with mounted(browser, small()) as (page, complaints):
        idle(page)
        page.evaluate("""() => {
            const box = document.querySelector("textarea");
            box.value = "dead";
            box.dispatchEvent(new InputEvent("input", { bubbles: true }));
            [...document.querySelectorAll("button")].find(one => one.textContent === "Step").click();
        }""")
        idle(page)
        assert written(page) == small(prompt="dead", steps=1).text() != "" and not complaints


def test_a_new_prompt_or_place_ends_what_is_going_on(browser):
    """The second setting catches up, or both write, when the prompt or the place changes: nothing goes on there.

    The model is one that takes seconds for so many tokens.
    """
    change = """async ([selectors, prompt]) => {
        const box = document.querySelector("textarea"), frame = () => new Promise(requestAnimationFrame);
        for (const selector of selectors) {
            document.querySelector(selector).click();
            for (let i = 0; i < 3; i++) await frame();
        }
        box.value = prompt;
        box.dispatchEvent(new InputEvent("input", { bubbles: true }));
    }"""
    compare, run, home = ".nw-play input[type=checkbox]", ".nw-play-run", ".nw-play-go button:nth-of-type(4)"
    model, tokenizer = load_gpt("shakespeare")
    written_before = [[i, 1] for i in range(900)]
    figure = Playground(model, tokenizer, "The king ", branches=written_before, node=900, temperature_b=2)
    with mounted(browser, figure) as (page, complaints):
        idle(page)
        page.evaluate(change, [[compare, run, run], "The king "])  # the second click stops
        idle(page)
        page.wait_for_timeout(100)
        assert len(written(page, 1)) < 600
        page.get_by_label("second setting beside it").uncheck()
        idle(page)
        page.evaluate(change, [[compare, compare], "The king "])  # and back to one setting
        tokens = page.locator(".nw-play-branches tbody td:nth-child(3)")
        painted(page)
        before = tokens.all_inner_texts()
        page.wait_for_timeout(700)
        assert len(before) == 2 and tokens.all_inner_texts() == before
        for selectors, prompt in (([compare], "cab"), ([run], "bed"), ([compare, compare], "The king ")):
            page.evaluate(change, [selectors, prompt])
            idle(page)
            if prompt != "The king ":
                page.wait_for_timeout(100)
                assert written(page, 0) == written(page, 1) == ""
        page.evaluate(change, [[compare, compare, home], "The king "])
        idle(page)
        page.wait_for_timeout(100)
        assert written(page, 0) == written(page, 1) == ""
        assert not complaints


def test_a_second_setting_catches_up_while_the_first_writes(browser):
    with mounted(browser, small(steps=30)) as (page, complaints):
        idle(page)
        page.evaluate("""() => ["button.nw-play-run", "input[type=checkbox]"].forEach(
            selector => document.querySelector(`.nw-play ${selector}`).click())""")
        idle(page)
        assert len(written(page, 0)) == 530 and written(page, 1) == written(page, 0) and not complaints


def test_what_is_locked_lies_on_the_text(browser):
    """The second setting begins again, and with it goes the place that was locked there."""
    with mounted(browser, small(steps=10, second={})) as (page, complaints):
        idle(page)
        second = page.locator(".nw-play-view").nth(1)
        second.locator(".nw-play-text [role=button]").nth(4).click()
        idle(page)
        assert second.locator(".nw-play-title").inner_text().startswith("In place of")
        compare = page.get_by_label("second setting beside it")
        compare.uncheck()
        idle(page)
        compare.check()
        idle(page)
        assert second.locator(".nw-play-title").inner_text() == "Next token, one of 11" and not complaints


def test_what_is_written_stays_in_sight(browser):
    """A long text begins at its top; what is written is followed, until the reader scrolls up."""
    from_end = """() => {
        const text = document.querySelector(".nw-play-text");
        return [text.scrollTop, text.scrollHeight - text.clientHeight - text.scrollTop];
    }"""
    with mounted(browser, small(steps=900), viewport={"width": 320, "height": 800}) as (page, complaints):
        idle(page)
        assert page.evaluate(from_end)[0] == 0 < page.evaluate(from_end)[1]
        button(page, "Run").click()
        idle(page)
        assert len(written(page)) == 1400 and page.evaluate(from_end)[1] < 2
        page.evaluate("() => { document.querySelector('.nw-play-text').scrollTop -= 20; }")
        page.get_by_role("slider", name="temperature").fill("2")
        idle(page)
        assert page.evaluate(from_end)[1] > 19 and not complaints


def test_a_branch_that_is_chosen_keeps_the_focus(browser):
    branches = [[0, 1], [1, 2], [0, 3], [3, 4], [1, 5]]
    with mounted(browser, small(branches=branches, node=2)) as (page, complaints):
        idle(page)
        text = LETTERS.decode([3, 4])
        page.locator(".nw-play-branches tbody button", has_text=text).press("Enter")
        idle(page)
        assert written(page) == text
        assert page.evaluate("document.activeElement.textContent") == f"▸{text}" and not complaints


def test_who_cannot_see_it_hears_the_token_that_came(browser):
    with mounted(browser, small(second={"temperature": 0})) as (page, complaints):
        idle(page)
        button(page, "Step").click()
        heard = page.locator(".nw p.nw-visually-hidden", has_text="A: “")
        heard.wait_for(state="attached")
        first, second = (page.locator(".nw-play-text [role=button]").nth(i).get_attribute("aria-label") for i in (0, 1))
        a, b = (name.split(", probability ") for name in (first, second))
        assert heard.text_content() == f"A: “{a[0]}”, probability {a[1]}; B: “{b[0]}”, probability {b[1]}"
        assert not complaints


def test_a_full_tree_says_so(browser):
    figure = small(branches=[[i, 0] for i in range(2000)], node=2000)
    with mounted(browser, figure) as (page, complaints):
        idle(page)
        button(page, "Step").click()
        idle(page)
        assert "The tree has 2,000 nodes" in page.locator(".nw-play-said").inner_text() and not complaints


def test_a_link_brings_prompt_tree_and_settings(browser):
    address = "#widget=1&prompt=%22bed%22&branches=[[0,1],[1,2],[0,3]]&node=2&temperature=0.3&head=2"
    with mounted(browser, small(), address=address) as (page, complaints):
        idle(page)
        assert page.get_by_role("textbox", name="Prompt").input_value() == "bed"
        assert written(page) == LETTERS.decode([1, 2]) and page.locator(".nw-play-branches tbody tr").count() == 2
        assert "0.30" in page.get_by_role("slider", name="temperature").get_attribute("aria-valuetext")
        assert not complaints
    with mounted(browser, small(), address="#widget=1&branches=[[5,1]]&node=3") as (page, complaints):
        idle(page)
        assert written(page) == "" and not complaints


def test_a_tree_too_long_for_a_link_leaves_none_behind(browser):
    """The page's own tree belongs to its own prompt, and not to the link's."""
    with mounted(browser, small(steps=12)) as (page, complaints):
        page.get_by_role("textbox", name="Prompt").fill("bed")
        button(page, "Run").click()
        idle(page)
        button(page, "Back").click()
        page.get_by_role("button", name="Copy link").click()
        page.get_by_text("Too long for a link, and not in it: branches.").wait_for()
        with mounted(browser, small(steps=12), address=page.evaluate("location.hash")) as (copy, complaints_there):
            idle(copy)
            assert copy.get_by_role("textbox", name="Prompt").input_value() == "bed"
            assert written(copy) == "" and copy.locator(".nw-play-branches tbody tr").count() == 0
        assert not complaints + complaints_there


def test_a_saved_page_is_alive(browser, tmp_path, poems):
    file = poems.save(tmp_path / "my_model.html", heading="My <poems>")
    assert file.stat().st_size < 1_300_000
    with site_checks.watched(browser, tmp_path.as_uri(), color_scheme="dark") as (page, complaints):
        page.goto(file.as_uri())
        page.wait_for_function(site_checks.MOUNTED)
        idle(page)
        assert page.title() == "My <poems>" and written(page).strip() == poems.text()
        page.get_by_role("textbox", name="Prompt").fill("Write a haiku about the sea.")
        button(page, "Run").click()
        idle(page)
        page.wait_for_function("() => document.querySelector('.nw-play-text').textContent.includes('■')")
        complaints += site_checks.accessibility(page) + site_checks.width(page, 360)
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 24, 30)"
        assert not complaints
    with pytest.raises(ValueError, match="is in a folder that does not exist"):
        poems.save(tmp_path / "gone" / "my_model.html")


def test_on_a_page_from_right_to_left_it_stays_as_it_is(browser):
    with mounted(browser, small(branches=[[0, 1], [0, 2]], node=1)) as (page, complaints):
        page.evaluate("() => { document.documentElement.dir = 'rtl'; }")
        idle(page)
        left = "e => e.getBoundingClientRect().left"
        drawing, cell = (page.locator(f".nw-play-branches {one}").first.evaluate(left) for one in ("svg", "tbody td"))
        assert abs(drawing - cell) < 1 and button(page, "Step").evaluate(left) < button(page, "Run").evaluate(left)
        assert not complaints


def test_with_the_colors_of_the_system_bars_and_levels_are_seen(browser):
    with mounted(browser, small(steps=60), forced_colors="active") as (page, complaints):
        idle(page)
        color = page.locator(".nw-play-fill").first.evaluate("e => getComputedStyle(e).backgroundColor")
        assert color not in ("rgb(255, 255, 255)", "rgba(0, 0, 0, 0)")
        lines = "all => all.map(e => getComputedStyle(e)).map(s => s.borderBottomStyle + s.borderBottomColor)"
        assert len(set(page.locator(".nw-play-legend i").evaluate_all(lines))) == 4 and not complaints


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits_and_is_accessible(theme, browser):
    figure = small(steps=20, second={"temperature": 0.2}, look=True, examples=["bed"])
    with mounted(browser, figure, theme=theme, viewport={"width": 320, "height": 800}) as (page, complaints):
        idle(page)
        page.locator(".nw-play-text [role=button]").nth(3).click()
        idle(page)
        assert button(page, "End the text here").bounding_box()["height"] >= 44
        complaints += site_checks.accessibility(page) + site_checks.width(page, 320) + site_checks.width(page, 1000)
        assert not complaints


def test_without_scripts_the_still_stands(browser):
    with mounted(browser, small(steps=5), java_script_enabled=False) as (page, _):
        assert "1,976 parameters" in page.locator(".nw-still svg").get_attribute("aria-label")


def test_nothing_is_left_behind(browser):
    """After the view is gone no frame is asked for any more."""
    with harness.module(browser, "playground") as page:
        frames = page.evaluate(
            """async state => {
                const own = { ...state }, el = document.createElement("div"), nothing = () => {};
                const model = { on: nothing, off: nothing, save_changes: nothing,
                    get: name => own[name], set: (name, value) => { own[name] = value; } };
                document.body.append(el);
                const end = module.default.render({ model, el });
                [...el.querySelectorAll("button")].find(b => b.textContent === "Run").click();
                await new Promise(requestAnimationFrame);
                end();
                let asked = 0;
                const real = window.requestAnimationFrame;
                window.requestAnimationFrame = f => { asked++; return real(f); };
                await new Promise(done => setTimeout(done, 100));
                return [asked, el.children.length];
            }""",
            small().state(),
        )
    assert frames == [0, 0]
