"""Addresses: what is one, what the file behind it is called, and what cannot be one."""

from urllib.parse import urlsplit

from dolma_pipe.errors import RecipeError
from dolma_pipe.store import refuse_credentials


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
    """Raise RecipeError for an address that holds a secret, without showing it, and for one that
    cannot be one."""
    if is_s3(uri):  # ? and # may be in a key
        uri = uri.translate({ord("?"): None, ord("#"): None})
    try:
        refuse_credentials(uri)
    except RecipeError as error:
        raise RecipeError(f"{place}: {error}") from None
    parts = urlsplit(uri)
    if is_web(uri) and not (parts.hostname and parts.port != 0):
        raise RecipeError(f"{place}: nothing opens {uri}: it names no server")
