"""What `make check` makes of the answers of pip-audit."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parent.parent.parent / ".ci" / "audit.py"
KNOWN = {
    "name": "x",
    "version": "1.0",
    "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["1.1"], "description": ""}],
}
GOOD = {"name": "y", "version": "2.0", "vulns": []}
UNKNOWN = {"name": "z", "skip_reason": "Dependency not found on PyPI"}


@pytest.fixture(scope="module")
def audit() -> Any:
    spec = importlib.util.spec_from_file_location("audit", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("packages", "lines", "code"),
    [
        ([GOOD, UNKNOWN], ["1 packages audited, 1 not known there"], 0),
        ([KNOWN, GOOD], ["x 1.0: PYSEC-1, CVE-1: mended by 1.1", "2 packages audited"], 1),
        ([UNKNOWN] * 2, ["not audited: no vulnerability service knows any of 2 packages"], 0),
    ],
)
def test_a_known_vulnerability_fails_and_silence_does_not(
    audit: Any, packages: list[Any], lines: list[str], code: int
) -> None:
    assert audit.verdict(json.dumps({"dependencies": packages}), {}) == (lines, code)


def test_what_is_ignored_is_told_with_its_reason(audit: Any) -> None:
    lines, code = audit.verdict(json.dumps({"dependencies": [KNOWN]}), {"CVE-1": "not called"})
    assert (lines[0], code) == ("x 1.0: PYSEC-1, CVE-1: ignored: not called", 0)
    assert all(reason.strip() for reason in audit.IGNORED.values())


@pytest.mark.parametrize(
    ("answer", "told", "code"),
    [
        (json.dumps({"dependencies": [KNOWN]}), "mended by 1.1", 1),
        ("", "not audited: pip-audit cannot be had, or gives no answer", 0),
    ],
)
def test_the_program_is_asked_about_the_pinned_packages(
    audit: Any,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    answer: str,
    told: str,
    code: int,
) -> None:
    program = tmp_path / "bin" / "pip-audit"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho \"$@\" > '{tmp_path}/asked'\necho '{answer}'\nexit 1\n")
    program.chmod(0o755)
    constraints = SCRIPT.parent.parent / "constraints.txt"
    assert audit.main(tmp_path, constraints) == code
    assert told in capsys.readouterr().out
    assert str(constraints) in (tmp_path / "asked").read_text()
