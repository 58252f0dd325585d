"""Steps that a probe of a processor times."""

import os
from itertools import cycle

import pytest

from scalewright.training import reference_steps
from scalewright.training.reference_steps import MODELS, ReferenceSteps


def test_both_models_in_every_precision():
    timer = ReferenceSteps(1, ["fp32", "bf16"])
    timer.time()
    steps = timer.found()
    assert [(step.shape, step.sequences, step.precision) for step in steps] == [
        (shape, sequences, precision) for shape, sequences in MODELS for precision in ("fp32", "bf16")
    ]
    assert all(1e-4 < step.seconds < 60 for step in steps)
    assert not any(step.compiled or step.startup_seconds or step.drift for step in steps)


def test_the_mean_of_rounds_and_how_far_they_lie_apart(monkeypatch):
    # A hiccup in each round, and a second round at half the speed: ln 2 apart, so that sd is ln 2 / sqrt 2.
    rounds = cycle([[1.0, 1.0, 9.0]] * len(MODELS) + [[2.0, 2.0, 9.0]] * len(MODELS))
    monkeypatch.setattr(reference_steps, "timed_steps", lambda *_, **__: next(rounds))
    timer = ReferenceSteps(1, ["fp32"])
    for _ in range(2):
        timer.time()
    for step in timer.found():
        assert step.seconds == 1.5
        assert step.drift == pytest.approx(0.6931 / 2**0.5, rel=1e-3)


@pytest.mark.slow
def test_compiled_steps_of_the_first_model_tell_what_compiling_takes():
    earlier = os.environ.get("TORCHINDUCTOR_CACHE_DIR")
    timer = ReferenceSteps(1, ["bf16"])
    timer.compile("bf16")
    timer.time()
    *eager, step = timer.found()
    assert not any(each.compiled for each in eager)
    assert (step.shape, step.sequences) == MODELS[0]
    assert step.compiled
    # A second at least, and far more than a step.
    assert step.startup_seconds > max(1.0, 5 * step.seconds)
    assert os.environ.get("TORCHINDUCTOR_CACHE_DIR") == earlier
