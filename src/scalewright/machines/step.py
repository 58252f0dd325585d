"""Seconds of a training step on a cluster: arithmetic, memory traffic, communication and idle stages, each by a formula."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scalewright.architectures.decoder import Decoder, Product
from scalewright.architectures.memory import FULL, HALF, stage_params
from scalewright.architectures.parallel import RECOMPUTES, SHARDINGS, Layouts
from scalewright.machines.cluster import Cluster

Numbers = NDArray[np.float64]


class Efficiency(NamedTuple):
    """Shares of what data sheets promise, and costs that they do not speak of.

    Attributes:
        products: Of what the best products reach, in those of a model.
        attention: Of that, inside a fused attention kernel.
        memory: Of the memory's bandwidth, in elementwise work.
        links: Of the links' and the network's bandwidth.
        hidden: Of communication that could run beside arithmetic, the share that does.
        kernel_seconds: Launch and tail of one kernel.
        production: Of the wall time of a whole training, what steps take: the rest goes to restarts, checkpoints, evaluation.
    """

    products: float = 0.76
    attention: float = 0.46
    memory: float = 0.69
    links: float = 0.72
    hidden: float = 0.8
    kernel_seconds: float = 6e-6
    production: float = 0.83


FITTED_ON = "V100-SXM-32GB", "A100-SXM-40GB", "A100-SXM-80GB", "H100-SXM", "TPU-v4"
EFFICIENCY = Efficiency()
"""Fitted to 53 published runs (docs/log.md, 2026-11-25, more published runs)."""


@dataclass(frozen=True)
class StepTime:
    """Seconds of one step, arrays [n] over layouts.

    Attributes:
        products: Matrix products, those computed again included.
        attention: Scores and mixtures.
        elementwise: Norms, activations, residuals, the loss.
        tensor: Exposed communication of devices that share layers.
        context: Exposed communication of devices that share sequences.
        data: Exposed communication of replicas: gathering sharded weights, reducing gradients.
        idle: Pipeline stages that wait, and what they send.
        optimiser: The update of the weights.
    """

    products: Numbers
    attention: Numbers
    elementwise: Numbers
    tensor: Numbers
    context: Numbers
    data: Numbers
    idle: Numbers
    optimiser: Numbers

    @property
    def total(self) -> Numbers:
        """All of it."""
        return np.asarray(sum(vars(self).values()))


_NORMS, _RESIDUALS = 4, 6  # widths moved by the two norms of a layer and by its two additions, a number in and out each
_LOGIT_TRAFFIC = 26.0  # bytes of a logit: read, widened, maximum, sum, gradient, narrowed
_SCORE_TRAFFIC = 8.0  # bytes of a score outside a fused kernel, forward: written, softmax in and out, read
KERNELS = 12
"""Of a layer's forward pass."""
_BACKWARD = 2.0  # passes forward that one backward costs


