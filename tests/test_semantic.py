"""A whole run with a semantic entry: what runs again, and what stays beside the signatures."""

from pathlib import Path

import pytest

from tests.corpus import decided, dolma_pipe, ran, tree, write_corpus
from tests.embeddings.models import write_tiny_static

RECIPE = """
name: demo
sources:
  web:  {documents: data/web/*.jsonl.zst}
  wiki: {documents: data/wiki/*.jsonl.zst}
dedup:
  - exact: {}
  - semantic: {model: tiny.npz, threshold: 0.98}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_corpus(tmp_path, shards=2, count=60)
    write_tiny_static(tmp_path)
    (tmp_path / "sem.yaml").write_text(RECIPE)
    dolma_pipe(tmp_path, "run", "sem.yaml", "--work", "work", "--workers", 1)
    return tmp_path


def vectors(work: Path) -> dict[str, int]:
    return {p.name: p.stat().st_mtime_ns for p in (work / "dedup").rglob("*.vectors")}


def again(root: Path, old: str = "", new: str = "") -> set[str]:
    recipe = root / "sem.yaml"
    assert old in recipe.read_text()
    recipe.write_text(recipe.read_text().replace(old, new))
    dolma_pipe(root, "run", "sem.yaml", "--work", "work", "--workers", 2)
    happened = ran(root / "work")
    dolma_pipe(root, "run", "sem.yaml", "--work", "fresh", "--workers", 2)
    assert decided(root / "work") == decided(root / "fresh")
    return happened


def test_the_same_bytes_and_nothing_to_do_twice(root: Path) -> None:
    before = tree(root / "work")
    assert again(root) == set()
    assert tree(root / "work") == before
    assert len(vectors(root / "work")) == 4


def test_another_threshold_deduplicates_and_keeps_the_vectors(root: Path) -> None:
    before = vectors(root / "work")
    assert again(root, "0.98", "0.9") == {"dedup"}
    assert vectors(root / "work") == before


def test_another_model_of_the_same_name_is_noticed(root: Path) -> None:
    before = vectors(root / "work")
    write_tiny_static(root, dimensions=8)
    assert again(root) == {"dedup"}
    assert not set(vectors(root / "work").values()) & set(before.values())


def test_without_the_entry_the_vectors_go(root: Path) -> None:
    again(root, "  - semantic: {model: tiny.npz, threshold: 0.98}\n")
    assert vectors(root / "work") == {}


def test_check_names_what_is_missing(root: Path) -> None:
    (root / "tiny.npz").unlink()
    for command in ("check", "run"):
        done = dolma_pipe(root, command, "sem.yaml", code=1)
        assert done.stderr.count("\n") == 1
        assert "there is no embedding model or file 'tiny.npz'" in done.stderr
    (root / "tiny.npz").write_bytes(b"nonsense")
    done = dolma_pipe(root, "check", "sem.yaml", code=1)
    assert "tiny.npz is not a static model" in done.stderr
