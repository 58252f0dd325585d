"""One form of a model, measured: what compression is judged by."""

from pathlib import Path

from scalewright.data import Dataset
from scalewright.documents import Part
from scalewright.inference import decoding_speed
from scalewright.models import Llama
from scalewright.tasks import Task, evaluate


class Variant(Part):
    """A form of a model as measured here."""

    name: str
    """`trained` or `int8`."""
    bytes: int
    """Size of its weights file."""
    loss: float
    """On the validation split, in fp32."""
    test_loss: float
    tokens_per_second: float
    """Generated, one sequence at a time, median."""


def measure_variant(name: str, model: Llama, weights: Path, task: Task, dataset: Dataset) -> Variant:
    """Measures a model whose weights lie in the file `weights`."""
    return Variant(
        name=name,
        bytes=weights.stat().st_size,
        loss=evaluate(task, model, dataset, "validation", "fp32").loss,
        test_loss=evaluate(task, model, dataset, "test", "fp32").loss,
        tokens_per_second=decoding_speed(model),
    )