def step_time(
    decoder: Decoder,
    layouts: Layouts,
    cluster: Cluster,
    precision: str,
    efficiency: Efficiency,
    fused_attention: bool = True,
    gradient_bytes: int = HALF,
) -> StepTime:
    """Time of one step of `layouts.sequences` sequences.

    Arithmetic and memory traffic follow a roofline for each product (Williams et al. 2009, Commun. ACM 52). Replicas'
    communication hides behind the backward pass as far as `efficiency.hidden` says; that of devices that share layers does
    not. Idle stages are those of 1F1B (Narayanan et al. 2021, arXiv:2104.04473). Gradients travel as numbers of
    `gradient_bytes`, weights in half precision.
    """
    device = cluster.device
    degrees = layouts.tensor, layouts.pipeline, layouts.context, layouts.accumulation, layouts.micro_batch
    t, p, c, m, micro_batch = (values.astype(np.float64) for values in degrees)
    replicas, shards = layouts.replicas.astype(np.float64), layouts.shards.astype(np.float64)
    tokens = micro_batch * decoder.context / c
    peak, bandwidth = device.reached * device.peak(precision), efficiency.memory * device.bandwidth_bytes_per_second
    layers = np.ceil(decoder.depth / p)

    def seconds(product: Product) -> Numbers:
        return np.maximum(product.flops / (efficiency.products * peak), product.bytes(HALF) / bandwidth)

    forward = np.add.reduce([seconds(product) for product in decoder.layer_products(tokens, t)])
    again = (layouts.recompute == RECOMPUTES.index("all")).astype(np.float64)
    passes = 1 + _BACKWARD + again
    head = (1 + _BACKWARD) * seconds(decoder.head_product(tokens, t))
    products = layers * passes * forward + np.where(p > 1, 0.5, 1.0) * head

    scores = tokens * decoder.context * decoder.heads / t
    if fused_attention:
        # Above the diagonal nothing is computed; the backward pass computes the scores once more.
        flops = decoder.attention_flops(tokens, t) / 2
        attention = layers * (1 + 2.5 + again) * flops / (efficiency.attention * peak)
    else:
        attention_again = (layouts.recompute != RECOMPUTES.index("none")).astype(np.float64)
        flops = decoder.attention_flops(tokens, t)
        once = flops / (efficiency.products * peak) + _SCORE_TRAFFIC * scores / bandwidth
        attention = layers * (1 + _BACKWARD + attention_again) * once

    widths = (
        (_NORMS + _RESIDUALS) * decoder.width
        + 2 * (decoder.attention_width + decoder.kv_width)
        + (3 if decoder.gated else 2) * decoder.hidden
    )
    elementwise = layers * passes * (HALF * tokens * widths / t / bandwidth + KERNELS * efficiency.kernel_seconds)
    elementwise = elementwise + _LOGIT_TRAFFIC * tokens * decoder.vocabulary / t / bandwidth

    # Two gathers and two scatters of the stream in each layer and pass.
    stream = HALF * tokens * decoder.width
    tensor = layers * passes * 4 * cluster.ring_seconds(stream, t, np.ones_like(t)) / efficiency.links

    # Keys and values go round once forward; backward they do again, with their gradients.
    pieces = HALF * 2 * decoder.kv_width * tokens / t * c
    round_trips = layers * (3 + again) * cluster.ring_seconds(pieces, c, t) / efficiency.links
    context = np.maximum(round_trips - efficiency.hidden * attention, (1 - efficiency.hidden) * round_trips)

    micro = products + attention + elementwise + tensor + context
    hop = 2 * cluster.hop_seconds(stream / t, t * replicas) / efficiency.links
    idle = np.where(p > 1, (p - 1) * micro + (m + p - 1) * hop, 0.0)

    held = stage_params(decoder, layouts)
    share = cluster.ring_seconds(gradient_bytes * held, replicas, t)  # of their sums to each
    gather = cluster.ring_seconds(HALF * held, shards, t)
    scatter = cluster.ring_seconds(gradient_bytes * held, shards, t)
    between = 2 * cluster.ring_seconds(gradient_bytes * held / shards, replicas / shards, t * shards)
    sharded = layouts.sharding == SHARDINGS.index("all")
    reduce = share + np.where(layouts.sharding == SHARDINGS.index("none"), share, gather)
    # Sharded weights are fetched for each pass of each micro-batch, gradients reduced after each; else once a step.
    beside = m * (products + attention + elementwise)
    wanted = np.where(sharded, m * ((2 + again) * gather + scatter) + between, reduce) / efficiency.links
    room = np.where(sharded, beside, beside * _BACKWARD / passes / m)
    data = np.maximum(wanted - efficiency.hidden * room, (1 - efficiency.hidden) * wanted)
    data = np.where(replicas > 1, data, 0.0)

    optimiser = (7 * FULL + HALF) * held / shards / bandwidth
    return StepTime(m * products, m * attention, m * elementwise, m * tensor, m * context, data, idle, optimiser)
