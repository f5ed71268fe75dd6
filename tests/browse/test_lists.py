"""Lists: every document once whatever the page, filters as the files say, orders, searches."""

import random
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from dolma_pipe.browse import listing, ordered, searching
from tests.browse.asking import Asked, Row
from tests.browse.conftest import HOSTILE, documents


def places(rows: list[Row]) -> list[tuple[str, int]]:
    return [(row["shard"], row["line"]) for row in rows]


@pytest.fixture(scope="module")
def stored(looked: Path) -> list[Row]:
    """Every row of attributes/, in order."""
    found = []
    for path in sorted((looked / "work/looked/attributes").rglob("*.parquet")):
        key = f"{path.parent.name}/{path.stem}"
        found += [{"shard": key, **row} for row in pq.read_table(path).to_pylist()]
    return found


@pytest.mark.parametrize("limit", [1, 7, 500])
def test_pages_have_every_document_once(api: Asked, stored: list[Row], limit: int) -> None:
    assert places(api.all(limit=limit)) == places(stored)


@pytest.mark.parametrize("looked_at", [1, 10])
def test_so_have_pages_that_stop_early(
    api: Asked, stored: list[Row], looked_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "LOOKED", looked_at)
    monkeypatch.setattr(searching, "SEARCHED_BYTES", looked_at * 100)
    monkeypatch.setattr(searching, "AT_ONCE", 100)
    assert places(api.all(limit=3)) == places(stored)
    first = api("documents", limit=50)
    assert not first["full"]
    assert 0 < first["lines"] < first["of"]
    found = api.all(text="the", limit=2)
    assert len(set(places(found))) == len(found) > 20


def test_counts_are_those_of_the_lists(api: Asked) -> None:
    """And they add up to what is told of the run."""
    told = api("run")
    for source in told["sources"]:
        name = source["name"]
        rows = api.all(source=name)
        assert len(rows) == source["lines"] - source["quarantined"]
        counts = Counter(row["verdict"] for row in rows)
        dropped, duplicates = source["dropped"], source["duplicates"]
        assert counts["kept"] == source["kept"] == len(api.all(source=name, verdict="kept"))
        assert counts["dropped"] == sum(dropped.values()) > 0
        assert counts["duplicate"] == sum(duplicates) > 0
        assert source["lines"] == sum(counts.values()) + source["quarantined"]
        for rule, number in dropped.items():
            found = api.all(source=name, verdict=f"dropped:{rule}")
            assert len(found) == number
            assert {row["by"] for row in found} == {rule}
        for entry, number in enumerate(duplicates, 1):
            found = api.all(source=name, verdict=f"duplicate:{entry}")
            assert len(found) == number
            assert {row["by"] for row in found} <= {str(entry)}
        bad = api.all(source=name, verdict="quarantined", limit=1)
        assert len(bad) == source["quarantined"]


def test_a_range_is_what_the_files_say(api: Asked, stored: list[Row]) -> None:
    asked = {"column": "gopher.words", "min": 20, "max": 40}
    wanted = [row for row in stored if 20 <= row["gopher.words"] <= 40]
    found = api.all(**asked, limit=4)
    assert places(found) == places(wanted)
    assert [row["value"] for row in found] == [row["gopher.words"] for row in wanted]
    kept = [row for row in wanted if row["dropped_by"] is None]
    of_kept = api.all(**asked, verdict="kept") + api.all(**asked, verdict="duplicate")
    assert sorted(places(of_kept)) == sorted(places(kept))
    assert api.all(column="gopher.words", min=1e6) == []
    spans = api.all(column="pii.email", min=1)
    assert {row["value"] for row in spans} == {2.0}


@pytest.mark.parametrize("together", [1, 60, 10_000])
@pytest.mark.parametrize("order", ["ascending", "descending"])
def test_ordered_pages_have_every_document_once(
    api: Asked, stored: list[Row], together: int, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ordered, "TOGETHER", together)
    found = api.all(column="gopher.words", order=order, limit=6)
    assert sorted(places(found)) == sorted(places(stored))
    if together == 10_000:
        values = [row["value"] for row in found]
        assert values == sorted(values, reverse=order == "descending")
        assert len(set(values)) < len(values)


