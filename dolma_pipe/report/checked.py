"""What a recipe will do, as data: what `dolma-pipe check` tells."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from dolma_pipe.entries import Ast, Entry, MinHash, Semantic
from dolma_pipe.errors import UserError
from dolma_pipe.mix_settings import MixSettings
from dolma_pipe.recipe import Mask, Recipe, Rule, Source
from dolma_pipe.recipe_lines import Mistake
from dolma_pipe.stages.decide import NamedTagger, by_cost
from dolma_pipe.stages.dedup.banding import banding_of
from dolma_pipe.tokenizer import load_template


class CheckedSource(msgspec.Struct):
    """A source in pass 1. taggers: in the order in which they run."""

    name: str
    shards: int
    taggers: list[str]
    rules: tuple[Rule, ...]
    masks: tuple[Mask, ...]


class CheckedEntry(msgspec.Struct):
    """An entry of deduplication, counted from 1. settings: all, with what a threshold chooses."""

    entry: int
    method: str
    settings: dict[str, Any]


class CheckedTokens(msgspec.Struct):
    """Pass 3. chat: the template, where a source has conversations. mix: None where every document
    is used once. output: where the arrays go, if not to the work directory."""

    tokenizer: str
    chat: str | None
    mix: MixSettings | None
    output: str | None


class CheckedRecipe(msgspec.Struct):
    """A recipe that is right. tokens: None of one that ends before. not_fetched: named assets."""

    recipe: str
    seed: int
    sources: list[CheckedSource]
    dedup: list[CheckedEntry]
    dedup_index: tuple[str, ...]
    tokens: CheckedTokens | None
    not_fetched: list[str]


class WrongRecipe(msgspec.Struct):
    """A recipe that is wrong, mistakes in the order of its lines."""

    mistakes: list[Mistake]


def wrong_recipe(path: Path, error: UserError) -> WrongRecipe:
    """What an error says of a recipe; of assets it says no line."""
    return WrongRecipe(
        [
            told if isinstance(told, Mistake) else Mistake(str(path), None, str(told))
            for told in error.args
        ]
    )


def checked_recipe(recipe: Recipe, not_fetched: Sequence[str] = ()) -> CheckedRecipe:
    """All that the passes of a recipe do."""
    entries = [
        CheckedEntry(number, entry.method, entry_settings(entry))
        for number, entry in enumerate(recipe.dedup, 1)
    ]
    return CheckedRecipe(
        recipe=recipe.name,
        seed=recipe.seed,
        sources=[_source(source) for source in recipe.sources],
        dedup=entries,
        dedup_index=recipe.dedup_index,
        tokens=_tokens(recipe),
        not_fetched=list(not_fetched),
    )


def _source(source: Source) -> CheckedSource:
    taggers = tagger_order(source)
    return CheckedSource(source.name, len(source.inputs), taggers, source.rules, source.masks)


def tagger_order(source: Source) -> list[str]:
    """Taggers by their prefix, as they run."""
    named = [NamedTagger(use.prefix, use.build()) for use in source.taggers]
    return [tagger.prefix for tagger in by_cost(named)]


def entry_settings(entry: Entry) -> dict[str, Any]:
    """The settings of an entry, with those that it chooses itself."""
    given: dict[str, Any] = msgspec.to_builtins(entry)
    if isinstance(entry, MinHash | Ast):
        given |= banding_of(entry)._asdict()  # those that a threshold chooses
    if isinstance(entry, Semantic):
        given["threshold"] = entry.cosine
    return given


def _tokens(recipe: Recipe) -> CheckedTokens | None:
    if recipe.tokenize is None:
        return None
    return CheckedTokens(
        tokenizer=recipe.tokenize.tokenizer,
        chat=chat_template(recipe),
        mix=recipe.mix,
        output=recipe.tokenize.output,
    )


def chat_template(recipe: Recipe) -> str | None:
    """The name of the template of conversations; None where no source has any."""
    if recipe.tokenize is None or not recipe.chats():
        return None
    return load_template(recipe.tokenize.chat).name
