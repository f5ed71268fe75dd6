"""Assemble tokens/ and held_out/ as planned: each file from its stretch of the order."""

import hashlib
import io
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from dolma_pipe.engine.base import Task
from dolma_pipe.stages.encoded import EncodedShards
from dolma_pipe.stages.mix.documents import Shard
from dolma_pipe.stages.mix.plan import PartPlan, Plan, SourcePlan, order_path, read_plan
from dolma_pipe.stages.publish import FOLDERS, Receipt, publish_part, spooled
from dolma_pipe.store import Stamp, Store, open_store
from dolma_pipe.tokenizer import Tokenizer, TokenizeSettings, load_tokenizer
from dolma_pipe.tokens import (
    BESIDE,
    ENDINGS,
    LOSS,
    MANIFEST,
    TOKEN_BYTES,
    TOKENIZER,
    ChatTemplate,
    Manifest,
    TokenizerStamp,
    TokenShard,
    TokenSource,
    id_type,
    remove_stale_plans,
    source_of,
    write_tokens,
)
from dolma_pipe.work import Work, address, json_file, write_json


class PartTask(msgspec.Struct, frozen=True, kw_only=True):
    """A file to write: folder is tokens or held_out, below the output or the work directory.

    fingerprint: of the mix. loss: whether the source has a loss mask.
    """

    root: str
    folder: str
    source: str
    part: PartPlan
    shards: tuple[Shard, ...]
    dtype: str
    vocab_size: int
    eos_id: int
    output: str | None
    fingerprint: str
    loss: bool


def assembly_tasks(
    root: Path, settings: TokenizeSettings, fingerprint: str = "", *, chats: Collection[str] = ()
) -> list[Task]:
    """One task for `assemble_part` a file of the plan; the key is <folder>/<source>/<part>.

    fingerprint: of the mix, for receipts of what goes to another place. chats: sources of
    conversations.
    """
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
                    output=settings.output,
                    fingerprint=fingerprint,
                    loss=source.name in chats,
                )
                key = f"{folder}/{source.name}/{part.name}"
                tasks.append(Task(key, dict(msgspec.to_builtins(task)), weight=part.tokens))
    return tasks


def withdraw_manifests(store: Store) -> None:
    """Before the first file is written anew: what lies there is no longer whole."""
    for folder in FOLDERS:
        store.delete(f"{folder}/{MANIFEST}")


def assemble_part(args: dict[str, Any]) -> dict[str, Any]:
    """Write one file with its offsets and rows; returns its entry in the manifest.

    Where the recipe has another place for them they go there through the spool.
    """
    task = msgspec.convert(args, PartTask)
    work, key = Work(task.root), f"{task.folder}/{task.source}/{task.part.name}"
    if task.output is None:
        return _written(task, work.root / key)
    with spooled(work, key) as folder:
        entry = _written(task, folder / key)
        publish_part(work, folder, task.output, key, task.fingerprint, entry)
    return entry


def _written(task: PartTask, prefix: Path) -> dict[str, Any]:
    work, part = Work(task.root), task.part
    dtype = np.dtype(task.dtype)
    encoded = EncodedShards(work, task.shards, dtype)
    with write_tokens(prefix, dtype, task.vocab_size, task.eos_id, loss=task.loss) as writer:
        for copies in encoded.copies(order_path(work, task.source), part):
            ids, lengths = encoded.ids(copies)
            loss = encoded.loss(copies) if task.loss else None
            writer.extend(ids, lengths, encoded.rows(copies, writer.ends[-1]), loss)
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
    chat: ChatTemplate | None = None,
) -> Manifest:
    """Write what lies beside the arrays, remove files of earlier mixes, write the manifests last.

    parts: what `assemble_part` returned, by the key of its task. chat: the template where there
    are conversations. Returns the manifest of tokens/;
    held_out/ has one of its own where documents are held out.
    """
    work = Work(root)
    plan = read_plan(work)
    tokenizer = load_tokenizer(settings.tokenizer, settings.eos)
    store = open_store(settings.output or address(root))
    receipts = work if settings.output else None
    finish = _Finish(store, receipts, plan, tokenizer, parts, fingerprint, counts, chat)
    if any(source.held_out.documents for source in plan.sources):
        finish.folder("held_out", [s for s in plan.sources if s.held_out_parts])
    else:
        _remove_others(store, "held_out", ())
        for file in BESIDE:
            store.delete(f"held_out/{file}")
    return finish.folder("tokens", plan.sources)


class _Finish(NamedTuple):
    store: Store
    receipts: Work | None
    plan: Plan
    tokenizer: Tokenizer
    parts: Mapping[str, dict[str, Any]]
    fingerprint: str
    counts: dict[str, Any]
    chat: ChatTemplate | None

    def folder(self, name: str, planned: Iterable[SourcePlan]) -> Manifest:
        """Everything of a folder but the arrays, the manifest last."""
        sizes = self.tokenizer.token_bytes().astype("<u2").tobytes()
        sources = tuple(self.source(name, source) for source in planned)
        files = {
            f"{name}/{file}": self.put(content, f"{name}/{file}")
            for file, content in ((TOKEN_BYTES, sizes), (TOKENIZER, self.tokenizer.content))
        }
        _remove_others(self.store, name, sources)
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
            chat=self.chat,
        )
        files[f"{name}/{MANIFEST}"] = self.put(json_file(manifest), f"{name}/{MANIFEST}")
        if self.receipts:
            receipt = Receipt(fingerprint=self.fingerprint, files=files)
            write_json(self.receipts.published(name), receipt)
        if "://" not in self.store.place:  # packing plans are made where arrays can be mapped
            remove_stale_plans(Path(self.store.place) / name)
        return manifest

    def put(self, content: bytes, name: str) -> Stamp:
        return self.store.put(io.BytesIO(content), name)

    def source(self, folder: str, source: SourcePlan) -> TokenSource:
        parts = source.parts if folder == "tokens" else source.held_out_parts
        entries = (self.parts[f"{folder}/{source.name}/{part.name}"] for part in parts)
        return source_of(source.name, [msgspec.convert(entry, TokenShard) for entry in entries])


def _remove_others(store: Store, folder: str, sources: Iterable[TokenSource]) -> None:
    """Users glob for *.npy: nothing of an earlier mix may stay."""
    ours = {f"{folder}/{file}" for s in sources for shard in s.shards for file in shard.files}
    for name in store.list(folder):
        if name not in ours and name.endswith((*ENDINGS, LOSS)) and name.count("/") == 2:
            store.delete(name)
