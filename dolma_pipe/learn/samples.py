"""Documents of several classes, read into one sample: each text once, in no class but its own.

Texts go to a spool file, everything else is arrays. Which documents are taken, held out or repeated
is a hash of the seed and the text: neither file names nor their order count.
"""

import mmap
import os
from array import array
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import IO, Any, NamedTuple

import msgspec
import numpy as np
import xxhash

from dolma_pipe.batch import Batch
from dolma_pipe.errors import InputError, RecipeError
from dolma_pipe.formats.reading import Reading
from dolma_pipe.inputs import Input, find_inputs
from dolma_pipe.kernels.jit import F64, I32, I64, U8, U64, Bool
from dolma_pipe.learn.settings import SampleSettings
from dolma_pipe.learn.texts import as_seen, shapes
from dolma_pipe.passes.context import Watch
from dolma_pipe.shard import Quarantined, ShardReader
from dolma_pipe.stages.keyed import key_of, keyed

HASHES = 1 << 64
COLUMNS = "qqQqd"
"""Of a document held: where its text starts and ends, its hash, characters, line length."""


class FileRead(msgspec.Struct, frozen=True):
    """One input: content is the xxh3-128 of its stored bytes; bad: lines that are no documents."""

    uri: str
    content: str
    documents: int
    bad: int


class ClassRead(msgspec.Struct):
    """Where every document of a class went.

    documents = empty + repeated + in_other_classes + passed_over + taken.
    """

    label: str
    paths: tuple[str, ...]
    files: list[FileRead] = msgspec.field(default_factory=list)
    bad_lines: dict[str, int] = msgspec.field(default_factory=dict)
    documents: int = 0
    empty: int = 0
    repeated: int = 0
    in_other_classes: int = 0
    passed_over: int = 0
    taken: int = 0


class Sample(NamedTuple):
    """The documents taken: all arrays are [documents], classes one after the other.

    text: uint8[bytes], document d as fastText sees it is text[starts[d]:ends[d]]; labels: int32,
    places in classes; keys: hashes of the texts; characters, line_lengths: see texts.shapes.
    """

    classes: tuple[ClassRead, ...]
    text: U8
    starts: I64
    ends: I64
    labels: I32
    keys: U64
    characters: I64
    line_lengths: F64


def read_sample(
    paths: Mapping[str, Sequence[str]], spool: Path, settings: SampleSettings, watch: Watch
) -> Sample:
    """Read the files of each label; `spool` is written and must outlive the sample.

    Raises InputError where a class has no files or no documents, or two classes share a file.
    """
    inputs = {label: find_files(label, patterns) for label, patterns in paths.items()}
    _refuse_shared_files(inputs)
    classes = []
    with spool.open("wb") as file:
        for label, found in inputs.items():
            taking = _Taking(ClassRead(label, tuple(paths[label])), file, settings)
            watch.begin(f"read {label}", len(found), 0)
            try:
                for each in found:
                    taking.read(each)
                    watch.advance()
            finally:
                watch.end()
            taking.tighten()
            classes.append(taking)
    return _joined(classes, spool)


def find_files(label: str, patterns: Sequence[str]) -> tuple[Input, ...]:
    """Files of a class, in any format that a recipe reads; a folder stands for all files below it.

    Raises InputError, MissingExtra.
    """
    try:
        return find_inputs(label, list(patterns))
    except RecipeError as error:  # there is no recipe here: its place in one says nothing
        raise InputError(str(error).replace(f"sources.{label}.documents:", f"{label}:")) from None


def _refuse_shared_files(inputs: Mapping[str, tuple[Input, ...]]) -> None:
    owner: dict[str, str] = {}
    for label, found in inputs.items():
        for each in found:
            file = each.uri if "://" in each.uri else os.path.realpath(each.uri)
            if owner.setdefault(file, label) != label:
                raise InputError(f"{each.uri} is given as {owner[file]} and as {label}")


