"""rho of each precision: pairs of runs on the standard library's text that differ in precision alone.

    python benchmarks/precision_price.py [--widths 32 48] [--steps 480 960] [--seeds 0 1 2] [--precisions bf16 ...]

Every precision trains each size with each seed once, with a decayed branch at each horizon; fp32 a smaller size and a shorter
horizon besides, so that it has a law of its own. Runs lie below benchmarks/results and are trained side by side; killed and
started again, it goes on where it stopped. As a part of `training.py` its lines are kept. All of it is
3.4e13 FLOPs, about a quarter of an hour on two idle processors.

Sizes are small and runs long, for there the loss depends on the size most, and rho is known best. About a third of the N of
these models is the head, which is not rounded: larger models pay on more of theirs, as a drift with size would show.
"""

import argparse
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kept import INDIFFERENT
from measure import RESULTS, sources_hash
from scalewright.architectures import LlamaFamily
from scalewright.data import Dataset
from scalewright.ledger import Ledger, Run
from scalewright.ledger.precision_prices import measured_prices
from scalewright.planning import Recipe, trunk_steps
from scalewright.studies import LocalExecutor, ledger_run
from scalewright.studies.work import TrunkJob, train_job
from scalewright.tasks import STANDARD_LIBRARY, task_named
from scalewright.training import Trunk

REFERENCE = "fp32"
PRECISIONS = ("bf16", "simulated-fp8-e4m3", "simulated-int8", "simulated-int4")
CONTEXT, BATCH, BASE, WARMUP = 128, 8, 48, 40
RATE = 0.011
"""As the line's own search found it on this text at the width `BASE`: 0.0111 (benchmarks/results/forecast-library-0)."""
CHECKPOINT_SECONDS = 20.0
BAR = 0.005


