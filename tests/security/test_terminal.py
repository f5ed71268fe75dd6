"""Nothing of documents, names and errors steers the terminal, whatever command prints it."""

import io
import json
import re
import sys
import unicodedata
from pathlib import Path

import click
import pytest

from dolma_pipe.cli.guarded import Guarded, escaped, guard, unguarded
from tests.corpus import dolma_pipe

HOSTILE = "a\x1b[31mb\x9b0mc\u202ed\x07e\u2066f\U000e0041g\x7fh"
RECIPE = """
name: hostile
sources: {web: {documents: "web/*"}}
quality: {taggers: [gopher, metadata: {labels: [kind]}], keep: {gopher.words: [1, null]}}
dedup: [exact: {}]
"""


def steers(text: str) -> list[str]:
    """Characters that no terminal should get."""
    kinds = ("Cc", "Cf", "Zl", "Zp", "Co", "Cn", "Cs")
    return [c for c in text if unicodedata.category(c) in kinds and c not in "\n\t"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("hostile")
    (root / "web").mkdir()
    lines = [
        {"id": f"{i}{HOSTILE}", "text": f"the same {HOSTILE}", "metadata": {"kind": HOSTILE}}
        for i in range(3)
    ]
    content = "".join(json.dumps(line) + "\n" for line in lines) + f'{{"text": "{HOSTILE}\n'
    (root / "web" / "a\x1b[31m\u202e.jsonl").write_text(content)
    (root / "web" / "b\x1b]0;title\x07.jsonl.gz").write_bytes(b"\x1f\x8b\x08 cut")
    (root / "mix.yaml").write_text(RECIPE)
    check(root, "run", "mix.yaml", "--work", "work")
    return root


def check(root: Path, *arguments: object) -> None:
    """Run a command that has something hostile to tell."""
    done = dolma_pipe(root, *arguments)
    assert steers(done.stdout + done.stderr) == []
    assert re.search(r"\\x1b|\\u001b", done.stdout + done.stderr)


def test_tables_tell_documents_without_what_steers(root: Path) -> None:
    check(root, "explain", "mix.yaml", f"1{HOSTILE}", "--work", "work")
    check(root, "dedup", "report", "--work", "work", "--clusters", 2)


def test_errors_are_without_it_and_json_says_the_same(root: Path) -> None:
    told = dolma_pipe(root, "check", "\x1b[31m\u202e.yaml", code=1).stderr
    assert told.startswith("dolma-pipe: \\u001b[31m\\u202e.yaml: cannot be read")
    found = dolma_pipe(root, "explain", "mix.yaml", f"1{HOSTILE}", "--json").stdout
    assert steers(found) == []
    assert json.loads(found)[0]["id"] == f"1{HOSTILE}"


def test_line_ends_tabs_and_what_people_write_stay() -> None:
    text = "שלום\t👩\u200d👧 e\u0301\n  می\u200cخواهم\n"
    assert escaped(text) == text
    assert escaped("\r 50%|###") == "\r 50%|###"  # how a progress bar begins
    assert escaped("a\rb\U000e0041") == "a\\u000db\\udb40\\udc41"
    assert escaped("\ud800") == "\\ud800"


@pytest.mark.parametrize(
    ("encoding", "shown"), [("ascii", b"\\u6f22 \\xfc"), ("utf-8", "漢 ü".encode())]
)
def test_what_the_encoding_has_not_is_escaped_too(
    monkeypatch: pytest.MonkeyPatch, encoding: str, shown: bytes
) -> None:
    held = io.BytesIO()
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, io.TextIOWrapper(held, encoding, write_through=True))
    guard()
    click.echo("漢 ü\x9b")
    assert held.getvalue() == shown + b"\\u009b\n"


def test_a_guarded_stream_is_the_stream_otherwise() -> None:
    held = io.StringIO()
    guarded = Guarded(held)
    assert guarded.write("a\x1bb") == 3
    guarded.flush()
    assert held.getvalue() == "a\\u001bb"
    unguarded(guarded).write("a\x1bb")  # type: ignore[arg-type]
    assert held.getvalue() == "a\\u001bba\x1bb"
