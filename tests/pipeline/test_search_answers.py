"""What a search prints: its cost before, what came of it after, and lines that a project file takes."""

import tomllib

import pytest

from scalewright.documents import Reason
from scalewright.pipeline import Project, Searched, SearchEstimate
from scalewright.studies import NOTHING, Cost, Trial

SAID = Reason(origin="assumed", text="for a test")


def estimate(**changes):
    fields = {
        "trials": 3, "together": 4, "workers": 2, "pruner": "median", "params": 7000, "tokens": (1000, 2000),
        "before": NOTHING, "most": Cost(flops=3e9, seconds=30), "typical": Cost(flops=2e9, seconds=20),
        "reasons": dict.fromkeys(("before", "most", "typical", "speed", "together"), SAID),
    }  # fmt: skip
    return SearchEstimate(**(fields | changes))


def searched(best, **changes):
    rules = {"learning_rate": 0.02, "optimiser": "adamw", "nesterov": True, "dropout": None}
    trials = (
        Trial(number=0, values=rules, losses=(3.0, 2.5), state="complete"),
        Trial(number=1, values=best, losses=(2.9, 2.4), state="complete"),
        Trial(number=2, values=rules | {"optimiser": "sgd"}, losses=(3.5,), state="pruned"),
    )
    fields = {
        "best": best, "loss": 2.4, "rules": rules, "rules_loss": 2.5, "loss_unit": "nats/token", "improvement": 0.04,
        "least_improvement": 0.01, "beyond_noise": True, "importance": {"learning_rate": 0.9, "optimiser": 0.1},
        "complete": 2, "pruned": 1, "failed": 0, "trials": trials, "runs": ("a", "b", "c"), "estimate": estimate(),
        "spent": Cost(flops=2.5e9, seconds=25), "warnings": ("look here",),
        "recipe": {name: value for name, value in best.items() if value is not None},
        "reasons": {"beyond_noise": SAID},
    }  # fmt: skip
    return Searched(**(fields | changes))


@pytest.mark.parametrize(
    "best",
    [
        {"learning_rate": 1e-05, "optimiser": "muon", "nesterov": False, "dropout": 0.1},
        {"learning_rate": 0.03, "optimiser": "sgd", "nesterov": True, "dropout": None, "warmup_steps": 12},
        {"learning_rate": 1e16, "z_loss": 0.0, "schedule": "cosine", "dropout": None},
    ],
)
def test_the_table_is_one_of_a_project_file(best):
    text = "\n".join(['name = "n"', 'data = ["a.txt"]', "[budget]", "minutes = 5", *searched(best).table()])
    assert Project.model_validate(tomllib.loads(text)).recipe.values == searched(best).recipe


def test_lines_say_what_was_found():
    lines = searched({"learning_rate": 0.03, "optimiser": "muon", "nesterov": True, "dropout": 0.25}).lines()
    assert lines[0] == (
        "rules     2.5000 nats/token: learning_rate 0.02, optimiser adamw, nesterov True, dropout by the rules"
    )
    assert lines[1].startswith("best      2.4000 nats/token, 4.00% lower: learning_rate 0.03, optimiser muon")
    assert "counts    learning_rate 90%, optimiser 10%, at the first milestone" in lines
    assert "trials    2 complete, 1 pruned, 0 failed; 2.50e+09 FLOPs, 25 s of training by all workers" in lines
    assert "warning   look here" in lines
    assert lines[-7] == "in project.toml:"
    assert lines[-5:] == ["[recipe]", "learning_rate = 0.03", 'optimiser = "muon"', "nesterov = true", "dropout = 0.25"]


@pytest.mark.parametrize("beyond", [False, None])
def test_what_may_be_luck_is_said_to_be(beyond):
    lines = searched({"learning_rate": 0.03}, beyond_noise=beyond).lines()
    assert "in project.toml, though the rules may be as good:" in lines


def test_where_the_rules_are_best_there_is_nothing_to_copy():
    found = searched({"learning_rate": 0.02}, improvement=0.0, warnings=())
    assert found.lines()[1] == "best      the rules' own values: nothing that was tried is better"
    assert "[recipe]" not in found.lines()


def test_the_cost_is_said_with_what_it_assumes():
    assert [line.split()[0] for line in estimate().lines()] == ["trials", "at", "typical", "speed"]
    assert "2.00e+09 FLOPs, 20 s: assumed: for a test" in estimate().lines()[2]
    before = estimate(before=Cost(flops=1e9, seconds=9)).lines()
    assert before[0] == "before    1.00e+09 FLOPs, 9 s: for a test"


def test_documents_are_read_back():
    found = searched({"learning_rate": 0.03, "nesterov": True, "dropout": None})
    assert Searched.model_validate_json(found.model_dump_json()) == found
