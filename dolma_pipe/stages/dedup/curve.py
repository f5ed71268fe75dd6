"""Curve: whether pairs of a known Jaccard share as many bands as theory says, and so how many
copies the bands find.

What deduplication sees are pairs that share a band at least, so their share says nothing; but among
them the number K of shared bands is a binomial without its zero, and bands are exchangeable: each
shared band vouches for the pair, and the others then are a fair sample. Thus E[K (K - 1)] / E[K] =
(bands - 1) p, whatever p is, and 1 - (1 - p) ** bands are the pairs of this Jaccard that are found.
"""

from typing import Any, NamedTuple

import numpy as np

from dolma_pipe.kernels.jit import F64, I64, U64, Bool
from dolma_pipe.stages.dedup.banding import Banding
from dolma_pipe.stages.dedup.cells import read_all_cells
from dolma_pipe.stages.dedup.decisions import NOBODY
from dolma_pipe.stages.dedup.keys import key_columns
from dolma_pipe.stages.dedup.plan import Plan, Steps, load
from dolma_pipe.work import all_here, atomic_write

SAMPLE = 4000
"""Pairs of an entry, of different kept documents: those of one share its signature's luck."""
BINS = 20
"""Stretches of Jaccard; a last one is 1 alone."""
FEWEST = 20
"""Pairs below which nothing is said of theory."""
DEVIATIONS, RELATIVE = 5.0, 0.02
"""A difference is told from so many standard errors, and from such a part of what is expected."""


class Counted(NamedTuple):
    """Sampled pairs that share a band: jaccard float64[pairs], shared bool[pairs, bands]."""

    jaccard: F64
    shared: Bool


def measure_curve(steps: Steps, banding: Banding, parts: int) -> dict[str, Any]:
    """The report's s_curve; parts: of decisions with their Jaccard.

    recall: of the copies, the part that the bands find, by what was measured and by theory; an
    estimate (Horvitz-Thompson) from the copies that were found, so for Jaccards like theirs.
    """
    chosen = steps.over_parts("curve:choose_pairs", parts)
    [counted] = steps.over_parts("curve:count_bands", 1, files=parts, rows=banding.rows)
    copies = np.sum([c["copies"] for c in chosen], axis=0)
    for told in counted["bins"]:
        told["copies"] = int(copies[_number(told["jaccard"])])
    return {
        **counted,
        "recall": _recall(counted["bins"], "found"),
        "expected_recall": _recall(counted["bins"], "expected_found"),
    }


def choose_pairs(args: dict[str, Any]) -> dict[str, Any]:
    """Task: pairs/<part>.u64, records of (hash, removed, kept, bits of the Jaccard).

    One pair a kept document, and of them those of the smallest hash. Returns copies by Jaccard.
    """
    plan, part = load(args["plan"]), args["part"]
    records = read_all_cells(plan.path(f"decisions/{part}.cells")).reshape(-1, 6)
    jaccard = records[:, 2].copy().view(np.float64)
    records = records[(records[:, 1] != NOBODY) & ~np.isnan(jaccard)]
    removed, kept, bits = records[:, 0], records[:, 1], records[:, 2]
    order = np.lexsort((_mixed(removed), kept))
    first = np.append(True, np.diff(kept[order]) != 0)[: len(order)]
    one = order[first]
    pairs = np.stack([_mixed(kept[one]), removed[one], kept[one], bits[one]], axis=1)
    with atomic_write(plan.path(f"pairs/{part}.u64"), durable=False) as file:
        file.write(_smallest(pairs).data)
    bins = _bins(bits.copy().view(np.float64))
    return {"copies": np.bincount(bins, minlength=BINS + 1).tolist()}


def count_bands(args: dict[str, Any]) -> dict[str, Any]:
    """Task: shared bands of the sample of all parts. args: files of pairs; rows of a band."""
    plan = load(args["plan"])
    pairs = np.empty((0, 4), np.uint64)
    paths = (plan.path(f"pairs/{part}.u64") for part in range(args["files"]))
    for path in all_here(paths):
        more = np.fromfile(path, np.uint64).reshape(-1, 4)
        pairs = _smallest(np.concatenate([pairs, more]))
    ones, others = _keys(plan, pairs[:, 1]), _keys(plan, pairs[:, 2])
    shared = (ones == others) & (ones != 0)
    found = shared.any(axis=1)
    jaccard = np.round(pairs[:, 3].copy().view(np.float64), 6)
    banding = Banding(ones.shape[1], args["rows"])
    counted = Counted(jaccard[found], shared[found])
    bins = [_bin(counted, banding, k) for k in np.unique(_bins(counted.jaccard)).tolist()]
    return {
        "pairs": len(counted.jaccard),
        "pairs_through_others": int((~found).sum()),
        "shared_by_band": counted.shared.sum(axis=0).tolist(),
        "bins": bins,
        "remarks": remarks(counted, banding),
    }


def remarks(counted: Counted, banding: Banding) -> list[str]:
    """In plain words, where the sample and theory differ by more than chance; [] where not."""
    said = []
    bins = _bins(counted.jaccard)
    for k in np.unique(bins).tolist():
        told = _difference(Counted(*(column[bins == k] for column in counted)), banding)
        said += [f"pairs of Jaccard {bin_name(k)} {told}"] if told else []
    told = _difference(counted, banding)
    if told and not said:
        said.append(f"all pairs together {told}")
    return said + _odd_bands(counted)


