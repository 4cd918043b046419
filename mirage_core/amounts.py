"""Bytes and seconds in words, for people."""

UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


def amount(nbytes: float) -> str:
    """Bytes: "9.8 GiB", "35 MiB", "12 bytes"."""
    value, unit = float(nbytes), 0
    while round(value) >= 1024 and unit + 1 < len(UNITS):
        value, unit = value / 1024, unit + 1
    return f"{value:.1f} {UNITS[unit]}" if unit and round(value, 1) < 100 else f"{value:,.0f} {UNITS[unit]}"


def lasting(seconds: float) -> str:
    """A time: "8 s", "1.4 min", "2 h 52 min"."""
    if round(seconds) < 60:
        return f"{seconds:.0f} s"
    if round(seconds / 60, 1) < 10:
        return f"{seconds / 60:.1f} min"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
