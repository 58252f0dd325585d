"""Language modelling: text in, the next token out, nats per token."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from scalewright.architectures import LlamaFamily, LlamaShape
from scalewright.data import (
    Batches,
    Dataset,
    MixedBatches,
    PrepareProgress,
    Sources,
    WeightedSource,
    prepare,
    standard_library_sources,
    windows,
)
from scalewright.data.mixture import Mixture
from scalewright.data.readers import text_bytes
from scalewright.data.sources import files_of_each, mixture_of
from scalewright.data.tokenizer import BYTES_VOCABULARY, vocabulary_asked
from scalewright.errors import InputError
from scalewright.laws import Supply
from scalewright.models import Llama, cross_entropy, head_loss, save_model
from scalewright.models.parametrisation import Roles, llama_roles
from scalewright.planning.recipe import PLAIN, Objective, Recipe
from scalewright.planning.rules import step_law_rate, weight_decay
from scalewright.tasks.described import described
from scalewright.tasks.task import Batch, Expected, Feed, HeldOut, Rates

STANDARD_LIBRARY = "python:standard-library"
"""Names, among a project's data, the source of the running Python's own standard library."""
EVALUATION_TOKENS = 102_400
EVALUATION_BATCH = 32
BYTES_PER_TOKEN = 2.8
"""Assumed, before any text is read; a vocabulary of about a thousand reaches it on English prose and on code."""
TRAINING_SHARE = 0.92


def expand_sources(sources: Sources) -> Sources:
    """Puts the standard library's files in the place of its name."""
    if mixture := mixture_of(sources):
        return [replace(source, data=tuple(_expanded(source.data))) for source in mixture]
    return _expanded(sources)


def _expanded(paths: Sequence[str | Path | WeightedSource]) -> list[str | Path]:
    found: list[str | Path] = []
    for path in paths:
        if path == STANDARD_LIBRARY:
            found += standard_library_sources()
        elif not isinstance(path, WeightedSource):
            found.append(path)
    return found


