"""How well a text compresses: repetitive text does too well, random strings not at all."""

import itertools
from collections.abc import Mapping
from functools import cache
from typing import Annotated, ClassVar

import msgspec
import numpy as np
import zstandard

from dolma_pipe.batch import Batch
from dolma_pipe.tagger import Column, Tagger


class Compression(Tagger, frozen=True):
    """Columns: `zstd_ratio`, the bytes of the text as one zstd frame over its bytes as UTF-8.

    Ordinary English has .35 to .6, by its length; a page of one repeated line is near 0, base64 or
    a hash list near .75 and over. There is no published threshold that fits every corpus: OLMo 3
    drops the fifth of its long documents that compresses best and the fifth that compresses worst
    (by gzip). The ratio falls with length, so a rule should ask for `gopher.words` first.

    It is never over 1: texts of some bytes, which a frame's header makes longer, have 1, and so has
    an empty one. Another version of zstd may give slightly other sizes.
    """

    cost: ClassVar[float] = 1.4

    level: Annotated[int, msgspec.Meta(ge=1, le=19)] = 3
    """Of zstd: higher ones compress better and take longer; a ratio depends on it."""

    def columns(self) -> tuple[str, ...]:
        return ("zstd_ratio",)

    def tag(self, batch: Batch) -> Mapping[str, Column]:
        compressor = _compressor(self.level)
        ratios = np.ones(len(batch))
        text = batch.text.data
        for d, (start, end) in enumerate(itertools.pairwise(batch.offsets.tolist())):
            if end > start:
                size = len(compressor.compress(text[start:end]))
                ratios[d] = min(1.0, size / (end - start))
        return {"zstd_ratio": ratios}


@cache
def _compressor(level: int) -> zstandard.ZstdCompressor:
    """One for all documents: making its tables anew would cost more than a short text."""
    return zstandard.ZstdCompressor(level, write_checksum=False)
