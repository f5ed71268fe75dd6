"""Stage 4 in a work directory on an object store: what every method leaves is what it leaves on
disk, each task on a machine of its own, and no task fetches what it does not want."""

import random
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from dolma_pipe.dedup_index import read_index
from dolma_pipe.engine.base import Engine, Outcome, Task
from dolma_pipe.engine.calling import call
from dolma_pipe.entries import (
    Ast,
    Decontaminate,
    Entry,
    Exact,
    Lines,
    MinHash,
    Semantic,
    SimHash,
    Substring,
)
from dolma_pipe.errors import WorkError
from dolma_pipe.passes.dedup import indexed_shards
from dolma_pipe.stages.dedup import deduplicate
from dolma_pipe.stages.dedup import plan as plans
from dolma_pipe.stages.dedup.index import write_index
from dolma_pipe.store.bucket import Bucket
from dolma_pipe.work import Work, spool
from tests.embeddings.models import write_tiny_static
from tests.object_store import ObjectStore, s3, server
from tests.stages.curated import Document, curate
from tests.stages.test_dedup_decontaminate import ITEMS, asked, write_set

__all__ = ["s3", "server"]

Corpus = Mapping[str, list[list[Document]]]
ROOT = "s3://bucket/some/work"


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The spool of this machine."""
    folder = tmp_path / "spool"
    monkeypatch.setenv(spool.VARIABLE, str(folder))
    _forget_spool()
    yield folder
    _forget_spool()


def _forget_spool() -> None:
    for cached in vars(spool).values():
        if hasattr(cached, "cache_clear"):
            cached.cache_clear()


class Machines(Engine):
    """Every task on a machine of its own, which has nothing of what others fetched or wrote.

    fetched: whole objects that a task has fetched, as they come; reads: of parts of one.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fetched: list[tuple[str, str]] = []
        self.reads: list[tuple[str, str]] = []
        self._folder = folder
        self._task = ""
        whole, part = Bucket.get, Bucket.read_range

        def get(bucket: Bucket, name: str, path: Path) -> None:
            self.fetched.append((self._task, name))
            whole(bucket, name, path)

        def read_range(bucket: Bucket, name: str, start: int, size: int) -> bytes | None:
            if size:
                self.reads.append((self._task, name))
            return part(bucket, name, start, size)

        monkeypatch.setattr(Bucket, "get", get)
        monkeypatch.setattr(Bucket, "read_range", read_range)

    def slots(self) -> int:
        return 1

    def map(self, function: str, tasks: Iterable[Task], **_: Any) -> Iterator[Outcome]:
        for task in reversed(list(tasks)):
            self._task = f"{function.rpartition('.')[2]} {task.key}"
            plans.load.cache_clear()
            for copy in (self._folder / "files").glob("*"):
                copy.unlink()
            yield call(function, task, 1, "here")

    def close(self) -> None: ...


def corpus() -> dict[str, list[list[Document]]]:
    """Equal and near copies of texts, repeated lines and runs, code, and an item of a test set."""
    rng = random.Random(5)
    texts = [" ".join(f"w{rng.randrange(500)}" for _ in range(60)) for _ in range(6)]
    boilerplate = " ".join(f"b{k}" for k in range(40))
    lines = [f"{boilerplate}\n{text}" for text in texts[:3]]
    near = [text.replace(" w1", " w9", 2) for text in texts]
    words = texts[2].split()
    scattered = " ".join("else" if k % 10 == 9 else word for k, word in enumerate(words))
    quoted = f"before\n{asked(1)}\nbehind"
    code = "\n".join(f"def f{k}(a, b):\n    return [a + {k}, b * a, f{k}(b)]" for k in range(12))
    renamed = code.replace("a", "x").replace("b", "y")
    shards = [
        [*texts, "", code],
        [*near, texts[0], scattered],
        [*lines, quoted, renamed, texts[5], near[1]],
    ]
    named = iter(range(1000))
    documents = [
        [Document(f"d{next(named)}", text, metadata={"prog_lang": "Python"}) for text in listed]
        for listed in shards
    ]
    return {"a": documents[:2], "b": documents[2:]}


def put(store: ObjectStore, folder: Path, place: str) -> None:
    """Every file of a folder."""
    for path in folder.rglob("*"):
        if path.is_file():
            key = f"{place.removeprefix('s3://bucket/')}/{path.relative_to(folder).as_posix()}"
            store.client.put_object(Bucket="bucket", Key=key, Body=path.read_bytes())


