"""Names of sources and columns in a recipe: whatever one part says of another is there."""

from collections.abc import Sequence

from dolma_pipe.conversations import MARKS
from dolma_pipe.dedup_index import check_indexes
from dolma_pipe.errors import Mistakes, RecipeError
from dolma_pipe.mix_settings import LENGTH, Groups
from dolma_pipe.mixing import check_mixers
from dolma_pipe.recipe import FILTER_STAGES, Mask, Recipe, Rule, Source, TaggerUse
from dolma_pipe.settings import nearest
from dolma_pipe.shelf import blamed
from dolma_pipe.store import check_place, is_within
from dolma_pipe.tagger import Kind, Tagger
from dolma_pipe.tokenizer import load_template


def check_columns(source: Source, *, all_taggers: bool) -> None:
    """Every rule and mask speaks of a column that a tagger of this source makes.

    all_taggers: False where some are missing, since they are wrong: nothing is said of columns that
    these could make. Raises RecipeError.
    """
    columns = _columns(source)
    prefixes = {name.rpartition(".")[0] for name in columns}

    def could_tell(one: Rule | Mask) -> bool:
        return all_taggers or one.column.rpartition(".")[0] in prefixes

    mistakes = Mistakes()
    seen: set[str] = set()
    for rule in filter(could_tell, source.rules):
        with mistakes:
            place = f"{rule.stage}.keep.{rule.column}"
            _known(place, rule.column, columns, source)
            if columns[rule.column] == "spans":
                raise RecipeError(f"{place}: is spans, which have no range; keep by their count")
            if columns[rule.column] == "label":
                raise RecipeError(f"{place}: is a name, which has no range; keep by a score")
            if rule.column in seen:
                raise RecipeError(f"{place}: the column has a rule in an earlier stage")
            seen.add(rule.column)
    for mask in filter(could_tell, source.masks):
        with mistakes:
            place = f"{mask.stage}.mask.{mask.column}"
            _known(place, mask.column, columns, source)
            if columns[mask.column] != "spans":
                told = f"is a {columns[mask.column]}, only spans can be masked"
                raise RecipeError(f"{place}: {told}")
    mistakes.tell()


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


def check_together(
    recipe: Recipe, names: Sequence[str], wrong: set[str], mistakes: Mistakes
) -> None:
    """What sections say of each other, where they are right.

    recipe: of what is right. names: of all sources. wrong: names of the sections that are not, and
    "stages" where a source is not.
    """
    complete = not wrong & {"sources", "stages", *FILTER_STAGES}
    if not wrong & {"sources", "dedup", "dedup_index"}:
        with mistakes:
            _check_dedup(recipe, names, complete)
    if not wrong & {"sources", "mix", "tokenize"}:
        with mistakes:
            _check_mix(recipe, names, complete)
    if complete and "tokenize" not in wrong:
        with mistakes:
            _check_chat(recipe)
        with mistakes:
            _check_output(recipe)


def _check_dedup(recipe: Recipe, names: Sequence[str], complete: bool) -> None:
    """Sources and columns that entries name are there. Raises RecipeError.

    complete: recipe has all sources.
    """
    known = sorted({*names, *_indexed_sources(recipe)})
    mistakes = Mistakes()
    for i, entry in enumerate(recipe.dedup):
        place = f"dedup.{i}.{entry.method}"
        for setting, named in (("sources", entry.sources or ()), ("prefer", entry.prefer)):
            for name in named:
                with mistakes:
                    _known_source(f"{place}.{setting}", name, known)
        if entry.column is not None and complete:
            with mistakes:
                _scored(f"{place}.keep", entry.column, recipe.sources)
    mistakes.tell()


def _indexed_sources(recipe: Recipe) -> set[str]:
    """The sources of the indexes of earlier runs, which fit to the recipe. Raises RecipeError."""
    if recipe.dedup_index and not recipe.dedup:
        raise RecipeError("dedup_index: the recipe has no dedup section")
    keys = [shard.key for shard in recipe.inputs()]
    indexes = check_indexes(recipe.dedup_index, recipe.dedup, keys)
    return {shard.source for index in indexes for shard in index.shards}


def _check_mix(recipe: Recipe, names: Sequence[str], complete: bool) -> None:
    """Sources, columns and mixers that the mix names are there. Raises RecipeError.

    complete: recipe has all sources.
    """
    mix = recipe.mix
    if mix is None:
        return
    if recipe.tokenize is None:
        raise RecipeError(
            "mix: needs a tokenize section, a mix is planned in tokens"
            " (tokenize: {tokenizer: gpt-neox-olmo})"
        )
    mistakes = Mistakes()
    for section in ("shares", "upsample", "groups", "held_out"):
        named = getattr(mix, section)
        for name in named if isinstance(named, dict) else ():
            with mistakes:
                _known_source(f"mix.{section}", name, names)
    with mistakes:
        if not mistakes.found:
            mix.check(names)
        check_mixers(mix, list(names))
    for source in recipe.sources if complete else ():
        for place, curve in mix.curves_of(source.name):
            with mistakes:
                _scored(f"{place}.by", curve.by, [source])
        if group := mix.groups.get(source.name):
            with mistakes:
                _grouped(source, group)
    mistakes.tell()


def _known_source(place: str, name: str, known: Sequence[str]) -> None:
    if name not in known:
        raise RecipeError(f"{place}: unknown source '{name}'{nearest(name, list(known))}")


def _check_chat(recipe: Recipe) -> None:
    """The chat template is there where conversations are, and only there. Raises RecipeError."""
    for source in recipe.sources:
        for mask in source.masks if source.reading.messages else ():
            if any(mark in mask.replacement for mark in MARKS):
                raise RecipeError(
                    f"{mask.stage}.mask.{mask.column}: a control character begins a turn"
                )
    if recipe.tokenize is None:
        return
    if recipe.chats():
        load_template(recipe.tokenize.chat)
    elif recipe.tokenize.chat is not None:
        raise RecipeError("tokenize.chat: no source has conversations (messages: true)")


def _check_output(recipe: Recipe) -> None:
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
