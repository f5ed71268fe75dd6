"""The command line: quick help, listings that match the shelves, what status and check say."""

import ast
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import click
import msgspec
import pytest
import zstandard
from click.testing import CliRunner
from msgspec import Meta

from dolma_pipe.cli import main
from dolma_pipe.cli.classifier import settings_options
from dolma_pipe.cli.main import cli
from dolma_pipe.entries import METHODS
from dolma_pipe.shelf import names
from tests.corpus import command, dolma_pipe, write_corpus

COMMANDS = [
    "run",
    "tag",
    "dedup",
    "check",
    "status",
    "explain",
    "browse",
    "sweep",
    "attributes",
    "list",
    "export",
    "classifier",
    "sample",
    "stats",
    "assets",
    "tokens",
]
HEAVY = {"numba", "numpy", "pyarrow", "scipy", "tokenizers", "gigatoken", "smart_open", "tqdm"}


def test_bounds_that_a_setting_has_not_are_not_told() -> None:
    class Settings(msgspec.Struct):
        free: Annotated[float, Meta(description="Any.")] = 0.0
        whole: Annotated[int, Meta(description="Any.")] = 0
        above: Annotated[float, Meta(gt=0, description="Above.")] = 0.5
        below: Annotated[float, Meta(lt=1, description="Below.")] = 0.5
        more: Annotated[int, Meta(gt=1, description="More.")] = 2
        part: Annotated[float, Meta(ge=0, le=1, description="Part.")] = 0.5

    @click.command()
    @settings_options(Settings)
    def tried(**settings: float) -> None:
        click.echo(json.dumps(settings))

    told = CliRunner().invoke(tried, ["--help"]).output
    bounds = re.findall(r"\[default: \S+?(?:; (\S+))?\]", told)
    assert bounds == ["", "", "x>0", "x<1", "x>1", "0<=x<=1"]
    for name, limit in (("above", "0"), ("below", "1"), ("more", "1"), ("part", "1.1")):
        assert CliRunner().invoke(tried, [f"--{name}", limit]).exit_code == 2
    assert json.loads(CliRunner().invoke(tried, ["--free", "-7.5"]).output)["free"] == -7.5


def test_help_names_every_command() -> None:
    told = subprocess.run(command("--help"), capture_output=True, text=True, check=True).stdout
    for name in COMMANDS:
        assert f"\n  {name} " in told


def test_help_tells_every_exit_code() -> None:
    told = CliRunner().invoke(cli, ["--help"]).output.split("Exit codes:\n")[1]
    assert [int(line.split()[0]) for line in told.splitlines()] == [0, 1, 2, 3, 75, 130, 141, 143]
    tree = ast.parse(inspect.getsource(main))
    used = {node.args[0] for node in ast.walk(tree) if is_exit(node)}
    named = {name.id for used_one in used for name in ast.walk(used_one) if is_code(name)}
    assert {getattr(main, name) for name in named} == set(main.EXIT_CODES) - {0}


