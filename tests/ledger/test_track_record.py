from collections.abc import Callable

import pytest

from scalewright.ledger import Forecast, TrackRecord, track_record


def test_against_numbers_computed_by_hand(make_forecast: Callable[..., Forecast]) -> None:
    loss = [
        make_forecast(value=2.0, low=1.9, high=2.3, level=0.9),
        make_forecast(value=4.0, low=3.5, high=4.5, level=0.8),
        make_forecast(value=5.0, low=4.0, high=6.0, level=0.7),
        make_forecast(value=1.0, low=0.0, high=9.0),
    ]
    seconds = make_forecast(quantity="seconds", unit="s", value=100.0, low=50.0, high=200.0, level=0.95)
    # Errors +10 %, -25 %, +5 %; the second outside its interval; the fourth never scored.
    for forecast, measured in zip(loss, (2.2, 3.0, 5.25), strict=False):
        forecast.measured = measured
    seconds.measured = 120.0

    records = track_record([*loss, seconds])

    assert list(records) == ["loss", "seconds"]
    assert records["loss"].count == 3
    assert records["loss"].mean_absolute_error == pytest.approx(0.4 / 3)
    assert records["loss"].coverage == pytest.approx(2 / 3)
    assert records["loss"].level == pytest.approx(0.8)
    assert records["seconds"] == TrackRecord("seconds", 1, 120.0 / 100.0 - 1, 1.0, 0.95)


def test_nothing_scored(make_forecast: Callable[..., Forecast]) -> None:
    assert track_record([]) == {}
    assert track_record([make_forecast()]) == {}
