"""Tokens/s of two processes of one thread each: our trainer, torch's own example of DDP, and one process of two threads.

    torchrun --standalone --nproc-per-node 2 benchmarks/training_processes.py '{"loop": "ours", "precision": "fp32"}'

Prints, on the first process, the seconds of each step after the first ones. The model is our trunk everywhere.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from scalewright.architectures import LlamaShape
from scalewright.machines.collectives import join
from scalewright.machines.host import usable_threads
from scalewright.models import Llama, compute_in, cross_entropy
from scalewright.planning.machine_plan import Layout
from step_times import drawn_trainer
from unmeasured import UnmeasuredError, need_precision

SHAPE = LlamaShape(vocabulary=4096, context=256, depth=4, width=128, head_size=32, hidden=320)
BATCH, STEPS, WARM, ROUNDS = 16, 24, 3, 5
LOOPS = {"ours, two processes": 2, "torch's example, two processes": 2, "ours, one process, two threads": 1}
BAR = 0.9


def process_lines(precision: str) -> Iterator[str]:
    """Each loop in turn, five times round."""
    if usable_threads() < 2:
        raise UnmeasuredError("one thread alone: nothing to share out")
    need_precision(precision)
    yield "| precision | loop | tokens/s | spread | ours in two over it | bar |"
    yield "|" + " --- |" * 6
    seconds: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for loop, processes in LOOPS.items():
            seconds.setdefault(loop, []).extend(_timed(loop, processes, precision))
    ours = np.median(seconds["ours, two processes"])
    for loop, values in seconds.items():
        low, median, high = np.quantile(values, (0.25, 0.5, 0.75))
        bar = "" if loop == "ours, two processes" else f"{BAR}"
        yield (
            f"| {precision} | {loop} | {BATCH * SHAPE.context / median:,.0f} | {(high - low) / median:.0%} "
            f"| {median / ours:.2f} | {bar} |"
        )


def _timed(loop: str, processes: int, precision: str) -> list[float]:
    asked = json.dumps({"loop": loop, "precision": precision})
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    answer = subprocess.run(
        [*command, __file__, asked], capture_output=True, text=True, check=True, cwd=Path(__file__).parent
    )
    found: list[float] = json.loads(answer.stdout.splitlines()[-1])
    return found


def main(asked: dict) -> None:
    processes = int(os.environ["WORLD_SIZE"])
    threads = 1 if processes > 1 else 2
    if processes > 1:
        join("cpu")
    step = _example(asked["precision"]) if "example" in asked["loop"] else _ours(asked["precision"], processes, threads)
    torch.set_num_threads(threads)
    seconds = []
    for _ in range(WARM + STEPS):
        begun = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - begun)
    if int(os.environ["RANK"]) == 0:
        print(json.dumps(seconds[WARM:]), flush=True)
    if processes > 1:
        dist.barrier()
    os._exit(0)


def _ours(precision: str, processes: int, threads: int):
    layout = Layout.alone(threads).model_copy(update={"devices": processes, "data": processes})
    trainer, schedule = drawn_trainer(SHAPE, BATCH, precision, threads, layout=layout)
    return lambda: trainer.advance(schedule)


def _example(precision: str):
    # As in torch's tutorial of DDP, with the clipping that ours does.
    model = DistributedDataParallel(Llama(SHAPE))
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    generator = torch.Generator().manual_seed(dist.get_rank())
    rows = BATCH // dist.get_world_size()

    def step() -> None:
        tokens = torch.randint(SHAPE.vocabulary, (rows, SHAPE.context + 1), generator=generator)
        with compute_in(precision, "cpu"):
            loss = cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()

    return step


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
