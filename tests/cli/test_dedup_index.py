"""`dolma-pipe dedup index`: yesterday's documents take part in today's run, their files gone."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from dolma_pipe.errors import RecipeError, WorkError
from dolma_pipe.recipe_file import read_recipe
from dolma_pipe.stages.dedup.index import check_probes
from tests.corpus import documents, dolma_pipe, tree, write_shard

RECIPE = """
name: demo
sources: {sources}
dedup: {dedup}
dedup_index: {indexes}
"""
DEDUP = "[{exact: {}}, {minhash: {keep: longest, prefer: [wiki]}}]"
WEB, WIKI = "web: {documents: web/*.zst}", "wiki: {documents: wiki/*.zst}"


def write_recipe(
    path: Path, sources: list[str], dedup: str = DEDUP, indexes: str = "[index]"
) -> None:
    text = RECIPE.replace("{sources}", f"{{{', '.join(sources)}}}")
    path.write_text(text.replace("{dedup}", dedup).replace("{indexes}", indexes))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run over web and wiki; then web alone with its index, and nothing else left of it."""
    root = tmp_path_factory.mktemp("index")
    for source in ("web", "wiki"):
        for i in range(2):
            rows = documents(f"{source}{i}", 60) + documents("shared", 30)
            if (source, i) == ("wiki", 0):
                near = documents("web0", 30)
                rows += [{"id": f"n{one['id']}", "text": f"{one['text']} more"} for one in near]
            write_shard(root / source / f"{source}-{i}.jsonl.zst", rows)
    write_recipe(root / "both.yaml", [WEB, WIKI], indexes="[]")
    dolma_pipe(root, "run", "both.yaml", "--work", "both", "--workers", 1)
    write_recipe(root / "old.yaml", [WEB], DEDUP.replace("[wiki]", "[]"), "[]")
    told = dolma_pipe(root, "dedup", "index", "old.yaml", "--work", "old", "--out", "index")
    assert "index: index, 180 documents, " in told.stdout
    shutil.rmtree(root / "old")
    shutil.rmtree(root / "web")
    write_recipe(root / "new.yaml", [WIKI])
    return root


def test_a_run_against_an_index_is_as_one_over_both(root: Path) -> None:
    dolma_pipe(root, "run", "new.yaml", "--work", "new", "--workers", 2)
    for i in range(2):
        name = f"dedup/removed/wiki/wiki-{i}.u8"
        assert (root / "new" / name).read_bytes() == (root / "both" / name).read_bytes()
    tables = [
        pq.read_table(root / w / "dedup/removed.parquet").to_pylist() for w in ("new", "both")
    ]
    assert tables[0] == tables[1]
    assert {row["removed_source"] for row in tables[0]} == {"web", "wiki"}
    before = tree(root / "new")
    dolma_pipe(root, "run", "new.yaml", "--work", "new")
    assert tree(root / "new") == before
    assert json.loads((root / "new/timings.json").read_text())["tasks"] == []
    changed = pq.read_table(root / "new/dedup/index_changes.parquet").to_pylist()
    assert {row["source"] for row in changed} == {"web"}


def test_reports_tell_of_documents_without_texts(root: Path) -> None:
    write_recipe(root / "noted.yaml", [WIKI], "[{exact: {}}, {minhash: {action: annotate}}]")
    dolma_pipe(root, "dedup", "noted.yaml", "--work", "noted")
    told = dolma_pipe(root, "dedup", "report", "noted.yaml", "--work", "noted", "--clusters", 2)
    members = re.findall(r"^  (kept|copy)  \S+  (web|wiki)/\S+ row \d+  (.*)$", told.stdout, re.M)
    kinds = {member[:2] for member in members}
    assert kinds == {("kept", "web"), ("copy", "web"), ("copy", "wiki")}
    for _, source, size in members:
        assert size.startswith("(of an earlier run, whose index has no texts)") == (source == "web")
        assert bool(re.match(r"[\d,]+ B", size)) == (source == "wiki")
    assert not re.search(r"[-+][\d,]+ words", told.stdout)  # there is nothing to compare with
    assert "the same" not in told.stdout
    told = dolma_pipe(root, "explain", "noted.yaml", "nweb0-0", "--work", "noted")
    assert " web0-0 of web" in told.stdout


def test_the_report_tells_new_documents_from_old_ones(root: Path) -> None:
    dolma_pipe(root, "run", "new.yaml", "--work", "new")
    told = dolma_pipe(root, "dedup", "report", "new.yaml", "--work", "new").stdout.split("\n\n")[0]
    removed = [
        np.fromfile(root / f"new/dedup/removed/wiki/wiki-{i}.u8", np.uint8) for i in range(2)
    ]
    new, kept = sum(map(len, removed)), sum(int((one == 0).sum()) for one in removed)
    changed = pq.read_table(root / "new/dedup/index_changes.parquet").to_pylist()
    gone = sum(row["after"] > 0 for row in changed)
    assert gone > 0
    assert f"  new documents: {new}, kept {kept} ({kept / new:.1%})\n" in told
    assert f"the other 180 are of an index, of which {gone} now go" in " ".join(told.split())
    told = dolma_pipe(root, "dedup", "report", "--work", "both").stdout
    assert "new documents" not in told


