"""mix.yaml: parsed and checked once, before any data is read."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from dolma_pipe.entries import METHODS, Ast, Decontaminate, Entry, MinHash
from dolma_pipe.errors import InputError, RecipeError
from dolma_pipe.evaluations import check_evaluations
from dolma_pipe.extends import read_extended
from dolma_pipe.formats.reading import ColumnNames, FormatName, Html, Reading
from dolma_pipe.inputs import find_inputs
from dolma_pipe.mix_settings import MixSettings
from dolma_pipe.recipe import FILTER_STAGES, FilterStage, Mask, Recipe, Rule, Source, TaggerUse
from dolma_pipe.recipe_checks import (
    check_chat,
    check_columns,
    check_names,
    check_output,
    indexed_sources,
)
from dolma_pipe.settings import nearest, one_line, settle
from dolma_pipe.shard import MAX_DOCUMENT_BYTES
from dolma_pipe.shelf import blamed, find
from dolma_pipe.tokenizer import TokenizeSettings

MOST_ENTRIES = 255
"""Of dedup: a byte a document says which one removed it."""

METADATA = "metadata"
"""The tagger of fields that documents bring with them, and the prefix of its columns."""
Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*\Z", max_length=100)]
"""Of a recipe or a source: a folder is called so."""


class FilterSection(msgspec.Struct, forbid_unknown_fields=True):
    """One of the stages 1 to 3 as the recipe has it."""

    taggers: list[str | dict[str, dict[str, Any] | None]] | msgspec.UnsetType = msgspec.UNSET
    keep: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    mask: dict[str, str] | msgspec.UnsetType = msgspec.UNSET


class SourceSection(msgspec.Struct, forbid_unknown_fields=True):
    """A source: its documents, the stages it skips, and settings that replace those of a stage."""

    documents: str | list[str]
    format: FormatName | Literal["auto"] = "auto"
    split: str | list[str] = []
    columns: ColumnNames = ColumnNames()
    html: Html = "resiliparse"
    check_digests: bool = False
    messages: bool = False
    skip: list[FilterStage] = []
    language: FilterSection = msgspec.field(default_factory=FilterSection)
    quality: FilterSection = msgspec.field(default_factory=FilterSection)
    content: FilterSection = msgspec.field(default_factory=FilterSection)


class RecipeFile(msgspec.Struct, forbid_unknown_fields=True):
    """The whole file, stages in their order."""

    name: Name
    sources: dict[Name, Any]
    seed: Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)] = 0
    language: FilterSection = msgspec.field(default_factory=FilterSection)
    quality: FilterSection = msgspec.field(default_factory=FilterSection)
    content: FilterSection = msgspec.field(default_factory=FilterSection)
    dedup: Annotated[
        list[dict[str, dict[str, Any] | None]], msgspec.Meta(max_length=MOST_ENTRIES)
    ] = []
    dedup_index: str | list[str] = []
    """Indexes of earlier runs, made by `dolma-pipe dedup index`: their documents come before those
    of this recipe, without being read again."""
    mix: MixSettings | None = None
    tokenize: TokenizeSettings | None = None
    max_bad: Annotated[float, msgspec.Meta(ge=0)] | None = None
    """Bad lines that a pass may quarantine: a number, or a share below 1; by default the larger of
    10 and 0.1 %."""
    max_document_bytes: Annotated[int, msgspec.Meta(ge=1, le=(1 << 63) - 1)] = MAX_DOCUMENT_BYTES


def read_recipe(path: Path) -> Recipe:
    """Read and check a recipe, `extends` followed. Relative paths in it start at the current
    directory.

    Raises RecipeError: one line with file, place and the nearest name.
    """
    try:
        return _checked(settle(_without_empty_sections(read_extended(path)), RecipeFile, ""))
    except RecipeError as error:
        raise RecipeError(f"{path}: {one_line(error)}") from error.__cause__


def read_sources(path: Path) -> Recipe:
    """The sources of a recipe alone, nothing done to them: for what goes before its taggers.

    Raises RecipeError.
    """
    given = read_extended(path)
    if isinstance(given, dict):
        given = {
            key: given[key] for key in ("name", "sources", "max_document_bytes") if key in given
        }
        if isinstance(given.get("sources"), dict):
            given["sources"] = {
                name: {
                    key: value
                    for key, value in source.items()
                    if key not in (*FILTER_STAGES, "skip")
                }
                if isinstance(source, dict)
                else source
                for name, source in given["sources"].items()
            }
    try:
        return _checked(settle(given, RecipeFile, ""))
    except RecipeError as error:
        raise RecipeError(f"{path}: {one_line(error)}") from error.__cause__


def _without_empty_sections(given: Any) -> Any:
    """A section with nothing below its name is a section that is not there.

    Not so inside of a source, where no rule at all ({}) and the rules of the stage differ.
    """
    given = _without_nulls(given, *FILTER_STAGES, "dedup", "dedup_index", "mix", "tokenize")
    if isinstance(given, dict):
        for stage in FILTER_STAGES:
            if stage in given:
                given[stage] = _without_nulls(given[stage], "taggers", "keep", "mask")
    return given


def _without_nulls(given: Any, *keys: str) -> Any:
    if not isinstance(given, dict):
        return given
    return {key: value for key, value in given.items() if value is not None or key not in keys}


def _checked(file: RecipeFile) -> Recipe:
    if not file.sources:
        raise RecipeError("sources: at least one is needed")
    sections = {
        name: settle(
            _without_nulls(given, "skip", *FILTER_STAGES), SourceSection, f"sources.{name}"
        )
        for name, given in file.sources.items()
    }
    entries = tuple(_entries(file.dedup))
    indexes = file.dedup_index
    recipe = Recipe(
        name=file.name,
        seed=file.seed,
        sources=tuple(_source(name, section, file, entries) for name, section in sections.items()),
        dedup=entries,
        dedup_index=tuple([indexes] if isinstance(indexes, str) else indexes),
        mix=file.mix,
        tokenize=file.tokenize,
        max_bad=file.max_bad,
        max_document_bytes=file.max_document_bytes,
    )
    if file.mix is not None and file.tokenize is None:
        raise RecipeError(
            "mix: needs a tokenize section, a mix is planned in tokens"
            " (tokenize: {tokenizer: gpt-neox-olmo})"
        )
    check_names(recipe, indexed_sources(recipe))
    check_chat(recipe)
    check_output(recipe)
    return recipe


def _source(
    name: str, section: SourceSection, file: RecipeFile, entries: Sequence[Entry]
) -> Source:
    taggers: list[TaggerUse] = []
    rules: list[Rule] = []
    masks: list[Mask] = []
    for stage in FILTER_STAGES:
        if stage in section.skip:
            continue
        own, general = getattr(section, stage), getattr(file, stage)
        taggers += [
            _tagger_use(stage, given) for given in _chosen(own.taggers, general.taggers, [])
        ]
        for column, bounds in _chosen(own.keep, general.keep, {}).items():
            rules.append(_rule(stage, column, bounds))
        for column, replacement in _chosen(own.mask, general.mask, {}).items():
            masks.append(Mask(stage, column, replacement))
    taggers += _implied(
        taggers, rules, _compared(name, entries, file.mix), _grouped(name, file.mix)
    )
    reading = Reading(
        section.format, section.columns, section.html, section.check_digests, section.messages
    )
    splits = (section.split,) if isinstance(section.split, str) else tuple(section.split)
    inputs = find_inputs(name, section.documents, reading, splits)
    source = Source(name, inputs, tuple(taggers), tuple(rules), tuple(masks), reading)
    check_columns(source)
    return source


def _chosen(own: Any, general: Any, default: Any) -> Any:
    """What the source says, else what the stage says."""
    given = general if own is msgspec.UNSET else own
    return default if given is msgspec.UNSET else given


def _tagger_use(stage: FilterStage, given: str | dict[str, dict[str, Any] | None]) -> TaggerUse:
    place = f"{stage}.taggers"
    name, settings = _one_pair(given, place) if isinstance(given, dict) else (given, None)
    try:
        found = find("taggers", name)
    except RecipeError as error:
        raise RecipeError(f"{place}: {error}") from None
    use = TaggerUse(stage, found.prefix, found, settings or {})
    with blamed(f"{place}.{name}"):
        own_name = use.build().name
    return msgspec.structs.replace(use, prefix=own_name or found.prefix)


def _compared(name: str, entries: Sequence[Entry], mix: MixSettings | None) -> Iterator[str]:
    """The columns by which dedup and mix compare documents of a source."""
    for entry in entries:
        if entry.column is not None and entry.concerns(name):
            yield entry.column
    for _, curve in mix.curves_of(name) if mix is not None else ():
        yield curve.by
    group = mix.groups.get(name) if mix is not None else None
    if group is not None and group.at:
        yield group.by


def _grouped(name: str, mix: MixSettings | None) -> str | None:
    """The column whose labels group the documents of a source."""
    group = mix.groups.get(name) if mix is not None else None
    return group.by if group is not None and not group.at else None


def _implied(
    taggers: Sequence[TaggerUse],
    rules: Sequence[Rule],
    compared: Iterator[str],
    grouped: str | None,
) -> Iterator[TaggerUse]:
    """Taggers of `metadata.*` columns that are named and not made, in the stage of their rule.

    grouped: the column whose labels group the documents.

    None where the prefix belongs to a tagger of the user's own: then its columns are meant.
    """
    found = find("taggers", METADATA)
    own = [use for use in taggers if use.prefix == METADATA]
    if any(use.found != found for use in own):
        return
    made = {f"{METADATA}.{column}" for use in own for column in use.build().columns()}
    named: dict[str, FilterStage] = {rule.column: rule.stage for rule in rules}
    named = dict.fromkeys(compared, FILTER_STAGES[-1]) | named
    for stage in FILTER_STAGES:
        fields = [
            column.removeprefix(f"{METADATA}.")
            for column, of in named.items()
            if of == stage and column.startswith(f"{METADATA}.") and column not in made
        ]
        if fields:
            yield TaggerUse(stage, METADATA, found, {"fields": fields})
    if grouped and grouped.startswith(f"{METADATA}.") and grouped not in made:
        if grouped in named:
            raise RecipeError(
                f"mix.groups: {grouped} is read as a number elsewhere; give borders: at"
            )
        label = grouped.removeprefix(f"{METADATA}.")
        yield TaggerUse(FILTER_STAGES[-1], METADATA, found, {"labels": [label]})


def _one_pair(given: dict[str, Any], place: str) -> tuple[str, Any]:
    if len(given) != 1:
        told = ", ".join(given) or "none"
        raise RecipeError(f"{place}: one name with its settings is needed, got {told}")
    return next(iter(given.items()))


def _rule(stage: FilterStage, column: str, bounds: Any) -> Rule:
    place = f"{stage}.keep.{column}"
    low, high = settle(bounds, tuple[float | None, float | None], place)
    if low is None and high is None:
        raise RecipeError(f"{place}: [null, null] keeps everything; give a bound")
    if low is not None and high is not None and low > high:
        raise RecipeError(f"{place}: {low:g} is above {high:g}, nothing can be kept")
    return Rule(stage, column, low, high)


def _entries(given: list[dict[str, dict[str, Any] | None]]) -> Iterator[Entry]:
    for i, entry in enumerate(given):
        method, settings = _one_pair(entry, f"dedup.{i}")
        if method not in METHODS:
            raise RecipeError(
                f"dedup.{i}: unknown method '{method}'{nearest(method, list(METHODS))}"
            )
        place = f"dedup.{i}.{method}"
        settled = settle(settings or {}, METHODS[method], place)
        if isinstance(settled, MinHash | Ast) and settled.threshold is not None:
            _two_bands(settled.threshold, settled.bands * settled.rows, place)
        if isinstance(settled, Decontaminate):
            try:
                check_evaluations(settled)
            except InputError as error:
                raise RecipeError(f"{place}.{error}") from None
        yield settled


def _two_bands(threshold: float, permutations: int, place: str) -> None:
    """datasketch refuses a threshold for which a single band would be best, unless there is but
    one value to put in bands."""
    from datasketch import MinHashLSH  # brings scipy: wanted only where a recipe gives a threshold

    try:
        if permutations > 1:
            MinHashLSH(threshold=threshold, num_perm=permutations)
    except ValueError:
        raise RecipeError(
            f"{place}.threshold: {threshold:g} is too near to 1 for bands * rows = {permutations}"
        ) from None