class _Taking:
    """One class while it is read. Of too many documents those with the lowest ranks stay."""

    def __init__(self, read: ClassRead, spool: IO[bytes], settings: SampleSettings) -> None:
        self.counts = read
        self._spool = spool
        self._key = key_of(settings.seed, "sample")
        self._most = settings.max_documents, settings.max_megabytes * 1_000_000
        self._highest_rank = HASHES - 1
        self._held: set[int] = set()
        self._bytes = 0
        self._columns: list[array[Any]] = [array(kind) for kind in COLUMNS]

    def read(self, given: Input) -> None:
        """Every document of a file."""
        reading = Reading(format=given.format)
        reader = ShardReader(given.uri, shard=given.key, reading=reading, quarantine=self._bad)
        for batch in reader:
            self._take(batch)
            documents, size = self._most
            if len(self._held) > 2 * documents or self._bytes > 2 * size:
                self.tighten()
        self.counts.documents += reader.documents
        self.counts.files.append(
            FileRead(given.uri, reader.content_hash, reader.documents, reader.quarantined)
        )

    def _bad(self, bad: Quarantined) -> None:
        self.counts.bad_lines[bad.reason] = self.counts.bad_lines.get(bad.reason, 0) + 1

    def _take(self, batch: Batch) -> None:
        borders = batch.offsets.tolist()
        texts = [as_seen(batch.text[start:end].tobytes()) for start, end in pairwise(borders)]
        keys = np.array([xxhash.xxh3_64_intdigest(text) for text in texts], np.uint64)
        ranks = keyed(keys, self._key).tolist()
        measures = zip(*(column.tolist() for column in shapes(batch)), strict=True)
        for text, key, rank, measure in zip(texts, keys.tolist(), ranks, measures, strict=True):
            if not text:
                self.counts.empty += 1
            elif key in self._held:
                self.counts.repeated += 1
            elif rank > self._highest_rank:
                self.counts.passed_over += 1
            else:
                self._hold(text, key, measure)

    def _hold(self, text: bytes, key: int, measure: tuple[int, float]) -> None:
        start = self._spool.tell()
        self._spool.write(text)
        row = (start, start + len(text), key, *measure)
        for column, value in zip(self._columns, row, strict=True):
            column.append(value)
        self._held.add(key)
        self._bytes += len(text)

    def tighten(self) -> None:
        """Keep, in the order of their ranks, as many as the limits allow.

        What stays never depends on when this is called: the first rank that does not fit among
        some documents does not fit among all. One between it and the last that fits still may.
        """
        starts, ends, keys, *_ = self.arrays()
        ranks = keyed(keys, self._key)
        order = np.argsort(ranks, kind="stable")
        documents, size = self._most
        fitting = int(np.searchsorted(np.cumsum((ends - starts)[order]), size, "right"))
        kept = order[: max(1, min(documents, fitting))]
        if len(kept) == len(order):
            return
        self.counts.passed_over += len(order) - len(kept)
        self._highest_rank = int(ranks[order[len(kept)]]) - 1
        self._columns = [
            array(kind, values[kept].tobytes())
            for kind, values in zip(COLUMNS, self.arrays(), strict=True)
        ]
        self._held = set(self._columns[2].tolist())
        self._bytes = int((ends - starts)[kept].sum())

    def arrays(self) -> tuple[I64, I64, U64, I64, F64]:
        """starts, ends, keys, characters, line_lengths: of the documents held, copied."""
        starts, ends, keys, characters, line_lengths = (
            np.array(column, np.dtype(kind))
            for kind, column in zip(COLUMNS, self._columns, strict=True)
        )
        return starts, ends, keys, characters, line_lengths


def _joined(classes: list[_Taking], spool: Path) -> Sample:
    held = [taking.arrays() for taking in classes]
    labels = np.repeat(np.arange(len(held), dtype=np.int32), [len(each[0]) for each in held])
    starts, ends, keys, characters, line_lengths = (
        np.concatenate(columns) for columns in zip(*held, strict=True)
    )
    _, place, times = np.unique(keys, return_inverse=True, return_counts=True)
    alone: Bool = times[place] == 1
    for number, taking in enumerate(classes):
        counts = taking.counts
        counts.in_other_classes = int((~alone & (labels == number)).sum())
        counts.taken = int((alone & (labels == number)).sum())
        if not counts.taken:
            raise InputError(f"{counts.label}: {_why_none(counts)}")
    rows = np.flatnonzero(alone)
    rows = rows[np.lexsort((keys[rows], labels[rows]))]
    return Sample(
        tuple(taking.counts for taking in classes),
        _mapped(spool),
        starts[rows],
        ends[rows],
        labels[rows],
        keys[rows],
        characters[rows],
        line_lengths[rows],
    )


def _why_none(counts: ClassRead) -> str:
    if counts.in_other_classes:
        return "every document is in another class, too"
    bad = "".join(f", {n:,} lines are bad: {why}" for why, n in counts.bad_lines.items())
    return f"there is no document with words in {', '.join(counts.paths)}{bad}"


def _mapped(path: Path) -> U8:
    with path.open("rb") as file:
        return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)


def held_out(keys: U64, seed: int, share: float) -> Bool:
    """Which documents only measure: a hash of the text decides, so that copies are never parted."""
    chosen: Bool = keyed(keys, key_of(seed, "held out")) < np.uint64(int(share * HASHES))
    return chosen
