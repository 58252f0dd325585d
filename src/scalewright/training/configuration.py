"""What decides a run's result, and the address made of it."""

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from scalewright.architectures import Shape
from scalewright.documents import Part
from scalewright.errors import InputError
from scalewright.files import content_hash, file_hash
from scalewright.machines.way import AttentionName
from scalewright.planning.recipe import Recipe
from scalewright.tasks import Scores
from scalewright.training.batch_warmup import WithSmallBatches, batch_warmup
from scalewright.training.schedule import Cosine, Linear, Schedule, WarmupStableDecay


class Start(Part):
    """Weights of another model that a training begins with, where the two have the same layers.

    Attributes:
        path: Of a safetensors file, or of one that `torch.save` wrote; it may move.
        sha256: Of its content.
        frozen: Whether what is taken over stays as it is, and the rest alone is trained.
    """

    path: Path
    sha256: str
    frozen: bool = False

    @classmethod
    def of(cls, path: Path, frozen: bool = False) -> "Start":
        """The weights in a file.

        Raises:
            InputError: there is none.
        """
        if not path.is_file():
            raise InputError(f"{path}: no such file; expected weights, as safetensors or as torch.save writes them")
        return cls(path=path, sha256=file_hash(path), frozen=frozen)


class Trunk(Part):
    """One long run of the stable schedule with a decayed branch for each horizon; a single run is a trunk of one horizon."""

    task: str
    shape: Shape
    recipe: Recipe
    data_hash: str
    seed: int
    horizons: tuple[int, ...]
    """Steps of each branch, ascending."""
    unique_tokens: int | None = None
    """Train on this many tokens only, repeating them; None: on all there are."""
    compiled: bool = False
    """Whether model and loss are compiled: kernels are fused, and their sums come in another order."""
    attention: AttentionName = "usual"
    """Of the ways that give the same numbers but for rounding."""
    loss_parts: int = 1
    """Of a step's rows, whose logits are made one after the other."""
    keeps_memory: bool = True
    """Whether the process keeps big blocks of memory that are freed; it decides no result."""
    start: Start | None = None
    """By default all weights are drawn."""
    threads: int
    """Threads of the arithmetic: they decide the order of its sums, and so its last digits."""

    @model_validator(mode="after")
    def _stopped_alone(self) -> Self:
        if self.recipe.patience is not None and len(self.horizons) > 1:
            raise ValueError("patience: a trunk that may stop early has one horizon alone")
        return self

    @model_validator(mode="after")
    def _shared_where_it_can_be(self) -> Self:
        if self.recipe.schedule != "wsd" and len(self.horizons) > 1:
            raise ValueError(
                f"schedule {self.recipe.schedule}: found {len(self.horizons)} horizons, expected one: it falls from its first "
                "step on, so that no two horizons share a trunk; train each as a trunk of its own, or use the schedule wsd"
            )
        return self

    @property
    def tokens_per_step(self) -> int:
        """Tokens, or whatever the task counts its data in, seen in one step of a full batch."""
        return self.recipe.batch_size * self.shape.tokens_per_row

    def tokens_after(self, step: int) -> int:
        """Tokens seen in the first `step` steps, small batches of a batch-size warmup counted as small."""
        return batch_warmup(self.recipe).rows_before(step) * self.shape.tokens_per_row

    @property
    def address(self) -> str:
        """Hash of what the shared part of the branches depends on."""
        return content_hash(self._deciding() | {"horizons": self.horizons})

    def run_address(self, horizon: int) -> str:
        """Hash of everything that decides the result of the branch of `horizon`: its siblings do not."""
        return content_hash(self._deciding() | {"horizon": horizon})

    def schedule(self, horizon: int) -> Schedule:
        """Learning rate schedule of a branch."""
        recipe = self.recipe
        schedule: Schedule
        match recipe.schedule:
            case "wsd":
                schedule = WarmupStableDecay(horizon, recipe.warmup_steps, recipe.decay_fraction, recipe.floor)
            case "cosine":
                schedule = Cosine(horizon, recipe.warmup_steps, recipe.floor)
            case "linear":
                schedule = Linear(horizon, recipe.warmup_steps, recipe.floor)
        if recipe.first_batch_size is None:
            return schedule
        return WithSmallBatches(schedule, batch_warmup(recipe), 1.0 if recipe.optimiser == "sgd" else 0.5)

    @property
    def recorded(self) -> dict[str, object]:
        """As the ledger keeps it: what does not decide a result is left out, and what came later where it is at its default."""
        whole = self.model_dump(mode="json", exclude={"horizons", "keeps_memory", *_LATER})
        return whole | {"compiled": self.compiled} | self._later()

    def _deciding(self) -> dict[str, object]:
        deciding = self.model_dump(mode="json", exclude={"recipe", "horizons", "keeps_memory", *_LATER})
        # What came later decides where it differs from its default: addresses made before stay what they are.
        return deciding | {"recipe": self.recipe.deciding} | self._later()

    def _later(self) -> dict[str, object]:
        fields = type(self).model_fields
        changed = {name: getattr(self, name) for name in _LATER if getattr(self, name) != fields[name].default}
        return changed | ({"start": self.start.model_dump(exclude={"path"})} if self.start else {})


_LATER = ("compiled", "attention", "loss_parts", "start")


class Measured(Part):
    """What one finished branch measured."""

    address: str
    horizon: int
    tokens: int
    loss: float
    """Mean on the validation split, in the task's unit."""
    test_loss: float | None = None
    """The same on the test split, where it was asked for."""
    metrics: dict[str, float] = Field(default_factory=dict)
    """What else the task tells of the validation split, and of the test split as `test_NAME`."""
    best_step: int | None = None
    """Of early stopping: steps after which the weights were those that are kept."""
    skipped: tuple[int, ...] = ()
    """Places of batches that were left out: on them the loss or its gradient was no number, or the loss leapt."""
    curve: tuple[tuple[int, float], ...]
    """Tokens seen and mean training loss since the point before, smoothing and z-loss of the recipe included."""
    flops: float
    seconds: float
    """Training alone, the shared trunk included; loading and evaluation left out."""
    tokens_per_second: float
    peak_memory_bytes: int

    def tested(self, scores: Scores) -> Self:
        """With what the model reaches on the test split."""
        of_test = {f"test_{name}": value for name, value in scores.metrics.items()}
        return self.model_copy(update={"test_loss": scores.loss, "metrics": self.metrics | of_test})
