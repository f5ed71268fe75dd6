"""Message catalogues (GNU .mo) as texts to read: what translators wrote, without the originals."""

import gettext
import io
import re

_MO = re.compile(r".*/locale/(?P<language>[^/]+)/LC_MESSAGES/[^/]+\.mo$")


def language_of(path: str) -> str | None:
    """The language of the catalogue at a path, as translators name it (de, pt_BR, zh_Hans).

    None where the path is not that of a compiled catalogue.
    """
    found = _MO.match(path)
    return found["language"] if found else None


def translated_text(mo: bytes) -> str:
    """The translations of a catalogue, a paragraph each, in order of their originals.

    Placeholders such as %(name)s stay; of plural forms the last one is taken.
    """
    # gettext offers no public list of its messages. A key is the original or (original, number of
    # the plural form); the empty original is the header.
    catalogue: dict[str | tuple[str, int], str]
    catalogue = vars(gettext.GNUTranslations(io.BytesIO(mo)))["_catalog"]
    messages: dict[str, str] = {}
    for key in sorted(catalogue, key=_original_and_form):
        original, _ = _original_and_form(key)
        if original:
            messages[original] = catalogue[key].strip()
    return "\n\n".join(text for text in messages.values() if text)


def _original_and_form(key: str | tuple[str, int]) -> tuple[str, int]:
    return (key, 0) if isinstance(key, str) else key
