"""What chapter 10 says, checked against what its cells compute."""

import numpy as np
import pytest

from helpers.sampling import wilson
from tests.chapters.running import ran, unsupported


@pytest.fixture(scope="module")
def chapter():
    return ran("10_answering")


def test_numbers_in_the_text_come_from_cells(chapter):
    assert unsupported(chapter) == []


def test_every_fact_is_false_and_the_held_out_ones_are_new(chapter):
    held, trained = ({tuple(pair) for pair in chapter[name]} for name in ("held_pairs", "train_pairs"))
    assert not held & trained and not any(i == j for i, j in held | trained)
    facts = chapter["test_texts"][:, :12].reshape(-1, 4, 3)
    said = {(a, b) for a, b, _ in facts.reshape(-1, 3)}
    allowed = {(chapter["country_ids"][i], chapter["city_ids"][j]) for i, j in held}
    assert said <= allowed and all(len(set(text[:, 0])) == 4 == len(set(text[:, 1])) for text in facts)
    repeats = [len(set(row[12::3])) for row in chapter["test_texts"]]
    assert min(repeats) < 4  # a question may come twice, so elimination is worth nothing


def test_the_quiz_is_won_without_reading(chapter):
    first, last = chapter["by_question"]
    assert 0.45 < first < 0.55 and last > 0.98
    other = chapter["Answerer"](chapter["guesser"].config, rng=np.random.default_rng(0))
    lessons = chapter["quizzes"](np.random.default_rng(1))
    chapter["train"](other, lessons, steps=600, lr=3e-3, progress=False)
    assert max(chapter["right"](other, chapter["fresh"], np.array([8, 12]))) < 0.6


def test_the_reader_reads(chapter):
    assert min(chapter["right"](chapter["reader"], chapter["test_texts"], chapter["ANSWERS"])) > 0.99
    assert chapter["school"].size == chapter["n"] and 10 <= chapter["learned"] - chapter["stuck"] < 40
    assert np.mean(chapter["history"].losses[60:100]) > 0.9 * np.log(4)


def test_what_each_head_is_worth(chapter):
    scores = chapter["scores"]
    assert scores["block 1, head 2"][1] > 0.95 and scores["block 1, head 1"][1] < 0.15
    assert all(abs(scores[name][0] - scores[name][1]) < 0.02 for name in ("block 1, both", "block 2, both"))
    assert scores["block 2, both"][1] < 0.03 and scores["block 2, both"][2] < 0.1
    # by hand, at the place where the head writes: the same logits
    reader, mean, ids = chapter["reader"], chapter["averages"][0][32:], chapter["test_texts"][:3, :-1]
    broken, by_hand = chapter["without"](reader, 0, [1], chapter["averages"][0]), reader.copy()
    out = by_hand.blocks[0].attention.out

    def with_the_average(x):
        x.data[..., 32:] = mean
        return out(x)

    by_hand.blocks[0].attention.out = with_the_average
    assert np.allclose(broken(ids).data, by_hand(ids).data, atol=1e-4)
    assert not np.allclose(broken(ids).data, reader(ids).data, atol=1e-2)


def test_what_was_never_told_is_made_up(chapter):
    told, untold, correct, sure = (chapter[name] for name in ("told", "untold", "correct", "sure"))
    assert len(told) == 56 and len(untold) == 20
    assert correct[:, told].all() and not correct[:, untold].any()
    assert sure[:, told].mean() > 0.98 and 0.4 < sure[:, untold].mean() < 0.6 and chapter["invented"] > 0.95
    assert chapter["agree"][told].mean() > 0.98 and chapter["agree"][untold].mean() < 0.35
    assert chapter["fits"] > 0.8


def test_saying_unknown_is_easy_for_texts_and_hard_for_memory(chapter):
    assert chapter["in_the_text"] > 0.99 and chapter["admits"] > 0.97
    never = {admitted: shares["never told"] for admitted, shares in chapter["honesty"].items()}
    assert never[10] <= 0.2 and never[30] >= 0.7
    assert all(shares["shown"] == shares["told"] == 1 for shares in chapter["honesty"].values())
    assert chapter["honest"](10, 1)["never told"] == 0 and chapter["honest"](30, 1)["never told"] >= 0.8


def test_which_source_wins_depends_on_training(chapter):
    trust = chapter["trust"]
    assert chapter["from_memory"] > 0.98
    for group in ("told", "never told"):
        assert trust["false texts", group, "true"][1] > 0.95 and trust["false texts", group, "false"][1] > 0.95
    assert trust["true texts", "told", "false"] == (1, 0) and trust["true texts", "never told", "true"][0] < 0.1


@pytest.mark.usefixtures("smollm2")
def test_the_real_model_counted(chapter):
    counted = chapter["counted"]
    assert {way: count[:2] for way, count in counted.items()} == {
        "from memory": (44, 0), "true passage": (66, 0), "false passage": (24, 27), "may say no": (4, 0),
        "note at the end": (9, 56), "note at the start": (45, 8), "no label": (37, 22),
    }  # fmt: skip
    assert counted["may say no"][2] == 57 and counted["from memory"][2] == 0
    smol, pieces, may = chapter["smol"], chapter["pieces"], chapter["ways"]["may say no"]
    longer = chapter["pretrained"].reply_many(
        smol, pieces, [may.format(country=country) for country in chapter["capitals"]], steps=40
    )
    named = [city in reply for city, reply in zip(chapter["capitals"].values(), longer)]
    assert sum(named) == 4 and sum(chapter["refuses"](r) and not ok for r, ok in zip(longer, named)) == 57
    known, refused = chapter["known"], chapter["refused"]
    assert (refused[known].sum(), known.sum(), refused[~known].sum()) == (35, 44, 22)
    no = [sum(map(chapter["refuses"], chapter["invents"][way])) for way in ("from memory", "may say no")]
    assert no == [0, 12]
    assert wilson(12, 15)[0] < wilson(57, 76)[0] and wilson(57, 76)[1] < wilson(12, 15)[1]
