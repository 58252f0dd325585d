"""A run and a forecast to vary."""

from collections.abc import Callable
from typing import Any

import pytest

from scalewright.ledger import Forecast, Run


@pytest.fixture
def make_run() -> Callable[..., Run]:
    def make(**changes: Any) -> Run:
        fields: dict[str, Any] = {
            "id": "a1",
            "study": "ladder-1",
            "role": "ladder",
            "configuration": {"depth": 4, "nested": {"learning_rate": 0.003}},
            "data_hash": "d0",
            "tokenizer_hash": "t0",
            "task": "language",
            "context": 256,
            "recipe_version": 1,
            "seed": 0,
            "params": 254_000,
            "params_total": 320_000,
            "tokens": 800_000,
            "unique_tokens": 800_000,
            "flops": 1.25e12,
            "precision": "bf16",
            "layout": "1",
            "loss": 3.141592653589793,
            "curve": [[100_000, 4.5], [800_000, 3.14]],
            "seconds": 40.5,
            "tokens_per_second": 19_753.0,
            "peak_memory_bytes": 2**33,
        }
        return Run(**(fields | changes))

    return make


@pytest.fixture
def make_forecast() -> Callable[..., Forecast]:
    def make(**changes: Any) -> Forecast:
        fields: dict[str, Any] = {
            "quantity": "loss",
            "unit": "nats/token",
            "value": 2.0,
            "low": 1.9,
            "high": 2.1,
            "level": 0.9,
            "extrapolation": 7.0,
            "law_hash": "law",
            "plan_hash": "plan",
        }
        return Forecast(**(fields | changes))

    return make
