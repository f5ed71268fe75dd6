import pytest

from benchmarks.pii_set import REGIONS, evaluate, labelled
from dolma_pipe.batch import batch_of
from dolma_pipe.errors import RecipeError
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


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("ring 030 901820 now", ["030 901820"]),
        ("030/90 18 20", ["030/90 18 20"]),
        ("020 7946 0958", ["020 7946 0958"]),
        ("01\xa023\xa045\xa067\xa089", ["01\xa023\xa045\xa067\xa089"]),
        ("(212) 555-2368 and 212 555 2368", ["(212) 555-2368", "212 555 2368"]),
        ("0049 30 901820", ["0049 30 901820"]),
        ("+81 3-3123-4567", ["+81 3-3123-4567"]),
        ("+49 30 901820 20.", ["+49 30 901820 20"]),
        ("tel 030901820", ["030901820"]),
        ("in 12 030 901820", ["030 901820"]),
    ],
)
def test_phone_numbers_of_regions(text: str, numbers: list[str]) -> None:
    found = masked_texts("pii", {"phone": "*"}, [text], regions=["US", "DE", "GB", "FR"])
    expected = text
    for number in numbers:
        expected = expected.replace(number, "*", 1)
    assert found == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "030901820",
        "2024-01-31 12",
        "1 234 567 890",
        "ISSN 4503-0811",
        "123-45-6789",
        "03 90 18 2",
        "tel 999 999",
        "+1 112 555 2368",
        "+49 1",
        "4b5cf45f-7224-4254-a058-73fa857004ae",
        "91 234 56 78",
        "6,022 140 76",
        "6070-322",
        "0283-097",
        "Epson 740/860/1160",
        "0:0201 00000000",
    ],
)
def test_no_phone_numbers_of_regions(text: str) -> None:
    assert values("pii", "phones", [text], regions=["US", "DE", "GB", "FR"]) == [0]


def test_an_unknown_region_is_told_with_the_nearest() -> None:
    with pytest.raises(RecipeError, match=r"'UK' is no country code"):
        tagger("pii", regions=["UK"]).check()
    tagger("pii", regions=["US", "GB"]).check()


def test_only_the_kinds_asked_for_are_columns() -> None:
    pii = tagger("pii", find=["iban", "email"])
    assert pii.columns() == ("iban", "email", "ibans", "emails", "count", "share")
    text = "jane@example.com 93.184.216.34 GB82 WEST 1234 5698 7654 32"
    assert values("pii", "count", [text], find=["iban", "email"]) == [2]


def test_a_span_belongs_to_one_kind() -> None:
    token = "ghp_abcdefghijklmnopqrstuvwxyz0123456789"
    text = f"{token}@example.com tel 4111 1111 1111 1111 tel 93.184.216.134"
    kinds = ["phone", "ip", "credit_card", "secret", "email"]
    for column, count in (("secrets", 1), ("emails", 0), ("credit_cards", 1), ("phones", 0)):
        assert values("pii", column, [text], find=kinds) == [count]
    assert values("pii", "phones", [text], find=["phone"]) == [2]


def test_share_is_of_characters() -> None:
    texts = ["é" * 16 + "jane@example.com", "jane@example.com", "", "no"]
    assert values("pii", "share", texts) == [0.5, 1, 0, 0]


def test_precision_and_recall_on_the_labelled_set() -> None:
    rows = labelled(7, each=150)
    for settings, phones in (({}, 0.6), ({"regions": REGIONS}, 0.97)):
        for kind, score in evaluate(rows, **settings).items():
            assert score.precision >= 0.97, kind
            assert score.recall >= (phones if kind == "phone" else 0.98), kind
