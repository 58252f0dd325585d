"""What it costs to plan with a fitted law and a believed machine where the true ones are others."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scalewright.architectures import LlamaFamily
from scalewright.architectures.memory import FULL
from scalewright.architectures.parallel import Layouts
from scalewright.laws import Law, fit
from scalewright.machines.cluster import Cluster
from scalewright.machines.speed import MeasuredSpeed, Speed
from scalewright.machines.step import EFFICIENCY, Efficiency, step_time
from scalewright.planning import Order as LadderOrder
from scalewright.planning import design_ladder
from scalewright.planning.machine_plan import Option
from scalewright.planning.on_cluster import OnCluster
from scalewright.planning.rules import first_settings
from scalewright.planning.search import Limits, Order, best_option

Array = NDArray[np.float64]

MACHINES = "H100-SXM", "A100-SXM-40GB", "V100-SXM-32GB", "L40S", "MI300X", "TPU-v5p", "RTX-4090"
STUDIES = 200
LADDERS = 0.3, 0.9
"""Of the final training's time, what the ladder may take; by default projects say 0.5 and the demo 0.9."""
_JITTER = 0.15  # of ln of each of the machine's constants, as published studies differ


@dataclass(frozen=True)
class TrueLaws:
    """L = E + A N^-alpha + B N^eta D^-beta: eta is what larger models learn more slowly.

    Args:
        drawn: Six numbers between 0 and 1 for each of k laws [k, 6], uniform over what laws there may be: about those of
            Besiroglu et al. 2024 (arXiv:2404.10102), terms within a factor of 1.5, exponents within a fifth.
    """

    drawn: Array

    def each(self, params: ArrayLike, tokens: ArrayLike) -> Array:
        """By each law, in nats [k, ...]."""
        N, D = np.broadcast_arrays(np.asarray(params, float), np.asarray(tokens, float))
        E, A, B, alpha, beta, eta = self.drawn.T.reshape(6, -1, *(1,) * N.ndim)
        E, eta = 1.5 + 0.5 * E, 0.1 * eta
        alpha, beta = 0.3478 * (0.8 + 0.4 * alpha), 0.3658 * (0.8 + 0.4 * beta)
        n, d = 1e9, 2e10  # where the terms are what they are in the published law, up to that factor
        A = 482.01 * n**-0.3478 * np.exp(0.8 * A - 0.4)
        B = 2085.43 * d**-0.3658 * np.exp(0.8 * B - 0.4)
        return np.asarray(E + A * (N / n) ** -alpha + B * (N / n) ** eta * (D / d) ** -beta)

    def losses(self, params: ArrayLike, tokens: ArrayLike, unique_tokens: ArrayLike | None = None) -> Array:
        """Their mean."""
        return np.asarray(self.each(params, tokens).mean(axis=0))


def regret_lines() -> Iterator[str]:
    """The true loss of the plan that was chosen, over that of the best plan, law and machine known."""
    rng = np.random.default_rng(0)
    lost: dict[str, list[float]] = {
        "law and machine": [], "law alone": [], "machine alone": [], "law alone, by the best there can be of these runs,": [],
    }  # fmt: skip
    for study in range(STUDIES):
        law = TrueLaws(rng.uniform(size=(1, 6)))
        believed, possible, order, cluster, efficiency = _study(rng, law, study)
        known = replace(order, hardware=OnCluster(cluster, efficiency))
        best = _loss(best_option(known), order, cluster, efficiency)
        for what, asked in (
            ("law and machine", replace(order, law=believed)),
            ("law alone", replace(known, law=believed)),
            ("machine alone", order),
            ("law alone, by the best there can be of these runs,", replace(known, law=possible)),  # type: ignore[arg-type]
        ):
            lost[what].append(_loss(best_option(asked), order, cluster, efficiency) / best - 1)
    for what, values in lost.items():
        within = np.mean(np.array(values) <= 0.002)
        yield (
            f"{what} uncertain: true loss above the best plan's by {np.median(values):.3%} (median), {np.mean(values):.3%} "
            f"(mean), {np.quantile(values, 0.95):.2%} (one in twenty), {np.max(values):.2%} (most); within 0.2 % in "
            f"{within:.0%} of {STUDIES} (bar: all)"
        )


