"""What a plan asks of the hardware that it is made for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

from scalewright.architectures.decoder import Decoder
from scalewright.documents import Reason
from scalewright.planning.machine_plan import Layout, Option


@dataclass(frozen=True)
class Laid:
    """One model, laid out as fast as it goes.

    Attributes:
        precision: Of its matrix products.
        sequences: Of a step.
        tokens_per_second: With all that a long training loses beside its steps.
        startup_seconds: Before the first step.
        step_seconds: Where the time of a step goes.
        memory_parts: Bytes on the fullest device.
    """

    layout: Layout
    precision: str
    sequences: int
    tokens_per_second: float
    startup_seconds: float
    step_seconds: dict[str, float]
    memory_parts: dict[str, float]

    @property
    def memory_bytes(self) -> float:
        """All of it."""
        return sum(self.memory_parts.values())

    def seconds(self, tokens: float) -> float:
        """Time of a training on so many tokens."""
        return self.startup_seconds + tokens / self.tokens_per_second

    def tokens(self, seconds: float) -> float:
        """Tokens that a training of so many seconds sees."""
        return max(0.0, seconds - self.startup_seconds) * self.tokens_per_second


class Hardware(Protocol):
    """Devices, the shapes that suit them, and how fast and how full these make them.

    Attributes:
        devices: How many.
        memory_bytes: Of one device, what a plan may fill.
        full_rate: FLOP/s of one device in its full precision.
        usd_per_hour: Price of one device, if there is one.
        watts: Power of one device, if known.
        precisions: What it trains in; a plan chooses among them.
        smallest: Params below which no model is planned.
        vocabulary, context: Usual ones, for models of `flops` FLOPs.
        time_spread: Standard deviation of ln seconds about what is said.
    """

    @property
    def devices(self) -> int: ...  # noqa: D102
    @property
    def memory_bytes(self) -> float: ...  # noqa: D102
    @property
    def full_rate(self) -> float: ...  # noqa: D102
    @property
    def usd_per_hour(self) -> float | None: ...  # noqa: D102
    @property
    def watts(self) -> float | None: ...  # noqa: D102
    @property
    def precisions(self) -> Sequence[str]: ...  # noqa: D102
    @property
    def smallest(self) -> float: ...  # noqa: D102
    @property
    def vocabulary(self) -> int: ...  # noqa: D102
    @property
    def time_spread(self) -> float: ...  # noqa: D102

    def context(self, flops: float) -> int:
        """Tokens of a sequence, usual for a training of so many FLOPs."""

    def peak(self, precision: str) -> float:
        """FLOP/s of all devices."""

    def best_peak(self) -> float:
        """The same, in the precision that training would choose."""

    def shapes(self, smallest: float, largest: float, vocabulary: int, context: int) -> Iterator[Decoder]:
        """Models of `smallest` to `largest` params."""

    def lay(self, shape: Decoder, tokens: float, memory_bytes: float, precision: str) -> Laid | None:
        """The fastest way to train a model in a precision, on about `tokens` tokens within `memory_bytes` of each device, if
        there is one."""

    def most_tokens_per_second(self, shape: Decoder, precision: str) -> float:
        """What no layout of the model goes beyond."""

    def least_memory(self, shape: Decoder) -> float:
        """Bytes of each device that no layout of the model goes below."""

    def seconds_per_served_token(self, shape: Decoder) -> float:
        """Of generating for one reader on one device, in half precision."""

    def fewer(self) -> Sequence[Self]:
        """Parts of it that divide better."""

    def warnings(self) -> Iterator[str]:
        """What speaks against its figures."""

    def reasons(self, choice: Option) -> dict[str, Reason]:
        """Why shape, precision, speed, memory, power and price are what they are."""
