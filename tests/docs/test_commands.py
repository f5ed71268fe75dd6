"""Every command that README.md and docs/ show is one: it parses, and all but a few are run."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from dolma_pipe.cli.main import cli
from tests.docs.commands import Shown, all_shown, shown
from tests.docs.pages import Block, blocks, name_of, pages
from tests.docs.scratch import inline, make, run

TUTORIAL = "docs/tutorial.md"
"""Its commands are run by test_tutorial.py."""

NOT_RUN = {
    "dolma-pipe sample": "fetches wheels; the tutorial's test runs it",
    "dolma-pipe ablate": "trains six models; tests/ablation/ does",
    "torchrun": "several processes; tests/train/test_parallel.py starts some",
    "dolma-pipe search crawl/": "needs a crawl; tests/search/",
    "dolma-pipe mix swarm": "needs more tokens than the small corpus has; tests/cli/test_mix.py",
    "dolma-pipe mix fit": "needs the losses of a swarm; tests/cli/test_mix.py",
    "dolma-pipe run best.yaml": "what mix fit writes; tests/cli/test_mix.py",
    "dolma-pipe run $recipe": "in a loop of the shell over what mix swarm writes",
    "dolma-pipe tokens import old/tokens": "needs the tokenizer gpt-neox-olmo; the next one is run",
    "dolma-pipe evaluate runs/demo": "needs a model of somebody else and the data of all tasks",
    "dolma-pipe evaluate runs/quickstart --held-out work/quickstart/held_out --task": "its data",
    "dolma-pipe browse": "serves until Ctrl-C; tests/browse/",
}
"""How commands begin that are only parsed, and why."""

OFFLINE = {"tokenizer: gpt-neox-olmo": "tokenizer: tokenizer.json"}
"""What recipes on the pages name that is no file here."""

SMALLER = {"dolma-pipe classifier train": ("--buckets", "1000", "--epochs", "1")}
"""What is added to commands that would take long."""


def reason(command: Shown) -> str | None:
    """Why a command is not run, if it is not."""
    if "s3://" in command.told:
        return "a bucket; tests/test_work_s3.py has one"
    return next((why for told, why in NOT_RUN.items() if command.told.startswith(told)), None)


WITH_PYTHON = {
    f"docs/{page}.md"
    for page in ("api", "formats", "instruct", "long-context", "packing", "tokens")
}
"""Pages of which the Python is run, too."""


def spoken(page: Path) -> Iterator[str]:
    """What stands in a line as `dolma-pipe ...`, and in README's table of commands."""
    text = page.read_text(encoding="utf-8")
    yield from re.findall(r"(?<!`)`dolma-pipe ([^`]+)`", text)
    for row in re.findall(r"^\| (`.+?) \| ", text.split("\n## Commands\n")[-1], re.M):
        if page.name == "README.md":
            yield from re.findall(r"`([^`]+)`", row.replace("\\|", "|"))


@pytest.mark.parametrize("command", all_shown(), ids=lambda c: f"{c.page}:{c.line}")
def test_it_parses(command: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(click.Command, "invoke", lambda *_: None)
    try:
        run(*command.arguments)
    except click.ClickException as error:
        pytest.fail(f"{command.page}:{command.line}: {command.told}: {error.format_message()}")


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_commands_in_the_text_have_their_options(page: Path) -> None:
    for told in spoken(page):
        command: click.Command = cli
        words = re.findall(r"[^\s|\[\]]+", told)
        while isinstance(command, click.Group) and words and words[0] in command.commands:
            command = command.commands[words.pop(0)]
        assert command is not cli or not words or not words[0].islower(), f"{told}: no such command"
        known = {name for parameter in command.params for name in parameter.opts}
        if isinstance(command, click.Group):  # train CONFIG is train run CONFIG
            known |= {
                name for sub in command.commands.values() for p in sub.params for name in p.opts
            }
        for option in re.findall(r"(?<![\w-])--[a-z][a-z-]*", told):
            assert option in known | {"--help"}, f"{name_of(page)}: {told}: no option {option}"


def test_what_is_not_run_is_still_shown() -> None:
    told = [command.told for command in all_shown()]
    for start in NOT_RUN:
        words = start.split()
        if words[0] == "dolma-pipe" and words[1] in cli.commands:
            assert any(line.startswith(start) for line in told), f"{start}: no page shows it"


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The world in which the commands run; tasks run in this process."""
    with pytest.MonkeyPatch.context() as patch:
        root = tmp_path_factory.mktemp("scratch")
        patch.chdir(root)
        inline(patch)
        make(root)
        yield root


def globbed(word: str) -> list[str]:
    """A word as the shell expands it."""
    return sorted(map(str, Path().glob(word))) if "*" in word else [word]


def expanded(command: Shown) -> list[str]:
    """The arguments as a shell gives them."""
    more = [
        word for told, added in SMALLER.items() if command.told.startswith(told) for word in added
    ]
    words = [name for word in command.arguments for name in globbed(word)]
    return [*words, *more]


@pytest.mark.parametrize("path", pages(), ids=name_of)
def test_they_run(
    path: Path, scratch: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """In their order, as somebody would who reads the page."""
    page = blocks(path)
    if name_of(path) == TUTORIAL or not any(has_code(block) for block in page):
        return
    monkeypatch.chdir(shutil.copytree(scratch, tmp_path / "world"))
    for block in page:
        if block.title and block.language != "diff":
            Path(block.title).write_text(offline(block.text))
        if block.language == "python" and name_of(path) in WITH_PYTHON:
            exec(
                compile(block.text, f"{block.page}:{block.line}", "exec"), {"__name__": "__main__"}
            )
        for command in shown(block):
            if not reason(command):
                done(command)
                assert any(capsys.readouterr()), f"{command.told} says nothing"


def offline(text: str) -> str:
    for named, made in OFFLINE.items():
        text = text.replace(named, made)
    return text


def has_code(block: Block) -> bool:
    return block.language == "python" or any(shown(block))


def done(command: Shown) -> None:
    """Run it."""
    told = f"{command.page}:{command.line}: {command.told}"
    try:
        assert run(*expanded(command)) == 0, told
    except Exception as error:
        made = "what it needs is made in tests/docs/scratch.py, or say in NOT_RUN why not"
        raise AssertionError(f"{told}: {error}\n({made})") from error
