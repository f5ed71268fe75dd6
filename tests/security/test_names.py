"""Names that data brings lead out of no folder, whatever they are made of."""

import hashlib
import json
import re
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from dolma_pipe.assets import ASSETS, MADE
from dolma_pipe.dedup_index import read_index
from dolma_pipe.errors import RecipeError, TokensError, TrainError, WorkError
from dolma_pipe.formats.reading import Reading
from dolma_pipe.inputs import find_inputs
from dolma_pipe.passes.context import Context
from dolma_pipe.passes.export import export_documents
from dolma_pipe.recipe_file import read_recipe
from dolma_pipe.run import run
from dolma_pipe.tokens import TokenArrays
from dolma_pipe.train.checkpoints.packing import Against, pack, unpack
from dolma_pipe.train.checkpoints.weights import weight_files
from dolma_pipe.work import Work, lies_below
from tests.inline import Inline
from tests.token_arrays import EOS, write_arrays
from tests.train.made_checkpoints import made_weights, write_weights

OUT = ("../x", "a/../../x", "/x", "..", "", "a\0b", "a/..")


def test_what_lies_below() -> None:
    assert [name for name in OUT if lies_below(name)] == []
    assert all(map(lies_below, ("x", "a/b", "a..b/c", "...", ".x")))


@pytest.mark.parametrize("name", OUT)
def test_token_arrays_lie_beside_their_manifest(tmp_path: Path, name: str) -> None:
    write_arrays(tmp_path, {"web": [[[1, EOS]]]})
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    manifest["sources"][0]["shards"][0]["file"] = name
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(TokensError, match="is no file beside it"):
        TokenArrays(tmp_path)


@pytest.mark.parametrize("name", OUT)
@pytest.mark.parametrize("place", ["files", "shards"])
def test_an_index_names_files_of_its_own(tmp_path: Path, place: str, name: str) -> None:
    index: dict[str, Any] = {
        "format": 1,
        "dolma_pipe": "1",
        "fingerprint": "",
        "entries": [],
        "probes": [],
        "settled": 0,
        "shards": [{"key": name, "source": "web", "documents": 1}] if place == "shards" else [],
        "counts": {},
        "files": {name: 1} if place == "files" else {},
    }
    (tmp_path / "index.json").write_text(json.dumps(index))
    with pytest.raises(WorkError, match="is no file in it"):
        read_index(str(tmp_path))


def test_a_delta_names_files_of_its_own(tmp_path: Path) -> None:
    for number, name in enumerate(("base", "step")):
        (tmp_path / name).mkdir()
        write_weights(tmp_path / name / "model.safetensors", made_weights(seed=number))
        (tmp_path / name / "note.txt").write_text("one")
    (tmp_path / "note.txt").write_text("one")
    pack(tmp_path / "step", Against(tmp_path / "base"), tmp_path / "delta")
    path = tmp_path / "delta" / "model.delta"
    _rewrite(path, b'"note.txt"', b'"../note.txt"')
    with pytest.raises(TrainError, match=r"\.\./note\.txt is missing, which belongs"):
        unpack(tmp_path / "delta", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def _rewrite(path: Path, old: bytes, new: bytes) -> None:
    """In the header of a delta, which ends with its hash, its length and a magic number."""
    content = path.read_bytes()
    length = int.from_bytes(content[-16:-8], "little")
    header = content[-48 - length : -48].replace(old, new)
    end = hashlib.sha256(header).digest() + len(header).to_bytes(8, "little") + content[-8:]
    path.write_bytes(content[: -48 - length] + header + end)


def test_an_index_of_weights_names_files_beside_it(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors.index.json").write_text('{"weight_map": {"a": "../x"}}')
    with pytest.raises(TrainError, match="is no file beside it"):
        weight_files(tmp_path)


def test_our_own_assets_are_plain_names() -> None:
    for asset in (*ASSETS.values(), *MADE.values()):
        assert Path(asset.filename).name == asset.filename
        assert lies_below(asset.filename)


def test_archives_are_no_documents(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.jsonl", "w") as archive:
        archive.writestr("../../x", "{}")
    with pytest.raises(RecipeError, match="is a zip file"):
        find_inputs("web", str(tmp_path / "a.jsonl"))
    with tarfile.open(tmp_path / "b.jsonl", "w") as archive:
        archive.add(tmp_path / "a.jsonl", "../../x")
    with pytest.raises(RecipeError, match="is a binary file"):
        find_inputs("web", str(tmp_path / "b.jsonl"))


@pytest.mark.parametrize("name", ["..jsonl", "...jsonl", "....jsonl.gz"])
def test_no_shard_is_called_as_a_folder_is(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    [found] = find_inputs("web", str(tmp_path / name), Reading(format="jsonl"))
    assert re.fullmatch(r"web/\.+-[0-9a-f]{12}", found.key)


def test_ids_and_record_ids_name_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it is called in its file, a document is a line of files that we name."""
    (tmp_path / "in").mkdir()
    line = json.dumps({"id": "../../../x", "text": "some words of a text", "source": "../y"})
    (tmp_path / "in" / "a.jsonl").write_text(line + "\n")
    (tmp_path / "in" / "..b..jsonl").write_text(line + "\n")
    record = b"some words of a text"
    head = b"WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Record-ID: <../../z>\r\n"
    head += b"WARC-Target-URI: ../../u\r\nContent-Length: %d\r\n\r\n" % len(record)
    (tmp_path / "in" / "c.warc").write_bytes(head + record + b"\r\n\r\n")
    recipe = (
        "name: x\nsources: {web: {documents: [in/a.jsonl, in/..b..jsonl]},"
        " crawl: {documents: in/c.warc}}\nquality: {taggers: [gopher]}\n"
    )
    (tmp_path / "mix.yaml").write_text(recipe)
    monkeypatch.chdir(tmp_path)
    context = Context(read_recipe(Path("mix.yaml")), Work("deep/er/work"), Inline())
    run(context)
    export_documents(context, Path("out"))
    made = {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*") if path.is_file()}
    assert made == {"in", "mix.yaml", "deep", "out"}
    assert {path.name for path in (tmp_path / "deep").iterdir()} == {"er"}
    assert {path.name for path in (tmp_path / "deep" / "er").iterdir()} == {"work"}
