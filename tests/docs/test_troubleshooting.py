"""docs/troubleshooting/ has every message that a user can meet, with its cause and its cure."""

import re
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from tests.docs.messages import HOLE, ROOT, collected, plain

PAGES = ROOT / "docs" / "troubleshooting"
ENTRY = re.compile(r"^- (?:`([^`]+)`|`` ?(.+?) ?``)$")
HOW = """
An entry of docs/troubleshooting/PAGE.md is each message as it stands in the source, with … for
what varies, and below it what happened and what to do:

    - `…: no file matches …`
    - `…: another message with the same cause and cure`

    Cause: one sentence. Cure: what to type or edit.

Either the message with a hole for each variable, or each of its variants, as printed above. What no
error says, but a table or a note does, is entered in TOLD_ELSEWHERE, too."""
BY_OTHERS = {
    # the words of msgspec, ruamel.yaml, or of a user's own code, behind the place in a recipe
    "…: expected `…`, got `…`",
    "…: in a key: expected `…`, got `…`",
    "…: expected `…` >= …",
    "…: expected `…` <= …",
    "…: expected `…` of length …",
    "…: expected `…` matching regex '…'",
    "…: number out of range",
    'line …: found duplicate key "…" with value "…" (original value: "…")',
    "….taggers.…: KeyError: …",
    "….taggers.…: AttributeError: …",
}
TOLD_ELSEWHERE: dict[str, str] = {
    # not raised, but printed, counted or told in a table: the file that holds their words
    "line …: … is no …; text needs quotes": "dolma_pipe/settings.py",
    "line …: … is no number that a setting can have (null: no bound)": "dolma_pipe/settings.py",
    "line …: … has half of a surrogate pair; write the character": "dolma_pipe/settings.py",
    "a bug, in the last file named above: if that is not yours, please report it": (
        "dolma_pipe/cli/main.py"
    ),
    "run again to go on": "dolma_pipe/cli/options.py",
    "nothing comes from rank …: its share is done here until it is back": (
        "dolma_pipe/engine/array.py"
    ),
    "… was used by …: watching for … s whether that run lives": "dolma_pipe/work/lease.py",
    "…: saving after this step; once more to stop at once": "dolma_pipe/train/signals.py",
    "damaged row": "dolma_pipe/formats/arrow.py",
    "failed check": "dolma_pipe/longtasks/make.py",
    "wording refused": "dolma_pipe/longtasks/make.py",
    "no usable words": "dolma_pipe/longtasks/make.py",
    "no document has a … in …, by which groups are made": "dolma_pipe/stages/mix/__init__.py",
    "no document has a number in …: the curve has nothing to rank by": (
        "dolma_pipe/stages/mix/__init__.py"
    ),
    "asked for … tokens, less than half of a document: none is used": (
        "dolma_pipe/stages/mix/__init__.py"
    ),
    "…: … of the documents that … drops have no such score": "dolma_pipe/report/summary.py",
    "… of … shards (…) encoded by tokenizers, some twenty times slower; gigatoken: …": (
        "dolma_pipe/report/summary.py"
    ),
}


class Entry(NamedTuple):
    """A message of a page, and the paragraph that explains it."""

    text: str
    page: str
    line: int
    told: str


def entries() -> list[Entry]:
    found: list[Entry] = []
    for path in sorted(PAGES.glob("*.md")):
        waiting: list[tuple[str, int]] = []
        for block in re.split(r"\n\s*\n", path.read_text(encoding="utf-8")):
            lines = block.strip().split("\n")
            texts = [match[1] or match[2] for line in lines if (match := ENTRY.match(line))]
            if texts:
                assert len(texts) == len(lines), f"{path.name}: a list of messages: {lines}"
                waiting += [(text, len(found)) for text in texts]
            elif waiting:
                found += [Entry(text, path.name, at, " ".join(lines)) for text, at in waiting]
                waiting = []
        assert not waiting, f"{path.name}: {waiting} without cause and cure"
    return found


ENTRIES = entries()
KNOWN = {entry.text for entry in ENTRIES}


