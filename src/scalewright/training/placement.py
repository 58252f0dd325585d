"""A model placed on the processes of its training: whole, in replicas, shared out, or in a pipeline's stages."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule
from torch.nn.parallel import DistributedDataParallel
from torch.utils.checkpoint import checkpoint

from scalewright.errors import InputError
from scalewright.machines.way import AttentionName
from scalewright.models import ATTENTIONS, Llama, compute_in, simulate
from scalewright.models.stages import LlamaStage
from scalewright.planning.machine_plan import Layout
from scalewright.planning.recipe import Recipe
from scalewright.tasks import Batch, Trainable
from scalewright.training.batch_norm import normalise_together
from scalewright.training.configuration import Trunk
from scalewright.training.fp8 import multiply_in_fp8
from scalewright.training.mesh import Mesh
from scalewright.training.pipelining import Pipeline, compute_stage_in
from scalewright.training.sharding import replicate, share_weights
from scalewright.training.tensor_parallel import share_matrices

Scale = Callable[[Tensor], Tensor]
"""What a loss is multiplied by before its gradients are taken."""


class Placement(Protocol):
    """What a trainer computes with."""

    pieces: int
    """Micro-batches of a step."""

    @property
    def parts(self) -> Sequence[nn.Module]:
        """What this process holds of the model, under the model's own names."""

    def backward(self, batch: Batch, scale: Scale) -> Tensor:
        """Gradients of this process's rows; returns their mean loss."""

    def forward(self, inputs: Tensor) -> Tensor:
        """The model's outputs, on every process."""


def place(
    model: nn.Module,
    task: Trainable,
    mesh: Mesh,
    layout: Layout,
    trunk: Trunk,
    rows: int,
    begin: Callable[[Sequence[nn.Module]], None],
) -> Placement:
    """Places a model.

    Args:
        model: plain, weightless; it is changed in place.
        task: what its outputs are for.
        mesh: of the training's processes.
        layout: as the plan says.
        trunk: its precision, objective and kernels; compiled are loss and model together on one process, each layer on several.
        rows: of a batch, those that this process sees.
        begin: gives weights to those of its parts that this process holds, laid out as they will stay.

    Raises:
        InputError: the layout does not suit the model or the batch.
    """
    layers = list(model.layers) if isinstance(model, Llama) else []
    recipe, compiled = trunk.recipe, trunk.compiled
    precision = recipe.precision
    if precision == "fp8":
        multiply_in_fp8(model)
    if simulate(model, precision) and layout.tensor > 1:
        raise InputError(
            f"tensor {layout.tensor}: {precision} scales whole rows of each matrix, which tensor parallel cuts: lay it out "
            "over data or in a pipeline"
        )
    _attend(layers, trunk.attention)
    _compute_again(layers, layout.recompute)
    if layout.recompute != "none" and not layers:
        raise InputError(
            f"recompute {layout.recompute}: {type(model).__name__} has no layers that know it: leave it out"
        )
    if layout.pipeline > 1:
        count = layout.pipeline * layout.stages
        if layout.accumulation < count:
            raise InputError(
                f"pipeline: {layout.accumulation} micro-batches for {count} stages: expected one for each at least: "
                "raise accumulation"
            )
        if not isinstance(model, Llama):
            raise InputError(f"pipeline {layout.pipeline}: {type(model).__name__} has no stages: lay it out over data")
        if rows % layout.accumulation:
            raise InputError(
                f"pipeline: {rows} rows of each process in {layout.accumulation} micro-batches: expected a multiple of them"
            )
        stages = [LlamaStage(model, *ends) for ends in _own_ends(len(layers), layout, mesh.rank("pipeline"))]
        for stage in stages:
            compute_stage_in(stage, precision, mesh.device)
            _spread(stage, list(stage.layers.values()), mesh, layout, precision, compiled)
        begin(stages)
        return Pipeline(stages, model.shape, task, recipe.objective, mesh, layout)
    alone = mesh.axes is None
    _spread(model, layers, mesh, layout, precision, compiled and not alone)
    begin([model])
    wrapped = replicate(model, mesh, layout)
    parts = trunk.loss_parts if alone else 1
    return Whole(model, wrapped, task, mesh, recipe, layout, parts, compiled=compiled and alone)


