import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.kernels.pii import KINDS, find_pii, without_overlaps
from tests.slow import pii as slow
from tests.texts import packed, texts, texts_of

EMAIL, PHONE, IP = 0, 1, 2


USUAL = ("email", "phone", "ip")


def found_in(
    documents: list[str],
    public_only: bool = False,
    before: str = "",
    asked: tuple[str, ...] = USUAL,
) -> list[list[list[str]]]:
    """What is found of each kind asked for, in each document."""
    text, offsets = packed(documents, before)
    found = without_overlaps(find_pii(text, offsets, asked, public_only), offsets)
    results = []
    for d, document in enumerate(documents):
        raw = document.encode()
        rows = [range(found[k].offsets[d], found[k].offsets[d + 1]) for k in asked]
        results.append(
            [
                [raw[found[k].starts[i] : found[k].ends[i]].decode() for i in row]
                for k, row in zip(asked, rows, strict=True)
            ]
        )
    return results


email_pieces = (
    "a",
    "-",
    "Bob_1",
    ".",
    "..",
    "@",
    "@",
    "x.org",
    "-",
    "+",
    "%",
    "PNG",
    ".co",
    "1",
    "é",
)
ip_pieces = ("1", "10", ".", ".", "192.168.0.1", "10.1.31.2", "-", "/", "v", "version ", "256")
ipv6_pieces = (":", ":", "::", "2001", "db8", "fe80", "fd00", "1", "af", ".", "20013", "x", " ")
ipv6_parts = ("::", ":", "ffff:", "1.2.3.4", "0:0", "64:ff9b::", "%", "eth0", "[", "]", "a", "fe80")
phone_pieces = ("+", "(", ")", "-", ".", " ", "1", "555", "0", "49", "212", "1234", "tel ", "2024")
card_pieces = ("4111", "1111", " ", "-", "3782", "822463", "10005", "4", "\xa0", ".", "12")
iban_pieces = ("GB82", "WEST", "1234", "5698", "7654", "32", " ", "NO93", "8601", "1117", "947")
secret_pieces = (
    "AKIA", "ABCDEFGH", "23456723", "ghp_", "abcdefghijklmnopqr", "eyJ", ".", "-", "_", " ", "SG.",
    "-----BEGIN ", "PRIVATE KEY", "-----", "-----END ", " BLOCK", "RSA ", "xoxb-", "12345678901-",
    "sk-", "T3BlbkFJ", "abcdefghijklmnopqrstuvwxyz0123456789",
)  # fmt: skip
phone_parts = (
    "+1 ",
    "+49",
    " 30",
    "-555-",
    "(212) ",
    "212-",
    "555-",
    "1234",
    "Fax: ",
    "x",
    "\xa0",
    "–",
    "20",
)
pieces = (
    email_pieces,
    ip_pieces,
    ipv6_pieces,
    ipv6_parts,
    phone_pieces,
    phone_parts,
    card_pieces,
    iban_pieces,
    secret_pieces,
)
ALL = tuple(piece for some in pieces for piece in some)


@settings(max_examples=400, deadline=None)
@given(
    st.lists(
        st.one_of(
            *(st.lists(st.sampled_from(some), max_size=16).map("".join) for some in pieces),
            texts_of(*ALL),
            texts,
        ),
        max_size=4,
    ),
    st.booleans(),
    st.sampled_from(["", "a@", "tel 1", "1."]),
    st.sampled_from([USUAL, KINDS, ("phone",), ("iban", "credit_card", "secret")]),
)
def test_spans_equal_the_slow_reference(
    documents: list[str], public_only: bool, before: str, asked: tuple[str, ...]
) -> None:
    everything = found_in(documents, public_only, before, asked)
    for found, document in zip(everything, documents, strict=True):
        spans = slow.find_pii(document, asked, public_only)
        assert found == [[document[a:b] for a, b in spans[kind]] for kind in asked]


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(
        st.lists(st.sampled_from(phone_pieces + phone_parts), max_size=16).map("".join),
        texts_of(*phone_pieces, *phone_parts, "mob. ", "/", "_", "1,", "1:"),
    ),
    st.sampled_from(["", "1-"]),
)
def test_phone_candidates_equal_the_slow_reference(document: str, before: str) -> None:
    text, offsets = packed([document], before)
    found = find_pii(text, offsets, ("phone",), any_phones=True)["phone"]
    raw, first = document.encode(), len(before)
    spans = [
        (len(raw[: a - first].decode()), len(raw[: b - first].decode()), flags)
        for a, b, flags in zip(*(column.tolist() for column in found), strict=True)
    ]
    assert spans == slow.phone_candidates(document)


