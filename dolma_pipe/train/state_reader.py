"""The state of an optimizer, read without running what a file says: torch.distributed.checkpoint
keeps its index, and what is no tensor, as pickles.

Of the index only the classes that torch writes there are looked up; the rest is unpickled by
torch's own list of harmless classes (weights_only).
"""

import io
import pickle
from enum import Enum, EnumType
from pathlib import Path
from typing import Any, cast

import torch
from torch.distributed.checkpoint.default_planner import DefaultLoadPlanner
from torch.distributed.checkpoint.filesystem import FileSystemReader
from torch.distributed.checkpoint.metadata import Metadata
from torch.distributed.checkpoint.planner import ReadItem

INDEX = ".metadata"
_METADATA = "torch.distributed.checkpoint.metadata"
HARMLESS = {
    *(
        (_METADATA, name)
        for name in (
            "_MEM_FORMAT_ENCODING",
            "BytesStorageMetadata",
            "ChunkStorageMetadata",
            "Metadata",
            "MetadataIndex",
            "StorageMeta",
            "TensorProperties",
            "TensorStorageMetadata",
        )
    ),
    ("torch.distributed.checkpoint.filesystem", "_StorageInfo"),
    ("torch.serialization", "_get_layout"),
    ("torch", "Size"),
    ("collections", "OrderedDict"),
    ("pathlib", "PosixPath"),
    ("pathlib._local", "PosixPath"),
}
"""Module and name: they hold values, or look one up by its name."""


class StateReader(FileSystemReader):
    """Reads a folder that FileSystemWriter wrote. What fails raises as in its base."""

    def read_metadata(self, *_args: Any, **_kwargs: Any) -> Metadata:
        """Raises pickle.UnpicklingError for an index that names anything else."""
        with (Path(self.path) / INDEX).open("rb") as file:
            index = _Unpickler(file).load()
        if not isinstance(index, Metadata) or not isinstance(index.storage_data, dict):
            raise pickle.UnpicklingError("it is no index of torch.distributed.checkpoint")
        for place in index.storage_data.values():
            if Path(place.relative_path).name != place.relative_path:
                raise pickle.UnpicklingError(f"{place.relative_path!a} is no file beside it")
        return index


class StatePlanner(DefaultLoadPlanner):
    """Of what is no tensor, only numbers, texts, tensors and lists of them are read."""

    def load_bytes(self, read_item: ReadItem, value: io.BytesIO) -> None:
        """Its base trusts what it unpickles: it gets our own bytes of what was found harmless."""
        content = io.BytesIO()
        try:
            torch.save(torch.load(value, weights_only=True), content)
        except pickle.UnpicklingError:  # torch's text says how to run it all the same
            name = read_item.dest_index.fqn
            raise pickle.UnpicklingError(f"{name} is neither number, text nor tensor") from None
        content.seek(0)
        super().load_bytes(read_item, content)


def _member(kind: Any, name: Any) -> Enum:
    """How early releases of Python 3.11 write the member of an enumeration: getattr(kind, name)."""
    if not (isinstance(kind, EnumType) and name in kind.__members__):
        raise pickle.UnpicklingError(f"it asks for {name!a}, which no index has")
    return cast(Enum, kind[name])


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        is_dtype = module == "torch" and isinstance(getattr(torch, name, None), torch.dtype)
        if is_dtype or (module, name) in HARMLESS:
            return super().find_class(module, name)
        if (module, name) == ("builtins", "getattr"):
            return _member
        raise pickle.UnpicklingError(f"it names {module}.{name}, which no index has")
