"""From what a recipe or a command line says to a store."""

import importlib.util
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from dolma_pipe.errors import MissingExtra, RecipeError
from dolma_pipe.store.base import Store
from dolma_pipe.store.bucket import Bucket
from dolma_pipe.store.credentials import refuse_credentials
from dolma_pipe.store.folder import Folder

_MEANT = re.compile(r"s3[an]?(://?|//)", re.IGNORECASE)


def open_store(place: str) -> Store:
    """The store of a folder or of s3://bucket/prefix; nothing is asked of it yet."""
    return Bucket(place) if "://" in place else Folder(place)


def check_place(place: str) -> None:
    """Whether files can be stored there at all, without asking anybody.

    Raises RecipeError; MissingExtra where the package is not installed.
    """
    refuse_credentials(place)
    parts = urlsplit(place)
    if not place or "\0" in place:
        raise RecipeError(f"{place!a} is no folder")
    if mistyped(place):
        raise RecipeError(f"{place}: object stores are s3://bucket/prefix here")
    if not parts.scheme:
        return
    if parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment:
        raise RecipeError(f"{place} is neither a folder nor s3://bucket/prefix")
    if importlib.util.find_spec("boto3") is None:
        raise MissingExtra("s3", "boto3")


def mistyped(place: str) -> bool:
    """Whether s3:// was meant: S3://, s3a://, s3:/bucket, s3//bucket, which would make a folder."""
    return bool(_MEANT.match(place)) and not place.startswith("s3://")


def is_within(uri: str, folder: str) -> bool:
    """Whether a file or folder lies in another, or is it."""
    if "://" in uri or "://" in folder:
        return f"{uri}/".startswith(f"{folder.rstrip('/')}/")
    return Path(os.path.realpath(uri)).is_relative_to(os.path.realpath(folder))
