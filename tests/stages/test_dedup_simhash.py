"""Stage 4, SimHash entries: every pair within the radius is found, whatever the partitions."""

import random
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest

from dolma_pipe.entries import Entry, Exact, SimHash
from dolma_pipe.kernels.jit import U64
from dolma_pipe.kernels.simhash import fingerprints
from dolma_pipe.stages.dedup import deduplicate, keys, near
from dolma_pipe.stages.dedup.blocks import BITS, tables_for
from dolma_pipe.work import Work
from tests.slow import simhash as slow
from tests.stages.curated import Document, InProcess, Result, curate, documents_of, run
from tests.texts import packed


def families(seed: int, roots: int, copies: int) -> list[Document]:
    """Texts, and copies with more and more words changed."""
    chance = random.Random(seed)
    texts = []
    for _ in range(roots):
        root = [f"w{chance.randrange(10**6)}" for _ in range(300)]
        texts += [
            " ".join(w if chance.random() > 0.003 * k else w + "x" for w in root)
            for k in range(copies)
        ]
    chance.shuffle(texts)
    return documents_of(texts)


def expected(documents: list[Document], radius: int, shingle: int) -> dict[str, tuple[str, float]]:
    found = fingerprints(*packed([d.text for d in documents]), shingle).tolist()
    return {
        documents[i].id: (documents[k].id, 1 - slow.distance(found[i], found[k]) / 64)
        for i, k in enumerate(slow.greedy(found, radius))
        if k >= 0
    }


def by_id(result: Result) -> dict[str, tuple[str, float]]:
    return {row["removed_id"]: (row["kept_id"], row["similarity"]) for row in result.rows}


@pytest.mark.parametrize("radius", [0, 1, 3, 5])
@pytest.mark.parametrize("keep", ["first", "longest"])
def test_equals_the_greedy_pass_over_all_pairs(tmp_path: Path, radius: int, keep: str) -> None:
    documents = families(1, roots=8, copies=6)
    entry = SimHash(radius=radius, shingle=2, keep=keep)
    halves = [documents[:20], documents[20:]]
    result = run(tmp_path, {"web": halves}, [entry], partition_bytes=300)
    order = (
        sorted(documents, key=lambda d: -len(d.text.encode())) if keep == "longest" else documents
    )
    wanted = expected(order, radius, 2)
    assert by_id(result) == {k: (kept, round(s, 6)) for k, (kept, s) in wanted.items()}
    assert len(wanted) >= 5
    [report] = result.report["entries"]
    assert sum(report["distances"].values()) == len(wanted)


@pytest.mark.parametrize("radius", range(7))
def test_two_within_the_radius_share_a_key(radius: int) -> None:
    """Every choice of blocks that changes may touch leaves one table untouched."""
    blocks, masks = tables_for(radius)
    pieces = [(1 << BITS * (i + 1) // blocks) - (1 << BITS * i // blocks) for i in range(blocks)]
    assert sum(pieces) == (1 << BITS) - 1
    for changed in combinations(pieces, radius):
        assert sum(sum(changed) & mask == 0 for mask in masks) == 1
    assert tables_for(radius).key_bits >= 26


def test_radius_three_has_the_published_tables() -> None:
    tables = tables_for(3)
    assert (tables.blocks, len(tables.masks), tables.key_bits) == (6, 20, 31)


def planted(
    tmp_path: Path, given: list[int], entry: SimHash, monkeypatch: pytest.MonkeyPatch
) -> Result:
    """A corpus whose documents have these fingerprints, never 0."""
    of_text = {f"t{i}": fingerprint for i, fingerprint in enumerate(given)}

    def made(_entry: Entry, text: U64, offsets: U64) -> U64:
        content = text.tobytes()
        found = [content[a:b].decode() for a, b in pairwise(offsets)]
        return np.array([of_text[one] for one in found], np.uint64).reshape(-1, 1)

    monkeypatch.setitem(keys._KEYS, "simhash", made)
    work = Work(tmp_path)
    documents = documents_of(of_text)
    shards = curate(work, {"web": [documents[:1000], documents[1000:]]}, [entry])
    return Result(work, shards, deduplicate(work, [entry], shards, InProcess()))


def test_every_planted_pair_within_the_radius_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Roots far from each other, each with a copy 0 to 4 bits away, all bit positions in turn."""
    chance = random.Random(5)
    roots, copies, apart = [], [], []
    for i in range(2500):
        first = (i // 5) % 64
        bits = [first, *chance.sample([b for b in range(64) if b != first], 3)]
        apart.append(i % 5)
        roots.append(chance.getrandbits(64))
        copies.append(roots[-1] ^ sum(1 << b for b in bits[: i % 5]))
    result = planted(tmp_path, roots + copies, SimHash(), monkeypatch)
    wanted = {f"d{2500 + i}": f"d{i}" for i in range(2500) if apart[i] <= 3}
    assert result.kept_for == wanted
    [report] = result.report["entries"]
    assert report["distances"] == {"0": 500, "1": 500, "2": 500, "3": 500}


def test_many_alike_give_few_edges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """3,000 equal fingerprints and 3,000 of 12 bits: a tree a table at most."""
    chance = random.Random(6)
    given = [77] * 3000 + [chance.randrange(1, 1 << 12) for _ in range(3000)]
    edges: list[int] = []
    group = near.group_near
    monkeypatch.setattr(near, "group_near", lambda a: edges.append(group(a)["edges"]) or group(a))
    result = planted(tmp_path, given, SimHash(), monkeypatch)
    assert sum(edges) / 2 <= 3000 + 20 * 3000
    assert [row["kept_id"] for row in result.rows].count("d0") >= 2999
    [report] = result.report["entries"]
    assert report["components"] == 1
    order = slow.greedy(given[2999:], 3)
    assert report["removed_documents"] == 2999 + sum(k >= 0 for k in order)


def test_short_and_empty_documents_take_no_part(tmp_path: Path) -> None:
    texts = ["", " ", "one", "one", "One!", "...", "!!! …", "!!! …", "a b", "a b"]
    result = run(tmp_path, {"web": [documents_of(texts)]}, [SimHash()])
    assert result.masks["web/000"] == [0] * 9 + [1]
    assert result.report["entries"][0]["left_out_documents"] == 8


def test_after_another_entry_and_in_some_sources_only(tmp_path: Path) -> None:
    text = " ".join(f"w{i}" for i in range(400))
    near = text.replace("w7 ", "v7 ")
    corpus = {"web": [documents_of([text, text, near])], "wiki": [documents_of([near])]}
    entries: list[Entry] = [Exact(sources=("web",)), SimHash(radius=6, prefer=("wiki",))]
    result = run(tmp_path, corpus, entries)
    assert result.masks == {"web/000": [2, 1, 2], "wiki/000": [0]}
    alone = run(tmp_path / "web", corpus, [SimHash(radius=6, sources=("web",), action="annotate")])
    assert alone.masks == {"web/000": [0, 0, 0], "wiki/000": [0]}
    assert alone.report["entries"][0]["clusters"] == 1
