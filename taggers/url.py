"""Block lists on the URL of a document: domains, whole URLs, and words."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from dolma_pipe.batch import Batch
from dolma_pipe.kernels.blocklist import find_hits
from dolma_pipe.kernels.jit import I64, U8
from dolma_pipe.kernels.strings import members
from dolma_pipe.lists import ListFiles, list_names, load_strings, load_words
from dolma_pipe.tagger import Column, Tagger
from dolma_pipe.urls import domains_of, host_of, key_of, words_of

DOMAIN_COLUMNS = ("blocked_domain", "blocked_subdomain")
BLOCK = 1024
"""URLs whose domains are held at once: a hostile host has 127 of them, of 253 bytes."""


class Url(Tagger, frozen=True):
    """Columns; all but `has_url` only with their list, and all 0 for a document without URL.

    - `has_url`: 1 if the document has one.
    - `blocked_domain`: 1 if its host, with or without "www.", is in `domains` [RefinedWeb, FineWeb,
      Dolma: 0].
    - `blocked_subdomain`: 1 if its host or any domain above it is in `domains` [0]: all of
      example.com, where `blocked_domain` is example.com alone.
    - `blocked_url`: 1 if the URL is in `urls` [0], whatever its scheme, user, fragment, last slash
      and needless percent-encoding. The query counts; Dolma takes it away and lower-cases the
      rest, datatrove compares as it stands.
    - `blocked_words`: how many different entries of `words` are among the words of the URL, cut at
      every sign and percent-decoded [RefinedWeb, FineWeb: 0 of a list of hard words, at most 1 of
      a list of soft ones: use the tagger twice, with a name]. Parts of a word do not count.

    Hosts are compared in small letters without user, port and last dot, international names in
    Punycode; lists of 10^6 entries (UT1's, for example) take some 40 MB a worker.
    """

    cost: ClassVar[float] = 0.3

    field: str = "metadata.url"
    """Where the document's URL is, as a path of keys."""

    domains: ListFiles = ""
    """List files of domains, one a line, plain or gzip, # starts a comment; lines of hosts files
    ("0.0.0.0 example.com") and of filter lists ("||example.com^") are read, too."""

    urls: ListFiles = ""
    """List files of URLs, with or without scheme."""

    words: ListFiles = ""
    """List files of words or phrases."""

    def columns(self) -> tuple[str, ...]:
        return (
            "has_url",
            *(DOMAIN_COLUMNS if self.domains else ()),
            *(("blocked_url",) if self.urls else ()),
            *(("blocked_words",) if self.words else ()),
        )

    def assets(self) -> tuple[str, ...]:
        return tuple(
            name for files in (self.domains, self.urls, self.words) for name in list_names(files)
        )

    def check(self) -> None:
        if self.domains:
            load_strings("url.domains", self.domains, host_of)
        if self.urls:
            load_strings("url.urls", self.urls, key_of)
        if self.words:
            load_words("url.words", self.words, words_of)

    def tag(self, batch: Batch) -> Mapping[str, Column]:
        urls = [url if isinstance(url, str) else "" for url in batch.field(self.field)]
        columns: dict[str, Column] = {
            "has_url": np.array([bool(url.strip()) for url in urls], np.int64)
        }
        if self.domains:
            columns |= self._domains(urls)
        if self.urls:
            known = load_strings("url.urls", self.urls, key_of)
            found = members(known, *_packed([key_of(url) or "" for url in urls]))
            columns["blocked_url"] = found.astype(np.int64)
        if self.words:
            words = load_words("url.words", self.words, words_of)
            columns["blocked_words"] = find_hits(
                *_packed(list(map(words_of, urls))), words
            ).distinct
        return columns

    def _domains(self, urls: list[str]) -> dict[str, Column]:
        known = load_strings("url.domains", self.domains, host_of)
        columns = {name: np.zeros(len(urls), np.int64) for name in DOMAIN_COLUMNS}
        for first in range(0, len(urls), BLOCK):
            here = slice(first, first + BLOCK)
            domains = [domains_of(host_of(url) or "") for url in urls[here]]
            found = members(known, *_packed([name for names in domains for name in names]))
            firsts = np.cumsum([0, *map(len, domains)])[:-1]
            columns["blocked_domain"][here] = found[firsts]
            columns["blocked_subdomain"][here] = np.logical_or.reduceat(found, firsts)
        return dict(columns)


def _packed(strings: list[str]) -> tuple[U8, I64]:
    """All of them as one array of bytes, and offsets."""
    raw = [string.encode(errors="replace") for string in strings]
    return np.frombuffer(b"".join(raw), np.uint8), np.cumsum([0, *map(len, raw)]).astype(np.int64)
