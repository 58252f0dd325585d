import numpy as np
import plotly.graph_objects as go
import pytest

from scalewright.reports import ReportContent
from scalewright.reports.law_figure import law_figure


def named(figure: go.Figure, name: str) -> go.Scatter:
    (found,) = [trace for trace in figure.data if trace.name == name]
    return found


def test_every_rung_is_a_point(content: ReportContent) -> None:
    figure = law_figure(content)
    points = [
        (x, y)
        for trace in figure.data
        if trace.mode == "markers" and trace.name not in ("forecast", "measured")
        for x, y in zip(trace.x, trace.y, strict=True)
    ]
    assert sorted(points) == sorted((run.tokens, run.loss) for run in content.runs)


def test_repeated_tokens_are_hollow(content: ReportContent) -> None:
    figure = law_figure(content)
    hollow = {
        (x, y)
        for trace in figure.data
        if trace.mode == "markers" and not isinstance(trace.marker.symbol, str)
        for x, y, symbol in zip(trace.x, trace.y, trace.marker.symbol, strict=True)
        if symbol.endswith("-open")
    }
    assert hollow == {(run.tokens, run.loss) for run in content.runs if run.unique_tokens < run.tokens}
    assert len(hollow) == 2


def test_a_line_for_each_size_spans_its_runs_and_follows_the_law(content: ReportContent) -> None:
    lines = [
        trace
        for trace in law_figure(content).data
        if trace.mode == "lines" and trace.legendgroup and trace.line.width == 2
    ]
    sizes = sorted({run.params for run in content.runs})
    assert len(lines) == len(sizes)
    for size, line in zip(sizes, lines, strict=True):
        same = [run.tokens for run in content.runs if run.params == size]
        assert (line.x[0], line.x[-1]) == (pytest.approx(min(same)), pytest.approx(max(same)))
        assert line.y[7] == pytest.approx(float(content.law.losses(size, line.x[7])))


def test_forecast_and_measured_are_those_of_the_ledger(content: ReportContent) -> None:
    figure, stored = law_figure(content), content.forecasts[0]
    forecast, measured = named(figure, "forecast"), named(figure, "measured")
    assert (forecast.x[0], forecast.y[0]) == (content.plan.choice.tokens, stored.value)
    assert forecast.y[0] + forecast.error_y.array[0] == pytest.approx(stored.high)
    assert forecast.y[0] - forecast.error_y.arrayminus[0] == pytest.approx(stored.low)
    assert (measured.x[0], measured.y[0]) == (content.final.tokens, content.final.loss)


def test_the_band_at_the_planned_tokens_is_the_stored_interval(content: ReportContent) -> None:
    figure, stored = law_figure(content), content.forecasts[0]
    low, high = figure.data[0], figure.data[1]
    at = np.log(content.plan.choice.tokens)
    assert np.interp(at, np.log(low.x), low.y) == pytest.approx(stored.low, rel=2e-3)
    assert np.interp(at, np.log(high.x), high.y) == pytest.approx(stored.high, rel=2e-3)
    assert high.fill == "tonexty"


def test_axes_name_their_units_and_hold_all_points(content: ReportContent) -> None:
    figure = law_figure(content)
    assert figure.layout.xaxis.type == figure.layout.yaxis.type == "log"
    assert figure.layout.yaxis.title.text == "validation loss, nats/token"
    for run in content.runs:
        assert figure.layout.xaxis.range[0] < np.log10(run.tokens) < figure.layout.xaxis.range[1]
        assert figure.layout.yaxis.range[0] < np.log10(run.loss) < figure.layout.yaxis.range[1]
