"""--json: one document on standard output, nothing else there, and what it says is what the table
says."""

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import click
import msgspec
import pytest
from click.testing import CliRunner

from dolma_pipe.cli.main import cli
from dolma_pipe.cli.options import json_option, show_json
from dolma_pipe.errors import InputError
from dolma_pipe.run import run
from tests.cli.json_page import PAGE, SHAPES, WITHOUT, checked, commands, page
from tests.corpus import dolma_pipe, write_corpus

ROOT = Path(__file__).parent.parent.parent


def test_every_command_has_it_or_a_reason() -> None:
    known = dict(commands())
    with_it = {name for name, one in known.items() if json_option_of(one)}
    assert with_it == set(SHAPES)
    assert known.keys() - with_it == set(WITHOUT)


def json_option_of(command: click.Command) -> bool:
    return any("--json" in option.opts for option in command.params)


def test_the_page_is_current() -> None:
    told = "python -m tests.cli.json_page > docs/json.md"
    assert (ROOT / PAGE).read_text(encoding="utf-8") == page(), told


def test_whatever_else_is_printed_goes_to_standard_error() -> None:
    @click.command()
    @json_option
    def noisy(as_json: bool) -> None:
        click.echo("a note")
        print("a library")
        if as_json:
            show_json({"nan": math.nan, "infinite": math.inf, "path": Path("s3://bucket/a")})

    done = CliRunner().invoke(noisy, ["--json"], catch_exceptions=False)
    assert json.loads(done.stdout) == {"nan": None, "infinite": None, "path": "s3://bucket/a"}
    assert done.stderr == "a note\na library\n"
    assert CliRunner().invoke(noisy, []).stdout == "a note\na library\n"


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where a recipe has run, and every test of this module is."""
    root = tmp_path_factory.mktemp("json")
    write_corpus(root, shards=1, count=40)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        (root / "run.json").write_text(invoke("run", "mix.yaml", "--json").stdout)
        yield root


def invoke(*arguments: object, code: int = 0) -> CompletedProcess[str]:
    return dolma_pipe(Path.cwd(), *arguments, code=code)


def both(name: str, *arguments: object) -> tuple[Any, str]:
    """What a command tells as JSON, as the type that docs/json.md has, and as a table."""
    called = name.removesuffix(" run").split()
    given = json.loads(invoke(*called, *arguments, "--json").stdout)
    return checked(name, given), invoke(*called, *arguments).stdout


def numbers(table: str, first: str) -> list[str]:
    """The cells after the line's first words."""
    [line] = [line for line in table.splitlines() if line.startswith(first)]
    return line.removeprefix(first).replace(",", "").split()


def test_run(ran: Path) -> None:
    told = checked("run", json.loads((ran / "run.json").read_text()))
    stored = json.loads((ran / "work/demo/report.json").read_text())
    assert {key: value for key, value in vars_of(told).items() if key in stored} == stored
    assert {time.name for time in told.times} >= {"curate", "encode"}
    assert told.tokens == f"{told.work}/tokens"
    again, table = both("run", "mix.yaml")
    assert again.flows == told.flows
    for flow in told.flows:
        row = numbers(table, f"{flow.stage:9} {flow.source:14}")
        assert row[:2] == [str(flow.documents_in), str(flow.documents_out)]
        assert row[2] == f"{flow.bytes_in / 1e6:.2f}"
    for row in told.mix:
        assert numbers(table, f"{row.source:8} ")[0] == str(row.encoded)


def vars_of(struct: Any) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(struct)
    return told


@pytest.mark.usefixtures("ran")
def test_a_run_that_failed_tells_it_and_ends_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    def failed(*given: Any) -> Any:
        return msgspec.structs.replace(run(*given), failed={"web/web-0000": "killed its worker"})

    monkeypatch.setattr("dolma_pipe.run.run", failed)
    done = CliRunner().invoke(cli, ["run", "mix.yaml", "--workers", "1", "--json"])
    told = checked("run", json.loads(done.stdout))
    assert told.failed == {"web/web-0000": "killed its worker"}
    assert isinstance(done.exception, InputError)  # of which main() makes exit code 1
    assert "finished without shard web/web-0000" in str(done.exception)


