"""The recipe's `mix` section as typed settings, and what can be wrong with it."""

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec

from dolma_pipe.errors import RecipeError
from dolma_pipe.mixer import Repeats, Share

PositiveInt = Annotated[int, msgspec.Meta(gt=0)]


class Curve(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Quality-aware upsampling of one source: the better a document, the more often it is seen."""

    by: str
    """Column of the score, higher is better."""
    max: Repeats = 7.0
    """Mean repeats of the best bucket, at most."""
    discard: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.4
    """Share of the tokens, from the worst up, that is never used; whole buckets."""


class MixSettings(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The recipe's `mix` section. Without one every document is used once."""

    target_tokens: PositiveInt | None = None
    """Tokens of the finished arrays; without it, as many as the shares and caps allow."""
    shares: dict[str, Share] = {}
    """Share of each source in what sources with an exact factor leave; they sum to 1."""
    upsample: dict[str, Repeats | Curve] = {}
    """With a share: the most repeats, or a curve. Without a share: the exact factor. Default 1."""
    surplus: Literal["refuse", "spread"] = "refuse"
    """What a capped source cannot give: refuse the target, or spread it over the other sources."""

    def check(self, sources: Sequence[str]) -> None:
        """Raises RecipeError where the shares are not those of all these sources."""
        if not self.shares:
            return
        total = sum(self.shares.values())
        if abs(total - 1) > 1e-6:
            raise RecipeError(f"mix.shares: they sum to {total:.6g}, not to 1")
        for name in sources:
            factor = self.upsample.get(name)
            if name not in self.shares and (factor is None or isinstance(factor, Curve)):
                given = "no exact factor, a curve needs a share" if factor else "no factor"
                raise RecipeError(
                    f"mix.shares: source {name} has no share (0 leaves it out)"
                    f" and {given} in mix.upsample"
                )
