"""Models, tokenizers and sample texts: the answer of `dolma-pipe assets list`."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from dolma_pipe.assets import ASSETS, MADE, Asset, Made, cached_path


class AssetRow(msgspec.Struct):
    """An asset. bytes: None of one that is not made yet. file: None where it is not fetched.

    places: where it may be had, in their order. command: that makes it, of one that is made here,
    which has neither sha256 nor licence nor places.
    """

    name: str
    bytes: int | None
    file: Path | None
    about: str
    sha256: str | None
    licence: str | None
    places: list[str]
    command: str | None


def asset_rows() -> list[AssetRow]:
    """All that have a name."""
    return [*map(_fetched, ASSETS.values()), *map(_made, MADE.values())]


def _fetched(asset: Asset) -> AssetRow:
    return AssetRow(
        name=asset.name,
        bytes=asset.size,
        file=cached_path(asset.name),
        about=asset.about,
        sha256=asset.sha256,
        licence=asset.licence,
        places=[str(place) for place in asset.places],
        command=None,
    )


def _made(made: Made) -> AssetRow:
    there = made.path.is_file()
    return AssetRow(
        name=made.name,
        bytes=made.path.stat().st_size if there else None,
        file=made.path if there else None,
        about=made.about,
        sha256=None,
        licence=None,
        places=[],
        command=made.command,
    )


def assets_table(rows: Sequence[AssetRow]) -> str:
    """Some lines an asset."""
    return "\n".join(line for row in rows for line in _lines(row))


def _lines(row: AssetRow) -> Iterator[str]:
    size = f"{'':9}" if row.bytes is None else f"{row.bytes / 1e6:6.1f} MB"
    done, missing = ("cached", "not fetched") if row.command is None else ("made", "not made")
    yield f"{row.name:14} {size}  {done if row.file else missing:11}  {row.about}"
    if row.command is None:
        yield f"{'':14} sha256 {row.sha256}  {row.licence}"
    else:
        yield f"{'':14} {MADE[row.name].path}: {row.command}"
    for place in row.places:
        yield f"{'':14} {place}"
