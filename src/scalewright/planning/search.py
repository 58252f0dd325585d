"""The best model for some hardware within limits: every shape, laid out every way."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from scalewright.architectures.decoder import Decoder
from scalewright.errors import InputError, WorkError
from scalewright.laws import Law
from scalewright.planning.hardware import Hardware, Laid
from scalewright.planning.machine_plan import Option
from scalewright.planning.prices import UNMEASURED, Prices
from scalewright.planning.serving import ANY, Serving, serving_bytes

FEWEST_STEPS = 100
_NEAR = 30.0  # all sizes within this factor of the best one for the FLOPs at hand are looked at
_ROUGH_MFU = 0.4
_FAR_OFF = 0.5  # of the tokens guessed, below which the layout is looked for anew
_LARGEST = 1e13  # params that nobody has trained
_SHARES = np.geomspace(0.01, 1, 9)[:, None]  # of the tokens that a shape may see at most: some laws rise with tokens


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
        hardware: What it is trained on.
        limits: What may be used, serving included.
        serving: What the trained model has to keep to.
        unique_tokens: Distinct tokens there are; None for as many as wanted.
        vocabulary, context: Of the model; None for the hardware's usual ones.
        params: N, where it is given: shapes within 5 % of it.
        tokens: D, where it is given.
        prices: What each precision costs.
    """

    law: Law
    size: Callable[[Decoder], int]
    hardware: Hardware
    limits: Limits
    serving: Serving = ANY
    unique_tokens: float | None = None
    vocabulary: int | None = None
    context: int | None = None
    params: float | None = None
    tokens: float | None = None
    prices: Prices = UNMEASURED

    def effective_sizes(self, found: Sequence[Option]) -> NDArray[np.float64]:
        """What the law is asked for in the place of N: N rho(precision) of each option."""
        rho = {precision: self.prices.of(precision).rho for precision in {option.precision for option in found}}
        return np.array([self.size(option.shape) * rho[option.precision] for option in found])

    @property
    def usable_memory(self) -> float:
        """Bytes of a device that a plan may fill."""
        return min(self.hardware.memory_bytes, self.limits.memory_bytes or math.inf)

    def seconds(self) -> float:
        """The time that limits leave on all devices; infinite where only FLOPs are limited.

        Raises:
            InputError: money or energy is limited, and what the hardware takes of it is not known.
        """
        hardware, count = self.hardware, self.hardware.devices
        left = [self.limits.seconds or math.inf]
        if self.limits.usd is not None:
            if hardware.usd_per_hour is None:
                raise InputError(f"{hardware}: has no price: give --usd-per-hour, or limit the time")
            left.append(3600 * self.limits.usd / (hardware.usd_per_hour * count))
        if self.limits.kwh is not None:
            if hardware.watts is None:
                raise InputError(f"{hardware}: its power is not known: limit the time")
            left.append(3600 * self.limits.kwh / (hardware.watts / 1000 * count))
        return min(left)

    def rough_flops(self) -> float:
        """What the limits buy, before any shape is looked at."""
        reached = _ROUGH_MFU * self.hardware.best_peak() * self.seconds()
        return min(reached, self.limits.flops or math.inf)

    def settled(self) -> "Order":
        """The same with a vocabulary and a context.

        Raises:
            InputError: nothing limits the plan.
        """
        flops = self.rough_flops()
        if math.isinf(flops) and self.tokens is None:
            raise InputError("no limit: give a time, money, energy, FLOPs, or both params and tokens")
        known = min(flops, 6 * (self.params or math.inf) * (self.tokens or math.inf))
        return replace(
            self,
            vocabulary=self.vocabulary or self.hardware.vocabulary,
            context=self.context or self.hardware.context(known),
        )


def options(order: Order) -> list[Option]:
    """The best precision and layout of the shapes that fit, with the tokens that the limits buy each and its forecast loss:
    shapes near the best for the FLOPs at hand, and the best of all others if it is better.

    Raises:
        InputError: nothing limits the plan.
        WorkError: no model fits, with the limit that binds and what would be enough.
    """
    order = order.settled()
    smallest, largest = _near(order)
    shapes = list(_shapes(order, smallest, largest))
    found = _judged(order, [option for shape in shapes for option in _options(order, shape)])
    found += _improvements(order, min((option.loss for option in found), default=math.inf), shapes)
    if not found:
        raise WorkError(_why_not(order))
    best: dict[Decoder, Option] = {}
    for option in rank(found):
        best.setdefault(option.shape, option)
    return list(best.values())


def best_option(order: Order) -> Option:
    """The best of `options`, without looking at what cannot be it.

    Raises:
        InputError, WorkError: as there.
    """
    order = order.settled()
    found = _improvements(order, math.inf)
    if not found:
        raise WorkError(_why_not(order))
    return rank(found)[0]


def rank(found: Sequence[Option]) -> list[Option]:
    """By loss, the faster first among equals."""
    return sorted(found, key=lambda option: (option.loss, option.seconds))


