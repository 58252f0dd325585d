"""A known law and its table of runs, and commands as a user types them."""

import json
import subprocess
import sys

import numpy as np
import pytest

from scalewright.cli import main as command_line
from scalewright.machines.machine import Machine

E, A, B, ALPHA, BETA = 1.7, 400.0, 410.0, 0.34, 0.28


SIZES = np.geomspace(1e7, 1.6e8, 5)


HORIZONS = np.geomspace(2e8, 5e9, 5)


GRID = [(n, d) for n in SIZES for d in HORIZONS]


def known_law(params, tokens):
    return E + A * params**-ALPHA + B * tokens**-BETA


def write(path, header, rows):
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path


@pytest.fixture
def runs(tmp_path):
    noise = np.random.default_rng(0).normal(0, 0.002, len(GRID))
    rows = [(n, d, known_law(n, d) * np.exp(e)) for (n, d), e in zip(GRID, noise, strict=True)]
    return write(tmp_path / "runs.csv", "params,tokens,loss", rows)


@pytest.fixture(scope="session")
def law(tmp_path_factory):
    """A law.json fitted to runs without noise."""
    folder = tmp_path_factory.mktemp("law")
    rows = [(n, d, known_law(n, d)) for n, d in GRID]
    table = write(folder / "runs.csv", "params,tokens,loss", rows)
    command = ["fit", str(table), "--form", "chinchilla", "--bootstrap", "50", "--out", str(folder / "law.json")]
    subprocess.run([sys.executable, "-m", "scalewright", *command], check=True, capture_output=True, timeout=120)
    return folder / "law.json"


@pytest.fixture
def call(monkeypatch, capsys):
    """Runs `main` in this process; answers with exit code, standard output and standard error."""

    def run_here(*arguments):
        monkeypatch.setattr(sys, "argv", ["scalewright", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            command_line.main()
        return left.value.code or 0, *capsys.readouterr()

    return run_here


@pytest.fixture
def answer(call):
    """The JSON object that a command prints, and nothing else."""

    def ask(*arguments):
        code, out, error = call(*arguments, "--json")
        assert (code, error) == (0, "")
        return json.loads(out)

    return ask


@pytest.fixture
def refusal(call):
    """The one line of a command that fails, with exit code 2 unless another is named."""

    def refuse(*arguments, code=2):
        found, out, error = call(*arguments)
        assert (found, out) == (code, "")
        assert error.startswith("error  ")
        assert len(error.strip().splitlines()) == 1
        return error

    return refuse


@pytest.fixture
def curve(tmp_path):
    rows = [(d, E + B * d**-BETA) for d in np.geomspace(1e7, 1e10, 16)]
    return write(tmp_path / "curve.csv", "seen,loss", rows)


def replaced(runs, row, column, cell):
    lines = [line.split(",") for line in runs.read_text().splitlines()]
    lines[row][lines[0].index(column)] = cell
    runs.write_text("\n".join(map(",".join, lines)) + "\n")


@pytest.fixture
def noisy(answer, runs, tmp_path):
    answer("fit", runs, "--bootstrap", "50", "--out", tmp_path / "noisy.json")
    return tmp_path / "noisy.json"


@pytest.fixture(scope="session")
def slow_machine():
    """A probed processor of 20 GFLOP/s and one thread: what plans for it lets tests train."""
    product = {"shape": (512,) * 3, "size": 512, "spread": 0, "repeats": 3}
    return Machine.model_validate(
        {
            "name": "1 x processor", "cpu": "processor", "cores": 1, "threads": 1, "memory_bytes": int(8e9),
            "devices": [{"kind": "cpu", "name": "processor", "count": 1, "memory_bytes": int(8e9)}],
            "matmul": [product | {"dtype": "fp32", "flops_per_second": 2e10}],
            "bandwidth_bytes_per_second": {1: 2e10}, "passes_bytes_per_second": {1: 5e10}, "links": [],
            "precisions": {"usable": ["fp32"], "advised": "fp32"}, "taken_by_others": 0, "quick": True,
            "measured_at": "2026-01-01", "software": {}, "warnings": [], "reasons": {},
        }
    )  # fmt: skip