def _recall(bins: list[dict[str, Any]], found: str) -> float | None:
    """Copies by what they stand for: one of a Jaccard that is found with f stands for 1 / f."""
    known = [told for told in bins if told[found]]
    copies = sum(told["copies"] for told in known)
    return (
        round(copies / sum(told["copies"] / told[found] for told in known), 4) if copies else None
    )


def expected_shared(banding: Banding, jaccard: F64) -> tuple[F64, F64]:
    """Mean and variance of the bands that a pair shares, where it shares one at least."""
    p = jaccard**banding.rows
    found = 1.0 - (1.0 - p) ** banding.bands
    mean = banding.bands * p / found
    square = (banding.bands * p * (1.0 - p) + (banding.bands * p) ** 2) / found
    return mean, np.maximum(square - mean**2, 0.0)


def bin_name(number: int) -> str:
    """ "0.8 to 0.85", or "1"."""
    return "1" if number == BINS else f"{number / BINS:g} to {(number + 1) / BINS:g}"


def _number(name: str) -> int:
    """The bin of a name."""
    return round(float(name.split()[0]) * BINS)


def _difference(counted: Counted, banding: Banding) -> str:
    """Observed against expected as words; "" where chance or too few pairs explain it."""
    pairs = len(counted.jaccard)
    if pairs < FEWEST:
        return ""
    mean, variance = expected_shared(banding, counted.jaccard)
    observed, expected = float(counted.shared.sum()) / pairs, float(mean.sum()) / pairs
    error = float(np.sqrt(variance.sum())) / pairs
    away = abs(observed - expected)
    if away <= DEVIATIONS * error + 1e-9 or away <= RELATIVE * expected:
        return ""
    return (
        f"share {observed:.2f} bands, theory says {expected:.2f} (standard error {error:.2f}, "
        f"{pairs:,} pairs): the bands find {'fewer' if observed < expected else 'other'} copies "
        "than they should"
    )


def _odd_bands(counted: Counted) -> list[str]:
    """Bands that are shared more rarely or more often than the others, as chance would not."""
    pairs, bands = counted.shared.shape
    shared = counted.shared.sum(axis=1)
    error = float(np.sqrt((shared * (bands - shared)).sum())) / bands
    if pairs < FEWEST or not error:
        return []
    by_band, mean = counted.shared.sum(axis=0), float(shared.sum()) / bands
    odd = np.flatnonzero(np.abs(by_band - mean) > np.maximum(DEVIATIONS * error, RELATIVE * mean))
    if not len(odd):
        return []
    odd = odd[np.argsort(by_band[odd], kind="stable")]  # what is never shared comes first
    told = ", ".join(f"{band + 1} by {by_band[band]:,}" for band in odd[:5].tolist())
    more = f" and {len(odd) - 5} more" if len(odd) > 5 else ""
    return [f"bands are not alike: {told} pairs{more}, the mean is {mean:,.0f} of {pairs:,} pairs"]


def _bin(counted: Counted, banding: Banding, number: int) -> dict[str, Any]:
    hit = _bins(counted.jaccard) == number
    jaccard, shared = counted.jaccard[hit], counted.shared[hit].sum(axis=1)
    mean, variance = expected_shared(banding, jaccard)
    p = float((mean * jaccard**banding.rows).sum() / mean.sum())
    return {
        "jaccard": bin_name(number),
        "pairs": len(jaccard),
        "shared_bands": round(float(shared.mean()), 4),
        "expected_shared_bands": round(float(mean.mean()), 4),
        "standard_error": round(float(np.sqrt(variance.sum())) / len(jaccard), 4),
        "found": _found(shared, banding.bands),
        "expected_found": round(1.0 - (1.0 - p) ** banding.bands, 4),
    }


def _found(shared: I64, bands: int) -> float | None:
    """The part of such pairs that the bands find, from those found alone; needs two bands."""
    if bands == 1:
        return None
    p = float((shared * (shared - 1)).sum() / ((bands - 1) * shared.sum()))
    return round(1.0 - (1.0 - p) ** bands, 4)


def _keys(plan: Plan, documents: U64) -> U64:
    """uint64[documents, bands]."""
    shards = plan.shard_of(documents)
    keys = np.zeros((len(documents), key_columns(plan.entry)), np.uint64)
    for shard in np.unique(shards).tolist():
        hit = np.flatnonzero(shards == shard)
        rows = documents[hit].astype(np.int64) - plan.firsts[shard]
        keys[hit] = plan.some_keys(shard, rows).T
    return keys


def _bins(jaccard: F64) -> I64:
    return np.floor(np.round(jaccard, 6) * BINS + 1e-9).astype(np.int64)


def _smallest(pairs: U64) -> U64:
    order = np.lexsort((pairs[:, 2], pairs[:, 0]))
    return np.ascontiguousarray(pairs[order[:SAMPLE]])


def _mixed(documents: U64) -> U64:
    """A permutation of 64 bits, the finaliser of MurmurHash3."""
    mixed = documents.copy()
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        mixed = (mixed ^ (mixed >> np.uint64(33))) * np.uint64(factor)
    return mixed ^ (mixed >> np.uint64(33))
