"""Statistics of small corpora are what plain counting finds; bounds hold when memory is short."""

import random
from pathlib import Path

import msgspec
import numpy as np
import pytest

from dolma_pipe.batch import Batch, batch_of
from dolma_pipe.errors import InputError, UserError
from dolma_pipe.formats.reading import Reading
from dolma_pipe.passes.context import Nobody
from dolma_pipe.statistics import scores
from dolma_pipe.statistics.contamination import evaluation_sets
from dolma_pipe.statistics.corpora import find_corpora
from dolma_pipe.statistics.counts import Counts
from dolma_pipe.statistics.measure import measure
from dolma_pipe.statistics.opened import CorpusShard
from dolma_pipe.statistics.settings import Settings
from dolma_pipe.statistics.shard import ShardTask, count_shard
from dolma_pipe.statistics.table import statistics_table
from dolma_pipe.statistics.texts import TextsTask, Wanted, read_texts
from dolma_pipe.statistics.told import Frequencies
from dolma_pipe.tagger import Labels
from tests.inline import Inline
from tests.slow.frequencies import counted as plainly_counted
from tests.statistics.made import CHEAP, counted, documents, write_lines

WORDS = [f"{a}{b}" for a in "bdgkmst" for b in ("al", "en", "ir", "ot", "um")]


def texts_of(seed: int, number: int, words: int = 60) -> list[str]:
    rng = random.Random(seed)
    weights = [1 / (rank + 1) for rank in range(len(WORDS))]
    return [" ".join(rng.choices(WORDS, weights, k=rng.randint(1, words))) for _ in range(number)]


def shown(found: Frequencies) -> dict[str | None, int]:
    assert all(item.lower == item.upper for item in found.top)
    return {item.text: item.lower for item in found.top}


def test_counts_are_those_of_plain_counting(tmp_path: Path) -> None:
    texts = [*texts_of(1, 40), "", " \n", "Äpfel  und\nBirnen", "苹果 好"]
    write_lines(tmp_path / "web" / "a.jsonl", documents(texts[:20]))
    write_lines(tmp_path / "web" / "b.jsonl", [*documents(texts[20:]), "{broken", '{"id": "x"}'])
    [web] = counted(tmp_path / "web", top=1000).corpora
    split = [*(text.split() for text in texts[:-1]), ["苹", "果", "好"]]
    assert (web.name, web.shards, web.documents, web.empty) == ("web", 2, 44, 2)
    assert web.bytes == sum(len(text.encode()) for text in texts)
    assert web.characters == sum(map(len, texts))
    assert web.words == sum(map(len, split))
    assert web.tokens is None
    assert web.quarantined == 2
    assert web.quarantine_reasons == {"no text": 1, "not JSON": 1}
    assert web.stored == sum(path.stat().st_size for path in (tmp_path / "web").iterdir())
    lengths = web.lengths["words"]
    assert sum(one.documents for one in lengths.by_power) == 44
    assert lengths.least == 0
    assert lengths.most == max(map(len, split))
    assert lengths.median.lower <= sorted(map(len, split))[21] <= lengths.median.upper
    assert [one.words for one in web.ngrams] == [1, 2, 3, 5, 10]
    for one in web.ngrams:
        truth = plainly_counted(texts[:-1], one.words)
        if one.words <= 3:
            truth.update(
                [tuple(["苹", "果", "好"][i : i + one.words]) for i in range(4 - one.words)]
            )
        assert one.frequencies.exact
        assert one.frequencies.total == truth.total()
        assert one.frequencies.distinct.value == len(truth)
        singles = sum(n == 1 for n in truth.values())
        assert one.frequencies.once.value == pytest.approx(singles / len(truth), abs=1e-6)
        assert sorted(shown(one.frequencies).values()) == sorted(truth.values())[-1000:]
        plain = {" ".join(gram): n for gram, n in truth.items()}
        for text, number in shown(one.frequencies).items():
            assert text is not None
            assert plain.get(text) == number or "苹" in text or "果" in text


