"""The sections of mix.yaml as types: what a recipe may say, its defaults, and what each means."""

from typing import Annotated, Any, Literal

import msgspec

from dolma_pipe.formats.reading import ColumnNames, FormatName, Html
from dolma_pipe.mix_settings import MixSettings
from dolma_pipe.recipe import FilterStage
from dolma_pipe.shard import MAX_DOCUMENT_BYTES
from dolma_pipe.tokenizer import TokenizeSettings

MOST_ENTRIES = 255
"""Of dedup: a byte a document says which one removed it."""

Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*\Z", max_length=100)]
"""Of a recipe or a source: a folder is called so."""


class FilterSection(msgspec.Struct, forbid_unknown_fields=True):
    """One of the stages 1 to 3 as the recipe has it."""

    taggers: list[str | dict[str, dict[str, Any] | None]] | msgspec.UnsetType = msgspec.UNSET
    """Names, ./mine.py, my_package.module; with settings: {gopher: {punctuation_is_word: true}}."""

    keep: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    """A range on a column: what is outside of it is dropped."""

    mask: dict[str, str] | msgspec.UnsetType = msgspec.UNSET
    """Spans of a column are replaced by this text."""


class SourceSection(msgspec.Struct, forbid_unknown_fields=True):
    """A source: its documents, the stages it skips, and settings that replace those of a stage."""

    documents: str | list[str]
    """A pattern (*, **), a folder, s3:// or https://, or a list of them."""

    format: FormatName | Literal["auto"] = "auto"
    """Of the files, where their names do not tell it."""

    split: str | list[str] = []
    """Of a folder with several: train, or a list."""

    columns: ColumnNames = ColumnNames()
    """Of tables: which column is which field. All others become metadata."""

    html: Html = "resiliparse"
    """How the text is taken out of WARC."""

    check_digests: bool = False
    """A WARC record must have the digest that its header tells."""

    messages: bool = False
    """The lines are conversations."""

    skip: list[FilterStage] = []
    """Stages 1 to 3 that this source does not go through."""

    language: FilterSection = msgspec.field(default_factory=FilterSection)
    """Taggers, keep or mask of this source, each in the place of the recipe's."""

    quality: FilterSection = msgspec.field(default_factory=FilterSection)
    """Taggers, keep or mask of this source, each in the place of the recipe's."""

    content: FilterSection = msgspec.field(default_factory=FilterSection)
    """Taggers, keep or mask of this source, each in the place of the recipe's."""


class RecipeFile(msgspec.Struct, forbid_unknown_fields=True):
    """The whole file, stages in their order."""

    name: Name
    """Letters, digits, _ . and -; the work directory is work/NAME."""

    sources: dict[Name, Any]
    """Name -> source, in this order."""

    seed: Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)] = 0
    """Of all that is drawn: copies, held-out documents, order."""

    language: FilterSection = msgspec.field(default_factory=FilterSection)
    """Stage 1, of all sources that do not skip it."""

    quality: FilterSection = msgspec.field(default_factory=FilterSection)
    """Stage 2, of all sources that do not skip it."""

    content: FilterSection = msgspec.field(default_factory=FilterSection)
    """Stage 3, of all sources that do not skip it."""

    dedup: Annotated[
        list[dict[str, dict[str, Any] | None]], msgspec.Meta(max_length=MOST_ENTRIES)
    ] = []
    """Stage 4: each entry works on what the one before left."""

    dedup_index: str | list[str] = []
    """Indexes of earlier runs, made by `dolma-pipe dedup index`: their documents come before those
    of this recipe, without being read again."""

    mix: MixSettings | None = None
    """Stage 5: how much of what. Without it every document is used once."""

    tokenize: TokenizeSettings | None = None
    """Stage 6: the arrays. Without it the run stops after stage 4."""

    max_bad: Annotated[float, msgspec.Meta(ge=0)] | None = None
    """Bad lines that a pass may quarantine: a number, or a share below 1; by default the larger of
    10 and 0.1 %."""

    max_document_bytes: Annotated[int, msgspec.Meta(ge=1, le=(1 << 63) - 1)] = MAX_DOCUMENT_BYTES
    """A longer line is quarantined without being held."""
