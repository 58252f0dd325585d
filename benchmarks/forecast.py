"""Does the line's forecast come true? Five texts, two seeds; the final run has at least 8 times the largest rung's compute.

    python benchmarks/forecast.py [--flops 6e13] [--ladder 2] [--texts library poems ...] [--seeds 0 1]

Projects run side by side, each on one processor of its own: what is compared are losses, which do not depend on speed.
What was trained is kept under benchmarks/results and not trained again; laws and plans are made anew. Writes its table into
docs/log.md when all ten are there and it says something new.
"""

import argparse
import datetime
import os
from typing import Any

from kept import kept_project
from measure import ROOT, own_processor, say_idleness
from scalewright.pipeline import Silent
from scalewright.pipeline.final import train_planned
from scalewright.pipeline.planned import plan_project
from scalewright.studies import LocalExecutor
from texts import TEXTS, sources

HEADER = "| text | seed | N | D | passes | times the largest rung | forecast | 90 % | measured | error | half-width | inside |"


class Lines(Silent):
    """Prints each stage, with the name of the project."""

    def __init__(self, name: str) -> None:
        self.name = name

    def stage(self, name: str, text: str) -> None:
        """A line."""
        print(f"    {self.name}: {name}: {text}", flush=True)

    def warn(self, text: str) -> None:
        """A line."""
        print(f"    {self.name}: warning: {text}", flush=True)


def measured(asked: tuple[str, int, float, float]) -> dict[str, Any]:
    """The row of one run of the line; what was trained for it before is read."""
    text, seed, flops, ladder = asked
    name = f"{text}-{seed}-{flops:g}-{ladder:g}"
    toml = f'name = "{text}"\ndata = ["{sources(text)}"]\nseed = {seed}\n[budget]\nflops = {flops}\nladder = {ladder}\n'
    watch = Lines(f"{text}, seed {seed}")
    with own_processor():
        # Opened twice, so that the ladder is kept before the final run begins.
        with kept_project(f"forecast-{name}", toml, watch) as at:
            planned = plan_project(at, None)
        with kept_project(f"forecast-{name}", toml, watch) as at:
            _, final = train_planned(at, planned)
    plan = planned.plan
    forecast = plan.forecast
    return {
        "text": text,
        "seed": seed,
        "params": plan.choice.params,
        "tokens": plan.choice.tokens,
        "passes": plan.choice.tokens / plan.unique_tokens,
        "ratio": plan.compute_ratio,
        "forecast": forecast.value,
        "low": forecast.low,
        "high": forecast.high,
        "measured": final.loss,
        "error": final.loss / forecast.value - 1,
        "half_width": (forecast.high - forecast.low) / 2 / forecast.value,
        "inside": forecast.low <= final.loss <= forecast.high,
    }


def table(rows: list[dict[str, Any]]) -> list[str]:
    """The rows as Markdown, with the bars under them."""
    lines = [HEADER, "|" + " --- |" * 12]
    for r in sorted(rows, key=lambda row: (row["seed"], row["text"])):
        lines.append(
            f"| {r['text']} | {r['seed']} | {r['params']:,} | {r['tokens']:,} | {r['passes']:.2f} | {r['ratio']:.1f} "
            f"| {r['forecast']:.4f} | {r['low']:.3f} – {r['high']:.3f} | {r['measured']:.4f} | {r['error']:+.2%} "
            f"| {r['half_width']:.2%} | {'yes' if r['inside'] else 'no'} |"
        )
    errors = [abs(r["error"]) for r in rows]
    inside = sum(r["inside"] for r in rows)
    lines += [
        "",
        f"Mean absolute error {sum(errors) / len(errors):.2%} (bar: 2 %), largest {max(errors):.2%} (bar: 4 %), inside "
        f"{inside} of {len(rows)} (bar: 8 of 10), mean half-width {sum(r['half_width'] for r in rows) / len(rows):.2%} "
        f"(bar: 4 %), smallest ratio of compute {min(r['ratio'] for r in rows):.1f} (bar: 8).",
    ]
    return lines


def main() -> None:
    """Runs what is left and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flops", type=float, default=6e13)
    parser.add_argument("--ladder", type=float, default=2.0)
    parser.add_argument("--texts", nargs="+", default=list(TEXTS), choices=TEXTS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    asked = parser.parse_args()
    say_idleness()
    for text in asked.texts:
        sources(text)
    jobs = [(text, seed, asked.flops, asked.ladder) for seed in asked.seeds for text in asked.texts]
    rows = []
    with LocalExecutor(len(os.sched_getaffinity(0))) as executor:
        for _, row in executor.run(measured, jobs):
            rows.append(row)
            print("\n".join(table(rows)), flush=True)
    if len(rows) == 10:
        today = datetime.date.today().isoformat()
        command = f"python benchmarks/forecast.py --flops {asked.flops:g} --ladder {asked.ladder:g}"
        title = f"\n## {today}: do the line's forecasts come true?\n\n`{command}`\n\n"
        path, lines = ROOT / "docs" / "log.md", "\n".join(table(rows))
        if lines not in path.read_text():
            with path.open("a") as log:
                log.write(f"{title}{lines}\n")


if __name__ == "__main__":
    main()
