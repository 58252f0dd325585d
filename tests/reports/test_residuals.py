from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from scalewright.reports import ReportContent
from scalewright.reports.residuals import residual_figure, rungs

from .project import FAMILY, TRUTH, a_run


class ExactLaw:
    """The law that the project's losses follow, its noise known."""

    noise = 0.01

    def losses(self, params: Any, tokens: Any, unique_tokens: Any = None) -> np.ndarray:
        return TRUTH.E + TRUTH.A * np.power(params, -TRUTH.alpha) + TRUTH.B * np.power(tokens, -TRUTH.beta)


def test_rungs_are_what_the_law_was_fitted_to_whatever_their_role(content: ReportContent) -> None:
    shared = replace(content.runs[0], role="search", id="shared")
    assert shared in rungs(replace(content, runs=(*content.runs, shared)))
    found = rungs(content)
    assert {run.role for run in found} == {"ladder", "repeat", "repetition"}
    assert len(found) == 22
    assert [run.params for run in found] == sorted(run.params for run in found)


def test_residuals_are_the_errors_put_into_the_runs(content: ReportContent) -> None:
    small, large = FAMILY.shape(48), FAMILY.shape(64)
    runs = (a_run(small, 200, off=0.012), a_run(small, 400, off=-0.02), a_run(large, 300, off=0.005))
    figure = residual_figure(replace(content, runs=runs, law=ExactLaw()))  # type: ignore[arg-type]
    points = {(x, round(y, 6)) for trace in figure.data[:2] for x, y in zip(trace.x, trace.y, strict=True)}
    flops = [
        float(steps * 16 * 128 * shape.train_flops_per_token)
        for shape, steps in ((small, 200), (small, 400), (large, 300))
    ]
    assert points == {(flops[0], 1.2), (flops[1], -2.0), (flops[2], 0.5)}
    # Of a Gaussian, nine in ten lie within 1.645 standard deviations.
    assert (figure.layout.shapes[0].y0, figure.layout.shapes[0].y1) == (-1.645, 1.645)


def test_the_forecast_stands_at_zero_with_its_interval_and_the_outcome_at_its_error(content: ReportContent) -> None:
    forecast, _ = content.forecasts
    figure = residual_figure(content)
    stored = next(trace for trace in figure.data if trace.name == "forecast")
    measured = next(trace for trace in figure.data if trace.name == "measured")
    assert (stored.x[0], stored.y[0]) == (content.plan.choice.flops, 0.0)
    assert stored.error_y.array[0] == pytest.approx(100 * (forecast.high - forecast.value) / forecast.value)
    assert stored.error_y.arrayminus[0] == pytest.approx(100 * (forecast.value - forecast.low) / forecast.value)
    assert measured.x[0] == content.final.flops
    assert measured.y[0] == pytest.approx(100 * (content.final.loss - forecast.value) / forecast.value)
