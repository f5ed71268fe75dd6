"""A work directory on an object store: the same bytes as here, in few requests, after any kill."""

import os
import signal
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from dolma_pipe.errors import StoreError, UserError, WorkError
from dolma_pipe.manifest import Records, write_record
from dolma_pipe.passes.context import Context
from dolma_pipe.passes.export import export_documents
from dolma_pipe.passes.synthesize import settings_of, synthesize
from dolma_pipe.recipe_file import read_recipe
from dolma_pipe.run import plan_only, run
from dolma_pipe.work import Work, clear_unfinished, read_json, spool
from tests.corpus import OUTSIDE_OF_THE_PROMISE, command, documents, write_shard, write_tokenizer
from tests.inline import Inline
from tests.object_store import SECRET, ObjectStore, s3, server

__all__ = ["s3", "server"]

pytestmark = pytest.mark.usefixtures("root")

PLACE = "s3://bucket/runs/one"
BELOW = "/bucket/runs/one/"
RECIPE = """
name: demo
seed: 7
sources:
  web:  {documents: data/web/*}
  wiki: {documents: data/wiki/*}
quality: {taggers: [gopher], keep: {gopher.words: [10, 100000]}}
dedup: [exact: {}]
mix: {held_out: {web: 0.2}, upsample: {web: {by: gopher.words, max: 3}, wiki: 2}}
tokenize: {tokenizer: tokenizer.json, max_shard_tokens: 4000}
"""
PLAIN = RECIPE.replace("dedup: [exact: {}]\n", "")
SHARDS = 2
"""Of each of the two sources."""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """data/, tokenizer.json, and what runs leave that keep all here."""
    root = tmp_path_factory.mktemp("corpus")
    for source in ("web", "wiki"):
        for i in range(SHARDS):
            path = root / "data" / source / f"{i}.jsonl.zst"
            write_shard(path, documents(f"{source}{i}", 20))
    write_tokenizer(root / "tokenizer.json")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        made(RECIPE, "local")
        made(PLAIN, "plain")
    return root