def _study(rng: np.random.Generator, law: TrueLaws, seed: int) -> tuple[Law, TrueLaws, Order, Cluster, Efficiency]:
    flops = 10 ** rng.uniform(19.5, 22.5)
    N, D = _ladder(flops, rng.uniform(*LADDERS))
    noise = rng.uniform(0.002, 0.005)
    measured = law.losses(N, D) * np.exp(noise * rng.standard_normal(len(N)))
    believed = fit(N, D, measured, bootstrap=20, seed=seed)
    possible = _posterior(law, N, D, measured, noise, seed)
    device = Cluster.named(str(rng.choice(MACHINES))).device
    cluster = Cluster(device, int(rng.choice([1, 2, 4, 8])) * min(device.node.devices, 8))
    precision = device.halves[0]
    seconds = flops / (0.35 * cluster.count * device.peak(precision))
    efficiency = EFFICIENCY._replace(
        **{
            name: min(1.0, getattr(EFFICIENCY, name) * float(np.exp(_JITTER * rng.standard_normal())))
            for name in ("products", "attention", "memory", "links")
        }
    )
    order = Order(law, lambda shape: shape.params, OnCluster(cluster), Limits(seconds=seconds))  # type: ignore[arg-type]
    return believed, possible, order, cluster, efficiency


def _ladder(flops: float, share: float) -> tuple[Array, Array]:
    """Params and tokens of the runs that our line makes before a training of `flops`, for at most so much of its time."""
    settings = first_settings(flops)
    rate = 1e15
    speed = Speed(
        precision="bf16", threads=1, beside=0, batch_size=settings.batch_size,
        points=tuple(MeasuredSpeed(flops_per_token=f, tokens_per_second=rate / f, spread=0, steps=1) for f in (1e6, 1e12)),
    )  # fmt: skip
    ladder = design_ladder(
        LadderOrder(
            family=LlamaFamily(vocabulary=2**15, context=settings.context), target_flops=flops,
            limit_seconds=share * flops / rate, batch_size=settings.batch_size, speed=speed, workers=1, data_tokens=10**15,
            decay_fraction=0.2, precision="bf16", seed=0, reasons={},
        )
    )  # fmt: skip
    runs = [(rung.shape.params, steps * ladder.tokens_per_step) for rung in ladder.rungs for steps in rung.horizons]
    N, D = np.array(runs, dtype=np.float64).T
    return N, D


def _posterior(law: TrueLaws, N: Array, D: Array, measured: Array, noise: float, seed: int) -> TrueLaws:
    """Laws as probable as the runs leave them to somebody who knows how laws were drawn and how noisy runs are: no plan from
    these runs loses less in the mean than the best by the mean of these. Metropolis, from the true law on."""
    rng = np.random.default_rng(seed)
    (start,) = law.drawn
    step = 1e-4
    moved = TrueLaws(start + step * np.eye(6)).each(N, D)
    J = (np.log(moved) - np.log(law.each(N, D))) / step / noise
    # A uniform number's variance is a twelfth.
    spread = 2.38 / np.sqrt(6) * np.linalg.cholesky(np.linalg.inv(J @ J.T + 12 * np.eye(6)))

    def misfit(drawn: Array) -> Array:
        return np.asarray(0.5 * np.square(np.log(TrueLaws(drawn).each(N, D) / measured) / noise).sum(axis=1))

    chains = np.repeat(start[None], 64, axis=0)
    worth, kept = misfit(chains), []
    for number in range(3000):
        tried = chains + rng.standard_normal(chains.shape) @ spread.T
        inside = ((tried > 0) & (tried < 1)).all(axis=1)
        after = misfit(np.clip(tried, 0, 1))
        taken = inside & (np.log(rng.uniform(size=len(chains))) < worth - after)
        chains, worth = np.where(taken[:, None], tried, chains), np.where(taken, after, worth)
        if number >= 1000 and number % 200 == 0:
            kept.append(chains)
    return TrueLaws(np.concatenate(kept))


def _loss(option: Option, order: Order, cluster: Cluster, efficiency: Efficiency) -> float:
    # What the model and the layout of a plan reach in the same time, as the machine truly is.
    said = option.layout
    layout = Layouts.one(
        data=said.data,
        tensor=said.tensor,
        context=said.context,
        pipeline=said.pipeline,
        sharding=said.sharding,  # type: ignore[arg-type]
        shards=said.shards,
        micro_batch=said.micro_batch,
        accumulation=said.accumulation,
        recompute=said.recompute,  # type: ignore[arg-type]
    )
    cluster = Cluster(cluster.device, said.devices)
    step = step_time(option.shape, layout, cluster, option.precision, efficiency, gradient_bytes=FULL).total[0]
    tokens = efficiency.production * order.seconds() / step * float(layout.sequences[0]) * option.shape.context
    return float(order.law.losses(option.params, tokens))
