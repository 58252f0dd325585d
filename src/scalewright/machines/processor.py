"""Seconds of an eager training step of our trunk on a processor, from the probe's rates."""

from dataclasses import dataclass

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


# Fitted to 54 timed steps (widths 64 to 768, contexts 128 to 1024, fp32 and bf16, two threads); one thread followed to 3 %
# (docs/log.md, 2026-11-25, steps on a processor).
PRODUCTS = 0.93
"""Of the time at the best square product's rate that a model's products take."""
ATTENTION = 0.45
"""The same of attention's products, over the whole square."""
SCORES, STREAMS, LOGITS, WEIGHTS = 97.0, 78.0, 42.0, 86.0
"""Passes of elementwise work, forward and backward, over each byte of the scores, of a layer's other values, of the logits in
fp32, and of the weights in fp32 with the optimiser's work: their arithmetic counted in passes of a product of two arrays."""
STEP_SECONDS = 6e-3
"""What a step costs besides: the interpreter, small kernels, the batch."""


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


def processor_step(shape: LlamaShape, batch_size: int, precision: str, rates: ProcessorRates) -> ProcessorStep:
    """Time of a training step of `batch_size` sequences, eager, weights in fp32, products in `precision`."""
    tokens = batch_size * shape.context
    width_bytes = 2 if precision == "bf16" else 4
    square = tokens * shape.context * shape.depth
    # The residual stream and the norms stay in fp32; queries, keys, values and the feed-forward block in the precision.
    values = tokens * shape.depth * (16 * shape.width + 3 * width_bytes * (shape.attention_width + shape.hidden))
    return ProcessorStep(
        products=PRODUCTS * 6 * tokens * shape.params / rates.products,
        attention=ATTENTION * 12 * square * shape.attention_width / rates.products,
        scores=SCORES * square * shape.heads * width_bytes / rates.passes,
        streams=STREAMS * values / rates.passes,
        logits=LOGITS * 4 * tokens * shape.vocabulary / rates.passes,
        weights=WEIGHTS * 4 * shape.params_total / rates.passes,
        overhead=STEP_SECONDS,
    )
