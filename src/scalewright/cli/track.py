"""`forecasts`: what was said before each run, what came of it, and how well all of it did."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from scalewright.cli.arguments import LedgerPath
from scalewright.cli.console import Json, answers, plain_table, print_json, print_table

if TYPE_CHECKING:
    from scalewright.ledger import Forecast, TrackRecord


def forecasts(
    ledger: LedgerPath = None,
    quantity: Annotated[str | None, typer.Option(metavar="Q", help="One alone: loss, seconds, ...")] = None,
    json: Json = False,
) -> None:
    """The track record: every forecast of a ledger, scored or waiting, with errors and coverage."""
    from scalewright.cli.ledger_runs import open_ledger
    from scalewright.ledger import track_record

    with open_ledger(ledger) as opened:
        found = [each for each in opened.forecasts() if quantity in (None, each.quantity)]
    records = track_record(found)
    if json:
        scored = [record for record in records.values() if record.quantity == "loss"] or list(records.values())[:1]
        print_json(
            {
                "forecasts": [asdict(each) | {"error": each.error, "inside": each.inside} for each in found],
                "record": {name: asdict(record) for name, record in records.items()},
                "error": scored[0].mean_absolute_error if scored else None,
                "coverage": scored[0].coverage if scored else None,
            }
        )
        return
    print_table(_table(found))
    for line in _lines(records):
        answers.print(line, highlight=False, soft_wrap=True)


def _table(found: "list[Forecast]") -> Table:
    table = plain_table()
    table.add_column("made", no_wrap=True)
    table.add_column("quantity")
    for heading in ("forecast", "low", "high", "level", "beyond", "measured", "error", ""):
        table.add_column(heading, justify="right", no_wrap=True)
    for each in found:
        verdict = "" if each.inside is None else "inside" if each.inside else "outside"
        table.add_row(
            each.made_at[:16].replace("T", " "),
            f"{each.quantity}, {each.unit}",
            *(f"{value:,.4g}" for value in (each.value, each.low, each.high)),
            f"{each.level:.0%}",
            f"{each.extrapolation:.3g}x" if each.extrapolation >= 0.01 else "< 0.01x",
            "" if each.measured is None else f"{each.measured:,.4g}",
            "" if each.error is None else f"{each.error:+.1%}",
            verdict,
        )
    return table


def _lines(records: "dict[str, TrackRecord]") -> Iterator[Text]:
    if not records:
        yield Text("none is scored yet")
    for name, record in records.items():
        yield Text(
            f"{name}: {record.count} scored, off by {record.mean_absolute_error:.1%} in the mean, "
            f"{record.coverage:.0%} inside intervals meant for {record.level:.0%}"
        )
