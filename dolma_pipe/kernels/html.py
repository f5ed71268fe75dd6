"""How large a tree an HTML page would make, before anybody builds it: one linear scan of its tags.

A few kilobytes can ask a standard parser for gigabytes: unclosed formatting elements are opened
again in every block (HTML standard, 13.2.4.3), and attributes of a tag are compared in pairs.
"""

import numpy as np

from dolma_pipe.kernels.jit import U8, inlined, kernel

FORMATTING = (
    *("b", "big", "code", "em", "font", "i", "s", "small", "strike", "strong", "tt", "u"),
    *("a", "nobr"),
)
"""Opened again in the next block where they were not closed; of the last two, one at most is."""

RAW_TEXT = ("script", "style", "title", "textarea", "xmp", "iframe", "noembed", "noframes")
"""What stands in these is text up to their end tag."""

LONGEST_NAME = 8


def _code(name: str) -> int:
    return int.from_bytes(name.encode(), "big")


_FORMATTING = np.array([_code(name) for name in FORMATTING], np.int64)
_RAW_TEXT = np.array([_code(name) for name in RAW_TEXT], np.int64)
_SINGLE = len(FORMATTING) - 2

_LESS, _GREATER, _SLASH, _EQUAL = (np.uint8(ord(c)) for c in "<>/=")
_EXCLAMATION, _HYPHEN = np.uint8(ord("!")), np.uint8(ord("-"))
_SINGLE_QUOTE, _DOUBLE_QUOTE = np.uint8(ord("'")), np.uint8(ord('"'))


@inlined
def _is_letter(byte: np.uint8) -> bool:
    return bool(np.uint8(97) <= byte | np.uint8(32) <= np.uint8(122))


@inlined
def _is_space(byte: np.uint8) -> bool:
    return bool(byte == 32 or byte == 9 or byte == 10 or byte == 12 or byte == 13)


@kernel
def _name_end(html: U8, at: int) -> int:
    while at < len(html) and not (
        _is_space(html[at]) or html[at] == _SLASH or html[at] == _GREATER
    ):
        at += 1
    return at


@kernel
def _name_code(html: U8, begin: int, end: int) -> int:
    """The name in small letters as a number, 0 for a longer one than any that is looked for."""
    if end - begin > LONGEST_NAME:
        return 0
    code = 0
    for i in range(begin, end):
        byte = html[i]
        if np.uint8(65) <= byte <= np.uint8(90):
            byte |= np.uint8(32)
        code = code << 8 | int(byte)
    return code


@kernel
def _attributes(html: U8, at: int) -> tuple[int, int]:
    """The place behind the tag whose name ends here, and the number of its attributes."""
    count = 0
    n = len(html)
    while True:
        while at < n and (_is_space(html[at]) or html[at] == _SLASH):
            at += 1
        if at >= n or html[at] == _GREATER:
            return min(at + 1, n), count
        count += 1
        at += 1  # a name may begin with an equals sign
        while at < n and not (
            _is_space(html[at]) or html[at] == _SLASH or html[at] == _GREATER or html[at] == _EQUAL
        ):
            at += 1
        value = at
        while value < n and _is_space(html[value]):
            value += 1
        if value >= n or html[value] != _EQUAL:
            continue
        at = value + 1
        while at < n and _is_space(html[at]):
            at += 1
        if at < n and (html[at] == _SINGLE_QUOTE or html[at] == _DOUBLE_QUOTE):
            quote = html[at]
            at += 1
            while at < n and html[at] != quote:
                at += 1
            at += 1
        else:
            while at < n and not (_is_space(html[at]) or html[at] == _GREATER):
                at += 1


@kernel
def _comment_end(html: U8, at: int) -> int:
    """Behind <! at this place: of a comment behind its -->, of anything else behind its >."""
    n = len(html)
    if at + 1 >= n or html[at] != _HYPHEN or html[at + 1] != _HYPHEN:
        while at < n and html[at] != _GREATER:
            at += 1
        return min(at + 1, n)
    for i in range(at + 2, n):  # <!--> is a comment, too
        if html[i] == _GREATER and html[i - 1] == _HYPHEN and html[i - 2] == _HYPHEN:
            return i + 1
    return n


@kernel
def _raw_text_end(html: U8, at: int, name: int) -> int:
    """Where the end tag of this name begins, or the end of the page."""
    for i in range(at, len(html) - 1):
        if html[i] == _LESS and html[i + 1] == _SLASH:
            end = i + 2
            while end < len(html) and _is_letter(html[end]):
                end += 1
            if _name_code(html, i + 2, end) == name:
                return i
    return len(html)


@kernel
def html_extent(html: U8) -> tuple[int, int, int]:
    """Start tags; the most formatting elements that are open at once; the sum over all tags of
    their attributes squared. html: UTF-8.
    """
    tags = most = pairs = at = 0
    n = len(html)
    opened = np.zeros(len(_FORMATTING), np.int64)
    while at < n - 1:
        if html[at] != _LESS:
            at += 1
            continue
        if html[at + 1] == _EXCLAMATION:
            at = _comment_end(html, at + 2)
            continue
        closing = html[at + 1] == _SLASH
        begin = at + 2 if closing else at + 1
        if begin >= n or not _is_letter(html[begin]):
            at += 1
            continue
        end = _name_end(html, begin)
        name = _name_code(html, begin, end)
        at, count = _attributes(html, end)
        pairs += count * count
        for f in range(len(_FORMATTING)):
            if name == _FORMATTING[f]:
                change = -1 if closing else 1
                opened[f] = max(0, opened[f] + change)
                if f >= _SINGLE:
                    opened[f] = min(1, opened[f])
                most = max(most, opened.sum())
        if closing:
            continue
        tags += 1
        for raw in _RAW_TEXT:
            if name == raw:
                at = _raw_text_end(html, at, name)
    return tags, most, pairs
