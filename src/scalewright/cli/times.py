"""Times as people read them."""

_UNITS = (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0))


def time_unit(seconds: float) -> tuple[str, float]:
    """The unit that a time is read in, and its seconds: the largest of which it has two."""
    return next(((name, length) for name, length in _UNITS if seconds >= 2 * length), ("s", 1.0))


def time_text(seconds: float) -> str:
    """Three digits and a unit."""
    name, length = time_unit(seconds)
    return f"{seconds / length:.3g} {name}"
