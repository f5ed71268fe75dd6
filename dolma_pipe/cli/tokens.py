"""`dolma-pipe tokens`: check, describe and read token arrays."""

from pathlib import Path

import click

from dolma_pipe.cli.tokens_pack import pack

FOLDER = click.Path(path_type=Path)


@click.group("tokens")
def command() -> None:
    """Check, describe and read token arrays (DIR: tokens/ or the work directory around it)."""


command.add_command(pack)


@command.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
def verify(folder: Path) -> None:
    """Read every byte and compare it with the manifest; exit 1 where anything is wrong."""
    from dolma_pipe.tokens import TokenArrays
    from dolma_pipe.tokens import verify as verify_arrays

    folder = _arrays_in(folder)
    if problems := verify_arrays(folder):
        for problem in problems:
            click.echo(problem, err=True)
        raise SystemExit(1)
    manifest = TokenArrays(folder).manifest
    click.echo(
        f"{folder}: {manifest.documents} documents, {manifest.tokens} tokens, all as written"
    )


@command.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
def inspect(folder: Path) -> None:
    """Say what the arrays are: tokenizer, sizes, sources."""
    from dolma_pipe.tokens import TokenArrays

    manifest = TokenArrays(_arrays_in(folder)).manifest
    pad = "none" if manifest.pad_id is None else manifest.pad_id
    click.echo(f"tokenizer    {manifest.tokenizer.name} ({manifest.tokenizer.sha256[:16]})")
    click.echo(f"ids          {manifest.dtype}, {manifest.vocab_size} of them")
    click.echo(f"eos, pad     {manifest.eos_id}, {pad}")
    click.echo(f"seed         {manifest.seed}")
    click.echo(f"fingerprint  {manifest.fingerprint}")
    click.echo(f"{'source':<20} {'files':>6} {'documents':>12} {'tokens':>16} {'share':>6}")
    for source in manifest.sources:
        share = source.tokens / max(1, manifest.tokens)
        click.echo(
            f"{source.name:<20} {len(source.shards):>6} {source.documents:>12}"
            f" {source.tokens:>16} {share:>6.1%}"
        )
    files = sum(len(source.shards) for source in manifest.sources)
    click.echo(f"{'all':<20} {files:>6} {manifest.documents:>12} {manifest.tokens:>16} {1:>6.0%}")


@command.command()
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--document", "number", type=click.IntRange(0), default=0, help="Number from 0.")
@click.option("--source", help="Count in this source only.")
@click.option("--tokenizer", help="A tokenizer.json other than the one that the manifest names.")
def decode(folder: Path, number: int, source: str | None, tokenizer: str | None) -> None:
    """Print the text of one document."""
    from dolma_pipe.errors import TokensError
    from dolma_pipe.tokenizer import load_tokenizer
    from dolma_pipe.tokens import TokenArrays

    arrays = TokenArrays(_arrays_in(folder))
    stamp = arrays.manifest.tokenizer
    ids = arrays.document(number, source)
    reader = load_tokenizer(tokenizer or stamp.name)
    if reader.sha256 != stamp.sha256:
        raise TokensError(f"{reader.name} is not the tokenizer that wrote {arrays.folder}")
    click.echo(reader.decode(ids[:-1]))


def _arrays_in(folder: Path) -> Path:
    inside = folder / "tokens"
    return inside if inside.is_dir() else folder
