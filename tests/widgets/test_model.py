"""The GPT in the page: its weights, its numbers, its window, and its tokens are Python's."""

import base64
import gzip
import zlib

import numpy as np
import pytest

from book.widgets.weights import packed, unpacked
from helpers import data, sampling
from helpers import poems as grammar
from helpers.gpt import GPT, GPTConfig, window_start
from helpers.models import load_gpt
from helpers.tensor import no_grad
from helpers.tokenizers import BytePairTokenizer, CharTokenizer, WordTokenizer
from tests.widgets.harness import calls
from tests.widgets.test_merges import drawn_texts

# A model in JavaScript: its scores after each token of each text, and whom the last text's tokens look at. Millions of
# numbers, so they travel as bytes.
RUN = """([weights, texts, layer, head]) => {
    const s = module.session(module.gpt(module.unpackedWeights(weights)));
    let said = "", map;
    const put = numbers => { said += String.fromCharCode(...new Uint8Array(numbers.buffer)); };
    for (const ids of texts) {
        s.feed(ids);
        ids.forEach((_, i) => put(s.logits(i)));
        map = s.attention(layer, head);
    }
    return [btoa(said), Array.from(map)];
}"""


@pytest.fixture
def model_js(js):
    return js("model")


@pytest.fixture
def tokenizers_js(js):
    return js("tokenizers")


def in_javascript(model_js, weights, texts, layer=0, head=0) -> tuple[list[np.ndarray], np.ndarray]:
    """The scores after each token of each text, (T, V) each, and one head's map (T, T) for the last text."""
    said, look = model_js.evaluate(RUN, [weights, texts, layer, head])
    scores = np.frombuffer(base64.b64decode(said), "<f4").reshape(-1, weights["config"]["vocab_size"])
    ends = np.cumsum([len(ids) for ids in texts])
    assert len(scores) == ends[-1]
    return np.split(scores.astype(np.float64), ends[:-1]), np.reshape(look, (len(texts[-1]), len(texts[-1])))


def texts_for(name: str, tokenizer, n: int) -> list[list[int]]:
    """n texts to read, all within the context: from plays, or prompts with the beginnings of poems."""
    rng = np.random.default_rng(0)
    if name == "shakespeare":
        ids = tokenizer.encode(data.shakespeare_split()[1][:200_000])
        starts = rng.integers(0, len(ids) - 128, n)
        return [ids[start : start + int(rng.integers(1, 129))] for start in starts]
    pairs = grammar.examples(n, rng=rng, held_out=True)
    return [tokenizer.encode(prompt + "\n" + text)[: int(rng.integers(2, 65))] for prompt, text in pairs]


def in_python(model, texts) -> list[np.ndarray]:
    with no_grad():
        return [model(np.array(ids)[None]).data[0].astype(np.float64) for ids in texts]


def distances(exact, found) -> tuple[float, float]:
    """The share of positions with another most probable token, and the mean KL divergence in nats."""
    p, q = (sampling.softmax(np.concatenate(rows)) for rows in (exact, found))
    with np.errstate(divide="ignore", invalid="ignore"):
        kl = np.where(p > 0, p * (np.log(p) - np.log(q)), 0).sum(axis=-1)
    return float((p.argmax(-1) != q.argmax(-1)).mean()), float(kl.mean())


@pytest.mark.parametrize("name", ["shakespeare", "poems"])
def test_logits_are_numpys(name, model_js):
    """With float32 weights within 1e-4; with the shipped, compressed ones nearly the same distributions."""
    model, tokenizer = load_gpt(name)
    texts = texts_for(name, tokenizer, 24)
    exact = in_python(model, texts)
    found, look = in_javascript(model_js, packed(model, "float32"), texts, 1, 2)
    assert np.abs(np.concatenate(found) - np.concatenate(exact)).max() < 1e-4
    np.testing.assert_allclose(look, model.attention_weights(texts[-1])[1, 2], atol=1e-5)
    compressed = packed(model, "int8")
    found, _ = in_javascript(model_js, compressed, texts)
    other, kl = distances(exact, found)
    assert other <= 0.01 and 0 < kl <= 1e-3
    for p, values in zip(model.parameters(), unpacked(compressed).values(), strict=True):
        p.data[...] = values
    np.testing.assert_allclose(np.concatenate(in_python(model, texts)), np.concatenate(found), atol=1e-4)


def tiny(rng, **shape):
    """A model of an odd shape, with parameters as large as trained ones."""
    model = GPT(GPTConfig(**shape), rng=rng)
    for p in model.parameters():
        p.data += rng.normal(0, 0.2, p.shape).astype(np.float32)
    return model


