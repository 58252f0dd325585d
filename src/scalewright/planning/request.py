"""`plan`: what a person asks, in their units, to the plan."""

from dataclasses import replace
from pathlib import Path

from scalewright.errors import InputError
from scalewright.laws import Law
from scalewright.machines.cluster import Cluster
from scalewright.machines.machine import Machine
from scalewright.planning.decide import plan_machine
from scalewright.planning.hardware import Hardware
from scalewright.planning.machine_plan import MachinePlan
from scalewright.planning.on_cluster import OnCluster
from scalewright.planning.on_processor import OnProcessor, TimedRun
from scalewright.planning.prices import UNMEASURED, Prices
from scalewright.planning.published import law_and_size
from scalewright.planning.search import Limits, Order
from scalewright.planning.serving import Serving

_HOUR, _DAY = 3600.0, 86400.0


def plan(
    law: Law | str | Path,
    machine: Machine | str,
    *,
    hours: float | None = None,
    days: float | None = None,
    usd: float | None = None,
    kwh: float | None = None,
    flops: float | None = None,
    memory_gb: float | None = None,
    params: float | None = None,
    tokens: float | None = None,
    unique_tokens: float | None = None,
    usd_per_hour: float | None = None,
    vocabulary: int | None = None,
    context: int | None = None,
    serving_memory_gb: float | None = None,
    serving_ms: float | None = None,
    serving_tokens: float | None = None,
    runs: tuple[TimedRun, ...] = (),
    prices: Prices = UNMEASURED,
) -> MachinePlan:
    """The model of least forecast loss that a machine can train within limits.

    Args:
        law: A law, the path of a law.json, or "published:chinchilla", ":hoffmann", ":kaplan".
        machine: "COUNT x NAME" of the catalogue or of a .toml file, a probed machine, or the path of its machine.json.
        hours, days: Limit of time, one of them.
        usd, kwh, flops: Limits of money, of energy of the boards, of FLOPs.
        memory_gb: Of each device, where less than it has.
        params, tokens: Where they are given.
        unique_tokens: Distinct tokens there are; more are repeats.
        usd_per_hour: Price of a device in the place of the catalogue's.
        vocabulary, context: Of the model; the usual ones of the machine by default.
        serving_memory_gb, serving_ms: Limits of the served model, in half precision on one device: weights and one
            sequence's cache, and milliseconds for each token of one reader.
        serving_tokens: To be served in the model's life, out of the same limits.
        runs: Trainings that were timed on a probed processor; they correct what is forecast from its probe.
        prices: What each precision costs in quality, such as pairs of runs in a ledger tell.

    Raises:
        InputError: a limit, law or machine is none, or nothing limits the plan.
        WorkError: no model fits, with the limit that binds and what would be enough.
    """
    if hours is not None and days is not None:
        raise InputError("hours and days: found both, expected one limit of time: leave one out")
    for name, value in (("vocabulary", vocabulary), ("context", context)):
        if value is not None and value < 1:
            raise InputError(f"{name} {value}: expected a positive number")
    fitted, size, called = law_and_size(law)
    seconds = _HOUR * hours if hours is not None else _DAY * days if days is not None else None
    order = Order(
        law=fitted,
        size=size,
        hardware=hardware(machine, usd_per_hour, runs),
        limits=Limits(seconds, usd, kwh, flops, None if memory_gb is None else 1e9 * memory_gb),
        serving=Serving(
            None if serving_memory_gb is None else 1e9 * serving_memory_gb,
            None if serving_ms is None else 1e-3 * serving_ms,
            serving_tokens,
        ),
        unique_tokens=unique_tokens,
        vocabulary=vocabulary,
        context=context,
        params=params,
        tokens=tokens,
        prices=prices,
    )
    return plan_machine(order, called)


def hardware(machine: Machine | str, usd_per_hour: float | None, runs: tuple[TimedRun, ...]) -> Hardware:
    """What a name, a file or a probed machine stands for.

    Raises:
        InputError: it stands for none, its probe was disturbed, or runs are given for accelerators.
    """
    if isinstance(machine, str) and machine.casefold().endswith(".json"):
        machine = Machine.load(Path(machine))
    if isinstance(machine, Machine) and not machine.trusted:
        raise InputError(
            f"machine {machine.name}: its probe says that its rates are not to be planned with: "
            f"{'; '.join(machine.warnings)} (or set `trusted` in its machine.json to plan with them all the same)"
        )
    if isinstance(machine, Machine) and machine.devices[0].kind == "cpu":
        return OnProcessor(machine, usd_per_hour, runs)
    cluster = Cluster.named(machine) if isinstance(machine, str) else Cluster.of(machine)
    if runs:
        raise InputError(
            f"runs: {len(runs)} were found, and correct plans of a probed processor alone, not of {cluster}"
        )
    if usd_per_hour is None:
        return OnCluster(cluster)
    sources = cluster.device.sources | {"price": "given"}
    priced = cluster.device.model_copy(update={"usd_per_hour": usd_per_hour, "sources": sources})
    return OnCluster(replace(cluster, device=priced))
