"""The sentence rules of MADLAD-400 (Kudugunta et al. 2023, "MADLAD-400", section 2.3)."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import msgspec
import numpy as np

from dolma_pipe.assets import asset_path
from dolma_pipe.batch import Batch
from dolma_pipe.fasttext import load_model
from dolma_pipe.fasttext_levels import MOST_PARTS
from dolma_pipe.kernels.jit import I64, U8, Bool
from dolma_pipe.kernels.madlad400 import CURSED, LANGUAGE, LENGTH, LIST_CASE, TECHNICAL, madlad400
from dolma_pipe.tagger import Column, Tagger

RULES = {
    1: ("other_language", LANGUAGE),
    2: ("list_case", LIST_CASE),
    3: ("abnormal_length", LENGTH),
    4: ("technical", TECHNICAL),
    5: ("cursed", CURSED),
}
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 40)]


class Madlad400(Tagger, frozen=True):
    """Columns, with the published rule in brackets.

    - `sentences`: how many there are [at least 5].
    - `questionable`: the share that one of `rules` holds for [below .2].
    - The share of each rule. 1 `other_language`: its language is another than the document's (only
      where rule 1 is asked for). 2 `list_case`: more than half of at least 12 words start with a
      capital. 3 `abnormal_length`: under 20 or over 500 characters. 4 `technical`: more than 20 %
      of the characters are among 0-9{}+/()>. 5 `cursed`: it holds one of the published patterns,
      listed in dolma_pipe/kernels/cursed.py (mp3, Facebook, " sex ", lorem ipsum, ...).

    Conventions: a sentence ends with its line, and where dolma_pipe/kernels/sentences.py says (OLMo
    3 splits at [.!?]+ and white space only, so lines without an end mark are one sentence). Words
    are those with a letter or a digit. Characters are code points (OLMo 3 counts bytes). Of a
    document without sentences the shares are 0.
    """

    cost: ClassVar[float] = 2.2

    rules: tuple[Literal[1, 2, 3, 4, 5], ...] = (2, 3, 4, 5)
    """Rules that make a sentence questionable (MADLAD-400: all five; OLMo 3: 2 and 5)."""

    model: str = "lid176"
    """For rule 1: a fastText language classifier (.bin or .ftz), an asset or a path."""

    min_list_words: Count = 12
    """Rule 2 asks sentences of so many words and more (published: 12)."""

    max_capitalised: Share = 0.5
    """Rule 2 holds for a larger share of capitalised words (published: 0.5)."""

    min_characters: Count = 20
    """Rule 3 holds for shorter sentences (published: 20)."""

    max_characters: Count = 500
    """Rule 3 holds for longer sentences (published: 500)."""

    max_technical: Share = 0.2
    """Rule 4 holds for a larger share of technical characters (published: 0.2)."""

    def columns(self) -> tuple[str, ...]:
        names = [name for rule, (name, _) in RULES.items() if rule > 1 or self._asks_language()]
        return ("sentences", "questionable", *names)

    def assets(self) -> tuple[str, ...]:
        return (self.model,) if self._asks_language() else ()

    def tag(self, batch: Batch) -> Mapping[str, Column]:
        sentences = batch.sentences
        flags = madlad400(
            batch.text,
            batch.words,
            sentences,
            self.min_list_words,
            self.max_capitalised,
            self.min_characters,
            self.max_characters,
            self.max_technical,
        )
        if self._asks_language():
            flags |= self._other_language(batch) * np.uint8(LANGUAGE)
        asked = sum(1 << rule for rule in set(self.rules))
        columns: dict[str, Column] = {
            "sentences": np.diff(sentences.offsets),
            "questionable": _share(flags, asked, sentences.offsets),
        }
        for name, bit in RULES.values():
            if name in self.columns():
                columns[name] = _share(flags, bit, sentences.offsets)
        return columns

    def _asks_language(self) -> bool:
        return 1 in self.rules

    def _other_language(self, batch: Batch) -> Bool:
        """bool[sentences]; one of which the model knows nothing is in another language."""
        model = load_model(asset_path(self.model))
        none = np.empty(0, np.int32)
        firsts, starts, ends = batch.sentences
        of_sentences = np.empty(len(starts), np.int32)
        for first in range(0, len(starts), MOST_PARTS):
            here = slice(first, first + MOST_PARTS)
            of_sentences[here] = model.predict(batch.text, starts[here], ends[here], none)[1]
        of_documents = model.predict(batch.text, batch.offsets[:-1], batch.offsets[1:], none)[1]
        return np.asarray(of_sentences != np.repeat(of_documents, np.diff(firsts)))


def _share(flags: U8, bits: int, offsets: I64) -> Column:
    """float64[documents]: the share of sentences with one of these bits, 0 without sentences."""
    before = np.zeros(len(flags) + 1, np.int64)
    np.cumsum(flags & np.uint8(bits) != 0, out=before[1:])
    return np.diff(before[offsets]) / np.maximum(np.diff(offsets), 1)
