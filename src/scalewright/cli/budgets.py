"""What a budget of compute, time or money comes to in FLOPs, with the reason."""

import re
from pathlib import Path

from scalewright.cli.options import positive
from scalewright.errors import InputError
from scalewright.machines import Machine

MFU = 0.4
"""Share of the best measured rate of matrix products that training is assumed to reach."""

_UNITS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def budget(
    compute: str | None,
    time: str | None,
    usd: str | None,
    rate: str | None,
    machine: Path | None,
    usd_per_hour: str | None,
) -> tuple[float, str]:
    """FLOPs, and how they were reckoned.

    Raises:
        InputError: not one of compute, time and money is given, or what time or money needs is missing.
    """
    given = [name for name, value in (("--compute", compute), ("--time", time), ("--usd", usd)) if value is not None]
    if len(given) != 1:
        raise InputError(f"found {', '.join(given) or 'no budget'}, expected one of --compute, --time, --usd or --loss")
    if compute is not None:
        return positive("--compute", compute), "given"
    speed, how = _speed(rate, machine)
    if usd is not None:
        if usd_per_hour is None:
            raise InputError("--usd: needs --usd-per-hour, the price of what computes at --rate or of --machine")
        hours = positive("--usd", usd) / positive("--usd-per-hour", usd_per_hour)
        return 3600 * hours * speed, f"{hours:.4g} hours at {how}"
    if usd_per_hour is not None:
        raise InputError("--usd-per-hour: belongs to --usd; give one, or leave it out")
    seconds = _seconds(str(time))
    return seconds * speed, f"{seconds / 3600:.4g} hours at {how}"


def _speed(rate: str | None, machine: Path | None) -> tuple[float, str]:
    if (rate is None) == (machine is None):
        raise InputError(
            "--time and --usd: need --rate R, the FLOP/s reached in training, or --machine FILE, from a probe"
        )
    if rate is not None:
        speed = positive("--rate", rate)
        return speed, f"{speed:.4g} FLOP/s"
    probed = Machine.load(Path(str(machine)))
    advised = [each.flops_per_second for each in probed.matmul if each.dtype == probed.precisions.advised]
    count = probed.devices[0].count
    best = max(advised)
    return MFU * best * count, (
        f"{MFU:.0%} (assumed) of {count} x {best:.4g} FLOP/s, the best product in {probed.precisions.advised} of {probed.name}"
    )


def _seconds(text: str) -> float:
    matched = re.fullmatch(r"([0-9.eE+]+)\s*(s|min|m|h|d)", text.strip())
    if not matched:
        raise InputError(f"--time: found {text!r}, expected a number with a unit, such as 90min, 12h or 3d")
    return positive("--time", matched[1]) * _UNITS[matched[2]]
