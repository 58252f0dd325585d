"""The textbook's time: what perfect hardware would take, and what a plan gains by it."""

import math

from scalewright.planning.plan import Ideal

BITS = {
    "fp32": 32,
    "tf32": 32,
    "bf16": 16,
    "fp16": 16,
    "fp8": 8,
    "int8": 8,
    "int4": 4,
    "fp4": 4,
    "simulated-fp8-e4m3": 8,
    "simulated-int8": 8,
    "simulated-int4": 4,
    "simulated-fp4-e2m1": 4,
}


def ideal(fp32_seconds: float, precision: str, devices: int, params: float) -> Ideal:
    """T = T_fp32 (p/32) / k, for p bits on k devices, and the gain ln N - ln T.

    Args:
        fp32_seconds: On one device, in fp32.
        precision: What is computed in.
        devices: k.
        params: N.
    """
    seconds = fp32_seconds * BITS[precision] / 32 / devices
    return Ideal(seconds=seconds, devices=devices, gain=math.log(params) - math.log(seconds))