def test_more_bad_lines_than_may_be_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.jsonl").write_text('{"text": "a b"}\n' * 3 + "{\n" * 2 + "{}\n")
    Path("mix.yaml").write_text("name: a\nsources: {web: {documents: a.jsonl}}\nmax_bad: 0\n")
    done = invoke("run", "mix.yaml", "--stage", "content", "--workers", 1, "--json", code=1)
    reasons = {"not JSON": 2, "no text": 1}
    assert json.loads(done.stdout) == {
        "bad": 3,
        "lines": 6,
        "allowed": 0,
        "reasons": reasons,
        "quarantine": "work/a/quarantine",
    }
    assert "3 of 6 lines are bad" in done.stderr


@pytest.mark.usefixtures("ran")
def test_what_was_run_is_told_by_others() -> None:
    for name in ("tag", "dedup run"):
        told, table = both(name, "mix.yaml")
        assert numbers(table, f"quality   {'web':14}")[0] == str(told.flows[0].documents_in)
    assert checked("dedup run", json.loads(invoke("dedup", "mix.yaml", "--json").stdout)).mix == []
    plan, table = both("plan", "mix.yaml")
    assert numbers(table, "all")[3] == str(plan.output.tokens)
    index, table = both("dedup index", "mix.yaml", "--out", "index")
    assert f"{index.counts['documents']} documents" in table
    report, table = both("dedup report", "mix.yaml")
    assert report["documents"] == sum(entry["documents"] for entry in report["entries"][:1])
    assert {"entries", "estimated_tokens", "times"} < report.keys()
    assert f"{report['entries'][0]['removed_documents']:,}" in table
    status, table = both("status", "mix.yaml")
    assert [one.done for one in status.passes] == [2, 1, 2, 1]
    assert all(one.up_to_date for one in status.passes)
    assert table.endswith(f"  tokens   {status.tokens}\n")


@pytest.mark.usefixtures("ran")
def test_what_a_recipe_does() -> None:
    told, table = both("check", "mix.yaml")
    [web, wiki] = told.sources
    assert (web.name, web.shards, wiki.shards) == ("web", 1, 1)
    assert f"  taggers: {', '.join(web.taggers)}\n" in table
    for rule in web.rules:
        assert f"{rule.column}" in table
    assert [entry.method for entry in told.dedup] == ["exact", "minhash"]
    assert told.tokens.mix.shares == {"web": 0.6, "wiki": 0.4}


@pytest.mark.usefixtures("ran")
def test_one_document_and_one_rule() -> None:
    [found], table = both("explain", "mix.yaml", "web0-7")
    assert (found.id, found.dropped_by) == ("web0-7", "gopher.words")
    assert "web0-7" in table
    swept, table = both("sweep", "mix.yaml", "--rule", "gopher.words", "--at", "20,100")
    last = swept.sources[-1].thresholds[-1]
    assert f" {last.alone.documents:,} " in table.split("all: ")[1]


@pytest.mark.usefixtures("ran")
def test_what_is_written_for_others() -> None:
    told, table = both("export documents", "mix.yaml", "out")
    assert f"web: {told['web'].documents} documents in {told['web'].folder}" in table
    told, table = both("attributes export", "mix.yaml", "dolma")
    assert f"wiki: {told['wiki'].documents} documents, {told['wiki'].shards} shards" in table
    arguments = ("mix.yaml", "dolma", "imported")
    told, table = both("attributes import", *arguments)
    assert f"wiki: {told['wiki'].documents} documents in imported/wiki" in table
    told, table = both("synthesize", "mix.yaml", "long", "--min-words", 100)
    assert numbers(table, f"{'web':14}")[:2] == [
        str(told["web"].documents),
        str(told["web"].with_task),
    ]


def test_token_arrays(ran: Path) -> None:
    told, table = both("tokens verify", "work/demo")
    assert f"{told.documents:,} documents, {told.tokens:,} tokens" in table
    assert told.problems == []
    told, table = both("tokens inspect", "work/demo")
    assert numbers(table, "all")[1:3] == [str(told.documents), str(told.tokens)]
    told, table = both("tokens where", "work/demo", "--token", 500)
    assert f"id        {told.id}\n" in table
    told, table = both("tokens stats", "work/demo")
    assert f"{told[-1].tokens:,}" in table
    told, table = both("tokens pack", "work/demo", "--length", 128)
    assert numbers(table, "instances") == [str(told.plan.counts.instances)]
    told = checked("tokens export", export("a", "--json"))
    table = export("b")
    assert [f"b/{file.file.name}  {file.bytes:,} bytes" for file in told] == table.splitlines()
    arguments = ("tokens", "import", "b/train.bin", "--tokenizer", "tokenizer.json", "--dtype")
    told = checked("tokens import", json.loads(invoke(*arguments, "uint16", "c", "--json").stdout))
    assert f"{told.documents} documents" in invoke(*arguments, "uint16", "d").stdout
    part = next((ran / "c").rglob("*.npy"))
    part.write_bytes(bytes(part.stat().st_size))
    broken = checked(
        "tokens verify", json.loads(invoke("tokens", "verify", "c", "--json", code=1).stdout)
    )
    assert part.name in broken.problems[0]


def export(out: str, *more: str) -> Any:
    told = invoke("tokens", "export", "work/demo", out, "--to", "nanogpt", *more).stdout
    return json.loads(told) if more else told


def test_what_there_is() -> None:
    told, table = both("list")
    for row in [*told.taggers, *told.mixers, *told.dedup.methods]:
        assert f"\n  {row.name}: " in table
    gopher = next(row for row in told.taggers if row.name == "gopher")
    assert f"columns: {gopher.columns[0]}, " in table
    assert checked("list", json.loads(invoke("list", "configs", "--json").stdout)).taggers is None
    told, table = both("assets list")
    assert re.findall(r"^(\S+)", table, re.M) == [row.name for row in told]
    assert f"sha256 {told[0].sha256}  {told[0].licence}" in table


def test_mixtures(tmp_path: Path) -> None:
    rows = ["run,weight.a,weight.b,loss.x"]
    rows += [f"{i},{i / 10},{1 - i / 10},{2 - i / 20}" for i in range(11)]
    (tmp_path / "t.csv").write_text("\n".join(rows) + "\n")
    arguments = (tmp_path / "t.csv", "--prior", "a=1,b=1")
    told, table = both("mix fit", *arguments)
    assert all(f"{row.name} " in table for row in told.domains)


def test_an_error_stays_a_line_and_no_document(tmp_path: Path) -> None:
    done = dolma_pipe(tmp_path, "status", "nowhere.yaml", "--json", code=1)
    assert done.stdout == ""
    assert done.stderr.startswith("dolma-pipe: ")
    assert done.stderr.count("\n") == 1
