"""The public surface, name by name: changing it is a decision, not an accident."""

import subprocess
import sys

import scalewright

SURFACE = {
    "Allocation",
    "InputError",
    "Law",
    "MachinePlan",
    "Prediction",
    "ScalewrightError",
    "WorkError",
    "__version__",
    "allocate",
    "fit",
    "plan",
}


def test_names():
    assert set(scalewright.__all__) == SURFACE
    assert all(hasattr(scalewright, name) for name in SURFACE)


def test_fitting_and_planning_import_no_torch():
    program = (
        "import sys, scalewright, scalewright.planning, scalewright.architectures, scalewright.machines, scalewright.ledger\n"
        "print([name for name in ('torch', 'tokenizers', 'safetensors', 'plotly', 'pyarrow') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_commands_load_no_more_than_they_need():
    program = (
        "import sys, scalewright.cli.main\n"
        "print([name for name in ('torch', 'sqlalchemy', 'alembic', 'matplotlib') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
