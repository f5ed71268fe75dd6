"""Connected components over densely numbered nodes: union-find with path halving.

Source: Tarjan and van Leeuwen 1984, Worst-case analysis of set union algorithms.
"""

import numpy as np

from dolma_pipe.kernels.jit import I64, U8, inlined, kernel


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
def roots_of(parents: I64, nodes: I64) -> I64:
    """int64[len(nodes)]: the smallest node of the component of each node."""
    roots = np.empty(len(nodes), np.int64)
    for i in range(len(nodes)):
        roots[i] = root(parents, nodes[i])
    return roots
