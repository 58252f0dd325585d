"""A ladder of seconds: run in a test, or as a program of its own that can be killed."""

import sys
from pathlib import Path

from scalewright.architectures import LlamaFamily
from scalewright.data import Dataset
from scalewright.documents import Reason
from scalewright.ledger import Ledger
from scalewright.planning.ladder import Ladder, Rung
from scalewright.studies import LadderStudy, LocalExecutor, ladder, ladder_recipe
from scalewright.studies.on_ray import RayExecutor

CHOSEN = Reason(origin="assumed", text="for a test")


class Quiet:
    def work(self, done, total, what):
        pass


def small_ladder(vocabulary, steps, rungs=4):
    family = LlamaFamily(vocabulary=vocabulary, context=32)
    return Ladder(
        context=32,
        batch_size=4,
        warmup_steps=3,
        decay_fraction=0.2,
        base_width=32,
        base_depth=2,
        precision="fp32",
        rungs=tuple(
            Rung(shape=family.shape(32), horizons=(steps // 2, steps), seed=seed, role="repeat")
            for seed in range(rungs)
        ),
        search_shape=family.shape(32),
        search_horizon=8,
        target_flops=1e12,
        target_steps=steps,
        seconds=10.0,
        warnings=(),
        reasons={"batch_size": CHOSEN, "warmup_steps": CHOSEN},
    )


def run_study(executor, dataset, ledger_place, folder, steps):
    """Runs every rung; returns the losses in the ledger by run."""
    ladder.CHECKPOINT_SECONDS = 0.7
    plan = small_ladder(dataset.manifest.vocabulary, steps)
    with Ledger.open(ledger_place) as ledger:
        study = LadderStudy(
            plan,
            task="language",
            name="small",
            dataset=dataset,
            ledger=ledger,
            executor=executor,
            folder=folder,
            progress=Quiet(),
        )
        runs = study.run_rungs(ladder_recipe(plan, 0.01, CHOSEN))
        kept = [run.id for run in ledger.runs()]
        assert len(kept) == len(set(kept))
        assert {run.id for run in runs} <= set(kept)
        return {run.id: run.loss for run in runs}


if __name__ == "__main__":
    address, data, ledger_place, folder, steps = sys.argv[1:]
    with LocalExecutor(2) if address == "local" else RayExecutor(address, attempts=99) as executor:
        run_study(executor, Dataset.open(Path(data)), ledger_place, Path(folder), int(steps))
