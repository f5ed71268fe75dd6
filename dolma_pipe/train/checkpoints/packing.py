"""Whole checkpoints to deltas and back, bit for bit; open_checkpoint gives whole weights of either.

At no moment is there neither the whole weights nor a verified delta: model.delta gets its name
after it was decoded and compared, and weights go after that.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec

from dolma_pipe.errors import TrainError
from dolma_pipe.train.checkpoints.coding import CHUNK
from dolma_pipe.train.checkpoints.delta import (
    DELTA,
    Base,
    FileDelta,
    Header,
    is_delta,
    read_header,
    restored,
    write_header,
    write_planes,
)
from dolma_pipe.train.checkpoints.publish import published, sync_folder
from dolma_pipe.train.checkpoints.retention import deltas_of, remove
from dolma_pipe.train.checkpoints.weights import ALONE, Weights, file_sha256, weight_files
from dolma_pipe.train.meta import META
from dolma_pipe.work import TEMPORARY, atomic_write, lies_below

OPTIMIZER = "train"


class Packed(msgspec.Struct):
    """What packing made. whole, delta: bytes of the weights, before and after. alone: tensors that
    the base has not in this shape and dtype. left_out: bytes of the optimizer."""

    folder: Path
    whole: int
    delta: int
    alone: int
    left_out: int


class PackedCheckpoint(msgspec.Struct):
    """What `dolma-pipe checkpoints pack` tells of each."""

    packed: Packed
    seconds: float


class Against:
    """The base of one or many deltas, read and hashed once. Raises TrainError where it is a delta
    itself: a chain would be lost with any of its links."""

    def __init__(self, folder: Path) -> None:
        if is_delta(folder):
            raise TrainError(f"{folder} is a delta itself: a base has whole weights; unpack it")
        self.folder = folder
        self.weights = Weights(folder)
        self.sha256 = {one.path.name: file_sha256(one.path) for one in self.weights.files}

    def seen_from(self, delta: Path) -> Base:
        """What the header of a delta in this folder says of it."""
        whole = self.folder.resolve()
        relative = os.path.relpath(whole, delta.resolve())
        return Base(whole.name, relative, str(whole), self.sha256)


def pack(
    checkpoint: Path,
    base: Against,
    out: Path | None,
    *,
    optimizer: bool = False,
    workers: int | None = None,
) -> Packed:
    """Write the checkpoint as a delta into the new folder `out`, or, None, in its own place.

    optimizer: keep train/. Raises TrainError where it is a delta already, the base itself, or, in
    its own place, the base of others; and where a file cannot be read.
    """
    _packable(checkpoint, base, in_place=out is None)
    weights = Weights(checkpoint)
    names = [path for path in _others(checkpoint) if optimizer or path.parts[0] != OPTIMIZER]
    left_out = 0 if optimizer else folder_bytes(checkpoint / OPTIMIZER)
    place = out or checkpoint
    header = Header(
        chunk=CHUNK,
        base=base.seen_from(place),
        weights=[],
        files={path.as_posix(): file_sha256(checkpoint / path) for path in names},
        left_out=left_out,
        meta=_meta(checkpoint),
    )
    if out is None:
        with atomic_write(checkpoint / DELTA) as file:
            header = _write(file, weights, base, header, workers)
        sync_folder(checkpoint)
        _remove_weights(checkpoint, header)
    else:
        with published(out) as folder:
            _copy(checkpoint, folder, names)
            with (folder / DELTA).open("xb") as file:
                header = _write(file, weights, base, header, workers)
    alone = sum(not tensor.based for one in header.weights for tensor in one.tensors)
    return Packed(place, weights.bytes, (place / DELTA).stat().st_size, alone, left_out)


def _write(
    file: IO[bytes], weights: Weights, base: Against, header: Header, workers: int | None
) -> Header:
    """Write a delta, then decode it and compare every byte with the original's."""
    coded = write_planes(file, weights, base.weights, header.chunk, workers)
    header = msgspec.structs.replace(header, weights=coded)
    write_header(file, header)
    file.flush()
    path = Path(file.name)
    files = restored(path, read_header(path), base.weights, workers)
    for original, (_, pieces) in zip(weights.files, files, strict=True):
        with original.path.open("rb") as there:
            if any(there.read(len(piece)) != piece for piece in pieces) or there.read(1):
                raise TrainError(f"{original.path} changed while it was packed, or does not decode")
    return header


def finish(checkpoint: Path) -> None:
    """Remove what is left of whole weights in a delta: packing in place was killed there."""
    _remove_weights(checkpoint, read_header(checkpoint / DELTA))


def unpack(
    delta: Path, out: Path | None = None, *, base: Path | None = None, workers: int | None = None
) -> Path:
    """Restore the whole checkpoint into the new folder `out`, or, None, in the delta's own place.

    base: where it lies now; None: where it was, seen from the delta, or in the whole file system.
    Raises TrainError where the base is missing or has other weights, or the delta is damaged.
    """
    header, weights = _opened(delta, base)
    if out is None:
        _restore(delta, delta, header, weights, workers)
        sync_folder(delta)
        (delta / DELTA).unlink()
        _remove_temporaries(delta)
        return delta
    with published(out) as folder:
        _copy(delta, folder, [Path(name) for name in header.files])
        _restore(delta, folder, header, weights, workers)
    return out


