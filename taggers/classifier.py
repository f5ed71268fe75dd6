"""Any fastText classifier: quality, topic, toxicity. Its labels become columns."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import msgspec

from dolma_pipe.assets import asset_path
from dolma_pipe.batch import Batch
from dolma_pipe.errors import RecipeError
from dolma_pipe.fasttext import read_labels
from dolma_pipe.fasttext_levels import Aggregate, Level, check_labels, label_scores
from dolma_pipe.tagger import Column, Tagger

MOST_LABELS = 32
"""A model with more must be told which ones are wanted: a column each would be a large table."""


class Classifier(Tagger, frozen=True):
    """Columns: for each label its probability, as fastText's `predict` gives it for the text with
    line ends as spaces; `top`, the likeliest label, and `top_score`, its probability.

    At the level of paragraphs or sentences the scores are those of the parts, aggregated, `top` is
    the label with the highest, and each label has two columns more: `<label>_spans`, the parts
    whose probability reaches `span_threshold`, to be masked, and `<label>_share`, their share of
    the characters of all parts. A text of which the model knows nothing, below the level of
    documents also an empty one, has no numbers (NaN) but shares of 0.

    Toxicity of Dolma 1 (Jigsaw hate and NSFW, by sentence, threshold .4):
    {classifier: {name: nsfw, model: nsfw.bin, labels: [nsfw], level: sentence}} with
    mask: {nsfw.nsfw_spans: ""}, or a rule on nsfw.nsfw_share. Word lists are the tagger toxicity.
    """

    cost: ClassVar[float] = 5.0

    model: str
    """A fastText classifier (.bin or .ftz): an asset or a path."""

    labels: tuple[str, ...] = ()
    """Labels to score, without __label__; all of them when empty, if the model has at most 32."""

    level: Level = "document"
    """What is scored: the whole text, each line that is not blank, or each sentence."""

    aggregate: Aggregate = "mean"
    """A document's score from its parts': the mean weighted by characters, or the max."""

    span_threshold: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.4
    """The least probability of a part in `<label>_spans` (Dolma 1: .4)."""

    def columns(self) -> tuple[str, ...]:
        names = self._wanted()
        shares = () if self.level == "document" else tuple(f"{name}_share" for name in names)
        columns = (*names, "top", "top_score", *self.spans(), *shares)
        for column in columns:
            if columns.count(column) > 1:
                raise RecipeError(f"the labels of {self.model} make the column '{column}' twice")
        return columns

    def spans(self) -> tuple[str, ...]:
        if self.level == "document":
            return ()
        return tuple(f"{name}_spans" for name in self._wanted())

    def assets(self) -> tuple[str, ...]:
        return (self.model,)

    def numbers(self) -> tuple[str, ...]:
        return tuple(name for name in self.columns() if name not in {"top", *self.spans()})

    def check(self) -> None:
        check_labels("classifier", self.model, self._wanted())

    def tag(self, batch: Batch) -> Mapping[str, Column]:
        names, threshold = self._wanted(), self.span_threshold
        return label_scores(self.model, names, batch, self.level, self.aggregate, threshold)

    def _wanted(self) -> tuple[str, ...]:
        names = self.labels or read_labels(asset_path(self.model))
        if not self.labels and len(names) > MOST_LABELS:
            raise RecipeError(
                f"the model {self.model} has {len(names)} labels: name the wanted ones in `labels`"
            )
        return names
