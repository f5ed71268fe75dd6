"""Files of a work directory on this machine."""

import os
from pathlib import Path

import pytest

from dolma_pipe.work import remove_tree


def test_a_folder_goes_though_a_late_twin_writes_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "scratch"
    folder.mkdir()
    late, rmdir = [folder / "a", folder / "b"], os.rmdir

    def with_late_files(path: Path, **more: int | None) -> None:
        if late:
            late.pop().touch()
        rmdir(path, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "rmdir", with_late_files)
    remove_tree(folder)
    assert not late
    assert not folder.exists()
