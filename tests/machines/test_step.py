"""The time of a step: closed forms of its parts, and published runs."""

import numpy as np
import pytest

from scalewright.architectures.decoder import Decoder
from scalewright.architectures.parallel import Layouts
from scalewright.machines.cluster import Cluster
from scalewright.machines.step import EFFICIENCY, Efficiency, step_time

PERFECT = Efficiency(products=1.0, attention=1.0, memory=1e6, links=1e9, hidden=1.0, kernel_seconds=0.0, production=1.0)


def gpt(depth, width, heads, tied=True):
    return Decoder(
        vocabulary=51_200,
        context=2048,
        depth=depth,
        width=width,
        heads=heads,
        kv_heads=heads,
        head_size=width // heads,
        hidden=4 * width,
        gated=False,
        tied=tied,
        positions=True,
    )


def test_perfect_hardware_takes_the_flops_over_the_peak():
    shape, cluster = gpt(4, 4096, 32), Cluster.named("A100")
    time = step_time(shape, Layouts.one(micro_batch=8), cluster, "bf16", PERFECT, fused_attention=False)
    reached = cluster.device.reached * cluster.device.peak("bf16")
    assert time.total[0] == pytest.approx(8 * 2048 * shape.train_flops_per_token / reached, rel=1e-3)


def test_a_fused_kernel_computes_half_the_square_three_and_a_half_times():
    shape, cluster = gpt(4, 4096, 32), Cluster.named("A100")
    time = step_time(shape, Layouts.one(micro_batch=8), cluster, "bf16", PERFECT)
    square = shape.depth * float(shape.attention_flops(8 * 2048))
    reached = cluster.device.reached * cluster.device.peak("bf16")
    assert time.attention[0] == pytest.approx(3.5 * square / 2 / reached)


def test_layers_computed_again_cost_a_third_more():
    shape, cluster = gpt(48, 4096, 32), Cluster.named("A100")
    once, again = (
        step_time(shape, Layouts.one(recompute=r), cluster, "bf16", PERFECT).products[0] for r in ("none", "all")
    )
    assert again / once == pytest.approx(4 / 3, rel=0.02)  # the head is not computed again


def test_idle_stages_are_those_of_1f1b():
    # (p - 1) / m of the time at work: Narayanan et al. 2021, arXiv:2104.04473.
    shape, cluster = gpt(48, 4096, 32), Cluster.named("8 x A100")
    time = step_time(shape, Layouts.one(pipeline=8, accumulation=28), cluster, "bf16", PERFECT)
    work = time.products[0] + time.attention[0] + time.elementwise[0]
    assert time.idle[0] / work == pytest.approx(7 / 28, rel=1e-3)


@pytest.mark.parametrize("gradient_bytes", [2, 4])
def test_replicas_hide_their_reduction_or_wait_for_the_network(gradient_bytes):
    shape, slow = gpt(8, 4096, 32), Cluster.named("16 x T4")
    efficiency = PERFECT._replace(links=1.0, hidden=0.0)
    once = {
        sharding: step_time(
            shape, Layouts.one(data=16, sharding=sharding), slow, "fp16", efficiency, gradient_bytes=gradient_bytes
        ).data[0]
        for sharding in ("none", "optimiser", "all")
    }
    # Among 4 nodes of 4: a scatter of gradients and a gather of them, or of weights in half precision; of shards two of those.
    params = shape.params_total
    a_byte_each = params / 4 * 3 / 4 / 1.6e9 + params * 3 / 4 / 16e9
    assert once["none"] == pytest.approx(2 * gradient_bytes * a_byte_each, rel=0.01)
    assert once["optimiser"] == pytest.approx((gradient_bytes + 2) * a_byte_each, rel=0.01)
    assert once["all"] == pytest.approx((gradient_bytes + 2 * 2) * a_byte_each, rel=0.01)


@pytest.mark.parametrize(
    ("depth", "width", "heads", "tensor", "pipeline", "devices", "batch", "micro", "teraflops"),
    [
        (48, 8192, 64, 8, 2, 512, 1536, 4, 138),
        (80, 12288, 96, 8, 8, 1536, 2304, 2, 148),
        (96, 16384, 128, 8, 16, 1920, 2160, 1, 155),
    ],
)
def test_published_runs_take_as_long(depth, width, heads, tensor, pipeline, devices, batch, micro, teraflops):
    # Narayanan et al. 2021 (arXiv:2104.04473), table 1, with its count of FLOPs: equation 3. The micro-batch is assumed.
    flops = 96 * batch * 2048 * depth * width**2 * (1 + 2048 / (6 * width) + 51_200 / (16 * depth * width))
    data = devices // (tensor * pipeline)
    layout = Layouts.one(
        data=data,
        tensor=tensor,
        pipeline=pipeline,
        micro_batch=micro,
        accumulation=batch // data // micro,
        recompute="all",
    )
    cluster = Cluster.named(f"{devices} x A100")
    time = step_time(gpt(depth, width, heads), layout, cluster, "fp16", EFFICIENCY, fused_attention=False)
    assert time.total[0] == pytest.approx(flops / (devices * teraflops * 1e12), rel=0.1)


def test_many_layouts_at_once_are_each_by_itself():
    shape, cluster = gpt(48, 8192, 64), Cluster.named("64 x A100")
    alone = [Layouts.one(data=64 // t, tensor=t, micro_batch=2, accumulation=4) for t in (1, 2, 8)]
    together = Layouts(*(np.concatenate([getattr(each, name) for each in alone]) for name in vars(alone[0])))
    whole = step_time(shape, together, cluster, "bf16", EFFICIENCY).total
    assert whole == pytest.approx([step_time(shape, a, cluster, "bf16", EFFICIENCY).total[0] for a in alone])