def files_in(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def both(
    store: ObjectStore, engine: Engine, root: Path, entries: list[Entry], **settings: Any
) -> dict[str, Any]:
    """The report of a run on the store, which leaves what a run on disk leaves."""
    shards = curate(Work(root), corpus(), entries)
    put(store, root, ROOT)
    report = deduplicate(Work(root), entries, shards, engine, **settings)
    there = deduplicate(Work(Path(ROOT)), entries, shards, engine, **settings)
    assert there == report
    left = store.files(ROOT)
    assert left == files_in(root)
    assert not any("scratch" in name for name in left)
    return report


def gone(report: dict[str, Any]) -> list[int]:
    return [entry["removed_documents"] for entry in report["entries"]]


def check_reads(engine: Machines, shards: int = 3) -> None:
    """Cells are read by two ranges a file; a whole one is that of a task alone."""
    whole = {(task.partition(" ")[0], name) for task, name in engine.fetched}
    assert {task for task, name in whole if name.endswith(".cells")} <= {"curve:choose_pairs"}
    counts: dict[tuple[str, str], int] = {}
    for task, name in engine.reads:
        if name.endswith(".cells"):
            counts[task, name] = counts.get((task, name), 0) + 1
    assert max(counts.values()) == 2
    reducers = {task for task, name in engine.reads if "/shuffled/" in name}
    for task in reducers:
        mine = [name for of, name in engine.reads if of == task and "/shuffled/" in name]
        assert shards <= len(mine) <= 2 * shards


MINHASH = MinHash(bands=5, rows=2, keep="longest", prefer=("b",))


@pytest.mark.parametrize(
    ("entries", "settings"),
    [
        ([Exact(keep="longest"), MINHASH], {"partition_bytes": 600}),
        ([SimHash(radius=2, action="annotate"), MINHASH], {"components_bytes": 0}),
    ],
    ids=["exact", "in rounds"],
)
def test_copies_go_as_on_disk(
    s3: ObjectStore,
    machine: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    entries: list[Entry],
    settings: dict[str, int],
) -> None:
    monkeypatch.setattr(plans, "GROUP", 8)
    monkeypatch.setattr(plans, "REQUEST", 0)
    engine = Machines(machine, monkeypatch)
    report = both(s3, engine, tmp_path / "w", entries, **settings)
    assert gone(report)[1] > 3
    check_reads(engine)
    sampled = [name for task, name in engine.reads if "count_bands" in task]
    assert any(".2.keys." in name for name in sampled)
    assert not any("count_bands" in task and ".keys." in name for task, name in engine.fetched)


def test_edited_texts_are_as_on_disk(
    s3: ObjectStore, machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Machines(machine, monkeypatch)
    entries: list[Entry] = [
        Lines(),
        Substring(min_bytes=64),
        MinHash(bands=5, rows=2, shingle=2, verify=0.5),
    ]
    report = both(s3, engine, tmp_path / "w", entries, partition_bytes=2000)
    assert all(entry["removed_documents"] + entry["cut_bytes"] for entry in report["entries"])
    assert report["cut_bytes"] > 100
    blocks = {name for _, name in engine.reads if "/units/" in name or ".hashes." in name}
    assert len(blocks) == 6
    assert not blocks & {name for task, name in engine.fetched if "collect" not in task}


def test_code_meaning_and_test_sets_are_found_as_on_disk(
    s3: ObjectStore, machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Machines(machine, monkeypatch)
    quiz = write_set(tmp_path / "quiz.jsonl", ITEMS)
    entries: list[Entry] = [
        Ast(subtrees=4),
        Semantic(model=write_tiny_static(tmp_path / "model"), threshold=0.9, clusters=2),
        Decontaminate(evaluations={"quiz": quiz}, remove="spans"),
    ]
    report = both(s3, engine, tmp_path / "w", entries)
    assert all(count for count in gone(report)[:2])
    assert report["cut_bytes"]


def test_what_a_killed_run_left_is_cleared(
    s3: ObjectStore, machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.client.put_object(Bucket="bucket", Key="some/work/dedup/scratch/1/left.cells", Body=b"old")
    both(s3, Machines(machine, monkeypatch), tmp_path / "w", [Exact()])


def test_an_index_on_the_store_is_as_one_on_disk(
    s3: ObjectStore, machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Machines(machine, monkeypatch)
    entries: list[Entry] = [Exact(prefer=("b",)), MinHash(bands=5, rows=2, prefer=("b",))]
    old = {"a": corpus()["a"]}
    shards = curate(Work(tmp_path / "old"), old, entries)
    deduplicate(Work(tmp_path / "old"), entries, shards, engine)
    put(s3, tmp_path / "old", ROOT)
    s3.client.put_object(Bucket="bucket", Key="index/sets/a/other.2.sets", Body=b"of before")
    places = (
        (Work(tmp_path / "old"), str(tmp_path / "index")),
        (Work(Path(ROOT)), "s3://bucket/index"),
    )
    for work, out in places:
        write_index(work, entries, shards, engine, Path(out))
    assert s3.files("s3://bucket/index") == files_in(tmp_path / "index")
    new = curate(Work(tmp_path / "new"), {"b": corpus()["b"]}, entries)
    put(s3, tmp_path / "new", "s3://bucket/new")
    works = [
        (Work(tmp_path / "new"), str(tmp_path / "index")),
        (Work(Path("s3://bucket/new")), "s3://bucket/index"),
    ]
    reports = [
        deduplicate(work, entries, [*indexed_shards([index]), *new], engine)
        for work, index in works
    ]
    assert reports[0] == reports[1]
    assert reports[0]["changed_in_indexes"] == 2
    assert any(name.endswith(".sets") for _, name in engine.reads)
    assert not any(name.endswith(".sets") for _, name in engine.fetched)
    here, there = files_in(tmp_path / "new"), s3.files("s3://bucket/new")
    named = "dedup/index_changes.parquet"  # names the index
    assert here.pop(named) != there.pop(named)
    assert here == there
    s3.client.delete_object(Bucket="bucket", Key="index/removed/a/001.u8")
    with pytest.raises(WorkError, match=r"^s3://bucket/index is no finished index: removed/a/001"):
        read_index("s3://bucket/index")
    with pytest.raises(WorkError, match=r"^s3://bucket/none is no finished index: index.json is"):
        read_index("s3://bucket/none")
