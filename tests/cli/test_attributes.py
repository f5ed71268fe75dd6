"""Attributes to dolma and from it: the files that its mixer reads, and its taggers' read back."""

import gzip
import json
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import zstandard

from benchmarks import exchange
from benchmarks.corpus import Corpus
from benchmarks.peers import peer_if_there
from dolma_pipe.errors import InputError, UserError, WorkError
from dolma_pipe.passes.context import Context
from dolma_pipe.passes.curate import curate
from dolma_pipe.passes.exchange import Exported, Imported, export_attributes, import_attributes
from dolma_pipe.recipe_file import read_recipe, read_sources
from dolma_pipe.work import Work
from tests.corpus import dolma_pipe, write_shard
from tests.inline import Inline

RECIPE = """
name: demo
sources:
  web: {documents: data/web/documents/*}
quality:
  taggers: [gopher]
  keep: {gopher.words: [3, null]}
content:
  taggers: [pii]
  keep: {pii.count: [null, 5]}
  mask: {pii.email: MAIL, pii.ip: IP}
"""
TEXTS = {
    "plain": "write to the a@example.org or the b@example.org",
    "wide": "שלום 👩\u200d👧 e\u0301 𝒳 a@example.org 你好 93.184.216.34",
    "short": "😀 no",
    "empty": "",
}
IMPORTED = """
name: back
sources:
  web: {documents: data/web/documents/*}
quality:
  taggers: [{imported: {name: back, folder: back}}, gopher, pii]
  keep: {back.gopher__words: [3, null]}
  mask: {back.pii__email.spans: MAIL}
"""


def rows(texts: dict[str, str]) -> list[dict[str, object]]:
    return [{"id": name, "text": text, "source": "s"} for name, text in texts.items()]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_shard(tmp_path / "data/web/documents/x.jsonl.zst", rows(TEXTS))
    lines = [json.dumps(row) for row in rows({"only": TEXTS["wide"]})]
    (tmp_path / "data/web/documents/y.jsonl.gz").write_bytes(
        gzip.compress("".join(f"{line}\n" for line in lines).encode())
    )
    (tmp_path / "mix.yaml").write_text(RECIPE)
    (tmp_path / "back.yaml").write_text(IMPORTED)
    return tmp_path


def export(recipe: str, out: str, name: str | None = None) -> Exported:
    """Of the source web, in this process."""
    context = Context(read_recipe(Path(recipe)), Work("work/demo"), Inline())
    return export_attributes(context, Path(out), name)["web"]


def bring(given: str, out: str, name: str | None = None, sources: tuple[str, ...] = ()) -> Imported:
    """Of the source web, in this process."""
    context = Context(read_sources(Path("back.yaml")), Work(out), Inline())
    return import_attributes(context, Path(given), Path(out), name, sources)["web"]


def lines_of(path: Path) -> list[dict[str, Any]]:
    packed = path.read_bytes()
    if path.name.endswith(".zst"):
        packed = zstandard.ZstdDecompressor().decompressobj().decompress(packed)
    elif path.name.endswith(".gz"):
        packed = gzip.decompress(packed)
    return [json.loads(line) for line in packed.decode().split("\n") if line]


def test_an_export_speaks_in_characters(folder: Path) -> None:
    told = dolma_pipe(folder, "attributes", "export", "mix.yaml", "out", "--name", "exp").stdout
    assert told == "web: 5 documents, 2 shards in out/web/attributes/exp\n"
    found = lines_of(folder / "out/web/attributes/exp/x.jsonl.zst")
    assert [line["id"] for line in found] == list(TEXTS)
    assert found == [line | {"source": "s"} for line in found]
    plain, wide, short, empty = (line["attributes"] for line in found)
    for text, attributes in zip(TEXTS.values(), (plain, wide, short, empty), strict=True):
        assert attributes["exp__gopher__words"][0][:2] == [0, len(text)]
    for attributes, name in ((plain, "plain"), (wide, "wide")):
        covered = [TEXTS[name][a:b] for a, b, _ in attributes["exp__pii__email"]]
        assert covered == (["a@example.org", "b@example.org"] if name == "plain" else covered[:1])
        assert covered[0] == "a@example.org"
        assert attributes["exp__mask__pii__email"] == attributes["exp__pii__email"]
    [[start, end, score]] = wide["exp__mask__pii__ip"]
    assert (TEXTS["wide"][start:end], score) == ("93.184.216.34", 1.0)
    assert plain["exp__pii__ip"] == []
    assert "exp__mask__pii__ip" not in plain
    assert short["exp__dropped"] == short["exp__dropped_by__gopher__words"] == [[0, 4, 1.0]]
    assert empty["exp__dropped"] == [[0, 0, 1.0]]
    assert "exp__dropped" not in plain
    assert {path.name for path in (folder / "out/web/documents").iterdir()} == {
        "x.jsonl.zst",
        "y.jsonl.gz",
    }


