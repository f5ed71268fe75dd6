"""The run that is looked at: its shards in order, what is counted of them, opened anew when a run
has made it anew."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np

from dolma_pipe.browse.texts import Texts
from dolma_pipe.curated import read_survivor_lines
from dolma_pipe.cuts import read_cuts
from dolma_pipe.errors import WorkError
from dolma_pipe.inputs import Input
from dolma_pipe.kernels.jit import I64, U8, Bool
from dolma_pipe.manifest import stamp_of
from dolma_pipe.recipe import Source
from dolma_pipe.report.finished import FinishedRun
from dolma_pipe.report.removed import Removed
from dolma_pipe.stages.outputs import Curated
from dolma_pipe.stages.survivors import Left, left_path
from dolma_pipe.stored import AttributeFile
from dolma_pipe.tagger import Kind
from dolma_pipe.work import address, exists, here, read_json

SHARDS_HELD = 16
"""Shards of which is remembered what stage 4 did: 9 bytes a survivor."""


class Counts(msgspec.Struct, frozen=True):
    """Of a shard, exact. lines = kept + dropped + duplicates + quarantined; kept: by all stages
    that were run; duplicates: removed by each dedup entry.
    """

    lines: int
    kept: int
    quarantined: int
    dropped: dict[str, int]
    duplicates: tuple[int, ...]


class Shard(NamedTuple):
    """A shard of the run that has attributes."""

    source: Source
    shard: Input
    counts: Counts

    @property
    def key(self) -> str:
        return self.shard.key


class Later(NamedTuple):
    """What stage 4 did to the survivors of a shard. lines: int64[survivors]; entry: uint8, the
    entry that removed each, 0 for none; cut: whether something was cut out of it."""

    lines: I64
    entry: U8
    cut: Bool

    def at(self, lines: I64) -> tuple[I64, Bool]:
        """Entry (-1 where the document did not come so far) and whether it was cut, by line."""
        places = np.searchsorted(self.lines, lines)
        there = places < len(self.lines)
        there[there] = self.lines[places[there]] == lines[there]
        entry: I64 = np.full(len(lines), -1, np.int64)
        entry[there] = self.entry[places[there]]
        cut = np.zeros(len(lines), np.bool_)
        cut[there] = self.cut[places[there]]
        return entry, cut


class Opened:
    """A run as it was when it was opened. Not for several threads at once."""

    def __init__(self, run: FinishedRun) -> None:
        """Raises WorkError where its manifest or counts cannot be read."""
        self.run = run
        self.work = run.work
        self.stamp = stamp(run)
        self.deduplicated = run.dedup_report is not None
        self.shards = _shards(run, self.deduplicated)
        self.texts = Texts(self.work, run.recipe.max_document_bytes)
        self.removed = Removed(self.work)
        self._by_key = {shard.key: place for place, shard in enumerate(self.shards)}
        self._later: OrderedDict[str, Later] = OrderedDict()
        self._columns: dict[str, Kind] | None = None

    def chosen(self, source: str) -> list[int]:
        """Places of the shards of a source, or of all ("")."""
        return [k for k, one in enumerate(self.shards) if source in ("", one.source.name)]

    def place(self, key: str) -> int | None:
        """Of a shard, None where the run has none of this key."""
        return self._by_key.get(key)

    def columns(self) -> dict[str, Kind]:
        """Columns of the first shard of each source, sorted by name."""
        if self._columns is None:
            found: dict[str, Kind] = {}
            for source in self.run.recipe.sources:
                for place in self.chosen(source.name)[:1]:
                    found |= self.run.attributes(self.shards[place].key).columns
            self._columns = dict(sorted(found.items()))
        return self._columns

    def attributes(self, key: str) -> AttributeFile:
        """What is stored of a shard's documents. Raises Unusable."""
        return self.run.attributes(key)

    def later(self, key: str) -> Later | None:
        """What stage 4 did to a shard, None where it was not run."""
        if not self.deduplicated:
            return None
        if key not in self._later:
            self._later[key] = self._read_later(key)
            while len(self._later) > SHARDS_HELD:
                self._later.popitem(last=False)
        self._later.move_to_end(key)
        return self._later[key]

    def survivors(self, key: str) -> I64:
        """int64[survivors of curation]: their lines in the input."""
        later = self.later(key)
        return read_survivor_lines(self.work.columns(key)) if later is None else later.lines

    def _read_later(self, key: str) -> Later:
        lines = read_survivor_lines(self.work.columns(key))
        entry: U8 = np.fromfile(here(self.work.removed(key)), np.uint8)
        if len(entry) != len(lines):
            raise WorkError(f"{address(self.work.root)} is being made anew: ask again when it is")
        cut = np.zeros(len(lines), np.bool_)
        if exists(self.work.cuts(key)):
            cut = (read_cuts(self.work.cuts(key), len(lines)).lengths() > 0) & (entry == 0)
        return Later(lines, entry, cut)


def stamp(run: FinishedRun) -> str | None:
    """What changes whenever the run is made anew."""
    return stamp_of(address(run.work.root / "manifest.json"))


def _shards(run: FinishedRun, deduplicated: bool) -> list[Shard]:
    left: dict[str, Left] = {}
    if deduplicated:
        left = msgspec.convert(read_json(left_path(run.work)), dict[str, Left])
    found = []
    for tagged in run.tagged:
        for shard in tagged.source.inputs:
            told = run.manifest.shards.get(shard.key, {}).get("curate")
            if shard.key in tagged.files and told is not None:
                counts = _counts(told["counts"], left.get(shard.key))
                found.append(Shard(tagged.source, shard, counts))
    return found


def _counts(told: dict[str, Any], left: Left | None) -> Counts:
    curated = msgspec.convert(told, Curated)
    duplicates: Sequence[int] = left.documents if left else ()
    kept = curated.kept - sum(duplicates)
    dropped = {rule: n for rule, n in curated.dropped.items() if n}
    return Counts(curated.lines, kept, curated.quarantined, dropped, tuple(duplicates))
