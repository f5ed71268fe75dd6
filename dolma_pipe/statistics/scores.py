"""Language, personal data and toxic words of a batch, by the taggers of the shelf."""

from typing import Any

import numpy as np

from dolma_pipe.assets import asset_path
from dolma_pipe.batch import Batch
from dolma_pipe.columns import label_sums
from dolma_pipe.errors import AssetError
from dolma_pipe.shelf import built_in
from dolma_pipe.statistics.counts import Counts
from dolma_pipe.statistics.settings import Settings
from dolma_pipe.tagger import Labels, Tagger

PII = ("email", "phone", "ip", "credit_card", "iban", "secret")
TOXIC = "toxic words"


class Scores:
    """The taggers that the settings want."""

    def __init__(self, settings: Settings) -> None:
        self._language = self._pii = self._toxicity = None
        if "language" in settings.parts:
            self._language = built_in("lid", model=settings.language, languages=())
        if "pii" in settings.parts:
            self._pii = built_in("pii", find=PII)
        if "toxicity" in settings.parts:
            self._toxicity = built_in("toxicity")

    def prepare(self) -> None:
        """Fetch models and lists, and check them. Raises UserError."""
        taggers = {"language": self._language, "pii": self._pii, "toxicity": self._toxicity}
        for part, tagger in taggers.items():
            if tagger:
                for asset in tagger.assets():
                    fetch(asset, part)
                tagger.check()

    def add(self, batch: Batch, counts: Counts) -> None:
        """Count what the taggers find."""
        if self._language:
            counts.merge(Counts(languages=_languages(self._language, batch)))
        if self._pii:
            columns = self._pii.tag(batch)
            found = {kind: _found(columns[f"{kind}s"]) for kind in PII}
            counts.merge(Counts(found=found))
        if self._toxicity:
            counts.merge(Counts(found={TOXIC: _found(self._toxicity.tag(batch)["count"])}))


def fetch(asset: str, part: str) -> None:
    """Have it on this machine. Raises AssetError, which says how to do without."""
    try:
        asset_path(asset)
    except AssetError as error:
        raise AssetError(f"{error}; or count without: --without {part}") from None


def _languages(tagger: Tagger, batch: Batch) -> dict[str, tuple[int, int]]:
    labels = tagger.tag(batch)["top"]
    assert isinstance(labels, Labels)
    # a model has an answer for a text without words, too
    codes = np.where(np.diff(batch.words.offsets) > 0, labels.codes, -1)
    labels = labels._replace(codes=codes)
    return {name or "": of for name, of in label_sums(labels, np.diff(batch.offsets)).items()}


def _found(numbers: Any) -> tuple[int, int]:
    """Documents with any, and how many there are."""
    return int(np.count_nonzero(numbers)), int(np.sum(numbers))
