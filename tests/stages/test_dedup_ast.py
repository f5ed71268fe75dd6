"""Stage 4, AST entries: structural copies of code go, other code stays, the rest goes by words."""

import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dolma_pipe import syntax
from dolma_pipe.entries import Ast, Entry, Exact
from dolma_pipe.errors import MissingExtra
from dolma_pipe.stages.dedup import structure
from tests.slow import dedup as slow
from tests.stages.curated import Document, Result, run

STATEMENTS = [
    "{a} = {b} + {n}",
    "{a} = [{b} for {c} in {b} if {c} > {n}]",
    "{a}({b}, {n}, {c}={a})",
    "if {a} < {n}:\n        {b} = {c}({a})",
    "for {a} in {b}:\n        {c}.{a}({n})",
    "while {a}:\n        {a} -= {n}",
    "return {a}[{b}], {n}",
    "{a} = {{'{b}': {n}, {c}: [{n}]}}",
    "with {a}({n}) as {b}:\n        {c} = {b}",
    "{a} = lambda {b}, {c}: {b} * {c} - {n}",
    "assert {a} is not {b}, {n}",
    "{a}, {b} = {b}, {c}[{n}:{n}]",
]


def program(seed: int, functions: int = 14) -> list[list[int]]:
    """Which statements the functions have."""
    chance = random.Random(seed)
    count = len(STATEMENTS)
    return [chance.choices(range(count), k=chance.randrange(3, 7)) for _ in range(functions)]


def written(functions: list[list[int]], words: int, comment: str = "", gap: str = "\n") -> str:
    """Python; words: seed of names, numbers and comments."""
    chance = random.Random(words)
    parts = [f'"""{comment * 3}"""\n' if comment else ""]
    for body in functions:
        name = "".join(chance.choices("abcdefgh", k=8))
        parts.append(f"def {name}({name}_x, y=None):{gap}")
        for statement in body:
            a, b, c = ("".join(chance.choices("uvwxyz", k=6)) for _ in range(3))
            line = STATEMENTS[statement].format(a=a, b=b, c=c, n=chance.randrange(1000))
            parts.append(f"    {line}{gap}" + (f"    # {comment}\n" if comment else ""))
        parts.append("\n")
    return "".join(parts)


def documents(texts: list[str], language: str = "Python") -> list[Document]:
    return [Document(f"d{i}", t, metadata={"prog_lang": language}) for i, t in enumerate(texts)]


def one(tmp_path: Path, found: list[Document], entry: Entry | None = None) -> Result:
    return run(tmp_path, {"code": [found]}, [entry or Ast()])


def test_renamed_reformatted_and_commented_copies_go(tmp_path: Path) -> None:
    code = program(1)
    texts = [
        written(code, 1),
        written(code, 2),
        written(code, 1, comment="Copyright: all of the words that a licence has"),
        written(code, 3, gap="\n\n"),
        written(program(2), 1),
    ]
    result = one(tmp_path, documents(texts))
    assert result.kept_for == {"d1": "d0", "d2": "d0", "d3": "d0"}
    assert {row["similarity"] for row in result.rows} == {1.0}


def test_copies_with_statements_changed_go_by_their_jaccard(tmp_path: Path) -> None:
    code = program(3, functions=30)
    inserted, swapped, rewritten = ([list(body) for body in code] for _ in range(3))
    inserted[4].insert(1, 0)
    inserted.insert(9, [1, 2, 3])
    swapped[3], swapped[8] = swapped[8], swapped[3]
    swapped[5].reverse()
    rewritten[10:] = program(4, functions=20)
    texts = [written(c, i) for i, c in enumerate((code, inserted, swapped, rewritten))]
    result = one(tmp_path, documents(texts))
    assert result.kept_for == {"d1": "d0", "d2": "d0"}
    assert all(0.8 <= row["similarity"] < 1 for row in result.rows)


def test_equals_the_greedy_pass_over_all_pairs(tmp_path: Path) -> None:
    chance = random.Random(5)
    texts = []
    for seed in range(4):
        root = program(seed + 10)
        for k in range(6):
            changed = [b if chance.random() > 0.08 * k else [chance.randrange(12)] for b in root]
            texts.append(written(changed, chance.randrange(1000)))
    chance.shuffle(texts)
    found = documents(texts)
    entry = Ast(bands=200, rows=1, verify=0.7, subtrees=1)
    shards = [found[:5], found[5:12], found[12:]]
    result = run(tmp_path, {"code": shards}, [entry], partition_bytes=640)
    sets = [frozenset(map(int, hashes(text))) for text in texts]
    expected = {f"d{i}": f"d{kept}" for i, kept in enumerate(slow.greedy(sets, 0.7)) if kept >= 0}
    assert len(expected) > 8
    assert result.kept_for == expected


def hashes(text: str, language: str = "python") -> Any:
    found = syntax.subtree_hashes(text.encode(), language, 8)
    assert found is not None
    return found


