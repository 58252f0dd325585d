"""fp8: refused with its reason where it cannot be had; elsewhere torchao's, here emulated."""

import sys
from functools import partial

import pytest
import torch

from scalewright.errors import InputError
from scalewright.planning.machine_plan import Layout
from scalewright.tasks import task_named
from scalewright.training import Trainer, fp8
from scalewright.training.fp8 import check_fp8, multiply_in_fp8

LANGUAGE = task_named("language")


def test_a_processor_is_refused(trunk, dataset):
    with pytest.raises(
        InputError, match=r"fp8: found device cpu, which has no fp8 products; .* 8\.9 or later: train in bf16"
    ):
        Trainer(trunk((10,), precision="fp8"), LANGUAGE, dataset, "cpu")


@pytest.mark.parametrize(
    ("found", "had"), [((8, 0), False), ((8, 6), False), ((8, 9), True), ((9, 0), True), ((10, 0), True)]
)
def test_gpus_are_refused_before_ada(monkeypatch, found, had):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: found)
    monkeypatch.setitem(sys.modules, "torchao.float8", object())
    if had:
        check_fp8("fp8", "cuda", tensor=1)
    else:
        with pytest.raises(InputError, match=rf"found a GPU of NVIDIA's of capability {found[0]}\.{found[1]}"):
            check_fp8("fp8", "cuda", tensor=1)
    check_fp8("bf16", "cuda", tensor=2)


def test_without_torchao_it_is_named(monkeypatch):
    monkeypatch.setattr(fp8, "capability", lambda device: (9, 0))
    monkeypatch.setitem(sys.modules, "torchao.float8", None)
    with pytest.raises(InputError, match=r'convert_to_float8_training does it, .* pip install "scalewright\[fp8\]"'):
        check_fp8("fp8", "cuda", tensor=1)


def test_matrices_that_are_cut_are_refused(monkeypatch):
    monkeypatch.setattr(fp8, "capability", lambda device: (9, 0))
    monkeypatch.setitem(sys.modules, "torchao.float8", object())
    with pytest.raises(InputError, match="tensor parallel 2"):
        check_fp8("fp8", "cuda", tensor=2)


@pytest.fixture
def emulated(monkeypatch):
    """torchao with products in fp32 of numbers rounded to fp8, on a device that says it has them."""
    torchao = pytest.importorskip("torchao.float8")
    monkeypatch.setattr(fp8, "capability", lambda device: (9, 0))
    monkeypatch.setattr(torchao, "Float8LinearConfig", partial(torchao.Float8LinearConfig, emulate=True))
    return torchao


def test_the_linear_maps_but_for_the_head_are_torchaos(trunk, emulated):
    model = LANGUAGE.build(trunk((10,)).shape)
    before = dict(model.named_parameters())
    multiply_in_fp8(model)
    assert all(weight is before[name] for name, weight in model.named_parameters())
    kinds = {
        name: type(module).__name__ for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)
    }
    assert kinds.pop("lm_head") == "Linear"
    suiting = {name for name in kinds if not any(n % 16 for n in before[f"{name}.weight"].shape)}
    assert suiting
    assert {name for name, kind in kinds.items() if kind == "Float8Linear"} == suiting


@pytest.mark.parametrize("accumulation", [1, 2])
def test_it_learns_as_in_fp32_up_to_rounding(trunk, dataset, emulated, accumulation):
    layout = Layout.alone().model_copy(update={"accumulation": accumulation})
    losses = {}
    for precision in ("fp32", "fp8"):
        asked = trunk((40,), width=64, precision=precision)
        trainer = Trainer(asked, LANGUAGE, dataset, "cpu", layout)
        losses[precision] = [trainer.advance(asked.schedule(40)) for _ in range(40)]
        assert trainer.score("validation").loss == pytest.approx(losses[precision][-1], rel=0.05)
    assert losses["fp8"] != losses["fp32"]
    assert losses["fp8"] == pytest.approx(losses["fp32"], rel=0.03)
    assert losses["fp8"][-1] < 0.6 * losses["fp8"][0]
