"""Lines of the input that are no documents, as quarantine/ has them."""

from collections.abc import Iterator

import msgspec

from dolma_pipe.browse.listing import Listing, Row, shards_from, told
from dolma_pipe.browse.opened import Opened
from dolma_pipe.browse.pieces import visible
from dolma_pipe.browse.question import Cursor, Question
from dolma_pipe.work import held


class Bad(msgspec.Struct):
    """A line that is no document."""

    line: int
    reason: str
    excerpt: str


def list_of_quarantined(opened: Opened, asked: Question) -> Listing:
    """As their files have them; a cursor counts lines of these, which are not quite in the order
    of the input."""
    rows: list[Row] = []
    at = asked.after
    for place, after in shards_from(opened, asked, asked.after):
        for number, bad in enumerate(quarantined(opened, opened.shards[place].key), 1):
            if number <= after:
                continue
            if len(rows) == asked.limit:
                return told(opened, asked, rows, at)
            rows.append(_row(opened.shards[place].key, bad))
            at = Cursor(place, number)
    return told(opened, asked, rows, None)


def quarantined(opened: Opened, key: str) -> Iterator[Bad]:
    """Those of a shard."""
    with held(opened.work.quarantine(key)) as path, path.open("rb") as file:
        for line in file:
            yield msgspec.json.decode(line, type=Bad)


def _row(key: str, bad: Bad) -> Row:
    return Row(
        shard=key,
        line=bad.line,
        id=f"line {bad.line}",
        bytes=len(bad.excerpt.encode()),
        verdict="quarantined",
        by=bad.reason,
        cut=False,
        value=None,
        excerpt=list(visible(bad.excerpt)),
    )
