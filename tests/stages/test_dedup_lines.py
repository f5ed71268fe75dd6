"""Stage 4, repeated lines: against a set of strings, and the promises."""

import random
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.entries import Lines
from dolma_pipe.stages.dedup import line_filter, lines
from dolma_pipe.work import Work
from tests.slow import lines as slow
from tests.stages.curated import Document, documents_of, run
from tests.stages.edited import left
from tests.texts import texts_of

A, B, C = (f"{x} is a line that is long enough for this" for x in ("This", "That", "There"))
EVERY = Lines(min_words=0, drop=None, false_positives=0)

pages = texts_of("one", "Two,", "two", "three four", "\n\n", "\r\n", "\n", "}", "你好", max_size=12)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(pages, max_size=4),
    st.lists(pages, max_size=4),
    st.sampled_from(["line", "paragraph"]),
    st.sampled_from(["whitespace", "words"]),
    st.sampled_from([0.0, 0.5, 0.8, 1.0]),
    st.integers(0, 2),
)
def test_equals_a_set_of_strings(
    tmp_path_factory: pytest.TempPathFactory,
    web: list[str],
    wiki: list[str],
    unit: Literal["line", "paragraph"],
    normalise: Literal["whitespace", "words"],
    drop: float,
    words: int,
) -> None:
    """wiki comes later and is preferred."""
    entry = Lines(
        unit=unit,
        normalise=normalise,
        drop=drop,
        min_words=words,
        false_positives=0,
        prefer=("wiki",),
    )
    named = {
        name: [Document(f"{name}{i}", t) for i, t in enumerate(texts)]
        for name, texts in (("web", web), ("wiki", wiki))
    }
    corpus = {"web": [named["web"][:2], named["web"][2:]], "wiki": [named["wiki"]]}
    root = tmp_path_factory.mktemp("lines")
    result = run(root, corpus, [entry])
    order = [*named["wiki"], *named["web"]]
    expected = slow.deduplicate([d.text for d in order], unit, normalise, drop, min_words=words)
    found = left(root, corpus)
    for document, text in zip(order, expected, strict=True):
        assert (found[document.id] or "") == text or not (document.text + text).strip()
        assert (found[document.id] is None) == (text == "" and document.text.strip() != "")
    kept = sum(len((text or "").encode()) for text in found.values())
    [report] = result.report["entries"]
    assert kept == report["bytes"] - report["removed_bytes"] - report["cut_bytes"]


