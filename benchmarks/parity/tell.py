"""The tables of parity: Markdown for people, JSON for programs."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.parity.compare import UNEXPLAINED, Agreement
from benchmarks.parity.rules import OURS, Rule
from benchmarks.tables import table

HEAD = (
    "rule",
    "range",
    "our column",
    "theirs",
    "decisions agree",
    "ours alone drops",
    "theirs alone drops",
    "same definition",
    "causes (documents)",
)
INTRODUCTION = """# Parity, measured

Written by `python -m benchmarks.parity`. Decisions agree: documents that both tools keep or both
drop by this rule alone, at the published threshold. Same definition: documents on which they are
of one mind once the named points are exchanged: plain functions of the two definitions, which
differ in these points only, give the decisions of both. A cause is the point that, taken as ours,
makes their decision ours; of personal data, why a span is found by one tool only.
"""


def row(found: Agreement, rule: Rule | None) -> list[str]:
    """One line of the table."""
    causes = "; ".join(f"{cause} {count}" for cause, count in found.causes.most_common())
    dies = f"; theirs raises on {found.dies}" if found.dies else ""
    return [
        found.rule,
        _range(rule),
        _column(found.ours),
        found.theirs,
        f"{found.agree:.2%}",
        f"{found.only_ours:,}",
        f"{found.only_theirs:,}",
        f"{found.same_definition:.2%}" if found.explained else "",
        (causes + dies).removeprefix("; "),
    ]


def _range(rule: Rule | None) -> str:
    if rule is None or (rule.least is None and rule.most is None):
        return ""
    if rule.least is not None and rule.most is not None:
        return f"{rule.least:,g} to {rule.most:,g}"
    return f"≥ {rule.least:,g}" if rule.least is not None else f"≤ {rule.most:,g}"


def _column(name: str) -> str:
    if "." not in name:
        return name
    variant, _, column = name.partition(".")
    tagger, settings = OURS.get(variant, (variant, {}))
    told = ", ".join(f"{key}: {value}" for key, value in settings.items())
    return f"{tagger}.{column}" + (f" ({told})" if told else "")


def section(
    title: str,
    compared: Sequence[tuple[Agreement, Rule | None]],
    points: dict[str, str],
) -> str:
    """A peer's table and what its causes mean."""
    rows = [row(found, rule) for found, rule in compared]
    used = {p for found, _ in compared for cause in found.causes for p in cause.split(" and ")}
    legend = [f"- {name}: {points[name]}." for name in points if name in used]
    if any(UNEXPLAINED in found.causes for found, _ in compared):
        legend.append("- unexplained: the plain definition does not give a tool's decision.")
    return f"### {title}\n\n{table(HEAD, rows)}\n\n" + "\n".join(legend) + "\n"


def as_json(title: str, compared: Sequence[tuple[Agreement, Rule | None]]) -> list[dict[str, Any]]:
    """The same for programs."""
    return [
        asdict(found)
        | {
            "tool": title,
            "agree": found.agree,
            "same_definition": found.same_definition,
            "causes": dict(found.causes),
            "least": rule.least if rule else None,
            "most": rule.most if rule else None,
        }
        for found, rule in compared
    ]
