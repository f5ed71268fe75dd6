"""A work directory is counted as its run left it, here and on an object store."""

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zstandard

from dolma_pipe.curated import read_curated_lines
from dolma_pipe.errors import RecipeError, WorkError
from dolma_pipe.passes.context import Context
from dolma_pipe.recipe_file import read_recipe
from dolma_pipe.run import run
from dolma_pipe.stages.export import survivors_of
from dolma_pipe.statistics.corpora import find_corpora
from dolma_pipe.statistics.table import statistics_table
from dolma_pipe.statistics.told import CorpusStatistics, Statistics
from dolma_pipe.work import Work, exists, spool
from tests.corpus import text, write_shard
from tests.inline import Inline
from tests.object_store import ObjectStore, s3, server
from tests.slow.frequencies import counted as plainly_counted
from tests.statistics.made import counted

__all__ = ["s3", "server"]

RECIPE = """
name: demo
sources:
  web:  {documents: data/web/*}
  chat: {documents: data/chat/*, messages: true}
quality:
  taggers: [gopher]
  keep: {gopher.words: [5, null]}
dedup:
  - exact: {}
  - lines: {min_words: 5}
"""
REMOTE = "s3://bucket/runs/demo"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("runs")
    chance = random.Random(4)
    own = [text(chance, 40) for _ in range(6)]
    again = "this line stands in very many of these documents"
    texts = [*own[:4], own[0], f"{again}\n{own[4]}", f"{own[5]}\n{again}", "short"]
    web = [{"id": f"{i}", "text": one} for i, one in enumerate(texts)]
    said = f"{text(chance, 20)}\n{again}"
    talk = [{"role": "user", "content": said}, {"role": "assistant", "content": again}]
    for shard in range(2):
        write_shard(root / f"data/web/{shard}.jsonl.zst", web[4 * shard : 4 * shard + 4])
    write_shard(root / "data/chat/0.jsonl.zst", [{"id": "0", "messages": talk}])
    (root / "mix.yaml").write_text(RECIPE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv(spool.VARIABLE, str(root / "spool"))
        recipe = read_recipe(Path("mix.yaml"))
        run(Context(recipe, Work("work"), Inline()))
        run(Context(recipe, Work("tagged"), Inline()), "content")
        yield root


def texts_of(work: Work, key: str, *, deduplicated: bool) -> list[str]:
    """As `export documents` writes them."""
    removed, cuts = work.removed(key), work.cuts(key)
    args = {
        "curated": str(work.curated(key)),
        "removed": str(removed) if deduplicated else None,
        "cuts": str(cuts) if deduplicated and exists(cuts) else None,
        "documents": removed.stat().st_size,
        "messages": key.startswith("chat"),
    }
    return [json.loads(line)["text"] for line in survivors_of(args)]


def sizes(found: Statistics) -> dict[str, tuple[int, int]]:
    return {one.name: (one.documents, one.bytes) for one in found.corpora}


def expected(*, deduplicated: bool) -> dict[str, tuple[int, int]]:
    found = {}
    for name, keys in (("web", ("web/0", "web/1")), ("chat", ("chat/0",))):
        texts = [t for k in keys for t in texts_of(Work("work"), k, deduplicated=deduplicated)]
        found[name] = len(texts), sum(len(one.encode()) for one in texts)
    return found


def lines_of(corpus: CorpusStatistics) -> list[str | None]:
    assert corpus.duplicates is not None
    return [one.text for one in corpus.duplicates.texts.top]


@pytest.mark.usefixtures("finished")
def test_a_run_is_counted_after_deduplication() -> None:
    found = counted("work/")
    assert sizes(found) == expected(deduplicated=True)
    assert found.runs == {"work": "dedup"}
    assert "work: after deduplication (work/curated: before it)" in statistics_table(found)
    before = counted("work/curated")
    assert sizes(before) == expected(deduplicated=False)
    assert before.runs == {"work/curated": "content"}
    assert "work/curated: before deduplication" in statistics_table(before)
    after, whole = (dict(sizes(one))["chat"][1] for one in (found, before))
    assert after < whole  # the marks of turns stay, what was said before goes
    assert [one.documents for one in before.corpora] == [7, 1]
    assert [one.documents for one in found.corpora] == [6, 1]


@pytest.mark.usefixtures("finished")
def test_texts_are_shown_without_what_was_cut() -> None:
    web = counted("work", parts=("ngrams",), ngrams=(9,), top=1000).corpora[0]
    keys = ("web/0", "web/1")
    texts = [one for key in keys for one in texts_of(Work("work"), key, deduplicated=True)]
    truth = plainly_counted(texts, 9)
    shown = {one.text: one.lower for one in web.ngrams[0].frequencies.top}
    assert shown == {" ".join(gram): number for gram, number in truth.items()}


@pytest.mark.usefixtures("finished")
def test_runs_are_compared_by_name() -> None:
    found = counted("before=work/curated", "after=work", "web2=data/web", parts=("duplicates",))
    assert [(one.name, one.documents) for one in found.corpora] == [
        ("before", 8),
        ("after", 7),
        ("web2", 8),
    ]
    assert lines_of(found.corpora[1]) == []
    assert len(lines_of(found.corpora[0])) == 1


@pytest.mark.usefixtures("finished")
def test_a_run_that_deduplicated_nothing_is_told(tmp_path: Path) -> None:
    found = counted("tagged")
    assert sizes(found) == expected(deduplicated=False)
    assert found.runs == {"tagged": "content"}
    unended = tmp_path / "unended"
    for name in ("records", "curated/web"):
        (unended / name).mkdir(parents=True)
    with pytest.raises(WorkError, match="unended has no documents yet"):
        counted(unended)
    write_shard(unended / "curated/web/0.jsonl.zst", [{"id": "0", "text": "one"}])
    (unended / "curated/web/0.columns.parquet").write_bytes(b"")
    assert sizes(counted(unended)) == {"web": (1, 3)}


@pytest.mark.usefixtures("finished")
def test_a_run_that_is_made_anew_meanwhile_is_no_wrong_number() -> None:
    work, key = Work("work"), "web/1"
    removed, cuts, curated = work.removed(key), work.cuts(key), work.curated(key)
    lines = [json.loads(line) for line in read_curated_lines(curated)]

    def told_where(path: Path, changed: Callable[[bytes], bytes | None]) -> None:
        content = path.read_bytes()
        path.unlink()
        if (other := changed(content)) is not None:
            path.write_bytes(other)
        found = counted("work")
        assert list(found.failed) == [key]
        assert "count when its run has ended" in found.failed[key]
        path.write_bytes(content)

    def cut_short(end: int) -> bytes:
        shorter = [json.dumps(line | {"text": line["text"][:end]}).encode() for line in lines]
        return zstandard.compress(b"".join(line + b"\n" for line in shorter))

    for path in (removed, cuts):
        told_where(path, lambda _: None)
        told_where(path, lambda content: content[:-1])
        told_where(path, lambda content: bytes(8) + content)
    told_where(curated, lambda _: cut_short(30))  # before a cut ends
    told_where(curated, lambda _: cut_short(-1))


@pytest.mark.usefixtures("finished")
def test_while_a_run_deduplicates_again_it_is_counted_as_before_that() -> None:
    record = Work("work").record("dedup", "all")
    content = record.read_bytes()
    record.unlink()
    found = counted("work")
    record.write_bytes(content)
    assert found.runs == {"work": "content"}
    assert sizes(found) == expected(deduplicated=False)


@pytest.mark.usefixtures("finished")
def test_one_on_an_object_store_is_the_same(s3: ObjectStore) -> None:
    for path in Path("work").rglob("*"):
        if path.is_file():
            key = f"runs/demo/{path.relative_to('work').as_posix()}"
            s3.client.put_object(Bucket="bucket", Key=key, Body=path.read_bytes())
    assert sizes(counted(REMOTE)) == expected(deduplicated=True)
    assert sizes(counted(f"{REMOTE}/curated/")) == expected(deduplicated=False)
    assert counted(f"all={REMOTE}").runs == {REMOTE: "dedup"}
    s3.client.delete_object(Bucket="bucket", Key="runs/demo/manifest.json")
    assert counted(REMOTE).runs == {REMOTE: "content"}
    [plain] = find_corpora((f"{REMOTE}/curated/web/0.jsonl.zst",))
    assert not plain.of_run
    with pytest.raises(RecipeError) as raised:
        find_corpora(("s3://name:secret@bucket/run",))
    assert "secret" not in str(raised.value)
