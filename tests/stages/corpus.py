"""A small curated corpus as the passes before leave it, for tests of encoding and mixing."""

from pathlib import Path
from typing import Any, cast

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dolma_pipe.engine.base import Task, succeed
from dolma_pipe.mix_settings import MixSettings
from dolma_pipe.shard import write_shard
from dolma_pipe.stages.mix import plan_mix
from dolma_pipe.stages.mix.documents import Shard, SourceTask
from dolma_pipe.stages.mix.plan import Plan
from dolma_pipe.stages.tokenize import encode_shard
from dolma_pipe.work import Work
from tests.small_tokenizer import write_small_tokenizer
from tests.stages.curated import InProcess

TOPICS = ["art", "law", "law", None, "zoo"]
WORDS = ["the", "in", " a", "on", "es", "\n", "   ", "caf\u00e9", "你好", "<|endoftext|>", "x1"]


def write_curated(
    root: Path, key: str, texts: list[str], removed: list[int] | None = None
) -> dict[str, Any]:
    """Write one shard with scores; returns the arguments of `encode_shard`."""
    work, (source, name) = Work(root), key.split("/")
    with write_shard(work.curated(key)) as writer:
        for i, text in enumerate(texts):
            document = {"id": f"{name}-{i}", "text": text, "source": source}
            writer.lines([msgspec.json.encode(document)])
    count = len(texts)
    scores = [None if i % 7 == 6 else (i * 37 % 101) / 101 for i in range(count)]
    columns = {
        "id": pa.array([f"{name}-{i}" for i in range(count)], pa.large_string()),
        "line": pa.array(np.arange(count) * 2 + 1),
        "quality.hq": pa.array(scores, pa.float64()),
        "quality.other": pa.array([-i for i in range(count)], pa.float64()),
        "topic": pa.array([TOPICS[i % 5] for i in range(count)], pa.string()),
    }
    pq.write_table(pa.table(columns), work.columns(key))
    path = None
    if removed is not None:
        path = str(work.removed(key))
        work.removed(key).parent.mkdir(parents=True, exist_ok=True)
        np.array(removed, np.uint8).tofile(path)
    return {
        "curated": str(work.curated(key)),
        "columns": str(work.columns(key)),
        "removed": path,
        "out": str(work.encoded(key)),
        "source": source,
        "tokenizer": write_small_tokenizer(root),
    }


def texts_of(count: int, seed: int) -> list[str]:
    """Documents of 0 to 40 words."""
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(WORDS, rng.integers(0, 40))) for _ in range(count)]


Sources = dict[str, list[str]]
"""Keys of the shards of each source."""


def write_corpus(root: Path, documents: dict[str, int]) -> Sources:
    """Encode shards by key; returns the sources as `plan` takes them."""
    sources: Sources = {}
    for seed, (key, count) in enumerate(documents.items()):
        encode_shard(write_curated(root, key, texts_of(count, seed)))
        sources.setdefault(key.split("/")[0], []).append(key)
    return sources


def in_process(function: str, tasks: list[Task]) -> dict[str, Any]:
    """Every task twice, in reverse order."""
    return succeed(InProcess().map(function, tasks))


def plan(
    root: Path,
    sources: Sources,
    mix: Any = None,
    *,
    seed: int = 7,
    max_shard_tokens: int = 1000,
    write: bool = True,
) -> Plan:
    """Plan a mix (the section as plain values) of encoded sources."""
    settings = msgspec.convert(mix or {}, MixSettings)
    settings.check(list(sources))
    tasks = [
        SourceTask(
            root=str(root),
            name=name,
            shards=tuple(Shard(key, f"{key}.jsonl") for key in keys),
            mix=cast(dict[str, Any], msgspec.to_builtins(settings)),
            seed=seed,
            max_shard_tokens=max_shard_tokens,
        )
        for name, keys in sources.items()
    ]
    return plan_mix(in_process, tasks, write=write)