def whole_spans(text: str) -> list[list[str]]:
    """What is found, in the middle, at the start and at the end of a document."""
    found = found_in([text, f"before {text}", f"{text}, after", f"“{text}” 你{text}，"])
    assert found[1] == found[0]
    assert found[2] == found[0]
    assert [kind[:1] for kind in found[3]] == [kind[-1:] for kind in found[3]] == found[0]
    return found[0]


@pytest.mark.parametrize(
    "address",
    [
        "jane@example.com",
        "jane.doe+news@mail.example.co.uk",
        "_j%d-1@x-y.museum",
        "JANE@EXAMPLE.COM",
        "12345@qq.com",
    ],
)
def test_email_addresses(address: str) -> None:
    assert whole_spans(address) == [[address], [], []]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("write to jane@example.com.", "jane@example.com"),
        ("<jane@example.com>;mailto:joe", "jane@example.com"),
        ("at --jane@example.com--", "jane@example.com"),
        ("jane@example.com--she said", "jane@example.com"),
        ("jane@foo--bar.example.com", "jane@foo--bar.example.com"),
        ("jane@example.xn--p1ai.", "jane@example.xn--p1ai"),
        ("see jane@example.org.x1 there", "jane@example.org"),
        ("a@b@jane.example.org", "b@jane.example.org"),
    ],
)
def test_borders_of_an_email_address(text: str, address: str) -> None:
    assert found_in([text])[0][EMAIL] == [address]


@pytest.mark.parametrize(
    "text",
    [
        "jane@localhost",
        "jane@example",
        "@jane.example",
        "lodash@4.17.21",
        "icon@2x.png",
        "jane..doe@example.com",
        "jane.@example.com",
        "jane@-example.com",
        "jane@example.c",
        "a @ b.com",
        "x" * 65 + "@example.com",
        "|||EMAIL_ADDRESS||| |||PHONE_NUMBER||| |||IP_ADDRESS|||",
    ],
)
def test_no_email_address(text: str) -> None:
    assert found_in([text])[0] == [[], [], []]


@pytest.mark.parametrize(
    "address",
    [
        "93.184.216.34",
        "192.168.1.254",
        "255.255.255.255",
        "2001:db8::1",
        "2a00:1450:4001:82b::200e",
        "fe80::1ff:fe23:4567:890a",
        "2001:0db8:0000:0000:0000:8a2e:0370:7334",
        "2001:DB8:0:0:8:800:200C:417A",
        "FF01::101",
        "0:0:0:0:0:0:0:1",
        "::1",
        "::13.1.68.3",
        "::ffff:129.144.52.38",
        "0:0:0:0:0:FFFF:129.144.52.38",
        "::ffff:c000:280",
        "64:ff9b::192.0.2.33",
        "100::9",
        "fe80::1%eth0",
        "ff02::1:2%en1",
    ],
)
def test_ip_addresses(address: str) -> None:
    assert whole_spans(address) == [[], [], [address]]


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("http://93.184.216.34:8080/x", ["93.184.216.34"]),
        ("from 93.184.216.34.", ["93.184.216.34"]),
        ("93.184.216.0/24", ["93.184.216.0"]),
        ("at 10.0.0.1 and 10.31.1.2", ["10.0.0.1", "10.31.1.2"]),
        ("10.0.32.1 host", ["10.0.32.1"]),
        ("93.184.216.1-93.184.216.9", ["93.184.216.1", "93.184.216.9"]),
        ("[2001:db8::1]:443", ["2001:db8::1"]),
        ("2001:db8::1: done", ["2001:db8::1"]),
        ("2001:db8::1. Done", ["2001:db8::1"]),
        ("inet6 addr:2001:db8::1/64", ["2001:db8::1"]),
        ("http://[::1]:80/", ["::1"]),
        ("2001:db8::1%eth0", ["2001:db8::1"]),
        ("192.168.0.245-249,", ["192.168.0.245"]),
        ("from 8.8.8.8 and 8.8.4.4", ["8.8.8.8", "8.8.4.4"]),
        ("DNS: 1.1.1.1", ["1.1.1.1"]),
        ("ping 9.9.9.9", ["9.9.9.9"]),
        ("http://1.2.3.4/x", ["1.2.3.4"]),
        ("1.2.3.4/24", ["1.2.3.4"]),
    ],
)
def test_borders_of_an_ip_address(text: str, addresses: list[str]) -> None:
    assert found_in([text])[0] == [[], [], addresses]


