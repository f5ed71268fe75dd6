"""The weights of a checkpoint as bit patterns: safetensors files, read without torch.

Format: https://github.com/huggingface/safetensors (u64 size of the header, JSON, data).
"""

import hashlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from dolma_pipe.errors import TrainError

ALONE = ("model.safetensors", "adapter_model.safetensors")
INDEX = "model.safetensors.index.json"
CONFIG = "config.json"
LARGEST_HEADER = 100_000_000
"""Bytes; the limit of safetensors itself."""

BITS = {"BOOL": 8, "I8": 8, "U8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8}
BITS |= {"I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32}
BITS |= {"I64": 64, "U64": 64, "F64": 64, "C64": 64}


class Tensor(NamedTuple):
    """One tensor of a file. start: of its data in the file, bytes."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    size: int


class WeightsFile:
    """A safetensors file: its tensors in the order of their data.

    Raises TrainError where it is none, or not whole.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.bytes = path.stat().st_size
            with path.open("rb") as file:
                length = int.from_bytes(file.read(8), "little")
                if not 2 <= length <= min(LARGEST_HEADER, self.bytes - 8):
                    raise TrainError(f"{path}: damaged: no safetensors file, or not all of it")
                self.header = file.read(length)
        except OSError as error:
            raise TrainError(f"cannot read {path}: {error.strerror}") from None
        try:
            self.tensors = tensors_of(self.header)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise TrainError(f"{path}: damaged: its header: {error}") from None
        if self.bytes != (end := data_end(self.header, self.tensors)):
            raise TrainError(f"{path}: damaged: {self.bytes:,} bytes, not {end:,}")

    def read(self, tensor: Tensor, start: int, end: int) -> NDArray[np.uint8]:
        """Its bytes from start to end. Raises TrainError where the file is shorter by now."""
        data = np.fromfile(self.path, np.uint8, end - start, offset=tensor.start + start)
        if data.size != end - start:
            raise TrainError(f"{self.path} changed while it was read")
        return data


def tensors_of(header: bytes) -> list[Tensor]:
    """What a header describes, in the order of the data. Raises ValueError, LookupError, TypeError
    or AttributeError where it does not describe data without holes."""
    start = 8 + len(header)
    found = []
    given: dict[str, Any] = msgspec.json.decode(header)
    for name, one in given.items():
        if name != "__metadata__":
            first, end = one["data_offsets"]
            shape = tuple(int(size) for size in one["shape"])
            found.append(Tensor(name, str(one["dtype"]), shape, start + first, end - first))
    found.sort(key=lambda tensor: (tensor.start, tensor.size))
    for tensor in found:
        expected = math.prod(tensor.shape) * BITS.get(tensor.dtype, 0) // 8
        if tensor.start != start or (tensor.dtype in BITS and tensor.size != expected):
            raise ValueError(f"place or size of {tensor.name}")
        start += tensor.size
    return found


def data_end(header: bytes, tensors: list[Tensor]) -> int:
    """The size that the file must have."""
    return tensors[-1].start + tensors[-1].size if tensors else 8 + len(header)


def weight_files(folder: Path) -> list[Path]:
    """model.safetensors, the shards that its index names, or an adapter's file.

    Raises TrainError where there are none, or one is missing.
    """
    for name in ALONE:
        if (folder / name).is_file():
            return [folder / name]
        if name == ALONE[0] and (folder / INDEX).is_file():
            return _indexed(folder)
    if not folder.is_dir():
        raise TrainError(f"{folder} is not there")
    raise TrainError(f"{folder}: no weights: neither {ALONE[0]} nor {INDEX}")


def _indexed(folder: Path) -> list[Path]:
    path = folder / INDEX
    try:
        names = sorted(set(msgspec.json.decode(path.read_bytes())["weight_map"].values()))
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise TrainError(f"{path}: damaged: {error}") from None
    for name in names:
        if Path(name).name != name:
            raise TrainError(f"{path}: damaged: {name!r} is no file beside it")
        if not (folder / name).is_file():
            raise TrainError(f"{folder / name} is missing, which {INDEX} names")
    return [folder / name for name in names]


class Weights:
    """All tensors of a checkpoint by name, over its files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = [WeightsFile(path) for path in weight_files(folder)]
        self._places = {tensor.name: (file, tensor) for file, tensor in self}

    def __iter__(self) -> Iterator[tuple[WeightsFile, Tensor]]:
        for file in self.files:
            for tensor in file.tensors:
                yield file, tensor

    def find(self, name: str) -> tuple[WeightsFile, Tensor] | None:
        """The file that has this tensor."""
        return self._places.get(name)

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)


def file_sha256(path: Path) -> str:
    """Of its bytes, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
