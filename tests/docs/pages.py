"""README.md and the pages of docs/ as what tests ask of them: links, headings, blocks of code."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

FENCE = re.compile(r' {0,3}(```+|~~~+)\s*([\w-]*)(?:.*title="([^"]*)")?')
LINK = re.compile(r"(?<!`)\[(?:[^\[\]]|\[[^\[\]]*\])*\]\(([^()\s]+)\)")


class Block(NamedTuple):
    """A block of code: the number of its first line, its fence's language and title, its lines."""

    page: str
    line: int
    language: str
    title: str
    lines: list[str]

    @property
    def text(self) -> str:
        return "\n".join(self.lines) + "\n"


def pages() -> list[Path]:
    """README.md and every page below docs/."""
    return [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[Block]:
    """The blocks of code of a page, fenced or indented by four spaces."""
    found: list[Block] = []
    fence = ""
    before = ""
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        opened = FENCE.match(line)
        if fence:
            if line.strip() == fence:
                fence = ""
            else:
                found[-1].lines.append(line)
        elif opened:
            fence = opened[1]
            found.append(Block(name_of(page), number + 1, opened[2], opened[3] or "", []))
        elif line.startswith("    ") and before in ("code", ""):
            if before != "code":
                found.append(Block(name_of(page), number, "", "", []))
            found[-1].lines.append(line[4:])
            before = "code"
            continue
        elif not line and before == "code":
            found[-1].lines.append("")
            continue
        before = line.strip()
    return found


def prose(page: Path) -> list[str]:
    """The lines of a page that are in no block of code, `code` in a line taken out."""
    lines, inside = page.read_text(encoding="utf-8").splitlines(), _code(page)
    return [re.sub(r"`[^`]*`", "`", x) for n, x in enumerate(lines, 1) if n not in inside]


def _code(page: Path) -> set[int]:
    """The numbers of the lines in blocks of code."""
    return {block.line + i for block in blocks(page) for i in range(len(block.lines))}


def links(page: Path) -> Iterator[str]:
    """The targets of the links and images of a page that are no web addresses."""
    for target in LINK.findall("\n".join(prose(page))):
        if "://" not in target and not target.startswith("mailto:"):
            yield target


def anchors(page: Path) -> set[str]:
    """What a link to a heading of the page is called, as GitHub has it."""
    lines = page.read_text(encoding="utf-8").splitlines()
    inside = _code(page)
    found: set[str] = set()
    for number, line in enumerate(lines, 1):
        if number not in inside and (heading := re.fullmatch(r"#{1,6} (.+?)\s*", line)):
            kept = re.sub(r"[^\w\- ]", "", heading[1].lower()).replace(" ", "-")
            same = (f"{kept}-{i}" for i in range(1, 100))
            found.add(kept if kept not in found else next(x for x in same if x not in found))
    return found
