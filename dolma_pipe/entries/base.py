"""What all entries of the dedup section have: whose documents take part, which copy stays, and
what becomes of the others."""

from typing import Annotated, ClassVar, Literal

import msgspec

Keep = Annotated[str, msgspec.Meta(pattern=r"^(first|longest|newest|highest \S+)\Z")]
"""first (source order, then shard, then row), longest (bytes), newest (`created`), or "highest
COLUMN".

Documents that tie are kept in the order of `first`. Without a date, or without a score, a document
is last.
"""

Positive = Annotated[int, msgspec.Meta(ge=1)]
Similarity = Annotated[float, msgspec.Meta(gt=0, lt=1)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Common(
    msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, tag_field="method"
):
    """What all entries have."""

    sources: tuple[str, ...] | None = None
    """Only documents of these sources take part; all by default."""

    prefer: tuple[str, ...] = ()
    """Copies in these sources stay before all others, those of the first named above all."""

    action: Literal["remove", "annotate"] = "remove"
    """annotate: nothing is removed; dedup/annotations/ says what would be, and why."""

    edits: ClassVar[bool] = False
    """Whether it takes stretches out of texts, so that later entries read other texts."""

    signed_while_curating: ClassVar[bool] = False
    """Whether its keys are made while the text is at hand for stages 1 to 3."""

    indexable: ClassVar[bool] = False
    """Whether old documents can take part by an index of their keys and sets, without texts."""

    @property
    def method(self) -> str:
        """The key of METHODS, as in the recipe."""
        return str(self.__struct_config__.tag)

    @property
    def policy(self) -> str:
        """Which copy stays (Keep), of those in equally preferred sources."""
        return "first"

    @property
    def column(self) -> str | None:
        """The column that decides who stays, where one does."""
        return self.policy.partition(" ")[2] or None

    @property
    def changes_text(self) -> bool:
        """Whether entries after this one read other texts."""
        return self.edits and self.action == "remove"

    @property
    def verifies(self) -> bool:
        """Whether sets of candidates are compared before a document goes."""
        return False

    def assets(self) -> tuple[str, ...]:
        """Names or paths of the models that it needs. Raises AssetError for an unknown one."""
        return ()

    def check(self) -> None:
        """Raise UserError where a model that is there cannot be used."""

    def concerns(self, source: str) -> bool:
        """Whether documents of this source take part."""
        return self.sources is None or source in self.sources

    def preference(self, source: str) -> int:
        """0 for the source whose copies stay before all others."""
        return self.prefer.index(source) if source in self.prefer else len(self.prefer)


class Chooser(Common, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """An entry that chooses one of several copies."""

    keep: Keep = "first"
    """Which copy stays: first, longest, newest, or "highest COLUMN"."""

    @property
    def policy(self) -> str:
        return self.keep
