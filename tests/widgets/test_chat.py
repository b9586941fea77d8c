"""A real model in the page: its file, its numbers, its tokens, its chat, and what goes wrong."""

import base64
import json
import random
import re
import shutil

import gguf
import nbformat
import numpy as np
import pytest
from gguf import GGMLQuantizationType as Kind

from book.widgets import Chat, chat, modules
from helpers import pretrained, sampling
from helpers.pretrained import read
from helpers.tensor import no_grad
from tests.engine.test_pretrained import CONFIG, TEXT, vocabulary, write
from tests.engine.test_pretrained import tokenizer as small_tokenizer
from tests.firefox import firefox, installed
from tests.lab import jupyterlab
from tests.site import site_checks
from tests.widgets.harness import call, calls, site_page
from tests.widgets.test_every import AT_REST
from tools import assemble

# A model's file as bytes, and what opens it: `wasm` says whether WebAssembly may be used.
OPEN = """const opened = (text, wasm) => {
    const raw = atob(text), size = raw.length, pages = Math.ceil((size + module.SCRATCH + 16) / 65536);
    const memory = new WebAssembly.Memory({ initial: pages });
    new Uint8Array(memory.buffer).set(Uint8Array.from(raw, c => c.charCodeAt(0)));
    return module.llama(memory, size, { wasm });
};"""
RUN = f"""([text, ids, wasm]) => {{ {OPEN}
    const s = module.session(opened(text, wasm)), scores = [];
    for (const id of ids) {{ s.feed(id); scores.push(...s.logits()); }}
    return [scores, Array.from(s.look(ids.length - 1))];
}}"""
# The same for SmolLM2, whose file Node reads from the disk.
REAL = """async ([path, prompts, to]) => {
    const { appendFileSync, readFileSync } = await import("node:fs"), file = readFileSync(path), size = file.length;
    const memory = new WebAssembly.Memory({ initial: Math.ceil((size + module.SCRATCH + 16) / 65536) });
    new Uint8Array(memory.buffer).set(file);
    globalThis.smol = module.llama(memory, size);
    for (const ids of prompts) {
        const s = module.session(smol);
        for (const id of ids) { s.feed(id); appendFileSync(to, Buffer.from(s.logits().buffer)); }
    }
}"""


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A small random model: (its file, the model, its tokenizer)."""
    path = tmp_path_factory.mktemp("small") / "model.gguf"
    write(path)
    return path, *read(path)


def in_base64(path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


# The file, and the products with its weights


@pytest.mark.parametrize("name", assemble.NAMES)
def test_the_assembled_text_is_in_the_module(name):
    source = modules.text(modules.HERE / f"{name}.js")
    assert assemble.assembled(name) in source, f"{name}.wat has changed. Run: python -m tools.assemble"


def test_a_file_has_the_same_fields_and_places_in_javascript(small, js):
    code = """text => {
        const { fields, tensors } = module.readGGUF(Uint8Array.from(atob(text), c => c.charCodeAt(0)));
        return [[...fields], [...tensors].map(([name, { at, shape, kind }]) => [name, at, shape, kind])];
    }"""
    fields, tensors = js("gguf").evaluate(code, in_base64(small[0]))
    reader = gguf.GGUFReader(small[0])
    theirs = {name: field.contents() for name, field in reader.fields.items() if not name.startswith("GGUF.")}
    assert {name: pytest.approx(value) for name, value in fields} == theirs
    wanted = [[t.name, t.data_offset, t.shape.tolist(), int(t.tensor_type)] for t in reader.tensors]
    assert tensors == wanted


def test_a_damaged_file_says_so(small, js):
    content = small[0].read_bytes()
    code = """text => {
        try { module.readGGUF(Uint8Array.from(atob(text), c => c.charCodeAt(0))); } catch (e) { return e.message; }
    }"""
    for size in (0, 3, 30, 500, 3_000):
        said = js("gguf").evaluate(code, base64.b64encode(content[:size]).decode())
        assert re.match(r"The model's file is damaged or cut short \(.+\)\. ", said), size
    whole = f"""text => {{ {OPEN} try {{ opened(text, true); return "opened"; }} catch (e) {{ return e.message; }} }}"""
    for size in (len(content) // 2, len(content) - 3_000):
        assert "damaged" in js("llama").evaluate(whole, base64.b64encode(content[:size]).decode())


@pytest.mark.parametrize("wasm", [True, False])
@pytest.mark.parametrize("kind", [Kind.Q4_1, Kind.Q8_0])
def test_products_are_those_of_the_decoded_weights(js, kind, wasm):
    rng = np.random.default_rng(0)
    W = rng.normal(0, 2, (37, 96)).astype(np.float32) * rng.choice([1e-4, 1, 100], (37, 1))
    xs = [rng.normal(0, 1, 96) * np.repeat([1e-3, 1, 50], 32), np.zeros(96), np.eye(96)[5]]
    rows = gguf.quants.quantize(W.astype(np.float32), kind)
    code = """([text, kind, xs, wasm]) => {
        const raw = atob(text), memory = new WebAssembly.Memory({ initial: 12 });
        new Uint8Array(memory.buffer).set(Uint8Array.from(raw, c => c.charCodeAt(0)));
        const { take, by, row, fast } = module.products(memory, Math.ceil(raw.length / 16) * 16, wasm);
        const matrix = { at: 0, kind, rows: 37, columns: 96 }, y = new Float32Array(40), r = new Float32Array(96);
        row(matrix, 7, r);
        const product = x => { take(Float32Array.from(x)); by(matrix, y, 2); return Array.from(y); };
        return [fast, Array.from(r), xs.map(product)];
    }"""
    fast, row, ys = js("products").evaluate(
        code, [base64.b64encode(rows.tobytes()).decode(), int(kind), [x.tolist() for x in xs], wasm]
    )
    decoded = gguf.quants.dequantize(rows, kind).astype(np.float64)
    assert fast == wasm
    np.testing.assert_allclose(row, decoded[7], rtol=1e-6)
    for x, y in zip(xs, ys, strict=True):
        size = np.abs(decoded) @ np.abs(x)
        assert y[:2] == [0, 0] and (np.abs(np.array(y[2:39]) - decoded @ x) <= 1e-4 * size + 1e-9).all()


@pytest.mark.parametrize("wasm", [True, False])
def test_a_small_model_has_the_same_numbers(small, js, wasm):
    path, model, _ = small
    ids = np.random.default_rng(0).integers(0, CONFIG.vocab_size, 12)
    scores, look = js("llama").evaluate(RUN, [in_base64(path), ids.tolist(), wasm])
    with no_grad():
        expected = model(ids[None]).data[0]
    np.testing.assert_allclose(np.reshape(scores, expected.shape), expected, atol=2e-3)
    weights = model.attention_weights(ids)[:, :, -1]
    np.testing.assert_allclose(np.reshape(look, weights.shape), weights, atol=5e-4)


# Tokens and the chat

MIXED = [
    "cat",
    " the",
    "It's",
    "42",
    "  ",
    "\n\n",
    " \n",
    "\t",
    "é",
    "猫",
    "🐈",
    "½",
    "٣",
    "\x1c",
    "\u3000",
    "_",
    "<|im_end|>",
    "!?",
]


def test_tokens_are_the_same(js):
    rng = random.Random(0)
    texts = ["".join(rng.choice(MIXED) for _ in range(rng.randint(1, 20))) for _ in range(500)] + [TEXT, ""]
    tokens, merges = vocabulary()
    js("tokenizers").evaluate(
        "([t, m, k]) => { globalThis.spoken = module.pretrained(t, m, k); }",
        [tokens, merges, [3] * 3 + [1] * (len(tokens) - 3)],
    )
    found = calls(js("tokenizers"), "text => module.merged(text, spoken).ids", [[text] for text in texts])
    assert found == [small_tokenizer().encode(text) for text in texts]


def test_a_chat_is_the_same_text_and_knows_its_template(js):
    turns = ["Hi <|im_end|> there!", "Hello, 🐈.", "  What?\n"]
    for n in (1, 2, 3):
        pieces = call(js("chat_text"), "chatPieces", turns[:n])
        assert "".join(piece["text"] for piece in pieces) == pretrained.chat(*turns[:n])
        assert [piece["text"] for piece in pieces if not piece["template"]] == [pretrained.SYSTEM, *turns[:n]]


def test_a_character_of_several_tokens_appears_when_it_is_complete(js):
    tokens, merges = vocabulary()
    text, code = (
        "a🐈b日",
        "([t, m, k, text]) => module.chatTokens([text], tokenizers.pretrained(t, m, k)).map(t => t.text)",
    )
    js("tokenizers").evaluate("() => { globalThis.tokenizers = module; }")
    texts = js("chat_text").evaluate(code, [tokens, merges, [3] * 3 + [1] * (len(tokens) - 3), text])
    assert "".join(texts) == pretrained.chat(text) and "�" not in "".join(texts) and texts.count("") >= 5


def test_top_p_of_a_large_vocabulary_keeps_the_same_tokens(js):
    rng = np.random.default_rng(0)
    for share in (0.1, 0.5, 0.9, 0.999, 0.999999):
        p = sampling.softmax(rng.normal(0, 3, 5_000))
        found = call(js("formulas"), "topP", p.tolist(), share)
        np.testing.assert_allclose(found, sampling.top_p_filter(p, share), atol=1e-12)


# What happens


def states(js, *events, said=(), last=()) -> dict:
    code = """([recorded, events]) => {
        let state = module.begin(recorded);
        for (const event of events) state = module.after(state, event);
        return { ...state, texts: module.texts(state), busy: module.busy(state), shown: module.shown(state),
            transcript: module.transcript(state).map(({ text }) => text) };
    }"""
    return js("chat_state").evaluate(code, [{"prompt": "Cat?", "said": list(said), "last": list(last)}, list(events)])


READY = {"type": "ready", "layers": 2, "heads": 4, "fast": True}
SEND = {"type": "send", "text": "Hi!"}


def token(text: str) -> dict:
    return {"type": "token", "token": {"text": text, "p": 0.5, "bars": [{"id": 1, "text": text, "p": 0.5, "own": 0.4}]}}


def prompt(*tokens: str) -> dict:
    return {"type": "prompt", "tokens": [{"id": 1, "text": text, "who": "user", "template": False} for text in tokens]}


def test_an_answer_from_start_to_end(js):
    said = [{"text": "Meow", "p": 0.5, "bars": []}]
    assert states(js, said=said)["phase"] == "away" and states(js, said=said)["texts"] == ["Cat?", "Meow"]
    assert states(js, SEND, said=said)["phase"] == "away", "nothing is sent before there's a model"
    reading = states(js, READY, SEND, prompt("Hi", "!"), said=said)
    assert (reading["phase"], reading["texts"], reading["busy"]) == ("reading", ["Hi!", ""], True)
    assert states(js, READY, SEND, prompt("Hi", "!"), {"type": "read", "tokens": 1})["transcript"] == ["Hi"]
    read = {"type": "read", "tokens": 2}
    writing = states(js, READY, SEND, prompt("Hi", "!"), read, token("Hel"), token("lo"))
    assert (writing["phase"], writing["texts"]) == ("writing", ["Hi!", "Hello"])
    assert writing["transcript"] == ["Hi", "!", "Hel", "lo"] and writing["shown"]["bars"][0]["text"] == "lo"
    done = states(js, READY, SEND, token("Hello"), {"type": "done", "why": "ended", "bars": [{"text": "<|im_end|>"}]})
    assert (done["phase"], done["note"], done["shown"]["bars"]) == ("ready", "", [{"text": "<|im_end|>"}])
    second = states(js, READY, SEND, token("Hello"), {"type": "done", "why": "ended"}, {"type": "send", "text": "Bye!"})
    assert second["texts"] == ["Hi!", "Hello", "Bye!", ""]


def test_stopping_picking_and_starting_again(js):
    answered = [READY, SEND, token("Hel"), token("lo"), {"type": "done", "why": "stopped"}]
    assert states(js, *answered)["note"] == "Stopped."
    assert states(js, *answered, token("!"))["texts"] == ["Hi!", "Hello"], "a token that arrives late"
    picked = states(js, *answered, {"type": "pick", "turn": 1, "i": 0})
    assert picked["shown"]["there"] == "Hel"
    assert states(js, *answered, *[{"type": "pick", "turn": 1, "i": 0}] * 2)["picked"] is None
    assert states(js, *answered, {"type": "again"})["texts"] == ["Hi!", ""]
    assert states(js, *answered, {"type": "clear"})["turns"] == []
    assert states(js, READY, SEND, {"type": "clear"})["texts"] == ["Hi!", ""], "not while it's reading"


def test_what_fails_is_said_and_leaves_no_empty_turn(js):
    long = states(js, READY, SEND, {"type": "failed", "why": "Too long."})
    assert (long["phase"], long["note"], long["turns"]) == ("ready", "Too long.", [])
    broken = states(js, {"type": "opening", "size": 9}, {"type": "failed", "why": "Damaged.", "fatal": True})
    assert (broken["phase"], broken["note"]) == ("broken", "Damaged.")


# In a browser


@pytest.fixture(scope="module")
def pages(small, tmp_path_factory):
    """A folder as a site has it, with a small random model beside a page."""
    path, model, spoken = small
    folder, patch = tmp_path_factory.mktemp("pages"), pytest.MonkeyPatch()
    patch.setenv(modules.BUILDING, "1")
    patch.setattr(pretrained, "model_file", lambda: path)
    chat.manifest.cache_clear()
    chat.write_parts(folder / "smollm2")
    made = Chat(model, spoken, "A cat.", steps=12, seed=3, title="A chat?", examples=["The cat."])
    site_page(folder, made.figure())
    patch.undo()
    chat.manifest.cache_clear()
    return folder


SAID = ".nw-chat-said"
ENDED = "/^(\\d+ tokens?|It hit the limit)/.test(document.querySelector('.nw-chat-said').textContent)"


def wait_for(page, words: str) -> None:
    page.wait_for_function(
        f"words => document.querySelector({SAID!r})?.textContent.includes(words)", arg=words, timeout=30_000
    )


def opened(page, address: str) -> None:
    page.goto(address)
    page.get_by_role("button", name="Load the model").click()
    wait_for(page, "The model is ready.")


def answered(page, text: str) -> str:
    """What the model answers to this message."""
    page.locator(".nw-chat-box").fill(text)
    page.get_by_role("button", name="Send").click()
    page.wait_for_function(ENDED, timeout=60_000)
    return page.locator(".nw-chat-model .nw-chat-words").last.inner_text()


@pytest.mark.parametrize("way", ["file:", "http:"])
def test_it_loads_answers_and_comes_back(browser, pages, way):
    with site_checks.served(pages) as http:
        address = (pages.as_uri() if way == "file:" else http.rstrip("/")) + "/page.html"
        with site_checks.watched(browser, address.rsplit("/", 1)[0]) as (page, complaints):
            asked = []
            page.on("request", lambda request: asked.append(request.url.rsplit("/", 1)[-1]))
            page.goto(address)
            page.wait_for_selector(".nw-chat-load")
            before = page.locator(".nw-chat-model .nw-chat-words").inner_text()
            assert before and not [name for name in asked if re.fullmatch(r"\d\d\.js", name)], (
                "nothing loads before a click"
            )
            opened(page, address)
            assert [name for name in asked if re.fullmatch(r"\d\d\.js", name)] == [
                f"{i:02}.js" for i in range(chat.PARTS)
            ]
            page.get_by_text("More", exact=True).click()
            assert answered(page, "A cat.").startswith(before.rstrip()[:-1]), "the same seed, the same text"
            asked.clear()
            page.reload()
            wait_for(page, "The model is ready.")
            assert not [name for name in asked if re.fullmatch(r"\d\d\.js", name)], "it's kept in the browser"
            assert not complaints, complaints


SPOIL = """async () => {
    const open = indexedDB.open("next-word", 1);
    await new Promise(done => { open.onsuccess = done; });
    const shelf = open.result.transaction("models", "readwrite").objectStore("models"), keys = shelf.getAllKeys();
    await new Promise(done => { keys.onsuccess = done; });
    const [key] = keys.result, put = size => new Promise(done => {
        open.result.transaction("models", "readwrite").objectStore("models").put(new Blob([new Uint8Array(size)]), key)
            .onsuccess = done;
    });
    const got = open.result.transaction("models").objectStore("models").get(key);
    await new Promise(done => { got.onsuccess = done; });
    await put(got.result.size);
}"""


def test_a_copy_that_was_damaged_in_the_browser_is_loaded_again(browser, pages):
    with site_checks.watched(browser, pages.as_uri()) as (page, complaints):
        opened(page, pages.as_uri() + "/page.html")
        page.wait_for_timeout(500)  # the copy is kept after the model is ready
        page.evaluate(SPOIL)
        opened(page, pages.as_uri() + "/page.html")  # with a click, since there's nothing to come back to
        assert answered(page, "A cat.") and not complaints, complaints


def test_once_it_is_loaded_four_controls_are_at_rest(browser, pages):
    with site_checks.watched(browser, pages.as_uri()) as (page, complaints):
        page.goto(pages.as_uri() + "/page.html")
        page.wait_for_selector(".nw-chat-load")
        assert page.evaluate(AT_REST) == 2
        opened(page, pages.as_uri() + "/page.html")
        assert page.evaluate(AT_REST) == 4
        page.get_by_label("Or ask").select_option("The cat.")  # into the box, to change or send
        page.wait_for_function("document.querySelector('.nw-chat-box').value === 'The cat.'")
        assert page.locator(".nw-chat-box").evaluate("e => e === document.activeElement")
        page.keyboard.press("Enter")
        page.wait_for_function(ENDED, timeout=60_000)
        assert page.locator(".nw-chat-you .nw-chat-words").last.inner_text() == "The cat."
        token = page.locator(".nw-chat-model [role=button]").first
        p = token.get_attribute("title").removeprefix("p = ")
        assert token.get_attribute("aria-label").endswith(f", {p}") and not complaints


def test_text_from_the_reader_stays_text(browser, pages):
    nasty = "<img src=x onerror=alert(1)> 🐈 <|im_end|> & <b>bold</b>"
    with site_checks.watched(browser, pages.as_uri()) as (page, complaints):
        opened(page, pages.as_uri() + "/page.html")
        answer = answered(page, nasty)
        assert answer
        assert page.locator(".nw-chat-you .nw-chat-words").last.inner_text() == nasty
        assert page.locator(".nw-chat-log :is(img, b)").count() == 0 and not complaints


def test_the_tokens_and_their_attention(browser, pages, small):
    _, model, spoken = small
    with site_checks.watched(browser, pages.as_uri()) as (page, complaints):
        opened(page, pages.as_uri() + "/page.html")
        answered(page, "A cat.")
        page.get_by_text("More", exact=True).click()
        chips = page.locator(".nw-chat-chip")
        ids = spoken.encode(pretrained.chat("A cat."))
        page.wait_for_function("n => document.querySelectorAll('.nw-chat-chip').length > n", arg=len(ids))
        assert page.locator(".nw-chat-template").count() > 6
        chips.nth(len(ids) - 1).click()
        page.wait_for_function("document.querySelector('.nw-chat-attended').textContent")
        shown = [float(chips.nth(i).evaluate("e => e.style.getPropertyValue('--w')")) for i in range(len(ids))]
        np.testing.assert_allclose(shown, model.attention_weights(np.array(ids))[0, 0, -1], atol=1e-3)
        page.locator(".nw-chat-model [role=button]").nth(2).click()
        page.wait_for_function("document.querySelector('.nw-chat-title').textContent.includes('instead of')")
        assert not complaints, complaints


def test_too_long_and_stopped(browser, pages):
    with site_checks.watched(browser, pages.as_uri()) as (page, complaints):
        opened(page, pages.as_uri() + "/page.html")
        page.locator(".nw-chat-box").fill("cat " * 25_000)  # 100,000 characters
        page.get_by_role("button", name="Send").click()
        wait_for(page, "this page reads at most")
        page.locator(".nw-chat-box").fill("cat " * 1_000)
        page.get_by_role("button", name="Send").click()
        page.get_by_role("button", name="Stop").click()
        wait_for(page, "Stopped.")
        assert not complaints, complaints


def broken(pages, tmp_path, name: str, text: str | None):
    """A copy of the pages in which one of the model's files is missing, or holds another text."""
    folder = tmp_path / "pages"
    shutil.copytree(pages, folder)
    path = folder / "smollm2" / f"{name}.js"
    path.write_text(text, encoding="utf-8") if text else path.unlink()
    return folder.as_uri() + "/page.html"


