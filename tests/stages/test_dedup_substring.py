"""Stage 4, substring entries: equal to the suffix array before joining and borders, and the
promises."""

import random
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dolma_pipe.cuts import read_cuts
from dolma_pipe.entries import Entry, Exact, MinHash, Substring
from dolma_pipe.kernels.repeats import find_repeats
from dolma_pipe.kernels.winnow import winnow
from dolma_pipe.stages.dedup.substring import collect, group, sign
from dolma_pipe.stages.dedup.substring.snippets import cut_out, told_apart
from dolma_pipe.work import Work
from tests.slow import substring as slow
from tests.stages.curated import Document, documents_of, run
from tests.texts import packed

EXACT = {"join": 1.0, "borders": 0, "drop": None}
"""Cuts are the repeated runs, but for code points."""


def prose(chance: random.Random, size: int) -> str:
    """Words without end; nothing of 64 bytes comes twice."""
    words: list[str] = []
    while sum(map(len, words)) + len(words) <= size:
        words.append("".join(chance.choices("abcdefghijklmnop", k=chance.randrange(2, 9))))
    return " ".join(words)[:size]


def corpus(seed: int, documents: int, width: int) -> list[str]:
    """Texts that copy stretches of each other, of a few bytes less and more than the width."""
    chance = random.Random(seed)
    passages = [prose(chance, width + chance.randrange(-8, 3 * width)) for _ in range(12)]
    passages += ["a" * (3 * width), "xyz" * width, "é" * width]
    texts = []
    for _ in range(documents):
        parts = []
        for _ in range(chance.randrange(1, 7)):
            passage = chance.choice(passages)
            a = chance.randrange(len(passage) // 2)
            parts.append(passage[a : a + chance.randrange(width // 2, 4 * width)])
            parts.append(prose(chance, chance.randrange(40)))
        texts.append("".join(parts))
    return texts


def split(documents: list[Document], shards: int) -> list[list[Document]]:
    borders = [len(documents) * i // shards for i in range(shards + 1)]
    return [documents[a:b] for a, b in pairwise(borders)]


def cuts(root: Path, shards: Mapping[str, list[Any]]) -> list[slow.Spans]:
    """Of all documents, in their order."""
    work, listed = Work(root), []
    for source, some in shards.items():
        for i, documents in enumerate(some):
            found = read_cuts(work.cuts(f"{source}/{i:03d}"), len(documents))
            spans = list(zip(found.starts.tolist(), found.ends.tolist(), strict=True))
            listed += [spans[a:b] for a, b in pairwise(found.offsets.tolist())]
    return listed


def expected(texts: list[str], width: int) -> list[slow.Spans]:
    """Repeats of the suffix array; cut to code points; blank or gone documents are not cut."""
    encoded = [text.encode() for text in texts]
    windows = slow.repeat_windows_by_suffix_array(encoded, width)
    listed = []
    for text, starts in zip(encoded, windows, strict=True):
        spans = [
            moved for span in slow.covered(starts, width) for moved in slow.moved(text, span, 0, [])
        ]
        left = list(text)
        for a, b in reversed(spans):
            del left[a:b]
        listed.append(spans if bytes(left).strip() or not spans else [])
    return listed


@pytest.mark.parametrize("width", [64, 100, 150])
@pytest.mark.parametrize(("shards", "partition_bytes"), [(1, 1 << 20), (3, 5000), (5, 500)])
def test_cuts_equal_the_suffix_array(
    tmp_path: Path, width: int, shards: int, partition_bytes: int
) -> None:
    texts = corpus(width, 40, width)
    parts = {"web": split(documents_of(texts), shards)}
    entry = Substring(min_bytes=width, **EXACT)
    result = run(tmp_path, parts, [entry], partition_bytes=partition_bytes)
    found = cuts(tmp_path, parts)
    assert found == expected(texts, width)
    assert sum(map(len, found)) > 30
    mask = [gone for shard in result.masks.values() for gone in shard]
    assert mask == [int(_goes(text, texts[:i], width)) for i, text in enumerate(texts)]


def _goes(text: str, before: list[str], width: int) -> bool:
    windows = slow.repeat_windows([*(t.encode() for t in before), text.encode()], width)[-1]
    spans = slow.covered(windows, width)
    return bool(spans) and spans == [(0, len(text.encode()))]


repetitive = st.one_of(
    st.text("ab", max_size=60),
    st.lists(st.sampled_from(["aaaaaaaa", "abcabcabc", "xyz", "éü"]), max_size=9).map("".join),
)


@given(st.lists(repetitive, max_size=6), st.integers(2, 5), st.integers(0, 7), st.booleans())
def test_fingerprints_lose_no_repeat(listed: list[str], size: int, more: int, apart: bool) -> None:
    """From texts to repeats without files, for short windows and hostile texts."""
    width = size + more
    text, offsets = packed(listed)
    found = winnow(text, offsets, size, width)
    _, which, counts = np.unique(found.hashes, return_inverse=True, return_counts=True)
    found = found.of(counts[which] > 1)
    if apart:
        found = told_apart(text, offsets, found, size, width)
    snippets = cut_out(text, offsets, found, np.arange(len(listed), dtype=np.uint64), width)
    repeats = find_repeats(snippets, width)
    rows = snippets.documents[repeats.snippets].tolist()
    windows: list[set[int]] = [set() for _ in listed]
    for row, start, end in zip(rows, *(c.tolist() for c in repeats[1:3]), strict=True):
        windows[row] |= set(range(start, end - width + 1))
    expected = slow.repeat_windows([text.encode() for text in listed], width)
    assert [sorted(some) for some in windows] == expected


def test_blocks_and_files_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = {"web": split(documents_of(corpus(1, 60, 80)), 2)}
    entry = Substring(min_bytes=80)
    one = run(tmp_path / "one", parts, [entry])
    monkeypatch.setattr(sign, "BLOCK", 10)
    monkeypatch.setattr(collect, "FILE_BYTES", 100)
    monkeypatch.setattr("dolma_pipe.curated.BATCH_BYTES", 1000)
    other = run(tmp_path / "other", parts, [entry])
    assert one.report == other.report
    assert _tree(tmp_path / "one") == _tree(tmp_path / "other")


def test_frequent_fingerprints_are_told_apart_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Boilerplate of 150 bytes in every document, among text of its own or of a few others."""
    chance = random.Random(2)
    common = prose(chance, 150)
    around = [prose(chance, 400) for _ in range(5)]
    texts = []
    for i in range(60):
        other = around[i % 5] if i % 3 == 0 else prose(chance, 400)
        texts.append(other[:200] + common + other[200:])
    parts = {"web": split(documents_of(texts), 2)}
    entry = Substring(min_bytes=200, **EXACT)
    plain = run(tmp_path / "plain", parts, [entry]).report["entries"][0]
    monkeypatch.setattr(group, "FREQUENT", 4)
    apart = run(tmp_path / "apart", parts, [entry]).report["entries"][0]
    assert cuts(tmp_path / "apart", parts) == expected(texts, 200)
    assert (plain["frequent_fingerprints"], apart["frequent_fingerprints"] > 0) == (0, True)
    assert apart["windows"] == plain["windows"]
    assert apart["snippets"] > plain["snippets"]


def _tree(root: Path) -> dict[str, bytes]:
    paths = (p for p in (root / "dedup").rglob("*") if p.is_file() and p.name != "report.json")
    return {str(p.relative_to(root)): p.read_bytes() for p in paths}


@pytest.mark.parametrize("shards", [2, 5])
def test_shards_change_nothing(tmp_path: Path, shards: int) -> None:
    documents = documents_of(corpus(3, 40, 100))
    entries: list[Entry] = [Exact(), Substring(min_bytes=100), MinHash(shingle=2)]
    reports = []
    for name, count, size in (("one", 1, 1 << 20), ("other", shards, 512)):
        parts = {"web": split(documents, count)}
        result = run(tmp_path / name, parts, entries, partition_bytes=size)
        masks = [gone for mask in result.masks.values() for gone in mask]
        report = result.report["entries"][1]
        reports.append((masks, cuts(tmp_path / name, parts), report))
    assert reports[0] == reports[1]


def cut_of(tmp_path: Path, texts: list[str], **settings: Any) -> list[slow.Spans]:
    parts = {"web": [documents_of(texts)]}
    run(tmp_path, parts, [Substring(**settings)])
    return cuts(tmp_path, parts)


def test_a_run_of_exactly_the_length_counts_and_one_byte_less_does_not(tmp_path: Path) -> None:
    chance = random.Random(4)
    for common, found in ((500, [(10, 510)]), (499, [])):
        shared = prose(chance, common)
        texts = ["A" + shared + "B", "C" * 10 + shared + "D" * 90]
        assert cut_of(tmp_path / str(common), texts, borders=0) == [[], found]


def test_runs_at_the_start_and_the_end_of_documents(tmp_path: Path) -> None:
    chance = random.Random(5)
    one, other, own = (prose(chance, 100) for _ in range(3))
    texts = [one + own + other, one + "1" * 30, "2" * 30 + other, prose(chance, 99), ""]
    found = cut_of(tmp_path, texts, min_bytes=100, borders=0)
    assert found == [[], [(0, 100)], [(30, 130)], [], []]


def test_one_character_keeps_its_first_bytes(tmp_path: Path) -> None:
    assert cut_of(tmp_path, ["a" * 1999], drop=None) == [[(500, 1999)]]


def test_a_copy_inside_a_document_counts_only_apart_from_the_first(tmp_path: Path) -> None:
    piece = prose(random.Random(6), 100)
    near = piece + piece[:-1] + "!"
    found = cut_of(tmp_path, [piece + "-" + piece, near], min_bytes=100, borders=0, drop=None)
    assert found == [[(101, 201)], [(0, 100)]]


def test_cuts_end_at_code_points_lines_and_sentences(tmp_path: Path) -> None:
    chance = random.Random(7)
    chinese = "".join(chr(0x4E00 + chance.randrange(5000)) for _ in range(100))
    ends = ["A\u4e00", "B\u4e40"]  # the last two bytes of 一 and 乀 differ, the first does not
    sentences = "ending here.  P" + prose(chance, 300) + ". And then"
    lines = "of a line\r\n" + prose(chance, 300) + "\r\nAnd"
    texts = [part for piece in (chinese, sentences, lines) for part in (piece, "own " + piece)]
    texts += [chinese[:50] + ends[0], chinese[:50] + ends[1] * 30]
    found = cut_of(tmp_path, texts, min_bytes=120, drop=None)
    at = len("own ")
    assert found[1] == [(at, at + 300)]
    assert found[3] == [(at + 14, len(texts[3]))]
    assert found[5] == [(at + 11, len(texts[5]))]
    assert found[7] == [(0, 150)]


def test_the_cut_stays_inside_what_is_repeated(tmp_path: Path) -> None:
    """The run ends inside a sentence: the cut goes back to where that begins."""
    chance = random.Random(8)
    body = prose(chance, 300)
    texts = [f"{body}. Then one", f"Own text. Mine {body}. Then other things"]
    [_, [(start, end)]] = cut_of(tmp_path, texts, min_bytes=200, drop=None)
    assert texts[1].encode()[start:end].decode() == body + ". "


def test_short_gaps_between_runs_go_with_them(tmp_path: Path) -> None:
    chance = random.Random(9)
    one, other = prose(chance, 200), prose(chance, 200)
    gap, wide = "#" * 100, "=" * 101
    texts = [one, other, one + gap + other + "!" * 99, one + wide + other + "?" * 99]
    settings: dict[str, Any] = {"min_bytes": 200, "borders": 0}
    assert cut_of(tmp_path / "a", texts, **settings)[2:] == [[(0, 500)], [(0, 200), (301, 501)]]
    assert cut_of(tmp_path / "b", texts, **settings, join=1)[2] == [(0, 200), (300, 500)]


def test_documents_of_which_little_would_stay_go(tmp_path: Path) -> None:
    chance = random.Random(10)
    shared = prose(chance, 900)
    texts = [shared, shared + "x" * 100, shared + "y" * 99, f" {shared}\n\u3000"]
    parts = {"web": [documents_of(texts)]}
    result = run(tmp_path / "a", parts, [Substring(borders=0)])
    assert result.masks["web/000"] == [0, 0, 1, 1]
    assert result.kept_for == {"d2": None, "d3": None}
    [report] = result.report["entries"]
    assert (report["mostly_repeated"], report["blank_remains"]) == (1, 1)
    assert (report["cut_documents"], report["cut_bytes"]) == (1, 900)
    assert (report["repeated_runs"], report["repeated_bytes"]) == (3, 2700)
    result = run(tmp_path / "b", parts, [Substring(borders=0, drop=None)])
    assert result.masks["web/000"] == [0, 0, 0, 1]
    result = run(tmp_path / "c", parts, [Substring(borders=0, drop=0)])
    assert result.masks["web/000"] == [0, 1, 1, 1]


def test_preferred_sources_keep_theirs_and_others_take_no_part(tmp_path: Path) -> None:
    chance = random.Random(11)
    shared = prose(chance, 600)
    names = ("web", "books", "wiki")
    parts = {name: [[Document(name, f"{name} {shared} {name * 50}")]] for name in names}
    run(tmp_path / "a", parts, [Substring(prefer=("wiki",), borders=0)])
    assert [bool(some) for some in cuts(tmp_path / "a", parts)] == [True, True, False]
    entry = Substring(sources=("books", "wiki"), prefer=("wiki",), borders=0)
    result = run(tmp_path / "b", parts, [entry])
    assert [bool(some) for some in cuts(tmp_path / "b", parts)] == [False, True, False]
    assert result.report["entries"][0]["compared_documents"] == 2


def test_annotations_tell_what_would_be_cut(tmp_path: Path) -> None:
    shared = prose(random.Random(12), 600)
    texts = [shared, shared + "x" * 100, shared]
    entries: list[Entry] = [Substring(action="annotate", borders=0), Exact()]
    result = run(tmp_path, {"web": [documents_of(texts)]}, entries)
    rows = pq.read_table(tmp_path / "dedup/annotations/web/000.parquet").to_pylist()
    assert [(row["row"], row["verdict"], row["stretches"]) for row in rows] == [
        (1, "cut", [{"start": 0, "end": 600}]),
        (2, "copy", []),
    ]
    assert result.masks["web/000"] == [0, 0, 2]


def test_two_entries_cut_one_after_the_other(tmp_path: Path) -> None:
    """The second sees what the first left: two pieces that were apart are one run now."""
    chance = random.Random(13)
    a, b, middle = prose(chance, 60), prose(chance, 60), prose(chance, 200)
    texts = [f"{middle}#", f"{a}{middle}{b}", f"{a}{b}" + "!" * 60]
    entries: list[Entry] = [
        Substring(min_bytes=200, borders=0),
        Substring(min_bytes=100, borders=0),
    ]
    parts = {"web": [documents_of(texts)]}
    run(tmp_path, parts, entries)
    assert cuts(tmp_path, parts) == [[], [(60, 260)], [(0, 120)]]


def test_thousands_of_identical_documents_and_noise(tmp_path: Path) -> None:
    chance = random.Random(14)
    text = prose(chance, 1500)
    noise = ["".join(map(chr, chance.choices(range(256), k=700))) for _ in range(20)]
    result = run(tmp_path, {"web": [documents_of([*noise, *[text] * 5000])]}, [Substring()])
    assert result.masks["web/000"] == [0] * 21 + [1] * 4999
    [report] = result.report["entries"]
    assert report["windows"] == 5000 * 1001
    assert report["refused_windows"] == 0


@pytest.mark.parametrize("texts", [[], ["", " "], ["short"], ["x" * 499]])
def test_nothing_to_compare(tmp_path: Path, texts: list[str]) -> None:
    result = run(tmp_path, {"web": [documents_of(texts), []]}, [Substring()])
    assert result.masks == {"web/000": [0] * len(texts), "web/001": []}
    [report] = result.report["entries"]
    assert (report["fingerprints"], report["left_out_documents"]) == (0, len(texts))
