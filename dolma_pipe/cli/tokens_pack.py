"""`dolma-pipe tokens pack`: make a packing plan beside token arrays, and tell what it costs."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from dolma_pipe.cli.options import (
    arrays_argument,
    arrays_in,
    json_option,
    show_json,
)

if TYPE_CHECKING:
    from dolma_pipe.tokens import PackingPlan


@click.command()
@arrays_argument
@click.option("--length", type=int, required=True, help="Targets an instance (a token more).")
@click.option(
    "--method",
    type=click.Choice(["best-fit", "concatenate", "padded"]),
    default="best-fit",
    show_default=True,
    help="Whole documents side by side, all end to end and cut, or one an instance.",
)
@click.option(
    "--long",
    type=click.Choice(["fragment", "truncate"]),
    help="Of a longer document: all in pieces, or its beginning.  [default: fragment]",
)
@click.option("--source", help="Pack this source only.")
@click.option("--name", help="Name of the plan; one of that name is replaced.")
@click.option("--seed", type=int, help="Of the order of instances.  [default: that of the arrays]")
@json_option
def pack(folder: str, as_json: bool, **settings: Any) -> None:
    """Plan instances of equal size: DIR/packed/NAME/, which a trainer reads. No token moves.

    An instance of --length 4096 has 4,097 tokens: 4,096 inputs, each with the next token as its
    target. The end-of-text token of a document counts. Windows of concatenate share one token, so
    that every token is a target once.
    """
    from dolma_pipe.stages.pack import PackSettings, PlannedPacking
    from dolma_pipe.stages.pack import pack as pack_arrays

    place = arrays_in(folder)
    name, plan = pack_arrays(place, PackSettings(**settings))
    if as_json:
        show_json(PlannedPacking(place / "packed" / name, plan))
        return
    click.echo(f"{place / 'packed' / name}: {plan.method}, {plan.capacity:,} tokens an instance")
    for label, number, share in _rows(plan):
        click.echo(f"{label:<20} {number:>16,} {share:>7}".rstrip())


def _rows(plan: "PackingPlan") -> Iterator[tuple[str, int, str]]:
    counts = plan.counts
    yield "documents", counts.documents, ""
    yield "tokens", counts.tokens, ""
    yield "instances", counts.instances, ""
    yield "pieces", counts.pieces, ""
    if plan.long == "truncate":
        documents, tokens = counts.truncated_documents, counts.truncated_tokens
        yield "truncated documents", documents, _share(documents, counts.documents)
        yield "truncated tokens", tokens, _share(tokens, counts.tokens)
    else:
        split = counts.split_documents
        yield "split documents", split, _share(split, counts.documents)
    if plan.method == "concatenate":
        yield "tokens read twice", counts.overlap, _share(counts.overlap, counts.tokens)
    room = counts.instances * plan.capacity
    yield "padding", counts.padding, _share(counts.padding, room)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.3%}"
