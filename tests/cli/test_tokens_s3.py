"""`dolma-pipe tokens` on s3://: the same answers as here, in the room of a shard a thread."""

import os
import tempfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from dolma_pipe.cli.tokens import command
from dolma_pipe.errors import RecipeError, StoreError, TokensError
from dolma_pipe.fetched_arrays import FetchedArrays
from dolma_pipe.stages.assemble import assemble_part, assembly_tasks, finish_tokens
from dolma_pipe.store import open_store
from dolma_pipe.tokenizer import TokenizeSettings
from tests.object_store import SECRET, ObjectStore, s3, server
from tests.stages.corpus import plan, write_corpus

__all__ = ["s3", "server"]

PLACE = "s3://bucket/mixes/one"


@pytest.fixture
def root(tmp_path: Path, s3: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Token arrays in a work directory and, the same, in the bucket; what is fetched goes to
    fetched/."""
    sources = write_corpus(tmp_path, {"web/a": 60, "code/a": 3})
    plan(tmp_path, sources, seed=1, max_shard_tokens=500)
    for output in (None, PLACE):
        settings = TokenizeSettings(tokenizer=str(tmp_path / "tokenizer.json"), output=output)
        parts = {t.key: assemble_part(t.args) for t in assembly_tasks(tmp_path, settings)}
        finish_tokens(tmp_path, settings, parts, fingerprint="f", counts={})
    s3.forget()
    (tmp_path / "fetched").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "fetched"))
    return tmp_path


def told(*arguments: object) -> str:
    result = CliRunner().invoke(command, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


@pytest.mark.parametrize(
    "arguments",
    [
        ("inspect",),
        ("inspect", "--json"),
        ("stats",),
        ("decode", "--document", 41),
        ("decode", "--token", 1100, "--count", 700),
        ("where", "--token", 900),
        ("where", "--document", 61),
    ],
)
def test_the_same_answers_as_here(root: Path, arguments: tuple[object, ...]) -> None:
    action, *options = arguments
    here = told(action, root, *options)
    assert told(action, PLACE, *options) == here
    assert told(action, f"{PLACE}/tokens/", *options) == here
    assert list((root / "fetched").iterdir()) == []


def test_an_export_is_the_same(root: Path) -> None:
    for place in (str(root), PLACE):
        told("export", place, root / place[:2].strip("/"), "--to", "nanogpt")
    one, two = (root / name / "train.bin" for name in (str(root)[:2].strip("/"), "s3"))
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize("workers", [1, 2])
def test_verify_holds_a_shard_a_thread(root: Path, s3: ObjectStore, workers: int) -> None:
    held: set[int] = set()

    def look(method: str, path: str) -> None:
        if method == "GET" and path.endswith(".csv.gz"):
            # not rglob, which fails where a folder goes meanwhile
            files = [name for *_, names in os.walk(root / "fetched") for name in names]
            held.add(sum(name.startswith("part-") and name.endswith(".npy") for name in files))

    s3.fault = look
    output = told("verify", PLACE, "--workers", workers)
    assert output.startswith(f"{PLACE}/tokens: 63 documents, ")
    assert held <= set(range(1, workers + 1))
    assert list((root / "fetched").iterdir()) == []


@pytest.mark.usefixtures("root")
def test_verify_names_what_is_wrong_by_its_address(s3: ObjectStore) -> None:
    head = "mixes/one/tokens/web/part-0000"
    content = bytearray(s3.files(PLACE)["tokens/web/part-00001.npy"])
    content[5] ^= 4
    s3.client.put_object(Bucket="bucket", Key=f"{head}1.npy", Body=bytes(content))
    s3.client.delete_object(Bucket="bucket", Key=f"{head}0.csv.gz")
    s3.client.put_object(Bucket="bucket", Key=f"{head}2.offsets.u64", Body=b"abc")
    s3.client.put_object(Bucket="bucket", Key=f"{head}9.npy", Body=b"")
    lines = told("verify", PLACE).splitlines()
    assert lines[0] == "web/part-00009.npy: is not in the manifest"
    assert lines[1] == f"s3://bucket/{head}0.csv.gz is missing"
    assert {line.split(":")[0] for line in lines[2:-1]} == {"web/part-00001.npy"}
    assert lines[-1].startswith(f"s3://bucket/{head}2.offsets.u64: 3 bytes, ")


def test_no_arrays_is_one_line(root: Path, s3: ObjectStore) -> None:
    with pytest.raises(TokensError, match=r"^no token arrays in s3://bucket/none/tokens: manif"):
        told("inspect", "s3://bucket/none")
    with pytest.raises(StoreError, match=r"^s3://none/x/tokens/manifest.json: there is no such b"):
        told("verify", "s3://none/x")
    with pytest.raises(RecipeError, match="credentials do not belong") as raised:
        told("stats", f"s3://me:{SECRET}@bucket/x")
    assert SECRET not in str(raised.value)
    with pytest.raises(TokensError, match="needs the arrays on this machine"):
        told("pack", PLACE, "--length", 64)
    s3.fault = lambda *_: 403
    with pytest.raises(StoreError, match=r"access denied$"):
        told("verify", PLACE)
    assert list((root / "fetched").iterdir()) == []


def test_names_in_a_manifest_lead_nowhere_else(root: Path, s3: ObjectStore) -> None:
    content = s3.files(PLACE)["tokens/manifest.json"].replace(b"web/part-00000", b"../../../../up")
    s3.client.put_object(Bucket="bucket", Key="mixes/one/tokens/manifest.json", Body=content)
    s3.client.put_object(Bucket="bucket", Key="mixes/one/tokens/../../../../up.npy", Body=b"x")
    spool = root / "fetched" / "a" / "b" / "c"
    spool.mkdir(parents=True)
    with pytest.raises(TokensError, match=r"'../../../../up\.npy' is no file beside it"):
        FetchedArrays(open_store(f"{PLACE}/tokens"), spool)
    assert [p for p in root.rglob("up.npy") if not p.is_relative_to(spool)] == []
