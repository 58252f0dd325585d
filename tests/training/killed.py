"""A training to be killed: prints the numbers of its steps, and at its end what its branches came to.

    python tests/training/killed.py ASKED

ASKED is JSON: `trunk`, `data`, `folder`.
"""

import json
import sys
from pathlib import Path

from scalewright.tasks import trainable_named
from scalewright.training import Trunk, train


class Told:
    """Says each step at once."""

    def step(self, step: int, total: int, loss: float, tokens_per_second: float) -> None:
        print(step, total, flush=True)

    def say(self, text: str) -> None:
        pass

    def warn(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)


def main(asked: dict) -> None:
    trunk = Trunk.model_validate(asked["trunk"])
    task = trainable_named(trunk.task)
    dataset = task.open(Path(asked["data"]))
    measured = train(trunk, task, dataset, Path(asked["folder"]), checkpoint_seconds=0, progress=Told())
    print(json.dumps({one.horizon: [one.loss, *one.curve] for one in measured}), flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
