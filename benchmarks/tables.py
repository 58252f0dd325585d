"""Public tables of runs, and our own ladders, each with its columns under our names.

They lie beside the checkout in `shared/data/laws`, each with its source; what is absent is left out.
"""

import csv
import gzip
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from measure import SHARED

Array = NDArray[np.float64]
Row = dict[str, str]

HERE = Path(__file__).resolve().parent
LAWS = SHARED / "laws"


@dataclass(frozen=True)
class Table:
    """Runs of one study under one set of conditions.

    Attributes:
        name: Where it comes from.
        study: The table it is a part of: parts of one study count as one.
        inputs: Columns [n] by name; "unique_tokens" where tokens repeat.
        loss: In nats or the task's own [n].
        trunk: Label of the run that each is a branch of, where runs share one.
        zero: What losses are measured from.
        plain: The form in the catalogue that papers would fit.
    """

    name: str
    study: str
    inputs: dict[str, Array]
    loss: Array
    trunk: list[str] | None = None
    zero: float = 0.0
    plain: str = "chinchilla"

    @property
    def cost(self) -> Array:
        """What each run cost, up to a factor [n]."""
        free = "unique_tokens", "rate", "batch", "density", "vocab"
        return np.asarray(np.prod([values for name, values in self.inputs.items() if name not in free], axis=0))

    def take(self, rows: NDArray[np.bool_]) -> "Table":
        """The runs chosen by a mask [n]."""
        trunk = None if self.trunk is None else [label for label, kept in zip(self.trunk, rows, strict=True) if kept]
        inputs = {name: values[rows] for name, values in self.inputs.items()}
        return replace(self, inputs=inputs, loss=self.loss[rows], trunk=trunk)


def size_and_data() -> Iterator[Table]:
    """Tables in params and tokens."""
    if LAWS.is_dir():
        yield _chinchilla()
        yield from isoflops()
        yield _misfitting()
        yield _best_of("steplaw/dense_lr_bs_loss.csv", "steplaw", "N")
        yield _best_of("steplaw/moe_lr_bs_loss.csv", "steplaw moe", "Na")
        yield from _tiny_ladders()
    yield from _own_ladders()


def curves() -> Iterator[Table]:
    """Learning curves: the loss against the examples or tokens seen."""
    if not LAWS.is_dir():
        return
    for (domain, model), rows in _grouped(_read(LAWS / "curves" / "curves.csv"), "Domain", "Model"):
        table = _table(f"curves {domain} {model}", f"curves {domain}", rows, {"tokens": "Seen Examples"}, "Loss")
        yield replace(table, plain="power_floor")
    for name in ("flan", "gigaword", "wmt19"):
        for row in _read(LAWS / "finetune" / f"{name}.csv"):
            seen = [column for column in row if column.isdigit() and column != "0"]
            loss = np.array([float(row[column]) for column in seen])
            inputs = {"tokens": np.array(seen, float)}
            yield Table(f"finetune {name} {row['config name']}", f"finetune {name}", inputs, loss, plain="power_floor")


def further() -> Iterator[Table]:
    """Tables in further inputs: sparsity, experts, vocabulary, learning rate and batch."""
    if LAWS.is_dir():
        yield from _sparsity()
        yield from _experts()
        yield _vocabulary()
        yield settings("steplaw/dense_lr_bs_loss.csv", "settings dense", "N")
        yield settings("steplaw/moe_lr_bs_loss.csv", "settings moe", "Na")


def _sparsity() -> Iterator[Table]:
    # Sizes in units of the base models: that of the ViT has 85 M weights in its layers, that of the T5 is not stated.
    rows = _read(LAWS / "sparsity" / "t5-data.csv")
    vit = json.loads((LAWS / "sparsity" / "vit-data.json").read_text())
    t5 = _columns(rows, "scale", "sparsity", "steps", "val-loss")
    names = "scale", "sparsity", "total_examples", "val-loss"
    places = list(vit["scale"])
    for name, (scale, sparsity, data, loss) in (
        ("t5", t5),
        ("vit", [np.array([float(vit[column][place]) for place in places]) for column in names]),
    ):
        inputs = {"params": scale * (1 - sparsity), "tokens": data, "density": 1 - sparsity}
        yield Table(f"sparsity {name}", f"sparsity {name}", inputs, loss, plain="sparsity")


def _experts() -> Iterator[Table]:
    # One expert for each token, in every second layer, as in the main fits of the paper; a dense model has one.
    rows = [row for row in routing() if row["k"] == "1" and float(row["flop_increase"]) == 1]
    for router in ("S-Base", "RL-R", "Hash"):
        chosen = [row for row in rows if row["router_type"] in (router, "Dense") and row["routing_frequency"] == "0.5"]
        names = {"params": "dense_parameter_count", "experts": "num_experts"}
        yield replace(
            _table(f"experts {router}", f"experts {router}", chosen, names, "loss_validation"), plain="experts"
        )


def _vocabulary() -> Table:
    # Losses are those of the model less those of a unigram model, about 10 nats for a token of the largest vocabularies.
    names = {"params": "Non_vocab_parameters", "tokens": "num_characters", "vocab": "vocab_size"}
    table = _table("vocabulary", "vocabulary", _read(LAWS / "vocab" / "exp_data.csv"), names, "Lossu")
    return replace(table, zero=-10.0, plain="vocabulary")


