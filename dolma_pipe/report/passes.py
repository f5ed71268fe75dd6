"""What a recipe will do, pass by pass: the answer of `dolma-pipe check`."""

import textwrap
from collections.abc import Iterator

import msgspec

from dolma_pipe.entries import Ast, MinHash, Semantic
from dolma_pipe.mix_settings import Curve, mixer_name
from dolma_pipe.recipe import Recipe, Source
from dolma_pipe.report.settings import settings_told
from dolma_pipe.stages.decide import NamedTagger, by_cost
from dolma_pipe.stages.dedup.banding import banding_of


def passes(recipe: Recipe) -> str:
    """The passes of a recipe as text, taggers in the order in which they run."""
    lines = [f"recipe {recipe.name}, seed {recipe.seed}", "pass 1, curate"]
    for source in recipe.sources:
        lines += [f"  {line}" for line in _source(source)]
    if recipe.dedup:
        lines.append("pass 2, deduplicate")
        lines += [f"  after the documents of {root}" for root in recipe.dedup_index]
        for number, entry in enumerate(recipe.dedup, 1):
            given = msgspec.to_builtins(entry)
            if isinstance(entry, MinHash | Ast):
                given |= banding_of(entry)._asdict()  # those that a threshold chooses
            if isinstance(entry, Semantic):
                given["threshold"] = entry.cosine
            settings = settings_told(given, type(entry))
            told = f"{number} {entry.method} {settings}".rstrip()
            lines += textwrap.wrap(told, 98, initial_indent="  ", subsequent_indent="    ")
    if recipe.tokenize is not None:
        lines.append("pass 3, encode, plan and assemble")
        lines.append(f"  tokenizer {recipe.tokenize.tokenizer}")
        lines += [f"  {line}" for line in _mix(recipe)]
    return "\n".join(lines)


def _source(source: Source) -> Iterator[str]:
    yield f"{source.name}: {len(source.inputs)} shards"
    taggers = by_cost([NamedTagger(use.prefix, use.build()) for use in source.taggers])
    if taggers:
        yield f"  taggers: {', '.join(named.prefix for named in taggers)}"
    for rule in source.rules:
        low = "" if rule.minimum is None else f"{rule.minimum:g} <= "
        high = "" if rule.maximum is None else f" <= {rule.maximum:g}"
        yield f"  {rule.stage}: keep {low}{rule.column}{high}"
    for mask in source.masks:
        yield f"  mask {mask.column} as {mask.replacement}"


def _mix(recipe: Recipe) -> Iterator[str]:
    if recipe.mix is None:
        yield "mix: every document once"
        return
    target = recipe.mix.target_tokens
    yield f"mix: {f'{target:,} tokens' if target else 'as many tokens as shares and caps allow'}"
    if (mixer := mixer_name(recipe.mix.mixer)) is not None:
        yield f"  mixer {mixer}"
    for source in recipe.sources:
        share = recipe.mix.shares.get(source.name)
        factor = recipe.mix.factor_of(source.name)
        told = (
            f"by {factor.by}, at most {factor.max:g}"
            if isinstance(factor, Curve)
            else f"{factor:g}"
        )
        if (groups := recipe.mix.groups.get(source.name)) is not None:
            told += f", groups by {groups.by}"
        if held_out := recipe.mix.held_out_of(source.name):
            told += f", held out {held_out:g}"
        yield f"  {source.name}: share {'-' if share is None else f'{share:g}'}, upsample {told}"
