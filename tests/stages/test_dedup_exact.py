"""Stage 4, exact entries: who counts as equal, who stays, what is written about it."""

from pathlib import Path

import pytest

from dolma_pipe.entries import Entry, Exact, MinHash
from tests.stages.curated import Document, documents_of, run


def removed(tmp_path: Path, texts: list[str], entry: Exact | None = None) -> list[int]:
    result = run(tmp_path, {"web": [documents_of(texts)]}, [entry or Exact()])
    return result.masks["web/000"]


def test_copies_go_and_the_first_stays(tmp_path: Path) -> None:
    texts = ["one text", "another", "one text", "one  text\n", "One text", "one text."]
    assert removed(tmp_path, texts) == [0, 0, 1, 1, 0, 0]


def test_without_normalisation_white_space_counts(tmp_path: Path) -> None:
    texts = ["one text", "one  text", "one text"]
    assert removed(tmp_path, texts, Exact(normalise="none")) == [0, 0, 1]


def test_as_words_case_and_punctuation_do_not_count(tmp_path: Path) -> None:
    texts = [
        "Don't, (one) TEXT",
        "dont one\ttext!",
        "dont one texts",
        "dontone text",
        "你 好",
        "你好。",
    ]
    assert removed(tmp_path, texts, Exact(normalise="words")) == [0, 1, 0, 0, 0, 1]


def test_as_words_a_text_without_any_takes_no_part(tmp_path: Path) -> None:
    texts = ["...", "...", "", " ", "}", "}", "a", "A."]
    assert removed(tmp_path, texts, Exact(normalise="words")) == [0] * 7 + [1]


def test_two_entries_one_after_the_other(tmp_path: Path) -> None:
    texts = ["one text", "one  text", "One text.", "one, text"]
    entries: list[Entry] = [Exact(), Exact(normalise="words", keep="longest")]
    result = run(tmp_path, {"web": [documents_of(texts)]}, entries)
    assert result.masks["web/000"] == [2, 1, 0, 2]
    assert result.kept_for == {"d1": "d0", "d0": "d2", "d3": "d2"}
    assert [entry["documents"] for entry in result.report["entries"]] == [4, 3]


@pytest.mark.parametrize("text", ["the same text of some words", "", "word"])
def test_more_identical_documents_than_sixteen_bits_count(tmp_path: Path, text: str) -> None:
    documents = [Document(f"d{i}", text) for i in range(66_000)]
    result = run(tmp_path, {"web": [documents[:33_000], documents[33_000:]]}, [Exact(), MinHash()])
    assert len(result.rows) == (65_999 if text else 0)
    assert result.masks["web/000"][0] == 0
    assert result.report["entries"][0]["cluster_sizes"] == ({"65537-131072": 1} if text else {})


@pytest.mark.parametrize("normalise", ["whitespace", "none"])
def test_blank_texts_are_copies_of_nothing(tmp_path: Path, normalise: str) -> None:
    entry = Exact(normalise=normalise)  # type: ignore[arg-type]
    assert removed(tmp_path, ["", "", " \n", " \n", "\u3000"], entry) == [0, 0, 0, 0, 0]


def test_short_and_chinese_documents_survive(tmp_path: Path) -> None:
    assert removed(tmp_path, ["a", "b", "你好", "世界", "你", "."]) == [0] * 6


POLICY = [
    Document("old", "same  text", "2019-01-01T00:00:00Z", 0.5),
    Document("new", "same text", "2023-05-01", 0.25),
    Document("best", "same   text ", "2021", 0.75),
    Document("bare", "same text", None),
]


@pytest.mark.parametrize(
    ("keep", "survivor"),
    [("first", "old"), ("longest", "best"), ("newest", "new"), ("highest quality.score", "best")],
)
def test_the_policy_says_who_stays(tmp_path: Path, keep: str, survivor: str) -> None:
    result = run(tmp_path, {"web": [POLICY[2:], POLICY[:2]]}, [Exact(keep=keep)])
    if keep == "first":
        survivor = "best"  # the first shard holds it
    assert set(result.kept_for.values()) == {survivor}
    assert len(result.rows) == 3


def test_ties_go_by_source_then_shard_then_row(tmp_path: Path) -> None:
    corpus = {
        "web": [[Document("w0", "else")], [Document("w1", "same"), Document("w2", "same")]],
        "code": [[Document("c0", "same")]],
    }
    result = run(tmp_path, corpus, [Exact(keep="longest")])
    assert result.kept_for == {"w2": "w1", "c0": "w1"}


def test_only_the_sources_named_take_part(tmp_path: Path) -> None:
    corpus = {name: [documents_of(["same", "same"])] for name in ("web", "code", "wiki")}
    result = run(tmp_path, corpus, [Exact(sources=("web", "wiki"))])
    assert result.masks == {"web/000": [0, 1], "code/000": [0, 0], "wiki/000": [1, 1]}


def test_the_table_and_the_report_tell_all(tmp_path: Path) -> None:
    corpus = {"web": [documents_of(["x", "same text"])], "code": [documents_of(["same\ttext"])]}
    result = run(tmp_path, corpus, [Exact()])
    assert result.rows == [
        {
            "entry": 1,
            "removed_source": "code",
            "removed_shard": "code/000",
            "removed_row": 0,
            "removed_id": "d0",
            "kept_source": "web",
            "kept_shard": "web/000",
            "kept_row": 1,
            "kept_id": "d1",
            "similarity": 1.0,
            "component": 1,
        }
    ]
    [entry] = result.report["entries"]
    assert (result.report["documents"], result.report["kept"]) == (3, 2)
    assert entry["removed_by_sources"] == [
        {"removed": "code", "kept": "web", "documents": 1, "bytes": 9}
    ]
    assert entry["cluster_sizes"] == {"2": 1}
    assert entry["biggest_clusters"] == [
        {
            "size": 2,
            "kept": {"shard": "web/000", "row": 1, "id": "d1", "excerpt": "same text"},
            "copies": [
                {
                    "shard": "code/000",
                    "row": 0,
                    "id": "d0",
                    "excerpt": "same text",
                    "similarity": 1.0,
                }
            ],
        }
    ]


def test_empty_shards_and_nothing_to_remove(tmp_path: Path) -> None:
    result = run(tmp_path, {"web": [[], documents_of(["a"]), []]}, [Exact()])
    assert result.masks == {"web/000": [], "web/001": [0], "web/002": []}
    assert result.rows == []
    assert not (tmp_path / "dedup" / "scratch").exists()


@pytest.mark.parametrize("partition_bytes", [32, 100, 1 << 20])
def test_partitions_change_nothing(tmp_path: Path, partition_bytes: int) -> None:
    texts = [f"text {i * i % 17}" for i in range(60)]
    settings = {"partition_bytes": partition_bytes}
    result = run(tmp_path, {"web": [documents_of(texts)]}, [Exact()], **settings)
    assert result.masks["web/000"] == [int(t in texts[:i]) for i, t in enumerate(texts)]
