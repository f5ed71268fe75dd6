"""Language of a document, by a fastText model: lid.176 (Joulin et al. 2016) unless told."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from dolma_pipe.assets import asset_path
from dolma_pipe.batch import Batch
from dolma_pipe.errors import RecipeError
from dolma_pipe.fasttext import load_model, read_labels
from dolma_pipe.tagger import Column, Labels, Tagger


class Lid(Tagger, frozen=True):
    """Columns: for each language asked for, the probability that the whole text is in it (Dolma 1:
    en >= 0.5; OLMo 3 and FineWeb: en >= 0.65); `top`, the likeliest language, and `top_score`, its
    probability.

    Line ends count as spaces. A text of which the model knows nothing has no numbers (NaN).
    """

    cost: ClassVar[float] = 5.0

    model: str = "lid176"
    """A fastText classifier (.bin or .ftz): an asset or a path."""

    languages: tuple[str, ...] = ("en",)
    """Languages to score, by the model's codes (lid.176: ISO 639-1, else ISO 639-3)."""

    def columns(self) -> tuple[str, ...]:
        return (*self.languages, "top", "top_score")

    def assets(self) -> tuple[str, ...]:
        return (self.model,)

    def numbers(self) -> tuple[str, ...]:
        return (*self.languages, "top_score")

    def check(self) -> None:
        known = read_labels(asset_path(self.model))
        for language in self.languages:
            if language not in known:
                raise RecipeError(f"lid: the model {self.model} knows no language '{language}'")

    def tag(self, batch: Batch) -> Mapping[str, Column]:
        model = load_model(asset_path(self.model))
        wanted = np.array([model.labels.index(language) for language in self.languages], np.int32)
        scores, top, top_score = model.predict(batch.text, batch.offsets, wanted)
        columns: dict[str, Column] = {name: scores[:, k] for k, name in enumerate(self.languages)}
        return columns | {"top": Labels(top, model.labels), "top_score": top_score}
