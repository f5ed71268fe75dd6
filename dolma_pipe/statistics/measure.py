"""From corpora to statistics: a task a shard, partial results merged in the order of shards.

What the result is depends on the shards and the settings alone, never on the number of workers. On
disk lie, for a time, the tables of some shards and those of every corpus that overlaps need.
"""

from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import numpy as np

from dolma_pipe.engine.base import Engine, Task, raise_failure, succeed
from dolma_pipe.entries import Decontaminate
from dolma_pipe.errors import InputError
from dolma_pipe.passes.context import Watch
from dolma_pipe.statistics import contamination
from dolma_pipe.statistics.counts import Counts
from dolma_pipe.statistics.findings import Findings, Texts, table_findings, told
from dolma_pipe.statistics.keys import shard_and_line
from dolma_pipe.statistics.overlap import TABLES, overlaps
from dolma_pipe.statistics.partial import read_matches, read_summary, write_partial
from dolma_pipe.statistics.scores import Scores, fetch
from dolma_pipe.statistics.settings import OVERLAP, Corpus, Settings, table_sizes
from dolma_pipe.statistics.shard import ShardTask
from dolma_pipe.statistics.summary import Size, Summary, empty, merged
from dolma_pipe.statistics.texts import TextsTask, Wanted
from dolma_pipe.statistics.told import Evaluation, EvaluationFound, Statistics

TOTAL = ""
"""The name of all corpora together."""


def measure(
    corpora: tuple[Corpus, ...],
    settings: Settings,
    engine: Engine,
    watch: Watch,
    evaluations: Decontaminate | None = None,
) -> Statistics:
    """Count everything. A shard that fails is named in the result, the others are counted.

    Raises UserError where a model is missing, the memory is too little, or no shard can be read.
    """
    table_sizes(settings)
    Scores(settings).prepare()
    if "tokens" in settings.parts:
        fetch(settings.tokenizer, "tokens")
    with TemporaryDirectory(prefix="dolma-pipe-stats-") as folder:
        return _Measurement(corpora, settings, engine, watch, Path(folder)).done(evaluations)


class _Group:
    """A corpus, or all of them, while its shards are merged."""

    def __init__(self, name: str, sizes: dict[str, Size]) -> None:
        self.name, self._sizes = name, sizes
        self.counts = Counts()
        self.tables = {table: empty() for table in sizes}
        self.items: set[int] = set()
        self.documents = np.zeros(0, np.int64)

    def add_table(self, name: str, summary: Summary) -> None:
        self.tables[name] = merged(self.tables[name], summary, self._sizes[name])

    def add_matches(self, items: set[int], documents: Any) -> None:
        """Evaluation items that were found, and documents by set."""
        self.items |= items
        if not len(self.documents):
            self.documents = np.zeros_like(documents)
        self.documents = self.documents + documents

    def findings(self, top: int) -> Findings:
        tables = {
            name: table_findings(name, table, top)
            for name, table in self.tables.items()
            if name != OVERLAP
        }
        return Findings(self.name, self.counts, tables)


