"""Playground: what it accepts, its state machine, the same text in Python and in the page, and its figure."""

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
    return Playground(model, LETTERS, **({"prompt": "a bad cab", "title": "letters", "speed": "instant"} | options))


@pytest.fixture(scope="module")
def poems() -> Playground:
    given = {"after": "\n", "steps": 60, "temperature": 0.7, "speed": "instant"}
    return Playground(*load_gpt("poems"), CAT, title="poems", **given)


# Python


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"speed": "warp"}, "speed must be one of slow, fast, instant; got 'warp'."),
        ({"temperature": "hot"}, "temperature must be a number from 0 to 3; got 'hot'."),
        ({"precision": "int4"}, "precision must be one of int8, float16, float32; got 'int4'."),
        ({"second": {"heat": 2}}, "only temperature, top_k, top_p, min_p; got 'heat' for the second one."),
        ({"top_k": 12}, "must be a whole number from 1 to 11, the number of tokens; got 12."),
        ({"head": 3}, "head must be a whole number from 1 to 2; got 3."),
        ({"prompt": "a" * 1_000_001}, "prompt must have at most 1,000,000 characters; got 1,000,001."),
        ({"branches": [[0, 1], [2, 1]]}, "branches[1] must be [a node from 0 to 1, a token from 0 to 10]; got [2, 1]."),
        ({"branches": [[0, 11]]}, "a token from 0 to 10]; got [0, 11]."),
        ({"branches": [[0, 1]] * 2_001}, "A tree has at most 2,000 branches; got 2,001."),
        ({"node": 1}, "node must be a node of the tree, 0 to 0; got 1."),
        ({"steps": 2_001}, "steps must be a whole number from 1 to 2000; got 2001."),
        ({"steps": 1, "prompt": "XYZ"}, "The model can't read any of the prompt; got 'XYZ'. Type something, such as"),
    ],
)  # fmt: skip
def test_wrong_settings_get_a_sentence(options, said):
    with pytest.raises((TraitError, ValueError), match=re.escape(said)):
        small(**options)


def test_models_that_the_page_cannot_run_get_a_sentence():
    class Broken(Block):
        """A block changed by a reader."""

    config, rng = GPTConfig(11, context=4, layers=1, heads=1, channels=4), np.random.default_rng(0)
    with pytest.raises(ValueError, match="only a GPT made of gpt.Block; got a GPT with other parts"):
        Playground(GPT(config, rng=rng, block=Broken), LETTERS)
    with pytest.raises(ValueError, match="got a str with other parts"):
        Playground("poems", LETTERS)
    with pytest.raises(ValueError, match="must have the model's 11 tokens; got a CharTokenizer with 2"):
        Playground(GPT(config, rng=rng), CharTokenizer("ab"))
    with pytest.raises(ValueError, match="at most 8,000,000 parameters; got 9,747,000"):
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


def test_the_second_setting_has_another_temperature():
    """Or comparing two settings would show the same text twice."""
    assert small().temperature_b == small(temperature=0).temperature_b == 1.5
    assert small(temperature=1.2, top_k=3).setting("_b") == [0.3, 3, 1, 0] and not small().compare
    assert small(temperature=2, second={"top_p": 0.5}).setting("_b") == [2, 11, 0.5, 0]
    assert small(temperature_b=0.7).temperature_b == 0.7


def test_writing_ends_with_the_end_token(poems):
    assert poems.path()[-1] == poems.end and "<end>" not in poems.text()
    before = poems.branches
    assert poems.write(5) and poems.branches == before


def test_what_the_vocabulary_lacks_is_left_out():
    assert small(prompt="a XbY").prompt_ids() == LETTERS.encode("a b") == small(prompt="a \ud83db").prompt_ids()
    words = WordTokenizer("a cat sat", specials=[])
    model = GPT(GPTConfig(3, context=4, layers=1, heads=1, channels=4), rng=np.random.default_rng(0))
    assert Playground(model, words, "a dog sat").prompt_ids() == words.encode("a sat")


def test_the_still_says_what_it_shows(poems):
    assert f"It has written “{poems.text()[:20]}" in poems.alt() and "595,584 parameters" in poems.alt()
    nothing = "A GPT with 1,976 parameters reads “”. It gives each of its 11 tokens a probability."
    assert small(prompt="").alt() == nothing
    bars = small().still().containers[0]
    assert [bar.get_width() for bar in bars] == pytest.approx(sorted(small().distribution(), reverse=True))


# The tree


def test_a_tree_grows_and_is_read(js):
    module = js("playground_state")
    branches = [[0, 5], [1, 6], [0, 7], [1, 8], [2, 5], [0, 9]]
    assert calls(module, "pathTo", [(branches, node) for node in (5, 0, 4)]) == [[1, 2, 5], [], [1, 4]]
    assert calls(module, "grown", [(branches, 1, 8), (branches, 1, 3)]) == [[branches, 4], [[*branches, [1, 3]], 7]]
    ((first, *others), empty) = calls(module, "rowsOf", [(branches,), ([],)])
    assert first == {"leaf": 5, "from": 0, "row": -1, "path": [1, 2, 5]}
    ways = sorted((row["leaf"], row["from"], row["row"], row["path"]) for row in others)
    assert ways == [(3, 0, 0, [3]), (4, 1, 0, [1, 4]), (6, 0, 0, [6])]
    assert empty == [{"leaf": 0, "from": 0, "row": -1, "path": []}]


