"""What does the present law say of ladders whose final runs are known? For work on laws: `forecast.py` has other texts.

    python benchmarks/ladders.py

`ladders.csv` holds three texts (film reviews, the source of SciPy, German manual pages), each with five sizes and two seeds at
equal compute, all branches of long runs, and two final runs of 8.5 times that compute, with branches. Fitted are two layouts
like that of the line: four sizes with one seed each, and the two largest with a second one.
"""

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np

from scalewright.laws import fit

TABLE = Path(__file__).with_name("ladders.csv")


class Row(NamedTuple):
    """The end of a run."""

    text: str
    role: str
    params: int
    tokens: int
    unique_tokens: int
    loss: float
    seed: int
    trunk: str


def read() -> list[Row]:
    """All runs."""
    with TABLE.open(newline="") as file:
        return [
            Row(text, role, int(params), int(tokens), int(unique), float(loss), int(seed), trunk)
            for text, role, params, tokens, unique, loss, seed, trunk in list(csv.reader(file))[1:]
        ]


def layout(runs: list[Row], seed: int) -> list[Row]:
    """Four sizes with `seed`, and the two largest with any."""
    sizes = sorted({run.params for run in runs})
    return [run for run in runs if run.params in sizes[-2:] or (run.params in sizes[-4:] and run.seed == seed)]


def main() -> None:
    """Prints a row for each layout and final run."""
    runs = read()
    errors, widths, inside = [], [], []
    print("| text | seed | N | D | forecast | 90 % | measured | error | inside |\n" + "|" + " --- |" * 9)
    for text in sorted({run.text for run in runs}):
        ladder = [run for run in runs if (run.text, run.role) == (text, "ladder")]
        for seed in sorted({run.seed for run in ladder}):
            rungs = layout(ladder, seed)
            law = fit(
                [run.params for run in rungs],
                [run.tokens for run in rungs],
                [run.loss for run in rungs],
                unique_tokens=[run.unique_tokens for run in rungs],
                trunks=[run.trunk for run in rungs],
            )
            for final in (run for run in runs if (run.text, run.role) == (text, "final")):
                said = law.predict(final.params, final.tokens, final.unique_tokens)
                errors.append(final.loss / said.loss - 1)
                widths.append((said.high - said.low) / 2 / said.loss)
                inside.append(said.low <= final.loss <= said.high)
                print(
                    f"| {text} | {seed} | {final.params:,} | {final.tokens:,} | {said.loss:.4f} | {said.low:.3f} – "
                    f"{said.high:.3f} | {final.loss:.4f} | {errors[-1]:+.2%} | {'yes' if inside[-1] else 'no'} |"
                )
    print(
        f"\nMean absolute error {np.mean(np.abs(errors)):.2%}, largest {np.max(np.abs(errors)):.2%}, inside {sum(inside)} of "
        f"{len(inside)}, mean half-width {np.mean(widths):.2%}."
    )


if __name__ == "__main__":
    main()
