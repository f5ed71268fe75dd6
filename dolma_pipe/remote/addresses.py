"""Addresses: what is one, what the file behind it is called, and which hold a secret."""

import re
from urllib.parse import parse_qsl, urlsplit

from dolma_pipe.errors import RecipeError

_SECRETS = re.compile(
    r"sig(nature)?|.*(signature|credential|token|secret|passw|auth).*|.*(access|api).?key.*|key|code",
    re.IGNORECASE,
)
"""Names of parameters that let whoever has the address in: X-Amz-Signature, sig, token, ..."""


def is_address(uri: str) -> bool:
    """Whether it is the address of something elsewhere, not a path."""
    return "://" in uri


def is_s3(uri: str) -> bool:
    return uri.startswith("s3://")


def is_web(uri: str) -> bool:
    return uri.lower().startswith(("http://", "https://"))


def stored_name(uri: str) -> str:
    """What says by its ending what the file is: of a web address without its query. In keys of
    object stores ? and # are characters like others."""
    return urlsplit(uri).path if is_web(uri) else uri


def bucket_and_key(uri: str) -> tuple[str, str]:
    """Of s3://bucket/key."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def check_address(place: str, uri: str) -> None:
    """Raise RecipeError for an address that holds a secret, without showing it: addresses stand in
    manifests, reports and logs. And for one that cannot be one."""
    if is_s3(uri):  # ? and # may be in a key
        uri = uri.translate({ord("?"): None, ord("#"): None})
    try:
        parts = urlsplit(uri)
        host = parts.hostname if parts.port != 0 else None
    except ValueError:  # http://[::1/a
        raise RecipeError(f"{place}: nothing opens an address like this one") from None
    user, at, _ = parts.netloc.rpartition("@")
    if at and (":" in user or is_web(uri) or is_s3(uri)):
        raise RecipeError(
            f"{place}: credentials do not belong into an address: those of object stores come from"
            " the environment, ~/.aws, or the machine's role"
        )
    if is_web(uri) and not host:
        raise RecipeError(f"{place}: nothing opens {uri}: it names no server")
    for name, _ in parse_qsl(parts.query, keep_blank_values=True):
        if _SECRETS.fullmatch(name):
            raise RecipeError(
                f"{place}: {parts.scheme}://{parts.netloc}{parts.path}?{name}=... holds a secret,"
                " which would stand in manifests and reports: use s3:// and credentials, or fetch"
                " the file"
            )