def test_a_deep_tree_has_its_rows_at_once(js):
    chain = [[i, i % 3] for i in range(1999)]
    comb = [[i // 2 * 2 if i % 2 else max(0, i - 1), i % 3] for i in range(1999)]
    alone, many = ([row["leaf"] for row in rows] for rows in calls(js("playground_state"), "rowsOf", [[chain], [comb]]))
    assert alone == [1999] and sorted(many) == sorted({*range(1, 2000)} - {parent for parent, _ in comb})


def test_trees_from_an_address_are_looked_at(js):
    good = [[], [[0, 1]], [[0, 1], [1, 10], [0, 0]]]
    bad = [[[1, 0]], [[0, 11]], [[0, -1]], [[0]], [["a", 1]], [3], [None], [[0, 0.5]], [[0, 1]] * 2001, None, "[]"]
    found = calls(js("playground_state"), "sound", [(tree, 11) for tree in good + bad])
    assert found == [True] * len(good) + [False] * len(bad)


# The state machine

# From a state on, one event after the other, each on a frozen state: `after` may change nothing in place. A list among
# the events holds tokens: one for each setting that writes, or [A's, B's]. "given" means the traits' own branches.
DRIVE = """([known, events]) => {
    const frozen = value => {
        if (value !== null && typeof value === "object" && !Object.isFrozen(value))
            Object.values(Object.freeze(value)).forEach(frozen);
        return value;
    };
    let state = frozen({ ...module.begin({ size: 11, end: 10 }), ...known });
    const send = event => { state = frozen(module.after(state, event)); };
    for (const event of events) {
        if (!Array.isArray(event)) send(event.branches === "given" ? { ...event, branches: state.given } : event);
        else for (const token of event)
            send({ type: "wrote", ids: module.writers(state).map(k => token[k] ?? token) });
    }
    return { ...state, writers: module.writers(state) };
}"""
THREE = [[0, 1], [1, 2], [2, 3]]
FORK = [*THREE, [1, 4]]  # node 4, beside node 2
END = 10
TEXT = {"prompt": "p", "ids": [7], "compare": False, "branches": THREE, "nodes": [3, 0]}
FORKED = TEXT | {"branches": FORK}
BOTH = FORKED | {"compare": True, "nodes": [3, 4]}
FULL = TEXT | {"branches": [[i, 1] for i in range(2000)], "nodes": [2000, 0]}
OVER = TEXT | {"branches": [*THREE, [3, END]], "nodes": [4, 0]}
ALMOST = TEXT | {"branches": [[i, 1] for i in range(1998)], "nodes": [1998, 0]}
STEP, RUN, BACK, HOME, AGAIN, CUT = ({"type": name} for name in ("step", "run", "back", "home", "again", "end"))
IDLE = {"run": None, "chase": 0, "writers": []}


def traits(*nodes, branches="given", compare=False) -> dict:
    return {"type": "traits", "branches": branches, "nodes": nodes, "compare": compare}


def prompt(text, branches="given") -> dict:
    return {"type": "prompt", "prompt": text, "ids": [ord(letter) for letter in text], "branches": branches}


def at(type_, node, k=0) -> dict:
    return {"type": type_, "place": {"k": k, "node": node}}


def take(token) -> dict:
    return {"type": "take", "k": 0, "id": token}


def saved(branches, node, node_b=0, **more) -> dict:
    """What a state says when it's idle and has told Python where it is."""
    told = {"branches": branches, "node": node, "node_b": node_b}
    return {"branches": branches, "nodes": [node, node_b], "given": branches, "save": told, **IDLE, **more}


COMPARE, LOCK = traits(3, 2, compare=True), at("lock", 2)
ENDED, FULL_NOW = {"note": {"what": "ended"}}, {"note": {"what": "full"}}
STORIES = {
    # name: (a state, events, what the state says then)
    "the traits bring the first prompt's tree": (
        {}, [prompt("p", THREE), traits(2, 0, branches=THREE)], {"branches": THREE, "nodes": [2, 0], "save": None},
    ),
    "a tree that isn't one is left out": (
        {}, [prompt("p", [[5, 1]]), traits(3, 0, branches=[[5, 1]])], {"branches": [], "nodes": [0, 0]},
    ),
    "a node outside the tree is the prompt": (TEXT, [traits(4, 3)], {"nodes": [0, 3]}),
    # writing
    "Step writes one token": (TEXT, [STEP, [4]], saved([*THREE, [3, 4]], 4, note=None)),
    "a token that's there isn't made again": (TEXT, [HOME, STEP, [1]], saved(THREE, 1)),
    "while it writes, Python isn't told": (
        TEXT, [RUN, [4, 5]], {"save": None, "run": {"left": 498, "written": 2}, "writers": [0]},
    ),
    "a run pauses": (TEXT, [RUN, [5] * 500], {"note": {"what": "paused", "tokens": 500}, "nodes": [503, 0], **IDLE}),
    "Run again stops it": (TEXT, [RUN, [4], RUN], saved([*THREE, [3, 4]], 4, note=None)),
    "with the text ended in one of two settings, too": (BOTH, [RUN, [[END, 5]], RUN], {"note": None, **IDLE}),
    "a run ends with the text": (TEXT, [RUN, [4, END]], saved([*THREE, [3, 4], [4, END]], 5, **ENDED)),
    "what has ended stays so": (OVER, [STEP], {"note": {"what": "over"}, "save": None, **IDLE}),
    "one text ends, the other goes on": (BOTH, [RUN, [[END, 5], 6]], {"nodes": [5, 7], "writers": [1]}),
    "both texts end": (
        BOTH, [RUN, [[END, 5], END]], saved([*FORK, [3, END], [4, 5], [6, END]], 5, 7, **ENDED),
    ),
    "the tree gets full": (ALMOST, [RUN, [2, 2]], {"nodes": [2000, 0], **IDLE, **FULL_NOW}),
    "one text takes the last room": (
        ALMOST | {"compare": True, "branches": [*ALMOST["branches"], [0, 2]], "nodes": [1998, 1999]}, [RUN, [3]],
        {"nodes": [2000, 1999], **IDLE, **FULL_NOW},
    ),
    "a full tree stays so": (FULL, [RUN], {**IDLE, **FULL_NOW}),
    "without a prompt nothing is written": (TEXT | {"ids": []}, [STEP, RUN, AGAIN], IDLE),
    "Rewriting writes as much as there was": (BOTH, [AGAIN, [1, 2, 3]], saved(FORK, 3, 3, note=None)),
    "Rewriting writes one token at least": (TEXT, [HOME, AGAIN, [5]], saved([*THREE, [0, 5]], 4)),
    # a second setting
    "B catches up, then both are as far": (TEXT, [COMPARE, [1, 2, 5]], saved([*THREE, [2, 5]], 3, 4)),
    "while B catches up, only B writes": (TEXT, [COMPARE, [1]], {"chase": 2, "writers": [1], "nodes": [3, 1]}),
    "B ends before it has caught up": (TEXT, [COMPARE, [END]], saved([*THREE, [0, END]], 3, 4)),
    "in a full tree B doesn't catch up": (FULL, [traits(2000, 0, compare=True)], {"nodes": [2000, 0], **IDLE}),
    "B catches up during a run, then both write": (
        TEXT, [RUN, COMPARE, [1, 2, 3], [9]], {"nodes": [4, 4], "run": {"left": 499, "written": 1}},
    ),
    "Run again stops both": (TEXT, [RUN, COMPARE, [1], RUN], saved(THREE, 3, 1)),
    "a second setting that was there has its place": (
        {}, [prompt("p", THREE), traits(3, 1, branches=THREE, compare=True)], {"nodes": [3, 1], **IDLE},
    ),
    "without B there's no catching up": (TEXT, [COMPARE, [1], traits(3, 0)], IDLE),
    "going home ends the catching up": (TEXT, [COMPARE, [1], HOME], saved(THREE, 0, 0)),
    # moving
    "Back, and no farther than the prompt": (BOTH, [BACK, BACK], saved(FORK, 1, 0)),
    "to the prompt": (BOTH, [LOCK, HOME], saved(FORK, 0, 0, locked=None)),
    "while it writes, the traits don't move it": (TEXT, [RUN, [4], traits(0, 0)], {"nodes": [4, 0], "writers": [0]}),
    "but another tree does": (TEXT, [RUN, traits(1, 0, branches=[[0, 8]])], {"branches": [[0, 8]], "nodes": [1, 0]}),
    "another tree has other nodes": (
        TEXT, [LOCK, at("look", 1), traits(3, 0, branches=FORK)], {"branches": FORK, "locked": None, "hover": None},
    ),
    "a branch is picked": (FORKED, [{"type": "branch", "leaf": 4}], saved(FORK, 4, 4, note={"what": "branch"})),
    "A's branch is picked": (BOTH, [{"type": "branch", "leaf": 2}], saved(FORK, 2, 4)),
    "the text ends here": (BOTH, [LOCK, CUT], saved(FORK, 2, 4)),
    "the text ends nowhere": (TEXT, [CUT], {"save": None, "nodes": [3, 0]}),
    # taking another token
    "at the end": (TEXT, [take(8)], saved([*THREE, [3, 8]], 4, note={"what": "took", "id": 8})),
    "in another's place": (TEXT, [LOCK, take(4)], saved(FORK, 4)),
    "in place of the end": (OVER, [take(4)], saved([*OVER["branches"], [3, 4]], 5)),
    "not in the place that B has locked": (BOTH, [at("lock", 4, 1), take(8)], saved([*FORK, [3, 8]], 5, 4)),
    "a full tree has no room for it": (FULL, [at("lock", 7), take(2)], {"save": None, **FULL_NOW}),
    "unless it's there": (FULL, [at("lock", 7), take(1)], saved(FULL["branches"], 7)),
    # looking
    "a second click unlocks": (TEXT, [LOCK, LOCK], {"locked": None}),
    "a click elsewhere locks that": (TEXT, [LOCK, at("lock", 3)], {"locked": {"k": 0, "node": 3}}),
    "what is locked lies on the text": (BOTH, [at("lock", 4, 1), traits(3, 2, compare=True)], {"locked": None}),
    "a run looks at no token": (TEXT, [at("look", 2), LOCK, STEP], {"locked": None, "hover": None}),
    # another prompt
    "it has no tree yet": (TEXT, [LOCK, prompt("q")], saved([], 0, prompt="q", ids=[ord("q")], locked=None)),
    "the first one comes back with its own": (TEXT, [prompt("q"), STEP, [9], prompt("p")], saved(THREE, 3)),
    "unless that was cleared": (
        TEXT, [prompt("q"), prompt("p"), traits(0, 0, branches=[]), prompt("q"), prompt("p")], saved([], 0),
    ),
    "it ends a run": (TEXT, [RUN, [4], prompt("q"), prompt("p")], saved([*THREE, [3, 4]], 4)),
    "it ends the catching up": (TEXT, [COMPARE, [1], prompt("q")], saved([], 0)),
    "it brings its tree from elsewhere": (
        TEXT, [RUN, [4], prompt("q", [[0, 8]]), traits(1, 0, branches=[[0, 8]])],
        {"branches": [[0, 8]], "nodes": [1, 0], "save": None, **IDLE},
    ),
}  # fmt: skip


@pytest.mark.parametrize("story", STORIES)
def test_the_state_machine(story, js):
    known, events, expected = STORIES[story]
    state = js("playground_state").evaluate(DRIVE, [known, events])
    assert {key: state[key] for key in expected} == expected


@pytest.mark.parametrize(
    ("state", "k", "expected"),
    [
        (TEXT, 0, {"node": None, "before": 3, "asked": False}),  # the next token
        (TEXT | {"locked": {"k": 0, "node": 2}}, 0, {"node": 2, "before": 1, "asked": True}),
        (TEXT | {"hover": {"k": 0, "node": 1}, "locked": {"k": 0, "node": 2}}, 0,
         {"node": 1, "before": 0, "asked": True}),
        (BOTH | {"locked": {"k": 0, "node": 2}}, 1, {"node": None, "before": 4, "asked": False}),
        (FORKED | {"hover": {"k": 0, "node": 4}}, 0, {"node": None, "before": 3, "asked": False}),  # not in the text
        (OVER, 0, {"node": 4, "before": 3, "asked": False}),  # the end
        (OVER | {"hover": {"k": 0, "node": 4}}, 0, {"node": 4, "before": 3, "asked": True}),
    ],
)  # fmt: skip
def test_the_token_that_is_looked_at(state, k, expected, js):
    look = "([state, k]) => module.lookedAt({ ...module.begin({ size: 11, end: 10 }), ...state }, k)"
    assert js("playground_state").evaluate(look, [state, k]) == expected


# What the scores say


def test_log_probabilities_and_draws_are_pythons(js):
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
    module = js("playground_state")
    found = calls(module, "nextToken", [(z.tolist(), *rest) for z, *rest in cases])
    sums = calls(module, "logSumExp", [(z.tolist(),) for z, *_ in cases])
    most = [int(rng.integers(2, 14)) for _ in cases]
    there = [int(rng.integers(len(z))) if i % 2 else None for i, (z, *_) in enumerate(cases)]
    bars = calls(module, "barsOf", [(c[0].tolist(), c[1], *rest) for c, *rest in zip(cases, found, there, most)])
    all_of_it = zip(cases, found, sums, there, most, bars, strict=True)
    for (z, setting, seed, depth), token, total, place, n, shown in all_of_it:
        rng_ = sampling.Mulberry32(seed)
        rng_.random(depth)
        assert token == sampling.chooser(**options(setting, len(z)), rng=rng_)(z, [])
        assert z[-1] - total == pytest.approx(np.log(sampling.softmax(z)[-1]), abs=1e-9)
        p, order = sampling.next_distribution(z, **options(setting, len(z))), np.argsort(-z, kind="stable").tolist()
        assert shown["cut"] == (p == 0).sum() and shown["rank"] == (0 if place is None else order.index(place) + 1)
        ids = [bar["id"] for bar in shown["bars"]]
        must = {token} | ({token} if place is None else {place})
        assert ids == [i for i in order if i in must or i in [j for j in order if j not in must][: n - len(must)]]
        assert [bar["p"] for bar in shown["bars"]] == pytest.approx(p[ids]) and shown["p"] == pytest.approx(p)
        assert shown["others"] + sum(p[ids]) == pytest.approx(1)
        for mark, one in {"best": order[0], "drawn": token, "there": place}.items():
            assert [bar[mark] for bar in shown["bars"]] == [i == one for i in ids]
    ranks = calls(module, "rankOf", [(z.tolist(), i) for z, *_ in cases[:50] for i in range(len(z))])
    assert ranks == [r for z, *_ in cases[:50] for r in 1 + np.argsort(np.argsort(-z, kind="stable"))]
    assert calls(module, "rankOf", [([1, 2, 2, 0], i) for i in range(4)]) == [3, 1, 2, 4]
    levels = calls(module, "surpriseLevel", [(float(np.log(p)),) for p in (1, 0.5, 0.49, 0.1, 0.09, 0.01, 0.009)])
    assert levels == [0, 0, 1, 1, 2, 2, 3]


def test_the_scores_of_a_tree_are_pythons(js):
    """Beyond the context, where each pass reads only a window; whichever node is asked for first."""
    figure = small(precision="float32", branches=[[i, (7 * i) % 11] for i in range(30)])
    read = """([weights, ids, branches]) => {
        const { scores, find } = module.reader(weights), state = { ids, branches };
        return [30, 12, ...branches.keys()].map(node => {
            find(state, node, 0, Infinity);
            const { logits, norm } = scores(state, node);
            return [...logits, norm];
        }).slice(2);
    }"""
    found = js("playground").evaluate(read, [figure.weights, figure.prompt_ids(), figure.branches])
    for node, (*logits, norm) in enumerate(found):
        figure.node = node
        np.testing.assert_allclose(logits, figure.logits(), atol=2e-5)
        assert norm == pytest.approx(np.log(np.exp(logits).sum()))


def test_chances_are_mulberrys(js):
    seeds = [0, 1, 12345, (1 << 32) - 1]
    found = calls(js("playground_state"), "chance", [(seed, depth) for seed in seeds for depth in range(200)])
    assert found == [u for seed in seeds for u in sampling.Mulberry32(seed).random(200).tolist()]


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("", "The prompt is empty. Type something, such as “Write a poem about a cat.”"),
        ("   ", "The prompt is empty."),
        ("XYZ", "can't read any of this, because its 11 tokens don't include “X”, “Y”, “Z”. Type something else."),
        ("a Xb <b>", "Not in the model's vocabulary, so skipped: “X”, “<”, “>”."),
        ("ABCDEFGa", "so skipped: “A”, “B”, “C”, “D”, “E”, …."),
        ("ab " * 8, "The prompt has 24 tokens; the model reads only the last 16, because it reads at most 16."),
        ("😀" * 200 + "a", "Not in the model's vocabulary, so skipped: “😀”."),
        ("a cab", ""),
    ],
)  # fmt: skip
def test_prompts_that_do_not_fit_get_a_sentence(prompt, said, js):
    pieces = [{"text": c, "id": LETTERS.ids.get(c)} for c in prompt] if prompt.strip() else []
    found = harness.call(js("playground"), "promptProblem", prompt, pieces, 11, 16)
    assert said in found and bool(said) == bool(found)


