"""What a search finds is what parsing every line and searching every text finds."""

import gzip
import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dolma_pipe.errors import InputError, UserError
from dolma_pipe.formats.reading import Reading
from dolma_pipe.formats.rows import Piece
from dolma_pipe.formats.warc import Warc
from dolma_pipe.inputs import Input
from dolma_pipe.kernels.automaton import START, STRIDE, texts_that_may_match, unescaped
from dolma_pipe.search import automaton, blocks, shard
from dolma_pipe.search.automaton import table_of
from dolma_pipe.search.blocks import blocks as blocks_of
from dolma_pipe.search.query import Query
from dolma_pipe.search.shard import Counts, Search, search
from dolma_pipe.search.table import workers_for, worth_sieving
from dolma_pipe.stream import ByteStream
from tests.formats.test_warc import record
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


def may_match(pattern: str, texts: list[str], flags: int = 0) -> list[bool] | None:
    """By the table of the pattern; None where there is none."""
    table = table_of(re.compile(pattern, flags))
    if table is None:
        return None
    given = [text.encode() for text in texts]
    offsets = np.cumsum([0, *map(len, given)], dtype=np.int64)
    joined = np.frombuffer(b"".join(given), np.uint8)
    return texts_that_may_match(joined, offsets, unescaped(table)).tolist()  # type: ignore[no-any-return]


@pytest.mark.parametrize("flags", [0, re.IGNORECASE])
def test_every_character_is_what_re_takes_it_for(flags: int) -> None:
    """In any letter case: k is also the sign for kelvin."""
    everything = [chr(code) for code in range(1, 0x20000) if not 0xD800 <= code < 0xE000]
    for pattern in [*'kSiяςß𐐀1é\n"', r"\\", r"\d", r"[^\W_]"]:
        found = may_match(pattern, everything, flags)
        assert found is not None
        wanted = [re.match(pattern, char, flags) is not None for char in everything]
        assert not np.any(~np.array(found) & wanted)
        if len(pattern) == 1 and pattern != "𐐀":
            assert found == wanted


@pytest.mark.parametrize(
    ("pattern", "may", "may_not"),
    [
        ("abc", ["xabc", "ababc"], ["ab", "abab c", ""]),
        ("ab(cd|ef)", ["abef"], ["abce"]),
        ("(?:fo)+x*(?P<n>ba)r", ["fofoxxbar", "fobar"], ["foxa", "xbar"]),
        (r"\d{3}", ["a123"], ["12a34"]),
        (r"\d+ (?=soon)km", ["3 km"], ["km"]),
        ("(?<=before)x", ["x"], ["before"]),
        (r"(a)?(?(1)bc|d)", ["abc", "d"], ["ab"]),
        (r"(..)\1", ["abab", "ab"], ["a"]),
        ("(?i:ab)(?-i:cd)", ["ABcd"], ["abCD"]),
        (r"(?a:\w)é", ["aé"], ["éé"]),
        (r"(?a)(?u:\w)é", ["aé", "éé"], ["é"]),
        ("(?s)a.b|c", ["a\nb"], ["ab"]),
        ("a.b", ["a\u2028b"], ["a\nb", "ab"]),
        ("(?>ab|a)*+c", ["abac"], ["ab"]),
        ("a{2,3}?b", ["aab"], ["ab"]),
        ("ba{40}b", [f"b{'a' * 40}b"], [f"b{'a' * 31}b"]),
        ("x\ud800y|z", ["z"], ["x\ufffdy"]),
        ("中[一-丁]", ["中一"], ["中", "中a"]),
        ("|".join(f"w{chr(0x4E00 + i)}" for i in range(500)), ["w一"], ["w", "一"]),
    ],
)
def test_few_that_have_no_match_may(pattern: str, may: list[str], may_not: list[str]) -> None:
    assert may_match(pattern, may + may_not) == [True] * len(may) + [False] * len(may_not)