@pytest.mark.parametrize(
    "text",
    [
        "1.3.6.1.4.1.311",
        "1.3.6.1.400",
        "40.3.6.1.4",
        "1.3.6.1.4.1.311.2.1.4",
        "v1.2.3.40",
        "version 1.2.3.40",
        'Version="1.2.3.40"',
        "rev. 1.2.3.40",
        "section 40.1.2.3",
        "4.1.2.3. Title",
        "see 9.2.1.4, above",
        "\n 10.3.4.2 Title",
        "zlib 1.2.3.31",
        "Chrome/120.0.0.0",
        "libfoo-1.2.3.40",
        "1.2.3.40-rc1",
        "1.2.3.40-5",
        "1.2.3.40.tar.gz",
        "1.2.3.40a",
        "1.2.3",
        "256.1.1.1",
        "01.02.03.40",
        "0.1.2.30",
        "1.2.3.4444",
        "41.42.43.1.2",
        "12:34:56",
        "00:1b:44:11:3a:b7",
        "std::vector::face::dead",
        "fead::beef",
        "2024:01:02",
        "2001:db8:::1",
        "2001:db8::1::2",
        "12001:db8::1",
        "2001:db8::12345",
        "a[::1] b()[::1]",
        "a[::2] a[1::2] ::",
        "std::add::1",
        "1::2::3",
        "2001::",
        "1:2:3:4:5:6:7:8",
        "02:1b:44:ff:fe:11:3a:b7",
        "16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48",
        "::1.2.3.4.5",
        "::ffff:1.2.3.400",
        "2001:db8::1.5a",
        "version 8.8.8.8",
        "\n8.8.8.8 Title",
        "see 1.1.1.1",
        "Server 2.1.3.4",
        "1.2.3.4/99",
        "1.2.3.4/24/2020",
    ],
)
def test_no_ip_address(text: str) -> None:
    assert found_in([text])[0] == [[], [], []]


def test_public_addresses_only() -> None:
    text = "8.8.8.80 10.1.2.3 127.0.0.1 172.31.0.1 172.32.0.1 192.168.0.1 255.255.255.0 2001:db8::1"
    text += " 2001:4860:4860::8888 fd12::1"
    assert found_in([text], public_only=True)[0][IP] == [
        "8.8.8.80",
        "172.32.0.1",
        "2001:4860:4860::8888",
    ]
    assert len(found_in([text])[0][IP]) == 10


