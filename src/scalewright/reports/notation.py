"""Numbers as people read them: three or four digits, a unit, no more."""

SPACE = "\N{NO-BREAK SPACE}"
"""Between a number and its unit, so that a line never breaks there."""

_COUNTS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))
_SI = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
# A value this close below a unit would be rounded up to 1000 of the smaller one.
_ROUNDS_UP = 0.9995


def digits(value: float, significant: int = 3) -> str:
    """`value` to so many significant digits, trailing zeros kept, no exponent: 2.40, 1235, 0.00731."""
    if value == 0:
        return "0"
    exponent = int(f"{abs(value):.{significant - 1}e}".rpartition("e")[2])
    decimals = significant - 1 - exponent
    return _minus(f"{round(value, decimals):.{max(decimals, 0)}f}")


def count(value: float) -> str:
    """A number of things: 950, 56.3 k, 1.23 M, 7.00 B."""
    return _scaled(value, _COUNTS, "")


def tick(value: float) -> str:
    """A round number on an axis: 500 k, 1 M, 2.5 M."""
    size, prefix = next((unit for unit in _COUNTS if value >= unit[0]), (1.0, ""))
    return f"{value / size:g}{SPACE if prefix else ''}{prefix}"


def quantity(value: float, unit: str) -> str:
    """A quantity with a decimal prefix: 412 GFLOP/s, 58.0 GB/s, 20.0 MB."""
    return _scaled(value, _SI, unit)


def power(value: float, decimals: int = 1) -> str:
    """A very large number: 4.1e13."""
    mantissa, _, exponent = f"{value:.{decimals}e}".partition("e")
    return _minus(f"{mantissa}e{int(exponent)}")


def duration(seconds: float) -> str:
    """A time: 4.20 ms, 12.3 s, 3 min 24 s, 2 h 05 min, 3.10 d."""
    if seconds < 0.9995:
        return f"{digits(seconds * 1e3)}{SPACE}ms"
    if seconds < 99.95:
        return f"{digits(seconds)}{SPACE}s"
    if seconds < 3599.5:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes}{SPACE}min {rest:02d}{SPACE}s"
    if seconds < 48 * 3600:
        hours, minutes = divmod(round(seconds / 60), 60)
        return f"{hours}{SPACE}h {minutes:02d}{SPACE}min"
    return f"{digits(seconds / 86400)}{SPACE}d"


def percent(fraction: float, decimals: int = 1, *, signed: bool = False) -> str:
    """A share or, signed, a relative difference: 31.5 %, +0.4 %."""
    text = f"{100 * fraction:{'+' if signed else ''}.{decimals}f}"
    if float(text) == 0:
        text = text.lstrip("+-")
    return f"{_minus(text)}{SPACE}%"


def times(ratio: float) -> str:
    """A ratio: 10.2x."""
    return f"{digits(ratio)}x"


def loss(value: float) -> str:
    """A loss: four digits, 2.143."""
    return digits(value, 4)


def span(low: float, high: float) -> str:
    """An interval of losses: 2.118 – 2.171."""
    return f"{loss(low)} – {loss(high)}"


def plain(value: float) -> str:
    """A number of unknown kind: 3,900,000, or four digits, with a power of ten where it is far from 1."""
    if value == int(value) and abs(value) < 1e9:
        return _minus(f"{int(value):,}")
    if 1e-4 <= abs(value) < 1e6:
        return _minus(f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}")
    return _minus(f"{value:.2e}".replace("e+0", "e").replace("e+", "e").replace("e-0", "e-"))


def _scaled(value: float, scale: tuple[tuple[float, str], ...], unit: str) -> str:
    for size, prefix in scale:
        if abs(value) >= _ROUNDS_UP * size:
            return f"{digits(value / size)}{SPACE}{prefix}{unit}"
    number = str(int(value)) if value == int(value) else digits(value)
    return f"{_minus(number)}{SPACE}{unit}" if unit else _minus(number)


def _minus(text: str) -> str:
    head, mark, exponent = text.partition("e")
    return head.replace("-", "\N{MINUS SIGN}") + mark + exponent
