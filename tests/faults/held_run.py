"""A run that stands still while a shard is tagged, for tests that do something to it then."""

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.corpus import command

SHARDS = 3
RECIPE = """
name: held
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


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A recipe of SHARDS shards, and `hold`: no shard ends while it is there."""
    (tmp_path / "data").mkdir()
    for n in range(SHARDS):
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
