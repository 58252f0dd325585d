"""Tokens/s of one Llama shape: our trainer beside the loops that a user would take instead."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

import training_peers
from measure import RESULTS
from scalewright.architectures import LlamaShape
from scalewright.machines.host import usable_threads
from scalewright.machines.measurements import alternating, product
from scalewright.machines.way import Way
from unmeasured import need_precision

PACKAGES = ("torch==2.13.*", "transformers==5.24.*", "accelerate==1.*", "safetensors")
ALONE = ("litgpt==0.5.*", "lightning==2.*", "lightning-utilities", "torchmetrics")
"""Installed without what they pin: litgpt wants a hub that transformers 5 does not know."""
STEPS, ROUNDS = 20, 3
NO_DATA: Any = None
"""Tokens are drawn."""
PRODUCT_SECONDS = 0.3
"""For each."""


@dataclass(frozen=True)
class _Model:
    width: int
    depth: int
    heads: int
    vocabulary: int = 4096
    context: int = 256
    batch: int = 16

    @property
    def hidden(self) -> int:
        """Two thirds of four times the width, in whole vectors."""
        return 8 * self.width // 3 // 32 * 32

    @property
    def shape(self) -> LlamaShape:
        return LlamaShape(
            vocabulary=self.vocabulary, context=self.context, depth=self.depth, width=self.width,
            head_size=self.width // self.heads, hidden=self.hidden,
        )  # fmt: skip


MODELS = (_Model(128, 4, 4), _Model(256, 6, 4))
LARGE = _Model(512, 8, 8, vocabulary=8192)
# What we are to reach, of each peer's tokens/s in the same precision.
BARS = {
    (128, "hf-trainer", "bf16"): 1.7, (128, "hf-compiled", "bf16"): 1.12, (128, "litgpt", "bf16"): 1.0,
    (256, "hf-trainer", "bf16"): 1.5, (256, "hf-compiled", "bf16"): 1.05, (256, "litgpt", "bf16"): 1.0,
}  # fmt: skip


def speed_lines(precision: str) -> Iterator[str]:
    """Every loop in a process of its own, ours and theirs in turn, three times round."""
    need_precision(precision)
    python = _environment()
    yield "| width | layers | heads | precision | loop | tokens/s | spread | ours over it | bar |"
    yield "|" + " --- |" * 9
    for model in MODELS:
        found = _run(model, precision, "tuned")
        way = found["way"]
        yield f"width {model.width}, {precision}, tuned in {found['seconds']:.0f} s: {found['said']}"
        seconds: dict[str, list[float]] = {}
        for _ in range(ROUNDS):
            for loop in ("ours", "ours, eager", *training_peers.LOOPS):
                seconds.setdefault(loop, []).extend(_timed(python, loop, model, precision, way))
        ours = np.median(seconds["ours"])
        for loop, values in seconds.items():
            low, median, high = np.quantile(values, (0.25, 0.5, 0.75))
            bar = BARS.get((model.width, loop, precision), 1.0 if not loop.startswith("ours") else None)
            yield (
                f"| {model.width} | {model.depth} | {model.heads} | {precision} | {loop} "
                f"| {model.batch * model.context / median:,.0f} | {(high - low) / median:.0%} | {median / ours:.2f} "
                f"| {'' if bar is None else bar} |"
            )


def large_lines(precision: str) -> Iterator[str]:
    """How much of its own products' rate a larger step reaches."""
    need_precision(precision)
    way = _run(LARGE, precision, "tuned")["way"]
    rounds = [_run(LARGE, precision, "beside its products", way=way) for _ in range(ROUNDS)]
    tokens = LARGE.batch * LARGE.context
    ours = tokens * LARGE.shape.train_flops_per_token / np.array([each["step"] for each in rounds])
    probed, cold = (
        6 * tokens * LARGE.shape.params / np.array([each[name] for each in rounds]) for name in ("probed", "cold")
    )
    each = ", ".join(f"{share:.0%}" for share in ours / probed)
    yield (
        f"width {LARGE.width}, {LARGE.depth} layers, vocabulary {LARGE.vocabulary}, {precision}, {Way.model_validate(way)}: "
        f"{np.median(ours) / 1e9:.0f} GFLOP/s, {np.median(ours / probed):.0%} ({each}) of the rate of its matrices' products "
        f"as probed right before and after (bar: 70 %), {np.median(ours / cold):.0%} of theirs in turn, with operands that are "
        "not in the caches"
    )