def _shapes(order: Order, smallest: float, largest: float) -> Iterator[Decoder]:
    assert order.vocabulary is not None
    assert order.context is not None
    return order.hardware.shapes(smallest, largest, order.vocabulary, order.context)


def _judged(order: Order, found: Sequence[Option]) -> list[Option]:
    # With their forecast losses.
    if not found:
        return []
    sizes = order.effective_sizes(found)
    tokens = np.array([option.tokens for option in found])
    unique = tokens if order.unique_tokens is None else np.minimum(tokens, order.unique_tokens)
    losses = order.law.losses(sizes, tokens, unique_tokens=unique)
    return [option.model_copy(update={"loss": float(loss)}) for option, loss in zip(found, losses, strict=True)]


def _near(order: Order) -> tuple[float, float]:
    """Sizes about the best for the FLOPs at hand."""
    if order.params is not None:
        return _sizes(order)
    flops = order.rough_flops()
    sizes = np.geomspace(*_sizes(order), 500)
    tokens = flops / (6 * sizes) - order.serving.training_tokens
    if order.tokens:
        tokens = np.full_like(sizes, order.tokens)
    best = sizes[np.argmin(order.law.losses(sizes, np.maximum(tokens, 1.0)))]
    if order.tokens:
        best = min(best, flops / (6 * order.tokens))
    return best / _NEAR, best * _NEAR


def _sizes(order: Order) -> tuple[float, float]:
    """All that are asked for."""
    if order.params is not None:
        return 0.95 * order.params, 1.05 * order.params
    return order.hardware.smallest, _LARGEST


def _improvements(order: Order, least: float, known: Sequence[Decoder] = ()) -> list[Option]:
    """Options of less loss than `least` and than those before them, the best there is among them: on all devices, but for
    shapes `known` there, and on parts that divide better.

    Branch and bound (Land and Doig 1960, Econometrica 28): shapes come by the loss that no layout of theirs goes below.
    """
    seconds, passed = order.seconds(), frozenset(known)
    shapes = list(_shapes(order, *_sizes(order)))
    branches: list[tuple[float, Order, Decoder]] = []
    for hardware in (order.hardware, *order.hardware.fewer()):
        part = replace(order, hardware=hardware)
        wanted = [shape for shape in shapes if hardware is not order.hardware or shape not in passed]
        branches += zip(_bounds(part, wanted, seconds), [part] * len(wanted), wanted, strict=True)
    found: list[Option] = []
    for bound, part, shape in sorted(branches, key=lambda branch: branch[0]):
        if bound >= least:
            break
        better = [option for option in _judged(part, list(_options(part, shape, seconds))) if option.loss < least]
        found += better
        least = min((option.loss for option in better), default=least)
    return found


def _bounds(order: Order, shapes: Sequence[Decoder], seconds: float) -> list[float]:
    """Losses that no layout of each shape goes below, in no precision; infinite where none ends a training."""
    lowest = np.full(len(shapes), math.inf)
    if not shapes:
        return []
    sizes = np.array([order.size(shape) for shape in shapes], dtype=np.float64)
    flops_per_token = np.array([shape.train_flops_per_token for shape in shapes], dtype=np.float64)
    fewest = np.array([FEWEST_STEPS * shape.context for shape in shapes])
    for precision in order.hardware.precisions:
        speed = np.array([order.hardware.most_tokens_per_second(shape, precision) for shape in shapes])
        most = np.minimum(seconds * speed, (order.limits.flops or math.inf) / flops_per_token)
        most = most - order.serving.training_tokens
        ends = most >= (order.tokens or fewest)
        tokens = np.where(ends, order.tokens or most, fewest) * (np.ones((1, 1)) if order.tokens else _SHARES)
        unique = tokens if order.unique_tokens is None else np.minimum(tokens, order.unique_tokens)
        losses = order.law.losses(order.prices.of(precision).rho * sizes, tokens, unique_tokens=unique)
        lowest = np.minimum(lowest, np.where(ends, losses.min(axis=0), math.inf))
    return [float(loss) for loss in lowest]


def _options(order: Order, shape: Decoder, seconds: float | None = None) -> Iterator[Option]:
    """The shape in each precision that it fits in; `seconds` where other hardware's price or power set them."""
    left = order.seconds() if seconds is None else seconds
    for precision in order.hardware.precisions:
        option = _option(order, shape, precision, left)
        if option is not None:
            yield option


