"""The Hugging Face layout of a Llama: names and shapes of its weights, and its configuration."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from scalewright.architectures import LlamaShape
from scalewright.errors import InputError

Weights = dict[str, Tensor]


def to_hugging_face(weights: Mapping[str, Tensor], shape: LlamaShape) -> Weights:
    """Renames the weights of `Llama(shape)`, and cuts its joined projections into separate ones."""
    theirs: Weights = {}
    for name, tensor in weights.items():
        if name.endswith("self_attn.qkv_proj.weight"):
            parts = zip(("q_proj", "k_proj", "v_proj"), tensor.chunk(3), strict=True)
            theirs |= {f"model.{name.replace('qkv_proj', part)}": piece.contiguous() for part, piece in parts}
        elif name.endswith("mlp.gate_up_proj.weight"):
            parts = zip(("gate_proj", "up_proj"), tensor.chunk(2), strict=True)
            theirs |= {f"model.{name.replace('gate_up_proj', part)}": piece.contiguous() for part, piece in parts}
        else:
            theirs[name if name == "lm_head.weight" else f"model.{name}"] = tensor
    assert len(theirs) == 3 + 9 * shape.depth
    return theirs


def from_hugging_face(weights: Mapping[str, Tensor], shape: LlamaShape) -> Weights:
    """The inverse of `to_hugging_face`.

    Raises:
        InputError: a weight is missing.
    """

    def take(name: str) -> Tensor:
        if name not in weights:
            raise InputError(f"weights: {name} is missing; expected a Llama of {shape.depth} layers, untied")
        return weights[name]

    ours = {name: take(f"model.{name}") for name in ("embed_tokens.weight", "norm.weight")}
    ours["lm_head.weight"] = take("lm_head.weight")
    for number in range(shape.depth):
        layer, mine = f"model.layers.{number}", f"layers.{number}"
        for norm in ("input_layernorm", "post_attention_layernorm"):
            ours[f"{mine}.{norm}.weight"] = take(f"{layer}.{norm}.weight")
        for part in ("self_attn.o_proj", "mlp.down_proj"):
            ours[f"{mine}.{part}.weight"] = take(f"{layer}.{part}.weight")
        ours[f"{mine}.self_attn.qkv_proj.weight"] = torch.cat(
            [take(f"{layer}.self_attn.{part}_proj.weight") for part in "qkv"]
        )
        ours[f"{mine}.mlp.gate_up_proj.weight"] = torch.cat(
            [take(f"{layer}.mlp.{part}_proj.weight") for part in ("gate", "up")]
        )
    return ours


def hugging_face_config(shape: LlamaShape, end_of_text: int) -> dict[str, Any]:
    """`config.json` of a `LlamaForCausalLM`.

    Raises:
        InputError: the heads do not divide the width, as `transformers` wants.
    """
    if shape.width % shape.heads:
        raise InputError(
            f"width {shape.width} with {shape.heads} heads: transformers loads only widths that are a multiple of their heads; "
            f"export a width that is a multiple of {shape.head_size}"
        )
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": shape.vocabulary,
        "hidden_size": shape.width,
        "intermediate_size": shape.hidden,
        "num_hidden_layers": shape.depth,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.heads,
        "head_dim": shape.head_size,
        "max_position_embeddings": shape.context,
        "rms_norm_eps": shape.norm_epsilon,
        "rope_theta": shape.rope_theta,
        "rope_parameters": {"rope_type": "default", "rope_theta": shape.rope_theta},
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": False,
        "bos_token_id": end_of_text,
        "eos_token_id": end_of_text,
        "dtype": "float32",
    }


def shape_of_config(config: Mapping[str, Any]) -> LlamaShape:
    """The shape that a `config.json` describes.

    Raises:
        InputError: it is not a Llama that the trunk can hold.
    """
    if config.get("model_type") != "llama" or config.get("tie_word_embeddings"):
        raise InputError(f"config.json: model_type {config.get('model_type')!r}: expected an untied llama")
    if config["num_key_value_heads"] != config["num_attention_heads"]:
        raise InputError(
            f"config.json: {config['num_key_value_heads']} key heads for {config['num_attention_heads']} query heads: "
            "expected as many of both"
        )
    heads, head_size = config["num_attention_heads"], config.get("head_dim")
    # transformers 5 keeps the base of the rotary positions in `rope_parameters` alone.
    rope = config.get("rope_parameters") or {}
    shape = LlamaShape(
        vocabulary=config["vocab_size"],
        context=config["max_position_embeddings"],
        depth=config["num_hidden_layers"],
        width=config["hidden_size"],
        head_size=head_size or config["hidden_size"] // heads,
        hidden=config["intermediate_size"],
        norm_epsilon=config["rms_norm_eps"],
        rope_theta=config.get("rope_theta") or rope.get("rope_theta", 10_000.0),
    )
    if shape.heads != heads:
        raise InputError(
            f"config.json: {heads} heads of {shape.head_size} at width {shape.width}: expected {shape.heads} such heads"
        )
    return shape