@pytest.mark.parametrize("precision", ["float32", "float16", "int8"])
def test_models_of_any_shape(precision, model_js):
    rng = np.random.default_rng(1)
    shapes = [
        {"vocab_size": 7, "context": 5, "layers": 1, "heads": 1, "channels": 3},
        {"vocab_size": 11, "context": 40, "layers": 3, "heads": 3, "channels": 30},
        {"vocab_size": 2, "context": 1, "layers": 1, "heads": 2, "channels": 2},
    ]
    for shape in shapes:
        model = tiny(rng, **shape)
        weights = packed(model, precision)
        for p, values in zip(model.parameters(), unpacked(weights).values(), strict=True):
            p.data[...] = values
        texts = [rng.integers(0, shape["vocab_size"], k + 1).tolist() for k in range(shape["context"])]
        found, _ = in_javascript(model_js, weights, texts)
        for rows, exact in zip(found, in_python(model, texts), strict=True):
            np.testing.assert_allclose(rows, exact, atol=2e-5)


def test_the_cache_forgets_what_no_longer_holds(model_js):
    """Typing on, going back, changing a word in the middle: as if each text had been read alone."""
    rng = np.random.default_rng(2)
    model = tiny(rng, vocab_size=9, context=30, layers=2, heads=2, channels=8)
    text, texts = rng.integers(0, 9, 30).tolist(), []
    for _ in range(40):
        text = list(text)
        text[int(rng.integers(30))] = int(rng.integers(9))
        texts.append(text[: int(rng.integers(1, 31))])
    found, _ = in_javascript(model_js, packed(model, "float32"), texts)
    for rows, exact in zip(found, in_python(model, texts), strict=True):
        np.testing.assert_allclose(rows, exact, atol=2e-5)


def test_a_slice_ends_at_its_deadline_and_goes_on(model_js):
    model = tiny(np.random.default_rng(3), vocab_size=9, context=100, layers=1, heads=1, channels=4)
    counts, same = model_js.evaluate(
        """([weights, ids]) => {
            const net = module.gpt(module.unpackedWeights(weights)), counts = [];
            const one = module.session(net), other = module.session(net);
            while (!one.feed(ids, 0)) counts.push(one.held.length);
            other.feed(ids);
            return [counts, one.logits(99).every((z, i) => Math.abs(z - other.logits(99)[i]) < 1e-6)];
        }""",
        [packed(model, "float32"), [i % 9 for i in range(100)]],
    )
    assert counts == [16, 32, 48, 64, 80, 96] and same


def test_windows_are_pythons(model_js):
    cases = [(length, context) for context in (1, 2, 3, 8, 64, 127) for length in range(0, 4 * context + 3)]
    assert calls(model_js, "windowStart", cases) == [window_start(*case) for case in cases]


# Weights


def test_weights_come_near_and_are_small():
    model, _ = load_gpt("shakespeare")
    exact = {name: p.data for name, p in model.named_parameters()}
    for precision, bound in (("float32", 0), ("float16", 2**-11), ("int8", 1 / 250)):
        weights = packed(model, precision)
        for name, values in unpacked(weights).items():
            groups = np.abs(exact[name].reshape(-1, 1 if exact[name].ndim == 1 else 16)).max(axis=1)
            error = np.abs(values - exact[name]).reshape(len(groups), -1).max(axis=1)
            assert (error <= bound * groups + 1e-7).all(), name
    assert len(gzip.compress(packed(model, "int8")["data"].encode())) < 1_000_000


def test_every_float16_is_read(model_js):
    bits = np.arange(1 << 16, dtype=np.uint16)
    found = np.array(calls(model_js, "half", [(int(b),) for b in bits]))
    np.testing.assert_array_equal(found, bits.view(np.float16).astype(np.float64))


def test_checksums_are_zlibs(model_js):
    rng = np.random.default_rng(4)
    for n in (0, 1, 3800, 3801, 100_000):
        data_ = np.r_[rng.integers(0, 256, n // 2), np.full(n - n // 2, 255)].astype(np.uint8)
        assert calls(model_js, "checksum", [(data_.tolist(),)]) == [zlib.adler32(data_.tobytes())]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda w: w.pop("data"), "weights are missing"),
        (lambda w: w.update(data=w["data"][:-8]), "checksum is wrong"),
        (lambda w: w.update(data="AAAA" + w["data"][4:]), "checksum is wrong"),
        (lambda w: w.update(data="<b>no</b>"), "aren't base64"),
    ],
)
def test_damaged_weights_get_a_sentence(change, said, model_js):
    weights = packed(tiny(np.random.default_rng(5), vocab_size=3, context=2, layers=1, heads=1, channels=2), "int8")
    change(weights)
    told = model_js.evaluate("w => { try { module.unpackedWeights(w); } catch (e) { return e.message; } }", weights)
    assert said in told and "Run the cell" in told


