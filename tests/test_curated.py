"""Reading our own shards again: only the rows asked for, in order, and damage is told."""

from pathlib import Path

import numpy as np
import pytest
import zstandard

from dolma_pipe import curated
from dolma_pipe.curated import read_curated_lines, read_texts
from dolma_pipe.errors import WorkError
from dolma_pipe.shard import write_shard


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with write_shard(tmp_path / "a.jsonl.zst") as writer:
        writer.lines(f'{{"id": "{i}", "text": "täxt {i}"}}'.encode() for i in range(100))
    return tmp_path / "a.jsonl.zst"


@pytest.mark.parametrize("batch_bytes", [1, 300, 1 << 20])
@pytest.mark.parametrize("rows", [[], [0], [99], [3, 4, 50, 99], list(range(100))])
def test_the_rows_that_were_asked_for(
    path: Path, rows: list[int], batch_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(curated, "BATCH_BYTES", batch_bytes)
    found = {}
    for texts in read_texts(path, np.array(rows, np.int64)):
        borders = zip(texts.rows, texts.offsets, texts.offsets[1:], strict=False)
        found |= {int(row): bytes(texts.text[a:b]).decode() for row, a, b in borders}
    assert found == {row: f"täxt {row}" for row in rows}
    assert list(found) == rows


def test_a_missing_row_and_damage_are_told(path: Path) -> None:
    with pytest.raises(WorkError, match="has no row 100"):
        list(read_texts(path, np.array([1, 100])))
    path.write_bytes(zstandard.compress(b"x" * 999)[:-3])
    with pytest.raises(WorkError, match=r"is damaged .*: remove it and run again"):
        list(read_curated_lines(path))
