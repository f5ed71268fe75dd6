"""`dolma-pipe init`: whatever it finds, the recipe that it writes is right, and says why."""

import random
from pathlib import Path
from typing import Any

import jsonschema
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from dolma_pipe.cli.init import command
from dolma_pipe.errors import UserError
from dolma_pipe.first_recipe import look
from dolma_pipe.recipe import Recipe
from dolma_pipe.recipe_file import read_recipe
from dolma_pipe.report.recipe_schema import recipe_schema
from dolma_pipe.settings import read_yaml
from tests.corpus import WORDS, dolma_pipe, text, write_shard, write_tokenizer
from tests.formats.test_warc import record

PROGRAM = """# Counts what it finds.
def {0}_{1}({2}, {3}):
    for {4} in {5}({2}):
        if {4}.{6} > {3}:
            return {7}({4}, "{8} {9}")
    return {0}.{6}({2})

"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No model of languages, unless a test says so: it would have to be fetched."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(look, "cached_path", lambda _: None)


@pytest.fixture(scope="module")
def schema() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(recipe_schema())


def init(*arguments: object) -> Result:
    result = CliRunner().invoke(command, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result


def recipe(*paths: object) -> Recipe:
    init(*paths, "--out", "mix.yaml", "--force")
    return read_recipe(Path("mix.yaml"))


def prose(count: int = 20, **metadata: Any) -> list[dict[str, object]]:
    rng = random.Random(count)
    return [
        {"id": f"p{i}", "text": text(rng, 80), "metadata": metadata or {"n": i}}
        for i in range(count)
    ]


def programs(count: int = 20) -> list[dict[str, object]]:
    rng = random.Random(count)
    bodies = [
        "".join(PROGRAM.format(*rng.sample(WORDS, 10)) for _ in range(9)) for _ in range(count)
    ]
    return [
        {"id": f"c{i}", "text": body, "metadata": {"path": f"src/{i}.py"}}
        for i, body in enumerate(bodies)
    ]


def test_dolmas_layout(schema: jsonschema.Draft202012Validator) -> None:
    write_shard(Path("data/web/documents/a.jsonl.zst"), prose(url="https://example.org/a"))
    write_shard(Path("data/web/documents/b.jsonl.zst"), prose())
    write_shard(Path("data/web/attributes/x/a.jsonl.zst"), prose())
    write_shard(Path("data/code/documents/v1/a.jsonl.gz.zst"), programs())
    result = init("data")
    made = read_recipe(Path("mix.yaml"))
    assert [(source.name, len(source.inputs)) for source in made.sources] == [
        ("code", 1),
        ("web", 2),
    ]
    given = read_yaml(Path("mix.yaml"))
    schema.validate(given)
    assert given["sources"]["web"]["documents"] == "data/web/documents/*.jsonl.zst"
    assert given["sources"]["code"]["skip"] == ["language"]
    assert "code.max_line_length" in given["sources"]["code"]["quality"]["keep"]
    assert {rule.column for rule in made.source("web").rules} >= {"lid.en", "gopher.stop_words"}
    assert made.tokenize is not None
    lines = Path("mix.yaml").read_text().splitlines()
    assert lines[0] == "# yaml-language-server: $schema=mix.schema.json"
    assert max(map(len, lines)) <= 130
    assert "dolma-pipe run mix.yaml" in result.output
    assert "source code" in result.output


def test_a_file_that_is_there_stays() -> None:
    write_shard(Path("a.jsonl.zst"), prose())
    Path("mix.yaml").write_text("mine")
    with pytest.raises(UserError, match="is there already"):
        init("a.jsonl.zst")
    assert Path("mix.yaml").read_text() == "mine"
    init("a.jsonl.zst", "--force")
    assert read_recipe(Path("mix.yaml")).sources
    assert sorted(path.name for path in Path().iterdir()) == ["a.jsonl.zst", "mix.yaml"]


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ({"text": ["a b"] * 9}, {}),
        ({"content": ["a b"] * 9, "doc_id": range(9)}, {"text": "content", "id": "doc_id"}),
        (
            {"text": ["a"] * 9, "id": [0.5] * 9, "date": ["2024"] * 9},
            {"id": None, "created": "date"},
        ),
        (
            {"text": [3] * 9, "body": ["a"] * 9, "source": [[1]] * 9},
            {"text": "body", "source": None},
        ),
    ],
)
@pytest.mark.parametrize("ending", ["parquet", "arrow"])
def test_columns_of_tables(table: dict[str, Any], columns: dict[str, Any], ending: str) -> None:
    path = Path(f"t.{ending}")
    made = pa.table({name: list(values) for name, values in table.items()})
    write = pq.write_table if ending == "parquet" else feather.write_feather
    write(made, path)
    recipe(path)
    [source] = read_yaml(Path("mix.yaml"))["sources"].values()
    assert source.get("columns", {}) == columns


def test_conversations_in_lines_and_tables() -> None:
    said = [{"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]
    rows = [{"id": f"m{i}", "messages": said} for i in range(5)]
    write_shard(Path("chat/a.jsonl.zst"), rows)  # type: ignore[arg-type]
    Path("table").mkdir()
    pq.write_table(pa.Table.from_pylist(rows), "table/t.parquet")
    made = recipe("chat", "table")
    assert made.chats() == ["chat", "table"]
    assert made.tokenize is not None
    assert made.tokenize.chat == "tulu"
    assert not made.source("chat").rules[:-1]


def test_web_archives_formats_and_splits() -> None:
    Path("mixed").mkdir()
    Path("mixed/a.warc.wet").write_bytes(b"".join(record(i) for i in range(9)))
    for split in ("train", "test"):
        pq.write_table(pa.table({"text": ["a b c"] * 5}), f"mixed/{split}-00000-of-00001.parquet")
    write_shard(Path("mixed/notes/a.jsonl.zst"), prose())
    result = init("mixed")
    made = read_recipe(Path("mix.yaml"))
    found = {source.name: [Path(i.uri).name for i in source.inputs] for source in made.sources}
    assert found == {
        "mixed": ["a.warc.wet"],
        "notes": ["a.jsonl.zst"],
        "mixed-parquet": ["train-00000-of-00001.parquet"],
    }
    assert "# 1 file of other splits" in Path("mix.yaml").read_text()
    assert "mixed-parquet: parquet, 1 file" in result.output


def test_languages_that_are_not_english(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b", "c"):
        write_shard(Path(f"{name}/x.jsonl.zst"), prose())
    shares = {"a": {"de": 0.9, "en": 0.1}, "b": {"en": 1.0}, "c": {"fr": 1.0}}
    asked = iter("abc")
    monkeypatch.setattr(look, "_languages", lambda _: shares[next(asked)])
    made = recipe("a", "b", "c")
    columns = {s.name: {rule.column for rule in s.rules} for s in made.sources}
    assert "lid.en" in columns["b"]
    for name in ("a", "c"):
        assert not {"lid.en", "gopher.stop_words"} & columns[name]
        assert columns[name] == columns["b"] - {"lid.en", "gopher.stop_words"}
        assert columns[name] > {"gopher.words"}
    asked = iter("a")
    made = recipe("a")
    assert not {"lid.en", "gopher.stop_words"} & {rule.column for rule in made.sources[0].rules}
    assert made.sources[0].taggers[0].settings["languages"] == ["de", "en"]


def test_what_cannot_be_a_source_is_told_and_commented_out() -> None:
    write_shard(Path("good/a.jsonl.zst"), prose())
    write_shard(Path("bad/a.jsonl.zst"), [{"id": "a", "content": "no text"}])
    Path("table").mkdir()
    pq.write_table(pa.table({"n": [1], "vector": [[0.5]]}), "table/t.parquet")
    for name, ending in (("broken", "jsonl.zst"), ("torn", "parquet")):
        Path(name).mkdir()
        Path(f"{name}/a.{ending}").write_bytes(b"garbage")
    result = init("good", "bad", "table", "broken", "torn")
    assert [source.name for source in read_recipe(Path("mix.yaml")).sources] == ["good"]
    said = "not used: no document with a text in the first line: no text\n"
    assert f"bad: jsonl, 1 file, 0.00 MB; {said}" in result.output
    assert "table: parquet, 1 file, 0.00 MB; not used: no column 'text'" in result.output
    assert "left out: broken/a.jsonl.zst is no zstd file, but its name ends in" in result.output
    assert "left out: torn/a.parquet is no Parquet file, but its name ends in" in result.output
    assert "  # bad: {documents: bad/a.jsonl.zst}" in Path("mix.yaml").read_text()


def test_json_that_is_no_documents_is_left_out() -> None:
    write_shard(Path("data/a.jsonl.zst"), prose())
    Path("data/train.json").write_text('{"text": "one document a line"}\n')
    said = [{"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]
    write_shard(Path("data/deep/chat.json.zst"), [{"messages": said}])
    for name in ("package.json", "array.json", "empty.json", "deep/settings.json"):
        Path("data", name).write_text('[{"text": "a"}]' if "array" in name else '{\n "a": 1\n}\n')
    Path("data/empty.json").write_text("")
    result = init("data")
    found = [shard.uri for shard in read_recipe(Path("mix.yaml")).inputs()]
    assert found == ["data/a.jsonl.zst", "data/train.json", "data/deep/chat.json.zst"]
    left_out = "data/array.json, data/deep/settings.json, data/empty.json and 1 more"
    assert f"left out: {left_out}: JSON, but no documents, one a line\n" in result.output
    assert "settings" not in Path("mix.yaml").read_text()


def test_a_file_that_cannot_be_read_does_not_stop_the_others() -> None:
    for name in "ab":
        write_shard(Path(f"data/{name}.jsonl.zst"), prose())
    Path("data/gone.jsonl.zst").symlink_to("nowhere")
    Path("data/torn.parquet").write_bytes(b"garbage")
    Path(b"data/caf\xe9.jsonl".decode(errors="surrogateescape")).write_text("{}")
    result = init("data")
    assert result.output.count("left out: ") == 3
    assert (
        "left out: data/gone.jsonl.zst cannot be read: No such file or directory" in result.output
    )
    [source] = read_recipe(Path("mix.yaml")).sources
    assert [shard.uri for shard in source.inputs] == ["data/a.jsonl.zst", "data/b.jsonl.zst"]


def test_a_file_that_is_found_twice_is_in_one_source() -> None:
    write_shard(Path("data/a/x.jsonl.zst"), prose())
    write_shard(Path("data/b/x.jsonl.zst"), prose())
    Path("data/a/link.jsonl.zst").symlink_to("x.jsonl.zst")
    made = recipe("data/b", "data", "./data/a", ".")
    assert [(one.name, len(one.inputs)) for one in made.sources] == [("b", 1), ("a", 1)]


def test_what_a_run_has_made_is_no_source() -> None:
    write_shard(Path("data/a.jsonl.zst"), prose())
    write_shard(Path("work/demo/quarantine/a.jsonl.zst"), prose())
    for name in ("curated", "records"):
        Path("work/demo", name).mkdir()
    [source] = recipe(".").sources
    assert [shard.uri for shard in source.inputs] == ["data/a.jsonl.zst"]
    assert read_yaml(Path("mix.yaml"))["sources"] == {"a": {"documents": "data/a.jsonl.zst"}}


def test_bad_lines_are_told_and_the_run_puts_up_with_them() -> None:
    write_shard(Path("data/a.jsonl.zst"), prose(60))
    Path("data/b.jsonl").write_text("no JSON\n" * 20)
    result = init("data", "--name", "first")
    assert "of the lines 20 are no documents (not JSON)" in result.output
    assert read_recipe(Path("mix.yaml")).max_bad == 0.5
    Path("data/b.jsonl").write_text("no JSON\n" * 70)
    with pytest.raises(UserError, match="nothing that can be read"):
        init("data", "--force")


@pytest.mark.parametrize("folder", ["😀 東京", "a'b: #c", "\u202eback\u2028 [x]*\n", '"q"\\'])
def test_names_of_any_kind(folder: str) -> None:
    write_shard(Path(folder) / "a.jsonl.zst", prose())
    write_shard(Path(folder) / "b.jsonl.zst", prose())
    [source] = recipe("**").sources
    assert [shard.uri for shard in source.inputs] == [f"{folder}/{name}.jsonl.zst" for name in "ab"]


@pytest.mark.parametrize(
    ("paths", "told"),
    [
        (["none"], "no file matches none"),
        (["empty"], "empty is a directory without data files (.jsonl, .parquet, .arrow, .warc"),
        (["bad.jsonl"], "nothing that can be read below bad.jsonl"),
    ],
)
def test_nothing_found_is_one_line(paths: list[str], told: str) -> None:
    Path("empty").mkdir()
    Path("bad.jsonl").write_text("{}\n")
    with pytest.raises(UserError) as raised:
        CliRunner().invoke(command, paths, catch_exceptions=False)
    assert told in str(raised.value)
    assert not Path("mix.yaml").exists()


@pytest.mark.parametrize("name", ["a: b", "no", "x[1]", "#x", "é ü", "1e3", "{a}", "'q\"", "*a"])
def test_names_that_yaml_and_glob_read_otherwise(name: str) -> None:
    for i in range(2):
        write_shard(Path(name, f"{i} [x].jsonl.zst"), prose(3))
    made = recipe(Path(name))
    assert [len(source.inputs) for source in made.sources] == [2]


def test_it_runs(tmp_path: Path) -> None:
    """But for the tokenizer, which is a small one here, and the language model."""
    write_shard(Path("data/web/documents/a.jsonl.zst"), prose(60))
    write_shard(Path("data/code/documents/a.jsonl.zst"), programs(30))
    write_tokenizer(Path("tokenizer.json"))
    init("data", "--name", "first")
    written = Path("mix.yaml").read_text().replace("gpt-neox-olmo", "tokenizer.json")
    web = "documents: data/web/documents/*.jsonl.zst\n"
    assert web in written
    Path("mix.yaml").write_text(written.replace(web, f"{web}    skip: [language]\n"))
    dolma_pipe(tmp_path, "run", "mix.yaml")
    assert list(Path("work/first/tokens/web").glob("part-*.npy"))
    assert list(Path("work/first/tokens/code").glob("part-*.npy"))
