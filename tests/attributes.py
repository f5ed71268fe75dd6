"""attributes/ as pass 1 leaves them, written by hand: for tests of who reads them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from dolma_pipe.attributes import Description, ScoredBy, write_parquet

SPANS = pa.list_(pa.struct([("start", pa.int64()), ("end", pa.int64()), ("score", pa.float64())]))


def write_attributes(
    path: Path,
    texts: Sequence[str],
    columns: Mapping[str, Sequence[Any]],
    dropped_by: Sequence[str | None] | None = None,
    taggers: Mapping[str, Sequence[bool]] | None = None,
    ids: Sequence[str] | None = None,
    fingerprints: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """A row a text. columns: numbers, labels, or lists of (start, end, score), None for none.

    taggers: prefix -> which documents it has scored; all of them by default. fingerprints: of
    taggers, by prefix.
    """
    count = len(texts)
    taggers = taggers or {name.partition(".")[0]: [True] * count for name in columns}
    scored = [sum(seen[i] << k for k, seen in enumerate(taggers.values())) for i in range(count)]
    table = {
        "line": pa.array(range(1, count + 1), pa.int64()),
        "id": pa.array(ids or [f"d{i}" for i in range(count)], pa.string()),
        "bytes": pa.array([len(text.encode()) for text in texts], pa.int64()),
        "dropped_by": pa.array(dropped_by or [None] * count, pa.string()),
        "scored": pa.array(scored, pa.uint64()),
    }
    for name in sorted(columns):
        values = columns[name]
        some = next((value for value in values if value is not None), 0.0)
        if isinstance(some, str):
            table[name] = pa.array(values, pa.string())
        elif isinstance(some, list):
            rows = [
                None if v is None else [{"start": a, "end": b, "score": s} for a, b, s in v]
                for v in values
            ]
            table[name] = pa.array(rows, SPANS)
        else:
            table[name] = pa.array(values, pa.float64())
    made = {prefix: tuple(c for c in columns if c.startswith(f"{prefix}.")) for prefix in taggers}
    description = Description(
        input="",
        read_by="",
        lines=count,
        quarantined=0,
        repaired=0,
        reasons={},
        passed_over={},
        quarantine="",
        taggers=tuple(
            ScoredBy(prefix, fingerprints.get(prefix, ""), made[prefix]) for prefix in taggers
        ),
    )
    with write_parquet(path) as rows:
        rows.add(table)
        rows.describe(description)
