import dataclasses

import pytest

from scalewright.reports import ReportContent
from scalewright.reports.isoflops import COMPUTE_LEVELS, isoflop_figure, isoflops

from .project import FAMILY


def test_all_models_of_a_curve_cost_the_same(content: ReportContent) -> None:
    shapes = {FAMILY.shape(width).params: FAMILY.shape(width) for width in range(16, 1025, 16)}
    curves = isoflops(content)
    assert [curve.flops / content.plan.choice.flops for curve in curves] == list(COMPUTE_LEVELS)
    for curve in curves:
        assert len(curve.params) >= 5
        for params, tokens in zip(curve.params, curve.tokens, strict=True):
            assert tokens * shapes[int(params)].train_flops_per_token == pytest.approx(curve.flops)


def test_losses_are_those_of_the_law_with_repeats_counted(content: ReportContent) -> None:
    curve = isoflops(content)[-1]
    unique = content.plan.unique_tokens
    assert curve.tokens[0] > unique
    repeated = float(content.law.losses(curve.params[0], curve.tokens[0], unique))
    assert curve.losses[0] == pytest.approx(repeated)
    assert repeated > float(content.law.losses(curve.params[0], curve.tokens[0]))


def test_the_lowest_point_has_no_lower_neighbour(content: ReportContent) -> None:
    curves = isoflops(content)
    assert next(curve for curve in curves if curve.planned).lowest is not None
    for curve in curves:
        if curve.lowest is None:
            assert min(curve.losses) in (curve.losses[0], curve.losses[-1])
        else:
            assert all(curve.losses[curve.lowest] <= loss for loss in curve.losses)
            assert 0 < curve.lowest < len(curve.losses) - 1


def test_more_compute_wants_a_larger_model(content: ReportContent) -> None:
    sizes = [curve.params[curve.lowest or 0] for curve in isoflops(content)]
    assert sizes == sorted(sizes)
    assert sizes[-1] > 4 * sizes[0]


def test_the_planned_curve_runs_through_choice_and_runner_up(content: ReportContent) -> None:
    plan = content.plan
    planned = next(curve for curve in isoflops(content) if curve.planned)
    losses = dict(zip(planned.params.tolist(), planned.losses.tolist(), strict=True))
    assert losses[plan.choice.params] == pytest.approx(plan.choice.loss)
    assert plan.runner_up.params in losses


def test_a_choice_of_few_tokens_lies_on_its_curve(content: ReportContent) -> None:
    support = content.law.support.model_copy(update={"tokens": (8.0 * content.plan.choice.tokens, 1e12)})
    law = content.law.model_copy(update={"support": support})
    planned = next(c for c in isoflops(dataclasses.replace(content, law=law)) if c.planned)
    assert content.plan.choice.params in planned.params


def test_the_figure_marks_the_plan_and_bands_the_planned_curve(content: ReportContent) -> None:
    figure, plan = isoflop_figure(content), content.plan
    marks = {trace.name.partition(":")[0]: (trace.x[0], trace.y[0]) for trace in figure.data if trace.mode == "markers"}
    assert marks["choice"] == (plan.choice.params, plan.choice.loss)
    assert marks["runner-up"] == (plan.runner_up.params, plan.runner_up.loss)
    lowest = [(trace.x[0], trace.y[0]) for trace in figure.data if trace.name == "lowest"]
    inside = [curve for curve in isoflops(content) if curve.lowest is not None]
    assert len(inside) >= 3
    assert lowest == [(curve.params[curve.lowest], curve.losses[curve.lowest]) for curve in inside]
    low, high = (trace for trace in figure.data if trace.legendgroup == "90 % interval")
    at = low.x.index(plan.choice.params)
    assert low.y[at] == pytest.approx(plan.forecast.low)
    assert high.y[at] == pytest.approx(plan.forecast.high)
    front = next(trace for trace in figure.data if trace.name == "what the budget buys")
    assert list(zip(front.x, front.y, strict=True)) == [(c.params, c.loss) for c in plan.front]
