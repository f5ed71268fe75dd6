"""Survivor order: the policy of an entry as one number a document; the smallest stays."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dolma_pipe.entries import Entry
from dolma_pipe.kernels.jit import F64, U64

LAST = np.uint64(0xFFFFFFFFFFFFFFFF)
"""The rank of a document that has no date or no score."""

_EPOCH = datetime(1, 1, 1, tzinfo=UTC)


def survivor_ranks(
    entry: Entry, lengths: U64, created: pa.Array, columns: Mapping[str, npt.NDArray[np.generic]]
) -> U64 | None:
    """uint64[documents], or None where all tie (first). Ties go by document number.

    lengths: bytes of text; created: dates as strings; columns: numbers that `keep` may ask for.
    """
    if entry.policy == "first":
        return None
    if entry.policy == "longest":
        return ~lengths
    if entry.policy == "newest":
        dates = created.to_pylist()
        return np.fromiter((_newness(date) for date in dates), np.uint64, len(dates))
    scores = columns.get(entry.column or "")
    if scores is None:  # this source skips the tagger
        return np.full(len(lengths), LAST)
    return _highest_first(np.asarray(scores, np.float64))


def _highest_first(scores: F64) -> U64:
    """Ranks that fall as the score rises: bits of floats order like integers, the sign apart."""
    bits = (scores + 0.0).view(np.uint64)  # + 0.0: minus zero is zero
    sign = np.uint64(1 << 63)
    rising = np.where(bits & sign, ~bits, bits | sign)
    return np.where(np.isnan(scores), LAST, ~rising)


def _newness(created: str | None) -> int:
    """LAST minus the microseconds from year 1. A date that cannot be read counts as missing."""
    date = _parse(created or "")
    if date is None:
        return int(LAST)
    passed = date - _EPOCH
    microseconds = (passed.days * 86400 + passed.seconds) * 10**6 + passed.microseconds
    return int(LAST) - 1 - max(microseconds, 0)


def _parse(created: str) -> datetime | None:
    """An ISO 8601 date; year and month alone are their first day; without a zone it is UTC."""
    text = created.strip()
    if match := re.fullmatch(r"(\d{4})(?:-(\d\d))?", text):
        text = f"{match[1]}-{match[2] or '01'}-01"
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        return None
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date
