"""The architectures built in torch, and the layouts in which others read them."""

from scalewright.models.folder import MODEL_FILES, load_model, save_model
from scalewright.models.functions import cross_entropy
from scalewright.models.int8 import to_int8
from scalewright.models.llama import Cache, Llama
from scalewright.models.precision import compute_in
from scalewright.models.simulated import simulate, simulated

__all__ = [
    "MODEL_FILES",
    "Cache",
    "Llama",
    "compute_in",
    "cross_entropy",
    "load_model",
    "save_model",
    "simulate",
    "simulated",
    "to_int8",
]
