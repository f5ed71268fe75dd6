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

from dolma_pipe.errors import UserError
from dolma_pipe.longtasks.check import check_task
from dolma_pipe.longtasks.task import Task
from dolma_pipe.passes.context import Context
from dolma_pipe.passes.curate import curate
from dolma_pipe.passes.synthesize import settings_of, synthesize
from dolma_pipe.recipe_file import read_recipe
from dolma_pipe.stages.synthesize import Synthesized
from dolma_pipe.work import Work
from tests.corpus import command, dolma_pipe, tree, write_shard
from tests.inline import Inline
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
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for source, names in (("books", "abc"), ("other", "d")):
        for name in names:
            write_shard(tmp_path / "data" / source / f"{name}.jsonl.zst", shard(name))
    (tmp_path / "mix.yaml").write_text(RECIPE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(folder: Path, *more: object, out: str = "out", code: int = 0) -> str:
    done = dolma_pipe(folder, "synthesize", "mix.yaml", out, *OPTIONS, *more, code=code)
    return done.stdout if code == 0 else done.stderr.strip().splitlines()[-1]


def inline(out: str = "out", source: str = "books", **asked: Any) -> tuple[Synthesized, set[str]]:
    """The same in this process, in the current directory: counts, and the shards that were made."""
    recipe = read_recipe(Path("mix.yaml"))
    given: dict[str, Any] = {"kinds": ("cwe", "rex"), "wording": "templates", "min_words": 1000}
    given |= {"max_words": 0, "tasks": 2, "seed": recipe.seed, **asked}
    context = Context(recipe, Work("work"), Inline())
    counts = synthesize(context, Path(out), settings_of(**given), [source])
    made_ = {task["task"] for task in context.timings if task["pass"] == "synthesize"}
    return counts[source], made_


def documents(path: Path) -> list[dict[str, Any]]:
    raw = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(path.read_bytes())).read()
    return [json.loads(line) for line in raw.splitlines()]


def numbers(table: str, source: str) -> list[int]:
    row = next(line for line in table.splitlines() if line.startswith(f"{source} "))
    return [int(n.replace(",", "")) for n in row.split()[1:]]


def test_every_document_is_accounted_for_and_every_task_is_right(folder: Path) -> None:
    table = run(folder, "--max-words", 10_000)
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
    inline(source="other", kinds=("cwe",))
    assert not (folder / "out" / "books").exists()
    kinds = {
        task["kind"]
        for doc in documents(folder / "out/other/documents/d.jsonl.zst")
        for task in doc["metadata"]["longtasks"]["tasks"]
    }
    assert kinds == {"cwe"}


@pytest.mark.usefixtures("folder")
def test_what_is_longer_than_any_context_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = [len(str(doc["text"]).encode()) for doc in shard("d")]
    assert sorted(sizes)[-2] < 150_000 < max(sizes)
    monkeypatch.setattr("dolma_pipe.stages.synthesize.LONGEST_BYTES", 150_000)
    counts, _ = inline(source="other")
    assert (counts.too_long, counts.with_task) == (1, 5)


def test_what_stage_4_removes_has_no_task(folder: Path) -> None:
    twins = [{**doc, "id": f"b{doc['id']}"} for doc in shard("a")]
    write_shard(folder / "data" / "books" / "b.jsonl.zst", twins)
    (folder / "mix.yaml").write_text(RECIPE + DEDUP)
    counts, _ = inline()
    assert counts.documents == 8 + 6  # two documents are in all shards
    assert documents(folder / "out/books/documents/b.jsonl.zst") == []


@pytest.mark.usefixtures("folder")
def test_the_output_is_a_source() -> None:
    counts, _ = inline()
    Path("next.yaml").write_text("name: next\nsources: {long: {documents: out/books/documents/*}}")
    context = Context(read_recipe(Path("next.yaml")), Work("work2"), Inline())
    assert sum(shard.counts.kept for shard in curate(context)) == counts.with_task


def test_one_and_two_workers_write_the_same_bytes(folder: Path) -> None:
    run(folder, "--workers", 1)
    run(folder, "--workers", 2, out="two")
    assert tree(folder / "out") == tree(folder / "two")


def test_only_what_is_missing_is_made_again(folder: Path) -> None:
    counts, _ = inline()
    before = tree(folder / "out")
    (folder / "out/books/documents/b.jsonl.zst").unlink()
    assert inline() == (counts, {"books/b"})
    assert tree(folder / "out") == before
    assert len(inline(min_words=900)[1]) == 3


def test_a_shard_that_is_no_more_goes_away(folder: Path) -> None:
    inline()
    (folder / "data/books/b.jsonl.zst").unlink()
    inline()
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
    run(folder, "--wording", "./slow.py")
    tasks = json.loads((folder / "work" / "timings.json").read_text())["tasks"]
    again = {task["task"][-1] for task in tasks if task["pass"] == "synthesize"}
    assert again == set("abcd") - done
    run(folder, "--wording", "./slow.py", out="whole")
    assert tree(folder / "out") == tree(folder / "whole")


def test_bad_input_is_one_line(folder: Path) -> None:
    told = run(folder, "--wording", "template", code=1)
    assert "unknown wording 'template' (did you mean 'templates'?)" in told
    with pytest.raises(UserError, match=r"--max-words 5 is less than --min-words 1000"):
        inline(max_words=5)
    with pytest.raises(UserError, match=r"no file ./none.py"):
        inline(wording="./none.py")
    with pytest.raises(UserError, match=r"did you mean 'books'"):
        inline(source="book")
    with pytest.raises(UserError, match="is not empty"):
        inline("data")
    for out in ("work/out", "work", "."):
        with pytest.raises(UserError, match="lie in each other"):
            inline(out)


def test_a_wording_that_breaks_is_named_with_its_document(folder: Path) -> None:
    (folder / "mine.py").write_text(SLOW.replace("time.sleep(0.05)", "1 / 0"))
    with pytest.raises(UserError, match=r"./mine.py on document a-\d: ZeroDivisionError"):
        inline(wording="./mine.py")
    assert not list((folder / "out").rglob("*.zst"))
    required = SLOW.replace("    def word", "    model: str\n\n    def word", 1)
    (folder / "mine.py").write_text(required)
    with pytest.raises(UserError, match=r"mine.py cannot be made without settings"):
        inline(wording="./mine.py")


def test_a_wording_that_lies_is_counted(folder: Path) -> None:
    lie = "w = super().word(task, variant); return w._replace(answer='Nobody knows')"
    (folder / "mine.py").write_text(SLOW.replace("return super().word(task, variant)", lie))
    counts, _ = inline(wording="./mine.py", source="other")
    assert counts.with_task == 0
    assert counts.without == {"no usable words": 1, "wording refused": 6}
