"""Assemble tokens/ and held_out/ as planned: each file from its stretch of the order."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from dolma_pipe.engine.base import Task
from dolma_pipe.stages.encoded import EncodedShards
from dolma_pipe.stages.mix.documents import Shard
from dolma_pipe.stages.mix.plan import PartPlan, Plan, SourcePlan, order_path, read_plan
from dolma_pipe.tokenizer import Tokenizer, TokenizeSettings, load_tokenizer
from dolma_pipe.tokens import (
    ENDINGS,
    MANIFEST,
    TOKEN_BYTES,
    Manifest,
    TokenizerStamp,
    TokenShard,
    TokenSource,
    id_type,
    remove_stale_plans,
    source_of,
    write_manifest,
    write_tokens,
)
from dolma_pipe.work import Work, atomic_write


class PartTask(msgspec.Struct, frozen=True, kw_only=True):
    """A file to write: folder is tokens or held_out, below the work directory."""

    root: str
    folder: str
    source: str
    part: PartPlan
    shards: tuple[Shard, ...]
    dtype: str
    vocab_size: int
    eos_id: int


def assembly_tasks(root: Path, settings: TokenizeSettings) -> list[Task]:
    """One task for `assemble_part` a file of the plan; the key is <folder>/<source>/<part>."""
    tokenizer = load_tokenizer(settings.tokenizer, settings.eos)
    tasks = []
    for source in read_plan(Work(root)).sources:
        for folder, parts in (("tokens", source.parts), ("held_out", source.held_out_parts)):
            for part in parts:
                task = PartTask(
                    root=str(root),
                    folder=folder,
                    source=source.name,
                    part=part,
                    shards=source.shards,
                    dtype=tokenizer.dtype.str,
                    vocab_size=tokenizer.vocab_size,
                    eos_id=tokenizer.eos_id,
                )
                key = f"{folder}/{source.name}/{part.name}"
                tasks.append(Task(key, dict(msgspec.to_builtins(task)), weight=part.tokens))
    return tasks


def withdraw_manifests(root: Path) -> None:
    """Before the first file is written anew: what lies there is no longer whole."""
    for folder in (Work(root).tokens, Work(root).held_out):
        (folder / MANIFEST).unlink(missing_ok=True)


def assemble_part(args: dict[str, Any]) -> dict[str, Any]:
    """Write one file with its offsets and rows; returns its entry in the manifest."""
    task = msgspec.convert(args, PartTask)
    work, part = Work(task.root), task.part
    prefix = work.root / task.folder / task.source / part.name
    dtype = np.dtype(task.dtype)
    encoded = EncodedShards(work, task.shards, dtype)
    with write_tokens(prefix, dtype, task.vocab_size, task.eos_id) as writer:
        for copies in encoded.copies(order_path(work, task.source), part):
            ids, lengths = encoded.ids(copies)
            writer.extend(ids, lengths, encoded.rows(copies, writer.ends[-1]))
            encoded.release()
    shard = writer.shard(f"{task.source}/{part.name}.npy")
    if (shard.documents, shard.tokens) != (part.documents, part.tokens):
        raise ValueError(f"{prefix}: {shard.documents} documents, {part.documents} planned")
    return dict(msgspec.to_builtins(shard))


def finish_tokens(
    root: Path,
    settings: TokenizeSettings,
    parts: Mapping[str, dict[str, Any]],
    *,
    fingerprint: str,
    counts: dict[str, Any],
) -> Manifest:
    """Write token_bytes.u16, remove files of earlier mixes, write the manifests last.

    parts: what `assemble_part` returned, by the key of its task. Returns the manifest of tokens/;
    held_out/ has one of its own where documents are held out.
    """
    work = Work(root)
    plan = read_plan(work)
    tokenizer = load_tokenizer(settings.tokenizer, settings.eos)
    finish = _Finish(plan, tokenizer, parts, fingerprint, counts)
    if any(source.held_out.documents for source in plan.sources):
        finish.folder(work.held_out, "held_out", [s for s in plan.sources if s.held_out_parts])
    else:
        _remove_others(work.held_out, ())
        (work.held_out / TOKEN_BYTES).unlink(missing_ok=True)
    return finish.folder(work.tokens, "tokens", plan.sources)


class _Finish(NamedTuple):
    plan: Plan
    tokenizer: Tokenizer
    parts: Mapping[str, dict[str, Any]]
    fingerprint: str
    counts: dict[str, Any]

    def folder(self, folder: Path, name: str, planned: Iterable[SourcePlan]) -> Manifest:
        """Everything of a folder but the arrays, the manifest last."""
        sizes = self.tokenizer.token_bytes().astype("<u2").tobytes()
        with atomic_write(folder / TOKEN_BYTES) as file:
            file.write(sizes)
        sources = tuple(self.source(name, source) for source in planned)
        _remove_others(folder, sources)
        manifest = Manifest(
            dtype=id_type(self.tokenizer.vocab_size),
            vocab_size=self.tokenizer.vocab_size,
            eos_id=self.tokenizer.eos_id,
            pad_id=self.tokenizer.pad_id,
            tokenizer=TokenizerStamp(name=self.tokenizer.name, sha256=self.tokenizer.sha256),
            token_bytes_sha256=hashlib.sha256(sizes).hexdigest(),
            seed=self.plan.seed,
            fingerprint=self.fingerprint,
            documents=sum(source.documents for source in sources),
            tokens=sum(source.tokens for source in sources),
            sources=sources,
            counts=self.counts,
        )
        write_manifest(folder, manifest)
        remove_stale_plans(folder)
        return manifest

    def source(self, folder: str, source: SourcePlan) -> TokenSource:
        parts = source.parts if folder == "tokens" else source.held_out_parts
        entries = (self.parts[f"{folder}/{source.name}/{part.name}"] for part in parts)
        return source_of(source.name, [msgspec.convert(entry, TokenShard) for entry in entries])


def _remove_others(folder: Path, sources: Iterable[TokenSource]) -> None:
    """Users glob for *.npy: nothing of an earlier mix may stay."""
    stems = [shard.file.removesuffix(".npy") for s in sources for shard in s.shards]
    ours = {folder / f"{stem}{ending}" for stem in stems for ending in ENDINGS}
    for path in folder.glob("*/*"):
        if path not in ours and path.name.endswith(ENDINGS):
            path.unlink()
