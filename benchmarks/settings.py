"""Every tagger of the shelf ready to run: those that need settings get made-up lists and models."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from dolma_pipe.assets import asset_path
from dolma_pipe.errors import UserError
from dolma_pipe.shelf import find, load, names
from dolma_pipe.tagger import Tagger

URLS = 1_000_000
"""Entries of a made-up list of domains: as many as public lists have."""

Settings = Callable[[Path], dict[str, Any]]
"""Settings of a tagger; what they name is written into the folder."""


class NotReady(Exception):
    """A tagger cannot be built; one line."""


class Variant(NamedTuple):
    """A tagger by its name on the shelf, with settings."""

    tagger: str
    settings: Settings


def _model(_: Path) -> dict[str, Any]:
    """A real model: lid.176 as a classifier of two labels."""
    return {"model": str(asset_path("lid176")), "labels": ["en", "de"]}


def _domains(folder: Path) -> dict[str, Any]:
    return {"domains": str(made_up_domains(folder / "domains.txt", URLS))}


def made_up_domains(path: Path, entries: int) -> Path:
    """So many domains, one a line, the same each time."""
    rng = random.Random(1)
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    with path.open("w", encoding="utf-8") as file:
        for _ in range(entries):
            file.write("".join(rng.choices(letters, k=rng.randint(4, 14))) + ".example\n")
    return path


def _always(**settings: Any) -> Settings:
    return lambda _: settings


VARIANTS = {
    "classifier": Variant("classifier", _model),
    "classifier by sentence": Variant(
        "classifier", lambda folder: _model(folder) | {"level": "sentence"}
    ),
    "lid by paragraph": Variant("lid", _always(level="paragraph")),
    "metadata": Variant("metadata", _always(fields=["score", "length"])),
    "pii, every kind": Variant(
        "pii", _always(find=["email", "phone", "ip", "credit_card", "iban", "secret"])
    ),
    "pii, phones confirmed": Variant("pii", _always(regions=["US", "GB", "DE", "IN"])),
    "url": Variant("url", _domains),
}
"""Those that need settings, and settings that make a tagger do other work. Everything else on the
shelf runs as a recipe that only names it does."""

NOT_OF_TEXT = {"metadata", "url"}
"""They read no text: neither a rate in MB of text nor growth with it says anything."""


def variants() -> dict[str, Variant]:
    """By label: every tagger of the shelf, and every VARIANT of one that is there.

    `imported` reads what an import made: benchmarks.exchange runs it.
    """
    there = [name for name in names("taggers") if name != "imported"]
    plain = {name: Variant(name, _always()) for name in there if name not in VARIANTS}
    known = {label: v for label, v in VARIANTS.items() if v.tagger in there}
    return dict(sorted((plain | known).items()))


def built(label: str, folder: Path) -> Tagger:
    """The tagger ready to run. Raises NotReady."""
    folder.mkdir(parents=True, exist_ok=True)
    name, settings = variants()[label]
    try:
        kind = load(find("taggers", name), Tagger)
        made: Tagger = msgspec.convert(settings(folder), kind)
        for asset in made.assets():
            asset_path(asset)
        made.check()
    except (msgspec.ValidationError, UserError) as error:
        raise NotReady(f"{type(error).__name__}: {error}") from error
    return made
