"""The structure of a document the obvious way: `re` on each line, lists of lines."""

import itertools
import re
import unicodedata
from dataclasses import dataclass

from dolma_pipe.kernels.structure_blocks import MATHEMATICS, RELATIONS
from dolma_pipe.kernels.structure_headings import NO_TITLE, QUOTES, SENTENCE_ENDS
from dolma_pipe.kernels.structure_latex import (
    LIST_ENVIRONMENTS,
    MATH_ENVIRONMENTS,
    TABLE_ENVIRONMENTS,
)
from dolma_pipe.kernels.structure_lines import BULLETS, HEADING_LEVELS, HEADINGS, VERBATIM
from dolma_pipe.kernels.structure_numbers import COUNTERS, ENDERS, NO_NUMBERED, NUMERALS
from dolma_pipe.kernels.structure_words import (
    DIVISIONS,
    ORDINALS,
    OTHER_NAMES,
    REFERENCES,
    WHITE,
)

Found = tuple[str, int, int, int]
"""Kind, start and end in code points, value: the level, plus 64 for references, and so on."""

W = f"[{WHITE}]"
D = "[0-9٠-٩۰-۹०-९０-９]"
ROMAN = "[IVXLC]{1,7}"


def cased(words: tuple[str, ...] | list[str] | dict[str, int], small: bool = False) -> list[str]:
    forms = {f for w in words for f in (w.capitalize(), w.title(), w.upper())}
    return sorted(forms | (set(words) if small else set()))


LEVELS = {f: level for w, level in DIVISIONS.items() for f in cased({w: level})}
FENCE = re.compile(r"(`{3,})[^`]*|(~{3,}).*", re.S)
COMMAND = re.compile(rf"\\({'|'.join(HEADINGS)})\*?[{{\[].*", re.S)
PART = re.compile(r"\\begin\{(abstract|thebibliography)\}.*", re.S)
BORDER = re.compile(rf"\\(begin|end)\{{({'|'.join(VERBATIM)})\}}.*", re.S)
ITEM = re.compile(
    rf"(?:(?:[-*+–·]|\((?:[0-9]{{1,3}}|[a-z]|[ivx]{{1,5}}|[A-Z])\)|[A-Z]\)"
    rf"|(?:[0-9]{{1,3}}|[a-z]|[ivx]{{1,5}})[.)]){W}|[{BULLETS}]).",
    re.S,
)
DECIMAL = re.compile(rf"({D}{{1,2}}|[A-Z])((?:\.{D}{{1,3}}){{0,4}})\.?{W}+(.+)", re.S)
ROMAN_TITLE = re.compile(rf"({ROMAN})(?:\.{W}+(.+)|\.?)", re.S)
COUNTED = re.compile(rf"[第제] ?(?:{D}|[{NUMERALS}]){{1,6}} ?([{''.join(COUNTERS)}]).*", re.S)
NUMBER = rf"(?:{D}{{1,3}}(?:\.{D}{{1,3}})*|{ROMAN}(?={W}|[.:]|\Z)|[A-Z](?={W}|[.:]|\Z)"
NUMBER += rf"|(?:{'|'.join(cased(ORDINALS))})(?={W}|[.:]|\Z))"
DIVISION = re.compile(
    rf"({'|'.join(sorted(map(re.escape, LEVELS), key=len, reverse=True))}){W}+{NUMBER}[.:]?"
    rf"(?:{W}+(?:[-–—]{W}+)?(.+))?",
    re.S,
)


@dataclass
class Line:
    """start, end: code points of the document, without the white space around it."""

    start: int
    end: int
    text: str
    indent: int
    kind: str = "text"
    value: int = 0
    depth: int = 0
    owner: str = ""

    @property
    def size(self) -> int:
        return len(self.text.encode())

    @property
    def is_item(self) -> bool:
        return self.kind in ("text", "numbered") and bool(ITEM.match(self.text))

    @property
    def has_gap(self) -> bool:
        return bool(re.search("\t|  ", self.text))


