"""How a command ends that is interrupted, or whose output nobody takes: a true line, and the exit
code of a signal."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from dolma_pipe.cli import main
from dolma_pipe.cli.options import GoesOn
from dolma_pipe.engine.stopping import Terminated
from tests.corpus import command
from tests.docs.reference import leaves

GO_ON = {"run", "tag", "dedup run", "dedup index", "plan", "synthesize", "export documents"}
GO_ON |= {"attributes export", "train run", "ablate", "assets fetch"}


def test_who_goes_on() -> None:
    contexts = leaves(main.cli, click.Context(main.cli, info_name=""))
    found = {one.command_path.strip() for one in contexts if isinstance(one.command, GoesOn)}
    assert found == GO_ON
    told = (Path(main.__file__).parents[2] / "docs/commands.md").read_text(encoding="utf-8")
    listed = told.split("goes on: ")[1].split(". ")[0].replace("\n", " ").split(", ")
    assert set(listed) == {name.removesuffix(" run") for name in GO_ON}


@pytest.mark.parametrize(("name", "more"), [("run", "; run again to go on"), ("search", "")])
@pytest.mark.parametrize(
    ("error", "word", "code"),
    [(KeyboardInterrupt, "interrupted", 130), (Terminated, "terminated", 143)],
)
def test_what_is_said(
    name: str,
    more: str,
    error: type[BaseException],
    word: str,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def stopped(**_: object) -> None:
        raise error

    for stream in ("stdout", "stderr"):
        monkeypatch.setattr(sys, stream, getattr(sys, stream))  # put back after main's guard
    monkeypatch.setattr(main.cli.commands[name], "callback", stopped)
    monkeypatch.setattr(sys, "argv", ["dolma-pipe", name, "x", *(["--text", "a"] * (not more))])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == code
    assert capsys.readouterr().err.strip() == f"dolma-pipe: {word}{more}"


@pytest.mark.parametrize(
    ("buffered", "asked"), [("", "list"), ("1", "list"), ("", "search a.jsonl --text a")]
)
def test_a_reader_that_has_gone(buffered: str, asked: str, tmp_path: Path) -> None:
    """As with `| true`: 141, as of grep, and nothing is said."""
    (tmp_path / "a.jsonl").write_text('{"text": "a"}')
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        command(*asked.split()),
        cwd=tmp_path,
        stdout=writing,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONUNBUFFERED": buffered},
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux")
@pytest.mark.parametrize("buffered", ["", "1"])
def test_a_disk_that_is_full(buffered: str) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command("list"),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONUNBUFFERED": buffered},
            check=False,
        )
    told = "dolma-pipe: the output cannot be written: No space left on device\n"
    assert (done.returncode, done.stderr) == (1, told)


def test_no_output_at_all() -> None:
    """As with >&-."""
    closed = ["sh", "-c", 'exec "$@" >&-', "sh", *command("schema")]
    done = subprocess.run(closed, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_while_modules_are_loaded() -> None:
    """Ctrl-C then ends it without a traceback, by the signal itself."""
    script = (
        "import os, signal, sys, importlib.abc\n"
        "class Stop(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'dolma_pipe.cli.run': os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Stop())\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from dolma_pipe.__main__ import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, b"")
