"""`prepare`: text made ready for training."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from scalewright.cli.console import Json, answers, errors, print_json
from scalewright.cli.stopping import stoppable


def prepare(
    data: Annotated[list[str], typer.Argument(metavar="DATA...", help="Files, folders or patterns of text.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder to make.")],
    tokenizer: Annotated[
        str, typer.Option(metavar="NAME", help="auto, bytes, bpe:ENTRIES or a tokenizer.json.")
    ] = "auto",
    seed: Annotated[int, typer.Option(help="Of the split into train, validation and test.")] = 0,
    json: Json = False,
) -> None:
    """Reads text, removes duplicates, splits it, trains a tokenizer, packs tokens. Goes on where it was killed."""
    from scalewright.cli.terminal import TerminalWatch
    from scalewright.tasks import task_named

    with stoppable(), TerminalWatch(errors) as watch:
        watch.stage("prepare", ", ".join(data))
        made = task_named("language").prepare(
            data,
            out,
            base=Path(),
            tokenizer=tokenizer,
            seed=seed,
            progress=lambda stage, share: watch.progress(share, 1.0, stage),
        )
    manifest = made.manifest
    shards = sum(len(split.shards) for split in manifest.splits.values())
    tokens = {name: split.tokens for name, split in manifest.splits.items()}
    if json:
        print_json(
            manifest.model_dump(mode="json") | {"tokens": tokens, "vocab": manifest.vocabulary, "shards": shards}
        )
        return
    counted = ", ".join(f"{name} {count:,}" for name, count in tokens.items())
    for label, text in (("tokens", counted), ("vocab", f"{manifest.vocabulary:,}"), ("folder", str(made.folder))):
        answers.print(Text.assemble((f"{label:>10}", "bold"), "  ", text), highlight=False, soft_wrap=True)
