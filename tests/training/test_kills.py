"""Killed again and again at random moments, a training ends bit for bit as if nothing had been."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from scalewright.training.checkpoint import read_tensors

KILLS = int(os.environ.get("SCALEWRIGHT_KILLS", "50"))
HORIZONS = (60, 140, 300)


@pytest.mark.slow
def test_killed_at_random_it_ends_as_undisturbed(trunk, dataset, tmp_path, record_property):
    """A kill after a random number of steps and a random while: before, in, and after the writing of a checkpoint, of which
    there is one at every step; in the second and third epoch, and in each branch's decay."""
    asked = trunk(HORIZONS, unique_tokens=4_000, recipe={"ema_decay": 0.9, "dropout": 0.1})
    assert HORIZONS[-1] * asked.tokens_per_step > 2 * 4_000
    calm = finish(begin(asked, dataset, tmp_path / "calm"))
    chance = random.Random(1)
    steps = sum(HORIZONS)
    seen: list[tuple[int, int]] = []
    for number in range(KILLS):
        process = begin(asked, dataset, tmp_path / "killed")
        # Evenly over what is left, so that none comes after the end.
        for _ in range(chance.randint(0, max(1, 2 * (steps - len(seen)) // (KILLS - number + 2)))):
            line = process.stdout.readline().split()
            if len(line) == 2:
                seen.append((int(line[0]), int(line[1])))
        time.sleep(chance.uniform(0, 0.02))
        process.send_signal(signal.SIGKILL)
        process.wait()
    killed = finish(begin(asked, dataset, tmp_path / "killed"))
    assert killed == calm
    one, other = (read_tensors(tmp_path / name / "weights") for name in ("calm", "killed"))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
    record_property("kills", KILLS)
    # The kills went through all of it.
    decays = [step for step, horizon in seen if step > 0.8 * horizon]
    assert len(decays) > 5
    assert len({horizon for _, horizon in seen}) == len(HORIZONS)


def begin(asked, dataset, folder):
    told = {"trunk": asked.model_dump(mode="json"), "data": str(dataset.folder), "folder": str(folder)}
    script = str(Path(__file__).with_name("killed.py"))
    return subprocess.Popen([sys.executable, script, json.dumps(told)], stdout=subprocess.PIPE, text=True)


def finish(process):
    out, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    return json.loads(out.splitlines()[-1])