def test_what_was_not_scored_is_not_there(folder: Path) -> None:
    """pii costs less than gopher: its rule drops before."""
    many = " ".join(f"a{i}@example.org" for i in range(6))
    write_shard(folder / "data/web/documents/x.jsonl.zst", rows({"many": many}))
    export("mix.yaml", "out")
    [line] = lines_of(folder / "out/web/attributes/demo/x.jsonl.zst")
    assert "demo__dropped_by__pii__count" in line["attributes"]
    assert not [name for name in line["attributes"] if name.startswith("demo__gopher")]


def test_a_number_without_end_is_the_largest(folder: Path) -> None:
    row = {"id": "a", "text": "x", "metadata": {"s": 10**400, "t": -(10**400)}}
    write_shard(folder / "data/web/documents/x.jsonl.zst", [row])
    keep = "quality:\n  keep: {metadata.s: [3, null], metadata.t: [null, 3]}\n"
    (folder / "mix.yaml").write_text(RECIPE[: RECIPE.index("quality:")] + keep)
    export("mix.yaml", "out")
    [line] = lines_of(folder / "out/web/attributes/demo/x.jsonl.zst")
    scores = {name: spans[0][2] for name, spans in line["attributes"].items()}
    most = sys.float_info.max
    assert scores == {"demo__metadata__s": most, "demo__metadata__t": -most}


def test_the_same_bytes_again_and_with_more_workers(folder: Path) -> None:
    written = []
    for out, workers in (("one", 1), ("two", 2), ("one", 2)):
        dolma_pipe(folder, "attributes", "export", "mix.yaml", out, "--workers", workers)
        files = (folder / out / "web/attributes/demo").iterdir()
        written.append({path.name: path.read_bytes() for path in files})
    assert written[0] == written[1] == written[2]
    assert written[0]["y.jsonl.gz"][4:8] == bytes(4)  # gzip's time


UNCLEAN = {
    "a blank line": b'{"id": "a", "text": "t"}\n\n{"id": "b", "text": "t"}\n',
    "a blank end": b'{"id": "a", "text": "t"}\n{"id": "b", "text": "t"}\n\n',
    "a bad line": b'{"id": "a", "text": "t"}\nnonsense\n{"id": "b", "text": "t"}\n',
    "a number as id": b'{"id": 7, "text": "t"}\n{"id": "b", "text": "t"}\n',
    "no id": b'{"text": "t"}\n{"id": "b", "text": "t"}\n',
    "a repeated id": b'{"id": "a", "text": "t"}\n{"id": "a", "text": "u"}\n{"id": "b", "text": ""}',
}


@pytest.mark.parametrize("why", UNCLEAN)
def test_documents_that_would_stop_the_mixer_are_copied_clean(folder: Path, why: str) -> None:
    for path in (folder / "data/web/documents").iterdir():
        path.unlink()
    (folder / "data/web/documents/z.jsonl").write_bytes(UNCLEAN[why])
    told = export("mix.yaml", "out")
    assert (told.documents, told.shards, told.copied) == (2, 1, 1)
    documents = folder / "out/web/documents/z.jsonl"
    assert not documents.is_symlink()
    attributes = lines_of(folder / "out/web/attributes/demo/z.jsonl")
    assert [line["id"] for line in lines_of(documents)] == [line["id"] for line in attributes]
    assert all(isinstance(line["id"], str) for line in attributes)
    with pytest.raises(UserError, match=r"z\.jsonl has lines that stop dolma's mixer"):
        export("mix.yaml", "data")
    assert (folder / "data/web/documents/z.jsonl").read_bytes() == UNCLEAN[why]


def test_in_dolmas_own_layout_the_inputs_stay(folder: Path) -> None:
    before = {p: p.read_bytes() for p in (folder / "data").rglob("*") if p.is_file()}
    export("mix.yaml", "data")
    assert all(path.read_bytes() == content for path, content in before.items())
    assert not any(path.is_symlink() for path in before)
    assert (folder / "data/web/attributes/demo/x.jsonl.zst").is_file()


def test_files_of_somebody_else_are_left_alone(folder: Path) -> None:
    for place in ("out/web/attributes/demo/x.jsonl.zst", "out2/web/documents/x.jsonl.zst"):
        (folder / place).parent.mkdir(parents=True)
        (folder / place).write_bytes(b"mine")
        name = place.partition("/")[0]
        with pytest.raises(WorkError, match=f"{place} was not exported by this command"):
            export("mix.yaml", name)
        assert (folder / place).read_bytes() == b"mine"


