"""Runs of letters are those of the slow reference."""

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dolma_pipe.kernels.runs import letter_runs
from tests.slow import runs as slow

ALPHABET = "abZÉéßİıΣσς'’-_.12 \n\u3000\u0301\u093e日本語的ーのกำั\u0e33ЖжعربيةـØ٣Ⅷ²ª\U00020000"
TEXTS = st.text(st.sampled_from(ALPHABET), max_size=60) | st.text(max_size=30)


@settings(max_examples=200, deadline=None)
@given(TEXTS)
@example("Don't stop: well-known 宝玉, abc\u0301d กำ")
@example("\u0301a\u0301宝\u0301b")
def test_runs_are_those_of_the_reference(text: str) -> None:
    content = text.encode()
    found = letter_runs(np.frombuffer(content, np.uint8))
    expected = slow.letter_runs(text)
    spans = zip(found.starts.tolist(), found.ends.tolist(), strict=True)
    assert [content[a:b].decode() for a, b in spans] == [run.text for run in expected]
    assert found.letters.tolist() == [run.letters for run in expected]
    assert found.kinds.tolist() == [run.kind for run in expected]
    assert found.joins.tolist() == [run.join for run in expected]
    assert found.capitals.astype(bool).tolist() == [run.capital for run in expected]


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_equal_hashes_are_equal_words_whatever_the_case(text: str) -> None:
    found = letter_runs(np.frombuffer(text.encode(), np.uint8))
    names = [slow.folded(run.text) for run in slow.letter_runs(text)]
    by_name = dict(zip(names, found.hashes.tolist(), strict=True))
    assert [by_name[name] for name in names] == found.hashes.tolist()
    assert len(set(by_name.values())) == len(by_name)


def test_the_final_sigma_is_a_sigma() -> None:
    hashes = letter_runs(np.frombuffer("ΟΔΟΣ οδος οδοσ οδοι".encode(), np.uint8)).hashes
    assert len(set(hashes[:3].tolist())) == 1
    assert hashes[3] != hashes[0]
