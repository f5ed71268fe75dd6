"""A clock that jumps: nothing but what people read is made of it."""

import itertools
import os
import re
import time
from pathlib import Path

import pytest

from dolma_pipe.engine.base import Task, succeed
from dolma_pipe.engine.choice import EngineChoice
from dolma_pipe.engine.local import LocalEngine
from dolma_pipe.manifest import InputHashes, stamp_of
from dolma_pipe.passes import prepare
from dolma_pipe.passes.context import Nobody
from dolma_pipe.run import run
from dolma_pipe.work import Work
from tests.corpus import tree, write_corpus
from tests.inline import Inline
from tests.test_floors import MODULES

ASKS = re.compile(
    r"\b(time|datetime|date)\.(time|time_ns|now|utcnow|today|localtime|gmtime|ctime|strftime)\("
    r"|from time import"
)
MAY_ASK = {
    "train.setup": "when a training was begun, for people",
    "work.lease": "since when somebody holds a lock, for people",
}


@pytest.fixture
def jumping(monkeypatch: pytest.MonkeyPatch) -> None:
    """By 30 years and back, each time that somebody asks."""
    times = itertools.cycle([1.0e9, 2.0e9, 0.5e9])
    monkeypatch.setattr(time, "time", lambda: next(times))
    monkeypatch.setattr(time, "time_ns", lambda: int(next(times) * 1e9))


def test_nobody_asks_what_time_it_is_but_for_people() -> None:
    assert {name for name, path in MODULES.items() if ASKS.search(path.read_text("utf-8"))} == set(
        MAY_ASK
    )


def curated(root: Path, work: str) -> dict[str, str]:
    """A run of all stages: its files."""
    with prepare.prepared(
        root / "mix.yaml", root / work, EngineChoice(), False, Nobody()
    ) as context:
        run(context)
    return tree(root / work)


def test_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setattr(prepare, "new_engine", lambda *_: Inline())
    monkeypatch.chdir(tmp_path)
    write_corpus(tmp_path, shards=1, count=60)
    before = curated(tmp_path, "before")
    request.getfixturevalue("jumping")
    assert curated(tmp_path, "after") == before


@pytest.mark.usefixtures("jumping")
def test_engines_do_not_wait_for_it() -> None:
    engine = LocalEngine(1)
    tasks = [Task(str(n), {"n": n}) for n in range(4)]
    assert succeed(engine.map("tests.engine.test_local:double", tasks)).keys() == set("0123")
    engine.close()


def test_an_input_that_was_rewritten_while_the_clock_was_set_back_is_read_again(
    tmp_path: Path,
) -> None:
    shard = tmp_path / "shard.jsonl"
    shard.write_bytes(b'{"text": "a"}\n')
    before = shard.stat()
    hashes = InputHashes(Work(tmp_path / "work"))
    first = hashes.get(str(shard), stamp_of(str(shard)))
    with shard.open("r+b") as file:  # in place, of the same size
        file.write(b'{"text": "b"}\n')
    os.utime(shard, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = shard.stat()
    assert (after.st_ino, after.st_size, after.st_mtime_ns) == (
        before.st_ino,
        before.st_size,
        before.st_mtime_ns,
    )
    assert hashes.get(str(shard), stamp_of(str(shard))) != first
