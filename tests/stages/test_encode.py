"""One shard becomes ids: without what deduplication removed, and whatever the fast engine does."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dolma_pipe import curated
from dolma_pipe.errors import TokensError, WorkError
from dolma_pipe.kernels.jit import I64, U8
from dolma_pipe.stages import tokenize
from dolma_pipe.stages.mix.documents import read_arrow
from dolma_pipe.stages.tokenize import document_hashes, encode_shard
from dolma_pipe.tokenizer import EncoderFailed, Ids, Tokenizer, load_tokenizer
from tests.stages.corpus import texts_of, write_curated


def encoded(args: dict[str, Any]) -> list[list[int]]:
    """Documents of the written files, EOS included."""
    ids = np.fromfile(f"{args['out']}.ids", "<u2")
    ends = np.fromfile(f"{args['out']}.offsets.u64", "<u8").tolist()
    assert ends[-1] == len(ids)
    return [ids[a:b].tolist() for a, b in pairwise(ends)]


def expected(args: dict[str, Any], texts: list[str]) -> list[list[int]]:
    """Straight from `tokenizers`, one document at a time."""
    tokenizer = load_tokenizer(args["tokenizer"])
    documents = []
    for text in texts:
        content = np.frombuffer(text.encode(), np.uint8)
        ids = tokenizer.encode_reference(content, np.array([0, len(content)], np.int64)).ids
        documents.append([*ids.tolist(), tokenizer.eos_id])
    return documents


def test_all_survivors_in_order(tmp_path: Path) -> None:
    texts = [*texts_of(30, 0), "", "<|endoftext|>"]
    args = write_curated(tmp_path, "web/a", texts)
    counts = encode_shard(args)
    assert encoded(args) == expected(args, texts)
    tokens = sum(len(document) for document in encoded(args))
    assert counts == {"documents": 32, "tokens": tokens, "fallback": None}
    table = read_arrow(f"{args['out']}.docs.arrow").to_pydict()
    assert table["id"] == [f"a-{i}" for i in range(32)]
    assert table["line"] == [2 * i + 1 for i in range(32)]
    assert table["hash"] == document_hashes("web", table["id"], 32).tolist()


def test_what_deduplication_removed_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(curated, "BATCH_BYTES", 400)
    texts = texts_of(60, 1)
    removed = [i % 3 if not 20 <= i < 40 else 1 for i in range(60)]  # a whole batch among them
    args = write_curated(tmp_path, "web/a", texts, removed)
    kept = [text for text, by in zip(texts, removed, strict=True) if not by]
    assert encode_shard(args)["documents"] == len(kept)
    rows = read_arrow(f"{args['out']}.docs.arrow").column("row").to_pylist()
    assert rows == [row for row, by in enumerate(removed) if not by]
    assert encoded(args) == expected(args, kept)


@pytest.mark.parametrize("removed", [None, [1, 2, 1]])
def test_nothing_left(tmp_path: Path, removed: list[int] | None) -> None:
    args = write_curated(tmp_path, "web/a", ["a", "b", "c"] if removed else [], removed)
    assert encode_shard(args) == {"documents": 0, "tokens": 0, "fallback": None}
    assert encoded(args) == []


@pytest.mark.parametrize("removed", [[0], [0, 0, 0]])
def test_files_of_different_runs_are_refused(tmp_path: Path, removed: list[int]) -> None:
    args = write_curated(tmp_path, "web/a", ["a", "b"], removed)
    with pytest.raises(WorkError, match="2 expected"):
        encode_shard(args)


def test_a_shard_that_the_fast_engine_gets_wrong_is_encoded_by_the_reference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = Tokenizer.encode

    def wrong(self: Tokenizer, text: U8, offsets: I64) -> Ids:
        found = right(self, text, offsets)
        return found._replace(ids=found.ids[::-1])

    def broken(*_: object) -> Ids:
        raise EncoderFailed("out of order")

    texts = texts_of(30, 2)
    args = write_curated(tmp_path, "web/a", texts)
    for engine, reason in ((wrong, "its ids differ"), (broken, "out of order")):
        monkeypatch.setattr(Tokenizer, "encode", engine)
        assert encode_shard(args)["fallback"]["reason"].startswith(reason)
        assert encoded(args) == expected(args, texts)


def test_an_end_of_text_in_a_document_is_refused_with_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No tokenizer does this: what could be spelt has no name any more."""

    def spelt(*_: object) -> Ids:
        return Ids(np.array([1, 268], np.uint32), np.array([0, 1, 2]))

    args = write_curated(tmp_path, "web/a", ["x", "y"])
    monkeypatch.setattr(Tokenizer, "encode", spelt)
    monkeypatch.setattr(Tokenizer, "encode_reference", spelt)
    monkeypatch.setattr(tokenize, "CHECKED_DOCUMENTS", 0)
    with pytest.raises(TokensError, match=r"document a-1: .* '<\|endoftext\|>'.*tokenize\.eos"):
        encode_shard(args)


def test_a_plain_token_as_the_end_of_text_is_spelt_out_in_documents(tmp_path: Path) -> None:
    args = write_curated(tmp_path, "web/a", ["x |||EMAIL_ADDRESS|||"])
    encode_shard(args | {"eos": "|||EMAIL_ADDRESS|||"})
    (ids,) = encoded(args)
    assert ids.count(ids[-1]) == 1


def test_a_sample_is_cut_between_characters_anywhere() -> None:
    text = np.frombuffer("aé你😀".encode() * 3, np.uint8)
    cuts = {tokenize._stretch(text, 9, i).tobytes().decode() for i in range(40)}
    assert {"aé你", "😀aé", "你😀a"} <= cuts
    assert all(0 < len(cut.encode()) <= 12 for cut in cuts)
    assert len(tokenize._stretch(text, 30, 7)) == 30


def test_the_same_bytes_again(tmp_path: Path) -> None:
    args = write_curated(tmp_path, "web/a", texts_of(20, 3))
    endings = ("ids", "offsets.u64", "docs.arrow")
    runs = []
    for _ in range(2):
        encode_shard(args)
        runs.append([Path(f"{args['out']}.{ending}").read_bytes() for ending in endings])
    assert runs[0] == runs[1]
