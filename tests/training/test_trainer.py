"""What a trainer asks of its task's data."""

import pytest
import torch

from scalewright.tasks.language import Language
from scalewright.training import Trainer
from scalewright.training.mesh import Mesh


class Counted(Language):
    """Counts the rows of training batches that are made."""

    made = 0

    def batches(self, *asked):
        feed = super().batches(*asked)

        def batch(step, first=0, count=None):
            found = feed(step, first, count)
            self.made += len(found[0])
            return found

        return batch


@pytest.mark.parametrize("growing", [{}, {"first_batch_size": 2, "batch_warmup_steps": 4}])
def test_each_replica_makes_its_own_rows_and_no_others(trunk, dataset, monkeypatch, growing):
    asked = trunk((10,), recipe={"batch_size": 8, **growing})
    whole = Trainer(asked, Language(), dataset, "cpu").batch
    shares = []
    for place in range(2):
        monkeypatch.setattr(Mesh, "share", (place, 2))
        task = Counted()
        batch = Trainer(asked, task, dataset, "cpu").batch
        rows = [batch(step)[0] for step in range(6)]
        # The next one is under way, or made.
        batch(6)
        assert sum(map(len, rows)) <= task.made <= sum(map(len, rows)) + 2 * 8 // 2
        shares.append(rows)
    for step, parts in enumerate(zip(*shares, strict=True)):
        assert torch.equal(torch.cat(parts), whole(step)[0])
