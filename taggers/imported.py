"""Attributes of another tool, brought in by `dolma-pipe attributes import`."""

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dolma_pipe.assets import asset_path
from dolma_pipe.batch import Batch
from dolma_pipe.errors import AssetError
from dolma_pipe.kernels.jit import I64
from dolma_pipe.tagger import Column, Spans, Tagger

MANIFEST = "manifest.json"


class Imported(Tagger, frozen=True):
    """Columns, for each attribute A of the import (of dolma's `<experiment>__<tagger>__<kind>`:
    `<tagger>__<kind>`): `A`, the score of its first span, NaN for none.

    Where A has spans of less than a whole text anywhere in the import, also `A.spans`, which can be
    masked (those that share text are one), and `A.count`, how many they are. A document that dolma
    had no line for has no numbers (NaN).
    """

    cost: ClassVar[float] = 0.1

    folder: str
    """What `dolma-pipe attributes import` wrote."""

    def columns(self) -> tuple[str, ...]:
        return tuple(
            column
            for name, spans in self._attributes().items()
            for column in ((name, f"{name}.spans", f"{name}.count") if spans else (name,))
        )

    def spans(self) -> tuple[str, ...]:
        return tuple(f"{name}.spans" for name, spans in self._attributes().items() if spans)

    def assets(self) -> tuple[str, ...]:
        return (str(Path(self.folder) / MANIFEST),)

    def tag(self, batch: Batch) -> Mapping[str, Column]:
        rows = self._shard(batch.shard).of(batch)
        there = rows.column("found").to_numpy(zero_copy_only=False)
        columns: dict[str, Column] = {}
        for name, spans in self._attributes().items():
            columns[name] = rows.column(name).to_numpy(zero_copy_only=False)
            if spans:
                found = _spans(rows.column(f"{name}.spans"))
                columns[f"{name}.spans"] = found
                columns[f"{name}.count"] = np.where(there, np.diff(found.offsets), np.nan)
        return columns

    def _attributes(self) -> dict[str, bool]:
        attributes: dict[str, bool] = self._manifest()["attributes"]
        return attributes

    def _manifest(self) -> dict[str, Any]:
        path = asset_path(str(Path(self.folder) / MANIFEST))
        return _read_manifest(path, path.stat().st_mtime_ns)

    def _shard(self, key: str) -> "_Shard":
        known = self._manifest()["shards"]
        if key not in known:
            raise AssetError(
                f"imported: {self.folder} has no attributes of shard {key or '?'}: import them, or "
                "name the tagger only in sources that have them"
            )
        path = asset_path(str(Path(self.folder) / f"{key}.parquet"))
        return _open(path, known[key]["sha256"])


@lru_cache(maxsize=16)
def _read_manifest(path: Path, _stamp: int) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = msgspec.json.decode(path.read_bytes())
        if manifest["kind"] == "dolma-pipe imported attributes":
            return manifest
    except (OSError, msgspec.DecodeError, KeyError, TypeError):
        pass
    raise AssetError(f"{path} was not written by `dolma-pipe attributes import`")


class _Shard:
    """The file of one shard; some megabytes of it at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = pq.ParquetFile(path, memory_map=True)
        metadata = self._file.metadata
        counts = [metadata.row_group(k).num_rows for k in range(metadata.num_row_groups)]
        self._firsts = np.append(0, np.cumsum(counts)).astype(np.int64)
        lines = self._file.read(columns=["line"]).column("line")
        self._lines: I64 = lines.to_numpy()

    def of(self, batch: Batch) -> pa.Table:
        """The rows of these documents. Raises AssetError where they are not the ones imported."""
        lines = batch.documents.column("line").to_numpy()
        places = np.searchsorted(self._lines, lines)
        if len(places) and places.max() >= len(self._lines):
            raise self._changed(batch)
        groups = np.unique(np.searchsorted(self._firsts, places, side="right") - 1)
        table = self._file.read_row_groups(groups.tolist())
        starts = self._firsts[groups]
        sizes = self._firsts[groups + 1] - starts
        before = np.append(0, np.cumsum(sizes))
        group = np.searchsorted(groups, np.searchsorted(self._firsts, places, side="right") - 1)
        rows = table.take(pa.array(places - starts[group] + before[group])).combine_chunks()
        same = (
            np.array_equal(rows.column("line").to_numpy(), lines)
            and np.array_equal(rows.column("bytes").to_numpy(), np.diff(batch.offsets))
            and rows.column("id").to_pylist() == batch.documents.column("id").to_pylist()
        )
        if not same:
            raise self._changed(batch)
        return rows

    def _changed(self, batch: Batch) -> AssetError:
        return AssetError(f"shard {batch.shard} has changed since {self._path} was imported")


@lru_cache(maxsize=2)
def _open(path: Path, sha256: str) -> _Shard:
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise AssetError(f"cannot read {path}: {error.strerror}") from None
    if found != sha256:
        raise AssetError(f"{path} is not what its {MANIFEST} says: import again")
    return _Shard(path)


def _spans(column: pa.ChunkedArray) -> Spans:
    spans = column.combine_chunks()
    counts = spans.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    flat = spans.flatten()
    starts, ends, scores = (flat.field(k).to_numpy(zero_copy_only=False) for k in range(3))
    return Spans(np.append(0, np.cumsum(counts)).astype(np.int64), starts, ends, scores)
