"""How a character may stand in the bytes of a line of JSON: as it is, escaped, in another case."""

import re
from functools import lru_cache

_SHORT = {'"': b'\\"', "\\": b"\\\\", "\b": b"\\b", "\f": b"\\f", "\n": b"\\n", "\r": b"\\r"}
_SHORT |= {"\t": b"\\t"}
REPLACEMENT = "\ufffd"
"""What half of a surrogate pair is read as."""


def usual(char: str) -> bytes:
    """What every writer of JSON that escapes no more than it must writes."""
    if char in _SHORT:
        return _SHORT[char]
    return b"\\u%04x" % ord(char) if char < " " else char.encode()


def unusual(char: str) -> list[bytes]:
    r"""All other ways but \uXXXX."""
    if char == "/":
        return [b"\\/"]
    return [char.encode()] if char < " " and char != "\n" else []  # bare controls are repaired


def hexadecimal(char: str) -> list[bytes]:
    r"""A pattern for what stands behind the \u of an escaped character, or of its first half."""
    code = ord(char)
    first = code if code < 0x10000 else 0xD800 + ((code - 0x10000) >> 10)
    digits = "".join(f"[{d}{d.upper()}]" if d.isalpha() else d for d in f"{first:04x}")
    more = [b"[dD][89a-fA-F]"] if char == REPLACEMENT else []
    return [digits.encode(), *more]


@lru_cache(maxsize=1)
def _cased() -> str:
    """Every character that can have a case, of all planes that have letters with one."""
    return "".join(chr(code) for code in range(0x20000) if not 0xD800 <= code < 0xE000)


@lru_cache(maxsize=4096)
def cases(char: str) -> tuple[str, ...]:
    """The characters that Python's `re` takes for this one when case does not count; k is also the
    sign for kelvin."""
    return tuple({char, *re.findall(re.escape(char), _cased(), re.IGNORECASE)})
