"""Copies of objects on this machine: fetched once, held while they are read, gone when needed."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections import namedtuple
from pathlib import Path

import pytest

from dolma_pipe.errors import WorkError
from dolma_pipe.work import all_here, atomic_write, here, read_all, release, scratch, spool
from tests.object_store import ObjectStore, s3, server

__all__ = ["s3", "server"]

FOLDER = Path("s3://bucket/run/curated")
Usage = namedtuple("Usage", "total used free")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(spool.VARIABLE, str(tmp_path / "spool"))
    fresh(monkeypatch)
    return tmp_path / "spool"


def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a process that has just begun."""
    monkeypatch.setattr(spool, "_held", [])
    for cached in (spool._folder, spool._room, spool._own, spool._ledger):
        cached.cache_clear()


def put(s3: ObjectStore, *names: str, size: int = 100) -> list[Path]:
    for name in names:
        s3.client.put_object(Bucket="bucket", Key=f"run/curated/{name}", Body=name[:1] * size)
    return [FOLDER / name for name in names]


def copies(folder: Path) -> int:
    return sum(1 for _ in (folder / "files").iterdir())


def test_fetched_once_and_held_until_the_task_ends(s3: ObjectStore, folder: Path) -> None:
    (path,) = put(s3, "a.jsonl.zst")
    first, second = here(path), here(path)
    assert first.name == "a.jsonl.zst"
    assert first.read_bytes() == second.read_bytes() == b"a" * 100
    assert len(s3.asked("GET")) == 1
    shutil.rmtree(folder / "files")  # as if all were let go of
    (folder / "files").mkdir()
    assert first.read_bytes() == b"a" * 100
    release()
    assert not first.exists()
    with pytest.raises(FileNotFoundError, match=r"^s3://bucket/run/curated/b is not there$"):
        here(FOLDER / "b")


def test_what_is_written_here_is_not_fetched(s3: ObjectStore) -> None:
    with atomic_write(FOLDER / "a") as file:
        file.write(b"one")
    assert here(FOLDER / "a").read_bytes() == b"one"
    assert not s3.asked("GET")
    s3.client.put_object(Bucket="bucket", Key="run/curated/a", Body=b"two")
    assert here(FOLDER / "a").read_bytes() == b"two"


def test_of_many_that_want_the_same_one_fetches(s3: ObjectStore) -> None:
    paths = put(s3, *"abc")
    found: list[bytes] = []

    def read() -> None:
        found.extend(path.read_bytes()[:1] for path in all_here(paths))

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [b"a"] * 4 + [b"b"] * 4 + [b"c"] * 4
    assert len(s3.asked("GET")) == 3
    assert read_all([*paths, FOLDER / "d"]) == {p: p.name.encode() * 100 for p in paths}


def test_the_least_recently_used_goes_first(
    s3: ObjectStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(spool.ROOM, "250")
    paths = put(s3, *"abc")
    held = [here(path) for path in paths]
    for path, copy in zip(paths, held, strict=True):
        assert copy.read_bytes()[:1] == path.name.encode()  # also where its copy was let go of
    assert copies(folder) == 2
    release()
    s3.forget()
    here(paths[2])
    assert not s3.asked("GET")
    here(paths[0])
    assert len(s3.asked("GET")) == 1


def test_half_of_the_disk_is_for_copies(
    s3: ObjectStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def usage(_: Path) -> Usage:
        taken = sum(p.stat().st_size for p in (folder / "files").iterdir())
        return Usage(0, 0, 600 - taken)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    for path in put(s3, *"abcdef"):
        here(path)
        release()
    assert copies(folder) == 3
    (large,) = put(s3, "large", size=700)
    with pytest.raises(WorkError, match=r"no room for s3://.*large: 700 bytes, 600 .*free in"):
        here(large)
    monkeypatch.setenv(spool.ROOM, "much")
    fresh(monkeypatch)
    with pytest.raises(WorkError, match=r"^DOLMA_PIPE_SPOOL_BYTES is 'much', not a number"):
        here(large)


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(spool.VARIABLE, str(tmp_path / "file"))
    fresh(monkeypatch)
    with pytest.raises(WorkError, match=r"^cannot write in .*file: .*; set DOLMA_PIPE_SPOOL$"):
        scratch()


HOLD = """
import sys
from dolma_pipe.work import scratch
(scratch() / "part").write_text("half")
print(flush=True)
sys.stdin.read()
"""


def test_what_a_killed_process_held_goes_with_the_next(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def parts() -> int:
        return len(list((folder / "held").glob("*/*/part")))

    with subprocess.Popen(
        [sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        scratch()  # does not touch what a living process holds
        assert parts() == 1
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    fresh(monkeypatch)
    scratch()
    assert parts() == 0