@pytest.mark.parametrize(
    "name, change, says",
    [
        ("07", None, "smollm2/07.js is missing or can't be reached. Try again"),
        ("07", "console", "smollm2/07.js is damaged"),
        ("07", '(globalThis.nextWordParts ??= {})["07"] = "AAAA";', "damaged or cut short"),
        ("03", "longer", "damaged"),
    ],
)
def test_damaged_and_missing_files(browser, pages, tmp_path, name, change, says):
    if change == "longer":
        text = (pages / "smollm2" / f"{name}.js").read_text()
        change = text.replace('";', "AAAA" * 20_000 + '";')
    page = browser.new_page()
    try:
        page.goto(broken(pages, tmp_path, name, change))
        page.get_by_role("button", name="Load the model").click()
        wait_for(page, says)
        assert page.get_by_role("button", name="Try again").is_visible()
    finally:
        page.close()


def test_a_site_without_the_model_says_so(browser, pages, tmp_path):
    empty = json.dumps({"size": 0, "check": 0, "parts": 0})
    address = broken(pages, tmp_path, "manifest", f'(globalThis.nextWordParts ??= {{}})["manifest"] = {empty};')
    with site_checks.watched(browser, address.rsplit("/", 1)[0]) as (page, complaints):
        page.goto(address)
        wait_for(page, "no model in it")
        assert page.get_by_role("button", name="Load").count() == 0 and not complaints


