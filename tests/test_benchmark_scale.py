"""benchmarks/scale.py measures what it says, on made-up text; its bill adds up."""

import json
import random
from pathlib import Path

import msgspec
import pytest
import zstandard

from benchmarks import recombine, scale_told
from benchmarks.bill import Constants, NearCopies, Prices, Stage, T, bill, constants_in
from benchmarks.bill import told as bill_told
from benchmarks.corpus import Corpus
from benchmarks.metered import Look, NotMeasured, Ran, Request, Step, metered, run_apart, run_here
from benchmarks.recombine import SHORT, Sizes, make, sentences, write_pools
from benchmarks.scale import constants_of
from tests.corpus import text
from tests.small_tokenizer import write_small_tokenizer
from tests.stages.curated import InProcess

HOUR = 3600


@pytest.fixture(scope="module")
def pools(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Sentences of two sources; the third has too few."""
    root, rng = tmp_path_factory.mktemp("pools"), random.Random(5)
    for source, count in (("web", 1200), ("wiki", 1100), ("code", 20)):
        path = root / "given" / source / "documents" / "0.jsonl"
        path.parent.mkdir(parents=True)
        made = [" ".join(text(rng, 12).split()).capitalize() for _ in range(count)]
        lines = [json.dumps({"text": " ".join(made[i : i + 20])}) for i in range(0, count, 20)]
        path.write_text("\n".join(lines) + "\n")
    return write_pools(Corpus(root / "given"), root / "pools")


def texts(folder: Path) -> list[str]:
    return [
        json.loads(line)["text"]
        for path in sorted(folder.rglob("*.zst"))
        for line in zstandard.ZstdDecompressor().decompress(path.read_bytes()).splitlines()
    ]


def test_documents_are_new_combinations_of_sentences(
    pools: dict[str, Path], tmp_path: Path
) -> None:
    assert sorted(pools) == ["web", "wiki"]
    given = {"shards": 4, "sizes": SHORT, "documents": 30}
    made = make(pools, tmp_path / "a", InProcess(), **given)
    found = texts(tmp_path / "a")
    assert (made.shards, made.documents, made.bytes) == (4, 120, sum(map(len, found)))
    assert len(set(found)) == 120
    pool = {s for path in pools.values() for s in msgspec.json.decode(path.read_bytes())}
    assert all(set(sentences([one])) <= pool for one in found)
    assert 500 < sum(map(len, found)) / 120 < 1000
    make(pools, tmp_path / "b", InProcess(), **given)
    assert texts(tmp_path / "b") == found
    make(pools, tmp_path / "c", InProcess(), **given, seed=2)
    assert not set(texts(tmp_path / "c")) & set(found)


def test_a_corpus_has_the_size_that_was_asked_for(pools: dict[str, Path], tmp_path: Path) -> None:
    made = make(
        pools, tmp_path / "a", InProcess(), shards=2, sizes=recombine.NATURAL, total_bytes=200_000
    )
    assert 200_000 <= made.bytes < 200_000 + 2 * recombine.NATURAL.most
    assert not sentences(["No sentence: it has no end", "Too short. 1234 5678 9012 3456 7890 12."])


def test_a_run_is_metered(pools: dict[str, Path], tmp_path: Path) -> None:
    make(
        pools, tmp_path / "in", InProcess(), shards=3, sizes=Sizes(600, 0.1, 500, 700), documents=4
    )
    recipe = {
        "name": "scale",
        "sources": {"web": {"documents": f"{tmp_path}/in/*/documents/*.zst"}},
        "quality": {"taggers": ["gopher"], "keep": {"gopher.words": [5, None]}},
        "dedup": [{"exact": {}}],
        "tokenize": {"tokenizer": write_small_tokenizer(tmp_path)},
    }
    (tmp_path / "recipe.json").write_text(json.dumps(recipe))
    request = Request(str(tmp_path / "recipe.json"), str(tmp_path / "work"), 1, files=True)
    ran = run_here(request)
    steps = {step.name: step for step in ran.steps}
    assert ran.documents == ran.kept == ran.deduplicated == 12
    assert ran.looks[-1].done == sum(step.tasks for step in ran.steps)
    assert steps["curate"].tasks == 3
    assert steps["curate"].made >= 3 * 5
    assert steps["curate"].written > 1000
    assert steps["encode"].written >= 2 * ran.tokens
    assert 0 < ran.driver < ran.cpu
    with pytest.raises(NotMeasured, match="unknown engine 'rya'"):
        run_apart(msgspec.structs.replace(request, engine="rya"))


def writes(args: dict[str, str]) -> int:
    content = Path(args["from"]).read_bytes()
    return Path(args["to"]).write_bytes(content + content)


def test_a_task_tells_its_bytes_and_files(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a" * 5000)
    args = {"from": str(tmp_path / "a"), "to": str(tmp_path / "b")}
    value, read, written, opened, made = metered(
        {"function": "tests.test_benchmark_scale:writes", "args": args, "folder": str(tmp_path)}
    )
    assert (value, opened, made) == (10_000, 1, 1)
    assert written == 10_000
    assert 5_000 <= read < 15_000


def ran(**given: object) -> Ran:
    looks = [Look(done, 10 * done, 20 * done + 1) for done in range(0, 101, 10)]
    plain = {
        "engine": "local",
        "wall": 9.0,
        "driver": 1.0,
        "cpu": 12.0,
        "peak": 300,
        "looks": looks,
    }
    plain |= {"documents": 40, "kept": 30, "deduplicated": 20, "bytes": 1000, "kept_bytes": 500}
    plain |= {"steps": [], "folders": {"records": 7}, "tokens": 100, "tokens_hash": ""}
    return msgspec.convert(plain | given, Ran)


def test_memory_of_the_driver_is_compared_between_fifths() -> None:
    assert (ran().fifth(last=False), ran().fifth(last=True)) == (401, 2001)


def test_constants_are_without_start_up() -> None:
    start = ran(steps=[Step("curate", 2, 3.0, read=40)])
    steps = [Step("curate", 4, 10.0, 5, 140, 50, 8, 12), Step("dedup 1 exact: group equal", 1, 2.0)]
    steps[1].written = steps[1].opened = 9
    steps.append(Step("dedup: publish shard", 4, 1.0, 3, 1, 2, 3, 4))
    found = constants_of(ran(driver=3.0, steps=steps), start, 4, 200, 25.0)
    stages = {stage.name: stage for stage in found.stages}
    assert stages["curate"] == Stage("curate", 7.0, 100, 50, 8, 12, 5)
    assert stages["dedup"] == Stage("dedup", 3.0, 1, 11, 3, 4, 3)
    assert stages["driver"].cpu == 2.0
    assert (found.between, found.tokens) == (9, 200)


MEASURED = Constants(
    bytes=4 * 10**6,
    documents=2000,
    shards=4,
    kept_bytes=2 * 10**6,
    tokens=10**6,
    stages=[
        Stage("curate", 0.36, 10**6, 2 * 10**6, 4, 40, 500 * 10**6),
        Stage("encode", 0.036, 10**6, 10**6, 4, 12, 400 * 10**6),
    ],
    between=8 * 10**5,
    base=300 * 10**6,
    shard=10_000.0,
)
NOT_NEAR = NearCopies(share=0.0, read=0.0)


def test_the_bill_adds_up() -> None:
    prices = Prices(core=0.05, spot=0.01, month=0.03, get=0.001, put=0.01, days=10)
    made = bill(MEASURED, T, 1e9, prices, NOT_NEAR)
    assert (made.bytes, made.documents, made.shards) == (4e12, 2e9, 4000)
    assert [round(line.hours, 6) for line in made.lines] == [100, 10, 0, 0]
    assert made.sum("written") == 3e12
    assert made.shuffled == 8e11
    assert (made.worker, made.driver) == (500 * 10**6, 300 * 10**6 + 4000 * 10_000)
    assert made.components == 18e9
    reducers = 318 + 14 * 159  # 2e9 documents of 32 and of 16 bytes, 192 MiB each
    assert made.lines[2].gets == 2 * 4000 * reducers
    assert made.lines[0].gets, made.lines[0].puts == (4000, 40_000)
    assert made.dollars["cores, on demand"] == pytest.approx(5.5)
    assert made.dollars["cores, spot"] == pytest.approx(1.1)
    assert made.dollars["storage"] == pytest.approx(3000 * 0.03 / 3)
    requests = (8000 + 2 * 4000 * reducers + 0) * 1e-6 + (52_000 + reducers) * 1e-5
    assert made.dollars["requests"] == pytest.approx(requests, rel=1e-3)
    assert made.peer_hours == pytest.approx(4e6 / 0.74 / HOUR)
    assert "| text in, TB | 4.0 |" in bill_told([made], prices)


def test_near_copies_cost_by_the_length_of_documents() -> None:
    near = NearCopies(share=0.5, read=10, sets=20, decide=30, document=1000, set_share=0.5)
    line = bill(MEASURED, T, 1e9, near=near).lines[-1]
    assert line.hours == pytest.approx(2e9 * 2 * (10 + 25) / 1e6 / HOUR)
    assert line.written == 1e12


def test_only_the_reads_of_the_shuffle_grow_with_the_square() -> None:
    one, ten = (bill(MEASURED, tokens, 1e9, near=NOT_NEAR) for tokens in (T, 10 * T))
    assert ten.sum("hours") == pytest.approx(10 * one.sum("hours"))
    assert ten.sum("puts") == pytest.approx(10 * one.sum("puts"), rel=1e-2)
    assert ten.lines[2].gets == pytest.approx(100 * one.lines[2].gets, rel=1e-2)


def test_the_document_has_the_tables_of_what_was_measured(tmp_path: Path) -> None:
    common = {"text": "medium", "took": 3.0, "machine": "a machine", "workers": 2}
    row = {"engine": "local", "bytes": 10**6, "documents": 10, "kept": 5, "wall": 2.0, "total": 3.0}
    row |= {"driver": 1.0, "tasks": 9, "first": 10**8, "last": 10**8, "pss": 10**8, "worker": 10**8}
    rows = [row | {"shards": 50, "peak": 3 * 10**8, "hash": "abc"}]
    rows.append(row | {"shards": 150, "peak": 3 * 10**8 + 2_000_000, "hash": "def"})
    rows.append({"engine": "ray", "shards": 50, "refused": "no ray"})
    parts = {
        "overhead": common | {"plain": 0.0001, "local": 0.25, "ray": "no ray", "tasks": 9},
        "load": common | {"rows": rows, "documents": 7},
        "growth": common | {"rows": [], "start": 1.0, "constants": msgspec.to_builtins(MEASURED)},
    }
    assert constants_in(parts).shard == 20_000
    assert constants_in(parts).base == 299_000_000
    place = "<!-- measured: {} -->\nold\n<!-- end -->\n"
    document = tmp_path / "scale.md"
    document.write_text("before\n" + place.format("overhead") + place.format("workers") + "after\n")
    scale_told.rewrite(document, {"parts": {"overhead": parts["overhead"]}})
    written = document.read_text()
    assert "| local | 0.250 | < 0.5 |\n| ray | not measured: no ray | < 3 |" in written
    assert written.startswith("before\n")
    assert written.endswith(place.format("workers") + "after\n")
    told = scale_told.load(parts["load"])
    assert "| local | 150 | 1 | 50% | 9 | 2.0 | 3.0 | 1.0 | 100 | 100 | 302 | 100 | 100 |" in told
    assert "| ray | 50 | not measured: no ray |" in told
    both = [rows[0], rows[0] | {"engine": "ray"}]
    assert "the same bytes" in scale_told.load(parts["load"] | {"rows": both})
    other = [rows[0], rows[0] | {"engine": "ray", "hash": "xyz"}]
    assert "OTHER BYTES" in scale_told.load(parts["load"] | {"rows": other})
