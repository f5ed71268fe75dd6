"""`dolma-pipe train`: token arrays into a model, and what one looks at while it trains."""

from pathlib import Path
from typing import Any

import click

from dolma_pipe.cli import train_plot
from dolma_pipe.cli.options import GoesOn, json_option, show_json


class _TrainOrSubcommand(click.Group):
    """`train CONFIG` trains; `train plot` is a command of its own."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands:
            return "run", self.commands["run"], args
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Options before CONFIG are those of training."""
        if args and args[0].startswith("-") and args[0] not in ("-h", "--help"):
            args = ["run", *args]
        return super().parse_args(ctx, args)


@click.group("train", cls=_TrainOrSubcommand, subcommand_metavar="CONFIG [OPTIONS] | plot RUN...")
def command() -> None:
    """Train a model on token arrays as CONFIG (train.yaml) says; run again, it goes on.

    Several processes: torchrun --nproc-per-node 8 -m dolma_pipe train CONFIG. SIGTERM and Ctrl-C
    save first. `dolma-pipe train run --help` tells the options, docs/training.md the settings.
    """


@command.command("run", cls=GoesOn)
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(), help="Folder of the run [default: runs/NAME].")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), help="Where it trains.")
@click.option("--check", is_flag=True, help="Tell what would be trained, and stop.")
@json_option
def run(config: Path, out: str | None, device: str | None, check: bool, as_json: bool) -> None:
    """Train as CONFIG says; with a run that was interrupted, go on from its last checkpoint."""
    import msgspec

    from dolma_pipe.train.config import read_config

    given: dict[str, Any] = {"out": out, "device": device}
    chosen = {key: value for key, value in given.items() if value is not None}
    settings = msgspec.structs.replace(read_config(config), **chosen)
    from dolma_pipe.cli.torch_needed import torch_needed

    with torch_needed():
        from dolma_pipe.train.start import Trained, start

    def tell(trained: Trained) -> None:
        if as_json:
            show_json(trained)
        elif check:
            click.echo("\n".join(trained.description))

    if signal := start(settings, only_check=check, told=tell):
        raise SystemExit(128 + signal)


command.add_command(train_plot.command)
