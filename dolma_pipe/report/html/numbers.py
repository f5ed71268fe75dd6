"""Numbers as a page shows them."""

NONE = "–"
BYTES = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
SHORT = ("", "k", "M", "G", "T", "P", "E")


def shown(value: float | str | None, unit: str = "count") -> str:
    """A value in a unit: a key of UNITS. Text stays as it is."""
    if value is None or isinstance(value, str):
        return NONE if value is None else value
    return UNITS[unit](value)


def count(value: float) -> str:
    """1234567 as 1,234,567."""
    return f"{round(value):,}"


def number(value: float) -> str:
    """Up to four digits that count: 0.0625, 12.5, 1,234."""
    if value == int(value) or abs(value) >= 1000:
        return f"{round(value):,}"
    return f"{value:.4g}"


def size(value: float) -> str:
    """Bytes in powers of a thousand: 5.75 MB."""
    return _scaled(value, BYTES)


def short(value: float) -> str:
    """5,750,598 as 5.75 M; what is below 100,000 in full."""
    return count(value) if abs(value) < 100_000 else _scaled(value, SHORT)


def percent(share: float) -> str:
    """A share of 1 in percent; a small one is not told as nothing, nor a large one as all."""
    if 0 < share < 0.001:
        return "< 0.1 %"
    if 0.999 < share < 1:
        return "> 99.9 %"
    return f"{100 * share:.3g} %" if share < 1 else f"{100 * share:.0f} %"


def seconds(value: float) -> str:
    """0.42 s, 12 s, 3 min 20 s, 2 h 5 min."""
    if value < 60:
        return f"{value:.2g} s" if value < 9.5 else f"{value:.0f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60:,} h {minutes % 60} min"


def times(value: float) -> str:
    """How often: 2.5×."""
    return f"{value:.3g}×"


def _scaled(value: float, units: tuple[str, ...]) -> str:
    power = 0
    while abs(value) >= 999.5 and power < len(units) - 1:
        value, power = value / 1000, power + 1
    digits = f"{value:.0f}" if power == 0 else f"{value:.3g}"
    return f"{digits} {units[power]}".rstrip()


UNITS = {
    "count": count,
    "number": number,
    "rate": number,
    "bytes": size,
    "short": short,
    "percent": percent,
    "seconds": seconds,
    "times": times,
}
