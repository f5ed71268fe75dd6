"""Texts that say the same: cosine of sentence embeddings (SemDeDup, Abbas et al. 2023)."""

from typing import Annotated, Literal

import msgspec

from dolma_pipe.embeddings import check_model, model_assets
from dolma_pipe.entries.base import Chooser, Positive, Similarity


class Semantic(Chooser, kw_only=True, frozen=True, forbid_unknown_fields=True, tag="semantic"):
    """Clusters by k-means; pairs inside a cluster are compared."""

    threshold: Similarity | None = None
    """A document goes only if its cosine with a KEPT one reaches this.

    By default 0.95, and 0.97 for `static`, which takes one topic for copies at 0.95
    (docs/dedup.md).
    """

    model: str = "minilm"
    """minilm (needs the extra `semantic`), static (made by `dolma-pipe assets distill`), the file
    of a static model, or a folder with a BERT model whose last layer is averaged.
    """

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Of a transformer; auto: a GPU where torch finds one."""

    chunk: Annotated[int, msgspec.Meta(ge=8, le=8192)] = 256
    """Tokens of a document that a transformer sees at a time."""

    chunks: Positive = 8
    """At most, of a document; a longer one is looked at in so many places, spread evenly."""

    clusters: Positive | None = None
    """By default one for 4,000 documents."""

    probes: Annotated[int, msgspec.Meta(ge=1, le=8)] = 2
    """Nearest clusters that a document is compared in."""

    @property
    def cosine(self) -> float:
        """The threshold, or that of the model."""
        return self.threshold or (0.97 if self.model == "static" else 0.95)

    def assets(self) -> tuple[str, ...]:
        return model_assets(self.model)

    def check(self) -> None:
        check_model(self.model)
