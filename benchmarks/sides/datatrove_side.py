"""datatrove's filters, without its reading and writing: every document through every one."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import datatrove.utils.lid as datatrove_lid
import datatrove.utils.text as datatrove_text
from datatrove.data import Document
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
    LanguageFilter,
)
from datatrove.pipeline.filters.c4_filters import CITATION_REGEX
from datatrove.pipeline.formatters import PIIFormatter
from datatrove.utils.text import (
    PUNCTUATION_SET,
    TERMINAL_PUNCTUATION,
    split_into_parts,
    split_into_sentences,
    split_into_words,
)
from loguru import logger

logger.remove()

QUALITY = {
    "words": ("min_doc_words", "max_doc_words"),
    "word_length": ("min_avg_word_length", "max_avg_word_length"),
    "symbols": ("max_symbol_word_ratio",),
    "bullets": ("max_bullet_lines_ratio",),
    "ellipsis": ("max_ellipsis_lines_ratio",),
    "alphabetic": ("max_non_alpha_words_ratio",),
    "stop_words": ("min_stop_words",),
}
"""Its settings by our name of the rule: one rule at a time tells more than the first that fails."""
REPETITION = {
    "duplicate_lines": ("dup_line_frac",),
    "duplicate_paragraphs": ("dup_para_frac",),
    "duplicate_line_characters": ("dup_line_char_frac",),
    "duplicate_paragraph_characters": ("dup_para_char_frac",),
}
REPETITION_OFF: dict[str, Any] = dict.fromkeys((s for (s,) in REPETITION.values()), None)
REPETITION_OFF |= {"top_n_grams": (), "dup_n_grams": ()}
TOP = ((2, 0.2), (3, 0.18), (4, 0.16))
DUPLICATE = ((5, 0.15), (6, 0.14), (7, 0.13), (8, 0.12), (9, 0.11), (10, 0.10))
C4 = {
    "curly_bracket": ("filter_curly_bracket",),
    "lorem_ipsum": ("filter_lorem_ipsum",),
    "sentences": ("min_num_sentences",),
}
FINEWEB: dict[str, tuple[str, Any]] = {
    "line_punctuation": ("line_punct_thr", 0.0),
    "short_lines": ("short_line_thr", 1.0),
    "duplicate_characters": ("char_duplicates_ratio", 1.0),
    "newlines": ("new_line_ratio", float("inf")),
}
"""The setting, and the value at which its rule drops nothing."""


def use_model(path: str) -> None:
    """Its language model from this disk: by itself it looks in a cache, then downloads one."""
    datatrove_lid.cached_asset_path_or_download = lambda *_, **__: path


def rules() -> dict[str, Any]:
    """A filter for each single rule, the other rules of its filter switched off."""
    made: dict[str, Any] = {"language": LanguageFilter(["en"])}
    off: dict[str, Any] = dict.fromkeys((s for names in QUALITY.values() for s in names), None)
    for rule, names in QUALITY.items():
        quiet = {name: value for name, value in off.items() if name not in names}
        made[f"quality.{rule}"] = GopherQualityFilter(**quiet)
    for rule, names in REPETITION.items():
        quiet = {name: value for name, value in REPETITION_OFF.items() if name not in names}
        made[f"repetition.{rule}"] = GopherRepetitionFilter(**quiet)
    for n, most in TOP:
        one = REPETITION_OFF | {"top_n_grams": ((n, most),)}
        made[f"repetition.top_{n}gram"] = GopherRepetitionFilter(**one)
    for n, most in DUPLICATE:
        one = REPETITION_OFF | {"dup_n_grams": ((n, most),)}
        made[f"repetition.duplicate_{n}gram"] = GopherRepetitionFilter(**one)
    return made | _c4_rules() | _fineweb_rules()


def _c4_rules() -> dict[str, Any]:
    off: dict[str, Any] = {"filter_curly_bracket": False, "filter_lorem_ipsum": False}
    off |= {"min_num_sentences": -1}
    made = {}
    for marks in (True, False):
        for rule, names in C4.items():
            quiet = {name: value for name, value in off.items() if name not in names}
            name = f"c4.{rule}" + ("" if marks else ", any line end")
            made[name] = C4QualityFilter(filter_no_terminal_punct=marks, **quiet)
    return made


def _fineweb_rules() -> dict[str, Any]:
    off = dict(FINEWEB.values())
    return {
        f"fineweb.{rule}": FineWebQualityFilter(
            **{name: value for name, value in off.items() if name != setting}
        )
        for rule, (setting, _) in FINEWEB.items()
    }


def whole_filters() -> dict[str, Any]:
    """Its filters as published, but lines without an end mark stay."""
    return {
        "language": LanguageFilter(["en"]),
        "repetition": GopherRepetitionFilter(),
        "quality": GopherQualityFilter(),
        "c4": C4QualityFilter(filter_no_terminal_punct=False),
        "fineweb": FineWebQualityFilter(),
    }


def decided(filters: dict[str, Any], text: str) -> dict[str, str]:
    """For each filter "" if it keeps the text, else its reason, or what it dies of."""
    said = {}
    for name, one in filters.items():
        try:
            result = one.filter(Document(text=text, id=""))  # a fresh one: C4 edits the text
        except (ZeroDivisionError, IndexError) as error:
            said[name] = f"dies: {type(error).__name__}"
            continue
        kept, reason = result if isinstance(result, tuple) else (result, "dropped")
        said[name] = "" if kept else reason
    return said


class Decide:
    """Single rules and whole filters on every document, and what the decisions are made of."""

    def __init__(self, texts: list[str], model: str) -> None:
        use_model(model)
        self.texts = texts
        self.filters = {f"whole.{k}": f for k, f in whole_filters().items()} | rules()
        self.pii = PIIFormatter()

    def ready(self) -> None: ...

    def run(self) -> list[tuple[dict[str, str], list[str], list[int]]]:
        """Nothing is timed here: what it splits is remembered for all rules of a document."""
        split = lru_cache(None)(split_into_parts.__wrapped__)
        datatrove_text.split_into_parts = split
        found = []
        for text in self.texts:
            said = decided(self.filters, text)
            sentences = [len(_sentences(line)) for line in text.splitlines()]
            found.append((said, split_into_words(text), sentences))
            split.cache_clear()
        return found

    def told(self, found: list[tuple[dict[str, str], list[str], list[int]]]) -> dict[str, Any]:
        """rules: a reason a document, "" where it is kept. words: its tokens. sentences: of each
        line. emails, ips: what it masks. punctuation, terminal: its sets."""
        return {
            "rules": {name: [said[name] for said, _, _ in found] for name in self.filters},
            "words": [words for _, words, _ in found],
            "sentences": [sentences for _, _, sentences in found],
            "emails": [_spans(self.pii.emails_replacer, text) for text in self.texts],
            "ips": [_spans(self.pii.ip_replacer, text) for text in self.texts],
            "punctuation": "".join(sorted(PUNCTUATION_SET)),
            "terminal": "".join(sorted(TERMINAL_PUNCTUATION)),
        }


def _sentences(line: str) -> list[str]:
    return split_into_sentences(CITATION_REGEX.sub("", line.strip()))


def _spans(replacer: Any, text: str) -> list[list[int]]:
    valid: Callable[[str], bool] = replacer.validator or (lambda _: True)
    return [list(m.span()) for m in replacer.regex.finditer(text) if valid(m.group(0))]


class Filters:
    """The whole filters one after another, every document through all, then the PII formatter."""

    def __init__(self, texts: list[str], model: str, only: str = "") -> None:
        """only: a single filter."""
        use_model(model)
        self.texts = texts
        self.filters = {k: f for k, f in whole_filters().items() if only in ("", k)}
        self.pii = PIIFormatter()

    def ready(self) -> None:
        split_into_parts.cache_clear()

    def run(self) -> list[dict[str, str]]:
        return [decided(self.filters, text) for text in self.texts]

    def told(self, said: list[dict[str, str]]) -> dict[str, list[str]]:
        return {name: [row[name] for row in said] for name in self.filters}
