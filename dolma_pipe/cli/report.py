"""`dolma-pipe report`: one page on all that a run did, and the same page at the end of a run."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dolma_pipe.cli.options import json_option, page_to, show_json

if TYPE_CHECKING:
    from dolma_pipe.passes.context import Context


@click.command("report")
@click.argument("run", metavar="RUN")
@page_to("Where to write the page [default: report.html in the work directory]")
@json_option
def command(run: str, out: Path | None, as_json: bool) -> None:
    """Write report.html of RUN, a work directory or its recipe: one file to open in a browser.

    Funnel, rules with histograms and examples, languages, masked spans, duplicates side by side,
    mix, lengths, times. Texts are read from the inputs once more, a few of them. --json prints what
    the page shows, and needs no extra.
    """
    from dolma_pipe.report.finished import finished_run
    from dolma_pipe.work import address

    finished = finished_run(run)
    if as_json:
        from dolma_pipe.report.page.gather import page_of

        show_json(page_of(finished))
        return
    from dolma_pipe.report.written import write_report

    click.echo(address(write_report(finished, out)))


def report_of(context: "Context") -> None:
    """Write the page of a run that has just ended, unless nothing ran and the page stands.

    Whatever is wrong with the page, the run is done: a line tells it. The command `report` shows a
    bug in full.
    """
    from dolma_pipe.errors import MissingExtra, UserError
    from dolma_pipe.report.finished import FinishedRun
    from dolma_pipe.report.written import NAME, is_current, write_report
    from dolma_pipe.work import address

    run = FinishedRun(context.work.root)
    try:
        if context.timings or not is_current(run):
            write_report(run)
        click.echo(f"page       {run.place}/{NAME}")
    except MissingExtra:
        told = f"pip install 'dolma-pipe[report]' and dolma-pipe report {run.place}"
        click.echo(f"page       {told}")
    except UserError as error:
        click.echo(f"no page: {' '.join(str(error).split())}", err=True)
    except Exception as error:
        told = f"{type(error).__name__}: {' '.join(str(error).split())}"
        click.echo(
            f"no page, by a bug: {told} (all of it: dolma-pipe report {address(run.work.root)})",
            err=True,
        )