class Language:
    """The task of predicting the next token."""

    name = "language"
    loss_unit = "nats/token"
    supervised = False

    def prepare(
        self,
        sources: Sources,
        out: Path,
        *,
        base: Path,
        tokenizer: str,
        seed: int,
        progress: PrepareProgress,
    ) -> Dataset:
        """Reads text, trains a tokenizer on it, packs its tokens."""
        return prepare(expand_sources(sources), out, base=base, tokenizer=tokenizer, seed=seed, progress=progress)

    def expect(self, sources: Sources, *, base: Path, tokenizer: str) -> Expected:
        """Bytes of the files' text, and tokens at the usual length of a byte-level BPE's tokens."""
        mixture = mixture_of(sources)
        sizes = [sum(map(text_bytes, files)) for files in files_of_each(expand_sources(sources), base)]
        size = sum(sizes)
        vocabulary, _ = vocabulary_asked(tokenizer, int(TRAINING_SHARE * size))
        per_token = 1.0 if vocabulary == BYTES_VOCABULARY else BYTES_PER_TOKEN
        tokens = tuple(max(1, int(TRAINING_SHARE * size / per_token)) for size in sizes)
        shares = Mixture([source.weight for source in mixture]).shares if mixture else (1.0,)
        return Expected(bytes=size, supply=Supply(tokens, shares), vocabulary=vocabulary)

    def family(self, vocabulary: int, context: int, grain: int = 1) -> LlamaFamily:
        """Llamas of the data's vocabulary."""
        return LlamaFamily(vocabulary=vocabulary, context=context, grain=grain)

    def open(self, folder: Path) -> Dataset:
        """Prepared text."""
        return Dataset.open(folder)

    def shape(self, dataset: Dataset, model: Mapping[str, Any]) -> LlamaShape:
        """A Llama of the data's vocabulary: a `width` and a `context`, the rest by default as in the family's shape of that
        width; heads of 16."""
        if "vocabulary" in model:
            raise InputError("model.vocabulary: the data say it: leave it out")
        if model.keys() - LlamaShape.model_fields.keys():
            described(LlamaShape, model)  # which says the name that it does not know
        for name in ("width", "context"):
            if type(model.get(name)) is not int or model[name] < 1:
                raise InputError(f"model.{name}: expected a positive whole number, such as {name} = 256")
        given = {"vocabulary": dataset.manifest.vocabulary} | dict(model)
        if given["context"] > (known := sum(dataset.supply.tokens)):
            raise InputError(
                f"model.context: {given['context']:,} tokens, and the training text has {known:,}: lower it"
            )
        dial = {name: given[name] for name in ("vocabulary", "context", "head_size") if name in given}
        family = described(LlamaFamily, dial)
        head = family.head_size
        if head < 2 or head % 2 or given["width"] % head:
            raise InputError(
                f"model.width: found {given['width']} with heads of {head}, expected a multiple of an even head_size: "
                "transformers loads no others"
            )
        return described(LlamaShape, dict(family.shape(given["width"])) | given)

    def rates(self, shape: LlamaShape, tokens: float, steps: int, learning_rate: float | None) -> Rates:
        """By the step law, and over the run's length."""
        rate, why = step_law_rate(shape.params, tokens)
        decay, why_decay = weight_decay(learning_rate or rate, steps)
        return Rates(rate, decay, {"learning_rate": why, "weight_decay": why_decay})

    def save(self, model: Llama, dataset: Dataset, folder: Path, card: Mapping[str, Any]) -> None:
        """For `transformers`."""
        save_model(
            model,
            folder,
            tokenizer=dataset.tokenizer_path,
            end_of_text=dataset.manifest.end_of_text,
            card=dict(card),
        )

    def build(self, shape: LlamaShape, dropout: float | None = None) -> Llama:
        """The trunk as it is: tokens in, logits out."""
        return Llama(shape, dropout or 0.0)

    def roles(self, model: Llama, recipe: Recipe) -> Roles:
        """What each weight of the trunk does."""
        return llama_roles(model, recipe)

    def batches(
        self, dataset: Dataset, shape: LlamaShape, batch_size: int, seed: int, unique_tokens: int | None
    ) -> Feed:
        """Windows of context + 1 tokens, in an order drawn anew in each epoch; of a mixture from its sources by turns."""
        batches: Batches | MixedBatches
        if dataset.sources:
            tokens = [source.dataset.tokens("train") for source in dataset.sources]
            weights = [source.weight for source in dataset.manifest.mixture]
            batches = MixedBatches(tokens, weights, shape.context, batch_size, seed, unique_tokens)
        else:
            batches = Batches(dataset.tokens("train"), shape.context, batch_size, seed, unique_tokens=unique_tokens)
        return lambda step, first=0, count=None: (torch.from_numpy(batches.batch(step, first, count)),)

    def inputs(self, batch: Batch) -> Tensor:
        """All tokens but the last of each window."""
        (rows,) = batch
        return rows[:, :-1]

    def objective(self, outputs: Tensor, batch: Batch, beside: Objective = PLAIN) -> Tensor:
        """Mean cross-entropy of each next token, and what the objective adds."""
        (rows,) = batch
        return cross_entropy(outputs.flatten(0, 1), rows[:, 1:].flatten(), *beside)

    def loss_in_parts(self, model: Llama, batch: Batch, beside: Objective, parts: int) -> Tensor:
        """Head and cross-entropy in parts of the positions."""
        (rows,) = batch
        hidden = model.last_hidden(self.inputs(batch)).flatten(0, 1)
        return head_loss(hidden, model.lm_head.weight, rows[:, 1:].flatten(), *beside, parts)

    def held_out(self, dataset: Dataset, shape: LlamaShape, split: str) -> HeldOut:
        """The split's first tokens, each predicted from its window alone."""
        rows = torch.from_numpy(windows(dataset.tokens(split), shape.context, EVALUATION_TOKENS))
        batches = torch.split(rows, EVALUATION_BATCH)
        return HeldOut(len(batches), lambda number: (batches[number],))

    def measures(self, outputs: Tensor, batch: Batch) -> Mapping[str, float]:
        """Mean cross-entropy."""
        return {"loss": self.objective(outputs, batch).item()}
