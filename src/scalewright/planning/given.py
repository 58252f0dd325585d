"""Settings of a recipe that are given, in the place of what the rules would make of them."""

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import ConfigDict, Field, ValidationError, model_validator

from scalewright.documents import Part, Reason
from scalewright.planning.recipe import Recipe


class Given(Part):
    """The table `[recipe]` of a project file: what holds for the ladder and the final run; None where the rules decide.

    What a study is laid out by (batch, precision, the base of the parametrisation, early stopping) is not among it.
    `planning.recipe.Recipe` says what each is.
    """

    model_config = ConfigDict(strict=True)

    learning_rate: float | None = Field(default=None, gt=0)
    weight_decay: float | None = Field(default=None, ge=0)
    warmup_steps: int | None = Field(default=None, ge=1)
    decay_fraction: float | None = Field(default=None, gt=0, lt=1)
    beta1: float | None = Field(default=None, ge=0, lt=1)
    beta2: float | None = Field(default=None, ge=0, lt=1)
    epsilon: float | None = Field(default=None, gt=0)
    clip: float | None = Field(default=None, gt=0)
    optimiser: Literal["adamw", "muon", "sgd"] | None = None
    momentum: float | None = Field(default=None, ge=0, lt=1)
    nesterov: bool | None = None
    schedule: Literal["wsd", "cosine", "linear"] | None = None
    floor: float | None = Field(default=None, ge=0, lt=1)
    label_smoothing: float | None = Field(default=None, ge=0, lt=1)
    z_loss: float | None = Field(default=None, ge=0)
    dropout: float | None = Field(default=None, ge=0, lt=1)
    ema_decay: float | None = Field(default=None, gt=0, lt=1)
    spike: float | None = Field(default=None, ge=4)

    @model_validator(mode="after")
    def _make_a_recipe(self) -> Self:
        try:
            self.over(_SOME)
        except ValidationError as error:  # each field is right by itself: what is left are the words of a recipe
            raise ValueError(str(error.errors()[0]["ctx"]["error"])) from None
        return self

    @property
    def values(self) -> dict[str, Any]:
        """Those that are given, by name."""
        return {name: value for name, value in self if value is not None}

    @property
    def schedule_is_shared(self) -> bool:
        """Whether runs of several lengths can be branches of one: only a rate that falls late is the same at their start."""
        return self.schedule in (None, "wsd")

    def with_values(self, values: Mapping[str, Any]) -> "Given":
        """With other values in the place of these.

        Raises:
            ValidationError: they are none, or do not go together.
        """
        return Given.model_validate(dict(self) | dict(values))

    def over(self, rules: Recipe) -> Recipe:
        """The rules' recipe with what is given in the place of what they say."""
        if not self.values:
            return rules
        reasons = {name: Reason(origin="given", text=f"{value} in [recipe]") for name, value in self.values.items()}
        return Recipe.model_validate(dict(rules) | self.values | {"reasons": rules.reasons | reasons})


_SOME = Recipe(learning_rate=1e-2, base_width=1, base_depth=1, batch_size=1, warmup_steps=1)

BY_THE_RULES = Given()
"""Nothing."""
