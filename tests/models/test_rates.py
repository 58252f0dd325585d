"""The coordinate check for SGD and Muon: what training does to activations does not depend on width or depth.

Yang et al. 2022 (arXiv:2203.03466, appendix D.1), Dey et al. 2025 (arXiv:2505.01618, figure 5).
"""

import numpy as np
import pytest
import torch

from scalewright.architectures import LlamaShape, VGGFamily
from scalewright.models import Llama, cross_entropy
from scalewright.models.parametrisation import Role, initialise, llama_roles, slower_muon, slower_sgd, vgg_roles
from scalewright.models.vgg import VGG
from scalewright.planning import Recipe
from scalewright.training.clipping import clip
from scalewright.training.mesh import Mesh
from scalewright.training.optimisers import optimiser_of

DEPTHS = (2, 4, 8)
WIDTHS = {"muon": (64, 128, 256), "sgd": (64, 128, 256)}
RATES = {"muon": 2**-6, "sgd": 0.5}
TRAINED = pytest.mark.parametrize("optimiser", RATES)


@pytest.fixture(autouse=True)
def one_thread():
    """Small products are done sooner by one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def recipe_of(optimiser, width=32, depth=2, **changes):
    settings = {"learning_rate": RATES[optimiser], "momentum": 0.9, "batch_size": 8, "warmup_steps": 1} | changes
    return Recipe(base_width=width, base_depth=depth, optimiser=optimiser, **settings)


def coordinates(optimiser, width, depth, recipe, steps=5):
    """Root mean squares of the change of the last residual stream and of the logits after a few steps."""
    generator = torch.Generator().manual_seed(7)
    tokens = torch.randint(64, (8, 17), generator=generator)
    model = Llama(LlamaShape(vocabulary=64, context=16, depth=depth, width=width, head_size=16, hidden=3 * width))
    roles = llama_roles(model, recipe)
    initialise(model, roles, seed=1)
    seen = []
    hook = model.layers[-1].register_forward_hook(lambda module, inputs, output: seen.append(output.detach()))
    mover, logits = optimiser_of(model.named_parameters(), roles, recipe), []
    for _ in range(steps):
        out = model(tokens[:, :-1])
        logits.append(out.detach())
        cross_entropy(out.flatten(0, 1), tokens[:, 1:].flatten()).backward()
        clip(model.parameters(), mover, recipe, Mesh("cpu"))
        mover.step()
        mover.zero_grad()
    hook.remove()
    return [(last[-1] - last[0]).square().mean().sqrt().item() for last in (seen, logits)]


def exponent(sizes, values):
    return np.polyfit(np.log(sizes), np.log(values), 1)[0]


@TRAINED
def test_changes_do_not_grow_with_width(optimiser):
    streams, logits = zip(
        *(coordinates(optimiser, width, 2, recipe_of(optimiser)) for width in WIDTHS[optimiser]), strict=True
    )
    assert abs(exponent(WIDTHS[optimiser], streams)) < 0.2
    assert abs(exponent(WIDTHS[optimiser], logits)) < 0.2


@TRAINED
def test_changes_do_not_grow_with_depth(optimiser):
    streams, logits = zip(*(coordinates(optimiser, 32, depth, recipe_of(optimiser)) for depth in DEPTHS), strict=True)
    assert abs(exponent(DEPTHS, streams)) < 0.2
    assert abs(exponent(DEPTHS, logits)) < 0.2


@TRAINED
def test_the_check_can_fail(optimiser):
    """With one rate for all sizes the logits' change grows with the width, the stream's with the depth."""
    widths, depths = (32, 128), (DEPTHS[0], DEPTHS[-1])
    logits = [coordinates(optimiser, width, 2, recipe_of(optimiser, width=width))[1] for width in widths]
    streams = [coordinates(optimiser, 32, depth, recipe_of(optimiser, depth=depth))[0] for depth in depths]
    assert exponent(widths, logits) > 0.35
    assert exponent(depths, streams) > 0.6


def vgg_changes(width, base):
    recipe, found = recipe_of("sgd", width=base, learning_rate=2**-7), []
    for seed in range(3):
        generator = torch.Generator().manual_seed(seed)
        pictures = torch.randn(16, 3, 32, 32, generator=generator)
        labels = torch.randint(4, (16,), generator=generator)
        model = VGG(VGGFamily(classes=4, pixels=32, batch_norm=True, pooled=1).shape(width), dropout=0.0)
        roles = vgg_roles(model, recipe)
        initialise(model, roles, seed)
        mover, logits = optimiser_of(model.named_parameters(), roles, recipe), []
        for _ in range(4):
            logits.append(model(pictures))
            cross_entropy(logits[-1], labels).backward()
            mover.step()
            mover.zero_grad()
        found.append((logits[-1] - logits[0]).square().mean().sqrt().item())
    return np.mean(found)


def test_changes_of_a_vgg_do_not_grow_with_width():
    widths = (4, 8, 16)
    assert abs(exponent(widths, [vgg_changes(width, 4) for width in widths])) < 0.2


def test_the_check_of_a_vgg_can_fail():
    assert exponent((4, 16), [vgg_changes(width, width) for width in (4, 16)]) > 0.4


def test_rates_of_sgd_are_those_of_the_table():
    """Yang et al. 2022 (arXiv:2203.03466), table 3: n for the input and vectors, 1 for hidden matrices, 1/n for the output."""
    recipe = recipe_of("sgd")
    model = Llama(LlamaShape(vocabulary=64, context=16, depth=6, width=128, head_size=16, hidden=384))
    rates = {name: 1 / slower_sgd(role, ()) for name, role in llama_roles(model, recipe).items()}
    assert rates["embed_tokens.weight"] == rates["norm.weight"] == 4
    assert rates["lm_head.weight"] == 1 / 4
    # In depth: readers and gains of branches by l, writers by 1/l.
    assert rates["layers.3.input_layernorm.weight"] == 4 * 3
    assert rates["layers.3.mlp.down_proj.weight"] == rates["layers.3.self_attn.o_proj.weight"] == pytest.approx(1 / 3)
    readers = [rate for name, rate in rates.items() if ".mlp." in name and "down" not in name]
    assert readers == [3] * len(readers) != []


@pytest.mark.parametrize(("outputs", "inputs"), [(1, 1), (3, 1), (1, 3)])
@pytest.mark.parametrize("m", [1, 2, 8])
def test_muon_keeps_the_spectral_condition(outputs, inputs, m):
    """The spectral norm of an update over √(n_out/n_in) is that of the base, where it is 0.2·√max(n_out, n_in)."""
    base = torch.Size((16 * outputs, 16 * inputs))
    size = torch.Size((m * base[0], m * base[1]))
    role = Role(1.0, widening=m, spreading=m, hidden=True)
    norm = 0.2 * max(size) ** 0.5 / slower_muon(role, size)
    assert norm == pytest.approx(0.2 * max(base) ** 0.5)
    # One side alone grows: the norm follows √(n_out/n_in).
    longer = torch.Size((m * base[0], base[1]))
    norm = 0.2 * max(longer) ** 0.5 / slower_muon(Role(1.0, spreading=m, hidden=True), longer)
    assert norm == pytest.approx(0.2 * max(base) ** 0.5 * m**0.5)


def test_the_norm_that_clips_sgd_does_not_grow_with_width():
    norms, plain = [], []
    for width in WIDTHS["sgd"]:
        recipe = recipe_of("sgd", clip=1e9)
        model = Llama(LlamaShape(vocabulary=64, context=16, depth=2, width=width, head_size=16, hidden=3 * width))
        roles = llama_roles(model, recipe)
        initialise(model, roles, seed=1)
        tokens = torch.randint(64, (8, 17), generator=torch.Generator().manual_seed(7))
        cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten()).backward()
        plain.append(torch.nn.utils.get_total_norm([weight.grad for weight in model.parameters()]).item())
        norms.append(
            clip(model.parameters(), optimiser_of(model.named_parameters(), roles, recipe), recipe, Mesh("cpu")).item()
        )
    assert abs(exponent(WIDTHS["sgd"], norms)) < 0.1
    assert exponent(WIDTHS["sgd"], plain) > 0.4
