"""The Hugging Face layout of a Llama: names and shapes of its weights, and its configuration."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from scalewright.architectures import LlamaShape
from scalewright.errors import InputError
from scalewright.models.llama import Llama

Weights = dict[str, Tensor]
HEAD, DECODER = "lm_head.weight", "model."


def to_hugging_face(weights: Mapping[str, Tensor]) -> Weights:
    """The weights of a `Llama` under the names of `transformers`: its decoder's lie one level deeper."""
    return {name if name == HEAD else f"{DECODER}{name}": tensor for name, tensor in weights.items()}


def from_hugging_face(weights: Mapping[str, Tensor], shape: LlamaShape) -> Weights:
    """The inverse of `to_hugging_face`; weights that the trunk does not know are left out.

    Raises:
        InputError: a weight is missing.
    """
    with torch.device("meta"):
        names = list(to_hugging_face(Llama(shape).state_dict()))
    for name in names:
        if name not in weights:
            raise InputError(f"weights: {name} is missing; expected a Llama of {shape.depth} layers, untied")
    return {name.removeprefix(DECODER): weights[name] for name in names}


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
        "num_key_value_heads": shape.kv_heads,
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
    heads, shared, head_size = config["num_attention_heads"], config["num_key_value_heads"], config.get("head_dim")
    if heads % shared:
        raise InputError(f"config.json: {shared} key heads for {heads} query heads: expected a divisor")
    # transformers 5 keeps the base of the rotary positions in `rope_parameters` alone.
    rope = config.get("rope_parameters") or {}
    shape = LlamaShape(
        vocabulary=config["vocab_size"],
        context=config["max_position_embeddings"],
        depth=config["num_hidden_layers"],
        width=config["hidden_size"],
        head_size=head_size or config["hidden_size"] // heads,
        hidden=config["intermediate_size"],
        queries_per_key=heads // shared,
        norm_epsilon=config["rms_norm_eps"],
        rope_theta=config.get("rope_theta") or rope.get("rope_theta", 10_000.0),
    )
    if shape.heads != heads:
        raise InputError(
            f"config.json: {heads} heads of {shape.head_size} at width {shape.width}: expected {shape.heads} such heads"
        )
    return shape
