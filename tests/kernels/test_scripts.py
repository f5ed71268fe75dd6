import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.kernels.scripts import SCRIPTS, scripts
from tests.slow import scripts as slow
from tests.texts import packed, texts, texts_of

SAMPLES = {
    "latin": "Aéßı",
    "cyrillic": "Жя",
    "greek": "Ωά",
    "armenian": "Ա",
    "georgian": "ა",
    "hebrew": "ש",
    "arabic": "لپ",
    "ethiopic": "አ",
    "devanagari": "क",
    "bengali": "ক",
    "gurmukhi": "ਕ",
    "gujarati": "ક",
    "oriya": "କ",
    "tamil": "க",
    "telugu": "క",
    "kannada": "ಕ",
    "malayalam": "ക",
    "sinhala": "ක",
    "thai": "ก",
    "lao": "ກ",
    "tibetan": "ཀ",
    "myanmar": "က",
    "khmer": "ក",
    "hangul": "한",
    "kana": "ひカｱー",
    "han": "你好々𠀀",
    "other": "𝒜ⴰꓐ",
}


def columns_of(documents: list[str], before: str = "") -> list[dict[str, float | str | None]]:
    text, offsets = packed(documents, before)
    shares, letters, top = scripts(text, offsets)
    return [
        dict(zip(SCRIPTS, row, strict=True))
        | {"letters": float(letters[d]), "top": SCRIPTS[top[d]] if top[d] >= 0 else None}
        for d, row in enumerate(shares.tolist())
    ]


def known(text: str) -> str:
    """Without letters of scripts for which the slow reference has no blocks."""
    return "".join(c for c in text if not c.isalpha() or slow.COVERED.match(c))


@settings(max_examples=150, deadline=None)
@given(st.lists(texts_of(*SAMPLES.values(), "12", "-", "ि") | texts, max_size=4))
def test_shares_equal_the_slow_reference(documents: list[str]) -> None:
    documents = list(map(known, documents))
    for found, document in zip(columns_of(documents, "Ж1"), documents, strict=True):
        expected = slow.scripts(document)
        assert found.pop("top") == expected.pop("top")
        assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("script", SCRIPTS)
def test_each_script_has_its_letters(script: str) -> None:
    found = columns_of([SAMPLES[script]])[0]
    assert found[script] == 1
    assert found["letters"] == 1
    assert found["top"] == script
