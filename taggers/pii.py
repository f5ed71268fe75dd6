"""Personal data and secrets that have a pattern: e-mail, phone, IP, card and account numbers."""

import difflib
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Literal

import msgspec
import numpy as np

from dolma_pipe.batch import Batch
from dolma_pipe.errors import MissingExtra, RecipeError
from dolma_pipe.kernels.ascii import SPACES
from dolma_pipe.kernels.phones import ANNOUNCED, TIED
from dolma_pipe.kernels.pii import Candidates, find_pii, share_of_characters, without_overlaps
from dolma_pipe.tagger import Column, Spans, Tagger

SomeKind = Literal["email", "phone", "ip", "credit_card", "iban", "secret"]
_SPACE = re.compile(f"[ {SPACES}]")
_DIGITS = re.compile(r"[0-9]+")
_MIN_DIGITS, _MAX_DIGITS = 7, 17
_LOOK_ALIKE = re.compile(r"\d{4}[-‐‑‒–]\d{4}|\d{3}[-‐‑‒–]\d{2}[-‐‑‒–]\d{4}", re.A)
"""An ISSN, or a range of years; an American social security number."""


class Pii(Tagger, frozen=True):
    """Columns; Dolma 1 masks up to 5 spans a document and drops a document with more.

    For each kind in `find`:

    - `email`, `phone`, `ip`, `credit_card`, `iban`, `secret` (spans, score 1): to be masked.
    - `emails`, `phones`, `ips`, `credit_cards`, `ibans`, `secrets`: how many of each.

    For all of them together:

    - `count`: how many [at most 5]; dolma's `doc_count`.
    - `share`: share of the document's characters that lie in a span. dolma's `doc_frac` is meant
      to be it but counts the document itself as a span, and so is never below 1.

    Of two spans that overlap the kind stays that comes first in: secret, email, iban, credit_card,
    ip, phone. Made to be right rather than complete: a version, an OID, a date, an ISBN, a decimal
    or a time is none of them; an unbroken row of digits is a phone number only after +, "tel" or
    the like. The patterns are described in dolma_pipe/kernels/emails.py, phones.py,
    ip_addresses.py, ipv6.py, credit_cards.py, ibans.py and secrets.py.
    """

    cost: ClassVar[float] = 0.3
    private: ClassVar[bool] = True

    find: Annotated[tuple[SomeKind, ...], msgspec.Meta(min_length=1)] = ("email", "phone", "ip")
    """Kinds to look for: email, phone, ip, credit_card, iban, secret (API keys, private keys)."""

    public_ips_only: bool = False
    """Pass over private, local, multicast and documentation addresses (RFC 6890)."""

    regions: tuple[str, ...] = ()
    """Countries (ISO 3166-1, "US") whose numbers are phone numbers as dialled there, confirmed by
    the package phonenumbers (extra pii): valid there, and announced ("tel") or grouped as usual; +
    and a number valid anywhere is one, too. Empty: patterns alone, international and American."""

    def columns(self) -> tuple[str, ...]:
        return (*self.spans(), *(f"{kind}s" for kind in self.spans()), "count", "share")

    def spans(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.find))

    def check(self) -> None:
        if self.regions:
            known = _phonenumbers().SUPPORTED_REGIONS
            for region in self.regions:
                if region not in known:
                    near = difflib.get_close_matches(region.upper(), sorted(known), 1, 0)
                    hint = f"; did you mean {near[0]}?" if near else ""
                    raise RecipeError(f"pii.regions: '{region}' is no country code{hint}")

    def tag(self, batch: Batch) -> Mapping[str, Column]:
        text, offsets = batch.text, batch.offsets
        candidates = find_pii(text, offsets, self.find, self.public_ips_only, bool(self.regions))
        if self.regions and "phone" in candidates:
            data = text.data
            candidates["phone"] = _confirmed(data, candidates["phone"], tuple(self.regions))
        found = without_overlaps(candidates, offsets)
        columns: dict[str, Column] = {}
        count = np.zeros(len(batch), np.int64)
        for kind, spans in found.items():
            columns[kind] = Spans(*spans, np.ones(len(spans.starts)))
            columns[f"{kind}s"] = np.diff(spans.offsets)
            count += np.diff(spans.offsets)
        columns["count"] = count
        columns["share"] = share_of_characters(text, offsets, list(found.values()))
        return columns


