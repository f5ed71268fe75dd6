"""The sample: real files in dolma layout, the same bytes each time, never half taken for whole."""

import gzip
import hashlib
import io
import json
import struct
import zipfile
from pathlib import Path

import pytest
import zstandard
from click.testing import CliRunner

from dolma_pipe import assets
from dolma_pipe.assets import Asset, File
from dolma_pipe.cli.sample import command
from dolma_pipe.errors import AssetError, InputError
from dolma_pipe.sample import corpus, library, write_sample
from dolma_pipe.sample.catalogues import language_of, translated_text
from dolma_pipe.sample.docs import is_documentation
from dolma_pipe.sample.docstrings import docstrings
from dolma_pipe.sample.document import Document, choose, choose_in_turn
from dolma_pipe.sample.licences import is_licence
from tests.cli.json_page import checked


def make_mo(messages: dict[str, str]) -> bytes:
    """A GNU message catalogue, as msgfmt writes it."""
    keys = [key.encode() for key in sorted(messages)]
    values = [messages[key.decode()].encode() for key in keys]
    start = 28 + 16 * len(keys)
    tables, data = [], b""
    for texts in (keys, values):
        for text in texts:
            tables.append(struct.pack("<II", len(text), start + len(data)))
            data += text + b"\0"
    header = struct.pack("<7I", 0x950412DE, 0, len(keys), 28, 28 + 8 * len(keys), 0, 0)
    return header + b"".join(tables) + data


GERMAN = make_mo(
    {
        "": "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=2; plural=(n != 1);\n",
        "Save": "Speichern",
        "%d file\0%d files": "%d Datei\0%d Dateien",
        "Welcome, %(name)s": "Willkommen, %(name)s",
        "untranslated": "",
    }
)


