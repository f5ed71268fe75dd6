"""Scale, measured: many shards on each engine, growth to gigabytes, two workers against one, and
from these constants the bill for 10^12 and 10^13 tokens.

python -m benchmarks.scale FOLDER [--part PART ...]   measures, writes scale.json and docs/scale.md
"""

import shutil
import tempfile
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import click
import msgspec

from benchmarks import recombine, scale_told
from benchmarks.bill import Constants, Stage
from benchmarks.corpus import Corpus
from benchmarks.metered import Idle, NotMeasured, Ran, Request, idle_apart, nothing, run_apart
from benchmarks.race import ROOT
from benchmarks.recipe import our_recipe, written
from benchmarks.results import machine
from dolma_pipe.engine.local import LocalEngine
from dolma_pipe.errors import UserError

ENGINES = ("local", "ray")
SHARD = 2.5e6
"""Bytes of text of a shard of natural documents."""

FEWER = 4
"""How many times fewer shards the driver's memory is compared with."""

BETWEEN = ("mark shard", "publish", "write rows", "read excerpts")
"""Steps of deduplication that write results; what the others write is for the next step."""

RECORDS = (7, 4)
"""Of a shard: how often the driver reads one in a run from nothing, and how many it writes."""

SMALL, ROUNDS = 100e6, 3
"""Bytes of text below which start-up is most of a run: the median of so many counts."""

TOKENIZER = "gpt-neox-olmo"


class Scale(msgspec.Struct, frozen=True, dict=True):
    """What to measure. folder: of the text that is recombined; sizes, twice: bytes of text, for the
    growth and for two workers against one; shards, documents: of the load; idle: tasks that do
    nothing."""

    folder: str
    scratch: str
    workers: int = 2
    shards: int = 2_000
    documents: int = 1_000
    sizes: tuple[float, ...] = (20e6, 200e6, 2e9)
    twice: float = 500e6
    idle: int = 2_000

    @cached_property
    def pools(self) -> dict[str, Path]:
        """Sentences by source."""
        return recombine.write_pools(Corpus(Path(self.folder)), Path(self.scratch) / "pools")

    def corpus(self, name: str, **given: Any) -> Corpus:
        """A new corpus below the scratch folder."""
        folder = Path(self.scratch) / name
        engine = LocalEngine(self.workers)
        recombine.make(self.pools, folder, engine, **given)
        engine.close()
        return Corpus(folder)

    def natural(self, size: float) -> Corpus:
        """So many bytes in documents as pages have; every source has its share of them."""
        shards = len(self.pools) * max(1, round(size / SHARD / len(self.pools)))
        name = f"natural-{size:.0f}"
        sizes = recombine.NATURAL
        return self.corpus(name, shards=shards, sizes=sizes, total_bytes=round(size))

    def tiny(self) -> Corpus:
        """Two documents a shard, a shard a source and worker: what a run costs before it does
        anything."""
        shards = len(self.pools) * self.workers
        return self.corpus("tiny", shards=shards, sizes=recombine.SHORT, documents=2)

    def run(self, corpus: Corpus, **given: Any) -> Ran:
        """All six stages on a corpus. Raises NotMeasured."""
        recipe = our_recipe(corpus, None, TOKENIZER)
        recipe["mix"] = {"upsample": dict.fromkeys(recipe["sources"], 1)}
        file = written(Path(self.scratch) / "recipe.json", recipe)
        workers = given.pop("workers", self.workers)
        return run_apart(Request(str(file), f"{self.scratch}/work", workers, **given))