# The motion


def test_a_run_gets_up_to_speed(js):
    fast, slow, instant = (
        calls(js("playground_state"), "paceOf", [(speed, written) for written in range(20)])
        for speed in ("fast", "slow", "instant")
    )
    assert fast[0] == slow[0] and set(slow) == {slow[0]} and set(instant) == {0}
    assert fast == sorted(fast, reverse=True) and fast[-1] == fast[-2] < slow[0] / 4


def test_the_dart_falls_before_the_word_flies(js):
    way = calls(js("playground_state"), "flightAt", [(x / 100,) for x in range(101)])
    assert way[0] == {"fall": 0, "fly": 0} and way[-1] == {"fall": 1, "fly": 1}
    assert all(step["fly"] == 0 or step["fall"] == 1 for step in way)
    assert any(step == {"fall": 1, "fly": 0} for step in way)  # the hit is seen for a moment


def test_the_stick_holds_every_piece(js):
    p = [0.1, 0.2, 0, 0.05, 0.05, 0.3, 0.3]
    (found,) = calls(js("stick"), "p => module.pieces(p, (v, id) => [1, 2, 6].includes(id))", [(p,)])
    assert [piece["id"] for piece in found] == [-1, 1, -1, 6]
    ends = [(piece["from"], piece["to"]) for piece in found]
    assert np.array(ends) == pytest.approx(np.array([(0, 0.1), (0.1, 0.3), (0.3, 0.7), (0.7, 1)]))
    half, all_of_it = calls(js("stick"), "between", [([1, 0], [0.1, 0.9], x) for x in (0.5, 1)])
    assert half == pytest.approx([0.55, 0.45]) and all_of_it == [0.1, 0.9]


