"""Names: ids of all documents that the decisions of one entry name, in files that are mapped."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dolma_pipe.kernels.jit import U64
from dolma_pipe.stages.dedup.plan import Plan
from dolma_pipe.work import atomic_write


def read_names(plan: Plan) -> tuple[U64, pa.Array]:
    """uint64[names], ascending, and their ids; however many they are, none is held in memory."""
    documents, ends, content = (plan.path(f"names.{part}") for part in ("u64", "ends", "ids"))
    _join(plan, documents, ends, content)
    numbers: U64 = np.frombuffer(_mapped(documents), np.uint64)
    ids = pa.LargeStringArray.from_buffers(len(numbers), _mapped(ends), _mapped(content))
    return numbers, ids


def _join(plan: Plan, documents: Path, ends: Path, content: Path) -> None:
    """What mark_shard wrote of every shard, as the three parts of one column of strings."""
    size = 0
    with (
        atomic_write(documents, durable=False) as numbers,
        atomic_write(ends, durable=False) as borders,
        atomic_write(content, durable=False) as ids,
    ):
        borders.write(bytes(8))
        for shard in plan.shards:
            table = pq.read_table(plan.path(f"names/{shard.key}.parquet"))
            if not table.num_rows:
                continue
            numbers.write(table.column("document").to_numpy().data)
            encoded = [name.encode() for name in table.column("id").to_pylist()]
            after = np.cumsum([len(name) for name in encoded]) + size
            borders.write(after.astype(np.int64).data)
            ids.write(b"".join(encoded))
            size = int(after[-1])


def _mapped(path: Path) -> pa.Buffer:
    if path.stat().st_size == 0:
        return pa.py_buffer(b"")
    return pa.py_buffer(np.memmap(path, np.uint8, "r"))
