"""Old documents take part by an index, their texts gone: as if all had been in one run."""

import random
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.dedup_index import IndexFiles, read_index
from dolma_pipe.entries import Entry, Exact, MinHash, SimHash
from dolma_pipe.passes.dedup import indexed_shards
from dolma_pipe.stages.dedup import deduplicate
from dolma_pipe.stages.dedup.index import write_index
from dolma_pipe.stages.dedup.plan import CuratedShard
from dolma_pipe.stages.dedup.stored_sets import BLOCK, read_stored, write_sets
from dolma_pipe.work import Work
from tests.stages.curated import Document, InProcess, Result, curate, run

Corpus = Mapping[str, list[list[Document]]]


def near_copies(seed: int, sources: str, count: int, families: int = 12) -> Corpus:
    """Documents of a few families: equal, near and further copies, dates, some blank."""
    rng = random.Random(seed)
    base = random.Random(7)  # the same families for every seed
    roots = [[f"w{base.randrange(400)}" for _ in range(60)] for _ in range(families)]
    corpus: dict[str, list[list[Document]]] = {}
    for source in sources.split():
        shards: list[list[Document]] = []
        for shard in range(3):
            documents = []
            for row in range(count):
                words = list(rng.choice(roots))
                for _ in range(rng.choice([0, 0, 1, 2, 4, 8])):
                    words[rng.randrange(len(words))] = f"x{rng.randrange(10**6)}"
                text = "" if rng.random() < 0.03 else " ".join(words + ["end"] * rng.randrange(3))
                created = rng.choice([None, f"20{rng.randrange(10, 25)}"])
                documents.append(Document(f"{source}{seed}-{shard}-{row}", text, created))
            shards.append(documents)
        corpus[source] = [*shards, []]
    return corpus


def chain(
    tmp_path: Path,
    days: list[Corpus],
    entries: list[Entry],
    new_only: bool = False,
    **settings: int,
) -> tuple[Result, list[CuratedShard]]:
    """A run a day, each against the index of the days before; only indexes outlive their day."""
    indexes: list[str] = []
    for day, corpus in enumerate(days):
        work = Work(tmp_path / f"work{day}")
        old = indexed_shards(indexes)
        new = curate(work, corpus, entries)
        report = deduplicate(work, entries, [*old, *new], InProcess(), **settings)
        out = tmp_path / f"index{day}"
        write_index(work, entries, new if new_only else [*old, *new], InProcess(), out)
        if day + 1 < len(days):
            shutil.rmtree(work.root)
            for root in [] if new_only else indexes:
                shutil.rmtree(root)
            indexes = [*indexes, str(out)] if new_only else [str(out)]
    masks = Work(tmp_path / "masks")
    for shard in [*old, *new]:
        found = work.removed(shard.key) if shard in new else work.indexed(shard.key)
        masks.removed(shard.key).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(found, masks.removed(shard.key))
    shutil.copy(work.dedup / "removed.parquet", masks.dedup / "removed.parquet")
    return Result(masks, [*old, *new], report), old


ENTRIES: dict[str, list[Entry]] = {
    "exact": [Exact()],
    "minhash": [MinHash()],
    "both": [Exact(), MinHash()],
    "longest": [Exact(keep="longest"), MinHash(keep="longest")],
    "newest": [Exact(keep="newest"), MinHash(keep="newest", verify=0.6)],
    "prefer": [Exact(prefer=("new",)), MinHash(prefer=("late", "new"))],
    "late exact": [MinHash(bands=4, rows=2), Exact()],
    "sources": [Exact(sources=("old", "new")), MinHash(sources=("new", "wiki"))],
    "unverified": [MinHash(verify=None)],
    "simhash": [Exact(), SimHash(radius=6, keep="longest")],
    "annotate": [Exact(action="annotate"), MinHash()],
}
DAYS = [near_copies(1, "old wiki", 20), near_copies(2, "new", 20), near_copies(3, "late", 20)]


@pytest.mark.parametrize(
    ("name", "new_only"),
    [*((name, False) for name in ENTRIES), ("both", True), ("longest", True)],
)
def test_days_one_by_one_are_as_all_in_one_run(tmp_path: Path, name: str, new_only: bool) -> None:
    entries = ENTRIES[name]
    together = run(tmp_path / "all", {**DAYS[0], **DAYS[1], **DAYS[2]}, entries)
    found, old = chain(tmp_path, DAYS, entries, new_only)
    assert found.masks == together.masks
    assert found.rows == together.rows
    assert len(found.rows) > 20
    indexed = sum(shard.documents for shard in old)
    assert found.report["indexed_documents"] == indexed == 9 * 20
    for mine, theirs in zip(found.report["entries"], together.report["entries"], strict=True):
        del mine["biggest_clusters"], theirs["biggest_clusters"]  # an index has no texts
        assert mine == theirs


def test_partitions_change_nothing(tmp_path: Path) -> None:
    entries = ENTRIES["both"]
    whole, _ = chain(tmp_path / "a", DAYS[:2], entries)
    parts, _ = chain(tmp_path / "b", DAYS[:2], entries, partition_bytes=2000)
    assert whole.masks == parts.masks


