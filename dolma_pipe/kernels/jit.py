"""The one way to compile: a typed decorator over numba, and the array types that kernels speak."""

import hashlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar, cast

import numpy as np
import numpy.typing as npt

U8 = npt.NDArray[np.uint8]
U16 = npt.NDArray[np.uint16]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]
I16 = npt.NDArray[np.int16]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

P = ParamSpec("P")
R = TypeVar("R")


def user_cache() -> Path:
    """Where everything lies that can be made again; DOLMA_PIPE_CACHE sets it."""
    if own := os.environ.get("DOLMA_PIPE_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dolma-pipe"


def compile_cache() -> Path:
    """A folder named by the source of all kernels: numba alone would serve stale code when a
    callee in another file changed."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return user_cache() / "numba" / digest.hexdigest()[:16]


def is_compiled() -> bool:
    """Whether kernels of this source were compiled before; numba makes the folder on import."""
    return any(compile_cache().rglob("*.nbi"))


def _point_numba_at(folder: Path) -> None:
    os.environ["NUMBA_CACHE_DIR"] = str(folder)
    if "numba" in sys.modules:
        import numba

        numba.config.CACHE_DIR = str(folder)


_point_numba_at(compile_cache())

import numba  # noqa: E402  (must see NUMBA_CACHE_DIR)


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile for numpy arrays, without the GIL, cached on disk. Never fastmath: kernels decide."""
    return cast(Callable[P, R], numba.njit(nogil=True, cache=True)(function))


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """A small function that kernels call; it is inlined where it is used."""
    return cast(Callable[P, R], numba.njit(nogil=True, cache=True, inline="always")(function))
