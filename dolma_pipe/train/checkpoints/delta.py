"""model.delta: weights as differences to those of one base.

Coded planes, one after another; a JSON header that says what they are; the header's sha256, its
length (u64) and a magic number. The header stands at the end, so that all is written in one go.
"""

import hashlib
import os
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeVar

import msgspec
import numpy as np

from dolma_pipe.errors import TrainError
from dolma_pipe.train.checkpoints.coding import Bits, decode, encode, kind_of
from dolma_pipe.train.checkpoints.weights import (
    Tensor,
    Weights,
    WeightsFile,
    file_sha256,
    tensors_of,
)

DELTA = "model.delta"
FORMAT = "dolma-pipe delta"
VERSION = 1
MAGIC = b"\x93DPDELTA"
FOOTER = 32 + 8 + len(MAGIC)

In = TypeVar("In")
Out = TypeVar("Out")


class Part(msgspec.Struct, frozen=True, array_like=True):
    """A chunk of a tensor: crc32 of its planes, and their sizes in bytes, lowest plane first."""

    crc: int
    planes: list[int]


class TensorDelta(msgspec.Struct, frozen=True, array_like=True):
    """name; based: whether the base has such a tensor of this dtype and shape; parts."""

    name: str
    based: bool
    parts: list[Part]


class FileDelta(msgspec.Struct, frozen=True):
    """A safetensors file: its name, size, sha256 and header, and tensors in the order of data."""

    name: str
    bytes: int
    sha256: str
    header: str
    tensors: list[TensorDelta]


class Base(msgspec.Struct, frozen=True):
    """path: from the delta's folder. files: sha256 of the files of its weights, by name."""

    name: str
    path: str
    absolute: str
    files: dict[str, str]


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """chunk: numbers of a part. files: sha256 of what else belongs to the checkpoint, by path.
    left_out: bytes of the optimizer that are gone. meta: meta.json of the checkpoint."""

    format: str = FORMAT
    version: int = VERSION
    chunk: int
    base: Base
    weights: list[FileDelta]
    files: dict[str, str]
    left_out: int
    meta: Any

    @property
    def bytes(self) -> int:
        """Of the restored weights."""
        return sum(file.bytes for file in self.weights)


class _Place(NamedTuple):
    """A chunk: of which tensor, and which of its bytes."""

    tensor: Tensor
    start: int
    end: int


def is_delta(folder: Path) -> bool:
    """A delta is verified before it gets its name: where it is, it is what counts."""
    return (folder / DELTA).is_file()


def write_planes(
    file: IO[bytes], weights: Weights, base: Weights, chunk: int, workers: int | None
) -> list[FileDelta]:
    """Write the coded weights; what was written comes back."""
    return [_write_file(file, source, base, chunk, workers) for source in weights.files]


def _write_file(
    file: IO[bytes], source: WeightsFile, base: Weights, chunk: int, workers: int | None
) -> FileDelta:
    tensors = {one.name: TensorDelta(one.name, _based(one, base), []) for one in source.tensors}

    def coded(place: _Place) -> tuple[str, list[bytes]]:
        name = place.tensor.name
        against = _bits(base, place) if tensors[name].based else None
        kind = kind_of(place.tensor.dtype)
        values = source.read(*place)
        return name, encode(values.view(f"<u{kind.bytes}"), against, kind)

    for name, planes in in_order(workers, coded, _places(source.tensors, chunk)):
        joined = b"".join(planes)
        file.write(joined)
        tensors[name].parts.append(Part(zlib.crc32(joined), [len(plane) for plane in planes]))
    sha256, header = file_sha256(source.path), source.header.decode()
    return FileDelta(source.path.name, source.bytes, sha256, header, list(tensors.values()))


def write_header(file: IO[bytes], header: Header) -> None:
    """Say what the planes are, which are written already."""
    told = msgspec.json.encode(header)
    file.write(told + hashlib.sha256(told).digest() + len(told).to_bytes(8, "little") + MAGIC)


