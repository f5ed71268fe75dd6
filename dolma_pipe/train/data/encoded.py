"""encoded/ of a work directory as a corpus: every document once, not mixed, for quick experiments.

encoded/<source>/<shard>.ids, .offsets.u64, of conversations .loss.u8   and what they mean in
tokens/manifest.json beside, or in the settings where that run has not come so far
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dolma_pipe.errors import TokensError, TrainError
from dolma_pipe.tokens import LOSS, MANIFEST, TokenizerStamp, id_type, read_manifest
from dolma_pipe.tokens.arrays import mapped
from dolma_pipe.tokens.segments import Side
from dolma_pipe.train.config import DataSettings
from dolma_pipe.train.data.corpus import Borders, Corpus, Part

IDS, OFFSETS = ".ids", ".offsets.u64"


class _Meaning(NamedTuple):
    dtype: str
    eos_id: int
    vocab_size: int
    tokenizer: TokenizerStamp | None


def is_encoded(folder: Path) -> bool:
    """Whether it is encoded/ of a work directory."""
    named = folder.resolve().name == "encoded"
    return named and next(folder.glob(f"*/**/*{IDS}"), None) is not None


def open_encoded(folder: Path, settings: DataSettings) -> Corpus:
    """Map all shards, source by source. Raises TokensError for one that is not whole."""
    meaning = _meaning(folder, settings)
    paths = sorted(folder.glob(f"*/**/*{IDS}"))
    masked = any(path.with_suffix(LOSS).is_file() for path in paths)
    parts = []
    for path in paths:
        tokens = int(_offsets(path)[-1])
        if not tokens:  # no document survived
            continue
        ids = np.asarray(mapped(path, np.dtype(meaning.dtype).newbyteorder("<"), tokens))
        if int(ids[-1]) != meaning.eos_id:
            told = f"it ends with token {ids[-1]}, the end of text is {meaning.eos_id}"
            raise TokensError(f"{path}: {told}: ids of another tokenizer (data.eos_id)?")
        source = path.relative_to(folder).parts[0]
        side = _side(path, tokens) if masked else None
        parts.append(Part(str(path), source, ids, borders=partial(_borders, path), side=side))
    eos_id = meaning.eos_id
    return Corpus(str(folder), parts, meaning.vocab_size, eos_id, eos_id, meaning.tokenizer)


def _side(path: Path, tokens: int) -> Side:
    there, loss = path.with_suffix(LOSS), None
    if there.is_file():
        loss = np.asarray(mapped(there, np.dtype(np.uint8), tokens))
    return Side(loss, _offsets(path))


def _offsets(path: Path) -> npt.NDArray[np.uint64]:
    try:
        offsets: npt.NDArray[np.uint64] = np.memmap(path.with_suffix(OFFSETS), "<u8", "r")
    except (OSError, ValueError):
        raise TokensError(f"{path}: no {OFFSETS} beside it: run its recipe again") from None
    return offsets


def _borders(path: Path) -> Iterator[Borders]:
    offsets = _offsets(path).astype(np.int64)
    if offsets[0] != 0 or not (np.diff(offsets) > 0).all():
        raise TokensError(f"{path}: its offsets do not rise from 0")
    yield offsets


def _meaning(folder: Path, settings: DataSettings) -> _Meaning:
    beside = folder.parent / "tokens"
    eos_id, vocab_size, stamp = settings.eos_id, settings.vocab_size, None
    if eos_id is None or vocab_size is None:
        if not (beside / MANIFEST).is_file():
            told = "data.eos_id and data.vocab_size are needed: no"
            raise TrainError(f"{told} {beside / MANIFEST} tells them of {folder}")
        manifest = read_manifest(beside)
        eos_id = manifest.eos_id if eos_id is None else eos_id
        vocab_size, stamp = vocab_size or manifest.vocab_size, manifest.tokenizer
    return _Meaning(settings.dtype or id_type(vocab_size), eos_id, vocab_size, stamp)
