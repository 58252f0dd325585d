"""Generation against recomputing everything for each token."""

import pytest
import torch

from scalewright.architectures import LlamaFamily
from scalewright.errors import InputError
from scalewright.inference import generate
from scalewright.models import Llama


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(5)
    return Llama(LlamaFamily(vocabulary=50, context=24).shape(32)).eval()


@torch.no_grad()
def by_force(model, prompt, count):
    tokens = list(prompt)
    for _ in range(count):
        tokens.append(int(model(torch.tensor([tokens]))[0, -1].argmax()))
    return tokens[len(prompt) :]


def test_greedy_is_the_likeliest_token_each_time(model):
    assert generate(model, [1, 2, 3], 15) == by_force(model, [1, 2, 3], 15)


def test_it_stays_within_the_context(model):
    assert len(generate(model, [1] * 20, 100)) == 4
    for prompt in ([], [1] * 24):
        with pytest.raises(InputError, match="expected 1 to 23"):
            generate(model, prompt, 1)


def test_it_stops_at_the_end_token(model):
    free = generate(model, [1, 2, 3], 15)
    assert generate(model, [1, 2, 3], 15, end=free[4]) == free[: free.index(free[4])]


def test_samples_depend_on_the_seed_alone(model):
    first, again, other = (generate(model, [1], 20, temperature=1.0, seed=seed) for seed in (1, 1, 2))
    assert first == again != other


def test_samples_follow_the_softmax(model):
    with torch.no_grad():
        expected = model(torch.tensor([[7]]))[0, -1].softmax(-1)
    drawn = torch.bincount(
        torch.tensor([generate(model, [7], 1, temperature=1.0, seed=seed)[0] for seed in range(3000)]), minlength=50
    )
    deviation = (3000 * expected * (1 - expected)).sqrt()
    assert torch.all((drawn - 3000 * expected).abs() < 4.5 * deviation + 1)