def read_header(path: Path) -> Header:
    """Raises TrainError where path is no delta of this version, or its header is damaged."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - FOOTER))
            footer = file.read()
            length = int.from_bytes(footer[32:40], "little")
            if footer[40:] != MAGIC or length > size - FOOTER:
                raise TrainError(f"{path}: damaged: its end is not that of a delta")
            file.seek(size - FOOTER - length)
            told = file.read(length)
    except OSError as error:
        raise TrainError(f"cannot read {path}: {error.strerror}") from None
    if hashlib.sha256(told).digest() != footer[:32]:
        raise TrainError(f"{path}: damaged: its header is not as it was written (sha256)")
    try:
        header = msgspec.json.decode(told, type=Header)
    except msgspec.DecodeError as error:
        raise TrainError(f"{path}: no delta of this version: {error}") from None
    if (header.format, header.version) != (FORMAT, VERSION):
        raise TrainError(f"{path} is {header.format} {header.version}, not {FORMAT} {VERSION}")
    if size - FOOTER - length != sum(_size(part) for part in _parts(header)):
        raise TrainError(f"{path}: damaged: its size is not as it was written")
    if any(Path(file.name).name != file.name for file in header.weights):
        raise TrainError(f"{path}: damaged: a file of its weights lies elsewhere")
    return header


def restored(
    path: Path, header: Header, base: Weights, workers: int | None
) -> Iterator[tuple[FileDelta, Iterator[bytes]]]:
    """The files of the weights, one after another, each as its bytes from first to last.

    Take all bytes of a file before the next one. Raises TrainError, which names the tensor, where
    the delta is damaged.
    """
    with path.open("rb") as planes:
        for file in header.weights:
            yield file, _restored_file(planes, file, header.chunk, base, workers)


def _restored_file(
    planes: IO[bytes], file: FileDelta, chunk: int, base: Weights, workers: int | None
) -> Iterator[bytes]:
    told = file.header.encode()
    yield len(told).to_bytes(8, "little") + told
    based = {tensor.name: tensor.based for tensor in file.tensors}
    parts = (part for tensor in file.tensors for part in tensor.parts)
    places = _places(tensors_of(told), chunk)

    def read() -> Iterator[tuple[_Place, Part, bytes]]:
        for place, part in zip(places, parts, strict=True):
            yield place, part, planes.read(_size(part))

    def value(given: tuple[_Place, Part, bytes]) -> bytes:
        place, part, data = given
        against = _bits(base, place) if based[place.tensor.name] else None
        try:
            return _decoded(part, data, against, place).tobytes()
        except ValueError as error:
            told = f"tensor {place.tensor.name} is not as it was written"
            raise TrainError(f"{planes.name}: damaged: {told} ({error})") from None

    yield from in_order(workers, value, read())


def _decoded(part: Part, data: bytes, against: Bits | None, place: _Place) -> Bits:
    if zlib.crc32(data) != part.crc:
        raise ValueError("crc32")
    borders = [0, *np.cumsum(part.planes).tolist()]
    planes = [data[first:end] for first, end in pairwise(borders)]
    kind = kind_of(place.tensor.dtype)
    return decode(planes, against, kind, (place.end - place.start) // kind.bytes)


def in_order(
    workers: int | None, function: Callable[[In], Out], given: Iterable[In]
) -> Iterator[Out]:
    """function of each, in threads, two a thread ahead: memory does not follow what is given."""
    threads = workers or os.cpu_count() or 1
    waiting: deque[Future[Out]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for one in given:
            waiting.append(pool.submit(function, one))
            if len(waiting) > 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _places(tensors: Iterable[Tensor], chunk: int) -> Iterator[_Place]:
    for tensor in tensors:
        step = chunk * kind_of(tensor.dtype).bytes
        for start in range(0, tensor.size, step):
            yield _Place(tensor, start, min(start + step, tensor.size))


def _based(tensor: Tensor, base: Weights) -> bool:
    found = base.find(tensor.name)
    return found is not None and found[1][1:3] == tensor[1:3]


def _bits(base: Weights, place: _Place) -> Bits:
    found = base.find(place.tensor.name)
    if found is None or found[1].size != place.tensor.size:
        raise ValueError("the base has no such tensor")
    kind = kind_of(place.tensor.dtype)
    return found[0].read(found[1], place.start, place.end).view(f"<u{kind.bytes}")


def _parts(header: Header) -> Iterator[Part]:
    for file in header.weights:
        for tensor in file.tensors:
            yield from tensor.parts


def _size(part: Part) -> int:
    return sum(part.planes)
