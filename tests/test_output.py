"""Token arrays go to an object store: the same bytes as here, once, and never half of them."""

import os
import random
import signal
import subprocess
from pathlib import Path

import pytest

from dolma_pipe.engine.choice import EngineChoice
from dolma_pipe.errors import RecipeError, StoreError, UserError
from dolma_pipe.passes.context import Context
from dolma_pipe.passes.prepare import prepared
from dolma_pipe.recipe_file import read_recipe
from dolma_pipe.report.passes import passes
from dolma_pipe.report.status import status, status_told
from dolma_pipe.run import run
from dolma_pipe.work import Work
from tests.corpus import command, dolma_pipe, text, tree, write_shard, write_tokenizer
from tests.inline import Inline
from tests.object_store import SECRET, ObjectStore, s3, server

__all__ = ["s3", "server"]

pytestmark = pytest.mark.usefixtures("root")

PLACE = "s3://bucket/mixes/one"
RECIPE = """
name: demo
seed: 7
sources:
  web:  {documents: data/web/*}
  wiki: {documents: data/wiki/*}
mix: {held_out: {web: 0.1}, upsample: {wiki: 2}}
tokenize: {tokenizer: tokenizer.json, max_shard_tokens: 4000, output: OUTPUT}
"""
HERE = RECIPE.replace(", output: OUTPUT", "")
MANIFESTS = {"tokens/manifest.json", "held_out/manifest.json"}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """data/, tokenizer.json, and what a run leaves that keeps its token arrays."""
    root = tmp_path_factory.mktemp("corpus")
    rng = random.Random(5)
    for source in ("web", "wiki"):
        rows: list[dict[str, object]] = [
            {"id": f"{source}{i}", "text": text(rng, rng.randint(20, 200))} for i in range(60)
        ]
        write_shard(root / "data" / source / "a.jsonl.zst", rows)
    write_tokenizer(root / "tokenizer.json")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        made(HERE, "local")
    return root


