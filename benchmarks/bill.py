"""What so many tokens cost, from measured constants: core-hours, bytes, requests, memory, dollars.

python -m benchmarks.bill SCALE.json   prints the table
"""

import sys
from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.tables import table

T = 10**12
HOUR = 3600.0
REDUCER = 192 << 20
"""Bytes of records of one task (dedup's partition_bytes)."""

BANDS, BAND_RECORD, EXACT_RECORD = 14, 16, 32
"""Of MinHash 14 x 8 and of exact: bytes of a record in the shuffle."""

READS_OF_A_CELL = 2
"""Ranged reads: where it lies, and what is in it."""

PLANNED = 17
"""Bytes a document in the task that plans a source (stages/mix/documents.py)."""

BLOCK = 64 << 20
"""Bytes of sets of shingles that one block holds."""

PEER_MBS, PEER_DOCUMENTS = 0.74, 532
"""datamap-rs, its all-dressed pass, published: MB and documents a second and vCPU."""


class Prices(msgspec.Struct, frozen=True):
    """Dollars, list prices of a large cloud, one region: an assumption, not a measurement.

    core: a vCPU-hour of a compute-optimised machine on demand. spot: the same, interruptible.
    month: a GB-month of object storage; get, put: 1,000 requests. days: that everything written
    stays there.
    """

    core: float = 0.0425
    spot: float = 0.017
    month: float = 0.023
    get: float = 0.0004
    put: float = 0.005
    days: float = 7


class NearCopies(msgspec.Struct, frozen=True):
    """What near copies of real text cost, from the tables of docs/scale.md: text that is recombined
    has hardly any.

    share: of the documents that are candidates; assumed. read, sets, decide: CPU microseconds a
    document, a candidate, a candidate, all of `document` bytes. set_share: bytes of sets a byte of
    a candidate's text.
    """

    share: float = 0.3
    read: float = 18.0
    sets: float = 40.0
    decide: float = 30.0
    document: float = 2_800.0
    set_share: float = 8 * 400 / 2_800


class Stage(msgspec.Struct, frozen=True):
    """One stage of the run that was measured, start-up apart. cpu: seconds; read, written: bytes;
    opened, made: files; peak: bytes of its largest worker."""

    name: str
    cpu: float
    read: int
    written: int
    opened: int
    made: int
    peak: int


class Constants(msgspec.Struct, frozen=True):
    """A measured run. bytes: of text; tokens: of the text that went in, estimated by what came out.

    stages: the first one reads the documents. base, shard: bytes of the driver, and those that a
    shard adds. between: bytes written between the steps of deduplication.
    """

    bytes: int
    documents: int
    shards: int
    kept_bytes: int
    tokens: int
    stages: list[Stage]
    between: int
    base: int
    shard: float


class Line(msgspec.Struct, frozen=True):
    """A stage in the bill: core-hours, bytes read, written and moved between tasks, requests."""

    name: str
    hours: float
    read: float
    written: float
    gets: float
    puts: float


class Bill(msgspec.Struct, frozen=True):
    """For so many tokens of input. peer_hours: what datamap-rs would take for stages 1 to 3."""

    tokens: float
    bytes: float
    documents: float
    shards: int
    lines: list[Line]
    shuffled: float
    worker: int
    driver: float
    components: float
    peer_hours: float
    dollars: dict[str, float]

    def sum(self, field: str) -> float:
        """Of a field of all lines."""
        return float(sum(getattr(line, field) for line in self.lines))


def bill(
    measured: Constants,
    tokens: float,
    shard_bytes: float,
    prices: Prices = Prices(),  # noqa: B008  frozen
    near: NearCopies = NearCopies(),  # noqa: B008  frozen
) -> Bill:
    """Multiply: everything is linear in bytes but the reads of the shuffle, shards x reducers."""
    times = tokens / measured.tokens
    size, documents = measured.bytes * times, measured.documents * times
    shards = ceil(size / shard_bytes)
    tasks = shards / measured.shards
    lines = [
        Line(
            stage.name,
            stage.cpu * times / HOUR,
            stage.read * times,
            stage.written * times,
            stage.opened * tasks,
            stage.made * tasks,
        )
        for stage in measured.stages
    ]
    lines += [_shuffle(documents, shards), _near_copies(size, documents, near)]
    shuffled = measured.between * times + lines[-1].written
    hours = sum(line.hours for line in lines)
    written, gets, puts = (sum(getattr(n, f) for n in lines) for f in ("written", "gets", "puts"))
    dollars = {
        "cores, on demand": hours * prices.core,
        "cores, spot": hours * prices.spot,
        "storage": written / 1e9 * prices.month * prices.days / 30,
        "requests": gets / 1000 * prices.get + puts / 1000 * prices.put,
    }
    return Bill(
        tokens=tokens,
        bytes=size,
        documents=documents,
        shards=shards,
        lines=lines,
        shuffled=shuffled,
        worker=max(stage.peak for stage in measured.stages),
        driver=measured.base + measured.shard * shards,
        components=9 * documents,
        peer_hours=size / 1e6 / PEER_MBS / HOUR,
        dollars=dollars,
    )


def _shuffle(documents: float, shards: int) -> Line:
    """Only requests: what it costs in time and bytes is in the measured stages."""
    reducers = ceil(documents * EXACT_RECORD / REDUCER)
    reducers += BANDS * ceil(documents * BAND_RECORD / REDUCER)
    return Line("reads of the shuffle", 0, 0, 0, READS_OF_A_CELL * shards * reducers, reducers)


