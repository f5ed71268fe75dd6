"""report.html: written at the end of a run and by `dolma-pipe report`, not again where nothing has
changed; no run fails for it, and no bug in it is hidden."""

import importlib.util
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from dolma_pipe.cli import report as report_command
from dolma_pipe.cli.main import cli
from dolma_pipe.errors import StoreError
from dolma_pipe.passes import prepare
from dolma_pipe.report import written
from dolma_pipe.report.finished import finished_run
from dolma_pipe.run import run
from dolma_pipe.work import release, spool
from tests.corpus import write_shard, write_tokenizer
from tests.inline import Inline
from tests.object_store import ObjectStore, s3, server
from tests.report.page.runs import HOSTILE, context, documents, write_run

__all__ = ["s3", "server"]

REMOTE = "s3://bucket/runs/demo"
RECIPE = """
name: tiny
sources: {web: {documents: data/web/*}}
quality: {taggers: [gopher], keep: {gopher.words: [30, null]}}
dedup: [exact: {}]
tokenize: {tokenizer: tokenizer.json}
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("written")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        write_run(root, 2, 30)
        yield root


@pytest.fixture
def copy(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(finished, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return tmp_path / "copy"


def asked(*arguments: str) -> Result:
    found = CliRunner().invoke(cli, arguments)
    release()
    return found


def told_by(*arguments: str) -> str:
    found = asked(*arguments)
    assert found.exit_code == 0, (found.output, found.exception)
    return found.stdout


@pytest.mark.usefixtures("finished")
def test_json_is_the_page_and_needs_no_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(written, "find_spec", lambda _: None)
    told = json.loads(told_by("report", "work", "--json"))
    assert (told["name"], told["place"], told["sources"]) == (
        "demo",
        "work",
        ["web", "code", "none"],
    )
    found = asked("report", "work")
    assert "pip install 'dolma-pipe[report]'" in str(found.exception)
    assert not Path("work/report.html").exists()


def test_the_page_is_one_file(copy: Path) -> None:
    pytest.importorskip("jinja2")
    pytest.importorskip("vl_convert")
    assert told_by("report", "work") == "work/report.html\n"
    made = Path("work/report.html").read_text()
    assert 500_000 < len(made) < 2_900_000
    assert HOSTILE.partition(" ")[0] not in made
    assert told_by("report", "work", "--out", str(copy / "else/page.html")).endswith("page.html\n")
    assert (copy / "else/page.html").read_text() == made
    assert "no work directory" in str(asked("report", "nowhere").exception)
    assert "no work directory" in str(asked("report", "mix.yaml").exception)  # work/demo
    Path("work").rename("run")
    shutil.copytree("run", "work/demo")
    shutil.rmtree("data")
    assert told_by("report", "mix.yaml") == "work/demo/report.html\n"


def test_it_holds_until_the_run_or_the_code_has_changed(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished = finished_run("work")
    assert not written.is_current(finished)
    monkeypatch.setattr(written, "page_of", lambda _: None)
    _renderer(monkeypatch, lambda _: "<html></html>\n")
    written.write_report(finished)
    assert written.is_current(finished)
    with monkeypatch.context() as patch:
        patch.setattr(written, "_code", lambda: b"another version")
        assert not written.is_current(finished)
    report = copy / "work/report.json"
    report.write_text(report.read_text().replace('"recipe": "demo"', '"recipe": "other"'))
    assert not written.is_current(finished_run("work"))


def _renderer(monkeypatch: pytest.MonkeyPatch, render: Any) -> None:
    page = pytest.importorskip("dolma_pipe.report.html.report_page")
    monkeypatch.setattr(page, "render_page", render)
    monkeypatch.setattr(written, "find_spec", lambda _: True)


@pytest.mark.parametrize(
    ("problem", "line"),
    [
        (StoreError("s3://bucket/x refuses"), "no page: s3://bucket/x refuses"),
        (KeyError("shown"), "no page, by a bug: KeyError: 'shown' (all of it: dolma-pipe report w"),
    ],
)
def test_a_run_does_not_fail_for_its_page(
    problem: Exception, line: str, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise problem

    monkeypatch.setattr(written, "write_report", fails)
    made = context()
    assert copy.exists()
    run(made)
    found = CliRunner().invoke(_after(made), [])
    assert (found.exit_code, found.stdout) == (0, "")
    assert line in found.stderr
    # and the command shows a bug as one
    assert asked("report", "work").exception is problem


def test_without_the_extra_a_line_says_how_to_get_it(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(written, "find_spec", lambda _: None)
    assert copy.exists()
    found = CliRunner().invoke(_after(context()), [])
    assert found.stdout == (
        "page       pip install 'dolma-pipe[report]' and dolma-pipe report work\n"
    )


def _after(made: Any) -> Any:
    import click

    return click.command()(lambda: report_command.report_of(made))


def test_runs_write_it_and_leave_it_where_nothing_ran(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(prepare, "new_engine", lambda *_: Inline())
    write_shard(tmp_path / "data/web/0.jsonl.zst", documents("web", 20))
    write_tokenizer(tmp_path / "tokenizer.json")
    Path("mix.yaml").write_text(RECIPE)
    pages: list[str] = []

    def render(page: Any) -> str:
        pages.append(page.name)
        return "<html></html>\n"

    _renderer(monkeypatch, render)
    assert "page " not in told_by("tag", "mix.yaml", "--no-report")
    assert "page       work/tiny/report.html" in told_by("tag", "mix.yaml")
    assert pages == ["tiny"]
    assert "page       work/tiny/report.html" in told_by("dedup", "mix.yaml")
    assert "page       work/tiny/report.html" in told_by("run", "mix.yaml")
    assert len(pages) == 3
    before = Path("work/tiny/report.html").stat().st_mtime_ns
    assert "page       work/tiny/report.html" in told_by("run", "mix.yaml")
    assert (len(pages), Path("work/tiny/report.html").stat().st_mtime_ns) == (3, before)


def test_on_an_object_store_it_says_the_same(
    finished: Path, s3: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(finished)
    monkeypatch.setenv(spool.VARIABLE, str(finished / "spool"))
    for path in (finished / "work").rglob("*"):
        if path.is_file():
            key = f"runs/demo/{path.relative_to(finished / 'work').as_posix()}"
            s3.client.put_object(Bucket="bucket", Key=key, Body=path.read_bytes())
    here, there = (told_by("report", place, "--json") for place in ("work", REMOTE))
    assert there.replace(REMOTE, "work") == here
    assert "s3:/bucket" not in there
    _renderer(monkeypatch, lambda _: "<html></html>\n")
    assert told_by("report", REMOTE) == f"{REMOTE}/report.html\n"
    assert s3.files(REMOTE)["report.html"].startswith(b"<html></html>\n<!-- ")
    assert written.is_current(finished_run(REMOTE))
