"""The colours of pages: text at least 4.5:1, marks of charts 3:1 (WCAG AA), in light and dark."""

import re
from importlib import resources

import pytest

from dolma_pipe.report.html.drawing import COLOURS

TEXTS = {
    "ink": ("ground", "surface", "sunken", "accent-shade", "removed-shade", "match"),
    "muted": ("ground", "surface", "sunken", "removed-shade"),
    "accent": ("ground", "surface"),
    "removed": ("ground", "surface", "removed-shade"),
    "kept": ("kept-shade",),
}
PAIRS = [(text, on, 4.5) for text, grounds in TEXTS.items() for on in grounds]
PAIRS += [(f"series-{i}", on, 3.0) for i in range(1, COLOURS + 1) for on in ("ground", "surface")]
STYLE = resources.files("dolma_pipe.report.html") / "templates" / "style.css"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_stand_out(theme: str) -> None:
    css = STYLE.read_text(encoding="utf-8")
    found = re.findall(r"--([\w-]+): light-dark\(#(\w{6}), #(\w{6})\)", css)
    colours = {name: light if theme == "light" else dark for name, light, dark in found}
    weak = [pair for pair in PAIRS if _contrast(colours[pair[0]], colours[pair[1]]) < pair[2]]
    assert weak == []


def _contrast(one: str, other: str) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    """Relative, by WCAG 2.1."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
