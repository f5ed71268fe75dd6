"""Documents that entered or left, with their text from the run that has kept it."""

from collections.abc import Sequence

from dolma_pipe.report.clusters import texts_at
from dolma_pipe.report.comparison.documents import Found, Place
from dolma_pipe.report.comparison.model import KEPT, MovedExample
from dolma_pipe.report.finished import FinishedRun
from dolma_pipe.report.page.covered import UNKNOWN, private_marks
from dolma_pipe.report.page.excerpts import NAME, excerpt, shortened
from dolma_pipe.report.page.model import Example, Piece
from dolma_pipe.stored import AttributeFile, Group
from dolma_pipe.work import address, exists


def examples_of(
    runs: tuple[FinishedRun, FinishedRun], source: str, found: Sequence[Found]
) -> list[MovedExample]:
    """Of one source; without a text where its curated shard is gone, as a note says. Raises
    WorkError where one is damaged."""
    made: list[MovedExample] = []
    for run in (0, 1):  # the one that has kept them
        kept = [one for one in found if (one.before, one.after)[run] == KEPT]
        places = {one: one.places[run] for one in kept}
        work = runs[run].work
        there = {key for key in {p.key for p in places.values() if p} if exists(work.curated(key))}
        texts = texts_at(work, [(p.key, p.row) for p in places.values() if p and p.key in there])
        for one, place in places.items():
            assert place is not None  # what is kept is there
            other = one.places[1 - run]
            reason = (one.before, one.after)[1 - run]
            value = _value(runs[1 - run], other, reason) if other else None
            pieces, note = _shown(runs[run], place, texts.get((place.key, place.row)))
            row = _row(runs[run].attributes(place.key), place, [])
            document = Example(
                id=shortened(row.array("id")[0].as_py(), NAME),
                source=source,
                shard=place.key,
                line=place.line,
                bytes=int(row.sizes[0]),
                value=value,
                kept=run == 1,
                dropped_by=reason,
                pieces=pieces,
                note=note,
            )
            made.append(MovedExample(document, one.before, one.after, value))
    return made


def _shown(run: FinishedRun, place: Place, text: bytes | None) -> tuple[tuple[Piece, ...], str]:
    """A stretch of its text, or why there is none."""
    if text is None:
        return (), f"no text: {address(run.work.curated(place.key))} is not there any more"
    marks = private_marks(run, place.key, place.line, text)
    return ((), UNKNOWN) if marks is None else (excerpt(text, marks), "")


def _row(stored: AttributeFile, place: Place, columns: list[str]) -> Group:
    """What is stored of it."""
    row = stored.row(place.line, columns)
    if row is None:
        raise LookupError(place)
    return row


def _value(run: FinishedRun, place: Place, reason: str) -> float | None:
    """Of the column of the rule that dropped it; none where deduplication did, or no score was
    the reason."""
    stored = run.attributes(place.key)
    if reason not in stored.columns:
        return None
    number = float(_row(stored, place, [reason]).numbers(reason)[0])
    return None if number != number else number
