"""Ids of removed and kept documents, joined over all shards."""

import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dolma_pipe.entries import Exact
from dolma_pipe.stages.dedup.names import read_names
from dolma_pipe.stages.dedup.plan import CuratedShard, Plan
from tests.stages.curated import Document, run


def named(root: Path, shards: list[list[str]]) -> Plan:
    """A plan whose documents all are named by decisions."""
    listed = [CuratedShard(f"web/{i}", "web", str(i), len(ids)) for i, ids in enumerate(shards)]
    plan = Plan(str(root), 1, 0, Exact(), tuple(listed), False, False, 1)
    for i, ids in enumerate(shards):
        path = plan.path(f"names/web/{i}.parquet")
        path.parent.mkdir(parents=True, exist_ok=True)
        numbers = np.arange(len(ids), dtype=np.uint64) + np.uint64(plan.firsts[i])
        pq.write_table(
            pa.table({"document": numbers, "id": pa.array(ids, pa.large_string())}), path
        )
    return plan


def test_names_of_all_shards(tmp_path: Path) -> None:
    shards = [[], ["a", "", "é你"], [], ["😀" * 5, "b"], []]
    documents, ids = read_names(named(tmp_path / "some", shards))
    assert documents.tolist() == list(range(5))
    assert ids.to_pylist() == [name for shard in shards for name in shard]
    documents, ids = read_names(named(tmp_path / "none", [[], []]))
    assert (len(documents), ids.to_pylist()) == (0, [])


def test_names_are_not_held_in_memory(tmp_path: Path) -> None:
    plan = named(tmp_path, [[f"{i}/{j}".zfill(1000) for j in range(500)] for i in range(20)])
    before = pa.total_allocated_bytes()
    tracemalloc.start()
    _, ids = read_names(plan)
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert ids.nbytes > 10_000_000
    assert held + pa.total_allocated_bytes() - before < 200_000
    assert peak < 3_000_000


def test_ids_of_every_kind_reach_the_table(tmp_path: Path) -> None:
    corpus = {
        "web": [[Document("é你", "the same")], [], [Document("", "the  same"), Document("x", "y")]],
        "wiki": [[Document("😀", " the same")]],
    }
    assert run(tmp_path, corpus, [Exact(prefer=("wiki",))]).kept_for == {"é你": "😀", "": "😀"}
