"""`dolma-pipe explain`: why a document is there, or is not."""

from pathlib import Path

import click

from dolma_pipe.cli.options import (
    json_option,
    recipe_argument,
    show_json,
    work_option,
)


@click.command("explain")
@recipe_argument
@click.argument("name", metavar="ID")
@click.option("--source", help="Only this source.")
@json_option
@work_option
def command(recipe: Path, name: str, source: str | None, as_json: bool, work: Path | None) -> None:
    """Tell all scores of the document ID, each rule's verdict, its spans and what became of it.

    What was not scored, or by other settings, is scored now; nothing is changed, also beside a run.
    """
    from dolma_pipe.recipe_file import read_recipe
    from dolma_pipe.report.explain import explain
    from dolma_pipe.report.explain_table import explain_table
    from dolma_pipe.work import Work

    checked = read_recipe(recipe)
    found = explain(checked, Work(work or Path("work") / checked.name), name, source)
    if as_json:
        show_json(found)
    else:
        click.echo(explain_table(found))
