"""Conversations as a model sees them: stretches of text, special tokens, and what is a target.

What is said and what the template puts around it are encoded together, up to a special token or to
where targets begin or end, so that a prompt has the same ids when the model is asked to go on.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dolma_pipe.errors import RecipeError
from dolma_pipe.kernels.jit import I64, U8
from dolma_pipe.settings import nearest, read_yaml, settle
from dolma_pipe.tokenizer.ids import Ids
from dolma_pipe.tokens import TEMPLATES, AssistantTurn, ChatTemplate, Role, Turn
from dolma_pipe.tokens.chat import EOS, ROLES

Part = bytes | int
"""A stretch of text, or the id of a special token."""
Turns = Iterable[tuple[Role, bytes]]


def load_template(name_or_path: str | None) -> ChatTemplate:
    """The template of a name or a file; None: Tulu's. Raises RecipeError."""
    name = name_or_path or "tulu"
    if name in TEMPLATES:
        return TEMPLATES[name]
    place = f"tokenize.chat: {name}"
    if not name.endswith((".yaml", ".yml", ".json")):
        raise RecipeError(f"{place} is no template{nearest(name, list(TEMPLATES))} nor a .yaml")
    try:
        given = read_yaml(Path(name))
    except RecipeError as error:
        raise RecipeError(f"{place}: {error}") from error
    if isinstance(given, dict):
        given.setdefault("name", Path(name).stem)
    template = settle(given, ChatTemplate, place)
    if not template.assistant.end:
        raise RecipeError(f"{place}.assistant.end: something must say that a turn is over")
    return template


class Pieces(NamedTuple):
    """Documents as pieces that are encoded one by one, and special tokens between them.

    text uint8, offsets int64[pieces + 1]. Of all parts, pieces and tokens, in order: special
    int64[parts], the id of a token, -1 for a piece; targets bool[parts]; documents int64[parts].
    """

    text: U8
    offsets: I64
    special: I64
    targets: npt.NDArray[np.bool_]
    documents: I64

    def joined(self, encoded: Ids, count: int) -> tuple[Ids, U8]:
        """Ids of the documents, each with its end of text, and their loss mask; encoded: of the
        pieces; count: how many documents there are."""
        is_text = self.special < 0
        lengths = np.ones(len(self.special), np.int64)
        lengths[is_text] = np.diff(encoded.offsets)
        ids = np.repeat(np.where(is_text, 0, self.special), lengths).astype(np.uint32)
        ids[np.repeat(is_text, lengths)] = encoded.ids
        of = np.bincount(self.documents, weights=lengths, minlength=count).astype(np.int64)
        offsets = np.concatenate([[0], np.cumsum(of)])
        return Ids(ids, offsets), np.repeat(self.targets, lengths).astype(np.uint8)


class ChatEncoder:
    """Conversations by a template, with the special tokens of one tokenizer."""

    def __init__(self, template: ChatTemplate, special: dict[str, int], eos_id: int) -> None:
        """special: ids of tokens that stand for themselves where the template spells them."""
        self._special = special | {EOS: eos_id}
        longest_first = sorted(self._special, key=len, reverse=True)
        self._border = re.compile(f"({'|'.join(map(re.escape, longest_first))})")
        self._eos_id = eos_id
        self._start = self._parts(template.start)
        self._around = {role: self._turn(getattr(template, role)) for role in ROLES}

    def pieces(self, conversations: Iterable[Turns]) -> Pieces:
        """All documents, for one call of an engine."""
        texts: list[bytes] = []
        special: list[int] = []
        targets: list[bool] = []
        documents: list[int] = []
        for number, conversation in enumerate(conversations):
            for part, target in self.parts(conversation):
                special.append(part if isinstance(part, int) else -1)
                if isinstance(part, bytes):
                    texts.append(part)
                targets.append(target)
                documents.append(number)
        offsets = np.zeros(len(texts) + 1, np.int64)
        np.cumsum([len(text) for text in texts], out=offsets[1:])
        return Pieces(
            np.frombuffer(b"".join(texts), np.uint8),
            offsets,
            np.array(special, np.int64),
            np.array(targets, np.bool_),
            np.array(documents, np.int64),
        )

    def parts(self, conversation: Turns) -> Iterator[tuple[Part, bool]]:
        """The parts of one document, and which are targets; stretches of text never touch unless
        targets begin or end there."""
        held, target, last = b"", False, -1
        for part, is_target in self._all(conversation):
            if held and (isinstance(part, int) or is_target != target):
                yield held, target
                held = b""
            target = is_target
            if isinstance(part, int):
                yield part, target
            else:
                held += part
            last = part if isinstance(part, int) else -1 if part else last
        if held:
            yield held, target
        if last != self._eos_id:
            yield self._eos_id, target

    def _all(self, conversation: Turns) -> Iterator[tuple[Part, bool]]:
        for part in self._start:
            yield part, False
        between: list[Part] = []
        for role, content in conversation:
            before, end, after = self._around[role]
            # an answer of which curation has left nothing is none
            learnt = role == "assistant" and bool(content.strip())
            for part in (*between, *before):
                yield part, False
            for part in (content, *end):
                yield part, learnt
            between = after

    def _turn(self, turn: Turn | AssistantTurn) -> tuple[list[Part], list[Part], list[Part]]:
        """What stands before and behind what is said, and what only before another turn."""
        before, after = self._parts(turn.before), self._parts(turn.after)
        if isinstance(turn, AssistantTurn):
            return before, self._parts(turn.end), after
        return before, after, []

    def _parts(self, text: str) -> list[Part]:
        return [
            self._special[part] if part in self._special else part.encode()
            for part in self._border.split(text)
            if part
        ]