def _products(asked: dict) -> tuple[float, float]:
    """Seconds that a step's products of weights take by themselves, both ways: each again and again, as a probe times
    it, and all in turn, as they follow each other in a step."""
    model = _Model(**{name: asked[name] for name in ("width", "depth", "heads", "vocabulary", "context", "batch")})
    llama, rows = model.shape, model.batch * model.context
    matrices = Counter({(llama.width, llama.vocabulary): 1})
    matrices[llama.width, 2 * llama.kv_width + llama.attention_width] += llama.depth
    matrices[llama.attention_width, llama.width] += llama.depth
    matrices[llama.width, 2 * llama.hidden] += llama.depth
    matrices[llama.hidden, llama.width] += llama.depth
    products = [
        (count, shape)
        for (inner, outer), count in matrices.items()
        for shape in ((rows, inner, outer), (rows, outer, inner), (outer, rows, inner))
    ]
    probed = sum(
        count * product("cpu", asked["precision"], shape, PRODUCT_SECONDS).seconds for count, shape in products
    )
    took = alternating("cpu", asked["precision"], [shape for _, shape in products], PRODUCT_SECONDS * len(products))
    return probed, sum(count * each for (count, _), each in zip(products, took, strict=True))


def _timed(python: Path, loop: str, model: _Model, precision: str, way: dict) -> list[float]:
    found: list[float] = _run(model, precision, loop, None if loop.startswith("ours") else python, way)
    return found


def _run(model: _Model, precision: str, loop: str, peers: Path | None = None, way: dict | None = None) -> Any:
    asked = asdict(model) | {
        "hidden": model.hidden, "loop": loop, "precision": precision, "steps": STEPS, "threads": usable_threads(), "way": way,
    }  # fmt: skip
    script = [peers, training_peers.__file__] if peers else [sys.executable, __file__]
    answer = subprocess.run(
        [*script, json.dumps(asked)], capture_output=True, text=True, check=True, cwd=Path(__file__).parent
    )
    return json.loads(answer.stdout.splitlines()[-1])


def _ours(asked: dict) -> Any:
    from scalewright.planning.machine_plan import Layout
    from scalewright.training import Trainer
    from scalewright.training.reference_steps import DrawnTokens
    from scalewright.training.tuning import going, tune
    from step_times import drawn_trunk

    model = _Model(**{name: asked[name] for name in ("width", "depth", "heads", "vocabulary", "context", "batch")})
    trunk, layout = drawn_trunk(model.shape, model.batch, asked["precision"], asked["threads"]), Layout.alone()
    if asked["loop"] == "tuned":
        # As for a training of hours.
        found = tune(trunk.model_copy(update={"horizons": (100_000,)}), DrawnTokens(), NO_DATA, "cpu", layout)
        assert found, "a training of this length is tuned"
        return {"way": found.way.model_dump(mode="json"), "said": str(found.way), "seconds": found.seconds}
    if asked["loop"] != "ours, eager":
        trunk, layout = going(Way.model_validate(asked["way"]), trunk, layout)
    torch.set_num_threads(trunk.threads)
    trainer, schedule = Trainer(trunk, DrawnTokens(), NO_DATA, "cpu", layout), trunk.schedule(1000)
    for _ in range(training_peers.WARM):
        trainer.advance(schedule)
    if asked["loop"].startswith("ours"):
        return [_step(trainer, schedule) for _ in range(asked["steps"])]
    before = _products(asked)
    seconds = [_step(trainer, schedule) for _ in range(asked["steps"])]
    probed, cold = np.mean([before, _products(asked)], axis=0)
    return {"step": float(np.median(seconds)), "probed": probed, "cold": cold}


def _step(trainer: Any, schedule: Any) -> float:
    spent = trainer.seconds
    trainer.advance(schedule)
    return float(trainer.seconds - spent)


def _environment() -> Path:
    folder = RESULTS / "environments" / "training-peers"
    python = folder / "bin" / "python"
    if not (folder / "whole").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        for packages in (PACKAGES, ("--no-deps", *ALONE)):
            subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True, capture_output=True)
        (folder / "whole").touch()
    return python


if __name__ == "__main__":
    print(json.dumps(_ours(json.loads(sys.argv[1]))))
