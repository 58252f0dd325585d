"""How one training lies on many devices: degrees of parallelism, micro-batches, what is kept and what is computed again."""

from dataclasses import dataclass, fields, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

Sharding = Literal["none", "optimiser", "all"]
Recompute = Literal["none", "attention", "all"]
SHARDINGS: tuple[Sharding, ...] = ("none", "optimiser", "all")
RECOMPUTES: tuple[Recompute, ...] = ("none", "attention", "all")


@dataclass(frozen=True)
class Layouts:
    """Layouts, arrays [n] each.

    Attributes:
        data: Replicas that see different sequences.
        tensor: Devices that share each layer's matrices (Shoeybi et al. 2019, arXiv:1909.08053), with the sequence divided
            among them between the matrices (Korthikanti et al. 2022, arXiv:2205.05198).
        context: Devices that share each sequence, in equal pieces, and pass keys and values round (ring attention: Liu et al.
            2023, arXiv:2310.01889).
        pipeline: Stages, each with an equal share of the layers (Huang et al. 2019, arXiv:1811.06965).
        sharding: What the replicas share out among themselves, index into SHARDINGS: nothing (DDP), the optimiser's state
            (ZeRO-1), or weights and gradients as well (ZeRO-3, FSDP; Rajbhandari et al. 2020, arXiv:1910.02054).
        shards: Devices among which that is shared out: all `replicas`, fewer where groups of them hold everything once each
            (hybrid sharding, HSDP; Zhao et al. 2023, arXiv:2304.11277), 1 where nothing is.
        micro_batch: Sequences that a replica computes at once.
        accumulation: Micro-batches of a step.
        recompute: What the backward pass computes again, index into RECOMPUTES: nothing, attention's scores, whole layers.
    """

    data: Integers
    tensor: Integers
    context: Integers
    pipeline: Integers
    sharding: Integers
    shards: Integers
    micro_batch: Integers
    accumulation: Integers
    recompute: Integers

    def __len__(self) -> int:
        return len(self.data)

    @property
    def devices(self) -> Integers:
        """Devices of each."""
        return self.replicas * self.tensor * self.pipeline

    @property
    def replicas(self) -> Integers:
        """Devices that hold the same weights and see other tokens: between them gradients are summed."""
        return self.data * self.context

    @property
    def sequences(self) -> Integers:
        """Sequences of a step."""
        return self.data * self.micro_batch * self.accumulation

    def take(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> "Layouts":
        """Some of them."""
        return replace(self, **{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    @classmethod
    def one(
        cls,
        *,
        data: int = 1,
        tensor: int = 1,
        context: int = 1,
        pipeline: int = 1,
        sharding: Sharding = "none",
        shards: int | None = None,
        micro_batch: int = 1,
        accumulation: int = 1,
        recompute: Recompute = "none",
    ) -> "Layouts":
        """A single layout; what is sharded is so among all replicas unless `shards` says otherwise."""
        values = (
            data,
            tensor,
            context,
            pipeline,
            SHARDINGS.index(sharding),
            1 if sharding == "none" else shards or data * context,
            micro_batch,
            accumulation,
            RECOMPUTES.index(recompute),
        )
        return cls(*(np.array([value]) for value in values))
