"""`dolma-pipe assets`: what models, tokenizers and sample texts there are, and where they lie."""

import click


@click.group("assets")
def command() -> None:
    """List, fetch and find models, tokenizers and sample texts."""


@command.command("list")
def list_assets() -> None:
    """Each named asset: size, whether it is in the cache, what for, and its places."""
    from dolma_pipe.assets import ASSETS, cached_path

    for name, asset in ASSETS.items():
        state = "cached" if cached_path(name) else "not fetched"
        click.echo(f"{name:14} {asset.size / 1e6:6.1f} MB  {state:11}  {asset.about}")
        click.echo(f"{'':14} sha256 {asset.sha256}  {asset.licence}")
        for place in asset.places:
            click.echo(f"{'':14} {place}")


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
