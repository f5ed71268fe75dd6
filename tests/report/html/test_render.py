"""What a page is made with: text that cannot become markup, numbers, missing packages."""

import json
import sys

import pytest

from dolma_pipe.errors import MissingExtra
from dolma_pipe.report.html import render
from dolma_pipe.report.html.numbers import shown


def test_json_cannot_end_its_script() -> None:
    hostile = {"a": "</script><!-- & \u2028", "b": float("nan")}
    text = str(render.in_script(hostile))
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == {"a": hostile["a"], "b": None}


def test_controls_are_shown_and_joiners_are_not() -> None:
    text = "<b>\u202e \x1b \t\n \ud800 می\u200cخواهم 👩\u200d🔬"
    made = str(render.visible(text))
    assert made.count('class="control"') == 3
    assert 'title="right-to-left override">U+202E<' in made
    assert made.startswith("&lt;b&gt;")
    assert "\u200c" in made
    assert "👩\u200d🔬" in made
    assert render.legible("a\u202eb") == "a⟨U+202E⟩b"


def test_ticked_prose_is_code_and_nothing_else_is() -> None:
    assert str(render.ticked("`a<b`: of `c")) == "<code>a&lt;b</code>: of c"


@pytest.mark.parametrize(
    ("value", "unit", "told"),
    [
        (None, "count", "–"),
        (1234567, "count", "1,234,567"),
        (999, "bytes", "999 B"),
        (5_750_598, "bytes", "5.75 MB"),
        (999_999, "bytes", "1 MB"),
        (99_999, "short", "99,999"),
        (2_832_990, "short", "2.83 M"),
        (0.0004, "percent", "< 0.1 %"),
        (0.9996, "percent", "> 99.9 %"),
        (0.461, "percent", "46.1 %"),
        (1.0, "percent", "100 %"),
        (2.5, "percent", "250 %"),
        (0.0625, "number", "0.0625"),
        (0.42, "seconds", "0.42 s"),
        (200, "seconds", "3 min 20 s"),
        (7500, "seconds", "2 h 5 min"),
        (5.384, "times", "5.38×"),
    ],
)
def test_numbers(value: float | None, unit: str, told: str) -> None:
    assert shown(value, unit) == told


@pytest.mark.parametrize("package", ["jinja2", "vl_convert"])
def test_a_missing_package_is_one_line(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = render._environment if package == "jinja2" else render._vega
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=r"dolma-pipe\[report\]"):
        made.__wrapped__()
