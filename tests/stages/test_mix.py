"""From encoded shards to token arrays: what was asked comes out, every document is told of."""

import csv
import gzip
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dolma_pipe.errors import RecipeError
from dolma_pipe.mix_settings import MixSettings
from dolma_pipe.mixing import check_mixers
from dolma_pipe.stages.assemble import (
    assemble_part,
    assembly_tasks,
    finish_tokens,
    withdraw_manifests,
)
from dolma_pipe.stages.encoded import EncodedShards
from dolma_pipe.stages.mix.documents import read_arrow
from dolma_pipe.stages.mix.plan import Plan, copies_path, order_path
from dolma_pipe.stages.tokenize import encode_shard
from dolma_pipe.store import open_store
from dolma_pipe.tokenizer import TokenizeSettings
from dolma_pipe.tokens import TokenArrays, verify
from dolma_pipe.work import Work
from tests.slow import mixing as slow
from tests.stages.corpus import Sources, plan, write_corpus, write_curated

SHARDS = {"web/a": 120, "web/b": 60, "code/a": 50}
CURVE = {"by": "quality.hq", "max": 4, "discard": 0.4}


def assemble(root: Path) -> TokenArrays:
    settings = TokenizeSettings(tokenizer=str(root / "tokenizer.json"), max_shard_tokens=1000)
    withdraw_manifests(open_store(str(root)))
    tasks = assembly_tasks(root, settings)
    parts = {task.key: assemble_part(task.args) for task in reversed(tasks)}
    finish_tokens(root, settings, parts, fingerprint="f", counts={"curate": {"in": 1}})
    assert verify(root / "tokens") == []
    return TokenArrays(root / "tokens")


def available(root: Path, sources: Sources) -> dict[str, int]:
    return {
        name: sum(
            int(np.fromfile(f"{Work(root).encoded(key)}.offsets.u64", "<u8")[-1]) for key in keys
        )
        for name, keys in sources.items()
    }


@pytest.fixture
def corpus(tmp_path: Path) -> Sources:
    return write_corpus(tmp_path, SHARDS)


def check_accounts(planned: Plan) -> None:
    for source in planned.sources:
        for unit in ("documents", "tokens"):
            names = ("used", "discarded", "over_budget", "held_out")
            parts = [getattr(source, name) for name in names]
            assert getattr(source.available, unit) == sum(getattr(part, unit) for part in parts)
            both = getattr(source.used, unit) + getattr(source.repeats, unit)
            assert getattr(source.output, unit) == both
            assert getattr(source.output, unit) == sum(getattr(p, unit) for p in source.parts)
        assert sum(bucket.got for bucket in source.buckets) == source.output.tokens
        assert sum(bucket.asked for bucket in source.buckets) == source.asked
        assert all(part.tokens <= 1000 for part in source.parts)


def test_without_a_mix_every_document_once(tmp_path: Path, corpus: Sources) -> None:
    planned = plan(tmp_path, corpus)
    check_accounts(planned)
    assert planned.output.documents == sum(SHARDS.values())
    arrays = assemble(tmp_path)
    assert [source.name for source in arrays.manifest.sources] == ["web", "code"]
    assert len(arrays.shards("web")) > 3
    rows = []
    for shard in arrays.shards():
        path = tmp_path / "tokens" / shard.file.replace(".npy", ".csv.gz")
        with gzip.open(path, "rt", newline="") as file:
            rows += [tuple(row[2:]) for row in csv.reader(file)]
    wanted = [
        (f"{key.split('/')[1]}-{i}", f"{key}.jsonl", str(2 * i + 1))
        for key, count in SHARDS.items()
        for i in range(count)
    ]
    assert sorted(rows) == sorted(wanted)
    assert rows[:180] != sorted(rows[:180])  # shuffled


