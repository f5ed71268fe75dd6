"""The attributes of a shard as dolma's mixer reads them, beside the documents that they are of."""

import gzip
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import zstandard

from dolma_pipe.codepoints import CodePoints
from dolma_pipe.dolma import Span, attribute_names, variable_name
from dolma_pipe.errors import WorkError
from dolma_pipe.kernels.spans import merge_masks
from dolma_pipe.recipe import Mask
from dolma_pipe.shard import ZSTD_LEVEL
from dolma_pipe.stages.reread import Pair, Reread, beside, reader_of
from dolma_pipe.stored import AttributeFile
from dolma_pipe.stream import ByteStream, Damaged
from dolma_pipe.tagger import Spans
from dolma_pipe.work import atomic_write

GZIP_LEVEL = 6


class ExportTask(msgspec.Struct, frozen=True):
    """One shard. out, documents: the two files that the mixer reads in lockstep.

    own: whether `documents` is ours to make; linkable: whether the input itself can lie there.
    """

    given: Reread
    stored: str
    masks: tuple[Mask, ...]
    experiment: str
    out: str
    documents: str
    own: bool
    linkable: bool


def export_attributes(args: dict[str, Any]) -> dict[str, int]:
    """Task function: writes the attributes, and the documents as a link where that does.

    A copy is made of an input that dolma's mixer would stumble over: with blank or bad lines, with
    ids that are no strings, of another format. Raises WorkError where `documents` is such an input.
    """
    task = msgspec.convert(args, ExportTask)
    stored = AttributeFile(Path(task.stored))
    export = _Export(task, stored)
    reader = reader_of(task.given)
    with _lines(Path(task.out)) as write:
        for pair in beside(reader, stored):
            export.write(pair, write)
    as_it_is = task.linkable and not (reader.repaired or reader.quarantined or export.new_ids)
    as_it_is = as_it_is and _physical_lines(task.given.shard.uri) == len(stored)
    if not task.own and not as_it_is:
        raise WorkError(
            f"{task.documents} has lines that stop dolma's mixer (blank, bad, or with an id that "
            "is no string): export to another directory, which gets a clean copy"
        )
    if task.own:
        _place_documents(task, as_it_is)
    return {"documents": len(stored), "copied": int(task.own and not as_it_is)}


def _place_documents(task: ExportTask, as_it_is: bool) -> None:
    documents = Path(task.documents)
    try:
        documents.parent.mkdir(parents=True, exist_ok=True)
        documents.unlink(missing_ok=True)
        if as_it_is:
            documents.symlink_to(Path(task.given.shard.uri).resolve())
    except OSError as error:
        raise WorkError(f"cannot write {documents}: {error.strerror or error}") from error
    if not as_it_is:
        with _lines(documents) as write:
            for batch in reader_of(task.given):
                for raw in batch.documents.column("raw"):
                    write(raw.as_py())