def corpus_of(seed: int, documents: int) -> dict[str, list[list[Document]]]:
    chance = random.Random(seed)
    made = [
        Document(f"d{i}", "\n".join(f"line {chance.randrange(300)}" for _ in range(9)))
        for i in range(documents)
    ]
    return {"web": [made[: documents // 3], [], made[documents // 3 :]], "code": [made[:1]]}


@pytest.mark.parametrize("rate", [0, 0.05])
def test_partitions_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rate: float
) -> None:
    monkeypatch.setattr(line_filter, "HASHES_A_FILTER", 20)
    monkeypatch.setattr(lines, "BLOCK_UNITS", 100)
    entry, corpus = Lines(min_words=0, drop=0.9, false_positives=rate), corpus_of(1, 90)
    runs = []
    for size in (1 << 20, 900, 10):
        result = run(tmp_path / str(size), corpus, [entry], partition_bytes=size)
        runs.append((result.report, result.rows, left(tmp_path / str(size), corpus)))
    assert runs[0] == runs[1] == runs[2]
    assert runs[0][0]["entries"][0]["filter"]["filters"] > 8


def test_blocks_change_nothing_of_exact_sets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = corpus_of(2, 60)
    run(tmp_path / "one", corpus, [EVERY])
    monkeypatch.setattr(lines, "BLOCK_UNITS", 1)
    run(tmp_path / "many", corpus, [EVERY])
    assert left(tmp_path / "one", corpus) == left(tmp_path / "many", corpus)


@pytest.mark.parametrize("filters", [1 << 17, 1 << 13])
def test_no_repeat_is_missed_and_few_others_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, filters: int
) -> None:
    """10^5 lines in blocks of 10^4, a fifth of them repeats."""
    monkeypatch.setattr(line_filter, "HASHES_A_FILTER", filters)
    monkeypatch.setattr(lines, "BLOCK_UNITS", 10_000)
    chance = random.Random(4)
    numbers = [chance.randrange(i // 2) if i and chance.random() < 0.2 else i for i in range(10**5)]
    texts = ["\n".join(f"line {n}" for n in numbers[i : i + 50]) for i in range(0, 10**5, 50)]
    documents = documents_of(texts)
    corpus = {"web": [documents[i : i + 500] for i in range(0, len(documents), 500)]}
    rate = 0.01
    entry = Lines(min_words=0, drop=None, false_positives=rate)
    [report] = run(tmp_path, corpus, [entry]).report["entries"]
    seen: set[int] = set()
    wrong = new = 0
    for document, text in left(tmp_path, corpus).items():
        there = set((text or "").splitlines())
        for n in numbers[int(document[1:]) * 50 :][:50]:
            if n in seen:
                continue
            seen.add(n)
            new += 1
            wrong += f"line {n}" not in there
    assert report["units"] == report["counted_units"] == 10**5
    assert report["repeated_units"] == 10**5 - new + wrong  # so no repeat was missed
    assert 0 < wrong < 3 * rate * new
    told = report["filter"]
    assert (told["sampled_new_hashes"], told["sampled_false_positives"]) == (new, wrong)
    assert told["expected_false_positives"] == pytest.approx(wrong, rel=0.35)
    assert told["expected_rate"] < rate
    assert told["filters"] == (1 if filters > 10**5 else 16)
    assert told["bits"] / told["hashes"] == pytest.approx(9.585, abs=0.05)


def share(tmp_path: Path, entry: Lines, *texts: str) -> list[int]:
    corpus = {"web": [documents_of([f"{A}\n{B}\n{C}", *texts])]}
    return run(tmp_path, corpus, [entry]).masks["web/000"][1:]


def test_a_document_goes_above_the_share(tmp_path: Path) -> None:
    own = "z" * (len(A) + 1)
    half = f"{A}\n{own}"  # A with its line break, and as many bytes of its own
    assert share(tmp_path / "at", Lines(drop=0.5), half) == [0]
    assert share(tmp_path / "above", Lines(drop=0.499), half) == [1]
    assert share(tmp_path / "never", Lines(drop=None), half, f"{A}\n}}\n{B}") == [0, 0]
    assert share(tmp_path / "blank", Lines(drop=0.5), half.replace("\n", "\n\n \n")) == [0]


def test_a_document_with_nothing_left_goes(tmp_path: Path) -> None:
    texts = (f"\n {A}\n\n{B}\n \n", A, "", " \n")
    assert share(tmp_path, Lines(drop=None), *texts) == [1, 1, 0, 0]


def test_short_lines_are_no_repeats(tmp_path: Path) -> None:
    text = f"}}\n{A}\nshort line\n好好好好好好好\n"
    corpus = {"web": [documents_of([text, text])]}
    run(tmp_path / "default", corpus, [Lines(drop=None)])
    assert left(tmp_path / "default", corpus)["d1"] == "}\nshort line\n好好好好好好好\n"
    run(tmp_path / "bytes", corpus, [Lines(drop=None, min_words=0, min_bytes=10)])
    assert left(tmp_path / "bytes", corpus)["d1"] == "}\n"
    run(tmp_path / "all", corpus, [Lines(drop=None, min_words=0)])
    assert left(tmp_path / "all", corpus)["d1"] is None


def test_a_line_repeated_in_its_document_is_a_repeat(tmp_path: Path) -> None:
    corpus = {"web": [documents_of([f"{A}\n{A}\n{B}\n  {A}"])]}
    run(tmp_path, corpus, [Lines()])
    assert left(tmp_path, corpus) == {"d0": f"{A}\n{B}"}


def test_paragraphs_are_equal_however_they_are_wrapped(tmp_path: Path) -> None:
    texts = [f"{A}\n{B}\n\nend", f"start\n\n{A} {B}\n\n\nown\n{A}"]
    corpus = {"web": [documents_of(texts)]}
    run(tmp_path, corpus, [Lines(unit="paragraph")])
    assert left(tmp_path, corpus) == {"d0": texts[0], "d1": f"start\n\nown\n{A}"}


def test_only_the_sources_named_take_part(tmp_path: Path) -> None:
    corpus = {
        name: [[Document(f"{name}{i}", f"{A}\nown {i}") for i in range(2)]]
        for name in ("web", "code", "wiki")
    }
    entry = Lines(sources=("web", "wiki"), prefer=("wiki",), drop=None)
    run(tmp_path, corpus, [entry])
    whole = {name: text == f"{A}\nown {name[-1]}" for name, text in left(tmp_path, corpus).items()}
    assert [name for name, kept in whole.items() if kept] == ["code0", "code1", "wiki0"]


def test_the_report_adds_up(tmp_path: Path) -> None:
    texts = [f"{A}\n{B}\nshort\n", f"{A}\nown", f"{A}\n{B}\n", f"{A}\n{B}\n{C}\nown"]
    corpus = {"web": [documents_of(texts[:2]), documents_of(texts[2:])]}
    result = run(tmp_path, corpus, [Lines(drop=None)])
    [entry] = result.report["entries"]
    told = {
        "documents": 4,
        "units": 11,
        "counted_units": 8,
        "block_repeats": 3,  # A in the first shard, A and B in the second
        "repeated_units": 5,
        "cut_documents": 2,
        "dropped_as_empty": 1,
        "dropped_by_share": 0,
    }
    assert {name: entry[name] for name in told} == told
    assert entry["cut_bytes"] == len(f"{A}\n{A}\n{B}\n")
    assert result.report["cut_bytes"] == entry["cut_bytes"]
    assert entry["removed_bytes"] == len(texts[2])
    assert result.report["documents"] == result.report["kept"] + entry["removed_documents"]
    [row] = result.rows
    assert (row["removed_id"], row["kept_id"], row["similarity"]) == ("d0", None, 1.0)
    assert row["removed_shard"] == "web/001"


def test_empty_corpora_and_shards(tmp_path: Path) -> None:
    corpus = {"web": [[], documents_of(["", " ", "one"]), []]}
    result = run(tmp_path, corpus, [Lines()])
    assert result.masks == {"web/000": [], "web/001": [0, 0, 0], "web/002": []}
    assert run(tmp_path / "none", {"web": [[]]}, [Lines()]).rows == []


def test_the_same_line_a_hundred_thousand_times(tmp_path: Path) -> None:
    corpus = {"web": [documents_of([A] * 100_000)]}
    result = run(tmp_path, corpus, [Lines()])
    assert np.fromfile(Work(tmp_path).removed("web/000"), np.uint8).sum() == 99_999
    assert result.report["entries"][0]["filter"]["hashes"] == 1
