"""SmolLM2 in NumPy against Hugging Face's transformers and tokenizers, which read the same GGUF file."""

import random

import numpy as np
import pytest

from helpers import pretrained
from helpers.data import shakespeare
from helpers.tensor import no_grad

pytestmark = pytest.mark.reference

SAID = [
    "What is the capital of France?", "Write a poem about a cat.", "What is 17 + 25?",
    "Translate to German: good morning", "Why is the sky blue?", "Who wrote Hamlet?",
    "List three animals.", "Tell me a joke about a mathematician.",
]  # fmt: skip
PLAIN = [
    "The cat sat on the",
    "def fibonacci(n):\n    if n < 2:\n        return n\n",
    "1, 2, 3, 4, 5, 6, 7,",
    "To be, or not to be", "Die Katze sitzt auf dem Tisch und", "猫は", "🐈" * 5, "SELECT name FROM cats WHERE", " ",
    "aaaaaaaaaaaaaaaaaaaa", "<div class='cat'>", "cat " * 100,
]  # fmt: skip
WORDS = [
    "cat", " the", "Straße", "schöner", "Übermut", "日本語", "猫", "です。", "🐈",
    "👩\u200d👩\u200d👧\u200d👦", "é", "é", "½", "²", "٣", "४२", "Ⅳ", "42", "3.14", "1,000", " ",
    "  ", "\n", "\n\n", "\t", "\r\n", "\xa0", "\u3000", "'s", "'re", "'LL", "don't", "it's",
    "def f(x):", "    return", "x += 1", "!=", "->", "{}", "/* */", "#!/bin/sh", "_",
    "__init__", "-", "--", "…", "“", "”", "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|im",
    "\u200b", "\ufeff", "\x1c", "\x85", "ﬁ", "İ", "ß", "ǅ", "א", "ת", "ก", "่",
]  # fmt: skip


def texts() -> list[str]:
    """1,000 texts: words of many scripts thrown together, and pieces of plays and of this test's own code."""
    rng = random.Random(0)
    mixed = ["".join(rng.choice(WORDS) for _ in range(rng.randint(1, 30))) for _ in range(700)]
    code, play = open(__file__, encoding="utf-8").read(), shakespeare()["Macbeth"]
    starts = [rng.randrange(10_000) for _ in range(300)]
    return mixed + [(code if i % 2 else play)[start % 4_000 :][: rng.randint(1, 400)] for i, start in enumerate(starts)]


def test_the_same_tokens_and_back(smollm2):
    """transformers makes a GPT-2 tokenizer of the file. SmolLM2's own splits numbers into digits before that."""
    from tokenizers import pre_tokenizers
    from transformers import AutoTokenizer

    file, tokenizer = pretrained.model_file(), smollm2[1]
    theirs = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name).backend_tokenizer
    digits, words = pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)
    theirs.pre_tokenizer = pre_tokenizers.Sequence([digits, words])
    for text in texts():
        expected = theirs.encode(text, add_special_tokens=False).ids
        assert tokenizer.encode(text) == expected, text
        assert tokenizer.decode(expected) == text


def test_the_same_chat(smollm2):
    from transformers import AutoTokenizer

    file = pretrained.model_file()
    theirs = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    said = [
        {"role": role, "content": text} for role, text in [("user", "Hi!"), ("assistant", "Hello."), ("user", "Bye.")]
    ]
    expected = theirs.apply_chat_template(said, tokenize=False, add_generation_prompt=True)
    assert pretrained.chat("Hi!", "Hello.", "Bye.") == expected


def test_the_same_logits(smollm2):
    import torch
    from transformers import AutoModelForCausalLM

    model, tokenizer = smollm2
    file = pretrained.model_file()
    theirs = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32)
    prompts = [*map(pretrained.chat, SAID), *PLAIN]
    assert len(prompts) == 20
    worst = 0.0
    for text in prompts:
        ids = np.array([tokenizer.encode(text)])
        with no_grad(), torch.inference_mode():
            a, b = model(ids).data, theirs(torch.from_numpy(ids)).logits.numpy()
        worst = max(worst, float(np.abs(a - b).max()))
        np.testing.assert_array_equal(a.argmax(axis=-1), b.argmax(axis=-1))
    print(f"largest difference of a logit: {worst:.1e}")
    assert worst < 1e-3
