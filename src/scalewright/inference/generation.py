"""Running a language model: one token after the other."""

import time
from collections.abc import Sequence

import torch

from scalewright.errors import InputError
from scalewright.models import Cache, Llama


@torch.no_grad()
def generate(
    model: Llama,
    prompt: Sequence[int],
    count: int,
    *,
    temperature: float = 0.0,
    seed: int = 0,
    end: int | None = None,
) -> list[int]:
    """Continues `prompt` by up to `count` tokens, within the model's context; stops at `end`.

    At temperature 0 the likeliest token is taken, at others one is drawn from softmax(logits/temperature).

    Raises:
        InputError: the prompt is empty or leaves no room in the context.
    """
    context = model.shape.context
    if not 0 < len(prompt) < context:
        raise InputError(f"prompt of {len(prompt)} tokens: expected 1 to {context - 1} for a context of {context}")
    generator = torch.Generator().manual_seed(seed)
    caches = [Cache() for _ in model.layers]
    written: list[int] = []
    pending = list(prompt)
    start = 0
    while len(written) < min(count, context - len(prompt)):
        logits = model(torch.tensor([pending]), caches, start)[0, -1].float()
        start += len(pending)
        if temperature == 0:
            token = int(logits.argmax())
        else:
            token = int(torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator))
        if token == end:
            break
        written.append(token)
        pending = [token]
    return written


def decoding_speed(model: Llama, *, repeats: int = 5) -> float:
    """Tokens generated per second, one sequence at a time over the whole context: the median of `repeats`."""
    speeds = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        tokens = generate(model, [0], model.shape.context - 1)
        speeds.append(len(tokens) / (time.perf_counter() - began))
    return sorted(speeds[1:])[repeats // 2]
