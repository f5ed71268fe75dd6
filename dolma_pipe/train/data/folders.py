"""Our token folders as one corpus: the same tokenizer, in the order they are given."""

from functools import partial
from pathlib import Path

import numpy as np

from dolma_pipe.errors import TrainError
from dolma_pipe.tokens import TokenArrays, TokenShard
from dolma_pipe.tokens.rows import read_rows
from dolma_pipe.tokens.segments import Side
from dolma_pipe.train.data.corpus import Corpus, Part


def open_folders(folders: list[Path]) -> Corpus:
    """Map all shards, whose sizes are checked.

    Raises TrainError for folders of several tokenizers or chat templates, TokensError for what is
    not as written.
    """
    opened = [TokenArrays(folder) for folder in folders]
    first = opened[0]
    for arrays in opened[1:]:
        _same_ids(first, arrays)
    _same_template(opened)
    for arrays in opened:
        _known_ids(arrays)
    masked = any(shard.loss_sha256 for arrays in opened for shard in arrays.shards())
    parts = [
        Part(
            f"{arrays.name}/{shard.file}",
            source.name,
            np.asarray(arrays.ids(shard)),
            shard.sha256,
            partial(arrays.borders, shard),
            partial(read_rows, arrays.rows_file(shard)),
            _side(arrays, shard) if masked else None,
            shard.loss_sha256,
        )
        for arrays in opened
        for source in arrays.manifest.sources
        for shard in source.shards
    ]
    manifest = first.manifest
    pad_id = manifest.eos_id if manifest.pad_id is None else manifest.pad_id
    name = ", ".join(arrays.name for arrays in opened)
    stamp = manifest.tokenizer
    return Corpus(name, parts, manifest.vocab_size, manifest.eos_id, pad_id, stamp, tuple(opened))


def _side(arrays: TokenArrays, shard: TokenShard) -> Side:
    loss = arrays.loss(shard)
    return Side(None if loss is None else np.asarray(loss), arrays.offsets(shard))


def _same_ids(first: TokenArrays, other: TokenArrays) -> None:
    one, two = first.manifest, other.manifest
    if one.tokenizer.sha256 != two.tokenizer.sha256:
        raise TrainError(
            f"data.tokens: {first.name} is of tokenizer {one.tokenizer.name} "
            f"({one.tokenizer.sha256[:8]}), {other.name} of {two.tokenizer.name} "
            f"({two.tokenizer.sha256[:8]}): a training reads the ids of one"
        )
    for field in ("eos_id", "vocab_size"):
        here, there = getattr(one, field), getattr(two, field)
        if here != there:
            told = f"{here} in {first.name}, {there} in {other.name}"
            raise TrainError(f"data.tokens: {field} is {told}: tokenize one of them again")


def _same_template(opened: list[TokenArrays]) -> None:
    """A model sees conversations in one form, and its checkpoints tell which."""
    forms = {arrays.manifest.chat.jinja(): arrays for arrays in opened if arrays.manifest.chat}
    if len(forms) > 1:
        told = " and ".join(_template(arrays) for arrays in list(forms.values())[:2])
        raise TrainError(f"data.tokens: conversations in {told}: tokenize one of them again")


def _template(arrays: TokenArrays) -> str:
    chat = arrays.manifest.chat
    return f"{arrays.name} by the template {chat.name if chat else None}"


def _known_ids(arrays: TokenArrays) -> None:
    """The manifest knows no id outside of its own vocabulary."""
    size = arrays.manifest.vocab_size
    for shard in arrays.shards():
        if shard.max_token_id >= size:
            told = f"id {shard.max_token_id} in a vocabulary of {size}"
            raise TrainError(f"{arrays.name}/{shard.file}: {told}")
