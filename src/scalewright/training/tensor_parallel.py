"""Each layer's matrices shared out among processes, and between them the sequence (Shoeybi et al. 2019, arXiv:1909.08053;
Korthikanti et al. 2022, arXiv:2205.05198)."""

from torch import Tensor, nn
from torch.distributed.tensor import Replicate, Shard
from torch.distributed.tensor.parallel import (
    ColwiseParallel,
    ParallelStyle,
    PrepareModuleInput,
    RowwiseParallel,
    SequenceParallel,
    parallelize_module,
)

from scalewright.errors import InputError
from scalewright.models.llama import Block, Llama
from scalewright.models.stages import LlamaStage
from scalewright.training.mesh import Mesh

READERS = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "mlp.gate_proj", "mlp.up_proj")
WRITERS = ("self_attn.o_proj", "mlp.down_proj")
NORMS = ("input_layernorm", "post_attention_layernorm")


def share_matrices(module: nn.Module, mesh: Mesh) -> None:
    """Shares out the matrices of a trunk, or of a stage of one, along the mesh's tensor axis, in place.

    Raises:
        InputError: another model, or heads that the axis does not divide.
    """
    degree = mesh.size("tensor")
    if mesh.axes is None or degree == 1:
        return
    if not isinstance(module, Llama | LlamaStage):
        raise InputError(f"tensor parallel {degree}: {type(module).__name__} has no plan for it: lay it out over data")
    axis, sequence = mesh.axes["tensor"], Shard(1)
    for layer in module.layers.values() if isinstance(module, LlamaStage) else module.layers:
        assert isinstance(layer, Block)
        heads = layer.self_attn.k_proj.out_features // layer.self_attn.head_size
        if heads % degree:
            raise InputError(
                f"tensor parallel {degree}: {heads} heads of keys are not a multiple of it: plan for fewer devices"
            )
        styles: dict[str, ParallelStyle] = {name: ColwiseParallel() for name in READERS}
        styles |= {name: RowwiseParallel(output_layouts=sequence) for name in WRITERS}
        styles |= {name: SequenceParallel() for name in NORMS}
        styles |= {name: _gathered(inputs) for name, inputs in (("self_attn", 4), ("mlp", 1))}
        parallelize_module(layer, axis, styles)
    ends: dict[str, ParallelStyle] = {
        "embed_tokens": RowwiseParallel(input_layouts=Replicate(), output_layouts=sequence),
        "norm": SequenceParallel(),
        "lm_head": ColwiseParallel(input_layouts=sequence, output_layouts=Replicate()),
    }
    parallelize_module(module, axis, {name: style for name, style in ends.items() if getattr(module, name) is not None})
    if module.embed_tokens is not None:
        module.embed_tokens.register_forward_hook(_arrived)


def _gathered(inputs: int) -> ParallelStyle:
    # The first input's sequence, of a module that takes so many.
    others = (None,) * (inputs - 1)
    return PrepareModuleInput(input_layouts=(Shard(1), *others), desired_input_layouts=(Replicate(), *others))


def _arrived(module: nn.Module, inputs: object, output: Tensor) -> Tensor:
    # What is still on its way is a tensor of a kind of its own, whose gradient compiled layers hand back as a plain one.
    return output.clone()
