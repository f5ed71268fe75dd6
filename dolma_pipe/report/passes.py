"""What a recipe will do, pass by pass: the answer of `dolma-pipe check`."""

import textwrap
from collections.abc import Iterator

from dolma_pipe.mix_settings import Curve, Division, Factor, mixer_name
from dolma_pipe.recipe import Recipe, Source
from dolma_pipe.report.checked import chat_template, entry_settings, tagger_order
from dolma_pipe.report.settings import settings_told


def passes(recipe: Recipe) -> str:
    """The passes of a recipe as text, taggers in the order in which they run."""
    lines = [f"recipe {recipe.name}, seed {recipe.seed}", "pass 1, curate"]
    for source in recipe.sources:
        lines += [f"  {line}" for line in _source(source)]
    if recipe.dedup:
        lines.append("pass 2, deduplicate")
        lines += [f"  after the documents of {root}" for root in recipe.dedup_index]
        for number, entry in enumerate(recipe.dedup, 1):
            settings = settings_told(entry_settings(entry), type(entry))
            told = f"{number} {entry.method} {settings}".rstrip()
            lines += textwrap.wrap(told, 98, initial_indent="  ", subsequent_indent="    ")
    if recipe.tokenize is not None:
        lines.append("pass 3, encode, plan and assemble")
        lines.append(f"  tokenizer {recipe.tokenize.tokenizer}")
        if template := chat_template(recipe):
            lines.append(f"  chat template {template}: {', '.join(recipe.chats())}")
        lines += [f"  {line}" for line in _mix(recipe)]
        if recipe.tokenize.output is not None:
            lines.append(f"  output {recipe.tokenize.output}")
    return "\n".join(lines)


def _source(source: Source) -> Iterator[str]:
    yield f"{source.name}: {len(source.inputs)} shards"
    if taggers := tagger_order(source):
        yield f"  taggers: {', '.join(taggers)}"
    for rule in source.rules:
        low = "" if rule.minimum is None else f"{rule.minimum:g} <= "
        high = "" if rule.maximum is None else f" <= {rule.maximum:g}"
        yield f"  {rule.stage}: keep {low}{rule.column}{high}"
    for mask in source.masks:
        yield f"  mask {mask.column} as {mask.replacement}"


def _mix(recipe: Recipe) -> Iterator[str]:
    mix = recipe.mix
    if mix is None:
        yield "mix: every document once"
        return
    target = (
        f"{mix.target_tokens:,} tokens" if mix.target_tokens else "as many tokens as caps allow"
    )
    yield f"mix: {target}, by {_mixer(mix)}"
    for source in recipe.sources:
        yield f"  {source.name}: {_part(mix.shares.get(source.name), mix.factor_of(source.name))}"
        if held_out := mix.held_out_of(source.name):
            yield f"    held out: {held_out:g} of the documents"
        if groups := mix.groups.get(source.name):
            at = f" at {', '.join(f'{x:g}' for x in groups.at)}" if groups.at else ""
            yield f"    groups by {groups.by}{at}, by {_mixer(groups)}"
            for name in dict.fromkeys([*groups.shares, *groups.upsample]):
                factor = mix.group_factor(source.name, name)
                yield f"      {name}: {_part(groups.shares.get(name), factor)}"


def _mixer(division: Division) -> str:
    return mixer_name(division.mixer) or ("shares" if division.shares else "natural")


def _part(share: float | None, factor: Factor) -> str:
    if isinstance(factor, Curve):
        told = f"{mixer_name(factor.curve)} by {factor.by}, at most {factor.max:g}"
    else:
        told = f"{factor:g}"
    return f"share {'-' if share is None else f'{share:g}'}, upsample {told}"
