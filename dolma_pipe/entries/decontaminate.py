"""Texts of evaluation sets in training documents: found, removed or told."""

from typing import Annotated, ClassVar, Literal

import msgspec

from dolma_pipe.embeddings import check_model, model_assets
from dolma_pipe.entries.base import Common, Positive, Share
from dolma_pipe.settings import nearest
from dolma_pipe.syntax import LANGUAGES, grammar

Names = str | tuple[str, ...]


class Fields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where JSONL has the parts of an item: a name, a path (doc.query), or several to be joined."""

    question: Names = "question"
    answer: Names = "answer"
    passage: Names = "passage"


class EvaluationSet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """files: paths or patterns. fields: in place of those of the entry."""

    files: Names
    fields: Fields | None = None


class Meaning(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The check by meaning: cosine of a question and windows of a document. model and device are
    as of `semantic`; cosine: the least; window: words, of which the next one has half too."""

    model: str = "minilm"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    cosine: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.95
    window: Positive = 50


class Structure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The check of code by structure: the subtrees of an item that a document has.

    languages: those of the items; documents say theirs (code_comments). nodes: of the smallest
    subtree. subtrees: what an item needs to be looked for. overlap: the least idf-weighted share.
    """

    languages: tuple[str, ...] = ("python",)
    nodes: Annotated[int, msgspec.Meta(ge=2)] = 8
    subtrees: Positive = 10
    overlap: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.9

    def __post_init__(self) -> None:
        for language in self.languages:
            if language not in LANGUAGES:
                raise ValueError(f"unknown language '{language}'{nearest(language, LANGUAGES)}")


class Decontaminate(
    Common, kw_only=True, frozen=True, forbid_unknown_fields=True, tag="decontaminate"
):
    """By n-grams, scored as by decon's SIMPLE (Ai2, 2025), over folded words; where asked for also
    by meaning, and code by structure."""

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

    ngrams: bool = True
    """The check by n-grams; false leaves only the others."""

    semantic: Meaning | None = None
    """Also the check by meaning: {model: minilm, device: auto, cosine: 0.95, window: 50}."""

    ast: Structure | None = None
    """Also the check of code by structure: {languages: [python], nodes: 8, subtrees: 10,
    overlap: 0.9}."""

    def __post_init__(self) -> None:
        if not self.evaluations:
            raise ValueError("evaluations: at least one set is needed")
        if not (self.ngrams or self.semantic or self.ast):
            raise ValueError("no check is left: ngrams, semantic or ast")

    def assets(self) -> tuple[str, ...]:
        return model_assets(self.semantic.model) if self.semantic else ()

    def check(self) -> None:
        if self.semantic:
            check_model(self.semantic.model)
        for language in self.ast.languages if self.ast else ():
            grammar(language)

    @property
    def changes_text(self) -> bool:
        return self.action == "remove" and self.remove == "spans"

    def fields_of(self, name: str) -> Fields:
        """The names of the fields of one set."""
        given = self.evaluations[name]
        own = given.fields if isinstance(given, EvaluationSet) else None
        return own or self.fields
