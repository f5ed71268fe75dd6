"""The answer of `dolma-pipe explain` as a table."""

from collections.abc import Iterator

from dolma_pipe.report.explain import Explained, Score, Verdict
from dolma_pipe.report.fate import Note, Stretch
from dolma_pipe.report.layout import counted
from dolma_pipe.report.terminal import excerpt, harmless
from dolma_pipe.stages.mix.plan import HELD_OUT

NAMES = 56
"""Columns for rules and names of columns: the longest of the shipped recipes fit."""

CUTS = 5
"""Stretches that were cut out which are shown."""
EXCERPT = 70
LONGEST = 60
"""Code points of a matched text that are shown."""


def explain_table(found: list[Explained]) -> str:
    """A block a document."""
    blocks = ["\n".join(_document(document)) for document in found]
    if len(found) > 1:
        blocks.insert(0, f"{len(found)} documents have this id; --source takes one of them")
    return "\n\n".join(blocks)


def _document(document: Explained) -> Iterator[str]:
    yield f"id      {harmless(document.id)}"
    yield f"place   {document.source}: {harmless(document.uri)}, line {document.line}"
    yield f"text    {document.bytes:,} bytes: {excerpt(document.excerpt, EXCERPT)}"
    yield f"result  {_result(document)}"
    for note in document.notes:
        yield f"note    {_note(note)}"
    for cut in document.cuts[:CUTS]:
        yield f"cut     {cut.start}-{cut.end}: {_context(cut)}"
    if len(document.cuts) > CUTS:
        yield f"        and {counted(len(document.cuts) - CUTS, 'more stretch', 'more stretches')}"
    if document.verdicts:
        yield ""
        yield f"{'rule':{NAMES}} {'value':>12}  verdict"
        for verdict in document.verdicts:
            yield _verdict(verdict)
    if document.scores:
        yield ""
        yield f"{'column':{NAMES}} {'value':>12}"
        for score in document.scores:
            yield from _score(score)


def _result(document: Explained) -> str:
    reason = next((verdict.column for verdict in document.verdicts if verdict.reason), None)
    if not document.tagged:
        if reason is not None:
            return f"not tagged yet; {reason} would drop it"
        return "not tagged yet; no rule would drop it"
    if document.dropped_by is not None:
        now = "" if document.dropped_by == reason else ", by today's rules "
        now += "" if not now else (f"by {reason}" if reason else "kept")
        return f"dropped by {document.dropped_by}{now}"
    if reason is not None:
        return f"kept when it was tagged; {reason} of today's recipe drops it"
    if (copy := document.duplicate) is not None:
        by = f"removed by dedup entry {copy.entry} ({copy.method})"
        if copy.kept_id is None:
            score = "" if copy.similarity is None else f", score {copy.similarity:g}"
            return f"{by}, without regard to another document{score}"
        alike = "" if copy.similarity is None else f", similarity {copy.similarity:g}"
        return f"a duplicate: {by} for {harmless(copy.kept_id)} of {copy.kept_source}{alike}"
    told = "kept by stages 1 to 3"
    if document.kept_for is not None:
        told = "kept by stages 1 to 4"
        told += f", {document.kept_for:,} copies went for it" if document.kept_for else ""
    if document.cuts:
        size = sum(cut.end - cut.start for cut in document.cuts)
        told += f", {size:,} bytes cut out of it"
    if document.copies is not None:
        held_out = document.copies == HELD_OUT
        told += ", in held_out/" if held_out else f", {document.copies:,} times in tokens/"
    return told


def _verdict(verdict: Verdict) -> str:
    low = "" if verdict.minimum is None else f"{verdict.minimum:g} <= "
    high = "" if verdict.maximum is None else f" <= {verdict.maximum:g}"
    told = "kept" if verdict.kept else "DROPPED"
    told += ", the reason" if verdict.reason else ""
    return f"{f'{low}{verdict.column}{high}':{NAMES}} {_number(verdict.value):>12}  {told}"


def _score(score: Score) -> Iterator[str]:
    now = "  scored now" if score.origin == "now" else ""
    value = f"{score.spans:,} spans" if score.spans is not None else _number(score.value)
    yield f"{score.column:{NAMES}} {value:>12}{now}".rstrip()
    for match in score.matches:
        yield f"    {match.start}-{match.end} ({match.score:g}): {_context(match)}"
    if score.spans is not None and score.spans > len(score.matches):
        yield f"    and {score.spans - len(score.matches):,} more"


def _note(note: Note) -> str:
    """What an entry would do."""
    by = f"dedup entry {note.entry} ({note.method}), which only notes"
    if note.verdict == "cut":
        size = sum(end - start for start, end in note.stretches)
        stretches = counted(len(note.stretches), "stretch", "stretches")
        return f"{by}: would cut {size:,} bytes in {stretches}"
    if note.size is None:
        return f"{by}: would go without regard to another document"
    if note.verdict == "first":
        return f"{by}: first of {note.size:,} copies"
    alike = "" if note.similarity is None else f", similarity {note.similarity:g}"
    of = "" if note.first_id is None else f" of {harmless(note.first_id)} of {note.first_source}"
    return f"{by}: a copy{of}, {note.rank} after the first of {note.size:,}{alike}"


def _context(match: Stretch) -> str:
    text = match.text
    if len(text) > LONGEST:
        text = f"{text[: LONGEST // 2]}[{len(text) - LONGEST:,} more]{text[-(LONGEST // 2) :]}"
    return f"{harmless(match.before)}>>>{harmless(text)}<<<{harmless(match.after)}"


def _number(value: float | str | None) -> str:
    if value is None:
        return "none"
    return harmless(value) if isinstance(value, str) else f"{value:g}"
