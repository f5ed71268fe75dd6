"""What a search finds is what parsing every line and searching every text finds."""

import gzip
import json
import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dolma_pipe.errors import InputError, UserError
from dolma_pipe.formats.reading import Reading
from dolma_pipe.inputs import Input
from dolma_pipe.search import blocks, shard
from dolma_pipe.search.blocks import blocks as blocks_of
from dolma_pipe.search.query import Query
from dolma_pipe.search.required import Run, required
from dolma_pipe.search.shard import Counts, Search, search
from dolma_pipe.search.spellings import cases
from dolma_pipe.search.table import workers_for
from dolma_pipe.stream import ByteStream
from tests.slow.search import naive_search

Hits = list[tuple[int, str, list[tuple[int, int]]]]
ALPHABET = 'aAkKsSiIıİſKßẞéÉяЯΣσς中😀𐐀𐐨/"\\\n\t\x01\x7f u0041.\ufffd'
"""Letters with strange cases, what JSON escapes, and what looks like an escape."""

texts = st.text(st.sampled_from(ALPHABET), max_size=8)
needles = st.text(st.sampled_from(ALPHABET), min_size=1, max_size=3)


def found(path: Path, query: Query, **more: Any) -> tuple[Hits, Counts]:
    counts = Counts()
    hits = search(Input("s", "s/a", str(path)), Search(query=query, **more), counts)
    return [(hit.line, hit.id, hit.spans) for hit in hits], counts


@st.composite
def spelt(draw: st.DrawFn, text: str) -> str:
    """The text as JSON, each character in any of the ways that JSON has."""
    short = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "/": "\\/"}
    parts = []
    for char in text:
        units = char.encode("utf-16-be").hex()
        escaped = "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
        ways = [escaped, escaped.upper().replace("\\U", "\\u")]
        ways += [short[char]] if char in short else []
        ways += [char] * 3 if char not in '"\\\n' else []  # bare controls are read, too
        if char == "\ufffd":
            ways.append("\\uD83d")
        parts.append(draw(st.sampled_from(ways)))
    return '"' + "".join(parts) + '"'


@st.composite
def lines(draw: st.DrawFn) -> bytes:
    kind = draw(st.integers(0, 12))
    if kind == 0:
        odd = [b"", b"  ", b"\r", b"{", b"[]", b'{"text": 3}', b'{"text": "\xff kKs/"}', b"null"]
        return draw(st.sampled_from(odd))
    text, other = draw(spelt(draw(texts))), draw(spelt(draw(texts)))
    bom = "\ufeff" if kind == 1 else ""
    nan = ', "score": NaN' if kind == 2 else ""
    return f'{bom}{{"id": "{kind}", "metadata": {{"x": {other}}}, "text": {text}{nan}}}'.encode()


PATTERNS = (
    "{}",
    "(?i){}",
    "(?i:{})|kk",
    "(?:{}|sA|ß)+",
    "x*{}",
    "(?:{})?",
    "[^a]{}$",
    r"\b{}|^(?=.)(?-i:K)",
    "(?P<g>{})(?P=g)",
    "a{{2}}|(?>{})",
)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.lists(lines(), max_size=8),
    needle=needles,
    wrapped=st.sampled_from((None, *PATTERNS)),
    fold=st.booleans(),
    field=st.sampled_from(["text", "text", "metadata.x"]),
    invert=st.sampled_from([False, False, False, True]),
    compressed=st.booleans(),
)
def test_equals_the_obvious_search(
    tmp_path: Path,
    content: list[bytes],
    needle: str,
    wrapped: str | None,
    fold: bool,
    field: str,
    invert: bool,
    compressed: bool,
) -> None:
    written = b"\n".join(content)
    path = tmp_path / ("a.jsonl.zst" if compressed else "a.jsonl")
    path.write_bytes(zstandard.compress(written) if compressed else written)
    plain = tmp_path / path.name.removesuffix(".zst")
    plain.write_bytes(written)
    regex = None if wrapped is None else wrapped.format(re.escape(needle))
    text = needle if regex is None else None
    query = Query(text=text, regex=regex, ignore_case=fold, field=field)
    wanted = naive_search(plain, query.pattern, field, invert=invert)
    assert found(path, query, invert=invert)[0] == wanted


