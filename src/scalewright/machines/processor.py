"""Seconds of a training step of our trunk on a processor, from the probe's rates."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from scalewright.architectures.decoder import Decoder
from scalewright.architectures.llama import LlamaShape
from scalewright.errors import InputError
from scalewright.machines.machine import Machine

CACHED_BYTES = 2**19
"""Of each array that the probe's rate in the caches is of: three of them lie in the second-level caches of most processors."""


@dataclass(frozen=True)
class ProcessorRates:
    """What a processor gives.

    Attributes:
        products: FLOP/s of matrix products in a precision.
        passes: Bytes/s of elementwise work in its caches.
        beyond: Sizes in bytes of larger arrays, ascending, and the rate of elementwise work on them.
        slowness: Steps that were measured over what the formula makes of these rates: 1 where it was fitted.
        compiling: The same of the time that compiling takes.
    """

    products: float
    passes: float
    beyond: tuple[tuple[float, float], ...] = ()
    slowness: float = 1.0
    compiling: float = 1.0

    @classmethod
    def of(cls, machine: Machine, precision: str, threads: int, compiled: bool = False) -> "ProcessorRates":
        """The rates of a probed machine; products with fewer threads than all are taken in proportion.

        What single rates leave out, such as how fast a processor converts numbers and exponentiates them, is in the `slowness`
        of the steps that were measured in the precision: of compiled ones for those that are, if there are any.

        Raises:
            InputError: nothing was measured in the precision, or elementwise work with so many threads.
        """
        if threads not in machine.passes_bytes_per_second:
            measured = ", ".join(map(str, machine.passes_bytes_per_second)) or "none"
            raise InputError(
                f"machine {machine.name}: no rate of elementwise work with {threads} threads, only with {measured}: probe anew"
            )
        share = threads / machine.threads
        beyond = tuple(sorted(machine.large_passes_bytes_per_second.items()))
        rates = cls(share * machine.rate(precision), machine.passes_bytes_per_second[threads], beyond)
        if threads != machine.threads:
            return rates
        missed: dict[bool, list[float]] = {False: [], True: []}
        for step in machine.steps:
            if step.precision == precision:
                said = processor_step(step.shape, step.sequences, precision, rates, step.compiled).total
                missed[step.compiled].append(step.seconds / said)
        compiling = [
            step.startup_seconds / compile_seconds(step.shape, rates) for step in machine.steps if step.compiled
        ]
        return replace(
            rates,
            slowness=_middle(missed[compiled] or missed[False]),
            compiling=_middle(compiling),
        )

    def spilled(self, size: float) -> float:
        """Seconds that a byte takes longer than in the caches, of arrays of `size` bytes: linear between the measured sizes in
        the rate and in the logarithm of the size."""
        if not self.beyond:
            return 0.0
        sizes, rates = zip((CACHED_BYTES, self.passes), *self.beyond, strict=True)
        return max(0.0, 1 / float(np.interp(np.log(size), np.log(sizes), rates)) - 1 / self.passes)


def _middle(ratios: Sequence[float]) -> float:
    """Their geometric mean; 1 where there are none."""
    return math.exp(float(np.mean(np.log(ratios)))) if ratios else 1.0


class Costs(NamedTuple):
    """How the time of a step depends on the rates.

    Attributes:
        products: Of the time at the best square product's rate, what a model's products take.
        attention: The same of attention's products, over the whole square.
        scores, streams, logits, weights: Passes of elementwise work, forward and backward, over each byte of the scores, of a
            layer's other values, of the logits in fp32, and of the weights in fp32 with the optimiser's work: their arithmetic
            counted in passes of a product of two arrays.
        step_seconds: What a step costs besides: the interpreter, small kernels, the batch.
        spilled: Passes over each byte of scores, values and logits that caches do not hold, of the time that they take longer.
    """

    products: float
    attention: float
    scores: float
    streams: float
    logits: float
    weights: float
    step_seconds: float
    spilled: float


