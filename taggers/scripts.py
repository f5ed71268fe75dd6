"""The scripts of a text: which there are, and whether it is made of letters at all."""

from collections.abc import Mapping
from typing import ClassVar

from dolma_pipe.batch import Batch
from dolma_pipe.kernels.scripts import SCRIPTS, scripts
from dolma_pipe.tagger import Column, Labels, Tagger


class Scripts(Tagger, frozen=True):
    """Columns: what tells tables, numbers and mixed pages apart from text in a language.

    - `latin`, `cyrillic`, `greek`, `armenian`, `georgian`, `hebrew`, `arabic`, `ethiopic`,
      `devanagari`, `bengali`, `gurmukhi`, `gujarati`, `oriya`, `tamil`, `telugu`, `kannada`,
      `malayalam`, `sinhala`, `thai`, `lao`, `tibetan`, `myanmar`, `khmer`, `hangul`, `kana`
      (Hiragana and Katakana), `han`, `other`: the share of the letters that are of this script.
    - `letters`: the share of letters among the code points, white space and marks left out (most
      vowel signs of Indic scripts and Thai are marks).
    - `top`: the script with most letters, none without letters.

    Shares of nothing are 0. No threshold is published; a text in a language has `letters` over
    about .6, and Japanese is kana and Han together.
    """

    cost: ClassVar[float] = 0.9

    def columns(self) -> tuple[str, ...]:
        return (*SCRIPTS, "letters", "top")

    def numbers(self) -> tuple[str, ...]:
        return (*SCRIPTS, "letters")

    def tag(self, batch: Batch) -> Mapping[str, Column]:
        shares, letters, top = scripts(batch.text, batch.offsets)
        columns: dict[str, Column] = {name: shares[:, s] for s, name in enumerate(SCRIPTS)}
        return columns | {"letters": letters, "top": Labels(top, SCRIPTS)}
