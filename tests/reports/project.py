"""A project as the pipeline would leave it, its losses drawn from a law that is known exactly."""

import math
from dataclasses import dataclass

import numpy as np

from scalewright.architectures import LlamaFamily, LlamaShape
from scalewright.documents import Reason
from scalewright.laws import fit
from scalewright.ledger import Forecast, Run
from scalewright.machines.way import Way
from scalewright.planning import Candidate, Ideal, Interval, Ladder, Plan, Recipe, Rung
from scalewright.reports import ReportContent, Variant

from .documents import the_data, the_machine

FAMILY = LlamaFamily(vocabulary=1024, context=128)
BATCH = 16
PER_STEP = BATCH * FAMILY.context
UNIQUE = 3_900_000
BUDGET_SECONDS = 480.0
RATE = 2.4e11
"""FLOPs per second that the machine of this project trains at."""
RECIPE = {"learning_rate": 0.0093, "weight_decay": 0.1, "beta1": 0.9, "decay_fraction": 0.2, "version": 1}


@dataclass(frozen=True)
class Truth:
    """L = E + A N^-alpha + B D^-beta, the law that this project's losses follow but for `noise`."""

    E: float = 1.2
    A: float = 38.0
    B: float = 900.0
    alpha: float = 0.33
    beta: float = 0.47

    def loss(self, params: float, tokens: float) -> float:
        return float(self.E + self.A * params**-self.alpha + self.B * tokens**-self.beta)


TRUTH = Truth()


def curve(tokens: int, final: float) -> list[list[float]]:
    """A training loss that starts at ln(vocabulary) and ends a little below the validation loss."""
    steps = np.linspace(tokens / 60, tokens, 60)
    decay = (np.linspace(1 / 60, 1, 60) ** -0.45 - 1) * 0.16
    losses = np.minimum(final - 0.03 + decay * final, math.log(FAMILY.vocabulary))
    return [[float(int(t)), float(x)] for t, x in zip(steps, losses, strict=True)]


def a_run(
    shape: LlamaShape,
    steps: int,
    *,
    role: str = "ladder",
    seed: int = 0,
    unique: int | None = None,
    rate: float = 0.0093,
    off: float = 0.0,
) -> Run:
    tokens = steps * PER_STEP
    unique_tokens = min(tokens, unique or UNIQUE)
    effective = unique_tokens * (1 + 15.4 * (1 - math.exp(-(tokens / unique_tokens - 1) / 15.4)))
    loss = TRUTH.loss(shape.params, effective) * (1 + off)
    flops = float(tokens * shape.train_flops_per_token)
    return Run(
        id=f"{role}-{shape.width}-{steps}-{seed}-{rate:g}-{unique_tokens}",
        study="novels",
        role=role,  # type: ignore[arg-type]
        configuration={
            "shape": shape.model_dump(),
            "recipe": RECIPE | {"learning_rate": rate},
            "steps": steps,
        },
        data_hash="5d41402abc4b2a76",
        tokenizer_hash="b9719d911017c592",
        task="language",
        context=shape.context,
        recipe_version=1,
        seed=seed,
        params=shape.params,
        params_total=shape.params_total,
        tokens=tokens,
        unique_tokens=unique_tokens,
        flops=flops,
        precision="bf16",
        layout="single",
        loss=loss,
        test_loss=loss * 1.004 if role == "final" else None,
        curve=curve(tokens, loss),
        seconds=flops / RATE,
        tokens_per_second=RATE / shape.train_flops_per_token,
        peak_memory_bytes=412_000_000,
        commit="0f3c2d1" if role == "final" else None,
        created_at="2026-11-23T20:15:04.000000+00:00",
    )