def test_next_to_a_border(api: Asked) -> None:
    """What the page's links ask for."""
    asked = {"column": "gopher.words", "order": "ascending", "limit": 3}
    just_above = api("documents", verdict="kept", min=8, **asked)["rows"]
    assert just_above[0]["value"] >= 8
    dropped = api("documents", verdict="dropped:gopher.words", min=120, **asked)["rows"]
    assert all(row["value"] > 120 for row in dropped)
    assert dropped[0]["value"] == min(row["value"] for row in dropped)


def test_ids_by_their_beginning(api: Asked) -> None:
    assert [row["id"] for row in api.all(id="web-11")] == ["web-11"]
    assert {row["id"] for row in api.all(id="wiki-4")} == {
        "wiki-4",
        *(f"wiki-4{i}" for i in range(10)),
    }
    assert api.all(id="eb-1") == []


def test_a_text_is_found_in_large_and_small_letters(api: Asked) -> None:
    for asked in ("JAVASCRIPT:ALERT(1)", "<img src=x"):
        found = api.all(text=asked, limit=1)
        assert [row["id"] for row in found] == ["web-51", "wiki-51"]
        [marked] = [piece for piece in found[0]["excerpt"] if piece.get("marks")]
        assert marked["text"].lower() == asked.lower()
    assert len(api.all(text="too short")) == 2
    assert api.all(text="too short", verdict="kept") == []
    assert api.all(text="a.d") == []


def test_all_texts_are_searched(api: Asked) -> None:
    """As kept, or as they came where they were not."""
    rows = [*documents("web", random.Random(1)), *documents("wiki", random.Random(2))]
    wanted = sorted(str(row["id"]) for row in rows if "changed" in str(row["text"]))
    assert sorted(row["id"] for row in api.all(text="Changed", limit=1)) == wanted
    assert HOSTILE in [row["text"] for row in rows]


def test_cut_documents(api: Asked) -> None:
    found = api.all(verdict="cut")
    assert found
    assert {row["verdict"] for row in found} == {"kept"}
    text = api.document(found[0])["text"]
    cut = [mark["column"] for mark in text["marks"]].index("cut")
    assert any(cut in piece.get("marks", ()) for piece in text["pieces"])


def test_quarantined_lines(api: Asked) -> None:
    found = api.all(verdict="quarantined", limit=2)
    assert [row["by"] for row in found] == ["not JSON", "no text", "id repeated in its shard"]
    line = api("line", shard="web/web-1", line=found[0]["line"])
    assert line["pieces"] == [{"text": "no JSON <b>"}]
    api("line", shard="web/web-1", line=1, status=404)


@pytest.mark.parametrize(
    ("status", "asked"),
    [
        (400, {"verdict": "lost"}),
        (400, {"min": "x", "column": "gopher.words"}),
        (400, {"min": "nan", "column": "gopher.words"}),
        (400, {"min": 3}),
        (400, {"min": 3, "max": 2, "column": "gopher.words"}),
        (400, {"min": 1, "max": 0, "column": "gopher.words"}),
        (400, {"is_": "x", "column": "gopher.words"}),
        (400, {"order": "up", "column": "gopher.words"}),
        (400, {"order": "ascending"}),
        (400, {"order": "ascending", "column": "gopher.words", "text": "a"}),
        (400, {"after": "x"}),
        (400, {"after": "0.1~e~1"}),
        (400, {"limit": 0}),
        (400, {"limit": "٣"}),
        (400, {"limit": 10**6}),
        (400, {"text": "a" * 2000}),
        (400, {"text": "\udcff"}),
        (400, {"nothing": 1}),
        (400, {"verdict": "kept:gopher.words"}),
        (400, {"verdict": "quarantined", "text": "a"}),
        (404, {"after": "99.0"}),
        (404, {"source": "wbe"}),
        (404, {"column": "gopher.wrods"}),
        (404, {"verdict": "dropped:gopher.wrods"}),
        (404, {"verdict": "duplicate:9"}),
        (404, {"verdict": "duplicate:x"}),
    ],
)
def test_what_cannot_be_asked_is_one_line(
    api: Asked, status: int, asked: dict[str, object]
) -> None:
    api("documents", status=status, **asked)