def test_tokens_are_those_of_the_slow_twin(tmp_path: Path, corpus: Sources) -> None:
    plan(tmp_path, corpus, {"upsample": {"web": 2.3}}, seed=3)
    work, documents, ids = Work(tmp_path), [], []
    for key in corpus["web"]:
        prefix = work.encoded(key)
        content = np.fromfile(f"{prefix}.ids", "<u2")
        ends = np.fromfile(f"{prefix}.offsets.u64", "<u8").tolist()
        hashes = read_arrow(f"{prefix}.docs.arrow").column("hash").to_pylist()
        for start, end, number in zip(ends, ends[1:], hashes, strict=False):
            documents.append(slow.Document(end - start, 0, number))
            ids.append(content[start:end].tolist())
    quota = int(2.3 * sum(len(i) for i in ids) + 1e-9)
    used = slow.copies(documents, [quota], 3, 3, "web")
    order = [i for _, _, i in slow.order(documents, used, 3, "web")]
    arrays = assemble(tmp_path)
    found = np.concatenate([arrays.ids(shard) for shard in arrays.shards("web")])
    assert found.tolist() == [token for i in order for token in ids[i]]


def test_shares_of_a_target_with_a_curve(tmp_path: Path, corpus: Sources) -> None:
    tokens = available(tmp_path, corpus)
    target = tokens["web"] // 2
    mix = {
        "target_tokens": target,
        "shares": {"web": 0.8, "code": 0.2},
        "upsample": {"web": CURVE, "code": 1},
    }
    planned = plan(tmp_path, corpus, mix)
    check_accounts(planned)
    web, code = planned.sources
    assert (web.asked, code.asked) == (round(0.8 * target), target - round(0.8 * target))
    longest = 200  # tokens of a document, more than any
    assert abs(web.output.tokens - web.asked) <= longest
    assert abs(code.output.tokens - code.asked) <= longest
    assert web.discarded.tokens == pytest.approx(0.4 * web.available.tokens, rel=0.1)
    assert code.discarded.tokens == 0
    assert code.over_budget.documents > 0
    edges = [(bucket.lowest, bucket.highest) for bucket in web.buckets]
    assert edges[0] == (None, None)  # documents without a score
    told = [edge for pair in edges[1:] for edge in pair if edge is not None]
    assert told == sorted(told)
    assert len(told) == 2 * len(edges) - 2
    repeats = [bucket.repeats for bucket in web.buckets]
    assert repeats == sorted(repeats)
    assert 15 <= len(repeats) <= 20  # a long document may fill a twentieth and more
    copies = np.fromfile(copies_path(Work(tmp_path), "web/a"), "<u2")
    scores = pq.read_table(Work(tmp_path).columns("web/a")).column("quality.hq").to_numpy()
    order = np.argsort(np.nan_to_num(scores, nan=-1))
    assert copies[order[:40]].max() == 0
    assert copies[order[-20:]].mean() > copies[order[40:60]].mean()
    assert copies.max() <= 4


def test_exact_factors_come_first(tmp_path: Path, corpus: Sources) -> None:
    tokens = available(tmp_path, corpus)
    planned = plan(tmp_path, corpus, {"upsample": {"code": 3}})
    assert [s.output.tokens for s in planned.sources] == [tokens["web"], 3 * tokens["code"]]
    assert planned.sources[1].repeats.documents == 2 * SHARDS["code/a"]
    target = 3 * tokens["code"] + 500
    planned = plan(tmp_path, corpus, {"upsample": {"code": 3}, "target_tokens": target})
    assert [s.asked for s in planned.sources] == [500, 3 * tokens["code"]]
    mix = {"upsample": {"code": 3}, "target_tokens": tokens["code"]}
    with pytest.raises(RecipeError, match=f"less than the {3 * tokens['code']:,} tokens"):
        plan(tmp_path, corpus, mix)


def test_a_target_out_of_reach_is_refused_with_the_largest(tmp_path: Path, corpus: Sources) -> None:
    tokens = available(tmp_path, corpus)
    mix: dict[str, Any] = {"shares": {"web": 0.5, "code": 0.5}, "upsample": {"code": 2}}
    largest = min(2 * tokens["web"], 4 * tokens["code"])
    planned = plan(tmp_path, corpus, mix)
    assert planned.asked == largest
    assert planned.notes == ("the cap of code binds",)
    assert plan(tmp_path, corpus, mix | {"target_tokens": largest}).asked == largest
    with pytest.raises(
        RecipeError, match=rf"^mix\.target_tokens: .*{largest:,} is the largest, as code"
    ):
        plan(tmp_path, corpus, mix | {"target_tokens": largest + 2})


