"""Options that several commands share. They select; what to do is said in the recipe alone."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from functools import wraps
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TextIO

import click

from dolma_pipe.engine.stopping import Terminated

if TYPE_CHECKING:
    from dolma_pipe.engine.choice import EngineChoice
    from dolma_pipe.passes.context import Context
    from dolma_pipe.tokens import TokenArrays

TOKEN_BYTES = "token_bytes.u16"
"""In each folder of token arrays."""


class GoesOn(click.Command):
    """A command that keeps what it has done and, run again, does the rest: then it says so."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, Terminated) as error:
            error.args = ("run again to go on",)
            raise


recipe_argument = click.argument("recipe", type=click.Path(path_type=Path))


def place(value: str) -> Path:
    """A folder, or s3://bucket/prefix, which is a Path from then on, too.

    Raises RecipeError for an address that nothing can be written to.
    """
    from dolma_pipe.store import check_place

    check_place(value)
    return Path(value)


work_option = click.option(
    "--work",
    type=place,
    metavar="PATH",
    help="Work directory, or s3://bucket/prefix [default: work/NAME]",
)
page_option = click.option(
    "--no-report", is_flag=True, help="Write no report.html (`dolma-pipe report` does, later)."
)
force_option = click.option("--force", is_flag=True, help="Do again what is done already.")


def page_to(told: str) -> Callable[..., Any]:
    """--out FILE of a command that writes a page. told: its help."""
    kind = click.Path(path_type=Path, dir_okay=False)
    return click.option("--out", type=kind, metavar="FILE", help=told)


def engine_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--engine, --workers and --address; the command gets all of them as `engine`."""

    @wraps(command)
    def with_engine(engine: str, workers: int | None, address: str | None, **others: Any) -> Any:
        from dolma_pipe.engine.choice import EngineChoice

        return command(engine=EngineChoice(engine, workers, address), **others)

    for option in (
        click.option(
            "--address",
            help="Of a Ray cluster that runs: auto or HOST:PORT [default: one on this machine]",
        ),
        click.option(
            "--workers",
            type=click.IntRange(min=1),
            help="Worker processes, under 1 GB each plus models [default: one a core]",
        ),
        click.option(
            "--engine",
            type=click.Choice(["local", "ray", "array"]),
            default="local",
            show_default=True,
            help="Processes here, Ray, or the ranks of a job array: docs/cluster.md.",
        ),
    ):
        with_engine = option(with_engine)
    return with_engine


@contextmanager
def opened(
    recipe: Path, work: Path | None, engine: "EngineChoice", force: bool
) -> Iterator["Context"]:
    """Everything a run needs, the work directory locked; workers end with the block.

    A process that only has a share of somebody else's run does it, and the command ends.
    """
    from dolma_pipe.cli.progress import watcher
    from dolma_pipe.engine.choice import do_share, has_only_a_share
    from dolma_pipe.errors import TooManyBad
    from dolma_pipe.passes.prepare import prepared, root_of
    from dolma_pipe.recipe_file import read_recipe

    if has_only_a_share(engine):
        do_share(engine, root_of(read_recipe(recipe), work))
        click.get_current_context().exit()
    with prepared(recipe, work, engine, force, watcher()) as context:
        try:
            yield context
        except TooManyBad as error:
            if STANDARD_OUTPUT in click.get_current_context().meta:
                show_json(error.found)
            raise


arrays_argument = click.argument("folder", metavar="DIR", type=click.Path(path_type=str))
STANDARD_OUTPUT = "dolma_pipe.standard_output"
"""Where the context keeps it while a command that prints JSON runs."""


def _only_json(context: click.Context, _option: click.Parameter, given: bool) -> bool:
    """With --json all that is printed otherwise, of libraries too, goes to standard error."""
    if given:
        context.meta[STANDARD_OUTPUT] = sys.stdout
        context.with_resource(redirect_stdout(sys.stderr))
    return given


json_option = click.option(
    "--json", "as_json", is_flag=True, callback=_only_json, help="Print JSON: docs/json.md."
)


def arrays_in(folder: str) -> Path:
    """The token arrays that DIR stands for: the folder itself, or tokens/ in a work directory.

    Raises TokensError for an address.
    """
    from dolma_pipe.errors import TokensError

    if "://" in folder:
        raise TokensError(f"{folder}: this command needs the arrays on this machine, fetch them")
    inside = Path(folder) / "tokens"
    return (
        inside if inside.is_dir() and not (inside.parent / TOKEN_BYTES).exists() else Path(folder)
    )


def opened_arrays(folder: str) -> "TokenArrays":
    """The token arrays of DIR, which may be s3://bucket/prefix: then their files are fetched when
    they are wanted, to a folder that goes when the command ends."""
    from dolma_pipe.fetched_arrays import FetchedArrays
    from dolma_pipe.store import check_place, open_store
    from dolma_pipe.tokens import TokenArrays

    if "://" not in folder:
        return TokenArrays(arrays_in(folder))
    check_place(folder)
    spool = click.get_current_context().with_resource(TemporaryDirectory(prefix="dolma-pipe-"))
    store = open_store(folder)
    inside = open_store(f"{store.place}/tokens")
    return FetchedArrays(store if store.head(TOKEN_BYTES) else inside, Path(spool))


def standard_output() -> TextIO:
    """Where JSON goes, and what else the command was asked for."""
    output: TextIO | None = click.get_current_context().meta.get(STANDARD_OUTPUT)
    return sys.stdout if output is None else output


def show_json(value: Any) -> None:
    """Print a value as readable JSON, and nothing else on standard output; NaN is null."""
    import msgspec

    encoded = msgspec.json.encode(value, enc_hook=_path)
    click.echo(msgspec.json.format(encoded, indent=1).decode(), standard_output())


def _path(value: Any) -> str:
    from dolma_pipe.work import address

    if not isinstance(value, PurePath):
        raise TypeError(f"{type(value)} is nothing that JSON has")
    return address(Path(value))
