from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.kernels.components import join, pack, partition_of

NODES = 30


def slow_components(edges: list[tuple[int, int]]) -> list[int]:
    """Every node takes the smallest name around it until nothing changes."""
    names = list(range(NODES))
    for _ in range(NODES):
        for a, b in edges:
            names[a] = names[b] = min(names[a], names[b])
    return names


def slow_table(edges: list[tuple[int, int]], nodes: int) -> list[list[int]]:
    """Node, component and partition of all that have an edge."""
    names = slow_components(edges)
    members = sorted({node for edge in edges for node in edge})
    before, stretches = 0, {}
    for root in sorted({names[node] for node in members}):
        stretches[root] = before // nodes
        before += sum(names[node] == root for node in members)
    numbers = sorted(set(stretches.values()))
    return [[n, names[n], numbers.index(stretches[names[n]])] for n in members]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, NODES - 1), st.integers(0, NODES - 1)), max_size=40),
    st.integers(1, 12),
    st.integers(0, NODES),
)
def test_components_are_named_by_their_smallest_node_and_packed(
    edges: list[tuple[int, int]], nodes: int, border: int
) -> None:
    parents, members = np.arange(NODES), np.zeros(NODES, np.uint8)
    half = len(edges) // 2
    for part in (edges[:half], edges[half:]):
        join(parents, members, np.array(part, np.int64).reshape(-1, 2))
    assert set(np.flatnonzero(members)) == {node for edge in edges for node in edge}
    counts = pack(parents, members, nodes)
    halves = [partition_of(parents, members, *span) for span in ((0, border), (border, NODES))]
    table = np.concatenate(halves).tolist()
    assert table == slow_table(edges, nodes)
    sizes = Counter(component for _, component, _ in table)
    partitions = len({partition for *_, partition in table})
    assert counts == (len(table), len(sizes), max(sizes.values(), default=0), partitions)