def read_sample(folder: Path) -> dict[str, bytes]:
    """Every file of a sample by its path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def documents(folder: Path, source: str) -> list[dict[str, object]]:
    lines: list[bytes] = []
    for shard in sorted((folder / source / "documents").glob("*.jsonl.zst")):
        lines += zstandard.ZstdDecompressor().decompress(shard.read_bytes()).splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture
def small_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with a little Python library and little wheels, without network."""
    monkeypatch.setenv("DOLMA_PIPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("DOLMA_PIPE_OFFLINE", "1")
    stdlib, site = tmp_path / "lib", tmp_path / "lib" / "site-packages"
    files = {
        stdlib / "a.py": '"""About a."""\nx = 1\n',
        stdlib / "z" / "b.py": "import a\n",
        stdlib / "__pycache__" / "a.pyc": "no text",
        stdlib / "empty.py": "",
        site / "toy" / "c.py": "def f():\n    '''Do f.'''\n",
        site / "toy" / "README.md": "# Toy\n",
        site / "dolma_pipe" / "run.py": "never in the sample",
        site / "toy-1.0.dist-info" / "METADATA": (
            "Metadata-Version: 2.1\nName: toy\nVersion: 1.0\nLicense: MIT\nSummary: A toy\n\nFun.\n"
        ),
        site / "toy-1.0.dist-info" / "RECORD": "toy/c.py,,\ntoy-1.0.dist-info/METADATA,,\n",
        site / "toy-1.0.dist-info" / "licenses" / "LICENSE": "You may.",
    }
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (site / "toy" / "old.py").write_bytes("# café\n".encode("latin-1"))
    paths = {"stdlib": str(stdlib), "purelib": str(site), "platlib": str(site)}
    monkeypatch.setattr("sysconfig.get_path", paths.__getitem__)
    monkeypatch.setattr(library, "SYSTEM_DOC", tmp_path / "absent")
    wheel_with(monkeypatch, tmp_path, "sample-django", "x/locale/de/LC_MESSAGES/d.mo", GERMAN)
    wheel_with(monkeypatch, tmp_path, "sample-trac", "trac/wiki/default-pages/Start", b"Start.")
    wheel_with(
        monkeypatch, tmp_path, "sample-nikola", "nikola/data/samplesite/p/a.rst", b"A story."
    )
    return tmp_path


def wheel_with(
    monkeypatch: pytest.MonkeyPatch, folder: Path, name: str, member: str, content: bytes
) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as wheel:
        wheel.writestr(member, content)
    path = folder / f"{name}.whl"
    path.write_bytes(buffer.getvalue())
    sha256 = hashlib.sha256(buffer.getvalue()).hexdigest()
    places = (File(path),)
    asset = Asset(name, path.name, sha256, path.stat().st_size, "BSD", "a toy", places)
    monkeypatch.setitem(assets.ASSETS, name, asset)


def test_sources_and_fields(small_machine: Path) -> None:
    counts, made = write_sample(small_machine / "out", 1)
    assert made
    assert [count.source for count in counts] == ["code", "docs", "licences", "prose"]
    code = documents(small_machine / "out", "code")
    assert [each["id"] for each in code] == [
        "code/site-packages/toy/c.py",
        "code/site-packages/toy/old.py",
        "code/stdlib/a.py",
        "code/stdlib/z/b.py",
    ]
    assert code[0]["metadata"] == {
        "path": "site-packages/toy/c.py",
        "package": "toy",
        "license": "MIT",
    }
    assert code[1]["text"] == "# café\n"
    assert code[2]["source"] == "code"
    assert code[2]["added"] == code[2]["created"] == "2024-01-01T00:00:00.000Z"
    docs = {each["id"]: each["text"] for each in documents(small_machine / "out", "docs")}
    assert docs["docs/descriptions/toy-1.0"] == "A toy\n\nFun.\n"
    assert docs["docs/docstrings/stdlib/a.py"] == "About a."
    assert docs["docs/site-packages/toy/README.md"] == "# Toy\n"
    (licence,) = documents(small_machine / "out", "licences")
    assert licence["text"] == "You may."
    prose = {each["id"]: each for each in documents(small_machine / "out", "prose")}
    german = prose["prose/wheels/django/x/locale/de/LC_MESSAGES/d.mo"]
    assert german["text"] == "%d Dateien\n\nSpeichern\n\nWillkommen, %(name)s"
    assert german["metadata"]["language"] == "de"  # type: ignore[index]
    assert prose["prose/wheels/trac/trac/wiki/default-pages/Start"]["text"] == "Start."
    assert prose["prose/wheels/nikola/nikola/data/samplesite/p/a.rst"]["text"] == "A story."
    assert "prose/topics/assert" in prose


def test_counts_are_what_was_written(small_machine: Path) -> None:
    counts, _ = write_sample(small_machine / "out", 1)
    for count in counts:
        written = documents(small_machine / "out", count.source)
        assert count.documents == len(written)
        assert count.bytes == sum(len(str(each["text"]).encode()) for each in written)


def test_same_bytes_twice_and_nothing_of_this_machine(small_machine: Path) -> None:
    write_sample(small_machine / "one", 1)
    write_sample(small_machine / "two", 1)
    one, two = read_sample(small_machine / "one"), read_sample(small_machine / "two")
    assert one == two
    assert set(one) == {
        "sample.json",
        *(f"{s}/documents/{s}-0000.jsonl.zst" for s in ("code", "docs", "licences", "prose")),
    }
    for source in corpus.SHARES:
        assert str(small_machine) not in json.dumps(documents(small_machine / "one", source))


def test_shards_are_cut(small_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "SHARD_BYTES", 10)
    counts, _ = write_sample(small_machine / "out", 1)
    assert counts[0].shards == len(list((small_machine / "out/code/documents").iterdir())) > 1
    assert len(documents(small_machine / "out", "code")) == counts[0].documents


def test_a_whole_sample_stays(small_machine: Path) -> None:
    folder = small_machine / "out"
    first, _ = write_sample(folder, 1)
    (small_machine / "lib" / "new.py").write_text("new = True\n")
    again, made = write_sample(folder, 1)
    assert (again, made) == (first, False)
    counts, made = write_sample(folder, 1, force=True)
    assert made
    assert counts[0].documents == first[0].documents + 1
    assert write_sample(folder, 2)[1]  # another size is another sample
    (folder / "code" / "documents" / "code-0000.jsonl.zst").unlink()
    assert write_sample(folder, 2)[1]  # no longer whole


def test_a_killed_run_is_not_taken_for_whole(
    small_machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = small_machine / "out"
    with monkeypatch.context() as patch:
        patch.setattr(corpus, "prose_documents", _killed)
        with pytest.raises(KeyboardInterrupt):
            write_sample(folder, 1)
    assert not (folder / "code").exists()  # nothing half-made under the names of the sources
    assert write_sample(folder, 1)[1]
    write_sample(small_machine / "other", 1)
    assert read_sample(folder) == read_sample(small_machine / "other")


def _killed(budget: int) -> list[Document]:
    raise KeyboardInterrupt(budget)


def test_other_peoples_folders_are_left_alone(small_machine: Path) -> None:
    mine = small_machine / "mine" / "code"
    mine.mkdir(parents=True)
    for force in (False, True):
        with pytest.raises(InputError, match="not part of a sample"):
            write_sample(small_machine / "mine", 1, force)
    assert mine.is_dir()
    file = small_machine / "file"
    file.touch()
    with pytest.raises(InputError, match="is not a directory"):
        write_sample(file, 1)


def test_without_wheels_nothing_is_written(small_machine: Path) -> None:
    (small_machine / "sample-trac.whl").unlink()
    with pytest.raises(AssetError, match="asset sample-trac is not in the cache"):
        write_sample(small_machine / "out", 1)
    assert not (small_machine / "out").exists()


def test_a_broken_gzip_is_left_out(small_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    doc = small_machine / "doc" / "toy"
    doc.mkdir(parents=True)
    whole = gzip.compress(b"changes of toy")
    (doc / "changelog.gz").write_bytes(whole)
    (doc / "changelog.cut.gz").write_bytes(whole[:-9])
    (doc / "NEWS.gz").write_bytes(b"not gzip at all")
    monkeypatch.setattr(library, "SYSTEM_DOC", doc.parent)
    write_sample(small_machine / "out", 1)
    docs = {each["id"]: each["text"] for each in documents(small_machine / "out", "docs")}
    assert docs["docs/doc/toy/changelog.gz"] == "changes of toy"
    assert not [name for name in docs if "cut" in str(name) or "NEWS" in str(name)]


def test_command(small_machine: Path) -> None:
    arguments = [str(small_machine / "out"), "--megabytes", "1"]
    output = CliRunner().invoke(command, arguments).output.splitlines()
    assert [line.split()[0] for line in output] == ["code", "docs", "licences", "prose", "all"]
    assert output[-1].endswith("written")
    again = CliRunner().invoke(command, arguments).output.splitlines()
    assert again[-1].endswith("there already")
    told = checked("sample", json.loads(CliRunner().invoke(command, [*arguments, "--json"]).stdout))
    assert not told.written
    assert output[0].split()[1] == f"{told.sources[0].documents:,}"


def test_choose_keeps_to_the_budget_and_the_order() -> None:
    each = [_Text(f"{number:02}", "x" * 10) for number in range(20)]
    chosen = [document.path for document in choose(each, 45)]
    assert len(chosen) == 5
    assert chosen == sorted(chosen)
    assert chosen == [document.path for document in choose(reversed(each), 45)]
    assert len(choose(each, 10_000)) == 20
    assert choose(each, 0) == []


def test_choose_in_turn_prefers_the_first_group() -> None:
    first = [_Text(f"a{number}", "x" * 10) for number in range(3)]
    second = [_Text(f"b{number}", "x" * 10) for number in range(9)]
    chosen = [document.path for document in choose_in_turn((second[:0], first, second), 50)]
    assert [path[0] for path in chosen] == ["a"] * 3 + ["b"] * 2


class _Text:
    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self._text = text

    def document(self) -> Document:
        return Document(self.path, self._text, {})


@pytest.mark.parametrize(
    ("path", "licence"),
    [
        ("toy/LICENSE", True),
        ("toy/LICENCE.txt", True),
        ("COPYING.LESSER", True),
        ("toy/LICENSE-MIT.md", True),
        ("doc/bash/copyright", True),
        ("toy/license.py", False),
        ("toy/licensed.txt", False),
        ("toy/README.md", False),
    ],
)
def test_is_licence(path: str, licence: bool) -> None:
    assert is_licence(path) is licence


@pytest.mark.parametrize(
    ("path", "documentation"),
    [
        ("toy/README", True),
        ("toy/README.rst", True),
        ("toy/docs/guide.txt", True),
        ("toy-1.0.dist-info/AUTHORS", True),
        ("doc/bash/changelog.Debian.gz", True),
        ("toy/history.py", False),
        ("toy-1.0.dist-info/top_level.txt", False),
        ("toy/LICENSE.txt", False),
        ("toy/data.csv", False),
    ],
)
def test_is_documentation(path: str, documentation: bool) -> None:
    assert is_documentation(path) is documentation


def test_language_of() -> None:
    assert language_of("django/conf/locale/pt_BR/LC_MESSAGES/django.mo") == "pt_BR"
    assert language_of("django/conf/locale/pt_BR/LC_MESSAGES/django.po") is None


def test_translated_text_of_an_empty_catalogue() -> None:
    assert translated_text(make_mo({"": "Content-Type: text/plain; charset=UTF-8\n"})) == ""


def test_docstrings() -> None:
    source = (
        '"""Top."""\n'
        'class A:\n    """About\n    A."""\n'
        '    def _p(self): "hidden"\n    def q(self): "Q."\n'
    )
    assert docstrings(source) == "Top.\n\nAbout\nA.\n\nQ."
    assert docstrings("def broken(") == ""
    assert docstrings("x = '\\d'\n\0") == ""


@pytest.mark.asset
def test_real_sample_has_dirt_for_every_stage(tmp_path: Path) -> None:
    counts, _ = write_sample(tmp_path / "out", 6)
    assert 3e6 < sum(count.bytes for count in counts) < 8e6
    texts = [
        str(each["text"])
        for source in corpus.SHARES
        for each in documents(tmp_path / "out", source)
    ]
    assert any(len(text.split()) < 50 for text in texts)
    assert len(set(texts)) < len(texts)  # exact duplicates
    languages = {each["metadata"]["language"] for each in documents(tmp_path / "out", "prose")}  # type: ignore[index]
    assert len(languages) > 6
