"""The Gopher quality rules as dolma, datatrove and ours define them."""

from statistics import fmean, median

from benchmarks.parity.documents import SPACY, Choice, Doc, is_mark
from benchmarks.parity.rules import SPACY_WORDS, WORDS, Rule
from dolma_pipe.kernels.gopher import BULLETS, STOP_WORDS

DOLMA_BULLETS, DATATROVE_BULLETS = "*-", "•-"


def words(doc: Doc, choice: Choice) -> float:
    return len(doc.words(choice))


def word_length(doc: Doc, choice: Choice) -> float:
    lengths = [len(w) for w in doc.words(choice)]
    if not lengths:
        return 0.0
    return float(median(lengths) if "median" in choice else fmean(lengths))


def _counted(doc: Doc, choice: Choice) -> list[str]:
    """The pieces that are not of marks alone, which datatrove counts."""
    if SPACY in choice:
        marks = doc.told["punctuation"]
        return [w for w in doc.pieces(choice) if any(c not in marks for c in w)]
    return [w for w in doc.pieces(choice) if not is_mark(w[0])]


def counted_words(doc: Doc, choice: Choice) -> float:
    return len(_counted(doc, choice))


def counted_length(doc: Doc, choice: Choice) -> float:
    lengths = [len(w) for w in _counted(doc, choice)]
    return fmean(lengths) if lengths else 0.0


def symbols_a_piece(doc: Doc, choice: Choice) -> float:
    found = doc.pieces(choice)
    text = doc.text
    counts = text.count("#"), text.count("...") + text.count("…")
    return max(counts) / len(found) if found else 0.0


def alphabetic_pieces(doc: Doc, choice: Choice) -> float:
    found = doc.pieces(choice)
    return sum(any(map(str.isalpha, w)) for w in found) / len(found) if found else 0.0


def stop_pieces(doc: Doc, choice: Choice) -> float:
    found = doc.pieces(choice)
    cased = found if "case" in choice else [_ascii_lower(w) for w in found]
    return len(set(STOP_WORDS) & set(cased))


def symbols(doc: Doc, choice: Choice) -> float:
    """The points: "holding" (words that hold one), "dots" (... is none), "together" (a sum)."""
    found = doc.words(choice)
    if not found:
        return 0.0
    ellipses = ("…",) if "dots" in choice else ("…", "...")
    if "holding" in choice:
        hashes = [("#" in w) for w in found]
        others = [any(e in w for e in ellipses) for w in found]
        if "together" in choice:
            return sum(a or b for a, b in zip(hashes, others, strict=True)) / len(found)
        return max(sum(hashes), sum(others)) / len(found)
    counts = doc.text.count("#"), sum(map(doc.text.count, ellipses))
    return (sum(counts) if "together" in choice else max(counts)) / len(found)


def alphabetic(doc: Doc, choice: Choice) -> float:
    found = doc.words(choice)
    return sum(any(map(str.isalpha, w)) for w in found) / len(found) if found else 0.0


def stop_words(doc: Doc, choice: Choice) -> float:
    found = doc.words(choice)
    cased = found if "case" in choice else [_ascii_lower(w) for w in found]
    if "occurrences" in choice:
        return sum(w in STOP_WORDS for w in cased)
    return len(set(STOP_WORDS) & set(cased))


def _ascii_lower(word: str) -> str:
    return word.encode().lower().decode() if len(word) < 5 else word


def _lines(doc: Doc, choice: Choice) -> list[str]:
    found = doc.text.splitlines() if "separators" in choice else doc.text.split("\n")
    return found if "blank" in choice else [line for line in found if line.strip()]


def dolma_bullets(doc: Doc, choice: Choice) -> float:
    return _bullets(doc, choice, DOLMA_BULLETS)


def datatrove_bullets(doc: Doc, choice: Choice) -> float:
    return _bullets(doc, choice, DATATROVE_BULLETS)


