"""Where output goes that does not stay in the work directory: a folder, or a bucket on an object
store. A file appears there whole or not at all."""

from dolma_pipe.store.base import Stamp, Store
from dolma_pipe.store.credentials import refuse_credentials
from dolma_pipe.store.places import check_place, is_within, mistyped, open_store

__all__ = [
    "Stamp",
    "Store",
    "check_place",
    "is_within",
    "mistyped",
    "open_store",
    "refuse_credentials",
]
