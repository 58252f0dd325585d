"""Steps that a probe of a processor times."""

import os

import pytest

from scalewright.training.reference_steps import MODELS, reference_steps


def test_both_models_in_every_precision():
    steps = reference_steps(1, ["fp32", "bf16"])
    assert [(step.shape, step.sequences, step.precision) for step in steps] == [
        (shape, sequences, precision) for shape, sequences in MODELS for precision in ("fp32", "bf16")
    ]
    assert all(1e-4 < step.seconds < 60 for step in steps)
    assert not any(step.compiled or step.startup_seconds for step in steps)


@pytest.mark.slow
def test_compiled_steps_of_the_first_model_tell_what_compiling_takes():
    earlier = os.environ.get("TORCHINDUCTOR_CACHE_DIR")
    (step,) = reference_steps(1, ["bf16"], compiled=True)
    assert (step.shape, step.sequences) == MODELS[0]
    assert step.compiled
    # A second at least, and far more than a step.
    assert step.startup_seconds > max(1.0, 5 * step.seconds)
    assert os.environ.get("TORCHINDUCTOR_CACHE_DIR") == earlier
