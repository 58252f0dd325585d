"""A model's folder, written and read: `model.safetensors`, `config.json`, `tokenizer.json` and `card.json`."""

import json
import shutil
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from scalewright.errors import InputError
from scalewright.files import atomic_path, write_atomic
from scalewright.models.hugging_face import (
    from_hugging_face,
    hugging_face_config,
    shape_of_config,
    to_hugging_face,
)
from scalewright.models.int8 import compress_weights, expand_weights
from scalewright.models.llama import Llama

WEIGHTS, CONFIG = "model.safetensors", "config.json"
MODEL_FILES = (WEIGHTS, CONFIG, "tokenizer.json", "tokenizer_config.json", "card.json")
"""What `save_model` writes into a folder."""
INT8_TYPE = "scalewright_int8_llama"
"""Model type of an int8 folder: one that `transformers` does not know, or it would take the integers for weights."""


def save_model(
    model: Llama, folder: Path, *, tokenizer: Path, end_of_text: int, card: dict[str, Any], bits: int = 32
) -> Path:
    """Writes a model for Hugging Face's `LlamaForCausalLM` (32 bits), or with its weights in int8 (8 bits).

    Returns the path of the weights.

    Args:
        model: the trained trunk.
        folder: made if it is missing; files of the same names are replaced.
        tokenizer: `tokenizer.json` to copy.
        end_of_text: its end-of-text token.
        card: where the model comes from: kept as `card.json`.
        bits: 32 or 8.
    """
    weights = to_hugging_face(model.state_dict())
    config = hugging_face_config(model.shape, end_of_text)
    if bits == 8:
        weights = compress_weights(weights)
        config |= {
            "model_type": INT8_TYPE,
            "architectures": ["ScalewrightInt8Llama"],
            "scalewright_quantization": {"bits": 8, "scheme": "symmetric, one scale per row", "kept": "fp32 norms"},
        }
    path = folder / WEIGHTS
    with atomic_path(path) as part:
        save_file(weights, part, metadata={"format": "pt"})
    write_atomic(folder / CONFIG, json.dumps(config, indent=2) + "\n")
    with atomic_path(folder / "tokenizer.json") as part:
        shutil.copyfile(tokenizer, part)
    end = Tokenizer.from_file(str(tokenizer)).id_to_token(end_of_text)
    tokenizer_config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": end,
        "eos_token": end,
        "model_max_length": model.shape.context,
        "clean_up_tokenization_spaces": False,
    }
    write_atomic(folder / "tokenizer_config.json", json.dumps(tokenizer_config, indent=2) + "\n")
    write_atomic(folder / "card.json", json.dumps(card, indent=2, ensure_ascii=False) + "\n")
    return path


def load_model(folder: Path) -> Llama:
    """Reads a model's folder, fp32 or int8; int8 weights are expanded to the values they stand for.

    Raises:
        InputError: a file is missing, damaged or does not fit the others.
    """
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise InputError(f"{folder}: {name} is missing; expected a model's folder")
    try:
        config = json.loads((folder / CONFIG).read_text())
        int8 = config["model_type"] == INT8_TYPE
        shape = shape_of_config(config | {"model_type": "llama"} if int8 else config)
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder / CONFIG}: not a model's configuration ({error}); export the model anew") from None
    try:
        weights = load_file(folder / WEIGHTS)
    except SafetensorError as error:
        raise InputError(f"{folder / WEIGHTS}: damaged ({error}); export the model anew") from None
    if int8:
        weights = expand_weights(weights)
    model = Llama(shape)
    model.load_state_dict(from_hugging_face(weights, shape))
    return model.eval()
