"""What the documents of a source look like: a sample from the begin of some of its files."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Literal

import msgspec
import numpy as np

from dolma_pipe.assets import cached_path
from dolma_pipe.batch import Batch
from dolma_pipe.errors import UserError
from dolma_pipe.first_recipe.groups import Group
from dolma_pipe.first_recipe.tables import NoText, columns_of
from dolma_pipe.formats.reading import ColumnNames, Reading
from dolma_pipe.programming_languages import language_from
from dolma_pipe.settings import one_line
from dolma_pipe.shard import Quarantined, ShardReader
from dolma_pipe.shelf import built_in
from dolma_pipe.syntax import LANGUAGE_FIELDS
from dolma_pipe.tagger import Labels

FILES, BYTES, DOCUMENTS = 3, 1 << 20, 300
"""Files that are looked into, bytes of each, and documents at most."""

LANGUAGE_MODEL = "lid176"
NO_PROGRAMS = {"csv", "css", "diff", "html", "json", "markdown", "restructuredtext", "tex", "text"}
NO_PROGRAMS |= {"xml", "yaml", "rst", "latex", "svg", "toml", "ini"}
_LIKE_CODE = re.compile(
    r"[;{}]\s*$|^\s*(?:def|class|import|from|return|if|for|while|func|fn|let|const|var|public|"
    r"private|static|void|int|#include|#define|package|using|end)\b.*[:;({)=]?\s*$"
)
Kind = Literal["prose", "code", "chat"]


class Seen(msgspec.Struct):
    """bad: why each line that is no document is none. languages: shares of the documents of the
    sample. code_share: of documents that are programs. problem: why it cannot be a source."""

    kind: Kind = "prose"
    columns: ColumnNames = ColumnNames()
    documents: int = 0
    bad: list[str] = []
    characters: int = 0
    code_share: float = 0.0
    url_share: float = 0.0
    languages: dict[str, float] = {}
    problem: str | None = None


def look(group: Group) -> Seen:
    """Whatever cannot be read is the source's problem, told and not raised."""
    seen = Seen()
    try:
        reading = _reading(group)
        batches = list(_sample(group, reading, seen))
    except (UserError, NoText) as error:
        seen.problem = one_line(error)
        return seen
    seen.columns = reading.columns
    seen.documents = sum(map(len, batches))
    if not seen.documents:
        seen.problem = f"no document with a text{_reason(seen.bad)}"
        return seen
    if len(seen.bad) > seen.documents:
        lines = len(seen.bad) + seen.documents
        seen.problem = f"of the first {lines:,} lines {bad_told(seen.bad)}"
        return seen
    texts = [text for batch in batches for text in batch.texts()]
    seen.characters = sum(map(len, texts))
    seen.code_share = _programs(batches, texts) / seen.documents
    addresses = [url for batch in batches for url in batch.field("metadata.url")]
    seen.url_share = sum(isinstance(url, str) and url != "" for url in addresses) / seen.documents
    seen.kind = "chat" if reading.messages else "code" if seen.code_share >= 0.5 else "prose"
    if seen.kind != "code":
        seen.languages = _languages(batches)
    return seen


def _reason(bad: list[str]) -> str:
    if not bad:
        return ""
    lines = "line" if len(bad) == 1 else f"{len(bad):,} lines"
    return f" in the first {lines}: {_likeliest(bad)}"


def bad_told(bad: list[str]) -> str:
    """How many lines are no documents, and why the most of them."""
    lines = "1 is no document" if len(bad) == 1 else f"{len(bad):,} are no documents"
    return f"{lines} ({_likeliest(bad)})"


def _likeliest(reasons: list[str]) -> str:
    return one_line(Counter(reasons).most_common(1)[0][0])


def _reading(group: Group) -> Reading:
    """Text as it is, or conversations: whichever the first file has. Raises NoText, UserError."""
    reading = Reading(format=group.format)
    if group.format in ("parquet", "arrow"):
        try:
            columns = columns_of(group.files[0], group.format, messages=False)
        except NoText as missing:
            try:
                columns = columns_of(group.files[0], group.format, messages=True)
            except NoText:
                raise missing from None
            return msgspec.structs.replace(reading, columns=columns, messages=True)
        return msgspec.structs.replace(reading, columns=columns)
    if group.format == "jsonl":
        counted = Seen()
        if not any(map(len, _sample(group, reading, counted))) and counted.bad:
            talks = msgspec.structs.replace(reading, messages=True)
            if any(map(len, _sample(group, talks, Seen()))):
                return talks
    return reading


def _sample(group: Group, reading: Reading, seen: Seen) -> Iterator[Batch]:
    """The first documents of some files, spread over all of them."""
    last = len(group.files) - 1
    places = sorted({last * i // (FILES - 1) for i in range(FILES)})
    for place in places:
        quarantined: list[Quarantined] = []
        reader = ShardReader(
            group.files[place],
            shard=group.name,
            reading=reading,
            batch_bytes=BYTES,
            quarantine=quarantined.append,
        )
        batch = next(iter(reader), None)
        seen.bad += [one.reason for one in quarantined]
        if batch is not None:
            yield batch.select(np.arange(min(len(batch), DOCUMENTS // len(places))))


def _programs(batches: list[Batch], texts: list[str]) -> int:
    """Documents that say a programming language, or of those that say none look like code."""
    said: list[str | None] = []
    for batch in batches:
        fields = [batch.field(path) for path in LANGUAGE_FIELDS]
        said += [language_from(values) for values in zip(*fields, strict=True)]
    return sum(
        (language is None or language not in NO_PROGRAMS) and _like_code(text)
        for language, text in zip(said, texts, strict=True)
    )


def _like_code(text: str) -> bool:
    lines = [line for line in text[:4000].splitlines() if line.strip()]
    return sum(_LIKE_CODE.search(line) is not None for line in lines) > 0.25 * len(lines)


def _languages(batches: list[Batch]) -> dict[str, float]:
    """Shares of the likeliest language, the largest first; empty where the model is not fetched."""
    if cached_path(LANGUAGE_MODEL) is None:
        return {}
    tagger = built_in("lid")
    counted: Counter[str] = Counter()
    for batch in batches:
        top = tagger.tag(batch)["top"]
        assert isinstance(top, Labels)
        counted.update(top.names[code] for code in top.codes.tolist() if code >= 0)
    total = max(1, sum(counted.values()))
    return {name: count / total for name, count in counted.most_common()}