@pytest.mark.parametrize(
    "number",
    [
        "(212) 555-2368",
        "(212)555.2368",
        "212-555-2368",
        "212.555.2368",
        "1-800-555-2368",
        "1 (800) 555 2368",
        "+1 212 555 2368",
        "+1-212-555-2368",
        "+12125552368",
        "+1 (212) 555-2368",
        "+49 30 901820",
        "+49 (0)30 90 18 20",
        "+4915112345678",
        "+33 1 23 45 67 89",
        "+44 20 7946 0958",
        "+86 138 1234 5678",
        "+7 (495) 123-45-67",
        "+358 9 1234567",
    ],
)
def test_phone_numbers(number: str) -> None:
    assert whole_spans(number) == [[], [number], []]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("Tel.: 030 901820", "030 901820"),
        ("telephone (030) 90 18 20", "(030) 90 18 20"),
        ("Fax 0171/1234567", "0171/1234567"),
        ("WhatsApp: 5551234567", "5551234567"),
        ("call 212-555-2368x12 now", "212-555-2368"),
        ("tel:+49-30-901820", "+49-30-901820"),
        ("(212-555-2368)", "212-555-2368"),
        ("+1 212 555 2368 2024", "+1 212 555 2368"),
        ("212-555-2368.", "212-555-2368"),
        ("Tel.:\xa0030\u202f901820", "030\u202f901820"),
        ("212\u2011555\u20112368", "212\u2011555\u20112368"),
        ("212\u2013555\u20132368", "212\u2013555\u20132368"),
        ("+49\xa030\xa0901820", "+49\xa030\xa0901820"),
    ],
)
def test_borders_of_a_phone_number(text: str, number: str) -> None:
    assert found_in([text])[0] == [[], [number], []]


@pytest.mark.parametrize(
    "text",
    [
        "2024-01-31",
        "31.01.2024 12:30:59",
        "2024-01-31T12:30:59.123456Z",
        "1712345678",
        "1712345678901",
        "ISBN 978-3-16-148410-0",
        "ISBN 0-306-40615-2",
        "3.14159265358979",
        "+3.14159265",
        "+49.12345678",
        "1.3.6.1.4.1.311",
        "123-45-6789",
        "112-555-2368",
        "212-155-2368",
        "212-555-23689",
        "212-555-2368-1",
        "3-212-555-2368",
        "212-555.2368",
        "212 555 2368",
        "10.1000/182-555-2368",
        "a212-555-2368",
        "1+12125552368",
        "+0200",
        "+1 212 555",
        "+1 112 555 2368",
        "+123456789012345678",
        "mobile 2024-01-31",
        "mobile 2023-2024",
        "cell 31.1.2024 10",
        "tel 12.3456789",
        "phone 123456",
        "hotel 1234567890",
        "550e8400-e29b-41d4-a716-446655440000",
        "1,234,567,890",
        "4111 1111 1111 1111",
    ],
)
def test_no_phone_number(text: str) -> None:
    assert found_in([text])[0] == [[], [], []]


def only(kind: str, text: str) -> list[str]:
    return found_in([text], asked=(kind,))[0][0]


@pytest.mark.parametrize(
    "number",
    [
        "4111111111111111",
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "4111\xa01111\xa01111\xa01111",
        "5555555555554444",
        "2223003122003222",
        "378282246310005",
        "3782 822463 10005",
        "30569309025904",
        "3056 930902 5904",
        "6011111111111117",
        "3530111333300000",
        "6200000000000005",
        "4000 0000 0000 0000 006",
    ],
)
def test_credit_cards(number: str) -> None:
    for text in (number, f"card {number}.", f"({number})", f"{number} 12/27", f"你{number}，"):
        assert only("credit_card", text) == [number]


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111112",
        "9111111111111111",
        "411111111111111",
        "4111 1111-1111 1111",
        "4111 11111111 1111",
        "41 1111 1111 1111 11",
        "0.4111111111111111",
        "4111111111111111.5",
        "x4111111111111111",
        "4111111111111111a",
        "4111-1111-1111-1111-1",
        "1234 4111 1111 1111 1111",
        "0000000000000000",
        "1712345678901234",
    ],
)
def test_no_credit_card(text: str) -> None:
    assert only("credit_card", text) == []