@dataclass(frozen=True)
class Grid:
    """What is trained.

    Attributes:
        widths: Of the pairs' sizes.
        steps: Of their horizons.
        smaller, shorter: A size and a horizon that fp32 alone has.
    """

    widths: tuple[int, ...] = (32, 48)
    steps: tuple[int, ...] = (480, 960)
    seeds: tuple[int, ...] = (0, 1, 2)
    precisions: tuple[str, ...] = PRECISIONS
    smaller: int = 24
    shorter: int = 240

    def trunks(self, dataset: Dataset) -> list[Trunk]:
        """All of them, the most work first."""
        family = LlamaFamily(vocabulary=dataset.manifest.vocabulary, context=CONTEXT)
        found = [
            Trunk(
                task="language",
                shape=family.shape(width),
                recipe=Recipe(
                    learning_rate=RATE,
                    base_width=BASE,
                    base_depth=family.shape(BASE).depth,
                    batch_size=BATCH,
                    warmup_steps=min(WARMUP, self.shorter // 2),
                    weight_decay=1 / (RATE * self.steps[-1]),
                    precision=precision,
                ),
                data_hash=dataset.hash,
                seed=seed,
                horizons=(self.shorter, *self.steps) if precision == REFERENCE else self.steps,
                threads=1,
            )
            for precision in (REFERENCE, *self.precisions)
            for width in ((self.smaller, *self.widths) if precision == REFERENCE else self.widths)
            for seed in self.seeds
        ]
        return sorted(found, key=lambda trunk: -flops(trunk))


def flops(trunk: Trunk) -> float:
    """Of a trunk with its branches."""
    steps = trunk_steps(trunk.horizons, trunk.recipe.decay_fraction)
    return float(steps * trunk.tokens_per_step * trunk.shape.train_flops_per_token)


def price_lines() -> Iterator[str]:
    """Of the whole grid."""
    yield from lines(Grid())


def lines(grid: Grid) -> Iterator[str]:
    """Trains what is left of a grid, and says what it told."""
    folder = RESULTS / f"precision-price-{sources_hash(('studies', 'tasks'), INDIFFERENT)}"
    dataset = task_named("language").prepare(
        [STANDARD_LIBRARY], folder / "data", base=folder, tokenizer="bpe:1024", seed=0, progress=lambda *_: None
    )
    trunks = grid.trunks(dataset)
    total = sum(flops(trunk) for trunk in trunks)
    yield f"{len(trunks)} trunks, {sum(len(trunk.horizons) for trunk in trunks)} runs, {total:.2g} FLOPs"
    runs = _trained(trunks, dataset, folder)
    rates = {precision: _rate(runs, precision) for precision in (REFERENCE, *grid.precisions)}
    yield "GFLOP/s of one thread: " + ", ".join(f"{name} {rate / 1e9:.0f}" for name, rate in rates.items())
    prices = measured_prices(runs)
    yield ""
    yield "| precision | pairs | trunks | loss over fp32's | rho | 90 % | without these pairs |"
    yield "|" + " --- |" * 7
    for price in prices.measured:
        ratios = [one.loss / other.loss - 1 for one, other in _pairs(runs, price.precision)]
        apart = f"{min(ratios):+.2%} to {max(ratios):+.2%}"
        found = f"{price.rho:.3f} | {price.low:.3f} – {price.high:.3f}"
        default = prices.model_copy(update={"measured": ()}).of(price.precision)
        told = f"{default.rho:.3f}, {default.reason.origin}"
        yield f"| {price.precision} | {price.pairs} | {price.trunks} | {apart} | {found} | {told} |"
    for warning in (*prices.warnings, *(f"{p.precision}: {each}" for p in prices.measured for each in p.warnings)):
        yield f"warning: {warning}"
    if "bf16" in grid.precisions:
        yield ""
        yield f"| seed | params | tokens | fp32 | bf16 | difference | bar: {BAR:.1%} |"
        yield "|" + " --- |" * 7
        last = max((run.params, run.tokens) for run in runs)
        for low, high in _pairs(runs, "bf16"):
            if (low.params, low.tokens) == last:
                off = low.loss / high.loss - 1
                kept = "kept" if abs(off) <= BAR else "missed"
                losses = f"{high.loss:.4f} | {low.loss:.4f} | {off:+.2%} | {kept}"
                yield f"| {low.seed} | {low.params:,} | {low.tokens:,} | {losses} |"


def _trained(trunks: Sequence[Trunk], dataset: Dataset, folder: Path) -> list[Run]:
    jobs = [TrunkJob(trunk, dataset.folder, folder / "runs" / trunk.address, CHECKPOINT_SECONDS) for trunk in trunks]
    left, begun = sum(flops(job.trunk) for job in jobs if not job.finished), time.monotonic()
    # A ledger of this grid alone: what others trained would join its pairs.
    place = folder / "ledger.db"
    place.unlink(missing_ok=True)
    with Ledger.open(place) as ledger, LocalExecutor(len(os.sched_getaffinity(0))) as executor:
        done = 0.0
        for job, measured in executor.run(train_job, jobs):
            for one in measured:
                ledger.record_run(
                    ledger_run(job.trunk, one, study="price", role="ladder", dataset=dataset, folder=job.folder)
                )
            done += flops(job.trunk)
            trunk, losses = job.trunk, ", ".join(f"{one.loss:.4f}" for one in measured)
            what = f"{trunk.recipe.precision}, {trunk.shape.params:,} params, seed {trunk.seed}"
            print(f"    {time.monotonic() - begun:6.0f} s, {done:.2g} FLOPs: {what}: {losses}", flush=True)
        print(f"    {left:.2g} FLOPs trained in {time.monotonic() - begun:.0f} s", flush=True)
        return ledger.runs()


def _rate(runs: Sequence[Run], precision: str) -> float:
    of = [run for run in runs if run.precision == precision]
    return sum(run.flops for run in of) / sum(run.seconds for run in of)


def _pairs(runs: Sequence[Run], precision: str) -> list[tuple[Run, Run]]:
    place = {(run.params, run.tokens, run.seed): run for run in runs if run.precision == REFERENCE}
    found = [(run, place[run.params, run.tokens, run.seed]) for run in runs if run.precision == precision]
    return sorted(found, key=lambda pair: (pair[0].params, pair[0].tokens, pair[0].seed))


def main() -> None:
    """Any grid; its lines are printed and not kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    whole = Grid()
    for name, kind in (("widths", int), ("steps", int), ("seeds", int), ("precisions", str)):
        parser.add_argument(f"--{name}", nargs="+", type=kind, default=getattr(whole, name))
    for name in ("smaller", "shorter"):
        parser.add_argument(f"--{name}", type=int, default=getattr(whole, name))
    asked = vars(parser.parse_args())
    grid: Any = {name: tuple(value) if isinstance(value, list) else value for name, value in asked.items()}
    for line in lines(Grid(**grid)):
        print(line, flush=True)


if __name__ == "__main__":
    main()
