"""Evaluation items in documents: the index and the scoring are those of `decontaminate`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dolma_pipe.batch import Batch
from dolma_pipe.engine.base import Engine
from dolma_pipe.entries import Decontaminate
from dolma_pipe.errors import InputError, UserError
from dolma_pipe.evaluations import check_evaluations
from dolma_pipe.kernels.contamination import Rule, find_matches
from dolma_pipe.kernels.jit import I64
from dolma_pipe.stages.dedup.evaluation_index import load_index, make_index, read_array
from dolma_pipe.stages.dedup.plan import Plan, Steps, load, save
from dolma_pipe.statistics.corpora import name_and_path

ITEMS, DOCUMENTS = "evaluation.items", "evaluation.documents"
"""Arrays of a shard: items that were found, and documents with any item of each set."""


def evaluation_sets(given: tuple[str, ...]) -> Decontaminate | None:
    """The sets of NAME=PATH or PATH, None for none. Raises UserError for what cannot be read.

    Without a boilerplate pass: every n-gram of a question counts.
    """
    named: dict[str, str] = {}
    for argument in given:
        given_name, path = name_and_path(argument)
        name = given_name or Path(path).name.partition(".")[0] or "evaluation"
        if name in named:
            raise UserError(f"--evaluation: two sets are called {name}: give names, {name}2={path}")
        named[name] = path
    if not named:
        return None
    entry = Decontaminate(evaluations=dict(named), drop_common=None)
    try:
        check_evaluations(entry)
    except InputError as error:
        raise InputError(str(error).replace("evaluations.", "--evaluation ", 1)) from None
    return entry


def build_index(entry: Decontaminate, engine: Engine, folder: Path) -> tuple[str, list[Any]]:
    """The index in a folder: its plan for the tasks, and what there is of each set."""
    plan = Plan(
        root=str(folder),
        number=1,
        before=0,
        entry=entry,
        shards=(),
        late=False,
        edited=False,
        partition_bytes=1,
    )
    save(plan)
    return str(plan.file), make_index(Steps(engine, plan), plan)["sets"]


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


def items_of_sets(plan: str) -> I64:
    """The set of each item of the index, by its place in the command line."""
    return np.asarray(read_array(load(plan), "evaluation"))
