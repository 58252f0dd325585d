"""One process of a training laid out on several: prints, on the first of them, what each step came to.

    torchrun --standalone --nproc-per-node 2 tests/training/laid_out.py ASKED

ASKED is JSON: `trunk`, `data`, `layout` (degrees), `steps`, and optionally `load` and `save`, folders of checkpoints.
"""

import json
import os
import sys
from pathlib import Path

import torch
import torch.distributed as dist

from scalewright.planning.machine_plan import Layout
from scalewright.tasks import trainable_named
from scalewright.training import Trainer, Trunk
from scalewright.training.checkpoint import Checkpoints


def main(asked: dict) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    trunk = Trunk.model_validate(asked["trunk"])
    task = trainable_named(trunk.task)
    layout = Layout.model_validate(Layout.alone().model_dump() | {"devices": dist.get_world_size()} | asked["layout"])
    trainer = Trainer(trunk, task, task.open(Path(asked["data"])), "cpu", layout)
    if asked.get("load"):
        saved = Checkpoints(Path(asked["load"]), trainer.mesh).newest()
        assert saved is not None
        trainer.restore(saved)
    schedule = trunk.schedule(trunk.horizons[-1])
    losses = [trainer.advance(schedule) for _ in range(asked["steps"])]
    if asked.get("save"):
        store = Checkpoints(Path(asked["save"]), trainer.mesh)
        store.save(trainer.step, trainer.tensors(), trainer.facts())
        store.wait()
    validation = trainer.score("validation").loss
    if trainer.mesh.first:
        print(json.dumps({"losses": losses, "validation": validation}), flush=True)
    dist.barrier()
    # Torn down in order, sharded processes abort now and then.
    os._exit(0)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
