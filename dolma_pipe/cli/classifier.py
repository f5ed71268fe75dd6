"""`dolma-pipe classifier`: train and measure fastText classifiers on one's own folders."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from dolma_pipe.cli.options import json_option, show_json
from dolma_pipe.learn.settings import NEGATIVE, POSITIVE, SampleSettings, TrainSettings

Command = TypeVar("Command", bound=Callable[..., Any])
NOT_FOR_EVAL = ("held_out",)


@click.group("classifier")
def command() -> None:
    """Train and measure classifiers that tell documents like these from documents like those."""


def settings_options(struct: type, without: tuple[str, ...] = ()) -> Callable[[Command], Command]:
    """An option for every setting: type, bounds, default and help are those of the struct."""
    information = msgspec.inspect.type_info(struct)
    assert isinstance(information, msgspec.inspect.StructType)

    def decorate(command: Command) -> Command:
        for field in reversed(information.fields):
            if field.name not in without:
                command = _option(field)(command)
        return command

    return decorate


def _option(field: msgspec.inspect.Field) -> Callable[[Command], Command]:
    assert isinstance(field.type, msgspec.inspect.Metadata)
    kind, schema = field.type.type, field.type.extra_json_schema or {}
    parsed: click.ParamType[Any]
    if isinstance(kind, msgspec.inspect.LiteralType):
        parsed = click.Choice([str(value) for value in kind.values])
    else:
        assert isinstance(kind, msgspec.inspect.IntType | msgspec.inspect.FloatType)
        parsed = _number(kind)
    return click.option(
        f"--{field.name.replace('_', '-')}",
        field.name,
        type=parsed,
        default=field.default,
        show_default=True,
        help=schema.get("description"),
    )


def _number(
    kind: msgspec.inspect.IntType | msgspec.inspect.FloatType,
) -> click.ParamType[Any]:
    """Its bounds; none where there are none, which a range of click tells as x<=None."""
    whole = isinstance(kind, msgspec.inspect.IntType)
    highest: Any = kind.le if kind.lt is None else kind.lt
    lowest: Any = kind.ge if kind.gt is None else kind.gt
    if lowest is None and highest is None:
        return click.INT if whole else click.FLOAT
    open_ends = {"min_open": kind.gt is not None, "max_open": kind.lt is not None}
    ranged = click.IntRange if whole else click.FloatRange
    return ranged(lowest, highest, **open_ends)


def paths_options(required: bool) -> Callable[[Command], Command]:
    """--positive and --negative."""

    def decorate(command: Command) -> Command:
        for name in ("negative", "positive"):
            command = click.option(
                f"--{name}",
                metavar="PATHS",
                multiple=True,
                required=required,
                help=f"{name.capitalize()} documents: a shard, a pattern or a folder of shards; "
                "may be given again.",
            )(command)
        return command

    return decorate


@command.command("train")
@paths_options(required=False)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="The model: .ftz (quantised) or .bin; its card lies beside it as .md and .json.",
)
@click.option("--bin", "keep_bin", is_flag=True, help="Keep the model before quantising, too.")
@click.option("--positive-label", default=POSITIVE, show_default=True)
@click.option("--negative-label", default=NEGATIVE, show_default=True)
@click.option(
    "--label",
    "labels",
    metavar="NAME=PATHS",
    multiple=True,
    help="Documents of one more class, or of the first; may be given again.",
)
@settings_options(TrainSettings)
@click.option("--force", is_flag=True, help="Write anew what is there already.")
@json_option
def train(
    positive: tuple[str, ...],
    negative: tuple[str, ...],
    out: Path,
    keep_bin: bool,
    positive_label: str,
    negative_label: str,
    labels: tuple[str, ...],
    force: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Train a fastText model, measure it on documents held out, write its card.

    Documents are split by a hash of their words; classes of different size are balanced as
    --balance says. The same files and settings give the same bytes. Lengths of documents and lines
    stand beside the model's AUC: what they reach needs no model. In a recipe the score is
    {classifier: {name: quality, model: OUT}}, its columns quality.hq and quality.lq.
    """
    from dolma_pipe.cli.progress import watcher
    from dolma_pipe.learn.tables import measures_told, sample_told
    from dolma_pipe.learn.train import target
    from dolma_pipe.learn.train import train as train_model

    paths = _paths({positive_label: positive, negative_label: negative}, labels)
    made = target(out, keep_bin=keep_bin, force=force)
    card = train_model(
        paths,
        made,
        msgspec.convert(settings, TrainSettings),
        watcher(),
        loud=sys.stderr.isatty(),
    )
    if as_json:
        show_json(card)
        return
    _print(sample_told(card.classes))
    for measures in card.measures:
        _print(["", *measures_told(measures)])
    if card.auc_before_quantising is not None:
        _print(["", f"AUC before quantising {card.auc_before_quantising:.4f}"])
    _print([""])
    for path, file in zip(made.files(), card.files, strict=False):
        _print([f"{path}  {file.bytes:,} bytes, sha256 {file.sha256}"])
    _print([str(path) for path in made.files()[len(card.files) :]])


@command.command("eval")
@click.argument("model")
@paths_options(required=True)
@click.option(
    "--label", default=POSITIVE, show_default=True, help="The label whose score is measured."
)
@click.option(
    "--held-out-only",
    is_flag=True,
    help="Only documents that the training held out, by the split told in the model's card.",
)
@json_option
@settings_options(SampleSettings, without=NOT_FOR_EVAL)
def evaluate(
    model: str,
    positive: tuple[str, ...],
    negative: tuple[str, ...],
    label: str,
    held_out_only: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Measure any fastText classifier (an asset or a file) on documents of two classes.

    Scores are those of the `classifier` tagger.
    """
    from dolma_pipe.cli.progress import watcher
    from dolma_pipe.learn.tables import measures_told, sample_told
    from dolma_pipe.learn.train import evaluate as evaluate_model

    sampling = msgspec.convert(settings, SampleSettings)
    found = evaluate_model(
        model, positive, negative, label, sampling, watcher(), held_out_only=held_out_only
    )
    if as_json:
        show_json(found)
    else:
        _print([*sample_told(found.classes), "", *measures_told(found.measures)])


def _paths(sides: dict[str, tuple[str, ...]], labels: tuple[str, ...]) -> dict[str, list[str]]:
    """Paths by label, in the order in which they are given."""
    paths = {label: list(given) for label, given in sides.items() if given}
    for each in labels:
        name, separator, path = each.partition("=")
        if not (name and separator and path):
            raise click.BadParameter(f"'{each}' is not NAME=PATHS", param_hint="--label")
        paths.setdefault(name, []).append(path)
    return paths


def _print(lines: list[str]) -> None:
    for line in lines:
        click.echo(line)
