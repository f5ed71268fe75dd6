"""What became of every document of a shard in one run: kept, or the reason why it went."""

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import xxhash

from dolma_pipe.errors import WorkError
from dolma_pipe.kernels.jit import I32, I64, U64, Bool
from dolma_pipe.report.comparison.model import ABSENT, KEPT, QUARANTINED
from dolma_pipe.report.finished import FinishedRun
from dolma_pipe.stored import Group
from dolma_pipe.work import address, exists, read_bytes

KEPT_CODE, ABSENT_CODE, QUARANTINED_CODE = 0, 1, 2


class Names:
    """Fates as small numbers: those three, then reasons as they come."""

    def __init__(self) -> None:
        self._codes = {KEPT: KEPT_CODE, ABSENT: ABSENT_CODE, QUARANTINED: QUARANTINED_CODE}

    def code(self, name: str) -> int:
        return self._codes.setdefault(name, len(self._codes))

    def all(self) -> list[str]:
        return list(self._codes)

    def __len__(self) -> int:
        return len(self._codes)


class Fates(NamedTuple):
    """Documents of some shards in the order of their input, [documents] each. shards: into keys;
    sizes: bytes of the text; curated: row in curated/, -1 for what a rule dropped; codes: of Names;
    ids: xxh3 of each, where they were asked for."""

    keys: tuple[str, ...]
    shards: I32
    lines: I64
    sizes: I64
    curated: I64
    codes: I32
    ids: U64

    @property
    def documents(self) -> int:
        return len(self.codes)

    def only(self, wanted: Bool) -> "Fates":
        """Some of them."""
        return Fates(
            self.keys,
            self.shards[wanted],
            self.lines[wanted],
            self.sizes[wanted],
            self.curated[wanted],
            self.codes[wanted],
            self.ids[wanted],
        )


_NO_NUMBERS: I64 = np.zeros(0, np.int64)
_NO_CODES: I32 = np.zeros(0, np.int32)
NOTHING = Fates(
    (), _NO_CODES, _NO_NUMBERS, _NO_NUMBERS, _NO_NUMBERS, _NO_CODES, np.zeros(0, np.uint64)
)


def together(parts: Sequence[Fates]) -> Fates:
    """Shards one after the other."""
    if not parts:
        return NOTHING
    keys = tuple(key for part in parts for key in part.keys)
    firsts = accumulate((len(part.keys) for part in parts), initial=0)
    shards = [part.shards + np.int32(first) for part, first in zip(parts, firsts, strict=False)]
    columns = zip(*(part[2:] for part in parts), strict=True)
    return Fates(keys, np.concatenate(shards), *map(np.concatenate, columns))


def fates_of(run: FinishedRun, key: str, names: Names, *, ids: bool) -> Fates:
    """All documents of a shard. ids: wanted, else an empty array.

    Raises WorkError where the work directory contradicts itself.
    """
    groups = list(run.attributes(key).groups([]))
    codes = np.concatenate([_rule_codes(group, names) for group in groups])
    stays = codes == KEPT_CODE
    curated = np.where(stays, np.cumsum(stays) - 1, -1)
    removed = run.work.removed(key)
    if run.dedup_report is not None:
        if not exists(removed):
            raise WorkError(f"{address(removed)} is not there: run again")
        entries = np.frombuffer(read_bytes(removed), np.uint8)
        if len(entries) != stays.sum():
            raise WorkError(f"{address(removed)} has not a row a survivor: run again")
        codes[stays] = _dedup_codes(run, names)[entries]
    return Fates(
        (key,),
        np.zeros(len(codes), np.int32),
        np.concatenate([group.lines for group in groups]),
        np.concatenate([group.sizes for group in groups]),
        curated.astype(np.int64),
        codes,
        np.concatenate([_hashes(group.array("id"), len(group) * ids) for group in groups]),
    )


def quarantined_lines(run: FinishedRun, key: str) -> I64:
    """int64[n]: lines of a shard that the run could not read as documents."""
    return np.array([bad.line for bad in run.quarantined(key)], np.int64)


def _hashes(ids: pa.Array, count: int) -> U64:
    """Of the first ids: equal ones have equal ones, whatever their run and shard."""
    hashed = (xxhash.xxh3_64_intdigest(name.encode()) for name in ids[:count].to_pylist())
    return np.fromiter(hashed, np.uint64, count)


def _rule_codes(group: Group, names: Names) -> I32:
    reasons = group.array("dropped_by").dictionary_encode()
    told = [names.code(name) for name in reasons.dictionary.to_pylist()]
    places = reasons.indices.fill_null(len(told)).to_numpy(zero_copy_only=False)
    return np.asarray(np.array([*told, KEPT_CODE], np.int32)[places], np.int32)


def _dedup_codes(run: FinishedRun, names: Names) -> I32:
    """By number of the entry, from 1; 0 is none."""
    told = [names.code(f"dedup {n} {e['method']}") for n, e in enumerate(run.recipe.dedup, 1)]
    return np.array([KEPT_CODE, *told], np.int32)
