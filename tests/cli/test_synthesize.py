"""`dolma-pipe synthesize`: long documents with checked tasks, counted, resumed, the same bytes."""

import io
import json
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zstandard

from dolma_pipe.longtasks.check import check_task
from dolma_pipe.longtasks.task import Task
from dolma_pipe.recipe_file import read_recipe
from tests.corpus import command, dolma_pipe, tree, write_shard
from tests.longtasks import made

RECIPE = """
name: long
seed: 3
sources:
  books: {documents: data/books/*.jsonl.zst}
  other: {documents: data/other/*.jsonl.zst}
"""
DEDUP = "dedup: [exact: {}]\n"
OPTIONS = ("--work", "work", "--min-words", "1000", "--tasks-per-document", "2")
SLOW = """
import time
from dolma_pipe.wordings.templates import Templates

class Slow(Templates, frozen=True):
    def word(self, task, variant):
        time.sleep(0.05)
        return super().word(task, variant)
"""


def shard(name: str) -> list[dict[str, object]]:
    """Five long documents, one too short, one too long, one without a word to ask about."""
    long = [made.document(f"{name}{i}", parts=5 + i % 2) for i in range(4)]
    texts = [*long, made.document(f"{name}r", made.CYRILLIC, made.CYRILLIC_FILLER)]
    same = [f"({i}) " + "they have been there with them. " * 40 for i in range(40)]
    texts += ["A short text. " * 20, made.document(name, sentences=400), "\n\n".join(same)]
    metadata = {"url": "https://example.org", "n": 1.50}
    return [
        {"id": f"{name}-{i}", "text": text, "source": "x", "extra": [i], "metadata": metadata}
        for i, text in enumerate(texts)
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for source, names in (("books", "abc"), ("other", "d")):
        for name in names:
            write_shard(tmp_path / "data" / source / f"{name}.jsonl.zst", shard(name))
    (tmp_path / "mix.yaml").write_text(RECIPE)
    return tmp_path


def synthesize(folder: Path, *more: object, out: str = "out", code: int = 0) -> str:
    done = dolma_pipe(folder, "synthesize", "mix.yaml", out, *OPTIONS, *more, code=code)
    return done.stdout if code == 0 else done.stderr.strip().splitlines()[-1]


def documents(path: Path) -> list[dict[str, Any]]:
    raw = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(path.read_bytes())).read()
    return [json.loads(line) for line in raw.splitlines()]


def numbers(table: str, source: str) -> list[int]:
    row = next(line for line in table.splitlines() if line.startswith(f"{source} "))
    return [int(n.replace(",", "")) for n in row.split()[1:]]


def test_every_document_is_accounted_for_and_every_task_is_right(folder: Path) -> None:
    table = synthesize(folder, "--max-words", 10_000)
    read, tasked, short, long, without, words_in, words_out = numbers(table, "books")
    assert (read, tasked, short, long, without) == (24, 15, 3, 3, 3)
    assert read == tasked + short + long + without
    assert 0 < words_in < words_out
    assert "no usable words 3" in table
    out = [
        doc for name in "abc" for doc in documents(folder / f"out/books/documents/{name}.jsonl.zst")
    ]
    given = {doc["id"]: doc for name in "abc" for doc in shard(name)}
    tasks = 0
    for doc in out:
        told = doc["metadata"]["longtasks"]
        source = given[told["document"]]
        text = str(source["text"])
        assert doc["text"].startswith(text)
        assert told["bytes"] == len(text.encode())
        assert doc["id"].split(":")[0] == source["id"]
        assert doc["id"].split(":")[1] in ("cwe", "cwe+rex", "rex")
        assert doc["source"] == "x"
        assert doc["extra"] == source["extra"]
        assert doc["metadata"]["url"] == "https://example.org"
        for task in told["tasks"]:
            check_task(text, msgspec.convert(task, Task))
            tasks += 1
    counted = re.search(r"books.*?\n(?:.*\n)*?  tasks: (.*)", table)
    assert counted is not None
    assert tasks == sum(int(n) for n in re.findall(r" (\d+)", counted[1]))
    assert sum(len(doc["text"].split()) for doc in out) == words_out


def test_kinds_and_sources_are_chosen(folder: Path) -> None:
    synthesize(folder, "--task", "cwe", "--source", "other")
    assert not (folder / "out" / "books").exists()
    kinds = {
        task["kind"]
        for doc in documents(folder / "out/other/documents/d.jsonl.zst")
        for task in doc["metadata"]["longtasks"]["tasks"]
    }
    assert kinds == {"cwe"}


