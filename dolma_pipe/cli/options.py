"""Options that several commands share. They select; what to do is said in the recipe alone."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from dolma_pipe.passes.context import Context

Command = TypeVar("Command", bound=Callable[..., Any])

recipe_argument = click.argument("recipe", type=click.Path(path_type=Path))
work_option = click.option(
    "--work", type=click.Path(path_type=Path), help="Work directory [default: work/NAME]"
)
force_option = click.option("--force", is_flag=True, help="Do again what is done already.")


def engine_options(command: Command) -> Command:
    """--workers and --engine."""
    command = click.option(
        "--workers",
        type=click.IntRange(min=1),
        help="Worker processes, under 1 GB each plus models [default: one a core]",
    )(command)
    return click.option(
        "--engine", type=click.Choice(["local"]), default="local", help="Where tasks run."
    )(command)


@contextmanager
def opened(
    recipe: Path, work: Path | None, workers: int | None, engine: str, force: bool
) -> Iterator["Context"]:
    """Everything a run needs, the work directory locked; workers end with the block."""
    from dolma_pipe.cli.progress import watcher
    from dolma_pipe.passes.prepare import prepared

    with prepared(recipe, work, workers, engine, force, watcher()) as context:
        yield context


arrays_argument = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def arrays_in(folder: Path) -> Path:
    """The token arrays that DIR stands for: the folder itself, or tokens/ in a work directory."""
    inside = folder / "tokens"
    return inside if inside.is_dir() and not (folder / "token_bytes.u16").exists() else folder


def show_json(value: Any) -> None:
    """Print a value as readable JSON."""
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=1).decode())
