"""Stage 4, decontaminate entries: what goes, what is cut, what is told."""

import gzip
import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest
import zstandard

from dolma_pipe.cuts import read_cuts
from dolma_pipe.entries import METHODS, Decontaminate, Entry, Exact
from dolma_pipe.entries.decontaminate import EvaluationSet, Fields
from dolma_pipe.errors import InputError
from dolma_pipe.evaluations import check_evaluations, evaluation_hashes, read_items
from dolma_pipe.shard import write_shard
from dolma_pipe.stages.dedup import deduplicate, evaluation_index
from dolma_pipe.work import Work
from tests.embeddings.models import write_tiny_static
from tests.stages.curated import Document, InProcess, Result, curate, documents_of, run


def words(seed: int, count: int) -> str:
    chance = random.Random(seed)
    return " ".join("".join(chance.choices("abcdefghijklmnop", k=7)) for _ in range(count))


def write_set(path: Path, items: list[dict[str, Any]]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\n".join(map(msgspec.json.encode, items)))
    return str(path)


ITEMS = [{"question": words(i, 30), "answer": words(100 + i, 2)} for i in range(4)]


@pytest.fixture
def quiz(tmp_path: Path) -> str:
    return write_set(tmp_path / "quiz.jsonl", ITEMS)


def asked(i: int) -> str:
    return f"{ITEMS[i]['question']}?\n{ITEMS[i]['answer']}."


def table(root: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(root / "dedup" / "contamination.parquet").to_pylist()
    return rows


def told(result: Result, entry: int = 0) -> list[dict[str, Any]]:
    sets: list[dict[str, Any]] = result.report["entries"][entry]["evaluations"]
    return sets


def test_documents_go_and_the_report_tells_why(tmp_path: Path, quiz: str) -> None:
    before = "«Élan» said:\n"
    corpus = {
        "web": [documents_of(["clean", before + asked(1) + " behind"]), documents_of([asked(3)])],
        "wiki": [documents_of([asked(1), "", words(50, 300)])],
    }
    result = run(tmp_path / "w", corpus, [Decontaminate(evaluations={"quiz": quiz})])
    assert result.masks == {"web/000": [0, 1], "web/001": [1], "wiki/000": [1, 0, 0]}
    assert [row["kept_id"] for row in result.rows] == [None] * 3
    assert [row["similarity"] for row in result.rows] == [1.0] * 3
    [quiz_told] = told(result)
    examples = quiz_told.pop("examples")
    size = sum(len(t.encode()) for t in (before + asked(1) + " behind", asked(3), asked(1)))
    assert quiz_told == {
        "evaluation": "quiz",
        "items": 4,
        "items_without_question": 0,
        "items_too_short": 0,
        "items_found": 2,
        "contamination_rate": 0.5,
        "documents": 3,
        "bytes": size,
        "matches": 3,
        "checks": {"ngrams": 3},
        "scores": {"1.00": 3},
    }
    assert [example["id"] for example in examples] == ["d1", "d0", "d0"]
    row = table(tmp_path / "w")[0]
    start = len(before.encode())
    assert row == {
        "entry": 1,
        "source": "web",
        "shard": "web/000",
        "row": 1,
        "id": "d1",
        "evaluation": "quiz",
        "item": 1,
        "check": "ngrams",
        "score": 1.0,
        "question_overlap": 1.0,
        "answer_overlap": 1.0,
        "passage_overlap": 0.0,
        "start": start,
        "end": start + len(ITEMS[1]["question"]) + 1,
        "bytes": len((before + asked(1) + " behind").encode()),
        "removed": True,
        "stretch": (ITEMS[1]["question"] + "?")[:300],
        "item_text": f"{ITEMS[1]['question']}\n{ITEMS[1]['answer']}"[:300],
    }


def test_spans_are_cut_and_what_is_blank_then_goes(tmp_path: Path) -> None:
    path = tmp_path / "plain.txt"
    path.write_text(f"{words(1, 15)}\n{words(2, 15)}\n\n{words(3, 25)}\n")
    one, two = f"{words(1, 15)}\n{words(2, 15)}", words(3, 25)
    texts = [f"Ähm: {one}! Und {two}… 好", f" {one}.\n\n{two} ", "clean"]
    entries: list[Entry] = [
        Decontaminate(evaluations={"plain": str(path)}, remove="spans"),
        Exact(normalise="none"),
        Decontaminate(evaluations={"plain": str(path)}),
    ]
    corpus = {"web": [documents_of([*texts, "Ähm:  Und  好"])]}
    result = run(tmp_path / "w", corpus, entries)
    assert result.masks["web/000"] == [0, 1, 0, 2]  # the copy of what is left of the first
    cuts = read_cuts(tmp_path / "w" / "dedup" / "cuts" / "web" / "000.i64", 4)
    assert cuts.offsets.tolist() == [0, 2, 2, 2, 2]
    left = texts[0].encode()
    for start, end in sorted(zip(cuts.starts, cuts.ends, strict=True), reverse=True):
        left = left[:start] + left[end:]
    assert left.decode() == "Ähm:  Und  好"
    assert told(result, 2)[0]["matches"] == 0
    assert [row["removed"] for row in table(tmp_path / "w")] == [False] * 2 + [True] * 2


@pytest.mark.parametrize("remove", ["documents", "spans"])
def test_annotate_leaves_all_as_it_is(tmp_path: Path, quiz: str, remove: Any) -> None:
    entry = Decontaminate(evaluations={"quiz": quiz}, remove=remove, action="annotate")
    corpus = {"web": [documents_of([f"x {asked(0)} y", "clean"])]}
    result = run(tmp_path / "w", corpus, [entry, Exact()])
    assert result.masks["web/000"] == [0, 0]
    path = tmp_path / "w" / "dedup" / "annotations" / "web" / "000.parquet"
    [row] = pq.read_table(path).to_pylist()
    assert row["verdict"] == ("cut" if remove == "spans" else "copy")
    end = 2 + len(ITEMS[0]["question"]) + 1
    assert row["stretches"] == ([{"start": 2, "end": end}] if remove == "spans" else [])


def test_boilerplate_is_left_out_copies_of_items_are_not(tmp_path: Path) -> None:
    """An item that every page has is nobody's leak; one that is in 90 documents is."""
    boilerplate, leaked = words(1, 30), words(2, 30)
    path = write_set(tmp_path / "set.jsonl", [{"question": boilerplate}, {"question": leaked}])
    texts = [f"{words(1000 + i, 5)} {boilerplate}" for i in range(110)]
    texts += [f"{words(3000 + i, 5)} {leaked}" for i in range(90)]
    corpus = {"web": [documents_of(texts[:70]), documents_of(texts[70:])]}
    result = run(tmp_path / "a", corpus, [Decontaminate(evaluations={"set": path})])
    entry = result.report["entries"][0]
    assert (entry["common_ngrams"], entry["unreachable_items"]) == (26, 1)
    assert result.masks["web/001"] == [0] * 40 + [1] * 90
    everything = Decontaminate(evaluations={"set": path}, drop_common=None)
    result = run(tmp_path / "b", corpus, [everything])
    assert result.masks["web/001"] == [1] * 130


def test_an_index_half_written_is_finished_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_set(tmp_path / "set.jsonl", [{"question": words(1, 30)}])
    finish, write, stopped = evaluation_index.finish_index, evaluation_index.write_array, []

    def stop_once(plan: Any, name: str, values: Any) -> None:
        if name == "question.offsets" and not stopped:
            stopped.append(name)
            raise MemoryError
        write(plan, name, values)

    def again(args: dict[str, Any]) -> dict[str, int]:
        with suppress(MemoryError):
            return finish(args)
        return finish(args)

    monkeypatch.setattr(evaluation_index, "write_array", stop_once)
    monkeypatch.setattr(evaluation_index, "finish_index", again)
    corpus = {"web": [documents_of([words(1, 30)] * 2 + [words(1, 5)] * 150)]}
    result = run(tmp_path / "w", corpus, [Decontaminate(evaluations={"set": path})])
    assert stopped
    assert result.report["entries"][0]["common_ngrams"] == 1
    assert result.masks["web/000"] == [1, 1] + [0] * 150


def test_only_live_texts_of_the_sources_named_are_looked_at(tmp_path: Path, quiz: str) -> None:
    corpus = {name: [documents_of([asked(0), asked(0)])] for name in ("web", "code")}
    entries: list[Entry] = [Exact(), Decontaminate(evaluations={"quiz": quiz}, sources=("web",))]
    result = run(tmp_path / "w", corpus, entries)
    assert result.masks == {"web/000": [2, 1], "code/000": [1, 1]}
    assert told(result, 1)[0]["documents"] == 1


def test_two_entries_share_one_table(tmp_path: Path, quiz: str) -> None:
    other = write_set(tmp_path / "other.jsonl", [{"question": words(77, 30)}])
    entries: list[Entry] = [
        Decontaminate(evaluations={"quiz": quiz}),
        Decontaminate(evaluations={"other": other, "quiz": quiz}),
    ]
    corpus = {"web": [documents_of([asked(0), words(77, 30)])], "none": [[]]}
    result = run(tmp_path / "w", corpus, entries)
    assert result.masks["web/000"] == [1, 2]
    rows = [(row["entry"], row["evaluation"]) for row in table(tmp_path / "w")]
    assert rows == [(1, "quiz"), (2, "other")]
    assert [one["items_found"] for one in told(result, 1)] == [1, 0]


def test_items_that_cannot_be_found_are_counted(tmp_path: Path) -> None:
    items = [
        {"question": "Why?", "passage": words(1, 20), "answer": "so it was"},
        {"question": "too short", "answer": "indeed"},
        {"question": "", "answer": words(3, 30)},
        {"passage": words(4, 30)},
        {"question": words(5, 7)},
    ]
    path = write_set(tmp_path / "set.jsonl", items)
    whole = f"{words(1, 20)} Why? So it was"
    result = run(
        tmp_path / "w",
        {"web": [documents_of([whole, words(3, 30), words(1, 20)])]},
        [Decontaminate(evaluations={"set": path})],
    )
    [one] = told(result)
    assert (one["items"], one["items_without_question"], one["items_too_short"]) == (5, 2, 2)
    assert result.masks["web/000"] == [1, 0, 0]  # 24 words must match almost in full


def test_nothing_to_look_for(tmp_path: Path) -> None:
    path = write_set(tmp_path / "set.jsonl", [{"question": "short"}])
    corpus = {"web": [documents_of(["short", ""])]}
    result = run(tmp_path / "w", corpus, [Decontaminate(evaluations={"set": path})])
    assert result.masks["web/000"] == [0, 0]
    assert table(tmp_path / "w") == []


@pytest.mark.parametrize("partition_bytes", [32, 1 << 20])
def test_shards_and_batches_change_nothing(
    tmp_path: Path, quiz: str, partition_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [asked(i % 4) if i % 3 else words(i, 50) for i in range(40)]
    documents = [Document(f"d{i}", text) for i, text in enumerate(texts)]
    one = run(
        tmp_path / "a",
        {"web": [documents]},
        [Decontaminate(evaluations={"quiz": quiz}, remove="spans")],
        partition_bytes=partition_bytes,
    )
    monkeypatch.setattr("dolma_pipe.curated.BATCH_BYTES", 100)
    other = run(
        tmp_path / "b",
        {"web": [documents[:13], documents[13:]]},
        [Decontaminate(evaluations={"quiz": quiz}, remove="spans")],
    )
    assert one.masks["web/000"] == other.masks["web/000"] + other.masks["web/001"]
    places = ("id", "evaluation", "item", "score", "start", "end", "stretch")
    rows = [[tuple(row[p] for p in places) for row in table(tmp_path / name)] for name in "ab"]
    assert rows[0] == rows[1]
    assert told(one) == [
        {**t, "examples": told(one)[i]["examples"]} for i, t in enumerate(told(other))
    ]


FIELDS = {"doc": {"query": ["Who", 3], "text": "passage"}, "gold": 42, "choices": {"A": "x"}}


def test_fields_have_other_names_and_paths(tmp_path: Path) -> None:
    path = write_set(tmp_path / "set.jsonl", [FIELDS])
    fields = Fields(question=("doc.query", "choices"), answer="gold", passage="doc.text")
    given = {"a": EvaluationSet(path, fields), "b": path}
    entry = Decontaminate(evaluations=given, fields=Fields(question="gold", answer="nothing"))
    assert [item[2:] for item in read_items(entry)] == [
        ("Who\n3\nx", "42", "passage"),
        ("42", "", ""),
    ]


@pytest.mark.parametrize("ending", ["", ".gz", ".zst"])
def test_sets_are_read_as_they_lie(tmp_path: Path, ending: str) -> None:
    pack = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.compress}[ending]
    (tmp_path / f"b.jsonl{ending}").write_bytes(pack(b'{"question": "Q", "answer": "A"}\n\n'))
    (tmp_path / f"a.txt{ending}").write_bytes(pack(b"\n eins\nzwei \n \n\ndrei\n"))
    entry = Decontaminate(evaluations={"both": str(tmp_path / "*")})
    assert [item[1:] for item in read_items(entry)] == [
        (0, "eins\nzwei", "", ""),
        (1, "drei", "", ""),
        (2, "Q", "A", ""),
    ]


def test_a_byte_order_mark_belongs_to_no_item(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfeins\r\n\r\nzwei\r\n")
    (tmp_path / "b.jsonl").write_bytes(b'\xef\xbb\xbf{"question": "Q"}\r\n')
    entry = Decontaminate(evaluations={"both": str(tmp_path / "*")})
    assert [item.question for item in read_items(entry)] == ["eins", "zwei", "Q"]


@pytest.mark.parametrize(
    ("name", "content", "pattern", "message"),
    [
        ("a.jsonl", b"{}", "b.jsonl", "evaluations.quiz: no file matches "),
        ("a.jsonl", b'{"answer": "x"}', "a.jsonl", "there is no question in it (field: question)"),
        ("a.jsonl", b"", "a.jsonl", "there is no question in it"),
        ("a.jsonl", b'{"question": "q"}\n[1]', "a.jsonl", "a.jsonl:2 is no JSON object"),
        ("a.jsonl", b"{question", "a.jsonl", "a.jsonl:1 is no JSON"),
        ("a.jsonl", b'{"question": "q"}\n' * 9 + b"[1]", "a.jsonl", "a.jsonl:10 is no JSON object"),
        ("a.jsonl", b"[" * 100_000, "a.jsonl", "a.jsonl:1 is nested too deeply"),
        ("a.txt", b"\xff\xfe", "a.txt", "a.txt:1 is not UTF-8"),
        ("a.parquet", b"PAR1", "a.parquet", "neither .jsonl nor .txt"),
        ("a.jsonl.gz", b"{}", "a.jsonl.gz", "is no gzip file"),
        ("a.jsonl.gz", gzip.compress(b"{}", mtime=0)[:-4], "a.jsonl.gz", "is damaged (truncated"),
    ],
)
def test_wrong_sets_are_one_line(
    tmp_path: Path, name: str, content: bytes, pattern: str, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    entry = Decontaminate(evaluations={"quiz": str(tmp_path / pattern)})
    with pytest.raises(InputError) as raised:
        check_evaluations(entry)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "evaluations"),
        ({"evaluations": {}}, "at least one set"),
        ({"evaluations": {"a": "x"}, "threshold": 0.3}, "> 0.3"),
        ({"evaluations": {"a": "x"}, "remove": "lines"}, "lines"),
        ({"evaluations": {"a": {"files": "x", "field": {}}}}, "field"),
    ],
)
def test_wrong_settings_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=message):
        msgspec.convert(given, METHODS["decontaminate"])


