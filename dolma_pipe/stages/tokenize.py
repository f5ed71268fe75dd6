"""Encode one shard of unique survivors: ids, offsets, and the columns that plan a mix."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from dolma_pipe.conversations import turns
from dolma_pipe.curated import Texts, read_texts
from dolma_pipe.cuts import Cuts, read_cuts
from dolma_pipe.errors import TokensError, WorkError
from dolma_pipe.kernels.jit import I64, U8, U32, U64
from dolma_pipe.kernels.terminated import terminate
from dolma_pipe.tokenizer import ChatEncoder, EncoderFailed, Ids, Tokenizer, load_tokenizer
from dolma_pipe.tokenizer.probe import DIFFERS, told
from dolma_pipe.tokens import LOSS, ChatTemplate, Tokens
from dolma_pipe.work import address, atomic_write, here

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
    a path; eos: a token or None; chat: the template of conversations, whose loss mask <out>.loss.u8
    is written, too, or None. row is that of the columns of curation. Returns {documents, tokens,
    fallback}; fallback is None, or where gigatoken failed or disagreed with `tokenizers` on
    a sample, which encoded the whole shard then: {reason, example}.
    """
    tokenizer = load_tokenizer(args["tokenizer"], args.get("eos"))
    chat = None
    if args.get("chat"):
        template = msgspec.convert(args["chat"], ChatTemplate)
        chat = ChatEncoder(template, tokenizer.special, tokenizer.eos_id)
    survivors = _survivors(args)
    fallback = None
    try:
        lengths = _write_ids(args, survivors, tokenizer, chat, reference=False)
    except EncoderFailed as failure:
        fallback = {"reason": failure.reason, "example": failure.example}
        lengths = _write_ids(args, survivors, tokenizer, chat, reference=True)
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
    table = pq.read_table(here(args["columns"]), columns=["id", "line"])
    rows: I64 = np.arange(len(table), dtype=np.int64)
    cuts = read_cuts(args["cuts"], len(table)) if args.get("cuts") else None
    if args.get("removed"):
        removed = np.fromfile(here(args["removed"]), np.uint8)
        if len(removed) != len(table):
            place = address(Path(args["removed"]))
            told = f"{len(removed)} rows, {len(table)} expected"
            raise WorkError(f"{place}: {told}: run again with --force")
        rows = np.flatnonzero(removed == 0)
        table = table.take(pa.array(rows))
    hashes = document_hashes(args["source"], _strings(table.column("id")), len(table))
    return _Rows(rows, cuts, table.column("id"), table.column("line"), hashes)


def _write_ids(
    args: dict[str, Any],
    survivors: _Rows,
    tokenizer: Tokenizer,
    chat: ChatEncoder | None,
    *,
    reference: bool,
) -> I64:
    """Write <out>.ids, of conversations <out>.loss.u8; return tokens a document, EOS counted."""
    lengths = [np.empty(0, np.int64)]
    done, mask, messages = 0, None, chat is not None
    encoder = _Encoder(tokenizer, chat, reference)
    with ExitStack() as files:
        file = files.enter_context(atomic_write(Path(f"{args['out']}.ids")))
        if messages:
            mask = files.enter_context(atomic_write(Path(f"{args['out']}{LOSS}")))
        for texts in read_texts(args["curated"], survivors.rows, survivors.cuts, messages=messages):
            until = done + len(texts.rows)
            encoded = encoder.encode(texts, survivors.hashes[done:until], survivors.ids.slice(done))
            file.write(encoded.ids.data)
            if mask is not None:
                assert encoded.loss is not None
                mask.write(encoded.loss.data)
            lengths.append(encoded.lengths)
            done = until
    return np.concatenate(lengths)


class _Encoded(NamedTuple):
    """Documents with their end of text: ids[tokens], lengths int64[documents]; loss uint8[tokens]
    of conversations."""

    ids: Tokens
    lengths: I64
    loss: U8 | None


class _Encoder(NamedTuple):
    """What makes ids of texts. chat: where they are conversations."""

    tokenizer: Tokenizer
    chat: ChatEncoder | None
    reference: bool

    def encode(self, texts: Texts, hashes: U64, names: pa.ChunkedArray) -> _Encoded:
        """names: ids of the documents, for errors. Raises EncoderFailed, TokensError."""
        if self.chat is not None:
            return self._conversations(self.chat, texts, hashes, names)
        found = self._ids(texts.text, texts.offsets, texts.rows, hashes)
        ids = np.empty(len(found.ids) + len(found.offsets) - 1, self.tokenizer.dtype)
        highest, holds = terminate(found.ids, found.offsets, self.tokenizer.eos_id, ids)
        self._check(highest, holds, names)
        return _Encoded(ids, np.diff(found.offsets) + 1, None)

    def _conversations(
        self, chat: ChatEncoder, texts: Texts, hashes: U64, names: pa.ChunkedArray
    ) -> _Encoded:
        content = texts.text.tobytes()
        borders = pairwise(texts.offsets.tolist())
        pieces = chat.pieces(turns(content[start:end]) for start, end in borders)
        of = pieces.documents[pieces.special < 0]
        found = self._ids(pieces.text, pieces.offsets, texts.rows[of], hashes[of])
        wrong = np.flatnonzero(found.ids == self.tokenizer.eos_id)
        holds = -1
        if len(wrong):
            holds = int(of[np.searchsorted(found.offsets, wrong[0], "right") - 1])
        documents, loss = pieces.joined(found, len(texts.rows))
        self._check(int(documents.ids.max()), holds, names)
        lengths = np.diff(documents.offsets)
        return _Encoded(documents.ids.astype(self.tokenizer.dtype), lengths, loss)

    def _ids(self, text: U8, offsets: I64, rows: I64, hashes: U64) -> Ids:
        if self.reference:
            return self.tokenizer.encode_reference(text, offsets)
        found = self.tokenizer.encode(text, offsets)
        for d in np.argsort(hashes, kind="stable")[:CHECKED_DOCUMENTS].tolist():
            self._compare(found.of(d), text[offsets[d] : offsets[d + 1]], int(hashes[d]), rows[d])
        return found

    def _compare(self, ids: U32, text: U8, choice: int, row: int) -> None:
        """Raises EncoderFailed where `tokenizers` has other ids for a document, or a part of it."""
        piece = _stretch(text, CHECKED_BYTES, choice)
        offsets = np.array([0, len(piece)], np.int64)
        expected = self.tokenizer.encode_reference(piece, offsets).ids
        found = [self.tokenizer.encode(piece, offsets).ids]
        if len(piece) == len(text):
            found.append(ids)
        if not all(np.array_equal(other, expected) for other in found):
            raise EncoderFailed(DIFFERS, f"row {row}: {told(piece)}")

    def _check(self, highest: int, holds: int, names: pa.ChunkedArray) -> None:
        """highest: of all ids. holds: a document whose text becomes the end of text, or -1."""
        tokenizer = self.tokenizer
        if highest >= tokenizer.vocab_size:
            raise TokensError(f"{tokenizer.name}: id {highest} is outside of its vocabulary")
        if holds >= 0:
            raise TokensError(
                f"document {names[holds]}: its text becomes {tokenizer.eos!r}, the end of text of"
                f" {tokenizer.name}: name a token that no text becomes in tokenize.eos"
            )


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
        told = f"{len(lengths)} documents encoded, {len(survivors.rows)} expected"
        raise WorkError(f"{out}: {told}: run again with --force")
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