@pytest.fixture
def root(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("data", "tokenizer.json", "local", "plain"):
        (tmp_path / name).symlink_to(corpus / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(spool.VARIABLE, str(tmp_path / "spool"))
    monkeypatch.setattr(spool, "_held", [])
    for cached in (spool._folder, spool._room):
        cached.cache_clear()
    return tmp_path


def given(recipe: str, work: str = PLACE, force: bool = False) -> Context:
    Path("mix.yaml").write_text(recipe)
    return Context(read_recipe(Path("mix.yaml")), Work(work), Inline(), force=force)


def made(recipe: str, work: str = PLACE, force: bool = False) -> set[str]:
    """Run a recipe in this process, one task after the other; tells which passes had tasks."""
    context = given(recipe, work, force)
    run(context)
    return {timing["pass"].partition(" ")[0] for timing in context.timings}


def here(work: str = "local") -> dict[str, bytes]:
    """What falls under the promise of same bytes."""
    return {
        path.relative_to(work).as_posix(): path.read_bytes()
        for path in Path(work).rglob("*")
        if path.is_file() and path.name not in OUTSIDE_OF_THE_PROMISE
    }


def there(s3: ObjectStore) -> dict[str, bytes]:
    files = s3.files(PLACE)
    return {n: files[n] for n in files if Path(n).name not in OUTSIDE_OF_THE_PROMISE}


def test_the_same_bytes_as_here_and_nothing_twice(s3: ObjectStore) -> None:
    made(RECIPE)
    assert there(s3) == here()
    assert not any((spool._folder() / "held").glob("*/*"))  # no task keeps what it has read
    s3.forget()
    assert made(RECIPE) == set()
    of_the_run = {"input-hashes.json", "manifest.json", "report.json"}
    assert {path.removeprefix(BELOW) for path in s3.asked("PUT")} == of_the_run
    assert there(s3) == here()

    s3.client.delete_object(Bucket="bucket", Key="runs/one/encoded/web/0.ids")
    assert made(RECIPE) == {"encode"}
    assert there(s3) == here()

    # neither stages nor files that the recipe has no more leave anything
    assert made(PLAIN) == {"encode", "plan", "assemble"}
    assert there(s3) == here("plain")
    assert made(PLAIN.replace("max_shard_tokens: 4000", "max_shard_tokens: 900")) == {
        "plan",
        "assemble",
    }
    assert len(there(s3)) > len(here("plain"))
    assert made(PLAIN, force=True) == {"curate", "encode", "plan", "assemble"}
    assert there(s3) == here("plain")


def test_from_a_store_that_fails_to_a_store_that_fails(
    s3: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Documents are equal; addresses of inputs, which stand in manifests, cannot be."""
    monkeypatch.setenv(spool.ROOM, "1")  # what is written is fetched again
    for path in Path("data").rglob("*.zst"):
        s3.put(path.as_posix(), path.read_bytes())
    s3.faults(
        {"method": "PUT", "path": "curated/|tokens/web", "status": 500, "count": 2},
        {"method": "PUT", "path": "records/", "status": 503, "count": 1},
        {"method": "GET", "path": "data/web/0", "reset": 700, "count": 2},
        {"method": "GET", "path": "data/wiki/1", "delay": 0.2, "rate": 20_000, "count": 1},
        {"method": "GET", "path": "curated/", "reset": 300, "count": 1},
        {"method": "GET", "path": "encoded/", "close": 100, "count": 1},
        {"method": "HEAD", "path": "encoded/", "status": 500, "count": 1},
    )
    made(PLAIN.replace("documents: data", "documents: s3://bucket/data"))
    asked = s3.asked("GET")
    s3.forget()
    for folder in ("data/", "curated/", "encoded/"):
        assert any(f"/{folder}" in path for path in asked)
    endings = (".npy", ".jsonl.zst", ".ids", ".u64", ".parquet", ".loss.u8")
    found, expected = (
        {n: c for n, c in files.items() if n.endswith(endings)}
        for files in (there(s3), here("plain"))
    )
    assert len(expected) > 20
    assert found == expected
    s3.faults({"method": "PUT", "path": "curated/", "status": 403})
    with pytest.raises(UserError, match=r"access denied$") as denied:
        made(PLAIN, force=True)
    assert SECRET not in str(denied.value)


def test_requests_follow_the_shards_and_no_driver_waits_for_each(s3: ObjectStore) -> None:
    counted = []
    for shards in (1, SHARDS):
        only = PLAIN.replace("wiki/*", "wiki/0*")
        only = only if shards > 1 else only.replace("web/*", "web/0*")
        s3.forget()
        made(only)
        counted.append(len(s3.requests))
        for path in s3.asked("HEAD", "GET"):  # what is not there is not asked for
            assert "/records/" not in path
        s3.forget()
        assert made(only) == set()
        again = Counter(
            (method, path.removeprefix(BELOW).split("/")[0]) for method, path in s3.requests
        )
        assert again["GET", "records"] == 3 * (shards + 1) + 1  # curate, attributes, encode; mix
        rest = sum(again.values()) - again["GET", "records"]
        assert rest <= 50, again  # lists of folders, and files of the run itself
        s3.client.delete_objects(
            Bucket="bucket",
            Delete={"Objects": [{"Key": f"runs/one/{name}"} for name in s3.files(PLACE)]},
        )
    assert counted[0] <= 80 + 48 * 2
    assert counted[1] - counted[0] <= 48


def test_whoever_is_second_to_write_a_record_is_refused(s3: ObjectStore) -> None:
    work = Work(PLACE)
    assert write_record(work, "encode", "web/0", "one", [], {}) is not None
    with pytest.raises(WorkError, match=rf"^another run writes {PLACE}/records/encode/web/0.json"):
        write_record(work, "encode", "web/0", "two", [], {})
    with pytest.raises(WorkError, match="another run writes"), Records(work).writing() as write:
        write("encode", "web/0", "two", [], {})
    records = Records(work)
    records.withdraw("encode", ["web/0", "web/1"])
    with records.writing() as write:
        write("encode", "web/0", "two", [], {})
    assert records.done("encode", "web/0", "one") is None
    assert records.done("encode", "web/0", "two") == Records(work).done("encode", "web/0", "two")
    assert records.done("encode", "web/0", "two") is not None

    def refuse(method: str, path: str) -> int | None:
        return 403 if method == "PUT" and "/records/" in path else None

    s3.fault = refuse
    with pytest.raises(StoreError, match=r"access denied$") as denied, records.writing() as write:
        write("encode", "web/1", "two", [], {})
    assert SECRET not in str(denied.value)


def killed(s3: ObjectStore, how: signal.Signals, when: Callable[[str], bool]) -> int:
    """A run of the command line, to which a signal is sent with the first such upload."""
    Path("mix.yaml").write_text(PLAIN)
    arguments = ("run", "mix.yaml", "--work", PLACE, "--workers", 1)
    with subprocess.Popen(
        command(*arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:

        def fault(method: str, path: str) -> int | None:
            if method != "PUT" or not when(path) or process.poll() is not None:
                return None
            os.kill(process.pid, how)
            return 500  # what was on its way does not arrive

        s3.fault = fault
        _, told = process.communicate(timeout=100)
        assert "Traceback" not in told, told
    s3.fault = lambda _method, _path: None
    return process.returncode


def test_a_run_that_was_stopped_and_killed_goes_on(s3: ObjectStore) -> None:
    assert killed(s3, signal.SIGINT, lambda path: "/curated/" in path) == 130
    assert not any("/tokens/" in name for name in s3.files(PLACE))
    assert killed(s3, signal.SIGKILL, lambda path: "/encoded/wiki" in path) == -signal.SIGKILL
    s3.client.create_multipart_upload(Bucket="bucket", Key="runs/one/encoded/wiki/0.ids")
    clear_unfinished(Path(PLACE))
    left = s3.client.list_multipart_uploads(Bucket="bucket", Prefix="runs/one")
    assert not left.get("Uploads")
    made(PLAIN)
    files = there(s3)
    assert files.pop("recipe.yaml") == PLAIN.encode()
    assert files == here("plain")


def test_plans_and_documents(s3: ObjectStore) -> None:
    assert plan_only(given(PLAIN)) == plan_only(given(PLAIN, "copy"))
    assert not any(name.startswith(("mix/", "tokens/")) for name in s3.files(PLACE))
    for out, work in ((Path("s3://bucket/out"), PLACE), (Path("out"), "copy")):
        export_documents(given(PLAIN, work), out)
        export_documents(given(PLAIN.replace("web/*", "web/0*"), work), out)
    assert s3.files("s3://bucket/out") == here("out")
    assert "web/documents/1.jsonl.zst" not in s3.files("s3://bucket/out")


def test_long_tasks(s3: ObjectStore) -> None:
    settings = settings_of(["cwe"], "templates", 50, 0, 1, 7)
    for out, work in ((Path("s3://bucket/out"), PLACE), (Path("out"), "copy")):
        counts = synthesize(given(PLAIN, work), out, settings, ["web"])
        again = given(PLAIN, work)
        assert synthesize(again, out, settings, ["web"]) == counts
        assert not again.timings
    files = s3.files("s3://bucket/out")
    assert {name: files[name] for name in files if name != ".lock"} == here("out")
    with pytest.raises(WorkError, match=f"^{PLACE}/web and the work directory {PLACE} lie in"):
        synthesize(given(PLAIN), Path(PLACE) / "web", settings)


def test_token_arrays_elsewhere(s3: ObjectStore) -> None:
    elsewhere = PLAIN.replace("max_shard_tokens", "output: s3://bucket/mixes/one, max_shard_tokens")
    made(elsewhere)
    arrays = {n: b for n, b in s3.files("s3://bucket/mixes/one").items() if "/" in n}
    assert arrays == {n: b for n, b in here("plain").items() if n.startswith(("tok", "held"))}
    assert not any(name.startswith(("tokens", "held", "spool")) for name in s3.files(PLACE))
    assert read_json(Path(PLACE) / "published/tokens.json")["files"]
    s3.forget()
    assert made(elsewhere) == set()


def test_a_folder_of_somebody_else_is_none_of_ours(s3: ObjectStore) -> None:
    s3.client.put_object(Bucket="bucket", Key="runs/one/mine.txt", Body=b"mine")
    Path("mix.yaml").write_text(PLAIN)
    for work, told in (
        (PLACE, "s3://bucket/runs/one is not empty and no work directory of ours"),
        (f"s3://key:{SECRET}@bucket/run", "credentials do not belong into an address"),
        ("https://bucket/run", "neither a folder nor s3://bucket/prefix"),
    ):
        done = subprocess.run(
            command("run", "mix.yaml", "--work", work, "--workers", 1),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert told in done.stderr
        assert SECRET not in done.stderr
        assert done.stderr.count("\n") == 1
