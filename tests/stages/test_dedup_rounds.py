"""Components in rounds over partitions: the same files and counts as by union-find in one task."""

import random
import shutil
import tracemalloc
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.engine.base import Outcome, Task
from dolma_pipe.entries import Entry, Exact, MinHash, Semantic, SimHash
from dolma_pipe.kernels.jit import I64
from dolma_pipe.stages.dedup import deduplicate, record_blocks, rounds
from dolma_pipe.stages.dedup import plan as plans
from dolma_pipe.stages.dedup.components import connect
from dolma_pipe.stages.dedup.plan import CuratedShard, Plan, Steps, save
from dolma_pipe.work import Work
from tests.embeddings.models import WORDS, write_tiny_static
from tests.stages.curated import InProcess, curate, documents_of

NODES = 40


class Noting(InProcess):
    """Which steps ran."""

    def __init__(self) -> None:
        self.functions: list[str] = []

    def map(self, function: str, tasks: Iterable[Task], **needs: Any) -> Iterator[Outcome]:
        self.functions.append(function.rpartition(".")[2])
        yield from super().map(function, tasks, **needs)

    def stars(self) -> int:
        return sum(function.endswith("_star") for function in self.functions)


class Weighing(InProcess):
    """The most bytes that a task held."""

    def __init__(self) -> None:
        self.largest = 0

    def map(self, function: str, tasks: Iterable[Task], **needs: Any) -> Iterator[Outcome]:
        for task in tasks:
            held = []
            for _ in range(2):  # once in a while a table of the interpreter grows in between
                tracemalloc.reset_peak()
                before, _ = tracemalloc.get_traced_memory()
                outcomes = list(super().map(function, [task], **needs))
                held.append(tracemalloc.get_traced_memory()[1] - before)
            self.largest = max(self.largest, min(held))
            yield from outcomes


def graph(
    root: Path, shards: Sequence[int], edges: Sequence[I64], partition_bytes: int, limit: int
) -> Plan:
    """A plan with files of edges. shards: documents of each."""
    shutil.rmtree(root, ignore_errors=True)
    plans.load.cache_clear()  # the name of a plan tells nothing of GROUP
    plan = Plan(
        root=str(root),
        number=1,
        before=0,
        entry=MinHash(),
        shards=tuple(CuratedShard(f"a/{i}", "a", str(i), n) for i, n in enumerate(shards)),
        late=False,
        edited=False,
        partition_bytes=partition_bytes,
        components_bytes=limit,
    )
    save(plan)
    plan.path("edges").mkdir()
    for part, some in enumerate(edges):
        plan.path(f"edges/{part}.u64").write_bytes(some.tobytes())
    return plan


def both_ways(
    root: Path, shards: Sequence[int], edges: Sequence[I64], partition_bytes: int, nodes: int
) -> tuple[dict[str, int], int]:
    """Counts of union-find, whose files and counts rounds must equal, and how many stars these
    took."""
    found = []
    for limit in (1 << 40, -1):
        plan = graph(root, shards, edges, partition_bytes, limit)
        engine = Noting()
        counts = connect(Steps(engine, plan), plan, [len(some) for some in edges], nodes)
        files = {path.name: path.read_bytes() for path in plan.path("candidates").iterdir()}
        assert len(files) == len(plan.groups)
        found.append((counts, files))
    assert found[0] == found[1]
    return found[0][0], engine.stars()


def pairs(*columns: Iterable[int]) -> I64:
    return np.stack([np.fromiter(column, np.int64) for column in columns], axis=1)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, NODES - 1), st.integers(0, NODES - 1)).filter(
            lambda edge: edge[0] != edge[1]
        ),
        max_size=60,
    ),
    st.lists(st.integers(0, 60), max_size=3),
    st.lists(st.integers(0, NODES), max_size=4),
    st.sampled_from([100, 200, 300, 1 << 20]),
    st.integers(1, 12),
    st.integers(1, NODES),
)
def test_any_graph(
    tmp_path_factory: pytest.TempPathFactory,
    edges: list[tuple[int, int]],
    cuts: list[int],
    borders: list[int],
    partition_bytes: int,
    nodes: int,
    group: int,
) -> None:
    """Cut into any files and shards, empty ones as well."""
    listed = np.array(edges, np.int64).reshape(-1, 2)
    shards = [end - first for first, end in pairwise([0, *sorted(borders), NODES])]
    root = tmp_path_factory.getbasetemp() / "graph"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(plans, "GROUP", group)
        patched.setattr(rounds, "PIECE", 7)
        patched.setattr(record_blocks, "PIECE", 5)
        both_ways(root, shards, np.split(listed, sorted(cuts)), partition_bytes, nodes)


@pytest.mark.parametrize("shards", [[0, 0], [5, 0, 3]])
def test_no_edges(tmp_path: Path, shards: list[int]) -> None:
    for edges in ([], [np.empty((0, 2), np.int64)] * 2):
        counts, _ = both_ways(tmp_path, shards, edges, 16, 3)
        assert set(counts.values()) == {0}


