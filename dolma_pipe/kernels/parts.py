"""Paragraphs and sentences: how much text each is, and the scores of documents from theirs."""

import numpy as np

from dolma_pipe.kernels.jit import F32, F64, I32, I64, U8, U16, kernel
from dolma_pipe.kernels.unicode import SPACE, classes, code_point_at, flags_of


def weigh_parts(text: U8, starts: I64, ends: I64) -> I64:
    """int64[parts]: the code points of each text[starts[p]:ends[p]], 0 of nothing but white
    space."""
    weights = np.zeros(len(starts), np.int64)
    _weigh_parts(text, starts, ends, *classes(), weights)
    return weights


@kernel
def _weigh_parts(text: U8, starts: I64, ends: I64, pages: U16, flags: U8, weights: I64) -> None:
    for p in range(len(starts)):
        i, end = int(starts[p]), int(ends[p])
        count, blank = 0, True
        while i < end:
            code, i = code_point_at(text, i)
            count += 1
            blank = blank and flags_of(code, pages, flags) & SPACE != 0
        weights[p] = 0 if blank else count


@kernel
def fold_parts(
    part_scores: F32,
    first: int,
    offsets: I64,
    weights: I64,
    highest: bool,
    wanted: I32,
    totals: F64,
    open_document: I64,
    scores: F64,
    top: I32,
    top_score: F64,
) -> None:
    """Fold the scores float32[n, labels] of parts first, first + 1, ... into those of documents.

    A part with NaN counts for nothing. offsets int64[documents + 1]: document d has the parts
    offsets[d]:offsets[d + 1], of weights int64[parts]. highest: the largest score in place of the
    weighted mean. totals float64[labels] and open_document int64[2] (its number, and its weight so
    far) are zero at first and carry a document over to the next call. Of whole documents scores
    float64[documents, k] of wanted int32[k], top and top_score are filled; of one without a score
    they stay as they are.
    """
    d, weight = open_document[0], open_document[1]
    for i in range(len(part_scores)):
        p = first + i
        while p >= offsets[d + 1]:
            d += 1
        if not np.isnan(part_scores[i, 0]):
            weight += weights[p]
            for label in range(len(totals)):
                score = np.float64(part_scores[i, label])
                if highest:
                    totals[label] = max(totals[label], score)
                else:
                    totals[label] += score * weights[p]
        if p + 1 < offsets[d + 1]:
            continue
        if weight > 0:
            scale = 1 if highest else weight
            best = np.argmax(totals)
            top[d] = best
            top_score[d] = totals[best] / scale
            for j in range(len(wanted)):
                scores[d, j] = totals[wanted[j]] / scale
        totals[:] = 0.0
        weight = 0
    open_document[0], open_document[1] = d, weight
