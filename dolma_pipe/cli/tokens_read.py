"""`dolma-pipe tokens decode` and `where`: the text of tokens, and where they come from."""

import sys
from itertools import groupby
from typing import TYPE_CHECKING

import click

from dolma_pipe.cli.guarded import unguarded
from dolma_pipe.cli.options import arrays_argument, json_option, opened_arrays, show_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dolma_pipe.tokens import Tokens
    from dolma_pipe.tokens.writer import Loss

source_option = click.option("--source", help="Count in this source only.")


@click.command("decode")
@arrays_argument
@click.option("--document", "number", type=click.IntRange(0), help="Number from 0 [default: 0].")
@click.option("--token", type=click.IntRange(0), help="The tokens from this one on, from 0.")
@click.option("--count", type=click.IntRange(1), default=64, show_default=True, help="Of --token.")
@source_option
@click.option("--tokenizer", help="A tokenizer.json other than the one that the manifest names.")
@click.option("--loss", "by_loss", is_flag=True, help="Say which parts of a document are targets.")
def decode(
    folder: str,
    number: int | None,
    token: int | None,
    count: int,
    source: str | None,
    tokenizer: str | None,
    by_loss: bool,
) -> None:
    """Print the text of one document, or of some tokens; on a terminal with controls as escapes.

    --loss: a line for each part, quoted as in Python: + where its tokens are targets, - where not.
    """
    from dolma_pipe.errors import TokensError
    from dolma_pipe.tokenizer import load_tokenizer

    if number is not None and token is not None:
        raise click.UsageError("give either --document or --token")
    if by_loss and token is not None:
        raise click.UsageError("--loss is for documents")
    arrays = opened_arrays(folder)
    stamp = arrays.manifest.tokenizer
    if by_loss:
        ids = arrays.document(number or 0, source)
    elif token is None:
        ids = arrays.document(number or 0, source)[:-1]
    else:
        ids = arrays.span(token, count, source)
    reader = load_tokenizer(tokenizer or stamp.name)
    if reader.sha256 != stamp.sha256:
        raise TokensError(f"{reader.name} is not the tokenizer that wrote {arrays.name}")
    if not by_loss:
        click.echo(reader.decode(ids), sys.stdout if sys.stdout.isatty() else unguarded(sys.stdout))
        return
    for trained, part in _parts(ids, arrays.document_loss(number or 0, source)):
        click.echo(f"{'+' if trained else '-'} {reader.decode(part)!r}")


def _parts(ids: "Tokens", loss: "Loss | None") -> "Iterator[tuple[bool, Tokens]]":
    """Runs of tokens that are targets, or are not."""
    start = 0
    flags = [1] * len(ids) if loss is None else loss.tolist()
    for flag, run in groupby(flags):
        end = start + len(list(run))
        yield bool(flag), ids[start:end]
        start = end


@click.command("where")
@arrays_argument
@click.option("--token", type=click.IntRange(0), help="Number from 0.")
@click.option("--document", type=click.IntRange(0), help="Number from 0.")
@source_option
@json_option
def where(
    folder: str, token: int | None, document: int | None, source: str | None, as_json: bool
) -> None:
    """Say in which file and document a token is, and which line of the input it came from."""
    from dolma_pipe.tokens import find_document, find_token

    if (token is None) == (document is None):
        raise click.UsageError("give either --token or --document")
    arrays = opened_arrays(folder)
    if token is not None:
        place = find_token(arrays, token, source)
    else:
        place = find_document(arrays, document or 0, source)
    if as_json:
        show_json(place)
        return
    click.echo(f"token     {place.token}; {place.token_in_source} of {place.source}")
    click.echo(f"file      {place.file}, token {place.token_in_file}")
    click.echo(
        f"document  {place.document}; {place.document_in_source} of {place.source}; "
        f"{place.document_in_file} of the file: tokens {place.start} to {place.end}"
    )
    click.echo(f"offset    {place.offset} of {place.end - place.start}")
    click.echo(f"input     {place.src}, line {place.line}")
    click.echo(f"id        {place.id}")
