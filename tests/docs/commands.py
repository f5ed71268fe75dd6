"""The commands that README.md and docs/ show: those of dolma-pipe in blocks of code."""

import re
import shlex
from collections.abc import Iterator
from typing import NamedTuple

from tests.docs.pages import Block, blocks, pages

STARTS = re.compile(r"(?:[A-Z_]+=\S+ )*(?:dolma-pipe|.* -m dolma_pipe) ")
ENDS = {"|", "||", "&&", ";", "&", ">", ">>", "2>"}


class Shown(NamedTuple):
    """A command as a page shows it: told is the line without its comment."""

    page: str
    line: int
    told: str
    arguments: tuple[str, ...]


def shown(block: Block) -> Iterator[Shown]:
    """The commands in a block of code, in their order."""
    lines = iter(enumerate(block.lines, block.line))
    for number, line in lines:
        while line.endswith("\\"):
            line = line[:-1] + next(lines)[1].strip()
        for words in _commands(line.strip().removeprefix("$ ")):
            told = " ".join(words)
            if STARTS.match(told + " "):
                name = "dolma_pipe" if "dolma_pipe" in words else "dolma-pipe"
                after = words[words.index(name) + 1 :]
                yield Shown(block.page, number, told, tuple(after))


def _commands(line: str) -> Iterator[list[str]]:
    """The words of each command of a line of the shell."""
    if "dolma" not in line or line.startswith("#"):
        return
    try:
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;><")
        lexer.whitespace_split = True
        words = list(lexer)
    except ValueError:  # an apostrophe: this is no command
        return
    command: list[str] = []
    for word in [*words, ";"]:
        if word not in ENDS:
            command.append(word)
        elif command:
            yield command
            command = []


def all_shown() -> list[Shown]:
    return [command for page in pages() for block in blocks(page) for command in shown(block)]
