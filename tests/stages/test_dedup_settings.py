"""Entries as the recipe gives them, bands for a threshold, and survivor order."""

from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dolma_pipe.batch import batch_of
from dolma_pipe.entries import METHODS, Entry, Exact, MinHash
from dolma_pipe.stages.dedup.banding import Banding, banding_of
from dolma_pipe.stages.dedup.survivors import LAST, survivor_ranks


@pytest.mark.parametrize(
    ("method", "given", "told"),
    [
        ("exact", {"normalize": "none"}, "unknown field `normalize`"),
        ("exact", {"normalise": "word"}, "word"),
        ("exact", {"keep": "oldest"}, "regex"),
        ("exact", {"keep": "highest"}, "regex"),
        ("lines", {"unit": "sentence"}, "sentence"),
        ("lines", {"keep": "first"}, "unknown field `keep`"),
        ("lines", {"drop": 1.5}, "<= 1"),
        ("lines", {"min_words": -1}, ">= 0"),
        ("lines", {"false_positives": 0.6}, "<= 0.5"),
        ("lines", {"false_positives": 1e-13}, "1e-13: 0, or at least 1e-12"),
        ("substring", {"min_bytes": 63}, ">= 64"),
        ("substring", {"join": 0}, "> 0"),
        ("substring", {"borders": -1}, ">= 0"),
        ("substring", {"keep": "longest"}, "unknown field `keep`"),
        ("minhash", {"bands": 0}, ">= 1"),
        ("minhash", {"rows": 2.5}, "int"),
        ("minhash", {"shingle": 0}, ">= 1"),
        ("minhash", {"verify": 1.2}, "<= 1"),
        ("minhash", {"threshold": 0}, "> 0"),
        ("minhash", {"bands": 500, "rows": 100}, "50000, above 4096"),
    ],
)
def test_wrong_settings_are_refused(method: str, given: dict[str, Any], told: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=told):
        msgspec.convert(given, METHODS[method])


def test_settings_survive_the_way_to_a_worker() -> None:
    entries: tuple[Entry, ...] = (Exact(keep="highest a.b", sources=("web",)), MinHash(verify=None))
    encoded = msgspec.json.encode(entries)
    assert msgspec.json.decode(encoded, type=tuple[Entry, ...]) == entries


def test_the_curve_has_its_published_values() -> None:
    """FineWeb's 14 x 8 and Dolma 3's 26 x 11."""
    fineweb, dolma = Banding(14, 8), Banding(26, 11)
    assert [round(fineweb.probability(s), 3) for s in (0.5, 0.75, 0.85)] == [0.053, 0.772, 0.988]
    assert [round(dolma.probability(s), 3) for s in (0.6, 0.7, 0.8)] == [0.09, 0.405, 0.903]
    assert (round(fineweb.threshold, 3), round(dolma.threshold, 3)) == (0.719, 0.744)


def test_a_threshold_chooses_bands_as_datasketch_does() -> None:
    assert banding_of(MinHash()) == (14, 8)
    assert banding_of(MinHash(bands=16, rows=8, threshold=0.5)) == (25, 5)
    assert banding_of(MinHash(bands=1, rows=1, threshold=0.5)) == (1, 1)
    assert banding_of(MinHash(bands=1, rows=2, threshold=0.9)) == (1, 2)
    assert banding_of(MinHash(threshold=0.999)) == (1, 112)  # datasketch finds it, and refuses it


def ranks(keep: str, created: list[str | None], scores: list[float]) -> list[int]:
    batch = batch_of(["x" * (i + 1) for i in range(len(created))])
    lengths = np.diff(batch.offsets).astype(np.uint64)
    dates = pa.array(created, pa.large_string())
    found = survivor_ranks(Exact(keep=keep), lengths, dates, {"q": np.array(scores)})
    assert found is not None
    return [int(rank) for rank in found]


@given(st.lists(st.floats(), min_size=2, max_size=8))
def test_the_highest_score_comes_first_and_no_score_last(scores: list[float]) -> None:
    found = ranks("highest q", [None] * len(scores), scores)
    for a, x in zip(found, scores, strict=True):
        assert (a == LAST) == np.isnan(x)
        for b, y in zip(found, scores, strict=True):
            if not np.isnan(x) and not np.isnan(y):
                assert (a < b) == (x > y)


def test_the_newest_date_comes_first_and_no_date_last() -> None:
    dates = [
        None,
        "",
        "no date",
        "2019",
        "2019-02",
        "2019-02-03",
        "2019-02-03T04:05:06.000Z",
        "2019-02-03T05:05:07+01:00",
        "2019-02-03 04:05:08",
    ]
    found = ranks("newest", dates, [0.0] * len(dates))
    assert found[:3] == [int(LAST)] * 3
    assert found[2:] == sorted(found[2:], reverse=True)
    assert len(set(found[2:])) == len(found[2:])


def test_the_longest_text_comes_first() -> None:
    found = ranks("longest", [None] * 3, [0.0] * 3)
    assert found == sorted(found, reverse=True)


def test_a_column_that_a_source_lacks_is_no_score() -> None:
    assert ranks("highest other", [None], [1.0]) == [int(LAST)]
