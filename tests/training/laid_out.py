"""One process of a training laid out on several: prints, on the first of them, what each step came to.

    torchrun --standalone --nproc-per-node 2 tests/training/laid_out.py ASKED

ASKED is JSON: `trunk`, `data`, `layout` (degrees, or `replicas`, as many as there are processes), `steps`, and optionally
`load` and `save`, folders of checkpoints. With a folder `train` in the place of `steps` the trunk is trained there to its end;
the last process kills itself once at step `kill`, and where the environment says LOST its torchrun with it.
With `tune` it tells in the place of losses which way each process found to be the fastest, and how many it timed.
With `weigh` it tells in the place of losses how much memory the fullest process took, at the most, to begin.
"""

import faulthandler
import json
import os
import signal
import sys
from pathlib import Path

import torch
import torch.distributed as dist

from scalewright.machines.collectives import join
from scalewright.planning.machine_plan import Layout
from scalewright.tasks import trainable_named
from scalewright.training import Trainer, Trunk, train, tuning
from scalewright.training.checkpoint import Checkpoints
from scalewright.training.memory import peak_memory_bytes, reset_peak_memory


def main(asked: dict) -> None:
    # Should it ever wait for ever, it says where and ends.
    faulthandler.dump_traceback_later(asked.get("patience", 250), exit=True)
    torch.set_num_threads(1)
    join("cpu")
    trunk = Trunk.model_validate(asked["trunk"])
    task = trainable_named(trunk.task)
    world = dist.get_world_size()
    degrees = {"data": world} if asked["layout"] == "replicas" else asked["layout"]
    layout = Layout.model_validate(Layout.alone().model_dump() | {"devices": world} | degrees)
    dataset = task.open(Path(asked["data"]))
    if asked.get("train"):
        folder = Path(asked["train"])
        watch = KillOnce(asked["kill"], folder / "killed", node=asked["layout"] == "replicas")
        measured = list(train(trunk, task, dataset, folder, layout=layout, checkpoint_seconds=0, progress=watch))
        tell({"losses": [one.loss for one in measured]})
    if asked.get("tune"):
        tuning._SECONDS, tuning.SHARE, tuning._COMPILE_PAYS = 0.0, 1e6, 1e9
        found = tuning.tune(trunk, task, dataset, "cpu", layout)
        told = [None] * world
        dist.all_gather_object(told, (str(found.way), [seconds for _, seconds in found.tried]))
        tell({"ways": told})
    if asked.get("weigh"):
        # What torch loads for its layouts is no part of it.
        shallow = trunk.model_copy(update={"shape": trunk.shape.model_copy(update={"depth": 2})})
        Trainer(shallow, task, dataset, "cpu", layout)
        reset_peak_memory()
        before = peak_memory_bytes()
        trainer = Trainer(trunk, task, dataset, "cpu", layout)
        tell({"bytes": max(trainer.mesh.gathered(peak_memory_bytes() - before), default=0)})
    trainer = Trainer(trunk, task, dataset, "cpu", layout)
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
    tell({"losses": losses, "validation": validation})


class KillOnce:
    """Ends the last process as a kill would, once."""

    def __init__(self, step: int, done: Path, node: bool) -> None:
        self.at, self.done, self.node = step, done, node

    def step(self, step: int, total: int, loss: float, tokens_per_second: float) -> None:
        lost = "LOST" in os.environ
        last = dist.get_rank() == dist.get_world_size() - 1
        if step == self.at and (lost if self.node else last) and not self.done.exists():
            self.done.touch()
            if lost:
                os.kill(os.getppid(), signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)

    def say(self, text: str) -> None:
        pass

    def warn(self, text: str) -> None:
        print(text, file=sys.stderr)


def tell(answer: dict) -> None:
    if dist.get_rank() == 0:
        print(json.dumps(answer), flush=True)
    dist.barrier()
    # Torn down in order, sharded processes abort now and then.
    os._exit(0)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
