"""Known vulnerabilities of what constraints.txt pins, by pip-audit in an environment of its own.

Fails on one that is not in IGNORED. Where no vulnerability service, or no package index, can be
reached, that is one line and no failure.
"""

import json
import subprocess
import sys
import venv
from pathlib import Path

PIP_AUDIT = "pip-audit==2.10.1"
IGNORED: dict[str, str] = {}
"""Id of a vulnerability (or an alias) -> why it does not concern us."""
SECONDS = 300


def main(environment: Path, constraints: Path) -> int:
    """The exit code. environment: made where it is not there."""
    answer = asked(environment, constraints)
    if answer is None:
        lines, code = ["not audited: pip-audit cannot be had, or gives no answer"], 0
    else:
        lines, code = verdict(answer, IGNORED)
    print(*(f"audit: {line}" for line in lines), sep="\n")
    return code


def asked(environment: Path, constraints: Path) -> str | None:
    """What pip-audit says, JSON; None where there is nothing that it could say."""
    program = environment / "bin" / "pip-audit"
    command = [program, "--requirement", constraints, "--no-deps", "--disable-pip"]
    command += ["--format", "json", "--progress-spinner", "off"]
    try:
        if not program.exists():
            venv.create(environment, with_pip=True)
            install = [environment / "bin" / "pip", "install", "--quiet", PIP_AUDIT]
            subprocess.run(install, check=True, capture_output=True, timeout=SECONDS)
        done = subprocess.run(command, check=False, capture_output=True, timeout=SECONDS, text=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout if done.stdout.startswith("{") else None


def verdict(answer: str, ignored: dict[str, str]) -> tuple[list[str], int]:
    """Lines to tell, and the exit code."""
    packages = json.loads(answer)["dependencies"]
    skipped = sum("skip_reason" in package for package in packages)
    if skipped == len(packages):
        return [f"not audited: no vulnerability service knows any of {skipped} packages"], 0
    lines, code = [], 0
    for package in packages:
        for found in package.get("vulns", []):
            names = [found["id"], *found.get("aliases", [])]
            told = f"{package['name']} {package['version']}: {', '.join(names)}"
            if known := next((ignored[name] for name in names if name in ignored), None):
                lines.append(f"{told}: ignored: {known}")
                continue
            fixed = ", ".join(found.get("fix_versions", [])) or "no version yet"
            lines.append(f"{told}: mended by {fixed}")
            code = 1
    more = f", {skipped} not known there" if skipped else ""
    return [*lines, f"{len(packages) - skipped} packages audited{more}"], code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(__file__).parent.parent / "constraints.txt"))
