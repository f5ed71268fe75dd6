"""Which documents entered and left between two runs: shards that are the same in both are compared
line by line, documents of the others by their ids."""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from dolma_pipe.errors import WorkError
from dolma_pipe.kernels.jit import I32, I64
from dolma_pipe.report.comparison.fates import (
    ABSENT_CODE,
    QUARANTINED_CODE,
    Fates,
    Names,
    fates_of,
    quarantined_lines,
    together,
)
from dolma_pipe.report.comparison.model import KEPT, Moved, Transition
from dolma_pipe.report.finished import FinishedRun
from dolma_pipe.work import address

EXAMPLES = 3
"""Of each pair of fates of a source."""
JOINED = 1 << 24
"""Documents of shards that differ which are compared at a time, some 50 bytes each; where there
are more, the shards are read again for each part of the ids."""


Lines = dict[str, I64]


class Place(NamedTuple):
    """A document of one run. row: in curated/, -1 where a rule dropped it."""

    key: str
    line: int
    row: int


class Found(NamedTuple):
    """A document that fared differently: where A and B have it, if they have."""

    places: tuple[Place | None, Place | None]
    before: str
    after: str


class SourceComparison(NamedTuple):
    """One source; found: the first documents of each pair of fates of which one is kept."""

    moved: Moved
    transitions: list[Transition]
    found: list[Found]


class _Pairs(NamedTuple):
    """Documents side by side. rows: of each in the fates of A and of B, -1 where it is absent. bad:
    by shard, lines that A and B have in quarantine, of shards that both have read."""

    sides: tuple[Fates, Fates]
    rows: tuple[I64, I64]
    aligned: bool
    bad: tuple[Lines, Lines] = ({}, {})

    def codes(self, run: int) -> I32:
        rows = self.rows[run]
        codes = np.where(rows < 0, ABSENT_CODE, _at(self.sides[run].codes, rows)).astype(np.int32)
        absent = np.flatnonzero(rows < 0)
        other, there = self.sides[1 - run], self.rows[1 - run][absent]
        for number, key in enumerate(other.keys):
            if key in self.bad[run]:
                here = other.shards[there] == number
                here &= np.isin(other.lines[there], self.bad[run][key])
                codes[absent[here]] = QUARANTINED_CODE
        return codes

    def sizes(self) -> I64:
        here, there = (_at(self.sides[k].sizes, self.rows[k]) for k in (0, 1))
        return np.where(self.rows[0] < 0, there, here)

    def place(self, run: int, pair: int) -> Place | None:
        row, side = int(self.rows[run][pair]), self.sides[run]
        if row < 0:
            return None
        key = side.keys[side.shards[row]]
        return Place(key, int(side.lines[row]), int(side.curated[row]))


def compare_source(a: FinishedRun, b: FinishedRun, source: str) -> SourceComparison:
    """Every document that A or B has read of it, once. Raises WorkError."""
    names = Names()
    documents: Counter[tuple[str, str]] = Counter()
    sizes: Counter[tuple[str, str]] = Counter()
    found: dict[tuple[str, str], list[Found]] = {}
    aligned = 0
    for pairs in _all_pairs(a, b, source, names):
        both = pairs.codes(0).astype(np.int64) * len(names) + pairs.codes(1)
        every, told = pairs.sizes(), names.all()
        aligned += len(both) * pairs.aligned
        for code in np.unique(both).tolist():
            before, after = (told[k] for k in divmod(code, len(names)))
            rows = np.flatnonzero(both == code)
            documents[before, after] += len(rows)
            sizes[before, after] += int(every[rows].sum())
            if (before == KEPT) != (after == KEPT):
                some = found.setdefault((before, after), [])
                some += [
                    Found((pairs.place(0, row), pairs.place(1, row)), before, after)
                    for row in rows[: EXAMPLES - len(some)].tolist()
                ]
    transitions = [
        Transition(source, *pair, count, sizes[pair]) for pair, count in documents.items()
    ]
    transitions.sort(key=lambda one: (-one.documents, one.before, one.after))
    shown = [one for pair in sorted(found) for one in found[pair]]
    return SourceComparison(_moved(source, transitions, aligned), transitions, shown)


