"""The coordinate check of µP and CompleteP: what training does to activations does not depend on width or depth.

Yang et al. 2022 (arXiv:2203.03466, appendix D.1), Dey et al. 2025 (arXiv:2505.01618, figure 5).
"""

import math

import numpy as np
import pytest
import torch

from scalewright.architectures import LlamaShape
from scalewright.models import Llama, cross_entropy
from scalewright.models.parametrisation import initialise, llama_roles, parameter_groups
from scalewright.planning import Recipe

RECIPE = Recipe(learning_rate=2**-6, base_width=32, base_depth=2, batch_size=8, warmup_steps=1)


def shape(width, depth):
    return LlamaShape(vocabulary=64, context=16, depth=depth, width=width, head_size=16, hidden=3 * width)


def coordinates(width, depth, steps=4, carried=True):
    """Root mean squares of the change of the last residual stream and of the logits after a few steps."""
    recipe = RECIPE if carried else RECIPE.model_copy(update={"base_width": width, "base_depth": depth})
    generator = torch.Generator().manual_seed(7)
    tokens = torch.randint(64, (8, 17), generator=generator)
    model = Llama(shape(width, depth))
    initialise(model, llama_roles(model, recipe), seed=1)
    streams = []
    hook = model.layers[-1].register_forward_hook(lambda module, inputs, output: streams.append(output.detach()))
    optimiser = torch.optim.AdamW(
        parameter_groups(model.named_parameters(), llama_roles(model, recipe), recipe),
        betas=(0.9, 0.95),
        eps=recipe.epsilon,
    )
    logits = []
    for _ in range(steps):
        out = model(tokens[:, :-1])
        logits.append(out.detach())
        cross_entropy(out.flatten(0, 1), tokens[:, 1:].flatten()).backward()
        optimiser.step()
        optimiser.zero_grad()
    hook.remove()
    return [(last[-1] - last[0]).square().mean().sqrt().item() for last in (streams, logits)]


def exponent(sizes, values):
    return np.polyfit(np.log(sizes), np.log(values), 1)[0]


def test_changes_do_not_grow_with_width():
    widths = (32, 64, 128, 256)
    streams, logits = zip(*(coordinates(width, 2) for width in widths), strict=True)
    assert abs(exponent(widths, streams)) < 0.2
    assert abs(exponent(widths, logits)) < 0.2


def test_changes_do_not_grow_with_depth():
    depths = (2, 4, 8, 16)
    streams, logits = zip(*(coordinates(32, depth) for depth in depths), strict=True)
    assert abs(exponent(depths, streams)) < 0.2
    assert abs(exponent(depths, logits)) < 0.2


def test_the_check_can_fail():
    """With one rate for all widths the logits' change grows with the width."""
    widths = (32, 64, 128, 256)
    logits = [coordinates(width, 2, carried=False)[1] for width in widths]
    assert exponent(widths, logits) > 0.5


def test_folding_the_branch_factor_is_the_same_as_multiplying():
    """CompleteP as written: branches times 1/l, writers' rate and deviation without it; outputs agree step by step."""
    width, depth = 32, 8
    factor = RECIPE.base_depth / depth
    tokens = torch.randint(64, (8, 17), generator=torch.Generator().manual_seed(7))

    folded, multiplied = Llama(shape(width, depth)).double(), Llama(shape(width, depth)).double()
    roles = llama_roles(folded, RECIPE)
    initialise(folded, roles, seed=1)
    multiplied.load_state_dict(folded.state_dict())
    groups = parameter_groups(multiplied.named_parameters(), roles, RECIPE)
    written = [writer.weight for layer in multiplied.layers for writer in (layer.self_attn.o_proj, layer.mlp.down_proj)]
    for writers in groups:
        if not any(weight is writers["params"][0] for weight in written):
            continue
        writers.update(lr=writers["lr"] / factor, weight_decay=writers["weight_decay"] * factor)
        with torch.no_grad():
            for weight in writers["params"]:
                weight /= factor
    for layer in multiplied.layers:
        for writer in (layer.self_attn.o_proj, layer.mlp.down_proj):
            writer.register_forward_hook(lambda module, inputs, output: output * factor)

    losses = []
    for model, parameters in (
        (folded, parameter_groups(folded.named_parameters(), roles, RECIPE)),
        (multiplied, groups),
    ):
        optimiser = torch.optim.AdamW(parameters, betas=(0.9, 0.95), eps=1e-30)
        losses.append([])
        for _ in range(6):
            loss = torch.nn.functional.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())
            loss.backward()
            optimiser.step()
            optimiser.zero_grad()
            losses[-1].append(loss.item())
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    assert losses[0][-1] < losses[0][0] - 0.1


def test_rates_fall_with_the_fan_in():
    """Half a head too much makes the attention's output wider than the stream: 24 reads 32, as 32 does."""
    peaks = {}
    for width in (24, 32, 48):
        model = Llama(LlamaShape(vocabulary=64, context=16, depth=4, width=width, head_size=16, hidden=64))
        recipe = RECIPE.model_copy(update={"base_width": 24, "base_depth": 4})
        groups = parameter_groups(model.named_parameters(), llama_roles(model, recipe), recipe)
        peaks[width] = {
            name: group["peak"]
            for group in groups
            for name, weight in model.layers[0].named_parameters()
            if any(weight is other for other in group["params"])
        }
    assert peaks[32]["self_attn.o_proj.weight"] == pytest.approx(peaks[24]["self_attn.o_proj.weight"])
    assert peaks[48]["self_attn.o_proj.weight"] == pytest.approx(peaks[24]["self_attn.o_proj.weight"] * 32 / 48)
    assert peaks[48]["self_attn.q_proj.weight"] == pytest.approx(peaks[24]["self_attn.q_proj.weight"] / 2)


def test_initial_loss_is_that_of_guessing():
    model = Llama(shape(64, 3))
    initialise(model, llama_roles(model, RECIPE), seed=0)
    tokens = torch.randint(64, (4, 17))
    loss = cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())
    assert loss.item() == pytest.approx(math.log(64), rel=1e-6)