# The figure


def written(page, k=0) -> str:
    """The text of one setting, without what shows line breaks and the end."""
    spans = page.locator(".nw-play-view").nth(k).locator(".nw-play-text [role=button]").all_text_contents()
    return "".join(spans).replace("↵", "").replace("■", "")


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


def idle(page) -> None:
    """Wait until nothing runs and all that is shown is known."""
    painted(page)  # a key pressed now shows from the next frame on
    page.wait_for_function(
        "() => document.querySelector('.nw-go').textContent === '▶ Write' && !document.querySelector('.nw-play-wait')"
    )
    for _ in range(3):
        painted(page)


def opened(page) -> None:
    """Show what's under More."""
    page.locator(".nw-more > summary").first.click()
    painted(page)  # the fold tells the figure
    painted(page)


@pytest.mark.parametrize(
    ("name", "options", "seeds", "steps"),
    [
        ("shakespeare", {"prompt": "Romeo:\n", "temperature": 0.9, "top_p": 0.95}, [77], 500),  # beyond its context
        ("poems", {"prompt": CAT, "after": "\n", "temperature": 0.7}, [1, 2], 56),
    ],
)
def test_the_same_seed_writes_the_same_text_in_the_page(name, options, seeds, steps, browser):
    figure = Playground(*load_gpt(name), **options, speed="instant")
    with mounted(browser, figure) as (page, complaints):
        opened(page)
        for seed in seeds:
            page.get_by_role("spinbutton", name="seed").fill(str(seed))
            page.keyboard.press("Tab")
            if seed != seeds[0]:
                button(page, "Back to the prompt").click()
                idle(page)
            button(page, "▶ Write").click()
            page.locator(".nw-play-said", has_text=re.compile("Paused|ended")).wait_for()
            idle(page)
            figure.seed, figure.node, figure.branches = seed, 0, []
            assert written(page) == figure.write(steps)
        assert not complaints


