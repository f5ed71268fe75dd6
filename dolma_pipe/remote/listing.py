"""Which objects a pattern or a folder of s3:// stands for, as glob and folders do it here."""

import re
from fnmatch import fnmatchcase

from dolma_pipe.remote.addresses import bucket_and_key
from dolma_pipe.store.base import Stamp
from dolma_pipe.store.bucket import Bucket
from dolma_pipe.work.ahead import ahead

_MAGIC = re.compile(r"[*?\[]")


def has_pattern(uri: str) -> bool:
    """Whether it stands for what it matches. In a pattern [?] and [*] are the characters."""
    return _MAGIC.search(bucket_and_key(uri)[1]) is not None


def matching(pattern: str) -> dict[str, Stamp]:
    """The objects that s3://bucket/pattern matches, sorted; one listing, of all below what stands
    before its first wildcard. Raises StoreError."""
    bucket, key = bucket_and_key(pattern)
    parts = key.split("/")
    listed = Bucket(f"s3://{bucket}").beginning_with(_MAGIC.split(key, maxsplit=1)[0])
    return {
        f"s3://{bucket}/{name}": stamp
        for name, stamp in listed.items()
        if _matches(name.split("/"), parts) and not name.endswith("/")
    }


def below(folder: str) -> dict[str, Stamp]:
    """All objects below s3://bucket/prefix, sorted. Raises StoreError."""
    bucket, key = bucket_and_key(folder.rstrip("/"))
    listed = Bucket(f"s3://{bucket}").beginning_with(f"{key}/" if key else "")
    return {f"s3://{bucket}/{n}": stamp for n, stamp in listed.items() if not n.endswith("/")}


def there(uris: list[str]) -> dict[str, Stamp | None]:
    """What the store says of single objects, None of what is not there. Raises StoreError."""

    def asked(uri: str) -> Stamp | None:
        bucket, key = bucket_and_key(uri)
        return Bucket(f"s3://{bucket}").head(key) if key and not key.endswith("/") else None

    return dict(zip(uris, ahead(asked, uris), strict=True))


def _matches(names: list[str], patterns: list[str]) -> bool:
    """As glob does it: * and ? match within a name, ** any folders; what begins with a dot is
    matched only by what begins with one, too."""
    if not patterns or not names:
        return not patterns and not names
    first, *rest = patterns
    if first == "**":
        within = len(names) > 1 and not names[0].startswith(".") and _matches(names[1:], patterns)
        return within or _matches(names, rest or ["*"])
    return _matches_name(names[0], first) and _matches(names[1:], rest)


def _matches_name(name: str, pattern: str) -> bool:
    if not _MAGIC.search(pattern):
        return name == pattern
    return fnmatchcase(name, pattern) and (pattern.startswith(".") or not name.startswith("."))
