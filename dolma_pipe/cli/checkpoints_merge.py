"""`dolma-pipe checkpoints merge`: adapters of a LoRA training into the weights of its base."""

from pathlib import Path

import click

from dolma_pipe.cli.options import json_option, show_json
from dolma_pipe.cli.torch_needed import torch_needed


@click.command("merge")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="A new folder.")
@json_option
def command(checkpoint: Path, out: Path, as_json: bool) -> None:
    """Write the adapters of CHECKPOINT, merged into their base, as a whole model.

    CHECKPOINT is of a LoRA training, or a folder of PEFT whose base lies on this machine. Sums are
    fp32, and stored in the type of the base. transformers loads the result.
    """
    with torch_needed():
        from dolma_pipe.train.tuning.merging import merge_checkpoint

    merged = merge_checkpoint(checkpoint, out)
    if as_json:
        show_json(merged)
        return
    click.echo(f"{out}: {merged.parameters:,} parameters of {merged.base}")
    click.echo(f"adapters of {merged.layers:,} layers merged")
