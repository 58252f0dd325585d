"""Models on a cluster of accelerators: every shape in use, every layout."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from scalewright.architectures.decoder import Decoder
from scalewright.architectures.decoders import decoders
from scalewright.architectures.memory import FULL, training_memory
from scalewright.architectures.parallel import RECOMPUTES, SHARDINGS
from scalewright.documents import Reason
from scalewright.errors import InputError
from scalewright.machines.cluster import Cluster
from scalewright.machines.step import EFFICIENCY, FITTED_ON, KERNELS, Efficiency, step_time
from scalewright.planning.hardware import Laid
from scalewright.planning.machine_plan import Layout, Option
from scalewright.planning.rules import batch_tokens
from scalewright.planning.serving import read_bytes
from scalewright.planning.space import layouts

FREE_MEMORY = 0.92
"""Of a device's memory: the rest goes to the runtime, communication buffers and fragments."""
TIME_SPREAD = 0.2
"""Standard deviation of ln seconds about the formulas, of published runs whose study was left out of the constants
(docs/log.md, 2026-11-25, published runs)."""


@dataclass(frozen=True)
class OnCluster:
    """A cluster, and what share of its data sheet's rates trainings reach."""

    cluster: Cluster
    efficiency: Efficiency = EFFICIENCY

    smallest = 1e6
    vocabulary = 32_768
    time_spread = TIME_SPREAD

    def __str__(self) -> str:
        return str(self.cluster)

    @property
    def devices(self) -> int:
        """How many."""
        return self.cluster.count

    @property
    def memory_bytes(self) -> float:
        """Of one device, what a plan may fill."""
        return FREE_MEMORY * self.cluster.device.memory_bytes

    @property
    def full_rate(self) -> float:
        """FLOP/s of one device in its full precision."""
        return self.cluster.device.flops_per_second[self.cluster.device.full_precision]

    @property
    def usd_per_hour(self) -> float | None:
        """Price of one device."""
        return self.cluster.device.usd_per_hour

    @property
    def watts(self) -> float | None:
        """Power of one device's board."""
        return self.cluster.device.watts

    @property
    def precision(self) -> str:
        """The half precision to train in.

        Raises:
            InputError: there is none.
        """
        halves = self.cluster.device.halves
        if not halves:
            raise InputError(f"{self}: has neither bf16 nor fp16 matrix products to train with")
        return halves[0]

    @property
    def precisions(self) -> tuple[str, ...]:
        """The half precision alone: shares of the peak in others are not known."""
        return (self.precision,)

    def context(self, flops: float) -> int:
        """As in models in use."""
        return 2048

    def peak(self, precision: str) -> float:
        """Dense FLOP/s of all devices."""
        return self.cluster.count * self.cluster.device.peak(precision)

    def best_peak(self) -> float:
        """In half precision."""
        return self.peak(self.precision)

    def shapes(self, smallest: float, largest: float, vocabulary: int, context: int) -> Iterator[Decoder]:
        """Those of large models in use."""
        return decoders(smallest, largest, vocabulary, context)

    def lay(self, shape: Decoder, tokens: float, memory_bytes: float, precision: str) -> Laid | None:
        """The fastest of all layouts that fit."""
        sequences = max(1, int(batch_tokens(tokens, shape.context)[0] * 2))
        found = layouts(shape, self.cluster, sequences)
        if not len(found):
            return None
        memory = training_memory(shape, found)
        fits = np.flatnonzero(memory.total <= memory_bytes)
        if not len(fits):
            return None
        found = found.take(fits)
        time = step_time(shape, found, self.cluster, precision, self.efficiency, gradient_bytes=FULL)
        speed = self.efficiency.production * found.sequences * shape.context / time.total
        best = int(np.argmax(speed))
        one = found.take(np.array([best]))
        return Laid(
            layout=Layout(
                devices=self.cluster.count,
                data=int(one.data[0]),
                tensor=int(one.tensor[0]),
                context=int(one.context[0]),
                pipeline=int(one.pipeline[0]),
                sharding=SHARDINGS[one.sharding[0]],
                shards=int(one.shards[0]),
                micro_batch=int(one.micro_batch[0]),
                accumulation=int(one.accumulation[0]),
                recompute=RECOMPUTES[one.recompute[0]],
            ),
            precision=precision,
            sequences=int(one.sequences[0]),
            tokens_per_second=float(speed[best]),
            startup_seconds=0.0,
            step_seconds={name: float(value[best]) for name, value in vars(time).items()},
            memory_parts={name: float(value[fits[best]]) for name, value in vars(memory).items()},
        )

    def most_tokens_per_second(self, shape: Decoder, precision: str) -> float:
        """All devices at the rate of products or of attention, whichever is faster, and nothing else to do. Half of attention
        is not computed, and a part of it again: 3.5 halves of what counts as 6 (`step_time`)."""
        share = max(self.efficiency.products, 6 / 3.5 * self.efficiency.attention)
        reached = self.cluster.device.reached * self.peak(precision)
        return self.efficiency.production * share * reached / shape.train_flops_per_token

    def least_memory(self, shape: Decoder) -> float:
        """Of all layouts."""
        return float(training_memory(shape, layouts(shape, self.cluster, 10**9)).total.min())

    def seconds_per_served_token(self, shape: Decoder) -> float:
        """Its weights and its cache read once, and the kernels' launches."""
        bandwidth = self.efficiency.memory * self.cluster.device.bandwidth_bytes_per_second
        return read_bytes(shape) / bandwidth + KERNELS * shape.depth * self.efficiency.kernel_seconds

    def fewer(self) -> list["OnCluster"]:
        """Smaller numbers of devices that divide better among layers, heads and batches: 2^i 3^j 5^k nodes, from half of all
        on."""
        size = min(self.cluster.count, self.cluster.device.node.devices)
        most = self.cluster.count // size
        counts = [size * nodes for nodes in range(most - 1, most // 2, -1) if _smooth(nodes)] if most > 1 else []
        return [OnCluster(Cluster(self.cluster.device, count), self.efficiency) for count in counts]

    def warnings(self) -> Iterator[str]:
        """Whether the shares of its rates are known."""
        name = self.cluster.device.name
        if name not in FITTED_ON:
            yield (
                f"machine: the shares of the data sheet's rates are fitted to runs on {', '.join(FITTED_ON)}; "
                f"{name} is taken to be like them"
            )

    def reasons(self, choice: Option) -> dict[str, Reason]:
        """From the catalogue, and from the runs that the shares were fitted to."""
        device, shape = self.cluster.device, choice.shape
        total = sum(choice.step_seconds.values())
        shares = ", ".join(
            f"{name} {value / total:.0%}" for name, value in choice.step_seconds.items() if value >= 0.005 * total
        )
        sources = "; ".join(dict.fromkeys(device.sources.values())) or "its own file"
        return {
            "shape": Reason(
                origin="assumed",
                text=f"width {shape.width}, {shape.depth} layers, {shape.heads} heads of "
                f"{shape.head_size}, {shape.kv_heads} of keys and values: width over depth as in models in use, "
                "80 to 128 (it matters little: Kaplan et al. 2020, arXiv:2001.08361), sizes that matrix units like",
            ),
            "batch": Reason(
                origin="cited",
                text=f"{choice.sequences} sequences of {shape.context} tokens, at most twice the best for these tokens, "
                "0.58 D^0.571 (step law, Li et al. 2025, arXiv:2503.04715)",
            ),
            "precision": Reason(
                origin="cited", text=f"{choice.precision}: dense {device.peak(choice.precision) / 1e12:g} TFLOP/s"
            ),
            "tokens_per_second": Reason(
                origin="derived",
                text=f"a step of {total:.4g} s: {shares}; data sheet's rates times shares fitted to published runs; "
                f"{self.efficiency.production:.0%} of the time goes to steps, as in those runs",
            ),
            "seconds": Reason(
                origin="fitted",
                text=f"published runs lie within {TIME_SPREAD:.0%} (one sd) of such forecasts (docs/log.md)",
            ),
            "memory_bytes": Reason(
                origin="derived",
                text=f"{choice.memory_bytes / 1e9:.1f} GB on the fullest device, of {self.memory_bytes / 1e9:.1f} GB "
                f"({FREE_MEMORY:.0%} of it): states, gathered layers, activations, logits",
            ),
            "machine": Reason(origin="cited", text=f"{self}: {sources}"),
            "ideal": Reason(origin="cited", text=f"{device.full_precision} peak, {self.full_rate / 1e12:g} TFLOP/s"),
        } | _costs(self)


def _costs(on: OnCluster) -> dict[str, Reason]:
    device, found = on.cluster.device, {}
    if device.usd_per_hour is not None:
        found["usd"] = Reason(
            origin="assumed", text=f"{device.usd_per_hour:g} per device-hour; {device.sources.get('price', 'given')}"
        )
    if device.watts is not None:
        found["kwh"] = Reason(origin="cited", text=f"{device.watts:g} W of each board, all the time")
    return found


def _smooth(number: int) -> bool:
    for prime in (2, 3, 5):
        while number % prime == 0:
            number //= prime
    return number == 1
