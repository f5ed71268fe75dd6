"""Text becomes ids: gigatoken equal to `tokenizers`, special tokens never found in text."""

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.errors import AssetError, RecipeError
from dolma_pipe.kernels.jit import I64, U8
from dolma_pipe.tokenizer import EncoderFailed, Ids, Tokenizer, load_tokenizer
from dolma_pipe.tokenizer.fast import Gigatoken
from tests.small_tokenizer import small_tokenizer, small_tokenizer_json
from tests.texts import packed, texts_of

pieces = texts_of(
    "the", " a", "<|endoftext|>", "<|padding|>", "|||EMAIL_ADDRESS|||", "e\u0301", "  "
)
FIXTURES = [
    "",
    " ",
    "<|endoftext|>",
    "a<|endoftext|>b <|padding|> |||IP_ADDRESS||||||EMAIL_ADDRESS||| x|||PHONE_NUMBER|||",
    "e\u0301 caf\u00e9 \u1112\u1161\u11ab \u212b",  # NFC changes all but the second word
    "x" + " " * 23 + "y" + " " * 24 + "z" + " " * 25 + "\n" + " " * 1000,
    "\t \t  \r\n\u2028\u0085\u00a0\u3000 end ",
    "don't we'LL 1234567 \U0001f600\u200d\U0001f4bb 你好 ภาษาไทย",
    "\x00\x01\x7f",
    "word" * 3000,
]

SMALL = small_tokenizer()


def encode(tokenizer: Tokenizer, documents: list[str]) -> list[list[int]]:
    """With gigatoken, after a check that `tokenizers` gives the same."""
    text, offsets = packed(documents, before="not in any document")
    found = tokenizer.encode(text, offsets)
    expected = tokenizer.encode_reference(text, offsets)
    assert np.array_equal(found.offsets, expected.offsets)
    assert np.array_equal(found.ids, expected.ids)
    ends = found.offsets.tolist()
    return [found.ids[a:b].tolist() for a, b in pairwise(ends)]


@settings(max_examples=80, deadline=None)
@given(st.lists(pieces, max_size=5))
def test_both_engines_agree_on_any_text(documents: list[str]) -> None:
    encode(SMALL, documents)


def test_the_engine_is_made_anew_before_its_memory_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dolma_pipe.tokenizer.fast.REMEMBERED_BYTES", 100)
    tokenizer, engines = small_tokenizer(), []
    for _ in range(4):
        encode(tokenizer, ["the" * 10])
        engines.append(tokenizer._gigatoken._engine)
    assert engines[0] is engines[2]
    assert engines[2] is not engines[3]


def test_special_tokens_are_spelt_out_and_plain_ones_are_not() -> None:
    (ids,) = encode(SMALL, ["<|endoftext|>|||EMAIL_ADDRESS|||"])
    assert SMALL.eos_id not in ids
    assert len(ids) == len("<|endoftext|>") + 1
    assert SMALL.decode(np.array(ids)) == "<|endoftext|>|||EMAIL_ADDRESS|||"


def test_what_the_manifest_tells() -> None:
    assert SMALL.dtype == np.dtype("<u2")
    assert SMALL.vocab_size == 256 + 11 + 5
    assert (SMALL.pad_id, SMALL.eos_id) == (267, 268)
    large = Tokenizer(small_tokenizer_json(extra_ids=1 << 16), "large")
    assert large.dtype == np.dtype("<u4")


def test_bytes_behind_each_token() -> None:
    sizes = SMALL.token_bytes()
    text, offsets = packed(["the é caf\u00e9  |||EMAIL_ADDRESS||| in \U0001f600"])
    ids = SMALL.encode(text, offsets).ids
    assert sizes[ids].sum() == len(text)
    assert sizes[[267, 268]].tolist() == [0, 0]


def test_the_end_of_text_by_its_usual_names_or_by_setting() -> None:
    assert Tokenizer(small_tokenizer_json("</s>"), "t").eos_id == 268
    assert Tokenizer(small_tokenizer_json("[END]"), "t", "[END]").eos_id == 268
    with pytest.raises(RecipeError, match=r"tokenize\.eos"):
        Tokenizer(small_tokenizer_json("[END]"), "t")
    with pytest.raises(RecipeError, match="no token nothing"):
        Tokenizer(small_tokenizer_json(), "t", "nothing")


@pytest.mark.parametrize("content", [b"", b"\xff", b"[1]", b"{}", b'{"model": {"type": "no"}}'])
def test_what_is_no_tokenizer_is_refused_in_one_line(content: bytes) -> None:
    with pytest.raises(AssetError, match=r"mine is not a tokenizer\.json") as error:
        Tokenizer(content, "mine")
    assert "\n" not in str(error.value)


def test_an_engine_that_differs_is_found_before_the_first_document() -> None:
    class Wrong(Gigatoken):
        def encode(self, text: U8, offsets: I64) -> Ids:
            found = super().encode(text, offsets)
            return found._replace(ids=np.where(found.ids == 257, 258, found.ids))

    tokenizer = small_tokenizer()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dolma_pipe.tokenizer.tokenizer.Gigatoken", Wrong)
        with pytest.raises(EncoderFailed, match="differ") as failure:
            tokenizer.encode(*packed(["zzz"]))
    with pytest.raises(EncoderFailed, match="differ") as again:  # not tried again
        tokenizer.encode(*packed(["zzz"]))
    assert failure.value.reason == again.value.reason
    assert "the" in again.value.example


def test_a_kind_that_gigatoken_does_not_know() -> None:
    vocab = [["<unk>", 0.0], ["</s>", -1.0], ["a", -2.0]]
    model = {"type": "Unigram", "unk_id": 0, "vocab": vocab, "byte_fallback": False}
    content = json.dumps({"version": "1.0", "added_tokens": [], "model": model}).encode()
    tokenizer = Tokenizer(content, "unigram")
    text, offsets = packed(["aa", "", "a"])
    with pytest.raises(EncoderFailed):
        tokenizer.encode(text, offsets)
    found = tokenizer.encode_reference(text, offsets)
    assert (found.ids.tolist(), found.offsets.tolist()) == ([2, 2, 2], [0, 2, 2, 3])


@pytest.mark.asset
def test_gpt_neox_of_olmo() -> None:
    tokenizer = load_tokenizer("gpt-neox-olmo")
    assert (tokenizer.vocab_size, tokenizer.eos_id, tokenizer.pad_id) == (50280, 50279, 1)
    assert tokenizer.dtype == np.dtype("<u2")
    ids = encode(tokenizer, FIXTURES)
    assert ids[0] == []
    assert all(tokenizer.eos_id not in document for document in ids)
    assert {0, 50277, 50278} <= set(ids[3])
    assert ids[5][:3] == [89, 50255, 90]
    text, offsets = packed(FIXTURES[5:])
    sizes = tokenizer.token_bytes()
    assert sizes[tokenizer.encode(text, offsets).ids].sum() == len(text)


@pytest.mark.asset
@settings(max_examples=60, deadline=None)
@given(st.lists(pieces, max_size=5))
def test_gpt_neox_of_olmo_on_any_text(documents: list[str]) -> None:
    encode(load_tokenizer("gpt-neox-olmo"), documents)
