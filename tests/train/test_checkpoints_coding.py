"""Differences of bit patterns: what comes back is what went in, whatever the bits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.train.checkpoints.coding import decode, encode, kind_of
from tests.train.made_checkpoints import bf16

DTYPES = ("BF16", "F16", "F32", "F64", "I64", "U32", "I16", "BOOL", "F8_E4M3")
SPECIAL = (0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 5e-324, 1e-45, -1e-45, 6e-8)


def special_bits(size: int) -> list[int]:
    """Of floats of so many bytes, and the ends of the unsigned integers."""
    ends = [0, 1, 2**7, (1 << 8 * size) - 1, 1 << (8 * size - 1)]
    if size == 1:
        return ends
    with np.errstate(over="ignore"):
        floats = np.array(SPECIAL).astype(f"<f{size}").view(f"<u{size}").tolist()
    nan = int(np.array(np.nan, f"<f{size}").view(f"<u{size}"))
    return [*ends, *floats, nan + 1, nan | 1 << (8 * size - 1)]


@st.composite
def patterns(draw: st.DrawFn) -> tuple[str, np.ndarray, np.ndarray | None]:
    dtype = draw(st.sampled_from(DTYPES))
    size = kind_of(dtype).bytes
    one = st.integers(0, (1 << 8 * size) - 1) | st.sampled_from(special_bits(size))
    values = draw(st.lists(one, min_size=1, max_size=60))
    base = draw(st.lists(one, min_size=len(values), max_size=len(values)))
    unsigned = f"<u{size}"
    against = np.array(base, unsigned) if draw(st.booleans()) else None
    return dtype, np.array(values, unsigned), against


@given(patterns())
@settings(max_examples=300, deadline=None)
def test_every_pattern_comes_back(given: tuple[str, np.ndarray, np.ndarray | None]) -> None:
    dtype, values, base = given
    kind = kind_of(dtype)
    planes = encode(values, base, kind)
    assert len(planes) == kind.bytes
    assert decode(planes, base, kind, values.size).tobytes() == values.tobytes()


@pytest.mark.parametrize("dtype", ["BF16", "F32", "I64", "BOOL"])
def test_what_is_equal_takes_nothing(dtype: str) -> None:
    kind = kind_of(dtype)
    values = np.random.default_rng(0).integers(0, 256, 1000 * kind.bytes, np.uint8)
    values = values.view(f"<u{kind.bytes}")
    assert encode(values, values, kind) == [b""] * kind.bytes


def test_a_step_across_zero_is_a_small_one() -> None:
    """By raw bits -0.0 is 32,768 away from 0.0, and both of its planes would be full."""
    up = bf16(np.full(4096, 1e-30, np.float32))
    low, high = encode(up ^ np.uint16(0x8000), up, kind_of("BF16"))
    zero = np.zeros(4096, np.uint16)
    assert encode(zero | np.uint16(0x8000), zero, kind_of("BF16"))[1] == b""
    assert len(low) + len(high) < 200


@pytest.mark.parametrize(
    ("change", "largest"), [(0.0, 0.0), (1e-5, 0.08), (1e-4, 0.20), (1e-3, 0.405)]
)
def test_a_small_change_of_bf16_weights_is_a_fraction(change: float, largest: float) -> None:
    """The reference's plain planes with zlib: 11, 27, 46 %."""
    random = np.random.default_rng(0)
    before = random.normal(0, 0.02, 1 << 18).astype(np.float32)
    after = before + (change * random.normal(0, 1, before.size)).astype(np.float32)
    planes = encode(bf16(after), bf16(before), kind_of("BF16"))
    assert sum(map(len, planes)) / (2 * before.size) <= largest * 1.03


def test_noise_takes_no_more_than_it_is() -> None:
    random = np.random.default_rng(0)
    values, base = random.integers(0, 1 << 32, (2, 10_000), np.uint32)
    assert sum(map(len, encode(values, base, kind_of("F32")))) <= values.nbytes


@pytest.mark.parametrize("plane", [b"\xff" * 7, b"\x03\x00", b"\x01", bytes(11)])
def test_damaged_planes_are_refused(plane: bytes) -> None:
    base = np.arange(10, dtype=np.uint16)
    with pytest.raises(ValueError, match=r"."):
        decode([plane, b""], base, kind_of("BF16"), 10)
