"""Plan the mix from encoded shards: copies of every document, and the files that they fill.

mix/plan.json says what was asked, what came out and what bound it; mix/<shard>.copies.u16 holds
uint16[encoded documents]. Mixers do the arithmetic of tokens, copies.py that of documents.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow.parquet as pq

from dolma_pipe.errors import RecipeError
from dolma_pipe.kernels.jit import I64, U16, U64, Bool
from dolma_pipe.mix_settings import Curve, MixSettings
from dolma_pipe.mixer import Budget, Mixer, Portions, Supply, largest_remainder, supply_of
from dolma_pipe.shelf import find, load
from dolma_pipe.stages.copies import (
    CODES,
    buckets_of_codes,
    choose_copies,
    cut_parts,
)
from dolma_pipe.stages.plan import (
    Amount,
    BucketPlan,
    PartPlan,
    Plan,
    ShardPlan,
    SourcePlan,
    copies_path,
    plan_path,
)
from dolma_pipe.stages.scores import NO_SCORE, scores_of
from dolma_pipe.work import Work, atomic_write, write_json


class _Documents(NamedTuple):
    """All documents of a source: tokens, score codes, hashes, and how many each shard has."""

    tokens: I64
    codes: U16
    hashes: U64
    shards: list[int]


class _Source(NamedTuple):
    """A source before the budget is divided: buckets of score codes, and who divides among them."""

    name: str
    shards: tuple[ShardPlan, ...]
    bucket_of_code: I64
    supply: Supply
    mixer: Mixer
    max_repeats: float


def plan_mix(args: dict[str, Any]) -> dict[str, Any]:
    """Write mix/plan.json and the copies of every shard.

    args: root (work directory), sources ([{name, shards: [{key, src}]}] in recipe order), mix (the
    section as plain values, or None), seed, max_shard_tokens. Returns {parts, documents, tokens}.
    Raises RecipeError for a target out of reach, naming the largest that is not.
    """
    work = Work(args["root"])
    settings = msgspec.convert(args["mix"] or {}, MixSettings)
    settings.check([source["name"] for source in args["sources"]])
    sources = [_source(work, source, settings) for source in args["sources"]]
    quotas, notes = divide(sources, settings)
    planned = tuple(
        _plan_source(work, source, quota, settings.shares.get(source.name), args)
        for source, quota in zip(sources, quotas, strict=True)
    )
    plan = Plan(
        seed=args["seed"],
        target_tokens=settings.target_tokens,
        asked=sum(source.asked for source in planned),
        output=_sum([source.output for source in planned]),
        notes=notes,
        sources=planned,
    )
    write_json(plan_path(work), plan)
    parts = sum(len(source.parts) for source in planned)
    return {"parts": parts, "documents": plan.output.documents, "tokens": plan.output.tokens}


def score_column(settings: MixSettings | None, source: str) -> str | None:
    """The column whose scores the encoded shards of a source must carry."""
    upsample = settings.upsample.get(source) if settings else None
    return upsample.by if isinstance(upsample, Curve) else None


def divide(
    sources: Sequence[_Source], settings: MixSettings
) -> tuple[list[int | None], tuple[str, ...]]:
    """Tokens that each source shall give (None: what its mixer gives unasked), and what to tell.

    A factor without a share is exact and comes first; shares divide what is left of the target.
    """
    quotas: list[int | None] = [_exact(source, settings) for source in sources]
    fixed = sum(quota or 0 for quota in quotas)
    open_ = [i for i, quota in enumerate(quotas) if quota is None]
    if settings.target_tokens is None and not settings.shares:
        return quotas, ()
    target = settings.target_tokens
    most = np.array([sources[i].mixer.reach(sources[i].supply) for i in open_], np.int64)
    tokens = np.array([sources[i].supply.tokens.sum() for i in open_], np.int64)
    supply = supply_of([sources[i].name for i in open_], tokens, most)
    mixer = _shares(supply, settings)
    reach = mixer.reach(supply) if open_ else 0
    if target is not None and not fixed <= target <= fixed + reach:
        raise RecipeError(_out_of_reach(target, fixed, reach, mixer, supply))
    portions = mixer.plan(supply, Budget(None if target is None else target - fixed))
    for i, tokens_of in zip(open_, portions.tokens.astype(np.int64).tolist(), strict=True):
        quotas[i] = tokens_of
    return quotas, portions.notes


def _exact(source: _Source, settings: MixSettings) -> int | None:
    factor = settings.upsample.get(source.name)
    if source.name in settings.shares or factor is None or isinstance(factor, Curve):
        return None
    return source.mixer.reach(source.supply)


def _shares(supply: Supply, settings: MixSettings) -> Mixer:
    """Given shares, or natural ones: in proportion to the tokens that a source has."""
    total = max(1, int(supply.tokens.sum()))
    natural = {name: int(t) / total for name, t in zip(supply.names, supply.tokens, strict=True)}
    return _mixer("shares", shares=settings.shares or natural, surplus=settings.surplus)


def _out_of_reach(target: int, fixed: int, reach: int, mixer: Mixer, supply: Supply) -> str:
    begin = "mix.target_tokens"
    if target < fixed:
        return f"{begin}: {target} is less than the {fixed} tokens of exact factors in mix.upsample"
    if fixed and not supply.names:
        return f"{begin}: {target} is out of reach, the exact factors in mix.upsample give {fixed}"
    try:
        mixer.plan(supply, Budget(target - fixed))
    except RecipeError as error:
        exact = f"{fixed + reach} is the largest, {fixed} of it by exact factors: " if fixed else ""
        return f"{begin}: {exact}{error}"
    return f"{begin}: {target} is out of reach, {fixed + reach} is the largest"


def _mixer(name: str, **settings: Any) -> Mixer:
    mixer: Mixer = msgspec.convert(settings, load(find("mixers", name), Mixer))
    return mixer


def _source(work: Work, given: dict[str, Any], settings: MixSettings) -> _Source:
    name = given["name"]
    shards = tuple(ShardPlan(shard["key"], shard["src"]) for shard in given["shards"])
    documents = _read_documents(work, shards)
    upsample = settings.upsample.get(name, 1.0)
    if isinstance(upsample, Curve):
        mixer = _mixer("quality", max=upsample.max, discard=upsample.discard)
        max_repeats = upsample.max
        codes = documents.codes
    else:
        mixer = _mixer("flat", max=upsample)
        max_repeats = upsample
        codes = np.zeros_like(documents.codes)
    histogram = np.bincount(codes, documents.tokens, CODES).astype(np.int64)  # exact below 2^53
    bucket_of_code = buckets_of_codes(histogram)
    tokens = np.bincount(bucket_of_code, histogram).astype(np.int64)
    names = [str(i) for i in range(len(tokens))]
    return _Source(name, shards, bucket_of_code, supply_of(names, tokens), mixer, max_repeats)


def _read_documents(work: Work, shards: Sequence[ShardPlan]) -> _Documents:
    tokens, codes, hashes = (
        [np.empty(0, np.int64)],
        [np.empty(0, np.uint16)],
        [np.empty(0, np.uint64)],
    )
    for shard in shards:
        prefix = work.encoded(shard.key)
        tokens.append(np.diff(np.fromfile(f"{prefix}.offsets.u64", "<u8")).astype(np.int64))
        table = pq.read_table(f"{prefix}.docs.parquet", columns=["score", "hash"])
        codes.append(table.column("score").to_numpy())
        hashes.append(table.column("hash").to_numpy())
    sizes = [len(shard) for shard in tokens[1:]]
    return _Documents(np.concatenate(tokens), np.concatenate(codes), np.concatenate(hashes), sizes)


def _plan_source(
    work: Work, source: _Source, quota: int | None, share: float | None, args: dict[str, Any]
) -> SourcePlan:
    documents = _read_documents(work, source.shards)
    tokens, hashes = documents.tokens, documents.hashes
    buckets = source.bucket_of_code[documents.codes]
    portions = source.mixer.plan(source.supply, Budget(quota))
    asked = round(float(portions.tokens.sum())) if quota is None else quota
    quotas = largest_remainder(portions.tokens, asked)
    common: dict[str, Any] = {"seed": args["seed"], "source": source.name}
    copies, got = choose_copies(tokens, buckets, quotas, hashes, most=source.max_repeats, **common)
    _write_copies(work, source, copies, documents.shards)
    parts = cut_parts(tokens, copies, hashes, max_tokens=args["max_shard_tokens"], **common)
    never = (portions.tokens == 0) & bool(asked)
    notes = portions.notes
    if asked > 0 and not copies.any():
        notes += (f"asked for {asked} tokens, less than half of a document: none is used",)
    return SourcePlan(
        name=source.name,
        share=share,
        asked=asked,
        most=source.mixer.reach(source.supply),
        **_accounts(tokens, copies, never[buckets]),
        buckets=tuple(_buckets(source, documents.codes, portions, quotas, got)),
        notes=notes,
        shards=source.shards,
        parts=tuple(PartPlan(f"part-{i:05d}", *part) for i, part in enumerate(parts)),
    )


def _accounts(tokens: I64, copies: U16, never: Bool) -> dict[str, Amount]:
    """Where every document went; never: bool[documents], in a bucket that the curve discards."""
    used = copies > 0
    once = _amount(tokens, used)
    output = Amount(int(copies.sum(dtype=np.int64)), int((tokens * copies).sum()))
    return {
        "available": _amount(tokens, np.ones(len(tokens), bool)),
        "used": once,
        "discarded": _amount(tokens, ~used & never),
        "over_budget": _amount(tokens, ~used & ~never),
        "repeats": Amount(output.documents - once.documents, output.tokens - once.tokens),
        "output": output,
    }


def _buckets(
    source: _Source, codes: U16, portions: Portions, quotas: I64, got: I64
) -> list[BucketPlan]:
    supply, buckets = source.supply, source.bucket_of_code[codes]
    documents = np.bincount(buckets, minlength=len(supply.tokens))
    known = codes > NO_SCORE
    lowest, highest = np.full(len(documents), CODES - 1), np.full(len(documents), NO_SCORE)
    np.minimum.at(lowest, buckets[known], codes[known])
    np.maximum.at(highest, buckets[known], codes[known])
    edges = scores_of(np.stack([np.minimum(lowest, highest), highest]).astype(np.uint16))
    low, high = ([None if np.isnan(x) else round(x, 6) for x in row] for row in edges.tolist())
    ends = np.concatenate([[0], np.cumsum(supply.tokens)]) / max(1, int(supply.tokens.sum()))
    repeats = portions.tokens / np.maximum(1, supply.tokens)
    return [
        BucketPlan(
            low=round(float(ends[i]), 6),
            high=round(float(ends[i + 1]), 6),
            lowest=low[i],
            highest=high[i],
            available=Amount(int(documents[i]), int(supply.tokens[i])),
            repeats=round(float(repeats[i]), 6),
            asked=int(quotas[i]),
            got=int(got[i]),
        )
        for i in range(len(supply.tokens))
    ]


def _write_copies(work: Work, source: _Source, copies: U16, sizes: list[int]) -> None:
    ends = np.cumsum(sizes)
    for shard, end, size in zip(source.shards, ends.tolist(), sizes, strict=True):
        with atomic_write(copies_path(work, shard.key)) as file:
            file.write(copies[end - size : end].astype("<u2").data)


def _amount(tokens: I64, chosen: Bool) -> Amount:
    return Amount(int(chosen.sum()), int(tokens[chosen].sum()))


def _sum(amounts: Sequence[Amount]) -> Amount:
    return Amount(sum(a.documents for a in amounts), sum(a.tokens for a in amounts))
