"""What is trained is the decoder that was planned, or nothing."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from scalewright.architectures.decoder import Decoder
from scalewright.architectures.decoders import decoders
from scalewright.errors import InputError
from scalewright.pipeline.followed import shape_to_train


def data(vocabulary: int) -> Any:
    return cast(Any, SimpleNamespace(manifest=SimpleNamespace(vocabulary=vocabulary), folder=Path("data")))


def test_every_shape_that_is_planned_for_clusters_is_trained_as_it_is():
    planned = list(decoders(1e8, 1e11, 32_768, 2048))
    assert any(shape.kv_heads < shape.heads for shape in planned)
    for shape in planned:
        trained = shape_to_train(shape, data(32_768))
        assert Decoder.of(trained) == shape
        assert trained.params_total == shape.params_total


@pytest.mark.parametrize("change", [{"tied": True}, {"positions": True}, {"gated": False}, {"heads": 8, "kv_heads": 8}])
def test_another_decoder_is_refused(change):
    planned = next(decoders(1e9, 1e11, 32_768, 2048)).model_copy(update=change)
    with pytest.raises(InputError, match="training knows untied Llamas"):
        shape_to_train(planned, data(32_768))


def test_another_vocabulary_is_refused():
    planned = next(decoders(1e9, 1e11, 32_768, 2048))
    with pytest.raises(InputError, match="plan with --vocabulary 1000"):
        shape_to_train(planned, data(1000))
