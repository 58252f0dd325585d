"""One rank of a training laid out on several processes: prints the peak memory of the fullest one.

    torchrun --standalone --nproc-per-node 2 benchmarks/layout_worker.py '{"layout": "fsdp", ...}'

The layouts are torch's own, applied beside the plain trunk. Blocks of a MiB and more are mapped, and so go back to the system when
freed: the peak is what was needed at once, as torch's allocator for accelerators counts it.
"""

import ctypes
import json
import os
import sys

ctypes.CDLL(None).mallopt(-3, 2**20)  # M_MMAP_THRESHOLD, before anything is allocated
ctypes.CDLL(None).mallopt(-1, 2**20)  # M_TRIM_THRESHOLD

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.distributed.pipelining import PipelineStage, Schedule1F1B
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module
from torch.nn.parallel import DistributedDataParallel
from torch.utils.checkpoint import checkpoint

from scalewright.architectures import LlamaShape
from scalewright.models import Llama, compute_in, cross_entropy
from scalewright.training.memory import peak_memory_bytes, reset_peak_memory

STEPS = 3


class Stage(nn.Module):
    """Some layers of the trunk, with its embedding or its head."""

    def __init__(self, model: Llama, rank: int, ranks: int) -> None:
        super().__init__()
        share = -(-len(model.layers) // ranks)
        self.embed_tokens = model.embed_tokens if rank == 0 else None
        self.layers = model.layers[rank * share : (rank + 1) * share]
        self.norm, self.lm_head = (model.norm, model.lm_head) if rank == ranks - 1 else (None, None)
        self.cos_TK, self.sin_TK = model.cos_TK, model.sin_TK

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.embed_tokens is not None:
            x = self.embed_tokens(x)
        for layer in self.layers:
            x = layer(x, self.cos_TK, self.sin_TK)
        return x if self.lm_head is None else self.lm_head(self.norm(x))


def main(asked: dict) -> None:
    shape, precision = LlamaShape.model_validate(asked["shape"]), asked["precision"]
    ranks, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // ranks))
    torch.manual_seed(0)
    if ranks > 1:
        dist.init_process_group("gloo")
    model = Llama(shape)
    if asked["recompute"]:
        for layer in model.layers:
            layer.forward = _again(layer.forward)
    tokens = lambda batch: torch.randint(shape.vocabulary, (batch, shape.context))  # noqa: E731
    step = _pipeline if asked["layout"] == "pipeline" else _whole
    reset_peak_memory()
    step(asked, model, shape, precision, ranks, rank, tokens)
    peak = torch.tensor(float(peak_memory_bytes()))
    if ranks > 1:
        dist.all_reduce(peak, op=dist.ReduceOp.MAX)
        dist.destroy_process_group()
    if rank == 0:
        print(int(peak))


def _whole(asked, model, shape, precision, ranks, rank, tokens) -> None:
    mesh = init_device_mesh("cpu", (ranks,)) if ranks > 1 else None
    policy = compute_in(precision, "cpu")
    if asked["layout"] == "replicas":
        model = DistributedDataParallel(model, gradient_as_bucket_view=True)
    elif asked["layout"] == "fsdp":
        half = torch.bfloat16 if precision == "bf16" else None
        mixed = MixedPrecisionPolicy(param_dtype=half, reduce_dtype=torch.float32)
        for layer in model.layers:
            fully_shard(layer, mesh=mesh, mp_policy=mixed)
        fully_shard(model, mesh=mesh, mp_policy=mixed)
    elif asked["layout"] == "tensor":
        for layer in model.layers:
            # The order of the fused rows does not matter to memory.
            layer.self_attn.heads //= ranks
            parallelize_module(layer, mesh, {
                "self_attn.qkv_proj": ColwiseParallel(), "self_attn.o_proj": RowwiseParallel(),
                "mlp.gate_up_proj": ColwiseParallel(), "mlp.down_proj": RowwiseParallel(),
            })  # fmt: skip
    optimiser = torch.optim.AdamW(model.parameters(), fused=asked["layout"] != "tensor", foreach=False)
    for _ in range(STEPS):
        for _ in range(asked["accumulation"]):
            x, y = tokens(asked["batch"]), tokens(asked["batch"])
            with compute_in(precision, "cpu"):
                loss = cross_entropy(model(x).flatten(0, 1), y.flatten())
            loss.backward()
        del loss
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
    del policy


def _pipeline(asked, model, shape, precision, ranks, rank, tokens) -> None:
    module = Stage(model, rank, ranks)
    del model
    stage = PipelineStage(module, rank, ranks, torch.device("cpu"))
    loss_of = lambda logits, y: cross_entropy(logits.flatten(0, 1), y.flatten())  # noqa: E731
    schedule = Schedule1F1B(stage, asked["accumulation"], loss_fn=loss_of)
    optimiser = torch.optim.AdamW(module.parameters(), fused=True)
    batch = asked["batch"] * asked["accumulation"]
    for _ in range(STEPS):
        with compute_in(precision, "cpu"):
            if rank == 0:
                schedule.step(tokens(batch))
            else:
                schedule.step(target=tokens(batch))
        nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)


def _again(forward):
    return lambda *inputs: checkpoint(forward, *inputs, use_reentrant=False)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
