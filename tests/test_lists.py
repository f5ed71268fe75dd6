import gzip
from pathlib import Path

import pytest

from dolma_pipe.errors import AssetError
from dolma_pipe.lists import list_names, load_strings, load_words, read_entries

CONTENT = "\ufeff# comment\n one \r\n\ntwo words\n  # another\nété\n"


@pytest.mark.parametrize("packed", [False, True])
def test_entries_of_a_plain_or_packed_file(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / "list"
    path.write_bytes(gzip.compress(CONTENT.encode(), mtime=0) if packed else CONTENT.encode())
    assert list(read_entries("x", str(path))) == ["one", "two words", "été"]
    assert load_words("x", str(path)).size == 3


def test_strings_are_normalised_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_text("A\na\nb\n!\n")
    strings = load_strings("x", (str(path),), lower_letters)
    assert bytes(strings.data) == b"aab"
    assert load_strings("x", str(path), lower_letters) is strings


def lower_letters(entry: str) -> str | None:
    return entry.lower() if entry.isalpha() else None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\xff\xfe", "is not UTF-8"),
        (gzip.compress(b"word\n" * 1000, mtime=0)[:-9], "is damaged|cannot be read"),
        (b"\x1f\x8bnonsense", "is damaged|cannot be read"),
        (b"#\n \n", "holds no"),
    ],
)
def test_what_is_no_list_is_refused_in_one_line(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    path = tmp_path / "list"
    path.write_bytes(content)
    with pytest.raises(AssetError, match=rf"^c4\.blocked_words: [^\n]*({reason})[^\n]*\Z"):
        load_words("c4.blocked_words", str(path))
    with pytest.raises(AssetError, match=rf"^url\.domains: [^\n]*({reason})[^\n]*\Z"):
        load_strings("url.domains", str(path), lower_letters)


def test_a_missing_list_is_named() -> None:
    with pytest.raises(AssetError, match=r"no asset or file 'nowhere\.txt'"):
        load_words("x", "nowhere.txt")


def test_names() -> None:
    assert list_names("") == list_names(()) == ()
    assert list_names("a") == ("a",)
    assert list_names(("a", "b")) == ("a", "b")
