"""A machine that only trains: its packages are few and pinned, and nothing asks for others."""

import os
import re
import subprocess
import sys
from pathlib import Path
from textwrap import indent

import pytest

from tests.train.small_runs import write_language

ROOT = Path(__file__).parent.parent.parent
CONSTRAINTS = ROOT / "constraints-train.txt"
PIPELINE = ["pyarrow", "numba", "gigatoken", "xxhash", "smart_open", "zstandard", "scipy"]
PIPELINE += ["tokenizers", "datasketch"]
OPTIONAL = ["matplotlib", "transformers", "tensorboard", "peft", "requests"]
ABSENT = [*PIPELINE, *OPTIONAL]
WITHOUT = f"""
import importlib, importlib.machinery, pkgutil, sys

class Finder(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.split(".")[0] in {ABSENT}:
            return None
        return super().find_spec(name, path, target)

sys.meta_path = [
    Finder if finder is importlib.machinery.PathFinder else finder for finder in sys.meta_path
]
"""
MODULES = """
import dolma_pipe.train as room
for module in pkgutil.walk_packages(room.__path__, "dolma_pipe.train."):
    importlib.import_module(module.name)
"""
CONFIG = """
name: small
model: {preset: olmo-1m, vocab_size: 60, hidden_size: 32, heads: 2, intermediate_size: 64}
data: {tokens: tokens, length: 16}
steps: 2
device: cpu
"""
TUNED = CONFIG.replace("small", "tuned") + "start: runs/small/step2\nlora: {rank: 4}\n"
COMMANDS = """
from dolma_pipe.cli.main import cli
for line in sys.argv[1:]:
    cli.main(line.split(), standalone_mode=False)
"""


def python(program: str, folder: Path, *arguments: str) -> str:
    """What a program prints. Fails with its errors."""
    ran = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_the_command_and_train_yaml_need_none_of_them(tmp_path: Path) -> None:
    (tmp_path / "train.yaml").write_text(TUNED)
    with pytest.raises(AssertionError, match="No module named 'pyarrow'"):
        python(f"{WITHOUT}import pyarrow", tmp_path)
    program = WITHOUT + (
        "import dolma_pipe.cli.main\n"
        "from pathlib import Path\n"
        "from dolma_pipe.train.config import read_config\n"
        "print(read_config(Path('train.yaml')).lora.rank, 'torch' in sys.modules)"
    )
    assert python(program, tmp_path).split() == ["4", "False"]


@pytest.mark.parametrize("line", ["train train.yaml", "evaluate runs/small --held-out tokens"])
def test_without_torch_one_line_says_what_to_install(tmp_path: Path, line: str) -> None:
    (tmp_path / "train.yaml").write_text(CONFIG)
    program = (
        "import sys\nsys.modules['torch'] = None\nfrom dolma_pipe.errors import MissingExtra\n"
    )
    program += "try:\n" + indent(COMMANDS, " ") + "except MissingExtra as error:\n print(error)"
    told = python(program, tmp_path, line)
    assert told == "torch is not installed: pip install 'dolma-pipe[train]'\n"


def test_a_training_and_a_tuning_need_none_of_them(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed: the trainer is not tested")
    write_language(tmp_path / "tokens")
    (tmp_path / "train.yaml").write_text(CONFIG)
    (tmp_path / "tuned.yaml").write_text(TUNED)
    told = python(
        WITHOUT + COMMANDS,
        tmp_path,
        "train --help",
        "train train.yaml --check",
        "train train.yaml",
        "train tuned.yaml",
        "checkpoints list runs/tuned",
        "evaluate runs/small/step2 --held-out tokens",
    )
    assert "Train a model on token arrays" in told
    assert (tmp_path / "runs/small/step2/model.safetensors").is_file()
    assert (tmp_path / "runs/tuned/step2/adapter_model.safetensors").is_file()


def test_every_module_of_the_trainer_imports_without_them(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed: the trainer is not tested")
    told = "print(len([name for name in sys.modules if name.startswith('dolma_pipe.train.')]))"
    assert int(python(WITHOUT + MODULES + told, tmp_path)) > 5


def test_where_they_are_installed_the_trainer_does_not_load_them(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed: the trainer is not tested")
    heavy = ["pyarrow", "numba", "gigatoken"]
    program = f"import importlib, pkgutil, sys\n{MODULES}print(set(sys.modules) & set({heavy}))"
    assert python(program, tmp_path).strip() == "set()"


def pins(path: Path) -> dict[str, str]:
    lines = [line for line in path.read_text().splitlines() if line and line[0] != "#"]
    return dict(line.split("==") for line in lines)


def test_its_packages_are_pinned_as_everywhere() -> None:
    everywhere = pins(ROOT / "constraints.txt")
    train = pins(CONSTRAINTS)
    assert train == {name: everywhere.get(name) for name in train}
    assert not {re.sub("-", "_", name.lower()) for name in train} & set(ABSENT)


def test_its_packages_are_all_that_they_need() -> None:
    """The requirements of what is installed here, from the seven that the trainer imports."""
    from importlib.metadata import requires

    pytest.importorskip("torch", reason="torch is not installed: the trainer is not tested")
    packaging = pytest.importorskip("packaging.requirements")
    names = {name.lower().replace("_", "-") for name in pins(CONSTRAINTS)}
    todo = ["torch", "numpy", "safetensors", "ruamel.yaml", "msgspec", "click", "tqdm"]
    found: set[str] = set()
    while todo:
        name = todo.pop().lower().replace("_", "-")
        if name in found:
            continue
        found.add(name)
        for line in requires(name) or []:
            one = packaging.Requirement(line)
            if one.marker is None or one.marker.evaluate({"extra": ""}):
                todo.append(one.name)
    on_gpu = re.compile("nvidia-|cuda-|triton|pytorch-triton")  # of the wheels for GPUs
    assert {name for name in found if not on_gpu.match(name)} == names
