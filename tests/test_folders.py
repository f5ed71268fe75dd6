"""Folders as sources: datasets of Hugging Face and dolma, their splits, and what is no data."""

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dolma_pipe.errors import RecipeError
from dolma_pipe.folders import every_file, split_of
from dolma_pipe.formats.reading import ColumnNames, Reading
from dolma_pipe.inputs import find_inputs

LINE = b'{"id": "a", "text": "t"}\n'


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def parquet(*columns: str) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({name: ["a"] for name in columns}), sink)
    return sink.getvalue()


def arrow() -> bytes:
    sink = io.BytesIO()
    table = pa.table({"text": ["a"]})
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def put(*paths: str, content: bytes = LINE) -> None:
    for path in paths:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(content)


def found(reading: Reading = Reading(), splits: tuple[str, ...] = ()) -> list[str]:  # noqa: B008
    return sorted(item.uri for item in find_inputs("web", "set", reading, splits))


def refused(reading: Reading = Reading(), splits: tuple[str, ...] = ()) -> str:  # noqa: B008
    with pytest.raises(RecipeError) as caught:
        found(reading, splits)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix("sources.web")


def test_a_dataset_of_the_hub() -> None:
    put("set/README.md", "set/.gitattributes", "set/.git/data.jsonl", "set/dataset_infos.json")
    put("set/data/train-00000-of-00002.parquet", content=parquet("text"))
    put("set/data/train-00001-of-00002.parquet", content=parquet("text"))
    assert found() == [f"set/data/train-0000{i}-of-00002.parquet" for i in range(2)]
    put("set/data/test-00000-of-00001.parquet", content=parquet("text"))
    assert refused() == ".documents: set has the splits test, train; say which: split: train"
    assert found(splits=("test",)) == ["set/data/test-00000-of-00001.parquet"]
    assert len(found(splits=("test", "train"))) == 3
    assert refused(splits=("trian",)).endswith("no split 'trian' (did you mean 'train'?)")


def test_what_save_to_disk_leaves() -> None:
    put("set/dataset_dict.json", "set/train/state.json", "set/train/dataset_info.json")
    put("set/train/data-00000-of-00001.arrow", content=arrow())
    put("set/test/data-00000-of-00001.arrow", content=arrow())
    assert found(splits=("train",)) == ["set/train/data-00000-of-00001.arrow"]
    assert find_inputs("web", "set/train")[0].format == "arrow"


def test_a_folder_of_dolma() -> None:
    put("set/wiki/documents/a.jsonl.gz", content=b"")
    put("set/wiki/attributes/gopher/a.jsonl.gz", content=b"")
    assert found() == ["set/wiki/documents/a.jsonl.gz"]


def test_files_of_several_formats_need_a_word() -> None:
    put("set/a.jsonl")
    put("set/a.parquet", content=parquet("text"))
    assert refused() == ".documents: set has files of jsonl and parquet; say one as format"
    assert found(Reading("parquet")) == ["set/a.parquet"]
    assert refused(Reading("arrow")) == ".documents: set is a directory without arrow files"


def test_a_folder_without_data_is_one_line() -> None:
    put("set/README.md", "set/state.json")
    assert refused().startswith(".documents: set is a directory without data files (")


def test_links_in_a_circle_end() -> None:
    put("set/a/b.jsonl")
    Path("set/a/up").symlink_to("../../set")
    assert found() == ["set/a/b.jsonl"]


def test_a_split_needs_a_folder() -> None:
    put("set/train.jsonl")
    with pytest.raises(RecipeError, match="no file matches absent"):
        find_inputs("web", "absent", splits=("train",))
    with pytest.raises(RecipeError, match=r"web\.split: chooses among the files of a directory"):
        find_inputs("web", "set/*.jsonl", splits=("train",))


SPLITS = {
    "train.jsonl": "train",
    "train-00000-of-00005.parquet": "train",
    "data/train/0000.parquet": "train",
    "data/my_train_set.jsonl.gz": "train",
    "dev.jsonl": "validation",
    "test/data-00000-of-00001.arrow": "test",
    "data/random-00000-of-00001.parquet": "random",
    "data-00000-of-00001.arrow": None,
    "trained.jsonl": None,
    "latest.jsonl": None,
    "part-00000-of-00001.parquet": None,
}


@pytest.mark.parametrize("path", SPLITS)
def test_the_split_is_in_the_name(path: str) -> None:
    assert split_of(path) == SPLITS[path]


def test_settings_without_a_use_are_refused() -> None:
    put("set/a.jsonl")
    columns = Reading(columns=ColumnNames(text="content"))
    assert refused(columns) == ".columns: is for Parquet or Arrow, the documents are jsonl"
    assert refused(Reading(html="all_text")) == ".html: is for WARC, the documents are jsonl"
    assert refused(Reading(check_digests=True)).startswith(".check_digests: is for WARC")


def test_columns_are_checked_at_the_door() -> None:
    put("set/a.parquet", content=parquet("content", "url"))
    assert refused() == ".columns.text: no column 'text' (known: content, url) in set/a.parquet"
    wrong = Reading(columns=ColumnNames(text="contnet"))
    assert "no column 'contnet' (did you mean 'content'?) in set/a.parquet" in refused(wrong)
    missing = Reading(columns=ColumnNames(text="content", id="key"))
    assert refused(missing).startswith(".columns.id: no column 'key'")
    assert found(Reading(columns=ColumnNames(text="content"))) == ["set/a.parquet"]


def test_a_format_that_a_file_has_not_is_refused() -> None:
    put("set/a.jsonl")
    for asked, told in (("parquet", "is no Parquet file"), ("warc", "holds no WARC records")):
        with pytest.raises(RecipeError, match=f"{told}, but format is {asked}"):
            find_inputs("web", "set/a.jsonl", Reading(asked))  # type: ignore[arg-type]


def test_a_work_directory_below_is_no_data_here_or_in_an_object_store(tmp_path: Path) -> None:
    names = ["a.jsonl", "run/curated/web/b.jsonl", "run/records/c.json", "run/quarantine/d.jsonl"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    listed = [f"s3://bucket/data/{name}" for name in names]
    assert every_file(str(tmp_path)) == [str(tmp_path / "a.jsonl")]
    assert every_file("s3://bucket/data", listed) == listed[:1]
    assert every_file("s3://bucket/data/run", listed[1:]) == sorted(listed[1:])
    assert every_file(str(tmp_path / "run")) == sorted(str(tmp_path / n) for n in names[1:])
