"""`dolma-pipe tokens export`: token arrays for other trainers."""

from pathlib import Path

import click
import msgspec

from dolma_pipe.cli.options import (
    arrays_argument,
    json_option,
    opened_arrays,
    show_json,
)


class ExportedFile(msgspec.Struct):
    """A file for another trainer."""

    file: Path
    bytes: int


@click.command("export")
@arrays_argument
@click.argument("out", metavar="OUT", type=click.Path(path_type=Path))
@click.option("--to", type=click.Choice(["megatron", "llmc", "nanogpt"]), required=True)
@click.option("--source", help="Only this source.")
@click.option("--whole", is_flag=True, help="megatron: one array all.bin, not one a source.")
@json_option
def command(
    folder: str, out: Path, to: str, source: str | None, whole: bool, as_json: bool
) -> None:
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
    files = export_arrays(arrays, out, to, source=source, whole=whole)
    sizes = {out / file: (out / file).stat().st_size for file in files}
    if as_json:
        show_json([ExportedFile(file, size) for file, size in sizes.items()])
    for file, size in () if as_json else sizes.items():
        click.echo(f"{file}  {size:,} bytes")