def test_characters_of_several_tokens(browser):
    """A byte-pair model writes token by token; the text shows as a whole, even while a character is only half there."""
    tokenizer = BytePairTokenizer([])  # only bytes
    model = GPT(GPTConfig(256, context=8, layers=1, heads=1, channels=4), rng=np.random.default_rng(0))
    model.tokens.weight.data[:] = 0
    model.norm.bias.data[:] = 1
    model.tokens.weight.data[list("é😀".encode())] = 2  # these are drawn, and hardly anything else
    figure = Playground(model, tokenizer, "é", temperature=1)
    with mounted(browser, figure, reduced_motion="reduce") as (page, complaints):
        opened(page)
        for _ in range(12):
            button(page, "Step").click()
            idle(page)
            assert written(page).replace("·", "") == figure.write(1)
        assert re.search("[^\x00-\x7f�]", figure.text()) and "�" in figure.text()
        assert not complaints


def test_step_back_branch_and_return(browser):
    figure = small(steps=12, temperature=1)
    with mounted(browser, figure) as (page, complaints):
        opened(page)
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
        opened(page)
        idle(page)
        heat = page.get_by_role("slider", name="temperature of setting B")
        assert not heat.is_visible()
        page.get_by_label("compare with a second setting").check()
        idle(page)
        first = written(page, 0)
        assert first == small(steps=20, temperature=1.5).text()
        assert written(page, 1) == small(steps=20, temperature=0.3).text() != first  # the same numbers
        heat.fill("1.5")
        button(page, "Rewrite with these settings").click()
        idle(page)
        assert written(page, 1) == written(page, 0) == first
        heat.fill("0")
        button(page, "Rewrite with these settings").click()
        idle(page)
        assert written(page, 0) == first
        assert written(page, 1) == small(steps=20, temperature=0).text() != first
        assert page.locator(".nw-play-branches tbody tr").count() == 3
        assert not complaints


