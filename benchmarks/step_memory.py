"""Peak memory of training processes, and what the plan says it is."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from scalewright.architectures import LlamaShape
from scalewright.planning import memory_bytes
from step_times import SHAPES, drawn_trainer


def memory_lines() -> Iterator[str]:
    """Each configuration in a process of its own."""
    yield "| width | layers | vocabulary | context | batch | precision | measured MiB | planned MiB | error |"
    yield "|" + " --- |" * 9
    errors = []
    for width, head, depth, vocabulary, context, batch in SHAPES:
        shape = LlamaShape(
            vocabulary=vocabulary, context=context, depth=depth, width=width, head_size=head,
            hidden=-(-8 * width // 3 // 16) * 16,
        )  # fmt: skip
        for precision in ("fp32", "bf16"):
            asked = json.dumps([shape.model_dump(), batch, precision])
            answer = subprocess.run(
                [sys.executable, __file__, asked], capture_output=True, text=True, check=True, cwd=Path(__file__).parent
            )
            measured, said = int(answer.stdout), memory_bytes(shape, batch, precision)
            errors.append(said / measured - 1)
            yield (
                f"| {width} | {depth} | {vocabulary} | {context} | {batch} | {precision} | {measured / 2**20:,.0f} "
                f"| {said / 2**20:,.0f} | {errors[-1]:+.1%} |"
            )
    sizes = np.abs(errors)
    yield (
        f"{len(errors)} configurations of one process, eager: median absolute error {np.median(sizes):.1%} (bar: 4 %), largest "
        f"{sizes.max():.1%} (bar: 10 %)"
    )


def _peak(asked: str) -> int:
    from scalewright.training.memory import peak_memory_bytes

    shape, batch, precision = json.loads(asked)
    trainer, schedule = drawn_trainer(LlamaShape.model_validate(shape), batch, precision, threads=2)
    for _ in range(4):
        trainer.advance(schedule)
    return peak_memory_bytes()


if __name__ == "__main__":
    print(_peak(sys.argv[1]))