class _Export:
    """Lines of attributes from stored rows."""

    def __init__(self, task: ExportTask, stored: AttributeFile) -> None:
        self.task = task
        self.stored = stored
        self.names = attribute_names(task.experiment, stored.columns)
        self.new_ids = False
        """Whether a document had no id of its own."""

    def write(self, pair: Pair, write: Callable[[bytes], None]) -> None:
        """A line a document."""
        batch, group = pair
        points = CodePoints(batch.text, batch.offsets)
        lengths = points.lengths.tolist()
        cells: list[dict[str, list[Span]]] = [{} for _ in range(len(batch))]
        for column, kind in self.stored.columns.items():
            name = self.names[column]
            if kind == "spans":
                seen = np.flatnonzero(group.scored(column)).tolist()
                _put_spans(cells, name, group.spans(column), points, seen)
                continue
            values = group.array(column)
            given = np.flatnonzero(values.is_valid().to_numpy(zero_copy_only=False)).tolist()
            if kind == "label":
                for d, label in zip(given, values.drop_null().to_pylist(), strict=True):
                    cells[d][f"{name}__{variable_name(label)}"] = [(0, lengths[d], 1.0)]
            else:
                finite = np.nan_to_num(group.numbers(column)[given])  # JSON has no infinity
                for d, number in zip(given, finite.tolist(), strict=True):
                    cells[d][name] = [(0, lengths[d], number)]
        self._put_decisions(cells, pair, points)
        ids, sources = (batch.documents.column(name).to_pylist() for name in ("id", "source"))
        for d, line in enumerate(batch.documents.column("line").to_pylist()):
            self.new_ids |= ids[d] == f"{batch.shard}:{line}"
            told = {"id": ids[d], "source": sources[d], "attributes": cells[d]}
            write(msgspec.json.encode(told))

    def _put_decisions(
        self, cells: list[dict[str, list[Span]]], pair: Pair, points: CodePoints
    ) -> None:
        """Who dropped it, and what is masked: the merged spans of all masks, by their column."""
        experiment = self.task.experiment
        for d, rule in enumerate(pair.group.array("dropped_by").to_pylist()):
            if rule is not None:
                (name,) = attribute_names(f"{experiment}__dropped_by", [rule]).values()
                whole = [(0, int(points.lengths[d]), 1.0)]
                cells[d] |= {f"{experiment}__dropped": whole, name: whole}
        columns = [pair.group.spans(mask.column) for mask in self.task.masks]
        merged = merge_masks(columns, len(pair.batch))
        documents = np.repeat(np.arange(len(pair.batch)), np.diff(merged.offsets))
        names = mask_names(experiment, self.task.masks)
        for k, mask in enumerate(self.task.masks):
            mine = merged.kinds == k
            offsets = np.append(0, np.cumsum(np.bincount(documents[mine], minlength=len(cells))))
            starts, ends = merged.starts[mine], merged.ends[mine]
            spans = Spans(offsets, starts, ends, np.ones(len(starts)))
            hit = np.flatnonzero(np.diff(offsets)).tolist()
            _put_spans(cells, names[mask.column], spans, points, hit)


def mask_names(experiment: str, masks: tuple[Mask, ...]) -> dict[str, str]:
    """The attribute of each mask by its column: spans of all masks, merged, never overlapping."""
    return attribute_names(f"{experiment}__mask", [mask.column for mask in masks])


def _put_spans(
    cells: list[dict[str, list[Span]]],
    name: str,
    spans: Spans,
    points: CodePoints,
    documents: list[int],
) -> None:
    """The spans of these documents, in code points."""
    of = np.repeat(np.arange(len(cells)), np.diff(spans.offsets))
    starts = points.from_bytes(of, spans.starts).tolist()
    ends = points.from_bytes(of, spans.ends).tolist()
    every = list(zip(starts, ends, spans.scores.tolist(), strict=True))
    for d in documents:
        cells[d][name] = every[spans.offsets[d] : spans.offsets[d + 1]]


@contextmanager
def _lines(path: Path) -> Iterator[Callable[[bytes], None]]:
    """Lines into a file that is compressed as its name says; no time or name in it."""
    with atomic_write(path) as file:
        if path.name.endswith(".gz"):
            packed: Any = gzip.GzipFile("", "wb", GZIP_LEVEL, file, mtime=0)
        elif path.name.endswith(".zst"):
            packer = zstandard.ZstdCompressor(level=ZSTD_LEVEL, write_checksum=True)
            packed = packer.stream_writer(file, closefd=False)
        else:
            yield lambda line: _write_line(file, line)
            return
        with packed:
            yield lambda line: _write_line(packed, line)


def _write_line(file: Any, line: bytes) -> None:
    file.write(line + b"\n")


def _physical_lines(uri: str) -> int:
    """Lines of a file, blank ones too."""
    lines, last = 0, b"\n"
    try:
        for piece in ByteStream(uri):
            lines += piece.count(b"\n")
            last = piece[-1:] or last
    except Damaged:
        return -1
    return lines + (last != b"\n")
