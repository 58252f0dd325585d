"""Peak memory of trainings laid out on one and two processes: measured, counted by us, and by two peers."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import layout_worker
from measure import RESULTS
from scalewright.architectures import LlamaShape
from scalewright.architectures.decoder import Decoder
from scalewright.architectures.eager_memory import RUNTIME_BYTES, Kind, Split, eager_memory

PACKAGE = "llm-analysis==0.2.2"
"""Li 2023, github.com/cli99/llm-analysis, in an environment of its own."""

# Depth, width, head size, vocabulary, context and sequences of a step. The peer wants the feed-forward block a whole number of
# times as wide as the model.
SHAPES = ((8, 384, 64, 4096, 256, 8), (6, 640, 64, 2048, 384, 4), (4, 192, 32, 8192, 512, 8))
THRESHOLD = str(2**16)
"""Bytes of the blocks that go back to the system when freed: see `layout_worker`."""


@dataclass(frozen=True)
class _Case:
    shape: LlamaShape
    precision: str
    split: Split

    def __str__(self) -> str:
        s, split = self.shape, self.split
        return (
            f"{split.kind} on {split.processes} | {s.width} | {s.depth} | {s.vocabulary} | {s.context} "
            f"| {split.micro_batch} x {split.accumulation} | {self.precision} | {'yes' if split.recompute else 'no'}"
        )


def layout_lines() -> Iterator[str]:
    """Each case in processes of its own."""
    cases = list(_cases())
    ours = [RUNTIME_BYTES + eager_memory(Decoder.of(c.shape), c.precision, c.split).peak for c in cases]
    # The peers count tensors: the runtime is added for them too.
    peers: dict[str, Sequence[float | None]] = {
        "cookbook": [RUNTIME_BYTES + _cookbook(c) for c in cases],
        "llm-analysis": _llm_analysis(cases),
    }
    names = (
        "layout",
        "width",
        "layers",
        "vocabulary",
        "context",
        "batch",
        "precision",
        "recomputed",
        "MiB",
        "error",
        *peers,
    )
    yield f"| {' | '.join(names)} |"
    yield "|" + " --- |" * len(names)
    errors: dict[str, list[float]] = {"ours": [], **{name: [] for name in peers}}
    for number, case in enumerate(cases):
        measured = _measured(case)
        said = {"ours": ours[number]} | {name: values[number] for name, values in peers.items()}
        for name, value in said.items():
            if value is not None:
                errors[name].append(value / measured - 1)
        last = " | ".join("" if value is None else f"{value / measured - 1:+.1%}" for value in said.values())
        yield f"| {case} | {measured / 2**20:,.0f} | {last} |"
    for name, values in errors.items():
        sizes = np.abs(values)
        bar = " (bars: 4 and 10 %)" if name == "ours" else ""
        yield f"{len(values)} configurations, {name}: median {np.median(sizes):.1%}, largest {sizes.max():.1%}{bar}"


def _cases() -> Iterator[_Case]:
    for depth, width, head, vocabulary, context, batch in SHAPES:
        shape = LlamaShape(
            vocabulary=vocabulary, context=context, depth=depth, width=width, head_size=head, hidden=3 * width
        )
        for precision in ("fp32", "bf16"):
            for kind, processes, recomputed in _layouts(precision):
                for recompute in recomputed:
                    pieces = 4 if kind == "pipeline" else 1
                    yield _Case(shape, precision, Split(kind, processes, batch // pieces, pieces, recompute))


def _layouts(precision: str) -> Iterator[tuple[Kind, int, tuple[bool, ...]]]:
    yield "replicas", 1, (False, True)
    yield "sharded", 2, (False, True)
    one = (precision == "bf16",)
    yield "replicas", 2, one
    yield "tensor", 2, one
    yield "pipeline", 2, one


def _measured(case: _Case) -> int:
    split = case.split
    asked = {"layout": split.kind, "shape": case.shape.model_dump(), "precision": case.precision,
             "recompute": split.recompute, "accumulation": split.accumulation, "batch": split.micro_batch}  # fmt: skip
    command = [sys.executable]
    if case.split.processes > 1:
        command += ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(case.split.processes)]
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": THRESHOLD, "MALLOC_TRIM_THRESHOLD_": THRESHOLD}
    answer = subprocess.run(
        [*command, str(Path(layout_worker.__file__)), json.dumps(asked)],
        capture_output=True, text=True, check=True, env=environment,
    )  # fmt: skip
    return int(answer.stdout)


def _cookbook(case: _Case) -> float:
    """EleutherAI's cookbook and page on transformer mathematics (Anthony et al. 2023): weights, gradients, Adam's state, and
    s b h L (10 + 24/t + 5 a s / (h t)) bytes of activations in half precision, 2 s b h L where layers are computed again."""
    s, split, decoder = case.shape, case.split, Decoder.of(case.shape)
    half = case.precision == "bf16"
    shards = split.processes if split.kind == "sharded" else 1
    parts = split.processes if split.kind in ("tensor", "pipeline") else 1
    tensor = split.processes if split.kind == "tensor" else 1
    weights = decoder.params_total / parts
    states = weights * ((2 if half else 4) + 4 + (12 if half else 8)) / shards
    each = s.context * split.micro_batch * s.width * s.depth / (1 if split.kind == "tensor" else parts)
    kept = 2 if split.recompute else 10 + 24 / tensor + 5 * s.heads * s.context / (s.width * tensor)
    return states + each * kept * (1 if half else 2)


_DEGREES = {"replicas": "dp_size", "sharded": "dp_size", "tensor": "tp_size", "pipeline": "pp_size"}


def _llm_analysis(cases: list[_Case]) -> list[float | None]:
    """None where the package has no answer: it knows 4, 8 and 16 bits."""
    python = RESULTS / "environments" / PACKAGE / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", python.parents[1]], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", PACKAGE], check=True, capture_output=True)
    asked = [
        {
            "model": {
                "name": "own", "num_layers": c.shape.depth, "n_head": c.shape.heads, "hidden_dim": c.shape.width,
                "vocab_size": c.shape.vocabulary, "max_seq_len": c.shape.context, "ffn_embed_dim": c.shape.hidden,
                "model_type": "llama",
            },
            "degrees": {_DEGREES[c.split.kind]: c.split.processes},
            "training": {
                "batch_size_per_gpu": c.split.micro_batch, "gradient_accumulation_steps": c.split.accumulation,
                "seq_len": c.shape.context,
            },
            "recompute": c.split.recompute,
            "sharded": c.split.kind == "sharded",
        }
        for c in cases
        if c.precision == "bf16"
    ]  # fmt: skip
    answer = subprocess.run(
        [python, "-c", _BY_PACKAGE], input=json.dumps(asked), capture_output=True, text=True, check=True
    )
    found = iter(json.loads(answer.stdout.splitlines()[-1]))
    return [RUNTIME_BYTES + next(found) if c.precision == "bf16" else None for c in cases]


_BY_PACKAGE = """
import json, logging, sys
logging.disable(logging.CRITICAL)
from llm_analysis.analysis import ActivationRecomputation, DSZeRO, LLMAnalysis
from llm_analysis.config import DtypeConfig, GPUConfig, ModelConfig, ParallelismConfig
gpu = GPUConfig(name="any", mem_per_GPU_in_GB=1000, hbm_bandwidth_in_GB_per_sec=50, intra_node_bandwidth_in_GB_per_sec=10,
                intra_node_min_message_latency=1e-5, peak_fp16_TFLOPS=1)
found = []
for case in json.load(sys.stdin):
    dtype = DtypeConfig(name="own", weight_bits=16, activation_bits=16, embedding_bits=16)
    analysis = LLMAnalysis(ModelConfig(**case["model"]), gpu, dtype, ParallelismConfig(**case["degrees"]),
                           flops_efficiency=0.5, hbm_memory_efficiency=0.5)
    summary = analysis.training(
        **case["training"], total_num_tokens=1e6, flash_attn=False, mlp_gated_linear_units=True,
        activation_recomputation=ActivationRecomputation.FULL if case["recompute"] else ActivationRecomputation.NONE,
        ds_zero=DSZeRO.STAGE_3 if case["sharded"] else DSZeRO.NONE,
    )
    found.append(summary["(weight+op_state+grad+act)_memory_per_gpu"])
print(json.dumps(found))
"""
