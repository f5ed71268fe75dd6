"""The second level of a mix: a source by topic, by length, by number; and what is held out."""

import csv
import gzip
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from dolma_pipe.errors import RecipeError
from dolma_pipe.mix_settings import MixSettings
from dolma_pipe.stages.mix.documents import is_held_out, read_arrow
from dolma_pipe.stages.mix.plan import HELD_OUT, Plan, copies_path, order_path
from dolma_pipe.tokens import TokenArrays
from dolma_pipe.work import Work
from tests.stages.corpus import TOPICS, Sources, plan, write_corpus
from tests.stages.test_mix import assemble, available, check_accounts

SHARDS = {"web/a": 120, "web/b": 61, "code/a": 50}


@pytest.fixture
def corpus(tmp_path: Path) -> Sources:
    return write_corpus(tmp_path, SHARDS)


def tokens_by_group(root: Path, key: str) -> dict[str, int]:
    """Counted one by one: tokens of each topic."""
    ends = np.fromfile(f"{Work(root).encoded(key)}.offsets.u64", "<u8").astype(int)
    found: dict[str, int] = {}
    for row, size in enumerate(np.diff(ends).tolist()):
        topic = TOPICS[row % 5] or "none"
        found[topic] = found.get(topic, 0) + size
    return found


def told(planned: Plan) -> dict[str, tuple[int, int]]:
    """Asked and got of every group of the first source."""
    return {group.name: (group.asked, group.got) for group in planned.sources[0].groups}


def test_topics_with_shares(tmp_path: Path, corpus: Sources) -> None:
    a, b = (tokens_by_group(tmp_path, key) for key in corpus["web"])
    supply = {name: a[name] + b[name] for name in sorted(a)}
    shares = {"art": 0.25, "law": 0.5, "zoo": 0.25, "none": 0.0}
    mix = {
        "target_tokens": 2400,
        "shares": {"web": 0.5, "code": 0.5},
        "groups": {"web": {"by": "topic", "shares": shares}},
    }
    planned = plan(tmp_path, corpus, mix)
    check_accounts(planned)
    groups = planned.sources[0].groups
    assert [group.name for group in groups] == ["art", "law", "none", "zoo"]
    assert {group.name: group.available.tokens for group in groups} == supply
    assert [group.asked for group in groups] == [300, 600, 0, 300]
    assert all(abs(group.asked - group.got) <= 200 for group in groups)
    assert planned.sources[0].output.tokens == pytest.approx(1200, abs=100)
    assemble(tmp_path)


def test_a_group_may_have_its_own_curve_or_factor(tmp_path: Path, corpus: Sources) -> None:
    curve = {"by": "quality.other", "max": 3, "discard": 0.5}
    mix = {
        "upsample": {"web": 2},
        "groups": {"web": {"by": "topic", "upsample": {"law": curve, "zoo": 4}}},
    }
    planned = plan(tmp_path, corpus, mix)
    check_accounts(planned)
    web = planned.sources[0]
    by_name = {group.name: group for group in web.groups}
    supply = {name: group.available.tokens for name, group in by_name.items()}
    assert by_name["zoo"].got == 4 * supply["zoo"]
    assert by_name["art"].got == 2 * supply["art"]
    buckets = [bucket for bucket in web.buckets if bucket.group == "law"]
    assert len(buckets) > 10
    assert buckets[0].got == 0  # the last rows, whose score is the lowest
    assert buckets[-1].highest == pytest.approx(-1, rel=0.01)
    assert [b.group for b in web.buckets].count("zoo") == 1