def test_what_stage_4_removes_has_no_task(folder: Path) -> None:
    twins = shard("a")
    write_shard(
        folder / "data" / "books" / "b.jsonl.zst", [{**d, "id": f"b{d['id']}"} for d in twins]
    )
    (folder / "mix.yaml").write_text(RECIPE + DEDUP)
    table = synthesize(folder, "--source", "books")
    assert numbers(table, "books")[0] == 8 + 6  # two documents are in all shards
    assert documents(folder / "out/books/documents/b.jsonl.zst") == []


def test_the_output_is_a_source(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synthesize(folder)
    monkeypatch.chdir(folder)
    Path("next.yaml").write_text("name: next\nsources: {long: {documents: out/books/documents/*}}")
    assert len(read_recipe(Path("next.yaml")).inputs()) == 3
    dolma_pipe(folder, "tag", "next.yaml", "--work", "work2")


def test_one_and_two_workers_write_the_same_bytes(folder: Path) -> None:
    synthesize(folder, "--workers", 1)
    synthesize(folder, "--workers", 2, out="two")
    assert tree(folder / "out") == tree(folder / "two")


def made_anew(folder: Path) -> set[str]:
    tasks = json.loads((folder / "work" / "timings.json").read_text())["tasks"]
    return {task["task"] for task in tasks if task["pass"] == "synthesize"}


def test_only_what_is_missing_is_made_again(folder: Path) -> None:
    table = synthesize(folder)
    before = tree(folder / "out")
    (folder / "out/books/documents/b.jsonl.zst").unlink()
    assert synthesize(folder) == table
    assert made_anew(folder) == {"books/b"}
    assert tree(folder / "out") == before
    synthesize(folder, "--min-words", 900)
    assert len(made_anew(folder)) == 4


def test_a_shard_that_is_no_more_goes_away(folder: Path) -> None:
    synthesize(folder)
    (folder / "data/books/b.jsonl.zst").unlink()
    synthesize(folder)
    assert sorted(p.name[0] for p in (folder / "out/books/documents").iterdir()) == ["a", "c"]


def test_killed_it_goes_on_to_the_same_bytes(folder: Path) -> None:
    (folder / "slow.py").write_text(SLOW)
    arguments = ("mix.yaml", "out", *OPTIONS, "--wording", "./slow.py", "--workers", 1)
    with subprocess.Popen(
        command("synthesize", *arguments), cwd=folder, start_new_session=True
    ) as running:
        records = folder / "out" / "records"
        while not list(records.rglob("*.json")) and running.poll() is None:
            time.sleep(0.02)
        running.send_signal(signal.SIGKILL)
    assert running.returncode == -signal.SIGKILL
    done = {p.stem for p in records.rglob("*.json")}
    assert 0 < len(done) < 4
    synthesize(folder, "--wording", "./slow.py")
    assert {key.split("/")[1] for key in made_anew(folder)} == set("abcd") - done
    synthesize(folder, "--wording", "./slow.py", out="whole")
    assert tree(folder / "out") == tree(folder / "whole")


def test_bad_input_is_one_line(folder: Path) -> None:
    assert "did you mean 'templates'" in synthesize(folder, "--wording", "template", code=1)
    assert "did you mean 'books'" in synthesize(folder, "--source", "book", code=1)
    assert "--max-words 5" in synthesize(folder, "--max-words", 5, code=1)
    assert "no file ./none.py" in synthesize(folder, "--wording", "./none.py", code=1)
    assert "is not empty" in synthesize(folder, out="data", code=1)
    assert "lie in each other" in synthesize(folder, out="work/out", code=1)


def test_a_wording_that_breaks_is_named_with_its_document(folder: Path) -> None:
    (folder / "mine.py").write_text(SLOW.replace("time.sleep(0.05)", "1 / 0"))
    told = synthesize(folder, "--wording", "./mine.py", code=1)
    assert "./mine.py on document" in told
    assert "ZeroDivisionError" in told
    assert not list((folder / "out").rglob("*.zst"))
    required = SLOW.replace("    def word", "    model: str\n\n    def word", 1)
    (folder / "mine.py").write_text(required)
    assert "mine.py cannot be made without settings" in synthesize(
        folder, "--wording", "./mine.py", code=1
    )


def test_a_wording_that_lies_is_counted(folder: Path) -> None:
    lie = "w = super().word(task, variant); return w._replace(answer='Nobody knows')"
    (folder / "mine.py").write_text(SLOW.replace("return super().word(task, variant)", lie))
    table = synthesize(folder, "--wording", "./mine.py", "--source", "other")
    assert numbers(table, "other")[1] == 0
    assert "wording refused 6" in table
