"""mix.yaml: parsed and checked once, before any data is read."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from dolma_pipe.entries import METHODS, Ast, Decontaminate, Entry, MinHash
from dolma_pipe.errors import InputError, Mistakes, RecipeError
from dolma_pipe.evaluations import check_evaluations
from dolma_pipe.extends import files_of, read_extended
from dolma_pipe.formats.reading import Reading
from dolma_pipe.inputs import Input, find_inputs
from dolma_pipe.mix_settings import MixSettings
from dolma_pipe.recipe import FILTER_STAGES, FilterStage, Mask, Recipe, Rule, Source, TaggerUse
from dolma_pipe.recipe_checks import check_columns, check_together
from dolma_pipe.recipe_lines import located
from dolma_pipe.recipe_sections import RecipeFile, SourceSection
from dolma_pipe.settings import nearest, settle
from dolma_pipe.shelf import blamed, find

METADATA = "metadata"
"""The tagger of fields that documents bring with them, and the prefix of its columns."""


def read_recipe(path: Path) -> Recipe:
    """Read and check a recipe, `extends` followed. Relative paths in it start at the current
    directory.

    Raises RecipeError of every Mistake that can be seen at once: file, line, place and the nearest
    name.
    """
    return _read(path, _without_empty_sections)


def read_sources(path: Path) -> Recipe:
    """The sources of a recipe alone, nothing done to them: for what goes before its taggers.

    Raises RecipeError.
    """
    return _read(path, _sources_alone)


def _read(path: Path, prepared: Callable[[Any], Any]) -> Recipe:
    try:
        given = read_extended(path)
    except RecipeError as error:
        raise RecipeError(*located(error.args, [path])) from error.__cause__
    try:
        return _checked(prepared(given))
    except RecipeError as error:
        raise RecipeError(*located(error.args, files_of(path))) from error.__cause__


def _sources_alone(given: Any) -> Any:
    if not isinstance(given, dict):
        return given
    given = {key: given[key] for key in ("name", "sources", "max_document_bytes") if key in given}
    if isinstance(given.get("sources"), dict):
        given["sources"] = {
            name: {
                key: value for key, value in source.items() if key not in (*FILTER_STAGES, "skip")
            }
            if isinstance(source, dict)
            else source
            for name, source in given["sources"].items()
        }
    return given


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


def _checked(given: Any) -> Recipe:
    """Each part is looked at alone, then what one says of another, where both are right."""
    mistakes = Mistakes()
    file, wrong = _sections(given, mistakes)
    entries: list[Entry] = []
    for i, entry in enumerate(file.dedup):
        with mistakes:
            entries.append(_entry(i, entry))
    if len(entries) < len(file.dedup):
        wrong.add("dedup")
    sources = _sources(file, entries, wrong, mistakes)
    indexes = file.dedup_index
    recipe = Recipe(
        name=file.name,
        seed=file.seed,
        sources=tuple(sources),
        dedup=tuple(entries),
        dedup_index=tuple([indexes] if isinstance(indexes, str) else indexes),
        mix=file.mix,
        tokenize=file.tokenize,
        max_bad=file.max_bad,
        max_document_bytes=file.max_document_bytes,
    )
    check_together(recipe, list(file.sources), wrong, mistakes)
    mistakes.tell()
    return recipe


def _sections(given: Any, mistakes: Mistakes) -> tuple[RecipeFile, set[str]]:
    """The file without what is wrong in its shape, and the names of the sections that are not as
    they were meant: an unknown key may stand for any that is missing."""
    if not isinstance(given, dict):
        settle(given, RecipeFile, "")
    known = set(RecipeFile.__struct_fields__)
    needed = {"name": "none", "sources": {}}
    with mistakes:
        settle({key: value for key, value in needed.items() if key in given}, RecipeFile, "")
        if given["sources"] == {}:
            raise RecipeError("sources: at least one is needed")
    right = {}
    for key, value in given.items():
        with mistakes:
            settle(needed | {key: value}, RecipeFile, "")
            right[key] = value
    wrong = given.keys() - right.keys()
    if wrong - known:
        wrong |= known - given.keys()
    if not given.get("sources"):
        wrong.add("sources")
    return settle(needed | right, RecipeFile, ""), wrong & known


def _sources(
    file: RecipeFile, entries: Sequence[Entry], wrong: set[str], mistakes: Mistakes
) -> list[Source]:
    """Those that are right; where one is not, "stages" are among what is wrong."""
    sources: list[Source] = []
    seen: list[object] = []
    for name, given in file.sources.items():
        here = Mistakes()
        section = SourceSection("")
        with here:
            own = _without_nulls(given, "skip", *FILTER_STAGES)
            section = settle(own, SourceSection, f"sources.{name}")
            source = _filtered(name, section, file, entries, here)
            way = (source.taggers, source.rules, source.masks)
            if way not in seen:  # of sources that go the same way it is told once
                seen.append(way)
                with here:
                    check_columns(source, all_taggers=not (here.found or wrong & {*FILTER_STAGES}))
            inputs = _inputs(name, section, source.reading)
            sources.append(msgspec.structs.replace(source, inputs=inputs))
        if here.found:
            wrong.add("stages")
        with mistakes, _where_it_is_said(name, section):
            here.tell()
    return sources


@contextmanager
def _where_it_is_said(name: str, section: SourceSection) -> Iterator[None]:
    """A place in a stage, of settings that the source has of its own, is told as a place in it."""
    try:
        yield
    except RecipeError as error:
        raise RecipeError(*(_own(str(told), name, section) for told in error.args)) from error


def _own(told: str, name: str, section: SourceSection) -> str:
    stage, _, rest = told.partition(".")
    if stage in FILTER_STAGES:
        key = re.split(r"[.:]", rest)[0]
        if getattr(getattr(section, stage), key, msgspec.UNSET) is not msgspec.UNSET:
            return f"sources.{name}.{told}"
    return told


def _filtered(
    name: str,
    section: SourceSection,
    file: RecipeFile,
    entries: Sequence[Entry],
    mistakes: Mistakes,
) -> Source:
    """A source as stages 1 to 3 see it, its files not yet found."""
    taggers, rules, masks = _filters(section, file, mistakes)
    with mistakes:
        taggers += _implied(
            taggers, rules, _compared(name, entries, file.mix), _grouped(name, file.mix)
        )
    reading = Reading(
        section.format, section.columns, section.html, section.check_digests, section.messages
    )
    return Source(name, (), tuple(taggers), tuple(rules), tuple(masks), reading)


def _inputs(name: str, section: SourceSection, reading: Reading) -> tuple[Input, ...]:
    splits = (section.split,) if isinstance(section.split, str) else tuple(section.split)
    return find_inputs(name, section.documents, reading, splits)


def _filters(
    section: SourceSection, file: RecipeFile, mistakes: Mistakes
) -> tuple[list[TaggerUse], list[Rule], list[Mask]]:
    """What stages 1 to 3 do to a source."""
    taggers: list[TaggerUse] = []
    rules: list[Rule] = []
    masks: list[Mask] = []
    for stage in FILTER_STAGES:
        if stage in section.skip:
            continue
        own, general = getattr(section, stage), getattr(file, stage)
        for given in _chosen(own.taggers, general.taggers, []):
            with mistakes:
                taggers.append(_tagger_use(stage, given))
        for column, bounds in _chosen(own.keep, general.keep, {}).items():
            with mistakes:
                rules.append(_rule(stage, column, bounds))
        for column, replacement in _chosen(own.mask, general.mask, {}).items():
            masks.append(Mask(stage, column, replacement))
    return taggers, rules, masks


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


def _entry(i: int, given: dict[str, dict[str, Any] | None]) -> Entry:
    method, settings = _one_pair(given, f"dedup.{i}")
    if method not in METHODS:
        raise RecipeError(f"dedup.{i}: unknown method '{method}'{nearest(method, list(METHODS))}")
    place = f"dedup.{i}.{method}"
    entry = settle(settings or {}, METHODS[method], place)
    if isinstance(entry, MinHash | Ast) and entry.threshold is not None:
        _two_bands(entry.threshold, entry.bands * entry.rows, place)
    if isinstance(entry, Decontaminate):
        try:
            check_evaluations(entry)
        except InputError as error:
            raise RecipeError(f"{place}.{error}") from None
    return entry


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
