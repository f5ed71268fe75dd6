"""Environments of the peers, whose pins conflict with ours: made when first needed, then kept."""

import hashlib
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from dolma_pipe.kernels.jit import user_cache

PINS = {
    "libraries": (
        "fasttext-community==0.11.9",  # fastText built anew, faster than the released wheels
        "rensa==0.5.0",
        "datasketch==2.0.0",
        "tokenizers==0.23.3",
        "xxhash==4.1.0",
        "numpy==2.4.6",
        "scipy==1.17.1",
    ),
    "dolma": (
        "dolma==1.2.1",  # brings fasttext-wheel 0.9.2
        "boto3==1.28.17",  # with the next, what pip finds after half an hour of trying
        "aiobotocore==2.5.4",
        "smart_open==7.1.0",  # later ones need one more package for .zst
        "tokenizers==0.19.1",
        "numpy==1.26.4",
    ),
    "datatrove": (
        "datatrove[processing,io]==0.10.1",
        "aiohttp==3.14.5",  # its reader wants it
        "spacy==3.8.18",  # its English word split; the blank pipeline, no model
        "fasttext-numpy2-wheel==0.9.2",
        "numpy==2.4.6",
    ),
    "text-dedup": (
        "text-dedup==0.4.0",
        "datasets==5.2.0",
        "numpy==2.4.6",
    ),
}
NOT_ALL_WHEELS = ("text-dedup",)
"""Those that want packages of pure Python which are not released as wheels."""
INSTALL_SECONDS = 1800


class PeerMissing(Exception):
    """A peer cannot be installed here; one line."""


def peer_python(name: str) -> Path:
    """The Python of a peer's environment, made if it is not there. Raises PeerMissing."""
    found = _found(name)
    if isinstance(found, str):
        raise PeerMissing(found)
    return found


def peer_if_there(name: str) -> Path | None:
    """The Python of a peer's environment that was made before; nothing is installed."""
    folder = _folder(name)
    return folder / "bin" / "python" if (folder / "installed").exists() else None


def _folder(name: str) -> Path:
    digest = hashlib.sha256(repr((PINS[name], sys.version_info[:2])).encode()).hexdigest()[:12]
    return user_cache() / "peers" / f"{name}-{digest}"


@cache
def _found(name: str) -> Path | str:
    """What failed is not tried again: the reason is remembered, too."""
    folder = _folder(name)
    python = folder / "bin" / "python"
    if (folder / "installed").exists():
        return python
    print(f"installing {', '.join(PINS[name][:4])} into {folder}", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        _call(sys.executable, "-m", "venv", str(folder))
        wheels = "--prefer-binary" if name in NOT_ALL_WHEELS else "--only-binary=:all:"
        _call(str(python), "-m", "pip", "install", "--quiet", wheels, *PINS[name])
    except PeerMissing as missing:
        return f"{PINS[name][0]} cannot be installed: {missing}"
    (folder / "installed").touch()
    return python


def package_file(python: Path, path: str) -> Path:
    """A file of an installed package of that environment."""
    [found] = (python.parent.parent / "lib").glob(f"python*/site-packages/{path}")
    return found


def _call(*command: str) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PeerMissing(str(error)) from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise PeerMissing((lines or [f"exit {done.returncode}"])[-1])
