"""Seconds of a training step of our trunk on a processor, from the probe's rates."""

from dataclasses import dataclass
from typing import NamedTuple

from scalewright.architectures.decoder import Decoder
from scalewright.architectures.llama import LlamaShape
from scalewright.errors import InputError
from scalewright.machines.machine import Machine


@dataclass(frozen=True)
class ProcessorRates:
    """What a processor gives: FLOP/s of matrix products in a precision, and bytes/s of elementwise work in its caches."""

    products: float
    passes: float

    @classmethod
    def of(cls, machine: Machine, precision: str, threads: int) -> "ProcessorRates":
        """The rates of a probed machine; products with fewer threads than all are taken in proportion.

        Raises:
            InputError: nothing was measured in the precision, or elementwise work with so many threads.
        """
        if threads not in machine.passes_bytes_per_second:
            measured = ", ".join(map(str, machine.passes_bytes_per_second)) or "none"
            raise InputError(
                f"machine {machine.name}: no rate of elementwise work with {threads} threads, only with {measured}: probe anew"
            )
        share = threads / machine.threads
        return cls(share * machine.rate(precision), machine.passes_bytes_per_second[threads])


class Costs(NamedTuple):
    """How the time of a step depends on the rates.

    Attributes:
        products: Of the time at the best square product's rate, what a model's products take.
        attention: The same of attention's products, over the whole square.
        scores, streams, logits, weights: Passes of elementwise work, forward and backward, over each byte of the scores, of a
            layer's other values, of the logits in fp32, and of the weights in fp32 with the optimiser's work: their arithmetic
            counted in passes of a product of two arrays.
        step_seconds: What a step costs besides: the interpreter, small kernels, the batch.
    """

    products: float
    attention: float
    scores: float
    streams: float
    logits: float
    weights: float
    step_seconds: float


EAGER = {
    "fp32": Costs(1.02, 0.62, scores=93.0, streams=39.0, logits=44.0, weights=68.0, step_seconds=6.8e-3),
    "bf16": Costs(1.00, 0.20, scores=89.0, streams=89.0, logits=44.0, weights=42.0, step_seconds=7.3e-3),
}
"""Fitted to 54 timed steps (widths 64 to 768, contexts 128 to 1024, two threads), one thread followed to 3 % (docs/log.md,
2026-11-25, steps on a processor): robust relative errors, drawn towards what both precisions share."""
COMPILED = {
    "fp32": Costs(1.01, 1.04, scores=71.0, streams=26.0, logits=7.3, weights=69.0, step_seconds=3.8e-3),
    "bf16": Costs(1.03, 0.43, scores=92.0, streams=52.0, logits=9.3, weights=58.0, step_seconds=3.1e-3),
}
"""Loss and model compiled together by torch.compile, as they stand; fitted in the same way to 50 timed steps of the same widths
(docs/log.md, 2026-11-25, compiled steps)."""
COMPILE_SECONDS, COMPILE_LAYER_SECONDS = 20.5, 0.75
"""Of the first compiled step, and for each layer besides: measured in 14 new processes, an empty cache of kernels each; later
shapes of a process take 12 s less, kernels that are there already about 20 s less."""
TIME_SPREAD = 0.08
"""Standard deviation of ln seconds about these: 5 % of steps not fitted, and the machine's drift between probe and training."""


@dataclass(frozen=True)
class ProcessorStep:
    """Seconds of one step, by where they go."""

    products: float
    attention: float
    scores: float
    streams: float
    logits: float
    weights: float
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
    values = tokens * shape.depth * (16 * shape.width + 3 * width_bytes * (shape.attention_width + shape.hidden))
    return ProcessorStep(
        products=costs.products * 6 * tokens * shape.params / rates.products,
        attention=costs.attention * 12 * square * shape.attention_width / rates.products,
        scores=costs.scores * square * shape.heads * width_bytes / rates.passes,
        streams=costs.streams * values / rates.passes,
        logits=costs.logits * 4 * tokens * shape.vocabulary / rates.passes,
        weights=costs.weights * 4 * shape.params_total / rates.passes,
        overhead=costs.step_seconds,
    )


def compile_seconds(shape: LlamaShape | Decoder) -> float:
    """What compiling takes before the first step."""
    return COMPILE_SECONDS + COMPILE_LAYER_SECONDS * shape.depth
