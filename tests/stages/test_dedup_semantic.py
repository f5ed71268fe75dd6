"""Stage 4, semantic entries: against the greedy pass over all pairs, and the promises."""

import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dolma_pipe.embeddings import load_embedder
from dolma_pipe.entries import Entry, Exact, Semantic
from dolma_pipe.stages.dedup import clusters, vectors
from dolma_pipe.stages.dedup.clusters import find_centroids, join_in_cluster, nearest_of
from dolma_pipe.work import Work
from tests.embeddings.models import WORDS, write_tiny_bert, write_tiny_static
from tests.slow import cosine as slow
from tests.stages.curated import Document, Result, documents_of, run
from tests.texts import packed


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_tiny_static(tmp_path_factory.mktemp("model"))


def families(seed: int, roots: int, copies: int, words: int = 12) -> list[Document]:
    """Texts, and copies with more and more words changed."""
    chance = random.Random(seed)
    texts = []
    for _ in range(roots):
        weights = [chance.random() ** 4 for _ in WORDS]
        root = chance.choices(WORDS, weights, k=words)
        for k in range(copies):
            changed = [w if chance.random() > 0.02 * k else chance.choice(WORDS) for w in root]
            texts.append(" ".join(changed[: chance.randrange(words - 2, words + 1)]))
    chance.shuffle(texts)
    return documents_of(texts)