def settings(path: str, name: str, size: str, diverged: float = 0.1) -> Table:
    """Learning rates and batches; runs more than `diverged` above the best of their size and horizon are left out."""
    names = {"params": size, "tokens": "D", "rate": "lr", "batch": "bs"}
    table = _table(name, name, _read(LAWS / path), names, "smooth loss")
    return replace(table.take(table.loss <= (1 + diverged) * best_of_rung(table)), plain="settings_chinchilla_start")


def best_of_rung(table: Table) -> Array:
    """The least loss among the runs of the same size and horizon, for each run [n]."""
    rungs = np.unique(np.stack([table.inputs["params"], table.inputs["tokens"]]), axis=1, return_inverse=True)[
        1
    ].reshape(-1)
    best = np.full(rungs.max() + 1, np.inf)
    np.minimum.at(best, rungs, table.loss)
    return best[rungs]


def _chinchilla() -> Table:
    N, C, L = _columns(_read(LAWS / "chinchilla245" / "runs.csv"), "Model Size", "Training FLOP", "loss")
    kept = np.sort(np.argsort(L)[:-5])  # in the order of the file, by which the published bootstrap draws
    return Table("chinchilla245", "chinchilla245", {"params": N[kept], "tokens": (C / 6 / N)[kept]}, L[kept])


def isoflops() -> Iterator[Table]:
    """Runs at equal compute (Porian et al. 2024, arXiv:2406.19146), one table for each set of conditions."""
    keys = "table", "dataset", "hparams", "warmup", "decay", "param_count", "val"
    for key, rows in _grouped(_read(LAWS / "isoflop_kaplan_to_chinchilla" / "isoflop_points.csv"), *keys):
        name = f"isoflop {' '.join(key[1:])}"
        yield _table(name, f"isoflop {key[1]} {key[2]}", rows, {"params": "n", "tokens": "tokens"}, "loss")


def _misfitting() -> Table:
    rows = _read(LAWS / "misfitting" / "scaling_results_last_ckpt_only.csv")
    best = _least(rows, lambda row: (row["N"], row["train_tokens"]), "loss")
    return _table("misfitting", "misfitting", best, {"params": "N", "tokens": "train_tokens"}, "loss")


def _best_of(path: str, name: str, size: str) -> Table:
    """The best learning rate and batch of each size and horizon."""
    best = _least(_read(LAWS / path), lambda row: (row[size], row["D"]), "smooth loss")
    return _table(name, name, best, {"params": size, "tokens": "D"}, "smooth loss")


def _tiny_ladders() -> Iterator[Table]:
    for (text,), rows in _grouped(_read(LAWS / "tiny_ladder" / "runs.csv"), "text"):
        unique = {"library": 3.91e6, "novels": 5.31e6}[text]
        table = _table(f"tiny ladder {text}", "tiny ladder", rows, {"params": "params", "tokens": "tokens"}, "loss")
        table.inputs["unique_tokens"] = np.minimum(table.inputs["tokens"], unique)
        yield table


def _own_ladders() -> Iterator[Table]:
    names = {name: name for name in ("params", "tokens", "unique_tokens")}
    for (text,), rows in _grouped(_read(HERE / "ladders.csv"), "text"):
        yield _table(f"ladder {text}", "ladders", rows, names, "loss", trunk="trunk")


def last_steps(rows: Iterable[Row], run: str, step: str) -> list[Row]:
    """The last row of each run."""
    last: dict[str, Row] = {}
    for row in rows:
        if row[run] not in last or float(row[step]) > float(last[row[run]][step]):
            last[row[run]] = row
    return list(last.values())


def routing() -> list[Row]:
    """The ends of the runs with routed experts (Clark et al. 2022)."""
    path = LAWS / "routing_moe" / "curves.csv.gz"
    with gzip.open(path, "rt", newline="") as file:
        return last_steps(csv.DictReader(file), "hyper_id", "step")


def beyond(table: Table, times: float, least: int) -> tuple[Table, Table] | None:
    """Runs that cost up to 1/times of the dearest, and the dearer ones; None where fewer than `least` are left."""
    kept = table.cost <= table.cost.max() / times * (1 + 1e-9)
    return (table.take(kept), table.take(~kept)) if kept.sum() >= least and not kept.all() else None


def _least(rows: Iterable[Row], key: Callable[[Row], object], loss: str) -> list[Row]:
    best: dict[object, Row] = {}
    for row in rows:
        if key(row) not in best or float(row[loss]) < float(best[key(row)][loss]):
            best[key(row)] = row
    return list(best.values())


def _table(
    name: str, study: str, rows: list[Row], inputs: dict[str, str], loss: str, trunk: str | None = None
) -> Table:
    columns = dict(zip(inputs, _columns(rows, *inputs.values()), strict=True))
    return Table(name, study, columns, _columns(rows, loss)[0], [row[trunk] for row in rows] if trunk else None)


def _columns(rows: list[Row], *names: str) -> list[Array]:
    return [np.array([float(row[name]) for row in rows]) for name in names]


def _grouped(rows: list[Row], *keys: str) -> list[tuple[tuple[str, ...], list[Row]]]:
    groups: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in rows:
        groups[tuple(row[key] for key in keys)].append(row)
    return list(groups.items())


def _read(path: Path) -> list[Row]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))
