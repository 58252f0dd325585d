"""Law, architecture, machine and budget make a plan; no torch, no ledger."""

from scalewright.planning.choice import Budget, candidates, choose, memory_bytes
from scalewright.planning.ladder import Ladder, Rung, design_ladder, nearest_shape, trunk_steps
from scalewright.planning.plan import Candidate, Ideal, Interval, Plan
from scalewright.planning.rules import batch_tokens, context_length, first_guess, ladder_batch, warmup_steps

__all__ = [
    "Budget",
    "Candidate",
    "Ideal",
    "Interval",
    "Ladder",
    "Plan",
    "Rung",
    "batch_tokens",
    "candidates",
    "choose",
    "context_length",
    "design_ladder",
    "first_guess",
    "ladder_batch",
    "memory_bytes",
    "nearest_shape",
    "trunk_steps",
    "warmup_steps",
]
