"""The architectures built in torch, and the layouts in which others read them."""

from scalewright.models.attention import ATTENTIONS, blocks
from scalewright.models.folder import MODEL_FILES, load_model, save_model
from scalewright.models.functions import cross_entropy, head_loss
from scalewright.models.int8 import to_int8
from scalewright.models.llama import Cache, Llama
from scalewright.models.precision import compute_in
from scalewright.models.simulated import simulate, simulated

__all__ = [
    "ATTENTIONS",
    "MODEL_FILES",
    "Cache",
    "Llama",
    "blocks",
    "compute_in",
    "cross_entropy",
    "head_loss",
    "load_model",
    "save_model",
    "simulate",
    "simulated",
    "to_int8",
]
