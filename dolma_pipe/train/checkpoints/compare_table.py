"""A difference of two checkpoints as lines for people."""

from dolma_pipe.train.checkpoints.compare import Change, Difference

COLUMNS = ("parameter", "shape", "dtype", "largest", "relative", "RMS", "cosine", "bits")
WIDEST = 40


def difference_lines(found: Difference, *, changed_only: bool = False) -> list[str]:
    """Parameters, then what differs in names, shapes, config.json and meta.json."""
    changed = [one for one in found.parameters if one.bits != 0]
    shown = changed if changed_only else found.parameters
    lines = _columns([COLUMNS, *(_cells(one) for one in shown)], left=3) if shown else []
    lines += [f"{one.name}: {one.not_finite:,} not finite" for one in shown if one.not_finite]
    lines.append(f"{len(changed):,} of {len(found.parameters):,} parameters differ")
    lines += [f"only in A: {name}" for name in found.only_a]
    lines += [f"only in B: {name}" for name in found.only_b]
    for name, (a, b) in found.shapes.items():
        lines.append(f"{name}: {_shape(a)} in A, {_shape(b)} in B")
    for title, pairs in (("config.json", found.config), ("meta.json", found.meta)):
        if pairs:
            told = [(key, _short(a), _short(b)) for key, (a, b) in pairs.items()]
            lines += ["", *_columns([(title, "A", "B"), *told], left=3)]
    return lines


def _cells(one: Change) -> tuple[str, ...]:
    numbers = (one.largest, one.relative, one.rms)
    return (
        one.name,
        _shape(one.shape),
        one.dtype,
        *("-" if number is None else f"{number:.2e}" for number in numbers),
        "-" if one.cosine is None else f"{one.cosine:.6f}",
        "-" if one.bits is None else f"{one.bits:.2%}",
    )


def _short(value: object) -> str:
    told = str(value)
    return told if len(told) <= WIDEST else f"{told[: WIDEST - 3]}..."


def _shape(shape: list[int]) -> str:
    return "x".join(map(str, shape)) or "scalar"


def _columns(rows: list[tuple[str, ...]], left: int) -> list[str]:
    """Aligned: the first `left` columns to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    told = []
    for row in rows:
        cells = [
            cell.ljust(width) if place < left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        told.append("  ".join(cells).rstrip())
    return told