def the_runs() -> list[Run]:
    sizes = [FAMILY.shape(width) for width in (48, 64, 96, 128)]
    noise = np.random.default_rng(7).normal(0, 0.0045, 64).tolist()
    runs = [a_run(shape, steps, off=noise.pop()) for shape in sizes for steps in (196, 392, 784)]
    runs += [a_run(shape, 1568, off=noise.pop()) for shape in sizes[:2]]
    runs += [
        a_run(shape, steps, role="repeat", seed=1, off=noise.pop()) for shape in sizes[:2] for steps in (196, 392, 784)
    ]
    runs += [
        a_run(sizes[1], 784, role="repetition", unique=784 * PER_STEP // parts, off=noise.pop()) for parts in (4, 8)
    ]
    return runs


def the_search() -> list[Run]:
    # A parabola in log rate with its lowest point at 0.0093.
    return [
        a_run(FAMILY.shape(48), 392, role="search", rate=rate, off=0.006 * math.log2(rate / 0.0093) ** 2)
        for rate in (2**-8, 2**-7, 2**-6, 2**-5)
    ]


def a_candidate(width: int, loss: float) -> Candidate:
    shape = FAMILY.shape(width)
    speed = RATE / shape.train_flops_per_token * (1 - math.exp(-width / 60))
    steps = int(BUDGET_SECONDS * speed / PER_STEP)
    return Candidate(
        shape=shape,
        params=shape.params,
        tokens=steps * PER_STEP,
        steps=steps,
        flops=float(steps * PER_STEP * shape.train_flops_per_token),
        seconds=BUDGET_SECONDS,
        loss=loss,
    )


def make_content() -> ReportContent:
    runs = the_runs()
    law = fit(
        [run.params for run in runs],
        [run.tokens for run in runs],
        [run.loss for run in runs],
        unique_tokens=[run.unique_tokens for run in runs],
        bootstrap=60,
    )
    bare = [a_candidate(width, 1.0) for width in range(96, 401, 16)]
    losses = law.losses(
        [c.params for c in bare], [c.tokens for c in bare], [min(c.tokens, UNIQUE) for c in bare]
    ).tolist()
    front = tuple(c.model_copy(update={"loss": loss}) for c, loss in zip(bare, losses, strict=True))
    choice, runner_up, *_ = sorted(front, key=lambda candidate: candidate.loss)
    predicted = law.predict(choice.params, choice.tokens, min(choice.tokens, UNIQUE))
    final = a_run(choice.shape, choice.steps, role="final", off=0.004)
    final.seconds = 436.0
    largest = max(run.flops for run in runs)
    plan = Plan(
        task="language",
        data_hash=final.data_hash,
        law_hash=law.hash,
        choice=choice,
        front=front,
        runner_up=runner_up,
        recipe=Recipe(
            learning_rate=0.0093,
            base_width=48,
            base_depth=2,
            batch_size=BATCH,
            warmup_steps=19,
            weight_decay=0.1,
            precision="bf16",
            reasons={
                "learning_rate": Reason(
                    origin="fitted", text="lowest point of a parabola through the losses at four rates"
                ),
                "weight_decay": Reason(origin="assumed", text="0.1, the common value of Llama-like models"),
            },
        ),
        way=Way(threads=2),
        seed=0,
        unique_tokens=UNIQUE,
        memory_bytes=480_000_000,
        tokens_per_second=choice.tokens / choice.seconds,
        mfu=0.27,
        limit_seconds=576.0,
        ideal=Ideal(seconds=283.0, devices=1, gain=9.1),
        efficiency=0.59,
        forecast=Interval(value=predicted.loss, low=predicted.low, high=predicted.high, level=0.9, unit="nats/token"),
        extrapolation=predicted.extrapolation,
        forecast_seconds=Interval(value=480.0, low=452.0, high=519.0, level=0.9, unit="seconds"),
        compute_ratio=choice.flops / largest,
        reasons={
            "params": Reason(origin="derived", text="the size of least forecast loss among 20 within the budget"),
            "hard_stop": Reason(origin="given", text="1.2 times the budget"),
            "seconds": Reason(origin="given", text="minutes = 8 in project.toml"),
            "batch_size": Reason(
                origin="cited", text="0.58·D^0.571 tokens (step law, Li et al. 2025, arXiv:2503.04715)"
            ),
        },
    )
    loss = Forecast(
        quantity="loss",
        unit="nats/token",
        value=predicted.loss,
        low=predicted.low,
        high=predicted.high,
        level=0.9,
        extrapolation=predicted.extrapolation,
        law_hash=law.hash,
        plan_hash=plan.hash,
    )
    loss.measured = final.loss
    seconds = Forecast(
        quantity="seconds",
        unit="seconds",
        value=480.0,
        low=452.0,
        high=519.0,
        level=0.9,
        extrapolation=predicted.extrapolation,
        law_hash=law.hash,
        plan_hash=plan.hash,
    )
    seconds.measured = final.seconds
    shapes = [FAMILY.shape(width) for width in (48, 64, 96, 128)]
    return ReportContent(
        name="novels",
        loss_unit="nats/token",
        machine=the_machine(),
        dataset=the_data(),
        ladder=Ladder(
            warnings=(),
            context=128,
            batch_size=BATCH,
            warmup_steps=19,
            decay_fraction=0.2,
            base_width=48,
            base_depth=2,
            precision="bf16",
            rungs=tuple(Rung(shape=shape, horizons=(196, 392, 784), seed=0, role="ladder") for shape in shapes),
            search_shape=shapes[0],
            search_horizon=392,
            target_flops=choice.flops,
            target_steps=4000,
            seconds=218.0,
            reasons={
                "sizes": Reason(origin="derived", text="each size below the largest is about half the next"),
                "warmup_steps": Reason(origin="assumed", text="a tenth of the shortest run's 196 steps"),
            },
        ),
        runs=tuple(runs),
        search=tuple(the_search()),
        law=law,
        plan=plan,
        final=final,
        forecasts=(loss, seconds),
        known_before=False,
        variants=(
            Variant(
                name="trained",
                bytes=2 * 1_700_000,
                loss=final.loss,
                test_loss=final.loss * 1.004,
                tokens_per_second=812.0,
            ),
            Variant(
                name="int8",
                bytes=1_900_000,
                loss=final.loss * 1.0015,
                test_loss=final.loss * 1.0056,
                tokens_per_second=1204.0,
            ),
        ),
        sample_prompt="It was a",
        sample=" dark morning, and the old man had been\nlooking at the window <with> his hand.",
        seconds=741.0,
    )
