"""Runs on documents elsewhere: the same bytes as from here, whatever the servers do, and nothing
read twice."""

import gzip
import hashlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from dolma_pipe.assets import asset_hash, asset_path
from dolma_pipe.entries.decontaminate import Decontaminate
from dolma_pipe.errors import AssetError, InputError, RecipeError, UserError
from dolma_pipe.evaluations import evaluation_hashes, read_items
from dolma_pipe.lists import read_entries
from dolma_pipe.manifest import InputHashes, stamp_of
from dolma_pipe.passes.context import Context
from dolma_pipe.recipe import Recipe
from dolma_pipe.recipe_file import read_recipe
from dolma_pipe.remote_copy import copy_of
from dolma_pipe.report.status import status, status_told
from dolma_pipe.run import run
from dolma_pipe.tokenizer import load_tokenizer
from dolma_pipe.work import Work, spool
from tests.corpus import command, documents, write_shard, write_tokenizer
from tests.inline import Inline
from tests.object_store import SECRET, ObjectStore, s3, server

__all__ = ["s3", "server"]

RECIPE = """
name: demo
seed: 7
sources:
  web:   {documents: PLACE/data/web/*.jsonl.zst}
  wiki:  {documents: [WEB/data/wiki/a.jsonl, WEB/data/wiki/b.jsonl.gz]}
  table: {documents: PLACE/data/table/}
content: {taggers: [pii], keep: {pii.count: [null, 5]}}
dedup: [exact: {}]
mix: {upsample: {wiki: 2}}
tokenize: {tokenizer: tokenizer.json, max_shard_tokens: 8000}
"""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """data/, tokenizer.json, and local/, made from them."""
    root = tmp_path_factory.mktemp("corpus")
    for i in range(3):
        write_shard(root / f"data/web/{i}.jsonl.zst", documents(f"web{i}", 40))
    rows = documents("wiki", 60)
    lines = [json.dumps(row).encode() + b"\n" for row in rows]
    (root / "data/wiki").mkdir()
    (root / "data/wiki/a.jsonl").write_bytes(b"".join(lines[:30]))
    (root / "data/wiki/b.jsonl.gz").write_bytes(gzip.compress(b"".join(lines[30:])))
    (root / "data/table").mkdir()
    table = pa.table({"id": [f"t{i}" for i in range(30)], "text": [r["text"] for r in rows[:30]]})
    pq.write_table(table.slice(0, 20), root / "data/table/a.parquet")
    pq.write_table(table.slice(20), root / "data/table/b.parquet")
    write_tokenizer(root / "tokenizer.json")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        made(".", ".", "local")
    return root


