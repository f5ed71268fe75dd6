"""The shelves: what is found by name, and whose code is run."""

import hashlib
import sys
from pathlib import Path

import pytest

from dolma_pipe.errors import RecipeError
from dolma_pipe.shelf import find, load, names
from dolma_pipe.tagger import Tagger

TAGGER = """
from dolma_pipe.tagger import Tagger

class Mine(Tagger):
    pass
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))


def refused(name: str) -> str:
    with pytest.raises(RecipeError) as caught:
        load(find("taggers", name), Tagger)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", names("taggers"))
def test_what_is_on_the_shelf_does_not_travel(name: str) -> None:
    found = find("taggers", name)
    assert (found.prefix, found.content) == (name, None)
    assert issubclass(load(found, Tagger), Tagger)


def test_a_users_file_travels_with_its_source() -> None:
    Path("mine.py").write_text(TAGGER)
    found = find("taggers", "./mine.py")
    assert (found.prefix, found.content) == ("mine", TAGGER)
    assert found.digest == hashlib.sha256(TAGGER.encode()).hexdigest()
    Path("mine.py").unlink()
    assert load(found, Tagger).__name__ == "Mine"


def test_an_empty_file_is_not_taken_for_an_installed_module() -> None:
    Path("mine.py").touch()
    assert find("taggers", "mine.py").content == ""
    assert refused("mine.py") == "mine.py defines 0 subclasses of Tagger, one is needed"


def test_a_byte_order_mark_is_no_code() -> None:
    Path("mine.py").write_text(TAGGER, encoding="utf-8-sig")
    assert load(find("taggers", "mine.py"), Tagger).__name__ == "Mine"


def test_a_file_in_another_encoding_is_told() -> None:
    Path("mine.py").write_bytes(b"# caf\xe9\n" + TAGGER.encode())
    assert refused("mine.py") == "mine.py is not UTF-8"


def test_a_file_that_cannot_be_read_is_told() -> None:
    Path("folder.py").mkdir()
    assert refused("folder.py") == "no file folder.py"
    assert refused("x" * 300 + ".py").endswith("cannot be read: File name too long")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("", "unknown tagger ''"),
        (".", "'.' is neither a name, a module nor a file that ends in .py"),
        ("..x", "'..x' is neither"),
        ("a..b", "'a..b' is neither"),
        ("./mine", "'./mine' is neither"),
        ("a b.c", "'a b.c' is neither"),
        ("a\n.b", "'a .b' is neither"),
        ("os.path", "module os.path has no file of its own"),
        ("os.nothing", "no module os.nothing is installed"),
        ("nowhere.nothing", "no module nowhere.nothing is installed"),
        ("importlib.machinery", "module importlib.machinery has no file of its own"),
        ("email.message", "email.message defines 0 subclasses of Tagger, one is needed"),
    ],
)
def test_names_of_nothing_are_one_line(name: str, told: str) -> None:
    assert refused(name).startswith(told)


def test_an_installed_module_that_fails_is_told() -> None:
    for package, content in (("broken_a", "1 / 0"), ("broken_b", "")):
        Path(package).mkdir()
        Path(package, "__init__.py").write_text(content)
        Path(package, "mine.py").write_text("import nowhere_at_all" if not content else TAGGER)
    assert refused("broken_a.mine") == (
        "cannot import broken_a.mine: ZeroDivisionError: division by zero"
    )
    told = "cannot import broken_b.mine: ModuleNotFoundError: No module named 'nowhere_at_all'"
    assert refused("broken_b.mine") == told


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("raise RuntimeError('one\\ntwo')", "RuntimeError: one two"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("raise BaseException", None),
        ("class Broken(", "SyntaxError: '(' was never closed (mine.py, line 1)"),
        ("from dolma_pipe.tagger import Tager", "ImportError: cannot import name 'Tager'"),
    ],
)
def test_whatever_a_users_file_raises_is_one_line(content: str, told: str | None) -> None:
    Path("mine.py").write_text(content)
    if told is None:  # like an interrupt: not ours to explain
        with pytest.raises(BaseException, match=r"^$"):
            load(find("taggers", "./mine.py"), Tagger)
    else:
        assert refused("./mine.py").startswith(f"cannot import ./mine.py: {told}")
    assert find("taggers", "./mine.py").module not in sys.modules
