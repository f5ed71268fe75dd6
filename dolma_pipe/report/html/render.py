"""Pages as one self-contained file: Jinja2 that escapes everything, with style, script and charts
inlined, and a policy under which a browser fetches nothing and runs no other script."""

import base64
import hashlib
import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from importlib import resources
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from dolma_pipe.errors import MissingExtra, WorkError
from dolma_pipe.kernels.jit import user_cache
from dolma_pipe.report.html import numbers
from dolma_pipe.report.html.drawing import CONFIG, Chart, palette_of
from dolma_pipe.report.terminal import code_of, is_shown
from dolma_pipe.work import atomic_write

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = "dolma_pipe.report.html"
NEVER_IN_SCRIPT = {"<": r"\u003c", ">": r"\u003e", "&": r"\u0026", "\u2028": r"\u2028"}


class Page(NamedTuple):
    """policy: what a browser may do with it; it stands in the page, too. modules: by their path,
    scripts of a page that is served."""

    content: str
    policy: str
    modules: Mapping[str, str] = {}


def rendered(template: str, **values: Any) -> str:
    """A page with charts by one of templates/: Vega comes with it (0.9 MB).

    Raises MissingExtra where the extra `report` is not installed.
    """
    return _page(template, values, {"vega": _vega()}).content


def served_page(template: str, style: str, modules: str, **values: Any) -> Page:
    """A page without charts that dolma-pipe itself serves: its scripts come from that server and,
    as its forms, may ask it. style: of this page alone, modules: a folder of ES modules, both of
    templates/. Raises MissingExtra."""
    page = _page(template, values, {}, _file(style), served=True)
    folder = resources.files(TEMPLATES) / "templates" / modules
    names = sorted(file.name for file in folder.iterdir())
    found = {f"/{modules}/{name}": _file(f"{modules}/{name}") for name in names}
    return page._replace(modules=found)


def _page(
    template: str,
    values: dict[str, Any],
    more: dict[str, str],
    style: str = "",
    served: bool = False,
) -> Page:
    scripts = {"vega": "", "page_script": _file("page.js"), **more}
    policy = _policy(tuple(filter(None, scripts.values())), served)
    made = (
        _environment()
        .get_template(template)
        .render(
            **{name: _trusted(text) for name, text in scripts.items()},
            style=_trusted(_file("style.css") + style),
            policy=policy,
            **values,
        )
    )
    return Page(made.encode("utf-8", "replace").decode(), policy)


def in_script(value: object) -> Any:
    """JSON that cannot end the script element it stands in; what is not finite becomes null."""
    text = msgspec.json.encode(value).decode()
    for char, escape in NEVER_IN_SCRIPT.items():
        text = text.replace(char, escape)
    return _trusted(text)


def chart_data(chart: Chart) -> Any:
    """What the script of the page draws a chart from."""
    drawing = {"spec": chart.spec, "columns": chart.columns, "source": chart.filtered}
    return in_script(_all_legible(drawing | {"rows": chart.rows}))


def _all_legible(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _all_legible(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_all_legible(inner) for inner in value]
    return legible(value)


def _json(value: object) -> str:
    return msgspec.json.encode(_all_legible(value)).decode()


def legible(value: Any) -> Any:
    """Text with controls, bidirectional ones too, as ⟨U+202E⟩; the rest as it is.

    Everything that a template prints goes through it, attributes too.
    """
    if not isinstance(value, str) or hasattr(value, "__html__") or value.isprintable():
        return value
    return "".join(c if is_shown(c) else f"⟨{code_of(c)}⟩" for c in value)


def visible(text: str) -> Any:
    """Text of a document as markup: controls stand out, and tell their names."""
    from markupsafe import escape

    made, plain = [], []
    for char in text:
        if is_shown(char):
            plain.append(char)
            continue
        made += [str(escape("".join(plain))), _marker(char)]
        plain = []
    return _trusted("".join([*made, str(escape("".join(plain)))]))


def ticked(text: str) -> Any:
    """Prose whose `names` are set as code."""
    parts = [visible(part) for part in text.split("`")]
    whole = len(parts) - 1 + len(parts) % 2  # of an odd tick there is no end
    made = [f"<code>{p}</code>" if i % 2 and i < whole else str(p) for i, p in enumerate(parts)]
    return _trusted("".join(made))


def _marker(char: str) -> str:
    name = unicodedata.name(char, "control character").lower()
    return f'<span class="control" title="{name}">{code_of(char)}</span>'


@cache
def _environment() -> "Environment":
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError:
        raise MissingExtra("report", "jinja2") from None
    made = Environment(
        loader=PackageLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=legible,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {**numbers.UNITS, "shown": numbers.shown, "visible": visible, "ticked": ticked}
    made.filters |= {"in_script": in_script, "chart_data": chart_data, "in_attribute": _json}
    made.globals |= {"chart_config": CONFIG, "palette_of": palette_of}
    return made


@cache
def _file(name: str) -> str:
    return (resources.files(TEMPLATES) / "templates" / name).read_text(encoding="utf-8")


@cache
def _vega() -> str:
    """Vega, Vega-Lite and vega-embed in one script. To bundle it takes two seconds, once."""
    try:
        from vl_convert import javascript_bundle
    except ImportError:
        raise MissingExtra("report", "vl-convert-python") from None
    path = user_cache() / f"vega-{version('vl-convert-python')}.js"
    with suppress(OSError):
        return path.read_text(encoding="utf-8")
    made = str(javascript_bundle())  # type: ignore[call-arg]  # its stub lacks the default
    with suppress(OSError, WorkError), atomic_write(path, durable=False) as file:
        file.write(made.encode())
    return made


def _trusted(text: str) -> Any:
    from markupsafe import Markup

    return Markup(text)


def _policy(scripts: tuple[str, ...], served: bool) -> str:
    """Scripts within the page run by their hash alone; styles may stand in attributes, as Vega puts
    them there."""
    hashes = " ".join(f"'sha256-{_digest(text)}'" for text in scripts)
    hashes += " 'self'" if served else ""
    asked = "'self'" if served else "'none'"
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
        f"connect-src {asked}; form-action {asked}; base-uri 'none'"
    )


@cache
def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