@pytest.mark.parametrize("place", ["attributes/demo", "documents"])
def test_a_folder_with_other_files_is_left_alone(folder: Path, place: str) -> None:
    other = folder / "out/web" / place / "other.jsonl.gz"
    other.parent.mkdir(parents=True)
    other.symlink_to("/nowhere")
    with pytest.raises(WorkError, match=r"other\.jsonl\.gz was not exported by this command"):
        export("mix.yaml", "out")
    assert list((folder / "out").rglob("*.jsonl.*")) == [other]


def test_of_an_earlier_export_nothing_stays(folder: Path) -> None:
    (folder / "data/web/documents/w.jsonl").write_text('\n{"id": "1", "text": "copied"}\n')
    export("mix.yaml", "out")
    (folder / "data/web/documents/w.jsonl").unlink()
    (folder / "data/web/documents/y.jsonl.gz").unlink()
    (folder / "out/web/attributes/demo/folder").mkdir()
    export("mix.yaml", "out")
    for place in ("attributes/demo", "documents"):
        there = [path.name for path in (folder / "out/web" / place).glob("*.jsonl*")]
        assert there == ["x.jsonl.zst"]


@pytest.mark.usefixtures("folder")
def test_a_name_that_cannot_be_one() -> None:
    with pytest.raises(UserError, match="'a-b' is no name of an experiment"):
        export("mix.yaml", "out", "a-b")


def test_there_and_back_are_the_same_spans_and_numbers(folder: Path) -> None:
    export("mix.yaml", "out")
    assert bring("out", "back") == Imported(5, 0, 0, 0)
    curate(Context(read_recipe(Path("back.yaml")), Work("work/back"), Inline()), (), True)
    for name in ("x", "y"):
        there = pq.read_table(folder / f"work/demo/attributes/web/{name}.parquet")
        back = pq.read_table(folder / f"work/back/attributes/web/{name}.parquet")
        same = 0
        for column in there.column_names:
            for again in (f"back.{column.replace('.', '__')}{end}" for end in (".spans", "")):
                if again in back.column_names:
                    ours = [value or None for value in there.column(column).to_pylist()]
                    assert [v or None for v in back.column(again).to_pylist()] == ours
                    same += 1
                    break
        assert same == 16
    curated = lines_of(folder / "work/back/curated/web/x.jsonl.zst")
    assert [line["text"].count("MAIL") for line in curated] == [2, 1]


def dolma_lines(texts: dict[str, str]) -> list[dict[str, Any]]:
    return [
        {"id": name, "attributes": {"exp__t__n": [[0, len(text), 1.5]]}}
        for name, text in texts.items()
    ]


def imported(folder: Path, lines: list[Any]) -> Imported:
    """Import one shard x.jsonl of TEXTS with these lines of attributes."""
    for path in (folder / "data/web/documents").iterdir():
        path.unlink()
    (folder / "data/web/documents/x.jsonl").write_text(
        "".join(json.dumps(row) + "\n" for row in rows(TEXTS))
    )
    attributes = folder / "data/web/attributes/exp/x.jsonl"
    attributes.parent.mkdir(parents=True, exist_ok=True)
    told = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    attributes.write_text("".join(f"{line}\n" for line in told))
    return bring("data", "back")


def test_lines_are_found_by_id_and_what_is_missing_is_told(folder: Path) -> None:
    lines = dolma_lines(TEXTS)
    assert imported(folder, lines) == Imported(4, 0, 0, 0)
    whole = pq.read_table(folder / "back/web/x.parquet")
    imported(folder, lines[::-1])
    assert pq.read_table(folder / "back/web/x.parquet") == whole
    told = imported(folder, [*lines[:2], {"id": "other", "attributes": {}}])
    assert (told.documents, told.missing, told.unknown) == (4, 2, 1)
    told_by_command = dolma_pipe(folder, "attributes", "import", "back.yaml", "data", "back").stdout
    assert "2 documents have no line there: no scores" in told_by_command
    assert "1 lines are of no document here: passed over" in told_by_command
    table = pq.read_table(folder / "back/web/x.parquet").to_pylist()
    assert [row["t__n"] for row in table] == [1.5, 1.5, None, None]
    assert [row["found"] for row in table] == [True, True, False, False]
    manifest = json.loads((folder / "back/manifest.json").read_text())
    assert manifest["attributes"] == {"t__n": False}
    assert manifest["shards"]["web/x"]["missing"] == 2


