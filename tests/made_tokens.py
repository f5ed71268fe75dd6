"""Small token arrays from lists of lengths: every id tells its place, so that nothing can hide."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from dolma_pipe.tokens import (
    Manifest,
    TokenArrays,
    TokenizerStamp,
    TokenSource,
    write_manifest,
    write_tokens,
)

EOS = 0
VOCABULARY = 1 << 16

Lengths = Mapping[str, Sequence[Sequence[int]]]
"""Lengths of documents, end-of-text token included, by source and shard."""


def make_tokens(folder: Path, lengths: Lengths, *, seed: int = 1) -> TokenArrays:
    """Write arrays; the token at position p of all shards is p % 60,000 + 1, or EOS."""
    sources, position = [], 0
    for name, files in lengths.items():
        shards = []
        for number, documents in enumerate(files):
            prefix = folder / name / f"part-{number:05d}"
            with write_tokens(prefix, np.dtype("<u2"), VOCABULARY, EOS) as writer:
                for line, size in enumerate(documents):
                    ids = np.arange(position, position + size) % 60_000 + 1
                    ids[-1] = EOS
                    writer.add(ids.astype("<u2"), f"{name}-{number}-{line}", "in.jsonl", line + 1)
                    position += size
            shards.append(writer.shard(f"{name}/part-{number:05d}.npy"))
        sources.append(
            TokenSource(
                name=name,
                documents=sum(shard.documents for shard in shards),
                tokens=sum(shard.tokens for shard in shards),
                shards=tuple(shards),
            )
        )
    sizes = bytes(2 * VOCABULARY)
    folder.mkdir(exist_ok=True)
    (folder / "token_bytes.u16").write_bytes(sizes)
    manifest = Manifest(
        dtype="uint16",
        vocab_size=VOCABULARY,
        eos_id=EOS,
        pad_id=None,
        tokenizer=TokenizerStamp(name="made", sha256="0" * 64),
        token_bytes_sha256=hashlib.sha256(sizes).hexdigest(),
        seed=seed,
        fingerprint="f",
        documents=sum(source.documents for source in sources),
        tokens=sum(source.tokens for source in sources),
        sources=tuple(sources),
    )
    write_manifest(folder, manifest)
    return TokenArrays(folder)
