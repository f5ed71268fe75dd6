"""Commands that read a work directory say the same of one on an object store as of one on disk."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from dolma_pipe.cli.main import cli
from dolma_pipe.passes.context import Context
from dolma_pipe.recipe_file import read_recipe
from dolma_pipe.run import run
from dolma_pipe.work import Work, release, spool
from tests.corpus import text, write_shard, write_tokenizer
from tests.inline import Inline
from tests.object_store import ObjectStore, s3, server

__all__ = ["s3", "server"]

RECIPE = """
name: demo
sources:
  web:  {documents: data/web/*}
  wiki: {documents: data/wiki/*}
quality:
  taggers: [gopher]
  keep: {gopher.words: [25, null]}
dedup:
  - exact: {prefer: [wiki]}
  - lines: {min_words: 5}
  - minhash: {bands: 30, rows: 3, verify: 0.7}
  - minhash: {bands: 50, rows: 2, verify: 0.3, action: annotate}
mix: {upsample: {wiki: 2}}
tokenize: {tokenizer: tokenizer.json}
"""
REMOTE = "s3://bucket/runs/demo"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("reported")
    chance = random.Random(3)
    texts = [" ".join(text(chance, 60).split()) for _ in range(6)]
    shared = " ".join(text(chance, 30).split())
    near = [" ".join([*one.split()[:50], "changed"]) for one in texts]
    far = [" ".join([*one.split()[:40], *near[k - 1].split()[:20]]) for k, one in enumerate(texts)]
    rows = {
        "web": [*texts, *near, f"{shared}\n{far[2]}", "short"],
        "wiki": [texts[0], texts[1], f"{shared}\n{text(chance, 80)}"],
    }
    for source, listed in rows.items():
        shard = [{"id": f"{source}-{i}", "text": one} for i, one in enumerate(listed)]
        write_shard(root / f"data/{source}/a.jsonl.zst", shard)
    write_tokenizer(root / "tokenizer.json")
    (root / "mix.yaml").write_text(RECIPE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv(spool.VARIABLE, str(root / "spool"))
        run(Context(read_recipe(Path("mix.yaml")), Work("work"), Inline()))
        yield root


@pytest.fixture
def stored(finished: Path, s3: ObjectStore) -> ObjectStore:
    for path in (finished / "work").rglob("*"):
        if path.is_file():
            key = f"runs/demo/{path.relative_to(finished / 'work').as_posix()}"
            s3.client.put_object(Bucket="bucket", Key=key, Body=path.read_bytes())
    return s3


def told(*arguments: str) -> str:
    found = CliRunner().invoke(cli, arguments)
    release()
    assert found.exit_code == 0, found.output
    return found.output


@pytest.mark.usefixtures("stored")
def test_they_say_the_same() -> None:
    asked = [
        ["status", "mix.yaml"],
        ["dedup", "report"],
        ["dedup", "report", "mix.yaml", "--json"],
        ["dedup", "report", "mix.yaml", "--clusters", "2"],
        ["sweep", "mix.yaml", "--rule", "gopher.words", "--at", "30,60"],
        *(["explain", "mix.yaml", name] for name in ("web-0", "web-8", "web-12", "wiki-2")),
    ]
    said = ""
    for command in asked:
        here, there = (told(*command, "--work", place) for place in ("work", REMOTE))
        assert there.replace(REMOTE, "work") == here
        said += there
    assert "s3:/bucket" not in said
    for words in (
        "(exact) for wiki-0",
        "(minhash) for web-2",
        "bytes cut out of it",
        "which only notes",
    ):
        assert words in said


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("command", [["inspect"], ["stats"], ["where", "--token", "70"]])
def test_tokens_in_it_are_found(command: list[str]) -> None:
    first, *more = command
    here, there = (told("tokens", first, place, *more) for place in ("work", REMOTE))
    assert here == there


@pytest.mark.usefixtures("finished")
def test_nothing_there_is_one_line_with_the_address(s3: ObjectStore) -> None:
    asked = [
        (["dedup", "report", "mix.yaml"], f"nothing is deduplicated in {REMOTE}: run dolma-pipe d"),
        (["dedup", "report"], f"nothing is deduplicated in {REMOTE}: run dolma-pipe dedup RECIPE"),
        (["sweep", "mix.yaml", "--rule", "a", "--at", "1"], f"nothing is tagged in {REMOTE}: run"),
    ]
    for command, line in asked:
        found = CliRunner().invoke(cli, [*command, "--work", REMOTE])
        assert found.exit_code == 1
        assert line in f"{found.output}{found.exception}"
    assert "0 of      2" in told("status", "mix.yaml", "--work", REMOTE)
    assert s3.asked("PUT") == []
