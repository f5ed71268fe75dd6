"""Names of sources and columns in a recipe: whatever one part says of another is there."""

from collections.abc import Sequence

from dolma_pipe.conversations import MARKS
from dolma_pipe.dedup_index import check_indexes
from dolma_pipe.errors import RecipeError
from dolma_pipe.mix_settings import LENGTH, Groups
from dolma_pipe.mixing import check_mixers
from dolma_pipe.recipe import Recipe, Source, TaggerUse
from dolma_pipe.settings import nearest
from dolma_pipe.shelf import blamed
from dolma_pipe.store import check_place, is_within
from dolma_pipe.tagger import Kind, Tagger
from dolma_pipe.tokenizer import load_template


def check_chat(recipe: Recipe) -> None:
    """The chat template is there where conversations are, and only there. Raises RecipeError."""
    for source in recipe.sources:
        for mask in source.masks if source.reading.messages else ():
            if any(mark in mask.replacement for mark in MARKS):
                raise RecipeError(f"mask.{mask.column}: a control character begins a turn")
    if recipe.tokenize is None:
        return
    if recipe.chats():
        load_template(recipe.tokenize.chat)
    elif recipe.tokenize.chat is not None:
        raise RecipeError("tokenize.chat: no source has conversations (messages: true)")


def check_columns(source: Source) -> None:
    """Every rule and mask speaks of a column that a tagger of this source makes.

    Raises RecipeError.
    """
    columns = _columns(source)
    seen: set[str] = set()
    for rule in source.rules:
        place = f"{rule.stage}.keep.{rule.column}"
        _known(place, rule.column, columns, source)
        if columns[rule.column] == "spans":
            raise RecipeError(f"{place}: is spans, which have no range; keep by their count")
        if columns[rule.column] == "label":
            raise RecipeError(f"{place}: is a name, which has no range; keep by a score")
        if rule.column in seen:
            raise RecipeError(f"{place}: the column has a rule in an earlier stage")
        seen.add(rule.column)
    for mask in source.masks:
        place = f"mask.{mask.column}"
        _known(place, mask.column, columns, source)
        if columns[mask.column] != "spans":
            raise RecipeError(f"{place}: is a {columns[mask.column]}, only spans can be masked")


def _columns(source: Source) -> dict[str, Kind]:
    """Every column of a source. Raises RecipeError where two have one name."""
    columns: dict[str, Kind] = {}
    for use in source.taggers:
        tagger = _checked_tagger(use)
        for column in tagger.columns():
            if f"{use.prefix}.{column}" in columns:
                raise RecipeError(
                    f"{use.stage}.taggers.{use.found.name}: {source.name} has the column "
                    f"{use.prefix}.{column} already; give one of the two taggers a name"
                )
            columns[f"{use.prefix}.{column}"] = tagger.kind(column)
    return columns


def _checked_tagger(use: TaggerUse) -> Tagger:
    """The tagger; what a user's own says of its columns can be anything."""
    place = f"{use.stage}.taggers.{use.found.name}"
    tagger = use.build()
    for method in ("columns", "tag"):
        if getattr(type(tagger), method) is getattr(Tagger, method):
            raise RecipeError(f"{place}: the tagger has no {method}()")
    with blamed(place):
        columns = _distinct(f"{place}: columns()", tagger.columns())
        for method, named in (("spans", tagger.spans()), ("numbers", tagger.numbers())):
            if unknown := set(_distinct(f"{place}: {method}()", named)) - set(columns):
                raise RecipeError(f"{place}: {method}() has '{min(unknown)}', columns() has it not")
    return tagger


def _distinct(place: str, names: object) -> Sequence[str]:
    if not isinstance(names, tuple | list) or not all(isinstance(n, str) and n for n in names):
        raise RecipeError(f"{place} gives {names!r:.60}, a tuple of names is needed")
    if len(set(names)) < len(names):
        raise RecipeError(f"{place} has a name twice: {', '.join(names)}")
    return names


