"""The language task's numbers from their definitions."""

import math
import sysconfig
from pathlib import Path

import numpy as np
import pytest
import torch

from scalewright.architectures import LlamaFamily
from scalewright.data import prepare
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
    return prepare([folder], folder.parent / "data", tokenizer="bytes")


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
