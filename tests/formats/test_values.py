"""Every type of Arrow as JSON, the same each time."""

import datetime
import decimal
import json
from typing import Any

import pyarrow as pa
import pytest

from dolma_pipe.formats.values import encode, plain

DAY = datetime.datetime(2024, 2, 29, 12, 30, 15, 250_000)
UTC = datetime.UTC
VALUES: list[tuple[pa.Array, Any]] = [
    (pa.array([DAY], pa.timestamp("us")), "2024-02-29T12:30:15.250000"),
    (pa.array([1709209815], pa.timestamp("s")), "2024-02-29T12:30:15"),
    (pa.array([1709209815_123456789], pa.timestamp("ns")), "2024-02-29T12:30:15.123456789"),
    (pa.array([DAY.replace(tzinfo=UTC)], pa.timestamp("ms", "UTC")), "2024-02-29T12:30:15.250Z"),
    (pa.array([1 << 55], pa.timestamp("s")), "1141709097-06-13T06:26:08"),
    (pa.array([DAY.date()], pa.date32()), "2024-02-29"),
    (pa.array([DAY.date()], pa.date64()), "2024-02-29"),
    (pa.array([DAY.time()], pa.time64("us")), "12:30:15.250000"),
    (pa.array([5], pa.time32("s")), "00:00:05"),
    (pa.array([-1500], pa.duration("ms")), "-PT1.500S"),
    (pa.array([decimal.Decimal("123456789012345678.90")]), "123456789012345678.90"),
    (pa.array([b"\xff\x00"]), "/wA="),
    (pa.array([1.5], pa.float16()), 1.5),
    (pa.array([float("nan")]), None),
    (pa.array([float("inf")], pa.float32()), None),
    (pa.array([(1 << 64) - 1], pa.uint64()), (1 << 64) - 1),
    (pa.array([[{"at": DAY}, None]]), [{"at": "2024-02-29T12:30:15.250000"}, None]),
    (pa.array([{"a": [1, None], "b": {"c": True}}]), {"a": [1, None], "b": {"c": True}}),
    (pa.array([[("k", DAY.date())]], pa.map_(pa.string(), pa.date32())), {"k": "2024-02-29"}),
    (pa.array([[(1, "a")]], pa.map_(pa.int8(), pa.string())), [[1, "a"]]),
    (pa.array([[1, 2]], pa.list_(pa.int8(), 2)), [1, 2]),
    (pa.array([[1, 2]], pa.list_view(pa.int8())), [1, 2]),
    (pa.array(["é"], pa.string_view()), "é"),
    (pa.array(["a"]).dictionary_encode(), "a"),
    (pa.array([b"0123456789abcdef"], pa.binary(16)).cast(pa.uuid()), "MDEyMzQ1Njc4OWFiY2RlZg=="),
    (pa.nulls(1), None),
]


@pytest.mark.parametrize(("array", "expected"), VALUES, ids=[str(a.type) for a, _ in VALUES])
def test_a_value_is_json(array: pa.Array, expected: Any) -> None:
    nothing = pa.concat_arrays([array[:0], array, pa.nulls(1, array.type)])[1:]
    assert plain(nothing) == [None]
    told = encode(plain(array)[0]).decode()
    if pa.types.is_decimal(array.type):
        assert told == expected
    else:
        assert json.loads(told) == expected
