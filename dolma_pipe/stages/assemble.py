"""Assemble tokens/ as the mix was planned: each file from the copies in its range of hashes."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow.parquet as pq

from dolma_pipe.engine.base import Task
from dolma_pipe.kernels.jit import I64, U64
from dolma_pipe.stages.copies import copy_hashes
from dolma_pipe.stages.plan import SourcePlan, copies_path, read_plan
from dolma_pipe.tokenizer import TokenizeSettings, load_tokenizer
from dolma_pipe.tokens import (
    ENDINGS,
    MANIFEST,
    TOKEN_BYTES,
    Manifest,
    TokenizerStamp,
    TokenShard,
    TokenSource,
    TokenWriter,
    remove_stale_plans,
    write_manifest,
    write_tokens,
)
from dolma_pipe.work import Work, atomic_write


class _Chosen(NamedTuple):
    """Copies of one shard that belong to a file: places in its order, and rows of the shard."""

    shard: int
    places: U64
    rows: I64
    copies: I64


def assembly_tasks(root: Path, settings: TokenizeSettings) -> list[Task]:
    """One task for `assemble_part` a file of the plan; the key is <source>/<part>."""
    plan = read_plan(Work(root))
    tokenizer = load_tokenizer(settings.tokenizer, settings.eos)
    common = {
        "root": str(root),
        "seed": plan.seed,
        "dtype": tokenizer.dtype.str,
        "vocab_size": tokenizer.vocab_size,
        "eos_id": tokenizer.eos_id,
    }
    return [
        Task(
            f"{source.name}/{part.name}",
            {
                **common,
                "source": source.name,
                "part": msgspec.to_builtins(part),
                "shards": msgspec.to_builtins(source.shards),
            },
            weight=part.tokens,
        )
        for source in plan.sources
        for part in source.parts
    ]


def withdraw_manifest(root: Path) -> None:
    """Before the first file is written anew: what lies in tokens/ is no longer whole."""
    (Work(root).tokens / MANIFEST).unlink(missing_ok=True)


def assemble_part(args: dict[str, Any]) -> dict[str, Any]:
    """Write one file of tokens/ with its offsets and rows; returns its entry in the manifest."""
    work, part = Work(args["root"]), args["part"]
    chosen = [_choose(work, i, args) for i in range(len(args["shards"]))]
    prefix = work.tokens / args["source"] / part["name"]
    dtype = np.dtype(args["dtype"])
    with write_tokens(prefix, dtype, args["vocab_size"], args["eos_id"]) as writer:
        _gather(work, writer, chosen, args)
    shard = writer.shard(f"{args['source']}/{part['name']}.npy")
    if (shard.documents, shard.tokens) != (part["documents"], part["tokens"]):
        raise ValueError(f"{prefix}: {shard.documents} documents, {part['documents']} planned")
    return dict(msgspec.to_builtins(shard))


def finish_tokens(
    root: Path,
    settings: TokenizeSettings,
    parts: Mapping[str, dict[str, Any]],
    *,
    fingerprint: str,
    counts: dict[str, Any],
) -> Manifest:
    """Write token_bytes.u16, remove files of earlier mixes, write the manifest last.

    parts: what `assemble_part` returned, by the key of its task.
    """
    work = Work(root)
    plan = read_plan(work)
    tokenizer = load_tokenizer(settings.tokenizer, settings.eos)
    sizes = tokenizer.token_bytes().astype("<u2").tobytes()
    with atomic_write(work.tokens / TOKEN_BYTES) as file:
        file.write(sizes)
    sources = tuple(_source(source, parts) for source in plan.sources)
    _remove_others(work.tokens, sources)
    manifest = Manifest(
        dtype=tokenizer.dtype.name,
        vocab_size=tokenizer.vocab_size,
        eos_id=tokenizer.eos_id,
        pad_id=tokenizer.pad_id,
        tokenizer=TokenizerStamp(name=tokenizer.name, sha256=tokenizer.sha256),
        token_bytes_sha256=hashlib.sha256(sizes).hexdigest(),
        seed=plan.seed,
        fingerprint=fingerprint,
        documents=sum(source.documents for source in sources),
        tokens=sum(source.tokens for source in sources),
        sources=sources,
        counts=counts,
    )
    write_manifest(work.tokens, manifest)
    remove_stale_plans(work.tokens)
    return manifest


def _choose(work: Work, shard: int, args: dict[str, Any]) -> _Chosen:
    key, part = args["shards"][shard]["key"], args["part"]
    copies = np.fromfile(copies_path(work, key), "<u2")
    table = pq.read_table(f"{work.encoded(key)}.docs.parquet", columns=["hash"])
    hashes: U64 = table.column("hash").to_numpy()
    places, rows, numbers = (
        [np.empty(0, np.uint64)],
        [np.empty(0, np.int64)],
        [np.empty(0, np.int64)],
    )
    for copy in range(int(copies.max(initial=0))):
        has = np.flatnonzero(copies > copy)
        place = copy_hashes(hashes[has], args["seed"], args["source"], copy)
        inside = (place >= np.uint64(part["first_hash"])) & (place <= np.uint64(part["last_hash"]))
        places.append(place[inside])
        rows.append(has[inside])
        numbers.append(np.full(int(inside.sum()), copy))
    return _Chosen(shard, np.concatenate(places), np.concatenate(rows), np.concatenate(numbers))


def _gather(work: Work, writer: TokenWriter, chosen: list[_Chosen], args: dict[str, Any]) -> None:
    """Append all copies in the order of their hashes; equal ones by copy, shard and row."""
    shard = np.concatenate([np.full(len(c.rows), c.shard) for c in chosen])
    row = np.concatenate([c.rows for c in chosen])
    copy = np.concatenate([c.copies for c in chosen])
    order = np.lexsort((row, shard, copy, np.concatenate([c.places for c in chosen])))
    opened = {c.shard: _Encoded(work, c, args) for c in chosen if len(c.rows)}
    for s, r in zip(shard[order].tolist(), row[order].tolist(), strict=True):
        opened[s].write(writer, r)


class _Encoded:
    """An encoded shard, read in place; ids and lines only of the rows that are needed."""

    def __init__(self, work: Work, chosen: _Chosen, args: dict[str, Any]) -> None:
        shard = args["shards"][chosen.shard]
        prefix = work.encoded(shard["key"])
        self._ids = np.memmap(f"{prefix}.ids", np.dtype(args["dtype"]), "r")
        self._offsets = np.fromfile(f"{prefix}.offsets.u64", "<u8")
        self._rows = np.unique(chosen.rows)
        table = pq.read_table(f"{prefix}.docs.parquet", columns=["id", "line"]).take(self._rows)
        self._names = table.column("id").combine_chunks()
        self._lines = table.column("line").to_numpy()
        self._src = shard["src"]

    def write(self, writer: TokenWriter, row: int) -> None:
        place = int(np.searchsorted(self._rows, row))
        start, end = self._offsets[row : row + 2].tolist()
        document_id = self._names[place].as_py()
        writer.add(self._ids[start:end], document_id, self._src, int(self._lines[place]))


def _source(source: SourcePlan, parts: Mapping[str, dict[str, Any]]) -> TokenSource:
    found = [parts[f"{source.name}/{part.name}"] for part in source.parts]
    return TokenSource(
        name=source.name,
        documents=source.output.documents,
        tokens=source.output.tokens,
        shards=tuple(msgspec.convert(entry, TokenShard) for entry in found),
    )


def _remove_others(folder: Path, sources: Iterable[TokenSource]) -> None:
    """Users glob for *.npy: nothing of an earlier mix may stay."""
    stems = [shard.file.removesuffix(".npy") for s in sources for shard in s.shards]
    ours = {folder / f"{stem}{ending}" for stem in stems for ending in ENDINGS}
    for path in folder.glob("*/*"):
        if path not in ours and path.name.endswith(ENDINGS):
            path.unlink()
