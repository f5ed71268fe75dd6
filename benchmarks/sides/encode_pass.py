"""Our encode pass on all cores: curated shards on the disk become ids on the disk."""

import os
import shutil
import tempfile
import time
import zlib
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dolma_pipe.engine.base import Task, succeed
from dolma_pipe.engine.local import LocalEngine
from dolma_pipe.shard import write_shard
from dolma_pipe.stages.tokenize import encode_shard
from dolma_pipe.tokenizer import load_tokenizer
from dolma_pipe.work import Work

SHARDS_A_CORE = 3


class EncodePass:
    """All documents in a few shards a core, by the engine; workers have started before."""

    def __init__(self, texts: list[str], tokenizer: str) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.cores = len(os.sched_getaffinity(0))
        self.tokenizer = tokenizer
        work = Work(self.folder)
        step = -(-len(texts) // (SHARDS_A_CORE * self.cores))
        parts = [texts[first : first + step] for first in range(0, len(texts), step)]
        self.tasks = [self._task(work, f"all/{i}", part) for i, part in enumerate(parts)]
        self.first = self._task(work, "all/first", texts[:1])
        self.engine = LocalEngine(self.cores)

    def _task(self, work: Work, key: str, texts: list[str]) -> Task:
        with write_shard(work.curated(key)) as writer:
            writer.lines(
                [msgspec.json.encode({"id": str(i), "text": t}) for i, t in enumerate(texts)]
            )
        names = pa.array([str(i) for i in range(len(texts))], pa.large_string())
        lines = pa.array(np.arange(1, len(texts) + 1))
        pq.write_table(pa.table({"id": names, "line": lines}), work.columns(key))
        args = {
            "curated": str(work.curated(key)),
            "columns": str(work.columns(key)),
            "out": str(work.encoded(key)),
            "source": "all",
            "tokenizer": self.tokenizer,
        }
        return Task(key, args, sum(map(len, texts)))

    def ready(self) -> None:
        """New workers, who remember no words, and each has loaded the tokenizer."""
        self.engine.close()
        self.engine = LocalEngine(self.cores)
        awake: set[int] = set()
        while len(awake) < self.cores:
            tasks = [Task(str(i), self.first.args) for i in range(self.cores)]
            outcomes = list(self.engine.map("benchmarks.sides.encode_pass:wake", tasks))
            succeed(outcomes)
            awake = {outcome.value for outcome in outcomes}

    def run(self) -> None:
        succeed(list(self.engine.map("dolma_pipe.stages.tokenize:encode_shard", self.tasks)))

    def told(self, _: None) -> list[int]:
        """A checksum of each document's ids as little-endian uint32, without its end of text.

        The end: the files are removed.
        """
        dtype = load_tokenizer(self.tokenizer).dtype
        checksums = []
        for task in self.tasks:
            ids = np.fromfile(f"{task.args['out']}.ids", dtype).astype("<u4")
            ends = np.fromfile(f"{task.args['out']}.offsets.u64", "<u8").tolist()
            checksums += [
                zlib.crc32(ids[start : end - 1].tobytes()) for start, end in pairwise(ends)
            ]
        self.engine.close()
        shutil.rmtree(self.folder)
        return checksums


def wake(args: dict[str, Any]) -> int:
    """Load everything; long enough for no worker to take the turn of another."""
    encode_shard(args | {"out": f"{args['out']}-{os.getpid()}"})
    time.sleep(0.5)
    return os.getpid()
