"""The ledger: every run, forecast and artefact of a project, in SQLite or any database with a URL."""

import json
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, get_args

from sqlalchemy import ColumnElement, Engine, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from scalewright.errors import InputError, WorkError
from scalewright.files import content_hash as hash_of
from scalewright.ledger.database import failures, name_of, open_database
from scalewright.ledger.grouping import SEARCHES
from scalewright.ledger.tables import Artefact, Forecast, Metric, Role, Row, Run, Tuning, utc_now
from scalewright.ledger.track_record import TrackRecord, track_record

AnyRow = TypeVar("AnyRow", bound=Row)


class Ledger:
    """An open ledger; a context manager. Safe to share between threads, and between processes by its name.

    Rows come back as plain objects without a connection: changing one changes nothing in the ledger.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._sessions = sessionmaker(engine, expire_on_commit=False)

    @classmethod
    def open(cls, where: str | Path) -> Self:
        """Opens the ledger at a path (SQLite) or a database URL; makes it, with its folder, if it is missing.

        Raises:
            InputError: the URL is wrong, its driver is missing; the file is not SQLite's, or not a ledger.
            WorkError: the database does not answer, or a later scalewright made it.
        """
        return cls(open_database(where))

    def close(self) -> None:
        """Closes every connection."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def record_run(self, run: Run) -> Run:
        """Keeps a run; where its id is known already, keeps the first. Returns the run that the ledger holds.

        A run that was made to try settings out, and is made again for a law, is the law's from then on.

        Raises:
            InputError: a field is missing, not finite or of the wrong kind.
        """
        if run.role not in get_args(Role):
            raise InputError(f"run {run.id}: role is {run.role!r}: expected one of {', '.join(get_args(Role))}")
        kept = self._keep_first(run, f"run {run.id}", Run.id == run.id)
        if kept.role in SEARCHES and run.role not in SEARCHES:
            with self._transaction() as session:
                session.execute(update(Run).where(Run.id == run.id).values(role=run.role, study=run.study))
            kept = self.run(run.id) or kept
        return kept

    def run(self, id: str) -> Run | None:
        """The run at an address, or None."""
        with self._transaction() as session:
            return session.get(Run, id)

    def runs(
        self,
        *,
        study: str | None = None,
        role: Role | None = None,
        data_hash: str | None = None,
        tokenizer_hash: str | None = None,
        task: str | None = None,
        context: int | None = None,
        recipe_version: int | None = None,
    ) -> list[Run]:
        """The runs that match everything given, oldest first."""
        wanted = {
            Run.study: study,
            Run.role: role,
            Run.data_hash: data_hash,
            Run.tokenizer_hash: tokenizer_hash,
            Run.task: task,
            Run.context: context,
            Run.recipe_version: recipe_version,
        }
        conditions = [column == value for column, value in wanted.items() if value is not None]
        with self._transaction() as session:
            return list(session.scalars(select(Run).where(*conditions).order_by(Run.created_at, Run.id)))

    def record_metrics(self, run: str, rows: Sequence[tuple[int, str, float]], *, going_on: bool = False) -> None:
        """Keeps what a run told, (step, name, value) each, in the place of all that it told from the first of these steps on:
        a run that was killed goes on from its last checkpoint and tells the same again.

        Args:
            run: Address of the run.
            rows: What it told.
            going_on: These rows follow others of the same telling, maybe of the same step: nothing makes place for them.

        Raises:
            InputError: a value is not a finite number, or a step tells a name twice.
        """
        for step, name, value in rows:
            if not math.isfinite(value):
                raise InputError(f"run {run}: {name} is {value} at step {step}: expected a finite number")
        if not rows:
            return
        first = min(step for step, _, _ in rows)
        values = [{"run": run, "step": step, "name": name, "value": value} for step, name, value in rows]
        with failures(self._engine):
            try:
                with self._sessions.begin() as session:
                    if not going_on:
                        session.execute(delete(Metric).where(Metric.run == run, Metric.step >= first))
                    session.execute(insert(Metric), values)
            except IntegrityError:
                raise InputError(f"run {run}: a step from {first} on tells a name twice: tell it once") from None

    def metrics(self, run: str, name: str | None = None) -> list[Metric]:
        """What a run told, all of it or one quantity, in the order of its steps."""
        conditions = [Metric.run == run] + ([] if name is None else [Metric.name == name])
        with self._transaction() as session:
            return list(session.scalars(select(Metric).where(*conditions).order_by(Metric.step, Metric.name)))

    def tellers(self, start: str = "") -> list[str]:
        """Addresses of the runs, finished or not, that told anything, of those that begin with `start`."""
        addresses = select(Metric.run).where(Metric.run.startswith(start, autoescape=True)).distinct()
        with self._transaction() as session:
            return list(session.scalars(addresses.order_by(Metric.run)))

    def store_forecast(self, forecast: Forecast) -> Forecast:
        """Keeps a forecast before its run is trained. Returns the forecast that the ledger holds.

        A plan has one forecast of each quantity, for good: storing the same again changes nothing.

        Raises:
            InputError: value, interval or level is not a forecast's.
            WorkError: the forecast is scored already, or the plan has another forecast of this quantity.
        """
        what = f"forecast of {forecast.quantity} for plan {forecast.plan_hash}"
        _check_forecast(forecast, what)
        this = (Forecast.plan_hash == forecast.plan_hash, Forecast.quantity == forecast.quantity)
        stored = self._keep_first(forecast, what, *this)
        said = ("unit", "value", "low", "high", "level", "extrapolation", "law_hash")
        for field in said:
            before, now = getattr(stored, field), getattr(forecast, field)
            if before != now:
                raise WorkError(
                    f"{what}: {field} {before} was stored at {stored.made_at}, now {now}: "
                    "a stored forecast stays; make a new plan to forecast anew"
                )
        return stored

    def score_forecast(self, plan_hash: str, quantity: str, measured: float) -> Forecast:
        """Writes the measured value beside its forecast, once; again with the same value changes nothing.

        Raises:
            InputError: `measured` is not a finite number, or there is no such forecast.
            WorkError: the forecast was scored with another value.
        """
        what = f"forecast of {quantity} for plan {plan_hash}"
        measured = float(measured)
        if not math.isfinite(measured):
            raise InputError(f"{what}: measured {measured}: expected a finite number")
        this = (Forecast.plan_hash == plan_hash, Forecast.quantity == quantity)
        with self._transaction() as session:
            # Two scorers at once: the condition lets only one of them write.
            session.execute(
                update(Forecast)
                .where(*this, Forecast.measured.is_(None))
                .values(measured=measured, scored_at=utc_now())
                .execution_options(synchronize_session=False)
            )
            forecast = session.scalar(select(Forecast).where(*this))
        if forecast is None:
            raise InputError(f"no {what} in {name_of(self._engine)}: a forecast is stored before its run is trained")
        if forecast.measured != measured:
            raise WorkError(
                f"{what}: scored with {forecast.measured} at {forecast.scored_at}, now {measured}: "
                "a score stays; make a new plan to measure anew"
            )
        return forecast

    def forecasts(self, plan_hash: str | None = None) -> list[Forecast]:
        """All forecasts, or those of one plan, in the order they were stored."""
        conditions = [] if plan_hash is None else [Forecast.plan_hash == plan_hash]
        with self._transaction() as session:
            return list(session.scalars(select(Forecast).where(*conditions).order_by(Forecast.id)))

    def track_record(self) -> dict[str, TrackRecord]:
        """Errors and coverage of all scored forecasts, by quantity."""
        return track_record(self.forecasts())

    def record_artefact(
        self, kind: str, path: str | Path, content_hash: str, made_from: tuple[str, ...] = ()
    ) -> Artefact:
        """Keeps what a stage made, with the content hashes of what it was made from; the same again, once."""
        artefact = Artefact(
            id=hash_of([kind, str(path), content_hash, list(made_from)]),
            kind=kind,
            path=str(path),
            content_hash=content_hash,
            made_from=list(made_from),
        )
        return self._keep_first(artefact, f"artefact {path}", Artefact.id == artefact.id)

    def artefacts(self, kind: str | None = None) -> list[Artefact]:
        """All artefacts, or those of one kind, oldest first."""
        conditions = [] if kind is None else [Artefact.kind == kind]
        with self._transaction() as session:
            order = (Artefact.created_at, Artefact.id)
            return list(session.scalars(select(Artefact).where(*conditions).order_by(*order)))

    def record_tuning(self, tuning: Tuning) -> Tuning:
        """Keeps what a machine was found to be fastest with; the first that was found stays."""
        return self._keep_first(tuning, f"tuning {tuning.id}", Tuning.id == tuning.id)

    def tuning(self, id: str) -> Tuning | None:
        """What was found before, or None."""
        with self._transaction() as session:
            return session.get(Tuning, id)

    @contextmanager
    def _transaction(self) -> Iterator[Session]:
        with failures(self._engine), self._sessions.begin() as session:
            yield session

    def _keep_first(self, row: AnyRow, what: str, *address: ColumnElement[bool]) -> AnyRow:
        # The insert comes first and alone: it takes the write lock at once, so that of two processes with the
        # same row exactly one succeeds, and no reader has to be upgraded to a writer.
        values = _plain_values(row, what)
        refusal = "not kept"
        with failures(self._engine):
            try:
                with self._sessions.begin() as session:
                    session.execute(insert(type(row)).values(values))
            except IntegrityError as error:
                refusal = str(error.orig).partition("\n")[0]
        with self._transaction() as session:
            found = session.scalar(select(type(row)).where(*address))
        if found is None:
            raise InputError(f"{what}: {refusal}")
        return found


def _plain_values(row: Row, what: str) -> dict[str, Any]:
    """The columns of a row. What JSON cannot hold is refused, NaN above all: SQLite would keep it as NULL."""
    values = {column.key: getattr(row, column.key) for column in type(row).__table__.columns}
    if values["id"] is None:
        del values["id"]
    for field, value in values.items():
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise InputError(
                f"{what}: {field}: {error}: expected finite numbers, text, or lists and dictionaries of them"
            ) from None
    return values


def _check_forecast(forecast: Forecast, what: str) -> None:
    if forecast.measured is not None:
        raise WorkError(
            f"{what}: measured already ({forecast.measured}): a forecast is stored before its run is trained"
        )
    if forecast.value == 0:
        raise InputError(f"{what}: value is 0, which has no relative error: forecast another quantity")
    if not forecast.low <= forecast.value <= forecast.high:
        raise InputError(
            f"{what}: value {forecast.value} with the interval {forecast.low} to {forecast.high}: "
            "expected low <= value <= high"
        )
    if not 0 < forecast.level < 1:
        raise InputError(f"{what}: level {forecast.level}: expected a probability, such as 0.9")
