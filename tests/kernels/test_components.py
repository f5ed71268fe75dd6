import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.kernels.components import join, roots_of

NODES = 30


def slow_components(edges: list[tuple[int, int]]) -> list[int]:
    """Every node takes the smallest name around it until nothing changes."""
    names = list(range(NODES))
    for _ in range(NODES):
        for a, b in edges:
            names[a] = names[b] = min(names[a], names[b])
    return names


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, NODES - 1), st.integers(0, NODES - 1)), max_size=40))
def test_components_are_named_by_their_smallest_node(edges: list[tuple[int, int]]) -> None:
    parents, members = np.arange(NODES), np.zeros(NODES, np.uint8)
    half = len(edges) // 2
    for part in (edges[:half], edges[half:]):
        join(parents, members, np.array(part, np.int64).reshape(-1, 2))
    assert roots_of(parents, np.arange(NODES)).tolist() == slow_components(edges)
    assert set(np.flatnonzero(members)) == {node for edge in edges for node in edge}