def test_the_rarest_are_shown_with_their_texts(tmp_path: Path) -> None:
    write_lines(tmp_path / "a.jsonl", documents(["one two one two one two three", "one two"]))
    [corpus] = counted(tmp_path / "a.jsonl", ngrams=(2,), top=2).corpora
    [of] = [one.frequencies for one in corpus.ngrams]
    assert [(item.text, item.lower) for item in of.top] == [("one two", 4), ("two one", 2)]
    assert [(item.text, item.lower) for item in of.bottom] == [("two three", 1), ("two one", 2)]
    assert (of.top[0].shard, of.top[0].line) == (f"{tmp_path.name}/a", 1)


@pytest.mark.parametrize(("line", "key"), [(1, 7), (2, 7)])
def test_a_shard_that_changes_while_it_is_read_is_told(tmp_path: Path, line: int, key: int) -> None:
    uri = str(write_lines(tmp_path / "a.jsonl", documents(["one two"])))
    wanted = (Wanted(line, "ngrams.1", key),)
    task = TextsTask(CorpusShard("web", "web/a", uri, Reading(format="jsonl")), wanted)
    with pytest.raises(InputError, match=r"a\.jsonl was changed"):
        read_texts(msgspec.to_builtins(task))


def test_duplicates_of_texts_and_urls(tmp_path: Path) -> None:
    texts = ["same text", "other", "same text", "third", "same text", "other", ""]
    urls = [
        "https://www.Example.com/a/",
        "http://example.com/a",
        "https://news.example.org/x?y=1",
        None,
        "no url",
        7,
        "example.com:80/a#part",
    ]
    write_lines(tmp_path / "a.jsonl", documents(texts, url=urls))
    [corpus] = counted(tmp_path / "a.jsonl").corpora
    assert corpus.duplicates is not None
    assert corpus.duplicates.duplicates.value == 3
    assert corpus.duplicates.share.value == pytest.approx(0.5)  # of six that have words
    assert corpus.duplicates.clusters.value == 2
    assert shown(corpus.duplicates.texts) == {"same text": 3, "other": 2}
    of = corpus.addresses
    assert of is not None
    assert (of.with_url, of.without_url) == (4, 3)
    assert shown(of.urls) == {"example.com/a": 3, "news.example.org/x?y=1": 1}
    assert of.duplicates.value == 2
    assert shown(of.domains) == {"example.com": 3, "news.example.org": 1}
    sizes = len("same text") + len("other") + len("")
    assert shown(of.domain_bytes) == {"example.com": sizes, "news.example.org": len("same text")}


def test_domains_of_documents_without_text_have_no_bytes(tmp_path: Path) -> None:
    texts = ["", "", "", "four", "four more"]
    urls = [f"https://{name}.example/" for name in ("e", "f", "g", "h", "h")]
    write_lines(tmp_path / "a.jsonl", documents(texts, url=urls))
    [corpus] = counted(tmp_path / "a.jsonl", parts=("urls",)).corpora
    of = corpus.addresses
    assert of is not None
    assert shown(of.domains) == {"h.example": 2, "e.example": 1, "f.example": 1, "g.example": 1}
    assert [(one.text, one.lower) for one in of.domain_bytes.top] == [("h.example", 13)]
    assert (of.domain_bytes.distinct.value, of.domain_bytes.total) == (1, 13)


