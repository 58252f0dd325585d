"""A model in stages, one process after the other (Huang et al. 2019, arXiv:1811.06965), by torch's schedules."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.pipelining import PipelineStage, Schedule1F1B, ScheduleInterleaved1F1B

from scalewright.architectures import LlamaShape
from scalewright.models import compute_in
from scalewright.planning.machine_plan import Layout
from scalewright.planning.recipe import Objective
from scalewright.tasks import Batch, Trainable
from scalewright.training.mesh import Mesh


def compute_stage_in(stage: nn.Module, precision: str, device: str) -> None:
    """Has a stage's products run in `precision`, in place.

    Autocast about a whole schedule would share its copies of the weights between micro-batches, and with them their gradients:
    those of all but the first pile up in half precision until the backward pass ends.
    """
    forward = stage.forward

    def in_precision(x: Tensor) -> Tensor:
        with compute_in(precision, device):
            stream: Tensor = forward(x)
        return stream

    stage.forward = in_precision


class Pipeline:
    """This process's stages.

    Args:
        stages: In order.
        shape: Of the whole model.
        task: What the last stage's outputs are for.
        beside: What is added to its loss.
        mesh: Of the training's processes.
        layout: Of the training.
    """

    def __init__(
        self,
        stages: Sequence[nn.Module],
        shape: LlamaShape,
        task: Trainable,
        beside: Objective,
        mesh: Mesh,
        layout: Layout,
    ) -> None:
        assert mesh.axes is not None
        self._stages, self._shape, self._task, self._beside, self._mesh = stages, shape, task, beside, mesh
        self._group = mesh.axes.get_group("pipeline")
        self._ranks, self._rank = mesh.size("pipeline"), mesh.rank("pipeline")
        self.pieces = layout.accumulation
        count = self._ranks * len(stages)
        pieces: list[Any] = [
            PipelineStage(
                module, self._rank + number * self._ranks, count, torch.device(mesh.device), group=self._group
            )
            for number, module in enumerate(stages)
        ]
        self._losses: list[Tensor] = []
        self._scale: Any = None
        self._schedule: Any = (
            Schedule1F1B(pieces[0], self.pieces, loss_fn=self._loss)
            if len(pieces) == 1
            else ScheduleInterleaved1F1B(pieces, self.pieces, loss_fn=self._loss)
        )

    @property
    def parts(self) -> Sequence[nn.Module]:
        """Its stages."""
        return self._stages

    def backward(self, batch: Batch, scale: Any) -> Tensor:
        """All micro-batches through all stages and back; the last stage's loss is told to the others."""
        self._scale, self._losses = scale, []
        (rows,) = batch
        # Outputs of all micro-batches are not wanted back.
        self._schedule.step(
            *((self._task.inputs(batch),) if self._rank == 0 else ()),
            target=rows if self._last else None,
            return_outputs=False,
        )
        # At its first step the schedule tries the stages on numbers of no meaning, the loss among them.
        losses = self._losses[-self.pieces :]
        loss = torch.stack(losses).mean() if self._last else torch.zeros((), device=self._mesh.device)
        dist.broadcast(loss, group=self._group, group_src=self._ranks - 1)
        return loss

    def forward(self, inputs: Tensor) -> Tensor:
        """Stage after stage, the outputs of the last one sent to all."""
        stream, count = inputs, self._ranks * len(self._stages)
        for number in range(count):
            turn, before = number % self._ranks, (number - 1) % self._ranks
            if self._rank == turn:
                if number and self._ranks > 1:
                    rows, time = inputs.shape
                    # Between layers the sequence is shared out along the tensor axis.
                    part = time // self._mesh.size("tensor")
                    stream = torch.empty(rows, part, self._shape.width, device=self._mesh.device)
                    dist.recv(stream, group=self._group, group_src=before)
                stream = self._stages[number // self._ranks](stream)
            if number + 1 < count and self._rank == turn:
                dist.send(stream.contiguous(), group=self._group, group_dst=(number + 1) % self._ranks)
        outputs = stream.float() if self._last else torch.empty(*inputs.shape, self._shape.vocabulary)
        outputs = outputs.to(self._mesh.device).contiguous()
        dist.broadcast(outputs, group=self._group, group_src=self._ranks - 1)
        return outputs

    @property
    def _last(self) -> bool:
        return self._rank == self._ranks - 1

    def _loss(self, outputs: Tensor, rows: Tensor) -> Tensor:
        loss = self._task.objective(outputs, (rows,), self._beside)
        self._losses.append(loss.detach())
        scaled: Tensor = self._scale(loss)
        return scaled
