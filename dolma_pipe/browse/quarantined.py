"""Lines of the input that are no documents, as quarantine/ has them."""

from dolma_pipe.browse.listing import Listing, Row, shards_from, told
from dolma_pipe.browse.opened import Opened
from dolma_pipe.browse.pieces import visible
from dolma_pipe.browse.question import Cursor, Question
from dolma_pipe.report.finished import Bad


def list_of_quarantined(opened: Opened, asked: Question) -> Listing:
    """As their files have them; a cursor counts lines of these, which are not quite in the order
    of the input."""
    rows: list[Row] = []
    at = asked.after
    for place, after in shards_from(opened, asked, asked.after):
        for number, bad in enumerate(opened.run.quarantined(opened.shards[place].key), 1):
            if number <= after:
                continue
            if len(rows) == asked.limit:
                return told(opened, asked, rows, at)
            rows.append(_row(opened.shards[place].key, bad))
            at = Cursor(place, number)
    return told(opened, asked, rows, None)


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
