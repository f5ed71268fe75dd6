"""`dolma-pipe search`: what it prints, over all formats, by one process and several."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from dolma_pipe.cli.search import command
from dolma_pipe.errors import InputError, UserError
from tests.corpus import command as command_line
from tests.corpus import dolma_pipe, write_shard
from tests.formats.test_warc import record
from tests.object_store import ObjectStore, s3, server

__all__ = ["s3", "server"]

HOSTILE = "\x1b[31mred \u202eturned\u2066 \x07"


def rows(name: str, count: int = 5) -> list[dict[str, Any]]:
    return [
        {"id": f"{name}{i}", "text": f"é {name} needle {i} and needle\nagain", "metadata": {"n": i}}
        for i in range(count)
    ]


@pytest.fixture(autouse=True)
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for source in ("web", "wiki"):
        for i in range(2):
            write_shard(Path(f"data/{source}/documents/{i}.jsonl.zst"), rows(f"{source}{i}"))


def searched(*arguments: object) -> Result:
    result = CliRunner().invoke(command, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result


def told(*arguments: object) -> list[str]:
    return searched(*arguments).stdout.splitlines()


def test_a_line_a_match() -> None:
    lines = told("data/web/documents/1.jsonl.zst", "--text", "needle", "--context", 6)
    assert len(lines) == 10
    assert lines[:2] == [
        "data/web/documents/1.jsonl.zst:1  web10  ... web1 needle 0 and...",
        "data/web/documents/1.jsonl.zst:1  web10  ...0 and needle again",
    ]


def test_colour_is_asked_for_or_a_terminal() -> None:
    arguments = ("data/web/documents/1.jsonl.zst", "--text", "needle 4", "--context", 0)
    assert "\x1b" not in told(*arguments)[0]
    assert told(*arguments, "--colour", "always")[0] == (
        "\x1b[35mdata/web/documents/1.jsonl.zst\x1b[0m:\x1b[32m5\x1b[0m  web14  "
        "...\x1b[1;31mneedle 4\x1b[0m..."
    )


def test_spans_are_in_characters_and_bytes() -> None:
    [line] = told("data/wiki", "--text", "needle 3 ", "--json", "--max", 1)
    assert json.loads(line) == {
        "shard": "data/wiki/documents/0.jsonl.zst",
        "line": 4,
        "id": "wiki03",
        "spans": [{"characters": [8, 17], "bytes": [9, 18], "match": "needle 3 "}],
    }


def test_ids_inverted_and_fields() -> None:
    assert told("data", "--text", "web1 needle", "--ids", "--max", 3) == ["web10", "web11", "web12"]
    assert told("data/web", "--regex", "web[01] needle [1-4]", "--ids", "--invert") == [
        "web00",
        "web10",
    ]
    assert told("data", "--text", "wiki03", "--field", "id", "--ids") == ["wiki03"]


def test_counts_add_up() -> None:
    counted = json.loads(searched("data", "--regex", "needle [12]", "--count", "--json").stdout)
    assert counted["total"] == {"matches": 8, "documents": 8, "lines": 20}
    assert counted["corpora"]["wiki"]["documents"] == 4
    assert counted["corpora"]["web"]["shards"]["data/web/documents/1.jsonl.zst"]["matches"] == 2
    table = told("data", "--text", "needle", "--count")
    assert [line.split() for line in table if not line.split()[-1].startswith("data/")] == [
        ["matches", "documents", "lines"],
        ["20", "10", "10", "web"],
        ["20", "10", "10", "wiki"],
        ["40", "20", "20", "all"],
    ]


@pytest.mark.parametrize("more", [("--max", 13), ("--json",)])
def test_workers_change_neither_lines_nor_order(more: tuple[object, ...]) -> None:
    arguments = ("data/wiki", "data/web/documents/*", "--text", "needle", *more)
    alone = searched(*arguments, "--workers", 1)
    assert alone.stdout
    several = searched(*arguments, "--workers", 2)
    assert several.stdout == alone.stdout
    assert several.stderr == alone.stderr


def test_every_format_says_the_same(tmp_path: Path) -> None:
    given = [{"id": f"d{i}", "text": f"text {i}"} for i in range(30)]
    folder = tmp_path / "mixed"
    write_shard(folder / "a.jsonl.zst", given)  # type: ignore[arg-type]
    table = pa.Table.from_pylist(given)
    pq.write_table(table, folder / "b.parquet", row_group_size=7)
    feather.write_feather(table, folder / "c.arrow")
    (folder / "train-d.warc.wet").write_bytes(b"".join(record(i) for i in range(30)))
    (folder / "test-notes.txt").write_text("text 12")
    counted = json.loads(searched(folder, "--regex", r"text 1\d", "--count", "--json").stdout)
    assert [one["documents"] for one in counted["corpora"]["mixed"]["shards"].values()] == [10] * 4
    assert told(folder, "--text", "text 29", "--ids")[:3] == ["d29"] * 3


def test_names_that_a_pattern_would_read_otherwise() -> None:
    write_shard(Path("odd/[a]*/x [1].jsonl.zst"), rows("odd", 1))
    for path in ("odd", "odd/[a]*/x [1].jsonl.zst", "odd/*/*.zst", "odd/*"):
        assert told(path, "--text", "needle", "--ids") == ["odd0"]


def test_a_table_with_its_text_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"content": ["find me"], "text_id": [3]}), path)
    with pytest.raises(InputError, match="--text-column: no column 'text'"):
        searched(path, "--text", "find")
    assert len(told(path, "--text", "find", "--text-column", "content")) == 1


def test_objects_and_folders_of_them(s3: ObjectStore) -> None:
    line = json.dumps({"id": "far", "text": "needle"}).encode()
    for name in ("web/documents/a.jsonl", "web/attributes/x/a.jsonl", "b.jsonl"):
        s3.put(f"corpus/{name}", line)
    assert told("s3://bucket/corpus", "--text", "needle") == [
        "s3://bucket/corpus/b.jsonl:1  far  needle",
        "s3://bucket/corpus/web/documents/a.jsonl:1  far  needle",
    ]
    assert told("s3://bucket/corpus/web/*/a.jsonl", "--text", "needle", "--ids") == ["far"]
    with pytest.raises(InputError, match="is neither an object nor a folder"):
        searched("s3://bucket/none", "--text", "needle")


def test_nothing_of_a_document_steers_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "h.jsonl"
    path.write_text(json.dumps({"id": HOSTILE, "text": f"{HOSTILE} needle {HOSTILE}"}))
    for more in ((), ("--json",), ("--ids",)):
        [line] = told(path, "--text", "needle", *more)
        assert not set(line) & set(HOSTILE) - set("[31mred turned")


def test_of_a_run_what_stages_1_to_3_kept() -> None:
    """Its attributes are tables without texts, and its other files are no documents."""
    write_shard(Path("work/demo/curated/web/0.jsonl.zst"), rows("kept", 1))
    for aside in ("records/web", "attributes/web"):
        Path("work/demo", aside).mkdir(parents=True)
    pq.write_table(pa.table({"id": ["a"]}), "work/demo/attributes/web/0.parquet")
    pq.write_table(pa.table({"id": ["a"]}), "work/demo/curated/web/0.columns.parquet")
    assert told("work/demo", "--text", "needle", "--ids") == ["kept0"]
    counted = json.loads(searched("work/demo", "--text", "needle", "--count", "--json").stdout)
    assert list(counted["corpora"]) == ["web"]


def test_what_is_bad_is_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "b.jsonl"
    path.write_bytes(b'{"text": "needle \xff"}\n{"id": "a", "text": "needle"}\nneedle')
    result = searched(path, "--text", "needle", "--ids")
    assert result.stdout == "a\n"
    assert result.stderr == ("1 line passed over: invalid UTF-8\n1 line passed over: not JSON\n")


NONE_HAS = "none of the first documents has a string"
KNOWN = " (known: id, metadata.title, metadata.\\u202e, text)\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ["--field", "metadata.titel"],
            f"{NONE_HAS} 'metadata.titel' (did you mean 'metadata.title'?)\n",
        ),
        (["--field", "url", "--invert"], f"{NONE_HAS} 'url'{KNOWN}"),
        (
            ["--field", "metadata.number"],
            "'metadata.number' is no string in the first documents: none is searched\n",
        ),
        (["--field", "metadata.title"], None),
        (["--field", "id", "--invert"], None),
        ([], None),
    ],
)
def test_a_field_that_no_document_has(arguments: list[str], told: str | None) -> None:
    metadata = {"title": "t", "number": 3, "\u202e": "x"}
    write_shard(Path("f/a.jsonl.zst"), [{"id": "a", "text": "b", "metadata": metadata}])
    last = searched("f", "--text", "not there", *arguments).stderr.splitlines(keepends=True)[-1:]
    if told is None:
        assert last in ([], ["nothing found in 1 file\n"])
    else:
        assert last == [told]


@pytest.mark.parametrize("seconds", ["1e300", "inf", "nan", "1e-12"])
def test_any_timeout(seconds: str) -> None:
    assert told("data/web", "--text", "needle 3", "--ids", "--timeout", seconds) == [
        "web03",
        "web13",
    ]


def test_lines_that_are_no_documents() -> None:
    Path("chat.jsonl").write_text('{"messages": []}\n' * 3)
    assert searched("chat.jsonl", "--text", "x").stderr.splitlines()[1:] == [
        "nothing found in 1 file",
        "the first lines are no documents: no text (--messages reads conversations)",
    ]


def test_nothing_found_is_told_and_no_error() -> None:
    result = searched("data", "--text", "not there")
    assert (result.stdout, result.stderr) == ("", "nothing found in 4 files\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["data"],
        ["data", "--text", "a", "--regex", "b"],
        ["data", "--text", ""],
        ["data", "--text", "a", "--ids", "--json"],
        ["data", "--text", "a", "--count", "--max", "3"],
        ["--text", "a"],
    ],
)
def test_wrong_usage(arguments: list[str]) -> None:
    assert CliRunner().invoke(command, arguments).exit_code == 2


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("none", "no file matches none"),
        ("empty", "empty is a directory without data files"),
        ("data/web/documents/*.gz", "no file matches"),
        ("s4://bucket/a", "nothing opens s4://bucket/a"),
    ],
)
def test_what_is_not_there_is_one_line(path: str, told: str) -> None:
    Path("empty").mkdir()
    with pytest.raises(UserError) as raised:
        CliRunner().invoke(command, [path, "--text", "a"], catch_exceptions=False)
    assert told in str(raised.value)
    assert "sources." not in str(raised.value)


def test_a_file_that_goes_fails_in_a_worker_too(tmp_path: Path) -> None:
    done = dolma_pipe(tmp_path, "search", "data/none.jsonl", "--text", "a", code=1)
    assert done.stderr == "dolma-pipe: no file matches data/none.jsonl\n"


def test_a_reader_that_goes_away(tmp_path: Path) -> None:
    """As `| head -1` does."""
    write_shard(tmp_path / "large.jsonl.zst", rows("x", 20_000))
    process = subprocess.Popen(
        command_line("search", "large.jsonl.zst", "--text", "needle"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline().startswith(b"large.jsonl.zst:1  x0  ")
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(60) == 141
