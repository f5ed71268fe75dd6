"""What deduplication did, read from a work directory: the answers of `dolma-pipe dedup report`."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

from dolma_pipe.errors import UserError, WorkError
from dolma_pipe.manifest import read_record
from dolma_pipe.passes.phases import read_dedup_times
from dolma_pipe.recipe import Recipe
from dolma_pipe.report.cluster_texts import cluster_texts, cut_texts
from dolma_pipe.report.dedup_table import cut_tokens, dedup_table, removed_tokens
from dolma_pipe.report.dedup_tokens import token_rates
from dolma_pipe.settings import nearest
from dolma_pipe.work import Work, address, exists, read_json


class DedupReport:
    """dedup/report.json with what stands around it. entries: those that were asked for."""

    def __init__(
        self,
        work: Work,
        recipe: Recipe | None,
        report: dict[str, Any],
        entries: list[dict[str, Any]],
    ) -> None:
        self._work = work
        self._report = report
        self._entries = entries
        record = read_record(work, "dedup", "all")
        outputs = record.outputs if record else {}
        folder, ending = "dedup/removed/", ".u8"
        keys = [n for n in outputs if n.startswith(folder) and n.endswith(ending)]
        self._keys = [name.removeprefix(folder).removesuffix(ending) for name in keys]
        self._recipe = recipe

    def table(self, width: int) -> str:
        rates = token_rates(self._work, self._keys, self._recipe)
        times = read_dedup_times(self._work)
        root = address(self._work.root)
        return dedup_table(self._report, root, rates, times, self._entries, width)

    def data(self) -> dict[str, Any]:
        """The report, with estimated tokens and what its run took."""
        rates = token_rates(self._work, self._keys, self._recipe)
        tokens = {
            "tokens_a_byte": rates.by_source,
            "counted_in": rates.origin,
            "removed": [
                {"entry": entry["entry"], "tokens": removed_tokens(entry, rates)}
                for entry in self._entries
            ],
            "cut": [
                {"entry": entry["entry"], "tokens": cut_tokens(entry, rates)}
                for entry in self._entries
            ],
        }
        return {
            **self._report,
            "entries": self._entries,
            "estimated_tokens": tokens,
            "times": read_dedup_times(self._work),
        }

    def clusters(self, count: int, width: int, *, colour: bool) -> Iterator[str]:
        """Line by line; the whole text is never held."""
        told = chain.from_iterable(
            cluster_texts(self._work, self._report, entry, count, width, colour=colour)
            for entry in self._entries
        )
        yield from told
        if len(self._entries) == len(self._report["entries"]):
            yield from cut_texts(self._work, count, width, colour=colour)


def read_report(
    work: Work, recipe: Recipe | None, method: str | None = None, entry: int | None = None
) -> DedupReport:
    """Of all entries, those of one method, or one of them by its number.

    Raises WorkError where there is none, UserError for an unknown entry.
    """
    path, root = work.dedup / "report.json", address(work.root)
    if not exists(path):
        raise WorkError(f"nothing is deduplicated in {root}: run dolma-pipe dedup RECIPE")
    if read_record(work, "dedup", "all") is None:
        raise WorkError(f"deduplication in {root} has not ended: run it again")
    report = read_json(path)
    entries = report["entries"]
    methods = list(dict.fromkeys(one["method"] for one in entries))
    numbers = [one["entry"] for one in entries]
    if method is not None and method not in methods:
        raise UserError(f"{address(path)} has no entry '{method}'{nearest(method, methods)}")
    if entry is not None and entry not in numbers:
        known = ", ".join(map(str, numbers))
        raise UserError(f"{address(path)} has no entry {entry} (known: {known})")
    chosen = [one for one in entries if method in (None, one["method"])]
    chosen = [one for one in chosen if entry in (None, one["entry"])]
    if not chosen:
        raise UserError(f"entry {entry} of {address(path)} is no {method}")
    return DedupReport(work, recipe, report, chosen)
