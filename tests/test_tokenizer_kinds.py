"""Every make of tokenizer: the ids of `tokenizers`, whichever engine is used; EOS never in text."""

import json
import unicodedata
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.errors import AssetError, RecipeError
from dolma_pipe.stages.tokenize import encode_shard
from dolma_pipe.tokenizer import EncoderFailed, Ids, Tokenizer, reference
from dolma_pipe.tokenizer.unlike import NEWER_MARKS, unlike
from tests.hard_texts import ADVERSARIAL, EOS, TEXT
from tests.stages.corpus import write_curated
from tests.texts import packed, texts_of
from tests.tokenizer_zoo import ZOO, content_of

pieces = texts_of("the", " the", "▁", "  ", EOS, "|||EMAIL_ADDRESS|||", "e\u0301", "\u0899", "1234")
SLOW = {
    "own regex": "no fast pretokenizer",
    "T5": "Unigram",
    "XLM-R": "Unigram",
    "Unigram with bytes": "Unigram",
    "BERT": "WordPiece",
    "BERT cased": "WordPiece",
    "word level": "WordLevel",
    "characters": "single-byte",
    "odd added tokens": "Lowercase",
    "overlapping added tokens": "ids differ",
}
"""Those that gigatoken cannot load or gets wrong, and what is said then."""
SPELL_SPECIALS = {"T5", "XLM-R", "Unigram with bytes", "word level", "plain end of text"}
"""`tokenizers` itself makes a special token of text in these."""
LITERALS = ("</s>", "<s>", "<unk>")
LOSSLESS = {
    "GPT-2": 0,
    "GPT-NeoX": 0,
    "Llama 3": 0,
    "Qwen 2": 0,
    "own regex": 0,
    "Llama 2": 1,
    "Mistral": 1,
    "Gemma": 0,
    "truncation and padding": 0,
    "overlapping added tokens": 0,
    "holes": 0,
    "65,537 ids": 0,
    "plain end of text": 0,
}
"""Bytes that they put before a text which does not begin with white space."""


@cache
def of_kind(kind: str) -> Tokenizer:
    return Tokenizer(content_of(kind), kind)


def encoded(tokenizer: Tokenizer, texts: list[str]) -> Ids:
    text, offsets = packed(texts)
    try:
        return tokenizer.encode(text, offsets)
    except EncoderFailed:
        return tokenizer.encode_reference(text, offsets)


@cache
def plain(kind: str) -> Any:
    """`tokenizers` on its own."""
    made = json.loads(content_of(kind))
    made |= {"truncation": None, "padding": None}
    made["model"].pop("dropout", None)
    engine = tokenizers.Tokenizer.from_str(json.dumps(made))
    engine.encode_special_tokens = True
    return engine


def expected(kind: str, texts: list[str]) -> list[list[int]]:
    return [plain(kind).encode(text, add_special_tokens=False).ids for text in texts]


@pytest.mark.parametrize("kind", ZOO)
def test_a_shard_gets_the_ids_of_tokenizers(kind: str, tmp_path: Path) -> None:
    texts = list(ADVERSARIAL)
    if kind in SPELL_SPECIALS:
        texts = [text for text in texts if not any(literal in text for literal in LITERALS)]
    path = tmp_path / "kind.json"
    path.write_bytes(content_of(kind))
    args = write_curated(tmp_path, "web/a", texts) | {"tokenizer": str(path)}
    counts = encode_shard(args)
    tokenizer = of_kind(kind)
    ids = np.fromfile(f"{args['out']}.ids", tokenizer.dtype)
    ends = np.fromfile(f"{args['out']}.offsets.u64", "<u8").tolist()
    found = [ids[a:b].tolist() for a, b in pairwise(ends)]
    assert found == [[*ids, tokenizer.eos_id] for ids in expected(kind, texts)]
    reason = (counts["fallback"] or {"reason": ""})["reason"]
    assert SLOW.get(kind, "") in reason
    assert bool(reason) == (kind in SLOW)
    assert "\n" not in reason


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(set(ZOO) - set(SLOW) - SPELL_SPECIALS - {"65,536 ids", "65,537 ids"})),
    st.lists(pieces, max_size=4),
)
def test_gigatoken_on_any_text(kind: str, texts: list[str]) -> None:
    found = of_kind(kind).encode(*packed(texts, before="not in any document"))
    assert [found.of(d).tolist() for d in range(len(texts))] == expected(kind, texts)


@pytest.mark.parametrize("kind", ZOO)
def test_an_end_of_text_is_never_made_of_text(kind: str) -> None:
    texts = [EOS, f"a{EOS}b", f"a {EOS} b", f"{EOS}{EOS}", "".join(LITERALS), *LITERALS]
    tokenizer = of_kind(kind)
    ids = encoded(tokenizer, texts)
    assert tokenizer.eos_id not in ids.ids
    if kind in SPELL_SPECIALS:
        assert tokenizer.eos_id in expected(kind, texts)[2]


@pytest.mark.parametrize("kind", LOSSLESS)
def test_ids_give_back_the_text_and_its_bytes(kind: str) -> None:
    tokenizer, space = of_kind(kind), LOSSLESS[kind]
    texts = [text for text in ADVERSARIAL if "▁" not in text]
    ids, sizes = encoded(tokenizer, texts), tokenizer.token_bytes()
    for d, text in enumerate(texts):
        kept = unicodedata.normalize("NFC", text) if kind in ("GPT-NeoX", "Qwen 2") else text
        if not (kind == "Mistral" and text[:1] == " "):  # it puts no second one there
            assert tokenizer.decode(ids.of(d)) == kept
        more = sizes[ids.of(d)].sum() - len(kept.encode())
        assert more == (space if kept and not (kind == "Mistral" and text[0] == " ") else 0)
    assert sizes[tokenizer.eos_id] == 0