class _Measurement:
    """One call of measure()."""

    def __init__(
        self,
        corpora: tuple[Corpus, ...],
        settings: Settings,
        engine: Engine,
        watch: Watch,
        folder: Path,
    ) -> None:
        self._corpora, self._settings = corpora, settings
        self._engine, self._watch, self._folder = engine, watch, folder
        if len(corpora) == 1:
            parts = tuple(part for part in settings.parts if part != "overlap")
            self._settings = msgspec.structs.replace(settings, parts=parts)
        self._sizes = table_sizes(self._settings)
        self._shards = [
            shard for corpus in corpora for shard in corpus.shards(settings.max_document_bytes)
        ]
        self._failed: dict[str, str] = {}
        self._found: list[Findings] = []
        self._evaluated: list[tuple[str, set[int], Any]] = []
        self._total = _Group(TOTAL, self._sizes)

    def done(self, entry: Decontaminate | None) -> Statistics:
        """All steps."""
        plan, sets = None, list[Any]()
        if entry is not None:
            plan, sets = contamination.build_index(
                entry, self._engine, self._watch, self._folder, self._shards
            )
        self._merge_all(plan)
        if len(self._failed) == len(self._shards):
            key, why = min(self._failed.items())
            raise InputError(f"no shard could be read; {key}: {why}")
        names = [corpus.name for corpus in self._corpora]
        shared = overlaps(names, self._sizes, self._stored) if OVERLAP in self._sizes else []
        if len(names) > 1:
            self._found.append(self._total.findings(self._settings.top))
        texts = self._texts()
        keys = [shard.key for shard in self._shards]
        result = [told(found, self._settings, texts, keys) for found in self._found]
        parts = self._settings.parts
        return Statistics(
            parts=parts,
            memory=self._settings.memory,
            table_keys=max((size.capacity for size in self._sizes.values()), default=0),
            tokenizer=self._settings.tokenizer if "tokens" in parts else None,
            language_model=self._settings.language if "language" in parts else None,
            overlap_ngram=self._settings.overlap_ngram if "overlap" in parts else None,
            corpora=tuple(result[: len(names)]),
            total=result[-1] if len(names) > 1 else None,
            overlaps=tuple(shared),
            evaluations=tuple(self._evaluations(plan, sets)),
            failed=dict(sorted(self._failed.items())),
            runs={path: stage for one in self._corpora for path, stage in one.runs.items()},
        )

    def _merge_all(self, plan: str | None) -> None:
        """Count all shards, and merge them corpus by corpus."""
        outcomes = self._in_order(self._tasks(plan))
        for corpus in self._corpora:
            group = _Group(corpus.name, self._sizes)
            for shard in corpus.inputs:
                path, value = next(outcomes)
                if value is not None:
                    self._merge_shard(group, path, value, plan)
                    group.counts.stored += shard.stored_bytes or 0
            self._found.append(group.findings(self._settings.top))
            self._close(group)

    def _merge_shard(self, group: _Group, path: Path, value: Any, plan: str | None) -> None:
        group.counts.merge(msgspec.convert(value["counts"], Counts))
        for name in self._sizes:
            group.add_table(name, read_summary(path, name))
        if plan is not None:
            items = set(read_matches(path, contamination.ITEMS).tolist())
            group.add_matches(items, read_matches(path, contamination.DOCUMENTS))
        rmtree(path)

    def _close(self, group: _Group) -> None:
        """A corpus is complete: it goes into the total, and aside where overlaps want it."""
        self._evaluated.append((group.name, group.items, group.documents))
        if len(self._corpora) == 1:
            return
        self._total.counts.merge(group.counts)
        if len(group.documents):
            self._total.add_matches(group.items, group.documents)
        if OVERLAP in self._sizes:
            wanted = [table for table in TABLES.values() if table in self._sizes]
            kept = ((table, group.tables[table], 0) for table in wanted)
            write_partial(self._corpus_folder(group.name), kept, {})
        for name in self._sizes:
            self._total.add_table(name, group.tables.pop(name))

    def _stored(self, corpus: str, table: str) -> Summary:
        return read_summary(self._corpus_folder(corpus), table)

    def _corpus_folder(self, name: str) -> Path:
        number = [corpus.name for corpus in self._corpora].index(name)  # ".." is a name, too
        return self._folder / "corpora" / str(number)

    def _tasks(self, plan: str | None) -> Iterator[Task]:
        for number, shard in enumerate(self._shards):
            task = ShardTask(
                number=number,
                shard=shard,
                settings=self._settings,
                out=str(self._folder / "shards" / str(number)),
                evaluations=plan,
            )
            yield Task(shard.key, dict(msgspec.to_builtins(task)))

    def _in_order(self, tasks: Iterator[Task]) -> Iterator[tuple[Path, Any]]:
        """The tables and sums of each shard in their order; of one that failed no sums.

        All tasks weigh the same, so that they begin in their order and few files wait.
        """
        keys = [shard.key for shard in self._shards]
        numbers = {key: number for number, key in enumerate(keys)}
        waiting: dict[int, Any] = {}
        following = 0
        self._watch.begin("count", len(keys), 0)
        for outcome in self._engine.map("dolma_pipe.statistics.shard:count_shard", tasks):
            self._watch.advance()
            if outcome.error is not None:
                if outcome.error.kind == "bug":
                    raise_failure(outcome.key, outcome.error)
                self._failed[outcome.key] = outcome.error.text
            waiting[numbers[outcome.key]] = outcome.value
            while following in waiting:
                yield self._folder / "shards" / str(following), waiting.pop(following)
                following += 1
        self._watch.end()

    def _texts(self) -> Texts:
        """The texts of all keys that are shown, each read where it stood first."""
        places: dict[tuple[str, int], int] = {}
        for findings in self._found:
            for table, item in findings.wanted():
                at = table, item.key
                places[at] = min(places.get(at, item.place), item.place)
        by_shard: dict[int, list[Wanted]] = {}
        for (table, key), place in places.items():
            shard, line = shard_and_line(place)
            by_shard.setdefault(shard, []).append(Wanted(line, table, key))
        tasks = [self._texts_task(shard, sorted(wanted)) for shard, wanted in by_shard.items()]
        found = succeed(self._engine.map("dolma_pipe.statistics.texts:read_texts", tasks))
        return {(table, key): text for rows in found.values() for table, key, text in rows}

    def _texts_task(self, number: int, wanted: list[Wanted]) -> Task:
        shard = self._shards[number]
        return Task(shard.key, dict(msgspec.to_builtins(TextsTask(shard, tuple(wanted)))))

    def _evaluations(self, plan: str | None, sets: list[Any]) -> Iterator[Evaluation]:
        if plan is None:
            return
        groups = list(self._evaluated)
        if len(self._corpora) > 1:
            groups.append((TOTAL, self._total.items, self._total.documents))
        set_of, boilerplate = contamination.items_of_sets(plan)
        for place, one in enumerate(sets):
            found = []
            for name, items, documents in groups:
                held = int(np.count_nonzero(set_of[sorted(items)] == place)) if items else 0
                share = round(held / max(one["items"], 1), 6)
                number = int(documents[place]) if len(documents) else 0
                found.append(EvaluationFound(name, held, share, number))
            common = int(boilerplate[place])
            searched = (
                one["items"] - one["items_without_question"] - one["items_too_short"] - common
            )
            yield Evaluation(one["evaluation"], one["items"], searched, common, tuple(found))
