"""The best model for a cluster within limits: every shape, laid out every way."""

import heapq
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from scalewright.architectures.decoder import Decoder
from scalewright.architectures.decoders import decoders
from scalewright.architectures.memory import training_memory
from scalewright.architectures.parallel import RECOMPUTES, SHARDINGS, Layouts
from scalewright.errors import InputError, WorkError
from scalewright.laws import Law
from scalewright.machines.cluster import Cluster
from scalewright.machines.step import EFFICIENCY, Efficiency, step_time
from scalewright.planning.cluster_plan import Layout, Option
from scalewright.planning.rules import batch_tokens
from scalewright.planning.space import layouts

FREE_MEMORY = 0.92
"""Of a device's memory: the rest goes to the runtime, communication buffers and fragments."""

FEWEST_STEPS = 100
SMALLEST = 1e6
"""Params below which no cluster is planned for."""
_WIDEST = 30.0  # sizes within this factor of the best one for the FLOPs at hand are looked at
_ROUGH_MFU = 0.4
_TRIED_WITH_FEWER = 24  # shapes, the best with all devices


@dataclass(frozen=True)
class Limits:
    """What a plan may use; None where there is no limit."""

    seconds: float | None = None
    usd: float | None = None
    kwh: float | None = None
    flops: float | None = None
    memory_bytes: float | None = None
    """Of each device, where less than it has."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value is not None and not value > 0:
                raise InputError(f"{name}: found {value:g}, expected a positive limit")

    @property
    def given(self) -> dict[str, float]:
        """Those that are set."""
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class Order:
    """What is asked.

    Attributes:
        law: Of size and data.
        size: What of a shape the law's N counts.
        cluster: The devices.
        limits: What may be used.
        unique_tokens: Distinct tokens there are; None for as many as wanted.
        vocabulary, context: Of the model.
        params: N, where it is given: shapes within 5 % of it.
        tokens: D, where it is given.
        efficiency: Of the devices.
    """

    law: Law
    size: Callable[[Decoder], int]
    cluster: Cluster
    limits: Limits
    unique_tokens: float | None = None
    vocabulary: int = 32_768
    context: int = 2048
    params: float | None = None
    tokens: float | None = None
    efficiency: Efficiency = EFFICIENCY

    @property
    def precision(self) -> str:
        """The half precision to train in."""
        halves = self.cluster.device.halves
        if not halves:
            raise InputError(f"{self.cluster}: has neither bf16 nor fp16 matrix products to train with")
        return halves[0]

    @property
    def usable_memory(self) -> float:
        """Bytes of a device that a plan may fill."""
        own = FREE_MEMORY * self.cluster.device.memory_bytes
        return min(own, self.limits.memory_bytes or own)

    def seconds(self) -> float:
        """The time that limits leave on all devices; infinite where only FLOPs are limited."""
        device, count = self.cluster.device, self.cluster.count
        left = [self.limits.seconds or math.inf]
        if self.limits.usd is not None:
            if device.usd_per_hour is None:
                raise InputError(f"{device.name}: has no price in the catalogue: give one, or limit the time")
            left.append(3600 * self.limits.usd / (device.usd_per_hour * count))
        if self.limits.kwh is not None:
            left.append(3600 * self.limits.kwh / (device.watts / 1000 * count))
        return min(left)


def options(order: Order) -> list[Option]:
    """The best layout of every shape that fits, with the tokens that the limits buy it and its forecast loss; the best first.

    Raises:
        InputError: nothing limits the plan.
        WorkError: no model fits, with the limit that binds and what would be enough.
    """
    seconds = order.seconds()
    if math.isinf(seconds) and order.limits.flops is None and order.tokens is None:
        raise InputError("no limit: give a time, money, energy, FLOPs, or both params and tokens")
    found: list[Option] = []
    for smallest, largest in _ranges(order, seconds):
        shapes = decoders(smallest, largest, order.vocabulary, order.context)
        found = _judged(order, [_fastest(order, shape, seconds) for shape in shapes])
        if found:
            break
    if not found:
        raise WorkError(_why_not(order, seconds))
    for count in fewer(order.cluster):
        part = replace(order, cluster=Cluster(order.cluster.device, count))
        best = heapq.nsmallest(_TRIED_WITH_FEWER, found, key=lambda option: option.loss)
        found += _judged(order, [_fastest(part, option.shape, seconds) for option in best])
    return _best_of_each_shape(found)


def fewer(cluster: Cluster) -> list[int]:
    """Smaller numbers of devices that divide better among layers, heads and batches: 2^i 3^j 5^k nodes, from half of all on."""
    size = min(cluster.count, cluster.device.node.devices)
    most = cluster.count // size
    return [size * nodes for nodes in range(most - 1, most // 2, -1) if _smooth(nodes)] if most > 1 else []


def _smooth(number: int) -> bool:
    for prime in (2, 3, 5):
        while number % prime == 0:
            number //= prime
    return number == 1


def _judged(order: Order, found: Sequence[Option | None]) -> list[Option]:
    # With their forecast losses.
    fitting = [option for option in found if option is not None]
    if not fitting:
        return []
    sizes = np.array([float(order.size(option.shape)) for option in fitting])
    tokens = np.array([option.tokens for option in fitting])
    unique = tokens if order.unique_tokens is None else np.minimum(tokens, order.unique_tokens)
    losses = order.law.losses(sizes, tokens, unique_tokens=unique)
    return [option.model_copy(update={"loss": float(loss)}) for option, loss in zip(fitting, losses, strict=True)]


def _best_of_each_shape(found: Sequence[Option]) -> list[Option]:
    best: dict[Decoder, Option] = {}
    for option in rank(found):
        best.setdefault(option.shape, option)
    return list(best.values())


def _ranges(order: Order, seconds: float) -> Iterator[tuple[float, float]]:
    """Where to look for sizes: about the best for the FLOPs at hand, and, where none fits there, below."""
    if order.params is not None:
        yield 0.95 * order.params, 1.05 * order.params
        return
    flops = _rough_flops(order, seconds)
    sizes = np.geomspace(SMALLEST, 1e13, 400)
    tokens = np.full_like(sizes, order.tokens) if order.tokens else flops / (6 * sizes)
    best = sizes[np.argmin(order.law.losses(sizes, np.maximum(tokens, 1.0)))]
    if order.tokens:
        best = min(best, flops / (6 * order.tokens))
    yield best / _WIDEST, best * _WIDEST
    yield SMALLEST, best / _WIDEST


def _rough_flops(order: Order, seconds: float) -> float:
    cluster = order.cluster
    reached = _ROUGH_MFU * cluster.count * cluster.device.peak(order.precision) * seconds
    return min(reached, order.limits.flops or math.inf)


def _fastest(order: Order, shape: Decoder, seconds: float) -> Option | None:
    rough = order.tokens or _rough_flops(order, seconds) / shape.train_flops_per_token
    sequences = max(1, int(batch_tokens(rough, shape.context)[0] * 2))
    found = layouts(shape, order.cluster, sequences)
    if not len(found):
        return None
    fits = training_memory(shape, found).total <= order.usable_memory
    if not fits.any():
        return None
    found = found.take(fits)
    time = step_time(shape, found, order.cluster, order.precision, order.efficiency)
    speed = order.efficiency.production * found.sequences * shape.context / time.total
    best = int(np.argmax(speed))
    tokens = order.tokens or min(
        seconds * float(speed[best]), (order.limits.flops or math.inf) / shape.train_flops_per_token
    )
    needed = tokens / float(speed[best])
    flops = tokens * shape.train_flops_per_token
    if tokens < FEWEST_STEPS * shape.context or needed > seconds * (1 + 1e-9):
        return None
    if flops > (order.limits.flops or math.inf) * (1 + 1e-9):
        return None
    parts = {name: float(value[best]) for name, value in vars(time).items()}
    return _option(order, shape, found.take(np.array([best])), tokens, needed, parts)


def _option(
    order: Order,
    shape: Decoder,
    layout: Layouts,
    tokens: float,
    seconds: float,
    step_seconds: dict[str, float],
) -> Option:
    cluster, memory = order.cluster, training_memory(shape, layout)
    hours = seconds / 3600
    per_step = float(layout.sequences[0] * shape.context)
    flops = tokens * shape.train_flops_per_token
    peak = cluster.device.peak(order.precision) * cluster.count
    price = cluster.device.usd_per_hour
    return Option(
        shape=shape,
        params=shape.params,
        params_total=shape.params_total,
        tokens=tokens,
        steps=math.ceil(tokens / per_step),
        layout=Layout(
            devices=cluster.count,
            data=int(layout.data[0]),
            tensor=int(layout.tensor[0]),
            pipeline=int(layout.pipeline[0]),
            sharding=SHARDINGS[layout.sharding[0]],
            micro_batch=int(layout.micro_batch[0]),
            accumulation=int(layout.accumulation[0]),
            recompute=RECOMPUTES[layout.recompute[0]],
        ),
        precision=order.precision,
        flops=flops,
        seconds=seconds,
        device_hours=hours * cluster.count,
        usd=None if price is None else hours * cluster.count * price,
        kwh=hours * cluster.count * cluster.device.watts / 1000,
        memory_bytes=float(memory.total[0]),
        memory_parts={name: float(value[0]) for name, value in vars(memory).items()},
        tokens_per_second=tokens / seconds,
        mfu=flops / seconds / peak,
        step_seconds=step_seconds,
        loss=0.0,
        serving_flops_per_token=float(2 * shape.params),
        serving_bytes=float(2 * shape.params_total),
    )


def _why_not(order: Order, seconds: float) -> str:
    least = order.params and 0.95 * order.params
    shape = next(decoders(least or SMALLEST, 1.1 * (order.params or 1e13), order.vocabulary, order.context), None)
    if shape is None:
        return f"no shape has {order.params:.3g} params with a vocabulary of {order.vocabulary}: ask for more params"
    limits = ", ".join(f"{name} {value:.3g}" for name, value in order.limits.given.items())
    found = layouts(shape, order.cluster, 10**9)
    needed = float(training_memory(shape, found).total.min())
    if needed > order.usable_memory:
        return (
            f"no model fits: {shape.params:.3g} params need {needed / 1e9:.3g} GB on each of {order.cluster}, however laid "
            f"out, of {order.usable_memory / 1e9:.3g} GB: take more devices, or fewer params"
        )
    if order.tokens is not None:
        return (
            f"no model fits: even {shape.params:.3g} params do not see {order.tokens:.3g} tokens within {limits}: "
            "raise the limit, or ask for fewer tokens"
        )
    return f"no model fits: even {shape.params:.3g} params do not end {FEWEST_STEPS} steps within {limits}: raise the limit"


def rank(found: Sequence[Option]) -> list[Option]:
    """By loss, the faster first among equals."""
    return sorted(found, key=lambda option: (option.loss, option.seconds))
