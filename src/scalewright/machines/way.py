"""How a step is computed: what changes its time, and its numbers' last digits, and nothing else."""

from typing import Literal

from scalewright.documents import Part

AttentionName = Literal["usual", "blocks", "fused"]


class Way(Part):
    """One way to compute a training's steps."""

    threads: int
    compiled: bool = False
    attention: AttentionName = "usual"
    loss_parts: int = 1
    accumulation: int = 1
    keeps_memory: bool = True

    def __str__(self) -> str:
        logits = f", logits in {self.loss_parts} parts" if self.loss_parts > 1 else ""
        memory = "" if self.keeps_memory else ", freed memory given back"
        batches = f"{self.accumulation} micro-batch{'es' if self.accumulation > 1 else ''}"
        return (
            f"{'compiled' if self.compiled else 'eager'}, {self.threads} thread{'s' if self.threads > 1 else ''}, attention "
            f"{self.attention}, {batches}{logits}{memory}"
        )
