"""No document that was trained on is measured on: n-grams against a slow reference, and counts."""

from pathlib import Path

import numpy as np
import pytest

from dolma_pipe.ablation import overlap
from dolma_pipe.ablation.overlap import NGRAM, seen_share
from dolma_pipe.ablation.yardstick import make_yardstick
from dolma_pipe.errors import TokensError
from dolma_pipe.tokens import TokenArrays, verify
from tests.token_arrays import write_arrays

EOS, VOCABULARY = 0, 60
Documents = list[list[int]]


def documents(seed: int, count: int, size: int = 40) -> Documents:
    draw = np.random.default_rng(seed)
    return [[*draw.integers(1, VOCABULARY, size).tolist(), EOS] for _ in range(count)]


def arrays(folder: Path, sources: dict[str, list[Documents]]) -> TokenArrays:
    return write_arrays(folder, sources, VOCABULARY, EOS)


def slow_share(document: list[int], trained: Documents) -> float:
    text = document[:-1]
    grams = [tuple(text[i : i + NGRAM]) for i in range(len(text) - NGRAM + 1)]
    stream = [token for other in trained for token in other]
    there = {tuple(stream[i : i + NGRAM]) for i in range(len(stream) - NGRAM + 1)}
    return sum(gram in there for gram in grams) / len(grams) if grams else float("nan")


def test_shares_are_those_of_a_slow_reference(tmp_path: Path) -> None:
    trained = documents(1, 30)
    held_out = documents(2, 4)
    held_out += [trained[3], [*trained[5][:20], *held_out[0][:20], EOS], [*trained[7][:14], EOS]]
    held_out += [[*trained[9][:12], EOS], [EOS], [*trained[9][:13], EOS], [*[5] * 30, EOS]]
    training = arrays(tmp_path / "t", {"a": [trained[:11], trained[11:20]], "b": [trained[20:]]})
    borders = np.cumsum([0, *map(len, held_out)])
    ids = np.array([token for document in held_out for token in document], np.uint16)
    found = seen_share(ids, borders, training)
    expected = [slow_share(document, trained) for document in held_out]
    np.testing.assert_allclose(found, expected)
    assert found[4] == 1
    assert 0.2 < found[5] < 0.5
    assert np.isnan(found[7])


def test_n_grams_across_the_chunks_of_a_shard_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = documents(1, 3)
    training = arrays(tmp_path / "t", {"a": [trained]})
    ids = np.array(trained[1], np.uint16)
    chunks = TokenArrays.chunks

    def small(self: TokenArrays, shard: object) -> object:
        for chunk in chunks(self, shard):  # type: ignore[arg-type]
            yield from np.split(chunk, range(7, len(chunk), 7))

    monkeypatch.setattr(TokenArrays, "chunks", small)
    assert overlap.seen_share(ids, np.array([0, len(ids)]), training).tolist() == [1.0]


def test_documents_of_either_training_set_are_left_out(tmp_path: Path) -> None:
    clean, of_a, of_b = documents(3, 8), documents(1, 20), documents(2, 20)
    web = [*clean[:4], of_a[2], of_b[3], [1, 2, EOS]]
    held_out = arrays(tmp_path / "h", {"web": [web, clean[4:6]], "code": [[*clean[6:], of_a[9]]]})
    trained = {
        "A": arrays(tmp_path / "a", {"web": [of_a]}),
        "B": arrays(tmp_path / "b", {"web": [of_b, [of_a[9]]]}),
    }
    found = make_yardstick("mine", held_out, trained, 1000, tmp_path / "out")
    fate = found.fate
    assert (fate.looked_at, fate.kept, fate.too_short, fate.seen) == (12, 8, 1, 3)
    assert fate.seen_by == {"A": 2, "B": 2}


def test_half_of_its_n_grams_is_seen_and_less_is_not(tmp_path: Path) -> None:
    trained, fresh = documents(1, 2), documents(2, 2)
    half = [*trained[0][:26], *fresh[0][:14], EOS]  # 14 of 28
    less = [*trained[1][:25], *fresh[1][:15], EOS]
    held_out = arrays(tmp_path / "h", {"web": [[half, less]]})
    training = {"A": arrays(tmp_path / "a", {"web": [trained]})}
    found = make_yardstick("mine", held_out, training, 1000, tmp_path / "out")
    assert TokenArrays(found.folder).document(0).tolist() == less
    assert (found.fate.kept, found.fate.seen) == (1, 1)


def test_what_is_kept_is_as_it_was_and_no_more_than_is_wanted(tmp_path: Path) -> None:
    clean = documents(3, 20)
    held_out = arrays(tmp_path / "h", {"web": [clean[:12]], "code": [clean[12:]]})
    trained = {"A": arrays(tmp_path / "a", {"web": [documents(1, 5)]})}
    found = make_yardstick("mine", held_out, trained, 100, tmp_path / "out")
    kept = TokenArrays(found.folder)
    assert verify(kept) == []
    assert [(s.name, s.documents) for s in kept.sources()] == [("web", 3), ("code", 3)]
    assert [kept.document(n).tolist() for n in range(6)] == [*clean[:3], *clean[12:15]]
    assert found.fate.not_needed == found.fate.looked_at - 6
    again = make_yardstick("other", held_out, trained, 100, tmp_path / "again")
    assert again.content() == found.content()


def test_what_cannot_measure_is_refused(tmp_path: Path) -> None:
    trained = documents(1, 5)
    training = {"A": arrays(tmp_path / "a", {"web": [trained]})}
    held_out = arrays(tmp_path / "h", {"web": [trained[:2]]})
    with pytest.raises(TokensError, match=r"nothing is left.* 2 of 2 documents are in"):
        make_yardstick("mine", held_out, training, 100, tmp_path / "out")
    file = held_out.path(held_out.shards()[0].file)
    file.write_bytes(file.read_bytes()[::-1])
    with pytest.raises(TokensError, match=r"sha256|bytes"):
        make_yardstick("mine", held_out, training, 100, tmp_path / "out")
