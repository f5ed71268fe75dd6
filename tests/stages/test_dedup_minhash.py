"""Stage 4, MinHash entries: against the greedy pass over real sets, and the promises."""

import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dolma_pipe.entries import Entry, Exact, MinHash
from dolma_pipe.stages.dedup.banding import Banding
from tests.slow import dedup as slow
from tests.stages.curated import Document, Result, documents_of, run

EVERYTHING = MinHash(bands=200, rows=1, shingle=2)
"""So many bands of one row that every pair worth a look is a candidate."""


def vocabulary(chance: random.Random, count: int) -> list[str]:
    return ["".join(chance.choices("abcdefghij", k=6)) for _ in range(count)]


def families(seed: int, roots: int, copies: int, words: int = 60) -> list[Document]:
    """Texts, and copies with more and more words changed."""
    chance = random.Random(seed)
    texts = []
    for _ in range(roots):
        root = vocabulary(chance, words)
        for k in range(copies):
            changed = [w if chance.random() > 0.01 * k else "changed" + w for w in root]
            texts.append(" ".join(changed[: chance.randrange(words - 10, words + 1)]))
    chance.shuffle(texts)
    return documents_of(texts)


def split(documents: list[Document], shards: int) -> list[list[Document]]:
    """Cut without changing the order."""
    borders = [len(documents) * i // shards for i in range(shards + 1)]
    return [documents[a:b] for a, b in pairwise(borders)]


def by_id(result: Result) -> dict[str, tuple[str, float | None]]:
    return {row["removed_id"]: (row["kept_id"], row["similarity"]) for row in result.rows}


@pytest.mark.parametrize("keep", ["first", "longest"])
def test_equals_the_greedy_pass_over_all_pairs(tmp_path: Path, keep: str) -> None:
    documents = families(1, roots=6, copies=8)
    entry = MinHash(bands=200, rows=1, shingle=2, keep=keep)
    result = run(tmp_path, {"web": split(documents, 3)}, [entry])
    order = (
        sorted(documents, key=lambda d: -len(d.text.encode())) if keep == "longest" else documents
    )
    sets = [frozenset(slow.shingles(document.text, 2)) for document in order]
    expected = {
        order[i].id: order[kept].id for i, kept in enumerate(slow.greedy(sets, 0.8)) if kept >= 0
    }
    assert len(expected) > 10
    assert result.kept_for == expected


def test_every_removed_document_names_a_kept_one_that_is_similar_enough(tmp_path: Path) -> None:
    documents = families(2, roots=8, copies=6)
    texts = {document.id: document.text for document in documents}
    entry = MinHash(bands=20, rows=3, shingle=3, keep="longest", verify=0.7)
    found = by_id(run(tmp_path, {"web": split(documents, 2)}, [entry]))
    assert len(found) > 10
    for gone, (kept, jaccard) in found.items():
        assert kept not in found
        sets = [frozenset(slow.shingles(texts[name], 3)) for name in (gone, kept)]
        assert jaccard == round(slow.jaccard(*sets), 6)
        assert jaccard >= 0.7


def test_a_chain_of_similar_documents_is_not_followed(tmp_path: Path) -> None:
    """Neighbours share 9 of 11 shingles (.82), others at most 8 of 12 (.67)."""
    words = [f"w{i}" for i in range(20)]
    chain = documents_of(" ".join(words[i : i + 11]) for i in range(6))
    assert run(tmp_path, {"web": [chain]}, [EVERYTHING]).kept_for == {
        "d1": "d0",
        "d3": "d2",
        "d5": "d4",
    }


def test_without_verification_a_component_keeps_its_first(tmp_path: Path) -> None:
    words = [f"w{i}" for i in range(20)]
    chain = documents_of(" ".join(words[i : i + 11]) for i in range(6))
    entry = MinHash(bands=200, rows=1, shingle=2, verify=None, keep="newest")
    chain[3].created = "2024-01"
    result = run(tmp_path, {"web": [chain]}, [entry])
    assert by_id(result) == {f"d{i}": ("d3", None) for i in (0, 1, 2, 4, 5)}


@pytest.mark.parametrize(("shards", "partition_bytes"), [(1, 1 << 20), (4, 64), (11, 640)])
def test_shards_and_partitions_change_nothing(
    tmp_path: Path, shards: int, partition_bytes: int
) -> None:
    documents = families(3, roots=5, copies=8)
    entries: list[Entry] = [Exact(), MinHash(bands=20, rows=2, shingle=3, keep="longest")]
    one = run(tmp_path / "one", {"web": [documents]}, entries)
    other = run(
        tmp_path / "other",
        {"web": split(documents, shards)},
        entries,
        partition_bytes=partition_bytes,
    )
    assert by_id(one) == by_id(other)
    assert one.masks["web/000"] == [v for mask in other.masks.values() for v in mask]
    left_out = {"biggest_clusters", "edges"}  # they name shards
    assert _counts(one.report, left_out) == _counts(other.report, left_out)


def _counts(report: dict[str, Any], left_out: set[str]) -> list[dict[str, Any]]:
    return [{k: v for k, v in e.items() if k not in left_out} for e in report["entries"]]


def test_two_runs_give_the_same_bytes(tmp_path: Path) -> None:
    documents = families(4, roots=4, copies=6)
    entries: list[Entry] = [Exact(), MinHash(bands=20, rows=2, shingle=3)]
    for name in ("a", "b"):
        run(tmp_path / name, {"web": split(documents, 2)}, entries)
    files = [sorted(p for p in (tmp_path / n / "dedup").rglob("*") if p.is_file()) for n in "ab"]
    assert [p.read_bytes() for p in files[0]] == [p.read_bytes() for p in files[1]]
    assert len(files[0]) > 4


def test_an_entry_sees_only_what_the_one_before_left(tmp_path: Path) -> None:
    """The exact copy goes first; the near copies are then judged by the survivor."""
    words = [f"w{i}" for i in range(30)]
    near = [*words[:-1], "other"]
    texts = [" ".join(words), "  ".join(words), " ".join(near)]
    result = run(tmp_path, {"web": [documents_of(texts)]}, [Exact(), EVERYTHING])
    assert result.masks["web/000"] == [0, 1, 2]
    assert [row["entry"] for row in result.rows] == [1, 2]
    assert result.report["entries"][1]["documents"] == 2


def test_one_method_alone_keeps_its_number(tmp_path: Path) -> None:
    documents = families(6, roots=3, copies=5)
    entries: list[Entry] = [EVERYTHING, Exact(), MinHash(bands=50, rows=1, shingle=2, verify=0.6)]
    alone = run(tmp_path / "a", {"web": [documents]}, entries, method="minhash")
    before = run(tmp_path / "b", {"web": [documents]}, [entries[0], entries[2]])
    assert set(alone.masks["web/000"]) == {0, 1, 3}
    assert [v and v - v // 3 for v in alone.masks["web/000"]] == before.masks["web/000"]
    assert [entry["entry"] for entry in alone.report["entries"]] == [1, 3]


def test_short_empty_and_chinese_documents_survive(tmp_path: Path) -> None:
    chinese = ["今天天气很好我们去公园散步吧", "昨天他在图书馆里读了一本新书"]
    texts = ["", " ", "word", "word two", "!!! … —", *chinese, "other", "字"]
    result = run(tmp_path, {"web": [documents_of(texts)]}, [Exact(), MinHash()])
    assert result.masks["web/000"] == [0] * len(texts)
    assert result.report["entries"][1]["left_out_documents"] == 7


def test_chinese_copies_are_found(tmp_path: Path) -> None:
    text = "".join(chr(0x4E00 + i * 37 % 5000) for i in range(200))
    result = run(
        tmp_path, {"web": [documents_of([text, text[:190] + "好", text[::-1]])]}, [MinHash()]
    )
    assert result.masks["web/000"] == [0, 1, 0]


@pytest.mark.parametrize("similarity", [0.5, 0.65, 0.8])
def test_recall_of_planted_pairs_follows_the_curve(tmp_path: Path, similarity: float) -> None:
    """300 pairs of a known Jaccard; candidates, before verification, are binomial around P(s)."""
    chance = random.Random(7)
    common = round(100 * 2 * similarity / (1 + similarity))
    documents = []
    for pair in range(300):
        shared = vocabulary(chance, common)
        for side in "ab":
            own = [f"{side}{pair}x{i}" for i in range(100 - common)]
            documents.append(Document(f"{pair}{side}", " ".join([*shared, *own])))
    result = run(
        tmp_path, {"web": [documents]}, [MinHash(bands=10, rows=4, shingle=1, verify=None)]
    )
    jaccard = common / (200 - common)
    expected = Banding(10, 4).probability(jaccard)
    spread = np.sqrt(expected * (1 - expected) / 300)
    assert len(result.rows) / 300 == pytest.approx(expected, abs=4 * spread)


def test_thousands_of_documents_from_one_template(tmp_path: Path) -> None:
    """Half are copies of the second (1 word in 60 differs), half have too many own words."""
    chance = random.Random(8)
    template = vocabulary(chance, 60)
    texts = []
    for i in range(3000):
        own = 1 if i % 2 else 14
        texts.append(" ".join([*template[:-own], *(f"u{i}n{k}" for k in range(own))]))
    result = run(tmp_path, {"web": split(documents_of(texts), 2)}, [EVERYTHING])
    [entry] = result.report["entries"]
    assert entry["components"] == 1
    assert sum(map(bool, result.masks["web/000"])) == 749
    assert entry["compared_pairs"] < 20_000


def test_report_tells_the_curve_and_the_counts(tmp_path: Path) -> None:
    documents = families(5, roots=3, copies=6)
    entry = MinHash(bands=14, rows=8, shingle=2, verify=0.8)
    [report] = run(tmp_path, {"web": [documents]}, [entry]).report["entries"]
    assert report["curve_threshold"] == 0.719008
    assert report["candidate_probability"]["0.8"] == pytest.approx(0.924, abs=5e-4)
    assert report["compared_documents"] + report["left_out_documents"] == 18
    assert 0 < report["removed_documents"] <= report["candidate_documents"] - report["components"]
    assert sum(report["cluster_sizes"].values()) == report["clusters"]
    assert report["verified_pairs"] >= report["removed_documents"]
