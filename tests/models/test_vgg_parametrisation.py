"""The coordinate check of µP for VGG: what training does to its outputs does not depend on the width.

Yang et al. 2022 (arXiv:2203.03466, appendix D.1).
"""

import numpy as np
import torch
from torch.nn import functional as F

from scalewright.architectures import VGGFamily
from scalewright.models.parametrisation import initialise, parameter_groups, vgg_roles
from scalewright.models.vgg import VGG
from scalewright.planning import Recipe

WIDTHS = (4, 8, 16, 32)


def changes(width, carried=True, steps=4):
    """Root mean square of the logits' change after a few steps, the mean over seeds."""
    recipe = Recipe(
        learning_rate=2**-10, base_width=WIDTHS[0] if carried else width, base_depth=1, batch_size=16, warmup_steps=1
    )
    family, found = VGGFamily(classes=4, pixels=32, batch_norm=True, pooled=1), []
    for seed in range(3):
        generator = torch.Generator().manual_seed(seed)
        pictures = torch.randn(16, 3, 32, 32, generator=generator)
        labels = torch.randint(4, (16,), generator=generator)
        model = VGG(family.shape(width), dropout=0.0)
        roles = vgg_roles(model, recipe)
        initialise(model, roles, seed)
        optimiser = torch.optim.AdamW(
            parameter_groups(model.named_parameters(), roles, recipe), betas=(0.9, 0.95), eps=recipe.epsilon
        )
        logits = []
        for _ in range(steps):
            logits.append(model(pictures))
            F.cross_entropy(logits[-1], labels).backward()
            optimiser.step()
            optimiser.zero_grad()
        found.append((logits[-1] - logits[0]).square().mean().sqrt().item())
    return np.mean(found)


def exponent(carried):
    return np.polyfit(np.log(WIDTHS), np.log([changes(width, carried) for width in WIDTHS]), 1)[0]


def test_changes_do_not_grow_with_width():
    assert abs(exponent(carried=True)) < 0.25


def test_the_check_can_fail():
    """With one rate for all widths the logits' change grows with the width."""
    assert exponent(carried=False) > 0.3
