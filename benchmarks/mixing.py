"""`python -m benchmarks.mixing [DOCUMENTS]`: the plan of a mix, and the arrays assembled from it.

Prints seconds and memory of planning very many documents of one source with a quality curve, and
the speed at which token arrays are written from a plan, in bytes of token ids. Beside it a plain
loop in numpy that gathers the same documents in the same order and writes nothing but the ids.
"""

import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.results import machine
from benchmarks.tables import table
from dolma_pipe.engine.base import Outcome, Task, succeed
from dolma_pipe.engine.local import LocalEngine
from dolma_pipe.mix_settings import MixSettings
from dolma_pipe.stages.assemble import PartTask
from dolma_pipe.stages.mix import plan_mix
from dolma_pipe.stages.mix.documents import Shard, SourceTask
from dolma_pipe.stages.mix.plan import Plan, order_path
from dolma_pipe.work import Work

DOCUMENTS = 10_000_000
TOKENS = 700
"""Of a document, in the mean; lengths are lognormal."""
ASSEMBLED = 1_000_000
"""Documents whose ids are really there."""
SHARDS = 10
VOCABULARY, EOS = 50_280, 50_279
WANTED = "wanted: 10^7 documents in 10 s and 1 GB; 200 MB/s of token ids"


class Cost(NamedTuple):
    """Of some tasks: wall and CPU seconds of all, the largest memory of one in bytes."""

    wall: float
    cpu: float
    peak: int


class Measured:
    """Runs tasks on an engine and adds up what they take."""

    def __init__(self, workers: int) -> None:
        self._engine = LocalEngine(workers)
        self.outcomes: list[Outcome] = []
        self.wall = 0.0

    def run(self, function: str, tasks: list[Task]) -> dict[str, Any]:
        started = time.perf_counter()
        outcomes = list(self._engine.map(function, tasks))
        self.wall += time.perf_counter() - started
        self.outcomes += outcomes
        return succeed(outcomes)

    def cost(self) -> Cost:
        cpu = sum(outcome.cpu_seconds for outcome in self.outcomes)
        return Cost(self.wall, cpu, max(outcome.peak_bytes for outcome in self.outcomes))

    def forget(self) -> None:
        self.outcomes, self.wall = [], 0.0

    def close(self) -> None:
        self._engine.close()


def write_encoded(root: Path, documents: int, *, ids: bool) -> SourceTask:
    """A work directory with encoded shards of one source, made up; ids: token ids, too."""
    work = Work(root)
    for number in range(SHARDS):
        rng = np.random.default_rng(number)
        count = documents // SHARDS
        lengths = np.maximum(2, rng.lognormal(np.log(TOKENS) - 0.5, 1, count)).astype(np.int64)
        prefix = work.encoded(f"web/{number:05d}")
        prefix.parent.mkdir(parents=True, exist_ok=True)
        offsets = np.append(0, np.cumsum(lengths))
        offsets.astype("<u8").tofile(f"{prefix}.offsets.u64")
        names = pa.array(
            [f"<urn:uuid:{number:04}-{i:012}>" for i in range(count)], pa.large_string()
        )
        table_of = {
            "id": names,
            "line": np.arange(count),
            "row": np.arange(count, dtype=np.uint32),
            "hash": rng.integers(0, 1 << 64, count, np.uint64),
        }
        encoded = pa.table(table_of)
        with (
            Path(f"{prefix}.docs.arrow").open("wb") as file,
            pa.ipc.new_file(file, encoded.schema) as sink,
        ):
            sink.write_table(encoded)
        columns = work.columns(f"web/{number:05d}")
        columns.parent.mkdir(parents=True, exist_ok=True)
        scores = pa.table({"id": names, "quality.hq": rng.random(count).round(6)})
        pq.write_table(scores, columns, compression="zstd")
        if ids:
            text = rng.integers(2, VOCABULARY - 1, int(offsets[-1])).astype("<u2")
            text[offsets[1:] - 1] = EOS
            text.tofile(f"{prefix}.ids")
    return source_task(root, documents)


