"""Token arrays as other tools write them, told apart by their first bytes and read in place.

    raw        ids alone (dolma, OLMo, nanoGPT); dolma has start,end,id,src,loc in a .csv.gz beside
    npy        what np.save writes
    llmc       llm.c: int32[256] (magic, version, tokens, 0 ...), then ids
    megatron   ids in .bin; in .idx a header, int32 lengths and int64 places of sequences, and
               int64 numbers of the sequences with which documents begin (and the end)

Formats: llm.c dev/data/data_common.py and llmc/dataloader.h; Megatron-LM
megatron/core/datasets/indexed_dataset.py; dolma tokenizer/memmap_writer.py.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from tokenize import TokenError
from typing import Any, Literal, NamedTuple

import numpy as np

from dolma_pipe.errors import TokensError
from dolma_pipe.tokens.arrays import CHUNK_TOKENS, Tokens
from dolma_pipe.tokens.rows import Row, read_rows

LLMC_MAGIC = 20240520
LLMC_HEADER_BYTES = 256 * 4
LLMC_MAGICS = {LLMC_MAGIC: (1, "<u2"), 20240801: (7, "<u4")}
"""Version and type of ids: of GPT-2's arrays, and of Llama 3's."""
MEGATRON_MAGIC = b"MMIDIDX\0\0"
MEGATRON_HEADER = struct.Struct("<9sQBQQ")
"""Magic, version 1, code of the type, number of sequences, number of documents + 1."""
MEGATRON_TYPES = {1: "u1", 2: "i1", 3: "<i2", 4: "<i4", 5: "<i8", 8: "<u2"}
NPY_MAGIC = b"\x93NUMPY"
NOT_A_HEADER = (ValueError, TypeError, SyntaxError, MemoryError, RecursionError, TokenError)
"""What NumPy raises for one: it is Python, parsed."""

Format = Literal["raw", "npy", "llmc", "megatron"]


class Array(NamedTuple):
    """An array of another tool. ids: unsigned, mapped; a negative one is a very large one here.

    eos_first: the end of text stands before each document, as llm.c has it.
    """

    path: Path
    format: Format
    ids: Tokens
    eos_first: bool = False

    def rows(self) -> Iterator[Row] | None:
        """The documents that a .csv.gz or .idx beside the array tells of; None without one.

        Raises TokensError where it is damaged.
        """
        if self.format == "megatron":
            return _megatron_rows(self.path, self.ids.dtype.itemsize)
        beside = self.path.with_name(f"{self.path.name.removesuffix('.npy')}.csv.gz")
        return read_rows(beside) if beside.exists() else None


def open_array(path: Path, dtype: str | None = None) -> Array:
    """Map an array of any format above. dtype: of raw ids, uint16 or uint32.

    Raises TokensError where the file is not whole, or raw and no dtype is given.
    """
    try:
        with path.open("rb") as file:
            start = file.read(16)
        if path.suffix == ".idx" or path.with_suffix(".idx").exists():
            return _megatron(path.with_suffix(".bin"))
        if start.startswith(NPY_MAGIC):
            return _npy(path)
        if int.from_bytes(start[:4], "little") in LLMC_MAGICS:
            return _llmc(path)
        if dtype is None:
            raise TokensError(f"{path} has no header: say what its ids are (--dtype uint16)")
        return Array(path, "raw", _ids(path, 0, np.dtype(dtype).newbyteorder("<")))
    except OSError as error:
        raise TokensError(f"{path}: {error.strerror}") from None


def _ids(path: Path, skip: int, dtype: np.dtype[Any], count: int | None = None) -> Tokens:
    """Map count ids after skip bytes, or all of them."""
    size = path.stat().st_size - skip
    if count is None and size % dtype.itemsize:
        raise TokensError(f"{path}: {size} bytes are no whole number of {dtype.name} ids")
    if count is not None and size != count * dtype.itemsize:
        expected = count * dtype.itemsize
        raise TokensError(f"{path}: {size} bytes of ids, its header says {expected}: cut off?")
    unsigned = np.dtype(f"<u{dtype.itemsize}")
    if size == 0:  # which cannot be mapped
        return np.empty(0, unsigned)
    return np.memmap(path, unsigned, "r", offset=skip).view(np.ndarray)  # which slices faster


def _npy(path: Path) -> Array:
    with path.open("rb") as file:
        try:
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0
            if version != (1, 0):
                read = np.lib.format.read_array_header_2_0
            shape, _, dtype = read(file)
        except NOT_A_HEADER:
            raise TokensError(f"{path}: its header is not one of np.save's") from None
        skip = file.tell()
    if len(shape) != 1 or dtype.kind not in "iu" or dtype.byteorder == ">":
        raise TokensError(f"{path} holds {dtype} of shape {shape}, not one row of ids")
    return Array(path, "npy", _ids(path, skip, dtype, shape[0]))


def _llmc(path: Path) -> Array:
    header = np.fromfile(path, "<i4", 256)
    if len(header) < 256:
        raise TokensError(f"{path} is cut off in its header")
    version, dtype = LLMC_MAGICS[int(header[0])]
    if header[1] != version:
        raise TokensError(f"{path}: version {header[1]} of llm.c's arrays, {version} is known")
    ids = _ids(path, LLMC_HEADER_BYTES, np.dtype(dtype), int(header[2]))
    return Array(path, "llmc", ids, eos_first=True)


def _megatron(path: Path) -> Array:
    code, sequences, documents = _megatron_header(path.with_suffix(".idx"))
    dtype = np.dtype(MEGATRON_TYPES[code])
    lengths, places, _ = _megatron_index(path.with_suffix(".idx"), sequences, documents)
    count = 0
    for start in range(0, sequences, CHUNK_TOKENS):
        size = lengths[start : start + CHUNK_TOKENS].astype(np.int64)
        expected = count + np.cumsum(size) - size
        if not np.array_equal(places[start : start + CHUNK_TOKENS], expected * dtype.itemsize):
            raise TokensError(f"{path.with_suffix('.idx')}: its sequences do not lie side by side")
        count += int(size.sum())
    return Array(path, "megatron", _ids(path, 0, dtype, count))


def _megatron_header(path: Path) -> tuple[int, int, int]:
    """Code of the type, sequences, document numbers."""
    with path.open("rb") as file:
        header = file.read(MEGATRON_HEADER.size)
    if len(header) < MEGATRON_HEADER.size or not header.startswith(MEGATRON_MAGIC):
        raise TokensError(f"{path} is no index of Megatron's (MMIDIDX)")
    _, version, code, sequences, documents = MEGATRON_HEADER.unpack(header)
    if version != 1 or code not in MEGATRON_TYPES:
        raise TokensError(f"{path}: version {version}, type {code}: not known")
    return code, sequences, documents


def _megatron_index(path: Path, sequences: int, documents: int) -> tuple[Any, Any, Any]:
    """int32 lengths, int64 places in bytes, int64 first sequence of each document and the end."""
    at, size = MEGATRON_HEADER.size, path.stat().st_size
    ends = [at + 4 * sequences, at + 12 * sequences, at + 12 * sequences + 8 * documents]
    if size not in (ends[2], ends[2] + sequences) or documents == 0:  # a mode a sequence may follow
        raise TokensError(f"{path}: {size} bytes, its header says {ends[2]}: cut off?")
    content = np.memmap(path, np.uint8, "r")
    return (
        content[at : ends[0]].view("<i4"),
        content[ends[0] : ends[1]].view("<i8"),
        content[ends[1] : ends[2]].view("<i8"),
    )


def _megatron_rows(path: Path, itemsize: int) -> Iterator[Row]:
    index = path.with_suffix(".idx")
    _, sequences, documents = _megatron_header(index)
    lengths, places, firsts = _megatron_index(index, sequences, documents)
    begin = 0
    for start in range(1, documents, CHUNK_TOKENS):
        last = firsts[start : start + CHUNK_TOKENS] - 1
        if (last < -1).any() or (last >= sequences).any():
            raise TokensError(f"{index}: a document of sequences that are not there")
        ends = np.where(last < 0, 0, places[last] // itemsize + lengths[last])
        for number, end in enumerate(ends.tolist(), start):
            yield Row(begin, end, f"{path.stem}:{number}", str(path), number)
            begin = end
