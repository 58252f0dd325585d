"""Which runs of a ledger one law may be fitted to, and which of them have noise in common."""

from scalewright.ledger.tables import Role, Run
from scalewright.planning.recipe import OPTIONS

SEARCHES: tuple[Role, ...] = ("search", "trial")
"""Of runs whose settings are tried out: no law's."""


def options_of(run: Run) -> str:
    """What was trained otherwise than by default, such as by another optimiser: a law's runs have it in common."""
    recipe = run.configuration.get("recipe", {})
    asked = [f"{name}={recipe[name]}" for name in OPTIONS if name in recipe]
    if start := run.configuration.get("start"):
        asked.append(f"start={start['sha256'][:8]}{' frozen' if start['frozen'] else ''}")
    return " ".join(asked) or "none"


def trunk_of(run: Run) -> str:
    """The long run that it is a branch of: runs of one size, seed and text, which share noise."""
    return f"{run.params} {run.seed} {run.role == 'repetition'}"
