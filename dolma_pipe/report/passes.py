"""What a recipe will do, pass by pass: the answer of `dolma-pipe check`."""

import textwrap
from collections.abc import Iterable, Iterator

from dolma_pipe.mix_settings import Curve, Division, Factor, MixSettings, mixer_name
from dolma_pipe.recipe import Recipe, Source
from dolma_pipe.report.checked import chat_template, entry_settings, tagger_order
from dolma_pipe.report.settings import settings_told


def passes(recipe: Recipe) -> str:
    """The passes of a recipe as text, taggers in the order in which they run."""
    lines = [f"recipe {recipe.name}, seed {recipe.seed}", "pass 1, curate"]
    counted = [(f"{one.name} ({_shards(one)})", _done_to(one)) for one in recipe.sources]
    for names, same in _alike(counted):
        lines += _wrapped(f"{', '.join(names)}:" if same else ", ".join(names))
        lines += [f"    {line}" for line in same]
    if recipe.dedup:
        lines.append("pass 2, deduplicate")
        lines += [f"  after the documents of {root}" for root in recipe.dedup_index]
        for number, entry in enumerate(recipe.dedup, 1):
            settings = settings_told(entry_settings(entry), type(entry))
            lines += _wrapped(f"{number} {entry.method} {settings}".rstrip(), "    ")
    if recipe.tokenize is not None:
        lines.append("pass 3, encode, plan and assemble")
        lines.append(f"  tokenizer {recipe.tokenize.tokenizer}")
        if template := chat_template(recipe):
            lines.append(f"  chat template {template}: {', '.join(recipe.chats())}")
        lines += [f"  {line}" for line in _mix(recipe)]
        if recipe.tokenize.output is not None:
            lines.append(f"  output {recipe.tokenize.output}")
    return "\n".join(lines)


def _wrapped(told: str, later: str = "  ") -> list[str]:
    """later: before the second line and those that follow."""
    return textwrap.wrap(told, 98, initial_indent="  ", subsequent_indent=later)


def _alike(told: Iterable[tuple[str, Iterable[str]]]) -> Iterator[tuple[list[str], list[str]]]:
    """All names of which the same lines are told, with these."""
    found: dict[tuple[str, ...], list[str]] = {}
    for name, lines in told:
        found.setdefault(tuple(lines), []).append(name)
    for lines, names in found.items():
        yield names, list(lines)


def _shards(source: Source) -> str:
    count = len(source.inputs)
    return "1 shard" if count == 1 else f"{count:,} shards"


def _done_to(source: Source) -> Iterator[str]:
    if taggers := tagger_order(source):
        yield f"taggers: {', '.join(taggers)}"
    for rule in source.rules:
        low = "" if rule.minimum is None else f"{rule.minimum:g} <= "
        high = "" if rule.maximum is None else f" <= {rule.maximum:g}"
        yield f"{rule.stage}: keep {low}{rule.column}{high}"
    for mask in source.masks:
        yield f"mask {mask.column} as {mask.replacement}"


def _mix(recipe: Recipe) -> Iterator[str]:
    mix = recipe.mix
    if mix is None:
        yield "mix: every document once"
        return
    target = (
        f"{mix.target_tokens:,} tokens" if mix.target_tokens else "as many tokens as caps allow"
    )
    yield f"mix: {target}, by {_mixer(mix)}"
    parts = [(source.name, _mixed(source.name, mix)) for source in recipe.sources]
    for names, (part, *more) in _alike(parts):
        yield from _wrapped(f"{', '.join(names)}: {part}")
        yield from more


def _mixed(source: str, mix: MixSettings) -> Iterator[str]:
    yield _part(mix.shares.get(source), mix.factor_of(source))
    if held_out := mix.held_out_of(source):
        yield f"    held out: {held_out:g} of the documents"
    if groups := mix.groups.get(source):
        at = f" at {', '.join(f'{x:g}' for x in groups.at)}" if groups.at else ""
        yield f"    groups by {groups.by}{at}, by {_mixer(groups)}"
        for name in dict.fromkeys([*groups.shares, *groups.upsample]):
            factor = mix.group_factor(source, name)
            yield f"      {name}: {_part(groups.shares.get(name), factor)}"


def _mixer(division: Division) -> str:
    return mixer_name(division.mixer) or ("shares" if division.shares else "natural")


def _part(share: float | None, factor: Factor) -> str:
    if isinstance(factor, Curve):
        told = f"{mixer_name(factor.curve)} by {factor.by}, at most {factor.max:g}"
    else:
        told = f"{factor:g}"
    return f"share {'-' if share is None else f'{share:g}'}, upsample {told}"