def _confirmed(text: memoryview, phones: Candidates, regions: tuple[str, ...]) -> Candidates:
    """Those candidates, cut down to the part, that are numbers of a plan."""
    starts, ends = [], []
    for start, end, flags in zip(*(column.tolist() for column in phones), strict=True):
        written = bytes(text[start:end]).decode()
        part = _number_in(written, bool(flags & ANNOUNCED), bool(flags & TIED), regions)
        if part is not None:
            first, last = part
            starts.append(start + len(written[:first].encode()))
            ends.append(start + len(written[:last].encode()))
    columns = np.array(starts, np.int64), np.array(ends, np.int64), np.zeros(len(starts), np.uint8)
    return Candidates(*columns)


@lru_cache(1 << 16)
def _number_in(
    written: str, announced: bool, tied: bool, regions: tuple[str, ...]
) -> tuple[int, int] | None:
    """Where in these groups of digits the longest, then the first phone number stands; it starts
    and ends where they do or at a space."""
    spaces = [match.start() for match in _SPACE.finditer(written)]
    firsts = [0, *(at + 1 for at in spaces)]
    lasts = spaces if tied else [*spaces, len(written)]
    parts = [(a, b) for a in firsts for b in lasts if a < b]
    for first, last in sorted(parts, key=lambda part: (part[0] - part[1], part)):
        part = written[first:last]
        if part.count("(") == part.count(")") and part[0] not in "-./":
            plain = announced and first == 0
            if _is_number(part, plain, regions):
                return first, last
    return None


def _is_number(written: str, announced: bool, regions: tuple[str, ...]) -> bool:
    groups = _DIGITS.findall(written)
    length = sum(map(len, groups))
    if not _MIN_DIGITS <= length <= _MAX_DIGITS:
        return False
    library = _phonenumbers()
    if written[0] == "+":
        number = _parsed(written, None)
        return number is not None and bool(library.is_valid_number(number))
    if not announced and written[0] != "+":
        doubtful = length == _MIN_DIGITS or written.count("/") > 1
        if len(groups) == 1 or doubtful or _LOOK_ALIKE.fullmatch(written):
            return False
    abroad = written.startswith("00")
    for region in regions:
        if not abroad and length not in _lengths(region):
            continue
        number = _parsed(written, region)
        if number is None:
            continue
        if abroad and number.country_code != library.country_code_for_region(region):
            return bool(library.is_valid_number(number))
        if library.is_valid_number_for_region(number, region) and (
            announced or _is_usual(groups, number)
        ):
            return True
    return False


def _is_usual(groups: list[str], number: Any) -> bool:
    """Whether the digits are grouped as the plan writes them, or so behind a part of the prefix and
    area code that starts with 0."""
    library = _phonenumbers()
    form = library.PhoneNumberFormat.NATIONAL
    national = _DIGITS.findall(library.format_number(number, form))
    if groups == national or (number.country_code == 1 and groups == ["1", *national]):
        return True
    area, written = national[0], groups[0]
    return written[0] == "0" and len(written) > 2 and area.startswith(written)


def _parsed(written: str, region: str | None) -> Any:
    library = _phonenumbers()
    try:
        return library.parse(written, region)
    except library.NumberParseException:
        return None


@lru_cache
def _lengths(region: str) -> frozenset[int]:
    """How many digits a number has as dialled in the region, with a prefix or without."""
    library = _phonenumbers()
    plan = library.PhoneMetadata.metadata_for_region(region)
    national = set(plan.general_desc.possible_length)
    return frozenset(national | {n + len(plan.national_prefix or "") for n in national})


def _phonenumbers() -> Any:
    try:
        import phonenumbers
    except ImportError:
        raise MissingExtra("pii", "phonenumbers") from None
    return phonenumbers
