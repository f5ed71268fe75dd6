"""Assets: pinned, cached, fetched once, refused where wrong; one line where they cannot be had."""

import hashlib
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from dolma_pipe import assets
from dolma_pipe.assets import Asset, File, Place, Url, Wheel
from dolma_pipe.cli.assets import command
from dolma_pipe.errors import AssetError

CONTENT = b"a model of three numbers: 1 2 3\n"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    """A cache of its own for each test but those of real assets."""
    monkeypatch.delenv("DOLMA_PIPE_OFFLINE", raising=False)
    if "asset" not in request.keywords:
        monkeypatch.setenv("DOLMA_PIPE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def toy(monkeypatch: pytest.MonkeyPatch, *places: Place) -> Asset:
    """The named asset `toy`, to be had at places."""
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    asset = Asset("toy", "toy.bin", sha256, len(CONTENT), "CC0-1.0", "a toy", places)
    monkeypatch.setitem(assets.ASSETS, "toy", asset)
    return asset


def make_wheel(folder: Path, content: bytes = CONTENT) -> Path:
    """A wheel that pip takes for a package, with toy/data.bin inside."""
    folder.mkdir(exist_ok=True)
    path = folder / "toy_package-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        info = "toy_package-1.0.dist-info"
        wheel.writestr("toy/data.bin", content)
        wheel.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: toy-package\nVersion: 1.0\n"
        )
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    return path


class Counting(BaseHTTPRequestHandler):
    """Answers every request with the toy, and counts."""

    requests = 0

    def do_GET(self) -> None:
        type(self).requests += 1
        self.send_response(200)
        self.end_headers()
        self.wfile.write(CONTENT)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def server() -> Iterator[str]:
    Counting.requests = 0
    with ThreadingHTTPServer(("127.0.0.1", 0), Counting) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}/toy.bin"
        running.shutdown()
        thread.join()


def test_file_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cache: Path) -> None:
    source = tmp_path / "given.bin"
    source.write_bytes(CONTENT)
    asset = toy(monkeypatch, File(tmp_path / "absent"), File(source))
    assert assets.cached_path("toy") is None
    path = assets.asset_path("toy")
    assert path == cache / "assets" / asset.sha256[:16] / "toy.bin"
    assert path.read_bytes() == CONTENT
    assert assets.cached_path("toy") == path
    source.unlink()
    assert assets.asset_path("toy") == path  # from the cache
    assert assets.asset_hash("toy") == asset.sha256


def test_file_inside_a_given_wheel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    toy(monkeypatch, File(make_wheel(tmp_path / "wheels"), "toy/data.bin"))
    assert assets.asset_path("toy").read_bytes() == CONTENT


def test_missing_member_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    toy(monkeypatch, File(make_wheel(tmp_path / "wheels"), "toy/other.bin"))
    with pytest.raises(AssetError, match=r"other\.bin: no such file inside toy_package"):
        assets.asset_path("toy")


@pytest.mark.parametrize("member", ["toy/data.bin", None])
def test_wheel_comes_through_pip_and_its_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, member: str | None
) -> None:
    wheel = make_wheel(tmp_path / "wheels")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    place = Wheel("toy-package==1.0", member)
    wanted = CONTENT if member else wheel.read_bytes()
    sha256 = hashlib.sha256(wanted).hexdigest()
    asset = Asset("toy", "toy.bin", sha256, len(wanted), "CC0-1.0", "a toy", (place,))
    monkeypatch.setitem(assets.ASSETS, "toy", asset)
    assert assets.asset_path("toy").read_bytes() == wanted


def test_wheel_that_no_index_has(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    toy(monkeypatch, Wheel("toy-package==1.0", "toy/data.bin"))
    with pytest.raises(AssetError, match="No matching distribution") as caught:
        assets.asset_path("toy")
    assert "\n" not in str(caught.value)


def test_without_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "find_spec", lambda _: None)
    toy(monkeypatch, Wheel("toy-package==1.0", "toy/data.bin"))
    with pytest.raises(AssetError, match="pip is not installed for"):
        assets.asset_path("toy")


def test_url_and_concurrent_fetches_download_once(
    monkeypatch: pytest.MonkeyPatch, server: str
) -> None:
    toy(monkeypatch, Url(server))
    with ThreadPoolExecutor(8) as threads:
        paths = list(threads.map(assets.asset_path, ["toy"] * 8))
    assert len(set(paths)) == 1
    assert paths[0].read_bytes() == CONTENT
    assert Counting.requests == 1
    assert [path.name for path in paths[0].parent.iterdir()] == ["toy.bin"]  # no leftovers


