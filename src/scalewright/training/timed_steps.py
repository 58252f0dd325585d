"""Steps of a trainer, timed."""

from scalewright.training.trainer import Trainer


class Still:
    """A schedule without any rate: steps move nothing, so that it does not matter how many are timed."""

    total = branch = 2**40

    def factor(self, step: int) -> float:
        """None."""
        return 0.0


def timed_steps(trainer: Trainer, seconds: float, least: int, warm: int = 0) -> list[float]:
    """Seconds of each step, for `seconds` in all and at least so many steps, after some that warm up; of several until one
    has them.

    Raises:
        DivergedError: as `Trainer.advance`.
    """
    for _ in range(warm):
        trainer.advance(Still())
    found: list[float] = []
    while not any(trainer.mesh.any(len(found) >= least and sum(found) >= seconds)):
        spent = trainer.seconds
        trainer.advance(Still())
        found.append(trainer.seconds - spent)
    return found
