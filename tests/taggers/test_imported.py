import json
from pathlib import Path

import numpy as np
import pytest

from dolma_pipe.batch import Batch, batch_of
from dolma_pipe.errors import AssetError
from dolma_pipe.formats.reading import Reading
from dolma_pipe.inputs import Input
from dolma_pipe.passes.exchange import KIND
from dolma_pipe.stages.import_attributes import ImportTask, import_attributes
from dolma_pipe.stages.reread import Reread
from dolma_pipe.tagger import Spans, Tagger
from dolma_pipe.work import write_json
from tests.corpus import write_shard
from tests.taggers.shelf import tagger

TEXTS = ["é one", "שלום two", "", "👩\u200d👧"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What an import leaves of one shard; the third document has no line."""
    write_shard(tmp_path / "x.jsonl.zst", [{"id": str(i), "text": t} for i, t in enumerate(TEXTS)])
    spans = {0: [[0, 1, 0.25]], 1: [], 3: [[0, 1, 1], [2, 3, 1]]}
    lines = [
        {"id": str(i), "attributes": {"e__n": [[0, len(TEXTS[i]), i]], "e__s": spans[i]}}
        for i in spans
    ]
    (tmp_path / "x.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    write(tmp_path)
    return tmp_path / "out"


def write(root: Path) -> None:
    import msgspec

    task = ImportTask(
        given=Reread(
            Input("web", "web/x", str(root / "x.jsonl.zst")), Reading(format="jsonl"), 1 << 20
        ),
        file=str(root / "x.jsonl"),
        attributes={"n": "e__n", "s": "e__s"},
        out=str(root / "out/web/x.parquet"),
    )
    counts = import_attributes(msgspec.to_builtins(task))
    columns = {name: name in counts["partial"] for name in ("n", "s")}
    shards = {"web/x": counts}
    write_json(root / "out/manifest.json", {"kind": KIND, "attributes": columns, "shards": shards})


def batch(rows: list[int] | None = None) -> Batch:
    whole = Batch(batch_of(TEXTS).documents, "web/x")
    return whole if rows is None else whole.select(np.array(rows, np.int64))


def made(folder: Path) -> Tagger:
    return tagger("imported", folder=str(folder))


def test_columns_are_known_from_the_manifest(folder: Path) -> None:
    found = made(folder)
    assert found.columns() == ("n", "s", "s.spans", "s.count")
    assert found.spans() == ("s.spans",)
    assert found.assets() == (str(folder / "manifest.json"),)


def test_numbers_counts_and_spans_in_bytes(folder: Path) -> None:
    columns = made(folder).tag(batch())
    assert np.array_equal(columns["n"], [0, 1, np.nan, 3], equal_nan=True)  # type: ignore[arg-type]
    assert np.array_equal(columns["s"], [0.25, np.nan, np.nan, 1], equal_nan=True)  # type: ignore[arg-type]
    assert np.array_equal(columns["s.count"], [1, 0, np.nan, 2], equal_nan=True)  # type: ignore[arg-type]
    spans = columns["s.spans"]
    assert isinstance(spans, Spans)
    assert spans.offsets.tolist() == [0, 1, 1, 1, 3]
    assert list(zip(spans.starts.tolist(), spans.ends.tolist(), strict=True)) == [
        (0, 2),
        (0, 4),
        (7, 11),
    ]


@pytest.mark.parametrize("rows", [[3], [0, 3], [1, 2], [2], []])
def test_a_part_of_a_batch(folder: Path, rows: list[int]) -> None:
    columns, whole = made(folder).tag(batch(rows)), made(folder).tag(batch())
    for name in ("n", "s", "s.count"):
        expected = np.asarray(whole[name], float)[rows]
        assert np.array_equal(np.asarray(columns[name], float), expected, equal_nan=True)
    spans, every = columns["s.spans"], whole["s.spans"]
    assert isinstance(spans, Spans)
    assert isinstance(every, Spans)
    assert np.diff(spans.offsets).tolist() == np.diff(every.offsets)[rows].tolist()


def test_other_documents_are_refused(folder: Path) -> None:
    others = Batch(batch_of(["é two", *TEXTS[1:]]).documents, "web/x")
    made(folder).tag(others)  # of equal length: nothing that could be seen
    for texts in (["longer than it was", *TEXTS[1:]], [*TEXTS, "more"]):
        with pytest.raises(AssetError, match="shard web/x has changed since"):
            made(folder).tag(Batch(batch_of(texts).documents, "web/x"))
    with pytest.raises(AssetError, match="has no attributes of shard web/y"):
        made(folder).tag(Batch(batch_of(TEXTS).documents, "web/y"))


def test_a_file_that_is_not_the_one_of_the_manifest(folder: Path) -> None:
    path = folder / "web/x.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(AssetError, match=r"is not what its manifest\.json says"):
        made(folder).tag(batch())
    (folder / "manifest.json").write_text("{}")
    with pytest.raises(AssetError, match="was not written by `dolma-pipe attributes import`"):
        made(folder).columns()
    (folder / "manifest.json").unlink()
    with pytest.raises(AssetError, match="there is no asset or file"):
        made(folder).columns()
