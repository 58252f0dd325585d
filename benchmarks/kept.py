"""Projects of the benchmarks, and what they measured: kept in the repository, so that days of training are not repeated.

Kept are the machine, its speeds, the ladder and the recipe, and the result of every run, in one file under benchmarks/results
whose name ends with the hash of the code that these depend on. Data, law, plan and forecasts are not kept: they are made anew
each time. A run that a new law or plan asks for, and that was not measured before, is trained.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from measure import RESULTS, sources_hash
from scalewright.files import write_atomic
from scalewright.pipeline import Watch
from scalewright.pipeline.run import open_project
from scalewright.pipeline.workspace import STATE, Workspace

DECIDING = "studies", "tasks", "planning/layout.py", "pipeline/order.py", "pipeline/speeds.py"
INDIFFERENT = "machines", "ledger", "pipeline/project.py", "documents.py", "errors.py", "files.py"
DOCUMENTS = ("machine", "speeds", "ladder", "recipe", "stages")


@contextmanager
def kept_project(name: str, toml: str, watch: Watch) -> Iterator[Workspace]:
    """The project `name`, with all it measured before under the same code; what it measures is kept, whatever happens."""
    version = f"{name}-{sources_hash(DECIDING, INDIFFERENT)}"
    kept, folder = RESULTS / f"{version}.json", RESULTS / "projects" / version
    state = folder / STATE
    if kept.exists():
        _restore(json.loads(kept.read_text()), state)
    # Made anew, since their code is not among what decides: a project by itself keeps them.
    for name in ("law", "plan"):
        (state / f"{name}.json").unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "project.toml").write_text(toml)
    try:
        with open_project(folder / "project.toml", watch) as at:
            yield at
    finally:
        found = _found(state)
        if found["results"]:
            write_atomic(kept, json.dumps(found) + "\n")


def _restore(found: dict[str, Any], state: Path) -> None:
    texts = {f"{name}.json": text for name, text in found["documents"].items()}
    texts |= {f"runs/{name}": text for name, text in found["results"].items()}
    for name, text in texts.items():
        path = state / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(text))


def _found(state: Path) -> dict[str, Any]:
    documents = {name: state / f"{name}.json" for name in DOCUMENTS}
    results = sorted((state / "runs").glob("*/result-*.json"))
    return {
        "documents": {name: json.loads(path.read_text()) for name, path in documents.items() if path.exists()},
        "results": {f"{path.parent.name}/{path.name}": json.loads(path.read_text()) for path in results},
    }
