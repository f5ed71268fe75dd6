"""`dolma-pipe compare`: which documents entered and left between two runs, and what was edited."""

from pathlib import Path

import click

from dolma_pipe.cli.options import json_option, page_to, show_json


@click.command("compare")
@click.argument("run_a", metavar="RUN_A")
@click.argument("run_b", metavar="RUN_B")
@page_to("Write a page like report.html, to open in a browser.")
@json_option
def command(run_a: str, run_b: str, out: Path | None, as_json: bool) -> None:
    """Compare two runs, each a work directory or its recipe: A before, B after.

    What differs between the recipes, which documents entered and left, by source and rule. Shards
    that both have read in the same way are compared line by line, documents of others by their ids.
    """
    from dolma_pipe.report.comparison.gather import comparison_of
    from dolma_pipe.report.comparison.table import comparison_table
    from dolma_pipe.report.finished import finished_run

    told = comparison_of(finished_run(run_a), finished_run(run_b))
    if out is not None:
        from dolma_pipe.report.html.comparison_page import render_comparison
        from dolma_pipe.work import atomic_write

        page = render_comparison(told)
        with atomic_write(out) as file:
            file.write(page.encode())
    if as_json:
        show_json(told)
        return
    for line in comparison_table(told):
        click.echo(line)
    if out is not None:
        click.echo(f"page       {out}")
