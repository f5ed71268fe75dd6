"""`dolma-pipe tokens export`: token arrays for other trainers."""

from pathlib import Path

import click

from dolma_pipe.cli.options import arrays_argument, opened_arrays


@click.command("export")
@arrays_argument
@click.argument("out", metavar="OUT", type=click.Path(path_type=Path))
@click.option("--to", type=click.Choice(["megatron", "llmc", "nanogpt"]), required=True)
@click.option("--source", help="Only this source.")
@click.option("--whole", is_flag=True, help="megatron: one array all.bin, not one a source.")
def command(folder: str, out: Path, to: str, source: str | None, whole: bool) -> None:
    """Write the arrays to the new folder OUT as another trainer reads them.

    megatron: SOURCE.bin and SOURCE.idx. llmc: SOURCE/part-*.bin, where the end of text stands
    before each document. nanogpt: train.bin. Every byte is checked on its way; all or nothing.
    """
    if whole and to != "megatron":
        raise click.UsageError("--whole is for megatron: llmc has many files, nanogpt one")
    from dolma_pipe.tokens import export_arrays, unmasked

    arrays = opened_arrays(folder)
    for line in unmasked(arrays, source):
        click.echo(f"note: {line}", err=True)
    for file in export_arrays(arrays, out, to, source=source, whole=whole):
        click.echo(f"{out / file}  {(out / file).stat().st_size:,} bytes")
