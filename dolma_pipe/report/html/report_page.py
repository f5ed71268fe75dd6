"""report.html from a Page: one file that opens anywhere, below 5 MB whatever the corpus."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from msgspec.structs import replace

from dolma_pipe.report.html import columns, mixing, removals, sections, spans
from dolma_pipe.report.html.drawing import COLOURS
from dolma_pipe.report.html.render import rendered
from dolma_pipe.report.page.excerpts import shortened
from dolma_pipe.report.page.model import ColumnPanel, EntryPanel, Example, Page, Piece, RulePanel

LARGEST = 4_900_000
"""Bytes of a page."""


class Detail(NamedTuple):
    """How much of the examples is shown: documents of a list, characters of a text, clusters of an
    entry; rules and columns without a rule at all; whether histograms tell their sources apart."""

    examples: int
    characters: int
    clusters: int
    rules: int = 1000
    columns: int = 100
    by_source: bool = True
    recipe: int = 200_000


DETAILS = (
    Detail(12, 4000, 20),
    Detail(12, 4000, 20, columns=30),
    Detail(6, 600, 6, columns=30),
    Detail(2, 300, 3, 400, 30, recipe=100_000),
    Detail(2, 200, 1, 200, 30, by_source=False, recipe=50_000),
    Detail(0, 0, 0, 60, 0, by_source=False, recipe=20_000),
)
ROWS, LINE = 60, 400
"""Of lists and of names whose length nothing else bounds."""


def render_page(page: Page) -> str:
    """The page as HTML, with as much detail as its size allows. Raises MissingExtra."""
    if len(page.sources) > COLOURS:  # those have one of their own that are the largest
        documents = {row.source: row.documents for row in page.intake}
        by_size = sorted(page.sources, key=lambda name: -documents.get(name, 0))
        page = replace(page, sources=tuple(by_size))
    made = ""
    for detail in DETAILS:
        made = rendered("report.html.j2", **_values(_shortened(page, detail), detail, page))
        if len(made.encode()) <= LARGEST:
            break
    return made


def _values(page: Page, detail: Detail, whole: Page) -> dict[str, Any]:
    names = page.sources
    by_source = detail.by_source
    values: dict[str, Any] = {
        "page": page,
        "sources": names,
        "shortened": list(_left_out(page, whole, detail)),
        "figures": sections.key_figures(page),
        "source_rows": sections.source_rows(page),
        "funnel": sections.funnel(page),
        "rules": [removals.rule_of(rule, page, by_source) for rule in page.rules],
        "heaviest": max((sum(rule.removed.values()) for rule in page.rules), default=0),
        "columns": columns.columns_of(page, by_source),
        "languages": sections.languages(page),
        "spans": spans.parts_of(page),
        "entries": removals.entries_of(page),
        "dedup_chart": removals.removed_by_entry(page),
        "mix_chart": mixing.asked_and_got(page),
        "even": mixing.even(page),
        "repeats": mixing.repeats(page),
        "lengths": mixing.lengths(page, by_source),
        "padding": mixing.padding(page),
        "times": sections.times(page),
        "facts": sections.facts(page),
        "most": ROWS,
    }
    values["units"] = [(f"funnel-{unit}", unit) for unit in values["funnel"]]
    return values | {"sections": sections.contents(values)}


def _shortened(page: Page, detail: Detail) -> Page:
    rules = sorted(page.rules, key=lambda rule: -sum(rule.removed.values()))[: detail.rules]
    kept = {id(rule) for rule in rules}
    told = page.mix.notes if page.mix is not None else ()
    notes = [note for note in page.notes if note not in told]
    return replace(
        page,
        rules=tuple(_rule(rule, detail) for rule in page.rules if id(rule) in kept),
        columns=tuple(_column(column) for column in page.columns[: detail.columns]),
        spans=tuple(
            replace(span, examples=_examples(span.examples, detail)) for span in page.spans
        ),
        dedup=tuple(_entry(entry, detail) for entry in page.dedup),
        recipe=shortened(page.recipe, detail.recipe),
        notes=tuple(shortened(note, LINE) for note in notes[:ROWS]),
        damaged={shard: shortened(why, LINE) for shard, why in page.damaged.items()},
        failed={shard: shortened(why, LINE) for shard, why in page.failed.items()},
        facts=tuple(
            replace(fact, value=shortened(fact.value, LINE)) for fact in page.facts[: 10 * ROWS]
        ),
    )


def _rule(rule: RulePanel, detail: Detail) -> RulePanel:
    return replace(rule, help=shortened(rule.help, LINE), examples=_examples(rule.examples, detail))


def _column(column: ColumnPanel) -> ColumnPanel:
    return replace(column, help=shortened(column.help, LINE))


def _entry(entry: EntryPanel, detail: Detail) -> EntryPanel:
    clusters = tuple(
        replace(
            cluster,
            kept=_example(cluster.kept, detail),
            copies=tuple(
                replace(
                    copy,
                    document=_example(copy.document, detail),
                    kept=_pieces(copy.kept, detail.characters),
                    copy=_pieces(copy.copy, detail.characters),
                )
                for copy in cluster.copies[: detail.examples]
            ),
        )
        for cluster in entry.biggest[: detail.clusters]
    )
    return replace(entry, biggest=clusters, by_sources=entry.by_sources[: 10 * ROWS])


def _examples(examples: tuple[Example, ...], detail: Detail) -> tuple[Example, ...]:
    """Some from the middle, where the border of a rule lies."""
    spare = max(0, len(examples) - detail.examples) // 2
    return tuple(_example(one, detail) for one in examples[spare : spare + detail.examples])


def _example(example: Example, detail: Detail) -> Example:
    pieces = _pieces(example.pieces, detail.characters)
    return replace(example, id=shortened(example.id, LINE), pieces=pieces)


def _pieces(pieces: tuple[Piece, ...], most: int) -> tuple[Piece, ...]:
    made: list[Piece] = []
    for piece in pieces:
        if most <= 0:
            made.append(Piece("…"))
            break
        made.append(replace(piece, text=shortened(piece.text, most)))
        most -= len(piece.text)
    return tuple(made)


def _left_out(page: Page, whole: Page, detail: Detail) -> Iterator[str]:
    """What a large page does not show, in sentences."""
    if detail.examples < DETAILS[0].examples:
        told = f"{detail.examples} documents and {detail.characters} letters"
        yield f"lists of examples end after {told}"
    if len(page.rules) < len(whole.rules):
        yield f"{len(whole.rules) - len(page.rules)} rules that removed the least are left out"
    if len(page.columns) < len(whole.columns):
        yield f"{len(whole.columns) - len(page.columns)} columns without a rule are left out"
    if not detail.by_source:
        yield "histograms show all sources together"