def _known(place: str, column: str, columns: dict[str, Kind], source: Source) -> None:
    if column not in columns:
        hint = nearest(column, list(columns))
        raise RecipeError(f"{place}: no tagger of source {source.name} makes this column{hint}")


def indexed_sources(recipe: Recipe) -> set[str]:
    """The sources of the indexes of earlier runs, which fit to the recipe. Raises RecipeError."""
    if recipe.dedup_index and not recipe.dedup:
        raise RecipeError("dedup_index: the recipe has no dedup section")
    keys = [shard.key for shard in recipe.inputs()]
    indexes = check_indexes(recipe.dedup_index, recipe.dedup, keys)
    return {shard.source for index in indexes for shard in index.shards}


def check_names(recipe: Recipe, indexed: set[str]) -> None:
    """Sources and columns that dedup and mix name are there. Raises RecipeError.

    indexed: sources that only dedup may name as well.
    """
    names = [source.name for source in recipe.sources]
    mentioned: list[tuple[str, str]] = []
    for i, entry in enumerate(recipe.dedup):
        mentioned += [(f"dedup.{i}.{entry.method}.sources", name) for name in entry.sources or ()]
        mentioned += [(f"dedup.{i}.{entry.method}.prefer", name) for name in entry.prefer]
        if entry.column is not None:
            _scored(f"dedup.{i}.{entry.method}.keep", entry.column, recipe.sources)
    if recipe.mix is not None:
        held_out = recipe.mix.held_out
        mentioned += [("mix.shares", name) for name in recipe.mix.shares]
        mentioned += [("mix.upsample", name) for name in recipe.mix.upsample]
        mentioned += [("mix.groups", name) for name in recipe.mix.groups]
        mentioned += [("mix.held_out", n) for n in (held_out if isinstance(held_out, dict) else ())]
    for place, name in mentioned:
        known = sorted({*names, *indexed}) if place.startswith("dedup") else names
        if name not in known:
            raise RecipeError(f"{place}: unknown source '{name}'{nearest(name, known)}")
    if recipe.mix is not None:
        recipe.mix.check(names)
        check_mixers(recipe.mix, names)
        for source in recipe.sources:
            for place, curve in recipe.mix.curves_of(source.name):
                _scored(f"{place}.by", curve.by, [source])
            if group := recipe.mix.groups.get(source.name):
                _grouped(source, group)


def check_output(recipe: Recipe) -> None:
    """Token arrays can go where the recipe says, and its documents lie elsewhere.

    Raises RecipeError, MissingExtra.
    """
    output = recipe.tokenize.output if recipe.tokenize else None
    if output is None:
        return
    try:
        check_place(output)
    except RecipeError as error:
        raise RecipeError(f"tokenize.output: {error}") from None
    for shard in recipe.inputs():
        if any(is_within(shard.uri, f"{output}/{folder}") for folder in ("tokens", "held_out")):
            raise RecipeError(
                f"tokenize.output: {shard.uri} of sources.{shard.source} lies where tokens go"
            )


def _grouped(source: Source, group: Groups) -> None:
    """The source has this column: numbers where there are borders, labels where there are none."""
    if group.by == LENGTH:
        return
    place, kind = f"mix.groups.{source.name}.by", "number" if group.at else "label"
    columns = _columns(source)
    if group.by not in columns:
        told = nearest(group.by, [*columns, LENGTH])
        raise RecipeError(f"{place}: no tagger of {source.name} makes {group.by}{told}")
    if columns[group.by] != kind:
        needs = "borders (at) need numbers" if group.at else "numbers need borders: at"
        raise RecipeError(f"{place}: {group.by} is a column of {columns[group.by]}s, {needs}")


def _scored(place: str, column: str, sources: Sequence[Source]) -> None:
    """One of the sources at least has this column, as numbers."""
    known = {
        name for source in sources for name, kind in _columns(source).items() if kind == "number"
    }
    if column not in known:
        told = ", ".join(source.name for source in sources)
        raise RecipeError(f"{place}: no tagger of {told} makes {column}{nearest(column, known)}")