def _option(order: Order, shape: Decoder, precision: str, left: float) -> Option | None:
    """The shape within the limits and so many seconds, as fast as it goes."""
    hardware, most_flops = order.hardware, order.limits.flops or math.inf
    served, per_token = serving_bytes(shape), hardware.seconds_per_served_token(shape)
    if not order.serving.allows(served, per_token):
        return None
    rough = order.tokens or order.rough_flops() / shape.train_flops_per_token
    laid = hardware.lay(shape, rough, order.usable_memory, precision)
    if laid is None:
        return None
    if order.tokens is None and laid.tokens(left) < _FAR_OFF * rough:
        # What pays for as many tokens as were guessed, such as compiling, may not pay for so few.
        fewest = max(laid.tokens(left), FEWEST_STEPS * shape.context)
        fewer = hardware.lay(shape, fewest, order.usable_memory, precision)
        laid = max(laid, fewer or laid, key=lambda each: each.tokens(left))
    # What is served comes out of the same budget, counted in training tokens.
    serving = order.serving.training_tokens
    affordable = min(laid.tokens(left), most_flops / shape.train_flops_per_token) - serving
    tokens = order.tokens or affordable
    if tokens < FEWEST_STEPS * shape.context or tokens > affordable * (1 + 1e-9):
        return None
    return _costed(order, shape, laid, tokens, per_token)


def _costed(order: Order, shape: Decoder, laid: Laid, tokens: float, per_token: float) -> Option:
    hardware = order.hardware
    seconds, flops = laid.seconds(tokens), tokens * shape.train_flops_per_token
    hours = seconds / 3600 * hardware.devices
    return Option(
        shape=shape,
        params=shape.params,
        params_total=shape.params_total,
        tokens=tokens,
        sequences=laid.sequences,
        steps=math.ceil(tokens / (laid.sequences * shape.context)),
        layout=laid.layout,
        precision=laid.precision,
        flops=flops,
        seconds=seconds,
        startup_seconds=laid.startup_seconds,
        device_hours=hours,
        usd=None if hardware.usd_per_hour is None else hours * hardware.usd_per_hour,
        kwh=None if hardware.watts is None else hours * hardware.watts / 1000,
        memory_bytes=laid.memory_bytes,
        memory_parts=laid.memory_parts,
        tokens_per_second=laid.tokens_per_second,
        mfu=flops / seconds / hardware.peak(laid.precision),
        step_seconds=laid.step_seconds,
        loss=0.0,
        serving_flops_per_token=float(shape.forward_flops_per_token),
        serving_bytes=serving_bytes(shape),
        serving_seconds_per_token=per_token,
        serving_seconds=order.serving.training_tokens / laid.tokens_per_second,
    )


def _why_not(order: Order) -> str:
    least, most = (0.95 * order.params, 1.1 * order.params) if order.params else (order.hardware.smallest, _LARGEST)
    shape = next(_shapes(order, least, most), None)
    if shape is None:
        return (
            f"no shape has {order.params:.3g} params with a vocabulary of {order.vocabulary}: ask for more params"
            if order.params
            else f"no shape has a vocabulary of {order.vocabulary}"
        )
    said = f"{shape.params:.3g} params"
    needed = order.hardware.least_memory(shape)
    if needed > order.usable_memory:
        return (
            f"no model fits: {said} need {needed / 1e9:.3g} GB on each of {order.hardware}, however laid "
            f"out, of {order.usable_memory / 1e9:.3g} GB: take more devices, or fewer params"
        )
    per_token = order.hardware.seconds_per_served_token(shape)
    if not order.serving.allows(serving_bytes(shape), per_token):
        return (
            f"no model fits: even {said} need {serving_bytes(shape) / 1e6:.3g} MB and {1e3 * per_token:.3g} ms a token when "
            "served: raise the limits of serving, or lower the vocabulary or the context"
        )
    limits = ", ".join(f"{name} {value:.3g}" for name, value in order.limits.given.items())
    wanted = order.tokens or FEWEST_STEPS * shape.context
    what = f"see {wanted:.3g} tokens" if order.tokens else f"end {FEWEST_STEPS} steps"
    served = f" and serve {order.serving.tokens:.3g}" if order.serving.tokens else ""
    enough = _enough(order, shape, wanted + order.serving.training_tokens)
    fewer = ", or ask for fewer tokens" if order.tokens or served else ""
    return f"no model fits: even {said} do not {what}{served} within {limits}: raise the limit ({enough}){fewer}"


def _enough(order: Order, shape: Decoder, tokens: float) -> str:
    """What the smallest model needs for so many tokens, in the terms of each limit."""
    hardware, flops = order.hardware, tokens * shape.train_flops_per_token
    ways = [hardware.lay(shape, tokens, order.usable_memory, precision) for precision in hardware.precisions]
    hours = min((laid.seconds(tokens) / 3600 for laid in ways if laid is not None), default=None)
    if hours is None:
        return "no layout of it keeps all devices at work: ask for fewer devices"
    said = {"seconds": f"{3600 * hours:.3g} s", "flops": f"{flops:.3g} FLOPs"}
    if hardware.usd_per_hour is not None:
        said["usd"] = f"{hours * hardware.devices * hardware.usd_per_hour:.3g} USD"
    if hardware.watts is not None:
        said["kwh"] = f"{hours * hardware.devices * hardware.watts / 1000:.3g} kWh"
    return ", ".join(text for name, text in said.items() if name in order.limits.given) + " would be enough"
