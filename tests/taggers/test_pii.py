import pytest

from dolma_pipe.batch import batch_of
from tests.taggers.shelf import masked_texts, tagger, values

MASKS = {
    "email": "|||EMAIL_ADDRESS|||",
    "phone": "|||PHONE_NUMBER|||",
    "ip": "|||IP_ADDRESS|||",
}


def test_everything_is_masked_at_both_ends_of_a_document() -> None:
    texts = [
        "212-555-2368 is the number of jane@example.com",
        "93.184.216.34 é 你 +49 30 901820",
        "jane@example.com",
        "nothing",
        "",
    ]
    assert masked_texts("pii", MASKS, texts) == [
        "|||PHONE_NUMBER||| is the number of |||EMAIL_ADDRESS|||",
        "|||IP_ADDRESS||| é 你 |||PHONE_NUMBER|||",
        "|||EMAIL_ADDRESS|||",
        "nothing",
        "",
    ]


def test_what_is_masked_stays_and_equal_documents_stay_equal() -> None:
    texts = ["Ask jane@example.com or joe@example.com, 93.184.216.34, tel. 030 901820."] * 2
    once = masked_texts("pii", MASKS, texts)
    assert once[0] == once[1]
    assert masked_texts("pii", MASKS, once) == once


@pytest.mark.parametrize(("addresses", "count"), [(5, 5), (6, 6)])
def test_counts_at_the_published_border(addresses: int, count: int) -> None:
    texts = ["jane@example.com " * addresses]
    assert values("pii", "count", texts) == [count]
    assert values("pii", "emails", texts) == [count]
    assert values("pii", "phones", texts) == [0]


def test_the_count_is_of_all_kinds() -> None:
    text = "a@b.org 93.184.216.34 2001:db8::1 212-555-2368"
    for column, value in (("emails", 1), ("phones", 1), ("ips", 2), ("count", 4)):
        assert values("pii", column, [text, "x"]) == [value, 0]
    assert values("pii", "ips", [text], public_ips_only=True) == [1]


def test_columns_are_those_declared() -> None:
    pii = tagger("pii")
    assert set(pii.tag(batch_of(["a", ""]))) == set(pii.columns())
