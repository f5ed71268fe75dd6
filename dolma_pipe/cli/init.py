"""`dolma-pipe init`: a recipe to begin with, for documents that somebody has."""

from importlib.util import find_spec
from pathlib import Path

import click


@click.command("init")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--out", type=click.Path(path_type=Path), default=Path("mix.yaml"), show_default=True)
@click.option("--name", help="Of the recipe, and of its work directory [default: as FILE].")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
def command(paths: tuple[str, ...], out: Path, name: str | None, force: bool) -> None:
    """Look at the documents of PATHS (files, folders, s3://) and write a commented recipe for them.

    A source is a folder around documents/, or a folder in PATH, or PATH. The recipe is one that
    `dolma-pipe run` runs at once; every threshold in it says where it was published.
    """
    from dolma_pipe.atomic import atomic_write
    from dolma_pipe.errors import InputError, RecipeError, WorkError
    from dolma_pipe.first_recipe.groups import groups_of
    from dolma_pipe.first_recipe.look import look
    from dolma_pipe.first_recipe.text import SCHEMA_FILE, Looked, recipe_name, recipe_text, told
    from dolma_pipe.recipe_file import read_recipe
    from dolma_pipe.report.terminal import harmless

    if out.exists() and not force:
        raise WorkError(f"{out} is there already: --out another, or --force to write over it")
    looked = []
    found = groups_of(paths)
    for why in found.left_out:
        click.echo(f"left out: {harmless(why)}")
    for group in found.groups:
        looked.append(Looked(group, look(group)))
        click.echo(f"{group.name}: {told(looked[-1])}")
    if all(one.seen.problem is not None for one in looked):
        raise InputError(f"nothing that can be read below {', '.join(paths)}: see above")
    text = recipe_text(
        name or recipe_name(out), looked, code_extra=find_spec("tree_sitter") is not None
    )
    tried = out.with_name(f".{out.name}.tried.yaml")
    try:
        with atomic_write(tried) as file:
            file.write(text.encode())
        read_recipe(tried)
        tried.replace(out)
    except RecipeError as error:
        told_of = (str(each).replace(str(tried), str(out)) for each in error.args)
        raise RecipeError(*told_of) from error
    finally:
        tried.unlink(missing_ok=True)
    click.echo(f"written to {out}; next:")
    click.echo(f"  dolma-pipe check {out}    # what would run")
    click.echo(f"  dolma-pipe run {out}      # all six stages")
    click.echo(f"  dolma-pipe schema --out {out.with_name(SCHEMA_FILE)}   # completion in editors")
