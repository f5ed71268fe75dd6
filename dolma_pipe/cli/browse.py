"""`dolma-pipe browse`: documents of a run in the browser."""

import os
import sys

import click


@click.command("browse")
@click.argument("run", metavar="RUN")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    show_default="any that is free",
    help="Where the page is served, on 127.0.0.1 alone.",
)
@click.option("--no-open", is_flag=True, help="Only print the address, open no browser.")
def command(run: str, port: int, no_open: bool) -> None:
    """Walk through kept, dropped and duplicate documents of RUN on a local page.

    RUN is a work directory, here or on s3://, or a recipe. The page is for this machine and who has
    its address; Ctrl-C ends it. Nothing is changed. Needs the extra `report`.
    """
    from dolma_pipe.browse.api import Api
    from dolma_pipe.browse.page import page_of
    from dolma_pipe.browse.server import Browser

    api = Api(run)
    with Browser(api, page_of(api.name, api.place), port) as browser:
        try:
            click.echo(f"{api.place}: {browser.address()}")
            click.echo("Ctrl-C ends it")
            sys.stdout.flush()
            if not no_open and _has_display():
                import webbrowser

                webbrowser.open(browser.address())
            browser.serve_forever()
        except KeyboardInterrupt:  # how it ends: nothing of it goes on
            sys.exit(130)


def _has_display() -> bool:
    """Whether a browser would have a window: none is started within the terminal."""
    shown = "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ
    return shown or sys.platform in ("darwin", "win32")
