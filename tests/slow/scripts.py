"""The script of letters the obvious way, for the scripts of `RANGES` (blocks of Unicode)."""

import re
import unicodedata

BLOCKS = {
    "latin": "A-Za-zªºÀ-ÖØ-öø-ʯḀ-ỿＡ-Ｚａ-ｚ",
    "cyrillic": "\u0400-\u052f",
    "greek": "\u0370-\u03e1\u03f0-\u03ff\u1f00-\u1fff",
    "armenian": "\u0530-\u058f",
    "georgian": "\u10a0-\u10ff",
    "hebrew": "\u0590-\u05ff",
    "arabic": "\u0600-\u06ff",
    "ethiopic": "\u1200-\u137f",
    "devanagari": "\u0900-\u097f",
    "bengali": "\u0980-\u09ff",
    "gurmukhi": "\u0a00-\u0a7f",
    "gujarati": "\u0a80-\u0aff",
    "oriya": "\u0b00-\u0b7f",
    "tamil": "\u0b80-\u0bff",
    "telugu": "\u0c00-\u0c7f",
    "kannada": "\u0c80-\u0cff",
    "malayalam": "\u0d00-\u0d7f",
    "sinhala": "\u0d80-\u0dff",
    "thai": "\u0e00-\u0e7f",
    "lao": "\u0e80-\u0eff",
    "tibetan": "\u0f00-\u0fff",
    "myanmar": "\u1000-\u109f",
    "khmer": "\u1780-\u17ff",
    "hangul": "\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3",
    "kana": "\u3041-\u3096\u309d-\u30ff\uff66-\uff9d",
    "han": "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003fffd",
}
PATTERNS = {name: re.compile(f"[{block}]") for name, block in BLOCKS.items()}
COVERED = re.compile(f"[{''.join(BLOCKS.values())}\U0001d400-\U0001d7ff\U00010400-\U0001044f]")


def script_of(letter: str) -> str:
    return next((name for name, block in PATTERNS.items() if block.match(letter)), "other")


def scripts(text: str) -> dict[str, float | str | None]:
    """Right for texts whose letters are all COVERED."""
    letters = [script_of(c) for c in text if c.isalpha()]
    heard = [c for c in text if not c.isspace() and unicodedata.category(c)[0] != "M"]
    names = [*BLOCKS, "other"]
    counts = [letters.count(name) for name in names]
    row: dict[str, float | str | None] = {
        name: count / len(letters) if letters else 0.0
        for name, count in zip(names, counts, strict=True)
    }
    row["letters"] = len(letters) / len(heard) if letters else 0.0
    row["top"] = names[counts.index(max(counts))] if letters else None
    return row
