"""The built wheel works in an environment of its own, far from the checkout."""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.corpus import write_corpus

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the programs of an environment that holds the wheel and what it needs."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "source"
    names = ("dolma_pipe", "taggers", "mixers", "configs")
    for name in names:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "-w", folder / "dist", copy], check=True)
    venv.create(folder / "env", with_pip=True)
    [wheel] = (folder / "dist").iterdir()
    pip[0] = str(folder / "env" / "bin" / "python")
    subprocess.run([*pip, "install", "-c", ROOT / "constraints.txt", wheel], check=True)
    return folder / "env" / "bin"


def test_it_runs_a_recipe(installed: Path, tmp_path: Path) -> None:
    write_corpus(tmp_path, shards=1, count=30)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def call(*arguments: str) -> str:
        done = subprocess.run(
            [installed / "dolma-pipe", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "tokens" in call("run", "mix.yaml", "--work", "work")
    assert "quickstart.yaml" in call("list")
    call("tokens", "verify", "work")


def test_it_installs_no_generic_names(installed: Path) -> None:
    names = "('taggers', 'mixers', 'configs', 'tests')"
    script = f"import importlib.util as u; print([u.find_spec(n) for n in {names}])"
    python = [installed / "python", "-I", "-c", script]
    done = subprocess.run(python, cwd="/", capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[None, None, None, None]"
