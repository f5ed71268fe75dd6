"""The obvious twin of kernels/html.py: tags by regular expressions."""

import re

from dolma_pipe.kernels.html import FORMATTING, RAW_TEXT

TAG = re.compile(r"<(/?)([a-zA-Z][^ \t\n\r\f/>]*)")
ATTRIBUTE = re.compile(
    r"[ \t\n\r\f/]*+(?:(?P<end>>)|"
    r"(?P<name>[^>][^ \t\n\r\f/>=]*)"
    r"(?:[ \t\n\r\f]*=[ \t\n\r\f]*(?:\"[^\"]*(?:\"|$)|'[^']*(?:'|$)|(?![\"'])[^ \t\n\r\f>]*))?)"
)


def small(name: str) -> str:
    """ASCII letters alone are made small."""
    return re.sub("[A-Z]", lambda letter: letter[0].lower(), name)


def html_extent(html: str) -> tuple[int, int, int]:
    """Start tags, most open formatting elements, sum of squares of attributes."""
    tags = most = pairs = at = 0
    opened = dict.fromkeys(FORMATTING, 0)
    while (at := html.find("<", at)) >= 0:
        if html.startswith("<!", at):
            end = re.compile("--.*?-->|--.*" if html.startswith("--", at + 2) else "[^>]*>?", re.S)
            if html.startswith("-->", at + 2):
                at += 5
            elif html.startswith("-->", at + 3) and html[at + 2] == "-":
                at += 6
            else:
                at = end.match(html, at + 2).end()  # type: ignore[union-attr]
            continue
        tag = TAG.match(html, at)
        if tag is None:
            at += 1
            continue
        at, count = tag.end(), 0
        while (found := ATTRIBUTE.match(html, at)) and not found["end"]:
            at, count = found.end(), count + 1
        at = found.end() if found else len(html)
        pairs += count * count
        name = small(tag[2])
        if name in opened:
            opened[name] = max(0, opened[name] + (-1 if tag[1] else 1))
            if name in FORMATTING[-2:]:
                opened[name] = min(1, opened[name])
            most = max(most, sum(opened.values()))
        if not tag[1]:
            tags += 1
            if name in RAW_TEXT:
                end = re.compile(f"</{name}(?![a-z])", re.I | re.A)
                closing = end.search(html, at)
                at = closing.start() if closing else len(html)
    return tags, most, pairs
