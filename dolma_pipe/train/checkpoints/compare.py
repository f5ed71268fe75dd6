"""What changed from one checkpoint to another: each parameter, config.json, meta.json."""

import math
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from dolma_pipe.errors import TrainError
from dolma_pipe.train.checkpoints.coding import CHUNK, kind_of
from dolma_pipe.train.checkpoints.packing import open_checkpoint
from dolma_pipe.train.checkpoints.weights import CONFIG, Tensor, Weights, WeightsFile
from dolma_pipe.train.meta import META

FLOATS = ("F16", "BF16", "F32", "F64")
MISSING = "-"


class Change(msgspec.Struct, kw_only=True):
    """One parameter in A and B.

    rms: of B - A. relative: the same as a share of the RMS of A. largest: the largest absolute
    B - A as a share of the RMS of A. cosine: of the angle between A and B. bits: share of bits that
    differ, where the dtypes are equal. not_finite: numbers, in either, that the others leave out.
    None where it is not defined.
    """

    name: str
    shape: list[int]
    dtype: str
    rms: float | None = None
    relative: float | None = None
    largest: float | None = None
    cosine: float | None = None
    bits: float | None = None
    not_finite: int = 0


class Difference(msgspec.Struct, kw_only=True):
    """only_a, only_b: parameters. shapes: of those that differ. config: values that differ, by
    key; meta: side by side. Each pair is A, B."""

    a: str
    b: str
    parameters: list[Change]
    only_a: list[str]
    only_b: list[str]
    shapes: dict[str, tuple[list[int], list[int]]]
    config: dict[str, tuple[Any, Any]]
    meta: dict[str, tuple[Any, Any]]


def difference(a: Path, b: Path) -> Difference:
    """Compare two checkpoints, ours (deltas, too) or Hugging Face directories, chunk by chunk.

    Raises TrainError where one of them cannot be read.
    """
    with open_checkpoint(a) as whole_a, open_checkpoint(b) as whole_b:
        first, second = Weights(whole_a), Weights(whole_b)
        parameters, shapes = [], {}
        names = {tensor.name for _, tensor in second}
        only_a = [tensor.name for _, tensor in first if tensor.name not in names]
        only_b = [tensor.name for _, tensor in second if first.find(tensor.name) is None]
        for file, tensor in first:
            if (other := second.find(tensor.name)) is None:
                continue
            if other[1].shape != tensor.shape:
                shapes[tensor.name] = (list(tensor.shape), list(other[1].shape))
            else:
                parameters.append(_change(file, tensor, *other))
        settings = [_values(folder / CONFIG) for folder in (whole_a, whole_b)]
        metas = [_values(folder / META) for folder in (whole_a, whole_b)]
    return Difference(
        a=str(a),
        b=str(b),
        parameters=parameters,
        only_a=only_a,
        only_b=only_b,
        shapes=shapes,
        config={key: pair for key, pair in _pairs(*settings).items() if pair[0] != pair[1]},
        meta={
            key: pair
            for key, pair in _pairs(*metas).items()
            if pair[0] != pair[1] or not key.startswith("config.")
        },
    )


def _change(file: WeightsFile, tensor: Tensor, other: WeightsFile, there: Tensor) -> Change:
    """Sums over chunks in float64, so that memory is that of a chunk."""
    same = tensor.dtype == there.dtype
    dtype = tensor.dtype if same else f"{tensor.dtype}, {there.dtype}"
    change = Change(name=tensor.name, shape=list(tensor.shape), dtype=dtype)
    count = math.prod(tensor.shape)
    flipped, sums, largest, used = 0, np.zeros(4), 0.0, 0
    for start in range(0, count, CHUNK):
        end = min(start + CHUNK, count)
        left, right = _bytes(file, tensor, start, end), _bytes(other, there, start, end)
        if same:
            flipped += int(np.bitwise_count(left ^ right).sum(dtype=np.int64))
        if (x := _numbers(left, tensor.dtype)) is None or (
            y := _numbers(right, there.dtype)
        ) is None:
            continue
        finite = np.isfinite(x) & np.isfinite(y)
        x, y = x[finite], y[finite]
        change.not_finite += int(finite.size - x.size)
        used += x.size
        step = y - x
        sums += [np.dot(step, step), np.dot(x, x), np.dot(y, y), np.dot(x, y)]
        largest = max(largest, float(np.abs(step).max(initial=0.0)))
    change.bits = flipped / (8 * tensor.size) if same and tensor.size else None
    if used:
        moved, size_a, size_b, product = (float(one) for one in sums)
        scale = math.sqrt(size_a / used)
        change.rms = math.sqrt(moved / used)
        change.relative = change.rms / scale if scale else None
        change.largest = largest / scale if scale else None
        lengths = math.sqrt(size_a) * math.sqrt(size_b)
        change.cosine = min(1.0, max(-1.0, product / lengths)) if lengths else None
    return change


def _bytes(file: WeightsFile, tensor: Tensor, start: int, end: int) -> NDArray[np.uint8]:
    each = tensor.size // math.prod(tensor.shape)
    return file.read(tensor, start * each, end * each)


def _numbers(data: NDArray[np.uint8], dtype: str) -> NDArray[np.float64] | None:
    """None for dtypes whose numbers are not compared."""
    if dtype == "BF16":
        return (data.view("<u2").astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    if dtype in FLOATS:
        return data.view(f"<f{kind_of(dtype).bytes}").astype(np.float64)
    if dtype[:1] in "IU":
        return data.view(f"<{dtype[0].lower()}{kind_of(dtype).bytes}").astype(np.float64)
    return None


def _values(path: Path) -> dict[str, Any]:
    """A JSON object, nested keys joined by dots; empty where there is no such file."""
    try:
        found = msgspec.json.decode(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.DecodeError) as error:
        raise TrainError(f"{path}: damaged: {error}") from None
    return _flat(found, "") if isinstance(found, dict) else {}


def _flat(given: dict[str, Any], above: str) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in given.items():
        name = f"{above}{key}"
        flat |= _flat(value, f"{name}.") if isinstance(value, dict) and value else {name: value}
    return flat


def _pairs(a: dict[str, Any], b: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {key: (a.get(key, MISSING), b.get(key, MISSING)) for key in sorted(a | b)}
