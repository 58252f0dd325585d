"""The catalogue of accelerators: what their makers say of them."""

import difflib
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from scalewright.documents import Part, first_problem
from scalewright.errors import InputError

CATALOGUE = Path(__file__).with_name("catalogue.toml")

REACHED = 0.8
"""Of the peak by the best products, where nobody measured it: the middle of those that were."""

_GIGA, _TERA = 1e9, 1e12


class Node(Part):
    """How devices are joined: `devices` to a node, each with its links to the others and its share of the network; rates in
    each direction, per device, a PCIe slot's and 10 Gbit/s where nobody gave them. Pods of `slices` are let in parts of any
    size, servers are filled."""

    devices: int = Field(default=1, ge=1)
    link_bytes_per_second: float = Field(default=16e9, gt=0)
    network_bytes_per_second: float = Field(default=1.25e9, gt=0)
    latency_seconds: float = Field(default=5e-6, ge=0)
    slices: bool = False


class Accelerator(Part):
    """One device as its maker describes it.

    Attributes:
        name: In the catalogue.
        memory_bytes, bandwidth_bytes_per_second: Of its own memory.
        flops_per_second: Dense peak of matrix products by precision.
        reached: Share of the peak in half precision that the best of many products was measured to reach.
        watts: Of the board, where it is known.
        node: How several are joined.
        usd_per_hour: Assumed price of one device, if any.
        sources: Where the figures are from, by what they are of.
    """

    name: str
    vendor: str
    memory_bytes: float = Field(gt=0)
    bandwidth_bytes_per_second: float = Field(gt=0)
    flops_per_second: dict[str, float] = Field(min_length=1)
    reached: float = Field(default=REACHED, gt=0, le=1)
    watts: float | None = Field(default=None, gt=0)
    node: Node = Node()
    usd_per_hour: float | None = Field(default=None, gt=0)
    aliases: tuple[str, ...] = ()
    sources: dict[str, str]

    @property
    def halves(self) -> tuple[str, ...]:
        """The half precisions it has, the better one for training first."""
        return tuple(name for name in ("bf16", "fp16") if name in self.flops_per_second)

    @property
    def full_precision(self) -> str:
        """What runs fp32 products fastest: tf32 where it has such units."""
        return next(
            (name for name in ("tf32", "fp32") if name in self.flops_per_second), next(iter(self.flops_per_second))
        )

    def peak(self, precision: str) -> float:
        """Dense peak in FLOP/s.

        Raises:
            InputError: it has no such precision.
        """
        if precision not in self.flops_per_second:
            raise InputError(f"{self.name}: has no {precision}; expected one of {', '.join(self.flops_per_second)}")
        return self.flops_per_second[precision]


@cache
def accelerators() -> dict[str, Accelerator]:
    """The catalogue, by name."""
    return {name: _accelerator(CATALOGUE, name, entry) for name, entry in _tables(CATALOGUE).items()}


def find_accelerator(name: str) -> Accelerator:
    """The accelerator of this name or alias, whatever the case; or the one that a .toml file describes.

    Raises:
        InputError: there is none, or the file does not describe one.
    """
    if name.casefold().endswith(".toml"):
        return _own(Path(name))
    known = {alias.casefold(): device for device in accelerators().values() for alias in (device.name, *device.aliases)}
    if found := known.get(name.strip().casefold()):
        return found
    close = difflib.get_close_matches(name.casefold(), known, n=3, cutoff=0.5)
    hint = ", ".join(dict.fromkeys(known[match].name for match in close)) or "scalewright machines lists them"
    raise InputError(f"machine {name!r}: not in the catalogue: {hint}, or a .toml file of your own")


def _own(path: Path) -> Accelerator:
    tables = _tables(path)
    if len(tables) != 1:
        raise InputError(f"{path}: found {len(tables)} tables, expected one, [NAME] with the figures of one device")
    name, entry = next(iter(tables.items()))
    return _accelerator(path, name, entry)


def _tables(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; expected the figures of a device as in the catalogue") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not TOML: {error}") from None


def _accelerator(path: Path, name: str, entry: dict[str, Any]) -> Accelerator:
    # The file speaks in the units of data sheets.
    try:
        node = entry.get("node", {})
        return Accelerator(
            name=name,
            vendor=entry.get("vendor", "own"),
            memory_bytes=_GIGA * entry["memory_gb"],
            bandwidth_bytes_per_second=_GIGA * entry["bandwidth_gb_per_s"],
            flops_per_second={precision: _TERA * rate for precision, rate in entry["tflops"].items()},
            reached=entry.get("reached", REACHED),
            watts=entry.get("watts"),
            node=Node(
                **{each: node[each] for each in ("devices", "slices") if each in node},
                **{
                    f"{each}_bytes_per_second": _GIGA * node[f"{each}_gb_per_s"]
                    for each in ("link", "network")
                    if f"{each}_gb_per_s" in node
                },
            ),
            usd_per_hour=entry.get("usd_per_hour"),
            aliases=tuple(entry.get("aliases", ())),
            sources=entry.get("sources", {}),
        )
    except KeyError as error:
        raise InputError(
            f"{path}: [{name}] has no {error.args[0]}: expected memory_gb, bandwidth_gb_per_s and tflops, and for "
            "all its uses watts and node"
        ) from None
    except ValidationError as error:
        raise InputError(f"{path}: [{name}]: {first_problem(error)}") from None
    except (TypeError, AttributeError):
        raise InputError(
            f"{path}: [{name}]: expected a table with numbers, such as memory_gb = 24, bandwidth_gb_per_s = 600, "
            "tflops = { bf16 = 70 }"
        ) from None
