import math
from dataclasses import replace

import numpy as np
import pytest

from scalewright.reports import ReportContent
from scalewright.reports.training_figures import curve_figure, rate_figure

from .project import FAMILY, TRUTH, a_run

SMALL = FAMILY.shape(48)


def test_each_run_but_the_search_has_its_curve_and_the_final_one_stands_out(content: ReportContent) -> None:
    lines = [trace for trace in curve_figure(content).data if trace.mode == "lines"]
    drawn = sorted([list(point) for point in zip(line.x, line.y, strict=True)] for line in lines)
    trained = [*content.runs, content.final]
    assert drawn == sorted(run.curve for run in trained)
    *others, final = lines
    assert final.x[-1] == content.final.tokens
    assert final.line.width > max(line.line.width for line in others)


def test_each_size_is_in_the_legend_once(content: ReportContent) -> None:
    names = [trace.name for trace in curve_figure(content).data if trace.showlegend is not False]
    assert len(names) == len(set(names)) == 6


def test_runs_without_a_curve_are_left_out(content: ReportContent) -> None:
    bare = a_run(SMALL, 200)
    bare.curve = []
    figure = curve_figure(replace(content, runs=(bare,)))
    assert [trace.mode for trace in figure.data] == ["lines", "markers"]


def test_the_rates_tried_and_the_parabola_through_the_best_of_them(content: ReportContent) -> None:
    figure = rate_figure(content)
    tried = next(trace for trace in figure.data if trace.name == "tried")
    assert list(tried.x) == [2**-8, 2**-7, 2**-6, 2**-5]
    parabola = next(trace for trace in figure.data if trace.name.startswith("parabola"))
    # The losses of the search were made by this parabola.
    bottom = TRUTH.loss(SMALL.params, 392 * 16 * 128)
    assert parabola.y == pytest.approx([bottom * (1 + 0.006 * math.log2(x / 0.0093) ** 2) for x in parabola.x])
    assert (parabola.x[0], parabola.x[-1]) == (pytest.approx(2**-8), pytest.approx(2**-6))
    assert figure.layout.shapes[0].x0 == figure.layout.shapes[0].x1 == content.plan.recipe.learning_rate


def test_a_search_of_another_size_or_length_is_left_out(content: ReportContent) -> None:
    others = (a_run(FAMILY.shape(64), 392, role="search", rate=0.5), a_run(SMALL, 100, role="search", rate=0.6))
    figure = rate_figure(replace(content, search=content.search + others))
    tried = next(trace for trace in figure.data if trace.name == "tried")
    assert list(tried.x) == [2**-8, 2**-7, 2**-6, 2**-5]


def test_no_parabola_where_the_best_rate_is_at_the_edge(content: ReportContent) -> None:
    search = tuple(a_run(SMALL, 392, role="search", rate=rate, off=rate) for rate in (0.01, 0.02, 0.04))
    recipe = content.plan.recipe.model_copy(update={"learning_rate": 0.01})
    plan = content.plan.model_copy(update={"recipe": recipe})
    figure = rate_figure(replace(content, search=search, plan=plan))
    assert not [trace for trace in figure.data if trace.name.startswith("parabola")]
    assert np.isfinite(figure.layout.xaxis.range).all()


def test_a_project_without_a_search_still_shows_its_rate(content: ReportContent) -> None:
    figure = rate_figure(replace(content, search=()))
    assert figure.layout.shapes[0].x0 == content.plan.recipe.learning_rate
