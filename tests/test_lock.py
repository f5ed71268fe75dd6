"""One run at a time in a work directory: the second is refused, a dead owner holds nothing, and who
has lost it learns it."""

import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dolma_pipe.engine import stopping
from dolma_pipe.errors import StoreError, WorkError
from dolma_pipe.passes.locks import locked
from dolma_pipe.store.bucket import Bucket
from dolma_pipe.work import lease
from dolma_pipe.work.lease import Lease
from dolma_pipe.work.lock import FolderLock
from tests.object_store import ObjectStore, s3, server

__all__ = ["s3", "server"]
ROOT = Path("s3://bucket/run")

OWNER = """
import sys, time
from pathlib import Path
from dolma_pipe.passes.locks import locked
with locked(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(600)
"""


@contextmanager
def owned(root: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock."""
    script = [sys.executable, "-c", OWNER, root]
    with subprocess.Popen(script, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        yield process
        process.kill()


def test_a_dead_owner_does_not_hold_a_folder(tmp_path: Path) -> None:
    with owned(str(tmp_path / "work")) as process:
        with pytest.raises(WorkError, match=r"^another run uses the work directory .*/work$"):
            locked(tmp_path / "work").__enter__()
        process.send_signal(signal.SIGKILL)
        process.wait()
        with locked(tmp_path / "work"):
            pass
        assert (tmp_path / "work/.lock").exists()


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path, s3: ObjectStore) -> None:
    (tmp_path / "theirs").touch()
    s3.client.put_object(Bucket="bucket", Key="run/theirs", Body=b"x")
    for root, told in ((tmp_path, str(tmp_path)), (ROOT, "s3://bucket/run")):
        with pytest.raises(WorkError, match=f"^{told} is not empty and no work directory of ours"):
            locked(root).__enter__()
    assert list(s3.files("s3://bucket/run")) == ["theirs"]


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock is looked after often."""
    monkeypatch.setattr(FolderLock, "period", 0.02)
    monkeypatch.setattr(lease, "SECONDS_BETWEEN_BEATS", 0.02)


def wait_for(happened: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not happened():
        assert time.monotonic() < until
        time.sleep(0.01)


def is_told() -> bool:
    """Whether an engine would stop."""
    try:
        return stopping.asked()
    except WorkError:
        return True


@pytest.mark.usefixtures("looked")
def test_a_folder_that_is_removed_stops_the_engine(tmp_path: Path) -> None:
    root = tmp_path / "work"
    with (
        pytest.raises(WorkError, match="work is lost, somebody removed or moved it; run again$"),
        locked(root),
    ):
        shutil.rmtree(root)
        (root / "curated").mkdir(parents=True)  # by a task that runs
        wait_for(is_told)
        stopping.asked()
    assert not is_told()
    with locked(root):  # still a folder of ours
        pass


def test_what_fails_since_the_folder_is_gone_is_told_as_that(tmp_path: Path) -> None:
    with pytest.raises(WorkError, match="is lost, somebody removed"), locked(tmp_path / "work"):
        shutil.rmtree(tmp_path / "work")
        (tmp_path / "work/columns").read_bytes()
    with pytest.raises(WorkError, match="is lost, somebody removed"), locked(tmp_path / "work"):
        shutil.rmtree(tmp_path / "work")
    with pytest.raises(ZeroDivisionError), locked(tmp_path / "work"):
        1 / 0  # noqa: B018


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """An owner is taken for dead after half a second."""
    monkeypatch.setattr(lease, "SECONDS_WATCHED", 0.5)
    monkeypatch.setattr(lease, "SECONDS_BETWEEN_LOOKS", 0.05)


def quiet(_: str) -> None: ...


@pytest.mark.usefixtures("hasty", "looked")
def test_two_runs_on_an_object_store(s3: ObjectStore) -> None:
    said: list[str] = []
    with (
        locked(ROOT),
        pytest.raises(
            WorkError, match="^another run uses the work directory s3://bucket/run: host .*, pid"
        ),
    ):
        locked(ROOT, say=said.append).__enter__()
    assert "watching for 0 s whether that run lives" in said[0]
    with locked(ROOT, say=said.append):  # ended well, it is free at once
        assert len(said) == 1
    assert list(s3.files("s3://bucket/run")) == [".lock"]


@pytest.mark.usefixtures("hasty")
def test_of_two_takers_of_a_dead_owners_lease_one_wins(s3: ObjectStore) -> None:
    dead = Lease(ROOT, quiet)
    assert dead.take() is None
    takers = [Lease(ROOT, quiet) for _ in range(2)]
    owners: dict[Lease, str | None] = {}
    threads = [threading.Thread(target=lambda t=t: owners.update({t: t.take()})) for t in takers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [winner] = [taker for taker, owner in owners.items() if owner is None]
    [refused] = [owner for owner in owners.values() if owner is not None]
    assert refused.startswith("host ")
    assert winner.is_ours()
    assert not dead.is_ours()
    dead.release()  # is not its to give
    assert winner.is_ours()


@pytest.mark.usefixtures("looked", "hasty")
def test_a_run_that_was_taken_for_dead_stops(s3: ObjectStore) -> None:
    told = "s3://bucket/run is lost, another run took this one for dead, or somebody removed it"
    with pytest.raises(WorkError, match=told), locked(ROOT):
        Bucket("s3://bucket/run").delete(".lock")
        wait_for(is_told)
        stopping.asked()
    with locked(ROOT):  # still one of ours
        pass


@pytest.mark.usefixtures("hasty")
def test_a_lost_answer_and_a_store_that_is_away_lose_nothing(s3: ObjectStore) -> None:
    """What botocore sends again after a lost answer is refused: the first one counted."""
    mine = Lease(ROOT, quiet)
    assert mine.take() is None
    mine._etag = "that-of-the-write-before"
    assert mine.is_ours()
    assert mine.is_ours()
    s3.fault = lambda _method, _path: 503
    assert mine.is_ours()
    s3.forget()
    assert mine.is_ours()
    s3.fault = lambda _method, _path: 403
    with pytest.raises(StoreError, match=r"^s3://bucket/run/\.lock: access denied$"):
        locked(ROOT).__enter__()


def test_versions_of_an_object(s3: ObjectStore) -> None:
    bucket = Bucket("s3://bucket/run")
    assert bucket.is_empty()
    assert bucket.replace("a", b"0", "none") is None
    first = bucket.create("a", b"1")
    assert first is not None
    assert bucket.create("a", b"2") is None
    second = bucket.replace("a", b"3", first)
    assert second is not None
    assert bucket.replace("a", b"4", first) is None
    assert bucket.read_with_etag("a") == (b"3", second)
    assert bucket.read_with_etag("b") is None
    assert not bucket.is_empty()
