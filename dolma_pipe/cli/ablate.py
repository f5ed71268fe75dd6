"""`dolma-pipe ablate`: which of two curations is better, measured."""

from pathlib import Path
from typing import Any

import click

from dolma_pipe.cli.options import GoesOn, json_option, show_json


def _tokens(_context: click.Context, _option: click.Parameter, given: str) -> int:
    from dolma_pipe.errors import RecipeError
    from dolma_pipe.mixture.given import amount

    if (value := round(amount(given, "--tokens"))) < 1:
        raise RecipeError("--tokens: one token at least is needed")
    return value


@click.command("ablate", cls=GoesOn)
@click.argument("recipe_a", type=click.Path(path_type=Path))
@click.argument("recipe_b", type=click.Path(path_type=Path))
@click.option(
    "--preset",
    type=click.Choice(["olmo-1m", "olmo-20m"]),
    required=True,
    help="The model: olmo-1m on a CPU (its tokenizer of 4,096 ids is trained), olmo-20m on a GPU.",
)
@click.option(
    "--tokens", metavar="N", required=True, callback=_tokens, help="Of each training: 300k, 50M."
)
@click.option("--seeds", type=click.IntRange(1, 100), default=3, show_default=True)
@click.option(
    "--held-out",
    metavar="DIR",
    multiple=True,
    help="Token arrays to measure on [default: documents held out of both recipes]",
)
@click.option(
    "--held-out-share",
    type=click.FloatRange(0, 0.5, min_open=True),
    default=0.02,
    show_default=True,
    help="Of the documents, where there is no --held-out.",
)
@click.option(
    "--work", type=click.Path(path_type=Path), help="Folder [default: work/ablate-A-vs-B]"
)
@click.option("--workers", type=click.IntRange(min=1), help="For curation [default: one a core]")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto")
@json_option
def command(
    recipe_a: Path,
    recipe_b: Path,
    preset: Any,
    tokens: int,
    seeds: int,
    held_out: tuple[str, ...],
    held_out_share: float,
    work: Path | None,
    workers: int | None,
    device: Any,
    as_json: bool,
) -> None:
    """Curate by RECIPE_A and by RECIPE_B, train the same small model on each, measure both.

    Prints bits per byte of held-out text by source, and B - A with a 95 % confidence interval over
    seeds. What is done already is not done again. What it shows and what not: docs/ablation.md.
    """
    from dolma_pipe.ablation.settings import AblationSettings
    from dolma_pipe.ablation.table import told
    from dolma_pipe.cli.progress import watcher
    from dolma_pipe.cli.torch_needed import torch_needed

    with torch_needed():
        from dolma_pipe.ablation.ablate import ablate
    settings = AblationSettings(
        recipes=(recipe_a, recipe_b),
        preset=preset,
        tokens=tokens,
        seeds=seeds,
        held_out=held_out,
        share=held_out_share,
        work=work or Path("work") / f"ablate-{recipe_a.stem}-vs-{recipe_b.stem}",
        workers=workers,
        device=device,
    )
    found = ablate(settings, watcher())
    if as_json:
        show_json(found)
    else:
        click.echo(told(found))
        click.echo(f"\nall figures {settings.work / 'ablation.json'}")
