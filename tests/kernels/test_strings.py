import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.kernels.strings import members, string_set
from tests.texts import packed, texts

strings = st.lists(st.text("ab", max_size=3) | texts, max_size=30)


@settings(max_examples=100, deadline=None)
@given(strings, strings)
def test_members_are_those_of_a_python_set(entries: list[str], asked: list[str]) -> None:
    found = members(string_set(*packed(entries)), *packed(asked))
    assert found.tolist() == [string in set(entries) for string in asked]


def test_a_million_strings_take_thirty_bytes_each() -> None:
    entries = [f"domain-{i}.example" for i in range(1_000_000)]
    found = string_set(*packed(entries))
    own = found.offsets.nbytes + found.table.nbytes
    assert own < 20_000_000
    asked = packed([*entries[::1000], "domain-1000000.example", ""])
    assert np.flatnonzero(~members(found, *asked)).tolist() == [1000, 1001]
