"""Cells: what is written in groups is read back group by group."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.stages.dedup.cells import read_cell, write_grouped
from dolma_pipe.stages.dedup.shuffle import partition_of


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 99)), max_size=30))
def test_every_cell_holds_its_records_in_their_order(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[int, int]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "some.cells"
    cells = np.array([cell for cell, _ in pairs], np.int64)
    records = np.array([[value, value + 1] for _, value in pairs], np.uint64).reshape(-1, 2)
    write_grouped(path, cells, records, 5)
    for cell in range(5):
        expected = [v for c, value in pairs if c == cell for v in (value, value + 1)]
        assert read_cell(path, cell).tolist() == expected


def test_partitions_are_equal_stretches_of_the_keys() -> None:
    keys = np.array([0, 1 << 62, 1 << 63, (1 << 64) - 1], np.uint64)
    assert partition_of(keys, 1).tolist() == [0, 0, 0, 0]
    assert partition_of(keys, 4).tolist() == [0, 1, 2, 3]
    assert partition_of(keys, 7).tolist() == [0, 1, 3, 6]