def test_lengths(tmp_path: Path, corpus: Sources) -> None:
    shares = {"<20": 0.1, "20-60": 0.2, ">=60": 0.7}
    groups = {"by": "length", "at": [20, 60], "shares": shares}
    mix = {"target_tokens": 1000, "shares": {"web": 1, "code": 0}, "groups": {"web": groups}}
    planned = plan(tmp_path, corpus, mix)
    check_accounts(planned)
    assert [asked for asked, _ in told(planned).values()] == [100, 200, 700]
    lengths = []
    for key in corpus["web"]:
        ends = np.fromfile(f"{Work(tmp_path).encoded(key)}.offsets.u64", "<u8").astype(int)
        lengths += np.diff(ends).tolist()
    tokens = {"<20": 0, "20-60": 0, ">=60": 0}
    for size in lengths:
        tokens["<20" if size < 20 else "20-60" if size < 60 else ">=60"] += size
    found = {group.name: group.available.tokens for group in planned.sources[0].groups}
    assert found == tokens


def test_numbers_and_those_without(tmp_path: Path, corpus: Sources) -> None:
    mix = {"groups": {"web": {"by": "quality.hq", "at": [0.25, 0.5]}}}
    planned = plan(tmp_path, corpus, mix)
    names = ["<0.25", "0.25-0.5", ">=0.5", "none"]
    assert [group.name for group in planned.sources[0].groups] == names
    scores = [None if i % 7 == 6 else (i * 37 % 101) / 101 for n in (120, 61) for i in range(n)]
    none = planned.sources[0].groups[-1].available.documents
    low = planned.sources[0].groups[0].available.documents
    assert none == scores.count(None)
    assert low == sum(score is not None and score < 0.25 for score in scores)
    assert planned.output.documents == sum(SHARDS.values())


@pytest.mark.parametrize("mixer", ["natural", "unimax", {"temperature": {"temperature": 2}}])
def test_mixers_among_groups(tmp_path: Path, corpus: Sources, mixer: Any) -> None:
    groups = {"web": {"by": "topic", "mixer": mixer}}
    mix = {"target_tokens": 2000, "shares": {"web": 0.5, "code": 0.5}, "groups": groups}
    planned = plan(tmp_path, corpus, mix)
    check_accounts(planned)
    assert sum(asked for asked, _ in told(planned).values()) == 1000
    largest = max(planned.sources[0].groups, key=lambda group: group.available.tokens)
    natural = largest.available.tokens / sum(
        group.available.tokens for group in planned.sources[0].groups
    )
    if mixer == "natural":
        assert largest.asked == pytest.approx(natural * 1000, abs=1)
    else:
        assert largest.asked < natural * 1000 - 20


WRONG = [
    ({"by": "topic", "shares": {"art": 1.0}}, "group law has no share"),
    (
        {"by": "topic", "shares": {"art": 0.5, "laws": 0.5}},
        "no document of web has topic 'laws' (did you mean 'law'?)",
    ),
    ({"by": "topic", "upsample": {"zo": 2}}, "did you mean 'zoo'?"),
]


