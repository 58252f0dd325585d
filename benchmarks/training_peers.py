"""One loop that a user would take instead, timed: run by `training_speed` in an environment of its own.

    python benchmarks/training_peers.py '{"loop": "hf-compiled", "precision": "bf16", "width": 128, ...}'

Prints the seconds of each step after the first ones, as a JSON list. The model is the same Llama everywhere, the batch one of
random tokens, AdamW fused, the gradient clipped at 1.
"""

import json
import logging
import sys
import tempfile
import time
import warnings
from collections.abc import Callable

import torch

WARM = 3


def main(asked: dict) -> None:
    """Times one loop."""
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(asked["threads"])
    torch.manual_seed(0)
    print(json.dumps(LOOPS[asked["loop"]](asked)))


def hf_trainer(asked: dict) -> list[float]:
    """`transformers.Trainer`, with its own loop, loader and clipping."""
    from transformers import Trainer, TrainerCallback, TrainingArguments

    steps = asked["steps"] + WARM
    rows = torch.randint(asked["vocabulary"], (asked["batch"], asked["context"])).repeat(steps, 1)
    seconds: list[float] = []

    class Watch(TrainerCallback):
        def on_step_begin(self, *told, **more):
            self.begun = time.perf_counter()

        def on_step_end(self, *told, **more):
            seconds.append(time.perf_counter() - self.begun)

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder, per_device_train_batch_size=asked["batch"], max_steps=steps, use_cpu=True,
            bf16=asked["precision"] == "bf16", report_to=[], save_strategy="no", logging_strategy="no", disable_tqdm=True,
            max_grad_norm=1.0, learning_rate=1e-3, optim="adamw_torch_fused",
        )  # fmt: skip
        data = [{"input_ids": row, "labels": row} for row in rows]
        Trainer(model=_hf_model(asked), args=arguments, train_dataset=data, callbacks=[Watch()]).train()
    return seconds[WARM:]


def hf_compiled(asked: dict) -> list[float]:
    """The model of `transformers`, compiled, in a plain loop."""
    model = _hf_model(asked)
    compiled = torch.compile(model, dynamic=False)
    tokens = torch.randint(asked["vocabulary"], (asked["batch"], asked["context"]))
    return _plain(asked, model, lambda: compiled(input_ids=tokens, labels=tokens).loss)


def litgpt(asked: dict) -> list[float]:
    """The model of litgpt in a plain loop."""
    from litgpt import GPT, Config

    model = GPT(
        Config(
            block_size=asked["context"], vocab_size=asked["vocabulary"], padded_vocab_size=asked["vocabulary"],
            n_layer=asked["depth"], n_head=asked["heads"], n_embd=asked["width"], n_query_groups=asked["heads"],
            rotary_percentage=1.0, parallel_residual=False, bias=False, norm_class_name="RMSNorm",
            mlp_class_name="LLaMAMLP", intermediate_size=asked["hidden"],
        )
    )  # fmt: skip
    tokens = torch.randint(asked["vocabulary"], (asked["batch"], asked["context"] + 1))

    def loss() -> torch.Tensor:
        logits = model(tokens[:, :-1]).flatten(0, 1)
        return torch.nn.functional.cross_entropy(logits, tokens[:, 1:].flatten())

    return _plain(asked, model, loss)


def _hf_model(asked: dict) -> torch.nn.Module:
    from transformers import LlamaConfig, LlamaForCausalLM

    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=asked["vocabulary"], hidden_size=asked["width"], intermediate_size=asked["hidden"],
            num_hidden_layers=asked["depth"], num_attention_heads=asked["heads"], num_key_value_heads=asked["heads"],
            max_position_embeddings=asked["context"], tie_word_embeddings=False, attn_implementation="sdpa",  # type: ignore[call-arg]
        )
    )  # fmt: skip


def _plain(asked: dict, model: torch.nn.Module, loss_of: Callable[[], torch.Tensor]) -> list[float]:
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    seconds = []
    for _ in range(asked["steps"] + WARM):
        begun = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=asked["precision"] == "bf16"):
            loss = loss_of()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        loss.item()
        seconds.append(time.perf_counter() - begun)
    return seconds[WARM:]


LOOPS = {"hf-trainer": hf_trainer, "hf-compiled": hf_compiled, "litgpt": litgpt}

if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
