"""Was the size well chosen? At the planned compute, models 2 and 4 times smaller and larger, on the novels.

    python benchmarks/isoflop_check.py [--flops 3e13] [--seeds 0 1]

The project of the forecast benchmark is planned; then every size is trained for the same FLOPs with each seed. Prints loss,
difference from the planned size and the noise of seeds. Resumable.
"""

import argparse
from typing import Any

import numpy as np

from measure import RESULTS, resumed, say_idleness, sources_hash
from scalewright.data import Dataset
from scalewright.pipeline import run_project
from scalewright.pipeline.workspace import STATE
from scalewright.planning import Plan, nearest_shape
from scalewright.studies import LocalExecutor
from scalewright.studies.work import TrunkJob, train_job
from scalewright.tasks import task_named
from scalewright.training import Trunk
from texts import sources

FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)


def sizes(flops: float, seeds: list[int]) -> dict[str, Any]:
    """Trains each size with each seed at the planned compute."""
    folder = RESULTS / "isoflop" / f"{flops:g}-{sources_hash()}"
    folder.mkdir(parents=True, exist_ok=True)
    project = folder / "project.toml"
    project.write_text(f'name = "novels"\ndata = ["{sources("novels-1")}"]\n[budget]\nflops = {flops}\nladder = 1\n')
    say_idleness()
    run_project(project)
    state = folder / STATE
    plan, dataset = Plan.load(state / "plan.json"), Dataset.open(state / "data")
    recipe = plan.recipe
    family = task_named("language").family(dataset.manifest.vocabulary, plan.choice.shape.context)
    jobs = []
    for factor in FACTORS:
        shape = nearest_shape(family, factor * plan.choice.params)
        per_step = recipe.batch_size * shape.context
        steps = round(plan.choice.flops / shape.train_flops_per_token / per_step)
        # Weights forget over the length of each run's own, so that no size pays for the decay that suits another.
        own = recipe.model_copy(update={"weight_decay": 1 / (recipe.learning_rate * steps)})
        for seed in seeds:
            trunk = Trunk(
                task="language",
                shape=shape,
                recipe=own,
                data_hash=dataset.hash,
                seed=seed,
                horizons=(steps,),
                threads=1,
            )
            jobs.append(TrunkJob(trunk, dataset.folder, state / "runs" / trunk.address, 30.0))
    losses: dict[int, dict[int, float]] = {}
    with LocalExecutor(2) as executor:
        for job, (measured,) in executor.run(train_job, jobs):
            losses.setdefault(job.trunk.shape.params, {})[job.trunk.seed] = measured.loss
            print(f"    {job.trunk.shape.params:,} params, seed {job.trunk.seed}: {measured.loss:.4f}", flush=True)
    return {
        "planned": plan.choice.params,
        "losses": [[params, [found[seed] for seed in seeds]] for params, found in sorted(losses.items())],
    }


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flops", type=float, default=3e13)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    asked = parser.parse_args()
    name = f"isoflop-{asked.flops:g}-{'-'.join(map(str, asked.seeds))}"
    found = resumed(name, lambda: sizes(asked.flops, asked.seeds))
    rows = [(params, np.array(losses)) for params, losses in found["losses"]]
    planned = next(losses for params, losses in rows if params == found["planned"])
    noise = np.sqrt(np.mean([np.var(losses, ddof=1) for _, losses in rows])) if len(asked.seeds) > 1 else float("nan")
    print("| params | over the planned | loss | against the planned |\n| --- | --- | --- | --- |")
    for params, losses in rows:
        ratio, difference = params / found["planned"], losses.mean() / planned.mean() - 1
        print(f"| {params:,} | {ratio:.2f} | {losses.mean():.4f} | {difference:+.2%} |")
    print(f"\nnoise of a seed: {noise / planned.mean():.2%} of the loss ({len(asked.seeds)} seeds of each size)")


if __name__ == "__main__":
    main()
