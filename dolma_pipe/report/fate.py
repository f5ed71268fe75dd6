"""What stages 4 to 6 did with one document: removed, cut, annotated, repeated."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec
import numpy as np
import pyarrow.parquet as pq

from dolma_pipe.curated import read_survivor_lines, read_texts
from dolma_pipe.cuts import read_cuts
from dolma_pipe.dedup_index import IndexFiles, read_index
from dolma_pipe.inputs import Input
from dolma_pipe.manifest import read_record
from dolma_pipe.report.removed import Place, Removed
from dolma_pipe.stages.mix.documents import read_arrow
from dolma_pipe.stages.mix.plan import copies_path
from dolma_pipe.work import Work, exists, files_below, here, read_json, size_of

AROUND = 30
"""Code points before and after a stretch that are shown."""
GONE = 20
"""Documents that went for one which are named."""


class MadeBy(Protocol):
    """What is asked of a recipe, checked just now or stored with a run."""

    @property
    def dedup(self) -> Sequence[object]: ...
    @property
    def dedup_index(self) -> Sequence[str]: ...
    def inputs(self) -> list[Input]: ...


class Stretch(msgspec.Struct):
    """Bytes of a text, with what stands around them."""

    start: int
    end: int
    before: str
    text: str
    after: str


class Duplicate(msgspec.Struct):
    """Stage 4 removed it: by which entry (from 1), in favour of which document (the row is that of
    its curated shard); None where it went without regard to another.
    """

    entry: int
    method: str
    kept_source: str | None
    kept_id: str | None
    similarity: float | None
    kept_shard: str | None = None
    kept_row: int | None = None


class Gone(msgspec.Struct):
    """A document that went in favour of another: by which entry, its curated shard and row."""

    entry: int
    shard: str
    row: int
    id: str
    similarity: float | None


class Note(msgspec.Struct):
    """What an entry that only annotates says of it. verdict: first, copy or cut, see docs/dedup.md.

    size, rank: of its cluster, and its place there from 0; first_id: of the cluster's first
    document; stretches: that would go, in bytes of the text as the entry found it.
    """

    entry: int
    method: str
    verdict: str
    size: int | None
    rank: int | None
    first_source: str | None
    first_id: str | None
    similarity: float | None
    stretches: list[tuple[int, int]]


class Fate(NamedTuple):
    """kept_for: documents that went for it, None where nothing is deduplicated; gone: the first of
    them; cuts: of the curated text; copies: in tokens/, None where no mix is planned."""

    duplicate: Duplicate | None
    kept_for: int | None
    cuts: list[Stretch]
    notes: list[Note]
    copies: int | None
    gone: list[Gone]


def fate_of(recipe: MadeBy, work: Work, removed: Removed, key: str, line: int, name: str) -> Fate:
    """Of the document in this line of the input of a shard. removed: of this work directory."""
    duplicate, kept_for = None, None
    gone: list[Gone] = []
    cuts: list[Stretch] = []
    notes: list[Note] = []
    if recipe.dedup and read_record(work, "dedup", "all") is not None:
        kept_for, row = 0, _row(work, key, line)
        if row is not None:
            duplicate, kept_for, gone = _removed(work, removed, (key, row), name)
            cuts = [] if duplicate else _cuts(work, key, row)
            notes = _notes(recipe, work, key, row)
    return Fate(duplicate, kept_for, cuts, notes, _copies(work, key, line), gone)


def _removed(
    work: Work, removed: Removed, place: Place, name: str
) -> tuple[Duplicate | None, int, list[Gone]]:
    """The entry that removed it, how many went for it, and the first of them."""
    duplicate, kept_for = None, 0
    gone: list[Gone] = []
    entries = read_json(work.dedup / "report.json")["entries"]  # the recipe may be another by now
    methods = {entry["entry"]: entry["method"] for entry in entries}
    for told in removed.about(place):
        number, alike = told["entry"], told["similarity"]
        copy = told["removed_shard"], told["removed_row"]
        kept = told["kept_shard"], told["kept_row"]
        if copy == place and told["removed_id"] == name:
            which = told["kept_source"], told["kept_id"]
            duplicate = Duplicate(number, methods[number], *which, alike, *kept)
        if kept == place and told["kept_id"] == name:
            kept_for += 1
            if kept_for <= GONE:
                gone.append(Gone(number, *copy, told["removed_id"], alike))
    return duplicate, kept_for, gone


def _row(work: Work, key: str, line: int) -> int | None:
    """Its row in the curated shard, if it came so far."""
    if not exists(work.columns(key)):
        return None
    hits = np.flatnonzero(read_survivor_lines(work.columns(key)) == line)
    return int(hits[0]) if len(hits) else None


def _cuts(work: Work, key: str, row: int) -> list[Stretch]:
    if not exists(work.cuts(key)):
        return []
    cuts = read_cuts(work.cuts(key), size_of(work.removed(key))).of(np.array([row]))
    if not len(cuts.starts):
        return []
    [texts] = read_texts(work.curated(key), np.array([row]))
    text = texts.text.tobytes()
    return [
        stretch_of(text, start, end)
        for start, end in zip(cuts.starts.tolist(), cuts.ends.tolist(), strict=True)
    ]


def stretch_of(text: bytes, start: int, end: int) -> Stretch:
    """A stretch of a text, with what stands around it."""
    before = text[max(0, start - 4 * AROUND) : start].decode(errors="ignore")[-AROUND:]
    after = text[end : end + 4 * AROUND].decode(errors="ignore")[:AROUND]
    return Stretch(start, end, before, text[start:end].decode(errors="replace"), after)


def _notes(recipe: MadeBy, work: Work, key: str, row: int) -> list[Note]:
    if not exists(work.annotations(key)):
        return []
    notes = []
    path = here(work.annotations(key))
    for told in pq.read_table(path, filters=[("row", "=", row)]).to_pylist():
        source, first = _first(recipe, work, told["cluster"])
        notes.append(
            Note(
                told["entry"],
                told["method"],
                told["verdict"],
                told["size"],
                told["rank"],
                source,
                first,
                told["similarity"],
                [(one["start"], one["end"]) for one in told["stretches"] or ()],
            )
        )
    return notes


def _first(recipe: MadeBy, work: Work, cluster: int | None) -> tuple[str | None, str | None]:
    """Source and id of the first of a cluster, from its number: index of the shard << 32 | row."""
    there = files_below(work.dedup / "removed")
    keys = [shard.key for shard in recipe.inputs() if work.removed(shard.key) in there]
    places = [
        (shard.key, IndexFiles(root).ids(shard.key))
        for root in recipe.dedup_index
        for shard in read_index(root).shards
    ] + [(key, work.columns(key)) for key in keys]
    if cluster is None or cluster >> 32 >= len(places):
        return None, None
    (key, path), row = places[cluster >> 32], cluster & 0xFFFFFFFF
    ids = pq.read_table(here(path), columns=["id"]).column("id")
    return key.partition("/")[0], ids[row].as_py() if row < len(ids) else None


def _copies(work: Work, key: str, line: int) -> int | None:
    """How often it stands in tokens/, HELD_OUT for one in held_out/; None where it was not encoded,
    or no mix is planned."""
    documents = Path(f"{work.encoded(key)}.docs.arrow")
    if not exists(documents) or not exists(copies_path(work, key)):
        return None
    lines = read_arrow(str(documents)).column("line").to_numpy()
    copies = np.fromfile(here(copies_path(work, key)), np.uint16)
    hits = np.flatnonzero(lines == line)
    return int(copies[hits[0]]) if len(hits) and len(copies) == len(lines) else None