def split(documents: list[Document], shards: int) -> list[list[Document]]:
    borders = [len(documents) * i // shards for i in range(shards + 1)]
    return [documents[a:b] for a, b in pairwise(borders)]


def by_id(result: Result) -> dict[str, tuple[str, float]]:
    return {row["removed_id"]: (row["kept_id"], row["similarity"]) for row in result.rows}


def by_hand(
    model: str, documents: list[Document], threshold: float
) -> dict[str, tuple[str, float]]:
    """documents: in survivor order."""
    found = load_embedder(model).embed(*packed([d.text for d in documents])).tolist()
    verdicts = slow.greedy(found, threshold)
    return {
        documents[i].id: (documents[one[0]].id, one[1]) for i, one in enumerate(verdicts) if one
    }


def test_the_threshold_is_that_of_the_model_unless_given() -> None:
    assert Semantic().cosine == 0.95
    assert Semantic(model="static").cosine == 0.97
    assert Semantic(model="static", threshold=0.9).cosine == 0.9


@pytest.mark.parametrize("keep", ["first", "longest"])
@pytest.mark.parametrize("threshold", [0.9, 0.95])
def test_equals_the_greedy_pass_over_all_pairs(
    tmp_path: Path, model: str, keep: str, threshold: float
) -> None:
    documents = families(1, roots=12, copies=7)
    entry = Semantic(model=model, keep=keep, threshold=threshold)
    result = run(tmp_path, {"web": split(documents, 3)}, [entry])
    order = (
        sorted(documents, key=lambda d: -len(d.text.encode())) if keep == "longest" else documents
    )
    expected = by_hand(model, order, threshold)
    assert len(expected) > 10
    assert by_id(result) == expected


def test_every_removed_document_names_a_kept_one_that_is_similar_enough(
    tmp_path: Path, model: str
) -> None:
    """Whatever clusters find: the decision compares."""
    documents = families(2, roots=20, copies=6)
    texts = {d.id: d.text for d in documents}
    entry = Semantic(model=model, threshold=0.93, clusters=9, probes=1)
    found = by_id(run(tmp_path, {"web": split(documents, 2)}, [entry]))
    assert len(found) > 10
    for gone, (kept, similarity) in found.items():
        assert kept not in found
        one, other = load_embedder(model).embed(*packed([texts[gone], texts[kept]])).tolist()
        assert similarity == slow.cosine(one, other)
        assert similarity >= 0.93


def test_two_clusters_for_a_document_find_what_one_does_not(tmp_path: Path, model: str) -> None:
    documents = families(3, roots=30, copies=6)
    found = [
        len(
            run(
                tmp_path / f"{clusters}-{probes}",
                {"web": [documents]},
                [Semantic(model=model, threshold=0.9, clusters=clusters, probes=probes)],
            ).rows
        )
        for clusters, probes in ((1, 1), (60, 1), (60, 2), (60, 8))
    ]
    assert found[0] >= found[3] >= found[2] > found[1]


@pytest.mark.parametrize(("shards", "partition_bytes"), [(1, 1 << 20), (4, 700), (11, 4000)])
def test_shards_and_partitions_change_nothing(
    tmp_path: Path, model: str, shards: int, partition_bytes: int
) -> None:
    documents = families(4, roots=12, copies=8)
    entries: list[Entry] = [Exact(), Semantic(model=model, clusters=5, keep="longest")]
    one = run(tmp_path / "one", {"web": [documents]}, entries)
    other = run(
        tmp_path / "other",
        {"web": split(documents, shards)},
        entries,
        partition_bytes=partition_bytes,
    )
    assert by_id(one) == by_id(other)
    assert one.masks["web/000"] == [v for mask in other.masks.values() for v in mask]
    left_out = {"biggest_clusters"}  # they name shards
    assert _counts(one.report, left_out) == _counts(other.report, left_out)


def _counts(report: dict[str, Any], left_out: set[str]) -> list[dict[str, Any]]:
    return [{k: v for k, v in e.items() if k not in left_out} for e in report["entries"]]


def test_what_cannot_be_embedded_stays(tmp_path: Path, model: str) -> None:
    texts = ["", "  ", "", "☃", "☃", "the cat", "the cat", "a"]
    result = run(tmp_path, {"web": [documents_of(texts)], "none": [[]]}, [Semantic(model=model)])
    assert result.kept_for == {"d6": "d5"}
    entry = result.report["entries"][0]
    assert (entry["compared_documents"], entry["left_out_documents"]) == (3, 5)


def test_nothing_at_all(tmp_path: Path, model: str) -> None:
    for name, corpus in (("a", {"web": [[]]}), ("b", {"web": [documents_of([" ", ""])]})):
        assert run(tmp_path / name, corpus, [Semantic(model=model)]).rows == []
    nowhere = Semantic(model=model, sources=("other",))
    assert run(tmp_path / "c", {"web": [documents_of(["a", "a"])]}, [nowhere]).rows == []


def test_other_sources_are_left_alone_and_preferred_ones_stay(tmp_path: Path, model: str) -> None:
    corpus = {name: [documents_of(["the cat sat"])] for name in ("web", "wiki", "books")}
    entry = Semantic(model=model, sources=("web", "wiki"), prefer=("wiki",))
    result = run(tmp_path, corpus, [entry])
    assert result.masks == {"web/000": [1], "wiki/000": [0], "books/000": [0]}


def test_annotating_removes_nothing(tmp_path: Path, model: str) -> None:
    documents = documents_of(["the cat sat", "blue river", "the cat sat"])
    result = run(tmp_path, {"web": [documents]}, [Semantic(model=model, action="annotate")])
    assert result.masks == {"web/000": [0, 0, 0]}
    assert (tmp_path / "dedup" / "annotations" / "web" / "000.parquet").is_file()


def test_many_equal_documents_are_compared_as_one(tmp_path: Path, model: str) -> None:
    documents = documents_of(["the cat sat", "blue river"] * 500)
    result = run(tmp_path, {"web": split(documents, 3)}, [Semantic(model=model)])
    assert len(result.rows) == 998
    entry = result.report["entries"][0]
    assert entry["joining_pairs"] == 1
    assert entry["compared_pairs"] <= 1000


def test_another_threshold_does_not_embed_again(
    tmp_path: Path, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = families(5, roots=4, copies=6)
    first = run(tmp_path, {"web": [documents]}, [Semantic(model=model, threshold=0.99)])
    monkeypatch.setattr(vectors, "load_embedder", None)  # whoever calls it fails
    second = run(tmp_path, {"web": [documents]}, [Semantic(model=model, threshold=0.9)])
    assert len(second.rows) > len(first.rows)


def test_other_documents_are_embedded_again(tmp_path: Path, model: str) -> None:
    entry = Semantic(model=model)
    run(tmp_path, {"web": [documents_of(["the cat", "blue river"])]}, [entry])
    result = run(tmp_path, {"web": [documents_of(["blue river", "blue river"])]}, [entry])
    assert result.kept_for == {"d1": "d0"}
    later = run(
        tmp_path,
        {"web": [documents_of(["blue river", "blue river", "a", "a b"])]},
        [Exact(), entry],
    )
    assert later.kept_for == {"d1": "d0"}


def test_rows_of_removed_documents_are_zeros(tmp_path: Path, model: str) -> None:
    texts = ["the cat", "the cat", "blue river", "blue river", "dog", "a tree", "dog", "dog"]
    run(tmp_path, {"web": [documents_of(texts)]}, [Exact(), Semantic(model=model)])
    path = vectors.vectors_path(Work(tmp_path), "web/000", 2)
    found = np.fromfile(path, np.int16, offset=vectors.HEADER).reshape(len(texts), -1)
    expected = load_embedder(model).embed(*packed(texts))
    expected[[1, 3, 6, 7]] = 0
    assert found.tolist() == expected.tolist()


def test_a_transformer_in_chunks(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    entry = Semantic(
        model=write_tiny_bert(tmp_path / "bert"), device="cpu", chunk=16, threshold=0.9999
    )
    documents = documents_of(["the cat sat " * 20, "blue river", "the cat sat " * 20])
    assert run(tmp_path / "work", {"web": [documents]}, [entry]).kept_for == {"d2": "d0"}


def test_centroids_do_not_depend_on_copies_and_empty_ones_stay() -> None:
    chance = np.random.default_rng(1)
    sample = (chance.standard_normal((200, 6)) * 3000).astype(np.int16)
    repeated = sample[np.repeat(np.arange(200), 3)]
    assert (find_centroids(sample, 9) == find_centroids(repeated, 9)).all()
    assert len(find_centroids(sample[:4], 9)) == 4


def test_a_large_cluster_is_divided(monkeypatch: pytest.MonkeyPatch) -> None:
    """Groups far apart: dividing loses nothing, and compares fewer pairs."""
    chance = np.random.default_rng(2)
    centres = np.linalg.qr(chance.standard_normal((8, 8)))[0]
    near = np.repeat(centres, 30, axis=0) + chance.standard_normal((240, 8)) * 0.01
    units = np.array([slow.unit_vector(v) for v in near.tolist()], np.int16)
    units = units[chance.permutation(240)]
    whole, compared = join_in_cluster(units, 0.95, 1)
    monkeypatch.setattr(clusters, "LARGE", 50)
    monkeypatch.setattr(clusters, "DOCUMENTS", 30)
    divided, fewer = join_in_cluster(units, 0.95, 1)
    assert (whole == divided).all()
    assert fewer < compared
    assert nearest_of(units, units[:3], 5).shape == (240, 3)