def test_a_mixer_that_refuses_tells_its_place_once(tmp_path: Path, corpus: Sources) -> None:
    tokens = available(tmp_path, corpus)
    sources = corpus | write_corpus(tmp_path, {"none/a": 0})
    shares = {"web": 0.5, "code": 0.25, "none": 0.25}
    with pytest.raises(RecipeError, match=r"^mix: none has a share of 0\.25 and no tokens"):
        plan(tmp_path, sources, {"shares": shares})
    groups = {"by": "length", "at": [8000], "shares": {"<8000": 0.5, ">=8000": 0.5}}
    with pytest.raises(RecipeError, match=r"^mix\.groups\.web: >=8000 has a share of 0\.5 and no"):
        plan(tmp_path, corpus, {"groups": {"web": groups}})
    held: dict[str, Any] = {"mixer": {"natural": {"max_share": 0.4}}}
    with pytest.raises(RecipeError, match=r"^mix: max_share of web, code makes 0\.8 of a mix"):
        plan(tmp_path, corpus, held)
    with pytest.raises(RecipeError, match=r"^mix\.target_tokens: max_share of web, code makes"):
        plan(tmp_path, corpus, held | {"target_tokens": 9})
    exact = {"<8000": 1, ">=8000": 1}
    fixed: dict[str, Any] = {"groups": {"web": {"by": "length", "at": [8000], "upsample": exact}}}
    told = f"^mix.groups.web: a quota of [0-9,]+ is less than the {tokens['web']:,} tokens of exact"
    with pytest.raises(RecipeError, match=told):
        plan(tmp_path, corpus, fixed | {"target_tokens": tokens["web"] // 2})


def test_weights_that_are_none_tell_the_mixer(
    tmp_path: Path, corpus: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(
        "from dolma_pipe.share_mixer import ShareMixer\n\n\n"
        "class Mine(ShareMixer, frozen=True):\n"
        "    def weights(self, supply):\n        return [1.0]\n"
    )
    with pytest.raises(RecipeError, match=r"^mix\.mixer\.\./mine\.py: weights are \[1\.\], 2"):
        plan(tmp_path, corpus, {"mixer": "./mine.py", "target_tokens": 9})


def test_names_in_max_share_are_those_of_parts(tmp_path: Path, corpus: Sources) -> None:
    def mixer(name: str) -> dict[str, Any]:
        return {"natural": {"max_share": {name: 0.5}}}

    def check(section: dict[str, Any]) -> None:
        check_mixers(msgspec.convert(section, MixSettings), ["web", "code"])

    check({"mixer": mixer("web")})
    told = r"^mix\.mixer\.natural\.max_share: unknown source 'wbe' \(did you mean 'web'\?\)$"
    with pytest.raises(RecipeError, match=told):
        check({"mixer": mixer("wbe")})
    groups: dict[str, Any] = {"by": "length", "at": [1000]}
    check({"groups": {"web": groups | {"mixer": mixer("<1000")}}})
    told = r"^mix\.groups\.web\.mixer\.natural\.max_share: no group '<1024' \(did you mean '<1000'"
    with pytest.raises(RecipeError, match=told):
        check({"groups": {"web": groups | {"mixer": mixer("<1024")}}})
    for key in corpus["web"]:
        path = Work(tmp_path).columns(key)
        table = pq.read_table(path)
        topics = pa.array(["art", "law"] * (len(table) // 2))
        pq.write_table(table.append_column("metadata.topic", topics), path)
    groups = {"by": "metadata.topic"}
    check({"groups": {"web": groups | {"mixer": mixer("lwa")}}})  # documents know
    plan(tmp_path, corpus, {"groups": {"web": groups | {"mixer": mixer("law")}}})
    told = r"max_share: no document of web has metadata\.topic 'lwa' \(did you mean 'law'\?\)$"
    with pytest.raises(RecipeError, match=rf"^mix\.groups\.web\.mixer\.natural\.{told}"):
        plan(tmp_path, corpus, {"groups": {"web": groups | {"mixer": mixer("lwa")}}})


def test_spreading_a_surplus_is_told(tmp_path: Path, corpus: Sources) -> None:
    tokens = available(tmp_path, corpus)
    target = 2 * tokens["code"] + 1000
    mix = {"shares": {"web": 0.5, "code": 0.5}, "surplus": "spread", "target_tokens": target}
    planned = plan(tmp_path, corpus, mix)
    assert [s.asked for s in planned.sources] == [target - tokens["code"], tokens["code"]]
    assert "the rest is spread" in planned.notes[0]


def test_a_curve_without_share_or_target_gives_as_much_as_there_was(
    tmp_path: Path, corpus: Sources
) -> None:
    planned = plan(tmp_path, corpus, {"upsample": {"web": CURVE}})
    check_accounts(planned)
    web = planned.sources[0]
    assert web.asked == web.available.tokens
    assert web.discarded.documents > 0


def test_a_source_left_out_or_empty(tmp_path: Path) -> None:
    sources = write_corpus(tmp_path, {"web/a": 30, "code/a": 20, "none/a": 0})
    mix = {"shares": {"web": 1.0, "code": 0.0}, "upsample": {"none": 1}}
    planned = plan(tmp_path, sources, mix)
    check_accounts(planned)
    assert [s.output.documents for s in planned.sources] == [30, 0, 0]
    assert planned.sources[1].over_budget.documents == 20
    arrays = assemble(tmp_path)
    assert [len(s.shards) for s in arrays.manifest.sources] == [2, 0, 0]
    assert arrays.manifest.counts == {"curate": {"in": 1}}


def test_the_same_bytes_again_and_nothing_left_of_an_earlier_mix(
    tmp_path: Path, corpus: Sources
) -> None:
    def contents() -> dict[str, bytes]:
        files = sorted((tmp_path / "tokens").rglob("*.*"))
        return {str(path.relative_to(tmp_path)): path.read_bytes() for path in files}

    plan(tmp_path, corpus)
    assemble(tmp_path)
    first = contents()
    plan(tmp_path, corpus, {"upsample": {"web": 3.5, "code": 0.5}})
    arrays = assemble(tmp_path)
    assert len(arrays.shards()) > len(first) / 3
    plan(tmp_path, corpus)
    assemble(tmp_path)
    assert contents() == first
    plan(tmp_path, corpus, seed=8)
    assemble(tmp_path)
    assert contents() != first


def test_copies_of_a_document_are_counted(tmp_path: Path, corpus: Sources) -> None:
    plan(tmp_path, corpus, {"upsample": {"web": 2.5}})
    arrays = assemble(tmp_path)
    ids: Counter[str] = Counter()
    for shard in arrays.shards("web"):
        path = tmp_path / "tokens" / shard.file.replace(".npy", ".csv.gz")
        with gzip.open(path, "rt", newline="") as file:
            ids.update(row[2] for row in csv.reader(file))
    assert set(ids.values()) == {2, 3}
    assert len(ids) == 180


def test_open_shards_hold_no_file_descriptors(tmp_path: Path, corpus: Sources) -> None:
    """A source may have more shards than a process may have files open."""
    web = plan(tmp_path, corpus).sources[0]
    encoded = EncodedShards(Work(tmp_path), web.shards, np.dtype("<u2"))
    before = len(list(Path("/proc/self/fd").iterdir()))
    kept = [
        encoded.ids(copies)
        for copies in encoded.copies(order_path(Work(tmp_path), "web"), web.parts[0])
    ]
    assert len(kept[0][1]) == web.parts[0].documents
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_target_below_half_a_document_is_told(tmp_path: Path) -> None:
    encode_shard(write_curated(tmp_path, "web/a", ["the cafe in the north"] * 30))
    planned = plan(tmp_path, {"web": ["web/a"]}, {"target_tokens": 1, "shares": {"web": 1.0}})
    assert planned.output.documents == 0
    assert planned.sources[0].notes[-1].startswith("asked for 1 tokens, less than half")
