"""The settings of a training, each said once: bounds, defaults and help of the command line."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

POSITIVE, NEGATIVE = "hq", "lq"
"""Labels of the two sides: a tagger named quality gives the columns quality.hq and quality.lq."""

_Count = Annotated[int, Meta(ge=1)]


class SampleSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Which documents are taken. Choices are hashes of seed and text, so order never counts."""

    max_documents: Annotated[
        _Count, Meta(description="Most documents of a class; more: a choice by hash.")
    ] = 200_000  # as DCLM (Li et al. 2024) took of each side
    max_megabytes: Annotated[
        _Count, Meta(description="Most text of a class, in MB; more: a choice by hash.")
    ] = 2_000
    seed: Annotated[
        int, Meta(ge=0, lt=1 << 31, description="Of the split, choices and weights.")
    ] = 0
    held_out: Annotated[
        float, Meta(gt=0, lt=1, description="Share of the documents that only measures.")
    ] = 0.1


class TrainSettings(SampleSettings, frozen=True, kw_only=True):
    """What fastText is told; everything else is its default for classifiers."""

    dim: Annotated[int, Meta(ge=1, le=1000, description="Dimensions of a word's vector.")] = 32
    epochs: Annotated[int, Meta(ge=1, le=10_000, description="Times each document is seen.")] = 10
    lr: Annotated[float, Meta(gt=0, le=10, description="Learning rate at the start.")] = 0.3
    word_ngrams: Annotated[
        int, Meta(ge=1, le=5, description="Longest run of words that is a feature.")
    ] = 2
    min_count: Annotated[_Count, Meta(description="Rarer words are not in the dictionary.")] = 2
    buckets: Annotated[int, Meta(ge=1, le=1 << 28, description="Rows that word n-grams share.")] = (
        500_000
    )
    cutoff: Annotated[
        int, Meta(ge=0, description="Words and n-grams that a .ftz keeps, 0 for all of them.")
    ] = 100_000
    balance: Annotated[
        Literal["repeat", "fewer", "none"],
        Meta(
            description="In training, where classes differ in documents: repeat those of the "
            "smaller, take fewer of the larger, or leave them as they are."
        ),
    ] = "repeat"
    threads: Annotated[
        _Count,
        Meta(description="More than 1 is faster, and gives other bytes in every run."),
    ] = 1
