"""Any fastText classifier: quality, topic, toxicity. Its labels become columns."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from dolma_pipe.assets import asset_path
from dolma_pipe.batch import Batch
from dolma_pipe.errors import RecipeError
from dolma_pipe.fasttext import load_model, read_labels
from dolma_pipe.tagger import Column, Labels, Tagger

MOST_LABELS = 32
"""A model with more must be told which ones are wanted: a column each would be a large table."""


class Classifier(Tagger, frozen=True):
    """Columns: for each label its probability, as fastText's `predict` gives it for the text with
    line ends as spaces; `top`, the likeliest label, and `top_score`, its probability.

    A text of which the model knows nothing has no numbers (NaN).
    """

    cost: ClassVar[float] = 5.0

    model: str
    """A fastText classifier (.bin or .ftz): an asset or a path."""

    labels: tuple[str, ...] = ()
    """Labels to score, without __label__; all of them when empty, if the model has at most 32."""

    def columns(self) -> tuple[str, ...]:
        return (*self._wanted(), "top", "top_score")

    def assets(self) -> tuple[str, ...]:
        return (self.model,)

    def numbers(self) -> tuple[str, ...]:
        return (*self._wanted(), "top_score")

    def check(self) -> None:
        known = read_labels(asset_path(self.model))
        for name in self._wanted():
            if name not in known:
                raise RecipeError(f"classifier: the model {self.model} knows no label '{name}'")

    def tag(self, batch: Batch) -> Mapping[str, Column]:
        model = load_model(asset_path(self.model))
        names = self._wanted()
        wanted = np.array([model.labels.index(name) for name in names], np.int32)
        scores, top, top_score = model.predict(batch.text, batch.offsets, wanted)
        columns: dict[str, Column] = {name: scores[:, k] for k, name in enumerate(names)}
        return columns | {"top": Labels(top, model.labels), "top_score": top_score}

    def _wanted(self) -> tuple[str, ...]:
        names = self.labels or read_labels(asset_path(self.model))
        if not self.labels and len(names) > MOST_LABELS:
            raise RecipeError(
                f"the model {self.model} has {len(names)} labels: name the wanted ones in `labels`"
            )
        if {"top", "top_score"} & set(names):
            raise RecipeError(
                f"the model {self.model} has a label 'top' or 'top_score', columns already"
            )
        return names
