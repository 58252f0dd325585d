"""Models on one processor: our own family's shapes, speed and memory from the probe."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from scalewright.architectures import LlamaFamily, LlamaShape
from scalewright.architectures.decoder import Decoder
from scalewright.documents import Reason
from scalewright.machines.correction import Correction, correction
from scalewright.machines.machine import Machine
from scalewright.machines.processor import TIME_SPREAD, ProcessorRates, compile_seconds, drift, processor_step
from scalewright.planning.hardware import Laid
from scalewright.planning.machine_plan import Layout, Option
from scalewright.planning.processor_memory import memory_bytes, memory_parts
from scalewright.planning.rules import batch_tokens, context_length
from scalewright.planning.serving import read_bytes

FREE_MEMORY = 0.8
"""Of the memory that a process may use: the rest is the system's, and for evaluation and checkpoints."""
SERVED = 0.6
"""Of the memory's rate that generation reaches: llama.cpp in bf16 on 226 M weights, 78 tokens/s where reading them alone would
allow 128 (docs/log.md, 2026-11-25, serving on a processor)."""
DRIFTS = 0.1
"""Standard deviation of ln seconds between moments of a probe from which on a plan warns of it."""
TRAINED = ("fp32", "bf16")
"""Precisions whose training on processors was measured, and which plans and the line choose among."""


class TimedRun(NamedTuple):
    """A training that was measured: eager, in one process on all threads of the machine; seconds are a step's."""

    shape: LlamaShape
    sequences: int
    precision: str
    seconds: float


