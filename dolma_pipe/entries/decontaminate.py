"""Texts of evaluation sets in training documents: found by n-grams, removed or told."""

from typing import Annotated, ClassVar, Literal

import msgspec

from dolma_pipe.entries.base import Common, Positive, Share

Names = str | tuple[str, ...]
Check = Literal["ngrams"]


class Fields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where JSONL has the parts of an item: a name, a path (doc.query), or several to be joined."""

    question: Names = "question"
    answer: Names = "answer"
    passage: Names = "passage"


class EvaluationSet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """files: paths or patterns. fields: in place of those of the entry."""

    files: Names
    fields: Fields | None = None


class Decontaminate(
    Common, kw_only=True, frozen=True, forbid_unknown_fields=True, tag="decontaminate"
):
    """The scoring is that of decon's SIMPLE (Ai2, 2025), over folded words."""

    edits: ClassVar[bool] = True

    evaluations: dict[str, str | EvaluationSet]
    """Name of a set and its files: .jsonl with an item a line, or .txt with an item a paragraph
    (either may end in .gz or .zst). {files: ..., fields: ...} where a set has names of its own."""

    fields: Fields = Fields()
    """Names of the fields of JSONL, by default question, answer and passage."""

    remove: Literal["documents", "spans"] = "documents"
    """What goes: the whole document, or the stretch that matches the question."""

    threshold: Annotated[float, msgspec.Meta(gt=0.3, le=1)] = 0.8
    """The least score. Items of up to 20 words must match in full, see docs/dedup.md."""

    ngram: Annotated[int, msgspec.Meta(ge=2, le=100)] = 5
    """Words in the n-grams of questions; answers have 3, passages 4."""

    misses: Positive = 11
    """So many n-grams in a row that are not the item's end a match."""

    min_words: Positive = 8
    """Items of fewer words in question, answer and passage are not looked for, but counted."""

    drop_common: Share | None = 0.001
    """n-grams in more than this share of the documents (and in more than 100) are boilerplate and
    count for nothing. null: all count, and the texts are read once and not twice."""

    def __post_init__(self) -> None:
        if not self.evaluations:
            raise ValueError("evaluations: at least one set is needed")

    @property
    def changes_text(self) -> bool:
        return self.action == "remove" and self.remove == "spans"

    def fields_of(self, name: str) -> Fields:
        """The names of the fields of one set."""
        given = self.evaluations[name]
        own = given.fields if isinstance(given, EvaluationSet) else None
        return own or self.fields
