"""Small token arrays, and arrays as other tools write and read them: each from its own format."""

import csv
import gzip
import hashlib
import struct
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from dolma_pipe.tokens import (
    Manifest,
    TokenArrays,
    TokenizerStamp,
    Vocabulary,
    id_type,
    source_of,
    write_manifest,
    write_tokens,
)

EOS = 9
STAMP = TokenizerStamp(name="small", sha256="0" * 64)
Documents = Sequence[Sequence[int]]
SMALL = {"web": [[[1, 2, 9], [9], [3, 9]], [[4, 5, 6, 9]]], "code": [[[7, 9]]]}


def vocabulary(size: int = 10, eos: int = EOS) -> Vocabulary:
    """Every token is two bytes of text, but the end of text."""
    token_bytes = np.full(size, 2, np.uint16)
    token_bytes[eos] = 0
    return Vocabulary(STAMP, size, eos, None, token_bytes)


def write_arrays(
    folder: Path,
    sources: Mapping[str, Sequence[Documents]],
    size: int = 10,
    eos: int = EOS,
    seed: int = 1,
) -> TokenArrays:
    """sources: for each its shards, for each of these its documents, with their EOS."""
    words = vocabulary(size, eos)
    written = []
    for name, files in sources.items():
        shards = []
        for i, documents in enumerate(files):
            with write_tokens(folder / name / f"part-{i:05d}", words.dtype, size, eos) as writer:
                for number, ids in enumerate(documents):
                    writer.add(np.array(ids, "<u4"), f'{name} "{number}"', "in.zst", number + 1)
            shards.append(writer.shard(f"{name}/part-{i:05d}.npy"))
        written.append(source_of(name, shards))
    content = words.token_bytes.astype("<u2").tobytes()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "token_bytes.u16").write_bytes(content)
    manifest = Manifest(
        dtype=id_type(size),
        vocab_size=size,
        eos_id=eos,
        pad_id=None,
        tokenizer=STAMP,
        token_bytes_sha256=hashlib.sha256(content).hexdigest(),
        seed=seed,
        fingerprint="f",
        documents=sum(source.documents for source in written),
        tokens=sum(source.tokens for source in written),
        sources=tuple(written),
    )
    write_manifest(folder, manifest)
    return TokenArrays(folder)


def documents_of(arrays: TokenArrays, source: str | None = None) -> list[list[int]]:
    """Every document, with its EOS."""
    count = sum(shard.documents for shard in arrays.shards(source))
    return [arrays.document(i, source).tolist() for i in range(count)]


def write_dolma(
    path: Path, documents: Documents, *, dtype: str = "<u2", zeros: int = 0, rows: bool = True
) -> None:
    """As dolma's MemmapWriter: raw ids, zeros where it did not fill its file, rows beside."""
    path.parent.mkdir(parents=True, exist_ok=True)
    flat = [i for ids in documents for i in ids] + [0] * zeros
    array = np.memmap(path, dtype, "w+", shape=(len(flat),))
    array[:] = flat
    array.flush()
    if rows:
        with gzip.open(path.with_suffix(".csv.gz"), "wt", newline="") as file:
            writer, start = csv.writer(file), 0
            for number, ids in enumerate(documents):
                writer.writerow([start, start + len(ids), f"id-{number}", "old/a.gz", number + 1])
                start += len(ids)


def read_megatron(prefix: Path) -> list[list[int]]:
    """Documents by the format of .idx: every sequence of each, one after the other."""
    index = prefix.with_suffix(".idx").read_bytes()
    assert index[:9] == b"MMIDIDX\x00\x00"
    version, code, sequences, documents = struct.unpack("<QBQQ", index[9:34])
    assert version == 1
    letter, width = {4: ("i", 4), 8: ("H", 2)}[code]
    lengths = struct.unpack_from(f"<{sequences}i", index, 34)
    places = struct.unpack_from(f"<{sequences}q", index, 34 + 4 * sequences)
    firsts = struct.unpack_from(f"<{documents}q", index, 34 + 12 * sequences)
    assert len(index) == 34 + 12 * sequences + 8 * documents
    assert firsts[0] == 0
    assert firsts[-1] == sequences
    data = prefix.with_suffix(".bin").read_bytes()
    assert len(data) == width * sum(lengths)
    found = []
    for first, end in pairwise(firsts):
        document: list[int] = []
        for i in range(first, end):
            document += struct.unpack_from(f"<{lengths[i]}{letter}", data, places[i])
        found.append(document)
    return found


def write_megatron(prefix: Path, documents: Sequence[Documents], code: int = 8) -> None:
    """documents: the sequences of each."""
    letter, width = {4: ("i", 4), 8: ("H", 2)}[code]
    sequences = [sequence for document in documents for sequence in document]
    flat = [i for sequence in sequences for i in sequence]
    prefix.parent.mkdir(parents=True, exist_ok=True)
    prefix.with_suffix(".bin").write_bytes(struct.pack(f"<{len(flat)}{letter}", *flat))
    lengths = [len(sequence) for sequence in sequences]
    places = [width * sum(lengths[:i]) for i in range(len(lengths))]
    firsts = [sum(len(d) for d in documents[:i]) for i in range(len(documents) + 1)]
    index = b"MMIDIDX\0\0" + struct.pack("<QBQQ", 1, code, len(sequences), len(firsts))
    index += struct.pack(f"<{len(lengths)}i", *lengths)
    index += struct.pack(f"<{len(places)}q", *places)
    index += struct.pack(f"<{len(firsts)}q", *firsts)
    prefix.with_suffix(".idx").write_bytes(index)


def read_llmc(path: Path) -> list[int]:
    """Tokens as llm.c's data loader reads them; it asserts all that is asserted here."""
    content = path.read_bytes()
    header = struct.unpack("<256i", content[:1024])
    assert header[:2] == (20240520, 1)
    assert header[2] > 0
    assert len(content) == 1024 + 2 * header[2]
    return list(struct.unpack(f"<{header[2]}H", content[1024:]))


def write_llmc(path: Path, tokens: Sequence[int]) -> None:
    """As llm.c's data_common.py."""
    header = struct.pack("<3i", 20240520, 1, len(tokens)).ljust(1024, b"\0")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(header + struct.pack(f"<{len(tokens)}H", *tokens))