EAGER = {
    "fp32": Costs(0.94, 0.45, scores=72.0, streams=75.0, logits=40.0, weights=88.0, step_seconds=6.0e-3, spilled=10.3),
    "bf16": Costs(
        0.71, 0.10, scores=106.0, streams=111.0, logits=51.0, weights=117.0, step_seconds=7.1e-3, spilled=6.1
    ),
}
"""Fitted to timed steps on two machines (widths 64 to 768, contexts 128 to 1024, 500 to 16,000 tokens, two threads;
docs/log.md, 2026-11-25, compiled steps, and 2026-11-27, a second processor): robust relative errors, drawn towards the first
machine's."""
COMPILED = {
    "fp32": Costs(0.99, 1.15, scores=44.0, streams=37.0, logits=12.0, weights=69.0, step_seconds=3.7e-3, spilled=7.8),
    "bf16": Costs(0.99, 0.26, scores=94.0, streams=55.0, logits=32.0, weights=55.0, step_seconds=3.0e-3, spilled=4.1),
}
"""Loss and model compiled together by torch.compile, as they stand; fitted in the same way."""
COMPILE_SECONDS, COMPILE_LAYER_SECONDS = 20.5, 0.75
"""Of the first compiled step, and for each layer besides: measured in 14 new processes, an empty cache of kernels each; later
shapes of a process take 12 s less, kernels that are there already about 20 s less."""
TIME_SPREAD = 0.2
"""Standard deviation of ln seconds of whole trainings about these on a machine that was steady in its probe: ten plans carried
out right after a probe, on two kinds of shared machines, missed by 0.21 in the quadratic mean (docs/log.md, 2026-11-28), of
which steps not fitted are 0.05."""


@dataclass(frozen=True)
class ProcessorStep:
    """Seconds of one step, by where they go."""

    products: float
    attention: float
    scores: float
    streams: float
    logits: float
    weights: float
    spilled: float
    overhead: float

    @property
    def total(self) -> float:
        """All of it."""
        return float(sum(vars(self).values()))


def processor_step(
    shape: LlamaShape | Decoder, batch_size: int, precision: str, rates: ProcessorRates, compiled: bool = False
) -> ProcessorStep:
    """Time of a training step of `batch_size` sequences, weights in fp32, products in `precision`, fp32 or bf16."""
    costs = (COMPILED if compiled else EAGER)[precision]
    tokens = batch_size * shape.context
    width_bytes = 2 if precision == "bf16" else 4
    square = tokens * shape.context * shape.depth
    # The residual stream and the norms stay in fp32; queries, keys, values and the feed-forward block in the precision.
    scores = square * shape.heads * width_bytes
    stream = 16 * tokens * shape.depth * shape.width
    inner = 3 * width_bytes * tokens * shape.depth * (shape.attention_width + shape.hidden)
    logits = 4 * tokens * shape.vocabulary
    spilled = (
        scores * rates.spilled(scores / shape.depth)
        + stream * rates.spilled(4 * tokens * shape.width)
        + inner * rates.spilled(width_bytes * tokens * (shape.attention_width + shape.hidden) / 2)
        + logits * rates.spilled(logits)
    )
    step = ProcessorStep(
        products=costs.products * 6 * tokens * shape.params / rates.products,
        attention=costs.attention * 12 * square * shape.attention_width / rates.products,
        scores=costs.scores * scores / rates.passes,
        streams=costs.streams * (stream + inner) / rates.passes,
        logits=costs.logits * logits / rates.passes,
        weights=costs.weights * 4 * shape.params_total / rates.passes,
        spilled=costs.spilled * spilled,
        overhead=costs.step_seconds,
    )
    return ProcessorStep(**{part: rates.slowness * seconds for part, seconds in vars(step).items()})


def drift(machine: Machine) -> float:
    """Standard deviation of ln seconds of a step between the moments of a probe: the quadratic mean over what was timed; 0
    where nothing was. A processor that others share changes its rates by a factor of two (docs/log.md, 2026-11-27)."""
    return math.sqrt(float(np.mean([step.drift**2 for step in machine.steps]))) if machine.steps else 0.0


def compile_seconds(shape: LlamaShape | Decoder, rates: ProcessorRates) -> float:
    """What compiling takes before the first step."""
    return rates.compiling * (COMPILE_SECONDS + COMPILE_LAYER_SECONDS * shape.depth)