@pytest.mark.parametrize(
    ("needle", "fold", "written"),
    [
        ("a/b", False, r"a\/b"),
        ("a/b", False, r"a\u002Fb"),
        ("a\tb", False, "a\tb"),
        ("a\tb", False, r"a\u0009b"),
        ('a"b', False, r"a\u0022b"),
        ("a\\b", False, r"a\u005cb"),
        ("ab", False, r"a\u0062"),
        ("é", False, r"\u00E9"),
        ("😀", False, r"\uD83D\ude00"),
        ("\ufffd", False, r"\udc00"),
        ("kilo", True, "\u212ailo"),
        ("kilo", True, r"K\u0130LO"),
        ("kiss", True, "ki\u017fs"),
        ("я", True, "Я"),
        ("яb", True, r"\u042FB"),
        ("ßx", True, "ẞX"),
    ],
)
def test_every_spelling_is_found(tmp_path: Path, needle: str, fold: bool, written: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(f'{{"id": "no", "text": "-"}}\n{{"id": "yes", "text": "<{written}>"}}')
    for query in ({"text": needle}, {"regex": f"<{re.escape(needle)}>"}):
        assert [h[1] for h in found(path, Query(**query, ignore_case=fold))[0]] == ["yes"]  # type: ignore[arg-type]


@pytest.mark.parametrize("char", ["k", "S", "i", "я", "ς", "ß", "𐐀", "1", "é"])
def test_cases_are_those_of_re(char: str) -> None:
    everything = "".join(chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000)
    assert set(cases(char)) == set(re.findall(re.escape(char), everything, re.IGNORECASE))


@pytest.mark.parametrize(
    ("pattern", "strings"),
    [
        ("abc", ["abc"]),
        ("ab(cd|ef)", ["ab"]),
        ("(?:cat|horse)s?", ["cat", "horse"]),
        ("(?:cat|h.)s?", ["h", "cat"]),
        ("a?b*", None),
        ("a|", None),
        ("(?:fo)+x*(?P<n>ba)r", ["bar"]),
        (r"\d+ (?=soon)km", [" km"]),
        ("(?!never)", None),
        ("(?<=before)x", ["x"]),
        ("x\ud800yz", ["yz"]),
        (
            "|".join(f"{chr(0x4E00 + i)}w" for i in range(64)),
            [f"{chr(0x4E00 + i)}w" for i in range(64)],
        ),
        ("|".join(f"{chr(0x4E00 + i)}w" for i in range(65)), None),
        ("(a)?(?(1)bc|d)", None),
        ("", None),
    ],
)
def test_strings_that_a_match_must_have(pattern: str, strings: list[str] | None) -> None:
    runs = required(re.compile(pattern))
    assert (None if runs is None else sorted(run.chars for run in runs)) == (
        None if strings is None else sorted(strings)
    )


def test_letter_case_counts_where_the_pattern_says() -> None:
    assert required(re.compile("(?i:ab)(?-i:cde)f")) == (Run("cdef", False),)
    assert required(re.compile("(?i)abc(?-i:d)")) == (Run("abc", True),)


def test_only_lines_that_can_match_are_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.jsonl"
    rows = [{"id": str(i), "text": f"number {i} é"} for i in range(1000)]
    path.write_text("\n".join(map(json.dumps, rows)))
    parsed: list[bytes] = []
    monkeypatch.setattr(shard, "parse", lambda raw: parsed.append(raw) or real(raw))  # type: ignore[func-returns-value]
    for query in (Query(text="number 77"), Query(regex="(?i)NUMBER 77(?!.*never)")):
        assert len(found(path, query)[0]) == len(parsed) == 11
        parsed.clear()


real = shard.parse


def test_blocks_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole lines, the same for any size; a line that is too long is passed over unheld."""
    content = b"a\n\nbb\n" + b"x" * 50 + b"\nlast"
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    for size in (1, 2, 7, 20, 1000):
        monkeypatch.setattr(blocks, "BLOCK", size)
        monkeypatch.setattr(blocks, "READ", size)
        got = list(blocks_of(ByteStream(str(path)), 100))
        assert b"".join(block.lines or b"" for block in got) == content
        for place, block in enumerate(got):
            before = b"".join(earlier.lines or b"" for earlier in got[:place])
            assert block.number == 1 + before.count(b"\n")
        short = list(blocks_of(ByteStream(str(path)), 10))
        if size < 20:
            assert [block.number for block in short if block.lines is None] == [4]
            assert b"".join(b.lines or b"" for b in short) == b"a\n\nbb\nlast"
            assert short[-1].number == 5


def test_a_long_line_is_not_copied_for_each_of_its_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"x" * 10_000)
    monkeypatch.setattr(blocks, "BLOCK", 1000)
    monkeypatch.setattr(blocks, "READ", 10)
    joined = 0

    def count(_: object, event: str, called: Any) -> None:
        nonlocal joined
        joined += event == "c_call" and called.__name__ == "join"

    sys.setprofile(count)
    try:
        [block] = blocks_of(ByteStream(str(path)), 1 << 20)
    finally:
        sys.setprofile(None)
    assert block.lines == b"x" * 10_000
    assert joined <= 20


def test_a_long_line_is_bad(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows = [{"id": "long", "text": "needle" + "x" * 200}, {"id": "b", "text": "needle"}]
    path.write_text("\n".join(map(json.dumps, rows)))
    hits, counts = found(path, Query(text="needle"), max_document_bytes=100)
    assert [hit[1] for hit in hits] == ["b"]
    assert counts.bad == {"longer than 100 bytes": 1}
    assert counts.lines == 2


@pytest.mark.parametrize("ending", [".zst", ".gz"])
def test_a_truncated_file_gives_what_is_before(tmp_path: Path, ending: str) -> None:
    rows = b"".join(
        json.dumps({"id": str(i), "text": f"needle {i}"}).encode() + b"\n" * 3 for i in range(9999)
    )
    whole = zstandard.compress(rows) if ending == ".zst" else gzip.compress(rows)
    path = tmp_path / f"a.jsonl{ending}"
    path.write_bytes(whole[: len(whole) // 2])
    hits, counts = found(path, Query(text="needle"))
    everything, same = found(path, Query(regex="(?:)|needle"))  # all lines parsed
    assert [hit[0] for hit in hits] == [hit[0] for hit in everything]
    assert [reason for reason in counts.bad if "truncated" in reason or "corrupt" in reason]
    assert counts.bad == same.bad


def test_a_pattern_that_explodes_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    hostile, kind = {"id": "h", "text": "a" * 60 + "!"}, {"id": "k", "text": "aab"}
    path.write_text("\n".join(map(json.dumps, [hostile, kind])))
    hits, counts = found(path, Query(regex="(a+)+b", seconds=0.2))
    assert [hit[1] for hit in hits] == ["k"]
    assert counts.bad == {"not searched to its end in 0.2 CPU seconds": 1}
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0, 0)


@pytest.mark.parametrize("regex", ["(", "a{99999999999}", "[z-a]", "x\udcff"])
def test_a_wrong_pattern_is_one_line(regex: str) -> None:
    with pytest.raises(UserError) as raised:
        _ = Query(regex=regex).pattern
    assert "\n" not in str(raised.value)


def test_ids_that_are_numbers_or_missing(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": 17, "text": ""}\n{"text": ""}\n')
    assert found(path, Query(text="17", field="id"))[0] == [(1, "17", [(0, 2)])]
    assert found(path, Query(regex="jsonl:2$", field="id"))[0] == [(2, "a.jsonl:2", [(2, 9)])]


def test_url_is_where_documents_have_it(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows: list[dict[str, Any]] = [
        {"id": "1", "text": "b.org", "url": "https:\\/\\/a.org"},
        {"id": "2", "text": "", "metadata": {"url": "https://b.org"}},
        {"id": "3", "text": "b.org", "metadata": {"url": 4}},
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    assert [hit[1] for hit in found(path, Query(text=".org", field="url"))[0]] == ["1", "2"]


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="Linux")
def test_as_many_workers_as_cores_that_may_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    large = [Input("s", f"s/{k}", f"s3://b/{k}", size=1 << 30) for k in range(4)]
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1, 5})
    assert workers_for(large) == 2
    assert workers_for(large[:1]) == 1
    small = [Input("s", f"s/{k}", f"s3://b/{k}", size=1 << 20) for k in range(4)]
    assert workers_for(small) == 1


def test_what_cannot_be_read_is_the_users(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        found(tmp_path / "none.jsonl", Query(text="x"))


def test_conversations(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    said = [{"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Needle."}]
    path.write_text(json.dumps({"id": "c", "messages": said}))
    reading = Reading(messages=True)
    assert [hit[1] for hit in found(path, Query(text="Needle"), reading=reading)[0]] == ["c"]
    assert found(path, Query(text="Needle"))[1].bad == {"no text": 1}
