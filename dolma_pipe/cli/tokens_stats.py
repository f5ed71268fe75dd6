"""`dolma-pipe tokens stats`: lengths, repeats, frequencies."""

import click

from dolma_pipe.cli.options import arrays_argument, json_option, opened_arrays, show_json


@click.command("stats")
@arrays_argument
@click.option("--source", help="Only this source.")
@click.option("--top", type=click.IntRange(1), default=10, show_default=True, help="Frequent ids.")
@click.option("--no-repeats", is_flag=True, help="Do not count unique documents: faster.")
@json_option
def command(folder: str, source: str | None, top: int, no_repeats: bool, as_json: bool) -> None:
    """Tell what the arrays hold: documents and repeats, lengths, bytes, frequent and unused ids.

    bits/token and bits/byte: entropy of the ids, which a model reaches that sees no context.
    """
    from dolma_pipe.errors import AssetError
    from dolma_pipe.report.token_stats import token_stats, with_texts
    from dolma_pipe.report.token_stats_table import stats_table
    from dolma_pipe.tokenizer import load_tokenizer

    arrays = opened_arrays(folder)
    stats = token_stats(arrays, source=source, top=top, repeats=not no_repeats)
    stamp = arrays.manifest.tokenizer
    try:
        reader = load_tokenizer(stamp.name)
    except AssetError as error:
        click.echo(f"note: no texts of ids: {error}", err=True)
    else:
        if reader.sha256 == stamp.sha256:
            stats = with_texts(stats, reader.decode)
    if as_json:
        show_json(stats)
    else:
        click.echo(stats_table(stats))
