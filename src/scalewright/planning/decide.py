"""From every option within the limits to a plan with its reasons."""

import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np

from scalewright.documents import Reason
from scalewright.errors import WorkError
from scalewright.laws.extrapolation import warn_far
from scalewright.planning.ideal import BITS, ideal
from scalewright.planning.machine_plan import MachinePlan, Option, Size
from scalewright.planning.plan import Interval
from scalewright.planning.search import Limits, Order, best_option, options, rank

LEVEL = 0.9
ANOTHER_SIZE = 1.05
"""From this ratio on a size is another one, not the same with other layers."""
EARLIER = (0.125, 0.25, 0.5)
"""Shares of the time that the front looks at besides all of it."""


def plan_machine(order: Order, law_name: str) -> MachinePlan:
    """The plan of least forecast loss.

    Args:
        order: What is asked.
        law_name: How the law is called, or its hash.

    Raises:
        InputError: nothing limits the plan, or what is asked contradicts itself.
        WorkError: no model fits, with the limit that binds and what would be enough.
    """
    order = order.settled()
    ranked = rank(options(order))
    choice = ranked[0]
    others = [each for each in ranked if not 1 / ANOTHER_SIZE < each.params / choice.params < ANOTHER_SIZE]
    size = float(order.size(choice.shape))
    forecast, extrapolation = _forecast(order, choice)
    hardware = order.hardware
    slack = 1.645 * hardware.time_spread
    textbook = ideal(choice.flops / hardware.full_rate, choice.precision, choice.layout.devices, choice.params)
    flop_optimal = _flop_optimal(order, ranked, choice.flops)
    regret = _regret(order, ranked)
    plan = MachinePlan(
        machine=str(hardware),
        law=law_name,
        limits=_limits(order),
        choice=choice,
        sizes=tuple(
            Size(params=each.params, tokens=each.tokens, loss=each.loss)
            for each in sorted(ranked, key=lambda option: option.params)
        ),
        usable_memory_bytes=order.usable_memory,
        front=tuple(_front(order, ranked)),
        runner_up=others[0] if others else None,
        flop_optimal=flop_optimal,
        regret=regret,
        ideal=textbook,
        efficiency=textbook.seconds / choice.seconds,
        forecast=forecast,
        forecast_seconds=Interval(
            value=choice.seconds,
            low=choice.seconds * math.exp(-slack),
            high=choice.seconds * math.exp(slack),
            level=LEVEL,
            unit="seconds",
        ),
        extrapolation=extrapolation,
        warnings=(*order.law.warnings, *_warnings(order, size, choice)),
        reasons={},
    )
    return plan.model_copy(update={"reasons": _reasons(order, plan, len(ranked))})


def _forecast(order: Order, choice: Option) -> tuple[Interval, float]:
    """The law's forecast at N rho, and how far N D lies from its runs. The interval of rho, where there is one, widens the
    law's, as if the two were independent."""
    (size,), price, unique = order.effective_sizes([choice]), order.prices.of(choice.precision), _unique(order, choice)
    said = order.law.predict(float(size), choice.tokens, unique_tokens=unique, level=LEVEL)
    low, high = said.low, said.high
    if price.low is not None and price.high is not None:
        sizes = size / price.rho * np.array([price.high, price.low])
        dear = np.log(order.law.losses(sizes, choice.tokens, unique_tokens=unique) / said.loss)
        low = said.loss * math.exp(-math.hypot(math.log(said.loss / said.low), dear[0]))
        high = said.loss * math.exp(math.hypot(math.log(said.high / said.loss), dear[1]))
    interval = Interval(value=said.loss, low=low, high=high, level=LEVEL, unit="nats per token")
    return interval, said.extrapolation / price.rho


def _warnings(order: Order, size: float, choice: Option) -> Iterator[str]:
    yield from warn_far(order.law, {"params": np.array([size]), "tokens": np.array([choice.tokens])})
    blind = math.log(choice.shape.vocabulary)
    if choice.loss > blind:
        yield (
            f"useless: the law gives this model {choice.loss:.2f} nats per token, and one that knows nothing of its "
            f"{choice.shape.vocabulary:,} tokens has ln {choice.shape.vocabulary:,} = {blind:.2f}: fit a law to runs of about "
            "this size, or give more time"
        )
    yield from order.hardware.warnings()
    yield from order.prices.warnings
    for warning in order.prices.of(choice.precision).warnings:
        yield f"precision {choice.precision}: {warning}"


def _limits(order: Order) -> dict[str, float]:
    serving = {f"serving_{name}": value for name, value in vars(order.serving).items() if value is not None}
    return order.limits.given | serving


def _unique(order: Order, option: Option) -> float:
    return option.tokens if order.unique_tokens is None else min(order.unique_tokens, option.tokens)


def _flop_optimal(order: Order, ranked: Sequence[Option], flops: float) -> Size:
    sizes = order.effective_sizes(ranked)
    tokens = np.array([flops / option.shape.train_flops_per_token for option in ranked])
    unique = tokens if order.unique_tokens is None else np.minimum(tokens, order.unique_tokens)
    losses = order.law.losses(sizes, tokens, unique_tokens=unique)
    best = int(np.argmin(losses))
    return Size(params=ranked[best].params, tokens=float(tokens[best]), loss=float(losses[best]))


