"""Says why threads sleep while they wait."""

from rich.text import Text

from scalewright.cli.console import errors
from scalewright.machines.waiting import POLICY, wait_as_suits


def wait_beside_others() -> None:
    """Before torch is imported: where other programs are at work, threads sleep while they wait, and it is said."""
    taken = wait_as_suits()
    if taken is not None:
        said = f"  other programs take {taken:.0%} of the processors: threads sleep while they wait ({POLICY}=passive)"
        errors.print(Text.assemble(("warning", "yellow"), said, "; alone all is faster"), soft_wrap=True)
