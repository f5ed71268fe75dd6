"""Rows of a .csv.gz beside an array: start,end,id,src,loc of each document, read as a stream."""

import csv
import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dolma_pipe.errors import TokensError

LONGEST_ROW = 1 << 26
"""Bytes; a line end that is missing must not take the rest of the file into memory."""
BLOCK_ROWS = 1 << 15


class Row(NamedTuple):
    """One document: tokens [start, end) of the array, its id, and line loc of the input src."""

    start: int
    end: int
    id: str
    src: str
    loc: int


def records(path: Path) -> Iterator[bytes]:
    """Rows as they are written, unparsed; some 2 million a second. Raises TokensError."""
    with _told(path), gzip.open(path, "rb") as file:
        readline = io.BufferedReader(file, 1 << 20).readline
        while row := readline(LONGEST_ROW):
            quotes = row.count(b'"')
            if quotes % 2:  # a quoted field goes on in the next line
                parts = bytearray(row)
                while quotes % 2 and len(parts) < LONGEST_ROW and (line := readline(LONGEST_ROW)):
                    quotes += line.count(b'"')
                    parts += line
                if quotes % 2:
                    raise TokensError(f"{path}: a quoted field has no end")
                row = bytes(parts)
            if len(row) >= LONGEST_ROW:
                raise TokensError(f"{path}: a row has no end")
            yield row


def read_borders(path: Path) -> Iterator[npt.NDArray[np.int64]]:
    """Start and end of each row, int64[some thousand rows, 2] at a time. Raises TokensError."""
    rows = records(path)
    with _told(path):
        while borders := [
            int(part.strip(b'"'))
            for row in islice(rows, BLOCK_ROWS)
            for part in row.split(b",", 2)[:2]
        ]:
            yield np.array(borders, np.int64).reshape(-1, 2)


def read_rows(path: Path, first: int = 0) -> Iterator[Row]:
    """All rows from number `first` on, parsed; some 700,000 a second. Raises TokensError."""
    csv.field_size_limit(sys.maxsize)  # an id may be as long as it likes
    with _told(path):
        wanted = (record.decode() for record in islice(records(path), first, None))
        for start, end, name, src, loc in csv.reader(wanted):
            yield Row(int(start), int(end), name, src, int(loc))


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except EOFError:
        raise TokensError(f"{path} is cut off") from None
    except FileNotFoundError:
        raise TokensError(f"{path} is missing") from None
    except (OSError, ValueError, OverflowError, csv.Error, zlib.error) as error:
        raise TokensError(f"{path} cannot be read: {error}") from None