WRONG: dict[str, tuple[list[Any], str]] = {
    "no JSON": (["nonsense"], "exp/x.jsonl:1: no line of attributes: "),
    "no id": ([{"attributes": {}}], "exp/x.jsonl:1: no line of attributes: "),
    "no spans": ([{"id": "plain", "attributes": {"a": [1]}}], "exp/x.jsonl:1: no line of"),
    "another text": (
        [{"id": "plain", "attributes": {"exp__a": [[0, 48, 1]]}}],
        "exp__a has a span 0 to 48 in a text of 47 characters",
    ),
    "backwards": ([{"id": "plain", "attributes": {"a": [[5, 4, 1]]}}], "a has a span 5 to 4"),
    "other documents": (dolma_lines({"q": ""}), "has no document of shard web/x"),
    "a name of ours": ([{"id": "plain", "attributes": {"exp__line": []}}], "cannot be a column"),
    "two of one name": (
        [{"id": "plain", "attributes": {"exp__a": [], "a": []}}],
        "cannot be a column 'a'",
    ),
}


@pytest.mark.parametrize("why", WRONG)
def test_what_is_wrong_is_one_line(folder: Path, why: str) -> None:
    lines, told = WRONG[why]
    with pytest.raises(UserError) as caught:
        imported(folder, lines)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (folder / "back/manifest.json").exists()


def test_an_import_that_was_stopped_is_done_again(folder: Path) -> None:
    with pytest.raises(UserError):
        imported(folder, ["nonsense"])  # refused before anything is written
    imported(folder, dolma_lines(TEXTS))
    whole = (folder / "back/manifest.json").read_bytes()
    (folder / "back/manifest.json").unlink()
    left = folder / "back/web/.x.parquet.0123.dolma-pipe-tmp"
    left.touch()
    imported(folder, dolma_lines(TEXTS))
    assert (folder / "back/manifest.json").read_bytes() == whole
    assert not left.exists()


def test_a_file_is_no_place_for_an_import(folder: Path) -> None:
    (folder / "back").touch()
    with pytest.raises(WorkError, match="cannot use back: Not a directory"):
        imported(folder, dolma_lines(TEXTS))


@pytest.mark.usefixtures("folder")
def test_an_object_store_is_no_place_for_an_import() -> None:
    export("mix.yaml", "out")
    with pytest.raises(WorkError, match="s3://bucket/back: an import needs a folder"):
        bring("out", "s3://bucket/back")


def test_a_cut_file_of_attributes_is_told(folder: Path) -> None:
    export("mix.yaml", "out")
    path = folder / "out/web/attributes/demo/y.jsonl.gz"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(UserError, match=r"y\.jsonl\.gz is damaged: truncated"):
        bring("out", "back")


def test_where_the_files_are_looked_for(folder: Path) -> None:
    with pytest.raises(InputError, match="there is no folder nowhere/web/attributes"):
        bring("nowhere", "back")
    imported(folder, dolma_lines(TEXTS))
    bring("data/web/attributes/exp", "direct", sources=("web",))
    direct, back = (folder / place / "web/x.parquet" for place in ("direct", "back"))
    assert direct.read_bytes() == back.read_bytes()
    (folder / "data/web/attributes/other").mkdir()
    with pytest.raises(InputError, match=r"several experiments, .* \(there are: exp, other\)"):
        bring("data", "back")
    bring("data", "back", "exp")
    with pytest.raises(InputError, match=r"has no x\.jsonl for shard web/x"):
        bring("data", "back", "other")
    with pytest.raises(WorkError, match="data is not empty and no import of ours"):
        bring("data", "data", "exp")


def test_overlapping_spans_are_joined_in_characters(folder: Path) -> None:
    spans = [[5, 9, 0.5], [0, 4, 2.0], [7, 12, 1.0], [3, 3, 9.0]]
    told = imported(folder, [{"id": "wide", "attributes": {"exp__s": spans}}])
    assert told.joined == 1
    row = pq.read_table(folder / "back/web/x.parquet").to_pylist()[1]
    assert row["s"] == 0.5
    covered = [
        (TEXTS["wide"].encode()[s["start"] : s["end"]].decode(), s["score"]) for s in row["s.spans"]
    ]
    assert covered == [(TEXTS["wide"][0:4], 2.0), (TEXTS["wide"][5:12], 0.5)]


DOLMA = peer_if_there("dolma")


@pytest.mark.skipif(DOLMA is None, reason="benchmarks.peers has not made dolma's environment")
def test_dolma_itself_mixes_as_we_do_and_is_read_back(folder: Path) -> None:
    assert DOLMA is not None
    corpus = Corpus(folder / "data")
    [row] = exchange.mixed(corpus, DOLMA, folder, folder / "mix.yaml")
    assert row == ("web", 3, 3, 0, 0)
    mixed = lines_of(folder / "exchanged/web/mixed/web-0000.json.gz")
    assert {line["id"]: line["text"] for line in mixed}["wide"] == (
        TEXTS["wide"].replace("a@example.org", "MAIL").replace("93.184.216.34", "IP")
    )
    [told] = exchange.tagged(corpus, DOLMA, folder, folder / "mix.yaml")
    assert (told.documents, told.unequal) == (5, 0)
    assert told.spans > 5
