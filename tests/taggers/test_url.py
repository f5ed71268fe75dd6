import gzip
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from dolma_pipe.batch import batch_of
from dolma_pipe.errors import AssetError
from tests.taggers.shelf import tagger


@pytest.fixture
def lists(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "domains.gz").write_bytes(
        gzip.compress(
            "# UT1\nbad.example\nwww.Worse.example.\nbücher.example\n192.0.2.1\n".encode()
        )
    )
    (tmp_path / "urls").write_text("http://mixed.example/bad/\nmixed.example/?q=bad\n")
    (tmp_path / "words").write_text("casino\nbet\nfree spins\nété\n", encoding="utf-8")
    names = {"domains": "domains.gz", "urls": "urls", "words": "words"}
    return {setting: str(tmp_path / name) for setting, name in names.items()}


def values(column: str, found_at: list[object], **settings: object) -> list[float]:
    batch = batch_of(["x"] * len(found_at), metadata=[{"url": url} for url in found_at])
    found = tagger("url", **settings).tag(batch)[column]
    assert isinstance(found, np.ndarray)
    return [float(x) for x in found]


@pytest.mark.parametrize(
    ("url", "domain", "subdomain"),
    [
        ("http://bad.example/x", 1, 1),
        ("https://www.BAD.example:8080", 1, 1),
        ("http://ads.bad.example/", 0, 1),
        ("http://a.b.c.bad.example", 0, 1),
        ("http://notbad.example", 0, 0),
        ("http://bad.example.org", 0, 0),
        ("http://good.example/bad.example", 0, 0),
        ("http://bad.example@good.example", 0, 0),
        ("worse.example", 1, 1),
        ("http://xn--bcher-kva.example/a", 1, 1),
        ("http://shop.BÜCHER.example/", 0, 1),
        ("http://192.0.2.1/", 1, 1),
        ("http://1.192.0.2.1/", 0, 0),
        ("", 0, 0),
        (None, 0, 0),
        (7, 0, 0),
    ],
)
def test_domains(lists: dict[str, str], url: object, domain: int, subdomain: int) -> None:
    assert values("blocked_domain", [url, "x.org"], domains=lists["domains"]) == [domain, 0]
    assert values("blocked_subdomain", [url, "x.org"], domains=lists["domains"]) == [subdomain, 0]


@pytest.mark.parametrize(
    ("url", "blocked"),
    [
        ("https://www.mixed.example/bad", 1),
        ("http://mixed.example/good", 0),
        ("http://mixed.example/bad/more", 0),
        ("http://mixed.example?q=bad#top", 1),
        (None, 0),
    ],
)
def test_urls(lists: dict[str, str], url: object, blocked: int) -> None:
    assert values("blocked_url", [url], urls=lists["urls"]) == [blocked]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://example.com/alphabet", 0),
        ("http://example.com/Casino/casino", 1),
        ("http://casino.example.com/bet-now", 2),
        ("http://example.com/free_spins?x=%C3%A9t%C3%A9", 2),
        (None, 0),
    ],
)
def test_words(lists: dict[str, str], url: object, words: int) -> None:
    """Soft words keep at most 1, hard words 0."""
    assert values("blocked_words", [url], words=lists["words"]) == [words]


def test_hostile_hosts_take_little_memory(lists: dict[str, str]) -> None:
    """Each of 123 labels: the domains of all at once would take 125 MB."""
    urls: list[object] = ["http://" + "a." * 122 + "example/"] * 3000
    urls[2000] = "http://" + "a." * 100 + "bad.example"
    tracemalloc.start()
    try:
        found = values("blocked_subdomain", urls, domains=lists["domains"])
        assert tracemalloc.get_traced_memory()[1] < 80e6
    finally:
        tracemalloc.stop()
    assert np.flatnonzero(found).tolist() == [2000]


def test_columns_follow_the_lists(lists: dict[str, str]) -> None:
    assert tagger("url").columns() == ("has_url",)
    assert tagger("url").assets() == ()
    everything = tagger("url", **lists)
    assert everything.assets() == tuple(lists.values())
    assert tuple(everything.tag(batch_of(["x", ""]))) == everything.columns()
    assert tuple(everything.tag(batch_of([]))) == everything.columns()


def test_the_field_is_a_setting() -> None:
    batch = batch_of(["x", "y"], metadata=[{"page": {"uri": "http://a.b"}}, {"url": "http://a.b"}])
    found = tagger("url", field="metadata.page.uri").tag(batch)["has_url"]
    assert isinstance(found, np.ndarray)
    assert found.tolist() == [1, 0]
    assert values("has_url", ["http://a.b", " ", None, ["http://a.b"]]) == [1, 0, 0, 0]


def test_a_broken_list_is_told_before_any_document(tmp_path: Path) -> None:
    (tmp_path / "none").write_text("#\n")
    with pytest.raises(AssetError, match=r"^url\.domains: .*none holds no entry"):
        tagger("url", domains=str(tmp_path / "none")).check()
    with pytest.raises(AssetError, match=r"^url\.words: .*none holds no word"):
        tagger("url", words=str(tmp_path / "none")).check()
