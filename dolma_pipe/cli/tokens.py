"""`dolma-pipe tokens`: check and describe token arrays; the group of commands around them."""

import click
import msgspec

from dolma_pipe.cli import tokens_export, tokens_import, tokens_pack, tokens_read, tokens_stats
from dolma_pipe.cli.options import arrays_argument, json_option, opened_arrays, show_json


class Verified(msgspec.Struct):
    """Token arrays against their manifest. problems: none where all is as it was written."""

    documents: int
    tokens: int
    problems: list[str]


@click.group("tokens")
def command() -> None:
    """Check, describe, read, export and import token arrays.

    DIR: tokens/ or the work directory around it, also on s3://.
    """


command.add_command(tokens_read.decode)
command.add_command(tokens_read.where)
command.add_command(tokens_stats.command)
command.add_command(tokens_pack.pack)
command.add_command(tokens_export.command)
command.add_command(tokens_import.command)


@command.command()
@arrays_argument
@click.option("--workers", type=click.IntRange(1), default=2, show_default=True, help="Threads.")
@json_option
def verify(folder: str, workers: int, as_json: bool) -> None:
    """Read every byte and compare it with the manifest; exit 1 where anything is wrong."""
    from dolma_pipe.tokens import verify as verify_arrays

    arrays = opened_arrays(folder)
    problems = verify_arrays(arrays, workers)
    if as_json:
        manifest = arrays.manifest
        show_json(Verified(manifest.documents, manifest.tokens, problems))
        raise SystemExit(1 if problems else 0)
    if problems:
        for problem in problems:
            click.echo(problem, err=True)
        raise SystemExit(1)
    manifest = arrays.manifest
    sizes = f"{manifest.documents:,} documents, {manifest.tokens:,} tokens"
    click.echo(f"{arrays.name}: {sizes}, all as written")


@command.command()
@arrays_argument
@json_option
def inspect(folder: str, as_json: bool) -> None:
    """Say what the arrays are: tokenizer, sizes, sources. --json: the manifest."""

    manifest = opened_arrays(folder).manifest
    if as_json:
        show_json(manifest)
        return
    pad = "none" if manifest.pad_id is None else manifest.pad_id
    click.echo(f"tokenizer    {manifest.tokenizer.name} ({manifest.tokenizer.sha256[:16]})")
    click.echo(f"ids          {manifest.dtype}, {manifest.vocab_size} of them")
    click.echo(f"eos, pad     {manifest.eos_id}, {pad}")
    click.echo(f"seed         {manifest.seed}")
    click.echo(f"fingerprint  {manifest.fingerprint}")
    if manifest.chat is not None:
        click.echo(f"chat         {manifest.chat.name}")
    masked = any(shard.targets is not None for s in manifest.sources for shard in s.shards)
    targets = f" {'targets':>20}" if masked else ""
    click.echo(
        f"{'source':<20} {'files':>6} {'documents':>14} {'tokens':>20} {'share':>6}{targets}"
    )
    for source in manifest.sources:
        share = source.tokens / max(1, manifest.tokens)
        click.echo(
            f"{source.name:<20} {len(source.shards):>6} {source.documents:>14,}"
            f" {source.tokens:>20,} {share:>6.1%}" + (f" {source.targets:>20,}" if masked else "")
        )
    files = sum(len(source.shards) for source in manifest.sources)
    every = sum(source.targets for source in manifest.sources)
    click.echo(
        f"{'all':<20} {files:>6} {manifest.documents:>14,} {manifest.tokens:>20,} {1:>6.0%}"
        + (f" {every:>20,}" if masked else "")
    )
