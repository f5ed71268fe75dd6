"""`dolma-pipe checkpoints`: list, compare, pack as deltas, unpack, merge adapters."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dolma_pipe.cli import checkpoints_merge
from dolma_pipe.cli.options import json_option, show_json

if TYPE_CHECKING:
    from dolma_pipe.train.checkpoints.packing import Packed

folder_type = click.Path(path_type=Path)
workers_option = click.option(
    "--workers", type=click.IntRange(1), help="Threads [default: one a core]"
)


@click.group("checkpoints")
def command() -> None:
    """List, compare, pack and merge the checkpoints of a training."""


command.add_command(checkpoints_merge.command)


@command.command("list")
@click.argument("run", type=folder_type)
@click.option("--check", is_flag=True, help="Decode deltas and compare them with their sha256.")
@json_option
def list_command(run: Path, check: bool, as_json: bool) -> None:
    """The checkpoints of a run: step, tokens, loss, learning rate, sizes, delta or whole.

    Tells what is damaged or half-written, and exits with 1 where anything is damaged. RUN may be a
    checkpoint, too.
    """
    from dolma_pipe.train.checkpoints.listing import rows, table

    listed = rows(run, check=check)
    if as_json:
        show_json(listed)
    else:
        click.echo("\n".join(table(listed)))
    if any(row.damaged for row in listed):
        raise SystemExit(1)


@command.command()
@click.argument("a", type=folder_type)
@click.argument("b", type=folder_type)
@click.option("--changed", is_flag=True, help="Only parameters that differ.")
@json_option
def diff(a: Path, b: Path, changed: bool, as_json: bool) -> None:
    """What changed from checkpoint A to checkpoint B; each may be a Hugging Face directory.

    RMS: of B - A; relative: the same as a share of the RMS of A; largest: the largest absolute
    B - A as a share of the RMS of A; bits: share of bits that differ.
    """
    from dolma_pipe.train.checkpoints.compare import difference
    from dolma_pipe.train.checkpoints.compare_table import difference_lines

    found = difference(a, b)
    if as_json:
        show_json(found)
    else:
        click.echo("\n".join(difference_lines(found, changed_only=changed)))


@command.command()
@click.argument("what", metavar="RUN|CHECKPOINT...", type=folder_type, nargs=-1, required=True)
@click.option("--base", required=True, type=folder_type, help="The checkpoint that stays whole.")
@click.option("--out", type=folder_type, help="Folder for deltas [default: deltas/ beside each]")
@click.option(
    "--replace", is_flag=True, help="Remove the original weights, once the delta is verified."
)
@click.option("--optimizer", is_flag=True, help="Keep train/, without which none can resume.")
@workers_option
@json_option
def pack(
    what: tuple[Path, ...],
    base: Path,
    out: Path | None,
    replace: bool,
    optimizer: bool,
    workers: int | None,
    as_json: bool,
) -> None:
    """Store the weights of checkpoints as differences to those of one base, bit for bit.

    RUN: all its whole checkpoints but the base. A base has to stay as it is. Each delta is decoded
    and compared before anything is removed.
    """
    from dolma_pipe.train.checkpoints.packing import Against, PackedCheckpoint, finish
    from dolma_pipe.train.checkpoints.packing import pack as pack_one
    from dolma_pipe.train.checkpoints.selecting import places

    if replace and out is not None:
        raise click.UsageError("--replace puts the delta in place of the weights, --out elsewhere")
    chosen = places(what, base, out, replace=replace)
    against = Against(base)
    told = []
    for one in chosen:
        if one.done:
            if replace:
                finish(one.checkpoint)
            if not as_json:
                click.echo(f"{one.out or one.checkpoint}: a delta already")
            continue
        start = time.perf_counter()
        packed = pack_one(one.checkpoint, against, one.out, optimizer=optimizer, workers=workers)
        seconds = time.perf_counter() - start
        told.append(PackedCheckpoint(packed, seconds))
        if not as_json:
            _tell(packed, base, seconds, replaced=replace)
    if as_json:
        show_json(told)


@command.command()
@click.argument("delta", type=folder_type)
@click.option("--out", type=folder_type, help="New folder [default: in place of the delta]")
@click.option("--base", type=folder_type, help="Where its base lies now.")
@workers_option
def unpack(delta: Path, out: Path | None, base: Path | None, workers: int | None) -> None:
    """Restore the whole checkpoint of a delta, its files as they were (sha256)."""
    from dolma_pipe.train.checkpoints.packing import unpack as unpack_one

    click.echo(f"{unpack_one(delta, out, base=base, workers=workers)}: whole again, as it was")


def _tell(packed: "Packed", base: Path, seconds: float, *, replaced: bool) -> None:
    from dolma_pipe.train.checkpoints.listing import size_told

    share = packed.delta / packed.whole
    sizes = f"{size_told(packed.delta)}, {share:.1%} of {size_told(packed.whole)}"
    click.echo(f"{packed.folder}: {sizes}, verified against {base} in {seconds:.1f} s")
    if packed.alone:
        click.echo(
            f"  tensors stored whole, as the base has no such shape and dtype: {packed.alone}"
        )
    if packed.left_out:
        gone = "removed" if replaced else "left out"
        click.echo(f"  optimizer {gone}: {size_told(packed.left_out)} (--optimizer keeps it)")
