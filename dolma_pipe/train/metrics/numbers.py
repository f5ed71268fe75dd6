"""Numbers for people: 1.2M, 3h12m. No torch."""


def short(number: float) -> str:
    """About three digits: 950, 12.5k, 1.2M, 300B, 2T."""
    size = abs(number)
    for unit, name in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if size >= 0.9995 * unit:  # 999,600 is 1M, not 1000k
            return f"{number / unit:.3g}{name}"
    return f"{number:.3g}"


def duration(seconds: float) -> str:
    """The two largest units: 42s, 7m05s, 3h12m, 4d06h."""
    whole = round(max(0.0, seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    minutes = whole // 60
    if minutes < 24 * 60:
        return f"{minutes // 60}h{minutes % 60:02}m"
    return f"{minutes // 1440}d{minutes // 60 % 24:02}h"
