"""Made-up token arrays, written as the pipeline writes them; what a training node has suffices."""

from pathlib import Path

import numpy as np

from dolma_pipe.tokens import (
    Manifest,
    TokenArrays,
    TokenizerStamp,
    id_type,
    source_of,
    write_manifest,
    write_tokens,
)

VOCABULARY, EOS = 50_280, 0
MEAN = 900
"""Tokens of a document, lognormal."""
SEED = 1


def write_made_up(
    folder: Path, tokens: int, *, length: int, shards: int, vocabulary: int = VOCABULARY
) -> TokenArrays:
    """Token arrays of about so many tokens, which whole windows of `length` targets fill. An id is
    the rarer the larger it is, as 1 / id, so that a model can learn something.
    """
    rng = np.random.default_rng(5)
    dtype = np.dtype({"uint16": "<u2", "uint32": "<u4"}[id_type(vocabulary)])
    written, total = [], 0
    for number in range(shards):
        lengths = rng.lognormal(6.3, 1.0, max(1, tokens // shards // MEAN)).astype(np.int64) + 1
        total += int(lengths.sum())
        if number == shards - 1:
            lengths = np.append(lengths, (1 - total) % length + length)
        ids = (vocabulary ** rng.random(int(lengths.sum()), np.float32)).astype(dtype)
        np.clip(ids, 1, vocabulary - 1, out=ids)
        ids[np.cumsum(lengths) - 1] = EOS
        file = f"all/part-{number:05d}"
        with write_tokens(folder / file, dtype, vocabulary, EOS) as writer:
            writer.extend(ids, lengths, b"")
        written.append(writer.shard(f"{file}.npy"))
    source = source_of("all", written)
    manifest = Manifest(
        dtype=id_type(vocabulary),
        vocab_size=vocabulary,
        eos_id=EOS,
        pad_id=None,
        tokenizer=TokenizerStamp(name="none", sha256=""),
        token_bytes_sha256="",
        seed=SEED,
        fingerprint="",
        documents=source.documents,
        tokens=source.tokens,
        sources=(source,),
    )
    write_manifest(folder, manifest)
    return TokenArrays(folder)
