from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dolma_pipe.errors import WorkError
from dolma_pipe.stored import AttributeFile
from tests.attributes import write_attributes

COLUMNS = {
    "a.x": [1.0, None, None],
    "a.label": ["en", None, None],
    "b.spans": [[(0, 1, 1.0), (2, 3, 0.5)], [], None],
    "b.count": [2.0, 0.0, None],
}
SCORED = {"a": [True, True, False], "b": [True, True, False]}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "attributes" / "web.parquet"
    write_attributes(path, ["abc", "", "é"], COLUMNS, taggers=SCORED)
    return path


def test_what_is_stored_and_who_was_scored(path: Path) -> None:
    stored = AttributeFile(path)
    assert len(stored) == 3
    assert stored.columns == {
        "a.label": "label",
        "a.x": "number",
        "b.count": "number",
        "b.spans": "spans",
    }
    [group] = stored.groups()
    for column in stored.columns:
        assert group.scored(column).tolist() == [True, True, False]
    assert np.array_equal(group.numbers("a.x"), [1, np.nan, np.nan], equal_nan=True)
    spans = group.spans("b.spans")
    assert [array.tolist() for array in spans] == [[0, 2, 2, 2], [0, 2], [1, 3], [1.0, 0.5]]


def test_slices_have_spans_of_their_own(path: Path) -> None:
    [group] = AttributeFile(path).groups(["b.spans"])
    assert group.row(1).spans("b.spans").offsets.tolist() == [0, 0]
    assert group.row(0).spans("b.spans").ends.tolist() == [1, 3]


def test_only_the_columns_that_are_asked_for(path: Path) -> None:
    [group] = AttributeFile(path).groups(["a.x"])
    assert group.rows.schema.names == ["line", "id", "bytes", "dropped_by", "scored", "a.x"]


def test_a_file_that_is_none_of_ours(tmp_path: Path) -> None:
    for content, told in ((b"", "cannot read"), (b"PAR1nonsensePAR1", "cannot read")):
        (tmp_path / "x.parquet").write_bytes(content)
        with pytest.raises(WorkError, match=told) as caught:
            AttributeFile(tmp_path / "x.parquet")
        assert "\n" not in str(caught.value)
    with pytest.raises(WorkError, match="is not there"):
        AttributeFile(tmp_path / "y.parquet")
    pq.write_table(pa.table({"id": ["a"]}), tmp_path / "z.parquet")  # of another program
    with pytest.raises(WorkError, match=r"cannot read .*: tag again"):
        AttributeFile(tmp_path / "z.parquet")


def test_any_number_of_files_can_be_held(path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    held = [AttributeFile(path) for _ in range(50)]
    assert len(list(Path("/proc/self/fd").iterdir())) < before + 10
    assert [len(group) for group in held[0].groups()] == [3]


def test_a_file_that_was_written_anew_meanwhile(path: Path) -> None:
    stored = AttributeFile(path)
    write_attributes(path, ["abc"], {"a.x": [1.0]})
    with pytest.raises(WorkError, match="was written anew just now: ask again"):
        next(stored.groups())
