"""Was the size well chosen? At the planned compute, models 2 and 4 times smaller and larger, on the novels.

    python benchmarks/isoflop_check.py [--flops 3e13] [--seeds 0 1]

The project of the forecast benchmark is planned; then every size is trained for the same FLOPs with each seed. Prints loss,
difference from the planned size and the noise of seeds. What was trained is kept under benchmarks/results.
"""

import argparse

import numpy as np

from kept import kept_project
from measure import say_idleness
from scalewright.pipeline import Silent
from scalewright.pipeline.planned import plan_project
from scalewright.planning import nearest_shape
from scalewright.studies import LocalExecutor
from scalewright.studies.work import TrunkJob, train_job
from scalewright.training import Trunk
from texts import sources

FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)


def losses(flops: float, seeds: list[int]) -> tuple[int, dict[int, list[float]]]:
    """The planned params; and for each size the losses of all seeds at the planned compute."""
    toml = f'name = "novels"\ndata = ["{sources("novels-1")}"]\n[budget]\nflops = {flops}\nladder = 1\n'
    say_idleness()
    with kept_project(f"isoflop-{flops:g}", toml, Silent()) as at:
        planned = plan_project(at, None)
        plan, dataset = planned.plan, planned.dataset
        family = at.task.family(dataset.manifest.vocabulary, plan.choice.shape.context)
        jobs = []
        for factor in FACTORS:
            shape = nearest_shape(family, factor * plan.choice.params)
            per_step = plan.recipe.batch_size * shape.context
            steps = round(plan.choice.flops / shape.train_flops_per_token / per_step)
            # Weights forget over the length of each run's own, so that no size pays for the decay that suits another.
            own = plan.recipe.model_copy(update={"weight_decay": 1 / (plan.recipe.learning_rate * steps)})
            for seed in seeds:
                trunk = Trunk(
                    task=at.task.name,
                    shape=shape,
                    recipe=own,
                    data_hash=dataset.hash,
                    seed=seed,
                    horizons=(steps,),
                    threads=1,
                )
                jobs.append(TrunkJob(trunk, dataset.folder, at.runs / trunk.address, 30.0))
        found: dict[int, list[float]] = {}
        with LocalExecutor(2) as executor:
            for job, (measured,) in executor.run(train_job, jobs):
                found.setdefault(job.trunk.shape.params, []).append(measured.loss)
                print(f"    {job.trunk.shape.params:,} params, seed {job.trunk.seed}: {measured.loss:.4f}", flush=True)
    return plan.choice.params, dict(sorted(found.items()))


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flops", type=float, default=3e13)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    asked = parser.parse_args()
    chosen, found = losses(asked.flops, asked.seeds)
    planned = np.mean(found[chosen])
    noise = (
        np.sqrt(np.mean([np.var(each, ddof=1) for each in found.values()])) if len(asked.seeds) > 1 else float("nan")
    )
    print("| params | over the planned | loss | against the planned |\n| --- | --- | --- | --- |")
    for params, each in found.items():
        print(f"| {params:,} | {params / chosen:.2f} | {np.mean(each):.4f} | {np.mean(each) / planned - 1:+.2%} |")
    print(f"\nnoise of a seed: {noise / planned:.2%} of the loss ({len(asked.seeds)} seeds of each size)")


if __name__ == "__main__":
    main()
