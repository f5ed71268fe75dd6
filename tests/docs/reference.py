"""docs/commands.md from the commands themselves: `python -m tests.docs.reference` writes it."""

from collections.abc import Iterator

import click

from dolma_pipe.cli.main import cli
from tests.docs.pages import DOCS

PAGE = DOCS / "commands.md"
MARK = "<!-- below: python -m tests.docs.reference -->"
WIDTH = 100


def leaves(command: click.Command, context: click.Context) -> Iterator[click.Context]:
    """A context for every command that is no group, in the order of the help."""
    if not isinstance(command, click.Group):
        yield context
        return
    for name in command.commands:  # as registered: the order in which they are used
        sub = command.commands[name]
        yield from leaves(sub, type(context)(sub, info_name=name, parent=context))


def help_of(context: click.Context) -> str:
    """The command's --help, of one width on every machine."""
    context.command._help_option = None  # click remembers who asked first, maybe a bare command
    context.max_content_width = context.terminal_width = WIDTH
    return context.get_help().strip()


def sections() -> Iterator[str]:
    for context in leaves(cli, click.Context(cli, info_name="dolma-pipe", **cli.context_settings)):
        name = context.command_path.removeprefix("dolma-pipe ")
        yield f"### {name}\n\n```text\n{help_of(context)}\n```\n"


def written() -> str:
    """The page as it must be: what stands before the mark stays."""
    head = PAGE.read_text(encoding="utf-8").split(MARK)[0]
    return f"{head}{MARK}\n\n" + "\n".join(sections())


if __name__ == "__main__":
    PAGE.write_text(written(), encoding="utf-8")
    print(f"{PAGE} is written")
