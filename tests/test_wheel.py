"""The built wheel works in an environment of its own, far from the checkout; what the source
distribution holds; what both say of themselves."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from importlib.metadata import Distribution, distribution, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from dolma_pipe import __version__
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
JUNK = (
    "work/demo/report.json",
    "sample/code/a.jsonl.zst",
    ".venv/bin/python",
    "tests/__pycache__/a.pyc",
)
CONSUMER = """
import numpy as np

from dolma_pipe.batch import Batch
from dolma_pipe.tagger import Tagger
from dolma_pipe.tokens import TokenArrays


class Length(Tagger, frozen=True):
    most: int = 10

    def columns(self) -> tuple[str, ...]:
        return ("length",)

    def tag(self, batch: Batch) -> dict[str, np.ndarray]:
        return {"length": np.array([min(self.most, len(text)) for text in batch.texts()])}


arrays = TokenArrays("work")
reveal_type(arrays.manifest.tokens)
wrong: str = arrays.manifest.tokens
"""


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


def is_ours(path: Path) -> bool:
    """No cache, build or environment of who develops here."""
    junk = {"__pycache__", "work", "sample", "build", "dist"}
    hidden = path.name.startswith(".") and path.name != ".ci"
    return not (hidden or path.name in junk or path.name.endswith((".egg-info", ".pyc")))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with source/, a copy of the checkout with junk in it, and what was built of it:
    dist/ with the source distribution and the wheel that is made from that alone."""
    folder = tmp_path_factory.mktemp("built")
    copy = folder / "source"
    copy.mkdir()
    for path in filter(is_ours, ROOT.iterdir()):
        if path.is_dir():
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(path, copy / path.name, ignore=ignore)
        else:
            shutil.copy(path, copy)
    for junk in JUNK:
        (copy / junk).parent.mkdir(parents=True, exist_ok=True)
        (copy / junk).write_text("junk")
    build = [sys.executable, "-m", "build", "--outdir", folder / "dist", copy]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    told = (done.stdout + done.stderr).lower().splitlines()
    assert [line for line in told if "warn" in line or "deprecat" in line] == []
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    [found] = (built / "dist").glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the programs of an environment that holds the wheel and what it needs."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    venv.create(folder / "env", symlinks=True)
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


def test_the_sources_hold_what_the_tests_need_and_no_junk(built: Path) -> None:
    """All that the checkout has, and what the build says of itself."""
    [archive] = (built / "dist").glob("*.tar.gz")
    with tarfile.open(archive) as files:
        inside = {one.name.partition("/")[2] for one in files.getmembers() if one.isfile()}
    source = built / "source"
    paths = {path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()}
    told = {name for name in inside | paths if name.startswith("dolma_pipe.egg-info/")}
    assert inside - paths - told == {"PKG-INFO", "setup.cfg"}
    assert paths - inside - told == set(JUNK)


def test_the_wheel_holds_the_package_alone(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as files:
        names = files.namelist()
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"dolma_pipe"}
    assert "dolma_pipe/py.typed" in names
    assert not [name for name in names if Path(name).name.startswith(("test_", "conftest"))]


def test_what_it_says_of_itself(wheel: Path) -> None:
    [told] = Distribution.discover(path=[str(wheel)])
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert told.version == __version__ == re.search(r"^## (\S+)", changelog, re.M)[1]  # type: ignore[index]
    about = told.metadata
    assert about["Description-Content-Type"] == "text/markdown"
    assert about["License-Expression"] == "Apache-2.0"
    assert all(about[name] for name in ("Author", "Keywords", "Summary"))
    assert about["Requires-Python"] == ">=3.11"
    classifiers = set(about.get_all("Classifier", []))
    versions = {f"Programming Language :: Python :: 3.{minor}" for minor in (11, 12, 13)}
    assert versions | {"Typing :: Typed"} < classifiers


def test_all_is_every_extra_of_a_user(wheel: Path) -> None:
    [told] = Distribution.discover(path=[str(wheel)])
    extras = set(told.metadata.get_all("Provides-Extra", []))
    [every] = [
        requirement
        for requirement in map(Requirement, told.requires or ())
        if requirement.marker and requirement.name == "dolma-pipe" and is_of(requirement, "all")
    ]
    assert every.extras == extras - {"all", "docs", "test"}


def is_of(requirement: Requirement, extra: str) -> bool:
    assert requirement.marker is not None
    return requirement.marker.evaluate({"extra": extra})


def test_it_is_typed_for_who_uses_it(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(CONSUMER)
    mypy = [sys.executable, "-m", "mypy", "--strict", "--python-executable", installed / "python"]
    done = subprocess.run(
        [*mypy, "mine.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    said = [line.partition(" ")[2] for line in done.stdout.splitlines()]
    assert said[0] == 'note: Revealed type is "int"', done.stdout + done.stderr
    assert "Incompatible types in assignment" in said[1]
    assert len(said) == 3