def test_moving_a_slider_draws_nothing(browser):
    with mounted(browser, small(steps=10)) as (page, complaints):
        idle(page)
        before, bars = written(page), page.locator(".nw-play-bars").first.inner_text()
        page.get_by_role("slider", name="temperature").fill("2")
        idle(page)
        assert written(page) == before and page.locator(".nw-play-bars").first.inner_text() != bars
        opened(page)
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
        opened(page)
        button(page, "Step").focus()
        for _ in range(5):
            page.keyboard.press("Enter")
            idle(page)
        figure = small(prompt="dead", steps=5)
        assert written(page) == figure.text()
        for _ in range(20):
            page.keyboard.press("Shift+Tab")
            if page.evaluate("document.activeElement.matches('.nw-play-text [role=button]')"):
                break
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("Home")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Control+End")  # is the browser's
        idle(page)
        assert page.evaluate("document.activeElement.tabIndex") == 0  # Tab comes back here
        assert page.locator(".nw-play-title").first.inner_text().startswith("Alternatives to")
        page.keyboard.press("Enter")
        idle(page)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Go back to here"
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.matches('.nw-play-bars button')")
        page.keyboard.press("Enter")
        idle(page)
        assert written(page)[0] == figure.text()[0] and len(written(page)) == 2
        page.get_by_label("Show attention: where each token looks").press("Space")
        idle(page)
        page.get_by_role("combobox", name="head").press("ArrowDown")
        idle(page)
        assert "block 1, head 2" in page.locator(".nw-head").get_attribute("aria-label")
        assert not complaints


TOKENS = "() => document.querySelectorAll('.nw-play-text [role=button]').length"
# What's on its way in each setting, dart and word, as it last was before each number of tokens; and what `meanwhile`
# does once the words fly.
WATCH = """meanwhile => {
    const air = view => {
        const [dart, word, stick, hit] = ["dart", "word", "stick", "hit .nw-play-name"]
            .map(one => view.querySelector(`.nw-play-${one}`));
        return { seen: dart.style.opacity === "1", top: parseFloat(dart.style.top), hit: hit?.textContent ?? null,
            word: word.hidden ? null : word.textContent, orange: stick.style.background.includes("--hit") };
    };
    window.air = () => [...document.querySelectorAll(".nw-play-view:not([hidden])")].map(air);
    window.flights = {};
    const look = () => {
        const now = window.air(), tokens = document.querySelectorAll(".nw-play-text [role=button]").length;
        if (now.every(one => one.word)) {
            window.flights[tokens] = now;
            [...document.querySelectorAll("button")].find(one => one.textContent === meanwhile)?.click();
        }
        requestAnimationFrame(look);
    };
    look();
}"""
NOTHING = {"seen": False, "hit": None, "word": None, "orange": False}


def test_a_dart_falls_where_the_seeds_number_says_and_its_word_joins_the_text(browser):
    figure = small(speed="slow", temperature=1, second={"temperature": 0})
    with mounted(browser, figure) as (page, complaints):
        idle(page)
        page.evaluate(WATCH)
        assert [one | NOTHING for one in page.evaluate("air()")] == page.evaluate("air()")
        button(page, "▶ Write").click()
        page.wait_for_function(f"() => ({TOKENS})() >= 4")
        button(page, "Stop").click()
        idle(page)
        flights, steps = page.evaluate("flights"), page.evaluate(TOKENS) // 2
        for depth, u in enumerate(sampling.Mulberry32(figure.seed).random(steps)):
            for k, which in enumerate(("", "_b")):  # both settings get the same dart
                named = figure.write(1, which)[-1].replace(" ", "␣").replace("\n", "↵")
                there = {"seen": True, "top": pytest.approx(100 * u, abs=1e-3), "orange": True}
                assert flights[str(2 * depth)][k] == there | {"word": named, "hit": named}
        assert [written(page, k) for k in (0, 1)] == [figure.text(which) for which in ("", "_b")]
        assert [one | NOTHING for one in page.evaluate("air()")] == page.evaluate("air()") and not complaints


@pytest.mark.parametrize(("meanwhile", "least"), [("Stop", 0), ("Step", 3)])
def test_a_word_on_its_way_can_be_called_off_or_hurried(browser, meanwhile, least):
    """Stop leaves it out. Step takes it at once, and goes on to the next."""
    figure = small(speed="slow")
    with mounted(browser, figure) as (page, complaints):
        opened(page)
        idle(page)
        page.evaluate(WATCH, meanwhile)
        button(page, "▶ Write").click()
        page.wait_for_function(f"() => flights[0] && ({TOKENS})() >= {least}")
        if meanwhile == "Step":
            button(page, "Stop").click()
        idle(page)
        tokens = page.evaluate(TOKENS)
        assert tokens >= least and (least or tokens == 0)
        assert written(page) == (figure.write(tokens) if tokens else "")
        assert [one | NOTHING for one in page.evaluate("air()")] == page.evaluate("air()") and not complaints


def test_a_bar_moves_to_its_new_row_and_width(browser):
    figure = small(speed="slow", temperature=1)
    moves = "() => [...document.querySelectorAll('.nw-play-bars button')].some(bar => bar.style.transform)"
    with mounted(browser, figure) as (page, complaints):
        opened(page)
        idle(page)
        page.evaluate(f"window.moves = {moves}")
        page.evaluate("""() => {
            const look = () => { window.moved ||= moves(); requestAnimationFrame(look); };
            look();
        }""")
        token = page.locator(".nw-play-text [role=button]").first
        for change in (button(page, "Step").click, token.click, token.click):  # the next token's, this one's, its own
            page.evaluate("window.moved = false")
            change()
            page.mouse.move(0, 0)
            page.evaluate("document.activeElement.blur()")
            page.wait_for_function("() => moved && !moves()")
        figure.write(1)
        widths = page.locator(".nw-play-fill").evaluate_all("all => all.map(e => parseFloat(e.style.width))")[:8]
        p = np.sort(figure.distribution())[::-1]
        assert widths == pytest.approx(100 * p[:8], abs=0.02)  # the one drawn is among them
        page.get_by_role("slider", name="temperature").first.fill("0")
        page.wait_for_function("() => document.querySelector('.nw-play-fill').style.width === '100%'")
        assert not complaints


