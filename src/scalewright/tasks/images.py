"""Classifying pictures: folders of classes in, the class out, nats per picture."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from scalewright.architectures.vgg import VGGShape
from scalewright.data.picture_batches import PictureBatches
from scalewright.data.pictures import Pictures
from scalewright.documents import Reason
from scalewright.errors import InputError
from scalewright.models import cross_entropy
from scalewright.models.parametrisation import Roles, vgg_roles
from scalewright.models.vgg import VGG
from scalewright.models.vgg_folder import save_vgg
from scalewright.planning.recipe import PLAIN, Objective, Recipe
from scalewright.tasks.described import described
from scalewright.tasks.task import Batch, Feed, HeldOut, Rates

MEANS, DEVIATIONS = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of red, green and blue on ImageNet, 0 to 1: what published weights were trained with (torchvision's documentation)."""
EVALUATION_BATCH = 128


class Images:
    """The task of naming what a picture shows."""

    name = "images"
    loss_unit = "nats/picture"
    supervised = True

    def open(self, folder: Path) -> Pictures:
        """Prepared pictures."""
        return Pictures.open(folder)

    def shape(self, dataset: Pictures, model: Mapping[str, Any]) -> VGGShape:
        """A VGG16 of the data's classes and pixels: by default as wide as published."""
        if beside := {"classes", "pixels"} & model.keys():
            raise InputError(f"model.{min(beside)}: the data say it: leave it out")
        lists = {name: tuple(value) if isinstance(value, list) else value for name, value in model.items()}
        manifest = dataset.manifest
        return described(VGGShape, lists | {"classes": len(manifest.classes), "pixels": manifest.pixels})

    def rates(self, shape: VGGShape, tokens: float, steps: int, learning_rate: float | None) -> Rates:
        """The usual ones."""
        return Rates(
            1e-3,
            0.05,
            {
                "learning_rate": Reason(
                    origin="assumed", text="0.001, Adam's usual rate (Kingma & Ba 2014, arXiv:1412.6980)"
                ),
                "weight_decay": Reason(
                    origin="assumed", text="0.05, usual for convolutions with AdamW (Liu et al. 2022, arXiv:2201.03545)"
                ),
            },
        )

    def save(self, model: VGG, dataset: Pictures, folder: Path, card: Mapping[str, Any]) -> None:
        """As torchvision names its weights, with the classes' names beside them."""
        save_vgg(model, dataset.manifest.classes, folder, card)

    def build(self, shape: VGGShape, dropout: float | None = None) -> VGG:
        """A VGG16 of a shape, with half of its classifier's inner layers left out in training unless told otherwise."""
        return VGG(shape) if dropout is None else VGG(shape, dropout)

    def roles(self, model: VGG, recipe: Recipe) -> Roles:
        """What each weight does."""
        return vgg_roles(model, recipe)

    def batches(self, dataset: Pictures, shape: VGGShape, batch_size: int, seed: int, unique: int | None) -> Feed:
        """Pictures, shifted and mirrored, in an order drawn anew in each epoch."""
        batches = PictureBatches(dataset.split("train"), batch_size, seed, unique)

        def batch(step: int, first: int = 0, count: int | None = None) -> Batch:
            pictures, labels = batches.batch(step, first, count)
            return torch.from_numpy(pictures), torch.from_numpy(labels)

        return batch

    def inputs(self, batch: Batch) -> Tensor:
        """The pictures, in the range that published weights expect."""
        return normalised(batch[0])

    def objective(self, outputs: Tensor, batch: Batch, beside: Objective = PLAIN) -> Tensor:
        """Mean cross-entropy of the classes, and what the objective adds."""
        logits, labels = outputs.float(), batch[1]
        return F.cross_entropy(logits, labels) if beside == PLAIN else cross_entropy(logits, labels, *beside)

    def loss_in_parts(self, model: VGG, batch: Batch, beside: Objective, parts: int) -> Tensor:
        """All at once: logits of a few classes are small."""
        return self.objective(model(self.inputs(batch)), batch, beside)

    def held_out(self, dataset: Pictures, shape: VGGShape, split: str) -> HeldOut:
        """A whole split, as it is."""
        pictures = dataset.split(split)

        def batch(number: int) -> Batch:
            start = number * EVALUATION_BATCH
            content, labels = pictures.take(np.arange(start, min(start + EVALUATION_BATCH, len(pictures))))
            return torch.from_numpy(content), torch.from_numpy(labels)

        return HeldOut(-(-len(pictures) // EVALUATION_BATCH), batch)

    def measures(self, outputs: Tensor, batch: Batch) -> Mapping[str, float]:
        """Mean cross-entropy, and the share of pictures named rightly."""
        right = int((outputs.argmax(1) == batch[1]).sum())
        return {"loss": self.objective(outputs, batch).item(), "accuracy": right / len(outputs)}


def normalised(pictures: Tensor) -> Tensor:
    """Bytes [B, H, W, 3] to numbers [B, 3, H, W] of mean 0 and deviation 1 on ImageNet."""
    means, deviations = (torch.tensor(values, device=pictures.device) for values in (MEANS, DEVIATIONS))
    return ((pictures / 255.0 - means) / deviations).movedim(-1, 1)
