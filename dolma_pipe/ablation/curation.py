"""A recipe through all its stages, with what the two of an ablation must have in common."""

from pathlib import Path
from typing import NamedTuple

import msgspec

from dolma_pipe.engine.choice import EngineChoice
from dolma_pipe.errors import InputError, RecipeError
from dolma_pipe.mix_settings import MixSettings
from dolma_pipe.passes.context import Watch
from dolma_pipe.passes.prepare import prepared
from dolma_pipe.recipe import Recipe
from dolma_pipe.recipe_file import read_recipe
from dolma_pipe.run import run
from dolma_pipe.tokenizer import TokenizeSettings


class Common(NamedTuple):
    """tokenizer: a path, or None for the recipe's own. share: of the documents, held out."""

    tokenizer: str | None
    seed: int
    share: float


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """A recipe of the two, curated. documents: that survive stage 4. tokens: of its arrays; unique:
    of them without the repeats of its mix."""

    label: str
    recipe: str
    name: str
    documents_in: int
    documents: int
    tokens: int
    unique: int


def readable(path: Path) -> Recipe:
    """A recipe that an ablation can take. Raises RecipeError, for conversations as well."""
    recipe = read_recipe(path)
    if chats := recipe.chats():
        told = f"source {chats[0]} has conversations: an ablation is of plain text"
        raise RecipeError(f"{path}: {told}")
    return recipe


def adapted(recipe: Recipe, common: Common) -> Recipe:
    """The recipe with tokenizer, seed and held-out share of an ablation; its arrays stay in the
    work directory.

    A target shrinks by the share that is held out.
    """
    tokenize = recipe.tokenize
    if common.tokenizer is not None:
        tokenize = TokenizeSettings(
            tokenizer=common.tokenizer,
            max_shard_tokens=(tokenize or TokenizeSettings(tokenizer="")).max_shard_tokens,
        )
    assert tokenize is not None
    mix = recipe.mix or MixSettings()
    target = mix.target_tokens and max(1, int(mix.target_tokens * (1 - common.share)))
    return msgspec.structs.replace(
        recipe,
        seed=common.seed,
        mix=msgspec.structs.replace(mix, held_out=common.share, target_tokens=target),
        tokenize=msgspec.structs.replace(tokenize, output=None),
    )


def curate(
    label: str, path: Path, root: Path, common: Common, workers: int | None, watch: Watch
) -> Side:
    """All six stages, in a work directory of its own; what is done already is not done again.

    Raises UserError as a run does, and InputError where a shard is missing in the result.
    """

    def change(recipe: Recipe) -> Recipe:
        return adapted(recipe, common)

    with prepared(path, root, EngineChoice(workers=workers), False, watch, change) as context:
        summary = run(context)
    for key, reason in sorted(summary.failed.items()):
        raise InputError(f"{path}: without shard {key}: {reason}; run again to try it again")
    tokens = sum(row.output for row in summary.mix)
    if not tokens:
        raise InputError(f"{path}: no document survives its rules: there is nothing to train on")
    kept = {row.source: row.documents for row in summary.intake}
    kept |= {flow.source: flow.documents_out for flow in summary.flows}  # in the order of stages
    return Side(
        label=label,
        recipe=str(path),
        name=context.recipe.name,
        documents_in=sum(row.documents for row in summary.intake),
        documents=sum(kept.values()),
        tokens=tokens,
        unique=sum(row.used for row in summary.mix),
    )