@pytest.mark.parametrize(("groups", "message"), WRONG)
def test_groups_that_are_not_there(
    tmp_path: Path, corpus: Sources, groups: Any, message: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        plan(tmp_path, corpus, {"groups": {"web": groups}})
    assert message in str(caught.value)
    assert str(caught.value).startswith("mix.groups.web.")


WRONG_SETTINGS = [
    ({"by": "length"}, "groups by length need borders"),
    ({"by": "length", "at": [5, 5]}, "borders must ascend"),
    ({"by": "length", "at": [5], "shares": {"<6": 1.0}}, "no group '<6' (known: <5, >=5)"),
    ({"by": "length", "at": [5], "shares": {"<5": 1.0}}, "group >=5 has no share"),
    ({"by": "topic", "shares": {"a": 0.5}}, "they sum to 0.5, not to 1"),
    ({"by": "topic", "mixer": "shares"}, "mixer: shares needs mix.groups.web.shares"),
    ({"by": "topic", "mixer": "unimax", "shares": {"a": 1.0}}, "mixer unimax makes its own"),
]


@pytest.mark.parametrize(("groups", "message"), WRONG_SETTINGS)
def test_wrong_groups_are_refused_before_any_data(groups: Any, message: str) -> None:
    settings = msgspec.convert({"groups": {"web": groups}}, MixSettings)
    with pytest.raises(RecipeError) as caught:
        settings.check(["web"])
    assert message in str(caught.value)


def test_held_out_documents_are_in_no_training_array(tmp_path: Path, corpus: Sources) -> None:
    mix = {"held_out": {"web": 0.2}, "upsample": {"web": 2.5}}
    planned = plan(tmp_path, corpus, mix)
    check_accounts(planned)
    web, code = planned.sources
    assert 15 <= web.held_out.documents <= 60
    assert code.held_out.documents == 0
    hashes = np.concatenate(
        [
            read_arrow(f"{Work(tmp_path).encoded(key)}.docs.arrow").column("hash").to_numpy()
            for key in corpus["web"]
        ]
    )
    chosen = is_held_out(hashes, 7, "web", 0.2)
    copies = np.concatenate(
        [np.fromfile(copies_path(Work(tmp_path), key), "<u2") for key in corpus["web"]]
    )
    assert np.array_equal(copies == HELD_OUT, chosen)
    arrays = assemble(tmp_path)
    held_out = TokenArrays(tmp_path / "held_out")
    assert [source.name for source in held_out.manifest.sources] == ["web"]
    assert held_out.manifest.documents == web.held_out.documents
    assert ids_in(arrays).isdisjoint(ids_in(held_out))
    assert len(ids_in(held_out)) == web.held_out.documents
    assert len(ids_in(arrays)) == 181 - web.held_out.documents + 50


def ids_in(arrays: TokenArrays) -> set[str]:
    ids: set[str] = set()
    for shard in arrays.shards():
        path = arrays.folder / shard.file.replace(".npy", ".csv.gz")
        with gzip.open(path, "rt", newline="") as file:
            ids |= {row[2] + row[3] for row in csv.reader(file)}
    return ids


def test_the_choice_of_held_out_is_nested_and_fair() -> None:
    hashes = np.random.default_rng(0).integers(0, 1 << 63, 50_000).astype(np.uint64)
    one, two = (is_held_out(hashes, 1, "web", share) for share in (0.01, 0.05))
    assert two[one].all()  # who is held out at 1 % is at 5 %
    assert two.mean() == pytest.approx(0.05, abs=0.005)
    assert (is_held_out(hashes, 2, "web", 0.05) != two).any()


def test_held_out_goes_with_the_setting(tmp_path: Path, corpus: Sources) -> None:
    plan(tmp_path, corpus, {"held_out": 0.1})
    assemble(tmp_path)
    assert TokenArrays(tmp_path / "held_out").manifest.documents > 0
    plan(tmp_path, corpus)
    assemble(tmp_path)
    assert [path for path in (tmp_path / "held_out").rglob("*") if path.is_file()] == []


def test_more_than_an_epoch_without_upsample_is_told(tmp_path: Path, corpus: Sources) -> None:
    tokens = available(tmp_path, corpus)
    target = int(tokens["web"] + 1.5 * tokens["code"])
    shares = {"web": tokens["web"] / target, "code": 1 - tokens["web"] / target}
    mix = {"target_tokens": target, "shares": shares, "max_repeats": 2}
    planned = plan(tmp_path, corpus, mix)
    assert planned.sources[0].notes == ()
    assert planned.sources[1].notes == ("1.50 epochs of it, which upsample does not name",)
    with pytest.raises(RecipeError, match="is the largest, as code can give"):
        plan(tmp_path, corpus, mix | {"max_repeats": 1})
    asked = plan(tmp_path, corpus, mix | {"upsample": {"code": 2}})
    assert asked.sources[1].notes == ()


def test_a_plan_that_is_not_written_changes_nothing(tmp_path: Path, corpus: Sources) -> None:
    found = plan(tmp_path, corpus, {"held_out": 0.1}, write=False)
    assert not (tmp_path / "mix").exists()
    written = plan(tmp_path, corpus, {"held_out": 0.1})
    assert found == written
    pairs = np.fromfile(order_path(Work(tmp_path), "web"), "<u4").reshape(-1, 2)
    web = written.sources[0]
    assert len(pairs) == web.output.documents + web.held_out.documents
