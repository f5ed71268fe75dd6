"""A recipe that decontaminates: told before data is read what is wrong, run again when a set
changed."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.corpus import dolma_pipe, ran, tree, write_shard

QUESTION = "How many of the fifteen red balloons that Anna bought on Monday were left on Friday?"
RECIPE = """
name: demo
sources: {web: {documents: data/*.jsonl.zst}}
dedup:
  - decontaminate: {evaluations: {quiz: quiz.jsonl}}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    texts = ["nothing to be found in here", f"Tell me: {QUESTION.lower()}", "once upon a time"]
    rows: list[dict[str, object]] = [{"id": f"d{i}", "text": text} for i, text in enumerate(texts)]
    write_shard(tmp_path / "data" / "a.jsonl.zst", rows)
    write_quiz(tmp_path, QUESTION)
    (tmp_path / "mix.yaml").write_text(RECIPE)
    return tmp_path


def write_quiz(root: Path, question: str) -> None:
    (root / "quiz.jsonl").write_text(json.dumps({"question": question}) + "\n")


def found(root: Path, work: str = "work") -> list[str]:
    table = pq.read_table(root / work / "dedup" / "contamination.parquet")
    ids: list[str] = table.column("id").to_pylist()
    return ids


def test_a_changed_set_is_looked_for_again(root: Path) -> None:
    arguments = ("dedup", "mix.yaml", "--workers", 2, "--work")
    dolma_pipe(root, *arguments, "work")
    assert found(root) == ["d1"]
    dolma_pipe(root, *arguments, "work")
    assert ran(root / "work") == set()
    write_quiz(root, "what is it that can once in a while not be found in here")
    dolma_pipe(root, *arguments, "work")
    assert ran(root / "work") == {"dedup"}
    assert found(root) == []
    dolma_pipe(root, *arguments, "fresh")
    assert tree(root / "work") == tree(root / "fresh")
    (root / "work" / "dedup" / "contamination.parquet").unlink()
    dolma_pipe(root, *arguments, "work")
    assert tree(root / "work") == tree(root / "fresh")


def test_what_another_recipe_found_is_not_told_as_this_ones(root: Path) -> None:
    dolma_pipe(root, "dedup", "mix.yaml", "--work", "work")
    (root / "mix.yaml").write_text(RECIPE.replace("dedup:\n", "dedup:\n  - exact: {}\n"))
    told = dolma_pipe(root, "explain", "mix.yaml", "d1", "--work", "work").stdout
    assert "removed by dedup entry 1 (decontaminate)" in told
    dolma_pipe(root, "dedup", "mix.yaml", "--work", "work", "--method", "exact")
    assert not (root / "work" / "dedup" / "contamination.parquet").exists()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("quiz.jsonl", "quizz.jsonl", "dedup.0.decontaminate.evaluations.quiz: no file matches"),
        ("quiz.jsonl", "mix.yaml", "mix.yaml is neither .jsonl nor .txt"),
        ("quiz.jsonl}", "quiz.jsonl}, fields: {question: q}", "there is no question in it (field"),
        ("evaluations: {quiz: quiz.jsonl}", "", "decontaminate: 'evaluations' is missing"),
        ("evaluations:", "evaluation:", "(did you mean 'evaluations'?)"),
    ],
)
def test_what_is_wrong_is_one_line(root: Path, old: str, new: str, message: str) -> None:
    (root / "mix.yaml").write_text(RECIPE.replace(old, new))
    told = dolma_pipe(root, "check", "mix.yaml", code=1).stderr
    assert message in told
    assert len(told.splitlines()) == 1
