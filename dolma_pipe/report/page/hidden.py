"""Personal data, secrets and masked text in documents where the run has not looked for them."""

from collections.abc import Iterable, Mapping

import msgspec
import numpy as np

from dolma_pipe.batch import batch_of
from dolma_pipe.columns import gather
from dolma_pipe.errors import UserError
from dolma_pipe.recipe import TaggerUse
from dolma_pipe.report.page.excerpts import Choice, Key, Shown, Texts
from dolma_pipe.shelf import find, names
from dolma_pipe.tagger import Column, Spans

UNSEEN = "its text is not shown: {} has not looked for what is hidden here"


def shown_of(choices: Iterable[Choice], texts: Texts) -> Shown:
    """What examples may show: in documents that a tagger has not seen, as they were dropped before,
    its hidden columns are looked for now. Where that cannot be, as it is none of ours or needs a
    model, a note stands for their texts."""
    unseen: dict[tuple[str, str], dict[Key, Choice]] = {}
    for choice in choices:
        row = choice.place.group.row(choice.place.row)
        for column in choice.hidden if choice.key in texts else ():
            if column not in row.places or not row.scored(column)[0]:
                of = choice.source.name, column.partition(".")[0]
                unseen.setdefault(of, {})[choice.key] = choice
    shown = Shown(dict(texts), {})
    for (_, prefix), some in unseen.items():
        source, hidden = next((one.source, one.hidden) for one in some.values())
        use = next(use for use in source.taggers if use.prefix == prefix)
        told = {key: text for key in some if isinstance(text := texts[key], bytes)}
        found = _tagged(use, list(told.values()))
        for number, key in enumerate(told):
            if found is None:
                shown.texts[key] = UNSEEN.format(use.found.name)
            for name, made in (found or {}).items():
                if f"{prefix}.{name}" in hidden and isinstance(made, Spans):
                    shown.spans[key, f"{prefix}.{name}"] = _of(made, number)
    return shown


def _tagged(use: TaggerUse, texts: list[bytes]) -> Mapping[str, Column] | None:
    """Columns of these texts; a manifest is no reason to run code that is not of dolma-pipe."""
    name = use.found.name
    if use.found.content is not None or name not in names("taggers"):
        return None
    try:
        tagger = msgspec.structs.replace(use, found=find("taggers", name)).build()
        return None if tagger.assets() else tagger.tag(batch_of([text.decode() for text in texts]))
    except UserError:  # of another version
        return None


def _of(spans: Spans, document: int) -> Spans:
    found = gather(spans, np.array([document]))
    assert isinstance(found, Spans)
    return found