def test_old_documents_that_go_now_are_told(tmp_path: Path) -> None:
    words = [f"w{i}" for i in range(60)]
    near = [*words[:-1], "other"]
    days: list[Corpus] = [
        {"old": [[Document("short", "same text"), Document("first", "one more")]]},
        {"new": [[Document("long", "same  text "), Document("n", " ".join(near))]]},
    ]
    found, old = chain(tmp_path, days, [Exact(keep="longest"), MinHash()])
    table = pq.read_table(tmp_path / "work1/dedup/index_changes.parquet").to_pylist()
    assert table == [
        {
            "index": str(tmp_path / "index0"),
            "source": "old",
            "shard": "old/000",
            "row": 0,
            "id": "short",
            "before": 0,
            "after": 1,
        }
    ]
    assert found.kept_for == {"short": "long"}
    assert found.report["changed_in_indexes"] == 1
    assert [shard.documents for shard in old] == [2]


def test_an_old_document_may_come_back(tmp_path: Path) -> None:
    """Its keeper goes for a new one that is too far from it."""
    words = [f"w{i}" for i in range(100)]
    short, middle, long = words[:84], words[:92], words
    days: list[Corpus] = [
        {"old": [[Document("short", " ".join(short)), Document("middle", " ".join(middle))]]},
        {"new": [[Document("long", " ".join(long))]]},
    ]
    entry = MinHash(bands=60, rows=2, keep="longest", verify=0.9)
    found, _ = chain(tmp_path, days, [entry])
    assert found.kept_for == {"middle": "long"}
    table = pq.read_table(tmp_path / "work1/dedup/index_changes.parquet").to_pylist()
    assert [(row["id"], row["before"], row["after"]) for row in table] == [
        ("short", 1, 0),
        ("middle", 0, 1),
    ]


def test_an_index_is_not_written_into(tmp_path: Path) -> None:
    entries = ENTRIES["longest"]
    work = Work(tmp_path / "work")
    shards = curate(work, DAYS[0], entries)
    deduplicate(work, entries, shards, InProcess())
    index = tmp_path / "index"
    described = write_index(work, entries, shards, InProcess(), index)
    before = {path: path.read_bytes() for path in index.rglob("*") if path.is_file()}
    assert described.counts["bytes"] == sum(map(len, before.values())) - len(
        before[index / "index.json"]
    )
    shutil.rmtree(work.root)
    again = Work(tmp_path / "again")
    new = curate(again, DAYS[1], entries)
    deduplicate(again, entries, [*indexed_shards([str(index)]), *new], InProcess())
    assert {path: path.read_bytes() for path in index.rglob("*") if path.is_file()} == before
    assert not list(again.dedup.rglob("removed/old/*"))


def test_what_settled_entries_removed_has_no_sets(tmp_path: Path) -> None:
    documents = [Document(f"d{i}", " ".join(f"w{j % 7}" for j in range(20))) for i in range(9)]
    for entries, kept in (([Exact(), MinHash()], 1), ([Exact(keep="newest"), MinHash()], 9)):
        work = Work(tmp_path / f"work{kept}")
        shards = curate(work, {"web": [documents]}, entries)
        deduplicate(work, entries, shards, InProcess())
        index = tmp_path / f"index{kept}"
        described = write_index(work, entries, shards, InProcess(), index)
        assert (described.settled, described.counts["documents_with_sets"]) == (kept == 1, kept)


def test_a_new_index_clears_the_old_one_away(tmp_path: Path) -> None:
    entries: list[Entry] = [Exact()]
    for corpus in (DAYS[0], DAYS[1]):
        work = Work(tmp_path / str(len(corpus)))
        shards = curate(work, corpus, entries)
        deduplicate(work, entries, shards, InProcess())
        write_index(work, entries, shards, InProcess(), tmp_path / "index")
    described = read_index(str(tmp_path / "index"))
    assert {shard.source for shard in described.shards} == {"new"}
    assert not list(tmp_path.glob("index/*/old/*"))
    assert IndexFiles(tmp_path / "index").ids("new/000").exists()


@settings(max_examples=40)
@given(
    st.lists(st.integers(0, 3000), max_size=30),
    st.lists(st.integers(0, 29), max_size=10, unique=True),
)
def test_sets_come_back(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], wanted: list[int]
) -> None:
    path = tmp_path_factory.mktemp("sets") / "a.sets"
    rng = np.random.default_rng(len(sizes))
    sets = [np.unique(rng.integers(1, 1 << 63, size * 7, np.uint64)) for size in sizes]
    given_rows = np.flatnonzero(sizes)
    write_sets(path, given_rows, [sets[i] for i in given_rows], len(sizes))
    rows = np.array(sorted(row for row in wanted if row < len(sizes)), np.int64)
    found = [one for some in read_stored(path, rows) for one in some]
    assert [one.tolist() for one in found] == [sets[row].tolist() for row in rows]


def test_a_set_larger_than_a_block(tmp_path: Path) -> None:
    values = np.arange(1, 3 * BLOCK + 5, dtype=np.uint64)
    sets = [values[:3], values, values[:9]]
    write_sets(tmp_path / "a", np.array([0, 2, 3]), sets, 5)
    assert (tmp_path / "a").stat().st_size < 8 * len(values)
    [found] = read_stored(tmp_path / "a", np.arange(5))
    assert [len(one) for one in found] == [3, 0, len(values), 9, 0]
    assert all((a == b).all() for a, b in zip([found[i] for i in (0, 2, 3)], sets, strict=True))
