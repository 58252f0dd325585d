"""What a person sees: stages and findings as lines, progress as a bar on a terminal and as rare plain lines elsewhere."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

INDENT = Text(" " * 10)
PLAIN_SECONDS = 15.0
"""Between two progress lines where there is no terminal."""


class TerminalWatch:
    """Prints on standard error what the pipeline tells it."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._said_at = time.monotonic()
        self._last = 0.0
        self._first: tuple[float, float] | None = None
        """When this stage's progress was first heard, and how far it was: a stage gone on with does not begin at nothing."""

    def stage(self, name: str, text: str) -> None:
        """A line for a stage."""
        self._end_bar()
        self._said_at = time.monotonic()
        self._first = None
        self._print(Text(text), Text(f"{name:>8}  ", style="bold cyan"))

    def say(self, text: str) -> None:
        """A line under the stage."""
        self._end_bar()
        self._print(Text(text))

    def warn(self, text: str) -> None:
        """A warning under the stage."""
        self._end_bar()
        self._print(Text.assemble(("warning  ", "yellow"), text))

    def progress(self, done: float, total: float, text: str) -> None:
        """Moves the bar, or now and then prints a line."""
        if self.console.is_terminal:
            if self._bar is None:
                self._bar = Progress(
                    TextColumn("         "),
                    BarColumn(bar_width=28),
                    TextColumn("{task.percentage:>3.0f}%"),
                    TextColumn("{task.description}"),
                    TimeElapsedColumn(),
                    TextColumn("left"),
                    TimeRemainingColumn(),
                    console=self.console,
                    transient=True,
                )
                self._bar.start()
                self._task = self._bar.add_task(escape(text), total=total)
            assert self._task is not None
            self._bar.update(self._task, completed=done, total=total, description=escape(text))
            if done >= total:
                self._end_bar()
            return
        now = time.monotonic()
        if self._first is None or done < self._last:
            self._first = now, done
        self._last = done
        began, already = self._first
        if now - self._said_at >= PLAIN_SECONDS and already < done < total:
            self._said_at = now
            left = (now - began) * (total - done) / (done - already)
            self.console.print(
                f"          {done / total:4.0%}  {text}  about {left:.0f} s left",
                highlight=False,
                markup=False,
                soft_wrap=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end_bar()

    def _print(self, text: Text, head: Text = INDENT) -> None:
        """On a terminal wrapped under its indent; elsewhere one line, so that it can be searched."""
        if self.console.is_terminal:
            table = Table.grid()
            table.add_row(head, text)
            self.console.print(table)
        else:
            self.console.print(head + text, soft_wrap=True)

    def _end_bar(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = self._task = None
