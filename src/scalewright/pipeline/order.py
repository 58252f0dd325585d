"""From budget and machine to what the ladder is wanted for: shared by the run and by its estimate."""

from scalewright.architectures import LlamaFamily
from scalewright.documents import Reason
from scalewright.laws import Supply
from scalewright.machines import Machine
from scalewright.machines.speed import Speeds
from scalewright.pipeline.project import BudgetTable
from scalewright.pipeline.speeds import compute_in, seconds_for
from scalewright.planning import BY_THE_RULES, Given, Order, first_guess, first_settings
from scalewright.planning.on_processor import TRAINED
from scalewright.planning.rules import Settings

DECAY_FRACTION = 0.2
ASSUMED_UTILISATION = 0.25
"""Share of the probed rate that small models reach; only chooses the shapes to be timed."""


def training_precision(machine: Machine) -> tuple[str, Reason]:
    """The advised precision, or fp32 where speed and memory of training in it were never measured."""
    advised = machine.precisions.advised
    if advised in TRAINED:
        return advised, machine.reasons["precisions"]
    return "fp32", Reason(
        origin="derived", text=f"fp32: {advised} is advised here, the line trains in {', '.join(TRAINED)}"
    )


def rough_settings(budget: BudgetTable, machine: Machine) -> Settings:
    """Context, batch and a first guess of the size, before anything is timed."""
    precision, _ = training_precision(machine)
    return first_settings(
        budget.flops or ASSUMED_UTILISATION * machine.rate(precision) * (budget.seconds or 0.0),
    )


def final_compute(budget: BudgetTable, family: LlamaFamily, speeds: Speeds) -> tuple[float, float]:
    """FLOPs and seconds of training that the final run is expected to have."""
    if budget.seconds is not None:
        return compute_in(
            budget.seconds, family, speeds.final, ASSUMED_UTILISATION * budget.seconds * 1e11
        ), budget.seconds
    assert budget.flops is not None
    return budget.flops, seconds_for(budget.flops, family, speeds.final)


def ladder_order(
    budget: BudgetTable,
    *,
    family: LlamaFamily,
    settings: Settings,
    speeds: Speeds,
    workers: int,
    supply: Supply,
    seed: int,
    given: Given = BY_THE_RULES,
) -> Order:
    """What the ladder is wanted for."""
    target_flops, seconds = final_compute(budget, family, speeds)
    _, tokens, _ = first_guess(target_flops)
    return Order(
        family=family,
        target_flops=target_flops,
        limit_seconds=budget.ladder * seconds,
        batch_size=settings.batch_size,
        speed=speeds.ladder,
        workers=workers,
        data_tokens=supply.worth(tokens),
        decay_fraction=given.decay_fraction or DECAY_FRACTION,
        precision=speeds.ladder.precision,
        seed=seed,
        reasons=settings.reasons,
        shared=given.schedule_is_shared,
    )