def test_documents_without_a_word_have_no_language(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class English:
        def tag(self, batch: Batch) -> dict[str, Labels]:
            return {"top": Labels(np.zeros(len(batch), np.int32), ("en",))}

    monkeypatch.setattr(scores, "built_in", lambda *_, **__: English())
    counts = Counts()
    batch = batch_of(["one", "", " \n"])
    scores.Scores(Settings(parts=("language",))).add(batch, counts)
    assert counts.languages == {"en": (1, 3), "": (2, 2)}


def test_the_url_of_other_layouts(tmp_path: Path) -> None:
    rows = [
        {"text": "a b", "url": "https://one.example/"},
        {"text": "a c", "source": "https://two.example/x"},
        {"text": "a d", "source": "web", "meta": {"url": "https://three.example/"}},
        {"text": "a e", "metadata": "none"},
    ]
    write_lines(tmp_path / "a.jsonl", rows)
    [corpus] = counted(tmp_path / "a.jsonl").corpora
    assert corpus.addresses is not None
    assert set(shown(corpus.addresses.domains)) == {"one.example", "two.example", "three.example"}


def test_what_corpora_share(tmp_path: Path) -> None:
    a, b = texts_of(1, 30), texts_of(2, 30)
    write_lines(tmp_path / "a" / "0.jsonl", documents([*a, a[0]]))
    write_lines(tmp_path / "b" / "0.jsonl", documents([*b, *a[:10]]))
    found = counted(f"a={tmp_path}/a", f"b={tmp_path}/b", overlap_ngram=4)
    assert [(one.a, one.b) for one in found.overlaps] == [("a", "b"), ("b", "a")]
    forth, back = found.overlaps
    same = len(set(a) & set(b)) + 10
    assert forth.documents is not None
    assert forth.documents.distinct.value == same
    assert forth.documents.of_distinct.value == pytest.approx(same / len(set(a)), abs=1e-6)
    assert forth.documents.of_all.value == pytest.approx((same + 1) / 31, abs=1e-6)
    grams = [set(plainly_counted(texts, 4)) for texts in (a, [*b, *a[:10]])]
    common = len(grams[0] & grams[1])
    assert forth.ngrams is not None
    assert back.ngrams is not None
    assert forth.ngrams.distinct.value == back.ngrams.distinct.value == common
    assert forth.ngrams.of_distinct.value == pytest.approx(common / len(grams[0]), abs=1e-6)
    assert back.ngrams.of_distinct.value == pytest.approx(common / len(grams[1]), abs=1e-6)
    assert found.total is not None
    assert found.total.documents == 71
    assert found.total.words == sum(one.words for one in found.corpora)


@pytest.mark.parametrize("name", ["..", "."])
def test_any_name_of_a_corpus_will_do(tmp_path: Path, name: str) -> None:
    path = write_lines(tmp_path / "a.jsonl", documents(["one two", "three"]))
    found = counted(f"{name}={path}", f"b={path}", parts=("overlap", "duplicates"))
    assert [one.name for one in found.corpora] == [name, "b"]
    assert [one.documents and one.documents.of_all.value for one in found.overlaps] == [1, 1]


def test_bounds_hold_when_memory_is_short(tmp_path: Path) -> None:
    corpora = {"a": texts_of(3, 300, 80), "b": texts_of(4, 300, 80)}
    for name, texts in corpora.items():
        for shard in range(3):
            path = tmp_path / name / f"{shard}.jsonl"
            write_lines(path, documents(texts[100 * shard : 100 * shard + 100]))
    found = counted(
        f"a={tmp_path}/a", f"b={tmp_path}/b", memory=800_000, ngrams=(1, 5), overlap_ngram=5
    )
    assert found.table_keys < 1200
    assert found.total is not None
    every = [*corpora["a"], *corpora["b"]]
    for of in found.total.ngrams:
        truth = plainly_counted(every, of.words)
        plain = {" ".join(gram): n for gram, n in truth.items()}
        assert of.frequencies.exact == (of.words == 1)
        assert of.frequencies.total == truth.total()
        assert of.frequencies.error <= truth.total() / (found.table_keys / 2)
        for item in of.frequencies.top:
            assert item.lower <= plain[str(item.text)] <= item.upper
        for item in of.frequencies.bottom:
            assert item.lower == plain[str(item.text)] == item.upper
        distinct = of.frequencies.distinct
        half = max(distinct.upper - distinct.value, 0.0)  # twice the interval: never by chance
        assert abs(distinct.value - len(truth)) <= 2 * half
    [forth, _] = found.overlaps
    assert forth.ngrams is not None
    grams = [set(plainly_counted(texts, 5)) for texts in corpora.values()]
    share = forth.ngrams.of_distinct
    assert share.how == "95%"
    truly = len(grams[0] & grams[1]) / len(grams[0])
    assert abs(share.value - truly) <= 2 * (share.upper - share.lower)


def test_ten_times_the_input_takes_no_more_memory(tmp_path: Path) -> None:
    def held(number: int) -> int:
        uri = write_lines(tmp_path / f"{number}.jsonl", documents(texts_of(5, number, 200)))
        settings = Settings(parts=CHEAP, memory=1_300_000)
        shard = CorpusShard("web", "web/0", str(uri), Reading(format="jsonl"))
        task = ShardTask(0, shard, settings, str(tmp_path / f"out{number}"))
        return int(count_shard(msgspec.to_builtins(task))["table_bytes"])

    few, many = held(400), held(4000)
    assert held(400) == few  # again into the same folder, as after a worker was killed
    assert many < 1.1 * few
    assert (
        many <= 800_000 + 2 * 9 * 24 * 1024
    )  # so much more than they should be, whatever they are


def test_evaluation_items_are_found(tmp_path: Path) -> None:
    question = "which of the seven small boats came back to the harbour before the great storm"
    other = "how many red apples does the old farmer sell on the market every second week"
    write_lines(tmp_path / "tests.jsonl", [{"question": question}, {"question": other}])
    write_lines(tmp_path / "web" / "0.jsonl", documents(["nothing here", f"He asked {question}."]))
    write_lines(tmp_path / "wiki" / "0.jsonl", documents(["nothing here", "nor here"]))
    found = counted(
        tmp_path / "web", tmp_path / "wiki", evaluations=(f"quiz={tmp_path}/tests.jsonl",)
    )
    [quiz] = found.evaluations
    assert (quiz.name, quiz.items, quiz.searched) == ("quiz", 2, 2)
    told = [(one.corpus, one.items, one.share, one.documents) for one in quiz.found]
    assert told == [("web", 1, 0.5, 1), ("wiki", 0, 0, 0), ("", 1, 0.5, 1)]


def test_what_stands_everywhere_is_no_contamination(tmp_path: Path) -> None:
    """As decontaminate has it: n-grams of more than 100 documents (and 0.1 %) are boilerplate."""
    everywhere = "all rights of this page are reserved by the people who have written it down here"
    rare = "which of the seven small boats came back to the harbour before the great storm"
    write_lines(tmp_path / "tests.jsonl", [{"question": everywhere}, {"question": rare}])
    texts = [f"{i} {everywhere}" for i in range(70)]
    write_lines(tmp_path / "web" / "0.jsonl", documents([*texts, rare]))
    write_lines(tmp_path / "wiki" / "0.jsonl", documents(texts[:30]))
    sets = (f"quiz={tmp_path}/tests.jsonl",)
    [quiz] = counted(tmp_path / "web", tmp_path / "wiki", evaluations=sets).evaluations
    assert (quiz.searched, quiz.boilerplate, quiz.found[-1].items) == (2, 0, 2)  # 100 documents
    write_lines(tmp_path / "wiki" / "0.jsonl", documents(texts[:31]))
    found = counted(tmp_path / "web", tmp_path / "wiki", evaluations=sets)
    [quiz] = found.evaluations
    assert (quiz.items, quiz.searched, quiz.boilerplate) == (2, 1, 1)
    assert [(one.items, one.documents) for one in quiz.found] == [(1, 1), (0, 0), (1, 1)]
    assert "quiz: 1 item is boilerplate" in statistics_table(found)


def test_a_shard_that_cannot_be_read_is_named_and_the_others_count(tmp_path: Path) -> None:
    write_lines(tmp_path / "web" / "a.jsonl", documents(["one two"]))
    write_lines(tmp_path / "web" / "b.jsonl", documents(["three"]))
    corpora = find_corpora((str(tmp_path / "web"),))
    (tmp_path / "web" / "b.jsonl").unlink()
    (tmp_path / "web" / "b.jsonl").mkdir()
    write_lines(tmp_path / "tests.jsonl", [{"question": "one two three four five six seven"}])
    sets = evaluation_sets((f"{tmp_path}/tests.jsonl",))
    found = measure(corpora, Settings(parts=CHEAP), Inline(), Nobody(), sets)
    assert list(found.failed) == ["web/b"]
    assert found.corpora[0].documents == 1
    assert found.corpora[0].shards == 1
    assert found.corpora[0].stored == (tmp_path / "web" / "a.jsonl").stat().st_size
    (tmp_path / "web" / "a.jsonl").unlink()
    with pytest.raises(InputError, match="no shard could be read; web/a"):
        measure(corpora, Settings(parts=CHEAP), Inline(), Nobody())


@pytest.mark.parametrize("memory", [0, 1000, 100_000])
def test_too_little_memory_is_told(tmp_path: Path, memory: int) -> None:
    write_lines(tmp_path / "a.jsonl", documents(["one"]))
    with pytest.raises(UserError, match=r"--memory: 9 tables need 1\.0 MB"):
        counted(tmp_path / "a.jsonl", memory=memory)
