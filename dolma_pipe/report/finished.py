"""A run that was made, opened by its work directory: what it says of itself, without its inputs."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from dolma_pipe.errors import UserError, WorkError
from dolma_pipe.inputs import Input
from dolma_pipe.recipe import Source
from dolma_pipe.recipe_file import read_recipe
from dolma_pipe.report.summary import Summary
from dolma_pipe.settings import read_yaml
from dolma_pipe.stages.mix.plan import Plan, plan_path, read_plan
from dolma_pipe.store import check_place
from dolma_pipe.stored import AttributeFile
from dolma_pipe.work import Work, address, exists, files_below, held, here, is_remote

Told = TypeVar("Told")


class StoredRecipe(msgspec.Struct, frozen=True):
    """The recipe of a run as its manifest.json has it: resolved, every default filled in."""

    name: str
    seed: int
    sources: tuple[Source, ...]
    dedup: tuple[dict[str, Any], ...]
    mix: dict[str, Any] | None
    tokenize: dict[str, Any] | None
    max_document_bytes: int
    dedup_index: tuple[str, ...] = ()

    def inputs(self) -> list[Input]:
        """All shards, in the order that numbers documents."""
        return [shard for source in self.sources for shard in source.inputs]


class RunManifest(msgspec.Struct, frozen=True):
    """manifest.json of a work directory. shards: by key, what each pass says of it; dedup, mix:
    fingerprint and outputs of these passes; assets: sha256 by name."""

    dolma_pipe: str
    code: str
    recipe: StoredRecipe
    assets: dict[str, str]
    shards: dict[str, dict[str, Any]]
    dedup: dict[str, Any] | None = None
    mix: dict[str, Any] | None = None


class TaggedSource(NamedTuple):
    """A source of the run with the attributes of its shards, in the order of the recipe; a shard
    that failed has none, though an earlier run may have left some."""

    source: Source
    files: dict[str, Path]


class Bad(msgspec.Struct, frozen=True):
    """A line that is no document, as quarantine/ has it."""

    line: int
    reason: str
    excerpt: str


class FinishedRun:
    """What a run has left. Nothing is read before it is asked for; nothing is written."""

    def __init__(self, root: Path) -> None:
        self.work = Work(root)

    @property
    def place(self) -> str:
        """Its work directory as people write it."""
        return address(self.work.root)

    @cached_property
    def manifest(self) -> RunManifest:
        """manifest.json. Raises WorkError where it is damaged or of another version."""
        return self._read("manifest.json", RunManifest)

    @cached_property
    def summary(self) -> Summary:
        """report.json: the counts of every stage. Raises WorkError."""
        return self._read("report.json", Summary)

    @cached_property
    def plan(self) -> Plan | None:
        """The plan of its mix, if it came so far; not that of an earlier run."""
        told = self.summary.mix and exists(plan_path(self.work))
        return read_plan(self.work) if told else None

    @cached_property
    def dedup_report(self) -> dict[str, Any] | None:
        """dedup/report.json, if it came so far; not that of an earlier run. Raises WorkError."""
        told = any(flow.stage == "dedup" for flow in self.summary.flows)
        return self._read("dedup/report.json", dict[str, Any]) if told else None

    @property
    def recipe(self) -> StoredRecipe:
        return self.manifest.recipe

    @cached_property
    def tagged(self) -> list[TaggedSource]:
        """Sources with the places of their attributes."""
        there = files_below(self.work.root / "attributes")
        return [
            TaggedSource(
                source,
                {
                    shard.key: self.work.attributes(shard.key)
                    for shard in source.inputs
                    if self.work.attributes(shard.key) in there
                    and shard.key not in self.summary.failed
                },
            )
            for source in self.recipe.sources
        ]

    def attributes(self, key: str) -> AttributeFile:
        """What is stored of a shard's documents. Raises Unusable."""
        return AttributeFile(self.work.attributes(key))

    def quarantined(self, key: str) -> Iterator[Bad]:
        """Lines of a shard that are no documents, nearly in their order."""
        with held(self.work.quarantine(key)) as path, path.open("rb") as file:
            for line in file:
                yield msgspec.json.decode(line, type=Bad)

    def _read(self, name: str, kind: type[Told]) -> Told:
        path = self.work.root / name
        try:
            return msgspec.json.decode(here(path).read_bytes(), type=kind)
        except FileNotFoundError:
            raise WorkError(f"{self.place} has no {name}: dolma-pipe run makes it") from None
        except msgspec.MsgspecError as error:
            raise WorkError(
                f"{address(path)} is not of this version ({error}): run again"
            ) from None


def finished_run(told: str) -> FinishedRun:
    """The run that RUN names: a work directory, here or on s3://, or a recipe, whose work/NAME it
    is then. Raises WorkError where no run has ended there."""
    check_place(told)
    root = Path(told)
    if not is_remote(root) and root.is_file():
        try:
            root = Path("work") / _name_in(root)
        except UserError as error:
            raise WorkError(f"{told} is no work directory, and no recipe either: {error}") from None
    if not exists(root / "manifest.json"):
        raise WorkError(f"{address(root)} is no work directory of a run that has ended")
    return FinishedRun(root)


def _name_in(recipe: Path) -> str:
    """The name of a recipe, whose inputs may be gone. Raises RecipeError."""
    told = read_yaml(recipe)
    name = told.get("name") if isinstance(told, dict) else None
    return name if isinstance(name, str) else read_recipe(recipe).name
