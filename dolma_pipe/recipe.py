"""A recipe that was checked: every name is known, every setting typed, every input found."""

from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from dolma_pipe.entries import Entry
from dolma_pipe.errors import RecipeError
from dolma_pipe.formats.reading import Reading
from dolma_pipe.inputs import Input
from dolma_pipe.mix_settings import MixSettings
from dolma_pipe.settings import nearest, settle
from dolma_pipe.shelf import Found, load
from dolma_pipe.tagger import Tagger
from dolma_pipe.tokenizer import TokenizeSettings

FilterStage = Literal["language", "quality", "content"]
FILTER_STAGES: tuple[FilterStage, ...] = ("language", "quality", "content")


class TaggerUse(msgspec.Struct, frozen=True):
    """A tagger with its settings, as it travels to the workers."""

    stage: FilterStage
    prefix: str
    found: Found
    settings: dict[str, Any]

    def build(self) -> Tagger:
        """The tagger itself. Raises RecipeError where the settings do not fit."""
        kind = load(self.found, Tagger)
        built: Tagger = settle(self.settings, kind, f"{self.stage}.taggers.{self.found.name}")
        return built


class Rule(msgspec.Struct, frozen=True):
    """A range on a column. It drops, and its name is the reason."""

    stage: FilterStage
    column: str
    minimum: float | None
    maximum: float | None


class Mask(msgspec.Struct, frozen=True):
    """Spans of a column are replaced by this text."""

    stage: FilterStage
    column: str
    replacement: str


class Source(msgspec.Struct, frozen=True):
    """A source with all that stages 1 to 3 do to it."""

    name: str
    inputs: tuple[Input, ...]
    taggers: tuple[TaggerUse, ...]
    rules: tuple[Rule, ...]
    masks: tuple[Mask, ...]
    reading: Reading

    def read_as(self, shard: Input) -> Reading:
        """How a shard of this source is read: its own format, found where it was `auto`."""
        return msgspec.structs.replace(self.reading, format=shard.format)


class Recipe(msgspec.Struct, frozen=True):
    """A recipe that was checked."""

    name: str
    seed: int
    sources: tuple[Source, ...]
    dedup: tuple[Entry, ...]
    dedup_index: tuple[str, ...]
    mix: MixSettings | None
    tokenize: TokenizeSettings | None
    max_bad: float | None
    max_document_bytes: int

    def inputs(self) -> list[Input]:
        """All shards, in the order that numbers documents: source order, then name."""
        return [shard for source in self.sources for shard in source.inputs]

    def source(self, name: str) -> Source:
        """The source of this name, which is there."""
        return next(source for source in self.sources if source.name == name)

    def chats(self) -> list[str]:
        """Names of the sources of conversations."""
        return [source.name for source in self.sources if source.reading.messages]

    def chosen(self, names: Iterable[str]) -> tuple[Source, ...]:
        """The sources of these names, or all. Raises RecipeError for an unknown one."""
        known = [source.name for source in self.sources]
        wanted = set(names)
        for name in sorted(wanted - set(known)):
            raise RecipeError(f"unknown source '{name}'{nearest(name, known)}")
        return tuple(source for source in self.sources if not wanted or source.name in wanted)

    def up_to(self, stage: FilterStage) -> "Recipe":
        """The same without taggers, rules and masks of later stages."""
        stages = FILTER_STAGES[: FILTER_STAGES.index(stage) + 1]
        sources = [
            msgspec.structs.replace(
                source,
                taggers=tuple(use for use in source.taggers if use.stage in stages),
                rules=tuple(rule for rule in source.rules if rule.stage in stages),
                masks=tuple(mask for mask in source.masks if mask.stage in stages),
            )
            for source in self.sources
        ]
        return msgspec.structs.replace(self, sources=tuple(sources))

    def check_assets(self) -> None:
        """Raise RecipeError where settings do not fit a model; the assets are there."""
        for source in self.sources:
            for use in source.taggers:
                use.build().check()
        for entry in self.dedup:
            entry.check()

    def assets(self) -> list[str]:
        """Names or paths of every model and tokenizer, sorted."""
        found = {
            name
            for source in self.sources
            for use in source.taggers
            for name in use.build().assets()
        }
        found |= {name for entry in self.dedup for name in entry.assets()}
        if self.tokenize is not None:
            found.add(self.tokenize.tokenizer)
        return sorted(found)