def lines_of(text: str) -> list[Line]:
    lines, start = [], 0
    for raw in text.split("\n"):
        if raw or start + len(raw) < len(text):
            left = len(raw) - len(raw.lstrip(WHITE))
            content = raw.strip(WHITE)
            if not content:
                left = len(raw)
            indent = sum(4 if c == "\t" else 1 for c in raw[:left])
            line = Line(start + left, start + left + len(content), content, indent)
            classify(line)
            lines.append(line)
        start += len(raw) + 1
    return lines


def classify(line: Line) -> None:
    s = line.text
    if not s:
        line.kind = "blank"
    elif match := FENCE.fullmatch(s):
        run = match[1] or match[2]
        line.kind, line.value, line.depth = "fence", len(run), int(run == s)
    elif re.fullmatch("#{7,}", s):
        line.kind, line.value, line.depth = "atx", 1, 0
    elif (match := re.match(rf"(#{{1,6}})(?:{W}|\Z)", s)) and line.indent <= 3:
        line.kind, line.value = "atx", len(match[1])
        line.depth = int(any(c > "#" for c in s))
    elif match := COMMAND.fullmatch(s):
        line.kind, line.value = "command", HEADING_LEVELS[HEADINGS.index(match[1])]
    elif PART.fullmatch(s):
        line.kind, line.value = "command", 2
    elif match := BORDER.fullmatch(s):
        line.kind, line.value = match[1], VERBATIM.index(match[2])
    elif s[0] == ">":
        line.kind = "quote"
    elif re.fullmatch(r'([-=*_^"+])\1{2,}', s):
        line.kind, line.value = "rule", len(s)
    elif s[0] in '-=*_^"+|:' and (kind := ruling(s)):
        line.kind = kind
    elif wiki := re.fullmatch(r"(={1,6})[^=](?:.*[^=])?\1", s, re.S):
        line.kind, line.value, line.depth = "atx", len(wiki[1]), 1
    else:
        line.value, line.depth = numbered(s)
        line.kind = "numbered" if line.depth else "text"


def ruling(s: str) -> str:
    if not re.fullmatch(r"[-=*_+|:\t ]+", s) or len(set(s)) == 1:
        return ""
    groups = s.split()
    marks = "".join(groups)
    if re.fullmatch(r"([-*_])\1{2,}", marks) and all(len(g) == 1 for g in groups):
        return "break"
    if not re.search(r"[*_]", s) and re.search(r"[|+]", s) and len(re.findall("[-=]", s)) >= 2:
        return "separator"
    if re.fullmatch("[-=]+", marks) and len(groups) >= 2 and all(len(g) >= 2 for g in groups):
        return "columns"
    return ""


def is_title(s: str) -> bool:
    return (
        s[0].isalpha()
        and not s[0].islower()
        and len(s) <= 80
        and len(re.findall(W, s)) < 10
        and not re.search(rf"{W}{W}|\t|\.\.", s)
        and not any(c in NO_NUMBERED for c in s)
        and s[-1] not in ENDERS
    )


def numbered(s: str) -> tuple[int, int]:
    if len(s.encode()) > 400:
        return 0, 0
    if match := DECIMAL.fullmatch(s):
        number, parts, title = match.groups()
        depth = 1 + parts.count(".")
        value = sum(
            unicodedata.digit(d) * 10**k for k, d in enumerate(reversed(number)) if d.isdigit()
        )
        is_letter = not number[0].isdigit()
        if (
            (value or is_letter)
            and not (is_letter and depth == 1)
            and is_title(title.lstrip(WHITE))
        ):
            return (value if depth == 1 else 0), depth
    if match := ROMAN_TITLE.fullmatch(s):
        if match[2] is None or is_title(match[2].lstrip(WHITE)):
            return 1000 + roman(match[1]), 1
    if (match := COUNTED.fullmatch(s)) and len(s) <= 40 and s[-1] not in ENDERS:
        return -1, COUNTERS[match[1]]
    match = DIVISION.fullmatch(s)
    if match and (match[2] is None or is_title(match[2].lstrip(WHITE))):
        return -1, LEVELS[match[1]]
    return 0, 0


