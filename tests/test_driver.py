"""What the driver does itself: little, and hardly more for more shards."""

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dolma_pipe.engine.base import Outcome, Task
from dolma_pipe.passes.context import Context
from dolma_pipe.recipe_file import read_recipe
from dolma_pipe.run import run
from dolma_pipe.work import Work
from tests.corpus import documents, write_shard
from tests.inline import Inline
from tests.small_tokenizer import write_small_tokenizer

RECIPE = """
name: driver
sources: {{web: {{documents: "{root}/data/*"}}}}
quality: {{taggers: [gopher], keep: {{gopher.words: [5, null]}}}}
dedup: [{{exact: {{}}}}, {{substring: {{}}}}]
tokenize: {{tokenizer: "{tokenizer}"}}
"""
DATA = ("curated", "attributes", "quarantine", "dedup/removed", "dedup/cuts", "encoded")


class Watched(Inline):
    """Notes tasks, and what is opened and flushed between them."""

    def __init__(self) -> None:
        self.tasks: list[Task] = []
        self.opened: list[str] = []
        self.flushed = 0
        self.in_task = False

    def map(self, function: str, tasks: Iterable[Task], **_: Any) -> Iterator[Outcome]:
        for task in tasks:
            self.tasks.append(task)
            self.in_task = True
            outcomes = list(super().map(function, [task]))
            self.in_task = False
            yield from outcomes


watching: list[Watched] = []


def opened(event: str, args: tuple[Any, ...]) -> None:
    if event == "open" and watching and not watching[-1].in_task:
        watching[-1].opened.append(str(args[0]))


sys.addaudithook(opened)


def driven(root: Path, shards: int, monkeypatch: pytest.MonkeyPatch) -> Watched:
    for number in range(shards):
        write_shard(root / "data" / f"{number}.jsonl.zst", documents(str(number), 5))
    recipe = root / "mix.yaml"
    recipe.write_text(RECIPE.format(root=root, tokenizer=write_small_tokenizer(root)))
    engine = Watched()

    def flush(_: int) -> None:
        engine.flushed += not engine.in_task

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", flush)
        watching.append(engine)
        run(Context(read_recipe(recipe), Work(root / "work"), engine))
        watching.clear()
    return engine


def test_the_driver_opens_no_data_and_waits_for_no_disk_by_shard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = []
    for shards in (2, 6):
        (tmp_path / str(shards)).mkdir()
        runs.append(driven(tmp_path / str(shards), shards, monkeypatch))
        work = tmp_path / str(shards) / "work"
        assert any(path.startswith(f"{work}/records/curate") for path in runs[-1].opened)
        data = tuple(f"{work}/{folder}/" for folder in DATA)
        assert [path for path in runs[-1].opened if path.startswith(data)] == []
    assert runs[0].flushed == runs[1].flushed > 0


def test_what_shards_have_in_common_is_held_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = driven(tmp_path, 2, monkeypatch)
    first, second = (task.args for task in engine.tasks if "taggers" in task.args)
    assert first["key"] != second["key"]
    assert all(first[name] is second[name] for name in ("taggers", "rules", "sign", "assets"))


def test_a_record_that_a_power_cut_has_emptied_is_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driven(tmp_path, 2, monkeypatch)
    record = tmp_path / "work/records/curate/web/1.json"
    before = record.read_bytes()
    record.write_bytes(b"")
    again = driven(tmp_path, 2, monkeypatch)
    assert [task.key for task in again.tasks] == ["web/1"]
    assert record.read_bytes() == before