def _moved(source: str, transitions: list[Transition], aligned: int) -> Moved:
    entered = [one for one in transitions if one.before != KEPT and one.after == KEPT]
    left = [one for one in transitions if one.before == KEPT and one.after != KEPT]
    stayed = sum(one.documents for one in transitions if one.before == one.after == KEPT)
    gone = sum(one.documents for one in transitions if KEPT not in (one.before, one.after))
    return Moved(
        source=source,
        stayed=stayed,
        entered=sum(one.documents for one in entered),
        left=sum(one.documents for one in left),
        neither=gone,
        entered_bytes=sum(one.bytes for one in entered),
        left_bytes=sum(one.bytes for one in left),
        aligned=aligned,
    )


def _all_pairs(a: FinishedRun, b: FinishedRun, source: str, names: Names) -> Iterator[_Pairs]:
    runs = a, b
    keys = [_keys(run, source) for run in runs]
    same = [key for key in keys[0] if key in keys[1] and _is_same(a, b, key)]
    for key in same:
        one, other = (fates_of(run, key, names, ids=False) for run in runs)
        rows = np.arange(one.documents)
        yield _Pairs((one, other), (rows, rows), aligned=True)
    rest = [[key for key in told if key not in same] for told in keys]
    read = [key for key in rest[0] if key in rest[1] and _input(a, key) == _input(b, key)]
    bad = [{key: quarantined_lines(run, key) for key in read} for run in runs]
    documents = sum(len(runs[k].attributes(key)) for k in (0, 1) for key in rest[k])
    parts = -(-documents // JOINED)
    for part in range(parts):
        sides = [_part(runs[k], rest[k], names, part, parts) for k in (0, 1)]
        yield _joined(sides[0], sides[1])._replace(bad=(bad[0], bad[1]))


def _keys(run: FinishedRun, source: str) -> list[str]:
    """Shards that the run has read to its end. Raises WorkError where what it wrote is gone."""
    if source not in [row.source for row in run.summary.intake]:
        return []
    [(told, files)] = [one for one in run.tagged if one.source.name == source]
    curated = {key for key, passes in run.manifest.shards.items() if "curate" in passes}
    curated -= {*run.summary.failed}
    wanted = [shard.key for shard in told.inputs if shard.key in curated]
    for key in wanted:
        if key not in files:
            raise WorkError(f"{address(run.work.attributes(key))} is not there: run again")
    return wanted


def _is_same(a: FinishedRun, b: FinishedRun, key: str) -> bool:
    """Whether both have read the same documents from it, in the same way."""
    one, other = a.attributes(key).description, b.attributes(key).description
    return (one.input, one.read_by, one.lines, one.quarantine) == (
        (other.input, other.read_by, other.lines, other.quarantine)
    )


def _input(run: FinishedRun, key: str) -> str:
    """Hash of what it has read."""
    return run.attributes(key).description.input


def _part(run: FinishedRun, keys: list[str], names: Names, part: int, parts: int) -> Fates:
    """Documents of these shards whose ids fall into a part."""
    found = []
    for key in keys:
        fates = fates_of(run, key, names, ids=True)
        found.append(fates.only(fates.ids % np.uint64(parts) == part))
    return together(found)


def _joined(one: Fates, other: Fates) -> _Pairs:
    """Documents of the same id; the k-th of an id that several shards have is the other's k-th."""
    _, inverse = np.unique(np.concatenate([one.ids, other.ids]), return_inverse=True)
    most = max(one.documents, other.documents)
    keys = [ids * most + _copies(ids) for ids in np.split(inverse, [one.documents])]
    every = np.union1d(*keys)
    rows = [np.full(len(every), -1) for _ in keys]
    for told, mine in zip(rows, keys, strict=True):
        told[np.searchsorted(every, mine)] = np.arange(len(mine))
    return _Pairs((one, other), (rows[0], rows[1]), aligned=False)


def _copies(ids: I64) -> I64:
    """How many of the same stand before each."""
    order = np.argsort(ids, kind="stable")
    ordered = ids[order]
    found = np.empty_like(ids)
    found[order] = np.arange(len(ids)) - np.searchsorted(ordered, ordered)
    return found


def _at(values: I64 | I32, rows: I64) -> I64 | I32:
    """values[rows], anything where a row is -1."""
    return values[rows] if len(values) else np.zeros(len(rows), values.dtype)
