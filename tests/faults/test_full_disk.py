"""A disk that is full in any stage: one line, nothing half-written, and with more room the run goes
on to the same bytes."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dolma_pipe.engine.choice import EngineChoice
from dolma_pipe.errors import UserError, WorkError
from dolma_pipe.passes import prepare
from dolma_pipe.passes.context import Nobody
from dolma_pipe.run import run
from dolma_pipe.work import atomic_write, here, spool
from tests.corpus import tree, write_corpus
from tests.inline import Inline
from tests.object_store import ObjectStore, s3, server

__all__ = ["s3", "server"]

STEP = 32 << 10
MINHASH = "  - minhash: {keep: longest}\n"


def resize(folder: Path, size: int, *more: str) -> bool:
    options = ",".join([*more, f"size={size}"])
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    return subprocess.run(mount, capture_output=True, check=False).returncode == 0


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if not resize(folder, STEP):
        pytest.skip("needs the right to mount a small file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(prepare, "new_engine", lambda *_: Inline())
    monkeypatch.chdir(tmp_path)
    write_corpus(tmp_path, shards=1, count=60)
    text = (tmp_path / "mix.yaml").read_text()
    assert MINHASH in text  # its scratch files would take all the room that encoding needs
    (tmp_path / "mix.yaml").write_text(text.replace(MINHASH, ""))
    return tmp_path


def curated(root: Path, work: Path) -> None:
    with prepare.prepared(root / "mix.yaml", work, EngineChoice(), False, Nobody()) as context:
        summary = run(context)
    if summary.failed:
        raise UserError(str(summary.failed))


def test_a_disk_that_is_full_in_every_stage(root: Path, disk: Path) -> None:
    curated(root, root / "fresh")
    size, told = STEP, []
    while True:
        try:
            curated(root, disk / "work")
        except UserError as error:
            told.append(str(error))
            assert "No space left on device" in told[-1]
            assert not list(disk.rglob("*-tmp"))
            size += STEP
            assert resize(disk, size, "remount")
        else:
            break
    for stage in ("curated", "dedup", "encoded", "tokens"):
        assert any(f"work/{stage}/" in line for line in told), stage
    assert tree(disk / "work") == tree(root / "fresh")
    assert resize(disk, size, "remount", "ro")
    for work in (disk / "work", disk / "new"):
        with pytest.raises(
            UserError, match=r"^cannot use work directory .*: Read-only file system"
        ):
            curated(root, work)


def test_a_full_spool_is_one_line(
    disk: Path, s3: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(spool.VARIABLE, str(disk / "spool"))
    for cached in (spool._folder, spool._own, spool._ledger):
        cached.cache_clear()
    large, remote = b"x" * 2 * STEP, Path("s3://bucket/run")

    def write() -> None:
        with atomic_write(remote / "written") as file:
            file.write(large)

    with pytest.raises(WorkError, match=r"No space left on device; set DOLMA_PIPE_SPOOL$"):
        write()
    s3.client.put_object(Bucket="bucket", Key="run/large", Body=large)
    with pytest.raises(WorkError, match=r"^no room for s3://bucket/run/large: 65,536 bytes, "):
        here(remote / "large")
    assert list(s3.files("s3://bucket/run")) == ["large"]
    assert not [path for path in (disk / "spool/files").iterdir() if path.is_file()]
    for cached in (spool._folder, spool._own, spool._ledger):
        cached.cache_clear()
