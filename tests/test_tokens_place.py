"""Where a token is: checked for every token against counting."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from dolma_pipe.errors import TokensError
from dolma_pipe.tokens import TokenArrays, find_document, find_token
from tests.token_arrays import SMALL, write_arrays


@pytest.fixture
def arrays(tmp_path: Path) -> TokenArrays:
    return write_arrays(tmp_path, {"none": [], **SMALL})


def test_every_token_is_found_in_its_document(arrays: TokenArrays) -> None:
    token = document = 0
    for source, files in SMALL.items():
        in_source = documents_in_source = 0
        for i, documents in enumerate(files):
            in_file = 0
            for number, ids in enumerate(documents):
                for offset in range(len(ids)):
                    place = find_token(arrays, token)
                    assert place == find_token(arrays, in_source, source)
                    assert (place.source, place.file) == (source, f"{source}/part-{i:05d}.npy")
                    assert (place.token, place.token_in_source) == (token, in_source)
                    assert (place.token_in_file, place.offset) == (in_file + offset, offset)
                    assert (place.start, place.end) == (in_file, in_file + len(ids))
                    assert (place.document, place.document_in_file) == (document, number)
                    assert place.document_in_source == documents_in_source
                    assert (place.id, place.line) == (f'{source} "{number}"', number + 1)
                    assert place.src == "in.zst"
                    token += 1
                    in_source += 1
                place = find_document(arrays, document)
                assert place == find_token(arrays, token - len(ids))
                assert place == find_document(arrays, documents_in_source, source)
                in_file += len(ids)
                document += 1
                documents_in_source += 1


@pytest.mark.parametrize(("number", "source"), [(12, None), (-1, None), (2, "code"), (0, "none")])
def test_what_is_not_there(arrays: TokenArrays, number: int, source: str | None) -> None:
    with pytest.raises(TokensError, match=f"no token {number}"):
        find_token(arrays, number, source)


def test_rows_of_another_array_are_not_believed(arrays: TokenArrays) -> None:
    for content in (b"", b"0,3,a,b,1\n", b"0,3,a,b,1\n3,5,a,b,2\n"):
        (arrays.folder / "web/part-00000.csv.gz").write_bytes(gzip.compress(content))
        with pytest.raises(TokensError, match="other documents"):
            find_token(arrays, 3)


@pytest.mark.parametrize(("borders", "token"), [([0, 3, 4, 5], 5), ([1, 3, 4, 6], 0)])
def test_offsets_that_cannot_be_are_told(
    arrays: TokenArrays, borders: list[int], token: int
) -> None:
    np.array(borders, "<u8").tofile(arrays.folder / "web/part-00000.offsets.u64")
    with pytest.raises(TokensError, match=r"part-00000\.npy: offsets do not go from 0 to 6"):
        find_token(arrays, token)
