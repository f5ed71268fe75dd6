"""Checkpoints appear whole and go whole, whatever kills their writer; which of them go."""

import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dolma_pipe.errors import TrainError
from dolma_pipe.train.checkpoints.packing import Against, open_checkpoint, pack
from dolma_pipe.train.checkpoints.publish import published
from dolma_pipe.train.checkpoints.retention import (
    leftovers,
    remove,
    remove_leftovers,
    remove_old,
    to_remove,
)
from dolma_pipe.train.checkpoints.weights import Weights
from dolma_pipe.train.meta import checkpoint_folders, read_meta
from tests.train.killed import killed_at_every_moment
from tests.train.made_checkpoints import contents, made_weights, make_checkpoint, make_run

SETTINGS = st.none() | st.integers(1, 5)


def save(run: Path) -> None:
    with published(run / "step300") as folder:
        make_checkpoint(folder, 300, made_weights(1e-5))


def remove_first(run: Path) -> None:
    remove(run / "step100")


@pytest.mark.parametrize(
    ("function", "kept", "coming"),
    [("save", "step200", "step300"), ("remove_first", "step200", "step100")],
)
def test_killed_at_any_moment_the_latest_checkpoint_loads(
    tmp_path: Path, function: str, kept: str, coming: str
) -> None:
    """Files that were not synced are torn, as a power cut tears them."""
    run = make_run(tmp_path / "run", (100, 200))
    before = contents(run / kept)
    states = killed_at_every_moment(__name__, function, run, tmp_path / "states")
    assert len(states) > 4
    counts = []
    for state in states:
        found = checkpoint_folders(state)
        assert contents(state / kept) == before
        for folder in found:
            assert read_meta(folder).step == int(folder.name[4:])
            assert len(list(Weights(folder))) == 4
            assert (folder / "train" / ".metadata").read_bytes() == b"states"
        counts.append(coming in [folder.name for folder in found])
        if function == "save" and not counts[-1]:
            save(state)
            found.append(state / coming)
        remove_leftovers(state)
        assert {path.name for path in state.iterdir()} == {path.name for path in found}
    assert counts == sorted(counts, reverse=function == "remove_first")
    assert set(counts) == {False, True}


def test_many_processes_fill_one_folder(tmp_path: Path) -> None:
    """Threads stand for processes; each sees the folder published when its block has ended."""
    barrier, seen = threading.Barrier(4, timeout=60), []

    def write(rank: int) -> None:
        with published(
            tmp_path / "step1", main=rank == 0, wait=lambda: barrier.wait() and None
        ) as folder:
            (folder / f"{rank}.distcp").write_bytes(bytes([rank]))
        seen.append(len(list((tmp_path / "step1").iterdir())))

    threads = [threading.Thread(target=write, args=(rank,)) for rank in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [4] * 4
    assert [path.name for path in tmp_path.iterdir()] == ["step1"]


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyError), published(tmp_path / "step1") as folder:
        (folder / "a").write_text({}["b"])
    assert not list(tmp_path.iterdir())
    with published(tmp_path / "step1") as folder:
        (folder / "a").write_text("a")
    with pytest.raises(TrainError, match="step1 is there already"), published(tmp_path / "step1"):
        pass
    assert (tmp_path / "step1" / "a").read_text() == "a"
    (tmp_path / "file").write_text("")
    with pytest.raises(TrainError, match="cannot write"), published(tmp_path / "file" / "step1"):
        pass


@pytest.mark.parametrize(
    ("keep_last", "keep_every", "gone"),
    [
        (None, None, []),
        (0, None, [100, 200, 300, 400]),
        (1, None, [100, 200, 300, 400]),
        (2, None, [100, 200, 300]),
        (5, None, []),
        (9, None, []),
        (1, 200, [100, 300]),
        (2, 400, [100, 200, 300]),
        (None, 300, [100, 200, 400]),
    ],
)
def test_which_go(keep_last: int | None, keep_every: int | None, gone: list[int]) -> None:
    assert to_remove([500, 100, 300, 200, 400], keep_last, keep_every) == gone


@given(st.lists(st.integers(0, 30)), SETTINGS, SETTINGS)
def test_what_must_stay_stays(steps: list[int], last: int | None, every: int | None) -> None:
    gone = to_remove(steps, last, every)
    assert set(gone) <= set(steps)
    assert gone == sorted(set(gone))
    assert not steps or max(steps) not in gone
    assert not set(gone) & set(sorted(set(steps))[-(last or 1) :])
    assert every is None or all(step % every for step in gone)
    left = [step for step in steps if step not in gone]
    assert to_remove(left, last, every) == []


def test_old_ones_go_but_the_base_of_a_delta(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", (100, 200, 300, 400))
    assert remove_old(run, None, None) == []
    pack(run / "step400", Against(run / "step100"), None)
    assert remove_old(run, 2, None) == ["step200"]
    assert [path.name for path in checkpoint_folders(run)] == ["step100", "step300", "step400"]
    with open_checkpoint(run / "step400"):
        pass
    assert not leftovers(run)


def test_a_delta_that_cannot_be_read_may_need_any(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", (100, 200, 300))
    pack(run / "step300", Against(run / "step100"), run / "deltas" / "step300")
    (run / "deltas" / "step300" / "model.delta").write_bytes(b"?")
    assert remove_old(run, 1, None) == []


def test_what_is_not_whole_does_not_count(tmp_path: Path) -> None:
    """A half-written newest one is none: the newest whole one stays."""
    run = make_run(tmp_path / "run", (100, 200))
    (run / "step300").mkdir()
    (run / ".step400.dolma-pipe-tmp").mkdir()
    assert remove_old(run, 1, None) == ["step100"]
    assert (run / "step200" / "model.safetensors").is_file()
