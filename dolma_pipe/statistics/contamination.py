"""Evaluation items in documents: the index and the scoring are those of `decontaminate`."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from dolma_pipe.batch import Batch
from dolma_pipe.engine.base import Engine, Task, raise_failure
from dolma_pipe.entries import Decontaminate
from dolma_pipe.errors import InputError, UserError
from dolma_pipe.evaluations import check_evaluations
from dolma_pipe.kernels.contamination import Rule, find_matches
from dolma_pipe.kernels.jit import I64
from dolma_pipe.passes.context import Watch
from dolma_pipe.stages.dedup.evaluation_index import (
    count_grams,
    load_index,
    make_index,
    read_array,
)
from dolma_pipe.stages.dedup.plan import CuratedShard, Plan, Steps, load, save
from dolma_pipe.statistics.corpora import name_and_path
from dolma_pipe.statistics.opened import CorpusShard, counted_before

ITEMS, DOCUMENTS = "evaluation.items", "evaluation.documents"
"""Arrays of a shard: items that were found, and documents with any item of each set."""


def evaluation_sets(given: tuple[str, ...]) -> Decontaminate | None:
    """The sets of NAME=PATH or PATH, None for none. Raises UserError for what cannot be read."""
    named: dict[str, str] = {}
    for argument in given:
        given_name, path = name_and_path(argument)
        name = given_name or Path(path).name.partition(".")[0] or "evaluation"
        if name in named:
            raise UserError(f"--evaluation: two sets are called {name}: give names, {name}2={path}")
        named[name] = path
    if not named:
        return None
    entry = Decontaminate(evaluations=dict(named))
    try:
        check_evaluations(entry)
    except InputError as error:
        raise InputError(str(error).replace("evaluations.", "--evaluation ", 1)) from None
    return entry


def build_index(
    entry: Decontaminate, engine: Engine, watch: Watch, folder: Path, shards: list[CorpusShard]
) -> tuple[str, list[Any]]:
    """The index in a folder: its plan for the tasks, and what there is of each set. The shards are
    read once to count what is boilerplate in them."""
    plan = Plan(
        root=str(folder),
        number=1,
        before=0,
        entry=entry,
        shards=tuple(CuratedShard(str(number), "", "", 0) for number in range(len(shards))),
        late=False,
        edited=False,
        partition_bytes=1,
    )
    save(plan)

    def count(_steps: Steps, plan: Plan) -> dict[int, int]:
        counted = dict[int, int]()
        watch.begin("count boilerplate", len(shards), 0)
        for outcome in engine.map(f"{__name__}:count_shard", _count_tasks(plan, shards)):
            watch.advance()
            if outcome.error is None:
                counted[int(outcome.key)] = outcome.value
            elif outcome.error.kind == "bug":
                raise_failure(outcome.key, outcome.error)
        watch.end()
        return dict(sorted(counted.items()))

    return str(plan.file), make_index(Steps(engine, plan), plan, count)["sets"]


def _count_tasks(plan: Plan, shards: list[CorpusShard]) -> Iterator[Task]:
    for number, shard in enumerate(shards):
        args = {"plan": str(plan.file), "number": number, "shard": msgspec.to_builtins(shard)}
        yield Task(str(number), args)


def count_shard(args: dict[str, Any]) -> int:
    """Task function: how many documents have an n-gram of a question. Returns documents. One that
    fails will fail again when all else is counted, and is told then."""
    shard = msgspec.convert(args["shard"], CorpusShard)
    batches = shard.opened(counted_before)
    texts = ((batch.text, batch.offsets) for batch in batches)
    return count_grams(load(args["plan"]), args["number"], texts)


class Contamination:
    """The items that the documents of a shard hold."""

    def __init__(self, plan: str) -> None:
        loaded = load(plan)
        entry = loaded.entry
        assert isinstance(entry, Decontaminate)
        self._index = load_index(loaded)
        self._rule = Rule(entry.threshold, entry.ngram, entry.misses)
        self._set_of = np.asarray(read_array(loaded, "evaluation"))
        self._documents = np.zeros(len(entry.evaluations), np.int64)
        self._items = np.zeros(len(self._set_of), np.bool_)

    def add(self, batch: Batch) -> None:
        """Look for all items in all documents."""
        places = find_matches(batch.text, batch.offsets, self._index, self._rule).places
        self._items[places[:, 1]] = True
        pairs = np.unique(np.stack([places[:, 0], self._set_of[places[:, 1]]], axis=1), axis=0)
        self._documents += np.bincount(pairs[:, 1], minlength=len(self._documents))

    def found(self) -> Mapping[str, I64]:
        """For the file of the shard: items by number of all sets in a row, and documents."""
        numbers = np.flatnonzero(self._items)
        return {ITEMS: numbers, DOCUMENTS: self._documents}


def items_of_sets(plan: str) -> tuple[I64, I64]:
    """The set of each item of the index, by its place in the command line; of each set, the items
    that are nothing but boilerplate."""
    loaded = load(plan)
    set_of = np.asarray(read_array(loaded, "evaluation"))
    assert isinstance(loaded.entry, Decontaminate)
    nothing_left = set_of[read_array(loaded, "question.totals") == 0]
    return set_of, np.bincount(nothing_left, minlength=len(loaded.entry.evaluations))