def test_with_less_motion_it_is_instant(browser):
    with mounted(browser, small(speed="slow"), reduced_motion="reduce") as (page, complaints):
        idle(page)
        page.evaluate("""() => {
            window.flew = 0;
            new MutationObserver(() => { window.flew++; }).observe(document.querySelector(".nw-play-word"),
                { attributes: true, childList: true });
        }""")
        button(page, "▶ Write").click()
        page.locator(".nw-play-said", has_text="Paused").wait_for()
        assert page.evaluate(TOKENS) == 500 and page.evaluate("window.flew") == 0
        assert page.evaluate("document.querySelector('.nw-play-dart').style.opacity") != "1" and not complaints


def test_after_the_end_it_writes_another(browser, poems):
    with mounted(browser, poems) as (page, complaints):
        opened(page)
        idle(page)
        assert written(page).strip() == poems.text()
        button(page, "▶ Write").click()
        page.locator(".nw-play-said", has_text="ended").wait_for()
        idle(page)
        assert page.get_by_role("spinbutton", name="seed").input_value() == "2"
        again = Playground(*load_gpt("poems"), CAT, after="\n", steps=60, temperature=0.7, seed=2)
        assert written(page).strip() == again.text() != poems.text() and not complaints
        assert page.locator(".nw-play-branches tbody tr").count() == 2


def test_on_a_desktop_it_fits_without_scrolling(browser, poems):
    with mounted(browser, poems, viewport={"width": 760, "height": 900}) as (page, complaints):
        idle(page)
        assert page.locator(".nw-live .nw").bounding_box()["height"] <= 500 and not complaints


def test_every_token_and_bar_says_what_its_shade_and_marks_mean(browser, poems):
    with mounted(browser, poems) as (page, complaints):
        idle(page)
        token, bar = page.locator(".nw-play-text [role=button]").nth(1), page.locator(".nw-play-bars button").first
        says = r"probability (\d\.\d{3}|<0.001), rank [\d,]+ of 1,489"
        assert re.fullmatch(rf"{says}\. Darker means more surprising\.", token.get_attribute("title"))
        assert re.fullmatch(rf".+, {says}", token.get_attribute("aria-label"))
        assert bar.locator(".nw-play-mark").inner_text() == "◆●"
        for name in ("title", "aria-label"):
            assert {"most probable", "drawn with this seed"} <= set(re.split("[,;] ", bar.get_attribute(name)))
        assert "at temperature 1, with nothing cut" in bar.get_attribute("title") and not complaints


def test_a_run_leaves_the_page_its_time_and_can_be_stopped(browser):
    with mounted(browser, Playground(*load_gpt("shakespeare"), "The king ", speed="instant")) as (page, complaints):
        idle(page)
        page.evaluate("""() => {
            window.frames_ = 0;
            const tick = () => { window.frames_++; requestAnimationFrame(tick); };
            requestAnimationFrame(tick);
        }""")
        button(page, "▶ Write").click()
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


def test_odd_prompts_and_a_tree_for_each(browser):
    with mounted(browser, small(steps=8, examples=["a bad cab", "bed"])) as (page, complaints):
        opened(page)
        box, said = page.get_by_role("textbox", name="Prompt"), page.locator(".nw-play-said")
        examples = page.get_by_role("combobox", name="Example prompts")
        before = written(page)
        for prompt, words in {
            "": "The prompt is empty.",
            "XYZ": "can't read any of this",
            "a Xb <b>": "“X”, “<”, “>”",
            "😀" * 200 + "a": "“😀”.",
            "ab " * 33_334: "has 100,002 tokens",
        }.items():
            box.fill(prompt)
            idle(page)
            assert words in said.inner_text() and written(page) == ""
            assert page.locator(".nw-play-chips .nw-token").count() <= 80 and page.locator(".nw b b").count() == 0
            assert not page.evaluate("/\\p{Surrogate}/u.test(document.querySelector('.nw-play-text').textContent)")
            assert (button(page, "Step").get_attribute("aria-disabled") == "true") == (prompt in ("", "XYZ"))
        examples.select_option("bed")
        button(page, "Step").click()
        idle(page)
        assert said.inner_text() == "" and len(written(page)) == 1
        examples.select_option("a bad cab")
        idle(page)
        assert written(page) == before
        examples.select_option("bed")
        idle(page)
        assert len(written(page)) == 1 and not complaints


def test_damaged_weights_leave_a_sentence(browser):
    whole = small().figure()
    broken = re.sub(r'"data":"....', '"data":"AAAA', whole)
    assert broken != whole
    with mounted(browser, broken, small()) as (page, complaints):
        assert "damaged or cut short" in page.locator(".nw-problem").inner_text()
        assert button(page, "▶ Write").is_visible()
        complaints[:] = [c for c in complaints if "damaged" not in c]
        assert not complaints


@pytest.mark.parametrize(
    ("actions", "steps"),
    [
        (["type", "Step"], 1),  # a step right after typing isn't lost
        (["▶ Write", "type"], 0),  # and typing ends a run
    ],
)
def test_typing_and_writing_within_one_frame(actions, steps, browser):
    with mounted(browser, small()) as (page, complaints):
        idle(page)
        page.evaluate(
            """actions => actions.forEach(action => {
                const box = document.querySelector("textarea"), buttons = [...document.querySelectorAll("button")];
                if (action !== "type") return buttons.find(one => one.textContent === action).click();
                box.value = "dead";
                box.dispatchEvent(new InputEvent("input", { bubbles: true }));
            })""",
            actions,
        )
        idle(page)
        assert written(page) == small(prompt="dead", steps=steps).text() and not complaints