@pytest.fixture
def remote(
    corpus: Path, s3: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ObjectStore]:
    """data/ in the bucket, and a spool of the test's own."""
    for path in (corpus / "data").rglob("*.*"):
        s3.put(path.relative_to(corpus).as_posix(), path.read_bytes())
    s3.forget()
    for name in ("tokenizer.json", "local"):
        (tmp_path / name).symlink_to(corpus / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOLMA_PIPE_SPOOL", str(tmp_path / "spool"))
    for cached in (spool._folder, spool._room):
        cached.cache_clear()
    yield s3
    for cached in (spool._folder, spool._room):
        cached.cache_clear()


def recipe(place: str, web: str) -> Path:
    Path("mix.yaml").write_text(RECIPE.replace("PLACE", place).replace("WEB", web))
    return Path("mix.yaml")


def made(place: str, web: str, work: str = "work") -> Recipe:
    """Run the recipe in this process."""
    parsed = read_recipe(recipe(place, web))
    run(Context(parsed, Work(work), Inline()))
    return parsed


def there(s3: ObjectStore) -> tuple[str, str]:
    return "s3://bucket", f"{s3.address}/bucket"


def products(work: str, s3: ObjectStore | None = None) -> dict[str, bytes]:
    """All files that fall under the promise and hold no sizes of others, as if their documents lay
    here: token arrays name them, in what is compressed."""
    outside = {"timings.json", "input-hashes.json", ".lock", "recipe.yaml", "report.html"}
    outside |= {"manifest.json", "records/mix/all.json", "tokens/manifest.json"}
    files = {
        name: gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        for path in Path(work).rglob("*")
        if path.is_file()
        and not outside & {name := path.relative_to(work).as_posix(), name.removeprefix("dedup/")}
    }
    for place in there(s3) if s3 else ():
        files = {name: data.replace(place.encode(), b".") for name, data in files.items()}
    return files


def reads(s3: ObjectStore) -> list[str]:
    """Files that were read."""
    return [path for path in s3.asked("GET") if path != "/bucket"]


def test_the_same_bytes_as_from_here_and_nothing_read_again(remote: ObjectStore) -> None:
    place = there(remote)
    parsed = made(*place)
    assert products("work", remote) == products("local")
    assert [path for path in Path("spool").rglob("copy*") if path.is_file()] == []
    remote.forget()
    made(*place)
    assert set(reads(remote)) == {"/bucket/data/table/a.parquet"}  # its columns
    web = ["/bucket/data/wiki/a.jsonl", "/bucket/data/wiki/b.jsonl.gz"]
    assert sorted(remote.asked("HEAD")) == web
    assert "curate        7 of      7 tasks up to date" in status_told(status(parsed, Work("work")))


def test_an_overwritten_input_runs_again_and_no_other(remote: ObjectStore) -> None:
    made(*there(remote))
    for key in ("data/web/1.jsonl.zst", "data/wiki/a.jsonl"):
        remote.forget()
        content = zstandard.compress(b'{"id": "x", "text": "Another text."}\n')
        remote.put(key, content if key.endswith("zst") else zstandard.decompress(content))
        remote.forget()
        made(*there(remote))
        assert [path for path in reads(remote) if "table" not in path] == [f"/bucket/{key}"]
    remote.put("data/web/3.jsonl.zst", content)
    made(*there(remote))
    made(*there(remote), "fresh")
    assert products("work", remote) == products("fresh", remote)


def test_servers_that_fail_and_a_denied_shard(remote: ObjectStore) -> None:
    """One run names what it may not read and does the rest, the next has the same bytes."""
    remote.faults(
        {"method": "GET", "path": "/bucket$", "status": 503, "count": 1},
        {"method": "GET", "path": "web/0|wiki/a|table/a", "status": 500, "count": 2},
        {"method": "GET", "path": "web/0", "rate": 20_000, "count": 1},
        {"method": "GET", "path": "web/1", "status": 403},
        {"method": "GET", "path": "web/2", "reset": 1000, "count": 2},
        {"method": "GET", "path": "wiki/a", "reset": 9000, "count": 1},
        {"method": "GET", "path": "wiki/b", "close": 1000, "count": 1},
        {"method": "GET", "path": "table/b", "delay": 0.2, "reset": 700, "count": 1},
    )
    told = cli(recipe(*there(remote)), 1)
    assert "cannot read s3://bucket/data/web/1.jsonl.zst: access denied" in told
    assert "Traceback" not in told
    assert len(reads(remote)) > 15
    remote.forget()
    made(*there(remote))
    assert [path for path in reads(remote) if "table" not in path] == [
        "/bucket/data/web/1.jsonl.zst"
    ]
    assert products("work", remote) == products("local")
    written = b"".join(path.read_bytes() for path in Path("work").rglob("*") if path.is_file())
    for secret in (SECRET, "key-of-the-test"):
        assert secret not in told
        assert secret.encode() not in written


def cli(path: Path, code: int) -> str:
    done = subprocess.run(
        command("run", path, "--work", "work", "--workers", "1"),
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"DOLMA_PIPE_OFFLINE": "1"},
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_where_all_is_denied_the_first_is_told(remote: ObjectStore) -> None:
    remote.faults({"path": r"bucket/.", "status": 403})
    Path("mix.yaml").write_text(
        "name: a\nsources: {web: {documents: s3://bucket/data/web/*}}\ndedup: [exact: {}]\n"
    )
    with pytest.raises(InputError, match=r"^no shard could be read; web/0: cannot read s3://buc"):
        run(Context(read_recipe(Path("mix.yaml")), Work("work"), Inline()))


@pytest.mark.usefixtures("remote")
@pytest.mark.parametrize("setting", ["columns: {text: body}", "format: arrow"])
def test_a_table_is_looked_at_before_all_is_read(setting: str) -> None:
    Path("mix.yaml").write_text(
        f"name: a\nsources: {{web: {{documents: s3://bucket/data/table/*, {setting}}}}}\n"
    )
    if "columns" in setting:
        with pytest.raises(RecipeError, match=r"columns.*body.* in s3://bucket/data/table/a.parq"):
            read_recipe(Path("mix.yaml"))
    else:
        read_recipe(Path("mix.yaml"))


def test_secrets_in_addresses_stand_nowhere(remote: ObjectStore) -> None:
    for uri in (
        f"https://me:{SECRET}@e.org/a.jsonl",
        f"{remote.address}/bucket/data/wiki/a.jsonl?X-Amz-Signature={SECRET}",
    ):
        Path("mix.yaml").write_text(f"name: a\nsources: {{web: {{documents: '{uri}'}}}}\n")
        with pytest.raises(
            UserError, match=r"^mix.yaml:\d+: sources.web.documents: [^\n]*$"
        ) as raised:
            read_recipe(Path("mix.yaml"))
        assert SECRET not in str(raised.value)
    assert SECRET not in cli(Path("mix.yaml"), 1)
    assert not Path("work").exists()


def test_a_hash_is_remembered_for_the_version_that_was_read(remote: ObjectStore) -> None:
    uri, work = "s3://bucket/data/web/0.jsonl.zst", Work("work")
    hashes, stamp = InputHashes(work), stamp_of(uri)
    hashes.put(uri, stamp, "one")
    remote.put("data/web/0.jsonl.zst", b"overwritten")
    hashes.save()
    assert InputHashes(work).get(uri, stamp) is None
    hashes.put(uri, stamp_of(uri), "two")
    hashes.save()
    assert InputHashes(work).get(uri, stamp) == "changed"
    assert InputHashes(work).get(uri, stamp_of(uri)) == "two"
    assert InputHashes(work).get(uri, None) is None


def test_a_killed_run_has_saved_what_it_has_read(
    remote: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dolma_pipe.manifest.SAVED_EVERY", 0.0)
    hashes = InputHashes(Work("work"))
    uri = f"{remote.address}/bucket/data/wiki/a.jsonl"
    hashes.put(uri, stamp_of(uri), "one")
    assert InputHashes(Work("work")).get(uri, stamp_of(uri)) == "one"


def test_code_and_recipes_come_from_here(remote: ObjectStore) -> None:
    remote.put("mine.py", b"raise SystemExit")
    head = "name: a\nsources: {web: {documents: s3://bucket/data/web/*}}\n"
    for line, reason in (
        (
            "quality: {taggers: ['s3://bucket/mine.py']}",
            r"s3://bucket/mine\.py: code is taken from",
        ),
        ("extends: https://e.org/base.yaml", r"https://e\.org/base\.yaml: recipes are read from"),
    ):
        Path("mix.yaml").write_text(f"{head}{line}\n")
        with pytest.raises(RecipeError, match=f"{reason} this machine only: fetch it$"):
            read_recipe(Path("mix.yaml"))
    with pytest.raises(RecipeError, match="recipes are read from this machine only"):
        read_recipe(Path("s3://bucket/mix.yaml"))


def test_lists_tokenizers_and_evaluations_may_lie_elsewhere(
    remote: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOLMA_PIPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("dolma_pipe.assets.copy_of", copy_of.__wrapped__)
    remote.put("words.txt", b"# words\none\n")
    remote.put("tokenizer.json", Path("tokenizer.json").read_bytes())
    remote.put("evaluations/a.jsonl", b'{"question": "What is this all about?"}\n')
    web = f"{remote.address}/bucket/words.txt?download=1"
    for place in ("s3://bucket/words.txt", web, str(Path("s3://bucket/words.txt"))):
        assert list(read_entries("list", place)) == ["one"]
    remote.forget()
    remote.put("words.txt", b"two\n")
    assert list(read_entries("list", "s3://bucket/words.txt")) == ["two"]
    remote.forget()
    assert asset_hash(web) == hashlib.sha256(b"two\n").hexdigest()
    assert asset_hash(web) == hashlib.sha256(b"two\n").hexdigest()
    assert reads(remote) == ["/bucket/words.txt"]
    tokenizer = load_tokenizer("s3://bucket/tokenizer.json", None)
    assert tokenizer.vocab_size == load_tokenizer("tokenizer.json", None).vocab_size
    for name, error in (("s3://bucket/none", "is not there"), (f"https://{SECRET}@x/y", "credent")):
        with pytest.raises(AssetError, match=error) as raised:
            asset_path(name)
        assert SECRET not in str(raised.value)
    for pattern in ("s3://bucket/evaluations/*", f"{remote.address}/bucket/evaluations/a.jsonl"):
        entry = Decontaminate(evaluations={"own": pattern})
        assert [item.question for item in read_items(entry)] == ["What is this all about?"]
        assert len(evaluation_hashes(entry)["own"]) == 1
    with pytest.raises(InputError, match=r"^evaluations.own: no file matches s3://bucket/none/\*$"):
        list(read_items(Decontaminate(evaluations={"own": "s3://bucket/none/*"})))
