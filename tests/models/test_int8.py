"""Rounding to int8 against its definition."""

import copy

import torch
from hypothesis import given
from hypothesis import strategies as st

from scalewright.architectures import LlamaFamily
from scalewright.models import Llama, to_int8
from scalewright.models.int8 import compress_row, compress_weights, expand_weights


@given(seed=st.integers(0, 2**31), rows=st.integers(1, 9), columns=st.integers(1, 40), size=st.floats(1e-6, 1e6))
def test_no_weight_moves_by_more_than_half_a_step(seed, rows, columns, size):
    weight = size * torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))
    whole, scale = compress_row(weight)
    assert whole.abs().max() <= 127
    assert torch.all((whole * scale[:, None] - weight).abs() <= 0.5 * scale[:, None] * (1 + 1e-5))


def test_rows_of_zeros_stay_zero():
    whole, scale = compress_row(torch.zeros(2, 3))
    assert torch.equal(whole * scale[:, None], torch.zeros(2, 3))


def test_expanded_weights_and_int8_modules_compute_the_same():
    torch.manual_seed(0)
    model = Llama(LlamaFamily(vocabulary=64, context=16).shape(32)).eval()
    expanded = copy.deepcopy(model)
    expanded.load_state_dict(expand_weights(compress_weights(model.state_dict())))
    tokens = torch.randint(64, (2, 16))
    with torch.no_grad():
        torch.testing.assert_close(to_int8(model)(tokens), expanded(tokens), rtol=1e-4, atol=1e-4)
