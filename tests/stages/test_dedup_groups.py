"""Decisions are gathered for groups of shards: neither these nor small shards change a thing."""

from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest

from dolma_pipe.entries import Entry, Exact, MinHash
from dolma_pipe.stages.dedup import plan as plans
from dolma_pipe.stages.dedup.kept_ids import read_kept_ids, write_kept_ids
from dolma_pipe.stages.dedup.plan import CuratedShard, Plan, load, save
from dolma_pipe.work import Work
from tests.stages.curated import Document, Result, curate, run

ENTRIES: list[Entry] = [Exact(keep="longest"), MinHash(keep="longest", prefer=("b",))]


def corpus(shards: int) -> dict[str, list[list[Document]]]:
    """Sixty documents of two sources in so many shards, one of them empty; copies are far apart."""
    words = [[f"w{family}-{i}" for i in range(50)] for family in range(8)]
    documents = []
    for i in range(60):
        text = " ".join(words[i % 8])
        documents.append(Document(f"d{i}", text if i % 3 else f"{text} end{i}"))
    borders = [60 * i // shards for i in range(shards + 1)]
    listed = [documents[a:b] for a, b in pairwise(borders)]
    return {"a": [*listed[: shards // 2], []], "b": listed[shards // 2 :]}


def gone(result: Result) -> list[int]:
    return [one for mask in result.masks.values() for one in mask]


@pytest.mark.parametrize("group", [1, 13, 59])
def test_groups_change_nothing(tmp_path: Path, group: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run(tmp_path / "whole", corpus(12), ENTRIES)
    monkeypatch.setattr(plans, "GROUP", group)
    parts = run(tmp_path / "parts", corpus(12), ENTRIES, partition_bytes=500)
    assert parts.masks == whole.masks
    assert parts.rows == whole.rows
    assert len(whole.rows) == 52
    assert {row["kept_source"] for row in whole.rows} == {"a", "b"}


def test_sizes_of_shards_change_nothing(tmp_path: Path) -> None:
    few, many = (run(tmp_path / str(n), corpus(n), ENTRIES) for n in (2, 60))
    assert gone(few) == gone(many)
    assert few.kept_for == many.kept_for


def plan_of(root: Path, documents: list[int]) -> Plan:
    shards = tuple(CuratedShard(f"a/{i}", "a", str(i), n) for i, n in enumerate(documents))
    return Plan(
        root=str(root),
        number=1,
        before=0,
        entry=Exact(),
        shards=shards,
        late=False,
        edited=False,
        partition_bytes=1 << 20,
    )


def test_groups_hold_as_many_shards_as_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "GROUP", 10)
    plan = plan_of(tmp_path, [4, 6, 0, 1, 30, 0, 2, 9])
    assert plan.groups == [(0, 3), (3, 4), (4, 5), (5, 7), (7, 8)]
    assert plan.group_of(np.arange(8)).tolist() == [0, 0, 0, 1, 2, 3, 3, 4]


def test_ids_of_kept_documents_reach_those_that_went(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of the documents went for no other."""
    monkeypatch.setattr(plans, "GROUP", 2)
    listed = [[Document(f"d{2 * i}", "x"), Document(f"d{2 * i + 1}", "y")] for i in range(3)]
    shards = curate(Work(tmp_path), {"a": listed}, [Exact()])
    plan = msgspec.structs.replace(plan_of(tmp_path, []), shards=tuple(shards))
    pairs: list[list[list[int]]] = [[[0, 2], [1, 4], [1, 5]], [[2, 0]], []]
    for group, some in enumerate(pairs):
        write_kept_ids(plan, group, np.array(some, np.uint64).reshape(-1, 2))
    assert read_kept_ids(plan, 0, np.array([0, 1], np.uint64)).to_pylist() == ["d2", None]
    assert read_kept_ids(plan, 2, np.array([4, 5], np.uint64)).to_pylist() == ["d1", "d1"]
    assert read_kept_ids(plan, 1, np.array([3], np.uint64)).to_pylist() == [None]
    assert read_kept_ids(plan, 1, np.array([], np.uint64)).to_pylist() == []


def test_a_plan_is_read_once_until_it_is_replaced(tmp_path: Path) -> None:
    for documents in (3, 4):
        plan = plan_of(tmp_path, [documents])
        save(plan)
        path = str(plan.file)
        assert load(path).shards[0].documents == documents
        assert load(path) is load(path)
