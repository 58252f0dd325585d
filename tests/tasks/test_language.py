"""The language task's numbers from their definitions."""

import math
import sysconfig
from pathlib import Path

import numpy as np
import pytest
import torch

from scalewright.architectures import LlamaFamily
from scalewright.data import WeightedSource, prepare
from scalewright.errors import InputError
from scalewright.models import Llama
from scalewright.tasks import STANDARD_LIBRARY, evaluate, task_named
from scalewright.tasks.language import expand_sources


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("text")
    generator = np.random.default_rng(1)
    for number in range(30):
        (folder / f"{number}.txt").write_text("".join(generator.choice(list("abc \n"), size=3000)))
    return prepare([folder], tmp_path_factory.mktemp("data") / "prepared", tokenizer="bytes")


def test_evaluation_is_the_mean_over_all_windows(dataset):
    task = task_named("language")
    torch.manual_seed(0)
    model = task.build(LlamaFamily(vocabulary=257, context=32).shape(32)).eval()
    stream = torch.from_numpy(np.asarray(dataset.tokens("validation")[:], dtype=np.int64))
    count = (len(stream) - 1) // 32
    total = 0.0
    with torch.no_grad():
        for n in range(count):
            window = stream[32 * n : 32 * n + 33]
            logs = model(window[None, :-1])[0].log_softmax(-1)
            total -= logs[torch.arange(32), window[1:]].sum().item()
    assert evaluate(task, model, dataset, "validation", "fp32").loss == pytest.approx(total / (32 * count), rel=1e-5)


def test_a_model_that_knows_nothing_scores_the_logarithm_of_the_vocabulary(dataset):
    task = task_named("language")
    model = Llama(LlamaFamily(vocabulary=257, context=32).shape(32))
    torch.nn.init.zeros_(model.lm_head.weight)
    assert evaluate(task, model, dataset, "test", "bf16").loss == pytest.approx(math.log(257), rel=1e-3)


def test_the_standard_library_by_its_name():
    sources = expand_sources(["mine.txt", STANDARD_LIBRARY])
    library = Path(sysconfig.get_path("stdlib"))
    assert sources[0] == "mine.txt"
    assert str(library / "argparse.py") in sources
    assert not any("site-packages" in str(path) or "/test/" in str(path) for path in sources)


def test_what_preparing_will_come_to(dataset, tmp_path):
    (tmp_path / "a.txt").write_text("x" * 1000)
    expected = task_named("language").expect(["a.txt"], base=tmp_path, tokenizer="auto")
    assert (expected.bytes, expected.vocabulary) == (1000, 257)


def test_unknown_task():
    with pytest.raises(InputError, match="language"):
        task_named("chess")


@pytest.fixture(scope="module")
def mixture(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mixture")
    generator = np.random.default_rng(2)
    for name, letters, count in (("long", "abc \n", 60), ("short", "xyz \n", 20)):
        (folder / name).mkdir()
        for number in range(count):
            (folder / name / f"{number}.txt").write_text("".join(generator.choice(list(letters), size=3000)))
    sources = [WeightedSource("long", ("long",), 0.25), WeightedSource("short", ("short",), 0.75)]
    return task_named("language").prepare(
        sources, folder / "data", base=folder, tokenizer="bytes", seed=0, progress=lambda stage, share: None
    )


def test_the_loss_of_a_mixture_is_that_of_its_sources_in_the_shares_of_training(mixture):
    task = task_named("language")
    torch.manual_seed(0)
    model = task.build(LlamaFamily(vocabulary=257, context=32).shape(32)).eval()
    scores = evaluate(task, model, mixture, "validation", "fp32")
    apart = [evaluate(task, model, source.dataset, "validation", "fp32").loss for source in mixture.sources]
    assert scores.metrics == {"loss_long": apart[0], "loss_short": apart[1]}
    assert apart[0] != apart[1]
    assert scores.loss == pytest.approx(0.25 * apart[0] + 0.75 * apart[1])


def test_batches_of_a_mixture_have_its_shares_and_depend_on_the_step_alone(mixture):
    task, shape = task_named("language"), LlamaFamily(vocabulary=257, context=32).shape(32)
    batches, single = (task.batches(mixture, shape, size, 5, None) for size in (8, 1))
    rows = [row for step in range(5) for row in batches(step)[0]]
    short = set(mixture.sources[1].dataset.tokens("train")[:].tolist())
    long = set(mixture.sources[0].dataset.tokens("train")[:].tolist())
    of_short = [not set(row.tolist()) & (long - short) for row in rows]
    assert sum(of_short) == 30
    # As from a checkpoint in the middle, and in batches of another size.
    assert torch.equal(task.batches(mixture, shape, 8, 5, None)(3)[0], batches(3)[0])
    assert all(torch.equal(single(place)[0][0], row) for place, row in enumerate(rows))


def test_what_preparing_a_mixture_will_come_to(tmp_path):
    for name, size in (("a", 1000), ("b", 3000)):
        (tmp_path / f"{name}.txt").write_text("x" * size)
    sources = [WeightedSource("a", ("a.txt",), 1), WeightedSource("b", ("b.txt",), 1)]
    expected = task_named("language").expect(sources, base=tmp_path, tokenizer="bytes")
    assert (expected.bytes, expected.tokens) == (4000, 3680)
    assert (expected.supply.tokens, expected.supply.shares) == ((920, 2760), (0.5, 0.5))
    both = [*sources, WeightedSource("c", ("*.txt",), 1)]
    with pytest.raises(InputError, match="a file belongs to one source"):
        task_named("language").expect(both, base=tmp_path, tokenizer="bytes")
