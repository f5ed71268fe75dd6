"""The largest clusters of an entry, and what was cut, found in what deduplication has left."""

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dolma_pipe.curated import read_texts
from dolma_pipe.cuts import read_cuts
from dolma_pipe.kernels.jit import I64
from dolma_pipe.work import Work, exists, files_below, held, here, size_of

COPIES = 3
"""Of a cluster, the least similar: where an entry errs, it shows there."""
ROWS = 1 << 17

Place = tuple[str, int]
"""Key of a shard, and row."""


class Member(NamedTuple):
    """A document. similarity: to the kept one, None where not known."""

    place: Place
    name: str
    similarity: float | None = None


class Cluster(NamedTuple):
    """Documents that are copies of each other. sources: of the copies, without the kept one."""

    size: int
    kept: Member
    copies: list[Member]
    sources: Mapping[str, int]


class Cut(NamedTuple):
    """Stretches of one document, in bytes of its text."""

    place: Place
    stretches: list[tuple[int, int]]

    @property
    def bytes(self) -> int:
        return sum(end - start for start, end in self.stretches)


def largest_removed(work: Work, entry: int, count: int) -> list[Cluster]:
    """The largest clusters of an entry that removes, of equal ones the first by shard and row."""
    counts: pa.Table | None = None
    for rows in _removed(work, entry, ["kept_shard", "kept_row"]):
        known = rows.filter(pc.is_valid(rows.column("kept_row")))
        grouped = known.group_by(["kept_shard", "kept_row"]).aggregate([([], "count_all")])
        counts = grouped if counts is None else pa.concat_tables([counts, grouped])
    if counts is None:
        return []
    summed = counts.group_by(["kept_shard", "kept_row"]).aggregate([("count_all", "sum")])
    order = [("count_all_sum", "descending"), ("kept_shard", "ascending")]
    first = summed.sort_by([*order, ("kept_row", "ascending")]).slice(0, count).to_pylist()
    wanted = {(one["kept_shard"], one["kept_row"]): one["count_all_sum"] for one in first}
    members = _Members(wanted)
    columns = ["kept_shard", "kept_row", "kept_id", "removed_shard", "removed_row", "removed_id"]
    for rows in _removed(work, entry, [*columns, "similarity"]):
        near = pc.is_in(rows.column("kept_row"), pa.array([row for _, row in wanted], pa.int64()))
        for told in rows.filter(near).to_pylist():
            place = told["removed_shard"], told["removed_row"]
            copy = Member(place, told["removed_id"], told["similarity"])
            members.add((told["kept_shard"], told["kept_row"]), copy, told["kept_id"])
    return [
        Cluster(size + 1, Member(place, members.names[place]), *members.of(place))
        for place, size in wanted.items()
    ]


def removed_alone(work: Work, entry: int, count: int) -> list[Member]:
    """The first documents that went without regard to another."""
    found: list[Member] = []
    for rows in _removed(work, entry, ["kept_row", "removed_shard", "removed_row", "removed_id"]):
        alone = rows.filter(pc.is_null(rows.column("kept_row"))).slice(0, count - len(found))
        found += [
            Member((told["removed_shard"], told["removed_row"]), told["removed_id"])
            for told in alone.to_pylist()
        ]
    return found


def _removed(work: Work, entry: int, columns: list[str]) -> Iterator[pa.Table]:
    """Rows of removed.parquet of one entry, some at a time."""
    file = pq.ParquetFile(here(work.dedup / "removed.parquet"))
    for batch in file.iter_batches(batch_size=ROWS, columns=["entry", *columns]):
        rows = pa.Table.from_batches([batch])
        for name in ("kept_shard", "removed_shard"):
            if name in columns:
                place = rows.schema.get_field_index(name)
                rows = rows.set_column(place, name, rows.column(name).cast(pa.string()))
        yield rows.filter(pc.equal(rows.column("entry"), entry))


class _Members:
    """Copies of the clusters that are wanted, of each the least similar."""

    def __init__(self, wanted: Iterable[Place]) -> None:
        self._copies: dict[Place, list[Member]] = {place: [] for place in wanted}
        self._sources: dict[Place, Counter[str]] = {place: Counter() for place in self._copies}
        self.names: dict[Place, str] = {}

    def add(self, cluster: Place, copy: Member, kept: str = "") -> None:
        if cluster in self._copies:
            listed = self._copies[cluster]
            listed.append(copy)
            self.names[cluster] = kept
            self._sources[cluster][copy.place[0].partition("/")[0]] += 1
            if len(listed) > 1000:
                listed[:] = _least_similar(listed)

    def of(self, cluster: Place) -> tuple[list[Member], Counter[str]]:
        return _least_similar(self._copies[cluster]), self._sources[cluster]


