"""Text of documents on a terminal: nothing in it moves the cursor, changes colours or turns the
direction of what stands around it."""

import unicodedata

JOINERS = "\u200c\u200d"
"""Invisible, harmless, and part of how Persian, Hindi and emoji are written."""


def harmless(text: str) -> str:
    """The text in one line, with controls, format characters and what is unassigned as escapes."""
    return "".join(char if is_harmless(char) else _escape(char) for char in text)


def excerpt(text: str, size: int) -> str:
    """The beginning of a text, harmless, runs of white space as one space."""
    short = " ".join(text[: 4 * size].split())
    return harmless(short[:size]) + ("..." if len(short) > size or len(text) > 4 * size else "")


def is_harmless(char: str) -> bool:
    """No control, format character but a joiner, line separator, surrogate, private or unassigned
    one."""
    if char.isascii():
        return char.isprintable()
    kind = unicodedata.category(char)
    return char in JOINERS or not (kind.startswith("C") or kind in ("Zl", "Zp"))


def is_shown(char: str) -> bool:
    """The same where lines end and tabs stay."""
    return char in "\n\t" or is_harmless(char)


def code_of(char: str) -> str:
    """What stands for a character on a page: U+202E."""
    return f"U+{ord(char):04X}"


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