def _regret(order: Order, ranked: Sequence[Option]) -> tuple[float, float]:
    sizes = order.effective_sizes(ranked)
    tokens = np.array([option.tokens for option in ranked])
    unique = tokens if order.unique_tokens is None else np.minimum(tokens, order.unique_tokens)
    losses = order.law.sample(sizes, tokens, unique_tokens=unique)
    lost = losses[:, 0] / losses.min(axis=1) - 1
    return float(lost.mean()), float(np.quantile(lost, 0.95))


def _front(order: Order, ranked: Sequence[Option]) -> list[Option]:
    """The choice; the best within shares of its time; smaller models, cheaper to keep and to serve: without those that
    another beats in everything."""
    found = [option for option in ranked if option.params <= ranked[0].params]
    limit = order.limits.seconds or ranked[0].seconds
    if order.tokens is None and order.params is None:
        for share in EARLIER:
            sooner = replace(order, limits=Limits(**(order.limits.given | {"seconds": share * limit})))
            with suppress(WorkError):  # nothing can be trained so soon
                found.append(best_option(sooner))
    costs = np.array([[o.loss, o.seconds, o.memory_bytes, o.serving_flops_per_token] for o in found])
    kept = [
        option
        for option, cost in zip(found, costs, strict=True)
        if not ((costs <= cost * (1 + 1e-9)).all(axis=1) & (costs < cost * (1 - 1e-9)).any(axis=1)).any()
    ]
    # Sizes by halves are enough to see what a smaller model costs.
    chosen = [ranked[0]]
    for option in sorted(kept, key=lambda option: (-option.seconds, -option.params)):
        last = chosen[-1]
        if option.seconds < 0.9 * last.seconds or option.params < 0.55 * last.params:
            chosen.append(option)
    return chosen


def _price(order: Order, choice: Option) -> Reason:
    """What the choice's precision costs, beside those that it was chosen among."""
    own = order.prices.of(choice.precision)
    others = [order.prices.of(each) for each in order.hardware.precisions if each != choice.precision]
    beside = "".join(f"; {each.precision}: {each.reason}" for each in others if each.reason.text != own.reason.text)
    return Reason(origin=own.reason.origin, text=f"{choice.precision}: loss of N rho params, {own.reason.text}{beside}")


def _reasons(order: Order, plan: MachinePlan, count: int) -> dict[str, Reason]:
    choice = plan.choice
    within = ", ".join(f"{name} {value:.4g}" for name, value in plan.limits.items()) or "no limit"
    runner = plan.runner_up
    lost = (
        ""
        if runner is None
        else f"; next comes {runner.params:,} on {runner.tokens:.3g} tokens with {runner.loss:.4f}: "
        + ("larger, and so sees too few" if runner.params > choice.params else "smaller, and its size binds sooner")
    )
    reasons = {
        "params": Reason(
            origin="derived",
            text=f"{choice.params:,}: of {count} shapes within {within} the law gives it the least "
            f"loss, {choice.loss:.4f}{lost}",
        ),
        "tokens": Reason(
            origin="derived",
            text=f"{choice.tokens:.4g}: {choice.tokens_per_second:,.0f} tokens/s for {choice.seconds:.4g} s",
        ),
        "layout": Reason(
            origin="derived",
            text=f"{choice.layout}: the fastest of those that keep within {order.usable_memory / 1e9:.3g} GB of each device",
        ),
        "efficiency": Reason(
            origin="derived", text=f"{plan.ideal.seconds:.4g} s ideally over {choice.seconds:.4g} s planned"
        ),
        "forecast": Reason(
            origin="fitted",
            text=f"{plan.law}, {plan.extrapolation:.3g} times its largest params x tokens",
        ),
        "flop_optimal": Reason(
            origin="derived",
            text=f"the same {choice.flops:.3g} FLOPs at equal speed: {plan.flop_optimal.params:,} params, "
            f"{plan.flop_optimal.tokens:.3g} tokens, loss {plan.flop_optimal.loss:.4f}; the time-optimal choice runs at "
            f"{choice.mfu:.0%} of the peak",
        ),
        "regret": Reason(
            origin="derived", text="loss above the best size of each of the law's draws: mean, and in one of twenty"
        ),
        "precision_price": _price(order, choice),
    }
    if order.serving.tokens is not None:
        reasons["serving_seconds"] = Reason(
            origin="assumed",
            text=f"{order.serving.tokens:.4g} tokens, each at a third of a training token's FLOPs and at training's speed, out "
            "of the same budget",
        )
    reasons |= order.hardware.reasons(choice)
    reasons["ideal"] = Reason(
        origin="derived",
        text=f"{plan.ideal.seconds:.4g} s: the FLOPs at the {reasons['ideal'].text}, times {BITS[choice.precision]}/32, over "
        f"{plan.ideal.devices} device{'' if plan.ideal.devices == 1 else 's'}",
    )
    return reasons
