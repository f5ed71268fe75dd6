"""Entries after one that cuts read what it left; entries that annotate change nothing; `prefer`."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from dolma_pipe.entries import Entry, Exact, Lines, MinHash
from dolma_pipe.work import Work
from tests.stages.curated import Document, documents_of, run
from tests.stages.edited import left

FRAME = "Skip to the main content of this page that everybody has"
FOOT = "All rights reserved by whoever it was that wrote this page"
OTHER = "An entirely different line of eight words or more"
BODY = " ".join(f"word{i}" for i in range(40))
SHORT = "\n".join(f"word{i} and word{i + 1}" for i in range(20))
"""Of lines that are too short to be repeats."""

LINES = Lines(drop=None)
NEAR = MinHash(bands=40, rows=1, shingle=2)


def annotations(root: Path, key: str = "web/000") -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(Work(root).annotations(key)).to_pylist()
    return rows


@pytest.mark.parametrize("entry", [Exact(), NEAR])
def test_copies_that_are_equal_only_after_the_cut(tmp_path: Path, entry: Entry) -> None:
    """The last is the second in a long frame that was seen before."""
    frame = "\n".join(f"{FRAME}, number {i}" for i in range(40))
    framed = Document("framed", f"{frame}\n{SHORT}")
    corpus = {"web": [documents_of([frame, SHORT]), [framed]]}
    assert run(tmp_path / "alone", corpus, [entry]).rows == []
    result = run(tmp_path / "after", corpus, [LINES, entry])
    assert result.kept_for == {"framed": "d1"}
    lines, after = result.report["entries"]
    assert lines["cut_bytes"] == len(frame) + 1
    assert after["bytes"] == lines["bytes"] - lines["cut_bytes"]
    assert after["removed_bytes"] == len(SHORT)


def policy_corpus() -> dict[str, list[list[Document]]]:
    """Two copies after the cut; the second is longer before it, newer, and of a higher score."""
    return {
        "web": [
            [Document("frame", f"{FRAME}\n{FOOT}")],
            [
                Document("a", f"{SHORT}\n ", "2020", 0.2),
                Document("b", f"{FRAME}\n{SHORT}\n{FOOT}", "2021", 0.7),
            ],
        ]
    }


@pytest.mark.parametrize(
    ("keep", "gone"),
    [("first", "b"), ("longest", "b"), ("newest", "a"), ("highest quality.score", "a")],
)
def test_the_policy_judges_what_is_left(tmp_path: Path, keep: str, gone: str) -> None:
    result = run(tmp_path, policy_corpus(), [LINES, Exact(keep=keep)])
    assert result.kept_for == {gone: "b" if gone == "a" else "a"}


def test_two_entries_of_lines_add_up(tmp_path: Path) -> None:
    """The second sees paragraphs as the first left them; cuts are told in the curated text."""
    texts = [
        f"{FRAME}\n\n{BODY}\n{OTHER}",
        f"start\n{FRAME}\n{BODY} more\nend\n\nlast",
        f"{BODY} more\nend\n\nbegin\n{FOOT}",
    ]
    corpus = {"web": [documents_of(texts)]}
    entries: list[Entry] = [
        Lines(drop=None, sources=("web",)),
        Lines(unit="paragraph", min_words=1, drop=None),
    ]
    result = run(tmp_path, corpus, entries)
    assert left(tmp_path, corpus) == {
        "d0": texts[0],
        "d1": f"start\n{BODY} more\nend\n\nlast",
        "d2": f"end\n\nbegin\n{FOOT}",
    }
    one, two = result.report["entries"]
    assert two["bytes"] == one["bytes"] - one["cut_bytes"]
    assert result.report["cut_bytes"] == one["cut_bytes"] + two["cut_bytes"]


def test_cuts_of_documents_that_go_later_are_not_told_twice(tmp_path: Path) -> None:
    corpus = policy_corpus()
    result = run(tmp_path, corpus, [LINES, Exact()])
    one, two = result.report["entries"]
    assert one["cut_bytes"] == len(f"{FRAME}\n\n{FOOT}")
    assert result.report["cut_bytes"] == 0
    assert two["bytes"] - two["removed_bytes"] == sum(
        len(text) for text in left(tmp_path, corpus).values() if text
    )


def test_lines_only_noted(tmp_path: Path) -> None:
    texts = [f"{FRAME}\n{FOOT}", f"é\n{FRAME}\nown own", f"{FRAME}\n", f"{FOOT}\nx\n{FRAME}\ny"]
    note = Lines(action="annotate", drop=None)
    result = run(tmp_path, {"web": [documents_of(texts)]}, [note, Exact(), LINES])
    assert result.masks["web/000"] == [0, 0, 3, 0]  # the entry after it still finds all
    found = annotations(tmp_path)
    assert [(row["row"], row["id"], row["verdict"]) for row in found] == [
        (1, "d1", "cut"),
        (2, "d2", "copy"),
        (3, "d3", "cut"),
    ]
    assert {row["entry"] for row in found} == {1}
    assert {row["method"] for row in found} == {"lines"}
    assert [row["cluster"] for row in found] == [None] * 3
    for row in found:
        text = texts[row["row"]].encode()
        for stretch in row["stretches"] or ():
            cut = text[stretch["start"] : stretch["end"]].decode()
            assert cut in (f"{FRAME}\n", f"{FOOT}\n")
    assert [len(row["stretches"] or ()) for row in found] == [1, 0, 2]
    assert found[1]["similarity"] == 1.0


def test_an_entry_after_lines_notes_places_in_what_they_left(tmp_path: Path) -> None:
    texts = [FRAME, f"{FRAME}\n{BODY}\nnext", f"{BODY}\nlast"]
    note = Lines(unit="line", action="annotate", drop=None, normalise="words")
    run(tmp_path, {"web": [documents_of(texts)]}, [LINES, note])
    assert annotations(tmp_path) == []  # nothing is left to note
    assert left(tmp_path, {"web": [documents_of(texts)]})["d2"] == "last"


@pytest.mark.parametrize("method", ["exact", "minhash"])
def test_copies_only_noted(tmp_path: Path, method: str) -> None:
    entry: Entry = (
        Exact(action="annotate", keep="longest")
        if method == "exact"
        else MinHash(action="annotate", keep="longest")
    )
    texts = [BODY, "other", f"{BODY} ", f" {BODY}  ", "unique"]
    result = run(tmp_path, {"web": [documents_of(texts[:2]), documents_of(texts[2:])]}, [entry])
    assert result.rows == []
    assert result.masks == {"web/000": [0, 0], "web/001": [0, 0, 0]}
    assert result.report["kept"] == 5
    rows = annotations(tmp_path) + annotations(tmp_path, "web/001")
    first = 1 << 32 | 1
    told = [(r["row"], r["verdict"], r["cluster"], r["size"], r["rank"]) for r in rows]
    assert told == [(0, "copy", first, 3, 2), (0, "copy", first, 3, 1), (1, "first", first, 3, 0)]
    assert [row["similarity"] for row in rows] == [1.0, 1.0, None]
    assert {row["method"] for row in rows} == {method}


@pytest.mark.parametrize("entry", [Exact, MinHash, Lines])
def test_the_preferred_source_keeps_its_copy(tmp_path: Path, entry: type[Entry]) -> None:
    """wiki's copy stays though it comes last, is shorter, and older."""
    text = f"{BODY} {FRAME}"
    corpus = {
        "web": [[Document("web", f"{text}  ", "2024")]],
        "code": [[Document("code", text, "2023")]],
        "wiki": [[Document("wiki", text, "2001")]],
    }
    result = run(tmp_path / "wiki", corpus, [entry(prefer=("wiki", "code"))])
    assert result.masks == {"web/000": [1], "code/000": [1], "wiki/000": [0]}
    if entry is not Lines:
        assert set(result.kept_for.values()) == {"wiki"}
        late: list[Entry] = [LINES, entry(prefer=("code",), keep="newest")]  # type: ignore[call-arg]
        assert run(tmp_path / "late", {"web": corpus["web"]}, late).rows == []
        result = run(tmp_path / "code", corpus, [entry(prefer=("code",), keep="newest")])  # type: ignore[call-arg]
        assert set(result.kept_for.values()) == {"code"}
    assert run(tmp_path / "first", corpus, [entry()]).masks["web/000"] == [0]


def test_one_method_alone_reads_the_whole_texts(tmp_path: Path) -> None:
    """minhash without the lines before it: not signed while curating, and nothing is cut."""
    texts = [f"{FRAME}\n{FOOT}", f"{FRAME}\n{BODY}\n{FOOT}", f"{FRAME}\n{BODY}\n{FOOT}"]
    corpus = {"web": [documents_of(texts)]}
    entries: list[Entry] = [LINES, NEAR]
    alone = run(tmp_path / "minhash", corpus, entries, method="minhash")
    assert alone.masks["web/000"] == [0, 0, 2]
    assert not Work(tmp_path / "minhash").cuts("web/000").exists()
    assert alone.report["cut_bytes"] == 0
    lines = run(tmp_path / "lines", corpus, entries, method="lines")
    assert lines.masks["web/000"] == [0, 0, 1]
    assert left(tmp_path / "lines", corpus)["d1"] == BODY
