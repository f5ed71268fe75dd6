"""OLMo's rule against token sequences that repeat a short period over and over."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import msgspec
import numpy as np

from dolma_pipe.batch import Batch
from dolma_pipe.kernels.token_repetition import COLUMNS, token_repetition
from dolma_pipe.tagger import Column, Tagger
from dolma_pipe.tokenizer import EncoderFailed, load_tokenizer


class TokenRepetition(Tagger, frozen=True):
    """Columns, with the published rule in brackets.

    - `tokens`: how many the text has, without an end of text.
    - `repeated_sequences`: sequences that repeat a period of 1 to `max_period` tokens at least
      `min_times` in a row; those that overlap or touch are one [0].
    - `longest_repeated_sequence`: tokens of the longest.
    - `repeated_tokens`: the share of tokens in such sequences.

    OLMo 2 leaves out of the loss every training sequence that has one (periods 1 to 13, 32 times);
    as a rule on documents it drops them before they are mixed.
    """

    cost: ClassVar[float] = 2.5

    tokenizer: str = "gpt-neox-olmo"
    """A named asset, or the path of a tokenizer.json."""

    max_period: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 13
    """The longest period in tokens (published: 13)."""

    min_times: Annotated[int, msgspec.Meta(ge=2, le=1_000_000)] = 32
    """How often a period stands in a row (published: 32)."""

    def columns(self) -> tuple[str, ...]:
        return COLUMNS

    def assets(self) -> tuple[str, ...]:
        return (self.tokenizer,)

    def check(self) -> None:
        load_tokenizer(self.tokenizer)

    def tag(self, batch: Batch) -> Mapping[str, Column]:
        tokenizer = load_tokenizer(self.tokenizer)
        try:
            ids, offsets = tokenizer.encode(batch.text, batch.offsets)
        except EncoderFailed:
            ids, offsets = tokenizer.encode_reference(batch.text, batch.offsets)
        found = token_repetition(ids, offsets, self.max_period, self.min_times)
        return {
            name: found[:, k].astype(np.float64 if name == "repeated_tokens" else np.int64)
            for k, name in enumerate(COLUMNS)
        }
