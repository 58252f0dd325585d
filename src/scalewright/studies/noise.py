"""What another seed changes: measured by runs of a ladder that differ in nothing else."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import t as student

from scalewright.files import content_hash
from scalewright.ledger import Run

CONFIDENCE = 0.95


class Noise(NamedTuple):
    """Scatter of a loss between seeds."""

    deviation: float
    """Standard deviation of the loss's logarithm."""
    freedom: int
    """Trainings that it rests on, less one for each size."""

    def least_gain(self, others: int) -> float:
        """What the best of `others` runs has to gain on another run, as a difference of logarithms, to be more than luck.

        Noise alone stays below it in 95 of 100 searches: Student's t of the difference of two runs, at a level divided by how
        many could have been the best (Bonferroni). The runs of a search share their seed, which does not keep neighbours
        together: settings that were nearly the same parted by 1 % (docs/log.md, 2026-11-27).
        """
        level = 1 - (1 - CONFIDENCE) / max(1, others)
        return float(math.sqrt(2) * self.deviation * student.ppf(level, self.freedom))


def seed_noise(runs: Sequence[Run]) -> Noise | None:
    """The scatter between seeds in runs of a ladder; None where no run was repeated with another seed."""
    groups: dict[str, dict[int, float]] = {}
    seeds: dict[str, set[int]] = {}
    for run in runs:
        what = {name: value for name, value in run.configuration.items() if name != "seed"}
        groups.setdefault(content_hash(what), {})[run.seed] = math.log(run.loss)
        # Branches of a trunk scatter together: only whole trunks count as further evidence.
        seeds.setdefault(content_hash({name: what[name] for name in what if name != "steps"}), set()).add(run.seed)
    freedom = sum(len(found) - 1 for found in seeds.values())
    scatter = [(np.var(list(group.values()), ddof=1), len(group) - 1) for group in groups.values() if len(group) > 1]
    if not freedom or not scatter:
        return None
    variance = sum(each * weight for each, weight in scatter) / sum(weight for _, weight in scatter)
    return Noise(float(math.sqrt(variance)), freedom)
