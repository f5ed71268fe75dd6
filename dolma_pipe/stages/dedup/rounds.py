"""Rounds: components without a task that holds all documents, by alternating stars.

Node n belongs to part n % partitions, which knows it as n // partitions.

start        edges to the task of their larger end
small_star   node by node: its smaller neighbours and itself to the smallest of them
large_star   node by node: its larger neighbours to the smallest of all and itself
settle       once all are stars: each node to the range of documents in which its component begins;
             placing.py goes on

Source: Kiveris, Lattanzi, Mirrokni, Rastogi, Vassilvitskii 2014, Connected Components in MapReduce
and Beyond. No star adds an edge, and one that changes something makes an end smaller, so that it
ends; a path of n nodes takes about log2 n rounds, the shallow graphs of copies three.

Memory of a task: a table of its nodes, partition_bytes at most, and as much again a few times. A
node of any number of edges only takes time: its edges are read in pieces and lie in a temporary
file where they are many.
"""

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

import numpy as np

from dolma_pipe.kernels.jit import I64
from dolma_pipe.stages.dedup.candidates import read_edges
from dolma_pipe.stages.dedup.found import total
from dolma_pipe.stages.dedup.placing import place_components
from dolma_pipe.stages.dedup.plan import Plan, Steps, load
from dolma_pipe.stages.dedup.record_blocks import PIECE, RecordBlocks, pieces, read_blocks
from dolma_pipe.stages.dedup.spool import Spool

NODE = 8
"""Bytes a node in the table of its task."""

EDGE = 16
"""Bytes an edge in a file."""

SHARE = 4
"""Bytes an edge by which there are more tasks. It takes 32 where it is sent both ways; but tasks
squared is the number of reads, and edges may lie in a temporary file, as nodes may not."""


def connect_in_rounds(steps: Steps, plan: Plan, edges: Sequence[int], nodes: int) -> dict[str, int]:
    """As components.connect."""
    documents, limit = int(plan.firsts[-1]), plan.partition_bytes
    partitions = max(1, -(-(NODE * documents + SHARE * sum(edges)) // limit))
    before = np.cumsum([0, *edges])[:-1]
    _, firsts = np.unique(EDGE * before // limit, return_index=True)
    borders = [*firsts.tolist(), len(edges)]
    sent = steps.over_parts("rounds:start", len(firsts), partitions=partitions, borders=borders)
    for step in count(1):
        function = "rounds:small_star" if step % 2 else "rounds:large_star"
        sent = _onward(steps, function, step, partitions, sent)
        if step % 2 == 0 and not total(sent, ["unlike"])["unlike"]:
            break
    width = max(1, -(-documents // partitions))
    sent = _onward(steps, "rounds:settle", step + 1, partitions, sent, width=width)
    return place_components(steps, plan, width, [one["blocks"] for one in sent], nodes)


def _onward(
    steps: Steps, function: str, step: int, partitions: int, sent: list[dict[str, int]], **args: int
) -> list[dict[str, int]]:
    """What a step returns that reads what the one before sent."""
    common = {"partitions": partitions, "step": step, "blocks": [one["blocks"] for one in sent]}
    return steps.over_parts(function, partitions, **common, **args)


def start(args: dict[str, Any]) -> dict[str, int]:
    """Task: rounds/0/<part>.<block>.cells, a cell a part of (node, smaller neighbour).

    args: partitions; borders, the first file of edges of each task and the end.
    """
    plan, part, partitions = load(args["plan"]), args["part"], args["partitions"]
    blocks = RecordBlocks(plan, "rounds/0", part, partitions)
    for edges in read_edges(plan, range(*args["borders"][part : part + 2])):
        for some in pieces(edges):
            larger = some.max(axis=1)
            blocks.add(larger % partitions, larger, some.min(axis=1))
    return {"blocks": blocks.flush()}


def small_star(args: dict[str, Any]) -> dict[str, int]:
    """Task: rounds/<step>/<part>.<block>.cells, as from start, and each the other way round, too.

    args: partitions, step; blocks, the number of files of each part of the step before.
    """
    plan, part, partitions = load(args["plan"]), args["part"], args["partitions"]
    blocks = RecordBlocks(plan, f"rounds/{args['step']}", part, partitions)

    def both_ways(nodes: I64, least: I64) -> None:
        blocks.add(nodes % partitions, nodes, least)
        blocks.add(least % partitions, least, nodes)

    with Spool(plan.path("rounds"), _held(plan)) as records:
        table = _least(args, records)
        for nodes, others in _pieces(records):
            least = table[nodes // partitions]
            moved = others != least
            both_ways(others[moved], least[moved])
    for least, nodes in _table_pieces(table, args):
        both_ways(nodes, least)
    return {"blocks": blocks.flush()}


def large_star(args: dict[str, Any]) -> dict[str, int]:
    """Task: the next rounds/<step>/<part>.<block>.cells, as from start. args: as for small_star.

    Returns as `unlike` how many edges a node has that is not in a star: one with larger neighbours
    has no smaller, and any other has but one.
    """
    plan, part, partitions = load(args["plan"]), args["part"], args["partitions"]
    blocks, unlike = RecordBlocks(plan, f"rounds/{args['step']}", part, partitions), 0
    with Spool(plan.path("rounds"), _held(plan)) as records:
        table = _least(args, records)
        for nodes, others in _pieces(records):
            least = table[nodes // partitions]
            larger = others > nodes
            unlike += int(np.count_nonzero(np.where(larger, nodes, others) != least))
            others, least = others[larger], least[larger]
            blocks.add(others % partitions, others, least)
    return {"blocks": blocks.flush(), "unlike": unlike}


def settle(args: dict[str, Any]) -> dict[str, int]:
    """Task: settled/<part>.<block>.cells, a cell a range of (component, other document of it).

    args: as for small_star; width, documents of a range.
    """
    plan, part, partitions = load(args["plan"]), args["part"], args["partitions"]
    blocks = RecordBlocks(plan, "settled", part, partitions)
    for components, documents in _table_pieces(_least(args), args):
        blocks.add(components // args["width"], components, documents)
    return {"blocks": blocks.flush()}


def _held(plan: Plan) -> int:
    """Words of records that a task has in memory."""
    return plan.partition_bytes // 16


def _least(args: dict[str, Any], records: Spool | None = None) -> I64:
    """int64[nodes of the part]: the least of a node and its neighbours; records gets all of it."""
    plan, part, partitions = load(args["plan"]), args["part"], args["partitions"]
    table = np.arange(part, int(plan.firsts[-1]), partitions, dtype=np.int64)
    folder = f"rounds/{args['step'] - 1}"
    for some in read_blocks(plan, folder, args["blocks"], part, 2):
        np.minimum.at(table, some[:, 0] // partitions, some[:, 1])
        if records is not None:
            records.add(some.view(np.uint64))
    return table


def _table_pieces(table: I64, args: dict[str, Any]) -> Iterator[tuple[I64, I64]]:
    """The least neighbour, and the node, of those that have a smaller one."""
    for first in range(0, len(table), PIECE):
        least = table[first : first + PIECE]
        nodes = np.arange(first, first + len(least)) * args["partitions"] + args["part"]
        smaller = least != nodes
        yield least[smaller], nodes[smaller]


def _pieces(records: Spool) -> Iterator[tuple[I64, I64]]:
    """Nodes, and a neighbour of each."""
    for words in records.pieces(2 * PIECE):
        nodes, others = words.view(np.int64).reshape(-1, 2).T
        yield nodes, others
