# Each target does its own set-up: a virtual environment in the checkout and `pip install`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: install demo test test-all lint format bench bench-laws bench-planning bench-training clean

install: $(STAMP)

$(STAMP): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $(STAMP)

demo: install
	$(BIN)/scalewright demo

# Files of tests are shared out among as many processes as there are processors; threads that wait leave these to others.
test: install
	OMP_WAIT_POLICY=passive $(BIN)/pytest --numprocesses auto

test-all: install
	$(BIN)/pytest -m ""

lint: install
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/mypy
	$(BIN)/mypy --config-file benchmarks/mypy.ini
	$(BIN)/lint-imports

format: install
	$(BIN)/ruff format src tests benchmarks
	$(BIN)/ruff check --fix src tests benchmarks

bench-laws: install
	$(BIN)/python benchmarks/laws.py

bench-planning: install
	$(BIN)/python benchmarks/planning.py

bench-training: install
	$(BIN)/python benchmarks/training.py

bench: install
	$(BIN)/python benchmarks/forecast.py
	$(BIN)/python benchmarks/isoflop_check.py

clean:
	rm -rf $(VENV) demo build dist