def test_numbers_that_do_not_fit_get_a_sentence():
    model = tiny(np.random.default_rng(5), vocab_size=3, context=2, layers=1, heads=1, channels=2)
    model.tokens.weight.data[0, 0] = 1e5
    with pytest.raises(ValueError, match="tokens.weight has weights up to 1e\\+05, too large for int8. Use"):
        packed(model, "int8")
    model.tokens.weight.data[0, 0] = np.nan
    with pytest.raises(ValueError, match="tokens.weight has weights that aren't finite"):
        packed(model, "float32")


# Tokenizers

CUT = """([saved, texts]) => {
    const t = module.tokenizerFrom(saved);
    return texts.map(text => { const cut = t.cut(text); return [cut.map(c => c.id), cut.map(c => c.text)]; });
}"""
TEXTS = "([saved, lists]) => { const t = module.tokenizerFrom(saved); return lists.map(ids => t.texts(ids)); }"
ODD_WORDS = [
    "'tis o'er to-night 3.50 12:30 ... -- wait--what",
    "a_b  c\td\ne",
    "",
    "\n\n",
    "it’s “so” (yes)",
    "½ ² Ⅷ 中文 שלום é é",
]


@pytest.mark.parametrize("specials", [["<end>", "<unk>"], ["<end>"], ["<end>", "<end"], []])
def test_words_are_cut_alike(specials, tokenizers_js):
    texts = [*ODD_WORDS, *drawn_texts(np.random.default_rng(6), 1_000), "a<end>b <unk> <end>"]
    tokenizer = WordTokenizer(texts[::2], specials=specials)
    found = tokenizers_js.evaluate(CUT, [tokenizer.to_dict(), texts])
    for text, (ids, pieces) in zip(texts, found, strict=True):
        assert pieces == tokenizer.split(text), text
        unknown = tokenizer.ids.get("<unk>") if "<unk>" in specials else None
        assert ids == [tokenizer.ids.get(piece, unknown) for piece in pieces]


def test_words_are_joined_alike(tokenizers_js):
    rng = np.random.default_rng(7)
    marks = "word two \" ' ’ -- — .. … . , ( ) [ ] { “ ” $ % \n !? : ;"
    tokenizer = WordTokenizer(marks)
    lists = [rng.integers(0, tokenizer.vocab_size, rng.integers(0, 30)).tolist() for _ in range(2_000)]
    found = tokenizers_js.evaluate(TEXTS, [tokenizer.to_dict(), lists])
    assert ["".join(parts) for parts in found] == [tokenizer.decode(ids) for ids in lists]


def test_characters_are_cut_and_joined_alike(tokenizers_js):
    tokenizer = CharTokenizer("abc é😀\n<")
    texts = ["", "cab", "a😀<b>", "xé"]
    found = tokenizers_js.evaluate(CUT, [tokenizer.to_dict(), texts])
    assert [ids for ids, _ in found] == [[tokenizer.ids.get(c) for c in text] for text in texts]
    assert tokenizers_js.evaluate(TEXTS, [tokenizer.to_dict(), [[0, 1, 2]]]) == [list(tokenizer.decode([0, 1, 2]))]


def test_byte_pairs_are_cut_and_joined_alike(tokenizers_js):
    rng = np.random.default_rng(8)
    texts = list(drawn_texts(rng, 300))
    tokenizer = BytePairTokenizer.train("".join(texts), 500, specials=("<end>",))
    found = tokenizers_js.evaluate(CUT, [tokenizer.to_dict(), texts])
    assert [ids for ids, _ in found] == [tokenizer.encode(text) for text in texts]
    lists = [rng.integers(0, 500, rng.integers(0, 40)).tolist() for _ in range(1_000)] + [
        tokenizer.encode(t) for t in texts
    ]
    joined = tokenizers_js.evaluate(TEXTS, [tokenizer.to_dict(), lists])
    assert ["".join(parts) for parts in joined] == [tokenizer.decode(ids) for ids in lists]


def test_an_unknown_tokenizer_gets_a_sentence(tokenizers_js):
    said = "() => { try { module.tokenizerFrom({kind: 'syllables'}); } catch (e) { return e.message; } }"
    assert "doesn't know the model's tokenizer; got the kind syllables." in tokenizers_js.evaluate(said)