@dataclass(frozen=True)
class OnProcessor:
    """A probed machine that trains on its processor, in one process on all threads; `runs` that it trained before correct
    what the probe alone says."""

    machine: Machine
    usd_per_hour: float | None = None
    runs: tuple[TimedRun, ...] = ()

    devices = 1
    smallest = 1e4
    vocabulary = 4096
    watts = None

    def __str__(self) -> str:
        return self.machine.name

    @cached_property
    def correction(self) -> Correction:
        """What the measured runs say of the formula."""
        ratios = [
            run.seconds / processor_step(run.shape, run.sequences, run.precision, self._rates(run.precision)).total
            for run in self.runs
        ]
        return correction(ratios, TIME_SPREAD, drift(self.machine))

    @property
    def time_spread(self) -> float:
        """Standard deviation of ln seconds about what is said."""
        return self.correction.spread

    @property
    def memory_bytes(self) -> float:
        """What a plan may fill."""
        return FREE_MEMORY * self.machine.memory_bytes

    @property
    def full_rate(self) -> float:
        """Probed FLOP/s in fp32."""
        return self.machine.rate("fp32")

    @property
    def precisions(self) -> tuple[str, ...]:
        """Those usable here whose training was measured."""
        return tuple(precision for precision in TRAINED if precision in self.machine.precisions.usable)

    def context(self, flops: float) -> int:
        """Longer ones for larger budgets."""
        return context_length(flops)[0]

    def peak(self, precision: str) -> float:
        """Best probed FLOP/s."""
        return self.machine.rate(precision)

    def best_peak(self) -> float:
        """In the advised precision."""
        return self.peak(self.machine.precisions.advised)

    def shapes(self, smallest: float, largest: float, vocabulary: int, context: int) -> Iterator[Decoder]:
        """Of our Llama family, by width."""
        family, last = LlamaFamily(vocabulary=vocabulary, context=context, grain=self._grain), 0
        for width in family.widths():
            shape = family.shape(width)
            if shape.params > largest:
                return
            # Wide ones lie close enough without some of them.
            if width >= last + family.head_size * max(1, last // 512):
                last = width
                if shape.params >= smallest:
                    yield Decoder.of(shape)

    @property
    def _grain(self) -> int:
        return self.machine.grain(self.machine.precisions.advised)

    def lay(self, shape: Decoder, tokens: float, memory_bytes: float, precision: str) -> Laid | None:
        """The kind of kernels that takes the least time, compiling included, in the largest micro-batch that fits."""
        sequences, _ = batch_tokens(tokens, shape.context)
        found = [
            laid
            for compiled in (False, True)
            if (laid := self._laid(shape, sequences, precision, compiled, memory_bytes)) is not None
        ]
        return min(found, key=lambda laid: laid.seconds(tokens), default=None)

    def most_tokens_per_second(self, shape: Decoder, precision: str) -> float:
        """What grows with the tokens alone, in caches: nothing for the weights, or for each step."""
        seconds = []
        for compiled in (False, True):
            rates = replace(self._rates(precision, compiled), beyond=())
            step = processor_step(shape, 1, precision, rates, compiled)
            seconds.append(self.correction.factor * (step.total - step.weights - step.overhead))
        return shape.context / min(seconds)

    def least_memory(self, shape: Decoder) -> float:
        """A sequence at a time."""
        ways = itertools.product(self.precisions, (False, True))
        return float(min(memory_bytes(shape, 1, precision, compiled) for precision, compiled in ways))

    def seconds_per_served_token(self, shape: Decoder) -> float:
        """Its weights and its cache read once, at the share of the memory's rate that a good runtime reaches."""
        return read_bytes(shape) / (SERVED * max(self.machine.bandwidth_bytes_per_second.values()))

    def fewer(self) -> tuple["OnProcessor", ...]:
        """None: threads that stand idle help nobody."""
        return ()

    def warnings(self) -> Iterator[str]:
        """That its rates drift."""
        if drift(self.machine) > DRIFTS:
            yield (
                f"steps of one model took {drift(self.machine):.0%} (one sd) more or less between moments of the probe: the "
                "planned time is no surer than that; a machine shared with others drifts so"
            )

    def reasons(self, choice: Option) -> dict[str, Reason]:
        """From the probe, and from the steps and processes that the formulas were fitted to."""
        shape, machine, precision = choice.shape, self.machine, choice.precision
        total = sum(choice.step_seconds.values())
        shares = ", ".join(
            f"{name} {value / total:.0%}" for name, value in choice.step_seconds.items() if value >= 0.005 * total
        )
        products, passes = machine.rate(precision), machine.passes_bytes_per_second[machine.threads]
        found = {
            "shape": Reason(
                origin="derived",
                text=f"width {shape.width}, {shape.depth} layers, {shape.heads} heads of {shape.head_size}: the family's dial"
                + (f"; products are fastest in multiples of {self._grain}" if self._grain > 1 else ""),
            ),
            "batch": Reason(
                origin="cited",
                text=f"{choice.sequences} sequences of {shape.context} tokens: the power of two below 0.58 D^0.571 "
                "(step law, Li et al. 2025, arXiv:2503.04715)",
            ),
            "precision": Reason(
                origin="measured",
                text=f"{precision}, {'compiled' if choice.layout.compiled else 'eager'}: the least loss of "
                f"{', '.join(self.precisions)}, each eager or compiled, whichever is faster, {choice.startup_seconds:.0f} s of "
                f"compiling counted; {products / 1e9:,.0f} GFLOP/s",
            ),
            "tokens_per_second": Reason(
                origin="derived",
                text=f"a step of {total:.4g} s: {shares}; products at the probed rate, elementwise work at "
                f"{passes / 1e9:,.0f} GB/s, by a formula fitted to timed steps{self._corrected()}",
            ),
            "seconds": Reason(
                origin="fitted",
                text=f"steps not fitted, and the machine's drift ({drift(self.machine):.0%} within its probe): "
                f"{self.time_spread:.0%} (one sd; docs/log.md)",
            ),
            "memory_bytes": Reason(
                origin="derived",
                text=f"{choice.memory_bytes / 1e9:.2f} GB at most, of {self.memory_bytes / 1e9:.1f} GB ({FREE_MEMORY:.0%} of "
                "what this process may use)",
            ),
            "machine": Reason(
                origin="measured", text=f"{machine.name}, probed {machine.measured_at}, {machine.threads} threads"
            ),
            "ideal": Reason(origin="measured", text=f"best probed rate in fp32, {self.full_rate / 1e9:,.0f} GFLOP/s"),
        }
        if self.usd_per_hour is not None:
            found["usd"] = Reason(origin="given", text=f"{self.usd_per_hour:g} per hour")
        return found

    def _rates(self, precision: str, compiled: bool = False) -> ProcessorRates:
        way = precision, compiled
        if way not in self._known_rates:
            self._known_rates[way] = ProcessorRates.of(self.machine, precision, self.machine.threads, compiled)
        return self._known_rates[way]

    @cached_property
    def _known_rates(self) -> dict[tuple[str, bool], ProcessorRates]:
        return {}

    def _corrected(self) -> str:
        if not self.runs:
            return ""
        low, high = self.correction.interval()
        return f", times {self.correction.factor:.2f} ({low:.2f} – {high:.2f}) as {len(self.runs)} measured runs took"

    def _laid(self, shape: Decoder, sequences: int, precision: str, compiled: bool, memory: float) -> Laid | None:
        pieces = 1
        while memory_bytes(shape, sequences // pieces, precision, compiled) > memory:
            pieces *= 2
            if pieces > sequences:
                return None
        rates = self._rates(precision, compiled)
        step = processor_step(shape, sequences // pieces, precision, rates, compiled)
        parts = {
            name: self.correction.factor * (value if name == "weights" else pieces * value)
            for name, value in vars(step).items()
        }
        return Laid(
            layout=Layout(
                devices=1,
                data=1,
                tensor=1,
                pipeline=1,
                sharding="none",
                micro_batch=sequences // pieces,
                accumulation=pieces,
                recompute="none",
                threads=self.machine.threads,
                compiled=compiled,
            ),
            precision=precision,
            sequences=sequences,
            tokens_per_second=sequences * shape.context / sum(parts.values()),
            startup_seconds=compile_seconds(shape, rates) if compiled else 0.0,
            step_seconds=parts,
            memory_parts=memory_parts(shape, sequences // pieces, precision, compiled),
        )