def overhead(scale: Scale) -> dict[str, Any]:
    """Milliseconds a task that does nothing: a plain call, and through each engine; medians."""
    started = time.perf_counter()
    for number in range(scale.idle):
        nothing({"number": number})
    found: dict[str, Any] = {"plain": (time.perf_counter() - started) / scale.idle * 1e3}
    for engine in ENGINES:
        try:
            rounds = sorted(idle_apart(Idle(engine, scale.workers, scale.idle)))
            found[engine] = rounds[len(rounds) // 2] / scale.idle * 1e3
        except NotMeasured as refusal:
            found[engine] = str(refusal)
    return found | {"tasks": scale.idle, "workers": scale.workers}


def load(scale: Scale) -> dict[str, Any]:
    """Many shards of short documents through all stages on each engine; a quarter of them first."""
    corpus = scale.corpus(
        "load", shards=scale.shards, sizes=recombine.SHORT, documents=scale.documents
    )
    fewer = _some(corpus, Path(scale.scratch) / "fewer", FEWER)
    rows: list[dict[str, Any]] = []
    for engine in ENGINES:
        for given in (fewer, corpus):
            shards = given.shards
            try:
                rows.append(_loaded(scale.run(given, engine=engine), shards))
            except NotMeasured as refusal:
                rows.append({"engine": engine, "shards": shards, "refused": str(refusal)})
                break
    return {"rows": rows, "documents": scale.documents, "workers": scale.workers}


def _some(corpus: Corpus, folder: Path, part: int) -> Corpus:
    """Links to every part-th shard of each source."""
    for source, paths in corpus.sources.items():
        (folder / source / "documents").mkdir(parents=True)
        for path in paths[::part]:
            (folder / source / "documents" / path.name).symlink_to(path)
    return Corpus(folder)


def _loaded(ran: Ran, shards: int) -> dict[str, Any]:
    return {
        "engine": ran.engine,
        "shards": shards,
        "bytes": ran.bytes,
        "documents": ran.documents,
        "kept": ran.deduplicated,
        "wall": ran.wall,
        "total": ran.total,
        "driver": ran.driver,
        "tasks": ran.looks[-1].done,
        "first": ran.fifth(last=False),
        "last": ran.fifth(last=True),
        "pss": max(look.pss for look in ran.looks),
        "peak": ran.peak,
        "worker": max(step.peak for step in ran.steps),
        "hash": ran.tokens_hash,
    }


def growth(scale: Scale) -> dict[str, Any]:
    """CPU seconds a MB at each size, start-up subtracted; and the constants of the bill."""
    start = _middle(scale, scale.tiny(), ROUNDS)
    rows, runs = [], []
    for size in scale.sizes:
        corpus = scale.natural(size)
        ran = _middle(scale, corpus, ROUNDS if size < SMALL else 1)
        shutil.rmtree(corpus.folder)
        runs.append(ran)
        rows.append(
            {
                "bytes": ran.bytes,
                "documents": ran.documents,
                "kept": ran.deduplicated,
                "tokens": ran.tokens,
                "shards": corpus.shards,
                "wall": ran.wall,
                "cpu": ran.cpu - start.cpu,
                "driver": ran.driver - start.driver,
                "peak": ran.peak,
                "worker": max(step.peak for step in ran.steps),
                "folders": ran.folders,
            }
        )
    base = min(start.peak, runs[-1].peak)
    each = (runs[-1].peak - base) / rows[-1]["shards"]
    constants = constants_of(runs[-1], start, rows[-1]["shards"], base, each)
    told = {"start": start.cpu, "workers": scale.workers}
    return {"rows": rows, **told, "constants": msgspec.to_builtins(constants)}


def _middle(scale: Scale, corpus: Corpus, rounds: int) -> Ran:
    """The run whose CPU seconds are the median of some."""
    runs = [scale.run(corpus, files=True) for _ in range(rounds)]
    return sorted(runs, key=lambda ran: ran.cpu)[rounds // 2]


def constants_of(ran: Ran, start: Ran, shards: int, base: int, each: float) -> Constants:
    """By stage, without what a run on next to nothing takes; base, each: bytes of the driver."""
    stages = {name: Stage(name, 0.0, 0, 0, 0, 0, 0) for name in ("curate", "dedup")}
    before = {step.name: step for step in start.steps}
    between = 0
    for step in ran.steps:
        name = step.name.partition(" ")[0].partition(":")[0]
        had, so_far = before.get(step.name), stages.get(name, Stage(name, 0.0, 0, 0, 0, 0, 0))
        many = step.tasks >= shards  # requests of the others are not linear: bill.py
        if name == "dedup" and not any(part in step.name for part in BETWEEN):
            between += step.written
        stages[name] = Stage(
            name,
            so_far.cpu + max(step.cpu - (had.cpu if had else 0), 0),
            so_far.read + max(step.read - (had.read if had else 0), 0),
            so_far.written + step.written,
            so_far.opened + (step.opened if many else 0),
            so_far.made + (step.made if many else 0),
            max(so_far.peak, step.peak),
        )
    driver = max(ran.driver - start.driver, 0)
    asked, records = RECORDS[0] * shards, RECORDS[1] * shards
    stages["driver"] = Stage("driver", driver, 0, ran.folders["records"], asked, records, 0)
    tokens = round(ran.tokens * ran.bytes / max(1, ran.kept_bytes))
    return Constants(
        ran.bytes,
        ran.documents,
        shards,
        ran.kept_bytes,
        tokens,
        list(stages.values()),
        between,
        base,
        max(each, 0.0),
    )


def workers(scale: Scale) -> dict[str, Any]:
    """Wall seconds of one worker and of two, on the same documents; of two before and after."""
    start = {count: scale.run(scale.tiny(), workers=count).wall for count in (1, 2)}
    corpus = scale.natural(scale.twice)
    rows = []
    for count in (2, 1, 2):
        ran = scale.run(corpus, workers=count)
        rows.append({"workers": count, "wall": ran.wall, "cpu": ran.cpu, "bytes": ran.bytes})
    return {"rows": rows, "start": {str(count): wall for count, wall in start.items()}}


PARTS: dict[str, Callable[[Scale], dict[str, Any]]] = {
    "overhead": overhead,
    "load": load,
    "growth": growth,
    "workers": workers,
}


def measure(scale: Scale, parts: tuple[str, ...], told: Path) -> dict[str, Any]:
    """Run the parts, each in a scratch folder that goes; what stands in `told` of others stays."""
    found: dict[str, Any] = {"parts": {}}
    if told.exists():
        found = msgspec.json.decode(told.read_bytes())
    for name in parts or tuple(PARTS):
        started = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix="dolma-pipe-scale-", dir=scale.scratch) as folder:
            part = PARTS[name](msgspec.structs.replace(scale, scratch=folder))
        told_of = machine().partition(";")[0].removeprefix("Machine: ")
        part |= {"took": time.perf_counter() - started, "machine": told_of}
        found["parts"][name] = part | {"text": Path(scale.folder).resolve().name}
        told.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
        print(scale_told.PARTS[name](found["parts"][name]), flush=True)
    return found


def measured(folder: Path, scratch: Path) -> str:
    """All parts as they are by default: the section of RESULTS.md."""
    found = measure(Scale(str(folder), str(scratch)), (), scratch / "scale.json")
    return "\n".join(["### scale\n", *scale_told.tables(found).values()])


def _megabytes(_: click.Context, __: click.Parameter, value: str) -> tuple[float, ...]:
    try:
        return tuple(float(size) * 1e6 for size in value.split(","))
    except ValueError:
        raise click.BadParameter("megabytes, as 20,200,2000") from None


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False))
@click.option("--part", multiple=True, type=click.Choice(tuple(PARTS)), help="Only this part.")
@click.option("--workers", default=2, show_default=True, help="Worker processes.")
@click.option("--shards", default=2_000, show_default=True, help="Of the load.")
@click.option("--documents", default=1_000, show_default=True, help="Of a shard of the load.")
@click.option(
    "--sizes", default="20,200,2000", show_default=True, callback=_megabytes, help="MB of growth."
)
@click.option("--twice", default=500.0, show_default=True, help="MB for two workers against one.")
@click.option(
    "--scratch",
    default=tempfile.gettempdir(),
    type=click.Path(exists=True, file_okay=False),
    help="Where 20 GB may lie for a while.",
)
@click.option(
    "--json", "told", default=ROOT / "benchmarks" / "scale.json", type=click.Path(path_type=Path)
)
@click.option(
    "--doc", default=ROOT / "docs" / "scale.md", type=click.Path(exists=True, path_type=Path)
)
def main(
    folder: str,
    part: tuple[str, ...],
    workers: int,
    shards: int,
    documents: int,
    sizes: tuple[float, ...],
    twice: float,
    scratch: str,
    told: Path,
    doc: Path,
) -> None:
    """Measure on text recombined from FOLDER, in dolma's layout; write --json, and tables of --doc.

    Without --part all four: overhead, load, growth, workers.
    """
    scale = Scale(folder, scratch, workers, shards, documents, sizes, twice * 1e6)
    try:
        found = measure(scale, part, told)
    except (UserError, NotMeasured) as error:
        raise click.ClickException(str(error)) from None
    scale_told.rewrite(doc, found)
    print(f"written to {told} and {doc}")


if __name__ == "__main__":
    main()