def _least_similar(copies: list[Member]) -> list[Member]:
    def order(copy: Member) -> tuple[float, Place]:
        return (2.0 if copy.similarity is None else copy.similarity), copy.place

    return heapq.nsmallest(COPIES, copies, key=order)


def largest_noted(work: Work, entry: int, count: int) -> list[Cluster]:
    """The same of an entry that annotates."""
    firsts: list[dict[str, Any]] = []
    for key, rows in _annotations(work, entry, "first"):
        told = rows.select(["cluster", "size", "row", "id"]).sort_by([("size", "descending")])
        firsts += [{**one, "shard": key} for one in told.slice(0, count).to_pylist()]
    firsts.sort(key=lambda one: (-one["size"], one["shard"], one["row"]))
    wanted = {one["cluster"]: one for one in firsts[:count]}
    places = {number: (one["shard"], one["row"]) for number, one in wanted.items()}
    members = _Members(places.values())
    for key, rows in _annotations(work, entry, "copy"):
        near = pc.is_in(rows.column("cluster"), pa.array(list(wanted), pa.uint64()))
        for one in rows.filter(near).to_pylist():
            copy = Member((key, one["row"]), one["id"], one["similarity"])
            members.add(places[one["cluster"]], copy)
    return [
        Cluster(one["size"], Member(places[n], one["id"]), *members.of(places[n]))
        for n, one in wanted.items()
    ]


def noted_alone(work: Work, entry: int, count: int) -> list[Member]:
    """Documents that would go without regard to another."""
    found: list[Member] = []
    for key, rows in _annotations(work, entry, "copy"):
        alone = rows.filter(pc.is_null(rows.column("cluster"))).slice(0, count - len(found))
        found += [Member((key, one["row"]), one["id"]) for one in alone.to_pylist()]
    return found


def noted_cuts(work: Work, entry: int, count: int) -> list[Cut]:
    """Documents that would lose most, with the stretches, by an entry that annotates."""
    found: list[Cut] = []
    for key, rows in _annotations(work, entry, "cut"):
        for one in rows.select(["row", "stretches"]).to_pylist():
            stretches = [(s["start"], s["end"]) for s in one["stretches"]]
            found.append(Cut((key, one["row"]), stretches))
        found = _most(found, count)
    return found


def largest_cuts(work: Work, count: int) -> list[Cut]:
    """Documents that lost most to all entries together."""
    found: list[Cut] = []
    for key in _keys(work.dedup / "cuts", ".i64"):
        cuts = read_cuts(work.cuts(key), size_of(work.removed(key)))
        lengths = cuts.lengths()
        rows = np.argsort(-lengths, kind="stable")[:count]
        for row in rows[lengths[rows] > 0].tolist():
            span = slice(cuts.offsets[row], cuts.offsets[row + 1])
            both = zip(cuts.starts[span].tolist(), cuts.ends[span].tolist(), strict=True)
            found.append(Cut((key, row), list(both)))
        found = _most(found, count)
    return found


def _most(cuts: list[Cut], count: int) -> list[Cut]:
    return sorted(cuts, key=lambda cut: (-cut.bytes, cut.place))[:count]


def _annotations(work: Work, entry: int, verdict: str) -> Iterator[tuple[str, pa.Table]]:
    """Rows of one entry and verdict, shard by shard."""
    for key in _keys(work.dedup / "annotations", ".parquet"):
        wanted = [("entry", "=", entry), ("verdict", "=", verdict)]
        with held(work.annotations(key)) as file:
            rows = pq.read_table(file, filters=wanted)
        if len(rows):
            yield key, rows


def _keys(folder: Path, ending: str) -> list[str]:
    found = (path.relative_to(folder).as_posix() for path in files_below(folder))
    return sorted(name.removesuffix(ending) for name in found if name.endswith(ending))


def texts_at(work: Work, places: Iterable[Place]) -> dict[Place, bytes]:
    """Texts of documents as curation left them, each shard read once; none where an index stands
    for them."""
    by_shard: dict[str, set[int]] = {}
    for key, row in places:
        by_shard.setdefault(key, set()).add(row)
    found: dict[Place, bytes] = {}
    for key, wanted in by_shard.items():
        if exists(work.indexed(key)):
            continue
        rows: I64 = np.array(sorted(wanted), np.int64)
        for texts in read_texts(work.curated(key), rows):
            borders: Sequence[int] = texts.offsets.tolist()
            for i, row in enumerate(texts.rows.tolist()):
                found[key, row] = texts.text[borders[i] : borders[i + 1]].tobytes()
    return found
