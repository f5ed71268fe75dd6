"""Numbers and labels that the documents bring with them: fields of their metadata as columns."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from dolma_pipe.batch import Batch
from dolma_pipe.errors import RecipeError
from dolma_pipe.tagger import Column, Labels, Tagger


class Metadata(Tagger, frozen=True):
    """Columns: one for each of `fields`, its value where that is a number; true is 1, false 0; and
    one for each of `labels`, its value where that is text.

    Anything else in a field (text, also "0.7", a list, null, no such field) is no score (NaN): a
    rule on the column drops the document. A recipe has this tagger by itself wherever a rule,
    `highest COLUMN` of dedup or `by` of the mix names `metadata.FIELD`.
    """

    cost: ClassVar[float] = 0.2

    fields: tuple[str, ...] = ()
    """Fields of `metadata`; "a.b" is the field b of the object a, a key with a dot has no name."""
    labels: tuple[str, ...] = ()
    """Fields whose text is a label, as a topic to group by; a number is its decimal text."""

    def __post_init__(self) -> None:
        for field in (*self.fields, *self.labels):
            if not all(field.split(".")):
                raise ValueError(f"'{field}' is no path of keys")

    def columns(self) -> tuple[str, ...]:
        return (*self.fields, *self.labels)

    def numbers(self) -> tuple[str, ...]:
        return self.fields

    def check(self) -> None:
        if not self.columns():
            raise RecipeError("metadata: fields and labels name none")
        if both := set(self.fields) & set(self.labels):
            raise RecipeError(f"metadata: {min(both)} is in fields and in labels")

    def tag(self, batch: Batch) -> Mapping[str, Column]:
        found: dict[str, Column] = {
            field: np.array([_number(value) for value in batch.field(f"metadata.{field}")], float)
            for field in self.fields
        }
        return found | {field: _labels(batch.field(f"metadata.{field}")) for field in self.labels}


def _labels(values: list[Any]) -> Labels:
    """Text and whole numbers; all else is no label."""
    told = [
        str(value) if isinstance(value, str | int) and not isinstance(value, bool) else None
        for value in values
    ]
    names = {name: i for i, name in enumerate(dict.fromkeys(x for x in told if x is not None))}
    codes = [-1 if name is None else names[name] for name in told]
    return Labels(np.array(codes, np.int32), tuple(names))


def _number(value: Any) -> float:
    if not isinstance(value, int | float):  # bool is an int
        return np.nan
    try:
        return float(value)
    except OverflowError:  # an integer of more than 308 digits
        return np.inf if value > 0 else -np.inf
