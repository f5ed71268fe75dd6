"""Encode one shard of unique survivors: ids, offsets, and the columns that plan a mix."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from dolma_pipe.curated import Texts, read_texts
from dolma_pipe.cuts import Cuts, read_cuts
from dolma_pipe.errors import TokensError, WorkError
from dolma_pipe.kernels.jit import I64, U8, U64
from dolma_pipe.kernels.terminated import terminate
from dolma_pipe.tokenizer import EncoderFailed, Ids, Tokenizer, load_tokenizer
from dolma_pipe.tokenizer.probe import DIFFERS, told
from dolma_pipe.work import atomic_write

CHECKED_BYTES = 4 << 10
CHECKED_DOCUMENTS = 4
"""Of each batch, the stretches that are encoded with `tokenizers` too: some milliseconds."""


class _Rows(NamedTuple):
    """Survivors of deduplication: rows of the curated file, and what is known of them."""

    rows: I64
    cuts: Cuts | None
    ids: pa.ChunkedArray
    lines: pa.ChunkedArray
    hashes: U64


def encode_shard(args: dict[str, Any]) -> dict[str, Any]:
    """Write <out>.ids, <out>.offsets.u64 and <out>.docs.arrow (id, line, row, hash).

    args: curated, columns, removed, cuts (or None), out: paths; source; tokenizer: a named asset or
    a path; eos: a token or None. row is that of the columns of curation. Returns {documents,
    tokens, fallback}; fallback is None, or where gigatoken failed or disagreed with `tokenizers` on
    a sample, which encoded the whole shard then: {reason, example}.
    """
    tokenizer = load_tokenizer(args["tokenizer"], args.get("eos"))
    survivors = _survivors(args)
    fallback = None
    try:
        lengths = _write_ids(args, survivors, tokenizer, reference=False)
    except EncoderFailed as failure:
        fallback = {"reason": failure.reason, "example": failure.example}
        lengths = _write_ids(args, survivors, tokenizer, reference=True)
    _write_columns(Path(args["out"]), survivors, lengths)
    return {
        "documents": len(lengths),
        "tokens": int(lengths.sum()),
        "fallback": fallback,
    }


def document_hashes(source: str, ids: Iterable[str], count: int) -> U64:
    """64 bits for each document, from its source and id: what every random choice starts from."""
    hashes = (xxhash.xxh3_64_intdigest(f"{source}\0{i}".encode()) for i in ids)
    return np.fromiter(hashes, np.uint64, count)


def _strings(column: pa.ChunkedArray) -> Iterator[str]:
    """One by one, some thousand at a time as Python objects."""
    for start in range(0, len(column), 1 << 14):
        yield from column.slice(start, 1 << 14).to_pylist()


def _survivors(args: dict[str, Any]) -> _Rows:
    table = pq.read_table(args["columns"], columns=["id", "line"])
    rows: I64 = np.arange(len(table), dtype=np.int64)
    cuts = read_cuts(args["cuts"], len(table)) if args.get("cuts") else None
    if args.get("removed"):
        removed = np.fromfile(args["removed"], np.uint8)
        if len(removed) != len(table):
            raise WorkError(f"{args['removed']}: {len(removed)} rows, {len(table)} expected")
        rows = np.flatnonzero(removed == 0)
        table = table.take(pa.array(rows))
    hashes = document_hashes(args["source"], _strings(table.column("id")), len(table))
    return _Rows(rows, cuts, table.column("id"), table.column("line"), hashes)


def _write_ids(
    args: dict[str, Any], survivors: _Rows, tokenizer: Tokenizer, *, reference: bool
) -> I64:
    """Write <out>.ids and return tokens a document, EOS counted."""
    lengths = [np.empty(0, np.int64)]
    done = 0
    with atomic_write(Path(f"{args['out']}.ids")) as file:
        for texts in read_texts(args["curated"], survivors.rows, survivors.cuts):
            encode = tokenizer.encode_reference if reference else tokenizer.encode
            encoded = encode(texts.text, texts.offsets)
            until = done + len(texts.rows)
            if not reference:
                _check_sample(texts, survivors.hashes[done:until], encoded, tokenizer)
            lengths.append(_append(file, encoded, tokenizer, survivors.ids.slice(done)))
            done = until
    return np.concatenate(lengths)


def _append(file: IO[bytes], encoded: Ids, tokenizer: Tokenizer, names: pa.ChunkedArray) -> I64:
    """Write the ids with an EOS after each document; return tokens a document."""
    ids = np.empty(len(encoded.ids) + len(encoded.offsets) - 1, tokenizer.dtype)
    highest, holds = terminate(encoded.ids, encoded.offsets, tokenizer.eos_id, ids)
    if highest >= tokenizer.vocab_size:
        raise TokensError(f"{tokenizer.name}: id {highest} is outside of its vocabulary")
    if holds >= 0:
        raise TokensError(
            f"document {names[holds]}: its text becomes {tokenizer.eos!r}, the end of text of"
            f" {tokenizer.name}: name a token that no text becomes in tokenize.eos"
        )
    file.write(ids.data)
    return np.diff(encoded.offsets) + 1


def _check_sample(texts: Texts, hashes: U64, encoded: Ids, tokenizer: Tokenizer) -> None:
    """Raises EncoderFailed where `tokenizers` has other ids for a few documents chosen by hash."""
    for d in np.argsort(hashes, kind="stable")[:CHECKED_DOCUMENTS].tolist():
        start, end = texts.offsets[d : d + 2].tolist()
        piece = _stretch(texts.text[start:end], CHECKED_BYTES, int(hashes[d]))
        offsets = np.array([0, len(piece)], np.int64)
        expected = tokenizer.encode_reference(piece, offsets).ids
        found = [tokenizer.encode(piece, offsets).ids]
        if len(piece) == end - start:
            found.append(encoded.of(d))
        if not all(np.array_equal(ids, expected) for ids in found):
            raise EncoderFailed(DIFFERS, f"row {texts.rows[d]}: {told(piece)}")


def _stretch(text: U8, size: int, choice: int) -> U8:
    """At most size bytes from anywhere in the text, cut at code-point borders."""
    if len(text) <= size:
        return text
    start = choice % (len(text) - size + 1)
    end = start + size
    while start > 0 and text[start] & 0xC0 == 0x80:
        start -= 1
    while end < len(text) and text[end] & 0xC0 == 0x80:
        end -= 1
    return text[start:end]


def _write_columns(out: Path, survivors: _Rows, lengths: I64) -> None:
    if len(lengths) != len(survivors.rows):
        raise WorkError(f"{out}: {len(lengths)} documents encoded, {len(survivors.rows)} expected")
    with atomic_write(Path(f"{out}.offsets.u64")) as file:
        file.write(np.concatenate([[0], np.cumsum(lengths)]).astype("<u8").data)
    table = pa.table(
        {
            "id": survivors.ids,
            "line": survivors.lines,
            "row": survivors.rows.astype(np.uint32),
            "hash": survivors.hashes,
        }
    )
    # not compressed, so that any row is read in place
    with (
        atomic_write(Path(f"{out}.docs.arrow")) as file,
        pa.ipc.new_file(file, table.schema) as sink,
    ):
        sink.write_table(table)
