"""Which precision to compute in, from measured rates."""

from collections.abc import Mapping
from typing import Literal, get_args

from scalewright.documents import Reason
from scalewright.errors import InputError

Precision = Literal["fp32", "bf16", "fp16"]

# A lower precision has to repay its rounding, and the parts of a step that it does not speed up.
WORTH = 1.25

# Emulated products run several times slower than fp32, never slightly slower.
EMULATED = 0.5


def advise_precision(rates: Mapping[str, float]) -> tuple[Precision, Reason]:
    """The precision to compute in, given the best measured rate (FLOP/s) of each.

    bf16 where its products run at least 1.25 times as fast as fp32's. fp16 where it beats that choice by the
    same factor again: its range is narrower than fp32's, so it needs loss scaling (Micikevicius et al. 2018,
    arXiv 1710.03740), which bf16 does not (Kalamkar et al. 2019, arXiv 1905.12322). Otherwise fp32. Other
    names in `rates` are left aside.

    Raises:
        InputError: no rate of fp32.
    """
    if "fp32" not in rates:
        raise InputError("precision: no rate of fp32: measure it, the others are compared with it")
    advised: Precision = "fp32"
    lower: tuple[Precision, ...] = ("bf16", "fp16")
    for precision in lower:
        if precision in rates and rates[precision] >= WORTH * rates[advised]:
            advised = precision
    clauses = [_remark(precision, advised, rates) for precision in lower if precision in rates]
    # The chosen one is spoken of first.
    clauses.sort(key=lambda clause: not clause.startswith(advised))
    if not clauses:
        clauses = [f"only fp32 runs here ({_giga(rates['fp32'])} GFLOP/s)"]
    return advised, Reason(origin="measured", text="; ".join(clauses))


def usable_precisions(rates: Mapping[str, float]) -> tuple[Precision, ...]:
    """The precisions whose products run at least as fast as fp32's; slower ones have no hardware."""
    known: tuple[Precision, ...] = get_args(Precision)
    return tuple(p for p in known if p in rates and rates[p] >= rates["fp32"])


def _remark(precision: str, advised: str, rates: Mapping[str, float]) -> str:
    rate, fp32 = rates[precision], rates["fp32"]
    at = f"{precision} at {_giga(rate)} GFLOP/s"
    if precision == advised:
        ratio = f"{rate / fp32:.1f}x as fast as fp32 ({_giga(rate)} against {_giga(fp32)} GFLOP/s)"
        return f"{precision} runs matrix products {ratio}"
    if rate < EMULATED * fp32:
        return f"{at} has no hardware here"
    return f"{at} is not {WORTH}x as fast as {advised} ({_giga(rates[advised])} GFLOP/s)"


def _giga(rate: float) -> str:
    giga = rate / 1e9
    return f"{giga:,.0f}" if giga >= 10 else f"{giga:.2g}"