def is_exit(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "sys.exit"


def is_code(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id.isupper()


@pytest.mark.parametrize("arguments", [["--help"], *[[name, "--help"] for name in COMMANDS]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    """What makes it quick: 0.1 s instead of a second."""
    script = (
        "import sys\nsys.argv = ['dolma-pipe', *sys.argv[1:]]\n"
        "from dolma_pipe.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n"
        f"    print('HEAVY', sorted({HEAVY!r} & set(sys.modules)), end.code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] in ("HEAVY [] 0", "HEAVY [] None")
    assert "Usage: " in done.stdout


def test_list_dedup_breaks_no_word(tmp_path: Path) -> None:
    told = dolma_pipe(tmp_path, "list", "dedup").stdout
    assert max(map(len, told.splitlines())) <= 78
    for method in METHODS:
        assert f"\n  {method}: " in told
    assert '"typescript"]\n        Languages that are parsed; ' in told


def test_list_shows_what_lies_on_the_shelves(tmp_path: Path) -> None:
    told = dolma_pipe(tmp_path, "list").stdout
    for name in [*names("taggers"), *names("mixers"), *METHODS]:
        assert f"\n  {name}: " in told
    assert "quickstart.yaml: " in told
    assert "gopher.words" in told
    assert "exact:" not in dolma_pipe(tmp_path, "list", "taggers").stdout


def test_check_tells_the_passes_and_reads_nothing(tmp_path: Path) -> None:
    write_corpus(tmp_path, shards=1, count=5)
    for path in tmp_path.rglob("*.zst"):
        path.write_bytes(b"\x28\xb5\x2f\xfd not to be read")
    told = dolma_pipe(tmp_path, "check", "mix.yaml").stdout
    for line in ("pass 1, curate", "pass 2, deduplicate", "pass 3, encode, plan and assemble"):
        assert line in told
    assert "quality: keep 10 <= gopher.words <= 100000" in told
    assert not (tmp_path / "work").exists()


def test_check_tells_every_mistake_and_ends_with_1(tmp_path: Path) -> None:
    write_corpus(tmp_path, shards=1, count=5)
    path = tmp_path / "mix.yaml"
    right = path.read_text()
    path.write_text(f"sead: 3\n{right.replace('minhash:', 'minhsah:')}max_bad: -1\n")
    done = dolma_pipe(tmp_path, "check", "mix.yaml", "--json", code=1)
    told = json.loads(done.stdout)["mistakes"]
    lines = path.read_text().splitlines()
    for one, word in zip(told, ("sead", "minhsah", "max_bad"), strict=True):
        assert word in one["told"]
        assert one["file"] == "mix.yaml"
        assert word in lines[one["line"] - 1]
    assert done.stderr.splitlines() == [
        f"dolma-pipe: mix.yaml:{one['line']}: {one['told']}" for one in told
    ]
    path.write_text(right.replace("tokenizer: ", "tokenizer: no-"))
    [told] = json.loads(dolma_pipe(tmp_path, "check", "mix.yaml", "--json", code=1).stdout).values()
    assert [(one["file"], one["line"]) for one in told] == [("mix.yaml", None)]


def test_status_before_and_after(tmp_path: Path) -> None:
    write_corpus(tmp_path, shards=2, count=30)
    assert (
        "curate        0 of      4 tasks up to date"
        in dolma_pipe(tmp_path, "status", "mix.yaml").stdout
    )
    dolma_pipe(tmp_path, "tag", "mix.yaml", "--source", "web")
    assert (
        "curate        2 of      4 tasks up to date"
        in dolma_pipe(tmp_path, "status", "mix.yaml").stdout
    )
    dolma_pipe(tmp_path, "run", "mix.yaml")
    told = dolma_pipe(tmp_path, "status", "mix.yaml").stdout
    assert "encode        4 of      4 tasks recorded\n" in told
    assert "tokens   work/demo/tokens" in told
    recipe = tmp_path / "mix.yaml"
    recipe.write_text(recipe.read_text().replace("gopher.words: [10", "gopher.words: [11"))
    told = dolma_pipe(tmp_path, "status", "mix.yaml").stdout
    assert "curate        0 of      4 tasks up to date" in told
    assert "mix           1 of      1 tasks recorded, and out of date" in told


def test_a_run_stops_after_the_stage_that_is_asked_for(tmp_path: Path) -> None:
    import json

    write_corpus(tmp_path, shards=1, count=50)
    dropped = {}
    for stage in ("language", "quality", "content", "dedup"):
        dolma_pipe(tmp_path, "run", "mix.yaml", "--work", "work", "--stage", stage)
        flows = json.loads((tmp_path / "work/report.json").read_text())["flows"]
        dropped[stage] = {flow["stage"] for flow in flows if sum(flow["dropped"].values())}
        text = zstandard.ZstdDecompressor().decompressobj()
        shard = tmp_path / "work/curated/web/web-0000.jsonl.zst"
        masked = b"|||EMAIL_ADDRESS|||" in text.decompress(shard.read_bytes())
        assert masked == (stage in ("content", "dedup"))
    assert dropped["language"] == set()
    assert dropped["quality"] == dropped["content"] == {"quality"}
    assert dropped["dedup"] == {"quality", "dedup"}
    assert not (tmp_path / "work/tokens").exists()


def test_export_never_overwrites_what_it_did_not_write(tmp_path: Path) -> None:
    write_corpus(tmp_path, shards=1, count=20)
    for source in ("web", "wiki"):
        (tmp_path / f"data/{source}/documents").mkdir()
        old = tmp_path / f"data/{source}/{source}-0000.jsonl.zst"
        old.rename(tmp_path / f"data/{source}/documents/{source}-0000.jsonl.zst")
    recipe = tmp_path / "mix.yaml"
    recipe.write_text(recipe.read_text().replace("/*.jsonl.zst", "/documents/*.jsonl.zst"))
    before = {path: path.read_bytes() for path in tmp_path.rglob("data/**/*.zst")}
    told = dolma_pipe(tmp_path, "export", "documents", "mix.yaml", "data", code=1).stderr
    assert "was not exported by this command: choose another directory" in told
    assert {path: path.read_bytes() for path in before} == before
    told = dolma_pipe(tmp_path, "export", "documents", "mix.yaml", "mix.yaml/out", code=1).stderr
    assert told.splitlines()[-1].startswith("dolma-pipe: cannot write mix.yaml/out/")
    dolma_pipe(tmp_path, "export", "documents", "mix.yaml", "out")
    (tmp_path / "data/wiki/documents/wiki-0000.jsonl.zst").rename(
        tmp_path / "data/wiki/documents/other.jsonl.zst"
    )
    dolma_pipe(tmp_path, "export", "documents", "mix.yaml", "out")
    assert [p.name for p in (tmp_path / "out/wiki/documents").iterdir()] == ["other.jsonl.zst"]


def test_tag_takes_known_sources_and_can_score_all(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    write_corpus(tmp_path, shards=1, count=50)
    told = dolma_pipe(tmp_path, "tag", "mix.yaml", "--source", "wbe", code=1).stderr
    assert told.splitlines()[-1] == "dolma-pipe: unknown source 'wbe' (did you mean 'web'?)"
    scores = {}
    for more in ([], ["--all"]):
        dolma_pipe(tmp_path, "tag", "mix.yaml", "--source", "web", "--work", "w", *more)
        table = pq.read_table(tmp_path / "w/attributes/web/web-0000.parquet")
        scores[len(more)] = table.column("gopher_repetition.top_2gram").null_count
        dropped = len(table) - table.column("dropped_by").null_count
    assert scores[0] == dropped > 0
    assert scores[1] == 0


def test_tag_adds_the_columns_of_a_tagger(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    write_corpus(tmp_path, shards=1, count=50)
    for name in ("pii", "gopher"):
        dolma_pipe(tmp_path, "tag", "mix.yaml", "--tagger", name, "--work", "w")
    names = pq.read_schema(tmp_path / "w/attributes/web/web-0000.parquet").names[5:]
    assert {name.partition(".")[0] for name in names} == {"pii", "gopher"}


def test_dedup_alone_and_by_method(tmp_path: Path) -> None:
    import json

    write_corpus(tmp_path, shards=1, count=100)
    dolma_pipe(tmp_path, "dedup", "mix.yaml", "--work", "work")
    both = json.loads((tmp_path / "work/report.json").read_text())["flows"][-1]["dropped"]
    assert both["exact"] > 0
    assert both["minhash"] > 0
    dolma_pipe(tmp_path, "dedup", "mix.yaml", "--work", "work", "--method", "minhash")
    one = json.loads((tmp_path / "work/report.json").read_text())["flows"][-1]["dropped"]
    assert one["exact"] == 0
    assert one["minhash"] >= both["minhash"]
    told = dolma_pipe(tmp_path, "dedup", "mix.yaml", "--method", "minihash", code=1).stderr
    assert "no dedup entry 'minihash' (did you mean 'minhash'?)" in told


def test_tokens_of_a_run_verify_and_decode(tmp_path: Path) -> None:
    write_corpus(tmp_path, shards=1, count=50)
    dolma_pipe(tmp_path, "run", "mix.yaml", "--work", "work")
    dolma_pipe(tmp_path, "tokens", "verify", "work")
    told = dolma_pipe(tmp_path, "tokens", "decode", "work", "--document", 0).stdout
    assert len(told.split()) > 10
    part = next((tmp_path / "work/tokens").rglob("*.npy"))
    content = bytearray(part.read_bytes())
    content[100] ^= 1
    part.write_bytes(content)
    broken = dolma_pipe(tmp_path, "tokens", "verify", "work", code=1)
    assert part.name in broken.stdout + broken.stderr
