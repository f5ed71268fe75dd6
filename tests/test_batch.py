"""What a batch says of its documents beside their text."""

from pathlib import Path

import numpy as np
import pytest

from dolma_pipe.batch import batch_of, no_documents
from dolma_pipe.curated import read_texts
from dolma_pipe.cuts import cuts_of
from dolma_pipe.document import field_of, parse
from dolma_pipe.shard import write_shard


@pytest.mark.parametrize(
    ("raw", "path", "value"),
    [
        (b'{"metadata": {"url": "http://a.b/"}}', "metadata.url", "http://a.b/"),
        (b'{"metadata": {"n": 3, "m": {"x": [1]}}}', "metadata.m.x", [1]),
        (b'{"metadata": {"n": 3}}', "metadata.url", None),
        (b'{"metadata": null}', "metadata.url", None),
        (b'{"metadata": "text"}', "metadata.url", None),
        (b'{"metadata": {"url": null}}', "metadata.url", None),
        (b'{"text": "a"}', "metadata.url", None),
        (b'{"a-b": {"class": 1.5}}', "a-b.class", 1.5),
        (b'{"id": 7}', "id", 7),
    ],
)
def test_a_field_is_found_by_its_path(raw: bytes, path: str, value: object) -> None:
    assert field_of(raw, path) == value


def test_fields_follow_the_rows_of_a_batch() -> None:
    batch = batch_of(["a", "b", "c"], metadata=[{"n": 1}, {}, {"n": "x"}])
    assert batch.field("metadata.n") == [1, None, "x"]
    assert batch.select(np.array([2, 0])).field("metadata.n") == ["x", 1]


def test_a_value_nested_too_deeply_is_none() -> None:
    """Where it is read the stack may be deeper than where the line was parsed."""
    raw = b'{"text": "", "a": %b%b}' % (b"[" * 800, b"]" * 800)
    parse(raw)

    def deeper(frames: int) -> object:
        return deeper(frames - 1) if frames else field_of(raw, "a")

    assert deeper(250) is None


def test_no_text_can_be_written(tmp_path: Path) -> None:
    """Numba compiles a kernel once more for arrays that can be."""
    batch = batch_of(["one", "two"])
    with write_shard(tmp_path / "a.jsonl.zst") as writer:
        writer.lines([b'{"id": "a", "text": "one two"}'])
    one = np.ones(1, np.int64)
    cuts = cuts_of(0 * one, 0 * one, 3 * one, 1)
    texts = [
        batch.text,
        batch.select(one).text,
        batch.with_text(batch.text.copy(), batch.offsets).text,
        no_documents().text,
        batch_of([""]).text,
        next(read_texts(tmp_path / "a.jsonl.zst", 0 * one)).text,
        next(read_texts(tmp_path / "a.jsonl.zst", 0 * one, cuts)).text,
    ]
    assert bytes(texts[-1]) == b" two"
    assert not any(text.flags.writeable for text in texts)
