"""Models, lists and tokenizers that a recipe names by an address: copied to the cache of assets,
and copied again when the server says that they are others."""

import hashlib
import re
from functools import lru_cache
from pathlib import Path

from dolma_pipe.atomic import atomic_write
from dolma_pipe.errors import AssetError, InputError, RecipeError
from dolma_pipe.kernels.jit import user_cache
from dolma_pipe.remote import check_address, is_address, stamp_of_remote, stored_name
from dolma_pipe.stream import ByteStream


def address_of(name: str) -> str | None:
    """The address that a name is, or that a Path has made s3:/bucket/key of; None for a path."""
    if found := re.match("(s3|https?):/(?=[^/])", name):
        return f"{found[1]}://{name[found.end() :]}"
    return name if is_address(name) else None


@lru_cache(maxsize=64)
def copy_of(uri: str) -> Path:
    """The file of an address; one version a process. Raises AssetError."""
    try:
        check_address("asset", uri)
        stamp = stamp_of_remote(uri)
        digest = hashlib.sha256(f"{uri}\0{stamp}".encode()).hexdigest()[:40]
        path = user_cache() / "assets" / "remote" / digest / Path(stored_name(uri)).name
        if stamp is None or not path.is_file():
            with atomic_write(path) as file:
                for piece in ByteStream(uri).stored():
                    file.write(piece)
    except (InputError, RecipeError) as error:
        raise AssetError(str(error)) from error
    return path
