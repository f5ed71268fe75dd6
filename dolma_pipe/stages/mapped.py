"""Files mapped into memory, whose pages are given back when they were read: mapped pages that were
touched count as memory of a worker until then."""

import ctypes
import mmap
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dolma_pipe.kernels.jit import U8
from dolma_pipe.work import here

_LIBC = ctypes.CDLL(None)


class Mapped:
    """A file in place. Holds no file descriptor, as np.memmap would."""

    def __init__(self, path: str) -> None:
        with pa.memory_map(str(here(path))) as file:
            self._buffer = file.read_buffer()
        self.bytes: U8 = np.frombuffer(self._buffer, np.uint8)

    def as_array(self, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
        """The whole file as an array."""
        return self.bytes.view(dtype)

    def as_table(self) -> pa.Table:
        """The rows of an Arrow file: only what is looked at is read."""
        return pa.ipc.open_file(pa.BufferReader(self._buffer)).read_all()

    def release(self) -> None:
        """Give the pages back; what is looked at again is read again."""
        if len(self.bytes) and hasattr(mmap, "MADV_DONTNEED"):
            address, size = self.bytes.ctypes.data, self.bytes.nbytes
            _LIBC.madvise(ctypes.c_void_p(address), ctypes.c_size_t(size), mmap.MADV_DONTNEED)