@pytest.fixture
def root(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("data", "tokenizer.json", "local"):
        (tmp_path / name).symlink_to(corpus / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def made(recipe: str, work: str = "work", force: bool = False) -> None:
    """Run a recipe in this process, one task after the other."""
    Path("mix.yaml").write_text(recipe)
    run(Context(read_recipe(Path("mix.yaml")), Work(work), Inline(), force=force))


def to(place: str) -> str:
    return RECIPE.replace("OUTPUT", place)


def local(work: str = "local") -> dict[str, bytes]:
    """Token arrays of a run that keeps them."""
    return {
        path.relative_to(work).as_posix(): path.read_bytes()
        for folder in ("tokens", "held_out")
        for path in (Path(work) / folder).rglob("*")
        if path.is_file()
    }


def remote(s3: ObjectStore, place: str = PLACE) -> dict[str, bytes]:
    """Those in the bucket."""
    files = s3.files(place)
    del files["dolma-pipe-output.json"]
    return files


def names(paths: list[str]) -> set[str]:
    """Of objects of the output."""
    head = "/bucket/mixes/one/"
    return {path.removeprefix(head) for path in paths if path.startswith(head)}


def test_the_same_bytes_as_here_and_the_manifest_last(s3: ObjectStore) -> None:
    held: set[int] = set()

    def look(method: str, _path: str) -> None:
        if method == "PUT":
            held.add(len({path.name[:10] for path in Path("work/spool").rglob("part-*")}))

    s3.fault = look
    made(to(PLACE))
    assert held == {0, 1}  # 0: what is no part
    assert not Path("work/spool").exists()
    assert not Path("work/tokens").exists()
    expected = local()
    assert remote(s3) == expected
    assert len([name for name in expected if name.endswith(".npy")]) > 5
    put = s3.asked("PUT")
    assert len(put) == len(set(put)) == len(expected) + 1
    assert put[-1].endswith("/tokens/manifest.json")
    changes = [(method, path) for method, path in s3.requests if method in ("PUT", "DELETE")]
    assert changes[1:3] == [
        ("DELETE", f"/bucket/mixes/one/{folder}/manifest.json") for folder in ("tokens", "held_out")
    ]


def test_a_finished_run_does_nothing_and_force_uploads_nothing(s3: ObjectStore) -> None:
    made(to(PLACE))
    before = tree(Path("work"))
    s3.forget()
    made(to(f"{PLACE}/"))
    assert s3.asked("PUT", "DELETE", "POST") == []
    assert tree(Path("work")) == before
    made(to(PLACE), force=True)
    assert names(s3.asked("PUT")) == MANIFESTS
    assert tree(Path("work")) == before


def test_what_is_gone_or_changed_there_is_made_again(s3: ObjectStore) -> None:
    made(to(PLACE))
    s3.client.delete_object(Bucket="bucket", Key="mixes/one/tokens/web/part-00001.npy")
    changed = s3.files(PLACE)["tokens/wiki/part-00000.csv.gz"][:-1] + b"x"
    s3.client.put_object(
        Bucket="bucket", Key="mixes/one/tokens/wiki/part-00000.csv.gz", Body=changed
    )
    s3.client.put_object(Bucket="bucket", Key="mixes/one/tokens/web/part-99999.npy", Body=b"")
    s3.forget()
    made(to(PLACE))
    again = {"tokens/web/part-00001.npy", "tokens/wiki/part-00000.csv.gz"}
    assert names(s3.asked("PUT")) == again | MANIFESTS
    assert remote(s3) == local()


def test_a_lost_manifest_is_written_again(s3: ObjectStore) -> None:
    made(to(PLACE))
    s3.client.delete_object(Bucket="bucket", Key="mixes/one/tokens/manifest.json")
    made(to(PLACE))
    assert remote(s3) == local()


def test_a_lost_work_directory_uploads_nothing_again(s3: ObjectStore) -> None:
    made(to(PLACE))
    s3.forget()
    made(to(PLACE), "other")
    assert names(s3.asked("PUT")) == MANIFESTS
    assert tree(Path("other")) == tree(Path("work"))


def test_a_changed_mix_removes_what_was_there_before_its_manifest(s3: ObjectStore) -> None:
    made(to(PLACE))
    s3.forget()
    changed = to(PLACE).replace("held_out: {web: 0.1}, upsample: {wiki: 2}", "upsample: {web: 0.5}")
    made(changed)
    made(changed.replace(f", output: {PLACE}", ""), "here")
    assert remote(s3) == local("here")
    assert not any(name.startswith("held_out/") for name in remote(s3))
    changes = [path for method, path in s3.requests if method in ("PUT", "DELETE")]
    assert changes[-1].endswith("/tokens/manifest.json")
    assert changes.index("/bucket/mixes/one/tokens/manifest.json") == 0
    gone = names(s3.asked("DELETE")) - MANIFESTS
    assert any(name.startswith("tokens/wiki/") and name.endswith(".npy") for name in gone)
    assert {name.rpartition("/")[0] for name in gone} >= {"held_out", "held_out/web"}
    wiki = {name for name in names(s3.asked("PUT")) if name.startswith("tokens/wiki/part-00000")}
    assert len(wiki) <= 3


def test_another_place_and_back(s3: ObjectStore, tmp_path: Path) -> None:
    made(to(PLACE))
    made(to("s3://bucket"))
    assert remote(s3, "s3://bucket/mixes/one") == local()
    made(to(str(tmp_path / "folder")))
    assert local("folder") == local()
    made(HERE)
    assert tree(Path("work")) == tree(Path("local"))


def test_a_folder_is_noticed_to_have_lost_a_file(root: Path) -> None:
    made(to("folder"))
    (root / "folder/tokens/web/part-00001.npy").unlink()
    (root / "folder/tokens/wiki/part-00000.offsets.u64").write_bytes(b"")
    (root / "folder/tokens/web/part-99999.npy").touch()
    made(to("folder"))
    assert local("folder") == local()


def test_what_fails_at_first_is_tried_again(s3: ObjectStore) -> None:
    seen: set[tuple[str, str]] = set()

    def fault(method: str, path: str) -> int | None:
        new = (method, path) not in seen and len(seen) < 60
        seen.add((method, path))
        return 500 if new and path.endswith(("0.npy", "manifest.json", "/bucket")) else None

    s3.fault = fault
    made(to(PLACE))
    assert remote(s3) == local()


def test_a_denied_upload_is_one_line_and_a_later_run_goes_on(s3: ObjectStore) -> None:
    def fault(method: str, path: str) -> int | None:
        return 403 if method == "PUT" and path.endswith("wiki/part-00002.offsets.u64") else None

    s3.fault = fault
    with pytest.raises(UserError) as raised:
        made(to(PLACE))
    told = str(raised.value)
    assert told == f"{PLACE}/tokens/wiki/part-00002.offsets.u64: access denied"
    assert not [path for path in Path("work/spool").rglob("*") if path.is_file()]
    assert not any(name.endswith("manifest.json") for name in remote(s3))
    done = names(s3.asked("PUT"))
    s3.forget()
    made(to(PLACE))
    assert remote(s3) == local()
    assert names(s3.asked("PUT")) & done == {"tokens/wiki/part-00002.offsets.u64"}


def test_who_may_not_list_unfinished_uploads_may_upload(s3: ObjectStore) -> None:
    s3.fault = lambda method, path: 403 if (method, path) == ("GET", "/bucket?uploads") else None
    made(to(PLACE))
    assert remote(s3) == local()
    assert "/bucket?uploads" in s3.asked("GET")


def test_what_cannot_be_an_output_is_told_before_any_work(s3: ObjectStore) -> None:
    s3.client.put_object(Bucket="bucket", Key="theirs/tokens/web/part-00000.npy", Body=b"1")
    made(to(PLACE), "other")
    for recipe, reason in (
        (to("s3://none/x"), r"^s3://none/x/dolma-pipe-output.json: there is no such bucket$"),
        (to("s3://bucket/theirs"), r"^s3://bucket/theirs/tokens has files that no run has put"),
        (to(PLACE).replace("demo", "two"), rf"^{PLACE} is the output of another recipe: "),
    ):
        with pytest.raises(StoreError, match=reason):
            made(recipe)
    for place, reason in (
        (f"s3://me:{SECRET}@bucket/x", "credentials do not belong into an address"),
        ("ftp://x/y", "ftp://x/y is neither a folder nor s3://bucket/prefix"),
    ):
        with pytest.raises(
            RecipeError, match=rf"^mix.yaml:\d+: tokenize.output: {reason}"
        ) as raised:
            made(to(place))
        assert SECRET not in str(raised.value)
    assert not Path("work").exists()


def test_documents_and_the_work_directory_lie_elsewhere() -> None:
    documents = to("out").replace("data/web/*", "out/tokens/web/*")
    Path("out/tokens/web").mkdir(parents=True)
    Path("out/tokens/web/a.jsonl").write_text('{"text": "x"}\n')
    with pytest.raises(RecipeError, match=r"out/tokens/web/a.jsonl of sources.web lies where tok"):
        made(documents)
    for output, work, reason in (
        ("w/x", "w", "w/x lies in the work directory w"),
        ("w", "w/tokens/y", "the work directory w/tokens/y lies in tokens/ of it"),
    ):
        Path("mix.yaml").write_text(to(output))
        with (
            pytest.raises(RecipeError, match=reason),
            prepared(Path("mix.yaml"), Path(work), EngineChoice(workers=1), False, None),  # type: ignore[arg-type]
        ):
            pass


@pytest.mark.usefixtures("s3")
def test_check_and_status_name_the_place() -> None:
    recipe = Path("mix.yaml")
    made(to(PLACE))
    assert f"  output {PLACE}" in passes(read_recipe(recipe)).splitlines()
    told = status_told(status(read_recipe(recipe), Work("work")))
    assert f"  tokens   {PLACE}/tokens" in told.splitlines()


def test_only_a_stage_that_needs_the_output_asks_for_it(s3: ObjectStore) -> None:
    Path("mix.yaml").write_text(to("s3://none/x"))
    run(Context(read_recipe(Path("mix.yaml")), Work("work"), Inline()), "dedup")
    assert s3.requests == []


def test_kill_9_between_uploads_and_go_on(root: Path, s3: ObjectStore) -> None:
    """Driver and workers die when they ask for their n-th upload, which goes through or not."""
    Path("mix.yaml").write_text(to(PLACE))
    uploads = 0
    for moment in (3, 8):
        driver = subprocess.Popen(
            command("run", "mix.yaml", "--work", "work", "--workers", 2),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        before = uploads

        def fault(method: str, path: str, at: int = before + moment, run: int = driver.pid) -> None:
            nonlocal uploads
            if method == "PUT" and "part-" in path:
                uploads += 1
                if uploads == at:
                    os.kill(run, signal.SIGKILL)

        s3.fault = fault
        assert driver.wait() == -signal.SIGKILL
        s3.forget()
        assert not any(name.endswith("manifest.json") for name in remote(s3))
    dolma_pipe(root, "run", "mix.yaml", "--work", "work", "--workers", 2)
    assert remote(s3) == local()
    assert not Path("work/spool").exists()
    made(to(PLACE), "unharmed")
    unharmed = tree(Path("unharmed"))
    assert {name: unharmed.get(name) for name in tree(Path("work"))} == tree(Path("work")) | {
        "recipe.yaml": None
    }
