"""Reading ahead: in order, a few at a time, and no more bytes than there is room for."""

import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from dolma_pipe.stages.dedup import cells
from dolma_pipe.work import all_here, atomic_write, held, spool
from dolma_pipe.work.ahead import ahead
from tests.object_store import s3, server

__all__ = ["s3", "server"]

PLACE = Path("s3://bucket/work")


class Counted:
    """Reads numbers, and notes how many were asked for and not yet looked at."""

    def __init__(self) -> None:
        self.open = 0
        self.most = 0
        self._lock = threading.Lock()

    def read(self, number: int) -> int:
        with self._lock:
            self.open += 1
            self.most = max(self.most, self.open)
        return number

    def looked_at(self) -> None:
        with self._lock:
            self.open -= 1


def test_everything_comes_in_order_and_a_few_are_read_ahead() -> None:
    counted, found = Counted(), []
    for number in ahead(counted.read, range(100), at_once=4):
        counted.looked_at()
        found.append(number)
    assert found == list(range(100))
    assert counted.most <= 4


def test_no_more_bytes_are_ahead_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[ahead.__module__], "BYTES_AHEAD", 20)
    counted, found = Counted(), []
    for number in ahead(counted.read, range(100), size=lambda n: 50 if n == 7 else 10):
        counted.looked_at()
        found.append(number)
    assert found == list(range(100)), "one that needs more than the room comes, too, alone"
    assert counted.most <= 2


def test_an_error_comes_where_its_turn_is() -> None:
    def read(number: int) -> int:
        if number == 5:
            raise FileNotFoundError(str(number))
        return number

    found = []
    with pytest.raises(FileNotFoundError, match="5"):
        found.extend(ahead(read, range(100)))
    assert found == list(range(5))


@pytest.mark.usefixtures("s3")
def test_cells_of_objects_are_read_ahead_by_their_size(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(spool.VARIABLE, str(tmp_path / "spool"))
    sizes: list[int] = []

    def noted(read, items, *args, size=lambda _: 0, **kwargs):  # type: ignore[no-untyped-def]
        def told(item: object) -> int:
            sizes.append(size(item))
            return sizes[-1]

        return ahead(read, items, *args, size=told, **kwargs)

    for cached in (spool._folder, spool._room):
        cached.cache_clear()
    paths = [PLACE / f"{i}.cells" for i in range(3)]
    for i, path in enumerate(paths):
        numbers = np.arange(10 * (i + 1), dtype=np.uint64)
        cells.write_cells(path, np.array([1, len(numbers) - 1]), [numbers])
    monkeypatch.setattr(cells, "ahead", noted)
    found = [words.tolist() for words in cells.read_cell_of_all(paths, 1)]
    assert found == [list(range(1, 10 * (i + 1))) for i in range(3)]
    assert sorted(sizes) == [0, 0, 0, 8 * 9, 8 * 19, 8 * 29]


def copies() -> list[Path]:
    """What this process holds in the spool."""
    return list(spool._held)


@pytest.mark.usefixtures("s3")
def test_copies_go_before_the_task_ends(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(spool.VARIABLE, str(tmp_path / "spool"))
    monkeypatch.setattr(spool, "_held", [])
    for cached in (spool._folder, spool._room):
        cached.cache_clear()
    paths = [PLACE / f"{i}.txt" for i in range(20)]
    for path in paths:
        with atomic_write(path) as file:
            file.write(path.name.encode())
    for path in paths:
        with held(path) as copy:
            assert copy.read_bytes() == path.name.encode()
            assert copies() == [copy.parent]
        assert copies() == []
        assert not copy.exists()
    for path, copy in zip(paths, all_here(paths), strict=True):
        assert copy.read_bytes() == path.name.encode()
        assert len(copies()) <= 5, "this one, and those that are fetched ahead"
    assert len(copies()) <= 1
    kept = list(all_here(paths, keep=True))
    assert [copy.read_bytes() for copy in kept] == [path.name.encode() for path in paths]
    (tmp_path / "mine.txt").touch()
    for mine in (tmp_path / "mine.txt", kept[0]):
        mine.write_text("mine")
        with held(mine) as same:
            assert same == mine
        assert mine.read_text() == "mine", "a file on this machine stays, and a copy that was kept"
