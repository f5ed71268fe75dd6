"""Numbers for people: what is an estimate carries ~ and how far off it can be."""

from dolma_pipe.statistics.told import Bounded, Frequent


def number(found: Bounded) -> str:
    """1,234, or ~1,234 ±1.2% with 95 % probability."""
    if found.how == "exact":
        return f"{found.value:,.0f}"
    off = _off(found)
    told = f"±{off / found.value:.1%}" if found.value else f"±{off:,.0f}"
    return f"~{found.value:,.0f} {told}"


def share(found: Bounded, digits: int = 1) -> str:
    """12.3%, or ~12.3% ±0.4 (points) with 95 % probability."""
    if found.how == "exact":
        return f"{found.value:.{digits}%}"
    return f"~{found.value:.{digits}%} ±{100 * _off(found):.{digits}f}"


def count(found: Frequent) -> str:
    """1,234, or between which numbers it is for sure: 1,234..1,240."""
    if found.lower == found.upper:
        return f"{found.lower:,}"
    return f"{found.lower:,}..{found.upper:,}"


def _off(found: Bounded) -> float:
    return max(found.upper - found.value, found.value - found.lower)
