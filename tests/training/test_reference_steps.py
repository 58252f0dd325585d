"""Steps that a probe of a processor times."""

from scalewright.training.reference_steps import MODELS, reference_steps


def test_both_models_in_every_precision():
    steps = reference_steps(1, ["fp32", "bf16"])
    assert [(step.shape, step.sequences, step.precision) for step in steps] == [
        (shape, sequences, precision) for shape, sequences in MODELS for precision in ("fp32", "bf16")
    ]
    assert all(1e-4 < step.seconds < 60 for step in steps)
