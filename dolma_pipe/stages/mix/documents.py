"""The encoded documents of a source as arrays: tokens, hashes, score codes, groups."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dolma_pipe.errors import RecipeError
from dolma_pipe.kernels.jit import I64, U16, U32, U64, Bool
from dolma_pipe.mix_settings import LENGTH, NO_GROUP, Curve, MixSettings
from dolma_pipe.stages.keyed import key_of, keyed
from dolma_pipe.stages.mapped import Mapped
from dolma_pipe.stages.mix.scores import quantise
from dolma_pipe.work import Work, all_here, sizes_below

MOST_GROUPS = 10_000


class Shard(msgspec.Struct, frozen=True):
    """An encoded shard by its key; src is what rows of the csv.gz name."""

    key: str
    src: str


class SourceTask(msgspec.Struct, frozen=True, kw_only=True):
    """A source of the mix, as tasks are told of it. mix: the section as plain values."""

    root: str
    name: str
    shards: tuple[Shard, ...]
    mix: dict[str, Any]
    seed: Annotated[int, msgspec.Meta(ge=0)]
    max_shard_tokens: int

    @property
    def work(self) -> Work:
        return Work(self.root)

    @property
    def settings(self) -> MixSettings:
        return msgspec.convert(self.mix, MixSettings)


class Documents(NamedTuple):
    """All documents of a source, in the order of its shards.

    tokens: uint32, hashes: uint64, codes: uint16 scores (0 where there is no curve), groups: uint16
    into names, held_out: bool; [documents] each. shards: how many documents each shard has.
    """

    tokens: U32
    hashes: U64
    codes: U16
    groups: U16
    names: tuple[str, ...]
    held_out: Bool
    shards: list[int]


def read_documents(task: SourceTask) -> Documents:
    """Read what a plan needs of a source: 17 bytes a document, and some for the shard at hand.

    Raises RecipeError where a column to group by has too many labels.
    """
    offset_files = [Path(f"{task.work.encoded(s.key)}.offsets.u64") for s in task.shards]
    inside = task.work.root / "encoded" / task.name
    sizes = [size // 8 - 1 for size in sizes_below(inside, offset_files)]
    total, names = sum(sizes), group_names(task)
    settings = task.settings
    share = settings.held_out_of(task.name)
    by_column = _scored_groups(settings, task.name, names)
    found = Documents(
        np.empty(total, np.uint32),
        np.empty(total, np.uint64),
        np.zeros(total, np.uint16),
        np.zeros(total, np.uint16),
        names,
        np.empty(total, np.bool_),
        sizes,
    )
    tables = zip(_documents(task), _columns(task, by_column), strict=True)
    read = zip(rows_by_shard(sizes), all_here(offset_files), tables, strict=True)
    for (_, rows), offset_file, (documents, curated) in read:
        found.tokens[rows] = np.diff(np.fromfile(offset_file, "<u8"))
        hashes: U64 = documents.column("hash").to_numpy()
        found.hashes[rows] = hashes
        found.held_out[rows] = is_held_out(hashes, task.seed, task.name, share)
        columns = None if curated is None else curated.take(documents.column("row"))
        found.groups[rows] = _groups(task, columns, found.tokens[rows], names)
        for column, scored in by_column.items():
            assert columns is not None
            scores = np.asarray(columns.column(column).cast(pa.float64()).to_numpy(), np.float64)
            chosen = scored[found.groups[rows]]
            found.codes[rows][chosen] = quantise(scores[chosen])
    return found


def _scored_groups(settings: MixSettings, source: str, names: Sequence[str]) -> dict[str, Bool]:
    """Bool[names] by column: the groups whose curve looks at it."""
    factors = [settings.group_factor(source, name) for name in names]
    return {
        column: np.array([isinstance(f, Curve) and f.by == column for f in factors], np.bool_)
        for column in sorted({curve.by for _, curve in settings.curves_of(source)})
    }


def is_held_out(hashes: U64, seed: int, source: str, share: float) -> Bool:
    """bool[documents]: a share of all, chosen by hash, that is kept from the training arrays."""
    if share <= 0:
        return np.zeros(len(hashes), np.bool_)
    bound = np.uint64(min(int(share * 2**64), 2**64 - 1))
    chosen: Bool = keyed(hashes, key_of(seed, "held out", source)) < bound
    return chosen


def _columns(task: SourceTask, scores: Iterable[str]) -> Iterator[pa.Table | None]:
    """The columns of curation that the plan looks at, by shard; None where there are none."""
    group = task.settings.groups.get(task.name)
    by = [group.by] if group and group.by != LENGTH else []
    names = list(dict.fromkeys([*scores, *by]))
    if not names:
        yield from [None] * len(task.shards)
        return
    for path in all_here(task.work.columns(shard.key) for shard in task.shards):
        yield pq.read_table(path, columns=names)


def _documents(task: SourceTask) -> Iterator[pa.Table]:
    """Of each encoded shard, what is known of its documents."""
    paths = (Path(f"{task.work.encoded(shard.key)}.docs.arrow") for shard in task.shards)
    return map(read_arrow, all_here(paths))


def read_arrow(path: Path | str) -> pa.Table:
    """A table of an Arrow file, mapped: only what is looked at is read."""
    return Mapped(str(path)).as_table()


def group_names(task: SourceTask) -> tuple[str, ...]:
    """Names of the groups of a source; one without groups is a group without a name.

    Labels are in alphabetical order: no number of a group depends on the order of shards. Raises
    RecipeError where there are too many.
    """
    group = task.settings.groups.get(task.name)
    if group is None:
        return ("",)
    if names := group.names():
        return names
    found: set[str] = set()
    columns = all_here(task.work.columns(shard.key) for shard in task.shards)
    for documents, path in zip(_documents(task), columns, strict=True):
        labels = pq.read_table(path, columns=[group.by]).column(0)
        found |= set(labels.take(documents.column("row")).fill_null(NO_GROUP).unique().to_pylist())
        if len(found) > MOST_GROUPS:
            raise RecipeError(
                f"mix.groups.{task.name}.by: {group.by} has more than {MOST_GROUPS:,} labels"
            )
    return tuple(sorted(found))


def _groups(
    task: SourceTask, columns: pa.Table | None, tokens: U32, names: tuple[str, ...]
) -> npt.NDArray[np.integer[Any]]:
    """The group of each document of a shard, [documents] into names."""
    group = task.settings.groups.get(task.name)
    if group is None:
        return np.zeros(len(tokens), np.uint16)
    if group.by == LENGTH:
        return np.searchsorted(np.asarray(group.at), tokens, "right")
    assert columns is not None
    column = columns.column(group.by)
    if group.names() is None:
        places = pc.index_in(column.fill_null(NO_GROUP), pa.array(names, column.type))
        return np.asarray(places.to_numpy(), np.int64)
    values = np.asarray(column.cast(pa.float64()).to_numpy(), np.float64)
    places = np.searchsorted(np.asarray(group.at), values, "right")
    return np.where(np.isnan(values), len(names) - 1, places)


def rows_by_group(documents: Documents) -> Iterator[tuple[int, I64]]:
    """The documents of each group that may be used, in their order."""
    usable = np.flatnonzero(~documents.held_out)
    if len(documents.names) == 1:
        yield 0, usable
        return
    groups = documents.groups[usable]
    order = np.argsort(groups, kind="stable")
    ends = np.searchsorted(groups[order], np.arange(len(documents.names) + 1))
    for number in range(len(documents.names)):
        yield number, usable[order[ends[number] : ends[number + 1]]]


def rows_by_shard(sizes: Sequence[int]) -> Iterator[tuple[int, slice]]:
    """The rows of each shard among all documents of a source."""
    end = 0
    for number, size in enumerate(sizes):
        yield number, slice(end, end + size)
        end += size
