"""Numbers that the documents bring with them: fields of their metadata as columns."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from dolma_pipe.batch import Batch
from dolma_pipe.errors import RecipeError
from dolma_pipe.tagger import Column, Tagger


class Metadata(Tagger, frozen=True):
    """Columns: one for each of `fields`, its value where that is a number; true is 1, false 0.

    Anything else (text, also "0.7", a list, null, no such field) is no score (NaN): a rule on the
    column drops the document. A recipe has this tagger by itself wherever a rule, `highest COLUMN`
    of dedup or `by` of the mix names `metadata.FIELD`.
    """

    cost: ClassVar[float] = 0.2

    fields: tuple[str, ...]
    """Fields of `metadata`; "a.b" is the field b of the object a, a key with a dot has no name."""

    def __post_init__(self) -> None:
        for field in self.fields:
            if not all(field.split(".")):
                raise ValueError(f"'{field}' is no path of keys")

    def columns(self) -> tuple[str, ...]:
        return self.fields

    def check(self) -> None:
        if not self.fields:
            raise RecipeError("metadata: fields names none")

    def tag(self, batch: Batch) -> Mapping[str, Column]:
        return {
            field: np.array([_number(value) for value in batch.field(f"metadata.{field}")], float)
            for field in self.fields
        }


def _number(value: Any) -> float:
    if not isinstance(value, int | float):  # bool is an int
        return np.nan
    try:
        return float(value)
    except OverflowError:  # an integer of more than 308 digits
        return np.inf if value > 0 else -np.inf
