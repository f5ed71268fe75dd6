"""Large clusters: what is done for a document does not grow with the documents like it."""

import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dolma_pipe.engine.base import Outcome, Task
from dolma_pipe.entries import Entry, Exact, MinHash
from dolma_pipe.stages.dedup import deduplicate
from dolma_pipe.work import Work
from tests.stages.curated import InProcess, curate, documents_of, run

WORDS = [f"word{i}" for i in range(80)]


def near_copy(rng: random.Random) -> str:
    """One of 80 words is another."""
    words = list(WORDS)
    words[rng.randrange(80)] = f"other{rng.randrange(1 << 30)}"
    return " ".join(words)


def counted(root: Path, texts: list[str], entry: Entry) -> dict[str, Any]:
    shards = [documents_of(texts[i::4]) for i in range(4)]
    result = run(root, {"web": shards}, [entry])
    told: dict[str, Any] = result.report["entries"][0]
    return told


@pytest.mark.parametrize("entry", [Exact(), MinHash(), Exact(keep="longest")])
def test_equal_documents(tmp_path: Path, entry: Entry) -> None:
    told = counted(tmp_path, [" ".join(WORDS)] * 3000 + ["another text"], entry)
    assert told["removed_documents"] == 2999
    assert told["cluster_sizes"] == {"2049-4096": 1}
    assert told.get("compared_pairs", 0) <= 2999
    [cluster] = told["biggest_clusters"]
    assert len(cluster["copies"]) == 3


def test_a_cluster_of_near_copies(tmp_path: Path) -> None:
    """Four times the documents are four times the work."""
    compared = []
    for count in (300, 1200):
        rng = random.Random(1)
        texts = [near_copy(rng) for _ in range(count)]
        told = counted(tmp_path / str(count), texts, MinHash(verify=0.7))
        assert told["components"] == 1
        assert told["removed_documents"] > 0.95 * count
        compared.append(told["compared_pairs"])
    assert compared[1] < 6 * compared[0]


class Recording(InProcess):
    """Remembers what tasks returned."""

    def __init__(self) -> None:
        self.values: dict[str, list[Any]] = {}

    def map(self, function: str, tasks: Iterable[Task], **more: Any) -> Iterator[Outcome]:
        for outcome in super().map(function, tasks, **more):
            self.values.setdefault(function.rpartition(":")[2], []).append(outcome.value)
            yield outcome


def test_edges_of_a_shared_key_are_a_star_and_not_all_pairs(tmp_path: Path) -> None:
    entries: list[Entry] = [MinHash(bands=3, rows=2)]
    corpus = {"web": [documents_of([" ".join(WORDS)] * 250)] * 2}
    shards = curate(Work(tmp_path), corpus, entries)
    engine = Recording()
    [told] = deduplicate(Work(tmp_path), entries, shards, engine)["entries"]
    assert told["shared_keys"] == 3 * 500 * 499 // 2
    assert [value["edges"] for value in engine.values["group_similar"]] == [499] * 3
