"""What s3:// patterns and folders stand for: what they would stand for here."""

import os
from pathlib import Path

import pytest

from dolma_pipe.errors import RecipeError
from dolma_pipe.inputs import find_inputs
from dolma_pipe.manifest import stamp_of
from dolma_pipe.store import bucket
from tests.object_store import SECRET, ObjectStore, s3, server

__all__ = ["s3", "server"]

LINE = b'{"id": "a", "text": "t"}\n'
NAMES = [
    "data/a.jsonl",
    "data/b.jsonl",
    "data/.hidden.jsonl",
    "data/x/a.jsonl",
    "data/x/y/a.jsonl",
    "data/.x/a.jsonl",
    "data/a b/%41+ü'(1)&=.jsonl",
    "data/a b/#1.jsonl",
    "data/a b/q?.jsonl",
    "data/a b/[1].jsonl",
    "data2/a.jsonl",
    "dolma/documents/a.jsonl",
    "dolma/attributes/x/a.jsonl",
    "dolma/b.jsonl",
    "set/train-00000-of-00002.jsonl",
    "set/train-00001-of-00002.jsonl",
    "set/test-00000-of-00001.jsonl",
    "set/dataset_info.json",
    "set/README.md",
    "set/__pycache__/a.jsonl",
    "set/.git/a.jsonl",
]


@pytest.fixture
def both(s3: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """The same files in the bucket and in the folder bucket/."""
    monkeypatch.chdir(tmp_path)
    for name in NAMES:
        s3.put(name, LINE)
        path = Path("bucket", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(LINE)
    s3.put("data/x/", b"")  # as consoles mark a folder
    s3.forget()
    return s3


def found(pattern: str, *splits: str) -> tuple[str, dict[str, str]]:
    """The error, and shard name -> file."""
    try:
        inputs = find_inputs("web", pattern, splits=splits)
    except RecipeError as error:
        return str(error).replace("s3://bucket", "bucket"), {}
    return "", {i.key: os.path.normpath(i.uri.removeprefix("s3://")) for i in inputs}


PATTERNS = [
    "data/*.jsonl",
    "data/?.jsonl",
    "data/[!a].jsonl",
    "data/.*.jsonl",
    "data/**/*.jsonl",
    "data/**/a.jsonl",
    "data/x/**/*",
    "**/a.jsonl",
    "*/*.jsonl",
    "data/a b/*.jsonl",
    "data/a b/q[?].jsonl",
    "data/a b/[[]1].jsonl",
    "data/a b/#1.jsonl",
    "data/a b/%41+ü'(1)&=.jsonl",
    "data/a.jsonl",
    "data",
    "data/",
    "data/x",
    "dolma/",
    "dolma/attributes",
    "set",
]


@pytest.mark.usefixtures("both")
def test_the_same_as_in_a_folder() -> None:
    for pattern in PATTERNS:
        there, here = found(f"s3://bucket/{pattern}"), found(f"bucket/{pattern}")
        if here[0].endswith("is a directory"):  # there are none on an object store
            assert there[1], pattern
        else:
            assert there == here, pattern


@pytest.mark.usefixtures("both")
def test_splits() -> None:
    assert len(found("s3://bucket/set/", "train")[1]) == 2
    for splits in (("test", "train"), ("trian",)):
        assert found("s3://bucket/set", *splits) == found("bucket/set", *splits)
    assert "chooses among the files of a directory" in found("s3://bucket/set/t*", "train")[0]


def test_one_listing_and_no_question_more(both: ObjectStore) -> None:
    inputs = find_inputs("web", ["s3://bucket/data/*.jsonl", "s3://bucket/dolma/"])
    assert [(i.size, i.stamp) for i in inputs] == [(len(LINE), stamp_of(inputs[0].uri))] * 3
    assert both.asked("GET", "HEAD").count("/bucket") == 2
    both.forget()
    names = [f"s3://bucket/{name}" for name in NAMES[:4]]
    assert [i.stamp for i in find_inputs("web", names)] == [inputs[0].stamp] * 4
    assert sorted(both.requests) == sorted(("HEAD", f"/bucket/{name}") for name in NAMES[:4])


def test_more_objects_than_a_page_has(s3: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(7):
        s3.put(f"many/{i}.jsonl", LINE)
    client = bucket._client()
    pages = client.get_paginator("list_objects_v2")

    class Small:
        def paginate(self, **told: str) -> object:
            return pages.paginate(PaginationConfig={"PageSize": 2}, **told)

    monkeypatch.setattr(client, "get_paginator", lambda _: Small())
    s3.forget()
    assert len(find_inputs("web", "s3://bucket/many/*")) == 7
    assert s3.asked("GET") == ["/bucket"] * 4


def told(*patterns: str) -> str:
    with pytest.raises(RecipeError) as raised:
        find_inputs("web", list(patterns))
    text = str(raised.value)
    assert text.startswith("sources.web.documents: ")
    assert "\n" not in text
    assert SECRET not in text
    return text.removeprefix("sources.web.documents: ")


def test_what_cannot_be_had_is_one_line(both: ObjectStore) -> None:
    assert told("s3://bucket/none/*") == "no object matches s3://bucket/none/*"
    assert told("s3://bucket/none") == "s3://bucket/none is not there"
    for pattern in ("s3://none/*", "s3://none/a", "s3://none/a/"):
        assert told(pattern).endswith("there is no such bucket")
    twice = told("s3://bucket/data/*", "s3://bucket/data/a.jsonl")
    assert twice == "s3://bucket/data/a.jsonl is there twice, the patterns overlap"
    both.faults({"status": 403})
    assert told("s3://bucket/data/*") == "s3://bucket/data: access denied"
    assert told("s3://bucket/data/a.jsonl") == "s3://bucket/data/a.jsonl: access denied"
    assert "list the addresses" in told(f"{both.address}/bucket/*.jsonl")


def test_no_credentials(s3: ObjectStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    bucket._client.cache_clear()
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    assert "no credentials: set AWS_ACCESS_KEY_ID" in told("s3://bucket/a/*")
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    assert s3.requests == []