def test_an_index_that_stands_is_not_made_again(root: Path) -> None:
    for _ in range(2):
        dolma_pipe(root, "dedup", "index", "new.yaml", "--work", "new", "--out", "second")
    assert json.loads((root / "new/timings.json").read_text())["tasks"] == []
    description = json.loads((root / "second/index.json").read_text())
    assert [s["key"] for s in description["shards"]][:2] == ["web/web-0", "web/web-1"]
    dolma_pipe(root, "dedup", "index", "new.yaml", "--work", "new", "--out", "third", "--new-only")
    description = json.loads((root / "third/index.json").read_text())
    assert [s["key"] for s in description["shards"]] == ["wiki/wiki-0", "wiki/wiki-1"]


@pytest.mark.parametrize(
    ("dedup", "told"),
    [
        (
            "[{exact: {}}, {minhash: {keep: longest, rows: 7}}]",
            "dedup.1.minhash.rows: is 7, the index index was made with 8",
        ),
        (
            "[{exact: {}}, {minhash: {keep: newest}}]",
            "dedup.1.minhash.keep: is newest, the index index was made with longest",
        ),
        (
            "[{exact: {prefer: [wiki]}}, {minhash: {}}]",
            "dedup.0.exact.prefer: is [wiki], the index index was made with []",
        ),
        ("[{minhash: {}}]", "dedup.0.minhash: the index index has exact in this place"),
        (
            "[{exact: {}}, {minhash: {}}, {exact: {}}]",
            "dedup.2.exact: the index index has no such entry in this place",
        ),
        ("[]", "dedup_index: the recipe has no dedup section"),
    ],
)
def test_entries_that_do_not_fit_are_refused(
    root: Path, dedup: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    write_recipe(root / "other.yaml", [WIKI], dedup)
    with pytest.raises(RecipeError) as refused:
        read_recipe(Path("other.yaml"))
    [mistake] = refused.value.args
    assert (mistake.file, mistake.told) == ("other.yaml", told)


def test_what_may_differ_is_taken(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    minhash = "{verify: 0.7, action: annotate, sources: [web, wiki], prefer: [web]}"
    write_recipe(root / "other.yaml", [WIKI], f"[{{exact: {{}}}}, {{minhash: {minhash}}}]")
    assert read_recipe(Path("other.yaml")).dedup_index == ("index",)


@pytest.mark.parametrize(
    ("indexes", "told"),
    [
        ("nowhere", "dedup_index: nowhere is no finished index: index.json is missing"),
        ("[index, index]", "dedup_index: web/web-0 is in index and in index: a shard of new"),
        ("[wiki]", "dedup_index: wiki is no finished index"),
        ("[damaged]", "dedup_index: damaged is no finished index: ids/web/web-1.parquet is"),
        ("[other]", "dedup_index: other is an index of another format: make it again"),
    ],
)
def test_what_is_no_index_is_refused(
    root: Path, indexes: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    for copy in ("damaged", "other"):
        shutil.copytree("index", copy, dirs_exist_ok=True)
    Path("damaged/ids/web/web-1.parquet").unlink()
    Path("other/index.json").write_text('{"format": 99}')
    write_recipe(root / "other.yaml", [WIKI], indexes=indexes)
    with pytest.raises(RecipeError, match=told):
        read_recipe(Path("other.yaml"))


def test_another_version_of_the_keys_is_refused(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    check_probes(["index"])
    shutil.copytree("index", "older")
    description = json.loads(Path("older/index.json").read_text())
    description["probes"][1] = "0" * 32
    Path("older/index.json").write_text(json.dumps(description))
    with pytest.raises(WorkError, match=r"older was made by .* whose minhash keys"):
        check_probes(["older"])


def test_commands_that_cannot_go_on_are_refused(root: Path) -> None:
    def refused(*arguments: object) -> str:
        return dolma_pipe(root, *arguments, code=1).stderr

    new = ("new.yaml", "--work", "new")
    assert "all entries have to run" in refused("dedup", *new, "--method", "minhash")
    assert "is an index that the recipe reads" in refused("dedup", "index", *new, "--out", "index")
    assert "lies in the work" in refused("dedup", "index", *new, "--out", "new/index")
    told = "wiki is not empty and no index of ours: choose another with --out"
    assert told in refused("dedup", "index", *new, "--out", "wiki")
    write_recipe(root / "lines.yaml", [WIKI], "[{exact: {}}, {lines: {}}]", "[]")
    needs_texts = (
        "lines.yaml: dedup.1.lines: dedup_index has none of this method, which needs the old texts"
        " (exact, minhash and simhash have one)\n"
    )
    told = refused("dedup", "index", "lines.yaml", "--work", "lines", "--out", "fourth")
    assert told == f"dolma-pipe: {needs_texts}"
    write_recipe(root / "lines.yaml", [WIKI], "[{exact: {}}, {lines: {}}]")
    told = refused("dedup", "lines.yaml", "--work", "lines")
    assert told == f"dolma-pipe: {needs_texts.replace(':', ':4:', 1)}"
    write_recipe(root / "none.yaml", [WIKI], "[]", "[]")
    told = refused("dedup", "index", "none.yaml", "--work", "lines", "--out", "fourth")
    assert told.startswith("dolma-pipe: none.yaml: dedup: is missing")
