"""`dolma-pipe assets`: what models, tokenizers and sample texts there are, and where they lie."""

from pathlib import Path

import click
import msgspec

from dolma_pipe.cli.options import GoesOn, json_option, show_json


class Distilled(msgspec.Struct):
    """A static model that was made."""

    file: Path
    tokens: int
    dimensions: int


@click.group("assets")
def command() -> None:
    """List, fetch and find models, tokenizers and sample texts."""


@command.command("list")
@json_option
def list_assets(as_json: bool) -> None:
    """Each named asset: size, whether it is in the cache, what for, and its places."""
    from dolma_pipe.report.assets import asset_rows, assets_table

    rows = asset_rows()
    if as_json:
        show_json(rows)
    else:
        click.echo(assets_table(rows))


@command.command("fetch", cls=GoesOn)
@click.argument("names", nargs=-1)
def fetch_assets(names: tuple[str, ...]) -> None:
    """Fetch the NAMES given, or all assets, into the cache."""
    from dolma_pipe.assets import ASSETS, fetch

    for name in names or tuple(ASSETS):
        click.echo(f"{name:14} {fetch(name)}")


@command.command("path")
@click.argument("name")
def path(name: str) -> None:
    """Print where the file of NAME lies, fetching it where needed."""
    from dolma_pipe.assets import asset_path

    click.echo(str(asset_path(name)))


@command.command("distill")
@click.option("--model", default="minilm", show_default=True, help="A transformer.")
@click.option("--out", type=click.Path(path_type=Path), help="By default where `static` is.")
@click.option("--dimensions", type=click.IntRange(1), default=256, show_default=True)
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto")
@json_option
def distill_model(
    model: str, out: Path | None, dimensions: int, device: str, as_json: bool
) -> None:
    """Make a static embedding model, which needs no torch, from a transformer."""
    from dolma_pipe.assets import MADE
    from dolma_pipe.embeddings.distill import distill

    path = out or MADE["static"].path
    tokens, width = distill(model, path, dimensions, device)
    if as_json:
        show_json(Distilled(path, tokens, width))
    else:
        click.echo(f"{path}: {tokens} tokens, {width} dimensions")