def test_a_phone(browser, pages):
    phone = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
    with site_checks.watched(browser, pages.as_uri(), **phone) as (page, complaints):
        opened(page, pages.as_uri() + "/page.html")
        answered(page, "A cat.")
        page.get_by_text("More", exact=True).tap()
        page.wait_for_timeout(200)
        complaints += site_checks.width(page, 360) + site_checks.accessibility(page)
        assert not complaints, complaints


def test_a_page_that_closes_while_it_loads_leaves_nothing_behind(browser, pages):
    context = browser.new_context()
    page = context.new_page()
    page.goto(pages.as_uri() + "/page.html")
    page.get_by_role("button", name="Load the model").click()
    page.close()
    page = context.new_page()
    opened(page, pages.as_uri() + "/page.html")
    assert answered(page, "A cat.")
    context.close()


@pytest.mark.skipif(not installed(), reason="there's no Firefox on this machine")
@pytest.mark.parametrize("way", ["file:", "http:"])
def test_in_firefox(pages, tmp_path, way):
    with site_checks.served(pages) as http, firefox(tmp_path) as tab:
        address = (pages.as_uri() if way == "file:" else http.rstrip("/")) + "/page.html"
        ready = f"document.querySelector({SAID!r})?.textContent.includes('The model is ready.')"
        tab.goto(address)
        tab.wait("document.querySelector('.nw-chat-load')")
        tab.js("document.querySelector('.nw-chat-load').click()")
        tab.wait(ready)
        tab.js("document.querySelector('.nw-chat-send').click()")
        tab.wait(ENDED)
        assert tab.js("document.querySelector('.nw-chat-model:last-child .nw-chat-words').textContent.length") > 3
        errors = list(tab.errors)
        tab.goto(address)
        tab.wait(ready)  # without a click: it's in the browser's database
        assert not errors, errors