def test_the_hash_of_a_set_is_that_of_its_content(quiz: str) -> None:
    entry = Decontaminate(evaluations={"quiz": quiz})
    before = evaluation_hashes(entry)
    Path(quiz).write_bytes(Path(quiz).read_bytes())
    assert evaluation_hashes(entry) == before
    write_set(Path(quiz), ITEMS[:3])
    assert evaluation_hashes(entry) != before


def test_the_check_by_meaning_finds_what_has_the_same_vector(tmp_path: Path) -> None:
    """A static model is blind to the order of words, n-grams are not."""
    question = "the cat sat the dog run blue house"
    path = write_set(tmp_path / "set.jsonl", [{"question": question}, {"question": "éé " * 9}])
    mixed = "blue dog house run the cat the sat"
    filler = "tree river tree mat tree river tree mat"
    texts = [mixed, f"{filler} {mixed} {filler}", f"{filler} {filler}", "", "cat"]
    settings: dict[str, Any] = {"model": write_tiny_static(tmp_path), "cosine": 0.99, "window": 8}
    entry = msgspec.convert(
        {"evaluations": {"set": path}, "ngrams": False, "semantic": settings}, Decontaminate
    )
    result = run(tmp_path / "w", {"web": [documents_of(texts)]}, [entry])
    assert result.masks["web/000"] == [1, 1, 0, 0, 0]
    rows = table(tmp_path / "w")
    assert [(row["check"], row["item"], row["stretch"]) for row in rows] == [
        ("semantic", 0, mixed),
        ("semantic", 0, mixed),
    ]
    assert rows[1]["question_overlap"] is None
    assert told(result)[0]["checks"] == {"semantic": 2}


