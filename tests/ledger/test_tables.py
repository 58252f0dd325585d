from collections.abc import Callable

import pytest
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from scalewright.ledger import Forecast
from scalewright.ledger.tables import Row


def test_postgresql_columns_are_wide_enough() -> None:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    run, forecast = (
        str(CreateTable(Row.metadata.tables[name]).compile(dialect=dialect)) for name in ("run", "forecast")
    )
    for column in ("params", "params_total", "tokens", "unique_tokens", "seed", "peak_memory_bytes"):
        assert f"{column} BIGINT NOT NULL" in run
    for column in ("flops", "loss", "seconds"):
        assert f"{column} DOUBLE PRECISION NOT NULL" in run
    assert "id SERIAL NOT NULL" in forecast
    assert "UNIQUE (plan_hash, quantity)" in forecast


@pytest.mark.parametrize(
    ("measured", "error", "inside"),
    [(2.0, 0.0, True), (2.1, 0.05, True), (1.9, -0.05, True), (2.5, 0.25, False), (1.0, -0.5, False)],
)
def test_error_and_inside(make_forecast: Callable[..., Forecast], measured: float, error: float, inside: bool) -> None:
    forecast = make_forecast()
    forecast.measured = measured
    assert forecast.error == pytest.approx(error, abs=1e-12)
    assert forecast.inside is inside


def test_an_unscored_forecast_has_neither_error_nor_verdict(make_forecast: Callable[..., Forecast]) -> None:
    assert make_forecast().error is None
    assert make_forecast().inside is None
