"""Connected components over densely numbered nodes: union-find with path halving.

Source: Tarjan and van Leeuwen 1984, Worst-case analysis of set union algorithms.
"""

import numpy as np

from dolma_pipe.kernels.jit import I64, U8, U64, inlined, kernel


@inlined
def root(parents: I64, node: int) -> int:
    while parents[node] != node:
        parents[node] = parents[parents[node]]
        node = parents[node]
    return node


@kernel
def join(parents: I64, members: U8, edges: I64) -> None:
    """Join the ends of every edge; a component is named by its smallest node.

    parents: int64[nodes], at first parents[i] = i. members: uint8[nodes], set to 1 for every end of
    an edge. edges: int64[edges, 2].
    """
    for e in range(len(edges)):
        one, other = edges[e, 0], edges[e, 1]
        members[one] = members[other] = np.uint8(1)
        one, other = root(parents, one), root(parents, other)
        if one < other:
            parents[other] = one
        elif other < one:
            parents[one] = other


@kernel
def pack(parents: I64, members: U8, nodes: int) -> tuple[int, int, int, int]:
    """Put whole components together in partitions, in the order of their smallest nodes.

    A partition takes those whose first node comes within the next `nodes` nodes of components.
    parents are rewritten for partition_of: a root has -1 - its partition, a member its root.
    Returns members, components, members of the largest, partitions.
    """
    total = 0
    for node in range(len(parents)):
        if members[node]:
            total += 1
            parents[node] = root(parents, node)
    for node in range(len(parents)):  # a root now has minus its size
        if members[node] and parents[node] == node:
            parents[node] = -1
        elif members[node]:
            parents[parents[node]] -= 1
    components = largest = before = 0
    stretch, partition = -1, -1
    for node in range(len(parents)):
        if members[node] and parents[node] < 0:
            size = -parents[node]
            components, largest = components + 1, max(largest, size)
            if before // nodes != stretch:
                stretch, partition = before // nodes, partition + 1
            parents[node] = -1 - partition
            before += size
    return total, components, largest, partition + 1


@kernel
def partition_of(parents: I64, members: U8, first: int, end: int) -> U64:
    """uint64[members, 3] of the nodes first to end: node, component, partition, after pack."""
    count = 0
    for node in range(first, end):
        count += members[node]
    table = np.empty((count, 3), np.uint64)
    row = 0
    for node in range(first, end):
        if members[node]:
            first_node = parents[node] if parents[node] >= 0 else node
            table[row, 0], table[row, 1] = np.uint64(node), np.uint64(first_node)
            table[row, 2] = np.uint64(-1 - parents[first_node])
            row += 1
    return table