def explained(text: str) -> bool:
    """There is an entry of the message, or of what it says after the place where it is wrong."""
    return any(text.removeprefix(place) in KNOWN for place in ("", "…: ", "…/…: "))


def test_every_message_has_an_entry() -> None:
    missing: dict[str, list[str]] = {}
    for message in collected():
        lacking = [each for each in message.variants if not explained(each)]
        if not explained(message.text) and (lacking or not message.variants):
            variants = "".join(f"\n        or with {each}" for each in lacking)
            told = f"{message.text}{variants if lacking != [message.text] else ''}"
            missing.setdefault(f"{message.module}:{message.line} {message.error}", []).append(told)
    told = "\n".join(f"  {place}\n    {text}" for place, all_ in missing.items() for text in all_)
    assert not missing, f"no entry in docs/troubleshooting/:\n{told}\n{HOW}"


def test_every_entry_is_a_message_that_exists() -> None:
    there = {text for message in collected() for text in (message.text, *message.variants)}
    there |= BY_OTHERS | set(TOLD_ELSEWHERE)
    gone = [f"{e.page}: {e.text}" for e in ENTRIES if e.text not in there]
    assert not gone, "no such message in the source any more:\n  " + "\n  ".join(gone)


def test_every_entry_tells_cause_and_cure() -> None:
    for entry in ENTRIES:
        cause, _, cure = entry.told.partition("Cure:")
        assert cause.startswith("Cause: "), f"{entry.page}: {entry.text}: no cause: {entry.told}"
        assert len(cause) > 15, f"{entry.page}: {entry.text}: no cause: {entry.told}"
        assert len(cure) > 8, f"{entry.page}: {entry.text}: no cure: {entry.told}"


def test_no_message_is_explained_twice_on_a_page() -> None:
    twice = [key for key, n in Counter((e.page, e.text) for e in ENTRIES).items() if n > 1]
    assert not twice, twice


def test_the_likeliest_messages_begin_as_messages_do() -> None:
    table = (PAGES / "index.md").read_text(encoding="utf-8").partition("likely")[2]
    told = [
        text for row in re.findall(r"^\| (`.+?) \|", table, re.M) for text in row.split("`")[1::2]
    ]
    assert len(told) >= 20
    for text in told:
        assert any(known.startswith(text) for known in KNOWN), f"index.md: {text}"


def test_what_is_told_elsewhere_is_still_told() -> None:
    for text, file in TOLD_ELSEWHERE.items():
        source = plain(re.sub(r'"\s*\n\s*f?"', "", Path(ROOT / file).read_text(encoding="utf-8")))
        said = text.removeprefix("line …: ")
        for part in filter(None, (piece.strip() for piece in said.split(HOLE))):
            assert part in source, f"{file} does not say: {part}"
        assert text in KNOWN, f"no entry in docs/troubleshooting/: {text}"


def test_what_a_cure_says_to_type_exists() -> None:
    """Options and commands; those of other programs are known by name."""
    from dolma_pipe.cli.main import cli

    commands, options = _of_command(cli, ())
    groups = {path[:-1] for path in commands if path}
    options |= {"--array", "--head", "--no-deps", "--nproc-per-node"}
    for page in sorted(PAGES.glob("*.md")):
        for code in re.findall(r"(?<!`)`([^`\n]+)`(?!`)", page.read_text("utf-8")):
            for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", code):
                assert option in options, f"{page.name}: {code}"
            if code.startswith("dolma-pipe "):
                words = tuple(re.match(r"[a-z ]*", code.removeprefix("dolma-pipe "))[0].split())
                while words and words not in commands and words[:-1] in commands - groups:
                    words = words[:-1]  # a recipe, an asset
                assert words in commands, f"{page.name}: {code}"


def _of_command(command: Any, path: tuple[str, ...]) -> tuple[set[tuple[str, ...]], set[str]]:
    commands = {path}
    options = {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
    for name, below in getattr(command, "commands", {}).items():
        inside = _of_command(below, (*path, name))
        commands, options = commands | inside[0], options | inside[1]
    return commands, options