NOTEBOOK = """
from pathlib import Path
from helpers import pretrained
from tests.engine.test_pretrained import write
path = Path("model.gguf")
write(path)
pretrained.model_file = lambda: path
from book.widgets import Chat
Chat(*pretrained.read(path), "A cat.", steps=5)
"""


def test_in_jupyterlab_the_kernel_sends_the_model(browser, tmp_path):
    (tmp_path / "work").mkdir()
    made = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    made.cells = [nbformat.v4.new_code_cell(NOTEBOOK.strip())]
    nbformat.write(made, tmp_path / "work" / "chat.ipynb")
    with jupyterlab(tmp_path) as (address, token), site_checks.watched(browser, address) as (page, complaints):
        page.goto(f"{address}lab/tree/chat.ipynb?token={token}")
        page.locator("#jp-main-statusbar", has_text="| Idle").wait_for()
        page.locator(".jp-CodeCell .cm-content").click()
        while not page.locator(".nw-chat-load").count():
            page.keyboard.press("Control+Enter")
            page.wait_for_timeout(4_000)
        first = page.locator(".nw-chat").element_handle()
        page.get_by_role("menuitem", name="Kernel", exact=True).click()  # a new kernel doesn't know the old figure
        page.get_by_role("menuitem", name="Restart Kernel and Run All Cells…").click()
        page.get_by_role("button", name="Confirm Kernel Restart").click()
        page.wait_for_function("first => !first.isConnected && document.querySelector('.nw-chat-load')", arg=first)
        page.get_by_role("button", name="Load the model").click()
        wait_for(page, "The model is ready.")
        assert answered(page, "A cat.")
        complaints = [complaint for complaint in complaints if not complaint.startswith("console warning")]
        assert not complaints, complaints