def _near_copies(size: float, documents: float, near: NearCopies) -> Line:
    """Read once more, sets of the candidates written and read, pairs decided."""
    longer = size / documents / near.document
    micros = longer * (near.read + near.share * (near.sets + near.decide))
    sets = size * near.share * near.set_share
    blocks, parts = ceil(sets / BLOCK), ceil(sets / REDUCER)
    return Line(
        f"near copies, {near.share:.0%} candidates",
        documents * micros / 1e6 / HOUR,
        size + sets,
        sets,
        READS_OF_A_CELL * blocks * parts,
        blocks + parts,
    )


def told(bills: Sequence[Bill], prices: Prices = Prices()) -> str:  # noqa: B008  frozen
    """The stages of each size, then what they have in common side by side."""
    columns = ("core-hours", "TB read", "TB written", "GET", "PUT")
    fields = ("hours", "read", "written", "gets", "puts")
    tables = []
    for one in bills:
        rows = [[n.name, *_figures(*(getattr(n, field) for field in fields))] for n in one.lines]
        rows.append(["**all**", *_figures(*map(one.sum, fields))])
        tables.append(table((f"{one.tokens / T:g}T tokens", *columns), rows))
    heads = [f"{one.tokens / T:g}T tokens" for one in bills]
    return "\n\n".join([*tables, table(["", *heads], _common(bills, prices))])


def _common(bills: Sequence[Bill], prices: Prices) -> list[list[str]]:
    def row(name: str, cells: Sequence[str]) -> list[str]:
        return [name, *cells]

    first = [b.lines[0].hours for b in bills]
    rows = [
        row("text in, TB", [f"{b.bytes / 1e12:,.1f}" for b in bills]),
        row("documents, 10^9", [f"{b.documents / 1e9:,.1f}" for b in bills]),
        row(
            "shards, of so many MB",
            [f"{b.shards:,} of {b.bytes / b.shards / 1e6:,.0f}" for b in bills],
        ),
        row("shuffled between steps of dedup, TB", [f"{b.shuffled / 1e12:,.2f}" for b in bills]),
        row("largest worker, MB", [f"{b.worker / 1e6:,.0f}" for b in bills]),
        row("driver, MB", [f"{b.driver / 1e6:,.0f}" for b in bills]),
        row("union-find in one process, GB", [f"{b.components / 1e9:,.0f}" for b in bills]),
        row(
            "plan of the mix, if all is one source, GB",
            [f"{b.documents * PLANNED / 1e9:,.0f}" for b in bills],
        ),
    ]
    for name, price in (("on demand", prices.core), ("spot", prices.spot)):
        dollars = [f"{b.dollars[f'cores, {name}']:,.0f}" for b in bills]
        rows.append(row(f"cores {name} at ${price:g} a vCPU-hour, $", dollars))
    rows += [
        row(
            f"what is written, {prices.days:g} days at ${prices.month:g} a GB-month, $",
            [f"{b.dollars['storage']:,.0f}" for b in bills],
        ),
        row(
            f"requests at ${prices.get:g} and ${prices.put:g} a 1,000 GET and PUT, $",
            [f"{b.dollars['requests']:,.0f}" for b in bills],
        ),
        row("stages 1 to 3, ours, core-hours", [f"{hours:,.0f}" for hours in first]),
        row(
            f"stages 1 to 3 at the published {PEER_MBS:g} MB/s a vCPU (datamap-rs), core-hours",
            [f"{b.peer_hours:,.0f}" for b in bills],
        ),
        row(
            f"documents/s a vCPU, stages 1 to 3 (datamap-rs: {PEER_DOCUMENTS}, of its own"
            f" {PEER_MBS * 1e6 / PEER_DOCUMENTS:,.0f} bytes)",
            [f"{b.documents / (h * HOUR):,.0f}" for b, h in zip(bills, first, strict=True)],
        ),
        row(
            "the same at its size of a document",
            [
                f"{b.bytes / (PEER_MBS * 1e6 / PEER_DOCUMENTS) / (h * HOUR):,.0f}"
                for b, h in zip(bills, first, strict=True)
            ],
        ),
    ]
    return rows


def _figures(hours: float, read: float, written: float, gets: float, puts: float) -> list[str]:
    counts = [f"{n:.2g}".replace("e+0", "e").replace("e+", "e") for n in (gets, puts)]
    return [f"{hours:,.1f}", f"{read / 1e12:,.2f}", f"{written / 1e12:,.2f}", *counts]


SIZES = ((T, 256e6), (10 * T, 1e9))
"""Tokens, and bytes of text of a shard: larger ones where there is more."""


def constants_in(parts: Mapping[str, Any]) -> Constants:
    """Of the growth; the driver as the load shows it, where that was measured as well."""
    measured = msgspec.convert(parts["growth"]["constants"], Constants)
    rows = [
        row
        for row in parts.get("load", {"rows": []})["rows"]
        if row["engine"] == "local" and "peak" in row
    ]
    if len(rows) < 2:
        return measured
    few, many = rows
    each = max(0.0, (many["peak"] - few["peak"]) / (many["shards"] - few["shards"]))
    base = round(few["peak"] - each * few["shards"])
    return msgspec.structs.replace(measured, base=base, shard=each)


def main(path: str) -> None:
    """The table of what benchmarks.scale has measured."""
    measured = constants_in(msgspec.json.decode(Path(path).read_bytes())["parts"])
    print(told([bill(measured, tokens, shard) for tokens, shard in SIZES]))


if __name__ == "__main__":
    main(*sys.argv[1:])
