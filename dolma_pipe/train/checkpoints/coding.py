"""Bit patterns as differences to those of a base: a fraction of the size, and exact.

Floats are mapped to integers in the order of their values, so that a small change is a small
difference across zero, too; then difference, zigzag, and a plane for each byte. The unit of a
difference is that of the base's exponent, therefore a chunk is sorted by it: the planes get evenly
distributed stretches. Each plane is run-length and Huffman coded (zlib, Z_RLE): there is nothing in
them that a search for repeats finds, and it is six times as fast. bf16 weights of std .02 with a
change of std 1e-5, 1e-4, 1e-3 take 7.7, 19.6, 39.8 % of their size.
"""

import zlib
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

CHUNK = 1 << 20
"""Numbers that are coded together."""

Bits = NDArray[np.unsignedinteger]


class Kind(NamedTuple):
    """How numbers of a dtype are looked at. mantissa: its bits, None where it is no float."""

    bytes: int
    mantissa: int | None


KINDS = {"F16": Kind(2, 10), "BF16": Kind(2, 7), "F32": Kind(4, 23), "F64": Kind(8, 52)}
KINDS |= {name: Kind(int(name[1:]) // 8, None) for name in ("I16", "U16", "I32", "U32")}
KINDS |= {"I64": Kind(8, None), "U64": Kind(8, None)}


def kind_of(dtype: str) -> Kind:
    """By the name that safetensors has for it; what is unknown is bytes."""
    return KINDS.get(dtype, Kind(1, None))


def encode(values: Bits, base: Bits | None, kind: Kind) -> list[bytes]:
    """A plane for each byte of a number, lowest first; b"" where all of it is zero, the plane
    itself where coding does not make it smaller.

    values, base: unsigned integers of kind.bytes bytes, at most CHUNK of them, as many of each;
    base None: nothing to compare with.
    """
    if base is not None:
        difference = _ordered(values, kind) - _ordered(base, kind)
        values = _zigzag(difference)
        if kind.mantissa is not None:
            values = values[_by_exponent(base, kind.mantissa)]
    planes = np.ascontiguousarray(values).view(np.uint8).reshape(-1, kind.bytes)
    return [_pack(np.ascontiguousarray(planes[:, place])) for place in range(kind.bytes)]


def decode(planes: list[bytes], base: Bits | None, kind: Kind, count: int) -> Bits:
    """The values that encode was given, uint[count]. Raises ValueError where planes are damaged."""
    packed = np.zeros((count, kind.bytes), np.uint8)
    for place, plane in enumerate(planes):
        if plane:
            packed[:, place] = _unpack(plane, count)
    values: Bits = packed.view(f"<u{kind.bytes}").reshape(count)
    if base is None:
        return values
    if kind.mantissa is not None:
        sorted_values, values = values, np.empty_like(values)
        values[_by_exponent(base, kind.mantissa)] = sorted_values
    return _patterns(_unzigzag(values) + _ordered(base, kind), kind)


def _ordered(bits: Bits, kind: Kind) -> Bits:
    """Sign and magnitude of n bits to integers in the order of the floats, 2^(n-1) is 0."""
    if kind.mantissa is None:
        return bits
    return bits ^ (_negative(bits) | _top(bits))


def _patterns(ordered: Bits, kind: Kind) -> Bits:
    """The inverse of _ordered."""
    if kind.mantissa is None:
        return ordered
    return ordered ^ (~_negative(ordered) | _top(ordered))


def _negative(bits: Bits) -> Bits:
    """All ones where the top bit is set, else zero."""
    signed = bits.view(f"<i{bits.itemsize}")
    return (signed >> (8 * bits.itemsize - 1)).view(bits.dtype)


def _top(bits: Bits) -> np.unsignedinteger:
    return bits.dtype.type(1 << (8 * bits.itemsize - 1))


def _zigzag(difference: Bits) -> Bits:
    """0, -1, 1, -2 ... to 0, 1, 2, 3 ..., so that what is small has zeros in its high bytes."""
    return (difference << difference.dtype.type(1)) ^ _negative(difference)


def _unzigzag(values: Bits) -> Bits:
    one = values.dtype.type(1)
    return (values >> one) ^ (~(values & one) + one)


def _by_exponent(base: Bits, mantissa: int) -> NDArray[np.intp]:
    """A stable order, which encoder and decoder find alike, by the radix sort of numpy."""
    width = 8 * base.itemsize - 1 - mantissa
    exponents = (base >> base.dtype.type(mantissa)) & base.dtype.type((1 << width) - 1)
    return np.argsort(exponents.astype(np.uint8 if width <= 8 else np.uint16), kind="stable")


def _pack(plane: NDArray[np.uint8]) -> bytes:
    if not plane.any():
        return b""
    coder = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS, 9, zlib.Z_RLE)
    packed = coder.compress(plane.data) + coder.flush()
    return packed if len(packed) < plane.size else plane.tobytes()


def _unpack(plane: bytes, count: int) -> NDArray[np.uint8]:
    if len(plane) < count:
        reader = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            plane = reader.decompress(plane, count + 1)
        except zlib.error as error:
            raise ValueError(str(error)) from None
    if len(plane) != count:
        raise ValueError(f"{len(plane)} bytes in a plane of {count}")
    return np.frombuffer(plane, np.uint8)
