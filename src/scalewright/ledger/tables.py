"""What the ledger keeps: runs and their steps, forecasts and artefacts."""

from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import JSON, BigInteger, Double, Integer, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedAsDataclass, mapped_column

Role = Literal["ladder", "search", "repeat", "repetition", "trial", "final"]


def utc_now() -> str:
    """The present time in UTC, ISO 8601 with microseconds: sorts as text in the order of time."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


class Row(MappedAsDataclass, DeclarativeBase):
    """Base of the ledger's tables. Rows are plain dataclasses, read back detached from any connection."""

    # PostgreSQL's plain integer and real are too narrow for token counts and losses.
    type_annotation_map = {int: BigInteger, float: Double}  # noqa: RUF012


class Run(Row, kw_only=True):
    """One finished training.

    Attributes:
        id: address, the hash of what decides the result: `training.Trunk.run_address`.
        study: the set of runs planned together that this one belongs to.
        configuration: everything chosen about shape and training.
        tokenizer_hash: None where the task has no tokenizer.
        context: positions the model sees at once; None where the task has no sequence.
        recipe_version: raised by hand when training changes.
        params: N, the weights that take part in matrix products, head included.
        params_total: all weights, embeddings too.
        tokens: D, tokens seen (language) or unique examples (supervised tasks).
        unique_tokens: tokens without repetition, at most `tokens`.
        flops: FLOPs of the whole training.
        layout: how it was laid out over devices.
        loss: validation loss, nats per token or the task's own.
        test_loss: the same on the untouched test split.
        metrics: what else the task tells of the validation split, by name; of the test split as `test_NAME`.
        curve: points [tokens seen, mean training loss since the point before].
        seconds: wall time of the training.
        commit: version of the code; an attribute, no part of the address.
        created_at: UTC, ISO 8601.
        folder: where checkpoints and model lie.
    """

    __tablename__ = "run"

    id: Mapped[str] = mapped_column(primary_key=True)
    study: Mapped[str] = mapped_column(index=True)
    role: Mapped[Role] = mapped_column(String)
    configuration: Mapped[dict[str, Any]] = mapped_column(JSON)
    data_hash: Mapped[str] = mapped_column(index=True)
    tokenizer_hash: Mapped[str | None]
    task: Mapped[str]
    context: Mapped[int | None]
    recipe_version: Mapped[int]
    seed: Mapped[int]
    params: Mapped[int]
    params_total: Mapped[int]
    tokens: Mapped[int]
    unique_tokens: Mapped[int]
    flops: Mapped[float]
    precision: Mapped[str]
    layout: Mapped[str]
    loss: Mapped[float]
    test_loss: Mapped[float | None] = mapped_column(default=None)
    metrics: Mapped[dict[str, float]] = mapped_column(JSON, default_factory=dict, server_default="{}")
    curve: Mapped[list[list[float]]] = mapped_column(JSON, default_factory=list)
    seconds: Mapped[float]
    tokens_per_second: Mapped[float]
    peak_memory_bytes: Mapped[int]
    commit: Mapped[str | None] = mapped_column(default=None)
    created_at: Mapped[str] = mapped_column(default_factory=utc_now)
    folder: Mapped[str | None] = mapped_column(default=None)


class Metric(Row, kw_only=True):
    """What a run told on its way.

    Attributes:
        run: address of the run, finished or not.
        step: after so many steps.
        name: train_loss, validation_loss, tokens_per_second, learning_rate, ...
    """

    __tablename__ = "metric"

    run: Mapped[str] = mapped_column(primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[float]


class Forecast(Row, kw_only=True):
    """What was said before a run, and what was measured after it.

    Attributes:
        quantity: what is forecast: loss, seconds, peak_memory, latency, accuracy.
        value, low, high: the forecast and its interval, in `unit`.
        level: probability that the interval is meant to hold, within (0, 1).
        extrapolation: N·D of the target over the largest N·D in the data.
        law_hash, plan_hash: the law it was made from and the plan it was made for.
        measured, scored_at: set once, by `Ledger.score_forecast`.
    """

    __tablename__ = "forecast"
    __table_args__ = (UniqueConstraint("plan_hash", "quantity"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True, init=False, default=None)
    quantity: Mapped[str]
    unit: Mapped[str]
    value: Mapped[float]
    low: Mapped[float]
    high: Mapped[float]
    level: Mapped[float]
    extrapolation: Mapped[float]
    law_hash: Mapped[str]
    plan_hash: Mapped[str]
    made_at: Mapped[str] = mapped_column(default_factory=utc_now)
    measured: Mapped[float | None] = mapped_column(init=False, default=None)
    scored_at: Mapped[str | None] = mapped_column(init=False, default=None)

    @property
    def error(self) -> float | None:
        """Relative error, measured / value - 1; None until scored."""
        return None if self.measured is None else self.measured / self.value - 1

    @property
    def inside(self) -> bool | None:
        """Whether the measured value lies in the interval, ends included; None until scored."""
        return None if self.measured is None else self.low <= self.measured <= self.high


class Tuning(Row, kw_only=True):
    """What a machine was found to compute a model's steps fastest with.

    Attributes:
        id: hash of `about`.
        about: machine, model, batch, precision and software that it holds for.
        way: the choice.
        tried: each way that was timed, and its seconds of a step, in order.
        seconds: that finding out took.
    """

    __tablename__ = "tuning"

    id: Mapped[str] = mapped_column(primary_key=True)
    about: Mapped[dict[str, Any]] = mapped_column(JSON)
    way: Mapped[dict[str, Any]] = mapped_column(JSON)
    tried: Mapped[list[Any]] = mapped_column(JSON)
    seconds: Mapped[float]
    created_at: Mapped[str] = mapped_column(default_factory=utc_now)


class Artefact(Row, kw_only=True):
    """A file or folder that a stage made.

    Attributes:
        id: hash of the other fields, the time aside.
        kind: dataset, law, plan, model, report, ...
        made_from: content hashes of what it was made from.
    """

    __tablename__ = "artefact"

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    path: Mapped[str]
    content_hash: Mapped[str]
    made_from: Mapped[list[str]] = mapped_column(JSON)
    created_at: Mapped[str] = mapped_column(default_factory=utc_now)
