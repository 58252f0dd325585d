"""The trunk against Hugging Face's Llama and torch's own attention."""

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from scalewright.architectures import LlamaFamily
from scalewright.models import Cache, Llama
from scalewright.models.hugging_face import (
    from_hugging_face,
    hugging_face_config,
    shape_of_config,
    to_hugging_face,
)

SHAPE = LlamaFamily(vocabulary=97, context=32).shape(48)


@pytest.fixture(scope="module", params=[1, 3], ids=["own keys", "shared keys"])
def model(request):
    torch.manual_seed(3)
    return Llama(SHAPE.model_copy(update={"queries_per_key": request.param})).eval()


@pytest.fixture(scope="module")
def tokens():
    return torch.randint(97, (3, 32), generator=torch.Generator().manual_seed(4))


def test_logits_are_those_of_transformers(model, tokens):
    theirs = LlamaForCausalLM(LlamaConfig(**hugging_face_config(model.shape, 0))).eval()
    theirs.load_state_dict(to_hugging_face(model.state_dict()))
    with torch.no_grad():
        torch.testing.assert_close(model(tokens), theirs(tokens).logits, rtol=0, atol=1e-4)


def test_layouts_are_inverse(model):
    back = from_hugging_face(to_hugging_face(model.state_dict()), model.shape)
    assert back.keys() == model.state_dict().keys()
    assert all(torch.equal(back[name], weight) for name, weight in model.state_dict().items())
    assert shape_of_config(hugging_face_config(model.shape, 0)) == model.shape


def test_cached_steps_are_the_whole_pass(model, tokens):
    caches = [Cache() for _ in model.layers]
    with torch.no_grad():
        pieces = [model(tokens[:, :7], caches, 0), model(tokens[:, 7:8], caches, 7), model(tokens[:, 8:], caches, 8)]
        torch.testing.assert_close(torch.cat(pieces, dim=1), model(tokens), rtol=1e-4, atol=1e-5)


def test_no_position_sees_a_later_one(model, tokens):
    changed = tokens.clone()
    changed[:, 20] = (changed[:, 20] + 1) % 97
    with torch.no_grad():
        before, after = model(tokens), model(changed)
    torch.testing.assert_close(before[:, :20], after[:, :20])
    assert not torch.allclose(before[:, 20:], after[:, 20:])
