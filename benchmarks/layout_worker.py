"""One rank of a training laid out on several processes: prints the peak memory of the fullest one.

    MALLOC_MMAP_THRESHOLD_=65536 MALLOC_TRIM_THRESHOLD_=65536 \\
        torchrun --standalone --nproc-per-node 2 benchmarks/layout_worker.py '{"layout": "sharded", ...}'

The layouts are torch's own, applied beside the plain trunk. With these thresholds blocks of 64 KiB and more go back to the
system when freed: the peak is what was needed at once, as torch's allocator for accelerators counts it. At a threshold of a MiB
the micro-batches of a pipeline, whose values come in blocks of less, leave a heap of holes, a tenth of the peak.
"""

import gc
import json
import os
import sys

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.distributed.pipelining import PipelineStage, Schedule1F1B
from torch.distributed.tensor import DTensor
from torch.distributed.tensor.parallel import ColwiseParallel, ParallelStyle, RowwiseParallel, parallelize_module
from torch.nn.parallel import DistributedDataParallel
from torch.utils.checkpoint import checkpoint

from scalewright.architectures import LlamaShape
from scalewright.models import Llama, compute_in, cross_entropy
from scalewright.training.memory import peak_memory_bytes, reset_peak_memory

STEPS = 3


class Stage(nn.Module):
    """Some layers of the trunk, with its embedding or its head."""

    def __init__(self, model: Llama, precision: str, rank: int, ranks: int) -> None:
        super().__init__()
        self.precision = precision
        share = -(-len(model.layers) // ranks)
        self.embed_tokens = model.embed_tokens if rank == 0 else None
        self.layers = model.layers[rank * share : (rank + 1) * share]
        last = rank == ranks - 1
        self.norm, self.lm_head = model.norm if last else None, model.lm_head if last else None
        self.cos_TK, self.sin_TK = model.cos_TK, model.sin_TK

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Tokens or the stream of the stage before, to the stream or logits."""
        # Autocast about a whole schedule would share its copies of the weights between micro-batches, and with them their
        # gradients: those of all but the first pile up in half precision until the backward pass ends.
        with compute_in(self.precision, "cpu"):
            if self.embed_tokens is not None:
                x = self.embed_tokens(x)
            for layer in self.layers:
                x = layer(x, self.cos_TK, self.sin_TK)
            return x if self.norm is None or self.lm_head is None else self.lm_head(self.norm(x))


def main(asked: dict) -> None:
    shape, precision = LlamaShape.model_validate(asked["shape"]), asked["precision"]
    ranks, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // ranks))
    torch.manual_seed(0)
    if ranks > 1:
        dist.init_process_group("gloo")
    tokens = lambda batch: torch.randint(shape.vocabulary, (batch, shape.context))  # noqa: E731
    step = _pipeline if asked["layout"] == "pipeline" else _whole
    step(asked, shape, precision, ranks, rank, tokens)
    peak = torch.tensor(float(peak_memory_bytes()))
    if ranks > 1:
        dist.all_reduce(peak, op=dist.ReduceOp.MAX)
    if rank == 0:
        print(int(peak), flush=True)
    if ranks > 1:
        dist.barrier()
        # Torn down in order, sharded processes abort now and then; what was measured is out.
        os._exit(0)


def _model(shape: LlamaShape, recompute: bool) -> Llama:
    model = Llama(shape)
    if recompute:
        for layer in model.layers:
            layer.forward = _again(layer.forward)
    return model


def _whole(asked, shape, precision, ranks, rank, tokens) -> None:
    model = _model(shape, asked["recompute"])
    whole_model: nn.Module = model
    mesh = init_device_mesh("cpu", (ranks,)) if ranks > 1 else None
    if asked["layout"] == "replicas" and ranks > 1:
        whole_model = DistributedDataParallel(model, gradient_as_bucket_view=True)
    elif asked["layout"] == "sharded":
        half = torch.bfloat16 if precision == "bf16" else None
        mixed = MixedPrecisionPolicy(param_dtype=half, reduce_dtype=torch.float32)
        for layer in model.layers:
            fully_shard(layer, mesh=mesh, mp_policy=mixed)
        fully_shard(model, mesh=mesh, mp_policy=mixed)
    elif asked["layout"] == "tensor":
        for layer in model.layers:
            readers = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "mlp.gate_proj", "mlp.up_proj")
            writers = ("self_attn.o_proj", "mlp.down_proj")
            styles: dict[str, ParallelStyle] = {name: ColwiseParallel() for name in readers}
            styles |= {name: RowwiseParallel() for name in writers}
            parallelize_module(layer, mesh, styles)
    reset_peak_memory()
    # Torch takes no step and no norm over split and whole tensors together.
    split = [each for each in model.parameters() if isinstance(each, DTensor)]
    whole = [each for each in model.parameters() if not isinstance(each, DTensor)]
    groups = [group for group in (split, whole) if group]
    optimiser = torch.optim.AdamW([{"params": group} for group in groups], fused=True)
    for _ in range(STEPS):
        for _ in range(asked["accumulation"]):
            x, y = tokens(asked["batch"]), tokens(asked["batch"])
            with compute_in(precision, "cpu"):
                loss = cross_entropy(whole_model(x).flatten(0, 1), y.flatten())
            loss.backward()
        del loss
        for group in groups:
            nn.utils.clip_grad_norm_(group, 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)


def _pipeline(asked, shape, precision, ranks, rank, tokens) -> None:
    module = Stage(_model(shape, asked["recompute"]), precision, rank, ranks)
    gc.collect()
    stage = PipelineStage(module, rank, ranks, torch.device("cpu"))
    loss_of = lambda logits, y: cross_entropy(logits.flatten(0, 1), y.flatten())  # noqa: E731
    schedule = Schedule1F1B(stage, asked["accumulation"], loss_fn=loss_of)
    reset_peak_memory()
    optimiser = torch.optim.AdamW(module.parameters(), fused=True)
    batch = asked["batch"] * asked["accumulation"]
    for _ in range(STEPS):
        # Logits of all micro-batches are not wanted back.
        if rank == 0:
            schedule.step(tokens(batch), return_outputs=False)
        else:
            schedule.step(target=tokens(batch), return_outputs=False)
        nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)


def _again(forward):
    return lambda *inputs: checkpoint(forward, *inputs, use_reentrant=False)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
