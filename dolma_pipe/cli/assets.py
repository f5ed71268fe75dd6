"""`dolma-pipe assets`: what models, tokenizers and sample texts there are, and where they lie."""

from pathlib import Path

import click


@click.group("assets")
def command() -> None:
    """List, fetch and find models, tokenizers and sample texts."""


@command.command("list")
def list_assets() -> None:
    """Each named asset: size, whether it is in the cache, what for, and its places."""
    from dolma_pipe.assets import ASSETS, MADE, cached_path

    for name, asset in ASSETS.items():
        state = "cached" if cached_path(name) else "not fetched"
        click.echo(f"{name:14} {asset.size / 1e6:6.1f} MB  {state:11}  {asset.about}")
        click.echo(f"{'':14} sha256 {asset.sha256}  {asset.licence}")
        for place in asset.places:
            click.echo(f"{'':14} {place}")
    for name, made in MADE.items():
        size = f"{made.path.stat().st_size / 1e6:6.1f} MB" if made.path.is_file() else f"{'':9}"
        click.echo(
            f"{name:14} {size}  {'made' if made.path.is_file() else 'not made':11}  {made.about}"
        )
        click.echo(f"{'':14} {made.path}: {made.command}")


@command.command("fetch")
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
def distill_model(model: str, out: Path | None, dimensions: int, device: str) -> None:
    """Make a static embedding model, which needs no torch, from a transformer."""
    from dolma_pipe.assets import MADE
    from dolma_pipe.embeddings.distill import distill

    path = out or MADE["static"].path
    tokens, width = distill(model, path, dimensions, device)
    click.echo(f"{path}: {tokens} tokens, {width} dimensions")
