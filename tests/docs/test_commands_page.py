"""docs/commands.md is what the commands say of themselves."""

import re
from pathlib import Path

from dolma_pipe.cli import main
from tests.docs.pages import ROOT
from tests.docs.reference import PAGE, written

TEXT = PAGE.read_text(encoding="utf-8")


def test_it_is_current() -> None:
    assert written() == TEXT, "python -m tests.docs.reference"


def test_exit_codes() -> None:
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", TEXT, re.M)}
    assert told == set(main.EXIT_CODES)


def test_every_variable_is_told() -> None:
    table = TEXT.split("## Environment")[1].split("\n## ")[0]
    told = set(re.findall(r"`(DOLMA_PIPE_\w+)`", table))
    files = (p for top in ("dolma_pipe", "taggers") for p in Path(ROOT / top).rglob("*.py"))
    read = {name for file in files for name in re.findall(r"DOLMA_PIPE_[A-Z_]+", file.read_text())}
    assert told == read