def test_small_files_are_not_compared(tmp_path: Path) -> None:
    trivial = ["x = 1", "y = 2", "class A(B):\n    pass\n", "class C(D):\n    pass\n", ""]
    small = [written(program(1, functions=2), i) for i in range(2)]
    result = one(tmp_path, documents(trivial + small))
    assert result.kept_for == {}
    [report] = result.report["entries"]
    assert report["left_out_documents"] == 7
    size = len(hashes(small[0]))
    assert one(tmp_path / "a", documents(small), Ast(subtrees=size)).kept_for == {"d1": "d0"}
    assert one(tmp_path / "b", documents(small), Ast(subtrees=size + 1)).kept_for == {}


def test_what_does_not_parse_goes_by_shingles_of_its_own(tmp_path: Path) -> None:
    code = program(7)
    text = written(code, 1)
    broken = text + ") ? ] }" * 2000
    found = [
        *documents([text, broken, broken + " end", written(code, 2) + ") ? ] }" * 2000]),
        Document("prose", text),
        Document("prose2", text.upper(), metadata={"path": "a/readme.md"}),
        Document("noise", "\ufffd\u20ac " * 3000, metadata={"path": "x.c"}),
        Document("none", "", metadata={"prog_lang": "C"}),
    ]
    result = one(tmp_path, found)
    assert result.kept_for == {"d2": "d1", "prose": "d1", "prose2": "d1"}
    [report] = result.report["entries"]
    kinds = ("documents", "parsed", "small", "shingles")
    assert report["languages"] == {
        "python": dict(zip(kinds, (4, 1, 0, 3), strict=True)),
        "c": dict(zip(kinds, (2, 0, 0, 2), strict=True)),
        "markdown": dict(zip(kinds, (1, 0, 0, 1), strict=True)),
        "unknown": dict(zip(kinds, (1, 0, 0, 1), strict=True)),
    }
    assert list(report["languages"]) == ["python", "c", "markdown", "unknown"]
    assert one(tmp_path / "a", found, Ast(shingle=None)).kept_for == {}


def test_languages_of_the_setting_are_parsed(tmp_path: Path) -> None:
    code = program(1)
    found = documents([written(code, 1), written(code, 2)])
    assert one(tmp_path / "a", found, Ast(languages=("c", "go"))).kept_for == {}
    by_path = [Document(d.id, d.text, metadata={"path": "src/a.py"}) for d in found]
    assert one(tmp_path / "b", by_path).kept_for == {"d1": "d0"}
    assert one(tmp_path / "c", by_path, Ast(fields=("metadata.ext",))).kept_for == {}
    with pytest.raises(msgspec.ValidationError, match=r"'pyhton' \(did you mean 'python'\?\)"):
        msgspec.convert({"method": "ast", "languages": ["pyhton"]}, Ast)


def test_only_live_documents_are_parsed(tmp_path: Path) -> None:
    code = program(1)
    text = written(code, 1)
    found = documents([text, text.replace("\n", " \n"), written(code, 2)])
    result = run(tmp_path, {"code": [found]}, [Exact(), Ast()])
    assert result.masks["code/000"] == [0, 1, 2]
    assert result.report["entries"][1]["languages"]["python"]["documents"] == 2


@pytest.mark.parametrize("keep", ["longest", "newest"])
def test_policy_and_sources(tmp_path: Path, keep: str) -> None:
    code = program(1)
    found = documents([written(code, 1), written(code, 2, gap="\n\n"), written(code, 3)])
    for document, created in zip(found, ("2020", "2024", "2022"), strict=True):
        document.created = created
    result = one(tmp_path, found, Ast(keep=keep))
    assert result.kept_for == {"d0": "d1", "d2": "d1"}
    corpus = {"a": [found[:2]], "b": [found[2:]]}
    assert run(tmp_path / "s", corpus, [Ast(sources=("a",))]).kept_for == {"d1": "d0"}
    assert run(tmp_path / "p", corpus, [Ast(prefer=("b",))]).kept_for == {"d0": "d2", "d1": "d2"}


@pytest.mark.parametrize(("shards", "partition_bytes"), [(1, 1 << 20), (3, 64), (9, 640)])
def test_shards_and_partitions_change_nothing(
    tmp_path: Path, shards: int, partition_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(structure, "_BLOCK_WORDS", partition_bytes)
    found = documents([written(program(i % 4), i) for i in range(9)])
    borders = [len(found) * i // shards for i in range(shards + 1)]
    parts = [found[a:b] for a, b in pairwise(borders)]
    result = run(tmp_path, {"code": parts}, [Ast()], partition_bytes=partition_bytes)
    assert result.kept_for == {f"d{i}": f"d{i % 4}" for i in range(4, 9)}


def test_a_missing_extra_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(language: str) -> Any:  # noqa: ARG001
        raise MissingExtra("code", "tree-sitter-language-pack")

    monkeypatch.setattr(structure, "parser_of", absent)
    with pytest.raises(MissingExtra, match=r"dolma-pipe\[code\]"):
        one(tmp_path, documents(["x = 1"]))