class Whole:
    """A model of which each process computes all layers."""

    def __init__(
        self,
        model: nn.Module,
        wrapped: nn.Module,
        task: Trainable,
        mesh: Mesh,
        recipe: Recipe,
        layout: Layout,
        loss_parts: int,
        *,
        compiled: bool,
    ) -> None:
        self._model, self._wrapped, self._task, self._mesh = model, wrapped, task, mesh
        self._precision, self._beside = recipe.precision, recipe.objective
        self.pieces, self._loss_parts = layout.accumulation, loss_parts
        self._sharded = layout.sharding == "all"
        self._loss = torch.compile(self._mean_loss, dynamic=False) if compiled else self._mean_loss

    @property
    def parts(self) -> Sequence[nn.Module]:
        """All of it, though each weight may be here in part."""
        return (self._model,)

    def backward(self, batch: Batch, scale: Scale) -> Tensor:
        """One micro-batch after the other; gradients are summed over the replicas with the last, and where no device is to
        hold all of them shared out with each."""
        rows = len(batch[0])
        micro = [part.tensor_split(min(self.pieces, rows)) for part in batch]
        total = torch.zeros((), device=self._mesh.device)
        for number, piece in enumerate(zip(*micro, strict=True), start=1):
            self._sum_gradients(number == len(micro[0]))
            with compute_in(self._precision, self._mesh.device):
                loss = self._loss(self._wrapped, piece)
            share = len(piece[0]) / rows
            torch.autograd.backward(scale(loss if share == 1 else loss * share))
            total = total + loss.detach() * share
        return total

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs in the training's precision."""
        with compute_in(self._precision, self._mesh.device):
            outputs: Tensor = self._model(inputs)
        return outputs

    def _mean_loss(self, model: nn.Module, batch: Batch) -> Tensor:
        if self._loss_parts > 1:
            return self._task.loss_in_parts(model, batch, self._beside, self._loss_parts)
        outputs: Tensor = model(self._task.inputs(batch))
        return self._task.objective(outputs, batch, self._beside)

    def _sum_gradients(self, last: bool) -> None:
        if isinstance(self._wrapped, DistributedDataParallel):
            self._wrapped.require_backward_grad_sync = last
        elif isinstance(self._wrapped, FSDPModule):
            self._wrapped.set_requires_gradient_sync(last or self._sharded)
            self._wrapped.set_requires_all_reduce(last)


def _spread(
    module: nn.Module, layers: Sequence[nn.Module], mesh: Mesh, layout: Layout, precision: str, compiled: bool
) -> None:
    share_matrices(module, mesh)
    normalise_together(module, mesh)
    if compiled:
        for layer in layers:
            layer.compile(dynamic=False)
    share_weights(module, layers, mesh, layout, precision)


def _own_ends(layers: int, layout: Layout, rank: int) -> Iterator[tuple[int, int]]:
    # Each process has every `pipeline`-th stage: one, or several where they are interleaved (Narayanan et al. 2021,
    # arXiv:2104.04473). Shares of the layers differ by one at most.
    count = layout.pipeline * layout.stages
    if layers < count:
        raise InputError(f"pipeline: {count} stages for {layers} layers: expected a layer for each at least")
    bounds = [number * layers // count for number in range(count + 1)]
    for stage in range(rank, count, layout.pipeline):
        yield bounds[stage], bounds[stage + 1]


def _attend(layers: Sequence[Any], name: AttentionName) -> None:
    for layer in layers:
        layer.self_attn.attend = ATTENTIONS[name]


def _compute_again(layers: Sequence[Any], recompute: str) -> None:
    for layer in layers:
        if recompute == "all":
            layer.forward = _again(layer.forward)
        elif recompute == "attention":
            layer.self_attn.attend = _again(layer.self_attn.attend)


def _again(forward: Callable[..., Any]) -> Callable[..., Any]:
    def computed_twice(*inputs: Any) -> Any:
        return checkpoint(forward, *inputs, use_reentrant=False) if torch.is_grad_enabled() else forward(*inputs)

    return computed_twice
