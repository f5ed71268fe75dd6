"""The taggers, mixers and tests that the how-to pages show are run."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from dolma_pipe.batch import batch_of
from dolma_pipe.recipe_file import read_recipe
from dolma_pipe.shelf import find, load
from dolma_pipe.tagger import Labels, Spans, Tagger
from tests.docs.pages import DOCS, blocks

MIXER = "## A mixer of your own"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every file that the pages name, and the inputs of their recipe."""
    monkeypatch.chdir(tmp_path)
    for page in ("taggers.md", "mixers.md"):
        for block in blocks(DOCS / page):
            if block.title:
                Path(block.title).write_text(block.text)
    after = (DOCS / "mixers.md").read_text(encoding="utf-8").split(MIXER)[1].splitlines()
    start = after.index('    """Shares that grow with the number of doublings of a source."""')
    end = after.index("## A curve of your own")
    Path("mine.py").write_text("\n".join(line[4:] for line in after[start:end]))
    Path("data/web").mkdir(parents=True)
    Path("data/web/a.jsonl.zst").touch()
    return tmp_path


def tagger(name: str, **settings: object) -> Tagger:
    return load(find("taggers", name), Tagger)(**settings)


@pytest.mark.parametrize("name", ["test_shouting.py", "test_mine.py"])
def test_the_tests_pass(folder: Path, name: str) -> None:
    tests = [f for f in runpy.run_path(str(folder / name)).items() if f[0].startswith("test_")]
    assert tests
    for _, test in tests:
        test()


def test_spans_and_labels(folder: Path) -> None:
    assert folder.is_dir()
    made = tagger("./todo.py", long=10)
    found = made.tag(batch_of(["ä TODO: more\nand FIXME", "", "no"]))
    notes, size = found["notes"], found["size"]
    assert isinstance(notes, Spans)
    assert isinstance(size, Labels)
    assert [x.tolist() for x in notes] == [[0, 2, 2, 2], [3, 18], [13, 23], [1.0, 1.0]]
    assert np.asarray(found["count"]).tolist() == [2, 0, 0]
    assert [size.names[code] for code in size.codes] == ["long", "short", "short"]
    assert [made.kind(column) for column in made.columns()] == ["spans", "number", "label"]


def test_the_kernel(folder: Path) -> None:
    assert folder.is_dir()
    found = tagger("./spaces.py").tag(batch_of(["a b ", "", "   "]))["share"]
    assert np.asarray(found).tolist() == [0.5, 0, 1]


def test_the_recipe(folder: Path) -> None:
    source = read_recipe(folder / "mix.yaml").sources[0]
    assert [rule.column for rule in source.rules] == ["shouting.share"]
