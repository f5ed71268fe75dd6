"""What puts a task into words: any text around facts that it cannot change."""

import re
from typing import NamedTuple

import msgspec

from dolma_pipe.longtasks.task import Task


class Worded(NamedTuple):
    """A question and its answer, as they will stand below the document."""

    question: str
    answer: str


class Wording(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Base of every wording: one file, one subclass in it.

    A file of your own (`--wording ./mine.py`) may call a language model. Whatever it writes, the
    facts come from the rule: the question has to hold every string of `task.asked()`, the answer
    every string of `task.facts()` in their order, numbers and letters as words of their own. What
    does not is refused and counted, so a model cannot spoil a count.
    """

    def word(self, task: Task, variant: int) -> Worded:
        """The task in words. variant: 64 random bits, always the same for the same task."""
        raise NotImplementedError


class Refused(Exception):
    """A wording left out what it has to say; the text is the reason."""


def check_worded(task: Task, worded: Worded) -> None:
    """Raises Refused where the question lacks what it has to ask, or the answer a fact."""
    if not (isinstance(worded.question, str) and isinstance(worded.answer, str)):
        raise Refused("the wording is no text")
    for needed in task.asked():
        if needed not in worded.question:
            raise Refused("the question lacks what it is about")
    at = 0
    for fact in task.facts():
        found = _standing(fact).search(worded.answer, at)
        if found is None:
            raise Refused("the answer lacks a fact")
        at = found.end()
    if task.kind == "cwe":
        known = {*task.facts(), *map(str, (task.part, len(task.words), len(task.parts)))}
        if not known.issuperset(re.findall(r"\d+", worded.answer)):
            raise Refused("the answer has a number that nobody counted")


def _standing(fact: str) -> re.Pattern[str]:
    """The fact as a word of its own, where it is one that could stand inside of another."""
    alone = fact.isascii() and fact.isalnum()
    return re.compile(rf"(?<!\w){re.escape(fact)}(?!\w)" if alone else re.escape(fact))
