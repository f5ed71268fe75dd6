"""What a fastText model says of documents that it reads whole, or part by part."""

from typing import Literal, NamedTuple

import numpy as np

from dolma_pipe.assets import asset_path
from dolma_pipe.batch import Batch
from dolma_pipe.errors import RecipeError
from dolma_pipe.fasttext import FastTextModel, load_model, read_labels
from dolma_pipe.kernels.jit import F32, F64, I32, I64
from dolma_pipe.kernels.parts import fold_parts, weigh_parts
from dolma_pipe.tagger import Column, Labels, Spans

Level = Literal["document", "paragraph", "sentence"]
"""A paragraph is a line that is not blank, as for dolma; a sentence is one of Batch.sentences."""

Aggregate = Literal["mean", "max"]
"""A document's score from its parts': their mean weighted by characters, or the highest."""

BLOCK_SCORES = 1 << 18
"""Scores of parts that are held at once, of all labels."""

MOST_PARTS = 4096
"""Parts whose vectors are held at once."""


class Parts(NamedTuple):
    """Parts of documents, none of them blank.

    offsets: int64[documents + 1], document d has the parts offsets[d]:offsets[d + 1]; starts, ends:
    int64[parts], bytes from the start of the batch; weights: int64[parts], code points.
    """

    offsets: I64
    starts: I64
    ends: I64
    weights: I64


class Reached(NamedTuple):
    """Parts whose score for one label reaches the threshold: int64[n], float64[n]."""

    parts: I64
    scores: F64


def check_labels(tagger: str, model: str, labels: tuple[str, ...], kind: str = "label") -> None:
    """Raise RecipeError where the model does not know one of the labels."""
    known = read_labels(asset_path(model))
    for label in labels:
        if label not in known:
            raise RecipeError(f"{tagger}: the model {model} knows no {kind} '{label}'")


def label_scores(
    model: str,
    labels: tuple[str, ...],
    batch: Batch,
    level: Level = "document",
    aggregate: Aggregate = "mean",
    threshold: float | None = None,
) -> dict[str, Column]:
    """The columns of a fastText tagger: a score for each of `labels`, `top` and `top_score`.

    With a threshold, below the level of documents, also <label>_spans, the parts whose score
    reaches it, and <label>_share, their share of the characters of all parts. A document of which
    the model knows nothing has NaN, no label and no spans.
    """
    loaded = load_model(asset_path(model))
    wanted = np.array([loaded.labels.index(label) for label in labels], np.int32)
    if level == "document":
        starts, ends = batch.offsets[:-1], batch.offsets[1:]
        return _columns(labels, loaded, *loaded.predict(batch.text, starts, ends, wanted))
    parts = _parts(batch, level)
    least = np.inf if threshold is None else threshold
    scores, top, top_score, reached = _score_parts(loaded, batch, parts, wanted, aggregate, least)
    columns = _columns(labels, loaded, scores, top, top_score)
    if threshold is not None:
        for name, of_label in zip(labels, reached, strict=True):
            columns[f"{name}_spans"], columns[f"{name}_share"] = _spans(batch, parts, of_label)
    return columns


def _columns(
    labels: tuple[str, ...],
    model: FastTextModel,
    scores: F32 | F64,
    top: I32,
    top_score: F32 | F64,
) -> dict[str, Column]:
    columns: dict[str, Column] = {name: scores[:, k] for k, name in enumerate(labels)}
    return columns | {"top": Labels(top, model.labels), "top_score": top_score}


def _parts(batch: Batch, level: Level) -> Parts:
    offsets, starts, ends = batch.lines if level == "paragraph" else batch.sentences
    weights = weigh_parts(batch.text, starts, ends)
    kept = weights > 0
    before = np.zeros(len(kept) + 1, np.int64)
    np.cumsum(kept, out=before[1:])
    return Parts(before[offsets], starts[kept], ends[kept], weights[kept])


def _score_parts(
    model: FastTextModel,
    batch: Batch,
    parts: Parts,
    wanted: I32,
    aggregate: Aggregate,
    threshold: float,
) -> tuple[F64, I32, F64, list[Reached]]:
    """Scores of the wanted labels float64[documents, k], top int32[documents] and its score
    float64[documents], and the parts that reach the threshold for each wanted label."""
    documents, labels = len(batch), len(model.labels)
    scores = np.full((documents, len(wanted)), np.nan)
    top, top_score = np.full(documents, -1, np.int32), np.full(documents, np.nan)
    totals, open_document = np.zeros(labels), np.zeros(2, np.int64)
    found: list[list[Reached]] = [[] for _ in wanted]
    block = max(1, min(MOST_PARTS, BLOCK_SCORES // labels))
    for first in range(0, len(parts.starts), block):
        here = slice(first, first + block)
        of_parts = model.predict_all(batch.text, parts.starts[here], parts.ends[here])
        fold_parts(
            of_parts,
            first,
            parts.offsets,
            parts.weights,
            aggregate == "max",
            wanted,
            totals,
            open_document,
            scores,
            top,
            top_score,
        )
        for label, reached in zip(wanted, found, strict=True):
            # Rounded as scores are before a rule.
            rounded = of_parts[:, label].astype(np.float64).round(6)
            (rows,) = np.nonzero(rounded >= threshold)
            reached.append(Reached(rows + first, rounded[rows]))
    return scores, top, top_score, [_joined(reached) for reached in found]


def _joined(reached: list[Reached]) -> Reached:
    return Reached(
        np.concatenate([np.empty(0, np.int64), *(r.parts for r in reached)]),
        np.concatenate([np.empty(0), *(r.scores for r in reached)]),
    )


def _spans(batch: Batch, parts: Parts, reached: Reached) -> tuple[Spans, F64]:
    """The parts as spans, and their share of the characters of all parts of the document."""
    chosen = reached.parts
    offsets = np.searchsorted(chosen, parts.offsets).astype(np.int64)
    owners = np.repeat(np.arange(len(batch)), np.diff(offsets))
    starts = batch.offsets[owners]
    spans = Spans(
        offsets, parts.starts[chosen] - starts, parts.ends[chosen] - starts, reached.scores
    )
    sums = np.concatenate([[0], np.cumsum(parts.weights)])
    every = np.diff(sums[parts.offsets])
    hit_sums = np.concatenate([[0], np.cumsum(parts.weights[chosen])])
    return spans, np.diff(hit_sums[offsets]) / np.maximum(every, 1)
