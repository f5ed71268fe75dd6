"""Language of a document, by a fastText model: lid.176 (Joulin et al. 2016) unless told."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from dolma_pipe.batch import Batch
from dolma_pipe.fasttext_levels import check_labels, label_scores
from dolma_pipe.tagger import Column, Tagger


class Lid(Tagger, frozen=True):
    """Columns: for each language asked for, the probability that the text is in it (Dolma 1:
    en >= 0.5; OLMo 3 and FineWeb: en >= 0.65); `top`, the likeliest language, and `top_score`, its
    probability.

    At the level of paragraphs every line that is not blank is scored, and a document has the mean
    weighted by the lines' characters; `top` has the highest mean of all languages. dolma's
    paragraph taggers with document score divide by all characters of the text, line feeds and blank
    lines included, which is a little less; datatrove scores whole documents only. Line ends count
    as spaces. A text of which the model knows nothing, at the level of paragraphs also an empty
    one, has no numbers (NaN).
    """

    cost: ClassVar[float] = 5.0

    model: str = "lid176"
    """A fastText classifier (.bin or .ftz), also GlotLID, OpenLID or NLLB: an asset or a path."""

    languages: tuple[str, ...] = ("en",)
    """Languages to score, by the model's codes (lid.176: ISO 639-1, else ISO 639-3; GlotLID and
    the like: eng_Latn)."""

    level: Literal["document", "paragraph"] = "document"
    """What is scored: the whole text (Dolma 1, OLMo 3, FineWeb), or each line that is not blank."""

    def columns(self) -> tuple[str, ...]:
        return (*self.languages, "top", "top_score")

    def assets(self) -> tuple[str, ...]:
        return (self.model,)

    def numbers(self) -> tuple[str, ...]:
        return (*self.languages, "top_score")

    def check(self) -> None:
        check_labels("lid", self.model, self.languages, "language")

    def tag(self, batch: Batch) -> Mapping[str, Column]:
        return label_scores(self.model, self.languages, batch, self.level)
