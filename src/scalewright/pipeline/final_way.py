"""How the final run's steps are computed: what is fastest for the model that would be chosen without."""

from typing import ClassVar

from scalewright.architectures import LlamaShape
from scalewright.documents import Document, Reason
from scalewright.machines.way import Way
from scalewright.pipeline.processes import Started
from scalewright.pipeline.tuned import known_or_tuned
from scalewright.pipeline.workspace import Workspace
from scalewright.planning import Recipe
from scalewright.planning.machine_plan import Layout
from scalewright.tasks import Prepared
from scalewright.training import Trunk


class FinalWay(Document):
    """`way.json`: the choice, and what a plan makes of it.

    Attributes:
        share: Of the time of a step as it was timed for the project, what one takes.
        startup_seconds: That go by before the first step: compiling.
    """

    KIND: ClassVar[str] = "way of a final run"

    way: Way
    share: float = 1.0
    startup_seconds: float = 0.0
    reason: Reason

    @classmethod
    def as_timed(cls, threads: int, text: str = "all threads that this process may use, as timed") -> "FinalWay":
        """Eager, all rows at once."""
        return cls(way=Way(threads=threads), reason=Reason(origin="measured", text=text))


def final_trunk(at: Workspace, shape: LlamaShape, recipe: Recipe, data_hash: str, steps: int, threads: int) -> Trunk:
    """The final run of a project, as it is computed unless another way is faster."""
    return Trunk(
        task=at.task.name,
        shape=shape,
        recipe=recipe,
        data_hash=data_hash,
        seed=at.project.seed,
        horizons=(steps,),
        threads=threads,
    )


def find_way(at: Workspace, trunk: Trunk, dataset: Prepared) -> FinalWay:
    """The fastest way to compute a trunk's steps on this machine, as far as there is time to find out.

    Args:
        at: The project; its ledger remembers what was found.
        trunk: The final run, or one of about its size.
        dataset: Its data.
    """
    layout = Layout.alone(trunk.threads)
    found = known_or_tuned(
        trunk,
        at.task,
        dataset,
        layout=layout,
        device="cpu",
        ledger=at.ledger,
        started=Started(1, 1, True),
        watch=at.watch,
    )
    if found is None:
        return FinalWay.as_timed(
            trunk.threads, "all threads that this process may use, as timed: no other way was found out"
        )
    return FinalWay(
        way=found.way,
        share=1 - found.saved,
        startup_seconds=found.startup_seconds,
        reason=Reason(
            origin="measured",
            text=f"{found.way}: {found.saved:.0%} less time than a step of {trunk.shape.params:,} params takes eager, all rows "
            f"at once, of {len(found.tried)} ways timed"
            + (f"; {found.startup_seconds:.0f} s of compiling counted" if found.startup_seconds else ""),
        ),
    )
