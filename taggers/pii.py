"""Personal data that has a pattern: e-mail addresses, phone numbers and IP addresses."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from dolma_pipe.batch import Batch
from dolma_pipe.kernels.pii import find_pii
from dolma_pipe.tagger import Column, Spans, Tagger


class Pii(Tagger, frozen=True):
    """Columns; Dolma 1 masks up to 5 spans a document and drops a document with more.

    - `email`, `phone`, `ip` (spans, score 1): to be masked.
    - `emails`, `phones`, `ips`: how many of each; `count`: of all together [at most 5].

    Made to be right rather than complete: a version, an OID, a date, an ISBN, a decimal or a time
    is none of them; an unbroken row of digits is a phone number only after +, "tel" or the like.
    The patterns are described in dolma_pipe/kernels/emails.py, phones.py and ip_addresses.py.
    """

    cost: ClassVar[float] = 0.3

    public_ips_only: bool = False
    """Pass over private, local, multicast and documentation addresses (RFC 6890)."""

    def columns(self) -> tuple[str, ...]:
        return ("email", "phone", "ip", "emails", "phones", "ips", "count")

    def spans(self) -> tuple[str, ...]:
        return ("email", "phone", "ip")

    def tag(self, batch: Batch) -> Mapping[str, Column]:
        found = find_pii(batch.text, batch.offsets, self.public_ips_only)
        columns: dict[str, Column] = {}
        count = np.zeros(len(batch), np.int64)
        for name, spans in zip(self.spans(), found, strict=True):
            columns[name] = Spans(*spans, np.ones(len(spans.starts)))
            columns[f"{name}s"] = np.diff(spans.offsets)
            count += np.diff(spans.offsets)
        columns["count"] = count
        return columns
