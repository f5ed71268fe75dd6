"""A work directory that is removed while a run writes to it."""

import shutil
from pathlib import Path

from tests.corpus import dolma_pipe, tree
from tests.faults.held_run import begun, root

__all__ = ["root"]


def test_it_is_one_line_and_the_next_run_takes_nothing_half_done_for_done(root: Path) -> None:
    process = begun(root)
    shutil.rmtree(root / "work")
    (root / "hold").unlink()  # the shard that runs makes folders again, and others are begun
    _, told = process.communicate(timeout=60)
    assert process.returncode == 1
    assert told.splitlines()[-1] == (
        "dolma-pipe: the work directory work is lost, somebody removed or moved it; run again"
    )
    assert "Traceback" not in told
    dolma_pipe(root, "run", "mix.yaml", "--work", "work")
    dolma_pipe(root, "run", "mix.yaml", "--work", "fresh")
    assert tree(root / "work") == tree(root / "fresh")
