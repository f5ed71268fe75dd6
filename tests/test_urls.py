import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dolma_pipe.urls import domains_of, host_of, key_of, words_of
from tests.texts import texts_of


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("example.com", "example.com"),
        ("http://www.Example.COM./a?b#c", "example.com"),
        ("https://user:pa@ss@example.com:8080/@x", "example.com"),
        ("//example.com/x", "example.com"),
        ("example.com:80/x", "example.com"),
        ("localhost:8080/x", "localhost"),
        ("http:example.com", "example.com"),
        (r"http:\\example.com\a@b.org", "example.com"),
        ("http://b.org\\@example.com", "b.org"),
        ("ftp://example.com?x@y", "example.com"),
        ("  http://example.com\n", "example.com"),
        ("http://%65xample.com/", "example.com"),
        ("http://bücher.example/", "xn--bcher-kva.example"),
        ("http://B%C3%BCCHER.example/", "xn--bcher-kva.example"),
        ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
        ("http://例え。テスト/", "xn--r8jz45g.xn--zckzah"),
        ("http://[2001:0DB8:0:0::1]:443/", "[2001:db8::1]"),
        ("http://[not an address]/", None),
        ("http://192.0.2.1:81/x", "192.0.2.1"),
        ("www.com", "www.com"),
        ("wwww.org", "wwww.org"),
        ("http://www.com/", "www.com"),
        ("a_b.example.com", "a_b.example.com"),
        ("0.0.0.0 example.com # a line of a hosts file", "example.com"),
        ("::1\texample.com", "example.com"),
        ("example.com # why", "example.com"),
        ("example.com#why", "example.com"),
        ("||example.com^$third-party", "example.com"),
        ("ü..example", "ü..example"),
        ("", None),
        ("http://", None),
        ("/only/a/path", None),
        ("a" * 300 + ".com", None),
        ("é" * 10**6, None),
    ],
)
def test_hosts(url: str, host: str | None) -> None:
    assert host_of(url) == host


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://example.com/a/", "https://www.EXAMPLE.com:443/a#b"),
        ("example.com/%7euser/%c3%a9 x", "example.com/~user/é%20x"),
        ("example.com", "http://user@example.com:80//"),
        ("example.com/?b", "http://example.com?b#c"),
        ("http://[::0:1]/x", "[::1]:443/x/"),
    ],
)
def test_equal_urls(one: str, other: str) -> None:
    assert key_of(one) == key_of(other) is not None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("example.com/a", "example.com/A"),
        ("example.com/a", "example.com/a?b"),
        ("example.com/a", "example.com:8080/a"),
        ("example.com/a", "example.com/a/b"),
        ("example.com/a%2Fb", "example.com/a/b"),
    ],
)
def test_different_urls(one: str, other: str) -> None:
    assert key_of(one) != key_of(other)


def test_domains() -> None:
    assert domains_of("a.b.example") == ["a.b.example", "b.example", "example"]
    assert domains_of("192.0.2.1") == ["192.0.2.1"]
    assert domains_of("[::1]") == ["[::1]"]


def test_words() -> None:
    assert words_of("http://a-b.org/C_d%20e/%C3%A9?x=1").split() == [
        *("http", "a", "b", "org", "C", "d", "e", "é", "x", "1")
    ]


PIECES = (
    "http",
    "://",
    "www.",
    "example",
    ".com",
    "@",
    ":80",
    "/",
    "?",
    "#",
    "%41",
    "%c3",
    "[::1]",
)


@settings(max_examples=300, deadline=None)
@given(texts_of(*PIECES) | st.text())
def test_whatever_it_is_a_spelling_is_final(url: str) -> None:
    url = url.encode(errors="replace").decode()
    host, key = host_of(url), key_of(url)
    words_of(url)
    if host is not None:
        assert len(host) > 0
        domains_of(host)
    if key is not None:
        key.encode()


@pytest.mark.parametrize(
    "piece", ["a", "a.", "%41", "é", "@", "/", "http:", "[", "a:", "x.é", "www.", "%", " ", "||"]
)
def test_a_long_url_takes_linear_time(piece: str) -> None:
    def seconds(url: str) -> float:
        start = time.process_time()
        host_of(url), key_of(url), words_of(url)
        return time.process_time() - start

    for head in ("", "http://", "http://example.com/"):
        assert seconds(head + piece * (4_000_000 // len(piece))) < 4