@pytest.mark.parametrize(
    "number",
    [
        "GB82 WEST 1234 5698 7654 32",
        "GB82WEST12345698765432",
        "DE89 3704 0044 0532 0130 00",
        "DE89\xa03704\xa00044\xa00532\xa00130\xa000",
        "NO9386011117947",
        "FR1420041010050500013M02606",
        "MT84MALT011000012345MTLCAST001S",
        "CH93 0076 2011 6238 5295 7",
    ],
)
def test_ibans(number: str) -> None:
    for text in (number, f"IBAN: {number}.", f"({number})", f"你{number}，"):
        assert only("iban", text) == [number]


@pytest.mark.parametrize(
    "text",
    [
        "GB82WEST12345698765433",
        "GB82WEST1234569876543",
        "GB82WEST123456987654321",
        "ZZ82WEST12345698765432",
        "gb82west12345698765432",
        "GB82 WEST12345698765432",
        "GB82 WEST 12345698 7654 32",
        "XGB82WEST12345698765432",
        "GB8AWEST12345698765432",
    ],
)
def test_no_iban(text: str) -> None:
    assert only("iban", text) == []


LONG = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ" * 5
BLOCK = f"-----BEGIN RSA PRIVATE KEY-----\n{LONG[:64]}\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    "secret",
    [
        "AKIA" + "ABCDEFGH23456723",
        "ASIA" + "ABCDEFGH23456723",
        *(f"gh{kind}_{LONG[:36]}" for kind in "pousr"),
        "github_pat_" + LONG[:22] + "_" + LONG[:59],
        "glpat-" + LONG[:20],
        "xoxb-" + "123456789012-123456789012-" + LONG[:24],
        "hooks.slack.com/services/" + "T00000000/B00000000/" + LONG[:24],
        "AIza" + LONG[:35],
        "sk_live_" + LONG[:24],
        "rk_test_" + LONG[:24],
        "whsec_" + LONG[:32],
        "npm_" + LONG[:36],
        "pypi-" + "AgEIcHlwaS5vcmc" + LONG[:60],
        "hf_" + LONG[:26] + "ABCDEFGH",
        "sk-ant-" + "api03-" + LONG[:95],
        "sk-" + LONG[:20] + "T3BlbkFJ" + LONG[:20],
        "SG." + LONG[:22] + "." + LONG[:43],
        "dop_v1_" + "0123456789abcdef" * 4,
        "shpat_" + "0123456789abcdef" * 2,
        "AGE-SECRET-KEY-1" + LONG[36:62] * 2 + "012345",
        f"eyJ{LONG[:20]}.eyJ{LONG[:20]}.{LONG[:43]}",
        BLOCK,
        BLOCK.replace("RSA PRIVATE KEY", "PGP PRIVATE KEY BLOCK"),
        BLOCK.replace("RSA PRIVATE KEY", "PRIVATE KEY"),
    ],
)
def test_secrets(secret: str) -> None:
    for text in (secret, f"key='{secret}'", f"{secret}\n", f"你{secret}，"):
        assert only("secret", text) == [secret]


@pytest.mark.parametrize(
    "text",
    [
        "AKIA" + "ABCDEFGH2345672",
        "AKIA" + "ABCDEFGH234567231",
        "AKIA" + "X" * 16,
        "xAKIA" + "ABCDEFGH23456723",
        "ghp_" + LONG[:35],
        "ghp_" + LONG[:37],
        "ghp_" + "x" * 36,
        "xoxb-" + "not-a-token-but-words-in-a-row",
        "AIza" + LONG[:34],
        "sk_live_" + "0" * 24,
        "sk-" + LONG[:48],
        "SG." + "www.example.org",
        "eyJ" + LONG[:20],
        f"eyJ{LONG[:20]}.{LONG[:20]}.{LONG[:43]}",
        f"eyJ{LONG[:10]}.eyJ{LONG[:20]}.{LONG[:43]}",
        BLOCK.replace("PRIVATE", "PUBLIC"),
        BLOCK[:-30],
        "-----BEGIN RSA PRIVATE KEY-----\n...\n-----END RSA PRIVATE KEY-----",
        "password = hunter2",
    ],
)
def test_no_secret(text: str) -> None:
    assert only("secret", text) == []