def test_wrong_hash_is_refused_and_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cache: Path
) -> None:
    wrong = tmp_path / "wrong.bin"
    wrong.write_bytes(b"something else")
    asset = toy(monkeypatch, File(wrong))
    with pytest.raises(AssetError) as caught:
        assets.asset_path("toy")
    got = hashlib.sha256(b"something else").hexdigest()
    for part in ("asset toy", str(wrong), asset.sha256, got):
        assert part in str(caught.value)
    assert not list(cache.rglob("toy.bin"))


def test_next_place_after_a_wrong_hash(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wrong, right = tmp_path / "wrong.bin", tmp_path / "right.bin"
    wrong.write_bytes(b"something else")
    right.write_bytes(CONTENT)
    toy(monkeypatch, File(wrong), File(right))
    assert assets.asset_path("toy").read_bytes() == CONTENT


def test_corrupt_cached_file_is_fetched_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    source = tmp_path / "given.bin"
    source.write_bytes(CONTENT)
    toy(monkeypatch, File(source))
    path = assets.asset_path("toy")
    path.write_bytes(CONTENT[:5])
    assert assets.cached_path("toy") is None
    assert assets.asset_path("toy").read_bytes() == CONTENT


def test_offline_says_in_one_line_what_to_do(monkeypatch: pytest.MonkeyPatch, server: str) -> None:
    monkeypatch.setenv("DOLMA_PIPE_OFFLINE", "1")
    asset = toy(monkeypatch, Url(server), Wheel("toy-package==1.0"))
    with pytest.raises(AssetError) as caught:
        assets.asset_path("toy")
    message = str(caught.value)
    assert Counting.requests == 0
    assert "\n" not in message
    for part in ("dolma-pipe assets fetch toy", str(asset.cache_file), "DOLMA_PIPE_OFFLINE"):
        assert part in message
    # The advice holds: the file put there is taken.
    asset.cache_file.parent.mkdir(parents=True, exist_ok=True)
    asset.cache_file.write_bytes(CONTENT)
    assert assets.asset_path("toy") == asset.cache_file


def test_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = "http://127.0.0.1:1/refused"
    toy(monkeypatch, Url(closed))
    with pytest.raises(AssetError, match="asset toy is not in the cache and cannot be fetched"):
        assets.asset_path("toy")


def test_a_path_is_used_as_it_is(tmp_path: Path) -> None:
    model = tmp_path / "mine.bin"
    model.write_bytes(CONTENT)
    assert assets.asset_path(str(model)) == model
    assert assets.asset_hash(str(model)) == hashlib.sha256(CONTENT).hexdigest()


@pytest.mark.parametrize(
    ("name", "message"), [("lid167", "did you mean lid176"), ("/no/such", "named assets")]
)
def test_neither_asset_nor_file(name: str, message: str) -> None:
    with pytest.raises(AssetError, match=message):
        assets.asset_path(name)


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match="is a directory"):
        assets.asset_path(str(tmp_path))


def test_a_cache_that_cannot_be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("DOLMA_PIPE_CACHE", str(tmp_path / "file"))
    toy(monkeypatch)
    with pytest.raises(AssetError, match="cannot use the asset cache"):
        assets.asset_path("toy")


def test_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    source = tmp_path / "given.bin"
    source.write_bytes(CONTENT)
    asset = toy(monkeypatch, File(source))
    runner = CliRunner()
    assert "not fetched" in runner.invoke(command, ["list"]).output
    assert str(asset.cache_file) in runner.invoke(command, ["fetch", "toy"]).output
    assert runner.invoke(command, ["path", "toy"]).output == f"{asset.cache_file}\n"
    assert isinstance(runner.invoke(command, ["fetch", "nothing"]).exception, AssetError)


@pytest.mark.asset
@pytest.mark.parametrize("name", ["lid176", "gpt-neox-olmo"])
def test_real_asset(name: str) -> None:
    path = assets.asset_path(name)
    assert path.stat().st_size == assets.ASSETS[name].size
    assert hashlib.sha256(path.read_bytes()).hexdigest() == assets.ASSETS[name].sha256