@pytest.mark.parametrize(
    ("kind", "text", "size"),
    [
        ("BERT", "The cats", 7),  # white space is no token's
        ("characters", "the cat", 6),
        ("T5", "the cat", 8),  # it puts a space first
        ("RoBERTa", "the cat", 8),
        ("word level", "The cat", 6),
    ],
)
def test_bytes_behind_tokens_where_something_is_lost(kind: str, text: str, size: int) -> None:
    tokenizer = of_kind(kind)
    assert tokenizer.token_bytes()[encoded(tokenizer, [text]).ids].sum() == size


def test_the_width_of_ids() -> None:
    assert of_kind("65,536 ids").dtype == np.dtype("<u2")
    assert of_kind("65,537 ids").dtype == np.dtype("<u4")
    assert of_kind("holes").vocab_size == 3 * 499 + 1


@pytest.mark.parametrize("kind", ZOO)
def test_the_reference_cuts_a_long_text_where_nothing_changes(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference, "PIECE_BYTES", 3000)
    monkeypatch.setattr(reference, "SOUGHT", 600)
    monkeypatch.setattr(reference, "CONTEXT", 300)
    texts = ["".join(ADVERSARIAL) + " ".join(TEXT) * 9, "x" * 9000, "", "你好" * 3000, "a b"]
    if kind in SPELL_SPECIALS:
        texts = [text.replace("<", "") for text in texts]
    engine = of_kind(kind)._reference
    ids = engine.encode(*packed(texts))
    assert [ids.of(d).tolist() for d in range(len(texts))] == expected(kind, texts)
    cut = list(engine.pieces(" ".join(TEXT) * 9))
    assert max(map(len, cut)) <= 3000


def test_marks_that_are_younger_than_the_normal_form_of_tokenizers() -> None:
    codes = {c for first, last in NEWER_MARKS for c in range(first, last + 1)}
    some = [*codes, *(c for c in range(0x300, 0x20000, 3) if unicodedata.combining(chr(c)))]
    texts = [f"e{chr(c)}\u0301 {chr(c)}\u0327a{chr(c)}{chr(c)}" for c in some]
    texts += ["\U000113c2\U000113c2", "\U000105d2\u0307", "\U0001611e\U0001611e", "e\u0301"]
    for kind in ("GPT-NeoX", "Qwen 2", "GPT-2", "Llama 3"):
        found, known = of_kind(kind).encode(*packed(texts)), expected(kind, texts)
        assert [found.of(d).tolist() for d in range(len(texts))] == known


def test_all_such_marks_that_this_python_knows_are_listed() -> None:
    flagged = unlike({"normalizer": {"type": "NFC"}, "pre_tokenizer": None})
    assert flagged is not None
    normal = tokenizers.normalizers.NFC().normalize_str
    for code in range(0x300, 0x30000):
        if 0xD800 <= code < 0xE000 or not unicodedata.combining(chr(code)):
            continue
        for text in (chr(code), f"e\u0301{chr(code)}\u0327\u0301"):
            assert flagged[code] or normal(text) == unicodedata.normalize("NFC", text)


def changed(kind: str, **changes: Any) -> bytes:
    made = json.loads(content_of(kind))
    made["model"] |= changes.pop("model", {})
    return json.dumps(made | changes).encode()


@pytest.mark.parametrize(
    ("content", "eos", "told"),
    [
        (content_of("GPT-2"), "</S>", r"no token </S> \(did you mean '</s>'\?\)"),
        (content_of("GPT-2"), "nothing-like-it", r"no token nothing-like-it \(known: </s>\)"),
        (content_of("GPT-2"), "the", "'the' is an ordinary token"),
        (content_of("GPT-2"), "a", "'a' is an ordinary token"),
        (content_of("Llama 2"), "<0x0A>", "'<0x0A>' is an ordinary token"),
        (changed("characters", added_tokens=[]), "[END]", r"no token \[END\]:"),
    ],
)
def test_an_end_of_text_that_cannot_be(content: bytes, eos: str, told: str) -> None:
    with pytest.raises(RecipeError, match=told) as error:
        Tokenizer(content, "mine", eos)
    assert len(str(error.value)) < 200


def test_two_tokens_of_one_id() -> None:
    vocabulary = json.loads(content_of("GPT-2"))["model"]["vocab"]
    content = changed("GPT-2", model={"vocab": vocabulary | {"b": vocabulary[EOS]}})
    with pytest.raises(AssetError, match=r"'(</s>|b)' and '(</s>|b)' have the same id 0"):
        Tokenizer(content, "mine")


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"model": null}',
        b'{"model": {"type": "BPE", "vocab": {"a": -1}, "merges": []}}',
        b'{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": ["a b"]}}',
        b'{"model": {"type": "BPE", "vocab": {"</s>": 4294967295}, "merges": []}}',
        content_of("GPT-2")[:-100],
        content_of("GPT-2").replace(b'"</s>": ', b'"\\ud800": '),
    ],
)
def test_what_is_no_tokenizer(content: bytes) -> None:
    with pytest.raises(AssetError) as error:
        Tokenizer(content, "mine")
    assert "\n" not in str(error.value)


def test_a_file_that_does_not_name_its_model() -> None:
    for kind in ("GPT-2", "T5", "BERT", "word level"):
        made = json.loads(content_of(kind))
        del made["model"]["type"]
        ids = encoded(Tokenizer(json.dumps(made).encode(), kind), TEXT)
        assert np.array_equal(ids.ids, encoded(of_kind(kind), TEXT).ids)
