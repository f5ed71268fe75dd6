"""What a tagger is: settings as typed fields, and one method that scores a batch. It never drops
and never edits."""

from collections.abc import Mapping
from typing import ClassVar, Literal, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from dolma_pipe.batch import Batch
from dolma_pipe.kernels.jit import F64, I32, I64


class Spans(NamedTuple):
    """Stretches of text, sorted by document and start, never overlapping within one column.

    offsets: int64[documents + 1], the spans of document d are offsets[d]:offsets[d + 1].
    starts, ends: int64[spans], bytes from the start of the document, at code-point borders.
    scores: float64[spans].
    """

    offsets: I64
    starts: I64
    ends: I64
    scores: F64


class Labels(NamedTuple):
    """One name a document out of a short list: codes int32[documents] into names, -1 for none."""

    codes: I32
    names: tuple[str, ...]


Column = npt.NDArray[np.generic] | Spans | Labels
"""One number a document (any numpy number type, NaN for none), spans, or labels."""


Kind = Literal["number", "spans", "label"]


class Tagger(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Base of every tagger: one file on the shelf, one subclass in it.

    The fields of a subclass are its settings. `cost` is a constant, relative to a word count
    (1.0): cheap taggers run first, and what they drop is not scored further.
    """

    cost: ClassVar[float] = 1.0

    private: ClassVar[bool] = False
    """Whether its spans are personal data or secrets: report.html counts them apart, and no page
    but that of `dolma-pipe browse` shows what they hold. Said in its own class."""

    name: str = ""
    """Prefix of the columns instead of the file's name; needed to use one tagger twice."""

    def columns(self) -> tuple[str, ...]:
        """Names of the columns that `tag` makes, without prefix: known before any data is read."""
        raise NotImplementedError

    def spans(self) -> tuple[str, ...]:
        """Those of `columns` that are spans: they can be masked, and have no range to keep."""
        return ()

    def numbers(self) -> tuple[str, ...]:
        """Those of `columns` that are one number a document: a rule can keep a range of them."""
        return tuple(name for name in self.columns() if name not in self.spans())

    def kind(self, column: str) -> Kind:
        """What a column of this tagger holds."""
        if column in self.spans():
            return "spans"
        return "number" if column in self.numbers() else "label"

    def check(self) -> None:
        """Raise RecipeError where the settings do not fit the assets; called before any document.

        The assets are there when it is called.
        """

    def assets(self) -> tuple[str, ...]:
        """Assets (name or path) that `tag` reads: fetched before, part of the fingerprint."""
        return ()

    def tag(self, batch: Batch) -> Mapping[str, Column]:
        """Score every document of the batch: a column for each name in `columns`.

        Numbers have the shape [documents], Spans and Labels as they say. Other columns than
        announced, another kind, or another number of rows is a RecipeError; what `tag` raises is
        a bug of the tagger, exit code 3.
        """
        raise NotImplementedError
