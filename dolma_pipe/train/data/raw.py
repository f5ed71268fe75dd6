"""Arrays of dolma, OLMo, nanoGPT, llm.c and Megatron as a corpus: read where they lie."""

from collections.abc import Sequence
from pathlib import Path

from dolma_pipe.errors import TrainError
from dolma_pipe.tokens import find_arrays
from dolma_pipe.tokens.documents import end_without_zeros
from dolma_pipe.tokens.formats import Array, open_array
from dolma_pipe.train.config import DataSettings
from dolma_pipe.train.data.corpus import Corpus, Part


def open_raw(paths: Sequence[Path], settings: DataSettings) -> Corpus:
    """Map arrays, told apart by their first bytes. A source is a folder.

    Raises TrainError where the settings do not say what the ids mean.
    """
    eos_id, vocab_size = settings.eos_id, settings.vocab_size
    if eos_id is None or vocab_size is None:
        missing = "data.eos_id" if eos_id is None else "data.vocab_size"
        raise TrainError(f"{missing} is missing: {paths[0]} has no manifest that would tell it")
    if not 0 <= eos_id < vocab_size:
        raise TrainError(f"data.eos_id: {eos_id} is not in a vocabulary of {vocab_size}")
    notes: list[str] = []
    parts, before = [], set()
    for source, path in find_arrays(paths):
        array = _opened(path, settings.dtype)
        part = _part(source, array, eos_id, notes)
        if len(part.ids):
            parts.append(part)
            before.add(array.eos_first)
    if len(before) > 1:
        told = "`dolma-pipe tokens import` makes them one"
        raise TrainError(f"data.tokens: some arrays have the end of text first (llm.c): {told}")
    name = ", ".join(str(path) for path in paths[:3]) + (", ..." if len(paths) > 3 else "")
    return Corpus(
        name, parts, vocab_size, eos_id, eos_id, None, eos_first=True in before, notes=tuple(notes)
    )


def _opened(path: Path, dtype: str | None) -> Array:
    array = open_array(path, dtype or "uint16")
    if array.format == "raw" and dtype is None:
        raise TrainError(f"data.dtype is missing: {path} has no header (uint16 or uint32)")
    return array


def _part(source: str, array: Array, eos_id: int, notes: list[str]) -> Part:
    ids = array.ids
    if array.format == "raw":
        ids = ids[: end_without_zeros(ids, eos_id)]
    if left := len(array.ids) - len(ids):
        notes.append(f"{array.path}: {left:,} zero tokens after the last document are left out")
    return Part(str(array.path), source, ids, rows=array.rows)