def source_task(root: Path, documents: int) -> SourceTask:
    """Every quality curve at its usual settings, as many tokens as there are documents."""
    mix = {
        "target_tokens": int(0.9 * documents * TOKENS),
        "shares": {"web": 1.0},
        "upsample": {"web": {"by": "quality.hq"}},
    }
    keys = [f"web/{number:05d}" for number in range(SHARDS)]
    return SourceTask(
        root=str(root),
        name="web",
        shards=tuple(Shard(key, f"s3://bucket/corpus/{key}.jsonl.zst") for key in keys),
        mix=dict(msgspec.to_builtins(msgspec.convert(mix, MixSettings))),
        seed=1,
        max_shard_tokens=1 << 26,
    )


def assembly(plan: Plan, source: SourceTask) -> list[Task]:
    """A task a file, as `assembly_tasks` makes them, without a tokenizer."""
    (planned,) = plan.sources
    parts = [
        PartTask(
            root=source.root,
            folder="tokens",
            source=source.name,
            part=part,
            shards=source.shards,
            dtype="<u2",
            vocab_size=VOCABULARY,
            eos_id=EOS,
            output=None,
            fingerprint="",
        )
        for part in planned.parts
    ]
    return [Task(part.part.name, dict(msgspec.to_builtins(part))) for part in parts]


def plain_loop(plan: Plan, source: SourceTask) -> float:
    """CPU seconds a byte of a document at a time: ids gathered and written, nothing else."""
    work = Work(source.root)
    ids = [np.memmap(f"{work.encoded(s.key)}.ids", "<u2", "r") for s in source.shards]
    borders = [np.fromfile(f"{work.encoded(s.key)}.offsets.u64", "<u8") for s in source.shards]
    pairs = np.fromfile(order_path(work, "web"), "<u4").reshape(-1, 2)
    part = plan.sources[0].parts[0]
    started = time.process_time()
    with (Path(source.root) / "plain.bin").open("wb") as file:
        for shard, row in pairs[: part.documents].tolist():
            start, end = borders[shard][row : row + 2].tolist()
            file.write(ids[shard][start:end].tobytes())
    return (time.process_time() - started) / (2 * part.tokens)


def main(documents: int = DOCUMENTS) -> None:
    workers = Measured(2)
    with tempfile.TemporaryDirectory(prefix="dolma-pipe-mixing-") as scratch:
        warm = write_encoded(Path(scratch) / "warm", 1000, ids=True)
        few = plan_mix(workers.run, [warm])
        workers.run("dolma_pipe.stages.assemble:assemble_part", assembly(few, warm))
        workers.forget()
        many = write_encoded(Path(scratch) / "plan", documents, ids=False)
        planned = plan_mix(workers.run, [many])
        plan_cost = workers.cost()
        some = write_encoded(Path(scratch) / "assemble", ASSEMBLED, ids=True)
        workers.forget()
        plan = plan_mix(workers.run, [some])
        workers.forget()
        workers.run("dolma_pipe.stages.assemble:assemble_part", assembly(plan, some))
        cost = workers.cost()
        plain = plain_loop(plan, some)
    workers.close()
    size = 2 * plan.output.tokens
    print(f"### planning and assembling ({WANTED})\n\n{machine()}\n")
    rows = [
        ("documents of the source", f"{documents:,}"),
        ("copies planned", f"{planned.output.documents:,}"),
        ("tokens asked, planned", f"{planned.asked:,}, {planned.output.tokens:,}"),
        ("wall s, CPU s", f"{plan_cost.wall:.1f}, {plan_cost.cpu:.1f}"),
        ("peak MB of a worker", f"{plan_cost.peak / 1e6:,.0f}"),
    ]
    print(table(("plan", ""), rows))
    rows = [
        ("token ids, MB", f"{size / 1e6:,.0f}"),
        ("MB a CPU second", f"{size / 1e6 / cost.cpu:,.0f}"),
        ("MB a second, 2 workers", f"{size / 1e6 / cost.wall:,.0f}"),
        ("MB a CPU second, plain loop that writes only ids", f"{1 / 1e6 / plain:,.0f}"),
        ("peak MB of a worker", f"{cost.peak / 1e6:,.0f}"),
    ]
    print("\n" + table(("assemble", ""), rows))


if __name__ == "__main__":
    main(*(int(number.replace("_", "")) for number in sys.argv[1:]))