def roman(letters: str) -> int:
    values = [dict(zip("IVXLC", (1, 5, 10, 50, 100), strict=True))[c] for c in letters]
    smaller = sum(a for a, b in itertools.pairwise(values) if a < b)
    return sum(values) - 2 * smaller


def looks_like_code(s: str) -> bool:
    if s[0] in "\\%<|":
        return False
    small = bool(re.match(r"[a-z_})\]]", s))
    return (
        s[-1] in ";{}(\\"
        or (small and bool(re.search(r"[=(_]", s)) and s[-1] in "):,]")
        or (
            (small or bool(re.match("[A-Z]", s)))
            and s.isascii()
            and "=" in s
            and len(s.encode()) < 120
            and s[-1] != "."
        )
    )


class Document:
    """All that is found in one text, in `found`."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lines = lines_of(text)
        self.found: list[Found] = []
        self.is_source = self.code()
        Latex(self)
        self.is_markdown = any(
            n.kind == "atx" and n.value > 1 and n.depth and not n.owner for n in self.lines
        )
        self.numbers = {"arabic": 0, "roman": 0}
        self.blocks()

    def add(self, kind: str, start: int, end: int, value: int) -> None:
        self.found.append((kind, start, end, value))

    def is_underline(self, k: int) -> bool:
        """Of the line before, behind a blank line or one of the same sign."""
        if k == 0 or self.lines[k - 1].kind not in ("text", "numbered"):
            return False
        if k > 1 and self.lines[k - 2].kind != "blank":
            over = self.lines[k - 2]
            if over.kind != "rule" or over.text[0] != self.lines[k].text[0]:
                return False
        return len(self.lines[k - 1].text) <= self.lines[k].value

    def code(self) -> bool:
        for k in range(len(self.lines) - 1, -1, -1):
            line = self.lines[k]
            if line.kind == "fence" and line.text[0] == "~" and line.depth and self.is_underline(k):
                line.kind, line.depth = "rule", 0
        k = 0
        while k < len(self.lines):
            line = self.lines[k]
            ends = [n for n in range(k + 1, len(self.lines)) if self.closes(line, self.lines[n])]
            if ends:
                self.add("code", line.start, self.lines[ends[0]].end, ends[0] - k - 1)
                for n in range(k, ends[0] + 1):
                    self.lines[n].owner = "code"
                k = ends[0]
            k += 1
        rest = [n.text for n in self.lines if n.text and not n.owner and n.kind != "atx"]
        return 3 <= sum(map(looks_like_code, rest)) > 0.3 * len(rest)

    @staticmethod
    def closes(opener: Line, line: Line) -> bool:
        if opener.kind == "fence" and line.kind == "fence" and line.depth:
            return line.text[0] == opener.text[0] and line.value >= opener.value
        return opener.kind == "begin" and line.kind == "end" and line.value == opener.value

    def nonblank(self, k: int, step: int) -> int:
        """The next line that is not blank, or one outside."""
        k += step
        while 0 <= k < len(self.lines) and self.lines[k].kind == "blank":
            k += step
        return k

    def is_apart(self, k: int, other: int) -> bool:
        if not 0 <= other < len(self.lines):
            return True
        return abs(k - other) > 1 or bool(self.lines[other].owner)

    def ends_sentence(self, k: int) -> bool:
        return self.lines[k].text[-1] in SENTENCE_ENDS

    def heading(self, k: int) -> tuple[int, int]:
        """Level and lines; 0 for none."""
        line = self.lines[k]
        if line.kind == "command":
            return line.value, 1
        if self.is_source:
            return 0, 1
        if line.kind == "atx":
            return self.atx(k), 1
        if line.kind not in ("text", "numbered"):
            return 0, 1
        if level := self.underlined(k):
            return level, 2
        after, before = self.nonblank(k, 1), self.nonblank(k, -1)
        if after == len(self.lines) or line.size > 400:
            return 0, 1
        if line.kind == "numbered":
            return self.numbered(k, before, after), 1
        return self.plain(k, before, after), 1

    def atx(self, k: int) -> int:
        line = self.lines[k]
        around = self.lines[max(k - 1, 0) : k] + self.lines[k + 1 : k + 2]
        if not line.depth or any(n.kind == "atx" and n.value == line.value for n in around):
            return 0
        if line.value == 1 and self.nonblank(k, -1) >= 0 and not self.is_markdown:
            first = line.text[1:].lstrip(WHITE)[0]
            return int("A" <= first <= "Z" or first >= "\x80")
        return line.value

    def underlined(self, k: int) -> int:
        line = self.lines[k]
        if k + 1 == len(self.lines) or self.lines[k + 1].owner or self.lines[k + 1].kind != "rule":
            return 0
        under, before = self.lines[k + 1], self.nonblank(k, -1)
        levels = {"=": 1, "-": 2, "*": 2, "~": 3, "^": 4, '"': 4, "+": 4}
        level = levels.get(under.text[0], 0)
        if line.has_gap or (line.kind == "text" and line.is_item):
            return 0
        if len(line.text) > 100 or line.text[-1] in ".,;":
            return 0
        if self.is_apart(k, before):
            return level if self.is_underline(k + 1) or under.text[0] in "=-" else 0
        if self.is_underline(k + 1) and self.lines[before].value >= len(line.text):
            return max(level - 1, 1) if level else 0
        return 0

    def numbered(self, k: int, before: int, after: int) -> int:
        line, following = self.lines[k], self.lines[after]
        apart_before, apart_after = self.is_apart(k, before), self.is_apart(k, after)
        if following.kind == "numbered" and (not apart_after or following.depth <= line.depth):
            return 0
        if before >= 0 and self.lines[before].kind == "numbered":
            above = self.lines[before]
            if not apart_before or not (above.depth < line.depth or above.text == line.text):
                return 0
        if line.value == -1:
            return line.depth if apart_before else 0
        if line.is_item or line.value >= 1000:
            if not (apart_before and apart_after):
                return 0
        elif not (apart_before or self.ends_sentence(before)):
            return 0
        elif not (apart_after or following.size >= 60):
            return 0
        if line.value > 0:
            kind, number = (
                ("roman", line.value - 1000) if line.value >= 1000 else ("arabic", line.value)
            )
            if number not in (1, self.numbers[kind] + 1):
                return 0
            self.numbers[kind] = number
        return line.depth

    def is_body(self, k: int) -> bool:
        line = self.lines[k]
        if line.owner or line.is_item:
            return True
        if line.kind in ("text", "quote"):
            return line.size >= 60 or self.ends_sentence(k)
        return line.kind not in ("rule", "break")

    def plain(self, k: int, before: int, after: int) -> int:
        line = self.lines[k]
        if line.is_item or line.has_gap or not self.is_body(after):
            return 0
        apart = self.is_apart(k, before)
        if apart or self.ends_sentence(before):
            name = line.text[:-1] if line.text[-1] in ":." else line.text
            if not name[:1].islower() and line.size <= 48 and name in NAMES:
                return 1
        if not apart or not self.is_apart(k, after):
            return 0
        return lone(line.text, before < 0)

    def blocks(self) -> None:
        k = 0
        items: Items | None = None
        while k < len(self.lines):
            line = self.lines[k]
            if line.kind == "blank":
                if items:
                    items.gap = True
                k += 1
                continue
            inside = items is not None and line.indent > items.base
            level, lines = 0, 1
            if not line.owner and (line.kind == "command" or not inside):
                level, lines = self.heading(k)
            behind, rows = k + lines, 0
            if level:
                mark = 64 * is_references(line)
                self.add("heading", line.start, self.lines[behind - 1].end, level + mark)
            elif not line.owner and not self.is_source:
                after, rows = self.table(k)
                if rows:
                    self.add("table", line.start, self.lines[after - 1].end, rows)
                behind = max(after, k + 1)
                if after > k:
                    level = -1
            ends = level != 0 or (not line.owner and line.kind not in ("text", "numbered"))
            if ends:
                items = self.end(items)
            elif line.is_item and not line.owner and not self.is_source:
                items = items or Items(line.start, line.indent)
                items.base = min(items.base, line.indent)
                items.count += 1
                items.end, items.gap, items.lazy = line.end, False, 0
            elif items:
                if inside:
                    items.end, items.gap, items.lazy = line.end, False, 0
                elif items.gap or items.lazy == 4:
                    items = self.end(items)
                else:
                    items.lazy += 1
            if not (ends or line.owner or self.is_source or line.is_item) and is_formula_line(line):
                self.add("formula", line.start, line.end, 1)
            k = behind
        self.end(items)

    def end(self, items: "Items | None") -> None:
        if items and items.count >= 2:
            self.add("list", items.start, items.end, items.count)

    def table(self, k: int) -> tuple[int, int]:
        line = self.lines[k]
        rest = list(itertools.takewhile(lambda n: n.text and not n.owner, self.lines[k:]))
        following = rest[1].kind if len(rest) > 1 else "blank"

        def is_row(n: Line) -> bool:
            return n.kind == "separator" or ("|" in n.text and n.kind != "fence")

        if is_row(line) and (
            following == "separator" or (line.kind == "separator" and is_row_of(rest, is_row))
        ):
            return ruled(k, list(itertools.takewhile(is_row, rest)), "separator")
        words = line.kind in ("text", "numbered")
        if line.kind == "columns" or (words and following == "columns" and line.has_gap):
            return ruled(k, rest, "columns")
        if words and line.has_gap and following != "blank":
            rows = aligned(rest)
            return (k + rows, rows) if rows >= 3 else (k, 0)
        return k, 0


NAMES = set(cased(REFERENCES, small=True)) | set(cased(OTHER_NAMES, small=True))


@dataclass
class Items:
    start: int
    base: int
    end: int = 0
    count: int = 0
    gap: bool = False
    lazy: int = 0


def is_row_of(rest: list[Line], is_row: object) -> bool:
    assert callable(is_row)
    return len(rest) > 1 and bool(is_row(rest[1]))


def ruled(k: int, lines: list[Line], ruling: str) -> tuple[int, int]:
    rows = sum(n.kind != ruling for n in lines)
    return k + len(lines), rows if rows >= 2 else 0


def aligned(lines: list[Line]) -> int:
    """Lines in a row with as many gaps as the first, each below one of the line above."""
    rows = 1
    for above, line in itertools.pairwise(lines):
        a, b = gaps(above), gaps(line)
        if line.kind not in ("text", "numbered") or len(a) != len(b) or len(a) < 2:
            break
        if any(
            x and y and (x[0] >= y[1] or y[0] >= x[1]) for x, y in list(zip(a, b, strict=True))[:32]
        ):
            break
        rows += 1
    return rows if len(gaps(lines[0])) >= 2 else 0


def gaps(line: Line) -> list[tuple[int, int] | None]:
    """First column and column behind, None for a gap with a tab."""
    return [
        None if "\t" in m[0] else (line.indent + m.start(), line.indent + m.end())
        for m in re.finditer(r"[ \t]+", line.text)
        if "\t" in m[0]
        or len(m[0]) > 2
        or (len(m[0]) == 2 and line.text[m.start() - 1] not in ".!?:")
    ]


def lone(s: str, is_first: bool) -> int:
    if len(s) > 100 or any(c in NO_TITLE for c in s) or re.search(r"[^ \t\r\x0b\x0c]\(", s):
        return 0
    last = s[-2] if s[-1] in QUOTES and len(s) > 1 else s[-1]
    letters = [c for c in s if c.isalpha()]
    capitals, smalls = [c for c in s if c.isupper()], [c for c in s if c.islower()]
    words = re.split(W, s)
    begun = [w[next((i for i, c in enumerate(w) if is_alnum(c)), len(w)) :] for w in words]
    if len(s) <= 60 and len(words) <= 8:
        if not smalls and len(capitals) >= 3 and 2 * len(letters) >= len(re.sub(W, "", s)):
            return int(last not in ENDERS or last in ":：")
        digits = sum(unicodedata.category(c) == "Nd" for c in s)
        small_words = any(len(w) > 3 and w[0].islower() for w in begun)
        if s[0].isupper() and smalls and len(letters) >= 4 and digits <= 2:
            if not small_words and last not in ENDERS and (is_first or last != "?"):
                return 1 if is_first else 2
    return int(is_first and not s[0].islower() and len(letters) >= 2 and last not in ENDERS)


def is_alnum(c: str) -> bool:
    return c.isalpha() or unicodedata.category(c) == "Nd"


def is_references(line: Line) -> bool:
    s = line.text
    if line.kind == "command":
        s = s.partition("{")[2].partition("}")[0]
    elif line.kind == "numbered":
        s = re.sub(rf"\A(?:(?!{W}).)+", "", s, flags=re.S)
    s = s.strip("#=:.* \t0123456789")
    return s in cased(REFERENCES, small=True)


def is_formula_line(line: Line) -> bool:
    s = line.text
    if s.isascii() or "$" in s or "\\" in s or line.size > 200 or len(s) < 5:
        return False
    signs = "".join(f"{chr(a)}-{chr(b)}" for a, b in MATHEMATICS)
    if not re.search(f"[{signs}]", s) or not re.search(f"[{RELATIONS}]", s):
        return False
    letters = "".join("a" if c.isalpha() and not re.match(f"[{signs}]", c) else " " for c in s)
    return "aaaa" not in letters


SPACES = " \t\r\n\x0b\x0c"
NAMES_OF = "|".join(map(re.escape, MATH_ENVIRONMENTS + LIST_ENVIRONMENTS + TABLE_ENVIRONMENTS))
MARK = re.compile(
    rf"\\begin\{{(?P<begin>{NAMES_OF})\}}|\\end\{{(?P<end>{NAMES_OF})\}}"
    r"|(?P<item>\\item)(?![A-Za-z\x80-\U0010ffff])|\\(?P<sign>.)?|(?P<dollars>\$+)"
    r"|<(?P<tag>(?i:/table>|(?:table|tr)(?=[> \t\r\x0b\x0c]|\Z)))",
    re.S,
)


class Latex:
    """Formulas and environments, from mark to mark."""

    def __init__(self, document: Document) -> None:
        self.document, self.text = document, document.text
        self.math, self.table, self.list = ("", 0, 0), ("", 0, 0), (0, 0)
        self.depth = self.items = self.rows = 0
        marks = [
            (k, m)
            for k, line in enumerate(document.lines)
            for m in MARK.finditer(line.text)
            if line.owner != "code"
        ]
        ends = [
            (m["end"] or (m["tag"] or "").lower().strip(">"), n) for n, (_, m) in enumerate(marks)
        ]
        n = 0
        for k, line in enumerate(document.lines):
            if (line.owner == "code" or not line.text) and self.math[0] in ("$", "$$", "(", "["):
                self.math = ("", 0, 0)
            while n < len(marks) and marks[n][0] == k:
                later = {name for name, at in ends if at > n}
                self.mark(k, marks[n][1], later)
                n += 1

    def close(self, kind: str, opened: tuple[str, int, int], k: int, end: int, value: int) -> None:
        self.document.add(kind, opened[1], end, value)
        for line in self.document.lines[opened[2] : k + 1]:
            line.owner = line.owner or "block"

    def mark(self, k: int, m: re.Match[str], later: set[str]) -> None:
        start = self.document.lines[k].start
        at, after = start + m.start(), start + m.end()
        math = self.math[0]
        in_math = math in MATH_ENVIRONMENTS
        if m["end"]:
            self.end(m["end"], k, after)
        elif m["dollars"]:
            if not (self.document.is_source or in_math or math in ("(", "[")):
                self.dollars(k, at, after)
        elif m["tag"]:
            self.tag(m["tag"].lower(), k, at, after, in_math, later)
        elif in_math:
            pass
        elif m["begin"]:
            if m["begin"] in later:
                self.begin(m["begin"], k, at)
        elif m["item"]:
            self.items += 1
        elif m["sign"] and m["sign"] in "([" and math != "$$" and not self.document.is_source:
            self.math = (m["sign"], at, k)
        elif m["sign"] == ")" and math == "(":
            if is_formula(self.text[self.math[1] + 2 : at], displayed=False):
                self.document.add("formula", self.math[1], after, 0)
            self.math = ("", 0, 0)
        elif m["sign"] == "]" and math == "[":
            if re.search(r"[\\^_=+<>]", self.text[self.math[1] + 2 : at]):
                self.close("formula", self.math, k, after, 1)
            self.math = ("", 0, 0)
        elif m["sign"] == "\\":
            self.rows += self.table[0] != "html"

    def begin(self, name: str, k: int, at: int) -> None:
        if name in MATH_ENVIRONMENTS:
            if self.math[0] not in ("$$", "["):
                self.math = (name, at, k)
            return
        self.math = ("", 0, 0)
        if name in TABLE_ENVIRONMENTS:
            if not self.table[0]:
                self.table, self.rows = (name, at, k), 0
            return
        if not self.depth:
            self.list, self.items = (at, k), 0
        self.depth += 1

    def end(self, name: str, k: int, after: int) -> None:
        if self.math[0] in MATH_ENVIRONMENTS:
            if self.math[0] == name:
                self.close("formula", self.math, k, after, 1)
                self.math = ("", 0, 0)
        elif name in TABLE_ENVIRONMENTS:
            if self.table[0] == name:
                self.close("table", self.table, k, after, max(self.rows, 1))
                self.table = ("", 0, 0)
        elif name in LIST_ENVIRONMENTS and self.depth:
            self.depth -= 1
            if not self.depth:
                self.close("list", ("", *self.list), k, after, self.items)

    def tag(self, tag: str, k: int, at: int, after: int, in_math: bool, later: set[str]) -> None:
        if tag == "/table>":
            if self.table[0] == "html":
                self.close("table", self.table, k, after, max(self.rows, 1))
                self.table = ("", 0, 0)
        elif tag == "table":
            if not self.table[0] and not in_math and "/table" in later:
                self.table, self.rows = ("html", at, k), 0
        else:
            self.rows += self.table[0] == "html"

    def dollars(self, k: int, at: int, after: int) -> None:
        line, math, begin = self.document.lines[k], *self.math[:2]
        run = after - at
        if run > 2 or (run == 1 and math == "$$"):
            if math == "$":
                self.math = ("", 0, 0)
            return
        if run == 2 and math == "$$" and is_formula(self.text[begin + 2 : at], displayed=True):
            self.close("formula", self.math, k, after, 1)
            self.math = ("", 0, 0)
            return
        before = self.text[at - 1] if at > 0 else "\n"
        behind = self.text[after] if after < line.end else ""
        if run == 1 and math == "$" and len(self.text[begin:at].encode()) <= 400:
            closes = before not in SPACES and not re.match(r"[A-Za-z0-9$({_]", behind)
            if closes and is_formula(self.text[begin + 1 : at], displayed=False):
                self.document.add("formula", begin, after, 0)
                self.math = ("", 0, 0)
                return
        opens = at == line.start or not re.match(r"[A-Za-z0-9$=/.%@#_]", before)
        opens = opens and (run == 2 or (behind != "" and behind not in SPACES))
        self.math = ("$" * run, at, k) if opens else ("", 0, 0)


def is_formula(content: str, *, displayed: bool) -> bool:
    if "$" in content or (not displayed and re.search(r'["`@#&?]', content)):
        return False
    if re.search(r"[\\^_=+<>]", content):
        return True
    longest = max(map(len, re.findall(rb"[A-Za-z\x80-\xff]+", content.encode())), default=0)
    white = any(c in SPACES for c in content)
    return bool(content.strip(SPACES)) and longest <= (1 if white else 3)


def structure(text: str) -> dict[str, list[tuple[int, int, int]]]:
    """By kind: start and end in bytes, and the value."""
    found = Document(text).found
    return {
        kind: sorted(
            (len(text[:start].encode()), len(text[:end].encode()), value)
            for of, start, end, value in found
            if of == kind
        )
        for kind in ("heading", "formula", "list", "table", "code")
    }