def _bullets(doc: Doc, choice: Choice, theirs: str) -> float:
    marks = tuple(theirs if "marks" in choice else BULLETS)
    found = _lines(doc, choice) if doc.split or "blank" in choice else []
    if "indent" not in choice:
        found = [line.lstrip() for line in found]
    return sum(line.startswith(marks) for line in found) / len(found) if found else 0.0


def ellipsis_lines(doc: Doc, choice: Choice) -> float:
    marks = ("…",) if "dots" in choice else ("…", "...")
    found = _lines(doc, choice)
    if "trailing" not in choice:
        found = [line.rstrip() for line in found]
    return sum(line.endswith(marks) for line in found) / len(found) if found else 0.0


BLANK = {"blank": "blank lines count as lines in theirs, not in ours"}
CASE = {"case": "theirs wants stop words in lower case, ours takes any case"}
SEPARATORS = {"separators": "theirs ends a line also at \\r, U+2028 and the like, ours at \\n only"}
EMPTY = {}  # no point

DOLMA = (
    Rule("words", "gopher.words", "word_count", words, WORDS, 50, 100_000),
    Rule(
        "word length",
        "gopher.mean_word_length",
        "median_word_length",
        word_length,
        {"median": "theirs is the median, ours (and the paper's) the mean", **WORDS},
        3,
        10,
    ),
    Rule(
        "symbols",
        "gopher.symbol_to_word_ratio",
        "symbol_to_word_ratio",
        symbols,
        {
            "holding": "theirs counts words that hold a symbol, ours the symbols",
            "dots": "... is no ellipsis in theirs",
            "together": "theirs adds # and ellipses, ours takes the larger",
            **WORDS,
        },
        None,
        0.1,
    ),
    Rule(
        "words with a letter",
        "gopher.alphabetic_words",
        "fraction_of_words_with_alpha_character",
        alphabetic,
        WORDS,
        0.8,
    ),
    Rule(
        "stop words",
        "gopher.stop_words",
        "required_word_count",
        stop_words,
        {"occurrences": "theirs counts occurrences, ours different words", **CASE},
        2,
    ),
    Rule(
        "bullets",
        "gopher.bullet_lines",
        "fraction_of_lines_starting_with_bullet_point",
        dolma_bullets,
        {
            "marks": "theirs knows * and - only",
            "indent": "theirs wants the bullet at the very start",
            **BLANK,
        },
        None,
        0.9,
    ),
    Rule(
        "ellipsis at line ends",
        "gopher.ellipsis_lines",
        "fraction_of_lines_ending_with_ellipsis",
        ellipsis_lines,
        {
            "dots": "... is no ellipsis in theirs",
            "trailing": "theirs wants it at the very end",
            **BLANK,
        },
        None,
        0.3,
    ),
)

DATATROVE = (
    Rule(
        "words",
        "gopher_datatrove.words",
        "quality.words",
        counted_words,
        SPACY_WORDS,
        50,
        100_000,
    ),
    Rule(
        "word length",
        "gopher_datatrove.mean_word_length",
        "quality.word_length",
        counted_length,
        SPACY_WORDS,
        3,
        10,
    ),
    Rule(
        "symbols",
        "gopher_datatrove.symbol_to_word_ratio",
        "quality.symbols",
        symbols_a_piece,
        SPACY_WORDS,
        None,
        0.1,
    ),
    Rule(
        "words with a letter",
        "gopher_datatrove.alphabetic_words",
        "quality.alphabetic",
        alphabetic_pieces,
        SPACY_WORDS,
        0.8,
    ),
    Rule(
        "stop words",
        "gopher_datatrove.stop_words",
        "quality.stop_words",
        stop_pieces,
        {**SPACY_WORDS, **CASE},
        2,
    ),
    Rule(
        "bullets",
        "gopher.bullet_lines",
        "quality.bullets",
        datatrove_bullets,
        {"marks": "theirs knows • and - only", **BLANK, **SEPARATORS},
        None,
        0.9,
    ),
    Rule(
        "ellipsis at line ends",
        "gopher.ellipsis_lines",
        "quality.ellipsis",
        ellipsis_lines,
        {**BLANK, **SEPARATORS},
        None,
        0.3,
    ),
)