# SmolLM2 itself


@pytest.mark.skipif(not shutil.which("node"), reason="reads a large file with Node")
def test_smollm2_has_the_same_distribution_at_200_positions(smollm2, js, tmp_path):
    model, spoken = smollm2
    asked = [
        "The cat sat on the mat.",
        "def f(x):\n    return",
        "Paris is",
        "Die Katze",
        "1, 2, 3, 4",
        "猫は",
        "To be, or not",
    ]
    prompts = [spoken.encode(pretrained.chat(text))[:40] for text in ("Write a poem about a cat.", "Why?", "17 + 25")]
    prompts += [(spoken.encode(text) * 20)[:14] for text in asked]
    assert len(prompts) == 10 and 200 <= sum(map(len, prompts)) <= 230
    js("llama").evaluate(REAL, [str(pretrained.model_file()), prompts, str(tmp_path / "logits")])
    theirs = np.fromfile(tmp_path / "logits", "<f4").reshape(-1, spoken.vocab_size)
    with no_grad():
        ours = np.concatenate([model(np.array([ids])).data[0] for ids in prompts])
    p, q = sampling.softmax(ours), sampling.softmax(theirs)
    kl = (p * (np.log(np.maximum(p, 1e-300)) - np.log(np.maximum(q, 1e-300)))).sum(axis=-1)
    np.testing.assert_array_equal(ours.argmax(axis=-1), theirs.argmax(axis=-1))
    assert kl.max() <= 1e-3, kl.max()