def test_what_is_written_stays_in_sight(browser):
    """A long text begins at its top; what is written is followed, until the reader scrolls up."""
    from_end = """() => {
        const text = document.querySelector(".nw-play-text");
        return [text.scrollTop, text.scrollHeight - text.clientHeight - text.scrollTop];
    }"""
    with mounted(browser, small(steps=900), viewport={"width": 320, "height": 800}) as (page, complaints):
        idle(page)
        assert page.evaluate(from_end)[0] == 0 < page.evaluate(from_end)[1]
        button(page, "▶ Write").click()
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
        opened(page)
        text = LETTERS.decode([3, 4])
        page.locator(".nw-play-branches tbody button", has_text=text).press("Enter")
        idle(page)
        assert written(page) == text
        assert page.evaluate("document.activeElement.textContent") == f"▸{text}" and not complaints


def test_a_screen_reader_says_the_new_token(browser):
    with mounted(browser, small(second={"temperature": 0})) as (page, complaints):
        idle(page)
        opened(page)
        button(page, "Step").click()
        heard = page.locator(".nw p.nw-visually-hidden", has_text="A: “")
        heard.wait_for(state="attached")
        first, second = (page.locator(".nw-play-text [role=button]").nth(i).get_attribute("aria-label") for i in (0, 1))
        a, b = (name.split(", probability ") for name in (first, second))
        assert heard.text_content() == f"A: “{a[0]}”, probability {a[1]}; B: “{b[0]}”, probability {b[1]}"
        assert re.fullmatch(r"\d\.\d{3}, rank \d+ of 11", a[1])
        assert not complaints


def test_a_link_brings_prompt_tree_and_settings(browser):
    address = "#widget=1&prompt=%22bed%22&branches=[[0,1],[1,2],[0,3]]&node=2&temperature=0.3&head=2"
    with mounted(browser, small(), address=address) as (page, complaints):
        idle(page)
        assert page.get_by_role("textbox", name="Prompt").input_value() == "bed"
        opened(page)
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
        button(page, "▶ Write").click()
        idle(page)
        opened(page)
        button(page, "Back").click()
        page.get_by_role("button", name="Copy link").click()
        page.get_by_text("Too long for a link, so left out: branches.").wait_for()
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
        button(page, "▶ Write").click()
        idle(page)
        page.wait_for_function("() => document.querySelector('.nw-play-text').textContent.includes('■')")
        complaints += site_checks.accessibility(page) + site_checks.width(page, 360)
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 24, 30)"
        assert not complaints


def test_on_a_page_from_right_to_left_it_stays_as_it_is(browser):
    with mounted(browser, small(branches=[[0, 1], [0, 2]], node=1)) as (page, complaints):
        page.evaluate("() => { document.documentElement.dir = 'rtl'; }")
        opened(page)
        idle(page)
        left = "e => e.getBoundingClientRect().left"
        drawing, cell = (page.locator(f".nw-play-branches {one}").first.evaluate(left) for one in ("svg", "tbody td"))
        assert abs(drawing - cell) < 1 and button(page, "Step").evaluate(left) < button(page, "Back").evaluate(left)
        assert not complaints


def test_with_the_colors_of_the_system_bars_and_levels_are_seen(browser):
    with mounted(browser, small(steps=60), forced_colors="active") as (page, complaints):
        idle(page)
        color = page.locator(".nw-play-fill").first.evaluate("e => getComputedStyle(e).backgroundColor")
        assert color not in ("rgb(255, 255, 255)", "rgba(0, 0, 0, 0)")
        line = "e => (s => s.borderBottomStyle + s.borderBottomColor)(getComputedStyle(e))"
        levels = page.locator(".nw-play-text [role=button]")
        lines = {one.get_attribute("class"): one.evaluate(line) for one in levels.all()}
        assert len(lines) > 2 and len(set(lines.values())) == len(lines) and not complaints


def test_with_all_that_it_can_show_it_fits_and_is_accessible(browser):
    figure = small(steps=20, second={"temperature": 0.2}, look=True, examples=["bed"])
    with mounted(browser, figure, viewport={"width": 320, "height": 800}) as (page, complaints):
        idle(page)
        page.locator(".nw-play-text [role=button]").nth(3).click()
        idle(page)
        assert button(page, "Go back to here").bounding_box()["height"] >= 44
        for theme in ("light", "dark"):
            page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
            complaints += site_checks.accessibility(page)
        complaints += site_checks.width(page, 320) + site_checks.width(page, 1000)
        assert not complaints


@pytest.mark.parametrize(
    ("speed", "last", "frames"), [("instant", "▶ Write", 1), ("slow", "▶ Write", 10), ("fast", "Copy text", 10)]
)
def test_nothing_is_left_behind(speed, last, frames, browser):
    """After the view is gone no frame is asked for any more: not by a run, nor by a copy that's done a moment later."""
    with harness.module(browser, "playground") as page:
        left = page.evaluate(
            """async ([state, last, frames]) => {
                const own = { ...state }, el = document.createElement("div"), nothing = () => {};
                const model = { on: nothing, off: nothing, save_changes: nothing,
                    get: name => own[name], set: (name, value) => { own[name] = value; } };
                const press = words => [...el.querySelectorAll("button")].find(b => b.textContent === words).click();
                document.body.append(el);
                const end = module.default.render({ model, el });
                if (last !== "Copy text") press(last);
                for (let i = 0; i < frames; i++) await new Promise(requestAnimationFrame);
                if (last === "Copy text") press(last);
                end();
                let asked = 0;
                const real = window.requestAnimationFrame;
                window.requestAnimationFrame = f => { asked++; return real(f); };
                await new Promise(done => setTimeout(done, 100));
                return [asked, el.children.length];
            }""",
            [small(speed=speed).state(), last, frames],
        )
    assert left == [0, 0]
