"""The synthetic corpora of benchmarks/scale_dedup.py are what they say, and its table adds up."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from benchmarks.scale_dedup import Result, Step, measured, told
from benchmarks.synthetic import CLUSTERED, Corpus, make
from dolma_pipe.stages.dedup import deduplicate
from dolma_pipe.work import Work
from tests.stages.curated import InProcess


def test_a_corpus_has_the_copies_that_were_planted(tmp_path: Path) -> None:
    corpus = Corpus(str(tmp_path / "index"), 3000, 5)
    shards = make(corpus, InProcess())
    assert sum(shard.documents for shard in shards) == 3000
    clusters = np.fromfile(corpus.table, np.int32)
    assert abs((clusters >= 0).mean() - CLUSTERED) < 0.02
    report = deduplicate(Work(tmp_path / "work"), corpus.entries(), shards, InProcess())
    rows = pq.read_table(tmp_path / "work/dedup/removed.parquet").to_pylist()
    assert len(rows) == 3000 - report["kept"] > 400
    for row in rows:
        ids = [int(row[f"{side}_id"].removeprefix("synthetic-")) for side in ("removed", "kept")]
        assert clusters[ids[0]] == clusters[ids[1]] >= 0
        assert row["similarity"] >= 0.8


def test_equal_documents_leave_one(tmp_path: Path) -> None:
    corpus = Corpus(str(tmp_path / "index"), 500, 2, (300,), equal=1.0)
    shards = make(corpus, InProcess())
    report = deduplicate(Work(tmp_path / "work"), corpus.entries(), shards, InProcess())
    assert report["kept"] == 201


def test_the_table_sums_both_entries() -> None:
    steps = [Step("mark_shard", 4, 1.0, 10**8), Step("mark_shard", 4, 2.0, 3 * 10**8)]
    result = Result(10**6, 20, 5, 9.0, 0.5, 4 * 10**8, steps)
    text = told([result], {"one cluster": result})
    assert "| mark_shard | 3.00 | 300 |" in text
    assert "| **all** | **3.5** |" in text
    assert "| one cluster | 1,000,000 | 20 | 5 | 3.5 | 175.0 | 400 |" in text


def test_a_task_tells_its_own_cost() -> None:
    value, cpu, peak = measured({"function": "builtins:len", "args": {"a": 1, "b": 2}})
    assert value == 2
    assert cpu < 1
    assert peak > 10**7