WRITE = """([ids, seed, setting, steps]) => {
    const s = llamaModule.session(smol), random = formulas.mulberry32(seed), written = [];
    ids.forEach(id => s.feed(id));
    for (let i = 0; i < steps; i++) {
        const { id } = module.choose(s.logits(), setting, random());
        written.push(id);
        s.feed(id);
    }
    return written;
}"""


@pytest.mark.skipif(not shutil.which("node"), reason="reads a large file with Node")
def test_the_same_seed_writes_the_same_text(smollm2, js):
    model, spoken = smollm2
    js("llama").evaluate(REAL, [str(pretrained.model_file()), [], ""])
    js("llama").evaluate("() => { globalThis.llamaModule = module; }")
    js("formulas").evaluate("() => { globalThis.formulas = module; }")
    for seed, text in enumerate(
        ["Write a poem about a cat.", "Hi!", "What is 2 + 2?", "Tell me a story.", "Who are you?"]
    ):
        ids = spoken.encode(text)
        choose = sampling.chooser(temperature=0.8, top_p=0.9, rng=sampling.Mulberry32(seed))
        expected = model.generate(ids, 50, choose)[len(ids) :]
        found = js("llama_worker").evaluate(WRITE, [ids, seed, [0.8, spoken.vocab_size, 0.9, 0], 50])
        assert found == expected, text
