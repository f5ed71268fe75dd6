"""The table at the end of `dolma-pipe synthesize`."""

from collections.abc import Iterator, Mapping

from dolma_pipe.stages.synthesize import Synthesized


def longtasks_table(counts: Mapping[str, Synthesized]) -> str:
    """Documents in and out by source, why some have no task, tasks by kind and form."""
    return "\n".join(_lines(counts))


def _lines(counts: Mapping[str, Synthesized]) -> Iterator[str]:
    columns = ("docs in", "with task", "too short", "too long", "no task", "words in", "words out")
    yield f"{'source':14} " + " ".join(f"{name:>11}" for name in columns)
    for source, row in counts.items():
        without = sum(row.without.values())
        documents = [row.documents, row.with_task, row.too_short, row.too_long, without]
        numbers = [*documents, row.words_in, row.words_out]
        yield f"{source:14} " + " ".join(f"{n:11,}" for n in numbers)
        for title, numbers_by_name in (
            ("no task", row.without),
            ("tasks", row.tasks),
            ("tasks dropped", row.lost),
        ):
            if numbers_by_name:
                told = ", ".join(f"{name} {n:,}" for name, n in sorted(numbers_by_name.items()))
                yield f"  {title}: {told}"