@pytest.mark.parametrize(
    ("pattern", "none"),
    [("a|", True), ("a?b*", True), ("", True), ("(?!never)", True), ("a", False)],
)
def test_what_is_in_every_text_needs_no_table(pattern: str, none: bool) -> None:
    assert (table_of(re.compile(pattern)) is None) == none


def test_large_expressions_are_cut_and_nothing_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    table = table_of(re.compile("[ab].{15}c"))  # as many states as there are numbers of 15 bits
    assert table is not None
    assert len(table) == START + STRIDE * automaton.MOST_STATES
    assert may_match("[ab].{15}c", ["ab" * 7 + "a.c", "c" * 20]) == [True, False]
    assert may_match(r"(((\w{30}x){30}){30}){30}", []) is None  # too many points
    monkeypatch.setattr(automaton, "MOST_STATES", 3)
    assert may_match("abcdef", ["abc", "abX", "ab"]) == [True, False, False]


def test_only_lines_that_can_match_are_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.jsonl"
    rows = [{"id": "number 77", "text": f"number {i} é", "x": "number 77"} for i in range(1000)]
    path.write_text("\n".join(map(json.dumps, rows)))
    parsed: list[bytes] = []
    monkeypatch.setattr(shard, "parse", lambda raw: parsed.append(raw) or real(raw))  # type: ignore[func-returns-value]
    for query in (Query(text="number 77"), Query(regex=r"(?i)NUMBER\s77\d?(?!.*never)")):
        assert len(found(path, query)[0]) == len(parsed) == 11
        parsed.clear()


real = shard.parse