CODE = '''def solve(numbers, limit):
    """{doc}"""
    found = []
    for i, number in enumerate(numbers):
        if number > limit and number % 2 == 0:
            found.append(number * i + limit)
        elif number < -limit:
            found = [other - number for other in found]
    while len(found) > limit:
        found.pop()
    return sorted(found, key=lambda value: -value)
'''


def renamed(code: str) -> str:
    for old, new in (("numbers", "xs"), ("number", "x"), ("found", "result"), ("limit", "k")):
        code = code.replace(old, new)
    return code.replace("solve", "f").replace("    ", "  ")


@pytest.mark.parametrize("answered", [True, False])
def test_the_check_by_structure_finds_renamed_code(tmp_path: Path, answered: bool) -> None:
    head, _, body = CODE.partition("    found = []")
    item = {"question": head, "answer": "    found = []" + body}
    if not answered:
        item = {"question": "Write a function that solves it, with numbers", "answer": CODE}
    other = {"question": "Write a function that adds two numbers up", "answer": "a + b"}
    path = write_set(tmp_path / "set.jsonl", [other, item])
    embedded = "import os\n\n\nclass A:\n  def g(self):\n    return os.name\n\n\n"
    changed = renamed(CODE).replace("x * i + k", "x").replace("while len", "if len")
    texts = [embedded + renamed(CODE), changed, "def f(a, b):\n  return a + b\n", "no code"]
    entry = msgspec.convert({"evaluations": {"set": path}, "ast": {}}, Decontaminate)
    work = Work(tmp_path / "w")
    shards = curate(work, {"code": [documents_of(texts)]}, [entry])
    lines = [
        msgspec.json.encode({"id": f"d{i}", "text": text, "metadata": {"path": f"{i}.py"}})
        for i, text in enumerate(texts)
    ]
    with write_shard(work.curated("code/000")) as writer:
        writer.lines(lines)
    report = deduplicate(work, [entry], shards, InProcess())
    [row] = table(tmp_path / "w")
    assert (row["row"], row["item"], row["check"], row["score"]) == (0, 1, "ast", 1.0)
    assert (row["start"], row["end"]) == (0, len(texts[0]))
    assert report["entries"][0]["items_with_structure"] == 1
    assert report["kept"] == 3


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"ngrams": False}, "no check is left"),
        ({"ast": {"languages": ["pyton"]}}, "did you mean 'python'"),
        ({"semantic": {"cosine": 1}}, "< 1"),
    ],
)
def test_wrong_checks_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=message):
        msgspec.convert({"evaluations": {"a": "x"}, **given}, Decontaminate)