@contextmanager
def open_checkpoint(
    folder: Path, *, base: Path | None = None, workers: int | None = None
) -> Iterator[Path]:
    """A folder with whole weights, for as long as the block lasts: this one, or, where it is a
    delta, a temporary one (in TMPDIR), whose other files are links.

    Raises TrainError as unpack does, and where there are no weights.
    """
    if not is_delta(folder):
        weight_files(folder)
        yield folder
        return
    header, weights = _opened(folder, base)
    with tempfile.TemporaryDirectory(prefix="dolma-pipe-") as temporary:
        whole = Path(temporary) / folder.resolve().name
        whole.mkdir()
        for name in {Path(name).parts[0] for name in header.files}:
            (whole / name).symlink_to((folder / name).resolve())
        _restore(folder, whole, header, weights, workers)
        yield whole


def verify(delta: Path, *, base: Path | None = None, workers: int | None = None) -> None:
    """Decode the delta and compare it with what it says. Raises TrainError as unpack does."""
    header, weights = _opened(delta, base)
    for file, pieces in restored(delta / DELTA, header, weights, workers):
        _hashed(delta, file, pieces, None)


def _packable(checkpoint: Path, base: Against, *, in_place: bool) -> None:
    if is_delta(checkpoint):
        raise TrainError(f"{checkpoint} is a delta already")
    if checkpoint.resolve() == base.folder.resolve():
        raise TrainError(f"{checkpoint} is the base: it stays whole")
    if in_place and (needed := deltas_of(checkpoint)):
        told = ", ".join(str(path) for path in needed[:3])
        raise TrainError(f"{checkpoint} stays whole: it is the base of {told}")


def _opened(delta: Path, base: Path | None) -> tuple[Header, Weights]:
    """The header, and the base it was made with, its weights and the delta's files checked."""
    if not is_delta(delta):
        raise TrainError(f"{delta} is no delta: it has no {DELTA}")
    header = read_header(delta / DELTA)
    for name, sha256 in header.files.items():
        path = delta / name
        if not lies_below(name) or not path.is_file():
            raise TrainError(f"{path} is missing, which belongs to the delta")
        if file_sha256(path) != sha256:
            raise TrainError(f"{path} is not as it was when the delta was made (sha256)")
    place = base or base_of(delta, header)
    if place is None:
        told = f"{header.base.path} or {header.base.absolute}"
        raise TrainError(f"{delta}: its base {header.base.name} is not at {told}: say --base")
    found = Against(place)
    if found.sha256 != header.base.files:
        differ = sorted(dict(found.sha256.items() ^ header.base.files.items()))
        told = f"other weights in {', '.join(differ)} (sha256)"
        raise TrainError(f"{place} is not the base of {delta}, or has changed: {told}")
    return header, found.weights


def base_of(delta: Path, header: Header) -> Path | None:
    """Where the base lies now, as seen from the delta, or else where it was."""
    for place in (delta.resolve() / header.base.path, Path(header.base.absolute)):
        if place.is_dir():
            return Path(os.path.normpath(place))
    return None


def _restore(delta: Path, into: Path, header: Header, base: Weights, workers: int | None) -> None:
    for file, pieces in restored(delta / DELTA, header, base, workers):
        with atomic_write(into / file.name) as target:
            _hashed(delta, file, pieces, target)


def _hashed(
    delta: Path, file: FileDelta, pieces: Iterator[bytes], target: IO[bytes] | None
) -> None:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
        if target is not None:
            target.write(piece)
    if digest.hexdigest() != file.sha256:
        raise TrainError(f"{delta / DELTA}: damaged: {file.name} is not what was packed (sha256)")


def _remove_weights(checkpoint: Path, header: Header) -> None:
    """What the delta replaces; the optimizer, too, where it is not kept."""
    for file in header.weights:
        (checkpoint / file.name).unlink(missing_ok=True)
    kept = any(Path(name).parts[0] == OPTIMIZER for name in header.files)
    if not kept and (checkpoint / OPTIMIZER).is_dir():
        remove(checkpoint / OPTIMIZER)
    _remove_temporaries(checkpoint)


def _remove_temporaries(checkpoint: Path) -> None:
    """What a killed writer left in it."""
    for left in checkpoint.glob(f".*{TEMPORARY}"):
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    sync_folder(checkpoint)


def _others(checkpoint: Path) -> list[Path]:
    """All files but the weights and what writers left, relative, by name."""
    weights = {path.name for path in weight_files(checkpoint)} | {DELTA, *ALONE}
    found = [path.relative_to(checkpoint) for path in checkpoint.rglob("*") if path.is_file()]
    return sorted(
        path
        for path in found
        if path.as_posix() not in weights and not any(p.endswith(TEMPORARY) for p in path.parts)
    )


def _copy(source: Path, target: Path, names: list[Path]) -> None:
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target / name)


def _meta(checkpoint: Path) -> object:
    try:
        return msgspec.json.decode((checkpoint / META).read_bytes())
    except FileNotFoundError:  # a Hugging Face directory
        return None
    except msgspec.DecodeError as error:
        raise TrainError(f"{checkpoint / META}: damaged: {error}") from None


def folder_bytes(folder: Path) -> int:
    """Of all files below it; 0 where it is not there."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