def test_a_long_path_takes_a_logarithm_of_rounds(tmp_path: Path) -> None:
    """Of all orders of its nodes this is the worst that is known."""
    nodes = 100_000
    edges = [pairs(range(nodes - 1), range(1, nodes))]
    counts, stars = both_ways(tmp_path, [nodes // 2] * 2, edges, 1 << 19, 10)
    assert counts["largest_component"] == nodes
    assert stars <= 2 * (np.ceil(np.log2(nodes)) + 2)


@pytest.mark.parametrize("center", [0, 1999])
def test_stars_are_left_as_they_are(tmp_path: Path, center: int) -> None:
    leaves = [node for node in range(2000) if node != center]
    counts, stars = both_ways(tmp_path, [2000], [pairs([center] * 1999, leaves)], 3000, 10)
    assert (counts["components"], counts["partitions"], stars) == (1, 1, 2)


def test_many_partitions_of_clusters_like_real_ones(tmp_path: Path) -> None:
    """Pairs and a few large ones, found by several bands, each of which misses some."""
    chance = np.random.default_rng(1)
    sizes = np.minimum(2 * (1 + chance.pareto(2.0, 900)), 300).astype(np.int64)
    members = chance.permutation(3 * int(sizes.sum()))[: sizes.sum()]
    firsts = np.repeat(np.cumsum(sizes) - sizes, sizes)
    edges = []
    for _ in range(5):
        shares_key = (chance.random(len(members)) < 0.7) & (np.diff(firsts, prepend=-1) == 0)
        kept = np.flatnonzero(shares_key)
        edges.append(np.stack([members[firsts[kept]], members[kept]], axis=1))
    shards = [len(members)] * 3
    counts, stars = both_ways(tmp_path, shards, edges, 10_000, 30)
    assert counts["partitions"] > 30
    assert counts["components"] > 500
    assert stars <= 6


def test_a_node_with_many_edges_takes_no_more_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its task is sent twelve times partition_bytes."""
    nodes, partition_bytes = 200_000, 1 << 18
    monkeypatch.setattr(plans, "GROUP", 4000)
    for module in (rounds, record_blocks):
        monkeypatch.setattr(module, "PIECE", 1 << 10)
    centers = [0 if node % 2 else nodes - 1 for node in range(1, nodes - 1)] + [0]
    whole = pairs(centers, range(1, nodes))
    edges = [whole[first : first + 10_000] for first in range(0, nodes, 10_000)]
    plan = graph(tmp_path, [2000] * (nodes // 2000), edges, partition_bytes, 0)
    engine = Weighing()
    tracemalloc.start()
    counts = connect(Steps(engine, plan), plan, [len(some) for some in edges], 10)
    tracemalloc.stop()
    assert counts["largest_component"] == nodes
    assert engine.largest < 4 * partition_bytes


@pytest.mark.parametrize(("limit", "function"), [(90, "find_components"), (89, "start")])
def test_rounds_begin_where_union_find_would_need_more(
    tmp_path: Path, limit: int, function: str
) -> None:
    plan, engine = graph(tmp_path, [4, 6], [pairs([1], [7])], 1000, limit), Noting()
    counts = connect(Steps(engine, plan), plan, [1], 1)
    assert engine.functions[0].endswith(f":{function}")
    assert counts == {
        "candidate_documents": 2,
        "components": 1,
        "largest_component": 2,
        "partitions": 1,
    }


def families(roots: int, copies: int) -> list[str]:
    """Texts, and copies with more and more words changed."""
    chance = random.Random(3)
    texts = []
    for _ in range(roots):
        root = chance.choices(WORDS, [chance.random() ** 4 for _ in WORDS], k=40)
        texts += [
            " ".join(w if chance.random() > 0.004 * k else chance.choice(WORDS) for w in root)
            for k in range(copies)
        ]
    chance.shuffle(texts)
    return texts


@pytest.mark.parametrize("method", ["minhash", "simhash", "semantic"])
def test_deduplication_ends_with_the_same_bytes(tmp_path: Path, method: str) -> None:
    model = write_tiny_static(tmp_path / "model")
    entry: Entry = {
        "minhash": MinHash(bands=20, rows=2, shingle=2, keep="longest"),
        "simhash": SimHash(radius=3, shingle=2),
        "semantic": Semantic(model=model, threshold=0.9, clusters=3),
    }[method]
    entries, documents, found = [Exact(), entry], documents_of(families(9, 8)), []
    ends = list(accumulate([11, 0, 30, 31], initial=0))
    listed = [documents[a:b] for a, b in pairwise(ends)]
    for limit in (1 << 40, 0):
        work, engine = Work(tmp_path / str(limit)), Noting()
        shards = curate(work, {"web": listed}, entries)
        report = deduplicate(
            work, entries, shards, engine, partition_bytes=1000, components_bytes=limit
        )
        assert (engine.stars() > 0) == (limit == 0)
        assert report["entries"][1]["removed_documents"] > 5
        files = sorted(path for path in work.dedup.rglob("*") if path.is_file())
        found.append({path.relative_to(work.root): path.read_bytes() for path in files})
    assert len(found[0]) > 4
    assert found[0] == found[1]
