"""How long and how hot a model is trained: the settings that a whole study shares, each with its reason."""

import math
from typing import Any, Literal, NamedTuple, Self

from pydantic import Field, SerializerFunctionWrapHandler, field_validator, model_serializer, model_validator

from scalewright.documents import Part, Reason

RECIPE_VERSION = 1
"""Raised by hand when training changes in a way that changes results: earlier runs are then not mixed with later ones."""


class Objective(NamedTuple):
    """What is added to the cross-entropy in training; held-out losses are never touched by it."""

    label_smoothing: float = 0.0
    z_loss: float = 0.0


PLAIN = Objective()
"""Nothing."""


class Recipe(Part):
    """Settings shared by every run of a study; what differs between runs is shape, tokens and seed."""

    version: int = RECIPE_VERSION
    learning_rate: float
    """Of matrices at `base_width`; see `parametrisation` for every other width and depth."""
    base_width: int
    base_depth: int
    batch_size: int
    """Sequences per step."""
    warmup_steps: int
    decay_fraction: float = 0.2
    weight_decay: float = 0.0
    beta1: float = 0.9
    beta2: float = 0.95
    epsilon: float = 1e-10
    clip: float = 1.0
    precision: str = "fp32"
    """fp32, bf16, fp16, or a format that is simulated in fp32, such as simulated-fp8-e4m3 (`models.low_bit`)."""
    evaluate_every: int | None = None
    """Steps between evaluations on the validation split, for early stopping."""
    patience: int | None = None
    """Evaluations without a lower loss after which training stops, its best weights restored; None: it runs to its end."""
    optimiser: Literal["adamw", "muon", "sgd"] = "adamw"
    """Muon moves the matrices between hidden layers and leaves the other weights to AdamW."""
    momentum: float = 0.95
    """Of Muon and SGD."""
    nesterov: bool = True
    """Whether the momentum of Muon and SGD looks ahead."""
    schedule: Literal["wsd", "cosine", "linear"] = "wsd"
    """How the rate falls: late and evenly, over half a cosine, or evenly from the warmup on."""
    floor: float = 0.0
    """Share of the full rate at which the schedule would arrive one step after the last."""
    first_batch_size: int | None = None
    """Sequences of the first steps, doubled until `batch_size` is reached; None: `batch_size` from the start."""
    batch_warmup_steps: int = 0
    """Steps after which the batch has its full size."""
    label_smoothing: float = 0.0
    """Share of the target's probability that all classes divide among them (Szegedy et al. 2015, arXiv:1512.00567)."""
    z_loss: float = 0.0
    """Weight of the mean log²Z of the softmax (PaLM: Chowdhery et al. 2022, arXiv:2204.02311)."""
    dropout: float | None = None
    """Share of what each residual branch adds, or of a classifier's inner layers, left out in training; None: what the
    architecture was published with, none in a Llama and a half in a VGG."""
    ema_decay: float | None = None
    """Of an exponential moving average of the weights, which is what is evaluated and kept; None: the last weights are."""
    spike: float | None = None
    """Standard deviations above the mean of the last losses from which on training goes back, and on without that batch; None:
    it does so where the loss is no number alone."""
    reasons: dict[str, Reason] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _stopping_is_whole(self) -> Self:
        if (self.patience is None) != (self.evaluate_every is None):
            raise ValueError("patience and evaluate_every: expected both or neither")
        return self

    @field_validator("momentum", "floor", "label_smoothing", "dropout")
    @classmethod
    def _a_share_below_one(cls, value: float | None) -> float | None:
        if value is not None and not 0 <= value < 1:
            raise ValueError(
                f"found {value:g}, expected a share from 0 to below 1: leave the field out for its default"
            )
        return value

    @field_validator("z_loss")
    @classmethod
    def _not_negative(cls, value: float) -> float:
        if value < 0:
            raise ValueError(
                f"found {value:g}, expected 0 or more, such as PaLM's 1e-4: below 0 it would reward large logits"
            )
        return value

    @field_validator("ema_decay")
    @classmethod
    def _a_decay(cls, value: float | None) -> float | None:
        if value is not None and not 0 < value < 1:
            raise ValueError(
                f"found {value:g}, expected a share between 0 and 1, such as 0.999: leave it out for no average"
            )
        return value

    @field_validator("spike")
    @classmethod
    def _rare(cls, value: float | None) -> float | None:
        if value is not None and not value >= 4:
            raise ValueError(
                f"found {value:g}, expected 4 or more, such as 8: below, the usual scatter would be taken for spikes"
            )
        return value

    @model_validator(mode="after")
    def _momentum_can_look_ahead(self) -> Self:
        if self.optimiser == "sgd" and self.nesterov and self.momentum == 0:
            raise ValueError(
                "nesterov: found it with momentum 0, expected some momentum to look ahead along: set it to false"
            )
        return self

    @model_validator(mode="after")
    def _batches_grow(self) -> Self:
        first, steps = self.first_batch_size, self.batch_warmup_steps
        if first is None:
            if steps != 0:
                raise ValueError(f"batch_warmup_steps: found {steps} without first_batch_size: give both or neither")
            return self
        if not 0 < first < self.batch_size:
            raise ValueError(
                f"first_batch_size: found {first}, expected 1 to below batch_size {self.batch_size}: lower it, or leave it out"
            )
        doublings = math.ceil(math.log2(self.batch_size / first))
        if steps < doublings:
            raise ValueError(
                f"batch_warmup_steps: found {steps}, expected at least {doublings}, a step for each doubling from {first} to "
                f"{self.batch_size} rows: raise it, or begin with more rows"
            )
        return self

    @model_serializer(mode="wrap")
    def _without_what_is_off(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # Fields that came later are written where they differ from their defaults: documents and addresses made before
        # them stay what they are.
        written: dict[str, Any] = handler(self)
        fields = type(self).model_fields
        return {name: value for name, value in written.items() if name not in OPTIONS or value != fields[name].default}

    @property
    def deciding(self) -> dict[str, object]:
        """What decides a result: everything but the reasons, and what is off."""
        return self.model_dump(mode="json", exclude={"reasons"}, exclude_none=True)

    @property
    def objective(self) -> Objective:
        """What training minimises besides the cross-entropy."""
        return Objective(self.label_smoothing, self.z_loss)

    @property
    def option_reasons(self) -> dict[str, Reason]:
        """Of the options that are on: what they are and where they come from, unless `reasons` says it already."""
        asked = {name: value for name, value in self.model_dump(mode="json").items() if name in OPTIONS}
        told = {
            name: OPTION_REASONS[f"{name}={value}" if isinstance(value, str) else name] for name, value in asked.items()
        }
        return told | {name: self.reasons[name] for name in told if name in self.reasons}


OPTIONS = (
    "optimiser",
    "momentum",
    "nesterov",
    "schedule",
    "floor",
    "first_batch_size",
    "batch_warmup_steps",
    "label_smoothing",
    "z_loss",
    "dropout",
    "ema_decay",
    "spike",
)
"""Fields that decide a result only where they differ from their defaults; a default that changes raises `RECIPE_VERSION`."""


DEFAULT_REASONS = {
    "decay_fraction": Reason(
        origin="cited",
        text="a linear decay over the last 20 % of the steps matches a tuned cosine "
        "(Hägele et al. 2024, arXiv:2405.18392), and horizons can share a trunk",
    ),
    "betas": Reason(origin="cited", text="0.9 and 0.95 (Brown et al. 2020, arXiv:2005.14165)"),
    "epsilon": Reason(
        origin="derived",
        text="1e-10: far below the gradients of every width, so that it never acts (Dey et al. 2025, arXiv:2505.01618)",
    ),
    "clip": Reason(origin="cited", text="gradient norm at most 1 (Brown et al. 2020, arXiv:2005.14165)"),
}

OPTION_REASONS = {
    "optimiser=muon": Reason(
        origin="cited",
        text="orthogonalised momentum for the matrices between hidden layers, AdamW for the others (Jordan et al. 2024, "
        "kellerjordan.github.io/posts/muon), their rates matched (Liu et al. 2025, arXiv:2502.16982) and carried over width "
        "by the spectral condition (Yang, Simon & Bernstein 2023, arXiv:2310.17813)",
    ),
    "optimiser=sgd": Reason(
        origin="cited",
        text="rates in the proportions of µP for SGD (Yang & Hu 2021, arXiv:2011.14522; arXiv:2203.03466)",
    ),
    "momentum": Reason(origin="given", text="in place of 0.95 (Jordan et al. 2024, kellerjordan.github.io/posts/muon)"),
    "nesterov": Reason(origin="given", text="plain momentum in place of Nesterov's (Sutskever et al. 2013)"),
    "schedule=cosine": Reason(
        origin="cited",
        text="half a cosine (Loshchilov & Hutter 2016, arXiv:1608.03983): each horizon is a run of its own",
    ),
    "schedule=linear": Reason(
        origin="cited",
        text="evenly down from the warmup on (Bergsma et al. 2025, arXiv:2502.15938): each horizon is a run of its own",
    ),
    "floor": Reason(origin="given", text="a tenth is usual with a cosine (Hoffmann et al. 2022, arXiv:2203.15556)"),
    "first_batch_size": Reason(
        origin="cited",
        text="the batch that is as good as a larger one grows while the loss falls (Merrill et al. 2025, arXiv:2505.23971)",
    ),
    "batch_warmup_steps": Reason(origin="given", text="steps until the batch has its full size"),
    "spike": Reason(
        origin="cited",
        text="back to a checkpoint and on without the batch, as PaLM was trained (Chowdhery et al. 2022, arXiv:2204.02311)",
    ),
    "label_smoothing": Reason(origin="cited", text="Szegedy et al. 2015, arXiv:1512.00567"),
    "z_loss": Reason(origin="cited", text="keeps log Z near 0; 1e-4 in PaLM (Chowdhery et al. 2022, arXiv:2204.02311)"),
    "dropout": Reason(
        origin="cited",
        text="Srivastava et al. 2014; worth it where data are repeated (Xue et al. 2023, arXiv:2305.13230)",
    ),
    "ema_decay": Reason(
        origin="cited",
        text="Polyak & Juditsky 1992; part of what a decay of the rate gives (Hägele et al. 2024, arXiv:2405.18392)",
    ),
}
