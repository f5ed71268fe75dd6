"""The counts of kernels/code.py the obvious way: `re` and str methods."""

import re
import unicodedata

SIGNS = set("{}()[];,=:.\"'<>&|+*/?!")
ENCODED = re.compile(
    r"(?<![A-Za-z0-9+/\n=])[A-Za-z0-9+/\n=]{64,}"
    r"|(?:(?<![A-Za-z0-9_])|(?=\\))"
    r"(?:(?:0[xX]|\\[xX])?+[0-9a-fA-F]{2}(?![A-Za-z0-9_])[, \t\r\n]{0,3}+){8,}"
    r"|(?:\\u[0-9a-fA-F]{4}){8,}"
)
MARKUP = re.compile(
    r"<!--.*?(?:-->|\Z)"
    r"|<(?P<name>script|style)(?![A-Za-z0-9_-])[^>]*(?:>.*?(?=</(?P=name))|>.*|\Z)"
    r"|<[A-Za-z/!?][^>]*(?:>|\Z)",
    re.S | re.I | re.A,
)


def code_counts(text: str) -> list[int]:
    """As kernels.code.COUNTS."""
    lines = [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]
    if not text:
        lines = []
    elif not text.endswith("\n") and text.endswith("\r"):
        lines[-1] += "\r"
    rows = [len(m[0]) for m in ENCODED.finditer(text)]
    return [
        len(text),
        len(lines),
        max(map(len, lines), default=0),
        sum(map(len, lines)),
        sum(map(str.isalpha, text)),
        sum(unicodedata.category(c) == "Nd" for c in text),
        sum(map(str.isspace, text)),
        sum(c in SIGNS for c in text),
        sum(rows),
        max(rows, default=0),
    ]


def visible_characters(text: str) -> int:
    """White space in a row counts once, also where markup stands in it; none at the start."""
    return len(re.sub(r"[ \t\n\r\x0b\x0c]+", " ", MARKUP.sub("", text)).removeprefix(" "))
