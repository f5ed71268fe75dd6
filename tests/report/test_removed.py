"""What was removed, found by document: as an obvious look at all rows finds it, read once."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dolma_pipe.report import removed
from dolma_pipe.report.removed import Removed
from dolma_pipe.stages.dedup.publish import REMOVED
from dolma_pipe.work import Work

SHARDS = ["web/0", "web/1", "wiki/0"]


def rows() -> list[dict[str, Any]]:
    """Every second document goes for an earlier one, some for none, some stay for several."""
    found = []
    for number in range(1, 60, 2):
        shard, kept = SHARDS[number % 3], None if number % 7 == 0 else number // 4 * 2 % 10
        found.append(
            {
                "entry": 1 + number % 2,
                "removed_source": shard.partition("/")[0],
                "removed_shard": shard,
                "removed_row": number // 3,
                "removed_id": f"copy {number}",
                "kept_source": None if kept is None else "web",
                "kept_shard": None if kept is None else SHARDS[kept % 2],
                "kept_row": kept,
                "kept_id": None if kept is None else f"original {kept}",
                "similarity": None if kept is None else 0.5,
                "component": number,
            }
        )
    return found


@pytest.fixture
def work(tmp_path: Path) -> Work:
    """In row groups of four."""
    made = Work(tmp_path)
    made.dedup.mkdir()
    table = pa.Table.from_pylist(rows(), schema=REMOVED)
    pq.write_table(table, made.dedup / "removed.parquet", row_group_size=4)
    return made


@pytest.mark.parametrize("remembered", [0, 9, 1000])
def test_rows_about_a_document(
    work: Work, remembered: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removed, "REMEMBERED", remembered)
    table, every = Removed(work), rows()
    counts = []
    for place in [(shard, row) for shard in [*SHARDS, "web/9"] for row in range(21)]:
        found = list(table.about(place))
        counts.append(len(found))
        assert found == [
            row
            for row in every
            if place
            in ((row["removed_shard"], row["removed_row"]), (row["kept_shard"], row["kept_row"]))
        ]
    assert {0, 1} < {*counts}


def test_documents_whose_keys_are_equal_are_told_apart(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = list(Removed(work).about(("web/0", 1)))
    monkeypatch.setattr(removed, "_number", lambda _: 0)
    assert list(Removed(work).about(("web/0", 1))) == expected


def test_the_table_is_opened_once_for_all_documents(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And each row group is read twice: for the index, and for the rows of its documents."""
    read: list[int] = []

    class Counted(pq.ParquetFile):  # type: ignore[misc]
        def read_row_group(self, i: int, **options: Any) -> pa.Table:
            read.append(i)
            return super().read_row_group(i, **options)

    monkeypatch.setattr(removed.pq, "ParquetFile", Counted)
    monkeypatch.setattr(removed, "GROUPS_HELD", 8)
    table = Removed(work)
    assert read == []
    for row in [*rows(), *rows()]:
        assert list(table.about((row["removed_shard"], row["removed_row"])))
    assert sorted(read) == sorted([*range(8)] * 2)
    (work.dedup / "removed.parquet").unlink()
    assert list(table.about(("web/1", 0)))


def test_row_groups_without_rows(work: Work) -> None:
    expected = list(Removed(work).about(("web/0", 1)))
    table = pq.read_table(work.dedup / "removed.parquet", schema=REMOVED)
    with pq.ParquetWriter(work.dedup / "removed.parquet", REMOVED) as file:
        for part in (table[:0], table, table[:0]):
            file.write_table(part)
    assert list(Removed(work).about(("web/0", 1))) == expected
    pq.write_table(table[:0], work.dedup / "removed.parquet")
    assert not list(Removed(work).about(("web/0", 1)))
