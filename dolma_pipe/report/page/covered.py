"""Texts as stages 1 to 3 have left them, with the masks of the run, and without what taggers of
personal data have found and no mask replaces."""

from collections.abc import Sequence

import numpy as np

from dolma_pipe.recipe import Source
from dolma_pipe.report.finished import FinishedRun
from dolma_pipe.report.page.excerpts import excerpt
from dolma_pipe.report.page.marks import Mark, hidden_of, marks_of
from dolma_pipe.report.page.tagger_files import is_private
from dolma_pipe.report.shifted import in_curated
from dolma_pipe.stored import AttributeFile
from dolma_pipe.tagger import Spans

UNKNOWN = "its text is not shown: where personal data stand in it cannot be told"


def hides(run: FinishedRun, key: str, line: int) -> bool:
    """Whether there may be something to be covered in the text of a survivor of curation. Raises
    Unusable."""
    source = _source(run, key)
    if not _has_private(source):
        return False
    stored = run.attributes(key)
    hidden = list(_unmasked(source, stored))
    row = stored.row(line, hidden)
    return row is None or any(len(row.spans(column).starts) for column in hidden)


def private_marks(run: FinishedRun, key: str, line: int, text: bytes) -> list[Mark] | None:
    """What is covered in the text of a survivor of curation, in bytes of it; None where that cannot
    be told. Raises Unusable."""
    source = _source(run, key)
    if not _has_private(source):
        return []
    stored = run.attributes(key)
    hidden = _unmasked(source, stored)
    wanted = [c for c in stored.columns if c in hidden or c in [m.column for m in source.masks]]
    row = stored.row(line, wanted)
    if row is None:
        return None
    spans = {column: row.spans(column) for column in wanted}
    found = in_curated(spans, source.masks, len(text) - int(row.sizes[0]))
    if found is None:
        return None
    return marks_of({column: _spans(found[column]) for column in hidden}, hidden, {})


def covered(text: bytes, marks: Sequence[Mark]) -> str:
    """All of a text, with what its marks show."""
    return "".join(piece.text for piece in excerpt(text, marks, length=len(text)))


def _source(run: FinishedRun, key: str) -> Source:
    return next(one for one in run.recipe.sources if one.name == key.partition("/")[0])


def _has_private(source: Source) -> bool:
    """Of most sources this saves to open a file."""
    return any(is_private(source, f"{use.prefix}.") for use in source.taggers)


def _unmasked(source: Source, stored: AttributeFile) -> dict[str, str]:
    masked = {mask.column for mask in source.masks}
    hidden = hidden_of(source, stored.columns)
    return {column: told for column, told in hidden.items() if column not in masked}


def _spans(stretches: Sequence[tuple[int, int]]) -> Spans:
    starts, ends = np.array(stretches, np.int64).reshape(-1, 2).T
    return Spans(np.array([0, len(stretches)]), starts, ends, np.ones(len(stretches)))
