"""Who hears of a project's final run."""

from collections.abc import Sequence

from scalewright.documents import flat
from scalewright.pipeline.workspace import Workspace
from scalewright.planning import Plan
from scalewright.training import Measured, Progress, Trunk
from scalewright.training.trackers import Forgiving, LedgerTracker, Several, Tracked, Tracker, tracker_named


def trackers_of(at: Workspace, names: Sequence[str]) -> Tracker:
    """The project's ledger, and the trackers of these names, whose failures are warnings.

    Raises:
        InputError: a tracker is unknown, or its package is missing.
    """
    others = [(name, tracker_named(name, study=at.project.name, base=at.root)) for name in names]
    return Several(LedgerTracker(at.ledger), *(Forgiving(tracker, name, at.watch.warn) for name, tracker in others))


def tracked_final(trunk: Trunk, plan: Plan, study: str, tracker: Tracker, progress: Progress) -> Tracked:
    """The final run's progress, told to a tracker as well, with what was chosen and forecast."""
    (horizon,), recipe = trunk.horizons, trunk.recipe
    schedule = trunk.schedule(horizon)
    chosen = flat(trunk.model_dump(mode="json", exclude={"horizons": True, "recipe": {"reasons"}}))
    configuration = {name: str(value) if isinstance(value, list) else value for name, value in chosen.items()} | {
        "steps": horizon,
        "study": study,
        "params": trunk.shape.params,
        "tokens": plan.choice.tokens,
        "plan": plan.hash,
        "forecast.loss": plan.forecast.value,
        "forecast.loss_low": plan.forecast.low,
        "forecast.loss_high": plan.forecast.high,
        "forecast.seconds": plan.forecast_seconds.value,
    }
    return Tracked(
        tracker,
        trunk.run_address(horizon),
        configuration,
        progress=progress,
        learning_rate=lambda step: recipe.learning_rate * schedule.factor(step),
    )


def final_metrics(measured: Measured) -> dict[str, float]:
    """What a tracker is told at the end."""
    tested = {} if measured.test_loss is None else {"test_loss": measured.test_loss}
    return (
        tested
        | {
            "validation_loss": measured.loss,
            "tokens": measured.tokens,
            "flops": measured.flops,
            "seconds": measured.seconds,
            "tokens_per_second": measured.tokens_per_second,
            "peak_memory_bytes": measured.peak_memory_bytes,
        }
        | {
            name if name.startswith("test_") else f"validation_{name}": value
            for name, value in measured.metrics.items()
        }
    )
