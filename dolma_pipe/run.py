"""From a recipe to token arrays: the passes in their order, each doing only what is not done."""

from dataclasses import replace
from typing import Literal, get_args

from dolma_pipe.dedup_index import check_method, settled_entries
from dolma_pipe.errors import RecipeError
from dolma_pipe.passes.context import Context
from dolma_pipe.passes.curate import curate
from dolma_pipe.passes.dedup import deduplicate
from dolma_pipe.passes.encode import encode
from dolma_pipe.passes.leftovers import remove_leftovers
from dolma_pipe.passes.manifest import write_run_manifest
from dolma_pipe.passes.mix import mix, plan
from dolma_pipe.recipe import FILTER_STAGES
from dolma_pipe.report.summary import Summary, counts_of, summarise
from dolma_pipe.settings import nearest
from dolma_pipe.stages.mix.plan import Plan
from dolma_pipe.stages.publish import claim
from dolma_pipe.work import write_json

Stage = Literal["language", "quality", "content", "dedup", "mix", "tokenize"]
STAGES: tuple[Stage, ...] = get_args(Stage)


def run(context: Context, until: Stage = "tokenize") -> Summary:
    """All stages up to and with `until` (mix and tokenize are one pass).

    Raises UserError; a shard that failed does not stop the run, it is named in Summary.failed.
    """
    tokenize = context.recipe.tokenize
    if STAGES.index(until) >= STAGES.index("mix") and tokenize and tokenize.output:
        claim(tokenize.output, context.recipe.name)  # now, not after hours of curation
    if until in FILTER_STAGES:
        context = replace(context, recipe=context.recipe.up_to(until))
    summary = _passes(context, STAGES.index(until))
    remove_leftovers(context.recipe, context.work, context.records)
    return _reported(context, summary)


def _passes(context: Context, last: int) -> Summary:
    curated = curate(context)
    if last < STAGES.index("dedup"):
        return summarise(context, curated)
    deduplicated = deduplicate(context, curated)
    before = summarise(context, curated, deduplicated)
    if last < STAGES.index("mix") or context.recipe.tokenize is None:
        return before
    encoded = encode(context, deduplicated)
    planned = mix(context, encoded, counts_of(before))
    return summarise(context, curated, deduplicated, encoded, planned)


def plan_only(context: Context) -> Plan:
    """All stages before the mix where they are not done, then its plan; nothing of it is written.

    Raises RecipeError for a recipe without tokenizer, or a target out of reach.
    """
    if context.recipe.tokenize is None:
        raise RecipeError("the recipe has no tokenize section: a mix is planned in tokens")
    deduplicated = deduplicate(context, curate(context))
    return plan(context, encode(context, deduplicated), write=False)


def deduplicate_only(context: Context, method: str | None) -> Summary:
    """Stages 1 to 3 where they are not done, then the dedup entries of one method, or all.

    Raises RecipeError where the recipe has no such entry.
    """
    methods = [entry.method for entry in context.recipe.dedup]
    if not methods:
        raise RecipeError("the recipe has no dedup section")
    if method is not None and method not in methods:
        raise RecipeError(f"the recipe has no dedup entry '{method}'{nearest(method, methods)}")
    settled = settled_entries(context.recipe.dedup)
    check_method(method, context.recipe.dedup_index, settled)
    curated = curate(context)
    return _reported(context, summarise(context, curated, deduplicate(context, curated, method)))


def _reported(context: Context, summary: Summary) -> Summary:
    write_run_manifest(context)
    write_json(context.work.root / "report.json", summary)
    return summary


def tag(
    context: Context, sources: tuple[str, ...], taggers: tuple[str, ...], score_all: bool
) -> Summary:
    """Stages 1 to 3 alone, for some sources or all, and by some taggers or all.

    taggers: prefixes; what the others have scored before stays and counts. Raises RecipeError for
    an unknown source or tagger.
    """
    chosen = context.recipe.chosen(sources)
    prefixes = {use.prefix for source in chosen for use in source.taggers}
    for name in taggers:
        if name not in prefixes:
            told = ", ".join(source.name for source in chosen)
            raise RecipeError(f"no tagger of {told} is '{name}'{nearest(name, prefixes)}")
    return _reported(context, summarise(context, curate(context, sources, score_all, taggers)))
