"""SIGTERM: shards that run end and are committed, none is begun, exit 143; run again, it goes on
to the same bytes."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from dolma_pipe.engine.stopping import grace
from dolma_pipe.errors import UserError
from tests.corpus import command, dolma_pipe, ran, tree

RECIPE = """
name: terminated
sources: {web: {documents: data/*}}
quality: {taggers: [./held.py], keep: {held.n: [0, 1]}}
"""
HELD = """
import time
from pathlib import Path
import numpy as np
from dolma_pipe.tagger import Tagger

class Held(Tagger):
    def columns(self):
        return ("n",)

    def tag(self, batch):
        with Path("begun").open("a") as file:
            file.write("1")
        while Path("hold").exists():
            time.sleep(0.02)
        return {"n": np.zeros(len(batch))}
"""
LINE = "dolma-pipe: terminated; run again to go on"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    for n in range(3):
        (tmp_path / "data" / f"{n}.jsonl").write_text(json.dumps({"text": f"text {n}"}) + "\n")
    (tmp_path / "mix.yaml").write_text(RECIPE)
    (tmp_path / "held.py").write_text(HELD)
    (tmp_path / "hold").touch()
    return tmp_path


def begun(root: Path, grace: str = "60") -> subprocess.Popen[str]:
    """A run whose worker is in a shard that takes until `hold` is gone."""
    process = subprocess.Popen(
        command("run", "mix.yaml", "--work", "work", "--workers", 1),
        cwd=root,
        env=os.environ | {"DOLMA_PIPE_GRACE": grace},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not (root / "begun").exists():
        assert process.poll() is None
        time.sleep(0.02)
    return process


def ended(process: subprocess.Popen[str]) -> None:
    _, told = process.communicate(timeout=60)
    assert process.returncode == 143
    assert told.splitlines()[-1] == LINE
    assert "Traceback" not in told


def test_what_runs_is_committed_and_nothing_else_is_begun(root: Path) -> None:
    """Told to the whole group, as by Slurm and Kubernetes; another shard waits in the worker's
    pipe."""
    process = begun(root)
    os.killpg(process.pid, signal.SIGTERM)
    time.sleep(1)  # two looks of the engine
    (root / "hold").unlink()
    ended(process)
    assert (root / "begun").read_text() == "1"
    assert len(list((root / "work/records/curate/web").iterdir())) == 1
    dolma_pipe(root, "run", "mix.yaml", "--work", "work")
    assert len(ran(root / "work")) == 2
    dolma_pipe(root, "run", "mix.yaml", "--work", "fresh")
    assert tree(root / "work") == tree(root / "fresh")


@pytest.mark.parametrize(("grace", "signals"), [("0.3", 1), ("60", 2)], ids=["time", "a second"])
def test_what_does_not_end_in_time_is_left(root: Path, grace: str, signals: int) -> None:
    process = begun(root, grace)
    for _ in range(signals):
        process.terminate()
        time.sleep(0.1)
    ended(process)
    assert not list((root / "work/records").rglob("*.json"))
    assert not list((root / "work").rglob("*-tmp"))


def test_a_wrong_grace_is_one_line(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for given in ("-1", "inf", "soon", "nan"):
        monkeypatch.setenv("DOLMA_PIPE_GRACE", given)
        with pytest.raises(UserError, match=f"^DOLMA_PIPE_GRACE is '{given}', not a number of"):
            grace()
    told = dolma_pipe(root, "run", "mix.yaml", code=1).stderr
    assert told == "dolma-pipe: DOLMA_PIPE_GRACE is 'nan', not a number of seconds\n"
