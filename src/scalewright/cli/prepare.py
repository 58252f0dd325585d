"""`prepare`: text or pictures made ready for training."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from scalewright.cli.console import Json, answers, errors, print_json
from scalewright.cli.stopping import stoppable
from scalewright.errors import InputError

if TYPE_CHECKING:
    from scalewright.data import WeightedSource


def prepare(
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder to make.")],
    data: Annotated[
        list[str] | None, typer.Argument(metavar="DATA...", help="Files, folders or patterns of text.")
    ] = None,
    source: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=WEIGHT:DATA",
            help="In the place of DATA: text that is mixed with that of others, by weight, such as "
            '"novels=0.7:novels/*.txt"; repeatable.',
        ),
    ] = None,
    tokenizer: Annotated[str, typer.Option(metavar="NAME", help="auto, bytes or bpe:ENTRIES.")] = "auto",
    pixels: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="DATA are pictures: folders or tars with a folder of each class, under train, validation and test or not; "
            "their middle squares are brought to N x N.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the split into train, validation and test.")] = 0,
    json: Json = False,
) -> None:
    """Reads text, removes duplicates, splits it, trains a tokenizer, packs tokens, and goes on where it was killed; or decodes
    pictures."""
    from scalewright.cli.terminal import TerminalWatch
    from scalewright.tasks import task_named

    if pixels is not None:
        if source or tokenizer != "auto":
            raise InputError(
                "--pixels: found it with --source or --tokenizer, which are for text: leave one of them out"
            )
        _prepare_pictures(data or [], out, pixels, seed, json)
        return
    if bool(data) == bool(source):
        found = "both" if data else "neither"
        raise InputError(f"DATA and --source: found {found}; name text, or the sources of a mixture by --source")
    with stoppable(), TerminalWatch(errors) as watch:
        watch.stage("prepare", ", ".join(data or source or ()))
        made = task_named("language").prepare(
            data or [_weighted(text) for text in source or ()],
            out,
            base=Path(),
            tokenizer=tokenizer,
            seed=seed,
            progress=lambda stage, share: watch.progress(share, 1.0, stage),
        )
        for text in (*made.manifest.notes, *made.manifest.warnings):
            watch.warn(text)
    manifest = made.manifest
    shards = sum(len(split.shards) for split in manifest.splits.values())
    tokens = {name: split.tokens for name, split in manifest.splits.items()}
    if json:
        print_json(
            manifest.model_dump(mode="json") | {"tokens": tokens, "vocab": manifest.vocabulary, "shards": shards}
        )
        return
    counted = ", ".join(f"{name} {count:,}" for name, count in tokens.items())
    sources = [
        ("source", f"{each.name}: {share:.1%} of the tokens trained on, {each.splits['train'].tokens:,} there")
        for each, share in zip(manifest.mixture, manifest.shares, strict=True)
    ]
    for label, text in (
        ("tokens", counted),
        *sources,
        ("vocab", f"{manifest.vocabulary:,}"),
        ("folder", str(made.folder)),
    ):
        answers.print(Text.assemble((f"{label:>10}", "bold"), "  ", text), highlight=False, soft_wrap=True)


def _prepare_pictures(data: list[str], out: Path, pixels: int, seed: int, json: bool) -> None:
    from scalewright.cli.terminal import TerminalWatch
    from scalewright.data.prepare_pictures import prepare_pictures

    if not data:
        raise InputError("DATA: found none; name a folder of pictures, or a tar of one")
    if pixels < 1:
        raise InputError(f"--pixels {pixels}: expected a positive number, such as 96")
    with stoppable(), TerminalWatch(errors) as watch:
        watch.stage("prepare", ", ".join(data))
        made = prepare_pictures(
            data, out, pixels=pixels, seed=seed, progress=lambda stage, share: watch.progress(share, 1.0, stage)
        )
        for warning in made.manifest.warnings:
            watch.warn(warning)
    manifest = made.manifest
    if json:
        print_json(manifest.model_dump(mode="json") | {"folder": str(made.folder)})
        return
    counted = ", ".join(f"{name} {split.pictures:,}" for name, split in manifest.splits.items())
    for label, text in (
        ("pictures", f"{counted}, of {pixels} x {pixels}"),
        ("classes", ", ".join(manifest.classes)),
        ("duplicates", f"{manifest.duplicates_removed:,} left out"),
        ("folder", str(made.folder)),
    ):
        answers.print(Text.assemble((f"{label:>10}", "bold"), "  ", text), highlight=False, soft_wrap=True)


def _weighted(text: str) -> "WeightedSource":
    from scalewright.data import WeightedSource

    name, equals, rest = text.partition("=")
    weight, colon, pattern = rest.partition(":")
    try:
        number = float(weight)
    except ValueError:
        number = math.nan
    if not (equals and colon and pattern and math.isfinite(number)):
        raise InputError(f'--source {text}: expected NAME=WEIGHT:DATA, such as "novels=0.7:novels/*.txt"')
    return WeightedSource(name, (pattern,), number)