@pytest.mark.parametrize(
    "line",
    [
        '{"text":"needle"}',
        '{ "text" \t: \t"needle"}',
        '{"id": null, "text": "needle"}',
        '{"text": "a\\\\", "text": "needle"}',
        '{"a\\"b": "text", "text": "needle"}',
        '{"t\\u0065xt": "needle"}',
        '{"metadata": {"a": ["text", {"b": "}"}]}, "text": "needle", "x": ""}',
        '\ufeff{"text": "needle", "x": NaN}',
    ],
)
def test_the_field_is_found_as_json_has_it(tmp_path: Path, line: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(f'{{"text": "no", "x": "needle"}}\n{line}\n{{"x": "needle", "text": "no"}}')
    assert [hit[0] for hit in found(path, Query(text="needle"))[0]] == [2]


def test_blocks_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole lines, the same for any size; a line that is too long is passed over unheld."""
    content = b"a\n\nbb\n" + b"x" * 50 + b"\nlast"
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    for size in (1, 2, 7, 20, 1000):
        monkeypatch.setattr(blocks, "BLOCK", size)
        monkeypatch.setattr(blocks, "READ", size)

        def got(most: int) -> list[bytes]:
            read = blocks_of(ByteStream(str(path)), most)
            return [b"?" if block is None else block.tobytes() for block in read]

        assert b"".join(got(100)) == content
        assert all(block.endswith(b"\n") for block in got(100)[:-1])
        if size < 20:
            assert b"".join(got(10)) == b"a\n\nbb\n?last"


def test_lines_are_numbered_across_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        b'{"text": "needle"}',
        b"",
        b"x" * 300,
        b'{"text": "-"}',
        b'{"text": "needle"}',
        b"",
        b"",
    ]
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\n".join(rows))
    for size in (1, 30, 10_000):
        monkeypatch.setattr(blocks, "BLOCK", size)
        monkeypatch.setattr(blocks, "READ", size)
        hits, counts = found(path, Query(text="needle"), max_document_bytes=200)
        assert [hit[0] for hit in hits] == [1, 5]
        assert counts.lines == 6


def test_a_long_line_is_not_copied_for_each_of_its_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"x" * 10_000)
    monkeypatch.setattr(blocks, "BLOCK", 10)
    monkeypatch.setattr(blocks, "READ", 10)
    copied: list[int] = []
    real = np.concatenate
    monkeypatch.setattr(
        np, "concatenate", lambda parts: copied.append(len(parts[0])) or real(parts)
    )
    [block] = blocks_of(ByteStream(str(path)), 1 << 20)
    assert block is not None
    assert block.tobytes() == b"x" * 10_000
    assert sum(copied) <= 20_000


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
    hostile, kind = {"id": "h", "text": "a" * 60 + "! ab"}, {"id": "k", "text": "aab"}
    path.write_text("\n".join(map(json.dumps, [hostile, kind])))
    hits, counts = found(path, Query(regex="(a+)+b", seconds=0.2))
    assert [hit[1] for hit in hits] == ["k"]
    assert counts.bad == {"not searched to its end in 0.2 CPU seconds": 1}
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0, 0)


def test_a_fields_name_is_text() -> None:
    with pytest.raises(UserError, match="the pattern or the field is not UTF-8"):
        _ = Query(text="a", field="\udcff").pattern


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
    small = [Input("s", f"s/{k}", f"s3://b/{k}", size=1 << 20) for k in range(8)]
    assert workers_for(small) == 1
    assert [worth_sieving(some) for some in (large, small, 4 * small)] == [True, False, True]


def test_what_cannot_be_read_is_the_users(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        found(tmp_path / "none.jsonl", Query(text="x"))


def test_conversations(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    said = [{"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Needle."}]
    path.write_text(json.dumps({"id": "c", "messages": said}))
    reading = Reading(messages=True)
    assert [hit[1] for hit in found(path, Query(text="Needle"), reading=reading)[0]] == ["c"]
    assert found(path, Query(text="Needle"), sieves=False)[1].bad == {"no text": 1}


KINDS = {"string": pa.string(), "large": pa.large_string(), "bytes": pa.binary()}
KINDS |= {"shared": pa.dictionary(pa.int32(), pa.string())}
TEXTS = ["needle", None, "", 'a\nneedle "\\ é', "haystack", "needle é", "é", "needl"] * 40


def written(path: Path) -> tuple[Input, int]:
    """The texts in the format of the file's name; whether each has bytes of its own there."""
    ids = [f"d{i}" for i in range(len(TEXTS))]
    kind, ending = path.name.split(".")
    if ending == "wet":
        path.write_bytes(
            b"".join(record(i, (text or "-").encode()) for i, text in enumerate(TEXTS))
        )
        return Input("s", "s/a", str(path), "warc"), True
    table = pa.table({"id": ids, "text": pa.array(TEXTS).cast(KINDS.get(kind, pa.string_view()))})
    if ending == "parquet":
        pq.write_table(table, path, row_group_size=70)
    else:
        feather.write_feather(table, path, compression="uncompressed", chunksize=70)
    return Input("s", "s/a", str(path), ending), kind not in ("shared", "view")


@pytest.mark.parametrize("invert", [False, True])
@pytest.mark.parametrize(
    "name",
    [
        *(f"{kind}.{ending}" for kind in KINDS for ending in ("parquet", "arrow")),
        "view.arrow",
        "a.wet",
    ],
)
def test_other_formats_are_sieved_by_their_texts(
    name: str, invert: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shard_, own = written(tmp_path / name)
    parsed = 0

    def counted(parse: Any) -> Any:
        def count(*arguments: Any) -> Any:
            nonlocal parsed
            parsed += 1
            return parse(*arguments)

        return count

    for kind in (Piece, Warc):
        monkeypatch.setattr(kind, "parse", counted(kind.parse))
    for query in (Query(text='needle "\\ é'), Query(regex=r"needle\s[^h]|a\n")):
        some, every = (
            list(search(shard_, Search(query=query, invert=invert, sieves=sieves), Counts()))
            for sieves in (True, False)
        )
        assert some == every
        assert some
    assert parsed == 2 * len(TEXTS) + (40 + 80 if own and not invert else 2 * len(TEXTS))
