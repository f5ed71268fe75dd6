"""A byte-level BPE for a small model, from the texts that go into both recipes: before curation, so
that it favours neither."""

import hashlib
import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import tokenizers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from dolma_pipe.errors import InputError, WorkError
from dolma_pipe.inputs import Input
from dolma_pipe.recipe import Recipe, Source
from dolma_pipe.shard import ShardReader
from dolma_pipe.work import atomic_write, read_json, write_json

EOS = "<|endoftext|>"
SAMPLE_BYTES = 8_000_000
"""Of text, the same of each source that has so much; BPE takes some 5 s for them."""
DOCUMENT_BYTES = 20_000
"""Of a document, its beginning: a book must not be all that is seen of a source."""
MOST_SHARDS = 100
"""Of a source."""
BATCH_BYTES = 1 << 18


def make_vocabulary(recipes: list[Recipe], ids: int, path: Path) -> str:
    """Train a tokenizer.json at path unless it is of this text already. Returns what was done.

    The same texts give the same bytes, whatever the threads. Raises InputError without text.
    """
    texts = list(_sample(recipes))
    if not texts:
        raise InputError("no text in the documents of both recipes: no tokenizer can be trained")
    made = {"sample": _digest(texts), "ids": ids, "tokenizers": tokenizers.__version__}
    record = path.with_suffix(".sample.json")
    if not (path.exists() and _read(record) == made):
        content = _trained(texts, ids)
        with atomic_write(path) as file:
            file.write(content)
        write_json(record, made)
    size = sum(len(text.encode()) for text in texts)
    return f"tokenizer of {ids:,} ids from {size / 1e6:.1f} MB of both recipes' documents: {path}"


def _read(record: Path) -> object:
    try:
        return read_json(record)
    except WorkError:
        return None


def _digest(texts: list[str]) -> str:
    digest = hashlib.sha256()
    for text in texts:
        digest.update(text.encode() + b"\0")
    return digest.hexdigest()


def _trained(texts: list[str], ids: int) -> bytes:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=ids,
        special_tokens=[EOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer.to_str().encode()


def _sample(recipes: list[Recipe]) -> Iterator[str]:
    """The beginnings of shards of each source; a file that both recipes read counts once."""
    seen: set[str] = set()
    left: list[tuple[Source, list[Input], int]] = []
    for recipe in recipes:
        for source in recipe.sources:
            fresh = [shard for shard in source.inputs if _place(shard) not in seen]
            seen |= {_place(shard) for shard in fresh}
            if fresh:
                step = -(-len(fresh) // MOST_SHARDS)
                left.append((source, fresh[::step], recipe.max_document_bytes))
    for source, shards, most in left:
        for shard in shards:
            yield from _beginning(source, shard, SAMPLE_BYTES // len(left) // len(shards), most)


def _place(shard: Input) -> str:
    return shard.uri if "://" in shard.uri else os.path.realpath(shard.uri)


def _beginning(source: Source, shard: Input, size: int, most: int) -> Iterator[str]:
    """The first documents of a shard, so many bytes; one that cannot be read is left to the
    curation to tell."""
    reader = ShardReader(
        shard.uri,
        shard=shard.key,
        reading=source.read_as(shard),
        max_document_bytes=most,
        batch_bytes=BATCH_BYTES,
        quarantine=lambda _: None,
    )
    try:
        for batch in reader:
            for start, end in pairwise(batch.offsets.tolist()):
                content = batch.text[start : min(end, start + DOCUMENT_BYTES)].tobytes()
                yield content.decode("utf-8", "ignore")
                size -= len(content)
                if size <= 0:
                    return
    except InputError:
        return
