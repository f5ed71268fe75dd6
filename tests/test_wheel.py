"""The built wheel works in an environment of its own, far from the checkout."""

import os
import shutil
import subprocess
import sys
import venv
from importlib.metadata import Distribution, distribution, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.corpus import write_corpus

ROOT = Path(__file__).parent.parent


RECIPE = """
name: small
sources: {web: {documents: data/web/*.jsonl.zst}}
quality: {taggers: [gopher], keep: {gopher.words: [10, 100000]}}
dedup: [exact: {}]
mix: {upsample: {web: {by: gopher.words, max: 3}}}
tokenize: {tokenizer: tokenizer.json}
"""
"""Few kernels: an environment of its own has none compiled."""


def required(name: str) -> set[str]:
    """The distributions that a requirement brings, with all that those require."""
    found: set[str] = set()
    wanted = [Requirement(name)]
    while wanted:
        one = wanted.pop()
        if one.name in found:
            continue
        found.add(one.name)
        told = map(Requirement, requires(one.name) or ())
        wanted += [each for each in told if not each.marker or each.marker.evaluate({"extra": ""})]
    return found


def link_what_it_requires(wheel: Path, site: Path) -> None:
    """What pip would install beside the wheel, and nothing else, from where it is installed."""
    [told] = Distribution.discover(path=[str(wheel)])
    for line in told.requires or ():
        requirement = Requirement(line)
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        for name in required(requirement.name):
            brought = distribution(name)
            tops = {file.parts[0] for file in brought.files or ()} - {"..", "__pycache__"}
            for top in tops:
                if not (site / top).exists():
                    (site / top).symlink_to(str(brought.locate_file(top)))


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
    venv.create(folder / "env", symlinks=True)
    [wheel] = (folder / "dist").iterdir()
    [site] = (folder / "env" / "lib").glob("python*/site-packages")
    link_what_it_requires(wheel, site)
    pip += ["--python", str(folder / "env" / "bin" / "python")]
    subprocess.run([*pip, "install", "--no-deps", "--no-index", wheel], check=True)
    subprocess.run([*pip, "check"], check=True)
    return folder / "env" / "bin"


def test_it_runs_a_recipe(installed: Path, tmp_path: Path) -> None:
    write_corpus(tmp_path, shards=1, count=30)
    (tmp_path / "small.yaml").write_text(RECIPE)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment["DOLMA_PIPE_CACHE"] = str(tmp_path / "cache")

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

    assert "tokens" in call("run", "small.yaml", "--work", "work", "--workers", "1")
    assert "pass 3, encode" in call("check", "mix.yaml")
    assert "quickstart.yaml" in call("list")
    call("tokens", "verify", "work")


def test_it_holds_every_file(installed: Path) -> None:
    [site] = installed.parent.glob("lib/python*/site-packages")
    given = [ROOT / "dolma_pipe" / path for path in ("taggers", "mixers", "configs")]
    assert not any(path.exists() for path in given)  # where the wheel has those of the root
    for name, place in (("dolma_pipe", "."), *((path.name, path.name) for path in given)):
        for path in (ROOT / name).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                copy = site / "dolma_pipe" / place / path.relative_to(ROOT / name)
                assert copy.read_bytes() == path.read_bytes()


def test_it_installs_no_generic_names(installed: Path) -> None:
    names = "('taggers', 'mixers', 'configs', 'tests')"
    script = f"import importlib.util as u; print([u.find_spec(n) for n in {names}])"
    python = [installed / "python", "-I", "-c", script]
    done = subprocess.run(python, cwd="/", capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[None, None, None, None]"
