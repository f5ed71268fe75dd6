"""Synthesize: a source of long documents with tasks, from what survives stage 4 of a recipe."""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from dolma_pipe.engine.base import Outcome, Task, succeed
from dolma_pipe.errors import RecipeError, UserError, WorkError
from dolma_pipe.longtasks.task import Kind
from dolma_pipe.longtasks.wording import Wording
from dolma_pipe.manifest import Records, code_fingerprint, fingerprint
from dolma_pipe.passes.context import Context
from dolma_pipe.passes.curate import curate
from dolma_pipe.passes.dedup import Survivors, deduplicate
from dolma_pipe.passes.export import output_of, survivors_of
from dolma_pipe.passes.locks import locked
from dolma_pipe.shelf import blamed, find, load
from dolma_pipe.stages.synthesize import Settings, Synthesized
from dolma_pipe.store import is_within
from dolma_pipe.work import Work, address, clear_unfinished, files_below, remove_all

STAGE = "synthesize"
FUNCTION = "dolma_pipe.stages.synthesize:synthesize_shard"


def settings_of(
    kinds: Iterable[Kind], wording: str, min_words: int, max_words: int, tasks: int, seed: int
) -> Settings:
    """Settings that were checked. Raises RecipeError for a wording that cannot be had, and
    UserError for bounds that no document can meet."""
    if 0 < max_words < min_words:
        raise UserError(f"--max-words {max_words} is less than --min-words {min_words}")
    found = find("wordings", wording)
    kind = load(found, Wording)
    with blamed(f"{found.name} cannot be made without settings"):
        kind()
    return Settings(
        kinds=tuple(sorted(set(kinds))),
        wording=found,
        min_words=min_words,
        max_words=max_words,
        tasks=tasks,
        seed=seed,
    )


def synthesize(
    context: Context, out: Path, settings: Settings, names: Iterable[str] = ()
) -> dict[str, Synthesized]:
    """Write OUT/<source>/documents/*.jsonl.zst; gives counts by source.

    Stages 1 to 4 run first where that is not done. Shards of OUT that still hold are left as they
    are. Raises WorkError where OUT is somebody else's folder or in use.
    """
    chosen = context.recipe.chosen(names)
    if chats := [source.name for source in chosen if source.reading.messages]:
        raise RecipeError(f"source {chats[0]} has conversations, not long documents: --source")
    sources = [source.name for source in chosen]
    _refuse_work(context, out)
    curated = curate(context, only=() if context.recipe.dedup else sources)
    shards = [
        survivors
        for survivors in deduplicate(context, curated).shards
        if survivors.curated.shard.source in sources
    ]
    with locked(out, "output folder", "OUT"):
        clear_unfinished(out)
        _remove_others(out, sources, shards)
        made = _shards(context, Work(out), settings, shards)
    return {
        source: _total(
            made[s.curated.shard.key] for s in shards if s.curated.shard.source == source
        )
        for source in sources
    }


def _shards(
    context: Context, work: Work, settings: Settings, shards: list[Survivors]
) -> dict[str, Synthesized]:
    """Counts of every shard; those without a record that holds are made."""
    finished: dict[str, Synthesized] = {}
    tasks: list[Task] = []
    made_by: dict[str, str] = {}
    records = Records(work)
    for survivors in shards:
        shard = survivors.curated.shard
        asked = [survivors.fingerprint, msgspec.to_builtins(settings)]
        made_by[shard.key] = fingerprint(code_fingerprint(), asked)
        record = records.done(STAGE, shard.key, made_by[shard.key])
        if record is not None and not context.force:
            finished[shard.key] = msgspec.convert(record.counts, Synthesized)
            continue
        args = {
            **survivors_of(context, survivors),
            "out": str(output_of(work.root, survivors)),
            "source": shard.source,
            "settings": msgspec.to_builtins(settings),
        }
        tasks.append(Task(shard.key, args, survivors.curated.counts.kept_bytes))
    outputs = {s.curated.shard.key: output_of(work.root, s) for s in shards}

    records.withdraw(STAGE, (task.key for task in tasks))

    def committed() -> Iterable[Outcome]:
        with records.writing() as write:
            for outcome in context.map(STAGE, FUNCTION, tasks, len(finished)):
                if outcome.error is None:
                    key = outcome.key
                    write(STAGE, key, made_by[key], [outputs[key]], outcome.value)
                yield outcome

    values = succeed(committed())
    return finished | {key: msgspec.convert(value, Synthesized) for key, value in values.items()}


def _refuse_work(context: Context, out: Path) -> None:
    given, work = address(out), address(context.work.root)
    if is_within(given, work) or is_within(work, given):
        raise WorkError(f"{given} and the work directory {work} lie in each other")


def _remove_others(out: Path, sources: list[str], shards: list[Survivors]) -> None:
    """Of an earlier run, shards that its source has no more."""
    outputs = {output_of(out, survivors) for survivors in shards}
    for source in sources:
        there = files_below(out / source / "documents")
        remove_all(p for p in there if p.name.endswith(".jsonl.zst") and p not in outputs)


def _total(counts: Iterable[Synthesized]) -> Synthesized:
    total = Synthesized()
    for one in counts:
        for name in one.__struct_fields__:
            value, sum_ = getattr(one, name), getattr(total, name)
            if isinstance(value, dict):
                added = {k: sum_.get(k, 0) + value.get(k, 0) for k in {**sum_, **value}}
                setattr(total, name, dict(sorted(added.items())))
            else:
                setattr(total, name, sum_ + value)
    return total
