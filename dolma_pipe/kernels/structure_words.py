"""Words that headings are known by: "Chapter", "第…章", "References"; and white space in lines."""

from functools import cache
from typing import NamedTuple

import numpy as np

from dolma_pipe.kernels.jit import I64, U8, kernel
from dolma_pipe.kernels.strings import StringSet, find_entry, string_set, word_key

WHITE = " \t\r\x0b\x0c\xa0\u200b\u3000\ufeff"

DIVISIONS: dict[str, int] = {
    **dict.fromkeys(
        "part chapter book volume appendix act prologue annex "  # English
        "teil kapitel band buch anhang akt "  # German, Danish, Swedish, Norwegian
        "partie chapitre livre tome annexe acte "  # French
        "parte capítulo libro tomo apéndice acto capitolo apêndice appendice atto livro "
        "deel hoofdstuk bijlage del bilaga vedlegg osa luku liite "
        "część rozdział tom dodatek księga část kapitola příloha bölüm kısım ek rész fejezet "
        "capitolul partea глава часть книга том приложение действие розділ частина додаток "
        "κεφάλαιο μέρος παράρτημα chương phần bab bagian lampiran الفصل الباب الجزء "
        "פרק חלק अध्याय भाग บทที่ บท".split(),
        1,
    ),
    **dict.fromkeys(
        "section scene abschnitt szene scène sección sezione seção szakasz раздел сцена "
        "avsnitt afsnit paragraaf oddíl § phụ".split(),
        2,
    ),
}
"""Level of the division that a word announces, with a number behind it."""

ORDINALS = (
    "one two three four five six seven eight nine ten eleven twelve "
    "first second third fourth fifth sixth seventh eighth ninth tenth "
    "первая вторая третья четвертая четвёртая пятая первый второй третий "
    "الأول الثاني الثالث الرابع الخامس السادس السابع الثامن التاسع العاشر "
    "الأولى الثانية الثالثة"
).split()

REFERENCES = (
    "thebibliography",
    "references", "bibliography", "works cited", "literature cited", "references cited",
    "references and notes", "notes and references", "literatur", "literaturverzeichnis",
    "quellenverzeichnis", "références", "bibliographie", "références bibliographiques",
    "referencias", "bibliografía", "referencias bibliográficas", "referências",
    "referências bibliográficas", "bibliografia", "riferimenti bibliografici", "referenties",
    "literatuur", "referenser", "litteratur", "referanser", "lähteet", "literatura", "kaynaklar",
    "kaynakça", "литература", "список литературы", "библиография", "література",
    "βιβλιογραφία", "参考文献", "參考文獻", "参考资料", "引用文献", "참고문헌",
    "참고 문헌", "المراجع", "مراجع",
    "संदर्भ", "tài liệu tham khảo", "daftar pustaka",
)  # fmt: skip

OTHER_NAMES = (
    "abstract", "introduction", "background", "related work", "methods", "materials and methods",
    "results", "discussion", "results and discussion", "conclusion", "conclusions",
    "acknowledgements", "acknowledgments", "acknowledgement", "acknowledgment", "preface",
    "foreword", "prologue", "epilogue", "summary", "table of contents", "contents",
    "zusammenfassung", "einleitung", "einführung", "vorwort", "inhaltsverzeichnis", "fazit",
    "danksagung", "résumé", "préface", "remerciements", "resumen", "introducción", "conclusiones",
    "resumo", "introdução", "conclusão", "riassunto", "introduzione", "conclusioni", "streszczenie",
    "wstęp", "введение", "заключение", "аннотация", "предисловие", "содержание", "вступ",
    "висновки", "摘要", "引言", "前言", "绪论", "结论", "結論", "致谢", "目录",
    "はじめに", "おわりに", "要旨", "서론", "결론", "초록", "المقدمة", "مقدمة", "الخاتمة", "الملخص",
)  # fmt: skip


class HeadingWords(NamedTuple):
    """divisions, with levels: int64[divisions]; ordinals; names, of which the first `references`
    begin a list of references. Each with a capital, or capitals only; names also in small
    letters."""

    divisions: StringSet
    levels: I64
    ordinals: StringSet
    names: StringSet
    references: int


@cache
def heading_words() -> HeadingWords:
    """The sets, made once."""
    divisions = [(form, level) for word, level in DIVISIONS.items() for form in cased((word,))]
    ordinals = cased(tuple(ORDINALS))
    references = [*REFERENCES, *cased(REFERENCES)]
    others = [*OTHER_NAMES, *cased(OTHER_NAMES)]
    return HeadingWords(
        _set([word for word, _ in divisions]),
        np.array([level for _, level in divisions]),
        _set(ordinals),
        _set(references + others),
        len(references),
    )


def cased(words: tuple[str, ...]) -> list[str]:
    """Each with a capital, with capitals, and in capitals."""
    return [form for word in words for form in _capitals(word)]


def _capitals(name: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((name.capitalize(), name.title(), name.upper())))


def _set(words: list[str]) -> StringSet:
    data = [word.encode() for word in words]
    offsets = np.cumsum([0, *(len(word) for word in data)])
    return string_set(np.frombuffer(b"".join(data), np.uint8), offsets)


@kernel
def find_word(text: U8, start: int, end: int, words: StringSet) -> int:
    """The number of this word in the set, or -1."""
    key = word_key(text, start, end)
    return find_entry(
        text, start, end, key, words.data, words.offsets[:-1], words.offsets[1:], words.table
    )


@kernel
def white_width(text: U8, at: int) -> int:
    """Bytes of the white space at this place, 0 if there is none."""
    byte = int(text[at])
    if byte < 0x80:
        return int(byte == 32 or byte == 9 or 11 <= byte <= 13)
    if byte == 0xC2:
        return 2 * int(text[at + 1] == np.uint8(0xA0))
    if byte == 0xE2:
        return 3 * int(text[at + 1] == np.uint8(0x80) and text[at + 2] == np.uint8(0x8B))
    if byte == 0xE3:
        return 3 * int(text[at + 1] == np.uint8(0x80) and text[at + 2] == np.uint8(0x80))
    if byte == 0xEF:
        return 3 * int(text[at + 1] == np.uint8(0xBB) and text[at + 2] == np.uint8(0xBF))
    return 0


@kernel
def after_white(text: U8, at: int, end: int) -> int:
    """Behind the white space that stands here, if any."""
    while at < end:
        width = white_width(text, at)
        if width == 0:
            break
        at += width
    return at
