"""The recipe's `mix` section as typed settings, and what can be wrong with it."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any, Literal

import msgspec

from dolma_pipe.errors import RecipeError
from dolma_pipe.mixer import Repeats, Share

PositiveInt = Annotated[int, msgspec.Meta(gt=0)]
Named = str | dict[str, dict[str, Any] | None]
"""A mixer: its name on the shelf, ./mine.py or my_package.my_module; or the name with settings."""

LENGTH = "length"
"""As `by` of groups: the tokens of a document, end of text included."""


class Curve(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Quality-aware upsampling of one source: the better a document, the more often it is seen."""

    by: str
    """Column of the score, higher is better."""
    max: Repeats = 7.0
    """Mean repeats of the best bucket, at most."""
    discard: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.4
    """Share of the tokens, from the worst up, that is never used; whole buckets."""
    curve: Named = "quality"
    """The mixer that divides among the buckets: the published curve, monotone, or your own."""
    buckets: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 20
    """Quality buckets of equally many tokens; equal scores stay together."""


Factor = Repeats | Curve


class Division(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How tokens are divided among parts: the sources, or the groups of one."""

    mixer: Named | None = None
    """Who divides: by default shares where there are some, else natural."""
    shares: dict[str, Share] = {}
    """Share of each part in what parts with an exact factor leave; they sum to 1."""
    upsample: dict[str, Factor] = {}
    """With a share: the most repeats, or a curve. Without a share: the exact factor."""
    surplus: Literal["refuse", "spread"] | None = None
    """What a capped part cannot give: refuse the target (default with shares), or spread it over
    the other parts (default of other mixers)."""

    def check_shares(self, names: Sequence[str], place: str, kind: str) -> None:
        """Raises RecipeError where the shares are not those of all these parts.

        place: where in the recipe. kind: what a part is called.
        """
        if not self.shares:
            if mixer_name(self.mixer) == "shares":
                raise RecipeError(f"{place}.mixer: shares needs {place}.shares")
            return
        if mixer_name(self.mixer) not in (None, "shares"):
            raise RecipeError(f"{place}.shares: mixer {mixer_name(self.mixer)} makes its own")
        total = sum(self.shares.values())
        if abs(total - 1) > 1e-6:
            raise RecipeError(f"{place}.shares: they sum to {total:.6g}, not to 1")
        for name in names:
            factor = self.upsample.get(name)
            if name not in self.shares and (factor is None or isinstance(factor, Curve)):
                given = "no exact factor, a curve needs a share" if factor else "no factor"
                raise RecipeError(
                    f"{place}.shares: {kind} {name} has no share (0 leaves it out)"
                    f" and {given} in {place}.upsample"
                )


class Groups(Division, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The second level: a source divided by topic, by length, or by any number."""

    by: str
    """A column of labels, a column of numbers with `at`, or length."""
    at: Annotated[list[float], msgspec.Meta(max_length=1000)] = []
    """Borders between groups of numbers, ascending; groups are called <1024, 1024-8192, >=8192."""

    def names(self) -> tuple[str, ...] | None:
        """Of groups of numbers; None for labels, which the documents bring."""
        if not self.at:
            return None
        told = [str(int(x)) if float(x).is_integer() else repr(x) for x in self.at]
        between = [f"{low}-{high}" for low, high in pairwise(told)]
        none = () if self.by == LENGTH else (NO_GROUP,)
        return (f"<{told[0]}", *between, f">={told[-1]}", *none)

    def check(self, place: str) -> None:
        """Raises RecipeError."""
        if self.by == LENGTH and not self.at:
            raise RecipeError(f"{place}.at: groups by length need borders, as [8192, 32768]")
        if any(low >= high for low, high in pairwise(self.at)):
            raise RecipeError(f"{place}.at: borders must ascend")
        known = self.names()
        for section in ("shares", "upsample"):
            for name in getattr(self, section):
                if known and name not in known:
                    raise RecipeError(
                        f"{place}.{section}: no group '{name}' (known: {', '.join(known)})"
                    )
        if known:
            self.check_shares([name for name in known if name != NO_GROUP], place, "group")
        else:
            self.check_shares([], place, "group")


NO_GROUP = "none"
"""The group of documents without a label or number."""


class MixSettings(Division, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The recipe's `mix` section. Without one every document is used once."""

    target_tokens: PositiveInt | None = None
    """Tokens of the finished arrays; without it, as many as the shares and caps allow."""
    max_repeats: Repeats = 1.0
    """The most repeats of a source that `upsample` does not name."""
    groups: dict[str, Groups] = {}
    """Sources that are divided once more, by topic, length or any number."""
    held_out: Share | dict[str, Share] = 0.0
    """Share of the documents that goes to held_out/ instead: of all sources, or by source."""

    def check(self, sources: Sequence[str]) -> None:
        """Raises RecipeError where the settings are not those of these sources."""
        self.check_shares(sources, "mix", "source")
        for name, groups in self.groups.items():
            groups.check(f"mix.groups.{name}")
        for name in sources:
            if self.held_out_of(name) >= 1:
                raise RecipeError(f"mix.held_out: 1 leaves nothing of {name} to train on")

    def held_out_of(self, source: str) -> float:
        """Share of the documents of a source that is held out."""
        if isinstance(self.held_out, Mapping):
            return self.held_out.get(source, 0.0)
        return self.held_out

    def factor_of(self, source: str) -> Factor:
        """What `upsample` says of a source."""
        return self.upsample.get(source, self.max_repeats)

    def group_factor(self, source: str, group: str) -> Factor:
        """What `upsample` says of a group: the source's, unless the group has its own."""
        own = self.groups[source].upsample.get(group) if source in self.groups else None
        return self.factor_of(source) if own is None else own

    def curves_of(self, source: str) -> list[tuple[str, Curve]]:
        """Every curve of a source, with its place in the recipe."""
        found: list[tuple[str, Factor]] = [(f"mix.upsample.{source}", self.factor_of(source))]
        if source in self.groups:
            found += [
                (f"mix.groups.{source}.upsample.{group}", factor)
                for group, factor in self.groups[source].upsample.items()
            ]
        return [(place, factor) for place, factor in found if isinstance(factor, Curve)]


def mixer_name(given: Named | None) -> str | None:
    """The name in what a recipe says of a mixer."""
    return next(iter(given)) if isinstance(given, dict) and given else given  # type: ignore[return-value]
